//! Attention of one query to its own few keys: too thin for a matrix tile.

use super::{fma, vectorised};

vectorised! {
    /// Inner products of q `[head_dim]` with the first columns of keys `[head_dim, steps]`.
    fn scores(q: &[f32], keys: &[f32], steps: usize, out: &mut [f32]) {
        let n = out.len();
        out.fill(0.0);
        let mut start = 0;
        while start < n {
            let width = (n - start).min(64);
            if width == 64 {
                let mut sums = [0.0f32; 64];
                for (q, keys) in q.iter().zip(keys.chunks_exact(steps)) {
                    let keys = &keys[start..start + 64];
                    for (sum, key) in sums.iter_mut().zip(keys) {
                        *sum = fma::<FMA>(*q, *key, *sum);
                    }
                }
                out[start..start + 64].copy_from_slice(&sums);
            } else {
                for (q, keys) in q.iter().zip(keys.chunks_exact(steps)) {
                    let keys = &keys[start..start + width];
                    for (sum, key) in out[start..start + width].iter_mut().zip(keys) {
                        *sum = fma::<FMA>(*q, *key, *sum);
                    }
                }
            }
            start += width;
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
