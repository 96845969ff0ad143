//! `longitude baseline`: what simpler models make of a task. The task is labelled, members learn on
//! the train subjects, choose on the tuning ones and answer for the held-out ones; all of them, and
//! anybody's predictions of the same task, go through `longitude evaluate`.

mod members;
mod subjects;

use crate::commands::evaluate::{Asked, Table, json, judged, text};
use crate::commands::label;
use crate::failure::{Failure, Kind};
use crate::pipeline::write_atomically;
use crate::progress::print;
use crate::reading::site_table;
use crate::{interrupt, machine};
use anyhow::{Context, Result};
use longitude_eval::{Evaluation, EvaluationOptions, Options};
use longitude_server::evaluation_html;
use longitude_units::Analytes;
use members::{Made, Member};
use std::fs;
use std::path::{Path, PathBuf};
use subjects::Subjects;

/// What `longitude baseline` takes.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// The task, YAML
    #[arg(long, value_name = "TASK.yaml", required_unless_present = "labels")]
    task: Option<PathBuf>,
    /// Labels that are made already, in place of a task
    #[arg(long, value_name = "LABELS.parquet", conflicts_with_all = ["task", "predicates"])]
    labels: Option<PathBuf>,
    /// A file of predicates that are put over the task's own
    #[arg(long, value_name = "FILE")]
    predicates: Option<PathBuf>,
    /// The folder of the MEDS data set
    #[arg(long, value_name = "MEDS")]
    data: PathBuf,
    /// The folder to write: predictions of each member, report.json, report.html
    #[arg(long, value_name = "FOLDER")]
    to: PathBuf,
    /// Predictions of the same task by another model, ours or anybody's; may be given several
    /// times. The first is the one that all others are compared with
    #[arg(long, value_name = "PREDICTIONS.parquet")]
    against: Vec<PathBuf>,
    /// The site's own table of analytes (TOML, see docs/units.md) beside the shipped one: which
    /// codes are the inputs of scores
    #[arg(long, value_name = "FILE")]
    units: Option<PathBuf>,
    /// Thresholds of an alert; gaps between groups are told at the first
    #[arg(long, default_values_t = [0.1, 0.2])]
    threshold: Vec<f64>,
    /// Resamples of subjects for the intervals
    #[arg(long, default_value_t = 200)]
    resamples: u32,
    /// The seed of the resampling and of the trees
    #[arg(long, default_value_t = 0)]
    seed: u32,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

const AFTER_HELP: &str = "\
Members: age and sex (shares with the outcome), NEWS2, qSOFA, SIRS, the physiology of SAPS II and
Charlson's index where the data hold their inputs (points become risks by a logistic recalibration
on the tuning subjects), logistic regression, and gradient boosting on counts and numbers in windows
of 24 hours, 30 days, 365 days and ever. What cannot be made is named with its reason.
docs/baseline.md says more.

Examples:
  longitude baseline --task readmission.yaml --data meds --to baselines
  longitude baseline --task readmission.yaml --predicates mimic.yaml --data meds --to baselines \\
      --against ours.parquet --against theirs.parquet";

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let options = options(arguments)?;
    let analytes = match &arguments.units {
        None => Analytes::shipped().clone(),
        Some(path) => site_table(path)?.0,
    };
    new_folder(&arguments.to)?;
    let labels = labels(arguments)?;
    let subjects = Subjects::read(&arguments.data, &labels)?;
    interrupt::check()?;
    let name = name(arguments);
    let seed = u64::from(arguments.seed);
    let members = members::members(&subjects, &analytes, &name, seed)?;
    let files = members::write(&members, &subjects, &arguments.to.join("predictions"))?;
    let files: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
    let others = arguments.against.iter().map(PathBuf::as_path);
    let mut table = Table::read(&Asked {
        title: Some(format!("Baselines of {name}")),
        files: files.into_iter().chain(others).collect(),
        groups: &[],
        horizon: None,
    })?;
    // Those that were brought stand first: they are what is put to the test.
    table.models.rotate_right(arguments.against.len());
    table.notes.extend(members.iter().filter_map(Member::told));
    let evaluation = judged(&table, &options, None)?;
    write(arguments, &evaluation, &table, &members)
}

fn write(
    arguments: &Arguments,
    evaluation: &Evaluation,
    table: &Table,
    members: &[Member],
) -> Result<()> {
    let mut whole: serde_json::Value = serde_json::from_str(&json(evaluation, &table.notes)?)?;
    whole["members"] = serde_json::to_value(members)?;
    let whole = format!("{whole:#}\n");
    write_atomically(&arguments.to.join("report.json"), whole.as_bytes())?;
    let page = evaluation_html(evaluation, &table.notes);
    write_atomically(&arguments.to.join("report.html"), page.as_bytes())?;
    print(&if arguments.json {
        whole
    } else {
        let made = members
            .iter()
            .filter(|member| matches!(member.made, Made::Risks(_)));
        let folder = arguments.to.display();
        format!(
            "{}\n{folder}: {} tables of predictions, report.json, report.html\n",
            text(evaluation, &table.notes),
            made.count()
        )
    })
}

/// What the task is called.
fn name(arguments: &Arguments) -> String {
    let path = arguments.task.as_ref().or(arguments.labels.as_ref());
    let stem = path.and_then(|path| path.file_stem());
    stem.map_or_else(
        || "a task".to_owned(),
        |stem| stem.to_string_lossy().into_owned(),
    )
}

/// Where the labels are, made of the task where they are not brought.
fn labels(arguments: &Arguments) -> Result<PathBuf> {
    let Some(task) = &arguments.task else {
        let brought = arguments.labels.clone();
        return brought.context("neither --task nor --labels");
    };
    let to = arguments.to.join("labels.parquet");
    let predicates = arguments.predicates.as_deref();
    label::run(&label::Arguments::strict(
        task,
        predicates,
        &arguments.data,
        &to,
    ))?;
    Ok(to)
}

/// The folder, which is not there yet or empty.
fn new_folder(folder: &Path) -> Result<()> {
    let mut entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let made = fs::create_dir_all(folder);
            return made.with_context(|| format!("cannot make {}", folder.display()));
        }
        Err(error) => return Err(error).with_context(|| folder.display().to_string()),
    };
    if entries.next().is_none() {
        return Ok(());
    }
    let message = format!("{} is there and not empty", folder.display());
    Err(Failure::new(Kind::Busy, message, "name a new folder, or empty this one").into())
}

fn options(arguments: &Arguments) -> Result<EvaluationOptions, Failure> {
    if !arguments.threshold.iter().all(|&t| t > 0.0 && t < 1.0) {
        let what = "--threshold is not between 0 and 1";
        return Err(Failure::new(Kind::Input, what, "give a probability"));
    }
    Ok(EvaluationOptions {
        intervals: Options {
            seed: u64::from(arguments.seed),
            resamples: arguments.resamples,
        },
        thresholds: arguments.threshold.clone(),
        sensitivity: 0.8,
        patient_days: None,
        threads: machine::threads(None),
    })
}
