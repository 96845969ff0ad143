//! One task from its rows to its report: every model on the same rows, by subgroup, against each
//! other and against the truth where it is known.
//!
//! It judges and does not choose: which rows are asked about, and what their labels are, comes
//! from the caller.

use crate::bootstrap::{Clusters, Draws};
use crate::curve::{reliability, roc};
use crate::error::Error;
use crate::judge::{judge, metrics_from};
use crate::report::{Metric, ModelReport, TaskReport};
use crate::subgroup::group_reports;
use crate::truth::truth_report;
use std::collections::BTreeMap;

/// The rows of one task.
#[derive(Clone)]
pub struct TaskInput<'a> {
    /// The task's stable name.
    pub id: &'a str,
    /// The question in words.
    pub title: &'a str,
    /// The horizon in days.
    pub horizon_days: f64,
    /// The subject of each row; intervals resample subjects.
    pub clusters: &'a [u64],
    /// Whether the outcome happened, for each row.
    pub labels: &'a [bool],
    /// Each dimension (`sex`, `age_band`, `site`) with the group of each row.
    pub groups: &'a [(String, Vec<String>)],
    /// Each model with its risk for each row, absent where it abstained. A model without a single
    /// risk is reported as having given no answer and takes no row from the others.
    pub models: &'a [(String, Vec<Option<f64>>)],
    /// The true risk of each row, where it is known; it is judged too, as the model `truth`.
    pub truth: Option<&'a [f64]>,
    /// Rows left out before, by reason (`censored`, `before`, `dead`); `abstained` is added here.
    pub left_out: BTreeMap<String, u64>,
}

/// Redacted: the shape only.
impl std::fmt::Debug for TaskInput<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (rows, models) = (self.labels.len(), self.models.len());
        write!(f, "TaskInput({}: {rows} rows, {models} models)", self.id)
    }
}

/// How intervals are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Options {
    /// The seed of the resamples.
    pub seed: u64,
    /// How many times the subjects are drawn: 200 for a glance, 1,000 for print, 0 for no
    /// intervals.
    pub resamples: u32,
}

/// The name under which the known true risk is judged.
pub(crate) const TRUTH: &str = "truth";

/// Judges every model of a task on the rows that all of them answered.
///
/// # Errors
/// When a column has the wrong length, a risk lies outside 0 to 1, or a name stands twice.
pub fn task_report(input: &TaskInput<'_>, options: &Options) -> Result<TaskReport, Error> {
    let threads = 1;
    task_report_by(input, &Draws { options, threads })
}

/// [`task_report`] with the threads that draw.
pub(crate) fn task_report_by(
    input: &TaskInput<'_>,
    draws: &Draws<'_>,
) -> Result<TaskReport, Error> {
    check(input)?;
    let mut models: Vec<(&str, &[Option<f64>])> = Vec::new();
    models.extend(
        input
            .models
            .iter()
            .map(|(name, risks)| (name.as_str(), &risks[..])),
    );
    let truth: Option<Vec<Option<f64>>> = input
        .truth
        .map(|truth| truth.iter().map(|&risk| Some(risk)).collect());
    models.extend(truth.as_ref().map(|truth| (TRUTH, &truth[..])));

    let common = Common::new(input, &models);
    let mut left_out = input.left_out.clone();
    let abstained = (input.labels.len() - common.labels.len()) as u64;
    *left_out.entry("abstained".to_owned()).or_default() += abstained;
    let reports = model_reports(input, &models, &common, draws);
    let truth = input
        .truth
        .filter(|_| !common.rows.is_empty())
        .map(|truth| truth_report(&common, &select(truth, &common.rows), draws));
    Ok(TaskReport {
        id: input.id.to_owned(),
        title: input.title.to_owned(),
        horizon_days: input.horizon_days,
        n: common.labels.len() as u64,
        positives: count(&common.labels),
        suppressed: None,
        subjects: u64::from(common.clusters.count),
        left_out,
        models: reports,
        truth,
    })
}

/// The rows that every model answered.
pub(crate) struct Common<'a> {
    pub(crate) rows: Vec<usize>,
    pub(crate) labels: Vec<bool>,
    pub(crate) clusters: Clusters,
    /// The models with at least one risk.
    pub(crate) models: Vec<(&'a str, Vec<f64>)>,
}

