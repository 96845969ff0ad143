//! What every mapping of a segment asks: when, which code, whose number, and whether what it says
//! stands beside what other messages say.

use super::{Mapper, WITHDRAWN};
use crate::batch::Note;
use crate::hash::hash64;
use crate::hl7v2::message::{Field, Segment};
use crate::latest::{Place, Standing, Statement};
use crate::systems::{self, Spelled};
use crate::when::{When, parse_hl7, remark};
use longitude_core::{Code, IssueKind};
use std::borrow::Cow;

/// The authority of an HD field or component: its universal id, else its namespace.
pub(super) fn authority(field: Field<'_>) -> String {
    // A field parts into components, a component into sub-components.
    let of = |namespace: Field<'_>, universal: Field<'_>| {
        let universal = universal.text();
        if universal.is_empty() {
            namespace.text().into_owned()
        } else {
            universal.into_owned()
        }
    };
    let first = field.first();
    let by_sub = of(first.component(1).sub(1), first.component(1).sub(2));
    let by_component = first.component(2).text();
    if by_component.is_empty() {
        by_sub
    } else {
        by_component.into_owned()
    }
}

/// What every mapping asks.
impl Mapper<'_> {
    /// A time that is there and right, or nothing; a wrong one is warned of.
    pub(super) fn time(&mut self, field: Field<'_>, element: &'static str) -> Option<When> {
        let text = field.first().component(1).text();
        if text.is_empty() {
            return None;
        }
        let when = parse_hl7(&text, self.here.clock.as_ref());
        if let Some(note) = remark(when, element) {
            self.rows.warn(note);
        }
        when
    }

    /// The first of several fields that holds a time; else when it became known by the message.
    pub(super) fn place(&mut self, candidates: &[(&'static str, Field<'_>)]) -> Result<When, Note> {
        for (element, field) in candidates {
            if let Some(when) = self.time(*field, element) {
                return Ok(when);
            }
        }
        self.told(candidates.first().map_or("time", |(element, _)| *element))
    }

    /// When the message says that what it tells happened or was sent: for what has no time.
    pub(super) fn told(&mut self, element: &'static str) -> Result<When, Note> {
        let Some(when) = self.here.occurred.or(self.here.sent) else {
            return Err(Note::at(IssueKind::MissingTime, element));
        };
        let detail = [element, ": dated by the message"].concat();
        self.rows
            .warn(Note::new(IssueKind::MissingTime, element, detail));
        Ok(when)
    }

    /// The codings of a CE or CWE field or repetition; `system` where it names none.
    pub(super) fn codings<'f>(field: Field<'f>, system: &str) -> Vec<(Cow<'f, str>, Cow<'f, str>)> {
        let mut codings = Vec::new();
        for first in [1, 4, 10] {
            let value = field.component(first).text();
            if value.is_empty() {
                continue;
            }
            let named = field.component(first + 2).text();
            let oid = match first {
                1 => field.component(14).text(),
                4 => field.component(17).text(),
                _ => field.component(20).text(),
            };
            let (named, oid) = (named.trim(), oid.trim());
            let system = match (named.is_empty(), oid.is_empty()) {
                (false, _) => named,
                (true, false) => oid,
                (true, true) => system,
            };
            let (short, spelled) = systems::of_v2(system, &value);
            codings.push((
                Cow::Owned(short.into_owned()),
                Cow::Owned(spelled.into_owned()),
            ));
        }
        codings
    }

    /// The code of a CE or CWE field, else its text.
    pub(super) fn coded(
        &mut self,
        field: Field<'_>,
        system: &str,
        element: &'static str,
    ) -> Result<Code, Note> {
        let field = field.first();
        let codings: Vec<Spelled<'_>> = Self::codings(field, system);
        if let Some(code) = self.rows.prefer(&codings) {
            return Ok(code);
        }
        let text = text_of(field);
        if text.is_empty() {
            return Err(Note::at(IssueKind::MissingCode, element));
        }
        if let Some(text) = systems::text_code(&text) {
            return Ok(self.rows.code(systems::TEXT, &text));
        }

        let detail = [element, ": text too long to stand for a code"].concat();
        Err(Note::new(IssueKind::MissingCode, element, detail))
    }

    /// What became of a statement about `key` that says `content`.
    pub(super) fn standing(&mut self, key: u64, content: u64) -> Standing {
        let stated = Statement {
            key,
            content,
            place: Place {
                micros: self.here.sent.map_or(i64::MIN + 1, |when| when.instant.0),
                file: self.world.file,
                row: self.rows.row(),
            },
        };
        if let Some(latest) = self.world.latest {
            return latest.standing(stated);
        }
        self.statements.push(stated);
        Standing::Stands
    }

    /// Whether a statement makes events.
    pub(super) fn stands(&mut self, key: u64, content: u64) -> bool {
        matches!(
            self.standing(key, content),
            Standing::Stands | Standing::Unchecked
        )
    }

    /// Goes on only with the statement that stands; the row of another is an issue.
    pub(super) fn claim(&mut self, key: u64, content: u64, name: &'static str) -> Result<(), Note> {
        let (kind, why) = match self.standing(key, content) {
            Standing::Stands => return Ok(()),
            Standing::Unchecked => {
                let detail = [name, ": not compared with later messages"].concat();
                self.rows
                    .warn(Note::new(IssueKind::DuplicateRecord, name, detail));
                return Ok(());
            }
            Standing::Restated => (IssueKind::DuplicateRecord, ": said by another message"),
            Standing::Superseded => (IssueKind::Filtered, ": a later message says otherwise"),
        };
        Err(Note::new(kind, name, [name, why].concat()))
    }

    /// Takes an earlier statement back. The row itself is always an issue.
    pub(super) fn withdraw(&mut self, key: u64, element: &'static str) -> Note {
        self.standing(key, WITHDRAWN);
        let detail = [element, ": withdrawn"].concat();
        Note::new(IssueKind::NotDone, element, detail)
    }

    /// The key of something of this patient.
    pub(super) fn key_of(&self, name: &str, id: &str) -> u64 {
        let subject = self.rows.subject().map_or(0, |subject| subject.0);
        hash64(name, &format!("{subject} {id}"))
    }

    /// The key of something of this visit, or of the patient where no visit is named.
    pub(super) fn key_of_visit(&self, name: &str, id: &str) -> u64 {
        let visit = self.rows.encounter().map_or(0, |encounter| encounter.0);
        self.key_of(name, &format!("{visit} {id}"))
    }
}

/// What a segment says in some of its fields, as a hash that is never [`WITHDRAWN`].
pub(super) fn content(segment: Segment<'_, '_>, fields: &[usize]) -> u64 {
    let mut state = 1;
    for number in fields {
        let text = segment.field(*number).raw().trim_ascii();
        state = hash64(&format!("{state} {number}"), text);
    }
    state.max(1)
}

/// The text of a CE or CWE field.
pub(super) fn text_of(field: Field<'_>) -> String {
    [2, 9, 5]
        .into_iter()
        .map(|number| field.component(number).text())
        .find(|text| !text.is_empty())
        .unwrap_or_default()
        .into_owned()
}
