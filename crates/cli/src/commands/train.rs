//! `longitude train`: a model from a de-identified MEDS data set, without the rest of the main job;
//! what it will need before it starts; and the learning rate to start from.

use crate::failure::{Failure, Kind, is_interruption, is_of_all_ranks};
use crate::interrupt;
use crate::lock::Lock;
use crate::pipeline::{code_version, write_atomically};
use crate::progress::print;
use crate::steps::vocabulary;
use crate::training::{self, Fit, Observer, Outcome, Plan, Settings, Source};
use anyhow::{Context, Result};
use longitude_store::read_labels;
use longitude_tokens::Vocabulary;
use longitude_train::{
    Alone, Options, Part, Population, RateCurve, Reduce, Sweep, TrainData, meet,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The resolved settings of a training, beside its checkpoints.
const SETTINGS: &str = "train.json";
const VOCABULARY: &str = "vocabulary.json";

/// What `longitude train` takes.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line")]
pub struct Arguments {
    /// The folder of the de-identified MEDS data set (`longitude deid` makes one)
    meds: PathBuf,
    /// The folder of the model to write
    #[arg(long, value_name = "DIR", required_unless_present_any = ["plan", "find_rate"])]
    model_dir: Option<PathBuf>,
    /// The receipt of the de-identification [default: deid.json in the data set or beside it]
    #[arg(long, value_name = "FILE")]
    receipt: Option<PathBuf>,
    /// Settings as TOML; flags override it
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Go on from the last checkpoint in the model's folder, with its settings unless overridden
    #[arg(long, conflicts_with_all = ["plan", "find_rate", "config"])]
    resume: bool,
    /// Say what the training will need, by a probe of a few steps, and end
    #[arg(long, conflicts_with = "find_rate")]
    plan: bool,
    /// With --plan: small trainings on parts of the data, and the loss that they foretell
    #[arg(long, requires = "plan")]
    fit: bool,
    /// Seconds for the small trainings
    #[arg(long, requires = "fit", default_value_t = 300.0)]
    fit_seconds: f64,
    /// Sweep the learning rate over a short training, print the curve and a suggestion, and end
    #[arg(long)]
    find_rate: bool,
    /// Print as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    flags: Flags,
}

/// Settings as flags.
#[derive(Debug, clap::Args)]
struct Flags {
    /// The size of the model: tiny, small, base, medium, large, or auto to choose by the data
    #[arg(long)]
    preset: Option<String>,
    /// Steps
    #[arg(long, conflicts_with = "seconds")]
    steps: Option<u64>,
    /// Seconds of training, at most; the steps are planned from a probe
    #[arg(long)]
    seconds: Option<f64>,
    /// Passes over the data, at most [default: 30]
    #[arg(long)]
    epochs: Option<f64>,
    /// Batches whose gradients one step adds up
    #[arg(long)]
    accumulate: Option<usize>,
    /// Compute blocks again for the backward pass instead of keeping them: less memory, more time
    #[arg(long)]
    checkpointed: bool,
    /// The peak of the learning rate
    #[arg(long)]
    learning_rate: Option<f64>,
    /// The kernels of the processor to use
    #[arg(long)]
    kernels: Option<String>,
    /// Threads [default: all cores]
    #[arg(long)]
    threads: Option<usize>,
    /// The seed of everything random
    #[arg(long)]
    seed: Option<u64>,
    /// Watts that a busy core is assumed to draw, for the estimate of energy
    #[arg(long)]
    watts_per_core: Option<f64>,
    /// Weights of subjects, as `longitude fairness weights` writes them: how often each is drawn
    #[arg(long, value_name = "FILE.parquet")]
    weights: Option<PathBuf>,
}

const AFTER_HELP: &str = "\
The model's folder gets model.safetensors, vocabulary.json, training.json, training.html and
model-facts.json. An interrupted training goes on with --resume, to the same bytes; after an
overflow, with a lower --learning-rate.

Examples:
  longitude train shared --plan
  longitude train shared --plan --fit --fit-seconds 600
  longitude train shared --model-dir model --seconds 3600
  longitude train shared --model-dir model --resume";

/// `train.json`: the settings and the steps that were planned, so that a resumed training has the
/// same schedule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    settings: Settings,
    preset: String,
    steps: u64,
}

