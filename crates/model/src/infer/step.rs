//! Attention of one decoding step: many rows to one shared prefix and to their own events.

use super::{PrefixLayer, RowsLayer};
use crate::kernels::decode::{self, BLOCK};
use crate::kernels::gemm::{Output, Packed, Strided, gemm};
use crate::kernels::{elementwise, reduce};
use crate::memory::Cpu;
use rayon::prelude::*;

/// The attention of one step of one block.
pub(super) struct StepAttention<'a> {
    pub cpu: &'a Cpu,
    pub width: usize,
    /// Events of the prefix.
    pub prefix: usize,
    pub active: &'a [u32],
    /// Events that each row was fed before this one.
    pub lens: &'a [usize],
    pub steps_max: usize,
}

impl StepAttention<'_> {
    /// Appends keys and values to the rows and writes o; q, k, v, o head-major `[H, active,
    /// head_dim]`.
    pub(super) fn attend(
        &self,
        prefix: &PrefixLayer,
        own: &mut RowsLayer,
        qkv: [&[f32]; 3],
        o: &mut [f32],
    ) {
        let (per_head, width) = (self.active.len() * self.width, self.width);
        let heads = o.len() / per_head;
        let room = self.lens.len() * width;
        let rooms = (room * self.blocks(), room * self.steps_max);
        let (keys, values) = (prefix.keys.len() / heads, prefix.values.len() / heads);
        let [q, k, v] = qkv;
        o.par_chunks_mut(per_head)
            .zip(
                own.keys
                    .par_chunks_mut(rooms.0)
                    .zip(own.values.par_chunks_mut(rooms.1)),
            )
            .enumerate()
            .for_each(|(head, (o, (own_keys, own_values)))| {
                let span = head * per_head..(head + 1) * per_head;
                self.append(own_keys, own_values, &k[span.clone()], &v[span.clone()]);
                let keys = &prefix.keys[head * keys..(head + 1) * keys];
                let keys = Packed::new(keys, width, self.prefix);
                let values = &prefix.values[head * values..(head + 1) * values];
                let values = Packed::new(values, self.prefix, width);
                self.head(&q[span], (keys, values), (own_keys, own_values), o);
            });
    }

    /// Floats of a row's keys, a head's width left out.
    fn blocks(&self) -> usize {
        self.steps_max.next_multiple_of(BLOCK)
    }

    fn append(&self, keys: &mut [f32], values: &mut [f32], k: &[f32], v: &[f32]) {
        let (width, steps) = (self.width, self.steps_max);
        for (i, row) in self.active.iter().enumerate() {
            let (row, len) = (*row as usize, self.lens[*row as usize]);
            let from = row * self.blocks() * width + len / BLOCK * BLOCK * width + len % BLOCK;
            let places = keys[from..].iter_mut().step_by(BLOCK);
            for (key, k) in places.zip(&k[i * width..(i + 1) * width]) {
                *key = *k;
            }
            let to = (row * steps + len) * width;
            values[to..to + width].copy_from_slice(&v[i * width..(i + 1) * width]);
        }
    }

    /// One head: scores against the shared prefix as one product, against the row's own events one
    /// by one, and one softmax over both.
    fn head(
        &self,
        q: &[f32],
        (keys, values): (Packed<'_>, Packed<'_>),
        (own_keys, own_values): (&[f32], &[f32]),
        o: &mut [f32],
    ) {
        let (n, width, steps, level) = (
            self.active.len(),
            self.width,
            self.steps_max,
            self.cpu.level,
        );
        let stride = self.prefix.next_multiple_of(16) + steps.next_multiple_of(16);
        let own_at = self.prefix.next_multiple_of(16);
        let scale = 1.0 / (width as f32).sqrt();
        let mut scratch = self.cpu.scratch(n * stride);
        let scores = &mut scratch[..n * stride];
        let output = Output {
            data: &mut *scores,
            row: stride,
            add: false,
        };
        gemm(level, Strided::rows(q, width), n, keys, output);
        for (i, row) in self.active.iter().enumerate() {
            let (row, len) = (*row as usize, self.lens[*row as usize] + 1);
            let room = self.blocks() * width;
            let own_keys = &own_keys[row * room..(row + 1) * room];
            let scores = &mut scores[i * stride..(i + 1) * stride];
            let own = &mut scores[own_at..own_at + len];
            decode::scores(level, &q[i * width..(i + 1) * width], own_keys, own);
            let shift = reduce::max(level, own).max(reduce::max(level, &scores[..self.prefix]));
            let sum = reduce::exp_shifted(level, &mut scores[..self.prefix], scale, shift * scale)
                + reduce::exp_shifted(level, &mut scores[own_at..][..len], scale, shift * scale);
            elementwise::scale(level, 1.0 / sum, &mut scores[..self.prefix]);
            elementwise::scale(level, 1.0 / sum, &mut scores[own_at..own_at + len]);
        }
        let output = Output {
            data: &mut *o,
            row: width,
            add: false,
        };
        gemm(level, Strided::rows(scores, stride), n, values, output);
        for (i, row) in self.active.iter().enumerate() {
            let (row, len) = (*row as usize, self.lens[*row as usize] + 1);
            let p = &scores[i * stride + own_at..][..len];
            let own_values = &own_values[row * steps * width..][..len * width];
            decode::weighted(level, p, own_values, &mut o[i * width..(i + 1) * width]);
        }
    }
}
