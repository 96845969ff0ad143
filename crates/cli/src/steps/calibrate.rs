//! Step: calibration on tuning subjects that took no part in early stopping, and the facts about
//! the training population against which a new subject is held.

use super::{deid, predict, questions, vocabulary};
use crate::interrupt;
use crate::pipeline::{Left, Run, write_atomically};
use crate::progress::Step;
use anyhow::Result;
use longitude_core::{Days, Digest, Split, Task};
use longitude_predict::{
    AbstainOptions, Asked, Calibration, CalibrationOptions, Fitted, IndexOptions,
    PopulationBuilder, ReferenceBuilder, SampleOptions, index_time, last_observed, targets,
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
    let path = run.layout.model().join("questions.json");
    write_atomically(&path, &serde_json::to_vec_pretty(&asked)?)?;
    reference(run, &vocabulary)?;
    step.say(&format!(
        "{} tuning subjects; {calibrated} of {} tasks calibrated, the others answer as sampled",
        rows.len(),
        tasks.len()
    ));
    Ok(Left {
        inputs: vec![run.output("meds")?],
        outputs: vec![
            run.output("model/questions.json")?,
            run.output("model/reference.json")?,
        ],
        seed: Some(run.options().seed),
    })
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
