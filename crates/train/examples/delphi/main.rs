//! Our model on Delphi's simulated people: trained, then asked the probability of each day and
//! code. `cases/model/delphi_reference.py` asks the same of the age-sex hazard and of Delphi, and
//! `cargo xtask bench delphi` runs all of them.
//!
//! `delphi DATA_DIR OUT_DIR [name=value]...`: the names are those of [`Choices`]. Prints JSON lines
//! and writes nats a subject to `OUT_DIR`.
#![expect(clippy::print_stdout, reason = "a program for the terminal")]

mod data;
mod score;

use data::{CODES, Person, Use};
use longitude_model::{AdamWOptions, Config};
use longitude_tokens::{Vocabulary, VocabularyBuilder, VocabularyOptions};
use longitude_train::{Control, Options, Part, TrainData, Trained, sizes, train};
use score::{Judge, RULES, Scored, Shares, Sums, mixture};
use serde_json::{Value, json};
use std::error::Error;
use std::path::{Path, PathBuf};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const INDEX_AGES: [f64; 3] = [50.0, 60.0, 70.0];
const DAYS_PER_YEAR: f64 = 365.25;

/// What may be chosen on the tuning subjects.
#[derive(Clone, Debug)]
struct Choices {
    name: String,
    system: String,
    subjects_min: u32,
    dim: usize,
    layers: usize,
    heads: usize,
    ffn: usize,
    epochs: f64,
    batch: usize,
    rate: f64,
    decay: f32,
    embedding_decay: f32,
    dropout: f64,
    edges: String,
    seeds: u64,
    held_out: bool,
    /// The share of the subjects to learn from that are learnt from.
    learn: f64,
}

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut folder = || {
        arguments
            .next()
            .map(PathBuf::from)
            .ok_or("DATA_DIR OUT_DIR")
    };
    let (from, to) = (folder()?, folder()?);
    let choices = Choices::read(arguments)?;
    std::fs::create_dir_all(&to)?;
    let codes = data::codes(&from, &choices.system)?;
    let mut people = data::people(&from, &codes)?;
    people.retain(|one| one.used_for() != Use::Learn || one.share() < choices.learn);
    let vocabulary = vocabulary(&choices, &people)?;
    let learnt = people.iter().filter(|one| one.used_for() == Use::Learn);
    let shares = Shares::new(&vocabulary, &codes, learnt);
    let data = train_data(&vocabulary, &people)?;
    let mut models = Vec::new();
    let mut tuned = Vec::new();
    for seed in 1..=choices.seeds {
        let trained = fit(&choices, &data, seed)?;
        let (positions, steps) = (trained.record.tokens, trained.record.steps_done);
        let mut judge = Judge::new(&trained.model, &vocabulary, &shares)?;
        let all = judged(&mut judge, &people, Use::Tune)?;
        let tuning = sums(&people, Use::Tune, &all, 0).per_event();
        println!(
            "{}",
            json!({
                "name": choices.name, "seed": seed, "parameters": trained.model.parameters(),
                "positions": positions, "steps": steps, "best_step": trained.record.best_step,
                "tuning": tuning, "vocabulary": vocabulary.len(), "cpu_seconds": cpu_seconds(),
            })
        );
        tuned.push(all);
        models.push((trained, judge));
    }
    let mixed = sums(&people, Use::Tune, &mixtures(&tuned), 0).per_event();
    println!("{}", json!({"name": choices.name, "mixture": mixed}));
    if choices.held_out {
        held_out(&choices, &people, &mut models, &to)?;
    }
    Ok(())
}

impl Choices {
    fn read(arguments: impl Iterator<Item = String>) -> Result<Self> {
        let mut c = Self {
            name: "longitude".to_owned(),
            system: "ICD10CM".to_owned(),
            subjects_min: 2,
            dim: 96,
            layers: 2,
            heads: 4,
            ffn: 0,
            epochs: 15.0,
            batch: 1024,
            rate: 2e-3,
            decay: 0.1,
            embedding_decay: 0.0,
            dropout: 0.0,
            edges: "years".to_owned(),
            seeds: 1,
            held_out: false,
            learn: 1.0,
        };
        for argument in arguments {
            let (name, value) = argument.split_once('=').ok_or("name=value")?;
            match name {
                "name" => value.clone_into(&mut c.name),
                "system" => value.clone_into(&mut c.system),
                "subjects_min" => c.subjects_min = value.parse()?,
                "dim" => c.dim = value.parse()?,
                "layers" => c.layers = value.parse()?,
                "heads" => c.heads = value.parse()?,
                "ffn" => c.ffn = value.parse()?,
                "epochs" => c.epochs = value.parse()?,
                "batch" => c.batch = value.parse()?,
                "rate" => c.rate = value.parse()?,
                "decay" => c.decay = value.parse()?,
                "embedding_decay" => c.embedding_decay = value.parse()?,
                "dropout" => c.dropout = value.parse()?,
                "edges" => value.clone_into(&mut c.edges),
                "seeds" => c.seeds = value.parse()?,
                "learn" => c.learn = value.parse()?,
                "held_out" => c.held_out = value.parse()?,
                _ => return Err(format!("no choice is called {name}").into()),
            }
        }
        Ok(c)
    }

    /// Inner edges of the wait bins in days. A wait is a whole number of days here: bins below a
    /// day would stand empty, and the wait for the first disease is a matter of decades.
    fn wait_edges(&self) -> Vec<f32> {
        let years = |years: f32| years * 365.25;
        match self.edges.as_str() {
            "few" => [0.25, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 48.0]
                .map(years)
                .to_vec(),
            "default" => Config::wait_edges(24),
            _ => [
                0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 11.0, 15.0, 20.0, 25.0, 30.0,
                35.0, 40.0, 45.0, 50.0, 55.0, 60.0,
            ]
            .map(years)
            .to_vec(),
        }
    }
}

