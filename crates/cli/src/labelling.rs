//! A task of the task language over the files of a MEDS data set: what `longitude label` and
//! `longitude predict` share. Rows are passed over file by file; labels come out in the files'
//! order, whatever the threads.

use crate::failure::{Failure, Kind};
use crate::interrupt;
use anyhow::Result;
use longitude_core::SubjectId;
use longitude_store::pass::{self, OtherValue, PassColumns, PassRows, Shard, Width};
use longitude_tasks::{
    Cell, Context, Explanation, Labeller, Labels, Mode, Number, Ontology, Program, Row, Scattered,
    Source, Tally, Warning, compile, meant,
};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

/// The texts of a task file and of the predicates put over its own, with their names.
#[derive(Debug)]
pub(crate) struct Texts {
    /// The task.
    pub(crate) task: (String, String),
    /// The predicates.
    pub(crate) predicates: Option<(String, String)>,
}

impl Texts {
    /// Reads both.
    pub(crate) fn read(task: &Path, predicates: Option<&Path>) -> Result<Self> {
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
        Ok(Self {
            task: (task.display().to_string(), read(task)?),
            predicates: match predicates {
                None => None,
                Some(path) => Some((path.display().to_string(), read(path)?)),
            },
        })
    }

    /// The compiled task.
    pub(crate) fn compile(&self, mode: Mode) -> Result<Program> {
        let predicates = self.predicates.as_ref();
        let source = Source {
            task: (&self.task.0, &self.task.1),
            predicates: predicates.map(|(name, text)| (&**name, &**text)),
        };
        compile(&source, mode)
            .map_err(|error| Failure::new(Kind::Input, error.to_string(), error.mend).into())
    }
}

/// What labelling a data set needs to know beside the task.
pub(crate) fn context(
    data: &Path,
    explain: Option<SubjectId>,
    program: &Program,
) -> Result<Context> {
    let mut context = Context {
        explain,
        ..Context::default()
    };
    if program.mode() == Mode::Aces || !data.is_dir() {
        return Ok(context);
    }
    if !program.asks_descendants().is_empty() {
        context.ontology = ontology(data)?;
    }
    let spans = pass::observations(data)?.into_iter();
    context.observed = spans
        .filter_map(|(subject, span)| Some((subject, span.end?)))
        .collect();
    Ok(context)
}

/// What stands above the codes of a data set.
fn ontology(data: &Path) -> Result<Ontology> {
    let mut ontology = Ontology::default();
    for (code, parents) in pass::code_parents(data)? {
        for parent in parents {
            ontology.add(&code, &parent);
        }
    }
    Ok(ontology)
}

/// The columns to read, once every file is seen to have those that the task names.
pub(crate) fn columns(program: &Program, shards: &[Shard]) -> Result<PassColumns> {
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

/// A task with the files that it is asked of.
#[derive(Debug)]
pub(crate) struct Job<'a> {
    /// The task.
    pub(crate) program: &'a Program,
    /// What is known beside it.
    pub(crate) context: &'a Context,
    /// The files.
    pub(crate) shards: &'a [Shard],
    /// The columns to read.
    pub(crate) columns: &'a PassColumns,
    /// Whether to tell also who is asked about, whatever came later.
    pub(crate) asks: bool,
}

/// What came of all files, beside the labels.
#[derive(Debug, Default)]
pub(crate) struct Done {
    tally_of: Tally,
    /// Why triggers of the asked subject were kept or dropped.
    pub(crate) explanations: Vec<Explanation>,
    codes: BTreeSet<String>,
    warnings: Vec<Warning>,
}

impl Done {
    /// What was counted.
    pub(crate) fn tally(&self) -> &Tally {
        &self.tally_of
    }

    /// What is odd about the task, its labels or the files.
    pub(crate) fn warnings(&self, program: &Program) -> Vec<Warning> {
        let mut warnings = program.warnings().to_vec();
        let codes = self.codes.iter().map(String::as_str);
        warnings.extend(self.tally_of.warnings(program, &codes));
        warnings.extend(self.warnings.iter().cloned());
        warnings
    }
}

/// A shard's labels, the codes in it, and whether its subjects' rows lay apart.
type Labelled = (Labels, BTreeSet<String>, bool);

impl Job<'_> {
    /// Labels file after file, several at once, and hands them over in their order.
    pub(crate) fn run(
        &self,
        threads: usize,
        mut each: impl FnMut(&Labels) -> Result<()>,
    ) -> Result<Done> {
        let threads = threads.clamp(1, self.shards.len().max(1));
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
                    each(&labels)?;
                    seen.add(labels.subjects);
                    done.tally_of.add(&labels.tally);
                    done.explanations.extend(labels.explanations);
                    done.codes.extend(codes);
                    done.warnings.extend(apart.then(|| scattered(shard)));
                    turn += 1;
                }
            }
            Ok(())
        })?;
        done.warnings.extend(seen.split());
        Ok(done)
    }

    fn asking<'p>(&self, labeller: Labeller<'p>) -> Labeller<'p> {
        if self.asks {
            labeller.asking()
        } else {
            labeller
        }
    }

    fn shard(&self, shard: &Shard) -> Result<Labelled> {
        let labeller = self.asking(Labeller::new(self.program, self.context));
        match self.pass(shard, labeller) {
            Err(error) if error.is::<Apart>() => {
                let labeller = self.asking(Labeller::gathering(self.program, self.context));
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
