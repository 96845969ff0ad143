//! The machine's peak: multiply-adds that touch nothing but registers, timed.
//!
//! What a training step reaches is stated as a share of it. One core: the caller multiplies by its
//! threads. The figure of a shared machine is that of its quietest moment.

use super::{Kind, Level};
use std::hint::black_box;
use std::time::Instant;

/// Rounds of a timed run: about a tenth of a millisecond.
const ROUNDS: u32 = 1 << 14;
/// Running sums: more than a multiply-add takes cycles, times the two that start in each.
const SUMS: usize = 12;

/// GFLOP/s of one core with the multiply-add that the matrix products of this level use, the best
/// of the runs that fit into `seconds` (0.1 is enough). Portable code is compiled for the
/// processor that the program was built for, most often without fused multiply-add.
pub fn peak_gflops(level: Level, seconds: f64) -> f64 {
    let begun = Instant::now();
    let mut best = 0.0f64;
    loop {
        let start = Instant::now();
        let flops = run(level.kind());
        best = best.max(flops / start.elapsed().as_secs_f64());
        if begun.elapsed().as_secs_f64() >= seconds {
            return best / 1e9;
        }
    }
}

/// One run; returns its floating-point operations.
fn run(kind: Kind) -> f64 {
    let lanes = match kind {
        Kind::Portable | Kind::PortableBf16 => portable(),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a Level of this kind exists only where the processor reported the features.
        Kind::Avx2 => unsafe { x86::avx2() },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a Level of this kind exists only where the processor reported the features.
        Kind::Avx512 => unsafe { x86::avx512() },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a Level of this kind exists only where the processor reported the features.
        Kind::Avx512Bf16 => unsafe { x86::avx512_bf16() },
    };
    2.0 * f64::from(ROUNDS) * SUMS as f64 * f64::from(lanes)
}

/// Returns the multiply-adds of one instruction.
fn portable() -> u32 {
    let (a, b) = (black_box(1.0f32), black_box(1e-9f32));
    let mut sums = [[0.0f32; 4]; SUMS];
    for _ in 0..ROUNDS {
        for sums in &mut sums {
            for sum in sums {
                *sum = a * *sum + b;
            }
        }
    }
    black_box(sums);
    4
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{ROUNDS, SUMS, black_box};
    use std::arch::x86_64::{
        _mm256_fmadd_ps, _mm256_set1_ps, _mm256_setzero_ps, _mm512_cvtne2ps_pbh, _mm512_dpbf16_ps,
        _mm512_fmadd_ps, _mm512_set1_ps, _mm512_setzero_ps,
    };

    /// Returns the multiply-adds of one instruction.
    #[target_feature(enable = "avx2,fma")]
    pub(super) fn avx2() -> u32 {
        let (a, b) = (
            _mm256_set1_ps(black_box(1.0)),
            _mm256_set1_ps(black_box(1e-9)),
        );
        let mut sums = [_mm256_setzero_ps(); SUMS];
        for _ in 0..ROUNDS {
            for sum in &mut sums {
                *sum = _mm256_fmadd_ps(a, b, *sum);
            }
        }
        black_box(sums);
        8
    }

    /// Returns the multiply-adds of one instruction.
    #[target_feature(enable = "avx512f")]
    pub(super) fn avx512() -> u32 {
        let (a, b) = (
            _mm512_set1_ps(black_box(1.0)),
            _mm512_set1_ps(black_box(1e-9)),
        );
        let mut sums = [_mm512_setzero_ps(); SUMS];
        for _ in 0..ROUNDS {
            for sum in &mut sums {
                *sum = _mm512_fmadd_ps(a, b, *sum);
            }
        }
        black_box(sums);
        16
    }

    /// Returns the multiply-adds of one instruction.
    #[target_feature(enable = "avx512f,avx512bf16")]
    pub(super) fn avx512_bf16() -> u32 {
        let (a, b) = (
            _mm512_set1_ps(black_box(1.0)),
            _mm512_set1_ps(black_box(1e-9)),
        );
        let (a, b) = (_mm512_cvtne2ps_pbh(a, a), _mm512_cvtne2ps_pbh(b, b));
        let mut sums = [_mm512_setzero_ps(); SUMS];
        for _ in 0..ROUNDS {
            for sum in &mut sums {
                *sum = _mm512_dpbf16_ps(*sum, a, b);
            }
        }
        black_box(sums);
        32
    }
}
