//! Inference with kept keys and values against the full forward pass.

mod support;

use longitude_model::{Decoder, Device, Input, Level, Workspace};
use std::sync::Arc;
use support::{Random, batch, model, segment};

fn close(a: &[f32], b: &[f32]) -> bool {
    a.len() == b.len()
        && a.iter()
            .zip(b)
            .all(|(a, b)| (a - b).abs() < 2e-4 * (1.0 + b.abs()))
}

#[test]
fn steps_after_a_prefix_equal_the_full_pass() {
    let model = Arc::new(model(11));
    for level in Level::available() {
        let device = Device { level, threads: 2 };
        let decoder = Decoder::new(Arc::clone(&model), device).unwrap();
        let mut random = Random(23);
        let histories: Vec<Vec<Input>> = [5, 17, 1]
            .iter()
            .map(|n| segment(&model, *n, &mut random).0)
            .collect();
        let futures: Vec<Vec<Input>> = [3, 9, 6, 0]
            .iter()
            .map(|n| segment(&model, *n, &mut random).0)
            .collect();
        let views: Vec<&[Input]> = histories.iter().map(|one| &one[..]).collect();
        let prefixes = decoder.prefill_many(&views).unwrap();
        let mut space = Workspace::new(model.config(), 64, device).unwrap();
        for (history, prefix) in histories.iter().zip(&prefixes) {
            let mut rows = decoder.rows(4, 9);
            for step in 0..9 {
                let active: Vec<u32> = (0..4u32)
                    .filter(|row| futures[*row as usize].len() > step)
                    .collect();
                let inputs: Vec<Input> = active
                    .iter()
                    .map(|row| futures[*row as usize][step])
                    .collect();
                let hidden = decoder
                    .step(prefix, &mut rows, &active, &inputs)
                    .unwrap()
                    .to_vec();
                for (i, row) in active.iter().enumerate() {
                    let mut all = history.clone();
                    all.extend_from_slice(&futures[*row as usize][..=step]);
                    let mut whole = longitude_model::Batch::new();
                    whole
                        .push(&all, &vec![longitude_model::Target::None; all.len()])
                        .unwrap();
                    let full = space.hidden(&model, &whole).unwrap();
                    let d = model.config().dim;
                    let last = &full[full.len() - d..];
                    assert!(
                        close(&hidden[i * d..(i + 1) * d], last),
                        "{} step {step}",
                        level.name()
                    );
                }
            }
        }
        let _unused = batch(&model, &[1], 1);
    }
}
