//! The program of one table over one file: a row in, events or an issue out. It depends on nothing
//! but the mapping, the lookups and the row.

use super::clock::Zone;
use super::language::{
    Condition, EventRule, IdKind, Language, Piece, Source, Step, TableRule, Template, Value,
};
use super::lookup::{Loaded, join_key};
use crate::batch::{Batch, Note, Outcome};
use crate::hash::hash64;
use crate::names::Names;
use longitude_core::{EncounterId, Event, IssueKind, SubjectId};
use std::borrow::Cow;
use std::sync::Arc;

/// One row, by the place of a column in the header. Null, absent and empty are the empty text.
pub(super) trait Cells {
    /// The text in a column.
    fn cell(&self, place: usize) -> &str;
}

/// Whether a cell holds nothing.
pub(super) fn is_null(text: &str, nulls: &[String]) -> bool {
    let text = text.trim_ascii();
    text.is_empty() || nulls.iter().any(|null| null == text)
}

/// A table's rules, bound to the header of one file.
pub(super) struct Program<'m> {
    pub(super) language: &'m Language,
    pub(super) table: &'m TableRule,
    pub(super) lookups: &'m [Loaded],
    pub(super) zone: Zone,
    /// The header's place of each of the table's columns.
    pub(super) places: Vec<Option<usize>>,
    /// The file, for origins.
    pub(super) file: Arc<str>,
    /// The file's name without folder and extension.
    pub(super) stem: String,
}

/// What a working thread keeps from row to row.
pub(super) struct Memory {
    pub(super) names: Names,
    /// The last textual identifiers and what they hashed to.
    subject: (String, i64),
    encounter: (String, i64),
    /// The row of each lookup, once it was asked for.
    joined: Vec<Joined>,
    pub(super) buffer: String,
    key: String,
}

impl Memory {
    pub(super) fn new() -> Self {
        Self {
            names: Names::new(),
            subject: (String::new(), 0),
            encounter: (String::new(), 0),
            joined: Vec::new(),
            buffer: String::new(),
            key: String::new(),
        }
    }
}

/// What is known of the row of a lookup that belongs to a row.
#[derive(Clone, Copy)]
enum Joined {
    Unasked,
    Nothing,
    Row(u32),
}

/// One row under way.
pub(super) struct Line<'a, R> {
    pub(super) program: &'a Program<'a>,
    pub(super) cells: &'a R,
    pub(super) memory: &'a mut Memory,
    /// The column of an `each`.
    pub(super) each: Option<usize>,
    /// The key of an event that a subject has once; 0 where the row made none.
    once: u64,
    pub(super) warnings: Vec<Note>,
}

impl Program<'_> {
    /// Maps one row into the batch.
    pub(super) fn map<'a, R: Cells>(
        &'a self,
        row: u64,
        cells: &'a R,
        memory: &'a mut Memory,
        batch: &mut Batch,
    ) {
        memory.joined.clear();
        memory
            .joined
            .resize(self.table.joins.len(), Joined::Unasked);
        let (events, identifiers) = (batch.events.len(), batch.identifiers.len());
        let mut line = Line {
            program: self,
            cells,
            memory,
            each: None,
            once: 0,
            warnings: Vec::new(),
        };
        let result = line.map(row, batch);
        let key = match line.once {
            0 => line.key(),
            once => once,
        };
        let mut warnings = line.warnings;
        let issue = match result {
            Ok(failures) => {
                warnings.extend(failures);
                None
            }
            Err(note) => {
                batch.events.truncate(events);
                warnings.clear();
                Some(note)
            }
        };
        batch.rows.push(Outcome {
            row,
            kind: Cow::Owned(self.table.name.to_string()),
            key,
            events: batch.events.len() - events,
            warnings: warnings.len(),
            identifiers: batch.identifiers.len() - identifiers,
            other_codings: 0,
            issue,
        });
        batch.warnings.extend(warnings);
    }
}

