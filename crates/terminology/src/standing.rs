//! What is known of a code.

use crate::icd;
use crate::spelling::Coded;
use longitude_core::Code;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a terminology says of a code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// What it means; none where only its place is known.
    pub description: Option<Arc<str>>,
    /// The codes directly above it, the classification's own first.
    pub parents: Vec<Code>,
    /// Whether it groups codes and is none that a record should be coded with.
    pub is_header: bool,
}

impl Entry {
    /// Adds what another source says. The first description counts.
    pub(crate) fn merge(&mut self, more: Self) {
        self.description = self.description.take().or(more.description);
        for parent in more.parents {
            if !self.parents.contains(&parent) {
                self.parents.push(parent);
            }
        }
        self.is_header |= more.is_header;
    }
}

/// How a code stands to the terminologies at hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is a code of its system.
    Known(Entry),
    /// Its system is held and has no such code; what stands above it by its letters.
    Unknown(Entry),
    /// Its system is held, and no code of it looks like this.
    Malformed,
    /// Its system is not held.
    NotHeld,
}

/// The terminologies at hand: those that are shipped, and entries that the institution supplied.
#[derive(Clone, Debug, Default)]
pub struct Terminology {
    supplied: BTreeMap<Code, Entry>,
    /// Systems of which the institution supplied everything that the data set needs.
    whole: Vec<Arc<str>>,
}

impl Terminology {
    /// Those that are shipped.
    pub fn shipped() -> Self {
        Self::default()
    }

    /// With entries of the institution's own. Of the systems in `whole` a code without an entry is
    /// unknown; of others nothing is said.
    #[must_use]
    pub fn with(
        mut self,
        entries: impl IntoIterator<Item = (Code, Entry)>,
        whole: impl IntoIterator<Item = Arc<str>>,
    ) -> Self {
        for (code, entry) in entries {
            self.supplied.entry(code).or_default().merge(entry);
        }
        self.whole.extend(whole);
        self
    }

    /// How a code stands, in whatever spelling it is written. Of a code that is spelled otherwise
    /// than its system does, the only classification's parent is the code in that spelling.
    pub fn look_up(&self, code: &Code) -> Standing {
        let own = self.supplied.get(code).cloned();
        let Some(coded) = Coded::of(code) else {
            return match own {
                Some(entry) => Standing::Known(entry),
                None if self.whole.contains(&code.system) => Standing::Unknown(Entry::default()),
                None => Standing::NotHeld,
            };
        };
        let listed = icd::listed(&coded);
        let own = own.unwrap_or_default();
        let mut parents: Vec<Code> = parent(code).into_iter().collect();
        let more = own.parents.into_iter();
        let more: Vec<_> = more.filter(|one| !parents.contains(one)).collect();
        parents.extend(more);
        let described = listed.as_ref().and_then(|listed| listed.description);
        let entry = Entry {
            description: described.map(Arc::from).or(own.description),
            parents,
            is_header: listed.as_ref().is_some_and(|listed| listed.is_header),
        };
        if listed.is_some() || entry.description.is_some() {
            Standing::Known(entry)
        } else if coded.is_well_formed() {
            Standing::Unknown(entry)
        } else {
            Standing::Malformed
        }
    }

    /// What is known of a code and of everything above it, each once, the code itself first.
    pub fn lineage(&self, code: &Code) -> BTreeMap<Code, Entry> {
        let mut found = BTreeMap::new();
        let mut left = vec![code.clone()];
        while let Some(next) = left.pop() {
            if found.contains_key(&next) {
                continue;
            }
            let entry = match self.look_up(&next) {
                Standing::Known(entry) | Standing::Unknown(entry) => entry,
                Standing::Malformed | Standing::NotHeld => Entry::default(),
            };
            left.extend(entry.parents.iter().cloned());
            found.insert(next, entry);
        }
        found
    }
}

/// The code directly above a code of a shipped system: for another spelling the system's own, then
/// the code shortened to its category, then block and chapter. None at the top and for other
/// systems.
pub fn parent(code: &Code) -> Option<Code> {
    let coded = Coded::of(code)?;
    let own = coded.to_code();
    if own == *code {
        icd::above(&coded).map(|above| above.to_code())
    } else {
        coded.is_well_formed().then_some(own)
    }
}

#[cfg(test)]
mod tests;
