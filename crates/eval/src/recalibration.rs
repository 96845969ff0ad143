//! Logistic recalibration: `logit P(y = 1) = a + b * logit(risk)`, by Newton's method.
//!
//! Slope and joint intercept fit `a` and `b`; calibration in the large holds `b` at 1 (Cox 1958,
//! "Two further applications of a model for binary regression"; Van Calster et al. 2019,
//! "Calibration: the Achilles heel of predictive analytics"). It judges risks and changes none.

use crate::undefined::Undefined;

/// Risks are held this far from 0 and 1 before the logit, which has no bound there.
pub const LOGIT_CLIP: f64 = 1e-12;

/// The logit of a risk, clipped by [`LOGIT_CLIP`].
pub(crate) fn logit(risk: f64) -> f64 {
    let clipped = risk.clamp(LOGIT_CLIP, 1.0 - LOGIT_CLIP);
    clipped.ln() - (-clipped).ln_1p()
}

/// A fitted recalibration.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recalibration {
    /// `a`.
    pub intercept: f64,
    /// `b`.
    pub slope: f64,
}

/// Which of the two parameters are fitted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Free {
    /// Both.
    Both,
    /// The intercept only; the slope keeps its start value.
    Intercept,
}

/// One row as the fit sees it; its weight is above 0.
#[derive(Clone, Copy)]
pub(crate) struct Row {
    pub(crate) logit: f64,
    pub(crate) label: bool,
    pub(crate) weight: f64,
}

/// Slope and intercept, fitted together.
///
/// # Errors
/// When a class is absent, all scores are equal, or a threshold separates the classes.
///
/// # Panics
/// When the two slices differ in length.
pub fn recalibrate(labels: &[bool], risks: &[f64]) -> Result<Recalibration, Undefined> {
    let rows = rows(labels, risks);
    estimable(&rows)?;
    newton(&rows, Free::Both, IDENTITY, TOLERANCE)
}

/// Calibration in the large: the intercept with the slope held at 1.
///
/// # Errors
/// When a class is absent.
///
/// # Panics
/// When the two slices differ in length.
pub fn calibration_in_the_large(labels: &[bool], risks: &[f64]) -> Result<f64, Undefined> {
    let rows = rows(labels, risks);
    both_classes(&rows)?;
    newton(&rows, Free::Intercept, IDENTITY, TOLERANCE).map(|fit| fit.intercept)
}

/// Where every fit may start: nothing to correct.
pub(crate) const IDENTITY: Recalibration = Recalibration {
    intercept: 0.0,
    slope: 1.0,
};

/// The largest last step of a fit on all rows, relative to the parameter.
pub(crate) const TOLERANCE: f64 = 1e-11;

const ITERATIONS_MAX: usize = 100;

/// The longest step, relative to the parameter.
const STEP_MAX: f64 = 5.0;

fn rows(labels: &[bool], risks: &[f64]) -> Vec<Row> {
    assert_eq!(labels.len(), risks.len(), "one risk for each label");
    let pairs = labels.iter().zip(risks);
    pairs
        .map(|(&label, &risk)| Row {
            logit: logit(risk),
            label,
            weight: 1.0,
        })
        .collect()
}

fn both_classes(rows: &[Row]) -> Result<(), Undefined> {
    let first = rows.first().ok_or(Undefined::NoRows)?.label;
    if rows.iter().all(|row| row.label == first) {
        return Err(if first {
            Undefined::NoNegatives
        } else {
            Undefined::NoPositives
        });
    }
    Ok(())
}

/// Whether slope and intercept have finite maximum likelihood estimates: with one covariate,
/// exactly when the classes overlap (Albert and Anderson 1984, "On the existence of maximum
/// likelihood estimates in logistic regression models").
pub(crate) fn estimable(rows: &[Row]) -> Result<(), Undefined> {
    both_classes(rows)?;
    // The span of logits of each class: [negatives, positives].
    let mut span = [(f64::INFINITY, f64::NEG_INFINITY); 2];
    for row in rows {
        let (low, high) = &mut span[usize::from(row.label)];
        *low = low.min(row.logit);
        *high = high.max(row.logit);
    }
    let [negatives, positives] = span;
    if negatives.0.min(positives.0) >= negatives.1.max(positives.1) {
        return Err(Undefined::ConstantScores);
    }
    if negatives.1 <= positives.0 || positives.1 <= negatives.0 {
        return Err(Undefined::Separated);
    }
    Ok(())
}

/// Gradient and Hessian of the negative log likelihood.
#[derive(Clone, Copy, Default)]
struct Derivatives {
    gradient: [f64; 2],
    /// Of intercept twice, of both, of slope twice.
    hessian: [f64; 3],
}

fn derivatives(rows: &[Row], at: Recalibration) -> Derivatives {
    let mut sum = Derivatives::default();
    for row in rows {
        let risk = 1.0 / (1.0 + (-(at.intercept + at.slope * row.logit)).exp());
        let residual = row.weight * (risk - f64::from(u8::from(row.label)));
        let curvature = row.weight * risk * (1.0 - risk);
        sum.gradient[0] += residual;
        sum.gradient[1] += residual * row.logit;
        sum.hessian[0] += curvature;
        sum.hessian[1] += curvature * row.logit;
        sum.hessian[2] += curvature * row.logit * row.logit;
    }
    sum
}

