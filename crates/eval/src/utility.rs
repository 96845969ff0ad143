//! Use: what acting on a risk at a threshold brings and costs.

use crate::bootstrap::quantile;
use crate::curve::ascending;
use crate::undefined::Undefined;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What happens when every row with a risk at or above a threshold makes an alert.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct OperatingPoint {
    /// The threshold.
    pub threshold: f64,
    /// Rows at or above it.
    pub alerts: u64,
    /// Rows at or above it with the outcome.
    pub true_alerts: u64,
    /// Rows with the outcome.
    pub positives: u64,
    /// All rows.
    pub rows: u64,
}

impl OperatingPoint {
    /// Sensitivity: alerted rows among those with the outcome.
    ///
    /// # Errors
    /// When no row has the outcome.
    pub fn sensitivity(&self) -> Result<f64, Undefined> {
        share(self.true_alerts, self.positives, Undefined::NoPositives)
    }

    /// Specificity: rows without an alert among those without the outcome.
    ///
    /// # Errors
    /// When every row has the outcome.
    pub fn specificity(&self) -> Result<f64, Undefined> {
        self.false_positive_rate().map(|rate| 1.0 - rate)
    }

    /// False alerts among rows without the outcome.
    ///
    /// # Errors
    /// When every row has the outcome.
    pub fn false_positive_rate(&self) -> Result<f64, Undefined> {
        let negatives = self.rows - self.positives;
        share(
            self.alerts - self.true_alerts,
            negatives,
            Undefined::NoNegatives,
        )
    }

    /// Positive predictive value: alerts that are true.
    ///
    /// # Errors
    /// When there is no alert.
    pub fn ppv(&self) -> Result<f64, Undefined> {
        share(self.true_alerts, self.alerts, Undefined::NobodyAlerted)
    }

    /// Number needed to evaluate: alerts to look at for one true one, the inverse of the PPV
    /// (Romero-Brufau et al. 2015, "Why the C-statistic is not informative to evaluate early
    /// warning scores and what metrics to use").
    ///
    /// # Errors
    /// When there is no true alert.
    pub fn number_needed_to_evaluate(&self) -> Result<f64, Undefined> {
        share(self.alerts, self.true_alerts, Undefined::NobodyAlerted)
    }

    /// Alerts a patient-day.
    ///
    /// # Errors
    /// When there are no patient-days.
    pub fn alerts_per_patient_day(&self, patient_days: f64) -> Result<f64, Undefined> {
        if patient_days > 0.0 {
            Ok(self.alerts as f64 / patient_days)
        } else {
            Err(Undefined::TooFew)
        }
    }

    /// Net benefit in true positives a row: true alerts less false ones weighted by the odds of the
    /// threshold (Vickers and Elkin 2006, "Decision curve analysis", equation 1).
    ///
    /// # Errors
    /// When there are no rows, or the threshold is 1, where a false alert weighs without bound.
    pub fn net_benefit(&self) -> Result<f64, Undefined> {
        if self.rows == 0 {
            return Err(Undefined::NoRows);
        }
        let false_alerts = self.alerts - self.true_alerts;
        weigh(self.threshold, self.true_alerts, false_alerts, self.rows)
    }

    /// Net benefit of an alert on every row.
    ///
    /// # Errors
    /// As [`OperatingPoint::net_benefit`].
    pub fn net_benefit_of_all(&self) -> Result<f64, Undefined> {
        if self.rows == 0 {
            return Err(Undefined::NoRows);
        }
        let negatives = self.rows - self.positives;
        weigh(self.threshold, self.positives, negatives, self.rows)
    }
}

fn weigh(threshold: f64, hits: u64, misses: u64, rows: u64) -> Result<f64, Undefined> {
    if threshold >= 1.0 {
        return Err(Undefined::NotReached);
    }
    let odds = threshold / (1.0 - threshold);
    Ok((hits as f64 - misses as f64 * odds) / rows as f64)
}

fn share(part: u64, of: u64, reason: Undefined) -> Result<f64, Undefined> {
    if of == 0 {
        Err(reason)
    } else {
        Ok(part as f64 / of as f64)
    }
}

/// The operating point at a threshold (a risk equal to it makes an alert).
///
/// # Panics
/// When the two slices differ in length.
pub fn at_threshold(labels: &[bool], risks: &[f64], threshold: f64) -> OperatingPoint {
    at_threshold_weighted(labels, risks, |_| 1, threshold)
}

/// The same with each row counted so many times.
pub(crate) fn at_threshold_weighted(
    labels: &[bool],
    risks: &[f64],
    weight: impl Fn(usize) -> u64,
    threshold: f64,
) -> OperatingPoint {
    assert_eq!(labels.len(), risks.len(), "one risk for each label");
    let mut point = OperatingPoint {
        threshold,
        alerts: 0,
        true_alerts: 0,
        positives: 0,
        rows: 0,
    };
    for (row, (&label, &risk)) in labels.iter().zip(risks).enumerate() {
        let (weight, alert) = (weight(row), risk >= threshold);
        point.rows += weight;
        point.alerts += weight * u64::from(alert);
        point.true_alerts += weight * u64::from(alert && label);
        point.positives += weight * u64::from(label);
    }
    point
}

