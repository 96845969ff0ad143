//! Outcomes too rare to be learnt alone, answered through what stands above them and through people
//! like the patient. It knows no model: the parent's risks come in, whoever made them.
//!
//! # Through the hierarchy
//!
//! A rare code has a parent (its category, or the nearest thing above it that is common enough),
//! which is answered by a model. Over training rows the code happened `D` times, and the parent's
//! risks of the same rows sum up to `S`. The ratio `r` that brings the parent's answer to the
//! code's is drawn towards that of the parent's other codes (gamma-Poisson; Clayton and Kaldor
//! 1987): within a family of mean `m`
//!
//! ```text
//! r ~ Gamma(a, a / m),   D | r ~ Poisson(r S),   r | D ~ Gamma(a + D, a / m + S)
//! ```
//!
//! The strength `a` is common to all families. It is not plugged in but averaged over a grid,
//! weighted by the likelihood of all counts (negative binomial) and a half-Cauchy prior of scale 1
//! on the spread of a family's logarithms, `1 / sqrt(a)` (Gelman 2006): a plugged-in strength makes
//! intervals too short where there are few codes to estimate it by (Laird and Louis 1987). The mean
//! of a family is taken without the code itself, so that the code does not confirm itself, and as
//! no surer than its other codes make it: their cases' noise and their own spread.
//!
//! # Through people like the patient
//!
//! Among the nearest training rows the code happened `O` times where `E` were expected (the pooled
//! risks' sum). The factor of the patient's kind is `f ~ Gamma(b, b)`, so `f | O ~ Gamma(b + O,
//! b + E)`; how much neighbours are believed, `b`, is averaged over a grid too, weighted by the
//! likelihood of what tuning subjects of all rare codes lived through. Where neighbours tell
//! nothing, the weight goes to `b` without bound and the factor is 1.
//!
//! # What the interval is of
//!
//! Of the risk `r f` times the parent's answer, by quantiles of the product: of the risk among
//! people of whom the parent's answer and their neighbours say the same. It takes the parent's
//! answer as given. Where its ends lie further apart than [`SPREAD_MAX`]-fold it says too little to
//! act on, and there is no answer.

mod outcome;

use serde::{Deserialize, Serialize};

pub use outcome::{CodeCensus, FamilyPlan, PooledOutcome};

/// Cases of an outcome, below which it is answered by pooling: with a hundred the standard error of
/// its logarithmic rate is 0.1, and what pooling could add is small.
pub const POOLED_CASES_MAX: u32 = 100;
/// The ends of a useful interval lie at most so far apart: wider than tenfold, "one in a hundred"
/// may be one in thirty or in three hundred, which lead to different acts.
pub const SPREAD_MAX: f64 = 10.0;
/// The strengths that are averaged over: cases that the family's mean counts for.
const STRENGTHS: [f64; 12] = [
    0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0,
];
/// The same of neighbours; the last stands for a factor of 1.
const BELIEFS: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, f64::INFINITY];
/// Parts that the factor's distribution is cut into.
const PARTS: u32 = 24;
/// The same of a family's mean.
const MEANS: u32 = 12;
/// Nearest people that the factor is taken from, at least.
pub const NEIGHBOURS_MIN: usize = 11;
const BISECTIONS: u32 = 80;
/// The level of intervals.
const LEVEL: f64 = 0.95;

/// What training rows say of one code beside its parent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RareCounts {
    /// Rows with the outcome.
    pub cases: f64,
    /// The sum of the parent's risks over the same rows.
    pub expected: f64,
}

/// Codes of one parent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Family {
    /// The parent's name.
    pub parent: String,
    /// Its codes.
    pub children: Vec<RareCounts>,
}

/// How strongly codes of a family are alike, learnt from all families.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pooling {
    /// The weight of each strength.
    strengths: Vec<f64>,
    /// The weight of each belief in neighbours.
    beliefs: Vec<f64>,
}

/// What the nearest training rows say of one code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Near {
    /// Rows with the outcome.
    pub cases: f64,
    /// The pooled risks' sum over the same rows.
    pub expected: f64,
}

/// One tuning row of one rare code.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lived {
    /// The pooled risk without neighbours.
    pub risk: f64,
    /// What its neighbours say.
    pub near: Near,
    /// Whether the outcome happened.
    pub outcome: bool,
}

/// A pooled answer.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ratio {
    /// What the parent's answer is to be multiplied with, the mean.
    pub mean: f64,
    /// The 95 % interval.
    pub interval: [f64; 2],
    /// The share of the estimate that comes from the family and not from the code's own cases.
    pub borrowed: f64,
}

impl Ratio {
    /// Whether the interval says enough to act on.
    pub fn is_useful(&self) -> bool {
        let [low, high] = self.interval;
        low > 0.0 && high <= SPREAD_MAX * low
    }
}

