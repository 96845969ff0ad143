//! Training: the start is the marginal model, threads do not matter, a state that was stored goes
//! on bit by bit, and a small model learns what can be learnt.
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
    AdamW, AdamWOptions, Batch, Codes, Config, Device, Error, Grads, Input, Level, Losses, Model,
    Preset, Sizes, Target, WaitLaw, Workspace,
};
use support::{batch, codes, config, marginals, model};

#[test]
fn step_zero_is_the_marginal_model() {
    let config = config();
    let table = codes(&config);
    let marginals = marginals(&config, 4);
    let mut model = Model::new(config, table, 9).unwrap();
    model.set_marginals(&marginals).unwrap();
    let batch = batch(&model, &[30, 9], 2);
    let mut space = Workspace::new(model.config(), 64, Device::cpu(1)).unwrap();
    let losses = space.loss(&model, &batch).unwrap();
    let logs: Vec<f32> = marginals
        .hazards_per_day
        .iter()
        .map(|h| h.ln() as f32)
        .collect();
    let edges = &model.config().wait_edges_days;
    let law = WaitLaw {
        zero_logit: (0.4f32 / 0.6).ln(),
        log_hazards: &logs,
        edges,
    };
    let mut expected = Losses::default();
    for target in batch.targets() {
        match *target {
            Target::None => {}
            Target::Censored { wait_days } => {
                expected.wait += law.survival_nll(wait_days);
                expected.censored += 1;
            }
            Target::Event {
                wait_days,
                code,
                value_bin,
            } => {
                expected.wait += law.nll(wait_days);
                expected.code -= f64::from(marginals.code_log_frequency[code as usize]);
                expected.events += 1;
                let bins = f64::from(model.codes().value_bins[code as usize]);
                if bins > 0.0 {
                    expected.values += 1;
                    let at = if value_bin == 0 { 0.01f64 } else { 1.0 };
                    expected.value -= (at / (bins + 0.01)).ln();
                }
            }
        }
    }
    assert_eq!(
        (losses.events, losses.censored, losses.values),
        (expected.events, expected.censored, expected.values)
    );
    for (ours, theirs) in [
        (losses.wait, expected.wait),
        (losses.code, expected.code),
        (losses.value, expected.value),
    ] {
        assert!((ours / theirs - 1.0).abs() < 1e-5, "{ours} is not {theirs}");
    }
}

/// Weights and losses after some steps with that many threads.
fn run(level: Level, threads: usize) -> (Vec<f32>, Losses) {
    let mut model = model(6);
    let device = Device { level, threads };
    let batch = batch(&model, &[64, 3, 40, 1, 29], 8);
    let mut space = Workspace::new(model.config(), batch.positions(), device).unwrap();
    let mut grads = Grads::new(&model);
    let mut adam = AdamW::new(&model, AdamWOptions::default(), level);
    let mut losses = Losses::default();
    for _ in 0..3 {
        grads.zero();
        losses = space.forward_backward(&model, &batch, &mut grads).unwrap();
        grads.clip(1.0);
        adam.step(&mut model, &grads, 1e-2);
    }
    (model.weights().to_vec(), losses)
}

#[test]
fn threads_do_not_change_a_bit() {
    for level in Level::available().into_iter().chain(Level::bf16()) {
        let one = run(level, 1);
        for threads in [2, 3, 5] {
            assert!(
                run(level, threads) == one,
                "{} {threads} threads",
                level.name()
            );
        }
    }
}

#[test]
fn levels_agree_within_rounding() {
    let levels: Vec<Losses> = Level::available().iter().map(|l| run(*l, 1).1).collect();
    for losses in &levels {
        assert!(
            (losses.total() / levels[0].total() - 1.0).abs() < 1e-4,
            "{losses:?}"
        );
    }
    // Operands of 8 bits: the imitation and the instructions agree, and both stay near f32.
    let rounded: Vec<Losses> = Level::bf16().iter().map(|l| run(*l, 1).1).collect();
    for losses in &rounded {
        let near = |other: &Losses| (losses.total() / other.total() - 1.0).abs();
        assert!(
            near(&rounded[0]) < 1e-3 && near(&levels[0]) < 1e-2,
            "{losses:?}"
        );
        assert!(losses != &levels[0], "nothing was rounded");
    }
}

