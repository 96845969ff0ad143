//! One row at a time into events: the ground that the mappings of the tables stand on. A mapper
//! belongs to one piece of one file; its output depends on nothing but that piece, the world and
//! the options.

use super::tables::Table;
use super::time;
use super::world::World;
use crate::batch::{Batch, Note, Outcome};
use crate::hash::key64;
use crate::names::Names;
use crate::options::Prefer;
use crate::person::Told;
use crate::table::Row;
use crate::when::When;
use longitude_core::{Code, EncounterId, Event, IssueKind, Origin, SubjectId};
use longitude_units::to_ucum;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The longest source value that may stand for a code; longer ones are prose.
const SOURCE_CODE_CHARS_MAX: usize = 80;
/// Recent concepts whose codes share memory.
const CACHE_SLOTS: usize = 1024;

/// Maps the rows of one piece of a file.
pub(super) struct Mapper<'w> {
    pub(super) world: &'w World<'w>,
    pub(super) table: &'static Table,
    file: Arc<str>,
    rule: Arc<str>,
    /// `table/`, and behind it the identifier of the last row that had one.
    record: String,
    names: Names,
    cache: Vec<Option<(i64, Option<Code>)>>,
    /// Units as written, and UCUM's for each.
    units: BTreeMap<String, Option<Arc<str>>>,
    /// `table.column` of the columns that were named in events.
    elements: Vec<(&'static str, Arc<str>)>,
    pub(super) batch: Batch,
    here: Here,
}

/// The row that is being mapped.
struct Here {
    row: u64,
    key: u64,
    record: Arc<str>,
    subject: SubjectId,
    encounter: Option<EncounterId>,
    identifiers: usize,
}

/// The columns by which a row is coded.
pub(super) struct Coded {
    pub(super) concept: Option<usize>,
    pub(super) source_concept: Option<usize>,
    pub(super) fallback: Option<usize>,
    pub(super) source_value: Option<usize>,
    /// Their names, for notes.
    pub(super) element: &'static str,
    pub(super) source_element: &'static str,
}

impl<'w> Mapper<'w> {
    pub(super) fn new(world: &'w World<'w>, table: &'static Table, file: &Arc<str>) -> Self {
        Self {
            world,
            table,
            file: Arc::clone(file),
            rule: ["omop/", table.name, "@1"].concat().into(),
            record: [table.name, "/"].concat(),
            names: Names::new(),
            cache: vec![None; CACHE_SLOTS],
            units: BTreeMap::new(),
            elements: Vec::new(),
            batch: Batch::default(),
            here: Here {
                row: 0,
                key: 0,
                record: table.name.into(),
                subject: SubjectId(0),
                encounter: None,
                identifiers: 0,
            },
        }
    }

    /// Maps one row by `map`; what it says is the matter with the row takes the place of its
    /// events.
    pub(super) fn row(&mut self, row: u64, map: impl FnOnce(&mut Self) -> Result<(), Note>) {
        let (events, warnings) = (self.batch.events.len(), self.batch.warnings.len());
        let told = self.batch.told.len();
        self.here.row = row;
        self.here.key = 0;
        self.here.encounter = None;
        self.here.identifiers = self.batch.identifiers.len();
        let issue = map(self).err();
        if issue.is_some() {
            self.batch.events.truncate(events);
            self.batch.warnings.truncate(warnings);
            self.batch.told.truncate(told);
        }
        self.batch.rows.push(Outcome {
            row,
            kind: Cow::Borrowed(self.table.name),
            key: self.here.key,
            events: self.batch.events.len() - events,
            warnings: self.batch.warnings.len() - warnings,
            identifiers: self.batch.identifiers.len() - self.here.identifiers,
            other_codings: 0,
            issue,
        });
    }

    pub(super) fn warn(&mut self, kind: IssueKind, element: impl Into<Cow<'static, str>>) {
        self.batch.warnings.push(Note::at(kind, element));
    }

    /// `table.column`.
    pub(super) fn path(&self, column: &str) -> String {
        let column = column.strip_prefix('?').unwrap_or(column);
        [self.table.name, ".", column].concat()
    }

    /// The record's own identifier, by which a second one is told.
    pub(super) fn identify(&mut self, row: &Row<'_>, column: Option<usize>) {
        match row.filled(column) {
            Some(id) => {
                self.here.key = key64(self.table.name, id);
                self.record.truncate(self.table.name.len() + 1);
                self.record.push_str(id);
                self.here.record = self.record.as_str().into();
            }
            None => self.here.record = self.table.name.into(),
        }
    }

    pub(super) fn subject(&self) -> SubjectId {
        self.here.subject
    }

