//! The loss of the value's bin, given wait and code: logits over class 0 (no value) and the bins
//! that the code has, through a small layer of width U.
//!
//! With g the state after the wait, e the vector of the code and (a, s) a linear map of what is
//! told of its earlier values: `z = g Wg + e We + a`, `y = silu(z) (1 + s)`, and the logits are
//! `y Wo + bias`. The product lets code and time weigh what the last value says.

use crate::kernels::{elementwise, reduce};
use crate::memory::Cpu;
use crate::recall::Told;

/// One row's code and how many bins the code has.
#[derive(Clone, Copy)]
pub(crate) struct Asked {
    pub code: u32,
    pub bins: u16,
}

/// Adds the rows of the bins told of, of the table `[K + 1, 2 U]`, to the pairs (a, s) `[N, 2 U]`.
pub(crate) fn add_bins(cpu: &Cpu, told: &[Told], table: &[f32], pairs: &mut [f32]) {
    let width = pairs.len() / told.len().max(1);
    for (told, pair) in told.iter().zip(pairs.chunks_exact_mut(width.max(1))) {
        if told.bin > 0 {
            let row = &table[usize::from(told.bin) * width..][..width];
            elementwise::add(cpu.level, row, pair);
        }
    }
}

/// Adds the pairs' gradient `[N, 2 U]` to that of the table of bins `[K + 1, 2 U]`.
pub(crate) fn bins_gradient(cpu: &Cpu, told: &[Told], d_pairs: &[f32], gradient: &mut [f32]) {
    let width = d_pairs.len() / told.len().max(1);
    for (told, d) in told.iter().zip(d_pairs.chunks_exact(width.max(1))) {
        if told.bin > 0 {
            let row = &mut gradient[usize::from(told.bin) * width..][..width];
            elementwise::add(cpu.level, d, row);
        }
    }
}

/// From g Wg + e We in `z` and the pairs (a, s) `[N, 2 U]`: z, silu(z) and y, `[N, U]` each.
pub(crate) fn gate(cpu: &Cpu, pairs: &[f32], width: usize, [z, silu, y]: [&mut [f32]; 3]) {
    for (z, pair) in z.chunks_exact_mut(width).zip(pairs.chunks_exact(2 * width)) {
        elementwise::add(cpu.level, &pair[..width], z);
    }
    elementwise::silu(cpu.level, z, silu);
    y.copy_from_slice(silu);
    let rows = y.chunks_exact_mut(width).zip(silu.chunks_exact(width));
    for ((y, silu), pair) in rows.zip(pairs.chunks_exact(2 * width)) {
        elementwise::add_product(cpu.level, 1.0, silu, &pair[width..], y);
    }
}

/// Turns the gradient of y `[N, U]` into that of z, and the pairs `[N, 2 U]` into theirs.
pub(crate) fn gate_gradient(
    cpu: &Cpu,
    [z, silu]: [&[f32]; 2],
    width: usize,
    (d, pairs): (&mut [f32], &mut [f32]),
) {
    let rows = d.chunks_exact_mut(width).zip(silu.chunks_exact(width));
    for ((d, silu), pair) in rows.zip(pairs.chunks_exact_mut(2 * width)) {
        for ((d, silu), s) in d.iter_mut().zip(silu).zip(&mut pair[width..]) {
            (*d, *s) = (*d * (1.0 + *s), *d * silu);
        }
    }
    elementwise::silu_gradient(cpu.level, z, d);
    for (d, pair) in d.chunks_exact(width).zip(pairs.chunks_exact_mut(2 * width)) {
        pair[..width].copy_from_slice(d);
    }
}

/// Adds the code's bias `[V, K + 1]` to each row of logits `[N, K + 1]` and turns it into
/// probabilities, 0 beyond the code's bins. Returns the log of the former mass of the row.
pub(crate) fn softmax_row(cpu: &Cpu, row: &mut [f32], bias: &[f32], asked: Asked) -> f64 {
    let classes = row.len();
    let bias = &bias[asked.code as usize * classes..][..classes];
    elementwise::add(cpu.level, bias, row);
    let (open, masked) = row.split_at_mut(1 + usize::from(asked.bins));
    masked.fill(0.0);
    let shift = reduce::max(cpu.level, open);
    let sum = reduce::exp_shifted(cpu.level, open, 1.0, shift);
    elementwise::scale(cpu.level, 1.0 / sum, open);
    f64::from(shift) + f64::from(sum).ln()
}

/// Turns logits `[N, K + 1]` into the gradient of the summed cross-entropy and returns its nats.
pub(crate) fn loss(
    cpu: &Cpu,
    logits: &mut [f32],
    bias: &[f32],
    asked: &[Asked],
    bins: &[u16],
) -> f64 {
    let classes = logits.len() / asked.len().max(1);
    let mut nats = 0.0;
    for ((row, asked), bin) in logits.chunks_exact_mut(classes.max(1)).zip(asked).zip(bins) {
        let class = usize::from(*bin);
        let at = row[class] + bias[asked.code as usize * classes + class];
        nats += softmax_row(cpu, row, bias, *asked) - f64::from(at);
        row[class] -= 1.0;
    }
    nats
}

/// Adds the rows of d `[N, K + 1]` to the gradient of the bias `[V, K + 1]`.
pub(crate) fn bias_gradient(cpu: &Cpu, d: &[f32], asked: &[Asked], gradient: &mut [f32]) {
    let classes = d.len() / asked.len().max(1);
    for (row, asked) in d.chunks_exact(classes.max(1)).zip(asked) {
        let from = asked.code as usize * classes;
        elementwise::add(cpu.level, row, &mut gradient[from..from + classes]);
    }
}
