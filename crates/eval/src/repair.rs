//! Repair of risks by group, and what it costs whom.
//!
//! Three repairs, each fitted on rows that are neither learnt from nor judged on:
//!
//! - [`GroupRecalibration`]: one recalibration for all, and an intercept for each group that leans
//!   on it the more the less the group knows (hierarchical shrinkage);
//! - [`Multicalibration`]: many groups at once, over bins of the risk;
//! - [`ThresholdPolicy`]: other thresholds for named groups. It changes no risk, it is a decision
//!   about people, and so it is declared with who decided it and why, never fitted.
//!
//! A recalibration can be no better than its labels: where a group's outcomes are not recorded, it
//! makes the model agree with the record. Weights let rows on which somebody looked stand for
//! those on which nobody did.

mod cost;
mod group;
mod multi;

pub use cost::{GroupCost, Paired, RepairCost, Side, repair_cost};
pub use group::GroupRecalibration;
pub use multi::{Multicalibration, Step};

use crate::undefined::Undefined;
use serde::{Deserialize, Serialize};

/// Rows to fit a repair on.
#[derive(Clone, Copy, Debug)]
pub struct RepairRows<'a> {
    /// Labels.
    pub labels: &'a [bool],
    /// Risks before the repair.
    pub risks: &'a [f64],
    /// What each row weighs, above 0; their mean is 1 as a rule.
    pub weights: &'a [f64],
}

impl RepairRows<'_> {
    fn check(&self) {
        assert_eq!(self.labels.len(), self.risks.len(), "a risk for each label");
        assert_eq!(
            self.labels.len(),
            self.weights.len(),
            "a weight for each label"
        );
    }
}

/// Thresholds that differ by group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ThresholdPolicy {
    /// The threshold of everybody else.
    pub threshold: f64,
    /// Who decided.
    pub decided_by: String,
    /// When, as a date.
    pub decided_on: String,
    /// The groups; the first that a row is in counts.
    pub group: Vec<GroupThreshold>,
}

/// The threshold of one group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupThreshold {
    /// The dimension.
    pub dimension: String,
    /// Its value.
    pub value: String,
    /// The threshold.
    pub threshold: f64,
    /// Why this group has one of its own.
    pub reason: String,
}

impl ThresholdPolicy {
    /// Which rows make an alert.
    pub fn alerts(&self, risks: &[f64], groups: &[(String, Vec<String>)]) -> Vec<bool> {
        let is_in = |one: &GroupThreshold, row: usize| {
            let named = groups.iter().find(|(name, _)| *name == one.dimension);
            named.is_some_and(|(_, values)| values[row] == one.value)
        };
        let threshold = |row: usize| {
            let own = self.group.iter().find(|one| is_in(one, row));
            own.map_or(self.threshold, |one| one.threshold)
        };
        let numbered = risks.iter().enumerate();
        numbered
            .map(|(row, &risk)| risk >= threshold(row))
            .collect()
    }
}

/// The lowest threshold at which at most a share of rows makes an alert: what a team that can look
/// at so many can act on.
///
/// # Errors
/// When there are no rows, or the share is less than one row, or so many rows have the highest risk
/// that it cannot be kept.
pub fn threshold_for_alerts(risks: &[f64], share: f64) -> Result<f64, Undefined> {
    let mut sorted = risks.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a count of rows"
    )]
    let most = (share * sorted.len() as f64).floor() as usize;
    let last = sorted.get(..most).and_then(<[f64]>::last);
    let last = *last.ok_or(Undefined::NoRows)?;
    match sorted.get(most) {
        // The next row is as high: neither it nor its equals make an alert.
        Some(&next) if next >= last => {
            let above = sorted.iter().rev().find(|&&risk| risk > last);
            above.copied().ok_or(Undefined::NotReached)
        }
        _ => Ok(last),
    }
}

#[cfg(test)]
mod tests;
