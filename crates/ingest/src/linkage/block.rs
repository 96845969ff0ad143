//! Which pairs are compared at all. Each pass groups subjects by a key; a pair that agrees in one
//! of the keys is a candidate.

use super::compare::Profile;
use longitude_core::SubjectId;
use std::collections::{BTreeMap, BTreeSet};

/// Subjects in one group, at most: a larger one (a placeholder date, a shelter's telephone) tells
/// nothing, and its pairs would be compared for ever.
const GROUP_MAX: usize = 200;

/// A pair, the smaller subject first.
pub(super) type Pair = (SubjectId, SubjectId);

/// A pass: the keys of a profile under it.
type Keys = fn(&Profile) -> Vec<String>;

/// The passes; each tolerates faults in what the others need.
pub(super) const PASSES: [Keys; 4] = [by_birth, by_names, by_contact, by_place];

pub(super) fn by_birth(profile: &Profile) -> Vec<String> {
    let date = profile.birth.map(|(y, m, d, _)| format!("{y}-{m}-{d}"));
    date.into_iter().collect()
}

/// The sound of the family name and the first letter of the given name.
pub(super) fn by_names(profile: &Profile) -> Vec<String> {
    let mut keys = Vec::new();
    for sound in profile.sounds() {
        for given in &profile.given {
            keys.push(format!(
                "{sound}{}",
                given.chars().take(1).collect::<String>()
            ));
        }
    }
    keys
}

fn by_contact(profile: &Profile) -> Vec<String> {
    profile.contact.iter().cloned().collect()
}

/// Postal code and year of birth.
fn by_place(profile: &Profile) -> Vec<String> {
    let year = profile.birth.map_or(0, |(year, _, _, _)| year);
    let key = |code: &String| format!("{code} {year}");
    profile.postal.iter().map(key).collect()
}

/// The pairs of one pass.
pub(super) fn pairs(profiles: &BTreeMap<SubjectId, Profile>, keys: Keys) -> BTreeSet<Pair> {
    let mut groups: BTreeMap<String, BTreeSet<SubjectId>> = BTreeMap::new();
    for (subject, profile) in profiles {
        for key in keys(profile) {
            groups.entry(key).or_default().insert(*subject);
        }
    }
    let mut pairs = BTreeSet::new();
    for group in groups
        .into_values()
        .filter(|group| group.len() <= GROUP_MAX)
    {
        let group: Vec<_> = group.into_iter().collect();
        for (at, a) in group.iter().enumerate() {
            pairs.extend(group[at + 1..].iter().map(|b| (*a, *b)));
        }
    }
    pairs
}

/// The pairs of all passes.
pub(super) fn candidates(profiles: &BTreeMap<SubjectId, Profile>) -> BTreeSet<Pair> {
    PASSES
        .iter()
        .flat_map(|keys| pairs(profiles, *keys))
        .collect()
}