#[test]
fn a_stored_optimiser_goes_on_bit_by_bit() {
    let mut model = model(6);
    let batch = batch(&model, &[20, 12], 8);
    let device = Device::cpu(2);
    let mut space = Workspace::new(model.config(), 32, device).unwrap();
    let mut grads = Grads::new(&model);
    let mut adam = AdamW::new(&model, AdamWOptions::default(), device.level);
    let mut steps = |model: &mut Model, adam: &mut AdamW, n: usize| {
        for _ in 0..n {
            grads.zero();
            space.forward_backward(model, &batch, &mut grads).unwrap();
            adam.step(model, &grads, 1e-3);
        }
    };
    steps(&mut model, &mut adam, 3);
    let stored = (model.to_bytes(), adam.to_bytes());
    steps(&mut model, &mut adam, 3);
    let path = std::path::Path::new("x");
    let mut resumed = Model::from_bytes(&stored.0, "test", path).unwrap();
    let mut restored = AdamW::new(&resumed, AdamWOptions::default(), device.level);
    restored.restore(&stored.1).unwrap();
    assert_eq!(restored.steps(), 3);
    steps(&mut resumed, &mut restored, 3);
    assert!(resumed.weights() == model.weights() && restored == adam);
    for bytes in [&stored.1[..8], &stored.1[..stored.1.len() - 4], &[]] {
        assert!(matches!(restored.restore(bytes), Err(Error::Optimiser(_))));
    }
    let mut broken = stored.1;
    broken[16..20].copy_from_slice(&f32::NAN.to_le_bytes());
    assert!(restored.restore(&broken).is_err());
}

#[test]
fn gradients_of_two_batches_add_up() {
    let model = model(2);
    let (a, b) = (batch(&model, &[20], 3), batch(&model, &[11, 5], 4));
    let mut both = a.clone();
    let (first, second) = b.inputs().split_at(11);
    let (first_targets, second_targets) = b.targets().split_at(11);
    both.push(first, first_targets).unwrap();
    both.push(second, second_targets).unwrap();
    let mut space = Workspace::new(model.config(), 36, Device::cpu(1)).unwrap();
    let (mut apart, mut whole) = (Grads::new(&model), Grads::new(&model));
    let mut losses = space.forward_backward(&model, &a, &mut apart).unwrap();
    losses += space.forward_backward(&model, &b, &mut apart).unwrap();
    let together = space.forward_backward(&model, &both, &mut whole).unwrap();
    assert!((losses.total() / together.total() - 1.0).abs() < 1e-6);
    let norm = whole.norm();
    let off = apart
        .flat()
        .iter()
        .zip(whole.flat())
        .map(|(a, b)| f64::from(a - b).powi(2));
    assert!(off.sum::<f64>().sqrt() < 1e-5 * norm);
}

#[test]
fn clipping_leaves_the_direction_and_reports_the_norm() {
    let model = model(2);
    let mut grads = Grads::new(&model);
    grads.flat_mut()[3] = 3.0;
    grads.flat_mut()[9] = -4.0;
    assert!((grads.clip(10.0) - 5.0).abs() < 1e-12 && grads.flat()[3] == 3.0);
    assert!((grads.clip(1.0) - 5.0).abs() < 1e-12);
    assert!((grads.norm() - 1.0).abs() < 1e-6 && (grads.flat()[9] + 0.8).abs() < 1e-6);
    grads.flat_mut()[0] = f32::NAN;
    assert!(grads.clip(1.0).is_nan());
}

type Change<'a> = dyn Fn(&mut Input, &mut Target) + 'a;

#[test]
fn impossible_batches_are_refused() {
    let model = model(2);
    let mut space = Workspace::new(model.config(), 4, Device::cpu(1)).unwrap();
    let good = batch(&model, &[2], 3);
    let with = |change: &Change<'_>| {
        let (mut inputs, mut targets) = (good.inputs().to_vec(), good.targets().to_vec());
        change(&mut inputs[1], &mut targets[1]);
        let mut batch = Batch::new();
        batch.push(&inputs, &targets).unwrap();
        batch
    };
    let bins = &model.codes().value_bins;
    let bare = bins.iter().position(|bins| *bins == 0).unwrap() as u32;
    let event = |wait_days, code, value_bin| Target::Event {
        wait_days,
        code,
        value_bin,
    };
    let changes: [&Change<'_>; 8] = [
        &|input, _| input.code = 29,
        &|input, _| input.value_bin = 5,
        &|input, _| input.value = f32::NAN,
        &|input, _| input.time_days = f64::INFINITY,
        &|_, target| *target = event(-1.0, 2, 0),
        &|_, target| *target = event(0.0, 29, 0),
        &|_, target| *target = event(0.0, bare, 1),
        &|_, target| {
            *target = Target::Censored {
                wait_days: f64::NAN,
            }
        },
    ];
    for (i, change) in changes.iter().enumerate() {
        let error = space.loss(&model, &with(change)).unwrap_err();
        assert!(
            matches!(error, Error::Batch { position: 1, .. }),
            "{i}: {error}"
        );
    }
    let large = batch(&model, &[3, 2], 3);
    assert!(matches!(
        space.loss(&model, &large),
        Err(Error::Workspace { .. })
    ));
    assert_eq!(
        space.loss(&model, &Batch::new()).unwrap(),
        Losses::default()
    );
    assert!(Batch::new().push(good.inputs(), &[]).is_err());
}

