//! `longitude screen`: a whole population swept for one outcome, and a capped list of those whom a
//! look is worth most. Where it is: the sweep asks members that need one pass a person, only the
//! short list is asked by sampled futures and explained.

mod declaration;
mod members;
mod outcome;
mod summary;
mod sweep;

use crate::answering::{Answering, instant};
use crate::failure::{Failure, Kind};
use crate::journal::Journal;
use crate::lock::Lock;
use crate::pipeline::{code_version, write_private};
use crate::progress::print;
use anyhow::{Context, Result};
use longitude_core::{Digest, Instant, NamedDigest, Receipt};
use longitude_store::Dataset;
use serde::Serialize;
use std::fs;
use std::path::{Path, PathBuf};

/// What `longitude screen` takes.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// The run folder: its model, and its subjects to fit the members on
    #[arg(long, required_unless_present = "example")]
    run: Option<PathBuf>,
    /// What is looked for: a task of the run, or a diagnosis, drug or event of a forecast, by name
    #[arg(long, value_name = "NAME", required_unless_present_any = ["example", "task"])]
    target: Option<String>,
    /// A task file whose outcome is looked for; everybody is asked at the time of the screen
    #[arg(long, value_name = "TASK.yaml", conflicts_with = "target")]
    task: Option<PathBuf>,
    /// A file of predicates that are put over the task file's own
    #[arg(long, value_name = "FILE", requires = "task")]
    predicates: Option<PathBuf>,
    /// The horizon in days of a target that is no task of the run [default: the findable days]
    #[arg(long, value_name = "DAYS")]
    horizon: Option<f64>,
    /// The MEDS data set that is swept [default: the run's own]
    #[arg(long, value_name = "MEDS")]
    data: Option<PathBuf>,
    /// The time of the sweep, as 2180-07-23 or 2180-07-23T12:00:00Z: nothing after it is seen
    #[arg(long, required_unless_present = "example")]
    at: Option<String>,
    /// Looks, at most
    #[arg(long, value_name = "K", conflicts_with = "minutes")]
    looks: Option<usize>,
    /// Minutes of work for looks; the declaration says what one takes
    #[arg(long, value_name = "MINUTES")]
    minutes: Option<f64>,
    /// What a look is worth, TOML; `--example` prints one to start from
    #[arg(long, value_name = "FILE", required_unless_present = "example")]
    benefit: Option<PathBuf>,
    /// Print a declaration to start from
    #[arg(long)]
    example: bool,
    /// Leave out who was not seen within so many days before
    #[arg(long, value_name = "DAYS", default_value_t = 730.0)]
    seen_within: f64,
    /// Futures of each of the short list; 0 for none
    #[arg(long, default_value_t = 128)]
    samples: u32,
    /// The members that the sweep asks
    #[arg(long, value_delimiter = ',', default_values = ["query", "boosted", "age_sex"])]
    members: Vec<String>,
    /// The folder to write; an interrupted sweep goes on where it stopped
    #[arg(long, value_name = "DIR", required_unless_present = "example")]
    to: Option<PathBuf>,
    /// The institution's folder of keys [default: ~/.longitude/institution]
    #[arg(long)]
    institution: Option<PathBuf>,
    /// The file with the passphrase of locked keys
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

const AFTER_HELP: &str = "\
list.jsonl holds those to look at, the most worth first, with their risk, what a look is worth and
what the answer rests on; summary.json who was not considered and why, and each group's share of the
looks beside its share of the cases. Nobody is listed whose look does more harm than good. Both
files are readable by their owner alone; their digests go to the institution's journal. Research
only. docs/screening.md says what is computed.

Examples:
  longitude screen --example > look.toml
  longitude screen --run RUN --target amyloidosis_5y --at 2180-01-01 --looks 50 \\
      --benefit look.toml --to tonight";

/// The files of the folder.
const LIST: &str = "list.jsonl";
const SUMMARY: &str = "summary.json";

