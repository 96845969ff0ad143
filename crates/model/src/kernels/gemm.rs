//! Matrix products on slices: `c (+)= a b` with `b` packed once and used by many rows.
//!
//! Every output is summed in an order that depends on the depth alone, never on how rows are shared
//! between threads, so that thread counts do not change a bit. The blocking follows Goto and van de
//! Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008): a panel of `b` stays in the
//! first cache while a block of rows of `a` passes from the second.

use super::tile::{self, Tile};
use super::transpose::{SIDE, Square, transpose};
use super::{Level, bf16};

/// Depth of a block: a packed panel of 384 x 32 floats is 48 kB.
pub(crate) const DEPTH: usize = 384;
/// Floats of a cache line, and of a line of packed rows: at least the most rows of a tile.
const LINE: usize = 16;
/// Rows of a block: 336 x 384 floats are 516 kB, half of a second-level cache.
const ROWS: usize = 336;

/// Numbers of a block of bf16: 393 kB, less than half of a second-level cache.
const BLOCK: usize = 512 * DEPTH;

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
        let block = lines(level, DEPTH.min(self.whole.0 - first));
        &self.data[lines(level, first) * padded(level, self.whole.1) + column * block..]
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

/// Lines of a packed panel: of bf16, two of depth share one.
fn lines(level: Level, depth: usize) -> usize {
    if level.pairs() {
        depth.div_ceil(2)
    } else {
        depth
    }
}

/// The floats that [`pack`] writes.
pub(crate) fn packed_len(level: Level, depth: usize, columns: usize) -> usize {
    lines(level, depth) * padded(level, columns)
}

/// Packs a right side `[depth, columns]` into `out` of [`packed_len`] floats.
pub(crate) fn pack<'a>(
    level: Level,
    b: Strided<'_>,
    (depth, columns): (usize, usize),
    out: &'a mut [f32],
) -> Packed<'a> {
    let out = &mut out[..packed_len(level, depth, columns)];
    for (place, panel) in panels(level, (depth, columns), out) {
        pack_panel(level, b, place, panel);
    }
    Packed::new(out, depth, columns)
}

/// Where a panel comes from: rows `first..first + depth`, columns `column..column + live`.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    first: usize,
    depth: usize,
    column: usize,
    live: usize,
}

/// The panels of a packed right side `[depth, columns]`, which can be packed in parallel.
pub(crate) fn panels(
    level: Level,
    (depth, columns): (usize, usize),
    out: &mut [f32],
) -> impl Iterator<Item = (Place, &mut [f32])> {
    let (width, padded) = (tile::width(level.kind()), padded(level, columns));
    let blocks = out.chunks_mut((lines(level, DEPTH) * padded).max(1));
    blocks.enumerate().flat_map(move |(block, out)| {
        let first = block * DEPTH;
        let depth = DEPTH.min(depth - first);
        let panels = out.chunks_exact_mut(lines(level, depth) * width);
        panels.enumerate().map(move |(panel, out)| {
            let column = panel * width;
            let live = width.min(columns - column);
            let place = Place {
                first,
                depth,
                column,
                live,
            };
            (place, out)
        })
    })
}

/// Packs one panel of a right side, one of whose strides is 1.
pub(crate) fn pack_panel(level: Level, b: Strided<'_>, place: Place, out: &mut [f32]) {
    let Place {
        first,
        depth,
        column,
        live,
    } = place;
    assert!(
        b.reaches(first + depth, column + live) && (b.step == 1 || b.row == 1),
        "the right side is too small or has no stride of 1"
    );
    let width = tile::width(level.kind());
    let from = &b.data[first * b.row + column * b.step..];
    if b.step != 1 {
        pack_across(level, from, b.step, place, out);
    } else if level.pairs() {
        bf16::pair_rows(level, from, b.row, [depth, live, width], out);
    } else {
        for (p, out) in out.chunks_exact_mut(width).enumerate() {
            copy_line(&from[p * b.row..][..live], out);
        }
    }
}

/// Copies a row and fills the line up with zeros; whole lines are copied as such, for a copy of
/// fixed size is one load and one store.
fn copy_line(from: &[f32], out: &mut [f32]) {
    let (from, from_rest) = from.as_chunks::<LINE>();
    let (to, to_rest) = out.split_at_mut(from.len() * LINE);
    for (to, from) in to.as_chunks_mut::<LINE>().0.iter_mut().zip(from) {
        *to = *from;
    }
    to_rest[..from_rest.len()].copy_from_slice(from_rest);
    to_rest[from_rest.len()..].fill(0.0);
}

