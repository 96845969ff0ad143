//! Transposing small squares: a right side that lies along its depth is packed across it.

use super::{Kind, Level};

/// The side of a square.
pub(crate) const SIDE: usize = 16;

/// A square of floats, a line of the cache each row.
#[repr(align(64))]
pub(crate) struct Square(pub [[f32; SIDE]; SIDE]);

/// Swaps rows and columns.
pub(crate) fn transpose(level: Level, square: &mut Square) {
    match level.exact().kind() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a Level of this kind exists only where the processor reported the features.
        Kind::Avx512 => unsafe { avx512(square) },
        _ => {
            for i in 0..SIDE {
                for j in 0..i {
                    let kept = square.0[i][j];
                    square.0[i][j] = square.0[j][i];
                    square.0[j][i] = kept;
                }
            }
        }
    }
}

/// Four rounds of exchanges, each of the halves of twice as many elements.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn avx512(square: &mut Square) {
    use std::arch::x86_64::{
        __m512, _mm512_castpd_ps, _mm512_castps_pd, _mm512_load_ps, _mm512_shuffle_f32x4,
        _mm512_store_ps, _mm512_unpackhi_pd, _mm512_unpackhi_ps, _mm512_unpacklo_pd,
        _mm512_unpacklo_ps,
    };
    // SAFETY: a row is 16 floats on a line of its own.
    let rows: [__m512; SIDE] =
        std::array::from_fn(|i| unsafe { _mm512_load_ps(square.0[i].as_ptr()) });
    // Of rows 2i and 2i + 1: elements (0, 1) and (2, 3) of each lane of four, side by side.
    let twos: [__m512; SIDE] = std::array::from_fn(|i| {
        let (a, b) = (rows[i & !1], rows[i | 1]);
        if i & 1 == 0 {
            _mm512_unpacklo_ps(a, b)
        } else {
            _mm512_unpackhi_ps(a, b)
        }
    });
    // Of rows 4i to 4i + 3: column j of each lane, in vector 4i + j.
    let fours: [__m512; SIDE] = std::array::from_fn(|i| {
        let (group, j) = (i & !3, i & 3);
        let a = _mm512_castps_pd(twos[group + j / 2]);
        let b = _mm512_castps_pd(twos[group + 2 + j / 2]);
        _mm512_castpd_ps(if j & 1 == 0 {
            _mm512_unpacklo_pd(a, b)
        } else {
            _mm512_unpackhi_pd(a, b)
        })
    });
    // Lanes 0 and 2, or 1 and 3, of rows 0 to 7 and of rows 8 to 15.
    let eights: [__m512; SIDE] = std::array::from_fn(|i| {
        let (half, odd, j) = (i & 8, i & 4, i & 3);
        let (a, b) = (fours[half + j], fours[half + 4 + j]);
        if odd == 0 {
            _mm512_shuffle_f32x4::<0x88>(a, b)
        } else {
            _mm512_shuffle_f32x4::<0xdd>(a, b)
        }
    });
    for (i, row) in square.0.iter_mut().enumerate() {
        // Column 4 lane + j: its lane is 0 or 2 of the even half, 1 or 3 of the odd one.
        let (lane, j) = (i / 4, i & 3);
        let from = (lane & 1) * 4 + j;
        let (a, b) = (eights[from], eights[8 + from]);
        let column = if lane < 2 {
            _mm512_shuffle_f32x4::<0x88>(a, b)
        } else {
            _mm512_shuffle_f32x4::<0xdd>(a, b)
        };
        // SAFETY: a row is 16 floats on a line of its own.
        unsafe { _mm512_store_ps(row.as_mut_ptr(), column) }
    }
}

#[cfg(test)]
mod tests {
    use super::{SIDE, Square, transpose};
    use crate::kernels::Level;

    #[test]
    fn rows_become_columns() {
        for level in Level::available() {
            let from = |i: usize, j: usize| f32::from(u8::try_from(SIDE * i + j).unwrap());
            let rows = std::array::from_fn(|i| std::array::from_fn(|j| from(i, j)));
            let mut square = Square(rows);
            transpose(level, &mut square);
            for i in 0..SIDE {
                let column: [u32; SIDE] = std::array::from_fn(|j| from(j, i).to_bits());
                assert_eq!(square.0[i].map(f32::to_bits), column, "{}", level.name());
            }
        }
    }
}
