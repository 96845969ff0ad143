//! What a path holds: each file goes to the one format that claims it. Names decide; where a name
//! says too little, the reader of the format looks at the first bytes.

use crate::files::{self, Found, SourceFile, extension};
use crate::mapped::{self, Mapping};
use crate::read::Reader;
use crate::{Error, ccda, hl7v2, omop};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// How much of a file is looked at to tell its format.
const START_BYTES: usize = 64 << 10;

/// A format of records. The order is the order in which formats are read.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// FHIR R4: NDJSON, bundles or single resources.
    Fhir,
    /// OMOP CDM 5.3 or 5.4: CSV, TSV or Parquet, one or more files a table.
    Omop,
    /// C-CDA R2.1: one document a file.
    Ccda,
    /// HL7 v2 messages in pipes and hats, whatever the file's extension.
    Hl7v2,
    /// A MEDS data set: a folder with Parquet files under `data/`. Read by `store`.
    Meds,
    /// Tables that a mapping file maps.
    Table,
}

impl Format {
    /// The format's name, as reports and receipts say it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fhir => "fhir",
            Self::Omop => "omop",
            Self::Ccda => "ccda",
            Self::Hl7v2 => "hl7v2",
            Self::Meds => "meds",
            Self::Table => "table",
        }
    }
}

/// Files by format.
#[derive(Debug, Default)]
pub(crate) struct Sorted {
    pub(crate) files: BTreeMap<Format, Vec<SourceFile>>,
    /// Files of no known format, sorted.
    pub(crate) ignored: Vec<String>,
    /// Files and folders that the system refuses, sorted.
    pub(crate) unreadable: Vec<String>,
}

/// Gives each file to its format. Parquet under `data/` makes the whole a MEDS data set, whatever
/// JSON stands in its metadata. What a given mapping names is its; a shipped mapping takes what no
/// other format claims.
pub(crate) fn sort(found: Found, given: &[Mapping]) -> Sorted {
    let mut sorted = Sorted {
        ignored: found.ignored,
        unreadable: found.unreadable,
        ..Sorted::default()
    };
    let folders: BTreeSet<String> = found
        .files
        .iter()
        .filter_map(|file| omop::telling_folder(&file.name).map(str::to_owned))
        .collect();
    let is_omop = |file: &SourceFile| {
        omop::locate(&file.name).is_some_and(|(_, folder)| folders.contains(folder))
    };
    let mapped = mapped::claims(given, &found.files);
    let is_other = |file: &SourceFile| is_meds(file) && !is_omop(file);
    if given.is_empty() && found.files.iter().any(is_other) {
        sorted.files.insert(Format::Meds, found.files);
        return sorted;
    }
    for (file, is_mapped) in found.files.into_iter().zip(mapped) {
        let format = if is_mapped && !given.is_empty() {
            Some(Format::Table)
        } else if is_omop(&file) {
            Some(Format::Omop)
        } else {
            claim(&file).or(is_mapped.then_some(Format::Table))
        };
        match format {
            Some(format) => sorted.files.entry(format).or_default().push(file),
            None => sorted.ignored.push(file.name.to_string()),
        }
    }
    sorted.ignored.sort();
    sorted
}

fn is_meds(file: &SourceFile) -> bool {
    let in_data = file.name.starts_with("data/") || file.name.contains("/data/");
    in_data && extension(&file.name) == "parquet"
}

/// The format that a file is of by its own name.
pub(crate) fn claim(file: &SourceFile) -> Option<Format> {
    match extension(&file.name).as_str() {
        "ndjson" | "jsonl" | "json" => Some(Format::Fhir),
        "parquet" | "csv" | "tsv" | "psv" | "zip" => None,
        other => by_start(file, other),
    }
}

/// The format of a file whose name says too little. One that cannot be looked into (it may stand in
/// a store) is what its name says.
fn by_start(file: &SourceFile, extension: &str) -> Option<Format> {
    let mut start = Vec::new();
    let read = Reader::open(file).map(|mut reader| reader.fill(&mut start, START_BYTES));
    match read {
        Ok(Ok(_)) if hl7v2::is_start(&start) => Some(Format::Hl7v2),
        Ok(Ok(_)) => ccda::is_start(&start).then_some(Format::Ccda),
        Ok(Err(_)) | Err(_) => match extension {
            "hl7" | "er7" => Some(Format::Hl7v2),
            "xml" => Some(Format::Ccda),
            _ => None,
        },
    }
}

/// Tells which formats `path` holds.
///
/// # Errors
/// When the path does not exist, cannot be read, holds no file, or holds no known format.
pub fn detect(path: &Path) -> Result<BTreeSet<Format>, Error> {
    detect_with(path, &[])
}

/// Tells which formats `path` holds, with mappings at hand.
///
/// # Errors
/// As [`detect`].
pub fn detect_with(path: &Path, mappings: &[Mapping]) -> Result<BTreeSet<Format>, Error> {
    let sorted = sort(files::find(path)?, mappings);
    check(&sorted, path)?;
    let mut formats: BTreeSet<Format> = sorted.files.keys().copied().collect();
    if formats.is_empty() {
        // Nothing but what the system refuses: the reader says so file by file.
        formats.insert(Format::Fhir);
    }
    Ok(formats)
}

/// Fails where nothing is to be read.
pub(crate) fn check(sorted: &Sorted, path: &Path) -> Result<(), Error> {
    if !sorted.files.is_empty() || !sorted.unreadable.is_empty() {
        return Ok(());
    }
    let path = path.to_owned();
    Err(if sorted.ignored.is_empty() {
        Error::Empty { path }
    } else {
        Error::Unrecognised { path }
    })
}
