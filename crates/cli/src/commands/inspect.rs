//! `longitude inspect`: what came in, what did not, and why. It writes nothing.

use super::ingest::print_account;
use crate::steps::ingest;
use crate::{interrupt, machine};
use anyhow::Result;
use std::path::PathBuf;

/// What `longitude inspect` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// A folder or file of FHIR R4 (NDJSON, bundles, plain or gzip) or a MEDS 0.3/0.4 data set
    path: PathBuf,
    /// Print the account as JSON
    #[arg(long)]
    json: bool,
    /// Threads [default: all cores]
    #[arg(long)]
    threads: Option<usize>,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let account = ingest::inspect(&arguments.path, machine::threads(arguments.threads))?;
    interrupt::check()?;
    print_account(&account, arguments.json)
}
