//! Attention of one query to its own few keys: too thin for a matrix tile.

use super::{fma, vectorised};

/// Events of a block of keys: a block is `[head_dim, BLOCK]`, so that scores are made by streaming.
pub(crate) const BLOCK: usize = 32;

vectorised! {
    /// Inner products of q `[head_dim]` with keys in blocks `[.., head_dim, BLOCK]`, for the first
    /// `out.len()` of them.
    fn scores(q: &[f32], keys: &[f32], out: &mut [f32]) {
        for (out, keys) in out.chunks_mut(BLOCK).zip(keys.chunks_exact(q.len() * BLOCK)) {
            let mut sums = [0.0f32; BLOCK];
            for (q, keys) in q.iter().zip(keys.chunks_exact(BLOCK)) {
                for i in 0..BLOCK {
                    sums[i] = fma::<FMA>(*q, keys[i], sums[i]);
                }
            }
            out.copy_from_slice(&sums[..out.len()]);
        }
    }
}

vectorised! {
    /// Adds the sum of rows of values `[n, head_dim]`, weighted by p `[n]`, to out `[head_dim]`.
    fn weighted(p: &[f32], values: &[f32], out: &mut [f32]) {
        let width = out.len();
        for start in (0..width).step_by(32) {
            let live = (width - start).min(32);
            if live == 32 {
                let mut sums = [0.0f32; 32];
                for (p, values) in p.iter().zip(values.chunks_exact(width)) {
                    let values = &values[start..start + 32];
                    for (sum, value) in sums.iter_mut().zip(values) {
                        *sum = fma::<FMA>(*p, *value, *sum);
                    }
                }
                for (out, sum) in out[start..start + 32].iter_mut().zip(&sums) {
                    *out += sum;
                }
            } else {
                for (p, values) in p.iter().zip(values.chunks_exact(width)) {
                    let values = &values[start..start + live];
                    for (out, value) in out[start..start + live].iter_mut().zip(values) {
                        *out = fma::<FMA>(*p, *value, *out);
                    }
                }
            }
        }
    }
}
