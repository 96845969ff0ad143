//! A source in parts, for an ingest that several machines share. A part is surveyed, indexed and
//! mapped alone; the account of all parts, taken in their order, is the account of the whole.
//!
//! The functions that map are those of [`crate::ingest`], so that the events, their order and the
//! report are the same. Who copies files, keeps what is mapped and runs the parts is not told here.
//!
//! ```text
//! Source -> Survey of each file -> parts -> index (some) -> Shared -> map -> events + Told
//!                                                                         Told -> Parts -> Report
//! ```

mod survey;

pub use survey::{Survey, Surveying};

use crate::account::{Account, Events};
use crate::batch::{Batch, Note, Outcome};
use crate::detect::{self, Format};
use crate::fhir::{self, Entry, Index};
use crate::files::{self, Found, SourceFile};
use crate::person;
use crate::standardise::Standardiser;
use crate::{Error, Options, Report, Sink};
use longitude_core::{Digest, Event, Instant, Issue, Observation, SubjectId};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// What a source holds, in the order of [`crate::ingest`]: by format, then by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    files: Vec<ListedFile>,
    ignored: Vec<String>,
    unreadable: Vec<String>,
}

/// A file of a source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedFile {
    /// Relative to the source, with `/` between folders.
    pub name: String,
    /// As stored.
    pub bytes: u64,
    /// Whose reader takes it.
    pub format: Format,
}

impl Source {
    /// What a folder or file holds.
    ///
    /// # Errors
    /// As [`crate::detect`].
    pub fn of_path(path: &Path) -> Result<Self, Error> {
        Self::of_found(files::find(path)?, path)
    }

    /// What a store holds, from the names (relative, with `/`) and sizes of its objects, each with
    /// a file that holds its first [`START_BYTES`] or, for one that is [`told_by_name`], an empty
    /// path; `shown` names the store in errors.
    ///
    /// # Errors
    /// When nothing is there, or nothing of a known format.
    pub fn of_names(
        names: impl IntoIterator<Item = (String, u64, PathBuf)>,
        shown: &Path,
    ) -> Result<Self, Error> {
        Self::of_found(Found::of_names(names), shown)
    }

    fn of_found(found: Found, shown: &Path) -> Result<Self, Error> {
        let sorted = detect::sort(found, &[]);
        detect::check(&sorted, shown)?;
        let listed = |(format, files): (Format, Vec<SourceFile>)| {
            files.into_iter().map(move |file| ListedFile {
                name: file.name.to_string(),
                bytes: file.bytes,
                format,
            })
        };
        Ok(Self {
            files: sorted.files.into_iter().flat_map(listed).collect(),
            ignored: sorted.ignored,
            unreadable: sorted.unreadable,
        })
    }

    /// The files, in order.
    pub fn files(&self) -> &[ListedFile] {
        &self.files
    }

    /// The name of an archive, or of a file in one, if there is any: parts are of files as they are
    /// stored.
    pub fn archive(&self) -> Option<&str> {
        let files = self.files.iter().map(|file| &file.name);
        let mut names = files.chain(&self.ignored).chain(&self.unreadable);
        let is_archive = |part: &str| part.to_ascii_lowercase().ends_with(".zip");
        let found = names.find(|name| name.split('/').any(is_archive));
        found.map(String::as_str)
    }

    /// The parts, in order, from the survey of each file. Only files of FHIR are cut; the files of
    /// another format are one part, for its reader sees them together.
    pub fn parts(&self, surveys: &[Survey]) -> Vec<Part> {
        let indexed = fhir::indexed(surveys.iter().map(|survey| survey.hint));
        let mut parts: Vec<Part> = Vec::new();
        for (number, file) in self.files.iter().enumerate() {
            let survey = surveys.get(number).cloned().unwrap_or_default();
            if file.format == Format::Fhir {
                let is_indexed = indexed.get(number).copied().unwrap_or(true);
                parts.extend(of_file(number, file, &survey, is_indexed));
                continue;
            }
            match parts.last_mut().filter(|part| part.format == file.format) {
                Some(part) => part.files.end = number + 1,
                None => parts.push(Part::whole(number, file.format)),
            }
        }
        parts
    }
}

/// Bytes of a file's start that tell its format, where its name does not.
pub const START_BYTES: u64 = 64 << 10;

/// Whether the name of a file alone says which format it is of, if any.
pub fn told_by_name(name: &str) -> bool {
    let by_name = [
        "ndjson", "jsonl", "json", "parquet", "csv", "tsv", "psv", "zip",
    ];
    by_name.contains(&files::extension(name).as_str())
}

