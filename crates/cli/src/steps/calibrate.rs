//! Step: calibration on tuning subjects that took no part in early stopping, and the facts about
//! the training population against which a new subject is held.

use super::{deid, predict, questions, vocabulary};
use crate::interrupt;
use crate::pipeline::{Left, Run, write_atomically};
use crate::progress::Step;
use anyhow::Result;
use longitude_core::{Days, Digest, Split, Task};
use longitude_predict::{
    AbstainOptions, Asked, Calibration, CalibrationOptions, CodeCensus, Engine, FamilyPlan, Fitted,
    IndexOptions, ItemCalibration, PooledOutcome, PopulationBuilder, ReferenceBuilder,
    SampleOptions, index_time, last_observed, targets,
};
use longitude_server::Questions;
use longitude_train::Part;
use std::collections::BTreeMap;

/// The horizons of a forecast; targets are ranked by the first.
const HORIZONS: [Days; 4] = [Days(365.0), Days(30.0), Days(90.0), Days(1826.0)];
/// Training subjects with a target, at least: what abstention asks of an outcome.
pub(crate) const TARGET_SUBJECTS_MIN: u32 = 20;
/// Prediction times of a subject that enter the incidences by age and sex.
const REFERENCE_DRAWS: u64 = 4;
/// Prediction times of a training subject that enter the pooling of rare outcomes, and rows at
/// most: one pass of the model each.
const POOLED_DRAWS: u64 = 2;
const POOLED_ROWS_MAX: usize = 20_000;
/// Tuning rows that a forecast's items are calibrated on, at most: some hundred targets each.
const ITEM_ROWS_MAX: usize = 4_000;
/// The maps of a forecast's items, in the model folder.
pub(crate) const ITEMS: &str = "items.json";

/// The step of the pipeline.
pub(crate) fn run(run: &Run<'_>, step: &Step) -> Result<Left> {
    let vocabulary = vocabulary::read(run)?;
    let tasks = questions::tasks(run)?;
    let truth = questions::truth(run)?;
    let population = population(run, &vocabulary, &tasks)?;
    let mut asked = Questions {
        tasks: tasks.clone(),
        fitted: Fitted {
            calibrations: BTreeMap::new(),
            population,
            abstain: AbstainOptions::research(),
            pooled: BTreeMap::new(),
        },
        sampling: SampleOptions {
            samples: run.options().samples,
            events_max: run.options().future_events_max,
            ..SampleOptions::research(run.options().seed)
        },
    };
    let mut rows = questions::rows(run, Split::Tuning, truth.as_ref(), 0)?;
    rows.retain(|row| Part::of(row.timeline.subject(), Split::Tuning).is_none());
    // The model has no signature yet; what is fitted here becomes part of what is signed.
    let engine = predict::engine(run, asked.fitted.clone(), Digest([0; 32]))?;
    let pairs: Vec<Asked<'_>> = rows.iter().map(questions::Row::asked).collect();
    let estimates = engine.raw_many(&pairs, &tasks, &asked.sampling)?;
    interrupt::check()?;
    let mut calibrated = 0;
    let mut fitted = BTreeMap::new();
    for (index, task) in tasks.iter().enumerate() {
        let labelled = questions::label(&rows, task, truth.as_ref());
        let scores: Vec<f64> = labelled
            .places
            .iter()
            .map(|place| estimates[*place][index].estimate)
            .collect();
        let options = CalibrationOptions::research(run.options().seed);
        let calibration = Calibration::fit(&scores, &labelled.labels, &options);
        calibrated += usize::from(calibration.calibrated);
        fitted.insert(task.id.clone(), calibration);
    }
    asked.fitted.calibrations = fitted;
    asked.fitted.pooled = pooled(run, &engine, (&tasks, truth.as_ref()))?;
    let path = run.layout.model().join("questions.json");
    write_atomically(&path, &serde_json::to_vec_pretty(&asked)?)?;
    reference(run, &vocabulary)?;
    items(run, &engine, &pairs)?;
    step.say(&format!(
        "{} tuning subjects; {calibrated} of {} tasks calibrated, {} pooled, the others answer as \
         sampled",
        rows.len(),
        tasks.len(),
        asked.fitted.pooled.len()
    ));
    Ok(Left {
        inputs: vec![run.output("meds")?],
        outputs: vec![
            run.output("model/questions.json")?,
            run.output("model/reference.json")?,
            run.output(&format!("model/{ITEMS}"))?,
        ],
        seed: Some(run.options().seed),
    })
}

