//! The members that a screen asks, fitted on the run's own subjects: the query head as it is, the
//! boosted counts and the hazards by age and sex on training subjects, and the stack of them on
//! tuning subjects that neither the model nor the trees were stopped on. What was fitted is kept
//! beside the list, so that an interrupted screen goes on with the same.

use super::Settings;
use crate::answering::Answering;
use crate::failure::{Failure, Kind};
use crate::interrupt;
use crate::pipeline::write_private;
use crate::steps::questions::{Row, label};
use anyhow::{Context, Result};
use longitude_baseline::{Example, Kind as Baseline};
use longitude_core::{Digest, Split, Task};
use longitude_deid::Reopened;
use longitude_predict::{Asked, Engine, IndexFit, IndexOptions, SampleOptions, Stack, index_time};
use longitude_store::Dataset;
use longitude_train::Part;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// Prediction times of each subject that members are fitted at.
const DRAWS: u64 = 2;
/// Training subjects that the counts learn from, at most: what fits into a few gigabytes.
const LEARN_MAX: usize = 20_000;
/// Tuning rows with the outcome from which on a stack is fitted, as a calibration asks for
/// (`CalibrationOptions::research`).
const POSITIVES_MIN: usize = 8;
const FILE: &str = "members.json";

/// What was fitted.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Members {
    of: Digest,
    /// Names, in the order of their risks.
    pub(super) names: Vec<String>,
    /// Fitted on training subjects, by name.
    baselines: BTreeMap<String, longitude_baseline::Fitted>,
    stack: Option<Stack>,
    with_futures: Option<Stack>,
    /// Tuning rows that the stack was fitted on.
    pub(super) rows: usize,
    /// Those of them with the outcome.
    pub(super) positives: usize,
    /// What could not be done, in sentences.
    pub(super) notes: Vec<String>,
}

/// The names of members that were asked for, checked.
pub(super) fn named(asked: &[String], has_queries: bool) -> Result<Vec<String>> {
    let refuse = |message: String, mend: &str| Err(Failure::new(Kind::Input, message, mend).into());
    let known = ["query", Baseline::Boosted.name(), Baseline::AgeSex.name()];
    if let Some(other) = asked.iter().find(|name| !known.contains(&name.as_str())) {
        return refuse(
            format!("there is no member `{other}`"),
            "name some of query, boosted and age_sex",
        );
    }
    let there =
        |name: &str| asked.iter().any(|one| one == name) && (name != "query" || has_queries);
    let names = known.into_iter().filter(|name| there(name));
    let names: Vec<String> = names.map(str::to_owned).collect();
    if names.is_empty() {
        return refuse(
            "the model has no query head, and no other member was asked for".to_owned(),
            "add --members boosted",
        );
    }
    Ok(names)
}

/// Fits the members, or reads those of the screen that was interrupted.
pub(super) fn fitted(opened: &Answering, settings: &Settings, to: &Path) -> Result<Members> {
    let of = Digest::of_json(&(settings, opened.questions.sampling.seed))?;
    let path = to.join(FILE);
    if let Ok(bytes) = std::fs::read(&path) {
        let kept: Members = serde_json::from_slice(&bytes).context("members.json")?;
        if kept.of == of {
            return Ok(kept);
        }
        let message = format!("{} holds the start of another screen", to.display());
        let mend = "repeat its settings to go on with it, or name another folder with --to";
        return Err(Failure::new(Kind::Busy, message, mend).into());
    }
    let seed = opened.questions.sampling.seed;
    let subjects = Subjects {
        data: &opened.data,
        reopened: &opened.reopened,
        task: &settings.task,
    };
    let mut members = Members {
        of,
        names: settings.members.clone(),
        baselines: BTreeMap::new(),
        stack: None,
        with_futures: None,
        rows: 0,
        positives: 0,
        notes: Vec::new(),
    };
    if let Some(outcome) = opened.engine.fitted().pooled.get(&settings.task.id) {
        members.notes.push(format!(
            "too few training subjects had the outcome: the query head answers for {}, brought down \
             to it by a pooled ratio",
            outcome.parent
        ));
    }
    let draws = subjects.draws(seed)?;
    members.learn(&subjects, &draws, seed)?;
    members.weigh(
        &opened.engine,
        &subjects,
        (&draws, &futures(settings, seed)),
    )?;
    write_private(&path, &serde_json::to_vec(&members)?)?;
    Ok(members)
}

/// How the short list is sampled; none where it is not.
pub(super) fn futures(settings: &Settings, seed: u64) -> Option<SampleOptions> {
    (settings.samples > 1).then(|| SampleOptions {
        samples: settings.samples,
        ..SampleOptions::research(seed)
    })
}

