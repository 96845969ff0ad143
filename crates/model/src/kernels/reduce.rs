//! Sums and maxima over a row, in a fixed order: 32 running lanes, then the lanes in order.

use super::{exp, fma, vectorised};

const LANES: usize = 32;

/// Adds the lanes in order; their number is a power of two.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must be compiled for the caller's features"
)]
pub(super) fn total<const N: usize>(mut lanes: [f32; N]) -> f32 {
    let mut half = N / 2;
    while half > 0 {
        for i in 0..half {
            lanes[i] += lanes[i + half];
        }
        half /= 2;
    }
    lanes[0]
}

vectorised! {
    /// The inner product of two rows of the same length.
    fn dot(a: &[f32], b: &[f32]) -> f32 {
        let mut lanes = [0.0f32; LANES];
        let (mut a_chunks, mut b_chunks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
        for (a, b) in (&mut a_chunks).zip(&mut b_chunks) {
            for i in 0..LANES {
                lanes[i] = fma::<FMA>(a[i], b[i], lanes[i]);
            }
        }
        for (i, (a, b)) in a_chunks.remainder().iter().zip(b_chunks.remainder()).enumerate() {
            lanes[i] = fma::<FMA>(*a, *b, lanes[i]);
        }
        total(lanes)
    }
}

vectorised! {
    /// The sum of `x w z` over three rows of the same length.
    fn dot3(x: &[f32], w: &[f32], z: &[f32]) -> f32 {
        let mut lanes = [0.0f32; LANES];
        let (mut xs, mut ws) = (x.chunks_exact(LANES), w.chunks_exact(LANES));
        let mut zs = z.chunks_exact(LANES);
        for ((x, w), z) in (&mut xs).zip(&mut ws).zip(&mut zs) {
            for i in 0..LANES {
                lanes[i] = fma::<FMA>(x[i] * w[i], z[i], lanes[i]);
            }
        }
        let rest = xs.remainder().iter().zip(ws.remainder()).zip(zs.remainder());
        for (i, ((x, w), z)) in rest.enumerate() {
            lanes[i] = fma::<FMA>(x * w, *z, lanes[i]);
        }
        total(lanes)
    }
}

vectorised! {
    /// The largest element, or minus infinity of none.
    fn max(a: &[f32]) -> f32 {
        let mut lanes = [f32::NEG_INFINITY; LANES];
        let mut chunks = a.chunks_exact(LANES);
        for a in &mut chunks {
            for i in 0..LANES {
                lanes[i] = if a[i] > lanes[i] { a[i] } else { lanes[i] };
            }
        }
        for (i, a) in chunks.remainder().iter().enumerate() {
            lanes[i] = if *a > lanes[i] { *a } else { lanes[i] };
        }
        lanes.iter().fold(f32::NEG_INFINITY, |m, a| m.max(*a))
    }
}

vectorised! {
    /// Replaces each element a by exp(scale a - shift) and returns their sum.
    fn exp_shifted(a: &mut [f32], scale: f32, shift: f32) -> f32 {
        let mut lanes = [0.0f32; LANES];
        let mut chunks = a.chunks_exact_mut(LANES);
        for a in &mut chunks {
            for i in 0..LANES {
                a[i] = exp::<FMA>(fma::<FMA>(scale, a[i], -shift));
                lanes[i] += a[i];
            }
        }
        for (i, a) in chunks.into_remainder().iter_mut().enumerate() {
            *a = exp::<FMA>(fma::<FMA>(scale, *a, -shift));
            lanes[i] += *a;
        }
        total(lanes)
    }
}
