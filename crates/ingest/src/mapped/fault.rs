//! What is wrong with a mapping file: line, column, what, and how to mend it, with the nearest
//! known name. Faults are collected, so that one check shows them all.

use std::fmt;

/// One fault of a mapping file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The 1-based line.
    pub line: usize,
    /// The 1-based column, in characters.
    pub column: usize,
    /// What is wrong.
    pub what: String,
    /// How to mend it.
    pub mend: String,
}

/// A mapping file that cannot be used, with all its faults in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct MappingError {
    /// The file, as the caller names it.
    pub file: String,
    /// At least one fault.
    pub faults: Vec<Fault>,
}

impl fmt::Display for MappingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.faults.iter().enumerate() {
            let newline = if index == 0 { "" } else { "\n" };
            write!(f, "{newline}{}:{fault}", self.file)?;
        }
        Ok(())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            line,
            column,
            what,
            mend,
        } = self;
        write!(f, "{line}:{column}: {what}; {mend}")
    }
}

/// The text of a mapping file and the faults found in it so far.
pub(super) struct Faults<'t> {
    text: &'t str,
    found: Vec<(usize, Fault)>,
}

impl<'t> Faults<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self {
            text,
            found: Vec::new(),
        }
    }

    /// Notes a fault at a byte of the text.
    pub(super) fn add(&mut self, at: usize, what: impl Into<String>, mend: impl Into<String>) {
        let (line, column) = place(self.text, at);
        let fault = Fault {
            line,
            column,
            what: what.into(),
            mend: mend.into(),
        };
        if !self.found.iter().any(|(_, known)| *known == fault) {
            self.found.push((at, fault));
        }
    }

    /// Notes a name that is not known, and the nearest that is. `what` is the message up to the
    /// name: `there is no map`.
    pub(super) fn unknown<'n>(
        &mut self,
        at: usize,
        (what, name): (&str, &str),
        known: impl IntoIterator<Item = &'n str>,
    ) {
        let known: Vec<&str> = known.into_iter().collect();
        let mend = match nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.is_empty() => "none is declared".to_owned(),
            None => format!("known: {}", known.join(", ")),
        };
        self.add(at, format!("{what} `{name}`"), mend);
    }

    /// The faults in the order of the file.
    pub(super) fn finish(mut self) -> Vec<Fault> {
        self.found.sort_by_key(|(at, _)| *at);
        self.found.into_iter().map(|(_, fault)| fault).collect()
    }
}

/// Line and column of a byte, from 1.
pub(super) fn place(text: &str, at: usize) -> (usize, usize) {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    let before = &text[..at];
    let line_start = before.rfind('\n').map_or(0, |end| end + 1);
    let line = before.matches('\n').count() + 1;
    (line, before[line_start..].chars().count() + 1)
}

/// The known name with the fewest edits, where these are few.
pub(super) fn nearest<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let lower = name.to_lowercase();
    let most = (lower.chars().count() / 3).max(2);
    known
        .map(|one| (edits(&lower, &one.to_lowercase()), one))
        .filter(|(distance, _)| *distance <= most)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, one)| one)
}

/// The Levenshtein distance.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_names() {
        assert_eq!(place("ab\nçd", 6), (2, 3));
        assert_eq!(place("ab", 99), (1, 3));
        assert_eq!(edits("kitten", "sitting"), 3);
        let known = ["valuenum", "valueuom", "value"];
        assert_eq!(nearest("valunum", known.into_iter()), Some("valuenum"));
        assert_eq!(nearest("ValueUOM", known.into_iter()), Some("valueuom"));
        assert_eq!(nearest("subject", known.into_iter()), None);
    }
}
