//! Logistic recalibration: `logit(risk) = intercept + slope * logit(estimate)`. It is no model of
//! its own: it knows only the estimate.
//!
//! Source: Cox, "Two further applications of a model for binary regression" (Biometrika 1958); the
//! prior follows the shrinkage of recalibration in Steyerberg, "Clinical Prediction Models" (2nd
//! ed., on updating a model).

use super::{logit, rounded};
use serde::{Deserialize, Serialize};

/// Standard deviation of the prior of the shift at the mean logit: a factor of 2.7 in the odds.
const SHIFT_SD: f64 = 1.0;
/// Standard deviation of the prior of the slope around 1.
const SLOPE_SD: f64 = 0.5;
const ITERATIONS: usize = 60;

/// The two parameters.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Logistic {
    /// Added on the logit scale.
    pub intercept: f64,
    /// Multiplies the logit of the estimate; never negative.
    pub slope: f64,
}

impl Logistic {
    /// Maximises the log-likelihood plus the log of a prior centred on the identity: a normal one
    /// on the shift at the mean logit of the subjects (standard deviation 1) and one on the slope
    /// around 1 (0.5). The prior is fixed, so its pull fades as one over the number of events and
    /// there is no switch between few and many. A negative slope would turn the ranking round on
    /// the word of a small sample; the problem is concave, so the best slope is then 0.
    pub(crate) fn fit(points: &[(f64, bool)]) -> Self {
        let n = points.len().max(1) as f64;
        let mean = points.iter().map(|(e, _)| logit(*e)).sum::<f64>() / n;
        let centred: Vec<(f64, f64)> = points
            .iter()
            .map(|(e, label)| (logit(*e) - mean, f64::from(u8::from(*label))))
            .collect();
        let problem = Problem {
            points: &centred,
            mean,
        };
        let mut best = problem.maximise([0.0, 1.0], true);
        if best[1] < 0.0 {
            best = problem.maximise([best[0], 0.0], false);
        }
        Self {
            intercept: rounded(mean + best[0] - best[1] * mean),
            slope: rounded(best[1]),
        }
    }

    pub(crate) fn apply(&self, estimate: f64) -> f64 {
        sigmoid(self.intercept + self.slope * logit(estimate))
    }
}

/// `logit(risk) = mean + shift + slope * (logit - mean)` with parameters `[shift, slope]`.
struct Problem<'a> {
    points: &'a [(f64, f64)],
    mean: f64,
}

impl Problem<'_> {
    fn objective(&self, [shift, slope]: [f64; 2]) -> f64 {
        let fit: f64 = self
            .points
            .iter()
            .map(|(x, y)| {
                let score = self.mean + shift + slope * x;
                y * score - softplus(score)
            })
            .sum();
        let prior = (shift / SHIFT_SD).powi(2) + ((slope - 1.0) / SLOPE_SD).powi(2);
        fit - prior / 2.0
    }

    /// Newton steps with halving; the objective is strictly concave.
    fn maximise(&self, start: [f64; 2], free_slope: bool) -> [f64; 2] {
        let mut at = start;
        for _ in 0..ITERATIONS {
            let step = self.step(at, free_slope);
            let mut length = 1.0;
            let now = self.objective(at);
            let mut next = [at[0] + step[0], at[1] + step[1]];
            while self.objective(next) < now && length > 1e-9 {
                length /= 2.0;
                next = [at[0] + length * step[0], at[1] + length * step[1]];
            }
            let moved = (next[0] - at[0]).abs() + (next[1] - at[1]).abs();
            at = next;
            if moved < 1e-12 {
                break;
            }
        }
        at
    }

    fn step(&self, [shift, slope]: [f64; 2], free_slope: bool) -> [f64; 2] {
        let (shift_precision, slope_precision) = (SHIFT_SD.powi(-2), SLOPE_SD.powi(-2));
        let mut gradient = [-shift * shift_precision, (1.0 - slope) * slope_precision];
        // The negated second derivatives: shift-shift, shift-slope, slope-slope.
        let mut curvature = [shift_precision, 0.0, slope_precision];
        for (x, y) in self.points {
            let p = sigmoid(self.mean + shift + slope * x);
            let weight = p * (1.0 - p);
            gradient[0] += y - p;
            gradient[1] += (y - p) * x;
            curvature[0] += weight;
            curvature[1] += weight * x;
            curvature[2] += weight * x * x;
        }
        if !free_slope {
            return [gradient[0] / curvature[0], 0.0];
        }
        let determinant = curvature[0] * curvature[2] - curvature[1] * curvature[1];
        [
            (curvature[2] * gradient[0] - curvature[1] * gradient[1]) / determinant,
            (curvature[0] * gradient[1] - curvature[1] * gradient[0]) / determinant,
        ]
    }
}

fn sigmoid(score: f64) -> f64 {
    1.0 / (1.0 + (-score).exp())
}

/// `ln(1 + e^x)` without overflow.
fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}
