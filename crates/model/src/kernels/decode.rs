//! Attention of one query to its own few keys: too thin for a matrix tile, and bound by the memory
//! that keys and values come from. They stand in f32 or rounded to bf16; sums are f32.
//!
//! A row lies in blocks of [`BLOCK`] events, keys as `[H, head_dim, BLOCK]` and values as `[H,
//! BLOCK, head_dim]`, so that all heads of a row are one stream.

use super::{Level, bf16, fma, vectorised};

/// Events of a block.
pub(crate) const BLOCK: usize = 32;

/// Numbers of a row's scores for each head: whole blocks.
pub(crate) fn stride(len: usize) -> usize {
    len.next_multiple_of(BLOCK)
}

/// A number format of keys and values.
pub(crate) trait Stored: Copy + Default + Send + Sync {
    fn narrow(x: f32) -> Self;

    fn widen(self) -> f32;

    /// Inner products of q `[H, width]` with the first `len` keys, into the first of each head's
    /// `[H, stride(len)]`; what lies beyond them there is no score.
    fn scores(level: Level, q: &[f32], keys: &[Self], size: [usize; 2], out: &mut [f32]);

    /// Adds the values weighted by p `[H, stride(len)]` to out `[H, width]`.
    fn weighted(level: Level, p: &[f32], values: &[Self], size: [usize; 2], out: &mut [f32]);
}

impl Stored for f32 {
    fn narrow(x: f32) -> Self {
        x
    }

    #[inline]
    fn widen(self) -> f32 {
        self
    }

    fn scores(level: Level, q: &[f32], keys: &[Self], size: [usize; 2], out: &mut [f32]) {
        scores_f32(level, q, keys, size, out);
    }

    fn weighted(level: Level, p: &[f32], values: &[Self], size: [usize; 2], out: &mut [f32]) {
        weighted_f32(level, p, values, size, out);
    }
}

/// bf16.
impl Stored for u16 {
    fn narrow(x: f32) -> Self {
        bf16::nearest(x)
    }

    #[inline]
    fn widen(self) -> f32 {
        f32::from_bits(u32::from(self) << 16)
    }

    fn scores(level: Level, q: &[f32], keys: &[Self], size: [usize; 2], out: &mut [f32]) {
        scores_bf16(level, q, keys, size, out);
    }

    fn weighted(level: Level, p: &[f32], values: &[Self], size: [usize; 2], out: &mut [f32]) {
        weighted_bf16(level, p, values, size, out);
    }
}

/// Puts the key and value of event `at` of every head `[H, width]` into a row.
pub(crate) fn append<T: Stored>(
    [keys, values]: [&mut [T]; 2],
    [k, v]: [&[f32]; 2],
    (width, at): (usize, usize),
) {
    let (block, place) = (at / BLOCK * BLOCK * k.len(), at % BLOCK);
    for (key, k) in keys[block..].iter_mut().skip(place).step_by(BLOCK).zip(k) {
        *key = T::narrow(*k);
    }
    let heads = values[block..].chunks_exact_mut(BLOCK * width);
    for (values, v) in heads.zip(v.chunks_exact(width)) {
        let values = &mut values[place * width..(place + 1) * width];
        for (value, v) in values.iter_mut().zip(v) {
            *value = T::narrow(*v);
        }
    }
}

/// One body for both formats.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must be compiled for the caller's features"
)]
fn scores_of<T: Stored, const FMA: bool>(
    q: &[f32],
    keys: &[T],
    [width, len]: [usize; 2],
    out: &mut [f32],
) {
    let (heads, stride) = (q.len() / width, stride(len));
    let blocks = keys.chunks_exact(q.len() * BLOCK);
    for (block, keys) in blocks.enumerate().take(len.div_ceil(BLOCK)) {
        let heads = keys.chunks_exact(width * BLOCK).zip(q.chunks_exact(width));
        for (head, (keys, q)) in heads.enumerate() {
            let mut sums = [0.0f32; BLOCK];
            for (q, keys) in q.iter().zip(keys.as_chunks::<BLOCK>().0) {
                for i in 0..BLOCK {
                    sums[i] = fma::<FMA>(*q, keys[i].widen(), sums[i]);
                }
            }
            out[head * stride + block * BLOCK..][..BLOCK].copy_from_slice(&sums);
        }
    }
    debug_assert!(out.len() >= heads * stride);
}

/// One body for both formats.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must be compiled for the caller's features"
)]
fn weighted_of<T: Stored, const FMA: bool>(
    p: &[f32],
    values: &[T],
    [width, len]: [usize; 2],
    out: &mut [f32],
) {
    let stride = stride(len);
    let blocks = values.chunks_exact(out.len() * BLOCK);
    for (block, values) in blocks.enumerate().take(len.div_ceil(BLOCK)) {
        let live = BLOCK.min(len - block * BLOCK);
        let heads = values.chunks_exact(BLOCK * width);
        for (head, (values, out)) in heads.zip(out.chunks_exact_mut(width)).enumerate() {
            let p = &p[head * stride + block * BLOCK..][..live];
            weighted_block::<T, FMA>(p, values, out);
        }
    }
}

/// A block of one head: values `[BLOCK, width]`, a line of 32 columns at a time.
#[inline(always)]
fn weighted_block<T: Stored, const FMA: bool>(p: &[f32], values: &[T], out: &mut [f32]) {
    const LINE: usize = 32;
    let width = out.len();
    let (lines, rest) = out.as_chunks_mut::<LINE>();
    for (line, out) in lines.iter_mut().enumerate() {
        let mut sums = *out;
        for (p, values) in p.iter().zip(values.chunks_exact(width)) {
            let values = &values[line * LINE..][..LINE];
            for i in 0..LINE {
                sums[i] = fma::<FMA>(*p, values[i].widen(), sums[i]);
            }
        }
        *out = sums;
    }
    if !rest.is_empty() {
        let from = width - rest.len();
        for (p, values) in p.iter().zip(values.chunks_exact(width)) {
            for (out, value) in rest.iter_mut().zip(&values[from..]) {
                *out = fma::<FMA>(*p, value.widen(), *out);
            }
        }
    }
}

vectorised! {
    fn scores_f32(q: &[f32], keys: &[f32], size: [usize; 2], out: &mut [f32]) {
        scores_of::<f32, FMA>(q, keys, size, out);
    }
}

vectorised! {
    fn scores_bf16(q: &[f32], keys: &[u16], size: [usize; 2], out: &mut [f32]) {
        scores_of::<u16, FMA>(q, keys, size, out);
    }
}

vectorised! {
    fn weighted_f32(p: &[f32], values: &[f32], size: [usize; 2], out: &mut [f32]) {
        weighted_of::<f32, FMA>(p, values, size, out);
    }
}

vectorised! {
    fn weighted_bf16(p: &[f32], values: &[u16], size: [usize; 2], out: &mut [f32]) {
        weighted_of::<u16, FMA>(p, values, size, out);
    }
}
