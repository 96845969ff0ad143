//! The state from which code and value are read: h, changed by the wait that passed.
//!
//! `g = h (1 + scale[b]) + shift[b] + slope log(1 + minutes) / 8`, with b = 0 for a zero wait, else
//! 1 + its bin (feature-wise modulation, Perez et al. 2018).

use crate::kernels::elementwise;
use crate::memory::Cpu;
use rayon::prelude::*;

/// Rows of the tables and the slope's feature of each wait.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Passed {
    /// 0 for a zero wait, else 1 + its bin.
    pub bin: u32,
    /// `log(1 + minutes) / 8`.
    pub log: f32,
}

impl Passed {
    /// Of a wait, given the inner edges of the bins.
    pub(crate) fn new(wait_days: f64, edges: &[f32]) -> Self {
        if wait_days <= 0.0 {
            return Self::default();
        }
        let bin = 1 + edges.partition_point(|edge| f64::from(*edge) <= wait_days);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "bins are few, and a log is small"
        )]
        let passed = Self {
            bin: bin as u32,
            log: ((wait_days * 1440.0).ln_1p() / 8.0) as f32,
        };
        passed
    }
}

/// The weights, or their gradients: scale and shift `[1 + W, D]`, slope `[D]`.
pub(crate) struct Tables<T> {
    pub scale: T,
    pub shift: T,
    pub slope: T,
}

/// h, g `[N, D]`.
pub(crate) fn forward(h: &[f32], passed: &[Passed], tables: &Tables<&[f32]>, g: &mut [f32]) {
    let d = tables.slope.len();
    g.par_chunks_mut(d)
        .zip(h.par_chunks(d))
        .zip(passed)
        .for_each(|((g, h), passed)| {
            let row = passed.bin as usize * d..(passed.bin as usize + 1) * d;
            let (scale, shift) = (&tables.scale[row.clone()], &tables.shift[row]);
            for i in 0..d {
                g[i] = h[i] * (1.0 + scale[i]) + shift[i] + tables.slope[i] * passed.log;
            }
        });
}

/// Adds the gradients of the tables, and that of h to dh, from dg; h, dg, dh `[N, D]`.
pub(crate) fn backward(
    cpu: &Cpu,
    (h, dg, passed): (&[f32], &[f32], &[Passed]),
    scale: &[f32],
    gradients: Tables<&mut [f32]>,
    dh: &mut [f32],
) {
    let Tables {
        scale: d_scale,
        shift: d_shift,
        slope: d_slope,
    } = gradients;
    let (d, level) = (d_slope.len(), cpu.level);
    dh.par_chunks_mut(d)
        .zip(dg.par_chunks(d))
        .zip(passed)
        .for_each(|((dh, dg), passed)| {
            let scale = &scale[passed.bin as usize * d..][..d];
            elementwise::add(level, dg, dh);
            elementwise::add_product(level, 1.0, dg, scale, dh);
        });
    for ((h, dg), passed) in h.chunks_exact(d).zip(dg.chunks_exact(d)).zip(passed) {
        let row = passed.bin as usize * d..(passed.bin as usize + 1) * d;
        elementwise::add_product(level, 1.0, h, dg, &mut d_scale[row.clone()]);
        elementwise::add(level, dg, &mut d_shift[row]);
        elementwise::add_scaled(level, passed.log, dg, d_slope);
    }
}
