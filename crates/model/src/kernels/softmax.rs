//! Rows of causal attention scores: row i of a block sees the first `first + i + 1` columns. A row
//! is worked on in whole lines of 16, of which the unseen part counts for nothing.

use super::reduce::total;
use super::{exp, fma, vectorised};

const LANES: usize = 16;

/// A block of rows of scores, `stride` floats apart; a row holds whole lines up to `last`.
#[derive(Clone, Copy)]
pub(crate) struct Causal {
    pub stride: usize,
    /// Columns that precede the first row's own.
    pub first: usize,
    /// Columns that are used.
    pub last: usize,
    pub scale: f32,
}

vectorised! {
    /// Replaces scores by `exp(scale (score - max))`, 0 where unseen; writes each row's sum, and
    /// its scaled maximum to `shifts`.
    fn causal_softmax(shape: Causal, scores: &mut [f32], sums: &mut [f32], shifts: &mut [f32]) {
        let rows = scores.chunks_exact_mut(shape.stride).zip(sums.iter_mut().zip(shifts));
        for (i, (row, (sum, shift))) in rows.enumerate() {
            let seen = shape.first + i + 1;
            let (lines, _) = row[..seen.next_multiple_of(LANES)].as_chunks_mut::<LANES>();
            if let Some(line) = lines.last_mut() {
                for (j, score) in line.iter_mut().enumerate() {
                    let unseen = (seen - 1) / LANES * LANES + j >= seen;
                    *score = if unseen { f32::NEG_INFINITY } else { *score };
                }
            }
            let mut lanes = [f32::NEG_INFINITY; LANES];
            for line in lines.iter() {
                for j in 0..LANES {
                    lanes[j] = if line[j] > lanes[j] { line[j] } else { lanes[j] };
                }
            }
            *shift = shape.scale * lanes.iter().fold(f32::NEG_INFINITY, |m, a| m.max(*a));
            let shifted = *shift;
            let mut lanes = [0.0f32; LANES];
            for line in lines {
                for j in 0..LANES {
                    line[j] = exp::<FMA>(fma::<FMA>(shape.scale, line[j], -shifted));
                    lanes[j] += line[j];
                }
            }
            *sum = total(lanes);
            row[seen..shape.last.max(seen)].fill(0.0);
        }
    }
}

vectorised! {
    /// Replaces scores by probabilities p `exp(scale score - lse)`, and the gradients d of the
    /// probabilities by those of the scores, `scale p (d - delta)`; both 0 where unseen.
    fn causal_gradient(shape: Causal, p: &mut [f32], d: &mut [f32], rows: &[[f32; 2]]) {
        let pairs = p.chunks_exact_mut(shape.stride).zip(d.chunks_exact_mut(shape.stride));
        for (i, ((p, d), [lse, delta])) in pairs.zip(rows).enumerate() {
            let seen = shape.first + i + 1;
            let whole = seen.next_multiple_of(LANES);
            let (p_lines, _) = p[..whole].as_chunks_mut::<LANES>();
            let (d_lines, _) = d[..whole].as_chunks_mut::<LANES>();
            for (p, d) in p_lines.iter_mut().zip(d_lines) {
                for (p, d) in p.iter_mut().zip(d) {
                    *p = exp::<FMA>(fma::<FMA>(shape.scale, *p, -*lse));
                    *d = shape.scale * *p * (*d - delta);
                }
            }
            p[seen..shape.last.max(seen)].fill(0.0);
            d[seen..shape.last.max(seen)].fill(0.0);
        }
    }
}

vectorised! {
    /// The inner product of each row of a with that of b, `width` floats each.
    fn row_dots(a: &[f32], b: &[f32], width: usize, out: &mut [f32]) {
        let rows = a.chunks_exact(width).zip(b.chunks_exact(width));
        for ((a, b), out) in rows.zip(out) {
            let mut lanes = [0.0f32; LANES];
            let (a_lines, a_rest) = a.as_chunks::<LANES>();
            let (b_lines, b_rest) = b.as_chunks::<LANES>();
            for (a, b) in a_lines.iter().zip(b_lines) {
                for ((sum, a), b) in lanes.iter_mut().zip(a).zip(b) {
                    *sum = fma::<FMA>(*a, *b, *sum);
                }
            }
            for ((sum, a), b) in lanes.iter_mut().zip(a_rest).zip(b_rest) {
                *sum = fma::<FMA>(*a, *b, *sum);
            }
            *out = total(lanes);
        }
    }
}

vectorised! {
    /// Divides each row of `width` floats by its own number.
    fn divide_rows(by: &[f32], width: usize, x: &mut [f32]) {
        for (x, by) in x.chunks_exact_mut(width).zip(by) {
            let factor = 1.0 / by;
            for x in x {
                *x *= factor;
            }
        }
    }
}
