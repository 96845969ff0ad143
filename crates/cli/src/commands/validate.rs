//! `longitude validate`: every rule of MEDS, those that no schema checks among them.

use crate::failure::{Failure, Kind};
use crate::progress::print;
use anyhow::Result;
use longitude_store::Validation;
use serde_json::json;
use std::path::PathBuf;

/// What `longitude validate` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The folder of the MEDS data set
    meds: PathBuf,
    /// Print the findings as JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let validation = longitude_store::validate(&arguments.meds)?;
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
            "valid MEDS"
        } else {
            "NOT valid MEDS"
        }
    );
    for finding in &validation.findings {
        text.push_str(&format!("{finding}\n"));
    }
    text
}
