//! The query head against a plain statement of its formulas in f64, against differences of its
//! loss, and in a decoder.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::float_cmp,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, its numbers are small, and equal bits are what it asks"
)]

mod support;

use longitude_model::{
    Answer, Atom, Batch, Config, Decoder, Device, Error, Grads, Incidence, Input, Level, Model,
    Query, Question, Target, Workspace,
};
use std::sync::Arc;
use support::{Random, batch, codes, marginals};

/// A small model with a query head, all weights away from their start.
fn model(seed: u64) -> Model {
    let mut config = support::config().with_queries();
    config.query_dim = 12;
    config.query_edges_days = vec![1.0, 7.0, 30.0, 400.0];
    let codes = codes(&config);
    let mut model = Model::new(config, codes, seed).unwrap();
    let marginals = marginals(model.config(), seed);
    model.set_marginals(&marginals).unwrap();
    let mut random = Random(seed);
    model
        .weights_mut()
        .iter_mut()
        .for_each(|w| *w += 0.15 * random.centred());
    let base = vec![-2.0; model.config().vocab * 4];
    let base: Vec<f32> = base.iter().map(|b| b + random.centred()).collect();
    model.set_query_base(&base).unwrap();
    model
}

/// A set of up to four codes, some with ranges of bins, none of those in `but`.
fn atoms(config: &Config, random: &mut Random, but: &[Atom], least: usize) -> Arc<[Atom]> {
    let mut ids: Vec<u32> = (0..least + random.below(4))
        .map(|_| random.below(config.vocab) as u32)
        .filter(|id| but.iter().all(|atom| atom.code != *id))
        .collect();
    ids.sort_unstable();
    ids.dedup();
    let atom = |id: u32| match random.below(3) {
        0 => Atom {
            bin_first: 2,
            ..Atom::code(id)
        },
        1 => Atom {
            bin_last: 1 + random.below(3) as u16,
            bin_first: 1,
            ..Atom::code(id)
        },
        _ => Atom::code(id),
    };
    ids.into_iter().map(atom).collect()
}

/// Two queries at every fifth position, of every kind of answer, some on an edge or at once.
fn ask(model: &Model, batch: &mut Batch, seed: u64) {
    let (config, mut random) = (model.config(), Random(seed));
    let mut queries = vec![];
    for position in (0..batch.positions() as u32).step_by(5) {
        for _ in 0..2 {
            let predicate = atoms(config, &mut random, &[], 1);
            let competing = atoms(config, &mut random, &predicate, 0);
            let days = match random.below(4) {
                0 => 7.0,
                1 => 3000.0 * random.uniform(),
                _ => 40.0 * random.uniform(),
            };
            let answer = match random.below(3) {
                0 => Answer::Predicate(days),
                1 if !competing.is_empty() => Answer::Competing(days),
                _ => Answer::Censored(days),
            };
            let elapsed_days = 20.0 * random.uniform() * random.below(2) as f64;
            queries.push(Query {
                position,
                question: Question {
                    elapsed_days,
                    predicate,
                    competing,
                },
                answer,
            });
        }
    }
    batch.ask(queries).unwrap();
}

// The formulas once more, one query at a time, in f64.

struct Plain<'a>(&'a Model);