/// A data set ready to train on.
struct Ready {
    source: Source,
    data: TrainData,
    population: Population,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    check(&arguments.flags)?;
    if let Some(folder) = arguments.trains() {
        return train(arguments, folder, &Alone).map_err(going_on);
    }
    let settings = settings(arguments)?;
    let source = Source::open(&arguments.meds, arguments.receipt.as_deref())?;
    let vocabulary = fit_vocabulary(&source, &settings)?;
    let ready = ready(source, &vocabulary, &settings)?;
    if arguments.find_rate {
        find_rate(&ready, &settings, arguments.json)
    } else {
        plan(&ready, &settings, arguments)
    }
}

/// Runs the command as one of several ranks.
pub(crate) fn run_rank(arguments: &Arguments, reduce: &dyn Reduce) -> Result<()> {
    check(&arguments.flags)?;
    if let Some(folder) = arguments.trains() {
        return train(arguments, folder, reduce).map_err(going_on);
    }
    let message = "ranks only train: a plan and a sweep are one process's work";
    let mend = "use `longitude train` for them";
    Err(Failure::new(Kind::Input, message, mend).into())
}

/// An interruption with the way to go on, which is a flag here: all ranks agree on it.
fn going_on(error: anyhow::Error) -> anyhow::Error {
    if !is_interruption(&error) {
        return error;
    }
    let failure = Failure::interrupted_to_resume();
    if is_of_all_ranks(&error) {
        failure.of_all_ranks().into()
    } else {
        failure.into()
    }
}

impl Arguments {
    /// The folder of the model, unless something is only to be said.
    fn trains(&self) -> Option<&Path> {
        let folder = self.model_dir.as_deref();
        folder.filter(|_| !self.plan && !self.find_rate)
    }
}

fn settings(arguments: &Arguments) -> Result<Settings> {
    let read = arguments.config.as_deref().map(Settings::read);
    let settings = read.transpose()?.unwrap_or_else(Settings::standard);
    Ok(with_flags(settings, &arguments.flags))
}

fn with_flags(mut settings: Settings, flags: &Flags) -> Settings {
    if flags.steps.is_some() || flags.seconds.is_some() {
        (settings.steps, settings.seconds) = (flags.steps, flags.seconds);
    }
    settings.preset = flags.preset.clone().unwrap_or(settings.preset);
    settings.epochs = flags.epochs.unwrap_or(settings.epochs);
    settings.accumulate = flags.accumulate.unwrap_or(settings.accumulate);
    settings.checkpointed |= flags.checkpointed;
    settings.learning_rate = flags.learning_rate.or(settings.learning_rate);
    settings.kernels = flags.kernels.clone().or(settings.kernels);
    settings.threads = flags.threads.or(settings.threads);
    settings.seed = flags.seed.unwrap_or(settings.seed);
    settings.watts_per_core = flags.watts_per_core.unwrap_or(settings.watts_per_core);
    settings.weights = flags.weights.clone().or(settings.weights);
    settings
}

/// Numbers that must be above zero.
fn check(flags: &Flags) -> Result<()> {
    let rules = [
        ("--seconds", flags.seconds),
        ("--epochs", flags.epochs),
        ("--learning-rate", flags.learning_rate),
        ("--watts-per-core", flags.watts_per_core),
    ];
    for (name, value) in rules {
        if value.is_some_and(|value| !(value.is_finite() && value > 0.0)) {
            let message = format!("{name} must be above zero");
            return Err(Failure::new(Kind::Input, message, "give another number").into());
        }
    }
    Ok(())
}