fn vocabulary(choices: &Choices, people: &[Person]) -> Result<Vocabulary> {
    let options = VocabularyOptions::with_subjects_min(choices.subjects_min);
    let mut builder = VocabularyBuilder::new(options);
    for person in people.iter().filter(|one| one.used_for() == Use::Learn) {
        builder.observe(person.timeline()?.get());
    }
    Ok(builder.finish()?)
}

fn train_data(vocabulary: &Vocabulary, people: &[Person]) -> Result<TrainData> {
    let mut data = TrainData::new(vocabulary)?;
    for person in people {
        match person.used_for() {
            Use::Learn => data.push(Part::Learn, person.timeline()?),
            Use::Tune => data.push(Part::EarlyStop, person.timeline()?),
            Use::HeldOut => {}
        }
    }
    Ok(data)
}

fn fit(choices: &Choices, data: &TrainData, seed: u64) -> Result<Trained> {
    let shape = (choices.dim, choices.layers, choices.heads);
    let mut config = Config::shaped(shape, 96, sizes(data.vocabulary())?);
    config.wait_edges_days = choices.wait_edges();
    if choices.ffn > 0 {
        config.ffn = choices.ffn;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "few steps"
    )]
    let steps = (choices.epochs * data.events(Part::Learn) as f64 / choices.batch as f64) as u64;
    let options = Options {
        batch_tokens: choices.batch,
        learning_rate: choices.rate,
        tuning_every: (steps / 30).max(1),
        adamw: AdamWOptions {
            weight_decay: choices.decay,
            embedding_decay: choices.embedding_decay,
            ..AdamWOptions::default()
        },
        patience: 6,
        event_dropout: choices.dropout,
        ..Options::for_shape(config, steps, seed)
    };
    let trained = train(data, &options, &mut |_| Control::Continue)?;
    let curve = trained
        .record
        .tuning
        .iter()
        .map(|p| (p.step, p.nats.learnt()));
    let curve: Vec<String> = curve.map(|(s, nats)| format!("{s}:{nats:.3}")).collect();
    println!("# {}", curve.join(" "));
    Ok(trained)
}

fn judged(judge: &mut Judge<'_>, people: &[Person], wanted: Use) -> Result<Vec<Scored>> {
    let chosen = people.iter().filter(|one| one.used_for() == wanted);
    chosen.map(|person| judge.score(person)).collect()
}

fn sums(people: &[Person], wanted: Use, scored: &[Scored], rule: usize) -> Sums {
    let mut sums = Sums::default();
    let chosen = people.iter().filter(|one| one.used_for() == wanted);
    chosen
        .zip(scored)
        .for_each(|(person, scored)| sums.add(person, scored, rule));
    sums
}

/// Of each person the mixture of all members.
fn mixtures(members: &[Vec<Scored>]) -> Vec<Scored> {
    let people = members.first().map_or(0, Vec::len);
    (0..people)
        .map(|i| mixture(&members.iter().map(|member| &member[i]).collect::<Vec<_>>()))
        .collect()
}

/// Writes the held-out subjects' nats of the first model and of the mixture of all.
fn held_out(
    choices: &Choices,
    people: &[Person],
    models: &mut [(Trained, Judge<'_>)],
    to: &Path,
) -> Result<()> {
    let mut members = Vec::new();
    for (_, judge) in models.iter_mut() {
        members.push(judged(judge, people, Use::HeldOut)?);
    }
    let positions: u64 = models
        .iter()
        .map(|(trained, _)| trained.record.tokens)
        .sum();
    let facts = |count: u64| {
        json!({
            "parameters": models[0].0.model.parameters() as u64 * count,
            "positions": if count == 1 { models[0].0.record.tokens } else { positions },
            "choices": format!("{choices:?}"), "cpu_seconds": cpu_seconds(),
        })
    };
    let name = &choices.name;
    write(to, name, facts(1), people, &members[0])?;
    if members.len() > 1 {
        let name = format!("{name}-mixture");
        write(to, &name, facts(choices.seeds), people, &mixtures(&members))?;
    }
    let mut risks = Vec::new();
    for age in INDEX_AGES {
        for person in people.iter().filter(|one| one.used_for() == Use::HeldOut) {
            let rates = models[0].1.rates(person, age * DAYS_PER_YEAR)?;
            assert_eq!(rates.len(), CODES);
            #[expect(clippy::cast_possible_truncation, reason = "written as f32")]
            risks.extend(rates.iter().flat_map(|rate| (*rate as f32).to_le_bytes()));
        }
    }
    std::fs::write(to.join(format!("{name}.risks")), risks)?;
    Ok(())
}

fn write(to: &Path, name: &str, mut all: Value, people: &[Person], of: &[Scored]) -> Result<()> {
    let mut each = json!({});
    all["name"] = json!(name);
    for (i, rule) in RULES.into_iter().enumerate() {
        let sums = sums(people, Use::HeldOut, of, i);
        all[rule] = sums.per_event();
        each[rule] = json!(sums);
    }
    println!("{all}");
    all["sums"] = each;
    std::fs::write(to.join(format!("{name}.json")), all.to_string())?;
    Ok(())
}

/// Processor seconds of this process so far; 0 where the system does not tell.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after = stat.rsplit(')').next().unwrap_or_default();
    let ticks = |i: usize| -> f64 {
        let field = after.split_whitespace().nth(i);
        field.and_then(|text| text.parse().ok()).unwrap_or(0.0)
    };
    (ticks(11) + ticks(12)) / 100.0
}
