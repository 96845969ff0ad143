//! `longitude label`: a task of the task language over a MEDS data set, as a table of labels.

use crate::failure::{Failure, Kind, not_over};
use crate::progress::print;
use crate::{interrupt, machine};
use anyhow::Result;
use longitude_core::SubjectId;
use longitude_store::pass::{OtherValue, PassColumns, PassRows, Shard, Width};
use longitude_store::{LabelColumns, LabelRow, LabelWriter, pass};
use longitude_tasks::{
    Cell, Context, Explanation, Labeller, Labels, Mode, Number, Ontology, Program, Row, Sample,
    Scattered, Source, Tally, Warning, compile, meant,
};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
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
    let program = program((&arguments.task, arguments.predicates.as_deref()), mode)?;
    let shards = pass::shards(&arguments.data)?;
    let context = context(arguments, &program)?;
    let columns = columns(&program, &shards)?;
    let job = Job {
        program: &program,
        context: &context,
        shards: &shards,
        columns: &columns,
    };
    let done = job.run(arguments)?;
    let mut warnings = program.warnings().to_vec();
    let codes = done.codes.iter().map(String::as_str);
    warnings.extend(done.tally.warnings(&program, &codes));
    warnings.extend(done.warnings);
    for warning in &warnings {
        eprintln!("warning: {warning}");
    }
    print(&summary(&program, &done.tally))?;
    if let Some(subject) = arguments.explain {
        print(&explained(subject, &done.explanations))?;
    }
    let seconds = start.elapsed().as_secs_f64().max(1e-9);
    let memory = machine::peak_memory_bytes().map_or(String::new(), |bytes| {
        format!(", peak memory {} MB", bytes >> 20)
    });
    eprintln!(
        "{:.0} events a second{memory}",
        done.tally.events as f64 / seconds
    );
    Ok(())
}

/// A compiled task file, with a file of predicates put over its own.
pub(crate) fn program((task, predicates): (&Path, Option<&Path>), mode: Mode) -> Result<Program> {
    let read = |path: &Path| {
        std::fs::read_to_string(path).map_err(|error| {
            let message = format!("cannot read {}: {error}", path.display());
            Failure::new(
                Kind::Input,
                message,
                "name a task file in YAML that is there",
            )
        })
    };
    let task = (task.display().to_string(), read(task)?);
    let predicates = match predicates {
        None => None,
        Some(path) => Some((path.display().to_string(), read(path)?)),
    };
    let source = Source {
        task: (&task.0, &task.1),
        predicates: predicates.as_ref().map(|(name, text)| (&**name, &**text)),
    };
    compile(&source, mode)
        .map_err(|error| Failure::new(Kind::Input, error.to_string(), error.mend).into())
}

fn context(arguments: &Arguments, program: &Program) -> Result<Context> {
    let explain = arguments.explain.map(SubjectId);
    let mut context = Context {
        explain,
        ..Context::default()
    };
    if program.mode() == Mode::Aces || !arguments.data.is_dir() {
        return Ok(context);
    }
    if !program.asks_descendants().is_empty() {
        let mut ontology = Ontology::default();
        for (code, parents) in pass::code_parents(&arguments.data)? {
            for parent in parents {
                ontology.add(&code, &parent);
            }
        }
        context.ontology = ontology;
    }
    let spans = pass::observations(&arguments.data)?.into_iter();
    context.observed = spans
        .filter_map(|(subject, span)| Some((subject, span.end?)))
        .collect();
    Ok(context)
}

/// The columns to read, once every file is seen to have those that the task names.
fn columns(program: &Program, shards: &[Shard]) -> Result<PassColumns> {
    for (name, place) in program.cells() {
        let lacking = shards
            .iter()
            .find(|shard| shard.columns().all(|column| column != name));
        if let Some(shard) = lacking {
            let message = format!(
                "{place}: the data has no column `{name}` ({})",
                shard.name()
            );
            let mend = meant(name, shard.columns());
            return Err(Failure::new(Kind::Input, message, mend).into());
        }
    }
    Ok(PassColumns {
        numbers: program.needs_values(),
        units: program.needs_units(),
        recorded: program.mode() == Mode::Strict,
        others: program
            .cells()
            .iter()
            .map(|(name, _)| name.clone())
            .collect(),
    })
}

struct Job<'a> {
    program: &'a Program,
    context: &'a Context,
    shards: &'a [Shard],
    columns: &'a PassColumns,
}

#[derive(Default)]
struct Done {
    tally: Tally,
    explanations: Vec<Explanation>,
    codes: BTreeSet<String>,
    warnings: Vec<Warning>,
}

/// A shard's labels, the codes in it, and whether its subjects' rows lay apart.
type Labelled = (Labels, BTreeSet<String>, bool);

