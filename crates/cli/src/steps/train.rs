//! Step: training. The number of steps is planned from a timed probe and kept, so that an
//! interrupted training goes on bit for bit; the account of it becomes part of the signed model.

use super::deid::RECEIPT;
use super::vocabulary;
use crate::failure::{Failure, Kind};
use crate::pipeline::{Left, Run, write_atomically};
use crate::progress::Step;
use crate::training::{self, Observer, Outcome, Source, Summary};
use anyhow::{Context, Result};
use longitude_eval::SplitLoss;
use longitude_model::{Config, Model, Preset};
use longitude_tokens::Vocabulary;
use longitude_train::{Alone, Budget, Options, TrainData, WATTS_PER_CORE};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::PathBuf;

const CHECKPOINTS: u64 = 10;

/// What is kept of the plan, so that a resumed training has the same schedule.
#[derive(Debug, Serialize, Deserialize)]
struct Plan {
    steps: u64,
}

/// The step of the pipeline.
pub(crate) fn run(run: &Run<'_>, step: &Step) -> Result<Left> {
    let vocabulary = vocabulary::read(run)?;
    let source = Source::open(&run.layout.meds(), Some(&run.layout.root().join(RECEIPT)))?;
    let (data, population) = source.load(&vocabulary)?;
    let options = options(run, &data, step)?;
    let observer = Observer::new(&options, Some(run.options().training_seconds), &Alone);
    let (trained, curve) = observer.go(&data, &options)?;
    let size = longitude_train::size(&data, &options)?;
    let preset = run.options().preset.clone();
    let outcome = Outcome {
        trained,
        curve,
        preset: (preset.clone(), format!("{preset} was asked for")),
        watts_per_core: WATTS_PER_CORE,
        mean_window: size.positions / size.windows.max(1),
        ranks: (1, options.threads),
    };
    let folder = run.layout.model();
    let summary = training::write(&folder, (&source, population), (&data, &options), &outcome)?;
    say(step, &summary);
    let outputs = [
        "model/model.safetensors",
        "model/training.json",
        "model/training.html",
        "model/model-facts.json",
    ];
    Ok(Left {
        inputs: vec![run.output("meds")?, run.output("model/vocabulary.json")?],
        outputs: outputs
            .iter()
            .map(|name| run.output(name))
            .collect::<Result<_>>()?,
        seed: Some(run.options().seed),
    })
}

fn say(step: &Step, summary: &Summary) {
    let record = &summary.report.record;
    let total = |one: Option<SplitLoss>| one.map_or(f64::NAN, |loss| loss.total);
    step.say(&format!(
        "{} steps, {:.0} events/s, stopped by {:?}; held out {:.3} nats an event, marginals {:.3}",
        record.steps_done,
        summary.report.speed.tokens_per_second,
        record.stop,
        total(summary.loss.held_out),
        total(summary.loss.marginal),
    ));
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
    if settings.queries {
        config = config.with_queries();
    }
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
    let rate = training::tokens_per_second(data, options, &Alone)?;
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

/// The run's model, checked against its vocabulary.
pub(crate) fn read_model(run: &Run<'_>, vocabulary: &Vocabulary) -> Result<Model> {
    let digest = vocabulary.digest()?.to_string();
    Ok(Model::load(&run.layout.model(), &digest)?)
}

/// The account of the training.
pub(crate) fn read_summary(run: &Run<'_>) -> Result<Summary> {
    training::read_summary(&run.layout.model())
}
