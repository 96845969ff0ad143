//! Step: training. The number of steps is planned from a timed probe and kept, so that an
//! interrupted training goes on bit for bit; the account of it becomes part of the signed model.

use super::{deid, vocabulary};
use crate::failure::{Failure, Kind};
use crate::pipeline::{Left, Run, write_atomically};
use crate::progress::{Step, bar};
use crate::{interrupt, machine};
use anyhow::{Context, Result, ensure};
use longitude_core::Split;
use longitude_eval::{LossReport, SplitLoss};
use longitude_model::{Config, Model, Preset};
use longitude_tokens::{Tokens, Vocabulary, encode};
use longitude_train::{
    Budget, Control, EvaluateOptions, Losses, Options, Part, Progress, Record, TrainData, Trained,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Instant;

/// Subjects of a split whose likelihood is reported, at most: enough for three digits.
const LOSS_SUBJECTS_MAX: usize = 2000;
const PROBE_STEPS: u64 = 4;
const CHECKPOINTS: u64 = 10;

/// What the model folder says about its own training (`training.json`).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Summary {
    /// The loop's account.
    pub(crate) record: Record,
    /// Nats per event on each split.
    pub(crate) loss: LossReport,
    /// Facts for the report.
    pub(crate) facts: BTreeMap<String, Value>,
    /// Subjects whose end of observation is not known.
    pub(crate) end_unknown: u64,
}

/// What is kept of the plan, so that a resumed training has the same schedule.
#[derive(Debug, Serialize, Deserialize)]
struct Plan {
    steps: u64,
}

/// The step of the pipeline.
pub(crate) fn run(run: &Run<'_>, step: &Step) -> Result<Left> {
    let vocabulary = vocabulary::read(run)?;
    let data = load(run, &vocabulary)?;
    ensure!(
        data.subjects(Part::Learn) > 1,
        Failure::new(
            Kind::Input,
            "fewer than two subjects fall into the training split",
            "bring more subjects: splits are 80, 10 and 10 % by hash",
        )
    );
    let options = options(run, &data, step)?;
    let started = Instant::now();
    let trained = go(run, &data, &options)?;
    let seconds = started.elapsed().as_secs_f64();
    trained.model.save(&run.layout.model())?;
    let summary = summarise(run, &data, &options, &trained, seconds)?;
    let path = run.layout.model().join("training.json");
    write_atomically(&path, &serde_json::to_vec_pretty(&summary)?)?;
    say(step, &summary, seconds);
    let outputs = ["model/model.safetensors", "model/training.json"];
    Ok(Left {
        inputs: vec![run.output("meds")?, run.output("model/vocabulary.json")?],
        outputs: outputs
            .iter()
            .map(|name| run.output(name))
            .collect::<Result<_>>()?,
        seed: Some(run.options().seed),
    })
}

fn say(step: &Step, summary: &Summary, seconds: f64) {
    let record = &summary.record;
    let total = |one: Option<SplitLoss>| one.map_or(f64::NAN, |loss| loss.total);
    step.say(&format!(
        "{} steps, {:.0} events/s, stopped by {:?}; held out {:.3} nats an event, marginals {:.3}",
        record.steps_done,
        record.tokens as f64 / seconds.max(1e-9),
        record.stop,
        total(summary.loss.held_out),
        total(summary.loss.marginal),
    ));
}

/// Only de-identified timelines go in, and that is a matter of types.
fn load(run: &Run<'_>, vocabulary: &Vocabulary) -> Result<TrainData> {
    let (data, reopened) = deid::reopen(run)?;
    let mut train = TrainData::new(vocabulary)?;
    for split in [Split::Train, Split::Tuning] {
        for timeline in data.timelines(Some(split)) {
            interrupt::check()?;
            let timeline = reopened.timeline(timeline?);
            if let Some(part) = Part::of(timeline.get().subject(), split) {
                train.push(part, &timeline);
            }
        }
    }
    Ok(train)
}

