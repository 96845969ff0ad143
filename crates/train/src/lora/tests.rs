//! The gradient of adapters against finite differences, and what a training of them keeps.

use super::*;
use crate::loader::windows;
use crate::marginal::marginal_model;
use crate::run::{Control, Progress, With, resume_with, train, train_with};
use crate::world::world;
use crate::{Options, TrainData};
use longitude_model::{Batch, Device, Grads, Workspace};

fn quiet(_: &Progress) -> Control {
    Control::Continue
}

/// A model whose heads are no longer zero, so that gradients reach the blocks.
fn base(data: &TrainData, options: &Options) -> Model {
    train(
        data,
        &Options {
            steps: 20,
            ..options.clone()
        },
        &mut quiet,
    )
    .unwrap()
    .model
}

#[test]
fn the_gradient_is_that_of_finite_differences() {
    let world = world(30, 40);
    let options = world.options(20);
    let base = base(&world.data, &options);
    let adapters = AdapterOptions {
        biases_and_norms: true,
        ..AdapterOptions::of_rank(3)
    };
    let mut lora = Lora::new(&base, &adapters, 5).unwrap();
    // B leaves zero, else A has no gradient.
    let mut normals = Normals::new(9);
    for map in lora.maps.clone() {
        lora.own[map.b.clone()].fill_with(|| narrow(0.05 * normals.next()));
    }
    let mut batch = Batch::new();
    for window in windows(&world.data.learn, 64, 16).iter().take(6) {
        let sequence = world.data.learn.get(window.subject).unwrap();
        sequence.fill(window, &mut batch).unwrap();
    }
    let mut space = Workspace::new(&options.config, 1024, Device::cpu(1)).unwrap();
    let mut model = base.clone();
    lora.materialise(base.weights(), model.weights_mut());
    let mut grads = Grads::new(&model);
    space.forward_backward(&model, &batch, &mut grads).unwrap();
    let mut gradient = vec![0.0; lora.own.len()];
    lora.gradient(grads.flat(), &mut gradient);
    // Along random directions in each stretch: single numbers are lost in single precision.
    let mut checked = 0;
    for (stretch, _) in lora.stretches() {
        let direction: Vec<f32> = stretch.clone().map(|_| narrow(normals.next())).collect();
        let slope: f64 = gradient[stretch.clone()]
            .iter()
            .zip(&direction)
            .map(|(g, d)| f64::from(*g) * f64::from(*d))
            .sum();
        let step = 2e-3f32;
        let mut loss = |sign: f32| {
            let mut moved = lora.clone();
            for (own, d) in moved.own[stretch.clone()].iter_mut().zip(&direction) {
                *own += sign * step * d;
            }
            moved.materialise(base.weights(), model.weights_mut());
            space.loss(&model, &batch).unwrap().total()
        };
        let found = (loss(1.0) - loss(-1.0)) / (2.0 * f64::from(step));
        let size: f64 = gradient[stretch]
            .iter()
            .map(|g| f64::from(g * g))
            .sum::<f64>()
            .sqrt();
        assert!(
            (found - slope).abs() < 0.02 * size.max(1.0),
            "{found} and {slope}, size {size}"
        );
        checked += 1;
    }
    assert!(checked >= 4 + 4, "{checked} stretches");
}

#[test]
fn step_zero_is_the_base_and_frozen_weights_keep_their_bytes() {
    let world = world(80, 60);
    let options = Options {
        learning_rate: 2e-3,
        ..world.options(40)
    };
    let base = base(&world.data, &options);
    let adapters = AdapterOptions {
        maps: vec!["qkv".to_owned(), "down".to_owned()],
        ..AdapterOptions::of_rank(2)
    };
    let lora = Lora::new(&base, &adapters, 1).unwrap();
    let mut weights = base.weights().to_vec();
    lora.materialise(base.weights(), &mut weights);
    assert!(weights == base.weights());
    let with = With {
        start: Some(&base),
        adapters: Some(&adapters),
        ..With::PLAIN
    };
    let trained = train_with(&world.data, &options, with, &mut quiet).unwrap();
    assert!(trained.record.best_step > 0);
    for tensor in base.tensors() {
        let bits = |model: &Model| -> Vec<u32> {
            let own = &model.weights()[tensor.range.clone()];
            own.iter().map(|w| w.to_bits()).collect()
        };
        let moved = bits(&base) != bits(&trained.model);
        assert_eq!(moved, adapters.adapts(tensor), "{}", tensor.name);
    }
}