impl Pooling {
    /// Learns the strength from all families with at least two codes; without any all strengths
    /// weigh alike. Of families of one parent the first counts, for their codes are the same.
    /// Neighbours are not believed until [`Pooling::believe`].
    pub fn fit(families: &[Family]) -> Self {
        let mut seen = std::collections::BTreeSet::new();
        let distinct = families
            .iter()
            .filter(|family| seen.insert(&*family.parent));
        let distinct: Vec<&Family> = distinct.collect();
        let log = |strength: &f64| {
            let each = distinct.iter().flat_map(|family| {
                (0..family.children.len()).filter_map(move |at| {
                    let mean = family.mean_without(at)?;
                    Some(negative_binomial(family.children[at], (*strength, mean)))
                })
            });
            // The prior of the spread, as a density of the strength's logarithm.
            let spread = strength.sqrt().recip();
            each.sum::<f64>() + (spread / (1.0 + spread * spread)).ln()
        };
        let mut beliefs = vec![0.0; BELIEFS.len()];
        beliefs[BELIEFS.len() - 1] = 1.0;
        Self {
            strengths: weights(&STRENGTHS.iter().map(log).collect::<Vec<_>>()),
            beliefs,
        }
    }

    /// Learns how far neighbours are believed, from tuning rows of all rare codes.
    #[must_use]
    pub fn believe(mut self, lived: &[Lived]) -> Self {
        let log = |belief: &f64| {
            let each = lived.iter().map(|row| {
                let factor = if belief.is_finite() {
                    (belief + row.near.cases) / (belief + row.near.expected)
                } else {
                    1.0
                };
                let risk = (row.risk * factor).clamp(1e-12, 1.0 - 1e-12);
                if row.outcome {
                    risk.ln()
                } else {
                    (-risk).ln_1p()
                }
            });
            each.sum::<f64>()
        };
        self.beliefs = weights(&BELIEFS.iter().map(log).collect::<Vec<_>>());
        self
    }

    /// The ratio of one code of a family, with what neighbours say where they were asked. None
    /// where the family has no other code, or nothing of it happened.
    pub fn ratio(&self, family: &Family, child: usize, near: Option<Near>) -> Option<Ratio> {
        let own = family.children[child];
        let parts = self.posteriors(family, child)?;
        let sum = |of: &dyn Fn(&Posterior) -> f64| -> f64 {
            parts.iter().map(|part| part.weight * of(part)).sum()
        };
        let rate = sum(&|part| part.shape / part.rate);
        let borrowed = sum(&|part| 1.0 - own.expected / part.rate);
        let factors = self.factors(near);
        let factor: f64 = factors.iter().map(|(weight, factor)| weight * factor).sum();
        let below = |ratio: f64| {
            sum(&|part| {
                let each = factors.iter().map(|(weight, factor)| {
                    weight * regularised_gamma(part.shape, part.rate * ratio / factor)
                });
                each.sum()
            })
        };
        let top = 1e3 * rate * factor.max(1.0);
        Some(Ratio {
            mean: rate * factor,
            interval: [(1.0 - LEVEL) / 2.0, f64::midpoint(LEVEL, 1.0)]
                .map(|share| quantile(&below, share, top)),
            borrowed,
        })
    }

    /// What is known of one code's ratio: for each strength and part of the family's mean a gamma
    /// distribution, the weights of the parts by how likely they make the code's own cases.
    fn posteriors(&self, family: &Family, child: usize) -> Option<Vec<Posterior>> {
        let (others, count) = family.without(child)?;
        let own = family.children[child];
        let mut all = Vec::new();
        for (weight, strength) in self.strengths.iter().zip(STRENGTHS) {
            // What weighs less than a thousandth moves no end of an interval of 95 %.
            if *weight < 1e-3 {
                continue;
            }
            // The others' mean is known to the noise of their cases and to how far they differ.
            let sure = 1.0 / (1.0 / others.cases + 1.0 / (strength * count));
            let rate = sure * others.expected / others.cases;
            let below = |value: f64| regularised_gamma(sure, rate * value);
            let part = |part: u32| {
                let share = (f64::from(part) + 0.5) / f64::from(MEANS);
                let mean = quantile(&below, share, 1e3 * (sure / rate));
                let log = negative_binomial(own, (strength, mean));
                (log, strength + own.cases, strength / mean + own.expected)
            };
            let parts: Vec<(f64, f64, f64)> = (0..MEANS).map(part).collect();
            let shares = weights(&parts.iter().map(|part| part.0).collect::<Vec<_>>());
            for (share, (_, shape, rate)) in shares.into_iter().zip(parts) {
                let weight = weight * share;
                all.push(Posterior {
                    weight,
                    shape,
                    rate,
                });
            }
        }
        let sum: f64 = all.iter().map(|part| part.weight).sum();
        for part in &mut all {
            part.weight /= sum;
        }
        Some(all)
    }

