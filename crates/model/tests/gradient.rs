//! The whole model's gradient against differences of its loss.
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
    Batch, Choices, Device, Grads, Level, Likelihood, Model, ValueInput, Workspace,
};
use support::{batch, choices, model, model_of};

/// Tensor by tensor along the gradient itself, where the slope of the loss is the gradient's norm.
/// f32 losses carry about 1e-6 of themselves as noise, hence the step and the tolerance.
#[test]
fn every_tensor_has_the_gradient_of_the_loss() {
    let model = model(3);
    let batch = batch(&model, &[7, 1, 64, 13], 5);
    for level in Level::available() {
        check(&model, &batch, level);
    }
}

/// The same for each choice of the architecture; weights that it leaves out must not move.
#[test]
fn every_choice_has_the_gradient_of_its_loss() {
    for choices in choices() {
        let model = model_of(choices, 4);
        check(&model, &batch(&model, &[7, 1, 64, 13], 6), Level::best());
    }
}

fn left_out(choices: &Choices, tensor: &str) -> bool {
    match tensor {
        "embedding.group" => !choices.ancestors,
        "embedding.value_bin" => choices.value == ValueInput::None,
        "mark.slope" => !choices.mark_given_wait || choices.likelihood == Likelihood::Competing,
        "value.last" | "value.last_bin" => !choices.last_value || choices.value == ValueInput::None,
        _ => false,
    }
}

fn check(model: &Model, batch: &Batch, level: Level) {
    let device = Device { level, threads: 2 };
    let mut space = Workspace::new(model.config(), batch.positions(), device).unwrap();
    let mut grads = Grads::new(model);
    let losses = space.forward_backward(model, batch, &mut grads).unwrap();
    assert_eq!(losses, space.loss(model, batch).unwrap());
    let tensors = model.tensors().to_vec();
    for tensor in tensors {
        let gradient = &grads.flat()[tensor.range.clone()];
        let norm = gradient
            .iter()
            .map(|g| f64::from(*g).powi(2))
            .sum::<f64>()
            .sqrt();
        if left_out(&model.config().choices, &tensor.name) {
            assert!(norm == 0.0, "{} has a gradient", tensor.name);
            continue;
        }
        assert!(norm > 0.0, "{} has no gradient", tensor.name);
        // Along the gradient itself the slope is its norm.
        let step = 2e-2 / norm.sqrt().max(1.0);
        let mut at = |along: f64| {
            let mut moved = model.clone();
            let weights = &mut moved.weights_mut()[tensor.range.clone()];
            for (w, g) in weights.iter_mut().zip(gradient) {
                *w += (along * f64::from(*g) / norm) as f32;
            }
            space.loss(&moved, batch).unwrap().total()
        };
        let slope =
            (8.0 * (at(step) - at(-step)) - (at(2.0 * step) - at(-2.0 * step))) / (12.0 * step);
        let error = (slope - norm).abs() / norm;
        assert!(
            error < 5e-3,
            "{} {}: {slope} is not {norm}",
            level.name(),
            tensor.name
        );
    }
}
