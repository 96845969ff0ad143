//! The evaluation report: what `report.json` holds and what the console renders.
//!
//! These are plain data. They compute nothing ([`crate::task_report`] fills a task), read no file
//! and know no model. A number that cannot be had is absent, with the reason beside it: never 0,
//! 0.5 or not-a-number.

use crate::group::{CELL_MIN, is_small};
use crate::judge::metrics_from;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// A number with its interval, both in the metric's own unit (fractions, never percent).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The number on all rows.
    pub value: f64,
    /// Lower end of the 95 % interval over resampled subjects, where one could be had.
    pub low: Option<f64>,
    /// Upper end of it.
    pub high: Option<f64>,
}

/// A metric, or the reason why it is undefined here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    /// The number, absent where the metric is undefined.
    pub estimate: Option<Estimate>,
    /// Why the number, or only its interval, is absent.
    pub reason: Option<String>,
}

/// A result of several numbers, or the reason why there is none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Told<T> {
    /// The result, absent where undefined.
    pub value: Option<T>,
    /// Why it is absent.
    pub reason: Option<String>,
}

impl<T, E: std::fmt::Display> From<Result<T, E>> for Told<T> {
    fn from(result: Result<T, E>) -> Self {
        match result {
            Ok(value) => Self {
                value: Some(value),
                reason: None,
            },
            Err(reason) => Self {
                value: None,
                reason: Some(reason.to_string()),
            },
        }
    }
}

/// How good one model's risks are on one set of rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Area under the ROC curve; ties count one half.
    pub auroc: Metric,
    /// Average precision (the step-wise area under the precision-recall curve).
    pub auprc: Metric,
    /// Mean squared error of the risk.
    pub brier: Metric,
    /// Mean negative log likelihood in nats.
    pub log_loss: Metric,
    /// Slope of the logistic recalibration on the logit of the risk; 1 is ideal.
    pub calibration_slope: Metric,
    /// Calibration in the large: the intercept with the slope held at 1; 0 is ideal.
    pub calibration_intercept: Metric,
    /// The intercept that belongs to `calibration_slope`, both fitted together.
    pub calibration_intercept_joint: Metric,
    /// Expected calibration error over 10 bins of equal width, weighted by their rows. Its
    /// bootstrap interval lies high, for resampling adds noise to every bin.
    pub ece: Metric,
    /// Observed events over expected ones (the sum of the risks); 1 is ideal.
    pub observed_expected: Metric,
}

/// A point of a curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// Calibration: mean predicted risk of the bin. ROC: one minus specificity.
    pub x: f64,
    /// Calibration: observed share. ROC: sensitivity.
    pub y: f64,
    /// Lower end of the 95 % Wilson interval of `y` (calibration only).
    pub low: Option<f64>,
    /// Upper end of it.
    pub high: Option<f64>,
    /// Calibration: rows in the bin. ROC: rows at or above the threshold.
    pub n: u64,
}

/// One model in one subgroup.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupReport {
    /// What the rows are divided by: `sex`, `age_band`, `site`.
    pub dimension: String,
    /// The group's value of it; `held back` where the group is not shown.
    pub value: String,
    /// Rows in the group. It is 0 where `suppressed` says why: the count itself is a small cell.
    pub n: u64,
    /// Rows with the outcome, absent where showing it would show a small cell.
    pub positives: Option<u64>,
    /// The metrics, absent where the group is suppressed.
    pub metrics: Option<Metrics>,
    /// Why the group, or its count of positives, is not shown.
    pub suppressed: Option<String>,
}

/// The difference between two models on the same rows: this model less the other, with paired
/// resampling of subjects.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Differences {
    /// Difference of AUROC; above 0 this model ranks better.
    pub auroc: Metric,
    /// Difference of Brier scores; below 0 this model is better.
    pub brier: Metric,
}

/// One model on one task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelReport {
    /// `longitude`, `age_sex`, `logistic`, `boosted` or `truth`.
    pub name: String,
    /// The metrics on the rows that every model answered.
    pub metrics: Metrics,
    /// Reliability curve over bins of equal count.
    pub calibration: Vec<CurvePoint>,
    /// ROC curve, thinned.
    pub roc: Vec<CurvePoint>,
    /// The same metrics by subgroup.
    pub groups: Vec<GroupReport>,
    /// Rows for which this model gave no answer.
    pub abstained: u64,
    /// Against each other model, by its name.
    pub difference_from: BTreeMap<String, Differences>,
}

/// How close one model's risks are to the true ones.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TruthAgreement {
    /// Mean absolute difference between risk and true risk.
    pub mean_absolute_error: Metric,
    /// Pearson correlation of risk and true risk.
    pub correlation: Metric,
    /// Mean risk less mean true risk.
    pub mean_difference: Metric,
    /// Mean true risk (`y`) over bins of the model's risk (`x`).
    pub calibration: Vec<CurvePoint>,
}

/// The models against the known true risks, which only a synthetic hospital has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TruthReport {
    /// Rows compared: those that every model answered.
    pub n: u64,
    /// Mean true risk over them.
    pub mean_true_risk: f64,
    /// Each model by its name.
    pub models: BTreeMap<String, TruthAgreement>,
}

