//! AUC at a horizon with censoring.

use super::{FollowUp, StepCurve};
use crate::curve::ascending;
use crate::undefined::Undefined;

/// Cumulative/dynamic AUC at a horizon: who had the outcome by then against who had not, weighted
/// by the inverse of the share not yet censored (Blanche, Dartigues and Jacqmin-Gadda 2013,
/// "Estimating and comparing time-dependent areas under receiver operating characteristic curves
/// for censored event times with competing risks", equation 4: rows with a competing event by then
/// are among those without). Without competing events it is scikit-survival's
/// `cumulative_dynamic_auc` (Hung and Chiang 2010).
///
/// # Errors
/// When there are no rows, a side is empty, or everybody is censored by the time of an event.
///
/// # Panics
/// When the slices differ in length or a time is not finite.
pub fn dynamic_auc(
    followed: &FollowUp<'_>,
    scores: &[f64],
    censoring: &StepCurve,
    horizon: f64,
) -> Result<f64, Undefined> {
    followed.check();
    assert_eq!(followed.times.len(), scores.len(), "one score a row");
    if scores.is_empty() {
        return Err(Undefined::NoRows);
    }
    let (mut cases, mut controls, mut won) = (0.0, 0.0, 0.0);
    let order = ascending(scores);
    // From the lowest score: each case beats the controls below it, and half of those tied.
    for tie in order.chunk_by(|&a, &b| scores[a as usize] >= scores[b as usize]) {
        let (mut tied_cases, mut tied_controls) = (0.0, 0.0);
        for &row in tie {
            let (time, cause) = (followed.times[row as usize], followed.causes[row as usize]);
            let left = censoring.at(time.min(horizon));
            match (time > horizon, cause) {
                (false, 0) => {}
                _ if left <= 0.0 => return Err(Undefined::AllCensored),
                (false, 1) => tied_cases += 1.0 / left,
                _ => tied_controls += 1.0 / left,
            }
        }
        won += tied_cases * (controls + 0.5 * tied_controls);
        cases += tied_cases;
        controls += tied_controls;
    }
    if cases <= 0.0 {
        Err(Undefined::NoPositives)
    } else if controls <= 0.0 {
        Err(Undefined::NoNegatives)
    } else {
        Ok(won / (cases * controls))
    }
}
