//! This implementation beside the CPU engine on random small models with segments of odd lengths:
//! hidden states, losses, gradients of every tensor, and the weights after ten steps. On burn's own
//! engine for this processor, and through WGPU where there is a device, a software one included.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use longitude_gpu::parity::{Cpu, Limits, compare, full};
use longitude_gpu::{Engine, Found, Kind};
use longitude_model::{AdamWOptions, Batch, Config, Losses, Model, Target};

#[track_caller]
fn check(found: &Found, cases: std::ops::RangeInclusive<u64>) {
    for seed in cases {
        let parity = compare(found, seed).unwrap();
        if let Err(error) = parity.check(Limits::default()) {
            panic!("case {seed} on {found}: {error}");
        }
    }
}

fn small() -> (Model, Batch) {
    let config = Config {
        dim: 16,
        ffn: 24,
        layers: 1,
        heads: 2,
        vocab: 40,
        groups: 5,
        context: 9,
        ..Config::shape_d()
    };
    full(config, 3).unwrap()
}

fn engine(model: &Model, found: &Found) -> Engine {
    Engine::new(model, found, AdamWOptions::default(), 64).unwrap()
}

#[test]
fn on_this_processor() {
    check(&Kind::Cpu.device().unwrap(), 1..=24);
}

#[test]
fn through_wgpu() {
    let devices = Kind::Wgpu.devices().unwrap_or_default();
    let Some(found) = devices.first() else {
        eprintln!("LEFT OUT: 1 test needs a device of WGPU (Debian: mesa-vulkan-drivers)");
        return;
    };
    eprintln!("on {found}");
    check(found, 1..=2);
}

/// The limits would not pass a fault: a weight moved by a thousandth of itself is found.
#[test]
fn a_small_fault_is_found() {
    let (model, batch) = small();
    let mut moved = model.clone();
    let tensor = model
        .tensors()
        .iter()
        .find(|t| t.name == "layers.0.qkv")
        .unwrap();
    moved.weights_mut()[tensor.range.clone()]
        .iter_mut()
        .for_each(|w| *w *= 1.001);
    let found = Kind::Cpu.device().unwrap();
    let hidden = engine(&moved, &found).hidden(&batch).unwrap();
    let right = engine(&model, &found).hidden(&batch).unwrap();
    let most =
        |numbers: &mut dyn Iterator<Item = f32>| numbers.fold(0.0, |m: f32, x| m.max(x.abs()));
    let apart =
        most(&mut hidden.iter().zip(&right).map(|(a, b)| a - b)) / most(&mut right.iter().copied());
    assert!(f64::from(apart) > 5.0 * Limits::default().hidden, "{apart}");
}

#[test]
fn what_was_trained_here_is_read_there() {
    let (model, batch) = small();
    let folder = tempfile::tempdir().unwrap();
    model.save(folder.path()).unwrap();
    let loaded = Model::load(folder.path(), "bench").unwrap();
    let mut engine = engine(&loaded, &Kind::Cpu.device().unwrap());
    let start = engine.loss(&batch).unwrap();
    for _ in 0..5 {
        let (losses, gradients) = engine.forward_backward(&batch).unwrap();
        engine.step(&gradients.scale(1.0 / losses.events as f32), 1e-2);
    }
    let end = engine.loss(&batch).unwrap();
    assert!(end.total() < 0.9 * start.total(), "{start:?} {end:?}");
    engine.model().unwrap().save(folder.path()).unwrap();
    let trained = Model::load(folder.path(), "bench").unwrap();
    let theirs = Cpu::new(&trained, 64)
        .unwrap()
        .forward_backward(&trained, &batch)
        .unwrap();
    assert!(
        (theirs.total() / end.total() - 1.0).abs() < 1e-5,
        "{theirs:?} {end:?}"
    );
}

#[test]
fn batches_without_targets_or_events_are_taken() {
    let (model, batch) = small();
    let engine = engine(&model, &Kind::Cpu.device().unwrap());
    let with = |target: Target| {
        let mut batch_with = Batch::new();
        batch_with.push(&batch.inputs()[..9], &[target; 9]).unwrap();
        engine.forward_backward(&batch_with).unwrap()
    };
    let (losses, gradients) = with(Target::None);
    assert_eq!(losses, Losses::default());
    assert!(gradients.norm().unwrap() < f64::MIN_POSITIVE);
    let (losses, gradients) = with(Target::Censored { wait_days: 3.0 });
    assert!(losses.censored == 9 && losses.wait > 0.0 && gradients.norm().unwrap() > 0.0);
    assert_eq!(
        engine.forward_backward(&Batch::new()).unwrap().0,
        Losses::default()
    );
}

#[test]
fn a_batch_of_another_model_is_refused() {
    let (model, batch) = small();
    let other = Config {
        vocab: 7,
        ..model.config().clone()
    };
    let (other, _) = full(other, 1).unwrap();
    let error = engine(&other, &Kind::Cpu.device().unwrap())
        .loss(&batch)
        .unwrap_err();
    assert!(error.to_string().contains("out of range"), "{error}");
}
