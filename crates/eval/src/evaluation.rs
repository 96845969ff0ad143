//! A whole evaluation of one table of predictions, alone or beside another's: what
//! `longitude evaluate` prints and draws.
//!
//! [`task_report`] gives discrimination, calibration, groups and differences; this adds what a
//! threshold brings, smooth calibration, follow-up, gaps, tests, shift and signs of leakage.

use crate::bootstrap::bootstrap;
use crate::compare::{compare_auroc, compare_losses, holm};
use crate::error::Error;
use crate::fairness::{Gaps, crossings, gaps};
use crate::group::{CELL_MIN, is_small};
use crate::leakage::{LeakageCheck, LeakageInput, leakage};
use crate::report::{Metric, TaskReport, Told};
use crate::shift::{Change, Rows, auroc_change, population_stability};
use crate::smooth::{SmoothCalibration, smooth_calibration};
use crate::survival::{
    FollowUp, brier_censored, censoring, concordance, concordance_ipcw, dynamic_auc, observed_by,
    observed_expected_censored,
};
use crate::task::{Options, TaskInput, select, task_report};
use crate::uncertainty::{RiskCoverage, risk_coverage};
use crate::undefined::Undefined;
use crate::utility::{
    Alerts, LeadTime, OperatingPoint, at_sensitivity, at_threshold, decision_curve, lead_time,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One or two models on the same rows.
#[derive(Clone, Copy)]
pub struct EvaluationInput<'a> {
    /// What is asked, in words.
    pub title: &'a str,
    /// The subject of each row.
    pub subjects: &'a [u64],
    /// When each prediction was made, in days from any one moment.
    pub times: &'a [f64],
    /// Whether the outcome happened.
    pub labels: &'a [bool],
    /// Each model's name and risks; the first is the one judged, a second the one compared with.
    pub models: &'a [(String, Vec<Option<f64>>)],
    /// Each dimension with the group of each row.
    pub groups: &'a [(String, Vec<String>)],
    /// Days to the first event and its cause, and the horizon in days, where there is follow-up.
    pub followed: Option<(FollowUp<'a>, f64)>,
    /// Rows left out before, by reason.
    pub left_out: &'a BTreeMap<String, u64>,
}

/// Redacted: the shape only.
impl std::fmt::Debug for EvaluationInput<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "EvaluationInput({} rows)", self.labels.len())
    }
}

/// What is asked of an evaluation besides its rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvaluationOptions {
    /// Seed and number of resamples.
    pub intervals: Options,
    /// Thresholds of an alert; the first is that of the gaps between groups.
    pub thresholds: Vec<f64>,
    /// The sensitivity that a threshold is sought for.
    pub sensitivity: f64,
    /// Patient-days that the rows cover, for alerts a patient-day.
    pub patient_days: Option<f64>,
}

/// A threshold, what it brings, and how sure that is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Use {
    /// The threshold, absent where none reaches the sensitivity asked for.
    pub threshold: Option<f64>,
    /// Where the threshold comes from.
    pub from: String,
    /// The numbers by name: sensitivity, specificity, ppv, number_needed_to_evaluate, net_benefit,
    /// alerts_per_patient_day.
    pub numbers: BTreeMap<String, Metric>,
    /// Days from a subject's first alert to the outcome, where there is follow-up.
    pub lead_time: Option<Told<LeadTime>>,
}

/// A point of a decision curve, in true positives a row.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DecisionPoint {
    /// The threshold.
    pub threshold: f64,
    /// Net benefit of the model.
    pub model: f64,
    /// Net benefit of an alert on every row; that of none is 0.
    pub all: f64,
}

/// What follow-up with censoring and competing events adds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Followed {
    /// The horizon in days.
    pub horizon_days: f64,
    /// Rows censored before it.
    pub censored: u64,
    /// Rows with a competing event before it.
    pub competing: u64,
    /// The numbers by name: observed_by_horizon, observed_expected, concordance,
    /// concordance_ipcw, auc, brier.
    pub numbers: BTreeMap<String, Metric>,
}