fn fit_vocabulary(source: &Source, settings: &Settings) -> Result<Vocabulary> {
    let least = settings.code_subjects_min;
    Ok(vocabulary::fit(&source.data, &source.reopened, least)?.vocabulary)
}

fn ready(source: Source, vocabulary: &Vocabulary, settings: &Settings) -> Result<Ready> {
    let (mut data, population) = source.load(vocabulary)?;
    if let Some(path) = &settings.weights {
        weigh(&mut data, path)?;
    }
    Ok(Ready {
        source,
        data,
        population,
    })
}

/// Weighs the subjects to learn from by a table of labels whose `float_value` is the weight.
fn weigh(data: &mut TrainData, path: &Path) -> Result<()> {
    let shown = path.display();
    let rows = read_labels(path).with_context(|| format!("--weights {shown}"))?;
    let mut weights = BTreeMap::new();
    for (row, label) in rows.iter().enumerate() {
        let weight = label
            .float
            .filter(|weight| weight.is_finite() && *weight >= 0.0);
        let fault = match weight {
            None => "no `float_value` from 0",
            Some(weight) => match weights.insert(label.subject, f64::from(weight)) {
                None => continue,
                Some(_) => "a subject of an earlier row",
            },
        };
        let message = format!("--weights {shown}: row {} has {fault}", row + 1);
        let mend = "give each subject once, with its weight as `float_value`";
        return Err(Failure::new(Kind::Input, message, mend).into());
    }
    data.weigh(&weights)?;
    let (effective, all) = (data.effective_subjects(), data.subjects(Part::Learn));
    eprintln!("      weights: {all} subjects to learn from count as {effective:.0}");
    Ok(())
}

fn train(arguments: &Arguments, folder: &Path, reduce: &dyn Reduce) -> Result<()> {
    let checkpoints = folder.join("checkpoints");
    let kept = free(folder, &checkpoints, arguments.resume)?;
    // The others look into the folder before the first one writes there.
    meet(reduce)?;
    let is_first = reduce.rank().number == 0;
    if is_first {
        fs::create_dir_all(&checkpoints)
            .with_context(|| format!("cannot make {}", checkpoints.display()))?;
    }
    let _lock = is_first.then(|| Lock::take(&checkpoints)).transpose()?;
    let source = Source::open(&arguments.meds, arguments.receipt.as_deref())?;
    let (ready, options, kept) = match kept {
        Some(kept) => resumed(arguments, source, (folder, kept), reduce)?,
        None => fresh(arguments, source, folder, reduce)?,
    };
    let options = Options {
        checkpoints: Some(checkpoints.clone()),
        ..options
    };
    let mut threads = [options.threads as f64];
    reduce.sum64(&mut threads)?;
    let ranks = (reduce.rank().of, whole(threads[0]));
    if is_first {
        let (steps, preset) = (options.steps, &kept.preset);
        let told = match ranks {
            (1, _) => String::new(),
            (of, threads) => format!(", {of} ranks with {threads} threads in all"),
        };
        eprintln!("      {steps} steps, preset {preset}{told}");
    }
    let observer = Observer::new(&options, kept.settings.seconds, reduce);
    let (trained, curve) = observer.go(&ready.data, &options)?;
    if !is_first {
        return Ok(());
    }
    let size = longitude_train::size(&ready.data, &options)?;
    let reason = kept.settings.chosen(&ready.data)?.reason;
    let outcome = Outcome {
        trained,
        curve,
        preset: (kept.preset, reason),
        watts_per_core: kept.settings.watts_per_core,
        mean_window: size.positions / size.windows.max(1),
        ranks,
    };
    let about = (&ready.source, ready.population);
    let summary = training::write(folder, about, (&ready.data, &options), &outcome)?;
    fs::remove_dir_all(&checkpoints).context("the checkpoints cannot be removed")?;
    if arguments.json {
        return print(&format!("{}\n", serde_json::to_string_pretty(&summary)?));
    }
    print(&said(&summary, folder))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float-to-int cast saturates"
)]
fn whole(count: f64) -> usize {
    count as usize
}

