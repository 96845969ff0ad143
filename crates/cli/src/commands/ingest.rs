//! `longitude ingest`: records into an identified MEDS data set, with the origin of every event.

use crate::failure::{Failure, Kind};
use crate::progress::print;
use crate::steps::ingest::{Account, Linking, Sources, read_id_map, update};
use anyhow::{Context, Result};
use longitude_ingest::{LinkOptions, Units};
use longitude_units::Analytes;
use std::fs;
use std::path::{Path, PathBuf};

/// What `longitude ingest` takes.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
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
    /// A mapping file for tables; may be given several times
    #[arg(long, value_name = "FILE")]
    mapping: Vec<PathBuf>,
    /// Keep names and numbers of persons in DIR/identifiers.jsonl, readable by their owner only, so
    /// that `longitude deid` finds them in notes
    #[arg(long, conflicts_with = "update")]
    identifiers: bool,
    /// Find records of one person by shared numbers and by names, birth, sex, address and
    /// telephone; without it only what the sources state is merged
    #[arg(long)]
    link: bool,
    /// Who is who, as the institution states it: lines `a,b,same` or `a,b,different`
    #[arg(long, value_name = "CSV")]
    id_map: Option<PathBuf>,
    /// The probability from which two records are merged without a look
    #[arg(long, value_name = "P", default_value_t = 0.999)]
    link_probability: f64,
    /// The site's own table of analytes (TOML, see docs/units.md) beside the shipped one; or
    /// `as-written`, to convert no unit and flag no value
    #[arg(long, value_name = "FILE")]
    units: Option<PathBuf>,
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
  longitude trace identified --subject 42                      # from an event to the source";

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let sources = Sources {
        identifiers: arguments.identifiers,
        linking: linking(arguments)?,
        ..Sources::new(arguments.paths.clone(), arguments.threads)
    };
    let mut sources = sources.with_mappings(&arguments.mapping)?;
    if let Some(path) = &arguments.units {
        sources.options.units = units(path)?;
    }
    let account = if arguments.update {
        let (account, updated) = update(&sources, &arguments.to)?;
        eprintln!("{}", updated.told());
        account
    } else {
        sources.ingest(&arguments.to)?
    };
    print_account(&account, arguments.json)
}

fn linking(arguments: &Arguments) -> Result<Linking> {
    let mut linking = Linking::stated();
    if arguments.link {
        linking.options = LinkOptions::standard();
        linking.options.link_probability = arguments.link_probability;
    }
    if let Some(path) = &arguments.id_map {
        linking.statements = read_id_map(path)?;
    }
    Ok(linking)
}

/// What `--units` asks for. The table is checked here, so that a fault is told before any work.
fn units(path: &Path) -> Result<Units> {
    if path == Path::new("as-written") {
        return Ok(Units::AsWritten);
    }
    Ok(Units::CanonicalWith(site_table(path)?.1))
}

/// The shipped table of analytes with a site's beside it, and the text of the site's.
pub(crate) fn site_table(path: &Path) -> Result<(Analytes, String)> {
    let text = fs::read_to_string(path).with_context(|| format!("--units {}", path.display()))?;
    let table = Analytes::shipped().extended(&text).map_err(|error| {
        let message = format!("--units {}: {}", path.display(), chain(&error));
        Failure::new(Kind::Input, message, "see docs/units.md for its form")
    })?;
    Ok((table, text))
}

/// An error with what caused it: the line of a TOML file stands in the cause.
fn chain(error: &dyn std::error::Error) -> String {
    let cause = error.source().map(|cause| format!(": {cause}"));
    format!("{error}{}", cause.unwrap_or_default())
}

/// Prints an account for a person or as JSON.
pub(crate) fn print_account(account: &Account, json: bool) -> Result<()> {
    if json {
        return print(&format!("{}\n", serde_json::to_string_pretty(account)?));
    }
    print(&account.to_text())
}
