//! Risks from a pool of sampled futures: unbiased estimates with their Monte Carlo errors. Not
//! here: how futures are sampled (`sample`), nor whether the model is right (`calibration`).
//!
//! # The estimators
//!
//! A future is a chain of steps t = 1, 2, ...; step t draws a wait, which fixes the step's time
//! T_t, then a code C_t, then a value. Let F_t be everything drawn up to and with step t, and G_t
//! be F_(t-1) with the wait of step t. The outcome is a set A of codes within a horizon h. Let
//! a_t = 1 when the future is alive before step t, has not met A before it, and T_t <= h; all three
//! are known in G_t. Let y_t = 1 when C_t is in A, and q_t = P(C_t in A | G_t), the sum of the code
//! head's probabilities over A.
//!
//! The outcome happens when one of the disjoint events {a_t y_t = 1} does (it can be met for the
//! first time only once), and after death nothing happens, so death competes without further ado.
//!
//! - Plain: Y = sum a_t y_t, 0 or 1.
//! - SCOPE: S = sum a_t q_t. By the tower rule E(a_t y_t) = E(a_t E(y_t | G_t)) = E(a_t q_t), so
//!   E(S) = E(Y): unbiased for every model. (arXiv 2602.03730, there for tokens that
//!   carry no time; here the wait is drawn first and enters the condition.)
//!
//! S is far steadier than Y for rare outcomes, but not for common ones: with a constant hazard and
//! a risk of 0.9 its variance is 0.53 against 0.09, and it may exceed 1. Both have one mean, so
//! S + b (Y - S) is unbiased for every fixed b. D = Y - S = sum a_t (y_t - q_t) is a martingale, so
//! its moments need no outcome to be met:
//!
//! - Var D = E(sum a_t q_t (1 - q_t)), for the conditional variance of y_t is q_t (1 - q_t);
//! - Cov(S, D) = -E(sum over t < u of a_t q_t a_u q_u) = -(E(S^2) - E(sum a_t q_t^2)) / 2, for
//!   D_t is uncorrelated with what was known before it, and of what comes after only the futures
//!   that did not meet A at t contribute, each with y_t - q_t = -q_t.
//!
//! The best b is minus Cov(S, D) / Var D, which lies between 0 and 1 (for rare outcomes near half
//! of the risk, so that the estimate is SCOPE's). It is measured on the futures of even number and
//! used for those of odd number, and the other way round, so that b is independent of what it
//! multiplies and the estimate stays exactly unbiased. This is [`Raw::estimate`]; SCOPE alone and
//! the plain share stand beside it.
//!
//! Where a value is asked for (a laboratory result above a limit), G_t holds the code too, and q_t
//! is the probability of the value's bins given wait and code if the code is in A, else 0: the same
//! algebra with a finer condition.
//!
//! A future cut by the limit of events counts what it met so far: the estimate is then too low by
//! at most [`Raw::censored_share`].

use longitude_core::{Days, Instant, MonteCarlo};
use serde::{Deserialize, Serialize};

/// What one task's estimate rests on, before calibration.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Raw {
    /// SCOPE with its control variate: unbiased, steady for rare and for common outcomes. By chance
    /// it may pass 1 by a little.
    pub estimate: f64,
    /// Its standard error over the samples.
    pub standard_error: f64,
    /// SCOPE alone.
    pub scope: f64,
    /// Its standard error.
    pub scope_standard_error: f64,
    /// The plain share of futures that met the outcome.
    pub hit_share: f64,
    /// Its standard error.
    pub hit_standard_error: f64,
    /// How many futures.
    pub samples: u32,
    /// The share of futures cut by the limit of events before the horizon and before the outcome.
    pub censored_share: f64,
}

impl Raw {
    /// The part of it that a prediction carries.
    pub fn monte_carlo(&self) -> MonteCarlo {
        MonteCarlo {
            estimate: self.estimate,
            standard_error: self.standard_error,
            samples: self.samples,
        }
    }
}

