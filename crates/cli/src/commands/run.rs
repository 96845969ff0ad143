//! `longitude run`: the main job on the user's own records.

use crate::config::RunOptions;
use crate::institution;
use crate::pipeline::{self, Job, Source};
use crate::progress::print;
use crate::reading::Flags;
use anyhow::Result;
use std::path::PathBuf;

/// What `longitude run` takes.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// A folder, file or zip archive of records: FHIR, OMOP, HL7 v2, C-CDA, mapped tables or MEDS,
    /// told apart by themselves
    #[arg(long)]
    from: PathBuf,
    /// The run folder; an interrupted run goes on where it stopped
    #[arg(long)]
    to: PathBuf,
    /// Settings as TOML; flags override it
    #[arg(long)]
    config: Option<PathBuf>,
    /// Seconds of training
    #[arg(long)]
    seconds: Option<f64>,
    /// The seed of everything random
    #[arg(long)]
    seed: Option<u64>,
    /// The size of the model: tiny, small, base
    #[arg(long)]
    preset: Option<String>,
    /// How records are de-identified: expert_determination or safe_harbor
    #[arg(long)]
    deid: Option<String>,
    /// The policy of de-identification, a TOML file (`longitude deid --example` prints one)
    #[arg(long, value_name = "FILE", conflicts_with = "deid")]
    policy: Option<PathBuf>,
    /// Threads [default: all cores]
    #[arg(long)]
    threads: Option<usize>,
    /// The institution's folder of keys [default: ~/.longitude/institution]
    #[arg(long)]
    institution: Option<PathBuf>,
    /// The file with the passphrase of locked keys
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    #[command(flatten)]
    reading: Flags,
}

const AFTER_HELP: &str = "\
The same settings may stand in the TOML file; run.json holds the resolved ones with the digest of
every file that they name. A run goes on only with the same settings and the same files.

  seed   = 7
  policy = \"policy.toml\"
  [reading]
  mapping    = [\"ours.toml\"]
  utc_offset = \"Europe/Berlin\"
  link       = true

Examples:
  longitude run --from exports/fhir --to runs/first
  longitude run --from exports/tables --mapping ours.toml --policy policy.toml --to runs/second";

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let mut options = match &arguments.config {
        Some(path) => RunOptions::read(path)?,
        None => RunOptions::standard(),
    };
    options.training_seconds = arguments.seconds.unwrap_or(options.training_seconds);
    options.seed = arguments.seed.unwrap_or(options.seed);
    options.threads = arguments.threads.or(options.threads);
    if let Some(preset) = &arguments.preset {
        options.preset.clone_from(preset);
    }
    if let Some(mode) = &arguments.deid {
        options.set_deidentification(mode)?;
        options.policy = None;
    }
    options.policy = arguments.policy.clone().or(options.policy);
    options.reading = options.reading.with(&arguments.reading);
    let options = options.resolved()?;
    let institution = institution::open_or_create(arguments.institution.as_deref())?;
    let institution = institution.unlocked(arguments.passphrase_file.as_deref())?;
    let source = Source::Records {
        path: arguments.from.clone(),
    };
    let job = Job {
        folder: arguments.to.clone(),
        source,
        options,
        institution,
    };
    let finished = pipeline::run(&job)?;
    print(&finished.summary())?;
    print(&format!(
        "look at it:  longitude serve {}\n",
        arguments.to.display()
    ))
}