    pub(super) fn set_subject(&mut self, subject: SubjectId) {
        self.here.subject = subject;
    }

    /// Whose row it is. A person whom PERSON does not hold is nobody's: the rows of somebody who
    /// was taken out of it must not come back through other tables.
    pub(super) fn person(&mut self, row: &Row<'_>, column: Option<usize>) -> Result<(), Note> {
        let Some(text) = row.filled(column) else {
            return Err(Note::at(IssueKind::MissingSubject, self.path("person_id")));
        };
        let Some(id) = integer(text) else {
            return Err(Note::at(IssueKind::InvalidField, self.path("person_id")));
        };
        self.here.subject = SubjectId(id);
        if !self.world.knows(self.here.subject) {
            return Err(Note::at(
                IssueKind::MissingReference,
                self.path("person_id"),
            ));
        }
        Ok(())
    }

    /// The visit that the row belongs to, if it names one.
    pub(super) fn visit(&mut self, row: &Row<'_>, column: Option<usize>) {
        let Some(text) = row.filled(column) else {
            return;
        };
        match integer(text) {
            Some(id) => self.here.encounter = Some(EncounterId(id)),
            None => self.warn(IssueKind::InvalidField, self.path("visit_occurrence_id")),
        }
    }

    /// The time that a row states: the datetime, else the date.
    pub(super) fn time(
        &mut self,
        row: &Row<'_>,
        columns: [Option<usize>; 2],
        names: [&'static str; 2],
    ) -> Option<When> {
        for (column, name) in columns.into_iter().zip(names) {
            let Some(text) = row.filled(column) else {
                continue;
            };
            match time::parse(text, self.world.clock) {
                Some(when) => {
                    if let Some(doubt) = when.doubt {
                        let (path, what) = (self.path(name), doubt.explanation());
                        let note = Note::new(IssueKind::InvalidTime, path, what);
                        self.batch.warnings.push(note);
                    }
                    return Some(when);
                }
                None => self.warn(IssueKind::InvalidTime, self.path(name)),
            }
        }
        None
    }

    /// The time without which a row is no event.
    pub(super) fn must_have_time(
        &mut self,
        row: &Row<'_>,
        columns: [Option<usize>; 2],
        names: [&'static str; 2],
    ) -> Result<When, Note> {
        let before = self.batch.warnings.len();
        self.time(row, columns, names).ok_or_else(|| {
            let kind = if self.batch.warnings.len() > before {
                IssueKind::InvalidTime
            } else {
                IssueKind::MissingTime
            };
            Note::at(kind, self.path(names[1]))
        })
    }

    /// The number of a concept, `None` where it is 0 or not stated.
    pub(super) fn concept_id(&mut self, row: &Row<'_>, column: Option<usize>) -> Option<i64> {
        let text = row.filled(column)?;
        let id = integer(text);
        if id.is_none() {
            self.warn(IssueKind::InvalidField, self.path("concept_id"));
        }
        id.filter(|id| *id != 0)
    }

    /// The code of a concept; `OMOP//<id>` where the vocabulary does not have it.
    pub(super) fn code(&mut self, id: i64) -> Code {
        if self.lookup(id).is_none() && !self.world.concepts.is_empty() {
            self.batch.warnings.push(Note::new(
                IssueKind::UnknownCode,
                self.path("concept_id"),
                "concept that CONCEPT does not hold",
            ));
        }
        self.code_if_known(id)
    }

    /// The same without a word about a concept that the vocabulary does not have.
    pub(super) fn code_if_known(&mut self, id: i64) -> Code {
        self.lookup(id).unwrap_or_else(|| Code {
            system: self.names.get("OMOP"),
            value: self.names.get(&id.to_string()),
        })
    }

    fn lookup(&mut self, id: i64) -> Option<Code> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "only low bits are used"
        )]
        let slot = &mut self.cache[id as usize % CACHE_SLOTS];
        match slot {
            Some((known, code)) if *known == id => code.clone(),
            _ => slot.insert((id, self.world.concepts.get(id))).1.clone(),
        }
    }

    /// The code of a row and the other one that the source has for the same, if any.
    pub(super) fn coded(
        &mut self,
        row: &Row<'_>,
        columns: &Coded,
    ) -> Result<(Code, Option<Code>), Note> {
        let standard = self.concept_id(row, columns.concept);
        let standard = match standard {
            None => self.concept_id(row, columns.fallback),
            some => some,
        };
        let source = self.concept_id(row, columns.source_concept);
        if standard.is_none() {
            self.warn(IssueKind::UnmappedCode, self.path(columns.element));
        }
        let standard = standard.map(|id| self.code(id));
        let source = source.map(|id| self.code(id));
        let source = source.or_else(|| self.source_code(row, columns));
        let (first, second) = match self.world.options.prefer {
            Prefer::Standard => (standard, source),
            Prefer::Source => (source, standard),
        };
        match (first, second) {
            (Some(code), other) => {
                let other = other.filter(|other| *other != code);
                Ok((code, other))
            }
            (None, Some(code)) => Ok((code, None)),
            (None, None) => Err(Note::at(
                IssueKind::UnmappedCode,
                self.path(columns.element),
            )),
        }
    }

    /// The source's own value as a code of its own system, the column's name without `_value`.
    fn source_code(&mut self, row: &Row<'_>, columns: &Coded) -> Option<Code> {
        let text = row.filled(columns.source_value)?;
        let is_short = text.chars().take(SOURCE_CODE_CHARS_MAX + 1).count();
        let system = columns.source_element.strip_suffix("_value")?;
        (is_short <= SOURCE_CODE_CHARS_MAX).then(|| Code {
            system: self.names.get(system),
            value: self.names.get(text),
        })
    }

    /// A code within a system of ours.
    pub(super) fn within(&mut self, system: &str, code: &Code) -> Code {
        let value = code.to_meds();
        Code {
            system: self.names.get(system),
            value: self.names.get(&value),
        }
    }

    /// A code with more behind it.
    pub(super) fn suffixed(&mut self, code: &Code, suffix: &str) -> Code {
        let value = [&*code.value, "//", suffix].concat();
        Code {
            system: Arc::clone(&code.system),
            value: self.names.get(&value),
        }
    }

    /// A code whose texts are shared.
    pub(super) fn named(&mut self, system: &str, value: &str) -> Code {
        Code {
            system: self.names.get(system),
            value: self.names.get(value),
        }
    }

    /// The UCUM unit that a unit as written stands for.
    pub(super) fn ucum(&mut self, written: &str) -> Option<Arc<str>> {
        if let Some(known) = self.units.get(written) {
            return known.clone();
        }
        let unit = to_ucum(written).map(Arc::from);
        // Prose in the column must not fill the memory.
        if self.units.len() < CACHE_SLOTS {
            self.units.insert(written.to_owned(), unit.clone());
        }
        unit
    }

    /// A shared text.
    pub(super) fn name(&mut self, text: &str) -> Arc<str> {
        self.names.get(text)
    }

    /// Adds an event of this row; `column` is where its code or value stands.
    pub(super) fn event(
        &mut self,
        code: Code,
        when: Option<When>,
        column: &'static str,
    ) -> &mut Event {
        let origin = Origin {
            file: Arc::clone(&self.file),
            record: Arc::clone(&self.here.record),
            element: self.element(column),
            row: self.here.row,
            rule: Arc::clone(&self.rule),
        };
        let mut event = Event::new(code, when.map(|when| when.instant), origin);
        if let Some(when) = when {
            event.precision = when.precision;
            event.utc_offset_minutes = when.offset_minutes;
        }
        event.encounter = self.here.encounter;
        let place = self.batch.events.len();
        self.batch.events.push((self.here.subject, event));
        &mut self.batch.events[place].1
    }

    fn element(&mut self, column: &'static str) -> Arc<str> {
        if let Some((_, known)) = self.elements.iter().find(|(name, _)| *name == column) {
            return Arc::clone(known);
        }
        let element: Arc<str> = self.path(column).into();
        self.elements.push((column, Arc::clone(&element)));
        element
    }

    /// A string that identifies somebody.
    pub(super) fn identifier(&mut self, subject: Option<SubjectId>, text: Option<&str>) {
        let texts = text.map(|text| (subject, text.to_owned()));
        self.batch.identifiers.extend(texts);
    }

    /// Hands something about the subject on that is no event.
    pub(super) fn tell(&mut self, told: Told) {
        self.batch.told.push((self.batch.rows.len(), told));
    }

    pub(super) fn set_encounter(&mut self, encounter: EncounterId) {
        self.here.encounter = Some(encounter);
    }

    /// A number, warned of where the text is none.
    pub(super) fn number(
        &mut self,
        row: &Row<'_>,
        column: Option<usize>,
        name: &str,
    ) -> Option<f64> {
        let text = row.filled(column)?;
        let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
        if number.is_none() {
            self.warn(IssueKind::InvalidNumber, self.path(name));
        }
        number
    }
}

/// An integer, which may come as `12.0` through a table of floats.
pub(super) fn integer(text: &str) -> Option<i64> {
    text.strip_suffix(".0").unwrap_or(text).parse().ok()
}
