//! The Brier score with censoring, at a horizon and over a span of them.

use super::{FollowUp, StepCurve};
use crate::undefined::Undefined;

/// The Brier score of the risk of the outcome by a horizon, rows weighted by the inverse of the
/// share not yet censored (Graf et al. 1999, "Assessment and comparison of prognostic
/// classification schemes for survival data", equation 3; with competing events Schoop et al. 2011,
/// "Quantifying the predictive accuracy of time-to-event models in the presence of competing
/// risks", equation 5). It is an estimate over all rows, those censored before the horizon among
/// them.
///
/// # Errors
/// When there are no rows or everybody is censored by the horizon or by the time of an event.
///
/// # Panics
/// When the slices differ in length or a time is not finite.
pub fn brier_censored(
    followed: &FollowUp<'_>,
    risks: &[f64],
    censoring: &StepCurve,
    horizon: f64,
) -> Result<f64, Undefined> {
    followed.check();
    assert_eq!(followed.times.len(), risks.len(), "one risk a row");
    if risks.is_empty() {
        return Err(Undefined::NoRows);
    }
    let mut sum = 0.0;
    for ((&time, &cause), &risk) in followed.times.iter().zip(followed.causes).zip(risks) {
        if time <= horizon && cause == 0 {
            continue;
        }
        let left = censoring.at(time.min(horizon));
        if left <= 0.0 {
            return Err(Undefined::AllCensored);
        }
        let had = f64::from(u8::from(time <= horizon && cause == 1));
        sum += (had - risk).powi(2) / left;
    }
    Ok(sum / risks.len() as f64)
}

/// The integrated Brier score: [`brier_censored`] at each horizon, by the trapezoid rule, over the
/// span of the horizons (Graf et al. 1999, equation 6; scikit-survival's
/// `integrated_brier_score`). `risks[k]` holds every row's risk by `horizons[k]`.
///
/// # Errors
/// As [`brier_censored`], and when there are fewer than two horizons.
///
/// # Panics
/// When the slices differ in length or the horizons do not ascend.
pub fn integrated_brier(
    followed: &FollowUp<'_>,
    risks: &[&[f64]],
    censoring: &StepCurve,
    horizons: &[f64],
) -> Result<f64, Undefined> {
    assert_eq!(risks.len(), horizons.len(), "risks for each horizon");
    assert!(
        horizons.windows(2).all(|pair| pair[0] < pair[1]),
        "horizons ascend"
    );
    let [first, .., last] = horizons else {
        return Err(Undefined::TooFew);
    };
    let scores: Result<Vec<f64>, Undefined> = horizons
        .iter()
        .zip(risks)
        .map(|(&horizon, risks)| brier_censored(followed, risks, censoring, horizon))
        .collect();
    let area: f64 = horizons
        .windows(2)
        .zip(scores?.windows(2))
        .map(|(h, s)| (h[1] - h[0]) * (s[0] + s[1]) / 2.0)
        .sum();
    Ok(area / (last - first))
}