#[test]
fn presets_have_their_sizes() {
    let sizes = Sizes {
        vocab: 1000,
        groups: 60,
        value_bins: 16,
        vocabulary: String::new(),
    };
    for preset in Preset::ALL {
        assert_eq!(Preset::named(preset.name()), Some(preset));
        Config::preset(preset, sizes.clone()).validate().unwrap();
    }
    let config = Config::preset(Preset::Tiny, sizes);
    let table = Codes {
        groups: vec![[0, 0]; 1000],
        value_bins: vec![3; 1000],
    };
    let tiny = Model::new(config, table, 1).unwrap();
    assert!(tiny.parameters() < 1_000_000, "{}", tiny.parameters());
}

/// A world with a rule: code c is followed by c + 1 after c days. The model must find it.
#[test]
fn a_rule_is_learnt() {
    let sizes = Sizes {
        vocab: 8,
        groups: 1,
        value_bins: 2,
        vocabulary: "rule".to_owned(),
    };
    let mut config = Config::shaped((32, 2, 2), 24, sizes);
    config.wait_edges_days = vec![0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5];
    let table = Codes {
        groups: vec![[0, 0]; 8],
        value_bins: vec![2; 8],
    };
    let mut model = Model::new(config, table, 5).unwrap();
    let (mut batch, mut time) = (Batch::new(), 0.0);
    for start in 0..8u32 {
        let (mut inputs, mut targets) = (vec![], vec![]);
        for t in 0..24 {
            let code = (start + t) % 8;
            inputs.push(Input {
                code,
                value_bin: 1 + (code % 2) as u16,
                value: 0.0,
                age_days: 10_000.0,
                time_days: time,
                wait_days_prev: f32::from((code + 7) as u8 % 8),
            });
            let next = (code + 1) % 8;
            time += f64::from(code);
            targets.push(Target::Event {
                wait_days: f64::from(code),
                code: next,
                value_bin: 1 + (next % 2) as u16,
            });
        }
        time = 0.0;
        batch.push(&inputs, &targets).unwrap();
    }
    let device = Device::cpu(2);
    let mut space = Workspace::new(model.config(), batch.positions(), device).unwrap();
    let mut grads = Grads::new(&model);
    let mut adam = AdamW::new(&model, AdamWOptions::default(), device.level);
    let mut losses = Losses::default();
    for _ in 0..150 {
        grads.zero();
        losses = space.forward_backward(&model, &batch, &mut grads).unwrap();
        grads.scale(1.0 / losses.events as f32);
        grads.clip(1.0);
        adam.step(&mut model, &grads, 3e-3);
    }
    let each = losses.events as f64;
    assert!(
        losses.code / each < 0.05 && losses.value / each < 0.05,
        "{losses:?}"
    );
    // A wait known to lie in its day-wide bin costs about the log of a day: nothing.
    assert!(losses.wait / each < 0.6, "{losses:?}");
}

#[test]
fn embeddings_decay_only_where_that_is_asked() {
    let level = Level::best();
    let decayed = |embedding_decay: f32| {
        let mut model = model(3);
        let start = model.weights().to_vec();
        let options = AdamWOptions {
            embedding_decay,
            ..AdamWOptions::default()
        };
        let still = Grads::new(&model);
        AdamW::new(&model, options, level).step(&mut model, &still, 0.01);
        let mut shrunk = vec![];
        for tensor in model.tensors() {
            let range = tensor.range.clone();
            let pairs = start[range.clone()].iter().zip(&model.weights()[range]);
            if pairs.into_iter().any(|(before, after)| before != after) {
                shrunk.push(tensor.name.clone());
            }
        }
        shrunk
    };
    let embedding = |name: &String| name.starts_with("embedding.");
    assert!(!decayed(0.0).is_empty() && !decayed(0.0).iter().any(embedding));
    assert_eq!(
        decayed(0.5).iter().filter(|name| embedding(name)).count(),
        4
    );
}