/// The maps of a forecast's items, by kind of target and horizon.
fn items(run: &Run<'_>, engine: &Engine, rows: &[Asked<'_>]) -> Result<()> {
    let targets = targets(engine.vocabulary(), TARGET_SUBJECTS_MIN);
    let items = if engine.has_queries() {
        engine.calibrate_items(&rows[..rows.len().min(ITEM_ROWS_MAX)], &targets, &HORIZONS)?
    } else {
        ItemCalibration::default()
    };
    let path = run.layout.model().join(ITEMS);
    write_atomically(&path, &serde_json::to_vec(&items)?)
}

/// The outcomes that too few training subjects had to be learnt alone, answered through what stands
/// above them.
fn pooled(
    run: &Run<'_>,
    engine: &Engine,
    (tasks, truth): (&[Task], Option<&questions::KnownTruth>),
) -> Result<BTreeMap<String, PooledOutcome>> {
    let fitted = engine.fitted();
    let few = |task: &&Task| {
        let subjects = fitted.population.outcome_subjects.get(&task.id);
        subjects.is_some_and(|subjects| *subjects < fitted.abstain.outcome_subjects_min)
    };
    let rare: Vec<&Task> = tasks.iter().filter(few).collect();
    if rare.is_empty() || !engine.has_queries() {
        return Ok(BTreeMap::new());
    }
    let mut census = CodeCensus::default();
    let (data, reopened) = deid::reopen(run)?;
    for timeline in data.timelines(Some(Split::Train)) {
        interrupt::check()?;
        census.observe(reopened.timeline(timeline?).get());
    }
    let plans: Vec<FamilyPlan> = rare.iter().filter_map(|task| census.family(task)).collect();
    let mut rows = Vec::new();
    for draw in 0..POOLED_DRAWS {
        rows.extend(questions::rows(run, Split::Train, truth, draw)?);
    }
    rows.truncate(POOLED_ROWS_MAX);
    let pairs: Vec<Asked<'_>> = rows.iter().map(questions::Row::asked).collect();
    let found = engine.pool_outcomes(&plans, &pairs)?;
    let named = plans.iter().zip(found);
    Ok(named
        .filter_map(|(plan, outcome)| Some((plan.task().to_owned(), outcome?)))
        .collect())
}

/// What people of the same age and sex may expect, by a forecast's targets and horizons, from the
/// training subjects at several prediction times each.
fn reference(run: &Run<'_>, vocabulary: &longitude_tokens::Vocabulary) -> Result<()> {
    let draws = (0..REFERENCE_DRAWS).map(|draw| questions::index_options(run, draw));
    let draws: Vec<IndexOptions> = draws.collect::<Result<_>>()?;
    let targets = targets(vocabulary, TARGET_SUBJECTS_MIN);
    let mut builder = ReferenceBuilder::new(vocabulary, &targets, &HORIZONS);
    let (data, reopened) = deid::reopen(run)?;
    for timeline in data.timelines(Some(Split::Train)) {
        interrupt::check()?;
        let timeline = reopened.timeline(timeline?).into_inner();
        let Some(end) = last_observed(&timeline) else {
            continue;
        };
        for at in draws.iter().filter_map(|draw| index_time(&timeline, draw)) {
            builder.observe(&timeline, at, end);
        }
    }
    let path = run.layout.model().join("reference.json");
    write_atomically(&path, &serde_json::to_vec(&builder.finish())?)
}

fn population(
    run: &Run<'_>,
    vocabulary: &longitude_tokens::Vocabulary,
    tasks: &[Task],
) -> Result<longitude_predict::Population> {
    let (data, reopened) = deid::reopen(run)?;
    let mut builder = PopulationBuilder::new(vocabulary, tasks);
    for timeline in data.timelines(Some(Split::Train)) {
        interrupt::check()?;
        builder.observe(reopened.timeline(timeline?).get());
    }
    Ok(builder.finish())
}