/// A set of codes that counts, with whatever value or with values of some bins, and until when.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The ids that count, ascending.
    pub ids: Vec<u32>,
    /// The first and the last value bin that count; events without a value do not count then.
    pub bins: Option<(u16, u16)>,
    /// Within which time after the prediction time.
    pub horizon: Days,
}

/// What one future contributes to one outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Tally {
    scope: f64,
    squares: f64,
    hit: bool,
    censored: bool,
}

/// The marks that count.
#[derive(Debug, PartialEq)]
struct Set {
    ids: Vec<u32>,
    bins: Option<(u16, u16)>,
}

/// One step of one future: the probabilities of all codes given its wait `[V]`, the code that was
/// drawn, the weights of that code's value bins (bin 0 for no value; empty for codes without bins)
/// and the bin that was drawn.
#[derive(Clone, Copy)]
pub(crate) struct Drawn<'a> {
    pub(crate) codes: &'a [f32],
    pub(crate) code: u32,
    pub(crate) bins: &'a [f32],
    pub(crate) bin: u16,
}

impl Set {
    /// The probability that the step counts: over all codes, or where values are asked for, over
    /// the bins of the drawn code (its code is then part of the condition).
    fn probability(&self, drawn: &Drawn<'_>) -> f64 {
        let sum = |weights: &[f32]| weights.iter().map(|w| f64::from(*w)).sum::<f64>();
        let Some((low, high)) = self.bins else {
            let members = self
                .ids
                .iter()
                .filter_map(|id| drawn.codes.get(*id as usize));
            return members.map(|p| f64::from(*p)).sum::<f64>().min(1.0);
        };
        let end = drawn.bins.len().min(usize::from(high) + 1);
        let inside = drawn.bins.get(usize::from(low)..end).unwrap_or_default();
        let all = sum(drawn.bins);
        if all > 0.0 && self.ids.binary_search(&drawn.code).is_ok() {
            (sum(inside) / all).min(1.0)
        } else {
            0.0
        }
    }

    fn holds(&self, drawn: &Drawn<'_>) -> bool {
        let inside = |(low, high): (u16, u16)| (low..=high).contains(&drawn.bin);
        self.ids.binary_search(&drawn.code).is_ok() && self.bins.is_none_or(inside)
    }
}

/// Outcomes that share work: those with the same marks have one probability a step.
#[derive(Debug)]
pub(crate) struct Outcomes {
    sets: Vec<Set>,
    /// For each outcome its set and the last instant that counts.
    members: Vec<(usize, i64)>,
}

impl Outcomes {
    pub(crate) fn new(outcomes: &[Outcome], at: Instant) -> Self {
        let mut sets: Vec<Set> = Vec::new();
        let members = outcomes
            .iter()
            .map(|outcome| {
                let same = |set: &Set| set.ids == outcome.ids && set.bins == outcome.bins;
                let set = sets.iter().position(same).unwrap_or_else(|| {
                    sets.push(Set {
                        ids: outcome.ids.clone(),
                        bins: outcome.bins,
                    });
                    sets.len() - 1
                });
                (set, at.plus(outcome.horizon).0)
            })
            .collect();
        Self { sets, members }
    }

    pub(crate) fn tallies(&self) -> Vec<Tally> {
        vec![Tally::default(); self.members.len()]
    }

    /// Takes in one step at `time`: first the probability of each set, then what was drawn. `q` is
    /// a buffer.
    pub(crate) fn step(
        &self,
        tallies: &mut [Tally],
        q: &mut Vec<f64>,
        time: i64,
        drawn: &Drawn<'_>,
    ) {
        q.clear();
        q.extend(self.sets.iter().map(|set| set.probability(drawn)));
        for (tally, (set, end)) in tallies.iter_mut().zip(&self.members) {
            if tally.hit || time > *end {
                continue;
            }
            tally.scope += q[*set];
            tally.squares += q[*set] * q[*set];
            tally.hit = self.sets[*set].holds(drawn);
        }
    }

