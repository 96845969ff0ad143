//! How alike two descriptions of codes are: the cosine of their character n-grams, weighted by how
//! rare each is (TF-IDF; Salton and Buckley 1988). No dictionary and no language: "HbA1c in blood"
//! and "blood hba1c" share most of their n-grams.

use std::collections::BTreeMap;

/// Lengths of the n-grams.
const LENGTHS: std::ops::RangeInclusive<usize> = 2..=4;

/// The weights of the n-grams of one text, of Euclidean length 1.
type Vector = BTreeMap<u64, f32>;

/// Described things, to be found by a description.
#[derive(Debug, Default)]
pub(crate) struct Described {
    /// The logarithm of how rare each n-gram is.
    rarity: BTreeMap<u64, f32>,
    /// Which things hold an n-gram, and with what weight.
    postings: BTreeMap<u64, Vec<(u32, f32)>>,
    rarity_unseen: f32,
}

impl Described {
    /// Of things with their descriptions.
    pub(crate) fn new<'t>(things: impl Iterator<Item = (u32, &'t str)>) -> Self {
        let counted: Vec<(u32, BTreeMap<u64, f32>)> =
            things.map(|(thing, text)| (thing, counts(text))).collect();
        let mut found: BTreeMap<u64, usize> = BTreeMap::new();
        for gram in counted.iter().flat_map(|(_, counts)| counts.keys()) {
            *found.entry(*gram).or_default() += 1;
        }
        let all = counted.len() as f32;
        let rarity = |texts: usize| ((1.0 + all) / (1.0 + texts as f32)).ln() + 1.0;
        let mut described = Self {
            rarity: found
                .into_iter()
                .map(|(gram, n)| (gram, rarity(n)))
                .collect(),
            rarity_unseen: rarity(0),
            postings: BTreeMap::new(),
        };
        for (thing, counts) in counted {
            for (gram, weight) in described.vector(counts) {
                let holders = described.postings.entry(gram).or_default();
                holders.push((thing, weight));
            }
        }
        described
    }

    /// The things whose descriptions are most like a text, at most `most` of them, with the cosine,
    /// the likest first; of equals the first by number.
    pub(crate) fn nearest(&self, text: &str, most: usize) -> Vec<(u32, f32)> {
        let mut cosines: BTreeMap<u32, f32> = BTreeMap::new();
        for (gram, weight) in self.vector(counts(text)) {
            for (thing, other) in self.postings.get(&gram).into_iter().flatten() {
                *cosines.entry(*thing).or_default() += weight * other;
            }
        }
        let mut all: Vec<(u32, f32)> = cosines.into_iter().collect();
        all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        all.truncate(most);
        all
    }

    /// Counts dampened and weighted by rarity, at length 1.
    fn vector(&self, counts: BTreeMap<u64, f32>) -> Vector {
        let mut vector = counts;
        for (gram, count) in &mut vector {
            let rarity = self.rarity.get(gram).unwrap_or(&self.rarity_unseen);
            *count = (1.0 + count.ln()) * rarity;
        }
        let length = vector.values().map(|w| w * w).sum::<f32>().sqrt();
        for weight in vector.values_mut() {
            *weight /= length.max(1e-12);
        }
        vector
    }
}

/// The n-grams of each word, its ends marked, with their counts. N-grams do not cross words: the
/// order of words says little in a list of codes.
fn counts(text: &str) -> BTreeMap<u64, f32> {
    let mut counts = BTreeMap::new();
    let lower = text.to_lowercase();
    for word in lower.split(|letter: char| !letter.is_alphanumeric()) {
        if word.is_empty() {
            continue;
        }
        let letters: Vec<char> = std::iter::once('^')
            .chain(word.chars())
            .chain(['$'])
            .collect();
        for length in LENGTHS {
            for gram in letters.windows(length) {
                *counts.entry(hash(gram)).or_insert(0.0) += 1.0;
            }
        }
    }
    counts
}

/// FNV-1a (Fowler, Noll and Vo) of the letters.
fn hash(gram: &[char]) -> u64 {
    gram.iter().fold(0xcbf2_9ce4_8422_2325, |hash, letter| {
        (hash ^ u64::from(u32::from(*letter))).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXTS: [&str; 5] = [
        "Creatinine [Mass/volume] in Serum or Plasma",
        "Potassium [Moles/volume] in Serum or Plasma",
        "amlodipine 5 MG Oral Tablet",
        "Chronic kidney disease, stage 3a",
        "Blutdruck, systolisch",
    ];

    fn index() -> Described {
        Described::new((0..).zip(TEXTS))
    }

    #[test]
    fn a_text_is_nearest_to_itself_with_cosine_one() {
        for (number, text) in (0..).zip(TEXTS) {
            let nearest = index().nearest(text, 2);
            assert_eq!(nearest[0].0, number);
            assert!((nearest[0].1 - 1.0).abs() < 1e-5, "{nearest:?}");
            assert!(nearest.get(1).is_none_or(|other| other.1 < 0.9));
        }
    }

    #[test]
    fn other_words_for_the_same_find_it() {
        for (text, thing) in [
            ("serum creat", 0),
            ("POTASSIUM, PLASMA", 1),
            ("tab. amlodipin 10mg", 2),
            ("kidney dis. chron. stage 3", 3),
            ("systolischer Blutdruck", 4),
        ] {
            assert_eq!(index().nearest(text, 1)[0].0, thing, "{text}");
        }
    }

    #[test]
    fn nothing_alike_finds_nothing() {
        assert!(index().nearest("", 3).is_empty());
        assert!(index().nearest("//..", 3).is_empty());
        assert!(index().nearest("漢字", 3).is_empty());
        assert!(Described::default().nearest("creatinine", 3).is_empty());
    }
}
