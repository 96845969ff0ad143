//! `longitude export`: a MEDS data set in the form of another standard, with the account of what
//! that standard cannot hold.

use crate::machine;
use crate::progress::print;
use anyhow::{Context, Result};
use longitude_store::Dataset;
use longitude_store::export::{fhir, omop};
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
    /// FHIR: cut files when they reach so many megabytes
    #[arg(long, value_name = "MB", default_value_t = FILE_MB,
        value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    file_mb_max: u64,
    /// FHIR: what stands before the names of files in the manifest, where a server hands them out
    /// (`https://host/bulk/`); without it they are relative to the manifest
    #[arg(long, value_name = "URL", default_value = "")]
    base_url: String,
    /// Print the account as JSON
    #[arg(long)]
    json: bool,
}

/// Megabytes of a file of FHIR, unless asked otherwise.
const FILE_MB: u64 = 256;

/// A form to write.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Format {
    /// OMOP CDM 5.4: one CSV file a table, with the concepts that occur
    Omop,
    /// FHIR R4 as Bulk Data: NDJSON by resource type, with a manifest
    Fhir,
}

const AFTER_HELP: &str = "\
Every event is accounted for: events read = events written + events that the form has no place for,
each with its reason. What of a written event has no column or element is counted too. The whole
account stands in DIR/account.json.

OMOP: person.csv, visit_occurrence.csv, measurement.csv, ... with concept.csv, ready for a database.
FHIR: Patient.000.ndjson, Encounter.000.ndjson, Observation.000.ndjson, ... with manifest.json. An
event goes back to the type of resource that it came from, or that its code belongs in; what no
other type holds is an Observation under its own code. `longitude ingest DIR` reads it again.

A de-identified set stays de-identified: subjects are named by their pseudonyms, times as they are.
A set with full origins (RUN/identified) names its Patients as the source did.

Examples:
  longitude export identified --to omop --format omop
  longitude export meds --to omop --format omop --json    # the account for a program
  longitude export RUN/meds --to bulk --format fhir
  longitude export meds --to bulk --format fhir --base-url https://fhir.example.org/bulk/";

/// The account, beside what was written.
const ACCOUNT: &str = "account.json";

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let dataset = Dataset::open(&arguments.meds)?;
    match arguments.format {
        Format::Omop => {
            let account = omop::write(&dataset, &arguments.to, machine::now())?;
            tell(arguments, &account, &account.to_text())
        }
        Format::Fhir => {
            let options = fhir::Options {
                transaction_time: machine::now(),
                file_bytes_max: arguments.file_mb_max * 1_000_000,
                base_url: based(&arguments.base_url),
            };
            let account = fhir::write(&dataset, &arguments.to, &options)?;
            tell(arguments, &account, &account.to_text())
        }
    }
}

/// The address with its last `/`.
fn based(url: &str) -> String {
    if url.is_empty() || url.ends_with('/') {
        url.to_owned()
    } else {
        format!("{url}/")
    }
}

fn tell(arguments: &Arguments, account: &impl serde::Serialize, text: &str) -> Result<()> {
    keep(&arguments.to, account)?;
    if arguments.json {
        return print(&format!("{}\n", serde_json::to_string_pretty(account)?));
    }
    print(text)
}

fn keep(to: &Path, account: &impl serde::Serialize) -> Result<()> {
    let path = to.join(ACCOUNT);
    let json = serde_json::to_vec_pretty(account)?;
    std::fs::write(&path, json).with_context(|| format!("cannot write {}", path.display()))
}
