//! Uncertainty of a single answer, of three kinds that do not add up and are kept apart by type.
//!
//! | kind | type | what it is about |
//! |---|---|---|
//! | Monte Carlo error | [`MonteCarloError`] | other random numbers, the same model |
//! | calibration interval | [`CalibrationRange`] | how well the calibration of this risk is known |
//! | act or defer | [`Decision`] | an error rate over many acts, not over this subject |
//!
//! None of them claims to cover one person's true risk. Conformal guarantees are marginal: they
//! hold over subjects exchangeable with the calibration ones, and for a group only where the
//! calibration was by that group (Mondrian).

mod conformal;
mod coverage;
mod risk_coverage;
mod venn_abers;

pub use conformal::{
    Acts, Conformal, Decision, Defer, IntervalConformal, PredictionSet, act_or_defer,
};
pub use coverage::{Coverages, SetCoverage, set_coverage};
pub use risk_coverage::{RiskCoverage, RiskCoveragePoint, risk_coverage};
pub use venn_abers::VennAbers;

use crate::undefined::Undefined;
use serde::{Deserialize, Serialize};

/// Monte Carlo error of a risk estimated from sampled futures: it shrinks with more samples and
/// says nothing of whether the model is right.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MonteCarloError {
    /// The mean over the samples.
    pub estimate: f64,
    /// The standard error of the mean.
    pub standard_error: f64,
    /// Samples.
    pub samples: u64,
}

impl MonteCarloError {
    /// From one number a sampled future: 0 or 1, or the chance given the future.
    ///
    /// # Errors
    /// When there are fewer than two samples.
    pub fn of(samples: &[f64]) -> Result<Self, Undefined> {
        if samples.len() < 2 {
            return Err(Undefined::TooFew);
        }
        let n = samples.len() as f64;
        let estimate = samples.iter().sum::<f64>() / n;
        let squares: f64 = samples.iter().map(|s| (s - estimate).powi(2)).sum();
        Ok(Self {
            estimate,
            standard_error: (squares / (n - 1.0) / n).sqrt(),
            samples: samples.len() as u64,
        })
    }
}

/// How well the calibration of a risk is known.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "snake_case")]
pub enum CalibrationRange {
    /// The two probabilities of Venn-Abers: one of them is calibrated, whichever way the outcome
    /// turns out. It has no level.
    VennAbers {
        /// The calibrated risk if the outcome does not happen.
        low: f64,
        /// The calibrated risk if it does.
        high: f64,
    },
    /// Percentiles over calibrations refitted on resampled subjects.
    Bootstrap {
        /// Lower end.
        low: f64,
        /// Upper end.
        high: f64,
        /// The level.
        level: f64,
    },
}

impl CalibrationRange {
    /// The percentile interval of one risk over its values under refitted calibrations.
    ///
    /// # Errors
    /// When there are fewer than 40 values: the 2.5th percentile would be the smallest of them.
    pub fn bootstrap(values: &[f64]) -> Result<Self, Undefined> {
        if values.len() < 40 {
            return Err(Undefined::TooFew);
        }
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let tail = (1.0 - crate::bootstrap::LEVEL) / 2.0;
        Ok(Self::Bootstrap {
            low: crate::bootstrap::quantile(&sorted, tail),
            high: crate::bootstrap::quantile(&sorted, 1.0 - tail),
            level: crate::bootstrap::LEVEL,
        })
    }

    /// Lower and upper end.
    pub fn ends(&self) -> (f64, f64) {
        match *self {
            Self::VennAbers { low, high } | Self::Bootstrap { low, high, .. } => (low, high),
        }
    }
}
