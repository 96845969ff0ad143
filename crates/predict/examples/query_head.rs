//! The query head beside sampled futures and boosted counts, on the held-out subjects of one
//! synthetic hospital: AUROC, Brier score, calibration slope and time an answer, none of them
//! calibrated; and what training with the head costs in nats and time. Not the known truth.
//!
//! `cargo xtask bench query [PATIENTS] [STEPS] [SAMPLED_SUBJECTS_MAX] [WEIGHT]`

use longitude_baseline::{Example, Kind};
use longitude_core::{CodeMatch, Days, Digest, Instant, Label, Predicate, Split, Task, Timeline};
use longitude_deid::{Deidentified, Deidentifier, Key, Options as Deidentification, TextPolicy};
use longitude_eval::{auroc, brier, recalibrate};
use longitude_hospital::{Options as Hospital, patient, tasks, timeline};
use longitude_model::{Config, Device, Model, Preset};
use longitude_predict::{
    AbstainOptions, Asked, Engine, Fitted, IndexOptions, PopulationBuilder, SampleOptions,
    index_time,
};
use longitude_tokens::{Tokens, Vocabulary, VocabularyBuilder, VocabularyOptions, encode};
use longitude_train::{
    Control, EvaluateOptions, Losses, Options, Part, TrainData, evaluate_queries, marginal_model,
    sizes, train,
};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Instant as Clock;

type Result<T = (), E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

fn main() -> Result {
    let mut numbers = std::env::args().skip(1);
    let mut next = |usual: &str| numbers.next().unwrap_or_else(|| usual.to_owned());
    let (patients, steps): (u32, u64) = (next("10000").parse()?, next("1500").parse()?);
    let (sampled, weight): (usize, f64) = (next("1000").parse()?, next("1").parse()?);
    let world = World::new(patients)?;
    let (with, without) = world.train(steps, weight)?;
    drop(without);
    world.compare(with, sampled)
}

struct World {
    records: Vec<Deidentified<Timeline>>,
    vocabulary: Arc<Vocabulary>,
    index: IndexOptions,
    tasks: Vec<Task>,
}

impl World {
    fn new(patients: u32) -> Result<Self> {
        let options = Hospital {
            patients,
            ..Hospital::standard()
        };
        let how = Deidentification {
            notes: TextPolicy::Blank,
            ..Deidentification::expert_determination(180)
        };
        let boundary = Deidentifier::new(&Key::from_bytes([7; 32]), &how);
        let record = |i| boundary.timeline(timeline(&patient(&options, i))).0;
        let records: Vec<_> = (0..patients).map(record).collect();
        let mut builder = VocabularyBuilder::new(VocabularyOptions::with_subjects_min(20));
        let learn = || of(&records, Split::Train);
        learn().for_each(|one| builder.observe(one));
        let vocabulary = Arc::new(builder.finish()?);
        let index = IndexOptions::fit(1, learn());
        say(&format!("{patients} patients, {} codes", vocabulary.len()));
        let mut tasks = tasks();
        tasks.push(union());
        Ok(Self {
            records,
            vocabulary,
            index,
            tasks,
        })
    }

    /// Trains for the same steps with the query head and without, and says what both cost.
    fn train(&self, steps: u64, weight: f64) -> Result<(Model, Model)> {
        let mut data = TrainData::new(&self.vocabulary)?;
        for one in &self.records {
            let subject = one.get().subject();
            if let Some(part) = Part::of(subject, Split::of(subject)) {
                data.push(part, one);
            }
        }
        let config = Config::preset(Preset::Tiny, sizes(&self.vocabulary)?);
        let options = |config| {
            let mut options = Options::for_shape(config, steps, 1);
            options.patience = 0;
            options.queries.weight = weight;
            options
        };
        let (with, without) = (options(config.clone().with_queries()), options(config));
        let marginal = self.nats(&marginal_model(&data, &with)?, &with)?;
        say(&format!("marginals: {}", told(&marginal)));
        let go = |options: &Options, name: &str| -> Result<Model> {
            let started = Clock::now();
            let trained = train(&data, options, &mut |_| Control::Continue)?;
            let seconds = started.elapsed().as_secs_f64();
            let held_out = told(&self.nats(&trained.model, options)?);
            say(&format!(
                "{name}: {held_out}; {steps} steps in {seconds:.0} s"
            ));
            Ok(trained.model)
        };
        let without = go(&without, "without the head")?;
        Ok((go(&with, "with the head")?, without))
    }

    fn nats(&self, model: &Model, options: &Options) -> Result<Losses> {
        let tokens: Vec<Tokens> = of(&self.records, Split::HeldOut)
            .map(|one| encode(&self.vocabulary, one))
            .collect();
        let how = EvaluateOptions {
            batch_tokens: options.batch_tokens,
            overlap_positions: options.overlap_positions,
            kernels: options.kernels.clone(),
            threads: 1,
        };
        Ok(evaluate_queries(model, &tokens, &self.vocabulary, &how)?)
    }

    fn rows(&self, split: Split) -> Vec<(&Timeline, Instant)> {
        let row = |one| Some((one, index_time(one, &self.index)?));
        of(&self.records, split).filter_map(row).collect()
    }