fn of_file(number: usize, file: &ListedFile, survey: &Survey, is_indexed: bool) -> Vec<Part> {
    let whole = Part {
        is_indexed,
        ..Part::whole(number, file.format)
    };
    if survey.cuts.is_empty() {
        return vec![whole];
    }
    let starts = std::iter::once((0, 1)).chain(survey.cuts.iter().copied());
    let ends = survey.cuts.iter().map(|cut| cut.0).chain([file.bytes]);
    let mut parts: Vec<_> = starts
        .zip(ends)
        .map(|((from, first_row), to)| Part {
            bytes: Some(from..to),
            first_row,
            ..whole.clone()
        })
        .collect();
    if let Some(last) = parts.last_mut() {
        last.stored = survey.stored;
    }
    parts
}

/// What one machine takes at a time: a file, some bytes of one, or all files of a format.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    format: Format,
    files: Range<usize>,
    /// Whole lines, where the part is less than a file.
    bytes: Option<Range<u64>>,
    first_row: u64,
    is_indexed: bool,
    /// The digest and size of the file that ends with this part of it.
    stored: Option<(Digest, u64)>,
}

impl Part {
    fn whole(number: usize, format: Format) -> Self {
        Self {
            format,
            files: number..number + 1,
            bytes: None,
            first_row: 1,
            is_indexed: false,
            stored: None,
        }
    }

    /// Which files it is of, by their numbers in [`Source::files`].
    pub fn files(&self) -> Range<usize> {
        self.files.clone()
    }

    /// Which bytes of its one file, unless all.
    pub fn bytes(&self) -> Option<Range<u64>> {
        self.bytes.clone()
    }

    /// Whether other records are resolved through records of this part.
    pub fn is_indexed(&self) -> bool {
        self.is_indexed
    }
}

/// A file that can be read here.
#[derive(Clone, Debug)]
pub struct Copied {
    /// Where it is.
    pub path: PathBuf,
    /// Where the part starts in it: 0 where only the bytes of the part were copied.
    pub from: u64,
}

/// A part and the copies of its files, in their order.
#[derive(Clone, Copy, Debug)]
pub struct Given<'g> {
    /// The whole.
    pub source: &'g Source,
    /// The part.
    pub part: &'g Part,
    /// One for each of the part's files.
    pub copies: &'g [Copied],
}

impl Given<'_> {
    fn source_files(&self) -> Vec<SourceFile> {
        let listed = &self.source.files[self.part.files()];
        let of = |(file, copy): (&ListedFile, &Copied)| SourceFile {
            path: copy.path.clone(),
            name: file.name.as_str().into(),
            shape: files::shape(&file.name),
            bytes: file.bytes,
            member: None,
        };
        listed.iter().zip(self.copies).map(of).collect()
    }
}

/// What other records are resolved through, as found in a part: opaque, to be carried.
#[derive(Serialize, Deserialize)]
pub struct Indexed(Vec<Entry>);

/// What is found in all indexed parts; the memory is that of [`crate::ingest`]'s first pass.
pub struct Shared {
    fhir: Index,
}

impl Shared {
    /// Nothing yet.
    #[expect(
        clippy::new_without_default,
        reason = "an empty index is no default of anything"
    )]
    pub fn new() -> Self {
        Self { fhir: Index::new() }
    }

    /// Takes what was found in a part; parts come in order, and of two records with one identifier
    /// the first stays.
    pub fn add(&mut self, indexed: Indexed) {
        self.fhir.add_all(indexed.0);
    }
}

/// The first pass over a part. `take` gets what it holds, piece by piece.
///
/// # Errors
/// What `take` says.
pub fn index(
    given: Given<'_>,
    options: &Options,
    take: &mut dyn FnMut(Indexed) -> io::Result<()>,
) -> Result<(), Error> {
    let mut result = Ok(());
    for (file, copy) in given.source_files().iter().zip(given.copies) {
        let lines = fhir::PartOf {
            file,
            from: copy.from,
            part: part_bytes(given.part),
        };
        fhir::index_part(&lines, options, &mut |entries| {
            result = take(Indexed(entries));
            result.is_ok()
        });
    }
    result.map_err(|source| Error::Sink { source })
}

fn part_bytes(part: &Part) -> Option<(u64, u64)> {
    let length = part.bytes.as_ref().map(|bytes| bytes.end - bytes.start);
    length.map(|length| (length, part.first_row))
}

/// What became of a piece of a part.
pub struct Mapped {
    /// What the account needs.
    pub told: Told,
    /// The events of all its rows in order; the account says which stay.
    pub events: Vec<(SubjectId, Event)>,
}

/// What became of the rows of a piece, without the events: opaque, to be carried. It names files,
/// rows and elements, and no patient's value.
#[derive(Serialize, Deserialize)]
pub struct Told {
    file: Arc<str>,
    format: Format,
    rows: Vec<Outcome>,
    warnings: Vec<Note>,
    file_issues: Vec<(u64, Note)>,
    stored: Option<(Digest, u64)>,
    export_time: Option<Instant>,
    #[serde(default)]
    other_releases: BTreeMap<Cow<'static, str>, u64>,
    #[serde(default)]
    conversions: BTreeMap<String, u64>,
    /// Spans of observation, each with the place in `rows` of the row that states it.
    spans: Vec<(usize, SubjectId, Observation)>,
}

