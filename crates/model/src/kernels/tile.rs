//! The innermost tile of the matrix product: up to ROWS x COLUMNS outputs held in registers.
//!
//! Not a matrix product yet: `gemm` cuts the matrices into tiles and packs the right side.

use super::{Kind, bf16};

/// One tile: `c[rows, columns] (+)= a[rows, depth] b[depth, columns]`.
///
/// Element (i, p) of `a` lies at `a + i * a_row + p * a_step` with one of the two strides 1; row p
/// of `b` at `b + p * width(kind)`; element (i, j) of `c` at `c + i * c_row + j`. Where the kind
/// multiplies bf16, an element of `a` and `b` is a pair of them, as `bf16` makes it, and `depth`
/// counts pairs.
pub(super) struct Tile {
    pub rows: usize,
    pub columns: usize,
    pub depth: usize,
    pub a: *const f32,
    pub a_row: usize,
    pub a_step: usize,
    pub b: *const f32,
    pub c: *mut f32,
    pub c_row: usize,
    pub add: bool,
}

/// The most rows of a tile.
pub(crate) fn rows_max(kind: Kind) -> usize {
    match kind {
        Kind::Portable | Kind::PortableBf16 => 4,
        #[cfg(target_arch = "x86_64")]
        Kind::Avx2 => 6,
        #[cfg(target_arch = "x86_64")]
        Kind::Avx512 | Kind::Avx512Bf16 => 14,
    }
}

/// The columns of a packed panel, the most columns of a tile.
pub(crate) fn width(kind: Kind) -> usize {
    match kind {
        Kind::Portable | Kind::PortableBf16 => 16,
        #[cfg(target_arch = "x86_64")]
        Kind::Avx2 => 16,
        #[cfg(target_arch = "x86_64")]
        Kind::Avx512 | Kind::Avx512Bf16 => 32,
    }
}

