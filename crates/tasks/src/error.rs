//! What is wrong with a task file: the place, what was found, and the mend.

use crate::names;
use crate::yaml::Place;

/// The result of reading and compiling a task.
pub type Result<T> = std::result::Result<T, Error>;

/// A fault of a task file. It holds what stands in the file, never what stands in a record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}")]
pub struct Error {
    /// Where, as file, line and column.
    pub place: Place,
    /// What is wrong.
    pub message: String,
    /// How to mend it.
    pub mend: String,
}

impl Error {
    pub(crate) fn new(place: &Place, message: impl Into<String>, mend: impl Into<String>) -> Self {
        Self {
            place: place.clone(),
            message: message.into(),
            mend: mend.into(),
        }
    }
}

/// The name of `known` that is nearest to `name`, where one is near enough to be meant.
pub(crate) fn nearest<'k>(name: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    let allowed = (name.chars().count() / 3).max(2).min(name.chars().count());
    let distances = known.map(|one| (distance(name, one), one));
    let best = distances.min_by_key(|(far, _)| *far)?;
    (best.0 <= allowed).then_some(best.1)
}

/// The mend of a name that is not known: the one that may be meant, or all that there are.
pub fn meant<'k>(name: &str, known: impl Iterator<Item = &'k str> + Clone) -> String {
    let own = names::PLAIN_KEYS.into_iter();
    match nearest(name, own.chain(known.clone())) {
        Some(meant) => format!("is `{meant}` meant?"),
        None => format!("known are {}", known.collect::<Vec<_>>().join(", ")),
    }
}

/// Levenshtein's distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let changed = corner + usize::from(x != *y);
            corner = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(corner + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_name_finds_the_meant_one() {
        let known = ["start_inclusive", "end_inclusive", "has", "label"];
        let near = |name| nearest(name, known.into_iter());
        assert_eq!(near("start_inclusiv"), Some("start_inclusive"));
        assert_eq!(near("lable"), Some("label"));
        assert_eq!(near("labl"), Some("label"));
        assert_eq!(near("zzz"), None);
    }
}
