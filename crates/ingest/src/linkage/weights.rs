//! How much each agreement weighs: the m and u probabilities of Fellegi and Sunter, u from pairs
//! taken at random, m by expectation and maximisation over blocked pairs (as Splink does; Linacre
//! et al., Int. J. Popul. Data Sci. 7, 2022), with agreement on a rare name weighing more than on a
//! common one (Winkler, 1989).

use super::block::{self, Pair};
use super::compare::{Field, LEVELS, Levels, Profile, levels};
use longitude_core::SubjectId;
use std::collections::{BTreeMap, BTreeSet};

const FIELDS: usize = Field::ALL.len();
/// A probability for each level of each field.
type Table = [[f64; LEVELS]; FIELDS];

/// Starting values of m: how often two records of one person agree at levels 1, 2, 3. Of the order
/// that the published linkages of hospital registers report; the data overrule them.
const M_PRIOR: Table = [
    [0.0, 0.07, 0.05, 0.88],
    [0.0, 0.05, 0.07, 0.88],
    [0.0, 0.01, 0.04, 0.95],
    [0.0, 0.01, 0.99, 0.0],
    [0.0, 0.35, 0.15, 0.50],
    [0.0, 0.45, 0.55, 0.0],
];
/// Pairs that the starting values count for: a few true pairs do not overturn them.
const M_PRIOR_PAIRS: f64 = 20.0;
/// Pairs taken at random for u.
const RANDOM_PAIRS: usize = 200_000;
const STEPS: usize = 25;

/// The fitted weights.
pub(super) struct Weights {
    m: Table,
    u: Table,
    /// The share of pairs of records that are of one person.
    prior: f64,
    /// How common each name is among subjects.
    family: BTreeMap<String, f64>,
    given: BTreeMap<String, f64>,
}

impl Weights {
    /// Fits m and u to the profiles.
    pub(super) fn fit(
        profiles: &BTreeMap<SubjectId, Profile>,
        candidates: &BTreeSet<Pair>,
    ) -> Self {
        let u = random(profiles);
        let compare = |pairs: BTreeSet<Pair>| -> BTreeMap<Levels, f64> {
            let mut counts = BTreeMap::new();
            for (a, b) in pairs {
                *counts
                    .entry(levels(&profiles[&a], &profiles[&b]))
                    .or_default() += 1.0;
            }
            counts
        };
        // What a pass blocks on agrees by construction: its m comes from the other pass.
        let by_birth = maximise(&compare(block::pairs(profiles, block::by_birth)), &u);
        let by_names = maximise(&compare(block::pairs(profiles, block::by_names)), &u);
        let mut m = by_birth;
        m[Field::Birth as usize] = by_names[Field::Birth as usize];
        for field in [Field::Sex, Field::Address, Field::Contact] {
            for level in 0..LEVELS {
                let both = by_birth[field as usize][level] + by_names[field as usize][level];
                m[field as usize][level] = both / 2.0;
            }
        }
        let mut weights = Self {
            m,
            u,
            prior: 0.0,
            family: frequencies(profiles.values().map(|one| &one.family)),
            given: frequencies(profiles.values().map(|one| &one.given)),
        };
        weights.settle_prior(profiles, candidates);
        weights
    }

    /// The share of true pairs that is consistent with itself: expected matches over all pairs.
    fn settle_prior(
        &mut self,
        profiles: &BTreeMap<SubjectId, Profile>,
        candidates: &BTreeSet<Pair>,
    ) {
        let count = profiles.len() as f64;
        let pairs = (count * (count - 1.0) / 2.0).max(1.0);
        let bits: Vec<f64> = candidates
            .iter()
            .map(|(a, b)| self.bits(&profiles[a], &profiles[b]).values().sum())
            .collect();
        // As many matches as a tenth of the subjects at first, and never less than one of all.
        self.prior = (count / 10.0 / pairs).clamp(f64::MIN_POSITIVE, 0.5);
        for _step in 0..STEPS {
            let expected: f64 = bits.iter().map(|bits| posterior(self.prior, *bits)).sum();
            self.prior = (expected.max(1.0) / pairs).min(0.5);
        }
    }

