//! A small seeded generator of random numbers (SplitMix64) for made-up notes.

/// The generator.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `below`, which is not 0.
    pub(crate) fn below(&mut self, below: usize) -> usize {
        usize::try_from(self.next() % below as u64).unwrap_or(0)
    }

    /// A number from `low` to `high`, both possible.
    pub(crate) fn between(&mut self, low: usize, high: usize) -> usize {
        low + self.below(high - low + 1)
    }

    pub(crate) fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }

    pub(crate) fn line(&mut self, lines: &[&'static str]) -> &'static str {
        lines[self.below(lines.len())]
    }

    /// A word of a list of words.
    pub(crate) fn word<'a>(&mut self, list: &'a str) -> &'a str {
        let words: Vec<&str> = list.split('|').collect();
        words[self.below(words.len())]
    }

    /// `N` becomes a digit, `L` a capital letter.
    pub(crate) fn filled(&mut self, format: &str) -> String {
        let one = |c: char| match c {
            'N' => char::from(b'0' + u8::try_from(self.below(10)).unwrap_or(0)),
            'L' => char::from(b'A' + u8::try_from(self.below(26)).unwrap_or(0)),
            other => other,
        };
        format.chars().map(one).collect()
    }
}
