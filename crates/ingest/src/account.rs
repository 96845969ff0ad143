//! Batches in order into the sink and the report: what finds duplicates, counts rows, and keeps the
//! sums that must balance.

use crate::batch::{Batch, Note, Outcome};
use crate::detect::Format;
use crate::files::SourceFile;
use crate::hash::Table;
use crate::person::Told;
use crate::report::{FileReport, Report, Tally};
use crate::standardise::Standardiser;
use crate::{Error, Options, Sink};
use longitude_core::{Event, Issue, IssueKind, Location, RowCounts, SubjectId};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

/// Takes the batches of a file in their order.
pub(crate) type Recorder<'s> = dyn FnMut(&SourceFile, Batch) -> Result<(), Error> + 's;

/// The events of a batch: at hand, or elsewhere with somebody who is told, row by row, how many
/// there are and whether they stay.
pub(crate) enum Events<'e> {
    Here(std::vec::IntoIter<(SubjectId, Event)>),
    Elsewhere(&'e mut dyn FnMut(usize, bool)),
}

/// The account of an ingest under way. Pieces of one file come one after the other.
pub(crate) struct Account<'s> {
    sink: &'s mut dyn Sink,
    /// Where batches go unseen, when the account is drawn up elsewhere.
    recorder: Option<&'s mut Recorder<'s>>,
    done: Vec<FileReport>,
    /// The file under way.
    file: Option<FileTally>,
    format: Format,
    records: Table<()>,
    records_max: usize,
    duplicates_unchecked: u64,
    subjects: Table<()>,
    /// The subject of the last event.
    subject: Option<SubjectId>,
    standardiser: Standardiser,
}

/// The sums of one file.
struct FileTally {
    name: Arc<str>,
    report: FileReport,
    by_type: BTreeMap<Cow<'static, str>, RowCounts>,
    issues: Tally,
    warnings: Tally,
}

impl FileTally {
    fn new(name: &Arc<str>, format: Format) -> Self {
        Self {
            name: Arc::clone(name),
            report: FileReport::new(name, format),
            by_type: BTreeMap::new(),
            issues: Tally::default(),
            warnings: Tally::default(),
        }
    }

    fn finish(self) -> FileReport {
        let mut report = self.report;
        for (kind, counts) in self.by_type {
            report.counts += counts;
            report.by_type.insert(kind.into_owned(), counts);
        }
        report.issues = self.issues.finish();
        report.warnings = self.warnings.finish();
        report
    }
}

impl<'s> Account<'s> {
    pub(crate) fn new(options: &Options, sink: &'s mut dyn Sink) -> Result<Self, Error> {
        Ok(Self {
            standardiser: Standardiser::new(&options.units)?,
            sink,
            recorder: None,
            done: Vec::new(),
            file: None,
            format: Format::Fhir,
            records: Table::new(),
            records_max: options.identifiers_max,
            duplicates_unchecked: 0,
            subjects: Table::new(),
            subject: None,
        })
    }

    /// An account that hands every batch on.
    pub(crate) fn recording(
        options: &Options,
        sink: &'s mut dyn Sink,
        recorder: &'s mut Recorder<'s>,
    ) -> Result<Self, Error> {
        Ok(Self {
            recorder: Some(recorder),
            ..Self::new(options, sink)?
        })
    }

    /// The format of the files that come next.
    pub(crate) fn format(&mut self, format: Format) {
        self.format = format;
    }

    /// The sums of the file with this name, which become those under way.
    fn file(&mut self, name: &Arc<str>) -> &mut FileTally {
        let is_other = |file: &mut FileTally| file.name != *name;
        if let Some(before) = self.file.take_if(is_other) {
            self.done.push(before.finish());
        }
        let format = self.format;
        self.file
            .get_or_insert_with(|| FileTally::new(name, format))
    }

    /// A file or folder that the system refused to list.
    pub(crate) fn unreadable(&mut self, name: &str) -> Result<(), Error> {
        let note = Note::new(IssueKind::UnreadableFile, "", "cannot be opened");
        self.file_issue(&name.into(), 0, note)
    }

    /// A table that a source of OMOP should hold and does not.
    pub(crate) fn absent(&mut self, table: &str) -> Result<(), Error> {
        self.file_issue(&table.into(), 0, crate::omop::absent(table))
    }

    /// Takes what became of one piece of a file.
    pub(crate) fn add(&mut self, file: &SourceFile, mut batch: Batch) -> Result<(), Error> {
        self.standardiser.batch(&mut batch);
        if let Some(recorder) = &mut self.recorder {
            return recorder(file, batch);
        }
        let events = std::mem::take(&mut batch.events).into_iter();
        self.add_told(file, batch, &mut Events::Here(events))
    }

    /// Takes what became of one piece of a file, but for its events.
    pub(crate) fn add_told(
        &mut self,
        file: &SourceFile,
        batch: Batch,
        events: &mut Events<'_>,
    ) -> Result<(), Error> {
        self.file(&file.name);
        let mut warnings = batch.warnings.into_iter();
        let mut identifiers = batch.identifiers.into_iter();
        let mut told = batch.told.into_iter().peekable();
        for (place, outcome) in batch.rows.into_iter().enumerate() {
            // Kept whatever becomes of the row: notes of other rows may hold them.
            for (subject, text) in identifiers.by_ref().take(outcome.identifiers) {
                self.sink.identifier(subject, &text).map_err(sink_error)?;
            }
            let own_warnings = warnings.by_ref().take(outcome.warnings);
            let own_told = std::iter::from_fn(|| told.next_if(|(row, _)| *row == place));
            self.row(file, outcome, (events, own_warnings, own_told))?;
        }
        for (row, note) in batch.file_issues {
            self.file_issue(&file.name, row, note)?;
        }
        let report = &mut self.file(&file.name).report;
        report.export_time = report.export_time.max(batch.export_time);
        for (element, count) in batch.other_releases {
            let known = report.other_releases.entry(element.into_owned());
            *known.or_default() += count;
        }
        for (conversion, count) in batch.conversions {
            *report.conversions.entry(conversion).or_default() += count;
        }
        if let Some((digest, bytes)) = batch.stored {
            report.bytes = bytes;
            report.digest = Some(digest);
            self.sink.file_read(bytes);
        }
        Ok(())
    }

