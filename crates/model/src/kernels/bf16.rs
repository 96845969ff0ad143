//! Operands of matrix products rounded to bf16, the upper half of an f32, two in the place of one.
//!
//! The product of two bf16 is exact in f32 and is summed in f32, as the processor's own
//! instruction does it (Intel, "bfloat16 hardware numerics definition", 2018).

use super::vectorised;

/// The nearest bf16 in the upper half, the even one of two; not a number stays so.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must be compiled for the caller's features"
)]
fn upper(x: f32) -> u32 {
    let bits = x.to_bits();
    let rounded = bits.wrapping_add(0x7fff + (bits >> 16 & 1)) & 0xffff_0000;
    if x.is_nan() { 0x7fc0_0000 } else { rounded }
}

/// Two numbers as a pair of bf16, the first one in the lower half.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must be compiled for the caller's features"
)]
fn pair(first: f32, second: f32) -> f32 {
    f32::from_bits(upper(first) >> 16 | upper(second))
}

/// The inner product of two pairs.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must be compiled for the caller's features"
)]
pub(super) fn dot(a: f32, b: f32) -> f32 {
    let lower = |x: f32| f32::from_bits(x.to_bits() << 16);
    let upper = |x: f32| f32::from_bits(x.to_bits() & 0xffff_0000);
    lower(a) * lower(b) + upper(a) * upper(b)
}

vectorised! {
    /// Pairs neighbours of one row; the last of an odd number is paired with 0.
    fn pair_along(x: &[f32], out: &mut [f32]) {
        let (pairs, rest) = x.as_chunks::<2>();
        for (out, [first, second]) in out.iter_mut().zip(pairs) {
            *out = pair(*first, *second);
        }
        if let ([last], Some(out)) = (rest, out.get_mut(pairs.len())) {
            *out = pair(*last, 0.0);
        }
    }
}

vectorised! {
    /// Pairs each number of a row with the one below it in the next, the rows two by two: `depth`
    /// rows of `live` numbers lie `step` apart in `x`, the lines of `width` pairs one after another
    /// in `out`. What a line has beyond `live` becomes 0, as does the row after the last.
    fn pair_rows(x: &[f32], step: usize, shape: [usize; 3], out: &mut [f32]) {
        let [depth, live, width] = shape;
        for (line, out) in out.chunks_exact_mut(width).take(depth.div_ceil(2)).enumerate() {
            let (out, beyond) = out.split_at_mut(live);
            beyond.fill(0.0);
            let first = &x[2 * line * step..][..live];
            if 2 * line + 1 < depth {
                let second = &x[(2 * line + 1) * step..][..live];
                for ((out, first), second) in out.iter_mut().zip(first).zip(second) {
                    *out = pair(*first, *second);
                }
            } else {
                for (out, first) in out.iter_mut().zip(first) {
                    *out = pair(*first, 0.0);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{dot, pair, upper};

    /// Halves go to the even neighbour; the largest numbers to infinity; what is no number stays.
    #[test]
    fn rounding_is_to_nearest_even() {
        let round = |x: f32| f32::from_bits(upper(x));
        let unit = 1.0 / 128.0;
        for (x, y) in [
            (1.0, 1.0),
            (1.0 + 0.5 * unit, 1.0),
            (1.0 + 0.51 * unit, 1.0 + unit),
            (1.0 + 1.5 * unit, 1.0 + 2.0 * unit),
            (-1.0 - 1.5 * unit, -1.0 - 2.0 * unit),
            (f32::MAX, f32::INFINITY),
            (f32::NEG_INFINITY, f32::NEG_INFINITY),
            (-0.0, -0.0),
        ] {
            assert_eq!(round(x).to_bits(), y.to_bits(), "{x}");
        }
        assert!(round(f32::NAN).is_nan() && round(f32::from_bits(0x7fff_ffff)).is_nan());
    }

    #[test]
    fn pairs_multiply() {
        let product = dot(pair(1.5, -2.0), pair(4.0, 0.25));
        assert!((product - 5.5).abs() < f32::EPSILON, "{product}");
    }
}
