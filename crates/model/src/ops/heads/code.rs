//! The loss of the code: softmax cross-entropy over the vocabulary, a block of rows at a time.

use crate::kernels::{elementwise, reduce};
use crate::memory::Cpu;
use crate::ops::heads::wait::Seen;
use rayon::prelude::*;

/// Rows of a block of logits, which is never kept: `[384, V]`.
pub(crate) const ROWS: usize = 384;

/// Turns logits `[N, V]` without bias into probabilities; returns nothing else.
pub(crate) fn softmax(cpu: &Cpu, logits: &mut [f32], bias: &[f32]) {
    logits.par_chunks_mut(bias.len()).for_each(|row| {
        normalise(cpu, row, bias);
    });
}

/// The log of the summed rates of each row of logits `[N, V]` without bias, which become shares.
pub(crate) fn log_totals(cpu: &Cpu, logits: &mut [f32], bias: &[f32]) -> Vec<f32> {
    let rows = logits.par_chunks_mut(bias.len());
    #[expect(clippy::cast_possible_truncation, reason = "logits are f32")]
    let totals = rows.map(|row| normalise(cpu, row, bias) as f32).collect();
    totals
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

/// Competing exponentials: logits `[N, V]` without bias are logs of rates a day, with L their sum.
/// Turns them into the gradient of the summed loss: of a positive wait w, `w rate - 1` at the code
/// that came and `w rate` elsewhere; of a censored wait `w rate`; of a tie that of a cross-entropy.
/// Writes the nats of each row's code, `-ln(rate / L)`, 0 where it is censored, and returns those
/// of the waits that are no ties, `L w - ln L`, or `L w` where censored. `codes` are those of the
/// first rows; the rest is censored.
pub(crate) fn competing(
    cpu: &Cpu,
    logits: &mut [f32],
    bias: &[f32],
    (seen, codes): (&[Seen], &[u32]),
    nats: &mut [f64],
) -> f64 {
    let rows = logits.chunks_exact_mut(bias.len()).zip(seen);
    let mut waits = 0.0;
    for (i, ((row, seen), nats)) in rows.zip(nats).enumerate() {
        let code = codes.get(i).map(|code| *code as usize);
        let at = code.map(|code| f64::from(row[code] + bias[code]));
        let log_total = normalise(cpu, row, bias);
        let (Seen::Event(wait) | Seen::Censored(wait)) = *seen;
        let exposure = log_total.exp() * wait;
        *nats = at.map_or(0.0, |at| log_total - at);
        let tie = wait <= 0.0 && code.is_some();
        if !tie {
            waits += exposure - code.map_or(0.0, |_| log_total);
        }
        #[expect(clippy::cast_possible_truncation, reason = "gradients are f32")]
        let weight = if tie { 1.0 } else { exposure as f32 };
        elementwise::scale(cpu.level, weight, row);
        if let Some(code) = code {
            row[code] -= 1.0;
        }
    }
    waits
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
