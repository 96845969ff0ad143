//! `longitude fairness weights`: the inverse chance of having been looked at, as weights of
//! subjects.

use crate::failure::{Failure, Kind, not_over};
use crate::interrupt;
use crate::progress::print;
use anyhow::Result;
use longitude_baseline::{Example, Kind as Baseline, observation_weights};
use longitude_core::{Code, Days, Instant, Predicate, Split, Task, Timeline};
use longitude_predict::{IndexFit, index_time};
use longitude_store::{Dataset, LabelColumns, LabelRow, LabelWriter};
use std::path::{Path, PathBuf};

/// What `longitude fairness weights` takes.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// The folder of the MEDS data set
    meds: PathBuf,
    /// A code whose presence shows that somebody looked, as MEDS writes it; may be given more than
    /// once, any of them counts
    #[arg(long, value_name = "CODE", required = true)]
    looked_at: Vec<String>,
    /// Within so many days after the prediction time
    #[arg(long, value_name = "DAYS")]
    within: f64,
    /// The table to write, for `longitude train --weights`
    #[arg(long, value_name = "FILE.parquet")]
    to: PathBuf,
    /// The seed of prediction times and folds
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

const AFTER_HELP: &str = "\
Each subject of the splits train and tuning is asked about at one time. The chance that one of the
codes follows, given the history, comes from a logistic regression on counts that never saw the
subject (five folds). Who was looked at weighs the inverse of it, stabilised, truncated at
percentiles 1 and 99, with a mean of 1; who was not weighs 0: nothing can be learnt from a question
that nobody put. The table has the form of MEDS labels, with the weight as float_value.

Examples:
  longitude fairness weights shared --looked-at LOINC//2160-0 --within 1095 --to weights.parquet
  longitude train shared --model-dir model --weights weights.parquet";

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    if !(arguments.within.is_finite() && arguments.within > 0.0) {
        let mend = "give a number of days";
        return Err(Failure::new(Kind::Input, "--within must be above zero", mend).into());
    }
    not_over(&arguments.to, &[Path::new(&arguments.meds)])?;
    let data = Dataset::open(&arguments.meds)?;
    let rows = rows(&data, arguments)?;
    let looked: Vec<_> = rows
        .iter()
        .map(|row| {
            let example = Example {
                timeline: &row.history,
                time: row.at,
            };
            (example, row.was_looked_at)
        })
        .collect();
    let (_, weights) = observation_weights(
        Baseline::Logistic,
        &looked,
        &task(arguments),
        arguments.seed,
    )
    .map_err(|error| {
        let mend = "name codes that some subjects have within the days and others have not";
        Failure::new(Kind::Input, error.to_string(), mend)
    })?;
    let columns = LabelColumns {
        values: [true, false, true, false],
        nullable: false,
    };
    let mut table = LabelWriter::create(&arguments.to, columns)?;
    for (row, weight) in rows.iter().zip(&weights.weights) {
        #[expect(clippy::cast_possible_truncation, reason = "the schema's width")]
        let weight = weight.unwrap_or(0.0) as f32;
        table.push(&LabelRow {
            subject: row.history.subject(),
            prediction_time: Some(row.at),
            boolean: Some(row.was_looked_at),
            integer: None,
            float: Some(weight),
            category: None,
        })?;
    }
    table.finish()?;
    let (low, high) = weights.truncated_at;
    print(&format!(
        "{} subjects asked about, {:.1} % were looked at and count as {:.0}\n{} weights held between \
         {low:.3} and {high:.3} (percentiles 1 and 99)\n",
        rows.len(),
        100.0 * weights.observed_share,
        weights.effective,
        weights.truncated,
    ))
}

/// A subject at its prediction time.
struct Row {
    history: Timeline,
    at: Instant,
    was_looked_at: bool,
}

fn task(arguments: &Arguments) -> Task {
    let codes = arguments.looked_at.iter();
    let each = codes.flat_map(|code| Predicate::code(Code::from_meds(code)).any_of);
    Task {
        id: "looked_at".to_owned(),
        title: "Whether somebody looks".to_owned(),
        outcome: Predicate {
            any_of: each.collect(),
        },
        horizon: Days(arguments.within),
        incident: false,
    }
}

/// Subjects who were alive and observed to the end of the days, or whom somebody looked at before.
fn rows(data: &Dataset, arguments: &Arguments) -> Result<Vec<Row>> {
    let mut fit = IndexFit::new(arguments.seed);
    for timeline in data.timelines(Some(Split::Train)) {
        interrupt::check()?;
        fit.observe(&timeline?);
    }
    let (index, task) = (fit.finish(), task(arguments));
    let mut rows = Vec::new();
    for split in [Split::Train, Split::Tuning] {
        for timeline in data.timelines(Some(split)) {
            interrupt::check()?;
            let timeline = timeline?;
            let Some(at) = index_time(&timeline, &index) else {
                continue;
            };
            let was_looked_at = match task.label(&timeline, at) {
                longitude_core::Label::Yes => true,
                longitude_core::Label::No => false,
                longitude_core::Label::Censored
                | longitude_core::Label::Before
                | longitude_core::Label::Dead => continue,
            };
            let events = timeline.history(at).to_vec();
            rows.push(Row {
                history: Timeline::new(timeline.subject(), events, timeline.observation()),
                at,
                was_looked_at,
            });
        }
    }
    Ok(rows)
}
