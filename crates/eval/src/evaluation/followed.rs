//! What follow-up with censoring and competing events adds.

use super::{Common, Followed};
use crate::bootstrap::Draws;
use crate::survival::{
    FollowUp, brier_censored, censoring, concordance, concordance_ipcw, dynamic_auc, observed_by,
    observed_expected_censored,
};
use crate::task::select;
use crate::undefined::Undefined;

/// The names of the numbers from follow-up, in the order in which they are computed.
const FOLLOWED: [&str; 6] = [
    "observed_by_horizon",
    "observed_expected",
    "concordance",
    "concordance_ipcw",
    "auc",
    "brier",
];

pub(super) fn followed(common: &Common, draws: &Draws<'_>) -> Option<Followed> {
    let (times, causes, horizon) = common.followed.as_ref()?;
    let horizon = *horizon;
    let numbers = draws.bootstrap(&common.subjects, |rows| {
        let (times, causes) = (select(times, rows), select(causes, rows));
        let risks = select(&common.risks[0], rows);
        let followed = FollowUp {
            times: &times,
            causes: &causes,
        };
        let Ok(weights) = censoring(&followed) else {
            return [Err(Undefined::NoRows); 6];
        };
        [
            observed_by(&followed, horizon),
            observed_expected_censored(&followed, &risks, horizon),
            concordance(&followed, &risks),
            concordance_ipcw(&followed, &risks, &weights, Some(horizon)),
            dynamic_auc(&followed, &risks, &weights, horizon),
            brier_censored(&followed, &risks, &weights, horizon),
        ]
    });
    let before = |wanted: &dyn Fn(u8) -> bool| {
        let rows = times.iter().zip(causes);
        rows.filter(|(time, cause)| **time <= horizon && wanted(**cause))
            .count() as u64
    };
    Some(Followed {
        horizon_days: horizon,
        censored: before(&|cause| cause == 0),
        competing: before(&|cause| cause > 1),
        numbers: FOLLOWED
            .map(str::to_owned)
            .into_iter()
            .zip(numbers)
            .collect(),
    })
}
