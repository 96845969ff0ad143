//! The floating-point operations of training, counted from the shapes.

use crate::model::Model;

/// Floating-point operations of one training step a position, forward and backward, in segments
/// of `context` positions: 6 a weight of a linear map, the code table as output included (Kaplan et
/// al. 2020, section 2.1), and 6 `context` D a layer for attention below the diagonal. What is
/// computed twice (probabilities, norms, checkpointed blocks) is counted once.
pub fn flops_per_token(model: &Model, context: usize) -> f64 {
    let linear: usize = model
        .tensors()
        .iter()
        .filter(|tensor| tensor.decay || tensor.name == "embedding.code")
        .map(|tensor| tensor.range.len())
        .sum();
    let config = model.config();
    6.0 * linear as f64 + 6.0 * (config.layers * config.dim * context) as f64
}
