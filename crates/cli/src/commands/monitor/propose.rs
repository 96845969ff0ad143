//! Recalibrations: proposed from older rows, judged on the most recent ones, approved by a person.

use super::cases::{Case, cases, lines, worse};
use super::decide::{part, refused};
use super::policy::Policy;
use super::rows::{Rows, days};
use super::{Keys, Opened, Read};
use crate::failure::{Failure, Kind, not_over};
use crate::machine;
use crate::pipeline::write_private;
use crate::progress::print;
use anyhow::{Context, Result};
use longitude_core::Digest;
use longitude_eval::{
    Metrics, Options, TaskInput, Told, calibration_in_the_large, compare_losses, log_loss,
    task_report,
};
use longitude_govern::{Approved, Decision, model_root};
use longitude_predict::{Calibration, CalibrationOptions, Logistic, Map, Method};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The share of the rows, the oldest, that the map is fitted on; the others judge it.
const FIT_SHARE: f64 = 2.0 / 3.0;

/// Folds by subject among the fitting rows, to choose the map.
const FOLDS: u64 = 5;

/// Fewer rows with or without the outcome on either side and nothing is proposed: the standard
/// error of the log odds of 20 is 0.22, about the shift that O/E 1.25 asks for.
const EVENTS_MIN: usize = 20;

/// What `longitude monitor propose` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Propose {
    #[command(flatten)]
    read: Read,
    /// The run that is recalibrated, and whose overturned contests are replayed
    #[arg(long)]
    run: PathBuf,
    /// A part of the task, as `site=B` [default: all rows]
    #[arg(long, value_name = "DIMENSION=VALUE")]
    part: Option<String>,
    /// The proposal to write
    #[arg(long, value_name = "FILE.json")]
    to: PathBuf,
    /// Resamples of subjects for the intervals
    #[arg(long, default_value_t = 300)]
    resamples: u32,
    #[command(flatten)]
    keys: Keys,
}

/// What `longitude monitor approve` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Approve {
    /// The proposal
    proposal: PathBuf,
    /// The run folder
    #[arg(long)]
    run: PathBuf,
    /// Who approves; again for a second person
    #[arg(long, required = true, value_name = "NAME")]
    by: Vec<String>,
    /// Why
    #[arg(long)]
    reason: String,
    /// Why although it worsens overturned contests
    #[arg(long, value_name = "REASON")]
    override_cases: Option<String>,
    #[command(flatten)]
    keys: Keys,
}

/// A proposal, as its file holds it. It holds no patient's value.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Proposal {
    v: u32,
    task: String,
    part: String,
    /// The model that it is of.
    model: Digest,
    made: String,
    /// Mean log loss of each map over the folds, in nats, or why it was not tried.
    candidates: BTreeMap<String, Told<f64>>,
    /// The one that was chosen.
    chosen: String,
    /// The map that is put behind the calibration in force.
    map: Map,
    /// Rows that it was fitted on, and rows that judge it.
    rows: [u64; 2],
    /// On the rows that judge it: as served, and with the map.
    before: Metrics,
    after: Metrics,
    /// Log loss with the map less that as served; below 0 the map is better.
    log_loss_difference: Told<(f64, f64)>,
    /// Overturned contests replayed.
    cases: Vec<Case>,
}

/// Rows with their outcomes, by time.
#[derive(Default)]
struct Judged {
    subjects: Vec<u64>,
    risks: Vec<f64>,
    labels: Vec<bool>,
}

impl Judged {
    fn only(&self, keep: impl Fn(usize) -> bool) -> Self {
        let rows = (0..self.labels.len()).filter(|&row| keep(row));
        let mut some = Self::default();
        for row in rows {
            some.subjects.push(self.subjects[row]);
            some.risks.push(self.risks[row]);
            some.labels.push(self.labels[row]);
        }
        some
    }

    /// Whether there are too few rows of a class.
    fn is_small(&self) -> bool {
        let positives = self.labels.iter().filter(|&&label| label).count();
        positives.min(self.labels.len() - positives) < EVENTS_MIN
    }
}

/// The maps that are tried, by name; the identity too, so that nothing is proposed without need.
fn fit(name: &str, rows: &Judged, seed: u64) -> Result<Map, String> {
    let options = |method| CalibrationOptions {
        method,
        resamples: 0,
        ..CalibrationOptions::research(seed)
    };
    let fitted = |method| {
        let found = Calibration::fit(&rows.risks, &rows.labels, &options(method));
        match (found.refusal, found.map) {
            (None, Map::Logistic(_)) if method == Method::Isotonic => {
                Err("too few rows with the outcome".to_owned())
            }
            (None, map) => Ok(map),
            (Some(_), _) => Err("too few rows with or without the outcome".to_owned()),
        }
    };
    match name {
        "identity" => Ok(Map::Identity),
        "intercept" => calibration_in_the_large(&rows.labels, &rows.risks)
            .map(|intercept| {
                Map::Logistic(Logistic {
                    intercept,
                    slope: 1.0,
                })
            })
            .map_err(|reason| reason.to_string()),
        "slope" => fitted(Method::Logistic),
        _ => fitted(Method::Isotonic),
    }
}

