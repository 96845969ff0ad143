//! Agreement of each model's risk with the known true risk, which only a synthetic hospital has.
//!
//! An outcome is one draw from the true risk; agreement with the risk itself is the sharper test.

use crate::bootstrap::{Draws, metrics};
use crate::curve::reliability_of_truth;
use crate::report::{TruthAgreement, TruthReport};
use crate::task::{Common, TRUTH};
use crate::undefined::Undefined;

/// Mean absolute error, Pearson correlation and mean difference of risk and true risk.
///
/// # Errors
/// Each is an error where it is undefined: all without rows, the correlation without variation.
///
/// # Panics
/// When the two slices differ in length.
pub fn agreement(truth: &[f64], risks: &[f64]) -> [Result<f64, Undefined>; 3] {
    assert_eq!(truth.len(), risks.len(), "one true risk for each risk");
    weighted_agreement(truth, risks, |_| 1.0)
}

/// `truth` holds the common rows, of which there is at least one.
pub(crate) fn truth_report(common: &Common<'_>, truth: &[f64], draws: &Draws<'_>) -> TruthReport {
    let models = common.models.iter().filter(|(name, _)| *name != TRUTH);
    let agreements = models.map(|(name, risks)| {
        let on_all = agreement(truth, risks);
        let of_row = &common.clusters.of_row;
        let drawn = draws.each(common.clusters.count, |weights| {
            let weight = |row: usize| f64::from(weights[of_row[row] as usize]);
            weighted_agreement(truth, risks, weight)
        });
        let [mean_absolute_error, correlation, mean_difference] = metrics(on_all, &drawn);
        let agreement = TruthAgreement {
            mean_absolute_error,
            correlation,
            mean_difference,
            calibration: reliability_of_truth(truth, risks),
        };
        ((*name).to_owned(), agreement)
    });
    TruthReport {
        n: truth.len() as u64,
        mean_true_risk: truth.iter().sum::<f64>() / truth.len() as f64,
        models: agreements.collect(),
    }
}

fn weighted_agreement(
    truth: &[f64],
    risks: &[f64],
    weight: impl Fn(usize) -> f64,
) -> [Result<f64, Undefined>; 3] {
    let sum = |term: &dyn Fn(f64, f64) -> f64| -> f64 {
        let pairs = truth.iter().zip(risks).enumerate();
        pairs.map(|(row, (&t, &r))| weight(row) * term(t, r)).sum()
    };
    let n = sum(&|_, _| 1.0);
    if n <= 0.0 {
        return [Err(Undefined::NoRows); 3];
    }
    let (mean_truth, mean_risk) = (sum(&|t, _| t) / n, sum(&|_, r| r) / n);
    let covariance = sum(&|t, r| (t - mean_truth) * (r - mean_risk));
    let spread = sum(&|t, _| (t - mean_truth).powi(2)) * sum(&|_, r| (r - mean_risk).powi(2));
    // Rounding leaves a spread of about the square of machine epsilon where nothing varies.
    let correlation = if spread > (n * 1e-30) * (n * 1e-30) {
        Ok((covariance / spread.sqrt()).clamp(-1.0, 1.0))
    } else {
        Err(Undefined::NoVariation)
    };
    [
        Ok(sum(&|t, r| (t - r).abs()) / n),
        correlation,
        Ok(mean_risk - mean_truth),
    ]
}