/// What is told of the first model beyond its [`TaskReport`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Beyond {
    /// Smooth calibration, or why there is none.
    pub smooth: Told<SmoothCalibration>,
    /// The integrated calibration index with its interval.
    pub ici: Metric,
    /// Thresholds and what they bring.
    pub uses: Vec<Use>,
    /// The decision curve, points on small cells left out.
    pub decision_curve: Vec<DecisionPoint>,
    /// Squared error against the share answered, surest first (by distance of the risk from one
    /// half), or why there is none.
    pub risk_coverage: Told<RiskCoverage>,
    /// Follow-up, where there is any.
    pub followed: Option<Followed>,
    /// Gaps between groups by dimension, crossings among them, or why there are none.
    pub gaps: BTreeMap<String, Told<Gaps>>,
}

/// One paired test, corrected for all tests of this evaluation's comparison.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Compared {
    /// What is compared: `auroc`, `brier`, `log_loss`.
    pub metric: String,
    /// The first model less the second.
    pub difference: Option<f64>,
    /// Its standard error.
    pub standard_error: Option<f64>,
    /// Two-sided p-value.
    pub p: Option<f64>,
    /// The same after Holm's correction over the tests that could be made.
    pub p_holm: Option<f64>,
    /// Why there is no test.
    pub reason: Option<String>,
}

/// How rows elsewhere or later fare.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shift {
    /// What is compared with what.
    pub part: String,
    /// Change of the AUROC, or why there is none.
    pub auroc: Told<Change>,
    /// The same test's p-value after Holm's correction over all parts.
    pub p_holm: Option<f64>,
    /// Population stability index of the risks.
    pub stability: Metric,
}

/// A whole evaluation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Discrimination, calibration, groups, differences.
    pub task: TaskReport,
    /// What was asked.
    pub options: EvaluationOptions,
    /// More about the first model, on the rows that every model answered.
    pub beyond: Beyond,
    /// Paired tests against the second model.
    pub compared: Vec<Compared>,
    /// Later against earlier, and each site against the others.
    pub shift: Vec<Shift>,
    /// Signs of leakage.
    pub leakage: Vec<LeakageCheck>,
}

/// The rows that every model answered.
struct Common {
    labels: Vec<bool>,
    subjects: Vec<u64>,
    times: Vec<f64>,
    risks: Vec<Vec<f64>>,
    groups: Vec<(String, Vec<String>)>,
    followed: Option<(Vec<f64>, Vec<u8>, f64)>,
}

/// Judges one table of predictions, alone or beside another's.
///
/// # Errors
/// As [`task_report`].
///
/// # Panics
/// When there is no model.
pub fn evaluate(
    input: &EvaluationInput<'_>,
    options: &EvaluationOptions,
) -> Result<Evaluation, Error> {
    let mut dimensions = input.groups.to_vec();
    dimensions.extend(crossings(input.groups));
    let task = task_report(
        &TaskInput {
            id: "predictions",
            title: input.title,
            horizon_days: input.followed.map_or(0.0, |(_, horizon)| horizon),
            clusters: input.subjects,
            labels: input.labels,
            groups: &dimensions,
            models: input.models,
            truth: None,
            left_out: input.left_out.clone(),
        },
        &options.intervals,
    )?;
    let common = common(input, dimensions);
    let outcome_times: Option<Vec<(f64, Option<f64>)>> = input.followed.map(|(followed, _)| {
        let rows = followed.times.iter().zip(followed.causes);
        rows.map(|(&days, &cause)| (0.0, (cause == 1).then_some(days)))
            .collect()
    });
    let checks = leakage(&LeakageInput {
        labels: input.labels,
        risks: &input.models[0].1,
        subjects: input.subjects,
        learnt_from: None,
        newest_used: None,
        outcome_times: outcome_times.as_deref(),
    });
    Ok(Evaluation {
        task,
        beyond: beyond(&common, options),
        compared: compared(&common),
        shift: shifts(&common),
        leakage: checks,
        options: options.clone(),
    })
}