impl Job<'_> {
    /// Labels shard after shard, several at once, and writes them in their order.
    fn run(&self, arguments: &Arguments) -> Result<Done> {
        let mut writer = LabelWriter::create(&arguments.to, self.label_columns())?;
        let threads = arguments.threads.clamp(1, self.shards.len().max(1));
        let next = AtomicUsize::new(0);
        let mut done = Done::default();
        let mut seen = Subjects::default();
        std::thread::scope(|scope| -> Result<()> {
            // Labels that are done out of turn wait below until theirs comes; rows never do.
            let (send, receive) = mpsc::sync_channel(threads);
            for _ in 0..threads {
                let (send, next) = (send.clone(), &next);
                scope.spawn(move || {
                    loop {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        let Some(shard) = self.shards.get(at) else {
                            break;
                        };
                        let labelled = self.shard(shard);
                        let failed = labelled.is_err();
                        if send.send((at, labelled)).is_err() || failed {
                            break;
                        }
                    }
                });
            }
            drop(send);
            let mut waiting = BTreeMap::new();
            let mut turn = 0;
            for (at, labelled) in receive {
                waiting.insert(at, labelled?);
                while let Some((labels, codes, apart)) = waiting.remove(&turn) {
                    let shard = &self.shards[turn];
                    self.write(&mut writer, &labels.samples)?;
                    seen.add(labels.subjects);
                    done.tally.add(&labels.tally);
                    done.explanations.extend(labels.explanations);
                    done.codes.extend(codes);
                    done.warnings.extend(apart.then(|| scattered(shard)));
                    turn += 1;
                }
            }
            Ok(())
        })?;
        done.warnings.extend(seen.split());
        writer.finish()?;
        Ok(done)
    }

    fn label_columns(&self) -> LabelColumns {
        match self.program.mode() {
            // es-aces writes all four, of which it fills one.
            Mode::Aces => LabelColumns {
                values: [true; 4],
                nullable: true,
            },
            Mode::Strict => LabelColumns {
                values: self.program.label_values(),
                nullable: false,
            },
        }
    }

    fn shard(&self, shard: &Shard) -> Result<Labelled> {
        let labeller = Labeller::new(self.program, self.context);
        match self.pass(shard, labeller) {
            Err(error) if error.is::<Apart>() => {
                let labeller = Labeller::gathering(self.program, self.context);
                let (labels, codes) = self.pass(shard, labeller)?;
                Ok((labels, codes, true))
            }
            passed => passed.map(|(labels, codes)| (labels, codes, false)),
        }
    }

    fn pass(
        &self,
        shard: &Shard,
        mut labeller: Labeller<'_>,
    ) -> Result<(Labels, BTreeSet<String>)> {
        let mut codes = BTreeSet::new();
        shard.pass(self.columns, |rows| -> Result<()> {
            interrupt::check()?;
            if let Some(new) = rows.new_codes() {
                for code in new {
                    if !codes.contains(code) {
                        codes.insert(code.to_owned());
                    }
                }
            }
            if let Some(new) = rows.new_codes() {
                labeller.codes(new);
            }
            let others = self.columns.others.len();
            let mut cells = Vec::with_capacity(others);
            for row in 0..rows.len() {
                let Some(subject) = rows.subject(row) else {
                    continue;
                };
                cells.clear();
                cells.extend((0..others).map(|column| cell(rows.other(column, row))));
                let lent = lent(rows, row, subject, &cells);
                labeller.row(&lent).map_err(|Scattered| Apart)?;
            }
            Ok(())
        })?;
        Ok((labeller.finish(), codes))
    }

    fn write(&self, writer: &mut LabelWriter, samples: &[Sample]) -> Result<()> {
        let categories = self.program.categories();
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
}

/// The rows of a subject do not lie together.
#[derive(Debug)]
struct Apart;

impl std::fmt::Display for Apart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a subject's rows do not lie together")
    }
}

impl std::error::Error for Apart {}

fn lent<'a>(rows: &'a PassRows, row: usize, subject: SubjectId, cells: &'a [Cell<'a>]) -> Row<'a> {
    Row {
        subject,
        time: rows.time(row),
        code: rows.code(row),
        number: rows.number(row).map(|number| match number {
            Width::Short(value) => Number::Short(value),
            Width::Long(value) => Number::Long(value),
        }),
        unit: rows.unit(row),
        recorded: rows.recorded(row),
        cells,
    }
}

fn cell(value: OtherValue<'_>) -> Cell<'_> {
    match value {
        OtherValue::Null => Cell::Null,
        OtherValue::Text(text) => Cell::Text(text),
        OtherValue::Int(value) => Cell::Int(value),
        OtherValue::Float(value) => Cell::Float(value),
        OtherValue::Bool(value) => Cell::Bool(value),
    }
}

/// Which subjects were in which files.
#[derive(Default)]
struct Subjects(Vec<SubjectId>);

impl Subjects {
    fn add(&mut self, subjects: Vec<SubjectId>) {
        self.0.extend(subjects);
    }

    fn split(mut self) -> Option<Warning> {
        self.0.sort_unstable();
        let twice = self.0.windows(2).filter(|pair| pair[0] == pair[1]).count();
        (twice > 0).then(|| Warning {
            kind: "subject in several files",
            place: None,
            text: format!(
                "{twice} subjects have rows in more than one file, and each file was labelled \
                 alone; `longitude validate` says which"
            ),
        })
    }
}

fn scattered(shard: &Shard) -> Warning {
    Warning {
        kind: "rows in disorder",
        place: None,
        text: format!(
            "{}: subjects' rows do not lie together, so the whole file was held in memory",
            shard.name()
        ),
    }
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
