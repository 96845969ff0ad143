//! One row at a time into events: the ground that the mappings in `map` stand on. A mapper belongs
//! to one piece of one file and its output, a [`Batch`], depends on nothing but that piece, the
//! index and the options.

mod known;
mod resolve;

use super::codes::{self, Uncoded};
use super::index::{Index, Span};
use super::json::{CodeableConcept, Head, Text};
use super::map::{self, Record};
use super::people;
use super::time::{self, When};
use super::types::{self, Release, Treatment};
use crate::batch::{Batch, Note, Outcome};
use crate::hash::hash64;
use crate::names::Names;
use crate::options::Options;
use crate::person::{Link, LinkKind, Told};
use longitude_core::{Code, EncounterId, Event, IssueKind, Origin, SubjectId};
use std::borrow::Cow;
use std::sync::Arc;

/// The element that names the subject in most types.
const SUBJECT: &str = "subject";

/// The row of a type that cannot be told.
pub(crate) const UNKNOWN: &str = "unknown";

/// What rows are resolved through.
#[derive(Clone, Copy)]
pub(crate) struct World<'w> {
    pub(crate) index: &'w Index,
    /// Of the bundle that the rows stand in.
    pub(crate) local: Option<&'w Index>,
    pub(crate) options: &'w Options,
}

/// Maps the rows of one piece of a file.
pub(crate) struct Mapper<'w> {
    pub(crate) world: World<'w>,
    file: Arc<str>,
    names: Names,
    /// The rows were cut out of JSON that parsed, so their syntax needs no second look.
    pub(crate) is_json: bool,
    /// Longer lines are issues.
    pub(crate) line_bytes_max: usize,
    pub(crate) batch: Batch,
    last_subject: (String, SubjectId, bool),
    last_encounter: (u64, EncounterId),
    here: Here,
}

/// The row that is being mapped.
struct Here {
    row: u64,
    kind: &'static str,
    record: Arc<str>,
    rule: Arc<str>,
    key: u64,
    subject: SubjectId,
    encounter: Option<EncounterId>,
    span: Span,
    /// The element that names the subject.
    owner: &'static str,
    /// When the record was written down.
    recorded: Option<When>,
    /// The reference through which the record got its time, where it has none of its own.
    dated_by: Option<Cow<'static, str>>,
    other_codings: u64,
    /// The batch's identifiers before this row.
    identifiers: usize,
}

impl<'w> Mapper<'w> {
    pub(crate) fn new(world: World<'w>, file: &Arc<str>) -> Self {
        Self {
            world,
            file: Arc::clone(file),
            names: Names::new(),
            is_json: false,
            line_bytes_max: usize::MAX,
            batch: Batch::default(),
            last_subject: (String::new(), SubjectId(0), false),
            last_encounter: (0, EncounterId::from_source("Encounter", "")),
            here: Here {
                row: 0,
                kind: UNKNOWN,
                record: "".into(),
                rule: "".into(),
                key: 0,
                subject: SubjectId(0),
                encounter: None,
                span: Span::default(),
                owner: SUBJECT,
                recorded: None,
                dated_by: None,
                other_codings: 0,
                identifiers: 0,
            },
        }
    }

    /// Whole lines, the first of which has the number `row`.
    pub(crate) fn lines(&mut self, bytes: &[u8], first_row: u64) {
        let mut start = 0;
        let ends = memchr::memchr_iter(b'\n', bytes).chain([bytes.len()]);
        for (row, end) in (first_row..).zip(ends) {
            let line = &bytes[start..end];
            start = end + 1;
            if line.len() > self.line_bytes_max {
                self.reject(row, too_long());
                continue;
            }
            let line = line.trim_ascii();
            if line.is_empty() {
                continue;
            }
            match std::str::from_utf8(line) {
                Ok(text) => self.resource(text, row, None),
                Err(_) => self.reject(row, Note::new(IssueKind::InvalidEncoding, "", "line")),
            }
        }
    }

    /// One resource.
    pub(crate) fn resource(&mut self, text: &str, row: u64, full_url: Option<&str>) {
        let (events, warnings) = (self.batch.events.len(), self.batch.warnings.len());
        self.start(row);
        let issue = self.map(text, full_url).err();
        if issue.is_some() {
            self.batch.events.truncate(events);
            self.batch.warnings.truncate(warnings);
        }
        self.finish(events, warnings, issue);
    }

    /// A row that is an issue without being looked into.
    pub(crate) fn reject(&mut self, row: u64, issue: Note) {
        self.start(row);
        self.finish(
            self.batch.events.len(),
            self.batch.warnings.len(),
            Some(issue),
        );
    }

    fn start(&mut self, row: u64) {
        let here = &mut self.here;
        here.row = row;
        here.kind = UNKNOWN;
        here.key = 0;
        here.encounter = None;
        here.span = Span::default();
        here.owner = SUBJECT;
        here.recorded = None;
        here.dated_by = None;
        here.other_codings = 0;
        here.identifiers = self.batch.identifiers.len();
    }

