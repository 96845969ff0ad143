//! What is fitted for a task on the run's own subjects, kept in `RUN/tasks/<digest>` and used
//! again: the models on counts from the training subjects, the ensemble from tuning subjects that
//! nothing else uses, and what histories of the training subjects are like.

use super::members::{Members, Row, Said};
use crate::interrupt;
use anyhow::Result;
use longitude_baseline::{Example, Fitted as OnCounts, Kind};
use longitude_core::{Days, Digest, Predicate, Split, SubjectId, Task, Timeline};
use longitude_predict::{Ensemble, Kind as Modality, Novelty, Tuned};
use longitude_train::Part;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Rows of one training subject, at most: one with hundreds of triggers must not outweigh others.
const ROWS_A_SUBJECT: usize = 4;
/// Training rows at most; beyond them count models gain little and take long.
const TRAIN_ROWS_MAX: usize = 20_000;
/// Tuning rows at most: each costs a prediction.
const TUNED_ROWS_MAX: usize = 4_000;
/// Histories whose states are looked at for novelty, at most.
const STATES_MAX: usize = 1_000;
/// A kind of record that this share of training histories holds is missed where it is not there.
const MODALITY_SHARE: f64 = 0.95;

/// What was fitted for one task and one model.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Fitted {
    /// The task's texts.
    pub(super) task: Digest,
    /// The model.
    pub(super) model: Digest,
    /// Training subjects with the outcome, and labelled training subjects.
    pub(super) train_positives: u32,
    pub(super) train_subjects: u32,
    /// Models on counts.
    pub(super) logistic: Option<OnCounts>,
    pub(super) boosted: Option<OnCounts>,
    /// What is no member of this task, and why.
    pub(super) absent: BTreeMap<String, String>,
    /// How members become one risk; none where there is no tuning row to put them to.
    pub(super) ensemble: Option<Ensemble>,
    /// What states are like, where there are enough of them.
    pub(super) novelty: Option<Novelty>,
    /// Kinds of record that nearly all training histories hold.
    pub(super) modalities: Vec<Modality>,
}

/// The run's labelled rows, by what they are used for.
#[derive(Debug, Default)]
pub(super) struct Learning {
    pub(super) train: Vec<Row>,
    pub(super) early: Vec<Row>,
    pub(super) tuned: Vec<Row>,
}

impl Learning {
    /// Keeps a subject's labelled rows for what the subject serves: some of each training subject,
    /// one of each tuning subject, chosen by hash.
    pub(super) fn keep(&mut self, split: Split, mut rows: Vec<Row>) {
        let Some(subject) = rows.first().map(|row| row.timeline.subject()) else {
            return;
        };
        rows.retain(|row| row.label.is_some());
        rows.sort_by_key(|row| Digest::of_parts(&[b"task-row", &row.at.0.to_le_bytes()]).0);
        match (Part::of(subject, split), split) {
            (Some(Part::Learn), _) => {
                rows.truncate(ROWS_A_SUBJECT);
                if self.train.len() < TRAIN_ROWS_MAX {
                    self.train.append(&mut rows);
                }
            }
            (Some(Part::EarlyStop), _) => {
                rows.truncate(1);
                self.early.append(&mut rows);
            }
            (None, Split::Tuning) => {
                rows.truncate(1);
                if self.tuned.len() < TUNED_ROWS_MAX {
                    self.tuned.append(&mut rows);
                }
            }
            (None, Split::Train | Split::HeldOut) => {}
        }
    }
}

