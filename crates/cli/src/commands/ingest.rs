//! `longitude ingest`: records into an identified MEDS data set, with the origin of every event.

use crate::progress::print;
use crate::reading::{Flags, Reading};
use crate::steps::ingest::{Account, update};
use anyhow::Result;
use std::path::PathBuf;

/// What `longitude ingest` takes.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// Folders or files of records; formats are told apart by themselves
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// The folder of the MEDS data set to write; it stands there whole or not at all
    #[arg(long)]
    to: PathBuf,
    /// Bring the data set at --to up to date: only files that changed are read, with the result
    /// that reading everything would give
    #[arg(long)]
    update: bool,
    /// Keep names and numbers of persons in DIR/identifiers.jsonl, readable by their owner only, so
    /// that `longitude deid` finds them in notes
    #[arg(long, conflicts_with = "update")]
    identifiers: bool,
    #[command(flatten)]
    reading: Flags,
    /// Print the account as JSON
    #[arg(long)]
    json: bool,
    /// Threads [default: all cores]
    #[arg(long)]
    threads: Option<usize>,
}

const AFTER_HELP: &str = "\
Every row is accounted for: rows read = rows mapped + rows with an issue. What made no event stands
in DIR/issues.jsonl with its file, row and mend; the whole account in DIR/ingest.json.

Merges are decided by the id map, then the sources' own statements, then (--link) shared numbers,
then probability. Each decision stands in DIR/linkage.jsonl; pairs to be looked at in
DIR/linkage-review.csv, which becomes an id map once `same` or `different` is written behind each.
To undo a merge, state `different` and ingest again: events keep the subject id of their record.

Examples:
  longitude ingest export/fhir --to identified                 # bulk NDJSON, bundles, gzip
  longitude ingest export/omop.zip notes/ccda --to identified  # several sources into one set
  longitude ingest export/tables --mapping ours.toml --to identified
  longitude ingest feed/hl7 --utc-offset Europe/Berlin --to identified
  longitude ingest export/omop --omop-concept source --omop-eras --to identified
  longitude trace identified --subject 42                      # from an event to the source";

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let reading = Reading::standard().with(&arguments.reading);
    let mut sources = reading.sources(arguments.paths.clone(), arguments.threads)?;
    sources.identifiers = arguments.identifiers;
    sources.quiet = arguments.json;
    let account = if arguments.update {
        let (account, updated) = update(&sources, &arguments.to)?;
        eprintln!("{}", updated.told());
        account
    } else {
        sources.ingest(&arguments.to)?
    };
    print_account(&account, arguments.json)
}

/// Prints an account for a person or as JSON.
pub(crate) fn print_account(account: &Account, json: bool) -> Result<()> {
    if json {
        return print(&format!("{}\n", serde_json::to_string_pretty(account)?));
    }
    print(&account.to_text())
}