fn options(run: &Run<'_>, data: &TrainData, step: &Step) -> Result<Options> {
    let settings = run.options();
    let preset = Preset::named(&settings.preset).ok_or_else(|| {
        let names: Vec<&str> = Preset::ALL.iter().map(|preset| preset.name()).collect();
        let message = format!("no preset is called `{}`", settings.preset);
        Failure::new(
            Kind::Input,
            message,
            format!("use one of {}", names.join(", ")),
        )
    })?;
    let mut config = Config::preset(preset, longitude_train::sizes(data.vocabulary())?);
    config.context = settings.context;
    let mut options = Options::for_shape(config, 1, settings.seed);
    options.batch_tokens = settings.batch_events.max(settings.context);
    options.learning_rate = settings.learning_rate;
    options.threads = run.threads();
    let steps = planned(run, data, &options, step)?;
    options = Options {
        warmup_steps: (steps / 20).max(1),
        tuning_every: (steps / 20).max(1),
        checkpoint_every: (steps / CHECKPOINTS).max(1),
        steps,
        checkpoints: Some(checkpoints(run)),
        ..options
    };
    Ok(options)
}

fn checkpoints(run: &Run<'_>) -> PathBuf {
    run.layout.root().join("checkpoints")
}

/// The steps that fit into the time: planned once by a timed probe, then read from `plan.json`.
fn planned(run: &Run<'_>, data: &TrainData, options: &Options, step: &Step) -> Result<u64> {
    let path = checkpoints(run).join("plan.json");
    if let Ok(bytes) = fs::read(&path) {
        let plan: Plan = serde_json::from_slice(&bytes).context("plan.json")?;
        return Ok(plan.steps);
    }
    longitude_train::probe(data, options, 1)?;
    let started = Instant::now();
    let tokens = longitude_train::probe(data, options, PROBE_STEPS)?;
    let rate = tokens as f64 / started.elapsed().as_secs_f64();
    let settings = run.options();
    let budget = Budget {
        tokens_per_second: rate,
        // A tenth is left for what the probe does not see: evaluations, checkpoints, other load.
        seconds: settings.training_seconds * 0.9,
        epochs_max: f64::from(settings.epochs_max),
    };
    let steps = longitude_train::plan_steps(data, options, budget);
    fs::create_dir_all(checkpoints(run))?;
    write_atomically(&path, &serde_json::to_vec(&Plan { steps })?)?;
    step.say(&format!(
        "{steps} steps planned at {rate:.0} events/s by a probe"
    ));
    Ok(steps)
}

/// Trains, or goes on from the last checkpoint. The clock is looked at here, not in the loop: when
/// the time is up, training stops and what was learnt is kept.
fn go(run: &Run<'_>, data: &TrainData, options: &Options) -> Result<Trained> {
    let started = Instant::now();
    let limit = run.options().training_seconds;
    let shown = bar(options.steps);
    let mut observe = |progress: &Progress| {
        shown.set_position(progress.step);
        shown.set_message(message(progress, started));
        let late = started.elapsed().as_secs_f64() > limit;
        if interrupt::requested() || late {
            Control::Stop
        } else {
            Control::Continue
        }
    };
    let resumes = longitude_train::has_checkpoint(&checkpoints(run));
    let trained = if resumes {
        longitude_train::resume(data, options, &mut observe)
    } else {
        longitude_train::train(data, options, &mut observe)
    };
    shown.finish_and_clear();
    let trained = trained?;
    interrupt::check()?;
    Ok(trained)
}

fn message(progress: &Progress, started: Instant) -> String {
    let rate = progress.tokens as f64 / started.elapsed().as_secs_f64().max(1e-9);
    let nats = |nats: Option<longitude_train::Nats>| {
        nats.map_or_else(|| "-".to_owned(), |nats| format!("{:.3}", nats.learnt()))
    };
    format!(
        "nats {} tuning {} {rate:.0} events/s",
        nats(progress.losses),
        nats(progress.tuning.map(|point| point.nats))
    )
}