    fn compare(&self, model: Model, sampled: usize) -> Result {
        let fitted = Fitted {
            calibrations: BTreeMap::new(),
            population: PopulationBuilder::new(&self.vocabulary, &[]).finish(),
            abstain: AbstainOptions::research(),
            pooled: BTreeMap::new(),
        };
        let (model, vocabulary) = (Arc::new(model), Arc::clone(&self.vocabulary));
        let engine = Engine::new(&model, vocabulary, fitted, Digest::of(b""), Device::cpu(1))?;
        let rows = self.rows(Split::HeldOut);
        let ask = rows
            .iter()
            .map(|(timeline, at)| Asked { timeline, at: *at });
        let asked: Vec<Asked<'_>> = ask.collect();
        let started = Clock::now();
        let queried = engine.query_many(&asked, &self.tasks)?;
        let query_ms = 1e3 * started.elapsed().as_secs_f64() / asked.len() as f64;
        let some = &asked[..sampled.min(asked.len())];
        let started = Clock::now();
        let raws = engine.raw_many(some, &self.tasks, &SampleOptions::research(1))?;
        let sample_ms = 1e3 * started.elapsed().as_secs_f64() / some.len().max(1) as f64;
        say(&format!(
            "{} held-out subjects, {} tasks in one go: query head {query_ms:.2} ms a subject, \
             64 futures {sample_ms:.1} ms ({} subjects)",
            asked.len(),
            self.tasks.len(),
            some.len()
        ));
        say("task                      n  yes   member    AUROC   Brier  slope");
        for (number, task) in self.tasks.iter().enumerate() {
            let counts = self.counts(task, &rows);
            let head = |i: usize| queried[i][number].as_ref().map(|one| one.risk);
            let pool = |i: usize| Some(raws.get(i)?[number].estimate.clamp(0.0, 1.0));
            judge(task, &rows, ("query", &head));
            judge(task, &rows, ("query*", &|i| pool(i).and(head(i))));
            judge(task, &rows, ("sampled*", &pool));
            judge(task, &rows, ("counts", &|i| Some(counts.as_ref()?[i])));
        }
        say("*: the subjects that were sampled for");
        Ok(())
    }

    /// Boosted counts, fitted on the training subjects at their prediction times.
    fn counts(&self, task: &Task, rows: &[(&Timeline, Instant)]) -> Option<Vec<f64>> {
        let learn = self.rows(Split::Train);
        let stop = self.rows(Split::Tuning);
        let (train, tuning) = (labelled(task, &learn), labelled(task, &stop));
        let fitted = longitude_baseline::fit(Kind::Boosted, &train, &tuning, task, 1).ok()?;
        let examples: Vec<Example<'_>> = rows.iter().map(example).collect();
        Some(fitted.predict(&examples))
    }
}

/// Prints what one member's risks are worth for a task.
fn judge(
    task: &Task,
    rows: &[(&Timeline, Instant)],
    (member, risk): (&str, &dyn Fn(usize) -> Option<f64>),
) {
    let answered = rows
        .iter()
        .enumerate()
        .filter_map(|(i, (timeline, at))| Some((yes(task.label(timeline, *at))?, risk(i)?)));
    let (labels, risks): (Vec<bool>, Vec<f64>) = answered.unzip();
    let positives = labels.iter().filter(|label| **label).count();
    let number = |value: Option<f64>| value.map_or("-".to_owned(), |v| format!("{v:.4}"));
    say(&format!(
        "{:22} {:5} {positives:4}   {member:8} {:>6}  {:>6}  {:>6}",
        task.id,
        labels.len(),
        number(auroc(&labels, &risks).ok()),
        number(brier(&labels, &risks).ok()),
        number(recalibrate(&labels, &risks).ok().map(|fit| fit.slope)),
    ));
}

/// Any of five: a union over chapters.
fn union() -> Task {
    let starts = ["I50", "N18", "I21", "I63", "A41"];
    let begins = |prefix: &str| CodeMatch::Prefix {
        system: "ICD10CM".into(),
        prefix: prefix.into(),
    };
    Task {
        id: "any_of_five_1y".to_owned(),
        title: "Heart or kidney failure, infarction, stroke or sepsis within 1 year".to_owned(),
        outcome: Predicate {
            any_of: starts.map(begins).to_vec(),
        },
        horizon: Days(365.0),
        incident: false,
    }
}

fn example<'t>((timeline, at): &(&'t Timeline, Instant)) -> Example<'t> {
    Example {
        timeline,
        time: *at,
    }
}

fn labelled<'t>(task: &Task, rows: &[(&'t Timeline, Instant)]) -> Vec<(Example<'t>, bool)> {
    let label =
        |row: &(&'t Timeline, Instant)| Some((example(row), yes(task.label(row.0, row.1))?));
    rows.iter().filter_map(label).collect()
}

fn yes(label: Label) -> Option<bool> {
    match label {
        Label::Yes => Some(true),
        Label::No => Some(false),
        Label::Before | Label::Dead | Label::Censored => None,
    }
}

fn of(records: &[Deidentified<Timeline>], split: Split) -> impl Iterator<Item = &Timeline> {
    let inside = move |one: &&Timeline| Split::of(one.subject()) == split;
    records.iter().map(Deidentified::get).filter(inside)
}

fn told(losses: &Losses) -> String {
    let Some(nats) = losses.per_event() else {
        return "nothing to score".to_owned();
    };
    let query = nats
        .query
        .map_or("-".to_owned(), |query| format!("{query:.4}"));
    format!(
        "held out {:.4} nats an event, {query} a question",
        nats.learnt()
    )
}

fn say(line: &str) {
    // Nobody is left to tell when standard output is closed.
    drop(writeln!(std::io::stdout(), "{line}"));
}