#[test]
fn adapters_resume_to_the_byte() {
    let world = world(40, 40);
    let dir = tempfile::tempdir().unwrap();
    let options = |name: &str| Options {
        checkpoints: Some(dir.path().join(name)),
        tuning_every: 2,
        ..world.options(8)
    };
    let base = base(&world.data, &world.options(20));
    let adapters = AdapterOptions::of_rank(4);
    let with = With {
        start: Some(&base),
        adapters: Some(&adapters),
        ..With::PLAIN
    };
    let straight = train_with(&world.data, &options("straight"), with, &mut quiet).unwrap();
    let mut stop = |progress: &Progress| {
        if progress.step == 3 {
            Control::Stop
        } else {
            Control::Continue
        }
    };
    train_with(&world.data, &options("broken"), with, &mut stop).unwrap();
    // Not as a training of all weights.
    assert!(crate::resume(&world.data, &options("broken"), &mut quiet).is_err());
    let resumed = resume_with(&world.data, &options("broken"), with, &mut quiet).unwrap();
    let bits = |own: &[f32]| -> Vec<u32> { own.iter().map(|w| w.to_bits()).collect() };
    assert_eq!(straight.record, resumed.record);
    assert!(bits(straight.model.weights()) == bits(resumed.model.weights()));
    let own = |lora: Option<Lora>| bits(&lora.unwrap().own);
    assert!(own(straight.lora) == own(resumed.lora));
}

#[test]
fn full_rank_reaches_what_continued_training_reaches_and_low_rank_does_not() {
    let world = world(60, 60);
    let options = world.options(40);
    let base = base(&world.data, &options);
    let with = With {
        start: Some(&base),
        ..With::PLAIN
    };
    let target = train_with(&world.data, &options, with, &mut quiet)
        .unwrap()
        .model;
    // How far the adapted weights stay from the target's, against how far the base is.
    let left = |rank: usize| {
        let adapters = AdapterOptions {
            biases_and_norms: true,
            ..AdapterOptions::of_rank(rank)
        };
        let lora = Lora::new(&base, &adapters, 3).unwrap();
        let mut own = Adapting::new(
            lora,
            &base,
            AdamWOptions {
                weight_decay: 0.0,
                ..options.adamw
            },
        );
        let mut model = base.clone();
        let apart = |model: &Model| -> Vec<f32> {
            let pairs = model.weights().iter().zip(target.weights());
            pairs.map(|(w, to)| w - to).collect()
        };
        let adapted = |tensor: &&Tensor| adapters.adapts(tensor) || adapters.trains_whole(tensor);
        let far = |gradient: &[f32]| -> f64 {
            let tensors = base.tensors().iter().filter(adapted);
            let squares = tensors.flat_map(|tensor| &gradient[tensor.range.clone()]);
            squares.map(|g| f64::from(g * g)).sum::<f64>().sqrt()
        };
        let start = far(&apart(&model));
        for step in 0..300u32 {
            own.take_gradient(&apart(&model), f64::INFINITY);
            own.step(&mut model, 1e-2 * narrow((-f64::from(step) / 60.0).exp()));
        }
        far(&apart(&model)) / start
    };
    let (full, one) = (left(options.config.dim), left(1));
    assert!(full < 0.05 && one > 0.2, "full rank {full}, rank one {one}");
}

#[test]
fn senseless_adapters_are_refused() {
    let world = world(20, 30);
    let base = marginal_model(&world.data, &world.options(1)).unwrap();
    let usual = AdapterOptions::of_rank(2);
    for (wrong, option) in [
        (
            AdapterOptions {
                rank: 0,
                ..usual.clone()
            },
            "rank",
        ),
        (
            AdapterOptions {
                alpha: f32::NAN,
                ..usual.clone()
            },
            "alpha",
        ),
        (
            AdapterOptions {
                maps: vec!["head".to_owned()],
                ..usual.clone()
            },
            "maps",
        ),
        (
            AdapterOptions {
                maps: vec![],
                ..usual
            },
            "maps",
        ),
    ] {
        let error = Lora::new(&base, &wrong, 1).unwrap_err();
        assert!(
            matches!(error, Error::Option { option: found, .. } if found == option),
            "{error}"
        );
    }
}