const CANDIDATES: [&str; 4] = ["identity", "intercept", "slope", "isotonic"];

/// The mean log loss over folds by subject.
fn crossed(name: &str, rows: &Judged) -> Result<f64, String> {
    let fold = |row: usize| {
        let digest = Digest::of(&rows.subjects[row].to_le_bytes());
        digest.leading_i63().cast_unsigned() % FOLDS
    };
    let (mut labels, mut risks) = (Vec::new(), Vec::new());
    for held in 0..FOLDS {
        let map = fit(name, &rows.only(|row| fold(row) != held), 1)?;
        let test = rows.only(|row| fold(row) == held);
        risks.extend(test.risks.iter().map(|&risk| map.apply(risk)));
        labels.extend(test.labels);
    }
    log_loss(&labels, &risks).map_err(|reason| reason.to_string())
}

/// Proposes.
pub(super) fn propose(arguments: &Propose) -> Result<()> {
    not_over(&arguments.to, &arguments.read.inputs())?;
    let policy = Policy::read(&arguments.read.policy)?;
    let part = part(&policy.task, arguments.part.as_deref())?;
    let (rows, outcomes) = arguments.read.rows(&policy)?;
    let within = (part.dimension.as_str(), part.value.as_str());
    let judged = complete(&rows, &policy, days(arguments.read.clock()?), within)?;
    let cut = split(judged.labels.len());
    let (older, recent) = (judged.only(|row| row < cut), judged.only(|row| row >= cut));
    if older.is_small() || recent.is_small() {
        let message = format!("{part}: too few complete rows with or without the outcome");
        let mend = format!(
            "wait until the older two thirds and the recent third have {EVENTS_MIN} of each"
        );
        return Err(Failure::new(Kind::Input, message, mend).into());
    }
    let candidates: BTreeMap<String, Told<f64>> = CANDIDATES
        .iter()
        .map(|&name| (name.to_owned(), Told::from(crossed(name, &older))))
        .collect();
    let loss = |name: &&&str| candidates[**name].value;
    let tried = CANDIDATES.iter().filter(|name| loss(name).is_some());
    let chosen = tried.min_by(|a, b| {
        let (a, b) = (loss(a).unwrap_or(f64::MAX), loss(b).unwrap_or(f64::MAX));
        a.total_cmp(&b)
    });
    let chosen = *chosen.unwrap_or(&"identity");
    let map = fit(chosen, &older, 1).map_err(anyhow::Error::msg)?;
    let run = Opened::open(&arguments.run, &arguments.keys)?;
    let cases = cases(&run, &policy, &outcomes, |answer| {
        answer.prediction.risk.map(|risk| map.apply(risk.get()))
    })?;
    let (before, after, difference) = beside(&recent, &map, arguments.resamples)?;
    let proposal = Proposal {
        v: 1,
        task: policy.task.clone(),
        part: arguments.part.clone().unwrap_or_default(),
        model: model_root(&run.layout.model())?,
        made: machine::now().to_string(),
        candidates,
        chosen: chosen.to_owned(),
        map,
        rows: [older.labels.len() as u64, recent.labels.len() as u64],
        before,
        after,
        log_loss_difference: difference,
        cases,
    };
    write_private(&arguments.to, &serde_json::to_vec_pretty(&proposal)?)?;
    print(&told(&proposal, &arguments.to.display().to_string()))
}

fn split(rows: usize) -> usize {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a count"
    )]
    let cut = (rows as f64 * FIT_SHARE) as usize;
    cut
}

/// The rows of a part whose windows are complete, with risk and outcome, oldest first.
fn complete(
    rows: &Rows,
    policy: &Policy,
    clock: f64,
    (dimension, value): (&str, &str),
) -> Result<Judged> {
    let values = match rows.groups.iter().find(|(name, _)| name == dimension) {
        Some((_, values)) => Some(values),
        None if dimension == "all" => None,
        None => {
            let message = format!("--part: the policy has no group `{dimension}`");
            return Err(Failure::new(Kind::Input, message, "name one of `groups`").into());
        }
    };
    let after = policy.horizon_days + policy.reporting_lag_days;
    let served = rows.served();
    let mut places: Vec<usize> = (0..rows.keys.len())
        .filter(|&row| served.times[row] + after <= clock)
        .filter(|&row| values.is_none_or(|values| values[row] == value))
        .collect();
    places.sort_by_key(|&row| (rows.keys[row].1, rows.keys[row].0));
    let mut judged = Judged::default();
    for row in places {
        if let (Some(risk), Some(label)) = (rows.risks[row], rows.labels[row]) {
            judged.subjects.push(served.subjects[row]);
            judged.risks.push(risk);
            judged.labels.push(label);
        }
    }
    Ok(judged)
}

