//! `longitude validate`: every rule of MEDS, those that no schema checks among them, for data sets,
//! labels and predictions.

use crate::failure::{Failure, Kind};
use crate::progress::print;
use anyhow::Result;
use longitude_store::Validation;
use serde_json::json;
use std::path::{Path, PathBuf};

/// What `longitude validate` takes.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// The folder of a MEDS data set; or a Parquet file (or a folder of them) of labels or
    /// predictions
    meds: PathBuf,
    /// Print the findings as JSON
    #[arg(long)]
    json: bool,
}

const AFTER_HELP: &str = "\
Exits 0 only when every required rule holds; warnings are shown and do not fail. A data set must
have each subject in one file, its rows together, static ones first and then by time, every code in
metadata/codes.parquet, one split a subject; a table of samples has the columns of its schema.

Examples:
  longitude validate meds
  longitude validate labels/mortality.parquet
  longitude validate predictions --json";

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let validation = if is_data_set(&arguments.meds) {
        longitude_store::validate(&arguments.meds)?
    } else {
        longitude_store::validate_samples(&arguments.meds)?
    };
    if arguments.json {
        print(&format!("{:#}\n", to_json(&validation)))?;
    } else {
        print(&to_text(&validation))?;
    }
    if validation.is_valid() {
        return Ok(());
    }
    let message = format!("{} breaks rules of MEDS", arguments.meds.display());
    Err(Failure::new(Kind::Input, message, "see the findings above").into())
}

/// A folder with `data` or `metadata` in it, or without anything that could be samples.
fn is_data_set(path: &Path) -> bool {
    path.join("data").is_dir() || path.join("metadata").is_dir() || !path.exists()
}

fn to_json(validation: &Validation) -> serde_json::Value {
    let finding = |one: &longitude_store::Finding| {
        json!({
            "required": one.rule.is_required(), "what": one.rule.explanation(), "file": one.file,
            "row": one.row, "column": one.column, "count": one.count
        })
    };
    let findings: Vec<_> = validation.findings.iter().map(finding).collect();
    json!({
        "valid": validation.is_valid(), "files": validation.files, "rows": validation.rows,
        "subjects": validation.subjects, "codes": validation.codes, "findings": findings
    })
}

fn to_text(validation: &Validation) -> String {
    let mut text = format!(
        "{} files, {} rows, {} subjects, {} codes: {}\n",
        validation.files,
        validation.rows,
        validation.subjects,
        validation.codes,
        if validation.is_valid() {
            "valid"
        } else {
            "NOT valid"
        }
    );
    for finding in &validation.findings {
        text.push_str(&format!("{finding}\n"));
    }
    text
}
