//! What the value head is told of earlier values: of the same segment, and of nothing later.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::float_cmp,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, its numbers are small, and equal bits are what it asks"
)]

mod support;

use longitude_model::{Batch, Device, Input, Model, Target, Workspace};
use support::{Random, model, segment};

/// A code with four bins.
const CODE: u32 = 3;

/// Five events of which the third asks for the code; the first and the fourth are of it.
fn events(model: &Model) -> (Vec<Input>, Vec<Target>) {
    let (mut inputs, _) = segment(model, 5, &mut Random(2));
    for (t, input) in inputs.iter_mut().enumerate() {
        (input.code, input.value_bin, input.value) = (t as u32 * 5, 0, 0.0);
    }
    for t in [0, 3] {
        (inputs[t].code, inputs[t].value_bin, inputs[t].value) = (CODE, 2, 0.3);
    }
    let asks = Target::Event {
        wait_days: 0.0,
        code: CODE,
        value_bin: 1,
    };
    let none = Target::None;
    (inputs, vec![none, none, asks, none, none])
}

fn value(model: &Model, segments: &[(&[Input], &[Target])]) -> f64 {
    let mut batch = Batch::new();
    for (inputs, targets) in segments {
        batch.push(inputs, targets).unwrap();
    }
    let mut space = Workspace::new(model.config(), 64, Device::cpu(1)).unwrap();
    space.loss(model, &batch).unwrap().value
}

#[test]
fn earlier_values_count_and_later_ones_and_those_of_others_do_not() {
    // The stream sees no number and no bin here: only what is told can make a difference.
    let mut model = model(6);
    for tensor in model.tensors().to_vec() {
        if ["embedding.value_bin", "embedding.features"].contains(&&*tensor.name) {
            model.weights_mut()[tensor.range].fill(0.0);
        }
    }
    let (inputs, targets) = events(&model);
    let base = value(&model, &[(&inputs, &targets)]);
    let changed = |t: usize, bin: u16| {
        let mut other = inputs.clone();
        (other[t].value_bin, other[t].value) = (bin, -0.8);
        other
    };
    let earlier = changed(0, 4);
    assert!((value(&model, &[(&earlier, &targets)]) - base).abs() > 1e-3);
    // The event that is asked for, in the same tie, and what follows it.
    assert_eq!(value(&model, &[(&changed(3, 4), &targets)]), base);
    assert_eq!(value(&model, &[(&changed(4, 0), &targets)]), base);
    // Other subjects before and after in the row, with values of the code and nothing asked.
    let quiet = vec![Target::None; 5];
    let others: [(&[Input], &[Target]); 3] =
        [(&earlier, &quiet), (&inputs, &targets), (&earlier, &quiet)];
    assert!((value(&model, &others) - base).abs() < 1e-6);
    // A window that begins after the value does not know it.
    let cut = value(&model, &[(&inputs[1..], &targets[1..])]);
    let cut_changed = value(&model, &[(&earlier[1..], &targets[1..])]);
    assert!(cut == cut_changed && (cut - base).abs() > 1e-3);
}
