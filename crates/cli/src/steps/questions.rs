//! Which questions are asked, of whom and when: one prediction time a subject, the same for every
//! model that is judged.
//!
//! On the synthetic hospital the tasks and times are its own, so that risks can be held against the
//! truth. On other records tasks come from the training subjects' most frequent first diagnoses and
//! times are drawn by hash.

use super::deid;
use crate::interrupt;
use crate::pipeline::{Run, Source};
use anyhow::{Context, Result};
use longitude_core::{
    Code, Days, Instant, Label, ObservationSource, Predicate, Split, SubjectId, Task, Timeline,
};
use longitude_hospital::Truth;
use longitude_predict::{
    Asked, Census, DefaultTasksOptions, IndexFit, IndexOptions, default_tasks, index_time,
};
use std::collections::BTreeMap;

/// The truth of the synthetic hospital under the pseudonyms and shifted times of this run.
#[derive(Debug, Default)]
pub(crate) struct KnownTruth {
    /// Prediction time of each subject.
    pub(crate) index: BTreeMap<SubjectId, Instant>,
    /// Until when each subject could have been observed, death aside.
    pub(crate) end: BTreeMap<SubjectId, Instant>,
    /// Site of each subject.
    pub(crate) site: BTreeMap<SubjectId, String>,
    /// True risk by task's id and subject.
    pub(crate) risk: BTreeMap<String, BTreeMap<SubjectId, f64>>,
}

/// One row to be judged: a subject at a prediction time.
#[derive(Debug)]
pub(crate) struct Row {
    /// The record.
    pub(crate) timeline: Timeline,
    /// Nothing after it is seen.
    pub(crate) at: Instant,
}

impl Row {
    /// The row as the engine is asked.
    pub(crate) fn asked(&self) -> Asked<'_> {
        Asked {
            timeline: &self.timeline,
            at: self.at,
        }
    }
}

/// Rows of one task with their labels, and how many were left out, by reason.
#[derive(Debug)]
pub(crate) struct Labelled<'a> {
    /// Rows whose answer is known.
    pub(crate) rows: Vec<&'a Row>,
    /// The place of each of them among all rows.
    pub(crate) places: Vec<usize>,
    /// Whether the outcome happened.
    pub(crate) labels: Vec<bool>,
    /// Rows left out.
    pub(crate) left_out: BTreeMap<String, u64>,
}

/// The truth beside the demo's export, or `None` for other records.
pub(crate) fn truth(run: &Run<'_>) -> Result<Option<KnownTruth>> {
    if !matches!(run.job.source, Source::Hospital { .. }) {
        return Ok(None);
    }
    let path = run.layout.root().join("source").join("truth.json");
    let bytes = std::fs::read(&path).with_context(|| path.display().to_string())?;
    let truth: Truth = serde_json::from_slice(&bytes).context("truth.json")?;
    let deidentifier = deid::deidentifier(run)?;
    let mut known = KnownTruth::default();
    for one in &truth.subjects {
        let pseudonym = deidentifier.subject(one.subject);
        known.site.insert(pseudonym, one.site.clone());
        known.end.insert(
            pseudonym,
            deidentifier.instant(one.subject, one.end_planned),
        );
        let Some(index) = one.index else { continue };
        known
            .index
            .insert(pseudonym, deidentifier.instant(one.subject, index));
        for (task, risk) in &one.risk {
            if let Some(risk) = risk {
                known
                    .risk
                    .entry(task.clone())
                    .or_default()
                    .insert(pseudonym, *risk);
            }
        }
    }
    Ok(Some(known))
}