impl Fitted {
    /// The models on counts, and what the training subjects are like.
    pub(super) fn on_train(
        (task, model): (Digest, Digest),
        learning: &Learning,
        (horizon, seed): (Days, u64),
    ) -> Result<Self> {
        let subjects = |rows: &mut dyn Iterator<Item = &Row>| {
            let subjects: BTreeSet<SubjectId> = rows.map(|row| row.timeline.subject()).collect();
            u32::try_from(subjects.len()).unwrap_or(u32::MAX)
        };
        let mut with = learning.train.iter().filter(|row| row.label == Some(true));
        let mut fitted = Self {
            task,
            model,
            train_positives: subjects(&mut with),
            train_subjects: subjects(&mut learning.train.iter()),
            logistic: None,
            boosted: None,
            absent: BTreeMap::new(),
            ensemble: None,
            novelty: None,
            modalities: modalities(&learning.train),
        };
        // The count models look at labels alone; a task's name and horizon are for others.
        let named = Task {
            id: task.to_string(),
            title: String::new(),
            outcome: Predicate { any_of: Vec::new() },
            horizon,
            incident: false,
        };
        let (train, early) = (examples(&learning.train), examples(&learning.early));
        for kind in [Kind::Logistic, Kind::Boosted] {
            interrupt::check()?;
            match longitude_baseline::fit(kind, &train, &early, &named, seed) {
                Ok(model) if kind == Kind::Logistic => fitted.logistic = Some(model),
                Ok(model) => fitted.boosted = Some(model),
                Err(error) => drop(fitted.absent.insert(kind.to_string(), error.to_string())),
            }
        }
        Ok(fitted)
    }
}

/// What states of training histories are like: one of each subject.
pub(super) fn novelty(members: &Members<'_>, rows: &[Row]) -> Result<Option<Novelty>> {
    let mut states = Vec::new();
    let mut seen = BTreeSet::new();
    let first = |row: &&Row| seen.insert(row.timeline.subject());
    let rows: Vec<&Row> = rows.iter().filter(first).take(STATES_MAX).collect();
    for rows in rows.chunks(64) {
        interrupt::check()?;
        let asked: Vec<_> = rows.iter().map(|row| row.asked()).collect();
        let found = members.engine.states(&asked)?;
        states.extend(found.into_iter().flatten().map(|state| state.hidden));
    }
    Ok(Novelty::fit(&states))
}

/// The ensemble, from what its members say of tuning rows; none without members.
pub(super) fn ensemble(
    members: &mut Members<'_>,
    rows: &[Row],
    seed: u64,
) -> Result<Option<Ensemble>> {
    let names = members.names();
    let by_worth = ["sampled", "query", "boosted", "logistic"];
    let mut by_worth = by_worth.into_iter();
    let Some(fallback) = by_worth.find(|name| names.iter().any(|one| one == name)) else {
        return Ok(None);
    };
    let mut risks = vec![Vec::new(); names.len()];
    let (mut subjects, mut labels) = (Vec::new(), Vec::new());
    for rows in rows.chunks(64) {
        interrupt::check()?;
        let Said { risks: said, .. } = members.say(rows)?;
        for (place, row) in rows.iter().enumerate() {
            let of_row: Option<Vec<f64>> = said.iter().map(|risks| risks[place]).collect();
            let (Some(of_row), Some(label)) = (of_row, row.label) else {
                continue;
            };
            for (all, risk) in risks.iter_mut().zip(of_row) {
                all.push(risk);
            }
            subjects.push(row.timeline.subject());
            labels.push(label);
        }
    }
    let tuned = Tuned {
        members: &names,
        risks: &risks,
        subjects: &subjects,
        labels: &labels,
    };
    Ok(Some(Ensemble::fit(&tuned, fallback, seed)))
}

fn examples(rows: &[Row]) -> Vec<(Example<'_>, bool)> {
    let labelled = rows
        .iter()
        .filter_map(|row| Some((row.example(), row.label?)));
    labelled.collect()
}

/// The kinds of record in a history.
pub(super) fn kinds(timeline: &Timeline, at: longitude_core::Instant) -> BTreeSet<Modality> {
    let history = timeline
        .history(at)
        .iter()
        .filter(|event| event.time.is_some());
    let kind = history.filter_map(|event| Modality::of(&event.code, event.numeric_value.is_some()));
    kind.collect()
}

fn modalities(rows: &[Row]) -> Vec<Modality> {
    let mut counts: BTreeMap<Modality, usize> = BTreeMap::new();
    for row in rows {
        for kind in kinds(&row.timeline, row.at) {
            *counts.entry(kind).or_default() += 1;
        }
    }
    let least = MODALITY_SHARE * rows.len() as f64;
    let common = counts
        .into_iter()
        .filter(|(_, count)| *count as f64 >= least);
    common.map(|(kind, _)| kind).collect()
}
