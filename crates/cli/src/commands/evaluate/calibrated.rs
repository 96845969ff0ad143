//! `--calibrate-on`: predictions recalibrated by those of other subjects (Venn-Abers), with an
//! interval of the calibrated risk and a conformal set each, judged beside the predictions as they
//! came. What sets promise is checked by group.

use super::checks::{PROBABILITY, refuse};
use super::table::{Asked, Checked, Table, checked};
use super::{Arguments, json, judged, text};
use crate::failure::{Failure, Kind, not_over};
use crate::pipeline::write_atomically;
use crate::progress::print;
use anyhow::Result;
use longitude_eval::uncertainty::{Conformal, Coverages, PredictionSet, VennAbers, set_coverage};
use longitude_eval::{Estimate, Evaluation, EvaluationOptions};
use longitude_server::evaluation_html;
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::Path;

/// The column of the risk before the calibration.
const AS_GIVEN: &str = "probability_as_given";

/// What is told besides the evaluation.
#[derive(Serialize)]
struct Told {
    /// Rows that calibrate.
    rows: u64,
    /// The share of outcomes that sets should hold.
    coverage: f64,
    /// The column whose groups were calibrated apart.
    by: Option<String>,
    /// The mean width of the Venn-Abers intervals.
    mean_width: Option<f64>,
    /// How often sets hold the outcome.
    sets: Coverages,
}

/// Runs `evaluate` with a calibration.
pub(super) fn run(arguments: &Arguments, tuning: &Path, options: &EvaluationOptions) -> Result<()> {
    let inputs = [tuning, &arguments.predictions];
    let pages = arguments.to.iter().chain(&arguments.html);
    pages
        .clone()
        .try_for_each(|output| not_over(output, &inputs))?;
    let (learn, own) = (
        checked(tuning, true)?,
        checked(&arguments.predictions, true)?,
    );
    let mut answers = Answers::of(arguments, &learn, &own)?;
    answers.notes.extend(shared(&learn, &own));
    let mut table = Table::read(&Asked {
        title: None,
        files: vec![&arguments.predictions],
        groups: &arguments.group,
        horizon: arguments.horizon,
    })?;
    table
        .models
        .push(("recalibrated".to_owned(), answers.merged()));
    table.notes.append(&mut answers.notes);
    let evaluation = judged(&table, options, arguments.horizon)?;
    let told = answers.told(arguments, &learn, &own);
    if let Some(to) = &arguments.to {
        answers.write(own, to)?;
    }
    let lines = lines(&told);
    if let Some(path) = &arguments.html {
        let notes: Vec<String> = table.notes.iter().chain(&lines).cloned().collect();
        write_atomically(path, evaluation_html(&evaluation, &notes).as_bytes())?;
    }
    print(&if arguments.json {
        whole(&evaluation, &table.notes, &told)?
    } else {
        format!("{}{}\n", text(&evaluation, &table.notes), lines.join("\n"))
    })
}

fn whole(evaluation: &Evaluation, notes: &[String], told: &Told) -> Result<String> {
    let mut whole: serde_json::Value = serde_json::from_str(&json(evaluation, notes)?)?;
    whole["calibration"] = serde_json::to_value(told)?;
    Ok(format!("{whole:#}\n"))
}

/// A note where subjects stand in both files: the promise is about other subjects.
fn shared(learn: &Checked, own: &Checked) -> Option<String> {
    let known: BTreeSet<i64> = learn.read.subjects.iter().copied().collect();
    let asked: BTreeSet<i64> = own.read.subjects.iter().copied().collect();
    let both = known.intersection(&asked).count();
    (both > 0).then(|| {
        format!(
            "{both} subjects stand in both files: what is promised is about subjects that the \
             calibration has not seen, and the numbers are too good"
        )
    })
}

/// The answers of each row, where the model gave a risk.
struct Answers {
    /// Lower and upper end, and the one risk made of them.
    ranges: Vec<Option<(f64, f64, f64)>>,
    sets: Vec<Option<PredictionSet>>,
    groups: Vec<String>,
    notes: Vec<String>,
}

impl Answers {
    fn of(arguments: &Arguments, learn: &Checked, own: &Checked) -> Result<Self> {
        let by = arguments.calibrate_by.as_deref();
        let (groups, own_groups) = (groups(learn, by)?, groups(own, by)?);
        let labels = learn.labels.iter().flatten();
        let (mut outcomes, mut risks, mut places) = (Vec::new(), Vec::new(), Vec::new());
        for ((&label, risk), group) in labels.zip(&learn.risks).zip(&groups) {
            if let Some(risk) = *risk {
                outcomes.push(label);
                risks.push(risk);
                places.push(group.clone());
            }
        }
        let venn = VennAbers::new(&outcomes, &risks);
        let venn = venn.map_err(|reason| {
            let message = format!("{}: {reason}", learn.read.place(0).0.display());
            Failure::new(
                Kind::Input,
                message,
                "give predictions with outcomes to calibrate on",
            )
        })?;
        let conformal = Conformal::new(&outcomes, &risks, &places);
        let error = 1.0 - arguments.coverage;
        let range = |risk: f64| {
            let (low, high) = venn.range(risk).ends();
            (low, high, high / (1.0 - low + high))
        };
        let asked = own.risks.iter().zip(&own_groups);
        let sets = asked.map(|(risk, group)| conformal.set((*risk)?, group, error).ok());
        Ok(Self {
            ranges: own.risks.iter().map(|risk| risk.map(range)).collect(),
            sets: sets.collect(),
            groups: own_groups,
            notes: Vec::new(),
        })
    }

