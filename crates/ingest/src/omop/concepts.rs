//! The vocabulary: which code a concept identifier stands for. Compact, for the whole of Athena has
//! nine million concepts: 16 bytes a concept and the text of its code.

use crate::table::{Header, Row};
use longitude_core::Code;
use std::sync::Arc;

/// Codes by concept identifier.
#[derive(Default)]
pub(super) struct Concepts {
    entries: Vec<Entry>,
    codes: String,
    vocabularies: Vec<Arc<str>>,
    is_sorted: bool,
}

#[derive(Clone, Copy)]
struct Entry {
    id: i64,
    start: u32,
    length: u16,
    vocabulary: u16,
}

/// Where CONCEPT's columns stand.
pub(super) struct Columns {
    id: Option<usize>,
    vocabulary: Option<usize>,
    code: Option<usize>,
}

impl Columns {
    /// The columns that are read.
    pub(super) const NAMES: [&'static str; 3] = ["concept_id", "vocabulary_id", "concept_code"];

    pub(super) fn of(header: &Header) -> Self {
        let [id, vocabulary, code] = Self::NAMES.map(|name| header.find(name));
        Self {
            id,
            vocabulary,
            code,
        }
    }
}

impl Concepts {
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds a row of CONCEPT; false where it is none.
    pub(super) fn add(&mut self, row: &Row<'_>, columns: &Columns) -> bool {
        let id = row.filled(columns.id).and_then(|id| id.parse().ok());
        let (vocabulary, code) = (row.filled(columns.vocabulary), row.filled(columns.code));
        let (Some(id), Some(vocabulary), Some(code)) = (id, vocabulary, code) else {
            return false;
        };
        self.push(id, vocabulary, code)
    }

    fn push(&mut self, id: i64, vocabulary: &str, code: &str) -> bool {
        let Some(vocabulary) = self.vocabulary(vocabulary) else {
            return false;
        };
        let start = u32::try_from(self.codes.len());
        let (Ok(start), Ok(length)) = (start, u16::try_from(code.len())) else {
            return false;
        };
        self.codes.push_str(code);
        self.entries.push(Entry {
            id,
            start,
            length,
            vocabulary,
        });
        true
    }

    /// The place of a vocabulary. CONCEPT is mostly in runs of one, so the last is tried first.
    fn vocabulary(&mut self, name: &str) -> Option<u16> {
        let last = self.entries.last().map(|entry| entry.vocabulary);
        if let Some(last) = last
            && self
                .vocabularies
                .get(usize::from(last))
                .is_some_and(|known| **known == *name)
        {
            return Some(last);
        }
        let known = self.vocabularies.iter().position(|known| **known == *name);
        let place = known.unwrap_or_else(|| {
            self.vocabularies.push(name.into());
            self.vocabularies.len() - 1
        });
        u16::try_from(place).ok()
    }

    /// Takes what another piece of the table holds.
    pub(super) fn append(&mut self, other: &Self) {
        for entry in &other.entries {
            let vocabulary = &other.vocabularies[usize::from(entry.vocabulary)];
            let start = entry.start as usize;
            let code = &other.codes[start..start + usize::from(entry.length)];
            self.push(entry.id, vocabulary, code);
        }
    }

    /// Makes look-ups possible. Of two rows of one concept the first counts.
    pub(super) fn sort(&mut self) {
        self.entries.sort_by_key(|entry| entry.id);
        self.entries.dedup_by_key(|entry| entry.id);
        self.is_sorted = true;
    }

    /// The code of a concept.
    pub(super) fn get(&self, id: i64) -> Option<Code> {
        debug_assert!(self.is_sorted || self.is_empty(), "sorted after loading");
        let place = self.entries.binary_search_by_key(&id, |entry| entry.id);
        let entry = self.entries.get(place.ok()?)?;
        let start = entry.start as usize;
        let value = self.codes.get(start..start + usize::from(entry.length))?;
        Some(Code {
            system: Arc::clone(&self.vocabularies[usize::from(entry.vocabulary)]),
            value: value.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_make_one_vocabulary() {
        let mut all = Concepts::default();
        let mut other = Concepts::default();
        all.push(8507, "Gender", "M");
        other.push(2_000_000_001, "site", "x y");
        other.push(8507, "Gender", "other");
        other.push(-3, "Gender", "F");
        all.append(&other);
        all.sort();
        let show = |id| all.get(id).map(|code| code.to_meds().into_owned());
        assert_eq!(show(8507).as_deref(), Some("Gender//M"));
        assert_eq!(show(2_000_000_001).as_deref(), Some("site//x y"));
        assert_eq!(show(-3).as_deref(), Some("Gender//F"));
        assert_eq!(show(1), None);
    }
}
