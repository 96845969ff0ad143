//! Overturned contests as a regression set: each is replayed on a recalibration or on another
//! model, and one whose risk comes farther from what happened is worse.

use super::rows::{Outcomes, Rows};
use super::{Opened, Read, policy::Policy};
use crate::failure::{Failure, Kind};
use crate::progress::print;
use anyhow::{Context, Result};
use longitude_core::Probability;
use longitude_govern::{ContestBook, Finding};
use longitude_server::Answer;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What `longitude monitor cases` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Replay {
    /// The other model's predictions of the same subjects and times, and the outcomes
    #[command(flatten)]
    read: Read,
    /// The run whose overturned contests are replayed
    #[arg(long)]
    run: PathBuf,
    /// Print as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    keys: super::Keys,
}

/// What became of a case. It tells no risk and no outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Change {
    /// The risk is nearer to the outcome by more than the tolerance.
    Better,
    /// It is as near as before, within the tolerance.
    Same,
    /// It is farther by more than the tolerance.
    Worse,
    /// It cannot be replayed: the outcome is not known, or there was or is no risk.
    NotReplayed,
}

/// A case of the regression set and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Case {
    /// The contest's number.
    pub(super) contest: String,
    /// The contested answer.
    pub(super) answer: String,
    /// What became of it.
    pub(super) change: Change,
}

/// Replays the overturned contests of a task: `risk_of` gives the new risk of a contested answer.
pub(super) fn cases(
    run: &Opened,
    policy: &Policy,
    outcomes: &Outcomes,
    risk_of: impl Fn(&Answer) -> Option<f64>,
) -> Result<Vec<Case>> {
    let book = ContestBook::open(&run.layout, &run.ledger)?;
    let mut cases = Vec::new();
    for contest in book.list()? {
        let overturned = contest
            .determination
            .as_ref()
            .is_some_and(|found| found.finding == Finding::Overturned);
        let Some(id) = contest.answer.filter(|_| overturned) else {
            continue;
        };
        let path = run.layout.answers().join(format!("{id}.json"));
        // An answer that was erased cannot be replayed, but its case stands.
        let answer: Option<Answer> = match std::fs::read(&path) {
            Ok(bytes) => Some(serde_json::from_slice(&bytes).context("a served answer")?),
            Err(_) => None,
        };
        if answer
            .as_ref()
            .is_some_and(|one| one.prediction.task != policy.task)
        {
            continue;
        }
        let change = answer.and_then(|answer| {
            let one = &answer.prediction;
            let happened = outcomes.of((one.subject.0, one.time.0))?;
            let before = one.risk.map(Probability::get)?;
            Some(compared(
                before,
                risk_of(&answer)?,
                happened,
                policy.case_tolerance,
            ))
        });
        cases.push(Case {
            contest: contest.id.to_string(),
            answer: id,
            change: change.unwrap_or(Change::NotReplayed),
        });
    }
    Ok(cases)
}

fn compared(before: f64, after: f64, happened: bool, tolerance: f64) -> Change {
    let outcome = f64::from(u8::from(happened));
    let farther = (after - outcome).abs() - (before - outcome).abs();
    if farther > tolerance {
        Change::Worse
    } else if farther < -tolerance {
        Change::Better
    } else {
        Change::Same
    }
}

/// How many are worse.
pub(super) fn worse(cases: &[Case]) -> usize {
    let worse = cases.iter().filter(|case| case.change == Change::Worse);
    worse.count()
}

/// The cases as lines.
pub(super) fn lines(cases: &[Case]) -> String {
    if cases.is_empty() {
        return "overturned contests of this task: none\n".to_owned();
    }
    let count = |change| cases.iter().filter(|case| case.change == change).count();
    let mut text = format!(
        "overturned contests of this task: {} better, {} same, {} worse, {} not replayed\n",
        count(Change::Better),
        count(Change::Same),
        count(Change::Worse),
        count(Change::NotReplayed)
    );
    for case in cases.iter().filter(|case| case.change == Change::Worse) {
        text.push_str(&format!(
            "  worse: {} about answer {}\n",
            case.contest, case.answer
        ));
    }
    text
}

/// Replays the cases on another model's predictions.
pub(super) fn replay(arguments: &Replay) -> Result<()> {
    let policy = Policy::read(&arguments.read.policy)?;
    let outcomes = Outcomes::read(&arguments.read.labels)?;
    let rows = Rows::read(&arguments.read.predictions, &outcomes, &policy)?;
    let run = Opened::open(&arguments.run, &arguments.keys)?;
    let found = cases(&run, &policy, &outcomes, |answer| {
        let one = &answer.prediction;
        let key = (one.subject.0, one.time.0);
        let at = rows.keys.iter().position(|known| *known == key)?;
        rows.risks[at]
    })?;
    print(&if arguments.json {
        format!("{:#}\n", serde_json::json!({ "cases": found }))
    } else {
        lines(&found)
    })?;
    match worse(&found) {
        0 => Ok(()),
        n => Err(Failure::new(
            Kind::Verification,
            format!("{n} overturned contests are answered worse than before"),
            "look at each before this model is released",
        )
        .into()),
    }
}
