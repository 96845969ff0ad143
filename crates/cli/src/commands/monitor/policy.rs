//! The policy of a monitoring: one TOML file. No clinical key has a value of its own accord.

use super::rows::days;
use crate::failure::{Failure, Kind};
use anyhow::Result;
use longitude_core::{Instant, Precision};
use longitude_eval::Options;
use longitude_eval::monitor::{MonitorOptions, Tolerance, Watched};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// A policy to begin from.
pub(super) const TEMPLATE: &str = include_str!("policy.toml");

/// A policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Policy {
    /// The task's id.
    pub(crate) task: String,
    /// Its horizon in days.
    pub(crate) horizon_days: f64,
    /// Days until an outcome is recorded.
    pub(crate) reporting_lag_days: f64,
    /// The first day of the plan.
    plan_start: String,
    /// Its months.
    plan_months: u32,
    /// The level of alarms.
    pub(crate) false_alarm: f64,
    /// The level of watch.
    pub(crate) watch: f64,
    /// Months of a rolling window.
    pub(crate) window_months: usize,
    /// Dimensions that are watched.
    pub(crate) groups: Vec<String>,
    /// Inputs that are watched; all further columns of numbers where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) inputs: Option<Vec<String>>,
    /// Streams whose alarm suspends.
    suspends: Vec<Kinds>,
    /// How much farther from the outcome a contested case's risk may come.
    pub(crate) case_tolerance: f64,
    /// What counts as no change.
    tolerance: Tolerance,
}

/// The kinds of streams, as the policy names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kinds {
    Calibration,
    Discrimination,
    Scores,
    MissingScores,
    MissingOutcomes,
    Inputs,
    MissingInputs,
}

impl Policy {
    /// Reads a policy.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let refuse = |what: String, mend: &str| Failure::new(Kind::Input, what, mend);
        let text = std::fs::read_to_string(path).map_err(|error| {
            let what = format!("cannot read the policy {}: {error}", path.display());
            refuse(what, "write one, beginning from `longitude monitor policy`")
        })?;
        let policy: Self = toml::from_str(&text).map_err(|error| {
            let what = format!("{}: {}", path.display(), error.to_string().trim_end());
            refuse(
                what,
                "correct the key or value named above; `longitude monitor policy` tells all",
            )
        })?;
        if policy.plan_months == 0 || policy.plan_months > 120 {
            let what = format!("{}: plan_months lies outside 1 to 120", path.display());
            return Err(refuse(what, "a plan of 24 months is usual").into());
        }
        if !(0.0..1.0).contains(&policy.case_tolerance) {
            let what = format!("{}: case_tolerance is no share", path.display());
            return Err(refuse(what, "give a difference of risks, such as 0.05").into());
        }
        policy.start()?;
        Ok(policy)
    }

    fn start(&self) -> Result<Instant> {
        self.plan_start.parse().map_err(|_error| {
            let what = format!("plan_start = \"{}\" is no date", self.plan_start);
            Failure::new(Kind::Input, what, "write it as \"2025-01-01\"").into()
        })
    }

    /// The numbers of the plan.
    pub(crate) fn options(&self, resamples: u32) -> Result<MonitorOptions> {
        let mut edge = self.start()?;
        let mut edges = vec![days(edge)];
        for _ in 0..self.plan_months {
            edge = Precision::Month.end_of(edge);
            edges.push(days(edge));
        }
        Ok(MonitorOptions {
            horizon_days: self.horizon_days,
            reporting_lag_days: self.reporting_lag_days,
            edges,
            false_alarm: self.false_alarm,
            watch: self.watch,
            tolerance: self.tolerance,
            window_months: self.window_months,
            released: Vec::new(),
            intervals: Options { seed: 0, resamples },
        })
    }

    /// Whether an alarm of this stream suspends.
    pub(crate) fn suspends(&self, watched: &Watched) -> bool {
        let kind = match watched {
            Watched::Calibration => Kinds::Calibration,
            Watched::Discrimination => Kinds::Discrimination,
            Watched::Scores => Kinds::Scores,
            Watched::MissingScores => Kinds::MissingScores,
            Watched::MissingOutcomes => Kinds::MissingOutcomes,
            Watched::Input(_) => Kinds::Inputs,
            Watched::MissingInput(_) => Kinds::MissingInputs,
        };
        self.suspends.contains(&kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_is_a_policy_and_unknown_keys_are_none() {
        let policy: Policy = toml::from_str(TEMPLATE).unwrap();
        let options = policy.options(0).unwrap();
        assert_eq!(options.edges.len(), 25);
        // 2025 and 2026 have 730 days.
        assert!((options.edges[24] - options.edges[0] - 730.0).abs() < 1e-9);
        let unknown = TEMPLATE.replace("task =", "taks =");
        let error = toml::from_str::<Policy>(&unknown).unwrap_err().to_string();
        assert!(error.contains("taks"), "{error}");
    }
}
