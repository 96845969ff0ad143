//! Matrix products on slices: `c (+)= a b` with `b` packed once and used by many rows.
//!
//! Every output is summed in an order that depends on the depth alone, never on how rows are shared
//! between threads, so that thread counts do not change a bit. The blocking follows Goto and van de
//! Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008): a panel of `b` stays in the
//! first cache while a block of rows of `a` passes from the second.

use super::Level;
use super::tile::{self, Tile};

/// Depth of a block: a packed panel of 384 x 32 floats is 48 kB.
pub(crate) const DEPTH: usize = 384;
/// Floats of a cache line, and of a line of packed rows: at least the most rows of a tile.
const LINE: usize = 16;
/// Rows of a block: 336 x 384 floats are 516 kB, half of a second-level cache.
const ROWS: usize = 336;

/// A matrix in memory: element (i, j) at `i * row + j * step`.
#[derive(Clone, Copy)]
pub(crate) struct Strided<'a> {
    pub data: &'a [f32],
    pub row: usize,
    pub step: usize,
}

impl<'a> Strided<'a> {
    /// A row-major matrix with `columns` columns.
    pub(crate) fn rows(data: &'a [f32], columns: usize) -> Self {
        Self {
            data,
            row: columns,
            step: 1,
        }
    }

    /// The transpose of a row-major matrix with `columns` columns.
    pub(crate) fn transposed(data: &'a [f32], columns: usize) -> Self {
        Self {
            data,
            row: 1,
            step: columns,
        }
    }

    fn reaches(&self, rows: usize, columns: usize) -> bool {
        rows == 0
            || columns == 0
            || (rows - 1) * self.row + (columns - 1) * self.step < self.data.len()
    }
}

/// A right side packed by [`pack`], of whose `whole` size the first `depth` rows and `columns`
/// columns are used.
#[derive(Clone, Copy)]
pub(crate) struct Packed<'a> {
    pub data: &'a [f32],
    pub depth: usize,
    pub columns: usize,
    whole: (usize, usize),
}

impl<'a> Packed<'a> {
    /// What [`pack`] wrote for a right side `[depth, columns]`.
    pub(crate) fn new(data: &'a [f32], depth: usize, columns: usize) -> Self {
        Self {
            data,
            depth,
            columns,
            whole: (depth, columns),
        }
    }

    /// Only the first rows.
    pub(crate) fn first_rows(self, depth: usize) -> Self {
        assert!(depth <= self.whole.0, "more rows than were packed");
        Self { depth, ..self }
    }

    /// Only the first columns.
    pub(crate) fn first_columns(self, columns: usize) -> Self {
        assert!(columns <= self.whole.1, "more columns than were packed");
        Self { columns, ..self }
    }

    /// The panel that starts at `column`, from row `first` of a block start on.
    fn panel(&self, level: Level, first: usize, column: usize) -> &'a [f32] {
        let block = DEPTH.min(self.whole.0 - first);
        &self.data[first * padded(level, self.whole.1) + column * block..]
    }
}

/// Where a product goes: rows of `row` floats each, of which the first columns are written.
pub(crate) struct Output<'a> {
    pub data: &'a mut [f32],
    pub row: usize,
    pub add: bool,
}

/// Columns rounded up to whole panels.
pub(crate) fn padded(level: Level, columns: usize) -> usize {
    columns.next_multiple_of(tile::width(level.kind()))
}

/// The floats that [`pack`] writes.
pub(crate) fn packed_len(level: Level, depth: usize, columns: usize) -> usize {
    depth * padded(level, columns)
}

/// Packs rows `first..first + block` of a right side `[depth, columns]` into `out`, which holds
/// `block * padded` floats. Blocks of `DEPTH` rows lie one after another, so that they can be
/// packed in parallel.
pub(crate) fn pack_block(
    level: Level,
    b: Strided<'_>,
    first: usize,
    columns: usize,
    out: &mut [f32],
) {
    let width = tile::width(level.kind());
    let depth = out.len() / padded(level, columns).max(1);
    assert!(
        b.reaches(first + depth, columns),
        "the right side is too small"
    );
    for (panel, out) in out.chunks_exact_mut((depth * width).max(1)).enumerate() {
        let column = panel * width;
        let live = width.min(columns - column);
        if b.step == 1 {
            for (p, out) in out.chunks_exact_mut(width).enumerate() {
                let start = (first + p) * b.row + column;
                out[..live].copy_from_slice(&b.data[start..start + live]);
                out[live..].fill(0.0);
            }
        } else {
            out.fill(0.0);
            // Eight rows of depth at a time: each column's line is read once for all of them.
            for p0 in (0..depth).step_by(8) {
                let p1 = depth.min(p0 + 8);
                for j in 0..live {
                    let start = first * b.row + (column + j) * b.step;
                    for p in p0..p1 {
                        out[p * width + j] = b.data[start + p * b.row];
                    }
                }
            }
        }
    }
}

/// Packs a right side `[depth, columns]` into `out` of [`packed_len`] floats.
pub(crate) fn pack<'a>(
    level: Level,
    b: Strided<'_>,
    (depth, columns): (usize, usize),
    out: &'a mut [f32],
) -> Packed<'a> {
    let padded = padded(level, columns);
    let out = &mut out[..depth * padded];
    for (block, out) in out.chunks_mut((DEPTH * padded).max(1)).enumerate() {
        pack_block(level, b, block * DEPTH, columns, out);
    }
    Packed::new(out, depth, columns)
}

