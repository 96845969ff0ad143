//! The engine against the stored figures of an independent statement in PyTorch
//! (`cases/model/reference.py` and `query_reference.py`): logits' loss, gradients, and ten AdamW
//! steps.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::float_cmp,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, its numbers are small, and equal bits are what it asks"
)]

use longitude_model::{
    AdamW, AdamWOptions, Answer, Atom, Batch, Choices, Codes, Config, Device, Grads, Input, Level,
    Likelihood, Model, Query, Question, Sizes, Target, Time, ValueInput, Workspace,
};
use safetensors::{Dtype, SafeTensors};
use std::path::Path;
use std::sync::Arc;

struct Golden<'a>(SafeTensors<'a>);

impl Golden<'_> {
    fn floats(&self, name: &str) -> Vec<f64> {
        let tensor = self.0.tensor(name).unwrap();
        let data = tensor.data();
        let words = || {
            data.chunks_exact(4)
                .map(|b| <[u8; 4]>::try_from(b).unwrap())
        };
        if tensor.dtype() == Dtype::F64 {
            let words = data.chunks_exact(8).map(|b| b.try_into().unwrap());
            words.map(f64::from_le_bytes).collect()
        } else if tensor.dtype() == Dtype::I32 {
            words().map(|b| f64::from(i32::from_le_bytes(b))).collect()
        } else {
            assert_eq!(tensor.dtype(), Dtype::F32, "{name}");
            words().map(|b| f64::from(f32::from_le_bytes(b))).collect()
        }
    }

    fn config(&self) -> Config {
        let sizes = Sizes {
            vocab: 37,
            groups: 6,
            value_bins: 5,
            vocabulary: "golden".to_owned(),
        };
        let mut config = Config::shaped((24, 2, 2), 32, sizes);
        config.ffn = 32;
        config.value_dim = 16;
        config.wait_edges_days = self.floats("edges").iter().map(|e| *e as f32).collect();
        config
    }

    fn model(&self, config: Config) -> Model {
        let groups = self.floats("codes.groups");
        let codes = Codes {
            groups: groups
                .chunks(2)
                .map(|pair| [pair[0] as u32, pair[1] as u32])
                .collect(),
            value_bins: self
                .floats("codes.value_bins")
                .iter()
                .map(|b| *b as u16)
                .collect(),
        };
        let mut model = Model::new(config, codes, 0).unwrap();
        for tensor in model.tensors().to_vec() {
            let weights = self.floats(&format!("weight.{}", tensor.name));
            let to = &mut model.weights_mut()[tensor.range];
            assert_eq!(to.len(), weights.len(), "{}", tensor.name);
            to.iter_mut()
                .zip(&weights)
                .for_each(|(to, w)| *to = *w as f32);
        }
        model
    }

    fn batch(&self) -> Batch {
        let field = |name: &str| self.floats(&format!("batch.{name}"));
        let [code, value_bin, value] = ["code", "value_bin", "value"].map(field);
        let [age, time, gap] = ["age_days", "time_days", "wait_days_prev"].map(field);
        let [kind, wait, target, bin] = ["kind", "wait_days", "target", "target_bin"].map(field);
        let mut batch = Batch::new();
        let mut from = 0;
        for length in self.floats("lengths") {
            let span = from..from + length as usize;
            from = span.end;
            let inputs: Vec<Input> = span
                .clone()
                .map(|t| Input {
                    code: code[t] as u32,
                    value_bin: value_bin[t] as u16,
                    value: value[t] as f32,
                    age_days: age[t] as f32,
                    time_days: time[t],
                    wait_days_prev: gap[t] as f32,
                })
                .collect();
            let targets: Vec<Target> = span
                .map(|t| match kind[t] as u32 {
                    0 => Target::None,
                    1 => Target::Event {
                        wait_days: wait[t],
                        code: target[t] as u32,
                        value_bin: bin[t] as u16,
                    },
                    _ => Target::Censored { wait_days: wait[t] },
                })
                .collect();
            batch.push(&inputs, &targets).unwrap();
        }
        batch
    }
}

#[track_caller]
fn near(what: &str, ours: f64, theirs: f64, tolerance: f64) {
    let error = (ours - theirs).abs() / (1.0 + theirs.abs());
    assert!(error < tolerance, "{what}: {ours} is not {theirs}");
}

impl Golden<'_> {
    /// The queries of `query_reference.py`, put to the batch.
    fn ask(&self, batch: &mut Batch) {
        let field = |name: &str| self.floats(&format!("query.{name}"));
        let [position, elapsed, kind, days] =
            ["position", "elapsed_days", "kind", "days"].map(field);
        let atoms = field("atoms");
        let side = |query: usize, which: f64| -> Arc<[Atom]> {
            let own = |row: &&[f64]| row[0] as usize == query && row[1] == which;
            let atom = |row: &[f64]| Atom {
                code: row[2] as u32,
                bin_first: row[3] as u16,
                bin_last: row[4] as u16,
            };
            atoms.chunks(5).filter(own).map(atom).collect()
        };
        let query = |i: usize| Query {
            position: position[i] as u32,
            question: Question {
                elapsed_days: elapsed[i],
                predicate: side(i, 0.0),
                competing: side(i, 1.0),
            },
            answer: match kind[i] as u32 {
                0 => Answer::Censored(days[i]),
                1 => Answer::Predicate(days[i]),
                _ => Answer::Competing(days[i]),
            },
        };
        batch.ask((0..position.len()).map(query)).unwrap();
    }
}