impl Plain<'_> {
    fn weight(&self, name: &str) -> Vec<f64> {
        let weight = self.0.weight(name).unwrap();
        weight.iter().map(|w| f64::from(*w)).collect()
    }

    /// `y = x w` with w `[inputs, outputs]`.
    fn map(&self, name: &str, x: &[f64]) -> Vec<f64> {
        let w = self.weight(name);
        let outputs = w.len() / x.len();
        (0..outputs)
            .map(|o| (0..x.len()).map(|i| x[i] * w[i * outputs + o]).sum())
            .collect()
    }

    fn vector(&self, atoms: &[Atom]) -> Vec<f64> {
        let (d, n) = (self.0.config().dim, atoms.len() as f64);
        let mut sum = vec![0.0; d];
        let mut add = |table: &str, row: usize, share: f64| {
            let table = self.weight(table);
            (0..d).for_each(|i| sum[i] += share * table[row * d + i] / n);
        };
        for atom in atoms {
            add("embedding.code", atom.code as usize, 1.0);
            for group in self.0.codes().groups[atom.code as usize] {
                if group > 0 {
                    add("embedding.group", group as usize, 1.0);
                }
            }
            if atom.bin_first > 0 || atom.bin_last < u16::MAX {
                let last = usize::from(atom.bin_last).min(self.0.config().value_bins);
                let bins = usize::from(atom.bin_first.max(1))..=last;
                let share = 1.0 / bins.clone().count() as f64;
                bins.for_each(|bin| add("embedding.value_bin", bin, share));
            }
        }
        sum
    }

    fn base(&self, atoms: &[Atom], j: usize) -> f64 {
        let (table, bins) = (
            self.weight("query.base"),
            self.0.config().query_edges_days.len(),
        );
        let odds = atoms.iter().map(|atom| {
            let has = f64::from(self.0.codes().value_bins[atom.code as usize]);
            let bounded = atom.bin_first > 0 || atom.bin_last < u16::MAX;
            let taken = f64::from(atom.bin_last).min(has) - f64::from(atom.bin_first) + 1.0;
            let share = if bounded && has > 0.0 {
                (taken.max(1.0) / has).min(1.0)
            } else {
                1.0
            };
            share * table[atom.code as usize * bins + j].exp()
        });
        odds.sum::<f64>().ln()
    }

    fn features(question: &Question, events: &[Input]) -> Vec<f64> {
        let now = events[events.len() - 1].time_days + question.elapsed_days;
        let span = now - events[0].time_days;
        let times = |atoms: &[Atom]| -> Vec<f64> {
            let holds = |e: &&Input| atoms.iter().any(|a| a.holds(e.code, e.value_bin));
            events
                .iter()
                .filter(holds)
                .map(|e| now - e.time_days)
                .collect()
        };
        let [asked, other] = [&question.predicate, &question.competing].map(|side| times(side));
        let fading = |days: f64| asked.last().map_or(0.0, |since| (-since / days).exp());
        let flag = |yes: bool| f64::from(u8::from(yes));
        let elapsed = question.elapsed_days;
        vec![
            (1.0 + elapsed).ln() / 4.0,
            (1.0 + elapsed * 1440.0).ln() / 8.0,
            flag(elapsed == 0.0),
            (1.0 + events.len() as f64).ln() / 8.0,
            (1.0 + span).ln() / 8.0,
            (question.predicate.len() as f64).ln() / 4.0,
            (1.0 + question.competing.len() as f64).ln() / 4.0,
            flag(!asked.is_empty()),
            asked.last().map_or(0.0, |since| (1.0 + since).ln() / 8.0),
            (1.0 + asked.len() as f64).ln() / 4.0,
            ((asked.len() as f64 + 0.1) / (span + 30.0)).ln() / 8.0,
            fading(30.0),
            fading(365.0),
            flag(!other.is_empty()),
            other.last().map_or(0.0, |since| (1.0 + since).ln() / 8.0),
            (1.0 + other.len() as f64).ln() / 4.0,
        ]
    }

    /// Hazards of both kinds in each bin, from the hidden state.
    fn hazards(&self, question: &Question, events: &[Input], h: &[f64]) -> Vec<[f64; 2]> {
        let m = self.0.config().query_dim;
        let add = |a: Vec<f64>, b: Vec<f64>| -> Vec<f64> {
            a.iter().zip(&b).map(|(a, b)| a + b).collect()
        };
        let a = add(self.map("query.state", h), self.weight("query.state_bias"));
        let mut asked = self.vector(&question.predicate);
        asked.extend(if question.competing.is_empty() {
            vec![0.0; h.len()]
        } else {
            self.vector(&question.competing)
        });
        let modulation = self.map("query.asked", &asked);
        let numbers = self.map("query.features", &Self::features(question, events));
        let silu = |z: f64| z / (1.0 + (-z).exp());
        let u: Vec<f64> = (0..m)
            .map(|i| silu(a[i] * (1.0 + modulation[i]) + modulation[m + i] + numbers[i]))
            .collect();
        let logits = add(self.map("query.out", &u), self.weight("query.bias"));
        let bins = logits.len() / 2;
        (0..bins)
            .map(|j| {
                let one = (logits[j] + self.base(&question.predicate, j)).exp();
                let two = if question.competing.is_empty() {
                    0.0
                } else {
                    (logits[bins + j] + self.base(&question.competing, j)).exp()
                };
                [one, two].map(|odds| odds / (1.0 + one + two))
            })
            .collect()
    }

    fn nats(&self, hazards: &[[f64; 2]], answer: Answer) -> f64 {
        let (mut start, mut nats) = (0.0, 0.0);
        for (hazard, end) in hazards.iter().zip(&self.0.config().query_edges_days) {
            let (end, stays) = (f64::from(*end), 1.0 - hazard[0] - hazard[1]);
            match answer {
                Answer::Predicate(days) if days <= end => return nats - hazard[0].ln(),
                Answer::Competing(days) if days <= end => return nats - hazard[1].ln(),
                Answer::Censored(days) if days <= end => {
                    return nats - stays.ln() * (days - start) / (end - start);
                }
                Answer::Predicate(_) | Answer::Competing(_) | Answer::Censored(_) => {
                    nats -= stays.ln();
                }
            }
            start = end;
        }
        nats
    }
}