/// Metrics as served, metrics with the map, and the interval of the change of the log loss.
type Beside = (Metrics, Metrics, Told<(f64, f64)>);

/// The metrics as served and with the map, on the same rows and resamples.
fn beside(rows: &Judged, map: &Map, resamples: u32) -> Result<Beside> {
    let mapped: Vec<f64> = rows.risks.iter().map(|&risk| map.apply(risk)).collect();
    let some = |risks: &[f64]| risks.iter().map(|&risk| Some(risk)).collect();
    let models = [
        ("before".to_owned(), some(&rows.risks)),
        ("after".to_owned(), some(&mapped)),
    ];
    let input = TaskInput {
        id: "proposal",
        title: "proposal",
        horizon_days: 0.0,
        clusters: &rows.subjects,
        labels: &rows.labels,
        groups: &[],
        models: &models,
        truth: None,
        left_out: BTreeMap::new(),
    };
    let report = task_report(&input, &Options { seed: 1, resamples })?;
    let metrics = |name: &str| report.model(name).map(|model| model.metrics.clone());
    let nats = |risks: &[f64]| -> Vec<f64> {
        let pairs = risks.iter().zip(&rows.labels);
        pairs
            .map(|(&risk, &label)| log_loss(&[label], &[risk]).unwrap_or(0.0))
            .collect()
    };
    let test = compare_losses(&nats(&mapped), &nats(&rows.risks), &rows.subjects);
    let difference = test.map(|test| {
        let half = 1.96 * test.standard_error;
        (test.difference - half, test.difference + half)
    });
    let both = metrics("before").zip(metrics("after"));
    let (before, after) = both.context("the proposal was not judged")?;
    Ok((before, after, Told::from(difference)))
}

fn told(proposal: &Proposal, file: &str) -> String {
    let mut text = format!(
        "{} {}: `{}` of {}, fitted on {} older rows, judged on {} recent ones\n",
        proposal.task,
        proposal.part,
        proposal.chosen,
        CANDIDATES.join(", "),
        proposal.rows[0],
        proposal.rows[1]
    );
    let after = proposal.after.named();
    for ((name, before), (_, after)) in proposal.before.named().into_iter().zip(after) {
        let shown = |metric: &longitude_eval::Metric| match &metric.estimate {
            None => "undefined".to_owned(),
            Some(e) => match e.low.zip(e.high) {
                Some((low, high)) => format!("{:.4} ({low:.4} to {high:.4})", e.value),
                None => format!("{:.4}", e.value),
            },
        };
        text.push_str(&format!(
            "  {name:<28} {} -> {}\n",
            shown(before),
            shown(after)
        ));
    }
    if let Some((low, high)) = proposal.log_loss_difference.value {
        text.push_str(&format!(
            "  log loss changes by {low:.4} to {high:.4} (95 %)\n"
        ));
    }
    text.push_str(&lines(&proposal.cases));
    text.push_str(&format!(
        "nothing is applied: a person reads {file} and runs `longitude monitor approve`\n"
    ));
    text
}

/// Approves.
pub(super) fn approve(arguments: &Approve) -> Result<()> {
    let path = arguments.proposal.display();
    let refuse = |what: String, mend: &str| Err(Failure::new(Kind::Input, what, mend).into());
    let text = std::fs::read_to_string(&arguments.proposal)
        .with_context(|| format!("cannot read {path}"))?;
    let Ok(proposal) = serde_json::from_str::<Proposal>(&text) else {
        return refuse(
            format!("{path} is no proposal"),
            "name a file that `longitude monitor propose` wrote",
        );
    };
    if proposal.map == Map::Identity {
        let what = format!("{path} proposes to change nothing");
        return refuse(what, "there is nothing to approve");
    }
    let mut run = Opened::open(&arguments.run, &arguments.keys)?;
    if model_root(&run.layout.model())? != proposal.model {
        let what = format!("{path} is of another model than the run's");
        return refuse(what, "propose anew from predictions of this run's model");
    }
    let worse = worse(&proposal.cases);
    let reason = arguments.override_cases.as_deref().map(str::trim);
    if worse > 0 && reason.is_none_or(str::is_empty) {
        let what = format!("{path} answers {worse} overturned contests worse than before");
        return refuse(
            what,
            "do not approve it, or say with --override-cases why it is right all the same",
        );
    }
    let part = part(
        &proposal.task,
        Some(proposal.part.as_str()).filter(|p| !p.is_empty()),
    )?;
    let approved = Approved {
        proposal: serde_json::to_value(&proposal)?,
        decision: Decision {
            by: arguments.by.clone(),
            reason: arguments.reason.clone(),
        },
        overridden: arguments.override_cases.clone(),
        at: machine::now(),
    };
    let entry = run
        .book
        .recalibrate(&mut run.ledger, &part, approved)
        .map_err(refused)?;
    print(&format!(
        "{part}: answers are calibrated by `{}` from now on (ledger entry {entry})\n",
        proposal.chosen
    ))
}
