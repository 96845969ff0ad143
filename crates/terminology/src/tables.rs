//! The shipped tables: packed in the program, unpacked once when they are first asked for.
//!
//! A table is text of tab-separated lines in the order of their bytes, the code first.

use std::sync::OnceLock;

/// A table, unpacked.
pub(crate) struct Table {
    text: String,
    /// Where each line starts, and where the text ends.
    starts: Vec<usize>,
}

impl Table {
    fn unpack(packed: &[&[u8]]) -> Self {
        let mut bytes = Vec::new();
        for part in packed {
            // The bytes are part of the program, and a test unpacks every one of them.
            bytes.extend(zstd::decode_all(*part).unwrap_or_default());
        }
        let text = String::from_utf8(bytes).unwrap_or_default();
        let ends = text.match_indices('\n').map(|(end, _)| end + 1);
        let starts = std::iter::once(0).chain(ends).collect();
        Self { text, starts }
    }

    /// How many lines there are.
    pub(crate) fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// The fields of a line.
    pub(crate) fn line(&self, number: usize) -> impl Iterator<Item = &str> {
        let line = &self.text[self.starts[number]..self.starts[number + 1]];
        line.trim_end_matches('\n').split('\t')
    }

    fn code(&self, number: usize) -> &str {
        self.line(number).next().unwrap_or_default()
    }

    /// The number of the first line whose code is not before this one.
    pub(crate) fn place(&self, code: &str) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            if self.code(middle) < code {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// The fields behind a code, in the first line that has it.
    pub(crate) fn find(&self, code: &str) -> Option<impl Iterator<Item = &str>> {
        self.all(code).next()
    }

    /// The fields behind a code, line by line.
    pub(crate) fn all(&self, code: &str) -> impl Iterator<Item = impl Iterator<Item = &str>> {
        let from = self.place(code);
        (from..self.len())
            .take_while(move |&number| self.code(number) == code)
            .map(|number| {
                let mut fields = self.line(number);
                fields.next();
                fields
            })
    }

    /// Whether a longer code begins with this one.
    pub(crate) fn has_below(&self, code: &str) -> bool {
        let after = self.place(code) + self.all(code).count();
        after < self.len() && self.code(after).starts_with(code)
    }
}

macro_rules! tables {
    ($($name:ident: $($file:literal),+;)+) => {
        $(
            /// The table of this name.
            pub(crate) fn $name() -> &'static Table {
                static TABLE: OnceLock<Table> = OnceLock::new();
                TABLE.get_or_init(|| Table::unpack(&[$(include_bytes!(concat!("../tables/", $file, ".tsv.zst"))),+]))
            }
        )+
    };
}

tables! {
    icd10cm: "icd10cm-a-r", "icd10cm-s-z";
    icd10cm_groups: "icd10cm-groups";
    icd9cm: "icd9cm";
    icd10pcs: "icd10pcs";
    gem_9_10: "gem-9-10";
    gem_10_9: "gem-10-9";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_unpacks_whole_and_in_order() {
        let tables = [
            (icd10cm(), 98_800),
            (icd10cm_groups(), 310),
            (icd9cm(), 14_567),
            (icd10pcs(), 78_603),
            (gem_9_10(), 23_912),
            (gem_10_9(), 78_838),
        ];
        for (table, lines) in tables {
            assert_eq!(table.len(), lines);
            assert!((1..table.len()).all(|line| table.code(line - 1) <= table.code(line)));
        }
    }
}
