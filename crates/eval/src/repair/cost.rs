//! What a repair brings to each group and costs the others, on the same rows.

use crate::bootstrap::bootstrap;
use crate::group::{CELL_MIN, hidden_cells, side_that_may_be_small};
use crate::report::Metric;
use crate::task::{Options, count, select};
use crate::undefined::Undefined;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A model with what it does: its risks, and which rows make an alert.
#[derive(Clone, Copy, Debug)]
pub struct Side<'a> {
    /// Risks.
    pub risks: &'a [f64],
    /// Alerts.
    pub alerts: &'a [bool],
}

/// Before and after, and the difference with its interval, over the same resamples of subjects.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Paired {
    /// Before the repair.
    pub before: Metric,
    /// After it.
    pub after: Metric,
    /// After less before.
    pub difference: Metric,
}

/// One group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupCost {
    /// The dimension; `all` for everybody.
    pub dimension: String,
    /// The group.
    pub group: String,
    /// Its rows; `None` where hidden.
    pub rows: Option<u64>,
    /// Those with the outcome; `None` where hidden.
    pub positives: Option<u64>,
    /// The share of rows with the outcome that make no alert: missed cases.
    pub missed: Paired,
    /// Observed share less mean risk: calibration in the large.
    pub observed_less_expected: Paired,
    /// Net benefit a row of the group, at the odds of the threshold given.
    pub net_benefit: Paired,
    /// The share of rows with an alert.
    pub alert_rate: Paired,
    /// Why the group is not shown.
    pub suppressed: Option<String>,
}

/// The whole account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RepairCost {
    /// The threshold whose odds weigh a false alert against a true one.
    pub threshold: f64,
    /// Everybody first, then the groups.
    pub groups: Vec<GroupCost>,
}

/// Judges two sides on the same rows.
///
/// # Panics
/// When the slices differ in length.
pub fn repair_cost(
    (labels, subjects): (&[bool], &[u64]),
    (before, after): (Side<'_>, Side<'_>),
    groups: &[(String, Vec<String>)],
    threshold: f64,
    options: &Options,
) -> RepairCost {
    for slice in [before.risks.len(), after.risks.len(), subjects.len()] {
        assert_eq!(labels.len(), slice, "one for each label");
    }
    let judge = Judge {
        labels,
        subjects,
        sides: [before, after],
        odds: threshold / (1.0 - threshold),
        options,
    };
    let every: Vec<usize> = (0..labels.len()).collect();
    let mut all = vec![judge.group(("all", "all"), &every)];
    for (dimension, values) in groups {
        let mut rows_of: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (row, value) in values.iter().enumerate() {
            rows_of.entry(value).or_default().push(row);
        }
        let positives = |rows: &Vec<usize>| count(&select(labels, rows));
        let sides: Vec<u64> = rows_of
            .values()
            .map(|rows| side_that_may_be_small(positives(rows), rows.len() as u64))
            .collect();
        let sizes: Vec<u64> = rows_of.values().map(|rows| rows.len() as u64).collect();
        let (small, few) = (hidden_cells(&sizes), hidden_cells(&sides));
        for (at, (group, rows)) in rows_of.iter().enumerate() {
            all.push(if small[at] || few[at] {
                hidden_group((dimension, group), (!small[at]).then_some(sizes[at]))
            } else {
                judge.group((dimension, group), rows)
            });
        }
    }
    RepairCost {
        threshold,
        groups: all,
    }
}

fn hidden_group((dimension, group): (&str, &str), rows: Option<u64>) -> GroupCost {
    let reason =
        format!("fewer than {CELL_MIN} rows with or without the outcome, or that would follow");
    let paired = || {
        let hidden = || Metric::undefined(reason.clone());
        Paired {
            before: hidden(),
            after: hidden(),
            difference: hidden(),
        }
    };
    GroupCost {
        dimension: dimension.to_owned(),
        group: group.to_owned(),
        rows,
        positives: None,
        missed: paired(),
        observed_less_expected: paired(),
        net_benefit: paired(),
        alert_rate: paired(),
        suppressed: Some(reason.clone()),
    }
}

struct Judge<'a> {
    labels: &'a [bool],
    subjects: &'a [u64],
    sides: [Side<'a>; 2],
    odds: f64,
    options: &'a Options,
}

/// How many numbers there are of a side.
const NUMBERS: usize = 4;

impl Judge<'_> {
    fn group(&self, (dimension, group): (&str, &str), rows: &[usize]) -> GroupCost {
        let subjects = select(self.subjects, rows);
        let metrics = bootstrap(&subjects, self.options, |drawn| {
            let [before, after] = self.sides.map(|side| self.numbers(&side, rows, drawn));
            let mut all = [Err(Undefined::NoRows); 3 * NUMBERS];
            for at in 0..NUMBERS {
                all[3 * at] = before[at];
                all[3 * at + 1] = after[at];
                all[3 * at + 2] = after[at].and_then(|after| Ok(after - before[at]?));
            }
            all
        });
        let mut metrics = metrics.into_iter();
        let absent = || Metric::undefined("not computed".to_owned());
        let mut paired = || Paired {
            before: metrics.next().unwrap_or_else(absent),
            after: metrics.next().unwrap_or_else(absent),
            difference: metrics.next().unwrap_or_else(absent),
        };
        GroupCost {
            dimension: dimension.to_owned(),
            group: group.to_owned(),
            rows: Some(rows.len() as u64),
            positives: Some(count(&select(self.labels, rows))),
            missed: paired(),
            observed_less_expected: paired(),
            net_benefit: paired(),
            alert_rate: paired(),
            suppressed: None,
        }
    }

    /// Missed share, observed less expected, net benefit, alert rate of the drawn of some rows.
    fn numbers(
        &self,
        side: &Side<'_>,
        rows: &[usize],
        drawn: &[usize],
    ) -> [Result<f64, Undefined>; NUMBERS] {
        let (mut yes, mut missed, mut alerts, mut expected) = (0.0, 0.0, 0.0, 0.0);
        for &at in drawn {
            let row = rows[at];
            let (label, alert) = (self.labels[row], side.alerts[row]);
            yes += f64::from(u8::from(label));
            missed += f64::from(u8::from(label && !alert));
            alerts += f64::from(u8::from(alert));
            expected += side.risks[row];
        }
        let n = drawn.len() as f64;
        if drawn.is_empty() {
            return [Err(Undefined::NoRows); NUMBERS];
        }
        let hits = yes - missed;
        [
            if yes > 0.0 {
                Ok(missed / yes)
            } else {
                Err(Undefined::NoPositives)
            },
            Ok((yes - expected) / n),
            Ok((hits - (alerts - hits) * self.odds) / n),
            Ok(alerts / n),
        ]
    }
}
