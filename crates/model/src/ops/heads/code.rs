//! The loss of the code: softmax cross-entropy over the vocabulary, a block of rows at a time.

use crate::kernels::{elementwise, reduce};
use crate::memory::Cpu;
use rayon::prelude::*;

/// Rows of a block of logits, which is never kept: `[384, V]`.
pub(crate) const ROWS: usize = 384;

/// Turns logits `[N, V]` without bias into probabilities; returns nothing else.
pub(crate) fn softmax(cpu: &Cpu, logits: &mut [f32], bias: &[f32]) {
    logits.par_chunks_mut(bias.len()).for_each(|row| {
        normalise(cpu, row, bias);
    });
}

/// Turns logits `[N, V]` without bias into the gradient of the summed cross-entropy; writes the
/// nats of each row.
pub(crate) fn loss(cpu: &Cpu, logits: &mut [f32], bias: &[f32], codes: &[u32], nats: &mut [f64]) {
    logits
        .par_chunks_mut(bias.len())
        .zip(codes)
        .zip(nats)
        .for_each(|((row, code), nats)| {
            let code = *code as usize;
            let at = row[code] + bias[code];
            let lse = normalise(cpu, row, bias);
            *nats = lse - f64::from(at);
            row[code] -= 1.0;
        });
}

/// Adds the bias, makes the row a distribution, and returns the log of its former mass.
fn normalise(cpu: &Cpu, row: &mut [f32], bias: &[f32]) -> f64 {
    elementwise::add(cpu.level, bias, row);
    let shift = reduce::max(cpu.level, row);
    let sum = reduce::exp_shifted(cpu.level, row, 1.0, shift);
    elementwise::scale(cpu.level, 1.0 / sum, row);
    f64::from(shift) + f64::from(sum).ln()
}

/// Adds the sums of the columns of d `[N, V]` to the gradient of the bias `[V]`.
pub(crate) fn bias_gradient(cpu: &Cpu, d: &[f32], gradient: &mut [f32]) {
    let vocab = gradient.len();
    gradient
        .par_chunks_mut(512)
        .enumerate()
        .for_each(|(block, gradient)| {
            for row in d.chunks_exact(vocab) {
                elementwise::add(cpu.level, &row[block * 512..][..gradient.len()], gradient);
            }
        });
}