    /// The distribution of the neighbours' factor: weights and values.
    fn factors(&self, near: Option<Near>) -> Vec<(f64, f64)> {
        let Some(near) = near else {
            return vec![(1.0, 1.0)];
        };
        let mut factors = Vec::new();
        for (weight, belief) in self.beliefs.iter().zip(BELIEFS) {
            // What weighs less than a thousandth moves no end of an interval of 95 %.
            if *weight < 1e-3 {
                continue;
            }
            if belief.is_infinite() {
                factors.push((*weight, 1.0));
                continue;
            }
            let (shape, rate) = (belief + near.cases, belief + near.expected);
            let below = |value: f64| regularised_gamma(shape, rate * value);
            for part in 0..PARTS {
                let share = (f64::from(part) + 0.5) / f64::from(PARTS);
                let value = quantile(&below, share, 1e3 * (shape / rate).max(1.0));
                factors.push((weight / f64::from(PARTS), value));
            }
        }
        let all: f64 = factors.iter().map(|(weight, _)| weight).sum();
        for (weight, _) in &mut factors {
            *weight /= all;
        }
        factors
    }

    /// The weight of each strength that was looked at, with the strength.
    pub fn strengths(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        STRENGTHS.into_iter().zip(self.strengths.iter().copied())
    }

    /// The share of the weight that believes neighbours at all.
    pub fn believed(&self) -> f64 {
        1.0 - self.beliefs.last().copied().unwrap_or(1.0)
    }
}

/// One part of what is known of a ratio.
struct Posterior {
    weight: f64,
    shape: f64,
    rate: f64,
}

impl Family {
    /// The ratio of all codes but one; none where there is no other or nothing of them happened.
    fn mean_without(&self, child: usize) -> Option<f64> {
        let (others, _) = self.without(child)?;
        Some(others.cases / others.expected)
    }

    /// The counts of all codes but one together, and how many they are.
    fn without(&self, child: usize) -> Option<(RareCounts, f64)> {
        let others = self.children.iter().enumerate();
        let mut sum = RareCounts::default();
        let mut count = 0.0;
        for (_, one) in others.filter(|(at, one)| *at != child && one.expected > 0.0) {
            sum.cases += one.cases;
            sum.expected += one.expected;
            count += 1.0;
        }
        (sum.cases > 0.0).then_some((sum, count))
    }
}

/// Weights in proportion to likelihoods, from their logarithms.
fn weights(logs: &[f64]) -> Vec<f64> {
    let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<f64> = logs.iter().map(|log| (log - most).exp()).collect();
    let all: f64 = weights.iter().sum();
    weights.iter().map(|weight| weight / all).collect()
}

/// The log probability of the cases of one code, its ratio integrated out.
fn negative_binomial(counts: RareCounts, (strength, mean): (f64, f64)) -> f64 {
    let RareCounts { cases, expected } = counts;
    if expected <= 0.0 {
        return 0.0;
    }
    let prior = strength / mean;
    libm::lgamma(strength + cases) - libm::lgamma(strength) - libm::lgamma(cases + 1.0)
        + strength * (prior / (prior + expected)).ln()
        + cases * (expected / (prior + expected)).ln()
}

/// Where a distribution function that ascends from 0 reaches a share.
fn quantile(below: &dyn Fn(f64) -> f64, share: f64, top: f64) -> f64 {
    let (mut low, mut high) = (0.0, top);
    for _ in 0..BISECTIONS {
        let middle = f64::midpoint(low, high);
        if below(middle) < share {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high)
}

/// The regularised lower incomplete gamma function P(a, x): series below `a + 1`, else Lentz's
/// continued fraction (Press et al. 2007, section 6.2).
fn regularised_gamma(a: f64, x: f64) -> f64 {
    const TERMS: u32 = 1000;
    if x <= 0.0 {
        return 0.0;
    }
    let front = (a * x.ln() - x - libm::lgamma(a)).exp();
    if x < a + 1.0 {
        let (mut term, mut sum, mut n) = (1.0 / a, 1.0 / a, a);
        for _ in 0..TERMS {
            n += 1.0;
            term *= x / n;
            sum += term;
            if term < sum * 1e-15 {
                break;
            }
        }
        return (front * sum).min(1.0);
    }
    let tiny = 1e-300;
    let mut b = x + 1.0 - a;
    let (mut c, mut d) = (1.0 / tiny, 1.0 / b);
    let mut h = d;
    for i in 1..TERMS {
        let i = f64::from(i);
        let an = -i * (i - a);
        b += 2.0;
        let lift = |value: f64| if value.abs() < tiny { tiny } else { value };
        d = 1.0 / lift(an * d + b);
        c = lift(b + an / c);
        let change = d * c;
        h *= change;
        if (change - 1.0).abs() < 1e-15 {
            break;
        }
    }
    (1.0 - front * h).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests;