impl<'a, R: Cells> Line<'a, R> {
    /// The events into the batch; the failures of rules where another made an event, or the issue
    /// that the row becomes.
    fn map(&mut self, row: u64, batch: &mut Batch) -> Result<Vec<Note>, Note> {
        let table = self.program.table;
        for skip in &table.skips {
            if self.holds(&skip.condition) {
                let detail = format!("{}: {}", table.name, skip.reason);
                return Err(Note::new(IssueKind::Filtered, "", detail));
            }
        }
        if table.reference {
            return Ok(Vec::new());
        }
        let subject = self.subject()?;
        for column in &table.identifiers {
            if let Some(text) = self.cell(*column) {
                batch
                    .identifiers
                    .push((Some(subject), text.trim().to_owned()));
            }
        }
        let encounter = self.encounter();
        let mut failures = Vec::new();
        let start = batch.events.len();
        let mut take = |made: Result<Option<Event>, Note>| match made {
            Ok(Some(event)) => batch.events.push((subject, event)),
            Ok(None) => {}
            Err(note) => failures.push(note),
        };
        for rule in &table.events {
            if rule.each.is_empty() {
                self.each = None;
                let made = self.apply(rule, (row, encounter));
                if rule.once && matches!(made, Ok(Some(_))) {
                    self.once = hash64(&rule.rule, &subject.0.to_string()).max(1);
                }
                take(made);
            }
            for column in &rule.each {
                self.each = Some(*column);
                if self.cell(*column).is_some() {
                    take(self.apply(rule, (row, encounter)));
                }
            }
        }
        self.each = None;
        if batch.events.len() > start {
            return Ok(failures);
        }
        let none = || {
            let detail = format!("{}: no rule of the mapping applies", table.name);
            Note::new(IssueKind::NotSupported, "", detail)
        };
        Err(failures.into_iter().next().unwrap_or_else(none))
    }

    /// The event of a rule, if the rule applies.
    fn apply(
        &mut self,
        rule: &'a EventRule,
        place: (u64, Option<EncounterId>),
    ) -> Result<Option<Event>, Note> {
        if self.holds(&rule.condition) {
            self.event(rule, place)
        } else {
            Ok(None)
        }
    }

    /// A note about a column of this table.
    pub(super) fn note(&self, kind: IssueKind, column: &str, what: &str) -> Note {
        let table = &self.program.table.name;
        let detail = format!(
            "{table}.{column}{}{what}",
            if what.is_empty() { "" } else { ": " }
        );
        Note::new(kind, column.to_owned(), detail)
    }

    fn subject(&mut self) -> Result<SubjectId, Note> {
        let table = self.program.table;
        let Some(value) = &table.subject else {
            return Err(Note::at(IssueKind::MissingSubject, ""));
        };
        let Some(text) = self.eval(value) else {
            let kind = self.absence(value, IssueKind::MissingSubject);
            return Err(self.note(kind, &value.name, ""));
        };
        let last = &mut self.memory.subject;
        match identifier(&table.subject_kind, &text, last, SubjectId::from_source) {
            Some(id) => Ok(SubjectId(id)),
            None => Err(self.note(IssueKind::MissingSubject, &value.name, "no whole number")),
        }
    }

    fn encounter(&mut self) -> Option<EncounterId> {
        let table = self.program.table;
        let value = table.encounter.as_ref()?;
        let text = self.eval(value)?;
        let last = &mut self.memory.encounter;
        let from_source =
            |authority: &str, id: &str| SubjectId(EncounterId::from_source(authority, id).0);
        let id = identifier(&table.encounter_kind, &text, last, from_source);
        if id.is_none() {
            let note = self.note(IssueKind::InvalidField, &value.name, "no whole number");
            self.warnings.push(note);
        }
        id.map(EncounterId)
    }