/// The highest threshold among the risks whose sensitivity is at least `wanted`.
///
/// # Errors
/// When there are no rows or none has the outcome.
///
/// # Panics
/// When the two slices differ in length, or `wanted` is not above 0 and at most 1.
pub fn at_sensitivity(
    labels: &[bool],
    risks: &[f64],
    wanted: f64,
) -> Result<OperatingPoint, Undefined> {
    assert_eq!(labels.len(), risks.len(), "one risk for each label");
    assert!(wanted > 0.0 && wanted <= 1.0, "a share above 0");
    if labels.is_empty() {
        return Err(Undefined::NoRows);
    }
    let mut hits: Vec<f64> = labels
        .iter()
        .zip(risks)
        .filter(|(label, _)| **label)
        .map(|(_, &risk)| risk)
        .collect();
    if hits.is_empty() {
        return Err(Undefined::NoPositives);
    }
    hits.sort_by(|a, b| b.total_cmp(a));
    let needed = (wanted * hits.len() as f64 - 1e-9).ceil().max(1.0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "from 1 to the length"
    )]
    let needed = (needed as usize).min(hits.len());
    Ok(at_threshold(labels, risks, hits[needed - 1]))
}

/// The decision curve: an operating point at each threshold, from one sort.
///
/// # Panics
/// When the two slices differ in length.
pub fn decision_curve(labels: &[bool], risks: &[f64], thresholds: &[f64]) -> Vec<OperatingPoint> {
    assert_eq!(labels.len(), risks.len(), "one risk for each label");
    let order = ascending(risks);
    let sorted: Vec<f64> = order.iter().map(|&row| risks[row as usize]).collect();
    let mut with_below = vec![0_u64; order.len() + 1];
    for (place, &row) in order.iter().enumerate() {
        with_below[place + 1] = with_below[place] + u64::from(labels[row as usize]);
    }
    let (rows, positives) = (order.len() as u64, with_below[order.len()]);
    let point = |&threshold: &f64| {
        let below = sorted.partition_point(|&risk| risk < threshold);
        OperatingPoint {
            threshold,
            alerts: rows - below as u64,
            true_alerts: positives - with_below[below],
            positives,
            rows,
        }
    };
    thresholds.iter().map(point).collect()
}

/// How long before the outcome the first alert came.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LeadTime {
    /// Subjects with the outcome.
    pub subjects: u64,
    /// Subjects among them with an alert before it.
    pub alerted: u64,
    /// Lower quartile of the time from the first alert to the outcome, in the unit given.
    pub lower_quartile: f64,
    /// Its median.
    pub median: f64,
    /// Its upper quartile.
    pub upper_quartile: f64,
}

/// Rows of subjects over time, for [`lead_time`].
#[derive(Clone, Copy)]
pub struct Alerts<'a> {
    /// The subject of each row.
    pub subjects: &'a [u64],
    /// When the risk was told, in any one unit.
    pub times: &'a [f64],
    /// The risk.
    pub risks: &'a [f64],
    /// When each subject with the outcome had it, in the same unit.
    pub outcomes: &'a BTreeMap<u64, f64>,
}

/// Redacted: the shape only.
impl std::fmt::Debug for Alerts<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Alerts({} rows)", self.risks.len())
    }
}

/// The time from a subject's first alert to the outcome, over subjects with the outcome and an
/// alert before it (Wong et al. 2021, "External validation of a widely implemented proprietary
/// sepsis prediction model in hospitalized patients", methods: lead time). Subjects without such an
/// alert have no lead time and are counted.
///
/// # Errors
/// When no subject has the outcome, or none of them an alert before it.
///
/// # Panics
/// When the slices differ in length.
pub fn lead_time(alerts: &Alerts<'_>, threshold: f64) -> Result<LeadTime, Undefined> {
    let rows = alerts.subjects.len();
    assert_eq!(rows, alerts.times.len(), "one time a row");
    assert_eq!(rows, alerts.risks.len(), "one risk a row");
    let mut first: BTreeMap<u64, f64> = BTreeMap::new();
    for row in 0..rows {
        let (subject, time) = (alerts.subjects[row], alerts.times[row]);
        let outcome = alerts.outcomes.get(&subject);
        if alerts.risks[row] >= threshold && outcome.is_some_and(|&outcome| time < outcome) {
            let earliest = first.entry(subject).or_insert(time);
            *earliest = earliest.min(time);
        }
    }
    if alerts.outcomes.is_empty() {
        return Err(Undefined::NoPositives);
    }
    if first.is_empty() {
        return Err(Undefined::NobodyAlerted);
    }
    let mut leads: Vec<f64> = first
        .iter()
        .map(|(subject, time)| alerts.outcomes[subject] - time)
        .collect();
    leads.sort_by(f64::total_cmp);
    Ok(LeadTime {
        subjects: alerts.outcomes.len() as u64,
        alerted: leads.len() as u64,
        lower_quartile: quantile(&leads, 0.25),
        median: quantile(&leads, 0.5),
        upper_quartile: quantile(&leads, 0.75),
    })
}
