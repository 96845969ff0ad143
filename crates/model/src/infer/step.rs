//! Attention of one decoding step: rows of several futures to the prefixes that they share and to
//! their own events.
//!
//! The rows of one prefix meet it as products of matrices, a block of its events at a time, and
//! then their own events one row after another. Each part leaves a maximum, a sum of exponentials
//! and a weighted sum of values, and the next one is merged into them (the online softmax of
//! Milakov and Gimelshein 2018; Juravsky et al. 2024, "Hydragen", for prefixes that are shared).

use super::prefix::PrefixLayer;
use crate::kernels::decode::{self, Stored};
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
}

/// What a row's softmax has come to: the scaled maximum and the sum of exponentials below it.
#[derive(Clone, Copy)]
struct Running {
    shift: f32,
    sum: f32,
}

impl StepAttention<'_> {
    /// Appends keys and values to the rows and writes o `[active, D]`; q, k, v head-major `[H,
    /// active, head_dim]`. `prefixes` are those of stretches of places, `own` the keys and values
    /// of all rows, `between` scratch like q.
    pub(super) fn attend<T: Stored>(
        &self,
        prefixes: &[(&PrefixLayer, Range<usize>)],
        own: [&mut [T]; 2],
        (qkv, between): ([&[f32]; 3], &mut [f32]),
        o: &mut [f32],
    ) {
        let per_head = self.active.len() * self.width;
        let [q, ..] = qkv;
        let heads = q.len() / per_head;
        let mut running = vec![Running::NONE; heads * self.active.len()];
        between.fill(0.0);
        between
            .par_chunks_mut(per_head)
            .zip(running.par_chunks_mut(self.active.len()))
            .zip(q.par_chunks(per_head))
            .enumerate()
            .for_each(|(head, ((o, running), q))| {
                for (prefix, places) in prefixes {
                    for from in places.clone().step_by(TILE) {
                        let tile = from..places.end.min(from + TILE);
                        let span = tile.start * self.width..tile.end * self.width;
                        let (q, o) = (&q[span.clone()], &mut o[span]);
                        self.tile((prefix, head), q, &mut running[tile], o);
                    }
                }
            });
        let room = own[0].len() / self.lens.len();
        let [keys, values] = own.map(|all| self.rows(all, room));
        let rows = keys.into_par_iter().zip(values);
        let between = &*between;
        rows.zip(o.par_chunks_mut(heads * self.width))
            .enumerate()
            .for_each(|(place, ((keys, values), o))| {
                self.own([keys, values], place, (qkv, between, &running), o);
            });
    }

    /// The room of the row of each place.
    fn rows<'t, T>(&self, all: &'t mut [T], room: usize) -> Vec<&'t mut [T]> {
        let mut rooms: Vec<Option<&mut [T]>> = all.chunks_exact_mut(room).map(Some).collect();
        let rows = self.active.iter();
        rows.filter_map(|row| rooms[*row as usize].take()).collect()
    }

    /// A few rows of one head against one prefix; o `[rows, head_dim]` starts at 0.
    fn tile(
        &self,
        (prefix, head): (&PrefixLayer, usize),
        q: &[f32],
        running: &mut [Running],
        o: &mut [f32],
    ) {
        let (width, rows, stride) = (self.width, running.len(), PrefixLayer::BLOCK);
        let mut scratch = self.cpu.scratch(rows * stride);
        let scores = &mut scratch[..rows * stride];
        for [keys, values] in prefix.blocks(head) {
            let output = to(scores, stride, false);
            gemm(prefix.level(), Strided::rows(q, width), rows, keys, output);
            let lines = scores
                .chunks_exact_mut(stride)
                .zip(o.chunks_exact_mut(width));
            for ((scores, o), running) in lines.zip(running.iter_mut()) {
                running.merge(self, &mut scores[..keys.columns], o);
            }
            let p = Strided::rows(scores, stride);
            gemm(prefix.level(), p, rows, values, to(o, width, true));
        }
    }

    /// One row against its own events, in all heads.
    fn own<T: Stored>(
        &self,
        [keys, values]: [&mut [T]; 2],
        place: usize,
        (qkv, between, running): ([&[f32]; 3], &[f32], &[Running]),
        o: &mut [f32],
    ) {
        let (level, width, n) = (self.cpu.level, self.width, self.active.len());
        let at = self.lens[self.active[place] as usize];
        let len = at + 1;
        let stride = decode::stride(len);
        let d = o.len();
        let mut scratch = self.cpu.scratch(d / width * stride + 3 * d);
        let (scores, rest) = scratch.split_at_mut(d / width * stride);
        let rows = rest[..3 * d].chunks_exact_mut(d).zip(qkv);
        for (row, heads) in rows {
            gather(heads, (place, n, width), row);
        }
        gather(between, (place, n, width), o);
        let [q, k, v] = [0, 1, 2].map(|i: usize| &rest[i * d..(i + 1) * d]);
        decode::append([&mut *keys, &mut *values], [k, v], (width, at));
        T::scores(level, q, keys, [width, len], scores);
        let lines = scores
            .chunks_exact_mut(stride)
            .zip(o.chunks_exact_mut(width));
        for (head, (scores, o)) in lines.enumerate() {
            let mut running = running[head * n + place];
            running.merge(self, &mut scores[..len], o);
            // Both parts are divided by the sum before they are added.
            elementwise::scale(level, 1.0 / running.sum, o);
            elementwise::scale(level, 1.0 / running.sum, &mut scores[..len]);
        }
        T::weighted(level, scores, values, [width, len], o);
    }
}

/// One place of head-major `[H, n, width]`, `[H, width]`.
fn gather(heads: &[f32], (place, n, width): (usize, usize, usize), row: &mut [f32]) {
    let heads = heads
        .chunks_exact(n * width)
        .zip(row.chunks_exact_mut(width));
    for (head, row) in heads {
        elementwise::copy_narrow(&head[place * width..(place + 1) * width], row);
    }
}

impl Running {
    const NONE: Self = Self {
        shift: f32::NEG_INFINITY,
        sum: 0.0,
    };

    /// Takes in a part's scores, which become weights below the new maximum; what `o` `[head_dim]`
    /// holds of earlier parts is brought below it too.
    fn merge(&mut self, step: &StepAttention<'_>, scores: &mut [f32], o: &mut [f32]) {
        let (level, scale) = (step.cpu.level, 1.0 / (step.width as f32).sqrt());
        let largest = reduce::max(level, scores) * scale;
        if largest > self.shift {
            let factor = reduce::exp_shifted(level, &mut [self.shift], 1.0, largest);
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