    fn row(
        &mut self,
        file: &SourceFile,
        outcome: Outcome,
        (events, warnings, told): (
            &mut Events<'_>,
            impl Iterator<Item = Note>,
            impl Iterator<Item = (usize, Told)>,
        ),
    ) -> Result<(), Error> {
        let issue = match outcome.issue {
            None if self.is_duplicate(outcome.key) => {
                let detail = outcome.kind.clone();
                Some(Note::new(IssueKind::DuplicateRecord, "", detail))
            }
            issue => issue,
        };
        let tally = self.file(&file.name);
        let counts = tally.by_type.entry(outcome.kind).or_default();
        counts.rows_read += 1;
        if let Some(note) = issue {
            counts.rows_with_issue += 1;
            // The events of a duplicate are passed over.
            self.events(events, outcome.events, false)?;
            warnings.for_each(drop);
            told.for_each(drop);
            return self.issue(&file.name, outcome.row, note);
        }
        counts.rows_mapped += 1;
        counts.events += outcome.events as u64;
        tally.report.reference_rows += u64::from(outcome.events == 0);
        tally.report.other_codings += outcome.other_codings;
        for (_, told) in told {
            let taken = match told {
                Told::Person(subject, person) => self.sink.person(subject, *person),
                Told::Link(link) => self.sink.link(link),
                Told::Span(subject, span) => self.sink.span(subject, span),
            };
            taken.map_err(sink_error)?;
        }
        self.events(events, outcome.events, true)?;
        for note in warnings {
            let tally = self.file(&file.name);
            tally.report.unresolved_references += u64::from(is_unresolved(&note));
            let place = || location(&file.name, outcome.row, &note);
            tally.warnings.add(note.kind, &note.detail, place);
            let warning = as_issue(&file.name, outcome.row, note);
            self.sink.warning(warning).map_err(sink_error)?;
        }
        Ok(())
    }

    /// Takes or passes over the next `count` events.
    fn events(
        &mut self,
        events: &mut Events<'_>,
        count: usize,
        is_kept: bool,
    ) -> Result<(), Error> {
        match events {
            Events::Elsewhere(tell) => tell(count, is_kept),
            Events::Here(events) => {
                let own = events.by_ref().take(count);
                for (subject, event) in own.filter(|_| is_kept) {
                    if self.subject.replace(subject) != Some(subject) {
                        self.subjects.insert(subject.0.cast_unsigned(), ());
                    }
                    self.sink.event(subject, event).map_err(sink_error)?;
                }
            }
        }
        Ok(())
    }

    /// Whether an earlier row had this type and identifier.
    fn is_duplicate(&mut self, key: u64) -> bool {
        if key == 0 {
            return false;
        }
        if self.records.len() >= self.records_max {
            let is_known = self.records.get(key).is_some();
            self.duplicates_unchecked += u64::from(!is_known);
            return is_known;
        }
        !self.records.insert(key, ())
    }

    fn file_issue(&mut self, file: &Arc<str>, row: u64, note: Note) -> Result<(), Error> {
        if let Some(recorder) = &mut self.recorder {
            let file = SourceFile::named(file);
            let file_issues = vec![(row, note)];
            let batch = Batch {
                file_issues,
                ..Batch::default()
            };
            return recorder(&file, batch);
        }
        self.file(file).report.file_issues += 1;
        self.issue(file, row, note)
    }

    fn issue(&mut self, file: &Arc<str>, row: u64, note: Note) -> Result<(), Error> {
        let tally = self.file(file);
        tally.report.unresolved_references += u64::from(is_unresolved(&note));
        let place = || location(file, row, &note);
        tally.issues.add(note.kind, &note.detail, place);
        self.sink
            .issue(as_issue(file, row, note))
            .map_err(sink_error)
    }

    /// The report. Its sums are asserted: a row that is lost is a defect.
    pub(crate) fn finish(mut self, files_ignored: Vec<String>) -> Report {
        self.done.extend(self.file.take().map(FileTally::finish));
        let mut report = Report::of_files(self.done);
        report.files_ignored = files_ignored;
        report.subjects = self.subjects.len() as u64;
        report.duplicates_unchecked = self.duplicates_unchecked;
        assert!(
            report.balanced(),
            "rows read = rows mapped + rows with an issue"
        );
        report
    }
}

fn is_unresolved(note: &Note) -> bool {
    note.kind == IssueKind::MissingReference
}

fn location(file: &str, row: u64, note: &Note) -> Location {
    Location {
        file: file.to_owned(),
        row,
        element: note.element.to_string(),
    }
}

fn as_issue(file: &str, row: u64, note: Note) -> Issue {
    Issue {
        kind: note.kind,
        location: location(file, row, &note),
        detail: note.detail.into_owned(),
    }
}

fn sink_error(source: io::Error) -> Error {
    Error::Sink { source }
}