fn common(input: &EvaluationInput<'_>, dimensions: Vec<(String, Vec<String>)>) -> Common {
    let answered = |row: &usize| input.models.iter().all(|(_, risks)| risks[*row].is_some());
    let rows: Vec<usize> = (0..input.labels.len()).filter(answered).collect();
    let of = |risks: &[Option<f64>]| rows.iter().filter_map(|&row| risks[row]).collect();
    Common {
        labels: select(input.labels, &rows),
        subjects: select(input.subjects, &rows),
        times: select(input.times, &rows),
        risks: input.models.iter().map(|(_, risks)| of(risks)).collect(),
        groups: dimensions
            .into_iter()
            .map(|(name, values)| (name, select(&values, &rows)))
            .collect(),
        followed: input.followed.map(|(followed, horizon)| {
            let times = select(followed.times, &rows);
            (times, select(followed.causes, &rows), horizon)
        }),
    }
}

fn beyond(common: &Common, options: &EvaluationOptions) -> Beyond {
    let (labels, risks) = (&common.labels, &common.risks[0]);
    let smooth = smooth_calibration(labels, risks).into();
    let [ici] = bootstrap(&common.subjects, &options.intervals, |rows| {
        let (labels, risks) = (select(labels, rows), select(risks, rows));
        [smooth_calibration(&labels, &risks).map(|smooth| smooth.ici)]
    });
    let mut uses: Vec<Use> = options
        .thresholds
        .iter()
        .map(|&threshold| used(common, options, Ok(threshold), "asked for".to_owned()))
        .collect();
    let sought = at_sensitivity(labels, risks, options.sensitivity).map(|point| point.threshold);
    let from = format!("sensitivity of at least {}", options.sensitivity);
    uses.push(used(common, options, sought, from));
    let losses: Vec<f64> = losses(labels, risks, |label, risk| (label - risk).powi(2));
    let sure: Vec<f64> = risks.iter().map(|risk| (risk - 0.5).abs()).collect();
    let first = options.thresholds.first().copied().unwrap_or(0.5);
    let gaps_of = |(name, values): &(String, Vec<String>)| {
        (name.clone(), gaps(labels, risks, values, first).into())
    };
    Beyond {
        smooth,
        ici,
        uses,
        decision_curve: curve(labels, risks),
        risk_coverage: covered(&losses, &sure).into(),
        followed: followed(common, options),
        gaps: common.groups.iter().map(gaps_of).collect(),
    }
}

fn text(reason: Undefined) -> String {
    reason.to_string()
}

fn losses(labels: &[bool], risks: &[f64], loss: impl Fn(f64, f64) -> f64) -> Vec<f64> {
    let pairs = labels.iter().zip(risks);
    pairs
        .map(|(&label, &risk)| loss(f64::from(u8::from(label)), risk))
        .collect()
}

/// The risk-coverage curve without points that stand for fewer than 11 rows.
fn covered(losses: &[f64], sure: &[f64]) -> Result<RiskCoverage, Undefined> {
    let mut told = risk_coverage(losses, sure)?;
    let least = CELL_MIN as f64 - 0.5;
    let rows = losses.len() as f64;
    told.curve.retain(|point| point.coverage * rows > least);
    Ok(told)
}

/// The net benefit over thresholds from 1 to 99 per cent, up to where fewer than 11 rows alert.
fn curve(labels: &[bool], risks: &[f64]) -> Vec<DecisionPoint> {
    let thresholds: Vec<f64> = (1..100).map(|percent| f64::from(percent) / 100.0).collect();
    let shown =
        |point: &OperatingPoint| !is_small(point.alerts) && !is_small(point.rows - point.alerts);
    let curve = decision_curve(labels, risks, &thresholds);
    let points = curve
        .iter()
        .filter(|point| shown(point))
        .filter_map(|point| {
            Some(DecisionPoint {
                threshold: point.threshold,
                model: point.net_benefit().ok()?,
                all: point.net_benefit_of_all().ok()?,
            })
        });
    points.collect()
}

