//! Sources of any known format, several at once, into one identified MEDS data set.

use super::account::{Account, of_meds};
use super::linkage::{self, Linking};
use super::sink::{CountOnly, IntoMeds};
use crate::failure::{Failure, Kind};
use crate::pipeline::{code_version, write_atomically};
use crate::progress::Counter;
use crate::reading::Reading;
use crate::steps::terminology::{self, Vocabularies};
use crate::{interrupt, machine};
use anyhow::{Context, Result};
use longitude_core::{Digest, DigestWriter, Observation, SubjectId};
use longitude_ingest::{FileReport, Format, Mapping, MappingFile, Options, Report};
use longitude_store::{Dataset, WriteOptions, Writer};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// The file that says what a data set was made of, beside it.
pub(crate) const ACCOUNT: &str = "ingest.json";

/// Options for writing a data set of events.
pub(crate) fn write_options(name: &str) -> WriteOptions {
    WriteOptions::standard(name)
}

/// What is to be read and how.
pub(crate) struct Sources {
    /// Folders and files.
    pub(crate) paths: Vec<PathBuf>,
    /// The reader's options.
    pub(crate) options: Options,
    /// Observation spans that a source states beside its records.
    pub(crate) spans: BTreeMap<SubjectId, Observation>,
    /// Whether the strings that identify are kept for the de-identifier.
    pub(crate) identifiers: bool,
    /// The mapping files of the options, checked.
    pub(crate) mappings: Vec<Mapping>,
    /// How records of one person are found.
    pub(crate) linking: Linking,
    /// Whether nothing is said of how far the reading is.
    pub(crate) quiet: bool,
    /// What was asked of the reading, for the account.
    pub(crate) reading: Option<Reading>,
    /// Where descriptions of codes come from.
    pub(crate) vocabularies: Vocabularies,
}

impl Sources {
    /// Paths with the standard options, for a data set that others will read.
    pub(crate) fn new(paths: Vec<PathBuf>, threads: Option<usize>) -> Self {
        Self {
            paths,
            options: Options::standard(machine::threads(threads)),
            spans: BTreeMap::new(),
            identifiers: false,
            mappings: Vec::new(),
            linking: Linking::stated(),
            reading: None,
            quiet: false,
            vocabularies: Vocabularies::default(),
        }
    }

    /// The same with mapping files for tables, each checked.
    pub(crate) fn with_mappings(mut self, files: &[PathBuf]) -> Result<Self> {
        for path in files {
            let file = read_mapping(path)?;
            self.mappings
                .push(Mapping::parse(&file.file, &file.text).map_err(mapping_failure)?);
            self.options.mappings.push(file);
        }
        Ok(self)
    }

    /// The paths of MEDS data sets, and those of all other records.
    pub(super) fn by_kind(&self) -> Result<(Vec<&Path>, Vec<&Path>)> {
        let (mut meds, mut records) = (Vec::new(), Vec::new());
        for path in &self.paths {
            let of_kind = if detect(path, &self.mappings)?.contains(&Format::Meds) {
                &mut meds
            } else {
                &mut records
            };
            of_kind.push(path.as_path());
        }
        Ok((meds, records))
    }

    /// Reads everything and writes nothing.
    pub(crate) fn inspect(&self) -> Result<Account> {
        let (meds, records) = self.by_kind()?;
        let mut sink = CountOnly::default();
        let mut report = self.records(&records, &mut sink)?;
        let mut whole = Whole::default();
        for path in meds {
            let source = Dataset::open(path)?;
            for timeline in source.timelines(None) {
                sink.subjects.insert(timeline?.subject());
                interrupt::check()?;
            }
            whole.add(&source, path)?;
        }
        whole.add_to(&mut report);
        let subjects = sink.subjects.len() as u64;
        whole.account(report, subjects, &self.paths)
    }

