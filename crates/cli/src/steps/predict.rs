//! Step: the current answers for the held-out subjects, at the end of each record, for the console.

use super::{deid, train, vocabulary};
use crate::interrupt;
use crate::pipeline::{Left, Run, write_atomically};
use crate::progress::Step;
use anyhow::{Context, Result};
use longitude_core::{Digest, Instant, Split, Timeline};
use longitude_model::{Device, Level};
use longitude_predict::{AnswerOptions, Asked, Engine, Fitted, last_observed};
use longitude_server::Questions;
use std::fs;
use std::sync::Arc;

/// The step of the pipeline.
pub(crate) fn run(run: &Run<'_>, step: &Step) -> Result<Left> {
    let asked = read_questions(run)?;
    let root = model_root(run)?;
    let engine = engine(run, asked.fitted.clone(), root)?;
    let how = AnswerOptions {
        sample: asked.sampling,
        evidence: None,
    };
    let (data, reopened) = deid::reopen(run)?;
    let mut people: Vec<(Timeline, Instant)> = Vec::new();
    for timeline in data.timelines(Some(Split::HeldOut)) {
        let timeline = reopened.timeline(timeline?).into_inner();
        // The dead are not asked about.
        if let (None, Some(at)) = (timeline.death(), last_observed(&timeline)) {
            people.push((timeline, at));
        }
    }
    let pairs: Vec<Asked<'_>> = people
        .iter()
        .map(|(timeline, at)| Asked { timeline, at: *at })
        .collect();
    let mut lines = Vec::new();
    let mut answered = 0;
    for chunk in pairs.chunks(64) {
        interrupt::check()?;
        for prediction in engine
            .predict_many(chunk, &asked.tasks, &how)?
            .iter()
            .flatten()
        {
            answered += usize::from(prediction.risk.is_some());
            serde_json::to_writer(&mut lines, prediction)?;
            lines.push(b'\n');
        }
    }
    fs::create_dir_all(run.layout.predictions())?;
    write_atomically(&run.layout.predictions().join("held_out.jsonl"), &lines)?;
    step.say(&format!(
        "{} subjects, {answered} answers, the others abstained",
        people.len()
    ));
    Ok(Left {
        inputs: vec![
            run.output("meds")?,
            longitude_core::NamedDigest {
                name: "model".to_owned(),
                digest: root,
            },
        ],
        outputs: vec![run.output("predictions")?],
        seed: Some(run.options().seed),
    })
}

/// The run's questions: tasks, calibrations, population, sampling.
pub(crate) fn read_questions(run: &Run<'_>) -> Result<Questions> {
    let path = run.layout.model().join("questions.json");
    let bytes = fs::read(&path).with_context(|| path.display().to_string())?;
    serde_json::from_slice(&bytes).context("questions.json")
}

/// The identity of the signed model; an altered file is refused here.
pub(crate) fn model_root(run: &Run<'_>) -> Result<Digest> {
    let fingerprint = run.job.institution.keys.fingerprint().to_string();
    let trusted = longitude_govern::TrustedKey::parse(&fingerprint)?;
    Ok(
        longitude_govern::load_guard(&run.layout.model(), Some(&trusted))?
            .manifest
            .root,
    )
}

/// The run's model, ready to answer.
pub(crate) fn engine(run: &Run<'_>, fitted: Fitted, root: Digest) -> Result<Engine> {
    let vocabulary = vocabulary::read(run)?;
    let model = train::read_model(run, &vocabulary)?;
    let device = Device {
        level: Level::best(),
        threads: run.threads(),
    };
    Ok(Engine::new(
        &Arc::new(model),
        Arc::new(vocabulary),
        fitted,
        root,
        device,
    )?)
}