/// Packs a panel whose columns lie along the memory, `step` apart, a square at a time.
fn pack_across(level: Level, from: &[f32], step: usize, place: Place, out: &mut [f32]) {
    let width = tile::width(level.kind());
    let per_line = if level.pairs() { 2 } else { 1 };
    for p0 in (0..place.depth).step_by(SIDE * per_line) {
        let live = (place.depth - p0).min(SIDE * per_line);
        for j0 in (0..width).step_by(SIDE) {
            let mut square = Square([[0.0; SIDE]; SIDE]);
            let columns = place.live.saturating_sub(j0).min(SIDE);
            for (j, row) in square.0.iter_mut().enumerate().take(columns) {
                let from = &from[(j0 + j) * step + p0..][..live];
                if level.pairs() {
                    bf16::pair_along(level, from, row);
                } else if let Ok(from) = from.try_into() {
                    *row = from;
                } else {
                    row[..live].copy_from_slice(from);
                }
            }
            transpose(level, &mut square);
            let first = p0 / per_line * width + j0;
            let lines = out[first..].chunks_mut(width).zip(&square.0);
            for (out, row) in lines.take(live.div_ceil(per_line)) {
                out[..SIDE].copy_from_slice(row);
            }
        }
    }
}

/// `c (+)= a b` for `rows` rows of `a`, one of whose strides is 1.
pub(crate) fn gemm(level: Level, a: Strided<'_>, rows: usize, b: Packed<'_>, c: Output<'_>) {
    assert!(
        a.step == 1 || a.row == 1,
        "the left side has no stride of 1"
    );
    assert!(a.reaches(rows, b.depth), "the left side is too small");
    check(level, rows, b, &c);
    if level.pairs() {
        return gemm_pairs(level, a, rows, b, c);
    }
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

/// [`gemm`] of pairs of bf16: a tile's rows of `a` are paired once and stay in the first cache
/// while panels of `b` pass from the second.
fn gemm_pairs(level: Level, a: Strided<'_>, rows: usize, b: Packed<'_>, c: Output<'_>) {
    let Output {
        data: c,
        row: c_row,
        add,
    } = c;
    let width = tile::width(level.kind());
    let per_tile = even_rows(level, rows);
    let mut left = [0.0f32; DEPTH / 2 * LINE];
    for first in (0..b.depth).step_by(DEPTH) {
        let depth = DEPTH.min(b.depth - first);
        let pairs = depth.div_ceil(2);
        let per_block = (BLOCK / depth).next_multiple_of(width);
        for column0 in (0..b.columns).step_by(per_block) {
            let column1 = b.columns.min(column0 + per_block);
            for row in (0..rows).step_by(per_tile) {
                let live = per_tile.min(rows - row);
                let from = &a.data[row * a.row + first * a.step..];
                if a.step == 1 {
                    for (i, left) in left.chunks_exact_mut(pairs).enumerate().take(live) {
                        bf16::pair_along(level, &from[i * a.row..][..depth], left);
                    }
                } else {
                    bf16::pair_rows(level, from, a.step, [depth, live, LINE], &mut left);
                }
                for column in (column0..column1).step_by(width) {
                    let tile = Tile {
                        rows: live,
                        columns: width.min(column1 - column),
                        depth: pairs,
                        a: left.as_ptr(),
                        a_row: if a.step == 1 { pairs } else { 1 },
                        a_step: if a.step == 1 { 1 } else { LINE },
                        b: b.panel(level, first, column).as_ptr(),
                        c: c[row * c_row + column..].as_mut_ptr(),
                        c_row,
                        add: add || first > 0,
                    };
                    // SAFETY: the caller's checks and the minima keep every element inside its
                    // slice; `left` holds the tile's rows of this depth.
                    unsafe { tile::run(level.kind(), &tile) }
                }
            }
        }
    }
}

/// The floats of scratch that [`gemm_transposed`] needs.
pub(crate) fn transposed_scratch(level: Level, rows: usize, depth: usize) -> usize {
    if level.pairs() {
        return 0;
    }
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
    if level.pairs() {
        let columns = Strided::transposed(&a.data[columns.start..], a.row);
        return gemm_pairs(level, columns, rows, b, c);
    }
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
