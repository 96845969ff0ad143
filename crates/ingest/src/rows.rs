//! Rows of one piece of a file into a [`Batch`]: the ground that the mappings of documents (CDA)
//! and messages (HL7 v2) stand on. It knows no format; FHIR and tables have grounds of their own.

use crate::batch::{Batch, Note, Outcome};
use crate::names::Names;
use crate::person::{Link, Person, Told};
use crate::systems::{self, Spelled};
use crate::when::When;
use longitude_core::{Code, EncounterId, Event, Instant, IssueKind, Origin, SubjectId};
use longitude_units as units;
use std::borrow::Cow;
use std::sync::Arc;

/// Makes the rows of one piece.
pub(crate) struct Rows {
    file: Arc<str>,
    names: Names,
    pub(crate) batch: Batch,
    here: Here,
}

/// The row that is being mapped.
struct Here {
    row: u64,
    kind: Cow<'static, str>,
    key: u64,
    record: Arc<str>,
    rule: Arc<str>,
    subject: Option<SubjectId>,
    encounter: Option<EncounterId>,
    recorded: Option<Instant>,
    other_codings: u64,
    /// The batch's events, warnings, identifiers and told facts before this row.
    before: [usize; 4],
}

impl Rows {
    pub(crate) fn new(file: &Arc<str>) -> Self {
        let empty: Arc<str> = "".into();
        Self {
            file: Arc::clone(file),
            names: Names::new(),
            batch: Batch::default(),
            here: Here {
                row: 0,
                kind: Cow::Borrowed(""),
                key: 0,
                record: Arc::clone(&empty),
                rule: empty,
                subject: None,
                encounter: None,
                recorded: None,
                other_codings: 0,
                before: [0; 4],
            },
        }
    }

    /// Begins a row of a type. Subject, encounter, record and time of recording stay those of the
    /// row before; what is the row's own starts anew.
    pub(crate) fn open(&mut self, row: u64, kind: impl Into<Cow<'static, str>>) {
        let batch = &self.batch;
        self.here.row = row;
        self.here.kind = kind.into();
        self.here.key = 0;
        self.here.other_codings = 0;
        self.here.before = [
            batch.events.len(),
            batch.warnings.len(),
            batch.identifiers.len(),
            batch.told.len(),
        ];
    }

    /// Ends the row. One with an issue keeps what identifies persons, and nothing else.
    pub(crate) fn close(&mut self, result: Result<(), Note>) {
        let [events, warnings, identifiers, told] = self.here.before;
        let batch = &mut self.batch;
        if result.is_err() {
            batch.events.truncate(events);
            batch.warnings.truncate(warnings);
            batch.told.truncate(told);
        }
        batch.rows.push(Outcome {
            row: self.here.row,
            kind: self.here.kind.clone(),
            key: self.here.key,
            events: batch.events.len() - events,
            warnings: batch.warnings.len() - warnings,
            identifiers: batch.identifiers.len() - identifiers,
            other_codings: self.here.other_codings,
            issue: result.err(),
        });
    }

    /// A row that is an issue without being looked into.
    pub(crate) fn reject(&mut self, row: u64, kind: impl Into<Cow<'static, str>>, note: Note) {
        self.open(row, kind);
        self.close(Err(note));
    }

    pub(crate) fn set_key(&mut self, key: u64) {
        self.here.key = key;
    }

    pub(crate) fn set_record(&mut self, record: impl Into<Arc<str>>) {
        self.here.record = record.into();
    }

    pub(crate) fn set_rule(&mut self, rule: &str) {
        self.here.rule = self.names.get(rule);
    }

    pub(crate) fn set_subject(&mut self, subject: Option<SubjectId>) {
        self.here.subject = subject;
    }

    pub(crate) fn set_encounter(&mut self, encounter: Option<EncounterId>) {
        self.here.encounter = encounter;
    }

    pub(crate) fn encounter(&self) -> Option<EncounterId> {
        self.here.encounter
    }

    /// When the rows from here on were written down: events before it say so.
    pub(crate) fn set_recorded(&mut self, recorded: Option<Instant>) {
        self.here.recorded = recorded;
    }

    pub(crate) fn subject(&self) -> Option<SubjectId> {
        self.here.subject
    }

    pub(crate) fn row(&self) -> u64 {
        self.here.row
    }