    fn finish(&mut self, events: usize, warnings: usize, issue: Option<Note>) {
        self.batch.rows.push(Outcome {
            row: self.here.row,
            kind: Cow::Borrowed(self.here.kind),
            key: self.here.key,
            events: self.batch.events.len() - events,
            warnings: self.batch.warnings.len() - warnings,
            identifiers: self.batch.identifiers.len() - self.here.identifiers,
            other_codings: self.here.other_codings,
            issue,
        });
    }

    fn map(&mut self, text: &str, full_url: Option<&str>) -> Result<(), Note> {
        let found = types::of_resource(text).and_then(|name| types::find(&name));
        let Some(found) = found else {
            return Err(self.untyped(text));
        };
        let kind = found.name;
        self.here.kind = kind;
        self.here.rule = self.names.get(&rule_of(kind));
        if found.since != Release::R4 {
            self.speaks(found.since, "");
        }
        people::collect(text, kind, full_url, self);
        self.meta(text);
        let unmapped = match found.treatment {
            Treatment::Mapped(mapped) => return map::dispatch(self, mapped, text, full_url),
            Treatment::Ruled(rule) if kind != "Claim" || self.world.options.claims => {
                return map::rule::map(self, rule, text, full_url);
            }
            Treatment::Ruled(_) => IssueKind::Filtered,
            Treatment::NotSupported => IssueKind::NotSupported,
            Treatment::NotClinical => IssueKind::NotClinical,
        };
        if self.is_json && types::is_stated_first(text) {
            return Err(Note::new(unmapped, "", kind));
        }
        // Parsed all the same: a broken line is told as one.
        let head: Head<'_> = self.parse(text)?;
        if head.resource_type.is_none() {
            return Err(self.untyped(text));
        }
        Err(Note::new(unmapped, "", kind))
    }

    /// Parses, maps, and keeps the record's identifier.
    pub(crate) fn record<'a, R: Record<'a>>(
        &mut self,
        text: &'a str,
        full_url: Option<&str>,
    ) -> Result<(), Note> {
        let record: R = self.parse(text)?;
        if !record.is_typed() {
            return Err(self.untyped(text));
        }
        let id = record.id().or_else(|| super::bundle::entry_id(full_url));
        self.begin(id);
        record.map(self, id)
    }

    /// Keeps the record's identifier.
    pub(crate) fn begin(&mut self, id: Option<&str>) {
        let kind = self.here.kind;
        if let Some(id) = id {
            self.here.key = hash64(kind, id).max(1);
            self.here.record = [kind, "/", id].concat().into();
            if !is_id(id) {
                let path = self.path("id");
                self.warn(Note::at(IssueKind::InvalidField, path));
            }
        } else {
            self.here.record = kind.into();
        }
    }

    pub(crate) fn parse<'a, T: serde::Deserialize<'a>>(&self, text: &'a str) -> Result<T, Note> {
        serde_json::from_str(text).map_err(|error| json_note(&error, self.here.kind))
    }

    /// What a line without a known type is.
    pub(crate) fn untyped(&mut self, text: &str) -> Note {
        self.here.kind = UNKNOWN;
        let head = match serde_json::from_str::<Head<'_>>(text) {
            Ok(head) => head,
            Err(error) => return json_note(&error, UNKNOWN),
        };
        let stated = head.transaction_time.as_ref();
        let logged = head
            .event_detail
            .as_ref()
            .and_then(|detail| detail.transaction_time.as_ref());
        if let Some(time) = stated.or(logged) {
            self.export_time(time);
        }
        if head.resource_type.is_some() {
            Note::new(
                IssueKind::UnknownResourceType,
                "resourceType",
                "not a type of FHIR R4, R4B or R5",
            )
        } else if head.event_id.is_some() {
            Note::new(IssueKind::NotClinical, "", "bulk export log")
        } else if head.transaction_time.is_some() && head.output.0 {
            Note::new(IssueKind::NotClinical, "", "bulk export manifest")
        } else if head.events_whole.0 {
            Note::new(IssueKind::NotClinical, "", "account of an export")
        } else {
            Note::new(IssueKind::UnknownResourceType, "", "no resourceType")
        }
    }

    /// Notes a stated time of the export; the latest of several stays.
    pub(crate) fn export_time(&mut self, text: &Text<'_>) {
        let time = time::parse(text.as_str()).map(|when| when.instant);
        self.batch.export_time = self.batch.export_time.max(time);
    }
}

