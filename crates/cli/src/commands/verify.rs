//! `longitude verify`: is the run what the institution signed? Offline, and naming what was
//! altered.

use crate::failure::{Failure, Kind};
use crate::institution;
use crate::progress::print;
use anyhow::{Context, Result};
use longitude_govern::{CaseBundle, Outcome, TrustedKey, Verdict, verify_run};
use std::fs;
use std::path::{Path, PathBuf};

/// What `longitude verify` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The run folder, or a case in one file (`longitude case export`)
    run: PathBuf,
    /// The institution's public key (a PEM file kept outside the run) or its fingerprint
    /// [default: the key in the institution's folder]
    #[arg(long)]
    trusted_key: Option<String>,
    /// The institution's folder of keys [default: ~/.longitude/institution]
    #[arg(long)]
    institution: Option<PathBuf>,
    /// Print the checks as JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let trusted = match &arguments.trusted_key {
        Some(text) => Some(TrustedKey::parse(text).context("--trusted-key")?),
        None => institution::pinned(arguments.institution.as_deref())?,
    };
    let verdict = verdict(&arguments.run, trusted.as_ref())?;
    if arguments.json {
        let check = |check: &longitude_govern::Check| {
            serde_json::json!({
                "name": check.name, "outcome": check.outcome.to_string(), "detail": check.detail
            })
        };
        let checks: Vec<_> = verdict.checks.iter().map(check).collect();
        let json = serde_json::json!({ "passed": verdict.passed(), "checks": checks });
        print(&format!("{json:#}\n"))?;
    } else {
        for check in &verdict.checks {
            let mark = match check.outcome {
                Outcome::Pass => "ok        ",
                Outcome::Fail => "ALTERED   ",
                Outcome::NotProven => "NOT PROVEN",
            };
            let detail = if check.detail.is_empty() { "" } else { ": " };
            print(&format!("{mark}  {}{detail}{}\n", check.name, check.detail))?;
        }
    }
    if verdict.passed() {
        return print(if arguments.json {
            ""
        } else {
            "verified: all that was signed is unaltered\n"
        });
    }
    let failed = !verdict.intact();
    let (message, mend) = if failed {
        (
            "it is not what the institution signed",
            "see the lines marked ALTERED",
        )
    } else {
        (
            "nothing is altered, but the origin is not proven",
            "pin a key with --trusted-key",
        )
    };
    Err(Failure::new(Kind::Verification, message, mend).into())
}

/// Everything that a run folder or a case in one file says, checked.
fn verdict(path: &Path, trusted: Option<&TrustedKey>) -> Result<Verdict> {
    if path.is_dir() {
        return Ok(verify_run(path, trusted));
    }
    let unusable = |why: String| {
        let message = format!("{}: {why}", path.display());
        Failure::new(
            Kind::Input,
            message,
            "name a run folder, or a case in one file",
        )
    };
    let text = fs::read_to_string(path).map_err(|error| unusable(error.to_string()))?;
    let bundle = CaseBundle::from_text(path, &text).map_err(|error| unusable(error.to_string()))?;
    Ok(bundle.verify(trusted))
}