impl Mapped {
    fn new(file: &SourceFile, format: Format, mut batch: Batch) -> Self {
        // Strings that identify persons stay where they were read.
        for row in &mut batch.rows {
            row.identifiers = 0;
        }
        let spans = batch.told.into_iter().filter_map(|(row, told)| match told {
            person::Told::Span(subject, span) => Some((row, subject, span)),
            person::Told::Person(..) | person::Told::Link(_) => None,
        });
        let told = Told {
            spans: spans.collect(),
            file: Arc::clone(&file.name),
            format,
            rows: batch.rows,
            warnings: batch.warnings,
            file_issues: batch.file_issues,
            stored: batch.stored,
            export_time: batch.export_time,
            other_releases: batch.other_releases,
            conversions: batch.conversions,
        };
        Self {
            told,
            events: batch.events,
        }
    }
}

/// The second pass over a part. `take` gets what becomes of it, piece by piece.
///
/// # Errors
/// What `take` says; [`Error::Unrecognised`] for MEDS, which `store` reads.
pub fn map(
    given: Given<'_>,
    shared: &Shared,
    options: &Options,
    take: &mut dyn FnMut(Mapped) -> io::Result<()>,
) -> Result<(), Error> {
    let files = given.source_files();
    let mut take = |file: &SourceFile, batch: Batch| {
        take(Mapped::new(file, given.part.format, batch)).map_err(|source| Error::Sink { source })
    };
    if given.part.format != Format::Fhir {
        let (stop, mut nobody) = (AtomicBool::new(false), NoSink);
        let mut account = Account::recording(options, &mut nobody, &mut take)?;
        return crate::read(given.part.format, &files, (options, &stop), &mut account);
    }
    let mut standardiser = Standardiser::new(&options.units)?;
    for (file, copy) in files.iter().zip(given.copies) {
        let lines = fhir::PartOf {
            file,
            from: copy.from,
            part: part_bytes(given.part),
        };
        fhir::map_part(&lines, &shared.fhir, options, &mut |mut batch| {
            standardiser.batch(&mut batch);
            take(file, batch)
        })?;
        if given.part.stored.is_some() {
            let stored = given.part.stored;
            take(
                file,
                Batch {
                    stored,
                    ..Batch::default()
                },
            )?;
        }
    }
    Ok(())
}

/// Nothing reaches the sink of an account that only hands batches on.
struct NoSink;

impl Sink for NoSink {
    fn event(&mut self, _subject: SubjectId, _event: Event) -> io::Result<()> {
        Ok(())
    }

    fn issue(&mut self, _issue: Issue) -> io::Result<()> {
        Ok(())
    }
}

/// The account of a source whose parts were mapped elsewhere.
pub struct PartsAccount<'s> {
    account: Account<'s>,
    ignored: Vec<String>,
}

impl<'s> PartsAccount<'s> {
    /// Starts it. `sink` gets issues, warnings and spans in order; no event, person or link.
    ///
    /// # Errors
    /// What the sink says.
    pub fn new(source: &Source, options: &Options, sink: &'s mut dyn Sink) -> Result<Self, Error> {
        let mut account = Account::new(options, sink)?;
        for name in &source.unreadable {
            account.unreadable(name)?;
        }
        let ignored = source.ignored.clone();
        Ok(Self { account, ignored })
    }

    /// Takes the next piece. `tell` learns, for row after row, how many events it has and whether
    /// they stay; those of a duplicate do not.
    ///
    /// # Errors
    /// What the sink says.
    pub fn take(&mut self, told: Told, tell: &mut dyn FnMut(usize, bool)) -> Result<(), Error> {
        let file = SourceFile::named(&told.file);
        let batch = Batch {
            rows: told.rows,
            warnings: told.warnings,
            file_issues: told.file_issues,
            stored: told.stored,
            export_time: told.export_time,
            other_releases: told.other_releases,
            conversions: told.conversions,
            told: told
                .spans
                .into_iter()
                .map(|(row, subject, span)| (row, person::Told::Span(subject, span)))
                .collect(),
            ..Batch::default()
        };
        self.account.format(told.format);
        self.account
            .add_told(&file, batch, &mut Events::Elsewhere(tell))
    }

    /// The report; `subjects` is how many have an event that stays.
    pub fn finish(self, subjects: u64) -> Report {
        Report {
            subjects,
            ..self.account.finish(self.ignored)
        }
    }
}

impl fmt::Debug for Indexed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Indexed({} entries)", self.0.len())
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shared")
    }
}

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Told({}: {} rows)", self.file, self.rows.len())
    }
}

impl fmt::Debug for Mapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mapped({:?}, {} events)", self.told, self.events.len())
    }
}

impl fmt::Debug for PartsAccount<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PartsAccount")
    }
}
