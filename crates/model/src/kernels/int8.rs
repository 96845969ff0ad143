//! Products of 8-bit integers: a right side with one scale a column, packed once, and left sides
//! with one scale a row, rounded at each use.
//!
//! With s the largest magnitude of a row or column divided by 127, a number x stands as the integer
//! nearest to `x / s` (the even one of two), in -127 to 127: symmetric quantisation of Dettmers et
//! al. 2022, "LLM.int8()", section 2.1, without their outliers' part. Sums of products are exact in
//! 32 bits up to a depth of 2^16, and the way back to f32 is two multiplications in one order: all
//! levels give the same bits, and a row does not see the others.

use super::gemm::Strided;
use super::{Level, vectorised};

/// Columns of a panel.
const WIDTH: usize = 32;
/// Rows of a tile at most: 28 sums, two lines of the right side and one of the left fill the 32
/// registers of AVX-512.
const ROWS: usize = 14;
/// Neighbours of a row that one instruction multiplies.
const QUAD: usize = 4;
/// The largest integer.
const LIMIT: f32 = 127.0;
/// Added to the left side: the instruction takes it without a sign.
const OFFSET: i32 = 128;

/// A quad of 32 columns: of each column four neighbours.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Line([[i8; QUAD]; WIDTH]);

/// How the integers are multiplied; each way gives the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Plain,
    /// The processor has AVX-512 VNNI.
    #[cfg(target_arch = "x86_64")]
    Vnni,
}

/// A right side `[depth, columns]` in 8 bits.
pub(crate) struct Packed8 {
    depth: usize,
    columns: usize,
    way: Way,
    /// Panel by panel, quad by quad.
    lines: Vec<Line>,
    /// Of each column, whole panels of them.
    scales: Vec<f32>,
    /// What [`OFFSET`] adds to each column's sum.
    shifts: Vec<i32>,
}

/// Rows `[rows, depth]` in 8 bits, [`OFFSET`] added.
#[derive(Default)]
pub(crate) struct Left8 {
    bytes: Vec<u8>,
    scales: Vec<f32>,
}

impl Packed8 {
    pub(crate) fn new(level: Level, b: Strided<'_>, (depth, columns): (usize, usize)) -> Self {
        assert!(depth <= 1 << 16, "sums of this depth may not fit 32 bits");
        let quads = depth.div_ceil(QUAD);
        let padded = columns.next_multiple_of(WIDTH);
        let mut packed = Self {
            depth,
            columns,
            way: way(level),
            lines: vec![Line([[0; QUAD]; WIDTH]); padded / WIDTH * quads],
            scales: vec![0.0; padded],
            shifts: vec![0; padded],
        };
        for column in 0..columns {
            let at = |p: usize| b.data[p * b.row + column * b.step];
            let largest = (0..depth).map(|p| at(p).abs()).fold(0.0, f32::max);
            let inverse = if largest > 0.0 { LIMIT / largest } else { 0.0 };
            packed.scales[column] = largest / LIMIT;
            for p in 0..depth {
                #[expect(clippy::cast_possible_truncation, reason = "at most 127")]
                let integer = (at(p) * inverse).round_ties_even() as i8;
                packed.lines[column / WIDTH * quads + p / QUAD].0[column % WIDTH][p % QUAD] =
                    integer;
                packed.shifts[column] += OFFSET * i32::from(integer);
            }
        }
        packed
    }
}

#[cfg_attr(
    not(target_arch = "x86_64"),
    expect(unused_variables, reason = "there is one way only")
)]
fn way(level: Level) -> Way {
    #[cfg(target_arch = "x86_64")]
    if level.exact().name() == "avx512" && std::arch::is_x86_feature_detected!("avx512vnni") {
        return Way::Vnni;
    }
    Way::Plain
}

impl Left8 {
    /// Rounds the rows of x `[rows, depth]`, in the place of what was here. A row that holds what
    /// is no finite number makes products that are none.
    fn set(&mut self, level: Level, x: &[f32], depth: usize) {
        let rows = x.len() / depth.max(1);
        let stride = depth.next_multiple_of(QUAD);
        self.bytes.resize(rows * stride, 0);
        self.scales.clear();
        let lines = self.bytes.chunks_exact_mut(stride.max(1));
        for (row, bytes) in x.chunks_exact(depth.max(1)).zip(lines) {
            let (largest, finite) = magnitude(level, row);
            let inverse = if largest > 0.0 { LIMIT / largest } else { 0.0 };
            self.scales
                .push(if finite { largest / LIMIT } else { f32::NAN });
            let (bytes, beyond) = bytes.split_at_mut(depth);
            quantise(level, row, inverse, bytes);
            beyond.fill(0);
        }
    }
}

