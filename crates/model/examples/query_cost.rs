//! What the query head adds to a training step: processor time with and without, in turn, as a
//! ratio of medians. Questions as training puts them by default: eight at a sixteenth of the
//! positions, half of them of one code, the rest of up to 32.
//!
//! `cargo xtask bench query-step [ROUNDS]`
#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![allow(
    clippy::cast_possible_truncation,
    reason = "the ids of a benchmark are small"
)]

mod support;

use longitude_model::{
    Answer, Atom, Batch, Config, Device, Grads, Model, Preset, Query, Question, Sizes, Workspace,
};
use std::error::Error;
use std::sync::Arc;

type Result<T = (), E = Box<dyn Error>> = std::result::Result<T, E>;

fn main() -> Result {
    let rounds = std::env::args().nth(1).map_or(Ok(15), |n| n.parse())?;
    let tiny = |vocab| {
        let sizes = Sizes {
            vocab,
            groups: 64,
            value_bins: 16,
            vocabulary: String::new(),
        };
        Config::preset(Preset::Tiny, sizes)
    };
    measure("tiny, 1,000 codes", tiny(1000), (256, 8), rounds)?;
    measure("A: d 256, 4,096 codes", Config::shape_a(), (512, 2), rounds)?;
    measure("D: d 120, 1,300 codes", Config::shape_d(), (48, 40), rounds)
}

fn measure(name: &str, config: Config, shape: (usize, usize), rounds: usize) -> Result {
    let mut plain = Side::new(config.clone(), shape)?;
    let mut asked = Side::new(config.with_queries(), shape)?;
    let mut costs = Vec::new();
    for _ in 0..rounds {
        costs.push([plain.step()?, asked.step()?]);
    }
    let [without, with] = [0, 1].map(|side| {
        let mut of: Vec<f64> = costs.iter().map(|pair| pair[side]).collect();
        of.sort_by(f64::total_cmp);
        of[of.len() / 2]
    });
    println!(
        "{name}: {:.1} ms of one core without, {:.1} ms with {} questions to {} positions: {:.3}",
        1e3 * without,
        1e3 * with,
        asked.batch.queries().len(),
        asked.batch.positions(),
        with / without,
    );
    Ok(())
}

struct Side {
    model: Model,
    batch: Batch,
    space: Workspace,
    grads: Grads,
}

impl Side {
    fn new(config: Config, shape: (usize, usize)) -> Result<Self> {
        let vocab = config.vocab as u32;
        let model = support::model(config)?;
        let mut batch = support::batch(vocab as usize, shape)?;
        if model.config().has_queries() {
            let questions = (0..batch.positions() as u32).step_by(16);
            batch.ask(questions.flat_map(|at| (0..8).map(move |i| query(at, i, vocab))))?;
            batch.set_query_weight(1.0);
        }
        let device = Device::cpu(1);
        Ok(Self {
            space: Workspace::new(model.config(), batch.positions(), device)?,
            grads: Grads::new(&model),
            model,
            batch,
        })
    }

    /// Seconds of the processor that one pass forward and back takes.
    fn step(&mut self) -> Result<f64> {
        let before = processor_seconds()?;
        self.space
            .forward_backward(&self.model, &self.batch, &mut self.grads)?;
        Ok(processor_seconds()? - before)
    }
}

/// Four questions of one code, then unions of 2, 4, 8 and 32.
fn query(position: u32, i: u32, vocab: u32) -> Query {
    let members = [1, 1, 1, 1, 2, 4, 8, 32][i as usize];
    let first = 2 + (position * 31 + i * 97) % (vocab - 300);
    let predicate: Arc<[Atom]> = (0..members).map(|m| Atom::code(first + 9 * m)).collect();
    Query {
        position,
        question: Question {
            elapsed_days: f64::from(i % 2) * 3.0,
            predicate,
            competing: [Atom::code(1)].into(),
        },
        answer: match i % 3 {
            0 => Answer::Predicate(40.0),
            1 => Answer::Competing(300.0),
            _ => Answer::Censored(2000.0),
        },
    }
}

/// What all threads of this process have had of the processor.
fn processor_seconds() -> Result<f64> {
    let mut nanoseconds = 0.0;
    for task in std::fs::read_dir("/proc/self/task")? {
        let text = std::fs::read_to_string(task?.path().join("schedstat"))?;
        let first = text.split_whitespace().next().ok_or("an empty schedstat")?;
        nanoseconds += first.parse::<f64>()?;
    }
    Ok(nanoseconds / 1e9)
}
