//! `longitude inspect`: what came in, what did not, and why. It writes nothing.

use super::ingest::print_account;
use crate::steps::ingest::Sources;
use anyhow::Result;
use std::path::PathBuf;

/// What `longitude inspect` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Folders or files of records; formats are told apart by themselves
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// A mapping file for tables; may be given several times
    #[arg(long, value_name = "FILE")]
    mapping: Vec<PathBuf>,
    /// Print the account as JSON
    #[arg(long)]
    json: bool,
    /// Threads [default: all cores]
    #[arg(long)]
    threads: Option<usize>,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let sources = Sources::new(arguments.paths.clone(), arguments.threads);
    let account = sources.with_mappings(&arguments.mapping)?.inspect()?;
    print_account(&account, arguments.json)
}