/// The run's subjects, as members are fitted on them.
struct Subjects<'a> {
    data: &'a Dataset,
    reopened: &'a Reopened,
    task: &'a Task,
}

impl Subjects<'_> {
    /// How prediction times are drawn.
    fn draws(&self, seed: u64) -> Result<Vec<IndexOptions>> {
        let mut fit = IndexFit::new(seed);
        for timeline in self.data.timelines(Some(Split::Train)) {
            interrupt::check()?;
            fit.observe(self.reopened.timeline(timeline?).get());
        }
        let options = fit.finish();
        let draw = |number: u64| IndexOptions {
            seed: seed.wrapping_add(number),
            ..options
        };
        Ok((0..DRAWS).map(draw).collect())
    }

    /// The rows of subjects that are kept, at each draw.
    fn rows(
        &self,
        split: Split,
        draws: &[IndexOptions],
        keep: impl Fn(&longitude_core::SubjectId) -> bool,
    ) -> Result<Vec<Row>> {
        let (mut rows, mut subjects) = (Vec::new(), 0);
        for timeline in self.data.timelines(Some(split)) {
            interrupt::check()?;
            let timeline = self.reopened.timeline(timeline?).into_inner();
            if subjects == LEARN_MAX || !keep(&timeline.subject()) {
                continue;
            }
            subjects += 1;
            for at in draws.iter().filter_map(|draw| index_time(&timeline, draw)) {
                let timeline = timeline.clone();
                rows.push(Row { timeline, at });
            }
        }
        Ok(rows)
    }
}

fn example(row: &Row) -> Example<'_> {
    Example {
        timeline: &row.timeline,
        time: row.at,
    }
}

/// The rows whose answer is known, with their labels.
fn examples<'a>(rows: &'a [Row], task: &Task) -> Vec<(Example<'a>, bool)> {
    let labelled = label(rows, task, None);
    let examples = labelled.rows.into_iter().map(example);
    examples.zip(labelled.labels).collect()
}

impl Members {
    /// Fits the counts and the hazards by age and sex; without one the others answer.
    fn learn(&mut self, subjects: &Subjects<'_>, draws: &[IndexOptions], seed: u64) -> Result<()> {
        let asked = |kind: &Baseline| self.names.iter().any(|name| name == kind.name());
        let kinds = [Baseline::Boosted, Baseline::AgeSex]
            .into_iter()
            .filter(asked);
        let kinds: Vec<Baseline> = kinds.collect();
        if kinds.is_empty() {
            return Ok(());
        }
        let stops = |subject: &_| Part::of(*subject, Split::Tuning).is_some();
        let train = subjects.rows(Split::Train, draws, |_| true)?;
        let tuning = subjects.rows(Split::Tuning, draws, stops)?;
        let learnt = examples(&train, subjects.task);
        let stopped = examples(&tuning, subjects.task);
        for kind in kinds {
            let name = kind.name();
            match longitude_baseline::fit(kind, &learnt, &stopped, subjects.task, seed) {
                Ok(fitted) => drop(self.baselines.insert(name.to_owned(), fitted)),
                Err(error) if self.names.len() > 1 => {
                    self.names.retain(|one| one != name);
                    self.notes
                        .push(format!("the member {name} is left out: {error}"));
                }
                Err(error) => {
                    let mend = "add --members query, or take a run with more outcomes";
                    return Err(Failure::new(Kind::Input, error.to_string(), mend).into());
                }
            }
        }
        Ok(())
    }

    /// Fits the stacks on the tuning subjects that nothing was stopped on.
    fn weigh(
        &mut self,
        engine: &Engine,
        subjects: &Subjects<'_>,
        (draws, futures): (&[IndexOptions], &Option<SampleOptions>),
    ) -> Result<()> {
        let apart = |subject: &_| Part::of(*subject, Split::Tuning).is_none();
        let all = subjects.rows(Split::Tuning, draws, apart)?;
        let labelled = label(&all, subjects.task, None);
        let (rows, labels) = (labelled.rows, labelled.labels);
        self.rows = rows.len();
        self.positives = labels.iter().filter(|yes| **yes).count();
        if self.positives < POSITIVES_MIN {
            self.notes.push(format!(
                "not calibrated: {} of {} tuning rows have the outcome, {POSITIVES_MIN} are asked \
                 for; members count alike",
                self.positives, self.rows
            ));
            return Ok(());
        }
        let asked: Vec<Asked<'_>> = rows.iter().map(|row| row.asked()).collect();
        let mut columns = vec![Vec::new(); self.names.len()];
        for risks in self.risks(engine, &asked, subjects.task)? {
            for (column, risk) in columns.iter_mut().zip(risks.members) {
                column.push(risk);
            }
        }
        let fit = |names: &[&str], columns: &[Vec<f64>]| {
            let members: Vec<(&str, &[f64])> = names
                .iter()
                .copied()
                .zip(columns.iter().map(Vec::as_slice))
                .collect();
            Stack::fit(&members, &labels)
        };
        let mut names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        self.stack = Some(fit(&names, &columns)?);
        if let Some(futures) = futures {
            let task = std::slice::from_ref(subjects.task);
            let raws = engine.raw_many(&asked, task, futures)?;
            let sampled = raws.iter().filter_map(|raw| raw.first());
            columns.push(sampled.map(|raw| raw.estimate.clamp(0.0, 1.0)).collect());
            names.push("futures");
            self.with_futures = Some(fit(&names, &columns)?);
        }
        Ok(())
    }

