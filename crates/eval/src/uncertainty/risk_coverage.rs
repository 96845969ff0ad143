//! How the error falls when the answers that are least sure are left out.

use crate::curve::ascending;
use crate::undefined::Undefined;
use serde::{Deserialize, Serialize};

/// The most points of a stored curve.
const POINTS_MAX: usize = 100;

/// A point of a [`RiskCoverage`] curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RiskCoveragePoint {
    /// Share of rows that are answered.
    pub coverage: f64,
    /// Mean loss among them.
    pub loss: f64,
}

/// Error against the share of rows answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RiskCoverage {
    /// The curve, coverage ascending, thinned; equally sure rows come in together.
    pub curve: Vec<RiskCoveragePoint>,
    /// The area under the curve before thinning: the mean over rows, in the order of confidence, of
    /// the loss down to that row, tied rows taking the loss at their end.
    pub area: f64,
}

/// The risk-coverage curve (El-Yaniv and Wiener 2010, "On the foundations of noise-free selective
/// classification", section 2; the area as in Geifman, Uziel and El-Yaniv 2019, equation 2).
///
/// # Errors
/// When there are no rows.
///
/// # Panics
/// When the slices differ in length.
pub fn risk_coverage(losses: &[f64], confidence: &[f64]) -> Result<RiskCoverage, Undefined> {
    assert_eq!(losses.len(), confidence.len(), "one confidence a loss");
    if losses.is_empty() {
        return Err(Undefined::NoRows);
    }
    let mut order = ascending(confidence);
    order.reverse();
    let rows = order.len() as f64;
    let (mut sum, mut taken, mut area) = (0.0, 0.0, 0.0);
    let mut curve = Vec::new();
    for tie in order.chunk_by(|&a, &b| confidence[a as usize] <= confidence[b as usize]) {
        sum += tie.iter().map(|&row| losses[row as usize]).sum::<f64>();
        taken += tie.len() as f64;
        area += sum / taken * tie.len() as f64;
        curve.push(RiskCoveragePoint {
            coverage: taken / rows,
            loss: sum / taken,
        });
    }
    Ok(RiskCoverage {
        area: area / rows,
        curve: thinned(curve),
    })
}

fn thinned(curve: Vec<RiskCoveragePoint>) -> Vec<RiskCoveragePoint> {
    if curve.len() <= POINTS_MAX {
        return curve;
    }
    let last = curve.len() - 1;
    let place = |point: usize| point * last / (POINTS_MAX - 1);
    (0..POINTS_MAX).map(|point| curve[place(point)]).collect()
}
