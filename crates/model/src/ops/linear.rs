//! Linear maps: `y = x w` with `w` `[inputs, outputs]`, and the two gradients.

use crate::kernels::Level;
use crate::kernels::gemm::{
    self, Output, Packed, Strided, gemm, gemm_transposed, pack_panel, packed_len, panels,
    transposed_scratch,
};
use crate::memory::{Buffer, Cpu};
use rayon::prelude::*;
use std::sync::Arc;

/// A weight with its shape.
#[derive(Clone, Copy)]
pub(crate) struct Weight<'a> {
    /// `[inputs, outputs]`, or `[outputs, inputs]` if `transposed`.
    pub data: &'a [f32],
    pub inputs: usize,
    pub outputs: usize,
    pub transposed: bool,
}

impl<'a> Weight<'a> {
    pub(crate) fn new(data: &'a [f32], inputs: usize, outputs: usize) -> Self {
        Self {
            data,
            inputs,
            outputs,
            transposed: false,
        }
    }

    /// The same map from outputs to inputs.
    pub(crate) fn flipped(self) -> Self {
        Self {
            inputs: self.outputs,
            outputs: self.inputs,
            transposed: !self.transposed,
            ..self
        }
    }

    pub(crate) fn strided(self) -> Strided<'a> {
        if self.transposed {
            Strided::transposed(self.data, self.inputs)
        } else {
            Strided::rows(self.data, self.outputs)
        }
    }
}

/// Packs a weight for [`apply`] into `out`.
pub(crate) fn pack<'a>(cpu: &Cpu, w: Weight<'_>, out: &'a mut [f32]) -> Packed<'a> {
    pack_at(cpu, cpu.level, w, out)
}

/// [`pack`] for [`apply_at`] a level.
pub(crate) fn pack_at<'a>(
    cpu: &Cpu,
    level: Level,
    w: Weight<'_>,
    out: &'a mut [f32],
) -> Packed<'a> {
    let shape = (w.inputs, w.outputs);
    let out = &mut out[..packed_len(level, w.inputs, w.outputs)];
    if cpu.threads == 1 {
        return gemm::pack(level, w.strided(), shape, out);
    }
    let panels: Vec<_> = panels(level, shape, out).collect();
    panels
        .into_par_iter()
        .with_min_len(4)
        .for_each(|(place, out)| pack_panel(level, w.strided(), place, out));
    Packed::new(out, w.inputs, w.outputs)
}

/// `y (+)= x w` for a packed `w`: x `[rows, inputs]`, y `[rows, outputs]`.
pub(crate) fn apply(cpu: &Cpu, x: &[f32], w: Packed<'_>, y: &mut [f32], add: bool) {
    apply_at(cpu, cpu.level, x, w, (y, add));
}

/// [`apply`] with a weight that was packed for this level.
pub(crate) fn apply_at(
    cpu: &Cpu,
    level: Level,
    x: &[f32],
    w: Packed<'_>,
    (y, add): (&mut [f32], bool),
) {
    if y.is_empty() {
        return;
    }
    let rows = y.len() / w.columns;
    let per_task = rows_per_task(cpu, rows);
    y.par_chunks_mut(per_task * w.columns)
        .zip(x.par_chunks(per_task * w.depth))
        .for_each(|(y, x)| {
            let rows = y.len() / w.columns;
            let output = Output {
                data: y,
                row: w.columns,
                add,
            };
            gemm(level, Strided::rows(x, w.depth), rows, w, output);
        });
}

/// `y (+)= x w`: x `[rows, inputs]`, y `[rows, outputs]`. The gradient with respect to the inputs
/// is the same with the weight flipped. Between two parts of a batch the packed weight is kept.
pub(crate) fn forward(cpu: &Cpu, x: &[f32], w: Weight<'_>, y: &mut [f32], add: bool) {
    if let Some(packed) = kept(cpu, w) {
        return apply(cpu, x, Packed::new(&packed, w.inputs, w.outputs), y, add);
    }
    let mut packed = cpu.packed(packed_len(cpu.level, w.inputs, w.outputs));
    let packed = pack(cpu, w, &mut packed);
    apply(cpu, x, packed, y, add);
}

/// The weight packed once for all parts of a batch, where the pass keeps weights.
pub(crate) fn kept(cpu: &Cpu, w: Weight<'_>) -> Option<Arc<Buffer>> {
    let place = (w.data.as_ptr().addr(), [w.inputs, w.outputs], w.transposed);
    let len = packed_len(cpu.level, w.inputs, w.outputs);
    cpu.weight(place, len, |out| {
        pack(cpu, w, out);
    })
}

/// `dw += x' dy`: x `[rows, inputs]`, dy `[rows, outputs]`, dw `[inputs, outputs]`.
pub(crate) fn weight_gradient(cpu: &Cpu, x: &[f32], dy: &[f32], dw: &mut [f32], outputs: usize) {
    let (rows, inputs) = (dy.len() / outputs, dw.len() / outputs);
    if rows == 0 || inputs == 0 {
        return;
    }
    let mut packed = cpu.packed(packed_len(cpu.level, rows, outputs));
    let packed = pack(cpu, Weight::new(dy, rows, outputs), &mut packed);
    let per_task = inputs.div_ceil(cpu.threads).min(512);
    let tasks = dw.par_chunks_mut(per_task * outputs).enumerate();
    tasks.for_each(|(task, dw)| {
        let first = task * per_task;
        let columns = first..first + dw.len() / outputs;
        let mut scratch = cpu.scratch(transposed_scratch(cpu.level, columns.len(), rows));
        let output = Output {
            data: dw,
            row: outputs,
            add: true,
        };
        let x = (Strided::rows(x, inputs), columns);
        gemm_transposed(cpu.level, x, packed, output, &mut scratch);
    });
}

/// Large enough that packing and starting cost nothing, small enough to share evenly.
pub(crate) fn rows_per_task(cpu: &Cpu, rows: usize) -> usize {
    if cpu.threads == 1 {
        rows
    } else {
        rows.div_ceil(cpu.threads).clamp(1, 168)
    }
}
