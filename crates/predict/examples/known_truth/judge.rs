//! The stack, and every answer against the truth and the ceiling on the fresh draw.

use crate::files::Table;
use crate::soft::{Interval, Ranked, gap};
use crate::world::tasks;
use crate::{Result, Settings, render, say};
use longitude_core::{Digest, Task};
use longitude_eval::{Options, TaskInput, TaskReport, task_report};
use longitude_predict::{Calibration, CalibrationOptions, Stack};
use serde::Serialize;
use std::collections::BTreeMap;

/// One outcome judged.
#[derive(Serialize)]
pub(crate) struct Judged {
    /// All metrics of all models on the same rows, paired differences among them.
    pub(crate) report: TaskReport,
    /// Members and their weights.
    pub(crate) members: Vec<String>,
    pub(crate) weights: Vec<f64>,
    pub(crate) stack: Stack,
    /// Rows and events that the stack was fitted on.
    pub(crate) stacked: (usize, usize),
    /// The area of the ceiling less that of the model, in expectation over outcomes.
    pub(crate) gaps: BTreeMap<String, Interval>,
    /// The same against the ceiling that has seen the stack's answer too.
    pub(crate) joint_gap: Interval,
    /// The area of the true risk less that of the ceiling: what no record can tell.
    pub(crate) hidden: Interval,
}

/// Columns of one outcome.
struct Columns {
    labels: Vec<Option<f64>>,
    members: Vec<Vec<Option<f64>>>,
}

pub(crate) fn judge(settings: &Settings) -> Result {
    let (dir, name) = (&settings.dir, &settings.name);
    let risks = Table::read(dir, &format!("{name}.risks"))?;
    let ceiling = Table::read(dir, &format!("{name}.ceiling"))?;
    let numbers = Table::read(dir, &format!("{name}.rows"))?.column("number")?;
    if risks.column("number")? != numbers || ceiling.rows() != risks.rows() {
        return Err("the stages were run on different draws".into());
    }
    let mut judged = Vec::new();
    for task in tasks(settings) {
        let truth = (risks.column(&task.id)?, ceiling.column(&task.id)?);
        match one(settings, &task, &numbers, truth) {
            Ok(one) => judged.push(one),
            Err(error) => say(&format!("{}: {error}", task.id)),
        }
    }
    let mut whole = BTreeMap::from([("judged", serde_json::to_value(&judged)?)]);
    for part in ["learn", "ceiling", "effects"] {
        if let Ok(bytes) = std::fs::read(dir.join(format!("{part}.json"))) {
            whole.insert(part, serde_json::from_slice(&bytes)?);
        }
    }
    let report = format!("report.{}", settings.members.replace(',', "-"));
    std::fs::write(
        dir.join(format!("{report}.json")),
        serde_json::to_vec_pretty(&whole)?,
    )?;
    let text = render::markdown(&judged, &whole);
    std::fs::write(dir.join(format!("{report}.md")), &text)?;
    say(&text);
    Ok(())
}

/// The members of `name` for a task; those without a table are not there.
fn columns(settings: &Settings, name: &str, task: &Task) -> Result<(Columns, Vec<String>)> {
    let dir = &settings.dir;
    let labels = Table::read(dir, &format!("{name}.rows"))?.column(&task.id)?;
    let (mut members, mut names) = (Vec::new(), Vec::new());
    for member in settings.members.split(',') {
        if let Some(table) = Table::find(dir, &format!("{name}.{member}"))? {
            members.push(table.column(&task.id)?);
            names.push(member.to_owned());
        }
    }
    Ok((Columns { labels, members }, names))
}

impl Columns {
    /// Rows with a label that all members answered: place, label, members' risks.
    fn whole(&self) -> Vec<(usize, bool, Vec<f64>)> {
        let row = |at: usize| {
            let members: Option<Vec<f64>> = self.members.iter().map(|column| column[at]).collect();
            Some((at, self.labels[at]? > 0.5, members?))
        };
        (0..self.labels.len()).filter_map(row).collect()
    }
}

/// Parts of the stacking subjects, each of which is answered by the stack of the others.
const FOLDS: i64 = 5;

/// The stack, with its calibration on risks out of fold.
pub(crate) struct Stacked {
    pub(crate) stack: Stack,
    pub(crate) calibration: Calibration,
    pub(crate) rows: usize,
    pub(crate) events: usize,
}

