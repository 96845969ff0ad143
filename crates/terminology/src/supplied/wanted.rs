//! The codes that a data set needs, under the names that vocabularies give them.

use crate::spelling::Coded;
use crate::standing::parent;
use longitude_core::Code;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// OMOP's names of systems that have another name here; the others keep theirs
/// (`vocabulary_id` of <https://ohdsi.github.io/CommonDataModel/cdm54.html#vocabulary>).
pub(super) const OMOP_NAMES: &[(&str, &str)] = &[("CPT4", "CPT"), ("ICD9Proc", "ICD9PCS")];

/// Codes by system and value, with the other spellings in which they are wanted.
#[derive(Default)]
pub(super) struct Wanted {
    systems: BTreeMap<Arc<str>, BTreeMap<Arc<str>, BTreeSet<Code>>>,
}

impl Wanted {
    /// These codes and no others.
    pub(super) fn of(codes: &BTreeSet<Code>) -> Self {
        let mut wanted = Self::default();
        for code in codes {
            let own = own(code);
            let spellings = wanted.add(&own);
            if own != *code {
                spellings.insert(code.clone());
            }
        }
        wanted
    }

    /// These codes and what stands above them by the shipped systems.
    pub(super) fn with_above(codes: &BTreeSet<Code>) -> Self {
        let mut wanted = Self::of(codes);
        for code in codes {
            for above in std::iter::successors(parent(code), parent) {
                wanted.add(&above);
            }
        }
        wanted
    }

    /// Adds a code in its own spelling; its other ones.
    pub(super) fn add(&mut self, code: &Code) -> &mut BTreeSet<Code> {
        let values = self.systems.entry(Arc::clone(&code.system)).or_default();
        values.entry(Arc::clone(&code.value)).or_default()
    }

    /// Whether a code is wanted.
    pub(super) fn has(&self, system: &str, value: &str) -> bool {
        let values = self.systems.get(system);
        values.is_some_and(|values| values.contains_key(value))
    }

    /// The wanted codes of a system.
    pub(super) fn values(&self, system: &str) -> impl Iterator<Item = &Arc<str>> {
        self.systems
            .get(system)
            .into_iter()
            .flat_map(BTreeMap::keys)
    }

    /// Each code that is wanted in other spellings, with these.
    pub(super) fn spellings(&self) -> impl Iterator<Item = (Code, &BTreeSet<Code>)> {
        self.systems.iter().flat_map(|(system, values)| {
            values.iter().map(|(value, spellings)| {
                (Code::new(Arc::clone(system), Arc::clone(value)), spellings)
            })
        })
    }
}

/// A code as its system spells it. MIMIC-IV's procedures of ICD-9 and OMOP's names of systems are
/// read here, for [`Coded`] knows the shipped systems only.
fn own(code: &Code) -> Code {
    if let Some(coded) = Coded::of(code) {
        return coded.to_code();
    }
    if &*code.system == "PROCEDURE"
        && let Some(plain) = code.value.strip_prefix("ICD//9//")
    {
        return Code::new("ICD9PCS", procedure(plain));
    }
    let renamed = OMOP_NAMES
        .iter()
        .find(|(theirs, _)| **theirs == *code.system);
    renamed.map_or_else(
        || code.clone(),
        |(_, ours)| Code::new(*ours, Arc::clone(&code.value)),
    )
}

/// A procedure of ICD-9-CM with its point after the second digit.
fn procedure(plain: &str) -> String {
    match plain.split_at_checked(2) {
        Some((category, rest)) if !rest.is_empty() && !plain.contains('.') => {
            format!("{category}.{rest}")
        }
        _ => plain.to_owned(),
    }
}