/// The tasks of this run.
pub(crate) fn tasks(run: &Run<'_>) -> Result<Vec<Task>> {
    if matches!(run.job.source, Source::Hospital { .. }) {
        return Ok(longitude_hospital::tasks());
    }
    let mut census = Census::new(index_options(run, 0)?);
    let (data, reopened) = deid::reopen(run)?;
    for timeline in data.timelines(Some(Split::Train)) {
        interrupt::check()?;
        census.observe(reopened.timeline(timeline?).get());
    }
    let train = data
        .subjects()
        .iter()
        .filter(|(_, split)| *split == Split::Train)
        .count();
    let mut options = DefaultTasksOptions::research();
    // A set of a few dozen subjects would have no question at all; its report says what it is
    // worth.
    options.subjects_min = options
        .subjects_min
        .min(u32::try_from(train / 20).unwrap_or(0).max(3));
    let tasks = default_tasks(&census, &options);
    // Somebody may be asked about in any data set, if only to be told why there is no answer.
    Ok(if tasks.is_empty() {
        vec![death_within_a_year()]
    } else {
        tasks
    })
}

fn death_within_a_year() -> Task {
    Task {
        id: "death_1y".to_owned(),
        title: "Death within 1 year".to_owned(),
        outcome: Predicate::code(Code::death()),
        horizon: Days(365.0),
        incident: false,
    }
}

/// How prediction times are drawn, fitted on the training subjects. `draw` 0 is the judged one.
pub(crate) fn index_options(run: &Run<'_>, draw: u64) -> Result<IndexOptions> {
    let seed = run
        .options()
        .seed
        .wrapping_add(draw.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let mut fit = IndexFit::new(seed);
    let (data, reopened) = deid::reopen(run)?;
    for timeline in data.timelines(Some(Split::Train)) {
        interrupt::check()?;
        fit.observe(reopened.timeline(timeline?).get());
    }
    Ok(fit.finish())
}

/// The subjects of a split at their prediction times. `draw` makes other times of the same subjects
/// (for learning); 0 is the one that is judged.
pub(crate) fn rows(
    run: &Run<'_>,
    split: Split,
    truth: Option<&KnownTruth>,
    draw: u64,
) -> Result<Vec<Row>> {
    let (data, reopened) = deid::reopen(run)?;
    let options = index_options(run, draw)?;
    let mut rows = Vec::new();
    for timeline in data.timelines(Some(split)) {
        interrupt::check()?;
        let timeline = reopened.timeline(timeline?).into_inner();
        let known = truth.filter(|_| draw == 0);
        let known = known.map(|truth| truth.index.get(&timeline.subject()).copied());
        let at = known.unwrap_or_else(|| index_time(&timeline, &options));
        if let Some(at) = at {
            rows.push(Row { timeline, at });
        }
    }
    Ok(rows)
}

/// Labels the rows for a task. Where it is known until when a subject could have been observed,
/// those who could not have been followed to the horizon are left out whatever happened to them:
/// keeping only those of them who had the outcome early would make it look commoner than it is.
pub(crate) fn label<'a>(rows: &'a [Row], task: &Task, truth: Option<&KnownTruth>) -> Labelled<'a> {
    let mut labelled = Labelled {
        rows: Vec::new(),
        places: Vec::new(),
        labels: Vec::new(),
        left_out: BTreeMap::new(),
    };
    for (place, row) in rows.iter().enumerate() {
        let mut leave =
            |reason: &str| *labelled.left_out.entry(reason.to_owned()).or_insert(0) += 1;
        if potential_end(row, truth).is_some_and(|end| end < row.at.plus(task.horizon)) {
            leave("follow-up too short");
            continue;
        }
        match task.label(&row.timeline, row.at) {
            Label::Censored => leave("censored"),
            Label::Before => leave("had it before"),
            Label::Dead => leave("dead"),
            label @ (Label::Yes | Label::No) => {
                labelled.rows.push(row);
                labelled.places.push(place);
                labelled.labels.push(label == Label::Yes);
            }
        }
    }
    labelled
}

/// Until when a subject could have been observed, death aside, where that is known.
fn potential_end(row: &Row, truth: Option<&KnownTruth>) -> Option<Instant> {
    let observation = row.timeline.observation();
    let export = (observation.source == ObservationSource::ExportDate).then_some(observation.end);
    let planned = truth.and_then(|truth| truth.end.get(&row.timeline.subject()).copied());
    planned.or(export.flatten())
}