    /// Every member's risk of people at times.
    pub(super) fn risks(
        &self,
        engine: &Engine,
        asked: &[Asked<'_>],
        task: &Task,
    ) -> Result<Vec<Risks>> {
        let mut risks: Vec<Risks> = asked.iter().map(|_| Risks::default()).collect();
        for name in &self.names {
            if name == "query" {
                // An outcome too rare to be learnt alone is asked through what stands above it.
                let pooled = engine.fitted().pooled.get(&task.id);
                let above = pooled.map(|outcome| outcome.question(task.horizon));
                let ratio = pooled.map_or(1.0, |outcome| outcome.ratio.mean);
                let asked_for = above.as_ref().unwrap_or(task);
                let answers = engine.query_many(asked, std::slice::from_ref(asked_for))?;
                for (risks, answer) in risks.iter_mut().zip(answers) {
                    let answer = answer.into_iter().next().flatten();
                    let answer = answer.context("the model has no code of the outcome")?;
                    risks.members.push((ratio * answer.risk).min(1.0));
                    risks.curve = Some(answer.curve);
                }
            } else if let Some(fitted) = self.baselines.get(name) {
                let examples = asked.iter().map(|one| Example {
                    timeline: one.timeline,
                    time: one.at,
                });
                let examples: Vec<Example<'_>> = examples.collect();
                for (risks, risk) in risks.iter_mut().zip(fitted.predict(&examples)) {
                    risks.members.push(risk);
                }
            }
        }
        Ok(risks)
    }

    /// One risk of the members' risks, with that of sampled futures where there is one.
    pub(super) fn risk(&self, members: &[f64], sampled: Option<f64>) -> f64 {
        let mut all = members.to_vec();
        all.extend(sampled);
        let stack = if sampled.is_some() {
            &self.with_futures
        } else {
            &self.stack
        };
        match stack {
            Some(stack) => stack.risk(&all),
            None => mean_of_logits(&all),
        }
    }

    /// Whether risks were brought to what tuning subjects lived through.
    pub(super) fn calibrated(&self) -> bool {
        self.stack.is_some()
    }

    /// Each member's weight, of the last stack that is asked.
    pub(super) fn weights(&self) -> Vec<(String, f64)> {
        let stack = self.with_futures.as_ref().or(self.stack.as_ref());
        let pairs = stack.map(|stack| stack.members().iter().cloned().zip(stack.weights()));
        let pairs = pairs.into_iter().flatten();
        pairs.map(|(name, weight)| (name, *weight)).collect()
    }
}

/// What the members say of one person.
#[derive(Debug, Default)]
pub(super) struct Risks {
    /// In the order of the members' names.
    pub(super) members: Vec<f64>,
    /// The query head's incidence, where it is a member.
    pub(super) curve: Option<longitude_model::Incidence>,
}

impl Risks {
    /// The incidence by days: the query head's brought to the risk at the horizon, or without one
    /// a constant hazard.
    pub(super) fn incidence(&self, risk: f64, horizon: f64) -> impl Fn(f64) -> f64 + '_ {
        let there = self.curve.as_ref().map(|curve| curve.within(horizon));
        move |days| match (&self.curve, there) {
            (Some(curve), Some(there)) if there > 0.0 => {
                (curve.within(days) * risk / there).clamp(0.0, 1.0)
            }
            _ => 1.0 - (1.0 - risk).max(0.0).powf(days / horizon),
        }
    }
}

/// The mean of the logits as a risk: what a stack without data begins with.
fn mean_of_logits(risks: &[f64]) -> f64 {
    let logit = |risk: &f64| {
        let risk = risk.clamp(1e-9, 1.0 - 1e-9);
        (risk / (1.0 - risk)).ln()
    };
    let mean = risks.iter().map(logit).sum::<f64>() / risks.len().max(1) as f64;
    1.0 / (1.0 + (-mean).exp())
}
