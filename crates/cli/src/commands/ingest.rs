//! `longitude ingest`: records into an identified MEDS data set, with the origin of every event.

use crate::progress::print;
use crate::steps::ingest::{self, Account};
use crate::{interrupt, machine};
use anyhow::Result;
use std::path::PathBuf;

/// What `longitude ingest` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// A folder or file of FHIR R4 (NDJSON, bundles, plain or gzip) or a MEDS 0.3/0.4 data set
    path: PathBuf,
    /// The folder of the MEDS data set to write
    #[arg(long)]
    to: PathBuf,
    /// Print the account as JSON
    #[arg(long)]
    json: bool,
    /// Threads [default: all cores]
    #[arg(long)]
    threads: Option<usize>,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let threads = machine::threads(arguments.threads);
    let account = ingest::into_meds(&arguments.path, &arguments.to, threads)?;
    interrupt::check()?;
    print_account(&account, arguments.json)
}

/// Prints an account for a person or as JSON.
pub(crate) fn print_account(account: &Account, json: bool) -> Result<()> {
    if json {
        return print(&format!("{}\n", serde_json::to_string_pretty(account)?));
    }
    print(&account.to_text())
}
