//! The gate of the MLP (Shazeer 2020): `y = silu(gate) up`, gate and up side by side in one row.

use crate::kernels::elementwise;
use crate::memory::Cpu;
use rayon::prelude::*;

const ROWS: usize = 32;

/// `gate_up` `[rows, 2 F]`, y `[rows, F]`.
pub(crate) fn forward(cpu: &Cpu, gate_up: &[f32], y: &mut [f32], f: usize) {
    y.par_chunks_mut(ROWS * f)
        .zip(gate_up.par_chunks(ROWS * 2 * f))
        .for_each(|(y, gate_up)| {
            for (y, gate_up) in y.chunks_exact_mut(f).zip(gate_up.chunks_exact(2 * f)) {
                let (gate, up) = gate_up.split_at(f);
                elementwise::swiglu(cpu.level, gate, up, y);
            }
        });
}

/// `gate_up` `[rows, 2 F]`, dy `[rows, F]`; writes y `[rows, F]` once more and d `[rows, 2 F]`.
pub(crate) fn backward(cpu: &Cpu, gate_up: &[f32], dy: &[f32], [y, d]: [&mut [f32]; 2], f: usize) {
    d.par_chunks_mut(ROWS * 2 * f)
        .zip(y.par_chunks_mut(ROWS * f))
        .zip(gate_up.par_chunks(ROWS * 2 * f))
        .zip(dy.par_chunks(ROWS * f))
        .for_each(|(((d, y), gate_up), dy)| {
            let rows = d.chunks_exact_mut(2 * f).zip(gate_up.chunks_exact(2 * f));
            let outs = y.chunks_exact_mut(f).zip(dy.chunks_exact(f));
            for ((d, gate_up), (y, dy)) in rows.zip(outs) {
                elementwise::swiglu_gradient(cpu.level, gate_up, dy, y, d);
            }
        });
}
