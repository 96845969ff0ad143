//! Calibration without bins: the observed share as a smooth function of the risk, and how far the
//! risks lie from it.

use crate::bootstrap::quantile;
use crate::curve::ascending;
use crate::undefined::Undefined;
use serde::{Deserialize, Serialize};

/// The share of rows that each local fit sees: the default span of R's `loess`, which the paper of
/// [`smooth_calibration`] uses.
pub const SPAN: f64 = 0.75;

/// Points at which the smooth curve is fitted; it is straight between them.
pub const SMOOTH_POINTS: usize = 101;

/// A smooth calibration curve and the distances from it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SmoothCalibration {
    /// Risk and smoothed observed share, risks ascending.
    pub curve: Vec<(f64, f64)>,
    /// Integrated calibration index: the mean distance of a risk from the curve.
    pub ici: f64,
    /// The median distance.
    pub e50: f64,
    /// The 90th percentile of the distance.
    pub e90: f64,
    /// The largest distance.
    pub e_max: f64,
}

/// The integrated calibration index (Austin and Steyerberg 2019, "The integrated calibration index
/// (ICI) and related metrics for quantifying the calibration of logistic regression models",
/// section 2.2) over a local linear fit (Cleveland 1979, "Robust locally weighted regression",
/// without the robust rounds) of [`SPAN`] at [`SMOOTH_POINTS`] quantiles of the risks. The curve is
/// held between 0 and 1.
///
/// # Errors
/// When a class is absent or all risks are equal.
///
/// # Panics
/// When the two slices differ in length.
pub fn smooth_calibration(labels: &[bool], risks: &[f64]) -> Result<SmoothCalibration, Undefined> {
    assert_eq!(labels.len(), risks.len(), "one risk for each label");
    let positives = labels.iter().filter(|&&label| label).count();
    match (labels.len(), positives) {
        (0, _) => return Err(Undefined::NoRows),
        (_, 0) => return Err(Undefined::NoPositives),
        (all, with) if all == with => return Err(Undefined::NoNegatives),
        _ => {}
    }
    let order = ascending(risks);
    let x: Vec<f64> = order.iter().map(|&row| risks[row as usize]).collect();
    let y: Vec<f64> = order
        .iter()
        .map(|&row| f64::from(u8::from(labels[row as usize])))
        .collect();
    if x[0] >= x[x.len() - 1] {
        return Err(Undefined::ConstantScores);
    }
    let last = (SMOOTH_POINTS - 1) as f64;
    let mut places: Vec<f64> = (0..SMOOTH_POINTS)
        .map(|point| quantile(&x, point as f64 / last))
        .collect();
    places.dedup();
    let curve: Vec<(f64, f64)> = places
        .iter()
        .map(|&at| (at, local_linear(&x, &y, at).clamp(0.0, 1.0)))
        .collect();
    let mut distances = Vec::with_capacity(x.len());
    let mut segment = 0;
    for &risk in &x {
        while segment + 2 < curve.len() && curve[segment + 1].0 < risk {
            segment += 1;
        }
        let ((x0, y0), (x1, y1)) = (curve[segment], curve[segment + 1]);
        let share = y0 + (y1 - y0) * (risk - x0) / (x1 - x0);
        distances.push((risk - share).abs());
    }
    distances.sort_by(f64::total_cmp);
    Ok(SmoothCalibration {
        ici: distances.iter().sum::<f64>() / distances.len() as f64,
        e50: quantile(&distances, 0.5),
        e90: quantile(&distances, 0.9),
        e_max: distances[distances.len() - 1],
        curve,
    })
}

/// The local linear fit at one place by the nearest [`SPAN`] of rows with tricube weights. Rows are
/// sorted by `x`. As in statsmodels' `lowess`, rows nearer than a thousandth of the reach count
/// fully and those beyond 999 thousandths not at all.
fn local_linear(x: &[f64], y: &[f64], at: f64) -> f64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of the length"
    )]
    let near = ((SPAN * x.len() as f64 + 1e-10) as usize).clamp(1, x.len());
    // The window of `near` rows whose farther end is nearest.
    let (mut low, mut high) = (0, x.len() - near);
    while low < high {
        let middle = usize::midpoint(low, high);
        if at - x[middle] > x[middle + near] - at {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    let window = low..low + near;
    let reach = (at - x[window.start])
        .abs()
        .max((x[window.end - 1] - at).abs());
    if reach <= 0.0 {
        // Every near row has this very risk; so may more rows: all of them count.
        let tied = x.partition_point(|&v| v < at)..x.partition_point(|&v| v <= at);
        return y[tied.clone()].iter().sum::<f64>() / tied.len() as f64;
    }
    let weight = |value: f64| {
        let distance = (value - at).abs() / reach;
        if distance > 0.999 {
            0.0
        } else if distance < 0.001 {
            1.0
        } else {
            (1.0 - distance.powi(3)).powi(3)
        }
    };
    let (mut w, mut wx, mut wy) = (0.0, 0.0, 0.0);
    for (&x, &y) in x[window.clone()].iter().zip(&y[window.clone()]) {
        let weight = weight(x);
        w += weight;
        wx += weight * (x - at);
        wy += weight * y;
    }
    let (mean_x, mean_y) = (wx / w, wy / w);
    let (mut wxx, mut wxy) = (0.0, 0.0);
    for (&x, &y) in x[window.clone()].iter().zip(&y[window]) {
        let (weight, from) = (weight(x), x - at - mean_x);
        wxx += weight * from * from;
        wxy += weight * from * (y - mean_y);
    }
    if wxx / w <= 1e-24 {
        return mean_y;
    }
    mean_y - wxy / wxx * mean_x
}
