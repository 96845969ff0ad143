//! `longitude evaluate`: any table of predictions in the MEDS prediction schema, judged.

mod checks;
mod compat;

use anyhow::Result;
use std::path::PathBuf;

/// What `longitude evaluate` takes.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// A Parquet file of predictions, or a folder of them
    predictions: PathBuf,
    /// The metrics of meds-evaluation 0.0.6, as its JSON: its resampling, its unweighted
    /// calibration error
    #[arg(long)]
    meds_compat: bool,
    /// With --meds-compat: how many samples of each subject are drawn
    #[arg(long, default_value_t = 4, requires = "meds_compat")]
    samples_per_subject: u32,
    /// The seed of the resampling
    #[arg(long, default_value_t = 0)]
    seed: u32,
}

const AFTER_HELP: &str = "\
Examples:
  longitude evaluate predictions.parquet --meds-compat";

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    compat::run(arguments)
}