    fn merged(&self) -> Vec<Option<f64>> {
        self.ranges
            .iter()
            .map(|range| range.map(|(_, _, one)| one))
            .collect()
    }

    fn told(&self, arguments: &Arguments, learn: &Checked, own: &Checked) -> Told {
        let widths = self
            .ranges
            .iter()
            .flatten()
            .map(|(low, high, _)| high - low);
        let count = widths.clone().count();
        let labels = own.labels.clone().unwrap_or_default();
        let all = vec!["all".to_owned(); labels.len()];
        let mut sets = set_coverage(&labels, &self.sets, &all);
        if arguments.calibrate_by.is_some() {
            let by_group = set_coverage(&labels, &self.sets, &self.groups);
            sets.groups.extend(by_group.groups);
            sets.left_out += by_group.left_out;
        }
        Told {
            rows: learn.risks.iter().flatten().count() as u64,
            coverage: arguments.coverage,
            by: arguments.calibrate_by.clone(),
            mean_width: (count > 0).then(|| widths.sum::<f64>() / count as f64),
            sets,
        }
    }

    /// The predictions with the recalibrated risk in the schema's column, the given one beside it,
    /// the ends of the interval, and the set (`with`, `without`, `both`, `neither`; empty where the
    /// group was not calibrated).
    fn write(&self, own: Checked, to: &Path) -> Result<()> {
        let mut table = own.read;
        let end = |of: fn(&(f64, f64, f64)) -> f64| -> Vec<Option<f64>> {
            self.ranges
                .iter()
                .map(|range| range.as_ref().map(of))
                .collect()
        };
        let columns = [
            (AS_GIVEN, own.risks),
            (PROBABILITY, self.merged()),
            ("calibrated_low", end(|range| range.0)),
            ("calibrated_high", end(|range| range.1)),
        ];
        for (name, values) in columns {
            table.numbers.insert(name.to_owned(), values);
        }
        let sets = self
            .sets
            .iter()
            .map(|set| set.map(|set| name(set).to_owned()));
        table
            .texts
            .insert("conformal_set".to_owned(), sets.collect());
        Ok(table.write(to)?)
    }
}

fn name(set: PredictionSet) -> &'static str {
    match set {
        PredictionSet::Neither => "neither",
        PredictionSet::Without => "without",
        PredictionSet::With => "with",
        PredictionSet::Both => "both",
    }
}

/// The group of each row: `all` without a column.
fn groups(file: &Checked, by: Option<&str>) -> Result<Vec<String>> {
    let rows = file.read.subjects.len();
    let Some(by) = by else {
        return Ok(vec!["all".to_owned(); rows]);
    };
    let Some(values) = file.read.texts.get(by) else {
        let message = format!(
            "{}: no column of texts `{by}`",
            file.read.place(0).0.display()
        );
        let mend = "name a column of texts that both files have, or leave --calibrate-by out";
        return Err(Failure::new(Kind::Input, message, mend).into());
    };
    let absent: Vec<usize> = (0..rows).filter(|&row| values[row].is_none()).collect();
    let mend = "give each row its group";
    refuse(&file.read, &absent, &format!("no `{by}`"), mend)?;
    Ok(values.iter().flatten().cloned().collect())
}

/// The calibration in lines.
fn lines(told: &Told) -> Vec<String> {
    let width = told
        .mean_width
        .map_or("none".to_owned(), |width| format!("{width:.4}"));
    let by = told
        .by
        .as_ref()
        .map_or(String::new(), |by| format!(", by {by}"));
    let mut lines = vec![format!(
        "recalibrated on {} rows{by}: mean width of the Venn-Abers intervals {width}; conformal \
         sets should hold {:.3} of the outcomes of each class",
        told.rows, told.coverage
    )];
    for one in &told.sets.groups {
        let class = if one.with_outcome { "with" } else { "without" };
        let Estimate { value, low, high } = one.coverage;
        let ends = low.zip(high).map_or(String::new(), |(low, high)| {
            format!(" ({low:.3} to {high:.3})")
        });
        lines.push(format!(
            "sets of {}, {class} the outcome: {value:.3}{ends} of {} rows held; {:.3} say one thing",
            one.group, one.rows, one.single
        ));
    }
    for (count, what) in [
        (
            told.sets.left_out,
            "groups of fewer than 11 rows of a class are not told",
        ),
        (
            told.sets.without_set,
            "rows have no set, for their group was not calibrated",
        ),
    ] {
        if count > 0 {
            lines.push(format!("{count} {what}"));
        }
    }
    lines
}
