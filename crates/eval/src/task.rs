//! One task from its rows to its report: every model on the same rows, by subgroup, against each
//! other and against the truth where it is known.
//!
//! It judges and does not choose: which rows are asked about, and what their labels are, comes
//! from the caller.

use crate::bootstrap::{Clusters, metric, resample};
use crate::curve::{reliability, roc};
use crate::error::Error;
use crate::group::{CELL_MIN, hidden, is_small};
use crate::prepared::{AUROC, BRIER, METRICS, Prepared, Values};
use crate::report::{Differences, GroupReport, Metric, Metrics, ModelReport, TaskReport};
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
    let reports = model_reports(input, &models, &common, options);
    let truth = input
        .truth
        .map(|truth| truth_report(&common, &select(truth, &common.rows), options));
    Ok(TaskReport {
        id: input.id.to_owned(),
        title: input.title.to_owned(),
        horizon_days: input.horizon_days,
        n: common.labels.len() as u64,
        positives: count(&common.labels),
        subjects: u64::from(common.clusters.count),
        left_out,
        models: reports,
        truth,
    })
}

/// The rows that every model answered.
pub(crate) struct Common<'a> {
    rows: Vec<usize>,
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
    options: &Options,
) -> Vec<ModelReport> {
    let risks: Vec<&[f64]> = common.models.iter().map(|(_, risks)| &risks[..]).collect();
    let judged = judge(&common.labels, &risks, &common.clusters, options);
    let mut groups = group_reports(input, common, options);
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

/// One model's values on all rows and on every resample.
struct Judged {
    on_all: Values,
    drawn: [Vec<Option<f64>>; METRICS],
}

impl Judged {
    fn metrics(&self) -> Metrics {
        metrics_from(|index| metric(self.on_all[index], &self.drawn[index]))
    }

    /// The differences from another model judged on the same resamples.
    fn less(&self, other: &Self) -> Differences {
        let difference = |index: usize| {
            let on_all = self.on_all[index].and_then(|a| other.on_all[index].map(|b| a - b));
            let pairs = self.drawn[index].iter().zip(&other.drawn[index]);
            let drawn: Vec<_> = pairs.map(|(a, b)| Some((*a)? - (*b)?)).collect();
            metric(on_all, &drawn)
        };
        Differences {
            auroc: difference(AUROC),
            brier: difference(BRIER),
        }
    }
}

fn metrics_from(metric: impl Fn(usize) -> Metric) -> Metrics {
    Metrics {
        auroc: metric(AUROC),
        auprc: metric(1),
        brier: metric(BRIER),
        log_loss: metric(3),
        calibration_slope: metric(4),
        calibration_intercept: metric(5),
        calibration_intercept_joint: metric(6),
        ece: metric(7),
        observed_expected: metric(8),
    }
}

/// Judges all models on the same resamples, so that their differences are paired.
fn judge(labels: &[bool], risks: &[&[f64]], clusters: &Clusters, options: &Options) -> Vec<Judged> {
    let mut prepared: Vec<Prepared> = risks
        .iter()
        .map(|risks| Prepared::new(labels, risks, &clusters.of_row))
        .collect();
    let mut judged: Vec<Judged> = prepared
        .iter_mut()
        .map(|prepared| Judged {
            on_all: prepared.values_on_all(clusters.count as usize),
            drawn: std::array::from_fn(|_| Vec::with_capacity(options.resamples as usize)),
        })
        .collect();
    resample(clusters.count, options.resamples, options.seed, |weights| {
        for (prepared, judged) in prepared.iter().zip(&mut judged) {
            let values = prepared.values(weights);
            for (value, drawn) in values.into_iter().zip(&mut judged.drawn) {
                drawn.push(value.ok());
            }
        }
    });
    judged
}

/// The subgroup tables, one list for each answering model.
fn group_reports(
    input: &TaskInput<'_>,
    common: &Common<'_>,
    options: &Options,
) -> Vec<Vec<GroupReport>> {
    let mut reports = vec![Vec::new(); common.models.len()];
    for (dimension, values) in input.groups {
        let mut rows_of: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (place, &row) in common.rows.iter().enumerate() {
            rows_of.entry(&values[row]).or_default().push(place);
        }
        let cells: Vec<Cell> = rows_of
            .iter()
            .map(|(value, rows)| Cell::new(value, rows, common))
            .collect();
        let sizes: Vec<u64> = cells
            .iter()
            .map(|cell| u64::from(cell.clusters.count))
            .collect();
        let too_small = hidden(&sizes);
        let counts: Vec<u64> = cells.iter().map(Cell::count_that_may_be_small).collect();
        let positives_hidden = hidden(&counts);
        for (index, cell) in cells.iter().enumerate() {
            let group = |metrics: Option<Metrics>| GroupReport {
                dimension: dimension.clone(),
                value: cell.value.to_owned(),
                n: if too_small[index] {
                    0
                } else {
                    cell.labels.len() as u64
                },
                positives: (!too_small[index] && !positives_hidden[index])
                    .then(|| count(&cell.labels)),
                metrics,
                suppressed: reason(sizes[index], too_small[index], positives_hidden[index]),
            };
            if too_small[index] {
                for list in &mut reports {
                    list.push(group(None));
                }
                continue;
            }
            let risks: Vec<Vec<f64>> = common
                .models
                .iter()
                .map(|(_, risks)| select(risks, cell.rows))
                .collect();
            let risks: Vec<&[f64]> = risks.iter().map(|risks| &risks[..]).collect();
            let judged = judge(&cell.labels, &risks, &cell.clusters, options);
            for (list, judged) in reports.iter_mut().zip(&judged) {
                list.push(group(Some(judged.metrics())));
            }
        }
    }
    reports
}

/// One group of one dimension.
struct Cell<'a> {
    value: &'a str,
    rows: &'a [usize],
    labels: Vec<bool>,
    clusters: Clusters,
}

impl<'a> Cell<'a> {
    fn new(value: &'a str, rows: &'a [usize], common: &Common<'_>) -> Self {
        let of_row = select(&common.clusters.of_row, rows);
        let ids: Vec<u64> = of_row.into_iter().map(u64::from).collect();
        Self {
            value,
            rows,
            labels: select(&common.labels, rows),
            clusters: Clusters::new(&ids),
        }
    }

    /// The rows with the outcome, or those without where these are the small cell: with the size
    /// of the group known, each gives the other away.
    fn count_that_may_be_small(&self) -> u64 {
        let positives = count(&self.labels);
        let negatives = self.labels.len() as u64 - positives;
        if is_small(negatives) {
            negatives
        } else {
            positives
        }
    }
}

fn reason(size: u64, too_small: bool, positives_hidden: bool) -> Option<String> {
    if too_small && is_small(size) {
        Some(format!("fewer than {CELL_MIN} subjects"))
    } else if too_small {
        Some("hidden so that a smaller group does not follow from the total".into())
    } else if positives_hidden {
        Some(format!(
            "positives hidden: a count below {CELL_MIN} would be shown or would follow"
        ))
    } else {
        None
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

fn select<T: Clone>(values: &[T], rows: &[usize]) -> Vec<T> {
    rows.iter().map(|&row| values[row].clone()).collect()
}

fn count(labels: &[bool]) -> u64 {
    labels.iter().filter(|&&label| label).count() as u64
}
