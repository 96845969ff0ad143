//! Rotary positions (Su et al. 2021) on two clocks: half of each head's pairs turn with the event's
//! index in its segment, the other half with the days since the segment's start.
//!
//! Attention then sees how many events and how much time lie between two events, and nothing of
//! where the segment begins.

use crate::batch::Input;
use crate::choices::Time;
use crate::kernels::elementwise;
use crate::memory::Cpu;
use rayon::prelude::*;

/// The slowest event pair turns once in 2 pi times this many events.
const EVENTS_BASE: f64 = 10_000.0;
/// Periods of the time pairs, log-spaced between these, in days: an hour and a century.
const PERIOD_MIN: f64 = 1.0 / 24.0;
const PERIOD_MAX: f64 = 36_525.0;

/// Radians an event, then radians a day, of each pair of a head.
pub(crate) struct Frequencies {
    events: Vec<f64>,
    days: Vec<f64>,
}

impl Frequencies {
    /// Of a head with `head_dim / 2` pairs; an odd pair goes to the events, and all do where the
    /// index alone is the position.
    pub(crate) fn new(head_dim: usize, time: Time) -> Self {
        let pairs = head_dim / 2;
        let days = if time == Time::Clocks { pairs / 2 } else { 0 };
        let events = pairs - days;
        let ratio = (PERIOD_MAX / PERIOD_MIN).ln();
        Self {
            events: (0..events)
                .map(|j| EVENTS_BASE.powf(-(j as f64) / events as f64))
                .collect(),
            days: (0..days)
                .map(|j| {
                    let along = j as f64 / days.saturating_sub(1).max(1) as f64;
                    std::f64::consts::TAU / (PERIOD_MIN * (ratio * along).exp())
                })
                .collect(),
        }
    }

    /// Pairs a head.
    pub(crate) fn pairs(&self) -> usize {
        self.events.len() + self.days.len()
    }

    /// Writes the cosines and then the sines, `[2 pairs]`, of one event. Angles are f64: a century
    /// is 6 million turns of the fastest pair.
    pub(crate) fn write(&self, index: usize, time_days: f64, out: &mut [f32]) {
        let (cos, sin) = out.split_at_mut(self.pairs());
        let events = self.events.iter().map(|f| f * index as f64);
        let angles = events.chain(self.days.iter().map(|f| f * time_days));
        for ((cos, sin), angle) in cos.iter_mut().zip(sin).zip(angles) {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "a cosine needs no more digits"
            )]
            {
                *cos = angle.cos() as f32;
                *sin = angle.sin() as f32;
            }
        }
    }

    /// The table of a batch whose segments go on after `before` events each, `[T, 2 pairs]`.
    pub(crate) fn table(
        &self,
        (starts, before): (&[u32], usize),
        inputs: &[Input],
        out: &mut [f32],
    ) {
        let width = 2 * self.pairs();
        out.par_chunks_mut(64 * width)
            .enumerate()
            .for_each(|(block, out)| {
                for (i, out) in out.chunks_exact_mut(width).enumerate() {
                    let t = block * 64 + i;
                    let segment = starts.partition_point(|start| *start as usize <= t) - 1;
                    let index = before + t - starts[segment] as usize;
                    self.write(index, inputs[t].time_days, out);
                }
            });
    }
}

/// Splits rows `[T, 3 D]` into queries, keys and values, each head-major `[H, T, head_dim]`, and
/// turns queries and keys by the table.
pub(crate) fn split(
    cpu: &Cpu,
    qkv: &[f32],
    table: &[f32],
    head_dim: usize,
    [q, k, v]: [&mut [f32]; 3],
) {
    let (t, width) = (table.len() / head_dim, head_dim);
    let dim = q.len() / t.max(1);
    let heads = q.par_chunks_mut(t * width).zip(k.par_chunks_mut(t * width));
    heads
        .zip(v.par_chunks_mut(t * width))
        .enumerate()
        .for_each(|(head, ((q, k), v))| {
            let from = head * width;
            let rows = qkv.chunks_exact(3 * dim).zip(table.chunks_exact(width));
            let outs = q.chunks_exact_mut(width).zip(k.chunks_exact_mut(width));
            for ((row, table), ((q, k), v)) in rows.zip(outs.zip(v.chunks_exact_mut(width))) {
                let (cos, sin) = table.split_at(width / 2);
                elementwise::rotate(cpu.level, cos, sin, &row[from..from + width], q);
                let from = from + dim;
                elementwise::rotate(cpu.level, cos, sin, &row[from..from + width], k);
                let from = from + dim;
                elementwise::copy_narrow(&row[from..from + width], v);
            }
        });
}

/// The gradient of [`split`]: head-major dq, dk, dv into rows `[T, 3 D]`.
pub(crate) fn split_gradient(
    cpu: &Cpu,
    [dq, dk, dv]: [&[f32]; 3],
    table: &[f32],
    head_dim: usize,
    d: &mut [f32],
) {
    let (t, width) = (table.len() / head_dim, head_dim);
    let dim = dq.len() / t.max(1);
    d.par_chunks_mut(3 * dim).enumerate().for_each(|(row, d)| {
        let (cos, sin) = table[row * width..(row + 1) * width].split_at(width / 2);
        for head in 0..dim / width {
            let from = (head * t + row) * width;
            let to = head * width;
            let (d_q, rest) = d.split_at_mut(dim);
            let (d_k, d_v) = rest.split_at_mut(dim);
            let (dq, dk) = (&dq[from..from + width], &dk[from..from + width]);
            elementwise::rotate_back(cpu.level, cos, sin, dq, &mut d_q[to..to + width]);
            elementwise::rotate_back(cpu.level, cos, sin, dk, &mut d_k[to..to + width]);
            elementwise::copy_narrow(&dv[from..from + width], &mut d_v[to..to + width]);
        }
    });
}

/// Head-major `[H, T, head_dim]` to rows `[T, D]`.
pub(crate) fn merge(heads: &[f32], rows: &mut [f32], dim: usize, head_dim: usize) {
    let t = rows.len() / dim;
    rows.par_chunks_mut(64 * dim)
        .enumerate()
        .for_each(|(block, rows)| {
            for (i, row) in rows.chunks_exact_mut(dim).enumerate() {
                for (head, out) in row.chunks_exact_mut(head_dim).enumerate() {
                    let from = (head * t + block * 64 + i) * head_dim;
                    elementwise::copy_narrow(&heads[from..from + head_dim], out);
                }
            }
        });
}

/// Rows `[T, D]` to head-major `[H, T, head_dim]`.
pub(crate) fn unmerge(rows: &[f32], heads: &mut [f32], dim: usize, head_dim: usize) {
    let t = rows.len() / dim;
    heads
        .par_chunks_mut((t * head_dim).max(1))
        .enumerate()
        .for_each(|(head, out)| {
            for (out, row) in out.chunks_exact_mut(head_dim).zip(rows.chunks_exact(dim)) {
                elementwise::copy_narrow(&row[head * head_dim..(head + 1) * head_dim], out);
            }
        });
}
