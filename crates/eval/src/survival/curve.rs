//! Step curves over time: Kaplan-Meier, the same of censoring, and Aalen-Johansen.

use super::FollowUp;
use crate::undefined::Undefined;

/// A curve that is constant between its times and jumps at them.
#[derive(Clone, Debug, PartialEq)]
pub struct StepCurve {
    /// Distinct times, ascending.
    pub times: Vec<f64>,
    /// The value at and after each time.
    pub values: Vec<f64>,
    /// Rows at risk just before each time.
    pub at_risk: Vec<u64>,
    /// Variance of the value: Greenwood's for Kaplan-Meier, Aalen's for Aalen-Johansen, 0 for the
    /// curve of censoring, which only weights.
    pub variances: Vec<f64>,
    /// The value before the first time: 1 for survival, 0 for incidence.
    pub start: f64,
}

impl StepCurve {
    /// The value at a time.
    pub fn at(&self, time: f64) -> f64 {
        let after = self.times.partition_point(|&known| known <= time);
        after
            .checked_sub(1)
            .map_or(self.start, |at| self.values[at])
    }

    /// The variance of the value at a time.
    pub fn variance_at(&self, time: f64) -> f64 {
        let after = self.times.partition_point(|&known| known <= time);
        after.checked_sub(1).map_or(0.0, |at| self.variances[at])
    }
}

/// Counts at one distinct time.
struct Step {
    time: f64,
    at_risk: u64,
    /// Events of any kind.
    events: u64,
    /// Events of the kind asked for.
    of_cause: u64,
    censored: u64,
}

fn steps(followed: &FollowUp<'_>, cause: u8) -> Result<Vec<Step>, Undefined> {
    followed.check();
    if followed.times.is_empty() {
        return Err(Undefined::NoRows);
    }
    let mut rows: Vec<(f64, u8)> = followed
        .times
        .iter()
        .copied()
        .zip(followed.causes.iter().copied())
        .collect();
    rows.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut at_risk = rows.len() as u64;
    let mut steps = Vec::new();
    for group in rows.chunk_by(|a, b| a.0 >= b.0) {
        let count =
            |wanted: &dyn Fn(u8) -> bool| group.iter().filter(|row| wanted(row.1)).count() as u64;
        steps.push(Step {
            time: group[0].0,
            at_risk,
            events: count(&|found| found != 0),
            of_cause: count(&|found| found == cause),
            censored: count(&|found| found == 0),
        });
        at_risk -= group.len() as u64;
    }
    Ok(steps)
}

/// The share without any event (Kaplan and Meier 1958, "Nonparametric estimation from incomplete
/// observations", equation 2b), with Greenwood's variance (1926).
///
/// # Errors
/// When there are no rows.
///
/// # Panics
/// When the slices differ in length or a time is not finite.
pub fn kaplan_meier(followed: &FollowUp<'_>) -> Result<StepCurve, Undefined> {
    let (mut value, mut sum) = (1.0, 0.0);
    let point = |step: &Step| {
        let (events, at_risk) = (step.events as f64, step.at_risk as f64);
        value *= 1.0 - events / at_risk;
        if events > 0.0 && step.at_risk > step.events {
            sum += events / (at_risk * (at_risk - events));
        }
        (value, value * value * sum)
    };
    Ok(curve(&steps(followed, 1)?, 1.0, point))
}

/// The share not yet censored, for weights: Kaplan-Meier of the censoring, where events at a time
/// leave before those censored at it (the convention of scikit-survival's
/// `CensoringDistributionEstimator`; Graf et al. 1999, section 4).
///
/// # Errors
/// When there are no rows.
///
/// # Panics
/// When the slices differ in length or a time is not finite.
pub fn censoring(followed: &FollowUp<'_>) -> Result<StepCurve, Undefined> {
    let mut value = 1.0;
    let point = |step: &Step| {
        if step.censored > 0 {
            value *= 1.0 - step.censored as f64 / (step.at_risk - step.events) as f64;
        }
        (value, 0.0)
    };
    Ok(curve(&steps(followed, 1)?, 1.0, point))
}

/// The share with an event of one cause, others having come first counted as without it (Aalen and
/// Johansen 1978, "An empirical transition matrix for non-homogeneous Markov chains based on
/// censored observations"), with Aalen's variance (Pintilie 2006, "Competing risks: a practical
/// perspective", equation 4.5). Events of several causes at one time share the step.
///
/// # Errors
/// When there are no rows.
///
/// # Panics
/// When the slices differ in length or a time is not finite.
pub fn aalen_johansen(followed: &FollowUp<'_>, cause: u8) -> Result<StepCurve, Undefined> {
    let steps = steps(followed, cause)?;
    let (mut survival, mut incidence) = (1.0, 0.0);
    // Equation 4.5 squares differences from the value of each time; with the sums of 1, F and F^2
    // against each part, one pass is enough.
    let mut sums = [0.0; 6];
    let point = |step: &Step| {
        let (events, of_cause, n) = (
            step.events as f64,
            step.of_cause as f64,
            step.at_risk as f64,
        );
        incidence += survival * of_cause / n;
        if step.at_risk > 1 {
            let common = if step.at_risk > step.events {
                events / ((n - 1.0) * (n - events))
            } else {
                0.0
            };
            let own = survival * survival * of_cause * (n - of_cause) / (n * n * (n - 1.0));
            let mixed = if step.at_risk > step.events {
                survival * of_cause * (n - of_cause) / (n * (n - events) * (n - 1.0))
            } else {
                0.0
            };
            sums[0] += common;
            sums[1] += common * incidence;
            sums[2] += common * incidence * incidence;
            sums[3] += own;
            sums[4] += mixed;
            sums[5] += mixed * incidence;
        }
        survival *= 1.0 - events / n;
        let spread = incidence * incidence * sums[0] - 2.0 * incidence * sums[1] + sums[2];
        let variance = spread + sums[3] - 2.0 * (incidence * sums[4] - sums[5]);
        (incidence, variance.max(0.0))
    };
    Ok(curve(&steps, 0.0, point))
}

fn curve(steps: &[Step], start: f64, mut point: impl FnMut(&Step) -> (f64, f64)) -> StepCurve {
    let (values, variances) = steps.iter().map(&mut point).unzip();
    StepCurve {
        times: steps.iter().map(|step| step.time).collect(),
        values,
        at_risk: steps.iter().map(|step| step.at_risk).collect(),
        variances,
        start,
    }
}
