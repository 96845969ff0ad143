//! The loss of the value's bin, given wait and code: logits over class 0 (no value) and the bins
//! that the code has, through a small layer of width U.

use crate::kernels::{elementwise, reduce};
use crate::memory::Cpu;

/// One row's code and how many bins the code has.
#[derive(Clone, Copy)]
pub(crate) struct Asked {
    pub code: u32,
    pub bins: u16,
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