    /// The probability that two are one person, and the bits of each field.
    pub(super) fn judge(&self, a: &Profile, b: &Profile) -> (f64, BTreeMap<Field, f64>) {
        let bits = self.bits(a, b);
        let sum = bits.values().sum();
        // Twins share all but the given name.
        let are_twins = (a.is_multiple || b.is_multiple) && levels(a, b)[1] < 3;
        let probability = if are_twins {
            0.0
        } else {
            posterior(self.prior, sum)
        };
        (probability, bits)
    }

    fn bits(&self, a: &Profile, b: &Profile) -> BTreeMap<Field, f64> {
        let levels = levels(a, b);
        let mut bits = BTreeMap::new();
        for field in Field::ALL {
            let (at, level) = (field as usize, levels[field as usize]);
            if level == 0 {
                continue;
            }
            let mut u = self.u[at][level];
            if level == 3 {
                u = match field {
                    Field::Family => rarest(&self.family, &a.family, &b.family).unwrap_or(u),
                    Field::Given => rarest(&self.given, &a.given, &b.given).unwrap_or(u),
                    Field::Birth | Field::Sex | Field::Address | Field::Contact => u,
                };
            }
            bits.insert(field, (self.m[at][level] / u).log2());
        }
        bits
    }
}

fn posterior(prior: f64, bits: f64) -> f64 {
    let odds = prior / (1.0 - prior) * bits.exp2();
    if odds.is_finite() {
        odds / (1.0 + odds)
    } else {
        1.0
    }
}

/// u: how often two records taken at random agree. Pairs lie at fixed strides, so that the same
/// subjects give the same numbers; every level has at least half a pair.
fn random(profiles: &BTreeMap<SubjectId, Profile>) -> Table {
    let all: Vec<_> = profiles.values().collect();
    let mut counts = [[0.5; LEVELS]; FIELDS];
    let strides = 1..all.len();
    let mut left = RANDOM_PAIRS;
    for stride in strides {
        for at in 0..all.len() - stride {
            if left == 0 {
                return normalised(counts);
            }
            left -= 1;
            for (field, level) in levels(all[at], all[at + stride]).into_iter().enumerate() {
                counts[field][level] += 1.0;
            }
        }
    }
    normalised(counts)
}

/// Shares among the levels that say something.
fn normalised(mut counts: Table) -> Table {
    for field in &mut counts {
        let sum: f64 = field[1..].iter().sum();
        for level in &mut field[1..] {
            *level = (*level / sum.max(f64::MIN_POSITIVE)).max(1e-9);
        }
        field[0] = 1.0;
    }
    counts
}

/// m by expectation and maximisation over blocked pairs, u held.
fn maximise(counts: &BTreeMap<Levels, f64>, u: &Table) -> Table {
    let mut m = normalised(M_PRIOR);
    let mut share = 0.1;
    let total: f64 = counts.values().sum();
    for _step in 0..STEPS {
        let mut sums = M_PRIOR.map(|field| field.map(|value| value * M_PRIOR_PAIRS));
        let mut matches = 0.0;
        for (levels, count) in counts {
            let ratio = |(field, level): (usize, &usize)| m[field][*level] / u[field][*level];
            let bits: f64 = levels.iter().enumerate().map(ratio).map(f64::log2).sum();
            let weight = count * posterior(share, bits);
            matches += weight;
            for (field, level) in levels.iter().enumerate().filter(|(_, level)| **level > 0) {
                sums[field][*level] += weight;
            }
        }
        m = normalised(sums);
        share = (matches / total.max(1.0)).clamp(1e-6, 0.9);
    }
    m
}

fn frequencies<'p>(names: impl Iterator<Item = &'p BTreeSet<String>>) -> BTreeMap<String, f64> {
    let mut counts: BTreeMap<String, f64> = BTreeMap::new();
    let mut subjects = 0.0;
    for names in names {
        subjects += f64::from(u8::from(!names.is_empty()));
        for name in names {
            *counts.entry(name.clone()).or_default() += 1.0;
        }
    }
    for count in counts.values_mut() {
        *count /= f64::max(subjects, 1.0);
    }
    counts
}

/// The share of the rarest name that both have.
fn rarest(
    shares: &BTreeMap<String, f64>,
    a: &BTreeSet<String>,
    b: &BTreeSet<String>,
) -> Option<f64> {
    let shared = a.intersection(b).filter_map(|name| shares.get(name));
    shared.copied().reduce(f64::min)
}