#[test]
fn queries_and_their_gradients_are_those_of_pytorch() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cases/model/query.safetensors");
    let bytes = std::fs::read(path).unwrap();
    let golden = Golden(SafeTensors::deserialize(&bytes).unwrap());
    let mut config = golden.config();
    config.query_edges_days = vec![1.0, 7.0, 30.0, 400.0];
    config.query_dim = 20;
    let model = golden.model(config);
    let mut batch = golden.batch();
    golden.ask(&mut batch);
    batch.set_query_weight(1.5);
    for level in Level::available() {
        let device = Device { level, threads: 2 };
        let mut space = Workspace::new(model.config(), batch.positions(), device).unwrap();
        let mut grads = Grads::new(&model);
        let losses = space.forward_backward(&model, &batch, &mut grads).unwrap();
        let parts = golden.floats("losses");
        near("wait", losses.wait, parts[0], 1e-5);
        near("code", losses.code, parts[1], 1e-5);
        near("value", losses.value, parts[2], 1e-5);
        near("query", losses.query, parts[3], 1e-5);
        gradients(&golden, "", &model, &grads);
    }
}

#[test]
fn losses_gradients_and_ten_steps_are_those_of_pytorch() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cases/model/golden.safetensors");
    let bytes = std::fs::read(path).unwrap();
    let golden = Golden(SafeTensors::deserialize(&bytes).unwrap());
    let batch = golden.batch();
    for level in Level::available() {
        let mut model = golden.model(golden.config());
        let device = Device { level, threads: 2 };
        let mut space = Workspace::new(model.config(), batch.positions(), device).unwrap();
        let mut grads = Grads::new(&model);
        let mut adam = AdamW::new(&model, AdamWOptions::default(), level);
        for (step, parts) in golden.floats("losses").chunks(3).enumerate() {
            grads.zero();
            let losses = space.forward_backward(&model, &batch, &mut grads).unwrap();
            // The rounding of a step grows over the next ones.
            let tolerance = if step == 0 { 1e-5 } else { 2e-3 };
            near("wait", losses.wait, parts[0], tolerance);
            near("code", losses.code, parts[1], tolerance);
            near("value", losses.value, parts[2], tolerance);
            if step == 0 {
                gradients(&golden, "", &model, &grads);
            }
            grads.scale(1.0 / losses.events as f32);
            adam.step(&mut model, &grads, 3e-3);
        }
        for name in ["layers.1.down", "embedding.code"] {
            let theirs = golden.floats(&format!("after.{name}"));
            let ours = model.weight(name).unwrap();
            let off = ours
                .iter()
                .zip(&theirs)
                .map(|(a, b)| (f64::from(*a) - b).powi(2));
            let moved = golden.floats(&format!("weight.{name}"));
            let path = moved.iter().zip(&theirs).map(|(a, b)| (a - b).powi(2));
            let ratio = (off.sum::<f64>() / path.sum::<f64>()).sqrt();
            assert!(ratio < 1e-2, "{name} ends {ratio} of its way off");
        }
    }
}

/// `CHOICES` of `reference.py`.
fn choices() -> [(&'static str, Choices); 4] {
    let base = Choices::default;
    let index = Choices {
        time: Time::Index,
        ancestors: false,
        once_only: vec![2, 3, 5, 8, 13, 21, 34],
        ..base()
    };
    let bare = Choices {
        time: Time::IndexWithoutTime,
        value: ValueInput::None,
        mark_given_wait: false,
        ..base()
    };
    let competing = Choices {
        value: ValueInput::Bin,
        likelihood: Likelihood::Competing,
        ..base()
    };
    let untold = Choices {
        last_value: false,
        ..base()
    };
    [
        ("index", index),
        ("bare", bare),
        ("competing", competing),
        ("untold", untold),
    ]
}

#[test]
fn other_choices_are_those_of_pytorch() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cases/model");
    let bytes = std::fs::read(dir.join("golden.safetensors")).unwrap();
    let golden = Golden(SafeTensors::deserialize(&bytes).unwrap());
    let bytes = std::fs::read(dir.join("choices.safetensors")).unwrap();
    let chosen = Golden(SafeTensors::deserialize(&bytes).unwrap());
    let batch = golden.batch();
    for (name, choices) in choices() {
        let mut config = golden.config();
        config.choices = choices;
        let model = golden.model(config);
        let device = Device::cpu(2);
        let mut space = Workspace::new(model.config(), batch.positions(), device).unwrap();
        let mut grads = Grads::new(&model);
        let losses = space.forward_backward(&model, &batch, &mut grads).unwrap();
        let parts = chosen.floats(&format!("{name}.losses"));
        near(name, losses.wait, parts[0], 1e-5);
        near(name, losses.code, parts[1], 1e-5);
        near(name, losses.value, parts[2], 1e-5);
        gradients(&chosen, &format!("{name}."), &model, &grads);
    }
}

fn gradients(golden: &Golden<'_>, of: &str, model: &Model, grads: &Grads) {
    for tensor in model.tensors() {
        let theirs = golden.floats(&format!("{of}gradient.{}", tensor.name));
        let ours = &grads.flat()[tensor.range.clone()];
        let largest = theirs.iter().fold(0.0f64, |m, g| m.max(g.abs()));
        // What a choice leaves out has no gradient here or there.
        assert!(largest > 0.0 || !of.is_empty(), "{}", tensor.name);
        let largest = largest.max(f64::MIN_POSITIVE);
        for (ours, theirs) in ours.iter().zip(&theirs) {
            let error = (f64::from(*ours) - theirs).abs() / largest;
            assert!(
                error < 2e-4,
                "gradient of {}: {ours} is not {theirs}",
                tensor.name
            );
        }
    }
}
