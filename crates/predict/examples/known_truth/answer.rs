//! The answers of each member on the rows of the stack (tuning subjects of the learning draw, at
//! several times each) or of a fresh draw (at the index date): query head, sampled futures, counts.

use crate::files::{Table, narrow};
use crate::learn;
use crate::world::{Case, Part, World, label, tasks};
use crate::{Result, Settings, say};
use longitude_baseline::{Example, Kind};
use longitude_core::{Digest, Instant, Task, Timeline};
use longitude_model::{Device, Level};
use longitude_predict::{AbstainOptions, Asked, Engine, Fitted, PopulationBuilder, SampleOptions};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A record at a prediction time.
pub(crate) struct Row {
    pub(crate) number: u32,
    pub(crate) timeline: Arc<Timeline>,
    pub(crate) at: Instant,
    pub(crate) planned: Instant,
}

impl Row {
    pub(crate) fn asked(&self) -> Asked<'_> {
        Asked {
            timeline: &self.timeline,
            at: self.at,
        }
    }

    fn example(&self) -> Example<'_> {
        Example {
            timeline: &self.timeline,
            time: self.at,
        }
    }

    fn label(&self, task: &Task) -> Option<bool> {
        label(&self.timeline, self.at, self.planned, task)
    }
}

/// `name=stack` asks the tuning subjects of the draw that was learnt from; any other name the
/// patients of a draw at their index dates. `seed` and `patients` are those of that draw.
pub(crate) fn answer(settings: &Settings) -> Result {
    let tasks = tasks(settings);
    let stack = settings.name == "stack";
    let rows = if stack {
        rows(settings, |case| drawn(case, Part::Stack, settings.draws))?
    } else {
        fresh(settings)?
    };
    let columns: Vec<String> = tasks.iter().map(|task| task.id.clone()).collect();
    let mut known = Table::new([&["number".to_owned()][..], &columns[..]].concat());
    for row in &rows {
        known.data.push(narrow(f64::from(row.number)));
        let yes = |label| f32::from(u8::from(label));
        let labels = tasks
            .iter()
            .map(|task| row.label(task).map_or(f32::NAN, yes));
        known.data.extend(labels);
    }
    say(&format!("{}: {} rows", settings.name, rows.len()));
    let write = |table: &Table, member: &str| {
        table.write(&settings.dir, &format!("{}.{member}", settings.name))
    };
    write(&known, "rows")?;
    for kind in [Kind::Boosted, Kind::AgeSex] {
        if stack {
            fit_baseline(settings, &tasks, kind)?;
        }
        write(&baseline(settings, &rows, (&tasks, kind))?, kind.name())?;
    }
    let engine = engine(settings)?;
    if engine.has_queries() {
        write(&queried(&engine, &rows, &tasks)?, "query")?;
    }
    if settings.sampled > 0 {
        write(&sampled(settings, &engine, &rows, &tasks)?, "sampled")?;
    }
    Ok(())
}

/// The patients of a draw at their index dates.
pub(crate) fn fresh(settings: &Settings) -> Result<Vec<Row>> {
    rows(settings, |case| case.index.into_iter().collect())
}

fn rows(settings: &Settings, times: impl Fn(&Case) -> Vec<Instant> + Sync) -> Result<Vec<Row>> {
    let world = World::new(settings, 0)?;
    let mut rows = Vec::new();
    world.each(
        |case| {
            let times = times(&case);
            (case, times)
        },
        |(case, times)| {
            let (number, planned) = (case.number, case.planned);
            let timeline = Arc::new(case.record.into_inner());
            rows.extend(times.into_iter().map(|at| Row {
                number,
                timeline: Arc::clone(&timeline),
                at,
                planned,
            }));
            Ok(())
        },
    )?;
    Ok(rows)
}

/// The index date first, where it is, then drawn ones.
fn drawn(case: &Case, part: Part, draws: u64) -> Vec<Instant> {
    if case.part() != part {
        return Vec::new();
    }
    let index = case.index.into_iter();
    index
        .chain((1..draws).filter_map(|draw| case.drawn(draw)))
        .collect()
}

pub(crate) fn engine(settings: &Settings) -> Result<Engine> {
    let (vocabulary, model) = learn::read(&settings.dir)?;
    let fitted = Fitted {
        calibrations: BTreeMap::new(),
        population: PopulationBuilder::new(&vocabulary, &[]).finish(),
        abstain: AbstainOptions::research(),
        pooled: BTreeMap::new(),
    };
    let device = Device {
        level: Level::named(&settings.kernels).unwrap_or_else(Level::best),
        threads: settings.threads,
    };
    let (model, vocabulary) = (Arc::new(model), Arc::new(vocabulary));
    Ok(Engine::new(
        &model,
        vocabulary,
        fitted,
        Digest([0; 32]),
        device,
    )?)
}

