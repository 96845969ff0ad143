//! `longitude export`: a MEDS data set in the form of another standard, with the account of what
//! that standard cannot hold.

use crate::machine;
use crate::progress::print;
use anyhow::{Context, Result};
use longitude_store::Dataset;
use longitude_store::export::omop;
use std::path::{Path, PathBuf};

/// What `longitude export` takes.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// The folder of the MEDS data set
    meds: PathBuf,
    /// The folder to write; it stands there whole or not at all
    #[arg(long)]
    to: PathBuf,
    /// The form
    #[arg(long, value_enum)]
    format: Format,
    /// Print the account as JSON
    #[arg(long)]
    json: bool,
}

/// A form to write.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Format {
    /// OMOP CDM 5.4: one CSV file a table, with the concepts that occur
    Omop,
}

const AFTER_HELP: &str = "\
Every event is accounted for: events read = events written + events that the form has no place for,
each with its reason. What of a written event has no column is counted too. The whole account stands
in DIR/account.json.

Examples:
  longitude export identified --to omop --format omop
  longitude export meds --to omop --format omop --json    # the account for a program";

/// The account, beside what was written.
const ACCOUNT: &str = "account.json";

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let dataset = Dataset::open(&arguments.meds)?;
    match arguments.format {
        Format::Omop => {
            let account = omop::write(&dataset, &arguments.to, machine::now())?;
            keep(&arguments.to, &account)?;
            if arguments.json {
                return print(&format!("{}\n", serde_json::to_string_pretty(&account)?));
            }
            print(&account.to_text())
        }
    }
}

fn keep(to: &Path, account: &impl serde::Serialize) -> Result<()> {
    let path = to.join(ACCOUNT);
    let json = serde_json::to_vec_pretty(account)?;
    std::fs::write(&path, json).with_context(|| format!("cannot write {}", path.display()))
}
