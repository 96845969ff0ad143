//! Attention of one query to its own few keys: too thin for a matrix tile, and bound by the memory
//! that keys and values come from. They stand in f32 or rounded to bf16; sums are f32.

use super::{Level, bf16, fma, vectorised};

/// Events of a block of keys: a block is `[head_dim, BLOCK]`, so that scores are made by streaming.
pub(crate) const BLOCK: usize = 32;

/// A number format of keys and values.
pub(crate) trait Stored: Copy + Default + Send + Sync {
    fn narrow(x: f32) -> Self;

    fn widen(self) -> f32;

    /// Inner products of q `[head_dim]` with keys in blocks `[.., head_dim, BLOCK]`, for the first
    /// `out.len()` of them.
    fn scores(level: Level, q: &[f32], keys: &[Self], out: &mut [f32]);

    /// Adds the sum of rows of values `[n, head_dim]`, weighted by p `[n]`, to out `[head_dim]`.
    fn weighted(level: Level, p: &[f32], values: &[Self], out: &mut [f32]);
}

impl Stored for f32 {
    fn narrow(x: f32) -> Self {
        x
    }

    #[inline]
    fn widen(self) -> f32 {
        self
    }

    fn scores(level: Level, q: &[f32], keys: &[Self], out: &mut [f32]) {
        scores_f32(level, q, keys, out);
    }

    fn weighted(level: Level, p: &[f32], values: &[Self], out: &mut [f32]) {
        weighted_f32(level, p, values, out);
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

    fn scores(level: Level, q: &[f32], keys: &[Self], out: &mut [f32]) {
        scores_bf16(level, q, keys, out);
    }

    fn weighted(level: Level, p: &[f32], values: &[Self], out: &mut [f32]) {
        weighted_bf16(level, p, values, out);
    }
}

/// One body for both formats.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must be compiled for the caller's features"
)]
fn scores_of<T: Stored, const FMA: bool>(q: &[f32], keys: &[T], out: &mut [f32]) {
    let blocks = keys.chunks_exact(q.len() * BLOCK);
    for (out, keys) in out.chunks_mut(BLOCK).zip(blocks) {
        let mut sums = [0.0f32; BLOCK];
        for (q, keys) in q.iter().zip(keys.as_chunks::<BLOCK>().0) {
            for i in 0..BLOCK {
                sums[i] = fma::<FMA>(*q, keys[i].widen(), sums[i]);
            }
        }
        out.copy_from_slice(&sums[..out.len()]);
    }
}

/// One body for both formats.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must be compiled for the caller's features"
)]
fn weighted_of<T: Stored, const FMA: bool>(p: &[f32], values: &[T], out: &mut [f32]) {
    let width = out.len();
    for start in (0..width).step_by(32) {
        let live = (width - start).min(32);
        if live == 32 {
            let mut sums = [0.0f32; 32];
            for (p, values) in p.iter().zip(values.chunks_exact(width)) {
                let values = &values[start..start + 32];
                for (sum, value) in sums.iter_mut().zip(values) {
                    *sum = fma::<FMA>(*p, value.widen(), *sum);
                }
            }
            for (out, sum) in out[start..start + 32].iter_mut().zip(&sums) {
                *out += sum;
            }
        } else {
            for (p, values) in p.iter().zip(values.chunks_exact(width)) {
                let values = &values[start..start + live];
                for (out, value) in out[start..start + live].iter_mut().zip(values) {
                    *out = fma::<FMA>(*p, value.widen(), *out);
                }
            }
        }
    }
}

vectorised! {
    fn scores_f32(q: &[f32], keys: &[f32], out: &mut [f32]) {
        scores_of::<f32, FMA>(q, keys, out);
    }
}

vectorised! {
    fn scores_bf16(q: &[f32], keys: &[u16], out: &mut [f32]) {
        scores_of::<u16, FMA>(q, keys, out);
    }
}

vectorised! {
    fn weighted_f32(p: &[f32], values: &[f32], out: &mut [f32]) {
        weighted_of::<f32, FMA>(p, values, out);
    }
}

vectorised! {
    fn weighted_bf16(p: &[f32], values: &[u16], out: &mut [f32]) {
        weighted_of::<u16, FMA>(p, values, out);
    }
}