/// The names of the numbers at a threshold, in the order in which they are computed.
const USES: [&str; 6] = [
    "sensitivity",
    "specificity",
    "ppv",
    "number_needed_to_evaluate",
    "net_benefit",
    "alerts_per_patient_day",
];

fn used(
    common: &Common,
    options: &EvaluationOptions,
    threshold: Result<f64, Undefined>,
    from: String,
) -> Use {
    let numbers = match threshold {
        Ok(threshold) => bootstrap(&common.subjects, &options.intervals, |rows| {
            let labels = select(&common.labels, rows);
            let point = at_threshold(&labels, &select(&common.risks[0], rows), threshold);
            let days = options.patient_days.ok_or(Undefined::TooFew);
            [
                point.sensitivity(),
                point.specificity(),
                point.ppv(),
                point.number_needed_to_evaluate(),
                point.net_benefit(),
                days.and_then(|days| point.alerts_per_patient_day(days)),
            ]
        }),
        Err(reason) => std::array::from_fn(|_| Metric::undefined(text(reason))),
    };
    let mut numbers: BTreeMap<String, Metric> =
        USES.map(str::to_owned).into_iter().zip(numbers).collect();
    if options.patient_days.is_none() {
        let absent = Metric::undefined("the patient-days covered were not given");
        numbers.insert("alerts_per_patient_day".to_owned(), absent);
    }
    Use {
        threshold: threshold.ok(),
        from,
        numbers,
        lead_time: leads(common, threshold),
    }
}

/// Lead times in days at a threshold; those of 1 to 10 subjects are not told.
fn leads(common: &Common, threshold: Result<f64, Undefined>) -> Option<Told<LeadTime>> {
    let (days, causes, _) = common.followed.as_ref()?;
    let mut outcomes: BTreeMap<u64, f64> = BTreeMap::new();
    for row in (0..days.len()).filter(|&row| causes[row] == 1) {
        let at = common.times[row] + days[row];
        let first = outcomes.entry(common.subjects[row]).or_insert(at);
        *first = first.min(at);
    }
    let alerts = Alerts {
        subjects: &common.subjects,
        times: &common.times,
        risks: &common.risks[0],
        outcomes: &outcomes,
    };
    let told = threshold.and_then(|threshold| lead_time(&alerts, threshold));
    Some(match told {
        Ok(lead) if is_small(lead.alerted) || is_small(lead.subjects - lead.alerted) => {
            Err(format!("it would tell of fewer than {CELL_MIN} subjects")).into()
        }
        told => told.into(),
    })
}

/// The names of the numbers from follow-up, in the order in which they are computed.
const FOLLOWED: [&str; 6] = [
    "observed_by_horizon",
    "observed_expected",
    "concordance",
    "concordance_ipcw",
    "auc",
    "brier",
];