/// What a screen is of, resolved; its digest names the sweep that may go on.
#[derive(Debug, Serialize)]
pub(crate) struct Settings {
    pub(crate) task: longitude_core::Task,
    pub(crate) at: Instant,
    pub(crate) looks: usize,
    pub(crate) benefit: longitude_predict::Benefit,
    pub(crate) seen_within: f64,
    pub(crate) samples: u32,
    pub(crate) members: Vec<String>,
    pub(crate) model: Digest,
    pub(crate) data: Digest,
    pub(crate) code: String,
    pub(crate) kernels: String,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let (Some(run), Some(to), false) = (&arguments.run, &arguments.to, arguments.example) else {
        return print(declaration::EXAMPLE);
    };
    let opened = Answering::open(
        run,
        arguments.institution.as_deref(),
        arguments.passphrase_file.as_deref(),
    )?;
    let (engine, questions, root) = (&opened.engine, &opened.questions, opened.root);
    let own = opened.layout.meds();
    let meds = arguments.data.as_deref().unwrap_or(&own);
    let data = Dataset::open(meds)?;
    let benefit = declaration::read(arguments.benefit.as_deref())?;
    let task = outcome::task(arguments, (engine, questions), (&benefit, (&data, meds)))?;
    let settings = Settings {
        task,
        at: time(arguments.at.as_deref())?,
        looks: declaration::looks((arguments.looks, arguments.minutes), &benefit)?,
        benefit,
        seen_within: days(arguments.seen_within)?,
        samples: arguments.samples,
        members: members::named(&arguments.members, engine.has_queries())?,
        model: root,
        data: data.digest()?,
        code: code_version(),
        kernels: longitude_model::Level::best().name().to_owned(),
    };
    let _lock = folder(to)?;
    let fitted = members::fitted(&opened, &settings, to)?;
    let work = sweep::Work {
        data: &data,
        engine,
        questions,
        settings: &settings,
        fitted: &fitted,
        to,
    };
    let swept = work.sweep()?;
    let (list, summary) = summary::written(&work, &swept)?;
    let digest = |bytes: &[u8]| Digest::of(bytes);
    let receipt = Receipt {
        step: "screen".to_owned(),
        code: code_version(),
        options: Digest::of_json(&settings)?,
        inputs: vec![named("model", root), named("meds", settings.data)],
        outputs: vec![named(LIST, digest(&list)), named(SUMMARY, digest(&summary))],
        seed: Some(questions.sampling.seed),
    };
    // What is not in the journal is not written.
    Journal::open(&opened.institution)?.receipt(&receipt)?;
    write_private(&to.join(LIST), &list)?;
    write_private(&to.join(SUMMARY), &summary)?;
    sweep::forget(to)?;
    let summary: summary::Summary = serde_json::from_slice(&summary)?;
    print(&summary.text(to))
}

fn named(name: &str, digest: Digest) -> NamedDigest {
    NamedDigest {
        name: name.to_owned(),
        digest,
    }
}

fn time(text: Option<&str>) -> Result<Instant> {
    instant(text.unwrap_or_default())
}

fn days(days: f64) -> Result<f64> {
    if days.is_finite() && days > 0.0 {
        return Ok(days);
    }
    let mend = "give the days as a number above 0";
    Err(Failure::new(Kind::Input, "--seen-within is not above 0", mend).into())
}

/// The folder to write, made where it is not there and locked. A finished screen stays as it is.
fn folder(to: &Path) -> Result<Lock> {
    fs::create_dir_all(to).with_context(|| format!("cannot make {}", to.display()))?;
    let lock = Lock::take(to)?;
    if to.join(SUMMARY).exists() {
        let message = format!("{} holds a finished screen", to.display());
        return Err(Failure::new(Kind::Busy, message, "name another folder with --to").into());
    }
    Ok(lock)
}
