//! Calibration: the map from a raw estimate to a risk that agrees with what tuning subjects lived
//! through, and the interval that says how sure that map is. It is no Monte Carlo error (that is
//! `core::MonteCarlo`) and it does not improve the ranking.
//!
//! Fitted once per task on subjects that nothing else uses, stored beside the model, applied to
//! every estimate. Every fitted number is rounded to 9 decimals, so that it survives JSON exactly
//! and a stored calibration answers the same bytes as the fresh one.

mod isotonic;
mod logistic;

use crate::rng;
use longitude_core::{CalibrationInterval, Probability};
use serde::{Deserialize, Serialize};

pub use isotonic::Isotonic;
pub use logistic::Logistic;

/// Raw estimates nearer to 0 or 1 than this are moved here before the logit is taken: the tuning
/// sets at hand (thousands at most) cannot tell smaller risks apart, and one exact zero would else
/// outweigh all other subjects.
pub const ESTIMATE_MIN: f64 = 1e-4;

/// The shape of the map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Two parameters on the logit scale, pulled toward the identity by a fixed prior.
    Logistic,
    /// A monotone map without a form, only where there are many events; else logistic.
    Isotonic,
}

/// How to fit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CalibrationOptions {
    /// The shape asked for.
    pub method: Method,
    /// Fewer subjects with the outcome, or without it, and nothing is fitted.
    pub events_min: u32,
    /// Fewer subjects with the outcome and [`Method::Isotonic`] becomes logistic.
    pub isotonic_events_min: u32,
    /// How many resamples of the tuning subjects make the interval.
    pub resamples: u32,
    /// The level of the interval.
    pub level: f64,
    /// The seed of the resamples.
    pub seed: u64,
}

impl CalibrationOptions {
    /// The settings used in research runs: logistic; at least 8 subjects with and 8 without the
    /// outcome (the standard error of the log-odds is then 0.35 to 0.5, half of the prior's 1.0, so
    /// that the data speak louder than the prior); isotonic from 100 events on, where its steps
    /// hold about ten events each; 200 resamples and a 95 % interval.
    pub fn research(seed: u64) -> Self {
        Self {
            method: Method::Logistic,
            events_min: 8,
            isotonic_events_min: 100,
            resamples: 200,
            level: 0.95,
            seed,
        }
    }
}

/// A fitted map.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Map {
    /// The estimate itself.
    Identity,
    /// Two parameters on the logit scale.
    Logistic(Logistic),
    /// Monotone steps joined by lines.
    Isotonic(Isotonic),
}

/// Why nothing was fitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Refusal {
    /// Too few tuning subjects with the outcome, or without it.
    TooFewEvents {
        /// Subjects with the outcome.
        positives: u32,
        /// Subjects without it.
        negatives: u32,
        /// How many of each are asked for.
        required: u32,
    },
    /// An estimate is not a number between 0 and 1.
    EstimateOutOfRange,
}

/// The calibration of one task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Whether a map was fitted; when not, the risk is the estimate and has no interval.
    pub calibrated: bool,
    /// Why not.
    pub refusal: Option<Refusal>,
    /// Tuning subjects with the outcome.
    pub positives: u32,
    /// Tuning subjects without it.
    pub negatives: u32,
    /// The map.
    pub map: Map,
    /// The same map fitted to each resample of the tuning subjects.
    pub resamples: Vec<Map>,
    /// The level of the interval.
    pub level: f64,
}

/// An estimate after calibration.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Calibrated {
    /// The risk.
    pub risk: Probability,
    /// The percentile interval over the resamples, widened where it would leave out the risk.
    pub interval: Option<CalibrationInterval>,
    /// Whether a map was fitted.
    pub calibrated: bool,
}

impl Calibration {
    /// Fits on one estimate and one label for each tuning subject.
    ///
    /// # Panics
    /// When the two slices differ in length: an estimate without its label is a broken invariant.
    pub fn fit(estimates: &[f64], labels: &[bool], options: &CalibrationOptions) -> Self {
        assert_eq!(estimates.len(), labels.len(), "one label an estimate");
        let count = |wanted| labels.iter().filter(|&&label| label == wanted).count();
        let counted = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let (positives, negatives) = (counted(count(true)), counted(count(false)));
        let mut fitted = Self {
            positives,
            negatives,
            ..Self::identity()
        };
        fitted.refusal = refusal(estimates, (positives, negatives), options);
        if fitted.refusal.is_some() {
            return fitted;
        }
        let isotonic =
            options.method == Method::Isotonic && positives >= options.isotonic_events_min;
        let fit = |rows: &[usize]| {
            let points: Vec<_> = rows.iter().map(|&i| (estimates[i], labels[i])).collect();
            if isotonic {
                Map::Isotonic(Isotonic::fit(points))
            } else {
                Map::Logistic(Logistic::fit(&points))
            }
        };
        let all: Vec<usize> = (0..labels.len()).collect();
        let resample = |index: u32| {
            let rows: Vec<usize> = (0..counted(all.len()))
                .map(|draw| rng::below(rng::unit(options.seed, index, draw), all.len()))
                .collect();
            fit(&rows)
        };
        Self {
            calibrated: true,
            map: fit(&all),
            resamples: (0..options.resamples).map(resample).collect(),
            level: options.level,
            ..fitted
        }
    }