/// One task: an outcome within a horizon.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskReport {
    /// The task's stable name.
    pub id: String,
    /// The question in words.
    pub title: String,
    /// The horizon in days.
    pub horizon_days: f64,
    /// Rows that every model answered: the set on which all are judged.
    pub n: u64,
    /// Rows among them with the outcome. It is 0 where `suppressed` says why: the count itself is a
    /// small cell.
    pub positives: u64,
    /// Why the count of outcomes and the numbers that rest on it are not shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suppressed: Option<String>,
    /// Distinct subjects among them; intervals resample these.
    pub subjects: u64,
    /// Rows left out, by reason: `censored`, `before`, `dead`, `abstained`.
    pub left_out: BTreeMap<String, u64>,
    /// The models in the order given.
    pub models: Vec<ModelReport>,
    /// The models against the known truth, where there is one and rows to compare on.
    pub truth: Option<TruthReport>,
}

/// The likelihood of one split, in nats per event with time in days.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SplitLoss {
    /// Nats of the waiting time, the end of observation included.
    pub wait: f64,
    /// Nats of the code given the wait.
    pub code: f64,
    /// Nats of the value's bin given code and wait.
    pub value: f64,
    /// Nats of the recorded interval inside its bin: the same for every model with these bins.
    pub value_constant: f64,
    /// The sum of the four.
    pub total: f64,
    /// Nats of a random question to the query head, a mean over questions and no part of the sum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<f64>,
    /// Events scored.
    pub events: u64,
    /// Subjects scored.
    pub subjects: u64,
}

/// The likelihood on each split, and that of the marginals as the floor to beat.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LossReport {
    /// On the subjects that were learnt from.
    pub train: Option<SplitLoss>,
    /// On the subjects that were tuned on.
    pub tuning: Option<SplitLoss>,
    /// On the subjects kept apart.
    pub held_out: Option<SplitLoss>,
    /// On the held-out subjects, by the training marginals of wait, code and value alone.
    pub marginal: Option<SplitLoss>,
}

/// A whole evaluation: the content of `report.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The heading.
    pub title: String,
    /// When it was made, ISO 8601 in UTC; given by the caller, who alone reads the clock.
    pub created: String,
    /// The version of the code that made it.
    pub code_version: String,
    /// The seed of the run.
    pub seed: u64,
    /// About the data: subjects, events, splits, spans.
    pub data: BTreeMap<String, Value>,
    /// About the model: parameters, steps, vocabulary.
    pub model: BTreeMap<String, Value>,
    /// About the ingest: rows read, mapped, with an issue.
    pub ingest: BTreeMap<String, Value>,
    /// The likelihoods, where a model was trained.
    pub loss: Option<LossReport>,
    /// The tasks.
    pub tasks: Vec<TaskReport>,
    /// What cannot be concluded from this report, one sentence each.
    pub limits: Vec<String>,
    /// Seconds by step.
    pub timings: BTreeMap<String, f64>,
    /// Digests of what went in and came out, by name.
    pub digests: BTreeMap<String, String>,
}

impl Metric {
    /// A number without an interval.
    pub fn of(value: f64) -> Self {
        let estimate = Estimate {
            value,
            low: None,
            high: None,
        };
        Self {
            estimate: Some(estimate),
            reason: None,
        }
    }

    /// An undefined metric.
    pub fn undefined(reason: impl Into<String>) -> Self {
        Self {
            estimate: None,
            reason: Some(reason.into()),
        }
    }

    /// The number, where it is defined.
    pub fn value(&self) -> Option<f64> {
        self.estimate.map(|estimate| estimate.value)
    }
}

impl Metrics {
    /// Each metric with its field's name, in the order of the fields: the list that tables and
    /// pages render from.
    pub fn named(&self) -> [(&'static str, &Metric); 9] {
        [
            ("auroc", &self.auroc),
            ("auprc", &self.auprc),
            ("brier", &self.brier),
            ("log_loss", &self.log_loss),
            ("calibration_slope", &self.calibration_slope),
            ("calibration_intercept", &self.calibration_intercept),
            (
                "calibration_intercept_joint",
                &self.calibration_intercept_joint,
            ),
            ("ece", &self.ece),
            ("observed_expected", &self.observed_expected),
        ]
    }
}

impl TaskReport {
    /// The report of the model with this name.
    pub fn model(&self, name: &str) -> Option<&ModelReport> {
        self.models.iter().find(|model| model.name == name)
    }

    /// The same with the count of outcomes, and every number that rests on it, taken out where 1 to
    /// 10 rows have the outcome or lack it: such a count is a small cell, and an AUROC of so few
    /// says nothing. What rests on risks alone (the comparison with a known truth) stays.
    #[must_use]
    pub fn with_small_cells_hidden(mut self) -> Self {
        let (with, without) = (self.positives, self.n - self.positives);
        let few = match (is_small(with), is_small(without)) {
            (true, _) => "with",
            (_, true) => "without",
            _ => return self,
        };
        let reason = format!("fewer than {CELL_MIN} {few} the outcome");
        self.positives = 0;
        for model in &mut self.models {
            model.metrics = metrics_from(|_| Metric::undefined(reason.clone()));
            model.calibration.clear();
            model.roc.clear();
            model.groups.clear();
            for differences in model.difference_from.values_mut() {
                differences.auroc = Metric::undefined(reason.clone());
                differences.brier = Metric::undefined(reason.clone());
            }
        }
        self.suppressed = Some(reason);
        self
    }
}