    /// Marks what a future cut at `time` leaves open.
    pub(crate) fn cut(&self, tallies: &mut [Tally], time: i64) {
        for (tally, (_, end)) in tallies.iter_mut().zip(&self.members) {
            tally.censored = !tally.hit && time < *end;
        }
    }

    /// Whether no later step can change a tally.
    pub(crate) fn settled(&self, tallies: &[Tally], time: i64) -> bool {
        let mut pairs = tallies.iter().zip(&self.members);
        pairs.all(|(tally, (_, end))| tally.hit || time > *end)
    }
}

/// One outcome's tallies over a pool, in the order of samples.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Scores(Vec<Tally>);

impl Scores {
    pub(crate) fn new(tallies: Vec<Tally>) -> Self {
        Self(tallies)
    }

    /// The first `n` of them.
    pub(crate) fn first(&self, n: u32) -> Self {
        Self(self.0.iter().take(n as usize).copied().collect())
    }

    /// The estimate with everything beside it.
    pub(crate) fn raw(&self) -> Raw {
        let scope: Vec<f64> = self.0.iter().map(|t| t.scope).collect();
        let hits: Vec<f64> = self.0.iter().map(|t| f64::from(u8::from(t.hit))).collect();
        let cut = self.0.iter().filter(|t| t.censored).count();
        let mixed = self.mixed();
        let (estimate, standard_error) = (mean(&mixed), mixed_error(&mixed));
        Raw {
            estimate,
            standard_error,
            scope: mean(&scope),
            scope_standard_error: standard_error_of(&scope),
            hit_share: mean(&hits),
            hit_standard_error: standard_error_of(&hits),
            samples: u32::try_from(self.0.len()).unwrap_or(u32::MAX),
            censored_share: cut as f64 / self.0.len().max(1) as f64,
        }
    }

    /// Each future's S + b (Y - S), with b from the futures of the other parity.
    pub(crate) fn mixed(&self) -> Vec<f64> {
        let weights = [self.weight(1), self.weight(0)];
        let mix = |(index, tally): (usize, &Tally)| {
            let hit = f64::from(u8::from(tally.hit));
            tally.scope + weights[index % 2] * (hit - tally.scope)
        };
        self.0.iter().enumerate().map(mix).collect()
    }

    /// The best b by the futures of one parity; 0 (SCOPE alone) where nothing varies.
    fn weight(&self, parity: usize) -> f64 {
        let (mut covariance, mut variance) = (0.0, 0.0);
        for tally in self.0.iter().skip(parity).step_by(2) {
            covariance += (tally.scope * tally.scope - tally.squares) / 2.0;
            variance += tally.scope - tally.squares;
        }
        if variance > 0.0 {
            (covariance / variance).clamp(0.0, 1.0)
        } else {
            0.0
        }
    }
}

/// The two halves have their own b, so the spread is taken inside each.
fn mixed_error(mixed: &[f64]) -> f64 {
    if mixed.len() < 4 {
        return standard_error_of(mixed);
    }
    let half = |parity| mixed.iter().skip(parity).step_by(2).copied().collect();
    let halves: [Vec<f64>; 2] = [half(0), half(1)];
    let variance = |values: &Vec<f64>| {
        let share = values.len() as f64 / mixed.len() as f64;
        (share * standard_error_of(values)).powi(2)
    };
    halves.iter().map(variance).sum::<f64>().sqrt()
}

pub(crate) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// The standard error of a mean; 0 for fewer than two values, which show no spread.
pub(crate) fn standard_error_of(values: &[f64]) -> f64 {
    if values.len() < 2 {
        return 0.0;
    }
    let (n, centre) = (values.len() as f64, mean(values));
    let squares: f64 = values.iter().map(|v| (v - centre).powi(2)).sum();
    (squares / (n - 1.0) / n).sqrt()
}

#[cfg(test)]
mod tests;