    /// The map of a task on which nothing was fitted: the risk is the estimate.
    pub const fn identity() -> Self {
        Self {
            calibrated: false,
            refusal: None,
            positives: 0,
            negatives: 0,
            map: Map::Identity,
            resamples: Vec::new(),
            level: 0.95,
        }
    }

    /// The calibrated risk of a raw estimate and its interval. An estimate above 1 (a sum of
    /// conditional probabilities may be, by chance) counts as 1.
    pub fn apply(&self, estimate: f64) -> Calibrated {
        let risk = self.risk(estimate);
        let mut ends: Vec<f64> = self.resamples.iter().map(|m| m.apply(estimate)).collect();
        ends.sort_by(f64::total_cmp);
        let tail = (1.0 - self.level) / 2.0;
        let interval = match (percentile(&ends, tail), percentile(&ends, 1.0 - tail)) {
            (Some(low), Some(high)) => Some(CalibrationInterval {
                low: probability(low.min(risk)),
                high: probability(high.max(risk)),
                level: self.level,
            }),
            _ => None,
        };
        Calibrated {
            risk: probability(risk),
            interval,
            calibrated: self.calibrated,
        }
    }

    /// The calibrated risk alone.
    pub fn risk(&self, estimate: f64) -> f64 {
        self.map.apply(estimate)
    }

    /// How much the risk moves for a small move of the estimate (a central difference): it carries
    /// a standard error to the calibrated scale.
    pub fn slope_at(&self, estimate: f64) -> f64 {
        let step = 1e-3;
        let (low, high) = ((estimate - step).max(0.0), (estimate + step).min(1.0));
        if high <= low {
            return 0.0;
        }
        (self.risk(high) - self.risk(low)) / (high - low)
    }
}

impl Map {
    /// The mapped estimate, between 0 and 1.
    pub fn apply(&self, estimate: f64) -> f64 {
        let mapped = match self {
            Self::Identity => estimate,
            Self::Logistic(logistic) => logistic.apply(estimate),
            Self::Isotonic(isotonic) => isotonic.apply(estimate),
        };
        mapped.clamp(0.0, 1.0)
    }
}

fn refusal(
    estimates: &[f64],
    (positives, negatives): (u32, u32),
    options: &CalibrationOptions,
) -> Option<Refusal> {
    // A sampled estimate may pass 1 by chance, so the upper bound is loose on purpose.
    if estimates.iter().any(|e| !e.is_finite() || *e < 0.0) {
        return Some(Refusal::EstimateOutOfRange);
    }
    let required = options.events_min.max(1);
    (positives.min(negatives) < required).then_some(Refusal::TooFewEvents {
        positives,
        negatives,
        required,
    })
}

/// The percentile of sorted numbers with linear interpolation (Hyndman and Fan 1996, type 7).
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the position is within the slice"
)]
pub(crate) fn percentile(sorted: &[f64], share: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let position = share.clamp(0.0, 1.0) * last as f64;
    let below = sorted[position.floor() as usize];
    let above = sorted[position.ceil() as usize];
    Some(below + (above - below) * position.fract())
}

/// A number brought into 0 to 1; what is not a number becomes 0.
pub(crate) fn probability(value: f64) -> Probability {
    let inside = value.clamp(0.0, 1.0);
    // `Probability` has no default on purpose; 0 and every number between 0 and 1 are accepted.
    let Ok(probability) = Probability::new(if inside.is_nan() { 0.0 } else { inside }) else {
        unreachable!("a number between 0 and 1 is a probability")
    };
    probability
}

/// Nine decimals: enough for any risk, and few enough digits that JSON gives the same number back.
fn rounded(value: f64) -> f64 {
    (value * 1e9).round() / 1e9
}

pub(super) fn logit(estimate: f64) -> f64 {
    let inside = estimate.clamp(ESTIMATE_MIN, 1.0 - ESTIMATE_MIN);
    (inside / (1.0 - inside)).ln()
}

#[cfg(test)]
mod tests;
