//! Outcomes with a time: follow-up that is cut short (censored) and other events that come first.
//!
//! Every function takes competing events as what they are: the outcome can no longer happen, so the
//! row stays without it for ever. Without competing events the functions are the usual ones and
//! agree with scikit-survival. Censoring is answered by inverse probability weights from
//! [`censoring`], which takes it for independent of the outcome and the scores.

mod brier;
mod concordance;
mod curve;
mod dynamic;

pub use brier::{brier_censored, integrated_brier};
pub use concordance::{concordance, concordance_ipcw};
pub use curve::{StepCurve, aalen_johansen, censoring, kaplan_meier};
pub use dynamic::dynamic_auc;

use crate::undefined::Undefined;
use std::fmt;

/// The follow-up of each row.
#[derive(Clone, Copy)]
pub struct FollowUp<'a> {
    /// Time from the prediction to the first event or the end of observation, in any one unit.
    pub times: &'a [f64],
    /// What stood there: 0 the end of observation (censored), 1 the outcome, more: a competing
    /// event.
    pub causes: &'a [u8],
}

/// Redacted: the shape only.
impl fmt::Debug for FollowUp<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FollowUp({} rows)", self.times.len())
    }
}

impl FollowUp<'_> {
    fn check(&self) {
        assert_eq!(self.times.len(), self.causes.len(), "one cause a time");
        assert!(
            self.times.iter().all(|time| time.is_finite()),
            "times are finite numbers"
        );
    }
}

/// Observed over expected by a horizon: the cumulative incidence of the outcome
/// ([`aalen_johansen`]) over the mean risk (Gerds, Andersen and Kattan 2014, "Calibration plots for
/// risk prediction models in the presence of competing risks", section 2).
///
/// # Errors
/// When there are no rows, the horizon lies beyond the last time, or the risks sum to zero.
///
/// # Panics
/// When the slices differ in length.
pub fn observed_expected_censored(
    followed: &FollowUp<'_>,
    risks: &[f64],
    horizon: f64,
) -> Result<f64, Undefined> {
    assert_eq!(followed.times.len(), risks.len(), "one risk a row");
    let observed = observed_by(followed, horizon)?;
    let expected = risks.iter().sum::<f64>() / risks.len() as f64;
    if expected <= 0.0 {
        return Err(Undefined::NothingExpected);
    }
    Ok(observed / expected)
}

/// The share with the outcome by a horizon ([`aalen_johansen`]).
///
/// # Errors
/// When there are no rows or the horizon lies beyond the last time with somebody at risk.
///
/// # Panics
/// When the slices differ in length.
pub fn observed_by(followed: &FollowUp<'_>, horizon: f64) -> Result<f64, Undefined> {
    let incidence = aalen_johansen(followed, 1)?;
    let open_end = followed.times.iter().zip(followed.causes);
    let last = open_end.fold(
        (f64::NEG_INFINITY, false),
        |(last, open), (&time, &cause)| {
            if time > last {
                (time, cause == 0)
            } else {
                (last, open || time >= last && cause == 0)
            }
        },
    );
    // Past the last time nothing is known, unless nobody was left.
    if horizon > last.0 && last.1 {
        return Err(Undefined::BeyondFollowUp);
    }
    Ok(incidence.at(horizon))
}