    /// Reads everything into a new data set at `to`, which stands there whole or not at all.
    pub(crate) fn ingest(&self, to: &Path) -> Result<Account> {
        if to.exists() && fs::read_dir(to).is_ok_and(|mut entries| entries.next().is_some()) {
            let message = format!("{} is not empty", to.display());
            let mend = "name a new folder with --to, or bring this one up to date with --update";
            return Err(Failure::new(Kind::Busy, message, mend).into());
        }
        self.ingest_into(to, &|| Ok(Writer::create(to, self.write_options())?))
    }

    /// The same in the place of what stands at `to`, which stays until the new one is whole.
    pub(super) fn ingest_anew(&self, to: &Path) -> Result<Account> {
        self.ingest_into(to, &|| Ok(Writer::replace(to, self.write_options())?))
    }

    /// How the data set is written.
    pub(super) fn write_options(&self) -> WriteOptions {
        WriteOptions {
            describe: self.vocabularies.describe(),
            ..write_options("identified")
        }
    }

    fn ingest_into(&self, to: &Path, writer: &dyn Fn() -> Result<Writer>) -> Result<Account> {
        let (meds, records) = self.by_kind()?;
        let parent = to
            .parent()
            .filter(|p| !p.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
        let open = || -> Result<IntoMeds> {
            let sink = IntoMeds::new(writer()?, to, self.identifiers)?;
            Ok(sink.watched(self.counter(&records)?))
        };
        let mut sink = open()?;
        if self.linking.needs_persons() {
            sink.keep_persons();
        }
        let mut report = self.records(&records, &mut sink)?;
        interrupt::check()?;
        let linkage = self.linking.decide(&sink.persons, &sink.links);
        if !linkage.merged_into.is_empty() {
            // Events were written under the subjects of their records: once more, under the merged.
            let born = sink.born.iter().copied();
            let born = born.filter(|subject| linkage.of(*subject) == *subject);
            let born = born.collect();
            drop(sink);
            sink = open()?;
            sink.merge(linkage.clone(), born);
            report = self.records(&records, &mut sink)?;
        }
        for subject in &sink.subjects {
            let span = self.spans.get(subject).or(sink.spans.get(subject)).copied();
            let span = span.unwrap_or_else(|| Observation::until_export(report.export_time));
            sink.writer.observe(*subject, span)?;
        }
        let mut whole = Whole::default();
        for path in meds {
            copy_meds(path, &mut sink)?;
            whole.add(&Dataset::open(path)?, path)?;
        }
        whole.add_to(&mut report);
        let summary = sink.finish(to)?;
        linkage::write(&linkage, to)?;
        let mut account = whole.account(report, summary.subjects, &self.paths)?;
        account.linkage = linkage::account(&linkage);
        account.options = Some(self.options_digest()?);
        account.reading.clone_from(&self.reading);
        account.codes = terminology::check(&Dataset::open(to)?, &self.vocabularies)?.systems;
        write_atomically(&to.join(ACCOUNT), &serde_json::to_vec_pretty(&account)?)?;
        Ok(account)
    }

    /// How far the reading of these paths is.
    pub(super) fn counter(&self, records: &[&Path]) -> Result<Counter> {
        if self.quiet || records.is_empty() {
            return Ok(Counter::quiet());
        }
        let total = longitude_ingest::bytes_of(records, &self.mappings)?;
        Ok(Counter::start(total))
    }

    /// The digest of what the events depend on besides the files; threads are not of it.
    pub(super) fn options_digest(&self) -> Result<Digest> {
        let options = Options {
            threads: 1,
            ..self.options.clone()
        };
        Ok(Digest::of_json(&options)?)
    }

    fn records(&self, paths: &[&Path], sink: &mut dyn longitude_ingest::Sink) -> Result<Report> {
        if paths.is_empty() {
            return Ok(Report::default());
        }
        let report = longitude_ingest::ingest(paths, &self.options, interrupt::flag(), sink);
        let report = report.map_err(mapping_failure)?;
        interrupt::check()?;
        Ok(report)
    }
}

/// A mapping file with its name.
pub(crate) fn read_mapping(path: &Path) -> Result<MappingFile> {
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let file = path.display().to_string();
    Ok(MappingFile { file, text })
}

/// The faults of a mapping as unusable input; any other error as it is.
pub(crate) fn mapping_failure(error: impl Into<longitude_ingest::Error>) -> anyhow::Error {
    let error = error.into();
    let longitude_ingest::Error::Mapping { source } = &error else {
        return error.into();
    };
    let message = format!("the mapping cannot be used\n{source}");
    let mend = "correct the lines named above; docs/mapping.md teaches the language";
    Failure::new(Kind::Input, message, mend).into()
}

/// Which formats a path holds, or a clear word why none.
fn detect(from: &Path, mappings: &[Mapping]) -> Result<BTreeSet<Format>> {
    longitude_ingest::detect_with(from, mappings).map_err(|error| {
        let io = std::error::Error::source(&error).and_then(|e| e.downcast_ref::<io::Error>());
        if io.is_some_and(|e| e.kind() == io::ErrorKind::PermissionDenied) {
            return anyhow::Error::new(error).context("the records cannot be read");
        }
        let mend = "give folders or files of FHIR R4, OMOP, C-CDA, HL7 v2, MEDS, or a mapping";
        Failure::new(Kind::Input, error.to_string(), mend).into()
    })
}

/// Everything of a MEDS data set goes on: events, spans, splits, what it says of codes.
fn copy_meds(path: &Path, sink: &mut IntoMeds) -> Result<()> {
    let source = Dataset::open(path)?;
    for (code, entry) in source.codes()? {
        sink.writer.describe(&code, entry);
    }
    for (subject, split) in source.subjects() {
        sink.writer.assign(*subject, *split);
    }
    for timeline in source.timelines(None) {
        interrupt::check()?;
        let timeline = timeline.context("the data set cannot be read")?;
        let subject = timeline.subject();
        if sink.subject(subject) == subject {
            sink.subjects.insert(subject);
            sink.writer.push_timeline(timeline)?;
            continue;
        }
        for event in timeline.into_parts().1 {
            longitude_ingest::Sink::event(sink, subject, event)?;
        }
    }
    Ok(())
}

/// The accounts of the MEDS data sets among the sources.
#[derive(Default)]
struct Whole {
    files: Vec<FileReport>,
    columns_not_kept: BTreeMap<String, u64>,
}

impl Whole {
    fn add(&mut self, source: &Dataset, path: &Path) -> Result<()> {
        let report = source.read_report()?;
        let mut failed = None;
        let mut stored = |name: &str| match digest(&path.join(name)) {
            Ok((bytes, digest)) => (bytes, Some(digest)),
            Err(error) => {
                failed = Some(error);
                (0, None)
            }
        };
        self.files.extend(of_meds(&report, &mut stored));
        for (column, files) in &report.columns_unknown {
            *self.columns_not_kept.entry(column.clone()).or_default() += files;
        }
        failed.map_or(Ok(()), |error| Err(error.into()))
    }

    /// The sum with the report of the other formats.
    fn add_to(&mut self, report: &mut Report) {
        if self.files.is_empty() {
            return;
        }
        let mut files = std::mem::take(&mut report.files);
        files.append(&mut self.files);
        *report = Report {
            files_ignored: std::mem::take(&mut report.files_ignored),
            duplicates_unchecked: report.duplicates_unchecked,
            ..Report::of_files(files)
        };
    }

    fn account(self, mut report: Report, subjects: u64, paths: &[PathBuf]) -> Result<Account> {
        report.subjects = subjects;
        let absolute = |path: &PathBuf| fs::canonicalize(path).unwrap_or_else(|_| path.clone());
        Ok(Account {
            code: code_version(),
            sources: paths.iter().map(absolute).collect(),
            columns_not_kept: self.columns_not_kept,
            ..Account::new(report, subjects)?
        })
    }
}

/// Size and digest of a file.
pub(super) fn digest(path: &Path) -> io::Result<(u64, Digest)> {
    let mut writer = DigestWriter::new(io::sink());
    let bytes = io::copy(&mut File::open(path)?, &mut writer)?;
    Ok((bytes, writer.finish().1))
}