fn segment_of(batch: &Batch, position: u32) -> &[Input] {
    let starts = batch.starts();
    let segment = starts.partition_point(|start| *start <= position) - 1;
    &batch.inputs()[starts[segment] as usize..=position as usize]
}

#[test]
fn the_loss_is_that_of_the_formulas() {
    let model = model(11);
    let mut batch = batch(&model, &[7, 1, 64, 13], 5);
    ask(&model, &mut batch, 9);
    let plain = Plain(&model);
    for level in Level::available() {
        let device = Device { level, threads: 2 };
        let mut space = Workspace::new(model.config(), batch.positions(), device).unwrap();
        let hidden = space.hidden(&model, &batch).unwrap();
        let d = model.config().dim;
        let mut sum = 0.0;
        for query in batch.queries() {
            let at = query.position as usize;
            let h: Vec<f64> = hidden[at * d..(at + 1) * d]
                .iter()
                .map(|h| f64::from(*h))
                .collect();
            let events = segment_of(&batch, query.position);
            let hazards = plain.hazards(&query.question, events, &h);
            sum += plain.nats(&hazards, query.answer);
        }
        let losses = space.loss(&model, &batch).unwrap();
        assert_eq!(losses.queries, batch.queries().len() as u64);
        assert!(
            (losses.query - sum).abs() < 1e-4 * sum,
            "{} is not {sum}",
            losses.query
        );
    }
}

#[test]
fn every_tensor_has_the_gradient_of_the_weighted_loss() {
    let model = model(3);
    let mut batch = batch(&model, &[7, 1, 64, 13], 5);
    ask(&model, &mut batch, 2);
    batch.set_query_weight(1.5);
    for level in Level::available() {
        let device = Device { level, threads: 2 };
        let mut space = Workspace::new(model.config(), batch.positions(), device).unwrap();
        let mut grads = Grads::new(&model);
        let losses = space.forward_backward(&model, &batch, &mut grads).unwrap();
        assert_eq!(losses, space.loss(&model, &batch).unwrap());
        for tensor in model.tensors().to_vec() {
            let gradient = &grads.flat()[tensor.range.clone()];
            let squares = gradient.iter().map(|g| f64::from(*g).powi(2));
            let norm = squares.sum::<f64>().sqrt();
            assert!(norm > 0.0, "{} has no gradient", tensor.name);
            // Along the gradient itself the slope is its norm.
            let step = 2e-2 / norm.sqrt().max(1.0);
            let mut at = |along: f64| {
                let mut moved = model.clone();
                let weights = &mut moved.weights_mut()[tensor.range.clone()];
                for (w, g) in weights.iter_mut().zip(gradient) {
                    *w += (along * f64::from(*g) / norm) as f32;
                }
                let losses = space.loss(&moved, &batch).unwrap();
                losses.total() + 1.5 * losses.query
            };
            let slope =
                (8.0 * (at(step) - at(-step)) - (at(2.0 * step) - at(-2.0 * step))) / (12.0 * step);
            let error = (slope - norm).abs() / norm;
            let what = format!("{} {}", level.name(), tensor.name);
            assert!(error < 5e-3, "{what}: {slope} is not {norm}");
        }
    }
}