vectorised! {
    /// The largest magnitude of a row, and whether all of it is finite.
    fn magnitude(x: &[f32]) -> (f32, bool) {
        const LANES: usize = 32;
        let mut lanes = [0.0f32; LANES];
        let mut faults = [0.0f32; LANES];
        let (lines, rest) = x.as_chunks::<LANES>();
        for line in lines {
            for j in 0..LANES {
                let size = line[j].abs();
                lanes[j] = if size > lanes[j] { size } else { lanes[j] };
                faults[j] += line[j] * 0.0;
            }
        }
        for (j, x) in rest.iter().enumerate() {
            lanes[j] = if x.abs() > lanes[j] { x.abs() } else { lanes[j] };
            faults[j] += x * 0.0;
        }
        // A number times 0 is 0, but for infinities and what is no number.
        let finite = faults.iter().all(|fault| *fault == 0.0);
        (lanes.iter().fold(0.0, |max: f32, a| max.max(*a)), finite)
    }
}

vectorised! {
    /// The integers of a row as bytes. Adding 1.5 2^23 rounds to the nearest integer, the even one
    /// of two, in the low bits.
    fn quantise(x: &[f32], inverse: f32, bytes: &mut [u8]) {
        const ROUND: f32 = 12_582_912.0;
        for (byte, x) in bytes.iter_mut().zip(x) {
            let bits = (x * inverse + ROUND).to_bits();
            *byte = bits.to_le_bytes()[0].wrapping_add(128);
        }
    }
}

/// `y (+)= x w`: x `[rows, depth]`, y `[rows, columns]`. `left` is scratch.
pub(crate) fn product(
    level: Level,
    x: &[f32],
    (w, left): (&Packed8, &mut Left8),
    y: &mut [f32],
    add: bool,
) {
    let rows = y.len() / w.columns.max(1);
    assert!(
        x.len() == rows * w.depth && y.len() == rows * w.columns,
        "rows of the sides differ"
    );
    left.set(level, x, w.depth);
    let quads = w.depth.div_ceil(QUAD);
    let stride = quads * QUAD;
    let tiles = rows.div_ceil(ROWS).max(1);
    let per_tile = rows.div_ceil(tiles).max(1);
    for (panel, column) in (0..w.columns).step_by(WIDTH).enumerate() {
        let lines = &w.lines[panel * quads..(panel + 1) * quads];
        for row in (0..rows).step_by(per_tile) {
            let live = per_tile.min(rows - row);
            let columns = column..w.columns.min(column + WIDTH);
            let back = Back {
                sides: &w.scales[column..column + WIDTH],
                shifts: &w.shifts[column..column + WIDTH],
                scales: &left.scales[row..row + live],
                columns: columns.len(),
                stride: w.columns,
                add,
            };
            let bytes = &left.bytes[row * stride..(row + live) * stride];
            let y = &mut y[row * w.columns + column..(row + live - 1) * w.columns + columns.end];
            multiply(level, w.way, (bytes, lines), (&back, y));
        }
    }
}

/// The way from sums back to numbers: `(sum - shift) (scale of the row times that of the column)`,
/// in this order and without a fused multiplication, so that levels agree.
struct Back<'a> {
    /// Of a whole panel's columns.
    sides: &'a [f32],
    shifts: &'a [i32],
    /// Of the tile's rows.
    scales: &'a [f32],
    /// Columns that are there, and numbers between rows of the output.
    columns: usize,
    stride: usize,
    add: bool,
}

