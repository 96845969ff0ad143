//! Which files belong to which tables, told from names: the last parts of a path against the
//! patterns of a mapping, the extension left out.

use super::Mapping;
use super::language::FileRule;
use crate::files::{SourceFile, extension};

/// The extensions of tables; `.gz` may follow.
const TABLES: [&str; 5] = ["csv", "tsv", "psv", "txt", "parquet"];

/// What a file is to a mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Rows of the table with this number.
    Table(usize),
    /// Read for lookups alone.
    Lookup,
}

impl Mapping {
    /// What a file is to this mapping, by its name.
    pub(super) fn part(&self, name: &str) -> Option<Part> {
        let tables = &self.language.tables;
        if let Some(table) = tables.iter().position(|table| table.files.fits(name)) {
            return Some(Part::Table(table));
        }
        let is_lookup = self
            .language
            .lookups
            .iter()
            .any(|lookup| lookup.files.fits(name));
        is_lookup.then_some(Part::Lookup)
    }

    /// Whether files of these names are this source: every table that detection asks for is there.
    pub(super) fn is_likely<'n>(&self, names: &(impl Iterator<Item = &'n str> + Clone)) -> bool {
        let detect = &self.language.detect;
        !detect.is_empty()
            && detect.iter().all(|table| {
                let files = &self.language.tables[*table].files;
                names.clone().any(|name| files.fits(name))
            })
    }
}

/// The mappings that the names of files ask for: those given, then those shipped that are likely.
pub(super) fn likely<'m>(
    given: &'m [Mapping],
    shipped: &'m [Mapping],
    files: &[SourceFile],
) -> Vec<&'m Mapping> {
    let names = files.iter().map(|file| &*file.name);
    let shipped = shipped.iter().filter(|mapping| mapping.is_likely(&names));
    given.iter().chain(shipped).collect()
}

impl FileRule {
    /// Whether a file of this name belongs here.
    pub(super) fn fits(&self, name: &str) -> bool {
        let Some(stem) = stem_of(name) else {
            return false;
        };
        self.patterns.iter().any(|pattern| {
            let wanted: Vec<&str> = pattern.split('/').collect();
            let parts: Vec<&str> = stem.split('/').collect();
            let skip = parts.len().checked_sub(wanted.len());
            skip.is_some_and(|skip| {
                wanted
                    .iter()
                    .zip(&parts[skip..])
                    .all(|(pattern, part)| is_match(pattern.as_bytes(), part.as_bytes()))
            })
        })
    }
}

/// The name of a table's file in lower case without its extensions.
pub(super) fn stem_of(name: &str) -> Option<String> {
    if !TABLES.contains(&extension(name).as_str()) {
        return None;
    }
    let lower = name.to_ascii_lowercase();
    let plain = lower.strip_suffix(".gz").unwrap_or(&lower);
    plain.rsplit_once('.').map(|(stem, _)| stem.to_owned())
}

/// `*` stands for any characters, `?` for one, `[0-9]` for one of a range.
fn is_match(pattern: &[u8], text: &[u8]) -> bool {
    match pattern {
        [] => text.is_empty(),
        [b'*', rest @ ..] => (0..=text.len()).any(|skip| is_match(rest, &text[skip..])),
        [b'[', low, b'-', high, b']', rest @ ..] => {
            matches!(text, [first, after @ ..]
                if (low..=high).contains(&first) && is_match(rest, after))
        }
        [b'?', rest @ ..] => matches!(text, [_, after @ ..] if is_match(rest, after)),
        [one, rest @ ..] => {
            matches!(text, [first, after @ ..] if first == one && is_match(rest, after))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_patterns_by_their_last_parts() {
        let rule = |pattern: &str| FileRule {
            patterns: vec![pattern.to_owned()],
            nulls: Vec::new(),
        };
        for (pattern, name, fits) in [
            ("patients", "hosp/patients.csv.gz", true),
            ("patients", "Patients.CSV", true),
            ("patients", "my_patients.csv", false),
            ("hosp/patients", "a/hosp/patients.parquet", true),
            ("hosp/patients", "icu/patients.parquet", false),
            ("outcomes-?", "Outcomes-a.txt", true),
            ("[0-9][0-9]", "set-a/13.txt", true),
            ("[0-9][0-9]", "set-a/1x.txt", false),
            ("part-*", "part-00.tsv", true),
            ("patients", "patients.json", false),
        ] {
            assert_eq!(rule(pattern).fits(name), fits, "{pattern} {name}");
        }
    }
}
