//! Activation checkpointing, batches of several parts, and accumulation over micro-batches.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use longitude_model::{AdamW, AdamWOptions, Device, Grads, Level, Workspace};
use support::{batch, model};

fn bits(grads: &Grads) -> Vec<u32> {
    grads.flat().iter().map(|g| g.to_bits()).collect()
}

#[test]
fn checkpointing_changes_no_bit_and_needs_less() {
    let model = model(4);
    let batch = batch(&model, &[64, 17, 1, 50], 5);
    for level in [Level::best(), Level::bf16()[0]] {
        let device = Device { level, threads: 2 };
        let mut kept = Workspace::new(model.config(), 132, device).unwrap();
        let mut lean = Workspace::checkpointed(model.config(), 132, device).unwrap();
        let (mut a, mut b) = (Grads::new(&model), Grads::new(&model));
        for _ in 0..2 {
            let first = kept.forward_backward(&model, &batch, &mut a).unwrap();
            let second = lean.forward_backward(&model, &batch, &mut b).unwrap();
            assert!(first == second && bits(&a) == bits(&b), "{}", level.name());
        }
        assert!(lean.loss(&model, &batch).unwrap() == kept.loss(&model, &batch).unwrap());
    }
    // Of many blocks nearly nothing but the inputs is left.
    let mut config = model.config().clone();
    config.layers = 24;
    let kept = Workspace::new(&config, 512, Device::cpu(1))
        .unwrap()
        .bytes();
    let lean = Workspace::checkpointed(&config, 512, Device::cpu(1))
        .unwrap()
        .bytes();
    assert!(2 * lean < kept, "{lean} of {kept} bytes");
}

/// More positions than go through the model at once: weights are packed once for all parts, and
/// anew after a step. Micro-batches add up to the whole.
#[test]
fn micro_batches_sum_to_the_whole_while_weights_move() {
    let mut model = model(4);
    let mut lens = [64; 28];
    lens[20] = 3;
    let whole = batch(&model, &lens, 5);
    for level in [Level::best(), Level::bf16()[0]] {
        let device = Device { level, threads: 2 };
        let mut space = Workspace::new(model.config(), whole.positions(), device).unwrap();
        let mut adam = AdamW::new(&model, AdamWOptions::default(), level);
        for _ in 0..3 {
            let (mut together, mut apart) = (Grads::new(&model), Grads::new(&model));
            let losses = space
                .forward_backward(&model, &whole, &mut together)
                .unwrap();
            let mut sum = longitude_model::Losses::default();
            for segments in [0..9, 9..28] {
                let mut micro = longitude_model::Batch::new();
                for segment in segments {
                    let span =
                        whole.starts()[segment] as usize..whole.starts()[segment + 1] as usize;
                    let (inputs, targets) = (&whole.inputs()[span.clone()], &whole.targets()[span]);
                    micro.push(inputs, targets).unwrap();
                }
                sum += space.forward_backward(&model, &micro, &mut apart).unwrap();
            }
            assert!((sum.total() / losses.total() - 1.0).abs() < 1e-9);
            let pairs = together.flat().iter().zip(apart.flat());
            let off: f64 = pairs.map(|(a, b)| f64::from(a - b).powi(2)).sum();
            assert!(off.sqrt() < 1e-5 * together.norm(), "{}", level.name());
            adam.step(&mut model, &together, 1e-3);
        }
    }
}
