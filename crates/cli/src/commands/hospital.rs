//! `longitude hospital`: the synthetic hospital's export and the truth beside it.

use crate::progress::print;
use crate::{interrupt, machine, steps};
use anyhow::Result;
use longitude_hospital::Options;
use std::path::PathBuf;

/// What `longitude hospital` takes.
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line")]
pub(crate) struct Arguments {
    /// The folder to write: `fhir/` and `truth.json`, or a MEDS data set with --meds
    #[arg(long)]
    to: PathBuf,
    /// Synthetic patients
    #[arg(long, default_value_t = 2000)]
    patients: u32,
    /// The seed
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Straight to MEDS, without FHIR
    #[arg(long)]
    meds: bool,
    /// State each patient's site and quintile of deprivation in the record
    #[arg(long, requires = "meds")]
    social: bool,
    /// Without the planted inequity: the same persons, served like everybody else
    #[arg(long)]
    no_inequity: bool,
    /// Leave the truth out
    #[arg(long)]
    no_truth: bool,
    /// Threads [default: all cores]
    #[arg(long)]
    threads: Option<usize>,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let threads = machine::threads(arguments.threads);
    let options = Options {
        inequity: !arguments.no_inequity,
        social: arguments.social,
        ..steps::hospital::options(arguments.patients, arguments.seed)
    };
    if arguments.meds {
        let summary = steps::hospital::write_meds(&arguments.to, &options)?;
        print(&format!(
            "{} subjects, {} events\n",
            summary.subjects, summary.events
        ))?;
    } else {
        let resources = steps::hospital::write_fhir(&arguments.to, &options, threads)?;
        print(&format!("{resources} resources\n"))?;
    }
    interrupt::check()?;
    if !arguments.no_truth {
        steps::hospital::write_truth(&arguments.to, &options, threads)?;
    }
    Ok(())
}
