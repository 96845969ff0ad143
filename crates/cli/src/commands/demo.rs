//! `longitude demo`: the main job on a synthetic hospital whose true risks are known, from its FHIR
//! export to a served console. Nothing to install, nothing to bring.

use super::serve;
use crate::config::RunOptions;
use crate::institution;
use crate::pipeline::{self, Job, Source};
use crate::progress::print;
use anyhow::Result;
use std::path::PathBuf;

/// What `longitude demo` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The run folder
    #[arg(long, default_value = "demo")]
    to: PathBuf,
    /// Do the job, check that the console and the API answer, and end
    #[arg(long)]
    once: bool,
    /// Synthetic patients
    #[arg(long, default_value_t = 2000)]
    #[arg(value_parser = clap::value_parser!(u32).range(50..=1_000_000))]
    patients: u32,
    /// Seconds of training
    #[arg(long, default_value_t = 90.0)]
    seconds: f64,
    /// The seed of everything random
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The port of the console; a free one is taken when it is in use
    #[arg(long, default_value_t = 7117)]
    port: u16,
    /// Threads [default: all cores]
    #[arg(long)]
    threads: Option<usize>,
    /// The institution's folder of keys [default: ~/.longitude/institution]
    #[arg(long)]
    institution: Option<PathBuf>,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let institution = institution::open_or_create(arguments.institution.as_deref())?;
    let options = RunOptions {
        seed: arguments.seed,
        training_seconds: arguments.seconds,
        threads: arguments.threads,
        ..RunOptions::standard()
    };
    let source = Source::Hospital {
        patients: arguments.patients,
    };
    let job = Job {
        folder: arguments.to.clone(),
        source,
        options,
        institution,
    };
    let finished = pipeline::run(&job)?;
    print(&finished.summary())?;
    let server = serve::start(&arguments.to, &job.institution, arguments.port)?;
    if arguments.once {
        serve::check(&server)?;
        return server.stop();
    }
    server.wait()
}
