//! `longitude label`: a task of the task language over a MEDS data set, as a table of labels.

use crate::failure::not_over;
use crate::labelling::{self, Job, Texts};
use crate::machine;
use crate::progress::print;
use anyhow::Result;
use longitude_core::SubjectId;
use longitude_store::{LabelColumns, LabelRow, LabelWriter, pass};
use longitude_tasks::{Explanation, Mode, Program, Sample, Tally};
use std::path::{Path, PathBuf};
use std::time::Instant as Clock;

/// What `longitude label` takes.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// The task, YAML
    task: PathBuf,
    /// A file of predicates that are put over the task's own
    #[arg(long, value_name = "FILE")]
    predicates: Option<PathBuf>,
    /// The folder of the MEDS data set, or one file of it
    #[arg(long, value_name = "MEDS")]
    data: PathBuf,
    /// The table of labels to write; folders on the way are made
    #[arg(long, value_name = "FILE.parquet")]
    to: PathBuf,
    /// Give the rows of es-aces 0.7.3, its odd meanings included
    #[arg(long)]
    aces_compat: bool,
    /// Say of every trigger of a subject why it became a sample or none
    #[arg(long, value_name = "SUBJECT", allow_negative_numbers = true)]
    explain: Option<i64>,
    /// Threads; each holds one data file at a time
    #[arg(long, value_name = "N", default_value_t = 2)]
    threads: usize,
}

const AFTER_HELP: &str = "\
The language is that of ACES; docs/tasks.md says what it means without --aces-compat.

Examples:
  longitude label readmission.yaml --data meds --to readmission.parquet
  longitude label first_24h.yaml --predicates mimic.yaml --data meds --to labels.parquet \\
      --aces-compat
  longitude label readmission.yaml --data meds --to readmission.parquet --explain 10000032";

impl Arguments {
    /// The labels of a task in the strict meaning, without an explanation.
    pub(crate) fn strict(task: &Path, predicates: Option<&Path>, data: &Path, to: &Path) -> Self {
        Self {
            task: task.to_owned(),
            predicates: predicates.map(Path::to_owned),
            data: data.to_owned(),
            to: to.to_owned(),
            aces_compat: false,
            explain: None,
            threads: machine::threads(None),
        }
    }
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let start = Clock::now();
    let mode = if arguments.aces_compat {
        Mode::Aces
    } else {
        Mode::Strict
    };
    let inputs = [
        Some(&arguments.task),
        arguments.predicates.as_ref(),
        Some(&arguments.data),
    ];
    let inputs: Vec<&Path> = inputs.into_iter().flatten().map(PathBuf::as_path).collect();
    not_over(&arguments.to, &inputs)?;
    let program = Texts::read(&arguments.task, arguments.predicates.as_deref())?.compile(mode)?;
    let shards = pass::shards(&arguments.data)?;
    let explain = arguments.explain.map(SubjectId);
    let context = labelling::context(&arguments.data, explain, &program)?;
    let columns = labelling::columns(&program, &shards)?;
    let job = Job {
        program: &program,
        context: &context,
        shards: &shards,
        columns: &columns,
        asks: false,
    };
    let mut writer = LabelWriter::create(&arguments.to, label_columns(&program))?;
    let done = job.run(arguments.threads, |labels| {
        write(&mut writer, &program, &labels.samples)
    })?;
    writer.finish()?;
    for warning in &done.warnings(&program) {
        eprintln!("warning: {warning}");
    }
    print(&summary(&program, done.tally()))?;
    if let Some(subject) = arguments.explain {
        print(&explained(subject, &done.explanations))?;
    }
    let seconds = start.elapsed().as_secs_f64().max(1e-9);
    let memory = machine::peak_memory_bytes().map_or(String::new(), |bytes| {
        format!(", peak memory {} MB", bytes >> 20)
    });
    eprintln!(
        "{:.0} events a second{memory}",
        done.tally().events as f64 / seconds
    );
    Ok(())
}

fn label_columns(program: &Program) -> LabelColumns {
    match program.mode() {
        // es-aces writes all four, of which it fills one.
        Mode::Aces => LabelColumns {
            values: [true; 4],
            nullable: true,
        },
        Mode::Strict => LabelColumns {
            values: program.label_values(),
            nullable: false,
        },
    }
}

fn write(writer: &mut LabelWriter, program: &Program, samples: &[Sample]) -> Result<()> {
    let categories = program.categories();
    for sample in samples {
        let category = sample.category.and_then(|at| categories.get(at as usize));
        writer.push(&LabelRow {
            subject: sample.subject,
            prediction_time: sample.prediction_time,
            boolean: sample.boolean,
            integer: sample.integer,
            float: sample.float,
            category: category.map(String::as_str),
        })?;
    }
    Ok(())
}

fn summary(program: &Program, tally: &Tally) -> String {
    let mut text = format!(
        "{} samples of {} triggers, {} subjects, {} events\n",
        tally.samples, tally.triggers, tally.subjects, tally.events
    );
    let [boolean, ..] = program.label_values();
    if boolean && tally.samples > 0 {
        let share = 100.0 * tally.positive as f64 / tally.samples as f64;
        text.push_str(&format!(
            "{} with the outcome ({share:.3} %)\n",
            tally.positive
        ));
    }
    if tally.filtered > 0 {
        text.push_str(&format!(
            "{} subjects left out by demographics\n",
            tally.filtered
        ));
    }
    for (reason, count) in tally.reasons(program) {
        text.push_str(&format!("{count} triggers dropped: {reason}\n"));
    }
    text
}

fn explained(subject: i64, explanations: &[Explanation]) -> String {
    if explanations.is_empty() {
        return format!(
            "subject {subject}: the trigger never holds, or there is no such subject\n"
        );
    }
    let mut text = String::new();
    for one in explanations {
        match one.trigger {
            Some(time) => text.push_str(&format!("subject {subject}, trigger at {time}\n")),
            None => text.push_str(&format!("subject {subject}\n")),
        }
        for line in &one.lines {
            text.push_str(&format!("  {line}\n"));
        }
    }
    text
}