    /// The hash of the record's identifier, or 0 where it has none.
    fn key(&mut self) -> u64 {
        let table = self.program.table;
        if table.key.is_empty() || !table.unique {
            return 0;
        }
        let mut key = std::mem::take(&mut self.memory.key);
        key.clear();
        for column in &table.key {
            join_key(&mut key, self.cell(*column).unwrap_or("-"));
        }
        let name: &str = &table.name;
        let language = &self.program.language.name;
        let hash = hash64(&[language, "/", name].concat(), &key);
        self.memory.key = key;
        hash
    }

    /// What identifies the record: the table's name, and its key where it has one.
    pub(super) fn record(&mut self) -> Arc<str> {
        let table = self.program.table;
        if table.key.is_empty() {
            return Arc::clone(&table.name);
        }
        let mut text = std::mem::take(&mut self.memory.buffer);
        text.clear();
        text.push_str(&table.name);
        for (place, column) in table.key.iter().enumerate() {
            text.push(if place == 0 { '/' } else { '-' });
            text.push_str(self.cell(*column).unwrap_or_default().trim_ascii());
        }
        let record = text.as_str().into();
        self.memory.buffer = text;
        record
    }

    /// The cell in one of the table's columns.
    pub(super) fn cell(&self, column: usize) -> Option<&'a str> {
        let place = self.program.places.get(column).copied().flatten()?;
        let text = self.cells.cell(place);
        (!is_null(text, &self.program.table.files.nulls)).then_some(text)
    }

    /// A value of the row.
    pub(super) fn eval(&mut self, value: &'a Value) -> Option<Cow<'a, str>> {
        let found = self.source(value.source);
        let found = match found {
            Some(text) if !value.steps.is_empty() => self.stepped(text, value),
            found => found.map(Cow::Borrowed),
        };
        found.or_else(|| value.otherwise.as_deref().map(Cow::Borrowed))
    }

    fn source(&mut self, source: Source) -> Option<&'a str> {
        let program = self.program;
        match source {
            Source::Column(column) => self.cell(column),
            Source::File => Some(&program.stem),
            Source::EachName => Some(&program.table.columns.get(self.each?)?.name),
            Source::EachValue => self.cell(self.each?),
            Source::Joined { join, column } => {
                let row = self.joined(join)?;
                program.lookups[program.table.joins[join].0].get(row, column)
            }
            Source::Rank { join } => {
                let row = self.joined(join)?;
                program.lookups[program.table.joins[join].0].rank(row)
            }
        }
    }

    /// The row of a lookup that belongs to this row.
    fn joined(&mut self, join: usize) -> Option<u32> {
        match self.memory.joined.get(join) {
            Some(Joined::Row(row)) => return Some(*row),
            Some(Joined::Nothing) => return None,
            Some(Joined::Unasked) | None => {}
        }
        let (lookup, values) = &self.program.table.joins[join];
        // Whatever asks again on the way is in a circle, and finds nothing.
        self.memory.joined[join] = Joined::Nothing;
        let mut key = std::mem::take(&mut self.memory.key);
        key.clear();
        let mut is_whole = true;
        for value in values {
            match self.eval(value) {
                Some(part) => join_key(&mut key, &part),
                None => is_whole = false,
            }
        }
        let found = if is_whole {
            self.program.lookups[*lookup].find(&key)
        } else {
            None
        };
        self.memory.key = key;
        self.memory.joined[join] = found.map_or(Joined::Nothing, Joined::Row);
        found
    }

    /// Why a value is absent: the given reason, or that the row which it stands in is absent.
    pub(super) fn absence(&mut self, value: &Value, kind: IssueKind) -> IssueKind {
        match value.source {
            Source::Joined { join, .. } | Source::Rank { join } => {
                if self.joined(join).is_none() {
                    IssueKind::MissingReference
                } else {
                    kind
                }
            }
            Source::Column(_) | Source::File | Source::EachName | Source::EachValue => kind,
        }
    }

    fn stepped(&mut self, text: &'a str, value: &'a Value) -> Option<Cow<'a, str>> {
        let mut text = Cow::Borrowed(text);
        for step in &value.steps {
            text = match step {
                Step::Map(map) => {
                    let map = &self.program.language.maps[*map].1;
                    let found = map.values.get(text.trim_ascii()).or(map.otherwise.as_ref());
                    match found {
                        Some(to) if to == "=" => text,
                        Some(to) => Cow::Borrowed(to.as_str()),
                        None => {
                            let what = "the map does not list the value";
                            let note = self.note(IssueKind::UnmappedCode, &value.name, what);
                            self.warnings.push(note);
                            return None;
                        }
                    }
                }
                Step::Trim => Cow::Owned(text.trim().to_owned()),
                Step::Upper => Cow::Owned(text.to_uppercase()),
                Step::Lower => Cow::Owned(text.to_lowercase()),
                Step::Whole => {
                    let text = text.trim();
                    Cow::Owned(text.strip_suffix(".0").unwrap_or(text).to_owned())
                }
                Step::Icd9Diagnosis => {
                    let first = if text.starts_with(['E', 'e']) { 4 } else { 3 };
                    dotted(&text, first)
                }
                Step::Icd9Procedure => dotted(&text, 2),
                Step::Icd10Diagnosis => dotted(&text, 3),
            };
        }
        (!text.is_empty()).then_some(text)
    }

    /// A template filled, or the value in its first option that is absent.
    pub(super) fn fill(&mut self, template: &'a Template) -> Result<Cow<'a, str>, &'a Value> {
        let mut absent = None;
        for pieces in &template.options {
            match self.fill_one(pieces) {
                Ok(text) => return Ok(text),
                Err(value) => absent = absent.or(Some(value)),
            }
        }
        // A template without options does not come out of the parser.
        absent.map_or(Ok(Cow::Borrowed("")), Err)
    }

    fn fill_one(&mut self, pieces: &'a [Piece]) -> Result<Cow<'a, str>, &'a Value> {
        match pieces {
            [Piece::Literal(text)] => return Ok(Cow::Borrowed(text)),
            [Piece::Insert(value)] => return self.eval(value).ok_or(value),
            _ => {}
        }
        let mut text = String::new();
        for piece in pieces {
            match piece {
                Piece::Literal(literal) => text.push_str(literal),
                Piece::Insert(value) => text.push_str(&self.eval(value).ok_or(value)?),
            }
        }
        Ok(Cow::Owned(text))
    }

    fn holds(&mut self, condition: &'a Condition) -> bool {
        let equals = |line: &mut Self, (value, wanted): &'a (Value, Vec<String>)| {
            let text = line.eval(value);
            text.is_some_and(|text| wanted.iter().any(|one| one.trim() == text.trim_ascii()))
        };
        condition.when.iter().all(|one| equals(self, one))
            && !condition.unless.iter().any(|one| equals(self, one))
            && condition
                .present
                .iter()
                .all(|value| self.eval(value).is_some())
            && condition
                .absent
                .iter()
                .all(|value| self.eval(value).is_none())
    }
}

/// An identifier of the source as a 64-bit one; `last` spares hashing the same text again.
fn identifier(
    kind: &IdKind,
    text: &str,
    last: &mut (String, i64),
    hash: impl Fn(&str, &str) -> SubjectId,
) -> Option<i64> {
    let text = text.trim_ascii();
    match kind {
        // `123.0` is how a column of integers with gaps leaves many programs.
        IdKind::Integer => text.strip_suffix(".0").unwrap_or(text).parse().ok(),
        IdKind::Text(authority) => {
            if last.0 != text || text.is_empty() {
                text.clone_into(&mut last.0);
                last.1 = hash(authority, text).0;
            }
            Some(last.1)
        }
    }
}

/// A point after the first characters of a code that has none.
fn dotted(code: &str, first: usize) -> Cow<'static, str> {
    let code = code.trim();
    if code.len() <= first || code.contains('.') || !code.is_char_boundary(first) {
        return Cow::Owned(code.to_owned());
    }
    Cow::Owned(format!("{}.{}", &code[..first], &code[first..]))
}
