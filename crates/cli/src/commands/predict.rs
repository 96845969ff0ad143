//! `longitude predict`: any task of the task language to a calibrated risk with its uncertainty,
//! what it rests on and a receipt, for everybody in a data set whom the task asks about.
//!
//! Who is asked and what is answered is decided by what is known up to the prediction time. The
//! label is written beside the answer where the data know it, and changes none.

mod answer;
mod fit;
mod futures;
mod job;
mod line;
mod members;
mod question;
mod tables;

use crate::failure::{Failure, Kind, not_over};
use crate::progress::print;
use anyhow::Result;
use job::Job;
use longitude_core::Split;
use members::Estimator;
use std::path::{Path, PathBuf};

/// What `longitude predict` takes.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// The run folder, whose signed model answers
    #[arg(long)]
    run: PathBuf,
    /// The task, YAML
    #[arg(long, value_name = "TASK.yaml")]
    task: PathBuf,
    /// A file of predicates that are put over the task's own
    #[arg(long, value_name = "FILE")]
    predicates: Option<PathBuf>,
    /// The MEDS data set of those who are asked about [default: the run's own]
    #[arg(long, value_name = "MEDS")]
    data: Option<PathBuf>,
    /// Ask only about subjects of this split of the data set: train, tuning or held_out
    #[arg(long, value_parser = split)]
    split: Option<Split>,
    /// The table of predictions to write
    #[arg(long, value_name = "OUT.parquet")]
    to: PathBuf,
    /// The JSON lines to write [default: OUT.jsonl]
    #[arg(long, value_name = "OUT.jsonl")]
    jsonl: Option<PathBuf>,
    /// Sampled futures of each row [default: the run's]
    #[arg(long)]
    samples: Option<u32>,
    /// Events of a sampled future, at most [default: the run's]
    #[arg(long)]
    events_max: Option<u32>,
    /// The seed [default: the run's]
    #[arg(long)]
    seed: Option<u64>,
    /// How futures are read where the task is one question
    #[arg(long, value_enum, default_value_t = Estimator::Scope)]
    estimator: Estimator,
    /// How many days futures go on where only an event ends a window
    #[arg(long, value_name = "DAYS", default_value_t = 365.0)]
    until_max_days: f64,
    /// Decide whom to act on: the share of false acts, at most, over all acts
    #[arg(long, value_name = "SHARE")]
    act_level: Option<f64>,
    /// Find what the answers of this many rows rest on, from the first row on
    #[arg(long, value_name = "ROWS", default_value_t = 0)]
    evidence: usize,
    /// Write nothing: make all predictions again and say whether the files hold the same bytes
    #[arg(long)]
    check: bool,
    /// The institution's folder of keys [default: ~/.longitude/institution]
    #[arg(long)]
    institution: Option<PathBuf>,
    /// The file with the passphrase of locked keys
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

const AFTER_HELP: &str = "\
The task is written in the language of ACES (docs/tasks.md), its label a yes or no. Four members
answer: the query head, sampled futures, and two models on counts that are fitted on the run's
training subjects. Tuning subjects weigh and calibrate them; what was fitted is kept in the run and
used again. Where a task is not one question to the model, sampled futures are labelled by the
task's own program. docs/predict.md says what stands in the table and in the lines.

Examples:
  longitude predict --run RUN --task death_30d.yaml --to death_30d.parquet --split held_out
  longitude predict --run RUN --task stay.yaml --predicates site.yaml --data meds --to stay.parquet
  longitude predict --run RUN --task death_30d.yaml --to death_30d.parquet --split held_out --check";

fn split(text: &str) -> Result<Split, String> {
    let found = Split::ALL
        .into_iter()
        .find(|split| split.to_string() == text);
    found.ok_or_else(|| "write train, tuning or held_out".to_owned())
}

impl Arguments {
    fn lines(&self) -> PathBuf {
        let beside = || self.to.with_extension("jsonl");
        self.jsonl.clone().unwrap_or_else(beside)
    }

    /// Refuses what cannot be meant.
    fn refuse(&self) -> Result<(), Failure> {
        let refuse = |message: &str, mend: &str| Err(Failure::new(Kind::Input, message, mend));
        if self.samples.is_some_and(|samples| samples < 2) || self.events_max == Some(0) {
            return refuse(
                "--samples or --events-max is too small",
                "take 2 or more, and 1 or more",
            );
        }
        if !(self.until_max_days > 0.0 && self.until_max_days <= 36_525.0) {
            return refuse(
                "--until-max-days lies outside a day's part and a century",
                "give the days that futures may go on, as 365",
            );
        }
        if self
            .act_level
            .is_some_and(|level| !(level > 0.0 && level < 1.0))
        {
            return refuse(
                "--act-level is no share",
                "give the largest share of false acts between 0 and 1, as 0.2",
            );
        }
        if self.lines() == self.to {
            return refuse(
                "the JSON lines would be written over the table",
                "name another file with --jsonl",
            );
        }
        let inputs = [
            Some(&self.task),
            self.predicates.as_ref(),
            self.data.as_ref(),
        ];
        let inputs: Vec<&Path> = inputs.into_iter().flatten().map(PathBuf::as_path).collect();
        not_over(&self.to, &inputs)?;
        not_over(&self.lines(), &inputs)
    }
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    arguments.refuse()?;
    let job = Job::open(arguments)?;
    let asked = job.asked()?;
    let fitted = job.fitted()?;
    let answered = job.answer(&asked, &fitted)?;
    let files = tables::Files::of(&job, &fitted, &answered)?;
    if arguments.check {
        files.compare(&arguments.to, &arguments.lines())?;
    } else {
        files.write(&arguments.to, &arguments.lines())?;
        job.receipt(&fitted, &files)?;
    }
    print(&answer::summary(&job, &fitted, &answered, arguments.check))
}