/// `c (+)= a b` for `rows` rows of `a`, one of whose strides is 1.
pub(crate) fn gemm(level: Level, a: Strided<'_>, rows: usize, b: Packed<'_>, c: Output<'_>) {
    assert!(
        a.step == 1 || a.row == 1,
        "the left side has no stride of 1"
    );
    assert!(a.reaches(rows, b.depth), "the left side is too small");
    check(level, rows, b, &c);
    let Output {
        data: c,
        row: c_row,
        add,
    } = c;
    let width = tile::width(level.kind());
    let per_tile = even_rows(level, rows);
    let per_block = ROWS / per_tile * per_tile;
    for first in (0..b.depth).step_by(DEPTH) {
        let depth = DEPTH.min(b.depth - first);
        for row0 in (0..rows).step_by(per_block) {
            let row1 = rows.min(row0 + per_block);
            for column in (0..b.columns).step_by(width) {
                let panel = b.panel(level, first, column);
                for row in (row0..row1).step_by(per_tile) {
                    let tile = Tile {
                        rows: per_tile.min(row1 - row),
                        columns: width.min(b.columns - column),
                        depth,
                        a: a.data[row * a.row + first * a.step..].as_ptr(),
                        a_row: a.row,
                        a_step: a.step,
                        b: panel.as_ptr(),
                        c: c[row * c_row + column..].as_mut_ptr(),
                        c_row,
                        add: add || first > 0,
                    };
                    // SAFETY: the checks above and the minima keep every element inside its slice.
                    unsafe { tile::run(level.kind(), &tile) }
                }
            }
        }
    }
}

/// The floats of scratch that [`gemm_transposed`] needs.
pub(crate) fn transposed_scratch(level: Level, rows: usize, depth: usize) -> usize {
    DEPTH.min(depth) * rows.div_ceil(even_rows(level, rows)) * LINE
}

/// `c (+)= a' b` where `a` is row-major `[depth, ...]` and output row i is its column
/// `columns.start + i`: the gradient of a weight. `scratch` holds [`transposed_scratch`] floats.
pub(crate) fn gemm_transposed(
    level: Level,
    (a, columns): (Strided<'_>, std::ops::Range<usize>),
    b: Packed<'_>,
    c: Output<'_>,
    scratch: &mut [f32],
) {
    let rows = columns.len();
    assert!(
        a.reaches(b.depth, columns.end),
        "the left side is too small"
    );
    assert!(
        scratch.len() >= transposed_scratch(level, rows, b.depth),
        "the scratch is too small"
    );
    check(level, rows, b, &c);
    let Output {
        data: c,
        row: c_row,
        add,
    } = c;
    let width = tile::width(level.kind());
    let per_tile = even_rows(level, rows);
    for first in (0..b.depth).step_by(DEPTH) {
        let depth = DEPTH.min(b.depth - first);
        let panels = scratch.chunks_exact_mut(depth * LINE);
        for (row, panel) in (0..rows).step_by(per_tile).zip(panels) {
            pack_lines(
                a,
                (first, columns.start + row),
                per_tile.min(rows - row),
                panel,
            );
        }
        for column in (0..b.columns).step_by(width) {
            let right = b.panel(level, first, column);
            let panels = scratch.chunks_exact(depth * LINE);
            for (row, panel) in (0..rows).step_by(per_tile).zip(panels) {
                let tile = Tile {
                    rows: per_tile.min(rows - row),
                    columns: width.min(b.columns - column),
                    depth,
                    a: panel.as_ptr(),
                    a_row: 1,
                    a_step: LINE,
                    b: right.as_ptr(),
                    c: c[row * c_row + column..].as_mut_ptr(),
                    c_row,
                    add: add || first > 0,
                };
                // SAFETY: the checks above and the minima keep every element inside its slice.
                unsafe { tile::run(level.kind(), &tile) }
            }
        }
    }
}

/// Copies `live` columns of rows from `first` on, one line of 16 floats a row; whole lines where
/// the matrix has them, for a copy of fixed size is one load and one store, and what is beyond
/// `live` is never read.
fn pack_lines(a: Strided<'_>, (first, column): (usize, usize), live: usize, out: &mut [f32]) {
    for (p, out) in out.chunks_exact_mut(LINE).enumerate() {
        let from = &a.data[(first + p) * a.row + column..];
        if let Some(line) = from.first_chunk::<LINE>() {
            out.copy_from_slice(line);
        } else {
            out[..live].copy_from_slice(&from[..live]);
        }
    }
}

fn check(level: Level, rows: usize, b: Packed<'_>, c: &Output<'_>) {
    assert!(
        b.data.len() >= packed_len(level, b.whole.0, b.whole.1),
        "the right side is not packed"
    );
    assert!(c.row >= b.columns, "rows of the output overlap");
    let reach = (rows.max(1) - 1) * c.row + b.columns;
    assert!(
        rows == 0 || reach <= c.data.len(),
        "the output is too small"
    );
}

/// Rows a tile, as even as possible: 16 rows are two tiles of 8 rather than one of 14 and one of 2.
fn even_rows(level: Level, rows: usize) -> usize {
    let rows_max = tile::rows_max(level.kind());
    rows.div_ceil(rows.div_ceil(rows_max).max(1)).max(1)
}
