//! `longitude verify`: is the run what the institution signed? Offline, and naming what was
//! altered.

use crate::failure::{Failure, Kind};
use crate::institution;
use crate::progress::print;
use anyhow::{Context, Result};
use longitude_govern::{Outcome, TrustedKey, verify_run};
use std::path::PathBuf;

/// What `longitude verify` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The run folder
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
    if !arguments.run.is_dir() {
        let message = format!("{} is not a folder", arguments.run.display());
        return Err(Failure::new(Kind::Input, message, "name a run folder").into());
    }
    let trusted = match &arguments.trusted_key {
        Some(text) => Some(TrustedKey::parse(text).context("--trusted-key")?),
        None => institution::pinned(arguments.institution.as_deref())?,
    };
    let verdict = verify_run(&arguments.run, trusted.as_ref());
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
            "the run is not what the institution signed",
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
