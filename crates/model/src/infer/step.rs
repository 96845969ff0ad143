//! Attention of one decoding step: rows of several futures to the prefixes that they share and to
//! their own events.
//!
//! The rows of one prefix meet it as products of matrices, a block of its events at a time, and
//! then their own events one row after another. Each part leaves a maximum, a sum of exponentials
//! and a weighted sum of values, and the next one is merged into them (the online softmax of
//! Milakov and Gimelshein 2018; Juravsky et al. 2024, "Hydragen", for prefixes that are shared).

use super::prefix::PrefixLayer;
use crate::kernels::decode::{BLOCK, Stored};
use crate::kernels::gemm::{Output, Strided, gemm};
use crate::kernels::{elementwise, reduce};
use crate::memory::Cpu;
use rayon::prelude::*;
use std::ops::Range;

/// Rows that meet a block of the prefix together: their scores (21 kB) stay in the first cache.
const TILE: usize = 14;

/// The attention of one step of one block of the model.
pub(super) struct StepAttention<'a> {
    pub cpu: &'a Cpu,
    pub width: usize,
    /// The row of each place, the rows of one prefix one after another.
    pub active: &'a [u32],
    /// Events that each row was fed before this one.
    pub lens: &'a [usize],
    pub steps_max: usize,
}

/// What a row's softmax has come to, per row of a tile: the scaled maximum and the sum of
/// exponentials below it.
#[derive(Clone, Copy)]
struct Running {
    shift: f32,
    sum: f32,
}

impl StepAttention<'_> {
    /// Appends keys and values to the rows and writes o; q, k, v, o head-major `[H, active,
    /// head_dim]`. `prefixes` are those of stretches of places.
    pub(super) fn attend<T: Stored>(
        &self,
        prefixes: &[(&PrefixLayer, Range<usize>)],
        own: [&mut [T]; 2],
        qkv: [&[f32]; 3],
        o: &mut [f32],
    ) {
        let per_head = self.active.len() * self.width;
        let room = self.lens.len() * self.width;
        let (keys, values) = (room * self.blocks(), room * self.steps_max);
        let [q, k, v] = qkv;
        let [own_keys, own_values] = own;
        let own = own_keys
            .par_chunks_mut(keys)
            .zip(own_values.par_chunks_mut(values));
        o.par_chunks_mut(per_head).zip(own).enumerate().for_each(
            |(head, (o, (own_keys, own_values)))| {
                let span = head * per_head..(head + 1) * per_head;
                self.append(own_keys, own_values, [&k[span.clone()], &v[span.clone()]]);
                let own: [&[T]; 2] = [own_keys, own_values];
                for (prefix, places) in prefixes {
                    for from in places.clone().step_by(TILE) {
                        let tile = from..places.end.min(from + TILE);
                        self.tile((prefix, head), tile, own, (&q[span.clone()], o));
                    }
                }
            },
        );
    }

    /// Numbers of a row's keys, a head's width left out.
    fn blocks(&self) -> usize {
        self.steps_max.next_multiple_of(BLOCK)
    }

    fn append<T: Stored>(&self, keys: &mut [T], values: &mut [T], [k, v]: [&[f32]; 2]) {
        let (width, steps) = (self.width, self.steps_max);
        for (i, row) in self.active.iter().enumerate() {
            let (row, len) = (*row as usize, self.lens[*row as usize]);
            let from = row * self.blocks() * width + len / BLOCK * BLOCK * width + len % BLOCK;
            let places = keys[from..].iter_mut().step_by(BLOCK);
            for (key, k) in places.zip(&k[i * width..(i + 1) * width]) {
                *key = T::narrow(*k);
            }
            let to = (row * steps + len) * width;
            let values = values[to..to + width].iter_mut();
            for (value, v) in values.zip(&v[i * width..(i + 1) * width]) {
                *value = T::narrow(*v);
            }
        }
    }

    /// A few rows of one head against one prefix, and each against its own events.
    fn tile<T: Stored>(
        &self,
        (prefix, head): (&PrefixLayer, usize),
        places: Range<usize>,
        own: [&[T]; 2],
        (q, o): (&[f32], &mut [f32]),
    ) {
        let (level, width) = (self.cpu.level, self.width);
        let span = places.start * width..places.end * width;
        let (q, o) = (&q[span.clone()], &mut o[span]);
        let scale = 1.0 / (width as f32).sqrt();
        let mut running = [Running::NONE; TILE];
        let running = &mut running[..places.len()];
        let stride = PrefixLayer::BLOCK;
        let len = (places.len() * stride).max(self.steps_max);
        let mut scratch = self.cpu.scratch(len);
        o.fill(0.0);
        for [keys, values] in prefix.blocks(head) {
            let scores = &mut scratch[..places.len() * stride];
            let output = to(scores, stride, false);
            gemm(
                prefix.level(),
                Strided::rows(q, width),
                places.len(),
                keys,
                output,
            );
            let rows = scores
                .chunks_exact_mut(stride)
                .zip(o.chunks_exact_mut(width));
            for ((scores, o), running) in rows.zip(running.iter_mut()) {
                running.merge(self, (&mut scores[..keys.columns], scale), o);
            }
            let scores = Strided::rows(&scratch, stride);
            gemm(
                prefix.level(),
                scores,
                places.len(),
                values,
                to(o, width, true),
            );
        }
        let rows = q.chunks_exact(width).zip(o.chunks_exact_mut(width));
        for ((place, running), (q, o)) in places.zip(running).zip(rows) {
            let row = self.active[place] as usize;
            let scores = &mut scratch[..=self.lens[row]];
            let room = self.blocks() * width;
            T::scores(level, q, &own[0][row * room..(row + 1) * room], scores);
            running.merge(self, (scores, scale), o);
            let room = self.steps_max * width;
            T::weighted(level, scores, &own[1][row * room..(row + 1) * room], o);
            elementwise::scale(level, 1.0 / running.sum, o);
        }
    }
}

impl Running {
    const NONE: Self = Self {
        shift: f32::NEG_INFINITY,
        sum: 0.0,
    };

    /// Takes in a part's scores, which become weights below the new maximum; what `o` holds of
    /// earlier parts is brought below it too.
    fn merge(
        &mut self,
        step: &StepAttention<'_>,
        (scores, scale): (&mut [f32], f32),
        o: &mut [f32],
    ) {
        let level = step.cpu.level;
        let largest = reduce::max(level, scores) * scale;
        if largest > self.shift {
            let mut less = [self.shift];
            let factor = reduce::exp_shifted(level, &mut less, 1.0, largest);
            if self.sum > 0.0 {
                elementwise::scale(level, factor, o);
            }
            self.sum *= factor;
            self.shift = largest;
        }
        self.sum += reduce::exp_shifted(level, scores, scale, self.shift);
    }
}

fn to(data: &mut [f32], row: usize, add: bool) -> Output<'_> {
    Output { data, row, add }
}
