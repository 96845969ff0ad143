//! Reading the parts of a mapping file: a TOML table whose keys are known, whose values have a
//! type, and whose every fault has a place.

use super::fault::Faults;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A text of the file with the byte at which its content begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text<'t> {
    pub(super) text: &'t str,
    pub(super) at: usize,
}

/// A table of the file and where it stands.
#[derive(Clone, Copy)]
pub(super) struct Section<'d, 'i> {
    pub(super) table: &'d DeTable<'i>,
    pub(super) at: usize,
}

impl<'d, 'i> Section<'d, 'i> {
    /// Faults for every key that is not in `known`.
    pub(super) fn only(self, what: &str, known: &[&str], faults: &mut Faults<'_>) {
        for key in self.table.keys() {
            let name = key.get_ref().as_ref();
            if !known.contains(&name) {
                let kind = format!("{what} has no key");
                faults.unknown(key.span().start, (&kind, name), known.iter().copied());
            }
        }
    }

    pub(super) fn get(self, key: &str) -> Option<&'d Spanned<DeValue<'i>>> {
        self.table.get(key)
    }

    pub(super) fn has(self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// The place of a key's value, or of the table where the key is absent.
    pub(super) fn place(self, key: &str) -> usize {
        self.get(key).map_or(self.at, |value| value.span().start)
    }

    /// The text under a key.
    pub(super) fn text(self, key: &str, faults: &mut Faults<'_>) -> Option<Text<'d>> {
        text_of(self.get(key)?, key, faults)
    }

    /// The text under a key that must be there.
    pub(super) fn needed(self, what: &str, key: &str, faults: &mut Faults<'_>) -> Option<Text<'d>> {
        if !self.has(key) {
            let said = format!("{what} has no `{key}`");
            faults.add(self.at, said, format!("add `{key} = \"...\"`"));
        }
        self.text(key, faults)
    }

    /// A text, or a list of texts, under a key.
    pub(super) fn texts(self, key: &str, faults: &mut Faults<'_>) -> Vec<Text<'d>> {
        self.get(key)
            .map_or_else(Vec::new, |value| texts_of(value, key, faults))
    }

    /// `true` or `false` under a key; false where it is absent.
    pub(super) fn flag(self, key: &str, faults: &mut Faults<'_>) -> bool {
        let Some(value) = self.get(key) else {
            return false;
        };
        value.get_ref().as_bool().unwrap_or_else(|| {
            wrong_type(value, key, "true or false", faults);
            false
        })
    }

    /// The table under a key.
    pub(super) fn section(self, key: &str, faults: &mut Faults<'_>) -> Option<Section<'d, 'i>> {
        section_of(self.get(key)?, key, faults)
    }

    /// The named tables under a key, in the order of the file.
    pub(super) fn named(
        self,
        key: &str,
        faults: &mut Faults<'_>,
    ) -> Vec<(Text<'d>, Section<'d, 'i>)> {
        let Some(outer) = self.section(key, faults) else {
            return Vec::new();
        };
        let mut all: Vec<_> = outer
            .table
            .iter()
            .filter_map(|(name, value)| {
                let text = Text {
                    text: name.get_ref(),
                    at: name.span().start,
                };
                Some((text, section_of(value, name.get_ref(), faults)?))
            })
            .collect();
        all.sort_by_key(|(name, _)| name.at);
        all
    }

    /// The tables of a list under a key.
    pub(super) fn list(self, key: &str, faults: &mut Faults<'_>) -> Vec<Section<'d, 'i>> {
        let Some(value) = self.get(key) else {
            return Vec::new();
        };
        let Some(items) = value.get_ref().as_array() else {
            wrong_type(value, key, "a list of tables", faults);
            return Vec::new();
        };
        items
            .iter()
            .filter_map(|item| section_of(item, key, faults))
            .collect()
    }
}

pub(super) fn section_of<'d, 'i>(
    value: &'d Spanned<DeValue<'i>>,
    key: &str,
    faults: &mut Faults<'_>,
) -> Option<Section<'d, 'i>> {
    let Some(table) = value.get_ref().as_table() else {
        wrong_type(value, key, "a table", faults);
        return None;
    };
    Some(Section {
        table,
        at: value.span().start,
    })
}

/// A text. The place is that of its first character, for a text in plain quotes.
pub(super) fn text_of<'d>(
    value: &'d Spanned<DeValue<'_>>,
    key: &str,
    faults: &mut Faults<'_>,
) -> Option<Text<'d>> {
    let Some(text) = value.get_ref().as_str() else {
        wrong_type(value, key, "a text in quotes", faults);
        return None;
    };
    Some(Text {
        text,
        at: value.span().start + 1,
    })
}

/// A text, or a list of them.
pub(super) fn texts_of<'d>(
    value: &'d Spanned<DeValue<'_>>,
    key: &str,
    faults: &mut Faults<'_>,
) -> Vec<Text<'d>> {
    match value.get_ref().as_array() {
        None => text_of(value, key, faults).into_iter().collect(),
        Some(items) => items
            .iter()
            .filter_map(|item| text_of(item, key, faults))
            .collect(),
    }
}

pub(super) fn wrong_type(
    value: &Spanned<DeValue<'_>>,
    key: &str,
    wanted: &str,
    faults: &mut Faults<'_>,
) {
    let found = value.get_ref().type_str();
    let mend = format!("write {wanted}");
    faults.add(
        value.span().start,
        format!("`{key}` is of type {found}"),
        mend,
    );
}