impl<'a> Common<'a> {
    fn new(input: &TaskInput<'_>, models: &[(&'a str, &[Option<f64>])]) -> Self {
        let answering = models
            .iter()
            .filter(|(_, risks)| risks.iter().any(Option::is_some));
        let answering: Vec<_> = answering.collect();
        let answered = |row: &usize| answering.iter().all(|(_, risks)| risks[*row].is_some());
        let rows: Vec<usize> = (0..input.labels.len()).filter(answered).collect();
        let common = |risks: &[Option<f64>]| rows.iter().filter_map(|&row| risks[row]).collect();
        Self {
            labels: select(input.labels, &rows),
            clusters: Clusters::new(&select(input.clusters, &rows)),
            models: answering
                .iter()
                .map(|(name, risks)| (*name, common(risks)))
                .collect(),
            rows,
        }
    }
}

fn model_reports(
    input: &TaskInput<'_>,
    models: &[(&str, &[Option<f64>])],
    common: &Common<'_>,
    draws: &Draws<'_>,
) -> Vec<ModelReport> {
    let risks: Vec<&[f64]> = common.models.iter().map(|(_, risks)| &risks[..]).collect();
    let judged = judge(&common.labels, &risks, &common.clusters, draws);
    let mut groups = group_reports(input, common, draws);
    let report = |(name, answers): &(&str, &[Option<f64>])| {
        let abstained = answers.iter().filter(|answer| answer.is_none()).count() as u64;
        let place = common.models.iter().position(|(known, _)| known == name);
        let Some(place) = place else {
            return no_answer(name, abstained);
        };
        let others = common
            .models
            .iter()
            .enumerate()
            .filter(|&(other, _)| other != place);
        ModelReport {
            name: (*name).to_owned(),
            metrics: judged[place].metrics(),
            calibration: reliability(&common.labels, risks[place]),
            roc: roc(&common.labels, risks[place]),
            groups: std::mem::take(&mut groups[place]),
            abstained,
            difference_from: others
                .map(|(other, (name, _))| ((*name).to_owned(), judged[place].less(&judged[other])))
                .collect(),
        }
    };
    models.iter().map(report).collect()
}

fn no_answer(name: &str, abstained: u64) -> ModelReport {
    let none = || Metric::undefined("the model gave no answer");
    ModelReport {
        name: name.to_owned(),
        metrics: metrics_from(|_| none()),
        calibration: Vec::new(),
        roc: Vec::new(),
        groups: Vec::new(),
        abstained,
        difference_from: BTreeMap::new(),
    }
}

fn check(input: &TaskInput<'_>) -> Result<(), Error> {
    let task = || input.id.to_owned();
    let expected = input.labels.len();
    let length = |column: &str, found: usize| {
        let error = Error::Length {
            task: task(),
            column: column.to_owned(),
            found,
            expected,
        };
        if found == expected {
            Ok(())
        } else {
            Err(error)
        }
    };
    let risk = |column: &str, row: usize, risk: f64| {
        let error = || Error::NotARisk {
            task: task(),
            column: column.to_owned(),
            row,
        };
        if (0.0..=1.0).contains(&risk) {
            Ok(())
        } else {
            Err(error())
        }
    };
    length("clusters", input.clusters.len())?;
    for (dimension, values) in input.groups {
        length(dimension, values.len())?;
    }
    let mut names = Vec::from_iter(input.truth.map(|_| TRUTH));
    for (name, risks) in input.models {
        if names.contains(&name.as_str()) {
            return Err(Error::DuplicateName {
                task: task(),
                name: name.clone(),
            });
        }
        names.push(name);
        length(name, risks.len())?;
        for (row, answer) in risks.iter().enumerate() {
            answer.map_or(Ok(()), |answer| risk(name, row, answer))?;
        }
    }
    if let Some(truth) = input.truth {
        length(TRUTH, truth.len())?;
        for (row, &answer) in truth.iter().enumerate() {
            risk(TRUTH, row, answer)?;
        }
    }
    Ok(())
}

pub(crate) fn select<T: Clone>(values: &[T], rows: &[usize]) -> Vec<T> {
    rows.iter().map(|&row| values[row].clone()).collect()
}

pub(crate) fn count(labels: &[bool]) -> u64 {
    labels.iter().filter(|&&label| label).count() as u64
}