/// Runs one tile.
///
/// # Safety
/// All elements that the strides of `tile` reach must be valid for reading, those of `c` also for
/// writing and aliased by nothing else; `1 <= rows <= rows_max(kind)` and
/// `1 <= columns <= width(kind)`;
/// the processor must have the instructions of `kind`.
pub(super) unsafe fn run(kind: Kind, tile: &Tile) {
    match kind {
        // SAFETY: the caller's promise is this function's own.
        Kind::Portable => unsafe { portable::<false>(tile) },
        // SAFETY: the caller's promise is this function's own.
        Kind::PortableBf16 => unsafe { portable::<true>(tile) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the caller's promise is this function's own.
        Kind::Avx2 => unsafe { avx2::run(tile) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the caller's promise is this function's own.
        Kind::Avx512 => unsafe { avx512::run(tile) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the caller's promise is this function's own.
        Kind::Avx512Bf16 => unsafe { avx512_bf16::run(tile) },
    }
}

/// # Safety
/// As [`run`].
unsafe fn portable<const PAIRS: bool>(t: &Tile) {
    let mut sums = [[0.0f32; 16]; 4];
    for p in 0..t.depth {
        for (i, sums) in sums.iter_mut().enumerate().take(t.rows) {
            // SAFETY: i < rows and p < depth, and a packed row of b has 16 floats.
            unsafe {
                let a = *t.a.add(i * t.a_row + p * t.a_step);
                for (j, sum) in sums.iter_mut().enumerate() {
                    let b = *t.b.add(p * 16 + j);
                    *sum += if PAIRS { bf16::dot(a, b) } else { a * b };
                }
            }
        }
    }
    for (i, sums) in sums.iter().enumerate().take(t.rows) {
        for (j, sum) in sums.iter().enumerate().take(t.columns) {
            // SAFETY: i < rows and j < columns.
            unsafe {
                let c = t.c.add(i * t.c_row + j);
                *c = if t.add { *c + sum } else { *sum };
            }
        }
    }
}

/// Calls `tile::<ROWS, VECTORS, BY_STEP>` with the tile's shape as constants.
macro_rules! by_shape {
    ($t:ident, $lanes:literal, [$($rows:literal)*]) => {
        match ($t.rows, $t.columns > $lanes, $t.a_step == 1) {
            // SAFETY: the caller's promise; the constants are the tile's own shape.
            $(($rows, true, true) => unsafe { tile::<$rows, 2, true>($t) },
            ($rows, true, false) => unsafe { tile::<$rows, 2, false>($t) },
            ($rows, false, true) => unsafe { tile::<$rows, 1, true>($t) },
            ($rows, false, false) => unsafe { tile::<$rows, 1, false>($t) },)*
            _ => unreachable!("a tile has 1 to rows_max rows"),
        }
    };
}

/// The tile of 512-bit registers, once for each multiply-add.
#[cfg(target_arch = "x86_64")]
macro_rules! wide_tile {
    ($name:ident, $features:literal, |$left:ident, $right:ident, $sum:ident| $product:expr) => {
        mod $name {
            use super::Tile;
            use std::arch::x86_64::{
                __m512, __mmask16, _mm512_add_ps, _mm512_loadu_ps, _mm512_mask_storeu_ps,
                _mm512_maskz_loadu_ps, _mm512_set1_ps, _mm512_setzero_ps,
            };

            /// # Safety
            /// As [`super::run`], with AVX-512.
            #[target_feature(enable = $features)]
            pub(super) unsafe fn run(t: &Tile) {
                by_shape!(t, 16, [1 2 3 4 5 6 7 8 9 10 11 12 13 14]);
            }

            /// # Safety
            /// As [`super::run`]; `R` is the tile's rows, `V` covers its columns, `ROWS` says that
            /// `a_step` is 1 (else `a_row` is).
            #[target_feature(enable = $features)]
            unsafe fn tile<const R: usize, const V: usize, const ROWS: bool>(t: &Tile) {
                let mut sums: [[__m512; V]; R] = [[_mm512_setzero_ps(); V]; R];
                let (mut a, mut b) = (t.a, t.b);
                let step = if ROWS { 1 } else { t.a_step };
                let row = if ROWS { t.a_row } else { 1 };
                for _ in 0..t.depth {
                    // SAFETY: row p < depth of b is 32 floats, and a holds element (i, p).
                    unsafe {
                        let mut right = [_mm512_setzero_ps(); V];
                        for (v, right) in right.iter_mut().enumerate() {
                            *right = _mm512_loadu_ps(b.add(16 * v));
                        }
                        for (i, sums) in sums.iter_mut().enumerate() {
                            let left = _mm512_set1_ps(*a.add(i * row));
                            for v in 0..V {
                                sums[v] = multiply_add(left, right[v], sums[v]);
                            }
                        }
                        a = a.add(step);
                        b = b.add(32);
                    }
                }
                for (i, sums) in sums.iter().enumerate() {
                    for (v, sum) in sums.iter().enumerate() {
                        let left = t.columns - 16 * v;
                        let mask: __mmask16 = if left >= 16 { !0 } else { (1 << left) - 1 };
                        // SAFETY: the mask keeps to the tile's columns.
                        unsafe {
                            let c = t.c.add(i * t.c_row + 16 * v);
                            let sum = if t.add {
                                _mm512_add_ps(_mm512_maskz_loadu_ps(mask, c), *sum)
                            } else {
                                *sum
                            };
                            _mm512_mask_storeu_ps(c, mask, sum);
                        }
                    }
                }
            }

            /// `sum + left right`.
            #[inline]
            #[target_feature(enable = $features)]
            fn multiply_add($left: __m512, $right: __m512, $sum: __m512) -> __m512 {
                $product
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
wide_tile!(avx512, "avx512f", |left, right, sum| {
    std::arch::x86_64::_mm512_fmadd_ps(left, right, sum)
});

#[cfg(target_arch = "x86_64")]
wide_tile!(avx512_bf16, "avx512f,avx512bf16", |left, right, sum| {
    // SAFETY: both types are 64 bytes that may hold anything.
    let (left, right) = unsafe {
        (
            std::mem::transmute::<__m512, std::arch::x86_64::__m512bh>(left),
            std::mem::transmute::<__m512, std::arch::x86_64::__m512bh>(right),
        )
    };
    std::arch::x86_64::_mm512_dpbf16_ps(sum, left, right)
});

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use super::Tile;
    use std::arch::x86_64::{
        __m256, _mm256_add_ps, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_set1_ps, _mm256_setzero_ps,
        _mm256_storeu_ps,
    };

    /// # Safety
    /// As [`super::run`], with AVX2 and FMA.
    #[target_feature(enable = "avx2,fma")]
    pub(super) unsafe fn run(t: &Tile) {
        by_shape!(t, 8, [1 2 3 4 5 6]);
    }

    /// # Safety
    /// As [`super::run`]; `R` is the tile's rows, `V` covers its columns, `ROWS` says that `a_step`
    /// is 1 (else `a_row` is).
    #[target_feature(enable = "avx2,fma")]
    unsafe fn tile<const R: usize, const V: usize, const ROWS: bool>(t: &Tile) {
        let mut sums: [[__m256; V]; R] = [[_mm256_setzero_ps(); V]; R];
        let (mut a, mut b) = (t.a, t.b);
        let step = if ROWS { 1 } else { t.a_step };
        let row = if ROWS { t.a_row } else { 1 };
        for _ in 0..t.depth {
            // SAFETY: row p < depth of b is 16 floats, and a holds element (i, p).
            unsafe {
                let mut right = [_mm256_setzero_ps(); V];
                for (v, right) in right.iter_mut().enumerate() {
                    *right = _mm256_loadu_ps(b.add(8 * v));
                }
                for (i, sums) in sums.iter_mut().enumerate() {
                    let left = _mm256_set1_ps(*a.add(i * row));
                    for v in 0..V {
                        sums[v] = _mm256_fmadd_ps(left, right[v], sums[v]);
                    }
                }
                a = a.add(step);
                b = b.add(16);
            }
        }
        for (i, sums) in sums.iter().enumerate() {
            let full = t.columns == 8 * V;
            let mut row = [0.0f32; 16];
            for (v, sum) in sums.iter().enumerate() {
                // SAFETY: a full tile's row has 8 V columns; a partial one goes through `row`.
                unsafe {
                    if full {
                        let c = t.c.add(i * t.c_row + 8 * v);
                        let old = if t.add {
                            _mm256_loadu_ps(c)
                        } else {
                            _mm256_setzero_ps()
                        };
                        _mm256_storeu_ps(c, _mm256_add_ps(old, *sum));
                    } else {
                        _mm256_storeu_ps(row.as_mut_ptr().add(8 * v), *sum);
                    }
                }
            }
            if !full {
                for (j, sum) in row.iter().enumerate().take(t.columns) {
                    // SAFETY: j < columns.
                    unsafe {
                        let c = t.c.add(i * t.c_row + j);
                        *c = if t.add { *c + sum } else { *sum };
                    }
                }
            }
        }
    }
}
