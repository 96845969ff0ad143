//! `longitude evaluate`: any table of predictions in the MEDS prediction schema, judged.

mod calibrated;
pub(crate) mod checks;
mod compat;
mod other;
mod table;
mod text;

pub(crate) use table::{Asked, Table};
pub(crate) use text::text;

use crate::failure::{Failure, Kind, not_over};
use crate::machine;
use crate::pipeline::write_atomically;
use crate::progress::print;
use anyhow::Result;
use longitude_eval::{Evaluation, EvaluationInput, EvaluationOptions, Options};
use longitude_server::evaluation_html;
use std::path::{Path, PathBuf};

/// What `longitude evaluate` takes.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// A Parquet file of predictions, or a folder of them
    predictions: PathBuf,
    /// Another model's predictions of the same subjects and times: paired differences and tests;
    /// may be given several times
    #[arg(long, value_name = "OTHER.parquet", conflicts_with = "meds_compat")]
    against: Vec<PathBuf>,
    /// Predictions of tuning subjects by the same model, with their outcomes: the predictions are
    /// recalibrated by them (Venn-Abers) and get conformal sets; both are judged beside each other
    #[arg(long, value_name = "TUNING.parquet", conflicts_with_all = ["against", "meds_compat"])]
    calibrate_on: Option<PathBuf>,
    /// Where the recalibrated predictions go, with their intervals and sets
    #[arg(long, value_name = "OUT.parquet", requires = "calibrate_on")]
    to: Option<PathBuf>,
    /// A column of texts, in both files: sets that keep their promise in each of its groups
    #[arg(long, value_name = "COLUMN", requires = "calibrate_on")]
    calibrate_by: Option<String>,
    /// The share of outcomes that sets should hold, in each class; of values that predicted
    /// intervals should
    #[arg(long, default_value_t = 0.9)]
    coverage: f64,
    /// Print the evaluation as JSON
    #[arg(long)]
    json: bool,
    /// Write the evaluation as one HTML page
    #[arg(long, value_name = "FILE.html", conflicts_with = "meds_compat")]
    html: Option<PathBuf>,
    /// The metrics of meds-evaluation 0.0.6, as its JSON: its resampling, its unweighted
    /// calibration error
    #[arg(long)]
    meds_compat: bool,
    /// With --meds-compat: how many samples of each subject are drawn
    #[arg(long, default_value_t = 4, requires = "meds_compat")]
    samples_per_subject: u32,
    /// Columns of texts to group by, with all crossings of two (as a rule every column of texts
    /// with at most 20 values)
    #[arg(long, value_name = "COLUMN")]
    group: Vec<String>,
    /// Thresholds of an alert; gaps between groups are told at the first
    #[arg(long, default_values_t = [0.1, 0.2])]
    threshold: Vec<f64>,
    /// The sensitivity that a threshold is sought for
    #[arg(long, default_value_t = 0.8)]
    sensitivity: f64,
    /// The horizon in days, where the columns `followup_days` and `event_cause` (0 censored, 1 the
    /// outcome, more: a competing event) tell the follow-up
    #[arg(long, value_name = "DAYS")]
    horizon: Option<f64>,
    /// Patient-days that the predictions cover, for alerts a patient-day
    #[arg(long, value_name = "DAYS")]
    patient_days: Option<f64>,
    /// Resamples of subjects for the intervals
    #[arg(long, default_value_t = 200)]
    resamples: u32,
    /// The seed of the resampling
    #[arg(long, default_value_t = 0)]
    seed: u32,
    /// Threads; they change no number [default: the machine's cores]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
}

const AFTER_HELP: &str = "\
The table: subject_id, prediction_time, boolean_value, predicted_boolean_probability (empty where
the model abstains); further columns of texts are groups. Values: float_value or integer_value with
predicted_float_value or predicted_integer_value (and predicted_low, predicted_high). Classes:
categorical_value with predicted_categorical_probability//CLASS. docs/evaluation.md defines every
number.
Exit code 3: a table that cannot be judged; the message names file, row and mend.

Examples:
  longitude evaluate predictions.parquet --html report.html
  longitude evaluate ours.parquet --against theirs.parquet --against score.parquet --json
  longitude evaluate predictions.parquet --horizon 365
  longitude evaluate held_out.parquet --calibrate-on tuning.parquet --to new.parquet
  longitude evaluate predictions.parquet --meds-compat";

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    if arguments.meds_compat {
        return compat::run(arguments);
    }
    let options = options(arguments)?;
    if let Some(page) = &arguments.html {
        not_over(page, &files(arguments))?;
    }
    if other::run(arguments, &options.intervals)? {
        return Ok(());
    }
    if let Some(tuning) = &arguments.calibrate_on {
        return calibrated::run(arguments, tuning, &options);
    }
    let table = Table::read(&Asked {
        title: None,
        files: files(arguments),
        groups: &arguments.group,
        horizon: arguments.horizon,
    })?;
    let evaluation = judged(&table, &options, arguments.horizon)?;
    if let Some(path) = &arguments.html {
        write_atomically(path, evaluation_html(&evaluation, &table.notes).as_bytes())?;
    }
    print(&if arguments.json {
        json(&evaluation, &table.notes)?
    } else {
        text(&evaluation, &table.notes)
    })
}

fn files(arguments: &Arguments) -> Vec<&Path> {
    let others = arguments.against.iter();
    std::iter::once(&arguments.predictions)
        .chain(others)
        .map(PathBuf::as_path)
        .collect()
}

/// The models of a table, judged on the rows that all of them answered.
pub(crate) fn judged(
    table: &Table,
    options: &EvaluationOptions,
    horizon: Option<f64>,
) -> Result<Evaluation> {
    let followed = table.followed(horizon)?;
    let input = EvaluationInput {
        title: &table.title,
        subjects: &table.subjects,
        times: &table.times,
        labels: &table.labels,
        models: &table.models,
        groups: &table.groups,
        followed,
        left_out: &table.left_out,
    };
    Ok(longitude_eval::evaluate(&input, options)?)
}

/// The evaluation as JSON, with what was done with the tables.
pub(crate) fn json(evaluation: &Evaluation, notes: &[String]) -> Result<String> {
    let mut whole = serde_json::to_value(evaluation)?;
    whole["notes"] = serde_json::json!(notes);
    Ok(format!("{whole:#}\n"))
}

fn options(arguments: &Arguments) -> Result<EvaluationOptions, Failure> {
    let refuse = |what: &str, mend: &str| Err(Failure::new(Kind::Input, what, mend));
    let inside = |share: f64| share > 0.0 && share < 1.0;
    if !inside(arguments.coverage) {
        return refuse(
            "--coverage is not between 0 and 1",
            "give a share, for example 0.9",
        );
    }
    if !arguments.threshold.iter().all(|&t| inside(t)) {
        return refuse("--threshold is not between 0 and 1", "give a probability");
    }
    if !(arguments.sensitivity > 0.0 && arguments.sensitivity <= 1.0) {
        return refuse("--sensitivity is not above 0 and at most 1", "give a share");
    }
    let positive = |days: Option<f64>| days.is_none_or(|days| days.is_finite() && days > 0.0);
    if !positive(arguments.horizon) || !positive(arguments.patient_days) {
        return refuse("--horizon and --patient-days are days above 0", "give days");
    }
    Ok(EvaluationOptions {
        intervals: Options {
            seed: u64::from(arguments.seed),
            resamples: arguments.resamples,
        },
        thresholds: arguments.threshold.clone(),
        sensitivity: arguments.sensitivity,
        patient_days: arguments.patient_days,
        threads: machine::threads(arguments.threads),
    })
}
