//! What people decide: suspensions and releases, and how everything stands.

use super::{Keys, Opened};
use crate::failure::{Failure, Kind};
use crate::machine;
use crate::progress::print;
use anyhow::Result;
use longitude_govern::{Decision, Occurrence, Part, Recorded, Seen};
use std::path::PathBuf;

/// What `longitude monitor state` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct State {
    /// The run folder
    #[arg(long)]
    run: PathBuf,
    /// Print as JSON, with names and reasons
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    keys: Keys,
}

/// What `longitude monitor suspend` and `release` take.
#[derive(Debug, clap::Args)]
pub(crate) struct Decide {
    /// The run folder
    #[arg(long)]
    run: PathBuf,
    /// The task
    #[arg(long)]
    task: String,
    /// A part of it, as `site=B` [default: the task in all]
    #[arg(long, value_name = "DIMENSION=VALUE")]
    part: Option<String>,
    /// Who decides; again for a second person
    #[arg(long, required = true, value_name = "NAME")]
    by: Vec<String>,
    /// Why
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    keys: Keys,
}

/// How a run's tasks stand.
pub(super) fn state(arguments: &State) -> Result<()> {
    let run = Opened::open(&arguments.run, &arguments.keys)?;
    let standing = run.standing()?;
    let records = run.book.list()?;
    if arguments.json {
        let states = standing.iter().map(|(part, one)| {
            serde_json::json!({
                "part": part, "state": one.health, "since": one.since.to_string(),
                "released": one.released.map(|at| at.to_string()), "record": one.record,
            })
        });
        let states: Vec<_> = states.collect();
        let json = serde_json::json!({ "states": states, "records": records });
        return print(&format!("{json:#}\n"));
    }
    if records.is_empty() {
        return print("nothing was ever entered: every task counts as healthy\n");
    }
    let mut text = String::new();
    for (part, one) in &standing {
        let (health, since, record) = (one.health, one.since, one.record);
        text.push_str(&format!("{part:<40} {health} since {since} ({record})\n"));
    }
    text.push_str("\nrecords\n");
    for record in &records {
        let what = match &record.what {
            Recorded::State { from, to, streams } if streams.is_empty() => {
                format!("{from} -> {to}")
            }
            Recorded::State { from, to, streams } => {
                format!("{from} -> {to}: {}", streams.join(", "))
            }
            Recorded::Recalibration { .. } => "recalibration approved".to_owned(),
        };
        let by = match &record.decision {
            Some(decision) => format!("by {}", decision.by.join(" and ")),
            None => "by the evidence".to_owned(),
        };
        let (id, at, part) = (record.id, record.at, &record.part);
        text.push_str(&format!("  {id} {at} {part}: {what}, {by}\n"));
    }
    print(&text)
}

/// Suspends.
pub(super) fn suspend(arguments: &Decide) -> Result<()> {
    decide(arguments, Occurrence::Suspend)
}

/// Leads one step back.
pub(super) fn release(arguments: &Decide) -> Result<()> {
    decide(arguments, Occurrence::Release)
}

fn decide(arguments: &Decide, make: fn(Decision) -> Occurrence) -> Result<()> {
    let part = part(&arguments.task, arguments.part.as_deref())?;
    let mut run = Opened::open(&arguments.run, &arguments.keys)?;
    let decision = Decision {
        by: arguments.by.clone(),
        reason: arguments.reason.clone(),
    };
    let seen = Seen {
        at: machine::now(),
        evidence: None,
        streams: Vec::new(),
    };
    let health = run
        .book
        .occur(&mut run.ledger, &part, &make(decision), seen)
        .map_err(refused)?;
    print(&format!("{part}: {health}\n"))
}

/// A refusal of the states as unusable input; other failures as they are.
pub(super) fn refused(error: longitude_govern::Error) -> anyhow::Error {
    if let longitude_govern::Error::Monitor(what) = &error {
        let mend =
            "`longitude monitor state` tells how it stands; docs/monitoring.md who may do what";
        return Failure::new(Kind::Input, what.clone(), mend).into();
    }
    error.into()
}

/// The part that `site=B` names.
pub(super) fn part(task: &str, named: Option<&str>) -> Result<Part> {
    let Some(named) = named else {
        return Ok(Part::whole(task));
    };
    let Some((dimension, value)) = named.split_once('=') else {
        let message = format!("--part {named} is not of the form DIMENSION=VALUE");
        return Err(Failure::new(Kind::Input, message, "write it as site=B").into());
    };
    Ok(Part {
        task: task.to_owned(),
        dimension: dimension.to_owned(),
        value: value.to_owned(),
    })
}