/// A folder that holds nothing of ours, or with `resume` an interrupted training.
fn free(folder: &Path, checkpoints: &Path, resume: bool) -> Result<Option<Kept>> {
    let shown = folder.display();
    let refuse = |message: String, mend: &str| Err(Failure::new(Kind::Busy, message, mend).into());
    if folder.join(longitude_model::CHECKPOINT_FILE).exists() {
        let message = format!("{shown} holds a trained model already");
        return refuse(message, "choose another folder with --model-dir");
    }
    let path = checkpoints.join(SETTINGS);
    match (fs::read(&path), resume) {
        (Ok(bytes), true) => {
            let kept = serde_json::from_slice(&bytes);
            Ok(Some(kept.with_context(|| path.display().to_string())?))
        }
        (Err(_), true) => {
            let message = format!("{shown} holds no interrupted training");
            refuse(message, "leave --resume out to begin one")
        }
        (Ok(_), false) => {
            let message = format!("{shown} holds an interrupted training");
            refuse(message, "go on with --resume, or choose another folder")
        }
        (Err(_), false) => Ok(None),
    }
}

/// A training from its first step.
fn fresh(
    arguments: &Arguments,
    source: Source,
    folder: &Path,
    reduce: &dyn Reduce,
) -> Result<(Ready, Options, Kept)> {
    let settings = settings(arguments)?;
    let vocabulary = fit_vocabulary(&source, &settings)?;
    let ready = ready(source, &vocabulary, &settings)?;
    alike((&ready, &settings, None), reduce)?;
    let (plan, options) = training::plan(&settings, (&ready.data, reduce), false)?;
    // What makes no sense is refused before anything is kept.
    longitude_train::size(&ready.data, &options)?;
    let kept = Kept {
        settings,
        preset: plan.preset,
        steps: plan.steps,
    };
    keep(folder, &vocabulary, &kept, reduce)?;
    Ok((ready, options, kept))
}

/// Whether the ranks were given the same program, data, settings and interrupted training.
fn alike(
    (ready, settings, resumed): (&Ready, &Settings, Option<u64>),
    reduce: &dyn Reduce,
) -> Result<()> {
    let settings = Settings {
        threads: None,
        ..settings.clone()
    };
    let told = serde_json::json!({
        "program": code_version(),
        "data": ready.data.data_digest(),
        "vocabulary": ready.data.vocabulary().digest()?,
        "settings": settings,
        "steps of the training to resume": resumed,
    });
    let told = told.as_object().context("no object")?;
    Ok(longitude_train::alike(reduce, told)?)
}

/// Keeps what a resumed training needs; of several ranks the first one does.
fn keep(folder: &Path, vocabulary: &Vocabulary, kept: &Kept, reduce: &dyn Reduce) -> Result<()> {
    if reduce.rank().number > 0 {
        return Ok(());
    }
    write_atomically(&folder.join(VOCABULARY), &vocabulary.to_json()?)?;
    let path = folder.join("checkpoints").join(SETTINGS);
    write_atomically(&path, &serde_json::to_vec_pretty(kept)?)
}

