//! `longitude privacy`: what an attacker's scores give away of those a model learnt from, against
//! the limits of the release gate. Who attacks, and how, is the caller's part.

use crate::commands::evaluate::checks::{not_empty, present, refuse, rows_where};
use crate::failure::{Failure, Kind};
use crate::progress::print;
use anyhow::Result;
use longitude_eval::privacy::{GateItem, canaries, closer_to_training, extraction, membership};
use longitude_store::{Predictions, read_predictions};
use serde_json::json;
use std::path::PathBuf;

/// What `longitude privacy` takes.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// A Parquet file of records with what the attacker made of them, or a folder of them
    scores: PathBuf,
    /// Verbatim reproductions of canaries that were found in generated records
    #[arg(long, value_name = "N", default_value_t = 0)]
    reproduced: u64,
    /// Print as JSON
    #[arg(long)]
    json: bool,
    /// End with exit code 4 unless every limit holds
    #[arg(long)]
    gate: bool,
}

const AFTER_HELP: &str = "\
One row a record (subject_id, prediction_time), and columns by attack; what is there is judged:
  member (true where learnt from) with score (higher: more likely learnt from) or with loss (the
      model's loss of the record; the attack by loss of Yeom et al. 2018, section 3)
  canary_inserted with exposure (bits)
  recall with control_recall (of sensitive codes, and for the matched record)
  distance_to_training with distance_to_held_out (of each sampled future)
docs/evaluation.md names the limits. A passed attack is no proof that nothing leaks.

Examples:
  longitude privacy losses.parquet
  longitude privacy attacks.parquet --gate --json";

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    present(&arguments.scores)?;
    let read = read_predictions(&arguments.scores, true)?;
    not_empty(&read, &arguments.scores)?;
    let items = items(&read, arguments.reproduced)?;
    if items.is_empty() {
        let message = format!("{}: no column of an attack", arguments.scores.display());
        let mend = "give `member` and `score`, or another pair that --help names";
        return Err(Failure::new(Kind::Input, message, mend).into());
    }
    let passed = items.iter().all(|item| item.passed == Some(true));
    print(&if arguments.json {
        let rows = read.subjects.len();
        format!(
            "{:#}\n",
            json!({ "rows": rows, "passed": passed, "items": items })
        )
    } else {
        items.iter().map(line).collect()
    })?;
    if arguments.gate && !passed {
        let message = "a limit of the release gate does not hold, or has no number";
        let mend = "do not release this model; see what is printed above";
        return Err(Failure::new(Kind::Verification, message, mend).into());
    }
    Ok(())
}

fn items(read: &Predictions, reproduced: u64) -> Result<Vec<GateItem>, Failure> {
    let has = |name: &str| read.numbers.contains_key(name);
    let mut items = Vec::new();
    if read.booleans.contains_key("member") {
        let members = flags(read, "member")?;
        let scores = if has("score") {
            numbers(read, "score")?
        } else {
            // A record that the model finds likelier is likelier learnt from.
            numbers(read, "loss")?
                .into_iter()
                .map(|loss| -loss)
                .collect()
        };
        items.extend(membership(&members, &scores));
    }
    if read.booleans.contains_key("canary_inserted") {
        let pairs = flags(read, "canary_inserted")?;
        let exposures = numbers(read, "exposure")?;
        let side = |wanted: bool| -> Vec<f64> {
            let rows = pairs.iter().zip(&exposures);
            rows.filter(|(inserted, _)| **inserted == wanted)
                .map(|(_, &bits)| bits)
                .collect()
        };
        items.extend(canaries(&side(true), &side(false), reproduced));
    }
    if has("recall") {
        items.push(extraction(
            &numbers(read, "recall")?,
            &numbers(read, "control_recall")?,
        ));
    }
    if has("distance_to_training") {
        let [training, held_out] =
            ["distance_to_training", "distance_to_held_out"].map(|name| numbers(read, name));
        items.push(closer_to_training(&training?, &held_out?));
    }
    Ok(items)
}

fn numbers(read: &Predictions, name: &str) -> Result<Vec<f64>, Failure> {
    let mend = "give each row of the attack its number";
    let column = read
        .numbers
        .get(name)
        .ok_or_else(|| absent(read, name, mend))?;
    let bad = |value: &Option<f64>| !value.is_some_and(f64::is_finite);
    refuse(
        read,
        &rows_where(column, bad),
        &format!("no `{name}` that is a number"),
        mend,
    )?;
    Ok(column.iter().flatten().copied().collect())
}

fn flags(read: &Predictions, name: &str) -> Result<Vec<bool>, Failure> {
    let mend = "say of each row whether it is one";
    let column = read
        .booleans
        .get(name)
        .ok_or_else(|| absent(read, name, mend))?;
    refuse(
        read,
        &rows_where(column, Option::is_none),
        &format!("no `{name}`"),
        mend,
    )?;
    Ok(column.iter().flatten().copied().collect())
}

fn absent(read: &Predictions, name: &str, mend: &str) -> Failure {
    let message = format!("{}: no column `{name}`", read.place(0).0.display());
    Failure::new(Kind::Input, message, mend)
}

fn line(item: &GateItem) -> String {
    let verdict = match item.passed {
        Some(true) => "passed",
        Some(false) => "FAILED",
        None => "no number",
    };
    let value = item.value.map_or_else(
        || item.reason.clone().unwrap_or_default(),
        |value| format!("{value:.4}"),
    );
    format!("{verdict}: {}: {value} (limit {})\n", item.item, item.limit)
}
