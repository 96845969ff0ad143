//! `longitude what-if`: the model's answer to another history of one patient, or, with a declared
//! design, an estimate of an effect over the training subjects.

use crate::answering::refused;
use crate::commands::evidence::About;
use crate::progress::print;
use anyhow::Result;
use longitude_core::{Digest, Instant, SubjectId};
use longitude_predict::{Edit, EditError, Touched, Way, WhatIf, edited};
use serde::Serialize;

/// What `longitude what-if` takes.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    #[command(flatten)]
    about: About,
    /// Add an event: CODE, CODE=NUMBER, CODE@TIME or CODE=NUMBER@TIME [default time: --at]
    #[arg(long, value_name = "EVENT")]
    add: Vec<String>,
    /// Remove an event by its number in the evidence, or all of a CODE, or those of CODE@TIME
    #[arg(long, value_name = "EVENT")]
    remove: Vec<String>,
    /// Give an event another number: EVENT=NUMBER, or CODE=NUMBER for the latest of a code
    #[arg(long, value_name = "EVENT=NUMBER")]
    change: Vec<String>,
}

const AFTER_HELP: &str = "\
The risks by the history as it is and by the changed one, with the same random numbers. The
difference is an ASSOCIATION as the model has learnt it, not what would happen if anyone did
anything: a history with a drug in it is that of people who were given it, for whatever reason.
Several changes may be given; numbers are in the unit of the code's values in training. Research
only; the digest goes to the institution's journal. See docs/what-if.md.

Examples:
  longitude what-if --run RUN --subject 42 --remove ICD10CM//I10
  longitude what-if --run RUN --subject 42 --change LOINC//4548-4=6.5 --task death_1y
  longitude what-if --run RUN --subject 42 --add RxNorm//314076@2180-01-01 --sampled 256 --json";

/// What is printed with `--json`.
#[derive(Serialize)]
struct Answer {
    /// Always `associational`.
    kind: &'static str,
    subject: SubjectId,
    at: Instant,
    model: Digest,
    changes: Vec<Touched>,
    answers: Vec<WhatIf>,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let edits = edits(arguments)?;
    let about = &arguments.about;
    let at = about.time()?;
    let opened = about.open()?;
    let timeline = opened.patient(about.subject)?;
    let asked = opened.asked(&timeline, at)?;
    let (tasks, way) = (about.tasks(&opened)?, about.way(&opened)?);
    let made = edited(opened.engine.vocabulary(), &asked, &edits);
    let (changed, changes) = made.map_err(|error| cannot(&error))?;
    let answer = Answer {
        kind: "associational",
        subject: timeline.subject(),
        at: asked.at,
        model: opened.root,
        changes,
        answers: opened.engine.what_if(&asked, &changed, (&tasks, way))?,
    };
    let json = serde_json::to_string_pretty(&answer)?;
    opened.journal("what-if", &way, Digest::of(json.as_bytes()))?;
    if about.json {
        return print(&format!("{json}\n"));
    }
    print(&text(&answer))
}

fn edits(arguments: &Arguments) -> Result<Vec<Edit>> {
    let mut edits: Vec<Edit> = arguments.remove.iter().map(|t| Edit::remove(t)).collect();
    for text in &arguments.change {
        edits.push(Edit::change(text).map_err(|error| cannot(&error))?);
    }
    edits.extend(arguments.add.iter().map(|text| Edit::add(text)));
    if edits.is_empty() {
        let mend = "name one with --add, --remove or --change";
        return Err(refused("there is no change to ask about", mend));
    }
    Ok(edits)
}

/// Changes are counted with those of --remove first, then --change, then --add.
fn cannot(error: &EditError) -> anyhow::Error {
    let mend = "changes are counted in the order --remove, --change, --add; see `longitude \
                evidence` for the numbers of events, and docs/what-if.md";
    refused(error.to_string(), mend)
}

fn text(answer: &Answer) -> String {
    let mut lines = vec![format!(
        "what if, at {}: associational, as the model has learnt it; not an effect, research only",
        answer.at
    )];
    for change in &answer.changes {
        let deed = format!("{:?}", change.deed).to_lowercase();
        let seen = change.seen_as.as_ref();
        let seen = seen.map_or_else(String::new, |code| format!(", seen as {code}"));
        let records = change.sources.iter().map(|source| &*source.record);
        let records: Vec<&str> = records.take(5).collect();
        let more = change.sources.len().saturating_sub(records.len());
        let more = match more {
            0 => String::new(),
            n => format!(" and {n} more"),
        };
        let records = records.join(", ");
        lines.push(format!("  {deed} {}{seen}  {records}{more}", change.code));
    }
    for one in &answer.answers {
        let scale = match one.way {
            Way::QueryHead => "query head, not calibrated".to_owned(),
            Way::Sampled(how) => format!("{} futures", how.samples),
        };
        let shown = one.after.zip(one.change).map_or_else(
            || "no event is left to answer from".to_owned(),
            |(after, change)| {
                let (risk, error) = (change.risk, change.standard_error);
                format!("{after:.4}, changed by {risk:+.4} (error {error:.4}; {scale})")
            },
        );
        lines.push(format!("{}: {:.4} -> {shown}", one.task, one.before));
    }
    lines.push(String::new());
    lines.join("\n")
}