/// A weight of zero leaves the gradient as if nothing were asked, and the threads change no bit.
#[test]
fn weight_and_threads_do_what_they_say() {
    let model = model(4);
    let plain = batch(&model, &[30, 64, 9], 6);
    let mut asked = plain.clone();
    ask(&model, &mut asked, 3);
    let run = |batch: &Batch, threads| {
        let device = Device::cpu(threads);
        let mut space = Workspace::new(model.config(), batch.positions(), device).unwrap();
        let mut grads = Grads::new(&model);
        space.forward_backward(&model, batch, &mut grads).unwrap();
        grads
    };
    assert_eq!(run(&plain, 1).flat(), run(&asked, 1).flat());
    asked.set_query_weight(1.0);
    assert_eq!(run(&asked, 1).flat(), run(&asked, 3).flat());
    assert_ne!(run(&plain, 1).flat(), run(&asked, 1).flat());
}

#[test]
fn a_decoder_answers_as_the_loss_is_computed() {
    let model = Arc::new(model(8));
    let mut batch = batch(&model, &[20, 33], 5);
    ask(&model, &mut batch, 4);
    let decoder = Decoder::new(Arc::clone(&model), Device::cpu(1)).unwrap();
    let mut sum = 0.0;
    for query in batch.queries() {
        let events = segment_of(&batch, query.position);
        let question = std::slice::from_ref(&query.question);
        let curves = decoder.query(&[events], &[question]).unwrap();
        let after = decoder.prefill(events).unwrap();
        let again = decoder.query_after(&after, events, question).unwrap();
        assert_eq!(curves[0], again);
        sum -= log_likelihood(&curves[0][0], query.answer).ln();
    }
    let mut space = Workspace::new(model.config(), batch.positions(), Device::cpu(1)).unwrap();
    let losses = space.loss(&model, &batch).unwrap();
    assert!(
        (losses.query - sum).abs() < 1e-3 * sum,
        "{} is not {sum}",
        losses.query
    );
}

/// From the curve alone: the step of the incidence over the event's bin, or what is left by
/// constant hazards inside the bin of censoring.
fn log_likelihood(curve: &Incidence, answer: Answer) -> f64 {
    let edges = curve.edges_days();
    let bin = edges.partition_point(|edge| f64::from(*edge) < answer.days());
    let left = |bin: usize| match bin.checked_sub(1) {
        None => 1.0,
        Some(j) => 1.0 - curve.predicate()[j] - curve.competing()[j],
    };
    let step = |values: &[f64]| values[bin] - if bin == 0 { 0.0 } else { values[bin - 1] };
    match answer {
        _ if bin == edges.len() => left(bin),
        Answer::Predicate(_) => step(curve.predicate()),
        Answer::Competing(_) => step(curve.competing()),
        Answer::Censored(days) => {
            let start = if bin == 0 {
                0.0
            } else {
                f64::from(edges[bin - 1])
            };
            let share = (days - start) / (f64::from(edges[bin]) - start);
            left(bin).powf(1.0 - share) * left(bin + 1).powf(share)
        }
    }
}

#[test]
fn impossible_questions_are_refused() {
    let model = Arc::new(model(8));
    let batch = batch(&model, &[5], 5);
    let decoder = Decoder::new(Arc::clone(&model), Device::cpu(1)).unwrap();
    let refused = |elapsed_days: f64, predicate: &[Atom]| {
        let question = Question {
            elapsed_days,
            predicate: predicate.into(),
            competing: [].into(),
        };
        let answer = decoder.query(&[batch.inputs()], &[&[question]]);
        assert!(matches!(answer, Err(Error::Batch { .. })), "{answer:?}");
    };
    refused(0.0, &[]);
    refused(-1.0, &[Atom::code(3)]);
    refused(f64::NAN, &[Atom::code(3)]);
    refused(0.0, &[Atom::code(29)]);
    refused(0.0, &[Atom::code(3), Atom::code(3)]);
    let beyond = Atom {
        bin_first: 9,
        ..Atom::code(3)
    };
    refused(0.0, &[beyond]);
    let question = Question {
        elapsed_days: 0.0,
        predicate: [Atom::code(1)].into(),
        competing: [].into(),
    };
    let headless = Arc::new(support::model(1));
    let decoder = Decoder::new(headless, Device::cpu(1)).unwrap();
    assert!(decoder.query(&[batch.inputs()], &[&[question]]).is_err());
    let mut batch = Batch::new();
    batch.push(&[], &[] as &[Target]).unwrap();
    let early = Query {
        position: 0,
        question: Question {
            elapsed_days: 0.0,
            predicate: [Atom::code(1)].into(),
            competing: [].into(),
        },
        answer: Answer::Censored(1.0),
    };
    assert!(batch.ask([early]).is_err());
}
