//! The account of an export: every event was written, or is told with the reason why not; what of a
//! written event its table has no place for is told too.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// What became of the events of a data set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Subjects read.
    pub subjects: u64,
    /// Events read: `events_written` and the counts of `not_held`.
    pub events_read: u64,
    /// Events that stand in a row. Several may stand in one: the events of a person, of a visit.
    pub events_written: u64,
    /// Rows by table.
    pub rows: BTreeMap<String, u64>,
    /// Events that OMOP has no place for, by reason.
    pub not_held: BTreeMap<String, u64>,
    /// Parts of written events that their table has no column for, by part.
    pub parts_not_held: BTreeMap<String, u64>,
    /// Columns that the CDM demands and the data set does not state, by what stands there.
    pub filled: BTreeMap<String, u64>,
}

impl Account {
    /// Whether every event is accounted for.
    pub fn balanced(&self) -> bool {
        self.events_read == self.events_written + self.not_held.values().sum::<u64>()
    }

    pub(super) fn not_held(&mut self, reason: &str) {
        count(&mut self.not_held, reason);
    }

    pub(super) fn part(&mut self, part: &str) {
        count(&mut self.parts_not_held, part);
    }

    pub(super) fn filled(&mut self, what: &str) {
        count(&mut self.filled, what);
    }

    /// For a person.
    pub fn to_text(&self) -> String {
        let mut text = format!(
            "{} events of {} subjects read = {} written + {} that OMOP has no place for\n",
            self.events_read,
            self.subjects,
            self.events_written,
            self.not_held.values().sum::<u64>()
        );
        let lists = [
            ("rows by table", &self.rows),
            ("events that OMOP has no place for", &self.not_held),
            (
                "parts of written events without a column",
                &self.parts_not_held,
            ),
            ("filled in because the CDM demands it", &self.filled),
        ];
        for (title, list) in lists.into_iter().filter(|(_, list)| !list.is_empty()) {
            text.push_str(&format!("\n{title}\n"));
            for (what, count) in list {
                let line = writeln!(text, "{count:>12}  {what}");
                debug_assert!(line.is_ok(), "a String takes every text");
            }
        }
        text
    }
}

fn count(list: &mut BTreeMap<String, u64>, what: &str) {
    match list.get_mut(what) {
        Some(count) => *count += 1,
        None => drop(list.insert(what.to_owned(), 1)),
    }
}
