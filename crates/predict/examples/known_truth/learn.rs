//! Learning from the records of one draw: vocabulary, model, and the account of it.

use crate::world::{Part, World};
use crate::{Result, Settings, say};
use longitude_model::{Config, Model, Preset};
use longitude_tokens::{Vocabulary, VocabularyBuilder, VocabularyOptions};
use longitude_train as train;
use std::path::Path;
use std::time::Instant;

/// Codes in fewer learning subjects are unknown.
const CODE_SUBJECTS_MIN: u32 = 20;
const PROBE_STEPS: u64 = 3;

pub(crate) fn learn(settings: &Settings) -> Result {
    let world = World::new(settings, 0)?;
    let vocabulary = vocabulary(&world)?;
    let model_dir = settings.dir.join("model");
    std::fs::create_dir_all(&model_dir)?;
    std::fs::write(model_dir.join("vocabulary.json"), vocabulary.to_json()?)?;
    let data = data(&world, &vocabulary)?;
    say(&format!(
        "{} codes, {} subjects with {} events to learn from, {} to stop early on",
        vocabulary.len(),
        data.subjects(train::Part::Learn),
        data.events(train::Part::Learn),
        data.subjects(train::Part::EarlyStop),
    ));
    let options = options(settings, &data)?;
    let started = Instant::now();
    let mut said = 0;
    let mut observe = |progress: &train::Progress| {
        if progress.step * 20 / progress.steps > said {
            said = progress.step * 20 / progress.steps;
            let nats = progress
                .tuning
                .map_or(f64::NAN, |point| point.nats.learnt());
            let seconds = started.elapsed().as_secs_f64();
            say(&format!(
                "step {} of {}, {seconds:.0} s, tuning nats {nats:.3}",
                progress.step, progress.steps
            ));
        }
        if started.elapsed().as_secs_f64() > settings.seconds * 1.3 {
            train::Control::Stop
        } else {
            train::Control::Continue
        }
    };
    let resumes = options
        .checkpoints
        .as_deref()
        .is_some_and(train::has_checkpoint);
    let trained = if resumes {
        train::resume(&data, &options, &mut observe)?
    } else {
        train::train(&data, &options, &mut observe)?
    };
    trained.model.save(&model_dir)?;
    let account = serde_json::json!({
        "settings": settings,
        "options": options,
        "record": trained.record,
        "wall_seconds": started.elapsed().as_secs_f64(),
    });
    std::fs::write(
        settings.dir.join("learn.json"),
        serde_json::to_vec_pretty(&account)?,
    )?;
    Ok(())
}

fn vocabulary(world: &World) -> Result<Vocabulary> {
    let options = VocabularyOptions::with_subjects_min(CODE_SUBJECTS_MIN);
    let mut builder = VocabularyBuilder::new(options);
    world.each(
        |case| (case.part() == Part::Learn).then_some(case),
        |case| {
            if let Some(case) = case {
                builder.observe(case.record.get());
            }
            Ok(())
        },
    )?;
    Ok(builder.finish()?)
}

fn data(world: &World, vocabulary: &Vocabulary) -> Result<train::TrainData> {
    let mut data = train::TrainData::new(vocabulary)?;
    world.each(
        |case| case,
        |case| {
            match case.part() {
                Part::Learn => data.push(train::Part::Learn, &case.record),
                Part::EarlyStop => data.push(train::Part::EarlyStop, &case.record),
                Part::Stack => {}
            }
            Ok(())
        },
    )?;
    Ok(data)
}

/// The options of the settings, with as many steps as fit into the seconds by a timed probe; the
/// plan is kept, so that an interrupted training goes on.
fn options(settings: &Settings, data: &train::TrainData) -> Result<train::Options> {
    let checkpoints = settings.dir.join("checkpoints");
    let plan = checkpoints.join("options.json");
    if let Ok(bytes) = std::fs::read(&plan) {
        let options: train::Options = serde_json::from_slice(&bytes)?;
        return Ok(train::Options {
            checkpoints: Some(checkpoints),
            ..options
        });
    }
    let preset = Preset::named(&settings.preset).ok_or("no such preset")?;
    let mut config = Config::preset(preset, train::sizes(data.vocabulary())?);
    if settings.context > 0 {
        config.context = settings.context;
    }
    if settings.query_weight > 0.0 {
        config = config.with_queries();
    }
    let mut options = train::Options::for_shape(config, 1, settings.seed);
    options.queries.weight = settings.query_weight;
    options.threads = settings.threads;
    if settings.batch > 0 {
        options.batch_tokens = settings.batch;
    }
    if settings.rate > 0.0 {
        options.learning_rate = settings.rate;
    }
    if !settings.kernels.is_empty() {
        options.kernels.clone_from(&settings.kernels);
    }
    train::probe(data, &options, 1)?;
    let started = Instant::now();
    let tokens = train::probe(data, &options, PROBE_STEPS)?;
    let budget = train::Budget {
        tokens_per_second: tokens as f64 / started.elapsed().as_secs_f64(),
        seconds: settings.seconds,
        epochs_max: settings.epochs,
    };
    let steps = train::plan_steps(data, &options, budget);
    say(&format!(
        "{steps} steps at {:.0} events/s",
        budget.tokens_per_second
    ));
    options.steps = steps;
    options.warmup_steps = (steps / 20).max(1);
    options.tuning_every = (steps / 20).max(1);
    options.checkpoint_every = (steps / 10).max(1);
    std::fs::create_dir_all(&checkpoints)?;
    std::fs::write(plan, serde_json::to_vec(&options)?)?;
    options.checkpoints = Some(checkpoints);
    Ok(options)
}

/// The vocabulary and the model of the folder.
pub(crate) fn read(dir: &Path) -> Result<(Vocabulary, Model)> {
    let bytes = std::fs::read(dir.join("model").join("vocabulary.json"))?;
    let vocabulary = Vocabulary::from_json(&bytes)?;
    let model = Model::load(&dir.join("model"), &vocabulary.digest()?.to_string())?;
    Ok((vocabulary, model))
}