fn summarise(
    run: &Run<'_>,
    data: &TrainData,
    options: &Options,
    trained: &Trained,
    seconds: f64,
) -> Result<Summary> {
    let vocabulary = data.vocabulary();
    let marginal = longitude_train::marginal_model(data, options)?;
    let on = |model: &Model, split: Split, early: bool| {
        loss_on(run, vocabulary, (model, split, early), options)
    };
    let loss = LossReport {
        train: on(&trained.model, Split::Train, false)?,
        tuning: on(&trained.model, Split::Tuning, true)?,
        held_out: on(&trained.model, Split::HeldOut, false)?,
        marginal: on(&marginal, Split::HeldOut, false)?,
    };
    let record = trained.record.clone();
    let mut facts: BTreeMap<String, Value> = BTreeMap::new();
    facts.insert("steps".to_owned(), record.steps_done.into());
    facts.insert(
        "epochs".to_owned(),
        json!((record.epochs * 100.0).round() / 100.0),
    );
    facts.insert("training seconds".to_owned(), json!(seconds.round()));
    facts.insert(
        "events per second".to_owned(),
        json!((record.tokens as f64 / seconds).round()),
    );
    facts.insert("vocabulary".to_owned(), vocabulary.len().into());
    facts.insert("kernels".to_owned(), options.kernels.clone().into());
    facts.insert(
        "peak memory MiB".to_owned(),
        json!(machine::peak_memory_bytes().map(|b| b >> 20)),
    );
    let end_unknown = record.warnings.subjects_without_end;
    Ok(Summary {
        record,
        loss,
        facts,
        end_unknown,
    })
}

/// Nats per event of a model on the subjects of a split (with `early`, those of early stopping).
fn loss_on(
    run: &Run<'_>,
    vocabulary: &Vocabulary,
    (model, split, early): (&Model, Split, bool),
    options: &Options,
) -> Result<Option<SplitLoss>> {
    let (data, reopened) = deid::reopen(run)?;
    let mut tokens: Vec<Tokens> = Vec::new();
    for timeline in data.timelines(Some(split)) {
        interrupt::check()?;
        let timeline = reopened.timeline(timeline?);
        let subject = timeline.get().subject();
        if early && Part::of(subject, split) != Some(Part::EarlyStop) {
            continue;
        }
        tokens.push(encode(vocabulary, timeline.get()));
        if tokens.len() >= LOSS_SUBJECTS_MAX {
            break;
        }
    }
    let how = EvaluateOptions {
        batch_tokens: options.batch_tokens,
        overlap_positions: options.overlap_positions,
        kernels: options.kernels.clone(),
        threads: options.threads,
    };
    let losses = longitude_train::evaluate(model, &tokens, &how)?;
    Ok(split_loss(losses, tokens.len()))
}

fn split_loss(losses: Losses, subjects: usize) -> Option<SplitLoss> {
    let nats = losses.per_event()?;
    Some(SplitLoss {
        wait: nats.wait,
        code: nats.code,
        value: nats.value_bin,
        value_constant: nats.value_within,
        total: nats.total(),
        events: losses.events,
        subjects: subjects as u64,
    })
}

/// The run's model, checked against its vocabulary.
pub(crate) fn read_model(run: &Run<'_>, vocabulary: &Vocabulary) -> Result<Model> {
    let digest = vocabulary.digest()?.to_string();
    Ok(Model::load(&run.layout.model(), &digest)?)
}

/// The account of the training.
pub(crate) fn read_summary(run: &Run<'_>) -> Result<Summary> {
    let bytes = fs::read(run.layout.model().join("training.json")).context("training.json")?;
    serde_json::from_slice(&bytes).context("training.json")
}
