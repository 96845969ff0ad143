//! RMSNorm (Zhang and Sennrich 2019): `y = w x / sqrt(mean(x^2) + epsilon)`.

use crate::kernels::{elementwise, reduce};
use crate::memory::Cpu;
use rayon::prelude::*;

/// Keeps the root away from zero.
pub(crate) const EPSILON: f32 = 1e-6;
const ROWS: usize = 64;

/// x, y `[rows, D]`, w `[D]`; `inverse` `[rows]` receives 1 / rms for the backward pass.
pub(crate) fn forward(cpu: &Cpu, x: &[f32], w: &[f32], y: &mut [f32], inverse: &mut [f32]) {
    let d = w.len();
    y.par_chunks_mut(ROWS * d)
        .zip(x.par_chunks(ROWS * d))
        .zip(inverse.par_chunks_mut(ROWS))
        .for_each(|((y, x), inverse)| {
            let rows = y.chunks_exact_mut(d).zip(x.chunks_exact(d));
            for ((y, x), inverse) in rows.zip(inverse) {
                let mean = reduce::dot(cpu.level, x, x) / d as f32;
                *inverse = 1.0 / (mean + EPSILON).sqrt();
                elementwise::scale_by(cpu.level, *inverse, x, w, y);
            }
        });
}

/// What the backward pass needs of the forward pass.
#[derive(Clone, Copy)]
pub(crate) struct Saved<'a> {
    /// `[rows, D]`.
    pub x: &'a [f32],
    /// `[D]`.
    pub w: &'a [f32],
    /// `[rows]`.
    pub inverse: &'a [f32],
}

/// The output of [`forward`] once more, y `[rows, D]`.
pub(crate) fn again(cpu: &Cpu, s: Saved<'_>, y: &mut [f32]) {
    let d = s.w.len();
    y.par_chunks_mut(ROWS * d)
        .zip(s.x.par_chunks(ROWS * d))
        .zip(s.inverse.par_chunks(ROWS))
        .for_each(|((y, x), inverse)| {
            for ((y, x), r) in y.chunks_exact_mut(d).zip(x.chunks_exact(d)).zip(inverse) {
                elementwise::scale_by(cpu.level, *r, x, s.w, y);
            }
        });
}

/// Adds the gradients: dy `[rows, D]`, dx `[rows, D]`, dw `[D]`.
///
/// With r = 1 / rms: `dx = r w dy - r^3 / D x sum(w dy x)` and `dw = sum over rows of r x dy`.
pub(crate) fn backward(cpu: &Cpu, s: Saved<'_>, dy: &[f32], dx: &mut [f32], dw: &mut [f32]) {
    let (d, level) = (s.w.len(), cpu.level);
    dx.par_chunks_mut(ROWS * d)
        .zip(s.x.par_chunks(ROWS * d))
        .zip(dy.par_chunks(ROWS * d).zip(s.inverse.par_chunks(ROWS)))
        .for_each(|((dx, x), (dy, inverse))| {
            let rows = dx.chunks_exact_mut(d).zip(x.chunks_exact(d));
            for ((dx, x), (dy, r)) in rows.zip(dy.chunks_exact(d).zip(inverse)) {
                let along = reduce::dot3(level, s.w, dy, x);
                let c = r * r * r * along / d as f32;
                elementwise::norm_gradient(level, (*r, c), x, s.w, dy, dx);
            }
        });
    // Columns are shared out, not rows, so that each sum has one order.
    let per_task = d.div_ceil(cpu.threads).next_multiple_of(16);
    dw.par_chunks_mut(per_task)
        .enumerate()
        .for_each(|(task, dw)| {
            let columns = task * per_task..task * per_task + dw.len();
            for ((x, dy), r) in s.x.chunks_exact(d).zip(dy.chunks_exact(d)).zip(s.inverse) {
                elementwise::add_product(level, *r, &x[columns.clone()], &dy[columns.clone()], dw);
            }
        });
}
