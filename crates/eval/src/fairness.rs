//! Gaps between groups at a threshold, and crossings of groups.
//!
//! A gap is a difference between the largest and the smallest value over groups that have enough
//! rows; which gap matters, and how large it may be, is not for a program to say.

use crate::group::CELL_MIN;
use crate::undefined::Undefined;
use crate::utility::at_threshold;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One group at a threshold, of those that have enough rows of both classes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupRates {
    /// The group.
    pub group: String,
    /// Sensitivity.
    pub true_positive_rate: f64,
    /// One minus specificity.
    pub false_positive_rate: f64,
    /// Share of rows with an alert.
    pub alert_rate: f64,
    /// Observed share less mean risk.
    pub observed_less_expected: f64,
}

/// Gaps between groups of one dimension.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gaps {
    /// The threshold of an alert.
    pub threshold: f64,
    /// Groups compared.
    pub groups: Vec<GroupRates>,
    /// How many groups have fewer than 11 rows with or without the outcome: they are not compared,
    /// nor named, for the name of a small group may be a person's.
    pub left_out: u64,
    /// Equalised odds: the larger of the gaps of true and of false positive rates (Hardt, Price and
    /// Srebro 2016, "Equality of opportunity in supervised learning", definition 2.1).
    pub equalised_odds: f64,
    /// Equal opportunity: the gap of true positive rates (the same paper, definition 2.2).
    pub equal_opportunity: f64,
    /// The gap of alert rates.
    pub alert_rate: f64,
    /// The gap of observed share less mean risk: calibration in the large by group (Kleinberg,
    /// Mullainathan and Raghavan 2017, condition A, "Inherent trade-offs in the fair determination
    /// of risk scores").
    pub calibration: f64,
}

/// The gaps between groups.
///
/// # Errors
/// When there are no rows, or fewer than two groups have enough rows of both classes.
///
/// # Panics
/// When the slices differ in length.
pub fn gaps(
    labels: &[bool],
    risks: &[f64],
    groups: &[String],
    threshold: f64,
) -> Result<Gaps, Undefined> {
    assert_eq!(labels.len(), risks.len(), "one risk for each label");
    assert_eq!(labels.len(), groups.len(), "one group for each label");
    if labels.is_empty() {
        return Err(Undefined::NoRows);
    }
    let mut rows_of: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (row, group) in groups.iter().enumerate() {
        rows_of.entry(group).or_default().push(row);
    }
    let (mut rates, mut left_out) = (Vec::new(), 0);
    for (group, rows) in rows_of {
        let own_labels: Vec<bool> = rows.iter().map(|&row| labels[row]).collect();
        let own_risks: Vec<f64> = rows.iter().map(|&row| risks[row]).collect();
        match rates_of(group, &own_labels, &own_risks, threshold) {
            Some(of_group) => rates.push(of_group),
            None => left_out += 1,
        }
    }
    if rates.len() < 2 {
        return Err(Undefined::TooFew);
    }
    let gap = |of: fn(&GroupRates) -> f64| {
        let (low, high) = rates
            .iter()
            .map(of)
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
                (low.min(value), high.max(value))
            });
        high - low
    };
    let opportunity = gap(|rates| rates.true_positive_rate);
    Ok(Gaps {
        threshold,
        left_out,
        equalised_odds: opportunity.max(gap(|rates| rates.false_positive_rate)),
        equal_opportunity: opportunity,
        alert_rate: gap(|rates| rates.alert_rate),
        calibration: gap(|rates| rates.observed_less_expected),
        groups: rates,
    })
}

fn rates_of(group: &str, labels: &[bool], risks: &[f64], threshold: f64) -> Option<GroupRates> {
    let point = at_threshold(labels, risks, threshold);
    let fewest = point.positives.min(point.rows - point.positives);
    if fewest < CELL_MIN as u64 {
        return None;
    }
    let rows = point.rows as f64;
    Some(GroupRates {
        group: group.to_owned(),
        true_positive_rate: point.sensitivity().ok()?,
        false_positive_rate: point.false_positive_rate().ok()?,
        alert_rate: point.alerts as f64 / rows,
        observed_less_expected: (point.positives as f64 - risks.iter().sum::<f64>()) / rows,
    })
}

/// Every crossing of two dimensions, as dimensions of their own: `sex x age_band` with groups such
/// as `female, 40 to 59` (Kearns et al. 2018, "Preventing fairness gerrymandering": fair by each
/// dimension alone may be unfair where they cross).
pub fn crossings(dimensions: &[(String, Vec<String>)]) -> Vec<(String, Vec<String>)> {
    let mut crossed = Vec::new();
    for (place, (first, a)) in dimensions.iter().enumerate() {
        for (second, b) in &dimensions[place + 1..] {
            let values = a.iter().zip(b).map(|(a, b)| format!("{a}, {b}")).collect();
            crossed.push((format!("{first} x {second}"), values));
        }
    }
    crossed
}

/// The values of the two dimensions that a dimension of [`crossings`] crosses, where it is one.
pub(crate) fn crossing_of<'a>(
    name: &str,
    dimensions: &'a [(String, Vec<String>)],
) -> Option<(&'a [String], &'a [String])> {
    dimensions.iter().find_map(|(first, a)| {
        let second = name.strip_prefix(first.as_str())?.strip_prefix(" x ")?;
        let (_, b) = dimensions.iter().find(|(other, _)| other == second)?;
        Some((&a[..], &b[..]))
    })
}