/// The negative log likelihood.
fn loss(rows: &[Row], at: Recalibration) -> f64 {
    let nats = |row: &Row| {
        let eta = at.intercept + at.slope * row.logit;
        let against = if row.label { -eta } else { eta };
        row.weight * (against.max(0.0) + (-against.abs()).exp().ln_1p())
    };
    rows.iter().map(nats).sum()
}

/// Newton's method with step halving; the loss is convex, so that halving always ends.
pub(crate) fn newton(
    rows: &[Row],
    free: Free,
    start: Recalibration,
    tolerance: f64,
) -> Result<Recalibration, Undefined> {
    let mut at = start;
    let mut here = loss(rows, at);
    for _ in 0..ITERATIONS_MAX {
        let step = newton_step(&derivatives(rows, at), free).ok_or(Undefined::NotConverged)?;
        let length = length(step, at);
        if length <= tolerance {
            return Ok(moved(at, step, 1.0));
        }
        // Where the curve is flat a full step would leave the range of floats.
        let mut share = (STEP_MAX / length).min(1.0);
        loop {
            let next = moved(at, step, share);
            let there = loss(rows, next);
            // A relative hair above `here` still counts: rounding must not stop the last steps.
            if there <= here + 1e-12 * here.abs() {
                (at, here) = (next, there);
                break;
            }
            share /= 2.0;
            if share < 1e-9 {
                return Err(Undefined::NotConverged);
            }
        }
    }
    Err(Undefined::NotConverged)
}

/// The fit of a resample, from the fit of all rows: plain Newton steps for as long as each is less
/// than half the last, which is the rule so near the end, and [`newton`] otherwise.
pub(crate) fn newton_from_near(
    rows: &[Row],
    free: Free,
    near: Recalibration,
) -> Result<Recalibration, Undefined> {
    let mut at = near;
    let mut last = 1.0;
    while let Some(step) = newton_step(&derivatives(rows, at), free) {
        let length = length(step, at);
        if length >= 0.5 * last {
            break;
        }
        at = moved(at, step, 1.0);
        // The error left is about the square of the last step.
        if length <= 1e-4 {
            return Ok(at);
        }
        last = length;
    }
    newton(rows, free, near, 1e-4)
}

/// The length of a step relative to the parameters.
fn length(step: [f64; 2], at: Recalibration) -> f64 {
    let intercept = step[0].abs() / (1.0 + at.intercept.abs());
    intercept.max(step[1].abs() / (1.0 + at.slope.abs()))
}

fn moved(at: Recalibration, step: [f64; 2], share: f64) -> Recalibration {
    Recalibration {
        intercept: at.intercept - share * step[0],
        slope: at.slope - share * step[1],
    }
}

fn newton_step(here: &Derivatives, free: Free) -> Option<[f64; 2]> {
    let [g0, g1] = here.gradient;
    let [h00, h01, h11] = here.hessian;
    let step = match free {
        Free::Intercept => [g0 / h00, 0.0],
        Free::Both => {
            let determinant = h00 * h11 - h01 * h01;
            [
                (h11 * g0 - h01 * g1) / determinant,
                (h00 * g1 - h01 * g0) / determinant,
            ]
        }
    };
    step.iter().all(|part| part.is_finite()).then_some(step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_distortion_is_found_again() {
        // Frequencies chosen so that the fit must return a = 0.5, b = 2 up to rounding of counts.
        let (mut labels, mut risks) = (Vec::new(), Vec::new());
        for step in -8..=8 {
            let x = f64::from(step) / 4.0;
            let positives = 20_000.0 / (1.0 + (-(0.5 + 2.0 * x)).exp());
            for i in 0..20_000_u32 {
                labels.push(f64::from(i) < positives.round());
                risks.push(1.0 / (1.0 + (-x).exp()));
            }
        }
        let fit = recalibrate(&labels, &risks).unwrap();
        assert!((fit.intercept - 0.5).abs() < 1e-3, "{fit:?}");
        assert!((fit.slope - 2.0).abs() < 1e-3, "{fit:?}");
    }

    #[test]
    fn degenerate_rows_give_a_reason() {
        let fit = |labels: &[bool], risks: &[f64]| recalibrate(labels, risks).unwrap_err();
        assert_eq!(fit(&[], &[]), Undefined::NoRows);
        assert_eq!(fit(&[true], &[0.5]), Undefined::NoNegatives);
        assert_eq!(fit(&[false; 2], &[0.5, 0.1]), Undefined::NoPositives);
        assert_eq!(fit(&[true, false], &[0.3; 2]), Undefined::ConstantScores);
        assert_eq!(fit(&[false, true], &[0.1, 0.9]), Undefined::Separated);
        assert_eq!(fit(&[true, false], &[0.1, 0.9]), Undefined::Separated);
        let quasi = fit(&[false, true, false, true], &[0.1, 0.5, 0.5, 0.9]);
        assert_eq!(quasi, Undefined::Separated);
    }
}