/// An interrupted training with its own settings, and where flags say otherwise, with those.
fn resumed(
    arguments: &Arguments,
    source: Source,
    (folder, kept): (&Path, Kept),
    reduce: &dyn Reduce,
) -> Result<(Ready, Options, Kept)> {
    let path = folder.join(VOCABULARY);
    let bytes = fs::read(&path).with_context(|| path.display().to_string())?;
    let vocabulary = Vocabulary::from_json(&bytes)?;
    let settings = with_flags(kept.settings.clone(), &arguments.flags);
    let ready = ready(source, &vocabulary, &settings)?;
    let preset = longitude_model::Preset::named(&kept.preset).with_context(|| {
        let path = folder.join("checkpoints").join(SETTINGS);
        format!("{}: no preset is called {}", path.display(), kept.preset)
    })?;
    let steps = arguments.flags.steps.unwrap_or(kept.steps);
    let done = training::steps_done(&folder.join("checkpoints"));
    if steps <= done {
        let message = format!("{steps} steps are asked for, and {done} are done already");
        let mend = "leave --steps out to go on as planned, or ask for more";
        return Err(Failure::new(Kind::Input, message, mend).into());
    }
    alike((&ready, &settings, Some(steps)), reduce)?;
    let before = kept.settings.options(&ready.data, preset, kept.steps)?;
    let options = settings.options(&ready.data, preset, steps)?;
    let resume_changed = options.digest()? != before.digest()?;
    let kept = Kept {
        settings,
        steps,
        ..kept
    };
    keep(folder, &vocabulary, &kept, reduce)?;
    let options = Options {
        resume_changed,
        ..options
    };
    Ok((ready, options, kept))
}

fn said(summary: &training::Summary, folder: &Path) -> String {
    let report = &summary.report;
    let total = |loss: Option<longitude_eval::SplitLoss>| {
        loss.map_or_else(|| "-".to_owned(), |loss| format!("{:.3}", loss.total))
    };
    let warnings: Vec<String> = report
        .warnings
        .iter()
        .map(|w| format!("warning  {w}\n"))
        .collect();
    let folder = folder.display();
    format!(
        "{} steps, {:.0} events/s, held out {} nats an event, marginals {}\n{}report   \
         {folder}/training.html\nfacts    {folder}/model-facts.json\n",
        report.record.steps_done,
        report.speed.tokens_per_second,
        total(summary.loss.held_out),
        total(summary.loss.marginal),
        warnings.concat(),
    )
}

/// The plan and what the small trainings said, as JSON.
#[derive(Serialize)]
struct Planned<'a> {
    #[serde(flatten)]
    plan: &'a Plan,
    #[serde(skip_serializing_if = "Option::is_none")]
    fit: Option<&'a Fit>,
}

fn plan(ready: &Ready, settings: &Settings, arguments: &Arguments) -> Result<()> {
    let (plan, options) = training::plan(settings, (&ready.data, &Alone), true)?;
    let seconds = arguments.fit_seconds;
    let fit = arguments
        .fit
        .then(|| training::fit(&ready.data, (&plan, &options), seconds));
    let fit = fit.transpose()?;
    if arguments.json {
        let planned = Planned {
            plan: &plan,
            fit: fit.as_ref(),
        };
        return print(&format!("{}\n", serde_json::to_string_pretty(&planned)?));
    }
    print(&plan.text())?;
    fit.map_or(Ok(()), |fit| print(&training::fit_text(&fit)))
}

fn find_rate(ready: &Ready, settings: &Settings, json: bool) -> Result<()> {
    let sweep = Sweep::standard();
    let chosen = settings.chosen(&ready.data)?;
    let options = settings.options(&ready.data, chosen.preset, sweep.steps)?;
    let curve = longitude_train::find_rate(&ready.data, &options, sweep)?;
    interrupt::check()?;
    if json {
        return print(&format!("{}\n", serde_json::to_string_pretty(&curve)?));
    }
    print(&curve_text(&curve, options.learning_rate))
}

/// Every tenth point of the curve, and the suggestion beside the rate that would be used.
fn curve_text(curve: &RateCurve, standard: f64) -> String {
    let mut text = String::from("      rate     nats  running mean\n");
    for point in curve.points.iter().step_by(10) {
        let (rate, nats, smooth) = (point.rate, point.nats, point.smooth);
        text.push_str(&format!("{rate:>10.2e} {nats:>8.3} {smooth:>8.3}\n"));
    }
    let suggestion = curve.suggestion.map_or_else(
        || "none: the loss never fell".to_owned(),
        |rate| format!("{rate:.2e}"),
    );
    text.push_str(&format!(
        "suggestion {suggestion}, without one {standard:.2e}\n"
    ));
    text
}
