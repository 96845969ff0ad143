//! A whole evaluation of one table of predictions, alone or beside others: what
//! `longitude evaluate` prints and draws.
//!
//! [`task_report`] gives discrimination, calibration, groups and differences; this adds what a
//! threshold brings, smooth calibration, follow-up, gaps, tests, shift and signs of leakage.

mod compared;
mod curves;
mod followed;
mod gapped;
mod shifts;
mod uses;

use crate::bootstrap::Draws;
use crate::error::Error;
use crate::fairness::{Gaps, crossings};
use crate::group::CELL_MIN;
use crate::leakage::{LeakageCheck, LeakageInput, leakage};
use crate::report::{CurvePoint, Metric, TaskReport, Told};
use crate::shift::Change;
use crate::smooth::SmoothCalibration;
use crate::survival::FollowUp;
use crate::task::{Options, TaskInput, select, task_report_by};
use crate::uncertainty::{RiskCoverage, risk_coverage};
use crate::undefined::Undefined;
use crate::utility::{LeadTime, at_sensitivity};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One or several models on the same rows.
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
    /// Each model's name and risks; the first is the one judged, the others are compared with it.
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
    /// Threads that share the resamples. They change no result and are not told.
    #[serde(skip)]
    pub threads: usize,
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
    /// Thresholds and what they bring.
    pub uses: Vec<Use>,
    /// Squared error against the share answered, surest first (by distance of the risk from one
    /// half), or why there is none.
    pub risk_coverage: Told<RiskCoverage>,
    /// Follow-up, where there is any.
    pub followed: Option<Followed>,
    /// Gaps between groups by dimension, crossings among them, or why there are none.
    pub gaps: BTreeMap<String, Told<GapsTold>>,
}

/// Gaps between groups, and how sure they are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GapsTold {
    /// The gaps.
    #[serde(flatten)]
    pub gaps: Gaps,
    /// By name (equalised_odds, equal_opportunity, alert_rate, calibration) the gap with its
    /// interval over resampled subjects. A gap is never below 0 and grows with noise, so that the
    /// interval lies high where groups are small.
    pub intervals: BTreeMap<String, Metric>,
}

/// What each model is drawn as.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelCurves {
    /// The model.
    pub name: String,
    /// Smooth calibration, or why there is none.
    pub smooth: Told<SmoothCalibration>,
    /// The integrated calibration index with its interval.
    pub ici: Metric,
    /// The decision curve, points on small cells left out.
    pub decision_curve: Vec<DecisionPoint>,
    /// Precision (`y`) over recall (`x`), thinned.
    pub precision_recall: Vec<CurvePoint>,
}

/// One paired test, corrected for all tests of this evaluation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Compared {
    /// The model that the first one is compared with.
    pub against: String,
    /// What is compared: `auroc`, `brier`, `log_loss`.
    pub metric: String,
    /// The first model less the other one.
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
    /// Curves of every model, on the same rows.
    pub curves: Vec<ModelCurves>,
    /// Paired tests of the first model against each other one.
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

/// Judges one table of predictions, alone or beside others.
///
/// # Errors
/// As [`crate::task_report`].
///
/// # Panics
/// When there is no model.
pub fn evaluate(
    input: &EvaluationInput<'_>,
    options: &EvaluationOptions,
) -> Result<Evaluation, Error> {
    let mut dimensions = input.groups.to_vec();
    dimensions.extend(crossings(input.groups));
    let draws = Draws {
        options: &options.intervals,
        threads: options.threads,
    };
    let task = task_report_by(
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
        &draws,
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
    let names: Vec<&str> = input.models.iter().map(|(name, _)| &**name).collect();
    Ok(Evaluation {
        task,
        beyond: beyond(&common, options, &draws),
        curves: curves::curves(&names, &common, &draws),
        compared: compared::compared(&names, &common),
        shift: shifts::shifts(&common, &draws),
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

fn beyond(common: &Common, options: &EvaluationOptions, draws: &Draws<'_>) -> Beyond {
    let (labels, risks) = (&common.labels, &common.risks[0]);
    let used = |threshold, from| uses::used(common, options, draws, (threshold, from));
    let mut uses: Vec<Use> = options
        .thresholds
        .iter()
        .map(|&threshold| used(Ok(threshold), "asked for".to_owned()))
        .collect();
    let sought = at_sensitivity(labels, risks, options.sensitivity).map(|point| point.threshold);
    let from = format!("sensitivity of at least {}", options.sensitivity);
    uses.push(used(sought, from));
    let losses: Vec<f64> = losses(labels, risks, |label, risk| (label - risk).powi(2));
    let sure: Vec<f64> = risks.iter().map(|risk| (risk - 0.5).abs()).collect();
    let first = options.thresholds.first().copied().unwrap_or(0.5);
    let gaps_of = |(name, values): &(String, Vec<String>)| {
        let told = gapped::gapped(common, values, first, draws);
        (name.clone(), told.into())
    };
    Beyond {
        uses,
        risk_coverage: covered(&losses, &sure).into(),
        followed: followed::followed(common, draws),
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
