//! Operands of matrix products rounded to bf16, the upper half of an f32, two in the place of one.
//!
//! The product of two bf16 is exact in f32 and is summed in f32, as the processor's own
//! instruction does it (Intel, "bfloat16 hardware numerics definition", 2018).

use super::{Kind, Level, vectorised};

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

/// The nearest bf16 of a number.
#[inline]
pub(super) fn nearest(x: f32) -> u16 {
    (upper(x) >> 16) as u16
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

/// Pairs neighbours of one row; the last of an odd number is paired with 0.
pub(super) fn pair_along(level: Level, x: &[f32], out: &mut [f32]) {
    #[cfg(target_arch = "x86_64")]
    if level.kind() == Kind::Avx512Bf16 {
        let out = &mut out[..x.len().div_ceil(2)];
        // SAFETY: a Level of this kind exists only where the processor reported the features, and
        // `out` has a place for each pair.
        return unsafe { x86::pair_along(x, out) };
    }
    along(level, x, out);
}

/// Pairs each number of a row with the one below it in the next, the rows two by two: `depth`
/// rows of `live` numbers lie `step` apart in `x`, the lines of `width` pairs one after another
/// in `out`. What a line has beyond `live` becomes 0, as does the row after the last.
pub(super) fn pair_rows(
    level: Level,
    x: &[f32],
    step: usize,
    [depth, live, width]: [usize; 3],
    out: &mut [f32],
) {
    assert!(live <= width && (depth == 0 || (depth - 1) * step + live <= x.len()));
    let out = &mut out[..depth.div_ceil(2) * width];
    #[cfg(target_arch = "x86_64")]
    if level.kind() == Kind::Avx512Bf16 && width.is_multiple_of(16) {
        // SAFETY: a Level of this kind exists only where the processor reported the features; the
        // rows lie inside `x`, whole lines inside `out`.
        return unsafe { x86::pair_rows(x, step, [depth, live, width], out) };
    }
    across(level, x, step, [depth, live, width], out);
}

vectorised! {
    /// [`pair_along`] in plain code.
    fn along(x: &[f32], out: &mut [f32]) {
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
    /// [`pair_rows`] in plain code.
    fn across(x: &[f32], step: usize, shape: [usize; 3], out: &mut [f32]) {
        let [depth, live, width] = shape;
        for (line, out) in out.chunks_exact_mut(width).enumerate() {
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

/// The processor's own rounding, which takes numbers too small for a normal f32 as 0.
#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m512, __m512bh, __m512i, __mmask16, _mm512_castsi512_ps, _mm512_cvtne2ps_pbh,
        _mm512_loadu_ps, _mm512_loadu_si512, _mm512_mask_storeu_ps, _mm512_maskz_loadu_ps,
        _mm512_permutexvar_epi16, _mm512_setzero_ps, _mm512_storeu_ps,
    };

    /// The first `n` of a line of 16.
    fn first(n: usize) -> __mmask16 {
        if n >= 16 { !0 } else { (1 << n) - 1 }
    }

    /// The 32 bf16 of two vectors, those of `low` first.
    #[target_feature(enable = "avx512f,avx512bf16")]
    fn rounded(low: __m512, high: __m512) -> __m512i {
        let both = _mm512_cvtne2ps_pbh(high, low);
        // SAFETY: both types are 64 bytes that may hold anything.
        unsafe { std::mem::transmute::<__m512bh, __m512i>(both) }
    }

    /// # Safety
    /// `out` holds half of the length of `x`, rounded up.
    #[target_feature(enable = "avx512f,avx512bf16")]
    pub(super) unsafe fn pair_along(x: &[f32], out: &mut [f32]) {
        let (lines, rest) = x.as_chunks::<32>();
        for (i, line) in lines.iter().enumerate() {
            // SAFETY: 32 numbers, and room for their 16 pairs.
            unsafe {
                let low = _mm512_loadu_ps(line.as_ptr());
                let high = _mm512_loadu_ps(line.as_ptr().add(16));
                let pairs = _mm512_castsi512_ps(rounded(low, high));
                _mm512_storeu_ps(out.as_mut_ptr().add(16 * i), pairs);
            }
        }
        if !rest.is_empty() {
            let (from, live) = (x.len() - rest.len(), rest.len());
            // SAFETY: the masks keep to what is left of the row; 2 places of it make 1 of `out`.
            unsafe {
                let x = rest.as_ptr();
                let low = _mm512_maskz_loadu_ps(first(live), x);
                let high =
                    _mm512_maskz_loadu_ps(first(live.saturating_sub(16)), x.wrapping_add(16));
                let pairs = _mm512_castsi512_ps(rounded(low, high));
                let to = out.as_mut_ptr().add(from / 2);
                _mm512_mask_storeu_ps(to, first(live.div_ceil(2)), pairs);
            }
        }
    }

    /// Word 2 i from place i, word 2 i + 1 from place 16 + i.
    const INTERLEAVE: [u16; 32] = {
        let mut places = [0; 32];
        let mut i = 0;
        while i < 16 {
            places[2 * i as usize] = i;
            places[2 * i as usize + 1] = 16 + i;
            i += 1;
        }
        places
    };

    /// # Safety
    /// `x` holds `depth` rows of `live` numbers `step` apart; `width` is a multiple of 16, and
    /// `out` holds half of `depth`, rounded up, lines of it.
    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    pub(super) unsafe fn pair_rows(
        x: &[f32],
        step: usize,
        [depth, live, width]: [usize; 3],
        out: &mut [f32],
    ) {
        // SAFETY: 64 bytes.
        let interleave = unsafe { _mm512_loadu_si512(INTERLEAVE.as_ptr().cast()) };
        for p in (0..depth).step_by(2) {
            for from in (0..width).step_by(16) {
                let mask = first(live.saturating_sub(from));
                let row = x.as_ptr().wrapping_add(p * step + from);
                // SAFETY: the mask keeps to `live` columns of rows below `depth`, and a line of
                // `out` has `width` places.
                unsafe {
                    let low = _mm512_maskz_loadu_ps(mask, row);
                    let high = if p + 1 < depth {
                        _mm512_maskz_loadu_ps(mask, row.wrapping_add(step))
                    } else {
                        _mm512_setzero_ps()
                    };
                    let pairs = _mm512_permutexvar_epi16(interleave, rounded(low, high));
                    let to = out.as_mut_ptr().add(p / 2 * width + from);
                    _mm512_storeu_ps(to, _mm512_castsi512_ps(pairs));
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