/// What the mappings call.
impl Mapper<'_> {
    pub(crate) fn set_subject(&mut self, id: &str) {
        self.here.subject = SubjectId::from_source("Patient", id);
    }

    pub(crate) fn set_subject_id(&mut self, subject: SubjectId) {
        self.here.subject = subject;
    }

    pub(crate) fn set_encounter(&mut self, encounter: Option<EncounterId>) {
        self.here.encounter = encounter;
    }

    /// Names another record as the source of this one's time; its events say so.
    pub(crate) fn date_by(&mut self, element: &'static str) {
        self.here.dated_by = Some(element.into());
        let detail = [element, ": dated by it"].concat();
        self.warn(Note::new(IssueKind::MissingTime, element, detail));
    }

    pub(crate) fn warn(&mut self, note: Note) {
        self.batch.warnings.push(note);
    }

    /// `Type.element` of this row's type, for notes.
    pub(crate) fn path(&self, element: &str) -> String {
        [self.here.kind, ".", element].concat()
    }

    /// The code of a concept.
    pub(crate) fn coded(
        &mut self,
        concept: Option<&CodeableConcept<'_>>,
        element: &'static str,
    ) -> Result<Code, Note> {
        let Some(concept) = concept else {
            return Err(Note::at(IssueKind::MissingCode, element));
        };
        match codes::choose(concept) {
            Ok(chosen) => {
                self.here.other_codings += chosen.others as u64;
                Ok(self.code(&chosen.system, &chosen.value))
            }
            Err(Uncoded::Empty) => Err(Note::at(IssueKind::MissingCode, element)),
            Err(Uncoded::LongText) => {
                let detail = [element, ": text too long to stand for a code"].concat();
                Err(Note::new(IssueKind::MissingCode, element, detail))
            }
        }
    }

    /// A code whose texts are shared with the other events of this piece.
    pub(crate) fn code(&mut self, system: &str, value: &str) -> Code {
        Code {
            system: self.names.get(system),
            value: self.names.get(value),
        }
    }

    /// The code with more behind it: `2160-0` and `ABSENT//unknown` give `2160-0//ABSENT//unknown`.
    pub(crate) fn suffixed(&mut self, code: &Code, suffix: &str) -> Code {
        let value = [&*code.value, "//", suffix].concat();
        Code {
            system: Arc::clone(&code.system),
            value: self.names.get(&value),
        }
    }

    /// A code within a system of ours: `ALLERGY` and SNOMED's `x` give `SNOMED//x` in `ALLERGY`.
    pub(crate) fn within(&mut self, system: &str, code: &Code) -> Code {
        let value = code.to_meds().into_owned();
        self.code(system, &value)
    }

    /// A shared text.
    pub(crate) fn name(&mut self, text: &str) -> Arc<str> {
        self.names.get(text)
    }

    /// Adds a statement about the row's subject and another.
    pub(crate) fn link(&mut self, kind: LinkKind, other: SubjectId, element: &str) {
        let link = Link {
            a: self.here.subject,
            b: other,
            kind,
            origin: self.origin(element),
        };
        // The row under way is the next to be closed.
        self.batch
            .told
            .push((self.batch.rows.len(), Told::Link(link)));
    }

    fn origin(&mut self, element: &str) -> Origin {
        Origin {
            file: Arc::clone(&self.file),
            record: Arc::clone(&self.here.record),
            element: self.names.get(element),
            row: self.here.row,
            rule: Arc::clone(&self.here.rule),
        }
    }

    /// Adds an event of this row.
    pub(crate) fn event(&mut self, code: Code, when: Option<When>, element: &str) -> &mut Event {
        let dated_by = self.here.dated_by.take();
        let origin = self.origin(dated_by.as_deref().unwrap_or(element));
        self.here.dated_by = dated_by;
        let mut event = Event::new(code, when.map(|when| when.instant), origin);
        if let Some(when) = when {
            event.recorded_time = self.recorded_after(when);
            event.precision = when.precision;
            event.utc_offset_minutes = when.offset_minutes;
        }
        event.encounter = self.here.encounter;
        let place = self.batch.events.len();
        self.batch.events.push((self.here.subject, event));
        &mut self.batch.events[place].1
    }
}

/// Whether an identifier has the form that FHIR gives it: 1 to 64 letters, digits, `-` and `.`.
fn is_id(id: &str) -> bool {
    let is_lawful = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    (1..=64).contains(&id.len()) && id.bytes().all(is_lawful)
}

/// The name and version of the rule that maps a type. The version grows with every change of what
/// the events of a type are.
fn rule_of(kind: &str) -> String {
    ["fhir/", kind, "@2"].concat()
}

/// A line beyond `line_bytes_max`.
pub(crate) fn too_long() -> Note {
    let detail = "line longer than line_bytes_max";
    Note::new(IssueKind::NotSupported, "", detail)
}

/// Syntax and type faults apart; serde's own words may quote a value and are never used.
fn json_note(error: &serde_json::Error, kind: &'static str) -> Note {
    let issue = match error.classify() {
        serde_json::error::Category::Data => IssueKind::InvalidField,
        serde_json::error::Category::Syntax
        | serde_json::error::Category::Eof
        | serde_json::error::Category::Io => IssueKind::InvalidJson,
    };
    Note::new(
        issue,
        format!("line {} column {}", error.line(), error.column()),
        kind,
    )
}