    pub(crate) fn warn(&mut self, note: Note) {
        self.batch.warnings.push(note);
    }

    /// Hands on what identifies a person; `None` may stand in anybody's record.
    pub(crate) fn identify(&mut self, subject: Option<SubjectId>, text: impl Into<String>) {
        let text = text.into();
        if !text.trim().is_empty() {
            self.batch.identifiers.push((subject, text));
        }
    }

    pub(crate) fn tell_person(&mut self, subject: SubjectId, person: Person) {
        let told = Told::Person(subject, Box::new(person));
        self.batch.told.push((self.batch.rows.len(), told));
    }

    pub(crate) fn tell_link(&mut self, link: Link) {
        let place = self.batch.rows.len();
        self.batch.told.push((place, Told::Link(link)));
    }

    /// Counts codings that were left aside.
    pub(crate) fn left_aside(&mut self, codings: usize) {
        self.here.other_codings += codings as u64;
    }

    /// A shared text.
    pub(crate) fn name(&mut self, text: &str) -> Arc<str> {
        self.names.get(text)
    }

    /// A code whose texts are shared with the other events of this piece.
    pub(crate) fn code(&mut self, system: &str, value: &str) -> Code {
        Code {
            system: self.names.get(system),
            value: self.names.get(value),
        }
    }

    /// The code with more behind it: `2160-0` and `ABSENT//UNK` give `2160-0//ABSENT//UNK`.
    pub(crate) fn suffixed(&mut self, code: &Code, suffix: &str) -> Code {
        let value = [&*code.value, "//", suffix].concat();
        self.code(&code.system, &value)
    }

    /// A code within a system of ours: `ALLERGY` and SNOMED's `x` give `SNOMED//x` in `ALLERGY`.
    pub(crate) fn within(&mut self, system: &str, code: &Code) -> Code {
        let value = code.to_meds().into_owned();
        self.code(system, &value)
    }

    /// The code of a note of this type: `NOTE//<LOINC>`.
    pub(crate) fn note_code(&mut self, code: &Code) -> Code {
        if &*code.system == "LOINC" {
            self.code("NOTE", &code.value)
        } else {
            self.within("NOTE", code)
        }
    }

    /// The preferred of several codings of one concept.
    pub(crate) fn prefer(&mut self, codings: &[Spelled<'_>]) -> Option<Code> {
        let best = codings
            .iter()
            .min_by_key(|(system, _)| systems::rank(system))?;
        self.left_aside(codings.len() - 1);
        Some(self.code(&best.0, &best.1))
    }

    /// A unit as UCUM writes it, else as it is written, with a warning.
    pub(crate) fn unit(
        &mut self,
        written: &str,
        element: impl Into<Cow<'static, str>>,
    ) -> Option<Arc<str>> {
        let written = written.trim();
        if written.is_empty() {
            return None;
        }
        if let Some(ucum) = units::to_ucum(written) {
            return Some(self.names.get(ucum));
        }
        let detail = if written.chars().count() <= 20 {
            written.to_owned()
        } else {
            "(longer than 20 characters)".to_owned()
        };
        self.warn(Note::new(IssueKind::UnknownUnit, element, detail));
        Some(self.names.get(written))
    }

    /// The place of an event of this row.
    pub(crate) fn origin(&mut self, element: &str) -> Origin {
        Origin {
            file: Arc::clone(&self.file),
            record: Arc::clone(&self.here.record),
            element: self.names.get(element),
            row: self.here.row,
            rule: Arc::clone(&self.here.rule),
        }
    }

    /// Adds an event of this row. A row without a subject has no events: its mapping asks first.
    pub(crate) fn event(&mut self, code: Code, when: Option<When>, element: &str) -> &mut Event {
        let origin = self.origin(element);
        let mut event = Event::new(code, when.map(|when| when.instant), origin);
        if let Some(when) = when {
            event.precision = when.precision;
            event.utc_offset_minutes = when.offset_minutes;
            event.recorded_time = self.here.recorded.filter(|at| *at > when.instant);
        }
        event.encounter = self.here.encounter;
        let place = self.batch.events.len();
        let subject = self.here.subject.unwrap_or(SubjectId(0));
        self.batch.events.push((subject, event));
        &mut self.batch.events[place].1
    }
}