/// The products of rows of bytes with a panel, into the rows of `y`.
fn multiply(
    level: Level,
    way: Way,
    (bytes, lines): (&[u8], &[Line]),
    (to, y): (&Back<'_>, &mut [f32]),
) {
    match way {
        Way::Plain => {
            let mut sums = [[0i32; WIDTH]; ROWS];
            let sums = &mut sums[..to.scales.len()];
            plain(level, bytes, lines, sums);
            let rows = sums.iter().zip(y.chunks_mut(to.stride)).zip(to.scales);
            for ((sums, y), scale) in rows {
                let live = to.columns.min(y.len());
                back(
                    level,
                    sums,
                    (to.sides, to.shifts),
                    *scale,
                    to.add,
                    &mut y[..live],
                );
            }
        }
        #[cfg(target_arch = "x86_64")]
        // SAFETY: this way is chosen only where the processor reported the features.
        Way::Vnni => unsafe { vnni::multiply(bytes, lines, to, y) },
    }
}

vectorised! {
    /// [`multiply`] in plain code, the oracle of the other.
    fn plain(bytes: &[u8], lines: &[Line], sums: &mut [[i32; WIDTH]]) {
        let rows = bytes.chunks_exact((lines.len() * QUAD).max(1));
        for (row, sums) in rows.zip(sums) {
            let (quads, _) = row.as_chunks::<QUAD>();
            for (quad, line) in quads.iter().zip(lines) {
                let left = quad.map(i32::from);
                for (sum, right) in sums.iter_mut().zip(&line.0) {
                    let right = right.map(i32::from);
                    *sum += left[0] * right[0] + left[1] * right[1]
                        + left[2] * right[2] + left[3] * right[3];
                }
            }
        }
    }
}

vectorised! {
    /// Sums back to numbers of a row of y; no multiplication is fused, so that levels agree.
    fn back(
        sums: &[i32; WIDTH],
        sides: (&[f32], &[i32]),
        scale: f32,
        add: bool,
        y: &mut [f32],
    ) {
        let columns = y.iter_mut().zip(sums).zip(sides.0.iter().zip(sides.1));
        for ((y, sum), (side, shift)) in columns {
            let product = (sum - shift) as f32 * (scale * side);
            *y = if add { *y + product } else { product };
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod vnni {
    use super::{Back, Line, QUAD, ROWS, WIDTH};
    use std::arch::x86_64::{
        __m512i, __mmask16, _mm512_add_ps, _mm512_cvtepi32_ps, _mm512_dpbusd_epi32,
        _mm512_load_si512, _mm512_loadu_ps, _mm512_loadu_si512, _mm512_mask_storeu_ps,
        _mm512_maskz_loadu_ps, _mm512_mul_ps, _mm512_set1_epi32, _mm512_set1_ps,
        _mm512_setzero_si512, _mm512_sub_epi32,
    };

    /// # Safety
    /// The processor has AVX-512 VNNI.
    #[target_feature(enable = "avx512f,avx512vnni")]
    pub(super) unsafe fn multiply(bytes: &[u8], lines: &[Line], back: &Back<'_>, y: &mut [f32]) {
        let rows = back.scales.len();
        assert!(
            (1..=ROWS).contains(&rows)
                && bytes.len() == rows * lines.len() * QUAD
                && y.len() >= (rows - 1) * back.stride + back.columns
                && back.sides.len() >= WIDTH
                && back.shifts.len() >= WIDTH
                && back.columns <= WIDTH,
            "a tile is 1 to 14 rows of a panel"
        );
        macro_rules! by_rows {
            ($($rows:literal)*) => {
                match rows {
                    // SAFETY: the assertion above.
                    $($rows => unsafe { tile::<$rows>(bytes, lines, back, y) },)*
                    _ => {}
                }
            };
        }
        by_rows!(1 2 3 4 5 6 7 8 9 10 11 12 13 14);
    }

    /// # Safety
    /// The processor has AVX-512 VNNI; `bytes` are `R` rows of a quad a line, `back` has `R` rows
    /// and a panel's columns, and `y` as many rows and columns as it says.
    #[target_feature(enable = "avx512f,avx512vnni")]
    unsafe fn tile<const R: usize>(bytes: &[u8], lines: &[Line], back: &Back<'_>, y: &mut [f32]) {
        let mut all = [[_mm512_setzero_si512(); 2]; R];
        let stride = lines.len() * QUAD;
        for (p, line) in lines.iter().enumerate() {
            // SAFETY: a line is two aligned registers, and row i holds quad p.
            unsafe {
                let from = line.0.as_ptr();
                let right = [
                    _mm512_load_si512(from.cast()),
                    _mm512_load_si512(from.add(WIDTH / 2).cast()),
                ];
                for (i, all) in all.iter_mut().enumerate() {
                    let quad = bytes.as_ptr().add(i * stride + p * QUAD);
                    let quad = quad.cast::<[u8; QUAD]>().read();
                    let left = _mm512_set1_epi32(i32::from_le_bytes(quad));
                    all[0] = _mm512_dpbusd_epi32(all[0], left, right[0]);
                    all[1] = _mm512_dpbusd_epi32(all[1], left, right[1]);
                }
            }
        }
        // SAFETY: the caller's promise.
        unsafe { write(&all, back, y) }
    }

    /// # Safety
    /// As [`tile`].
    #[inline]
    #[target_feature(enable = "avx512f,avx512vnni")]
    unsafe fn write(all: &[[__m512i; 2]], back: &Back<'_>, y: &mut [f32]) {
        for half in 0..2 {
            let live = back.columns.saturating_sub(16 * half).min(16);
            let mask: __mmask16 = if live == 16 { !0 } else { (1 << live) - 1 };
            // SAFETY: sides and shifts have two registers; the mask keeps to the columns of y.
            unsafe {
                let side = _mm512_loadu_ps(back.sides.as_ptr().add(16 * half));
                let shift = _mm512_loadu_si512(back.shifts.as_ptr().add(16 * half).cast());
                for (i, (sums, scale)) in all.iter().zip(back.scales).enumerate() {
                    let to = y.as_mut_ptr().add(i * back.stride).wrapping_add(16 * half);
                    let factor = _mm512_mul_ps(_mm512_set1_ps(*scale), side);
                    let sum = _mm512_cvtepi32_ps(_mm512_sub_epi32(sums[half], shift));
                    let mut product = _mm512_mul_ps(sum, factor);
                    if back.add {
                        product = _mm512_add_ps(_mm512_maskz_loadu_ps(mask, to), product);
                    }
                    _mm512_mask_storeu_ps(to, mask, product);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Normals;

    fn random(n: usize, stream: u64) -> Vec<f32> {
        let mut normals = Normals::new(11, stream);
        (0..n).map(|_| normals.next()).collect()
    }

    /// The integers of a row or column, and its scale, by arithmetic in f64 on the same f32 steps.
    fn integers(x: &[f32]) -> (Vec<i64>, f32) {
        let largest = x.iter().fold(0.0f32, |max, x| max.max(x.abs()));
        let inverse = if largest > 0.0 { LIMIT / largest } else { 0.0 };
        let one = |x: &f32| f64::from(x * inverse).round_ties_even();
        #[expect(clippy::cast_possible_truncation, reason = "at most 127")]
        let all = x.iter().map(|x| one(x) as i64).collect();
        (all, largest / LIMIT)
    }

    /// All levels give the bits of the plainest loops over the rounded operands.
    #[test]
    fn products_are_those_of_rounded_operands_to_the_bit() {
        let shapes = [
            (1, 1, 1),
            (2, 3, 5),
            (14, 4, 32),
            (15, 96, 33),
            (64, 257, 96),
            (29, 704, 64),
            (3, 1030, 31),
        ];
        for (rows, depth, columns) in shapes {
            let (x, w) = (random(rows * depth, 1), random(depth * columns, 2));
            let lefts: Vec<_> = x.chunks_exact(depth).map(integers).collect();
            let column =
                |j: usize| -> Vec<f32> { w.iter().skip(j).step_by(columns).copied().collect() };
            let rights: Vec<_> = (0..columns).map(|j| integers(&column(j))).collect();
            for level in Level::available().into_iter().chain(Level::bf16()) {
                let packed = Packed8::new(level, Strided::rows(&w, columns), (depth, columns));
                for add in [false, true] {
                    let mut y = vec![0.5; rows * columns];
                    let mut left = Left8::default();
                    product(level, &x, (&packed, &mut left), &mut y, add);
                    for (i, (a, sa)) in lefts.iter().enumerate() {
                        for (j, (b, sb)) in rights.iter().enumerate() {
                            let sum: i64 = a.iter().zip(b).map(|(a, b)| a * b).sum();
                            let expected = sum as f32 * (sa * sb);
                            let expected = if add { 0.5 + expected } else { expected };
                            let got = y[i * columns + j];
                            assert_eq!(
                                got.to_bits(),
                                expected.to_bits(),
                                "{} {rows}x{depth}x{columns} at {i}, {j}",
                                level.name()
                            );
                        }
                    }
                }
            }
        }
    }

    /// The transpose packs the same, zero rows make zeros, and faults stay faults.
    #[test]
    fn transposes_zeros_and_faults() {
        let level = Level::best();
        let w = random(7 * 40, 3);
        let across: Vec<f32> = (0..40 * 7).map(|i| w[i % 40 * 7 + i / 40]).collect();
        let sides = [Strided::rows(&w, 7), Strided::transposed(&across, 40)];
        let x = [vec![0.0; 40], random(40, 4)].concat();
        let [one, other] = sides.map(|side| {
            let mut y = vec![f32::NAN; 14];
            let packed = Packed8::new(level, side, (40, 7));
            product(level, &x, (&packed, &mut Left8::default()), &mut y, false);
            y
        });
        assert!(one == other && one[..7].iter().all(|y| *y == 0.0));
        let packed = Packed8::new(level, Strided::rows(&w, 7), (40, 7));
        for fault in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut x = x.clone();
            x[3] = fault;
            let mut y = vec![0.0; 14];
            product(level, &x, (&packed, &mut Left8::default()), &mut y, false);
            assert!(y[..7].iter().all(|y| !y.is_finite()) && y[7..] == one[7..]);
        }
    }
}