pub(crate) fn stacked(settings: &Settings, task: &Task) -> Result<(Stacked, Vec<String>)> {
    let (columns, names) = columns(settings, "stack", task)?;
    let numbers = Table::read(&settings.dir, "stack.rows")?.column("number")?;
    let rows = columns.whole();
    let labels: Vec<bool> = rows.iter().map(|(_, yes, _)| *yes).collect();
    let fold = |at: usize| {
        let number = numbers[at].map_or(0, f64::to_bits);
        Digest::of_parts(&[b"fold", &number.to_le_bytes()]).leading_i63() % FOLDS
    };
    let folds: Vec<i64> = rows.iter().map(|(at, ..)| fold(*at)).collect();
    let fit = |left_out: i64| {
        let kept = |row: &usize| folds[*row] != left_out;
        let column = |member: usize| -> Vec<f64> {
            let kept = (0..rows.len()).filter(kept);
            kept.map(|row| rows[row].2[member]).collect()
        };
        let columns: Vec<Vec<f64>> = (0..names.len()).map(column).collect();
        let named = names.iter().map(String::as_str);
        let members: Vec<(&str, &[f64])> = named.zip(columns.iter().map(Vec::as_slice)).collect();
        let labels: Vec<bool> = (0..rows.len())
            .filter(kept)
            .map(|row| labels[row])
            .collect();
        Stack::fit(&members, &labels)
    };
    // A stack is too sure of the rows that it was fitted on: calibration sees others' only.
    let apart: Vec<Stack> = (0..FOLDS).map(fit).collect::<Result<_, _>>()?;
    let stack = fit(FOLDS)?;
    let of_fold = |fold: i64| &apart[usize::try_from(fold).unwrap_or(0)];
    let apart: Vec<f64> = rows
        .iter()
        .zip(&folds)
        .map(|((.., members), fold)| of_fold(*fold).risk(members))
        .collect();
    let how = CalibrationOptions::research(settings.seed);
    let calibration = Calibration::fit(&apart, &labels, &how);
    let stacked = Stacked {
        stack,
        calibration,
        rows: rows.len(),
        events: labels.iter().filter(|yes| **yes).count(),
    };
    Ok((stacked, names))
}

type Known = (Vec<Option<f64>>, Vec<Option<f64>>);

fn one(
    settings: &Settings,
    task: &Task,
    numbers: &[Option<f64>],
    (truth, ceiling): Known,
) -> Result<Judged> {
    let (fitted, names) = stacked(settings, task)?;
    let (columns, fresh) = columns(settings, &settings.name, task)?;
    if names != fresh {
        return Err("the stack and the fresh draw have other members".into());
    }
    let mut rows = columns.whole();
    rows.retain(|(at, ..)| truth[*at].is_some() && ceiling[*at].is_some());
    let known = |column: &[Option<f64>]| -> Vec<f64> {
        rows.iter()
            .map(|(at, ..)| column[*at].unwrap_or(f64::NAN))
            .collect()
    };
    let (truth, ceiling) = (known(&truth), known(&ceiling));
    let labels: Vec<bool> = rows.iter().map(|(_, yes, _)| *yes).collect();
    let own: Vec<f64> = rows
        .iter()
        .map(|(.., members)| fitted.calibration.risk(fitted.stack.risk(members)))
        .collect();
    let clusters: Vec<u64> = known(numbers).into_iter().map(f64::to_bits).collect();
    let joint = joint(&truth, &ceiling, &own);
    let mut models = vec![("stack".to_owned(), own.clone())];
    for (at, name) in names.iter().enumerate() {
        models.push((name.clone(), rows.iter().map(|(.., m)| m[at]).collect()));
    }
    let how = (settings.resamples, settings.seed);
    let gaps = models
        .iter()
        .map(|(name, risks)| (name.clone(), gap(&truth, &ceiling, risks, how)))
        .collect();
    let (joint_gap, hidden) = (
        gap(&truth, &joint, &own, how),
        gap(&truth, &truth, &ceiling, how),
    );
    models.push(("ceiling".to_owned(), ceiling));
    let models: Vec<(String, Vec<Option<f64>>)> = models
        .into_iter()
        .map(|(name, risks)| (name, risks.into_iter().map(Some).collect()))
        .collect();
    let input = TaskInput {
        id: &task.id,
        title: &task.title,
        horizon_days: task.horizon.0,
        clusters: &clusters,
        labels: &labels,
        groups: &[],
        models: &models,
        truth: Some(&truth),
        left_out: BTreeMap::new(),
    };
    let options = Options {
        seed: settings.seed,
        resamples: settings.resamples,
    };
    say(&format!("{}: {} rows judged", task.id, rows.len()));
    Ok(Judged {
        report: task_report(&input, &options)?,
        members: names,
        weights: fitted.stack.weights().to_vec(),
        stack: fitted.stack,
        stacked: (fitted.rows, fitted.events),
        gaps,
        joint_gap,
        hidden,
    })
}

/// The mean of two answers' logits that ranks the true risks best, its weight chosen on one half of
/// the rows for the other: whoever knows both knows at least this.
fn joint(truth: &[f64], a: &[f64], b: &[f64]) -> Vec<f64> {
    let mixed = |share: f64| -> Vec<f64> {
        let logit = |risk: f64| (risk.max(1e-6) / (1.0 - risk.min(1.0 - 1e-6))).ln();
        let pairs = a.iter().zip(b);
        pairs
            .map(|(a, b)| (1.0 - share) * logit(*a) + share * logit(*b))
            .collect()
    };
    let all: Vec<Vec<f64>> = (0..=10)
        .map(|tenth| mixed(f64::from(tenth) / 10.0))
        .collect();
    let ranked: Vec<Ranked> = all.iter().map(|scores| Ranked::new(scores)).collect();
    let best = |half: usize| {
        let of = |row: usize| f64::from(u8::from(row % 2 == half));
        let weights: Vec<f64> = (0..truth.len()).map(of).collect();
        let areas: Vec<f64> = ranked
            .iter()
            .map(|one| one.auroc(truth, &weights))
            .collect();
        (0..areas.len()).max_by(|x, y| areas[*x].total_cmp(&areas[*y]))
    };
    let chosen = [best(1), best(0)].map(|at| &all[at.unwrap_or(0)]);
    (0..truth.len()).map(|row| chosen[row % 2][row]).collect()
}
