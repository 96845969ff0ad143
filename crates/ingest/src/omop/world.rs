//! What rows are resolved through: the vocabulary, who stands in PERSON, and where persons live.
//! Memory: 16 bytes a concept and its code's text, 12 bytes a person, the table of locations.

use super::concepts::Concepts;
use super::place::Address;
use crate::clock::Clock;
use crate::hash::Table;
use crate::options::Omop;
use longitude_core::SubjectId;
use std::collections::BTreeMap;

/// What rows are resolved through.
pub(super) struct World<'o> {
    pub(super) options: &'o Omop,
    /// Of times that are written without an offset.
    pub(super) clock: Option<&'o Clock>,
    pub(super) concepts: Concepts,
    /// `None` where there is no PERSON table: then everybody is taken for known.
    pub(super) persons: Option<Table<()>>,
    pub(super) locations: BTreeMap<i64, Address>,
}

impl World<'_> {
    /// Whether PERSON holds somebody.
    pub(super) fn knows(&self, subject: SubjectId) -> bool {
        let key = person_key(subject.0);
        let persons = self.persons.as_ref();
        persons.is_none_or(|persons| persons.get(key).is_some())
    }
}

/// The table of persons takes 0 and 1 for the same key; identifiers of persons must not meet.
pub(super) fn person_key(id: i64) -> u64 {
    match id.cast_unsigned() {
        0 => u64::MAX / 3,
        key => key,
    }
}