/// Every row by the query head.
fn queried(engine: &Engine, rows: &[Row], tasks: &[Task]) -> Result<Table> {
    let asked: Vec<Asked<'_>> = rows.iter().map(Row::asked).collect();
    let mut table = Table::new(tasks.iter().map(|task| task.id.clone()).collect());
    for chunk in asked.chunks(4096) {
        for answers in engine.query_many(chunk, tasks)? {
            let risks = answers
                .iter()
                .map(|answer| answer.as_ref().map(|one| one.risk));
            table
                .data
                .extend(risks.map(|risk| risk.map_or(f32::NAN, narrow)));
        }
        say(&format!("queried {} of {}", table.rows(), asked.len()));
    }
    Ok(table)
}

/// The first rows by sampled futures; the rest are not-a-number.
fn sampled(settings: &Settings, engine: &Engine, rows: &[Row], tasks: &[Task]) -> Result<Table> {
    let asked: Vec<Asked<'_>> = rows.iter().take(settings.sampled).map(Row::asked).collect();
    let how = SampleOptions {
        events_max: 512,
        ..SampleOptions::research(settings.seed)
    };
    let mut table = Table::new(tasks.iter().map(|task| task.id.clone()).collect());
    for chunk in asked.chunks(256) {
        for raws in engine.raw_many(chunk, tasks, &how)? {
            table
                .data
                .extend(raws.iter().map(|raw| narrow(raw.estimate.clamp(0.0, 1.0))));
        }
        say(&format!("sampled {} of {}", table.rows(), asked.len()));
    }
    table.data.resize(rows.len() * tasks.len(), f32::NAN);
    Ok(table)
}

/// Where a fitted baseline of a task is kept.
fn fitted_path(settings: &Settings, task: &Task, kind: Kind) -> std::path::PathBuf {
    settings
        .dir
        .join(format!("{}.{}.json", kind.name(), task.id))
}

/// Fits a baseline on the learning subjects, task by task, those that are not there yet.
fn fit_baseline(settings: &Settings, tasks: &[Task], kind: Kind) -> Result {
    let path = |task: &Task| fitted_path(settings, task, kind);
    let missing: Vec<&Task> = tasks.iter().filter(|task| !path(task).exists()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let learn = rows(settings, |case| drawn(case, Part::Learn, settings.draws))?;
    let stop = rows(settings, |case| {
        drawn(case, Part::EarlyStop, settings.draws)
    })?;
    missing.par_iter().try_for_each(|task| {
        let examples = |rows: &'_ [Row]| -> Vec<(usize, bool)> {
            let numbered = rows.iter().enumerate();
            numbered
                .filter_map(|(at, row)| Some((at, row.label(task)?)))
                .collect()
        };
        let (train, tuning) = (examples(&learn), examples(&stop));
        let train: Vec<_> = train
            .iter()
            .map(|(at, yes)| (learn[*at].example(), *yes))
            .collect();
        let tuning: Vec<_> = tuning
            .iter()
            .map(|(at, yes)| (stop[*at].example(), *yes))
            .collect();
        match longitude_baseline::fit(kind, &train, &tuning, task, settings.seed) {
            Ok(fitted) => {
                std::fs::write(path(task), serde_json::to_vec(&fitted)?)?;
                say(&format!("{}: {kind} on {} rows", task.id, train.len()));
            }
            Err(error) => say(&format!("{}: no {kind}: {error}", task.id)),
        }
        Ok(())
    })
}

fn baseline(settings: &Settings, rows: &[Row], (tasks, kind): (&[Task], Kind)) -> Result<Table> {
    let examples: Vec<Example<'_>> = rows.iter().map(Row::example).collect();
    let mut table = Table::new(tasks.iter().map(|task| task.id.clone()).collect());
    table.data.resize(rows.len() * tasks.len(), f32::NAN);
    for (column, task) in tasks.iter().enumerate() {
        let Ok(bytes) = std::fs::read(fitted_path(settings, task, kind)) else {
            continue;
        };
        let fitted: longitude_baseline::Fitted = serde_json::from_slice(&bytes)?;
        for (start, chunk) in examples.chunks(8192).enumerate() {
            for (place, risk) in fitted.predict(chunk).into_iter().enumerate() {
                table.data[(start * 8192 + place) * tasks.len() + column] = narrow(risk);
            }
        }
    }
    Ok(table)
}
