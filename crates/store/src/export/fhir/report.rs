//! The account of an export: every event is carried whole, carried with named losses, or not
//! carried for a named reason. Where an event came from is not counted: files, records and rules
//! of the source are this data set's own.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// What of an event is lost, by name.
pub(super) type Losses = Vec<&'static str>;

/// What became of the events of a data set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Subjects read.
    pub subjects: u64,
    /// Events read: `events_whole`, `events_with_losses` and the counts of `not_carried`.
    pub events_read: u64,
    /// Events of which everything stands in a resource.
    pub events_whole: u64,
    /// Events that stand in a resource without a part of them, which `losses` names.
    pub events_with_losses: u64,
    /// Resources written, by type.
    pub resources: BTreeMap<String, u64>,
    /// Events that stand nowhere, by reason.
    pub not_carried: BTreeMap<String, u64>,
    /// Parts of carried events that their resource has no element for, by part. An event may lack
    /// several.
    pub losses: BTreeMap<String, u64>,
    /// Elements that FHIR demands and the data set does not state, by what stands there.
    pub filled: BTreeMap<String, u64>,
}

impl Account {
    /// Whether every event is accounted for.
    pub fn balanced(&self) -> bool {
        let carried = self.events_whole + self.events_with_losses;
        self.events_read == carried + self.not_carried.values().sum::<u64>()
    }

    pub(super) fn carried(&mut self, losses: &[&'static str]) {
        if losses.is_empty() {
            self.events_whole += 1;
            return;
        }
        self.events_with_losses += 1;
        for part in losses {
            count(&mut self.losses, part);
        }
    }

    pub(super) fn not_carried(&mut self, reason: &str) {
        count(&mut self.not_carried, reason);
    }

    pub(super) fn filled(&mut self, what: &str) {
        count(&mut self.filled, what);
    }

    /// For a person.
    pub fn to_text(&self) -> String {
        let mut text = format!(
            "{} events of {} subjects read = {} carried whole + {} with losses + {} not carried\n",
            self.events_read,
            self.subjects,
            self.events_whole,
            self.events_with_losses,
            self.not_carried.values().sum::<u64>()
        );
        for (title, list) in self.lists() {
            text.push_str(&format!("\n{title}\n"));
            for (what, count) in list {
                let line = writeln!(text, "{count:>12}  {what}");
                debug_assert!(line.is_ok(), "a String takes every text");
            }
        }
        text
    }

    /// The lists that are not empty, with their titles.
    fn lists(&self) -> impl Iterator<Item = (&'static str, &BTreeMap<String, u64>)> {
        let lists = [
            ("resources", &self.resources),
            ("events that are not carried", &self.not_carried),
            ("parts of carried events without an element", &self.losses),
            ("filled in because FHIR demands it", &self.filled),
        ];
        lists.into_iter().filter(|(_, list)| !list.is_empty())
    }
}

fn count(list: &mut BTreeMap<String, u64>, what: &str) {
    match list.get_mut(what) {
        Some(count) => *count += 1,
        None => drop(list.insert(what.to_owned(), 1)),
    }
}