fn followed(common: &Common, options: &EvaluationOptions) -> Option<Followed> {
    let (times, causes, horizon) = common.followed.as_ref()?;
    let horizon = *horizon;
    let numbers = bootstrap(&common.subjects, &options.intervals, |rows| {
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

fn compared(common: &Common) -> Vec<Compared> {
    let [first, second] = &common.risks[..] else {
        return Vec::new();
    };
    let subjects = &common.subjects;
    let brier = |risks: &[f64]| losses(&common.labels, risks, |y, p| (y - p).powi(2));
    let nats = |risks: &[f64]| {
        losses(&common.labels, risks, |y, p| {
            let right = if y > 0.5 { p } else { 1.0 - p };
            -right.clamp(f64::EPSILON, 1.0 - f64::EPSILON).ln()
        })
    };
    let tests = [
        (
            "auroc",
            compare_auroc(&common.labels, first, second, subjects),
        ),
        (
            "brier",
            compare_losses(&brier(first), &brier(second), subjects),
        ),
        (
            "log_loss",
            compare_losses(&nats(first), &nats(second), subjects),
        ),
    ];
    let p: Vec<f64> = tests
        .iter()
        .filter_map(|(_, test)| test.ok().map(|t| t.p))
        .collect();
    let mut corrected = holm(&p).into_iter();
    tests
        .into_iter()
        .map(|(metric, test)| Compared {
            metric: metric.to_owned(),
            difference: test.ok().map(|test| test.difference),
            standard_error: test.ok().map(|test| test.standard_error),
            p: test.ok().map(|test| test.p),
            p_holm: test.ok().and_then(|_| corrected.next()),
            reason: test.err().map(text),
        })
        .collect()
}

/// The later half of the subjects (by their first prediction) against the earlier, and each site
/// against the others, so that no subject stands on both sides of time; sites may share subjects.
fn shifts(common: &Common) -> Vec<Shift> {
    let mut first: BTreeMap<u64, f64> = BTreeMap::new();
    for (subject, time) in common.subjects.iter().zip(&common.times) {
        let earliest = first.entry(*subject).or_insert(*time);
        *earliest = earliest.min(*time);
    }
    let mut starts: Vec<f64> = first.values().copied().collect();
    starts.sort_by(f64::total_cmp);
    let Some(&middle) = starts.get(starts.len() / 2) else {
        return Vec::new();
    };
    let later: Vec<bool> = common.subjects.iter().map(|s| first[s] >= middle).collect();
    let mut parts = vec![("later half against earlier half".to_owned(), later)];
    for (_, values) in common.groups.iter().filter(|(name, _)| name == "site") {
        let mut sites: Vec<&String> = values.iter().collect();
        sites.sort();
        sites.dedup();
        for site in sites.into_iter().filter(|_| values.len() > 1) {
            let inside: Vec<bool> = values.iter().map(|value| value == site).collect();
            parts.push((format!("site {site} against the others"), inside));
        }
    }
    let mut shifts: Vec<Shift> = parts
        .into_iter()
        .map(|(part, inside)| shift(common, part, &inside))
        .collect();
    let p: Vec<f64> = shifts
        .iter()
        .filter_map(|s| s.auroc.value)
        .map(|change| change.p)
        .collect();
    let mut corrected = holm(&p).into_iter();
    for shift in shifts
        .iter_mut()
        .filter(|shift| shift.auroc.value.is_some())
    {
        shift.p_holm = corrected.next();
    }
    shifts
}

fn rows((labels, risks, subjects): &(Vec<bool>, Vec<f64>, Vec<u64>)) -> Rows<'_> {
    Rows {
        labels,
        risks,
        subjects,
    }
}

fn shift(common: &Common, part: String, inside: &[bool]) -> Shift {
    let side = |wanted: bool| {
        let rows: Vec<usize> = (0..inside.len())
            .filter(|&row| inside[row] == wanted)
            .collect();
        (
            select(&common.labels, &rows),
            select(&common.risks[0], &rows),
            select(&common.subjects, &rows),
        )
    };
    let (before, now) = (side(false), side(true));
    if before.0.len() < CELL_MIN || now.0.len() < CELL_MIN {
        let reason = format!("fewer than {CELL_MIN} rows on a side");
        return Shift {
            part,
            auroc: Err(reason.clone()).into(),
            p_holm: None,
            stability: Metric::undefined(reason),
        };
    }
    let stability = match population_stability(&before.1, &now.1) {
        Ok(index) => Metric::of(index),
        Err(reason) => Metric::undefined(text(reason)),
    };
    Shift {
        part,
        auroc: auroc_change(&rows(&before), &rows(&now)).into(),
        p_holm: None,
        stability,
    }
}
