//! Causal attention inside each segment, head by head: `softmax(q k' / sqrt(head_dim)) v`.
//!
//! The probabilities are never stored: the backward pass makes them again from the saved
//! log-sum-exp of each row (Dao et al. 2022, FlashAttention, algorithms 1 and 4, with blocks of
//! queries that see all their keys at once).

use crate::kernels::Level;
use crate::kernels::gemm::{Output, Packed, Strided, gemm, pack, packed_len};
use crate::kernels::softmax::{self, Causal};
use crate::memory::Cpu;
use rayon::prelude::*;

/// Queries of a block. Larger wastes the triangle above the diagonal, smaller wastes tiles.
const QUERIES: usize = 56;

/// Segments and heads; tensors are head-major `[H, T, head_dim]`.
#[derive(Clone, Copy)]
pub(crate) struct Shape<'a> {
    /// Segment starts, `[S + 1]`.
    pub starts: &'a [u32],
    pub heads: usize,
    pub head_dim: usize,
}

impl Shape<'_> {
    /// One slice a head and segment, heads outermost.
    fn pieces<'b>(&self, tensor: &'b [f32], width: usize) -> Vec<&'b [f32]> {
        let mut rest = tensor;
        let mut pieces = Vec::with_capacity(self.heads * self.starts.len());
        for _ in 0..self.heads {
            for segment in self.starts.windows(2) {
                let len = (segment[1] - segment[0]) as usize * width;
                let (piece, after) = rest.split_at(len);
                pieces.push(piece);
                rest = after;
            }
        }
        pieces
    }

    fn pieces_mut<'b>(&self, tensor: &'b mut [f32], width: usize) -> Vec<&'b mut [f32]> {
        let mut rest = tensor;
        let mut pieces = Vec::with_capacity(self.heads * self.starts.len());
        for _ in 0..self.heads {
            for segment in self.starts.windows(2) {
                let len = (segment[1] - segment[0]) as usize * width;
                let (piece, after) = rest.split_at_mut(len);
                pieces.push(piece);
                rest = after;
            }
        }
        pieces
    }

    fn scale(&self) -> f32 {
        1.0 / (self.head_dim as f32).sqrt()
    }
}

/// Writes o, like q, k and v head-major `[H, T, head_dim]`, and `lse` `[H, T]`, the log-sum-exp of
/// each row of scaled scores.
pub(crate) fn forward(
    cpu: &Cpu,
    shape: Shape<'_>,
    [q, k, v]: [&[f32]; 3],
    o: &mut [f32],
    lse: &mut [f32],
) {
    let width = shape.head_dim;
    let [q, k, v] = [q, k, v].map(|tensor| shape.pieces(tensor, width));
    let (o, lse) = (shape.pieces_mut(o, width), shape.pieces_mut(lse, 1));
    let inputs = q.into_par_iter().zip(k).zip(v);
    inputs
        .zip(o.into_par_iter().zip(lse))
        .for_each(|(((q, k), v), (o, lse))| {
            piece_forward(cpu, &shape, [q, k, v], o, lse);
        });
}

/// The same for the last T events of one segment of more: q, o `[H, T, head_dim]`, lse `[H, T]`, k
/// and v of the whole segment. The same bits as where all of it is run.
pub(crate) fn continued(
    cpu: &Cpu,
    (heads, head_dim): (usize, usize),
    [q, k, v]: [&[f32]; 3],
    o: &mut [f32],
    lse: &mut [f32],
) {
    let shape = Shape {
        starts: &[],
        heads,
        head_dim,
    };
    let (len, whole) = (q.len() / heads, k.len() / heads);
    let inputs = q
        .par_chunks(len)
        .zip(k.par_chunks(whole).zip(v.par_chunks(whole)));
    let outs = o
        .par_chunks_mut(len)
        .zip(lse.par_chunks_mut(len / head_dim));
    inputs.zip(outs).for_each(|((q, (k, v)), (o, lse))| {
        piece_forward(cpu, &shape, [q, k, v], o, lse);
    });
}

/// One head of one segment; the queries are those of its last events, or of all.
fn piece_forward(
    cpu: &Cpu,
    shape: &Shape<'_>,
    [q, k, v]: [&[f32]; 3],
    o: &mut [f32],
    lse: &mut [f32],
) {
    let (level, width, len) = (cpu.level.exact(), shape.head_dim, k.len() / shape.head_dim);
    let before = len - lse.len();
    let stride = row_stride(len);
    let sizes = [
        packed_len(level, width, len),
        packed_len(level, len, width),
        QUERIES * stride,
    ];
    let mut scratch = cpu.scratch(sizes.iter().sum());
    let [keys, values, scores] = cut(&mut scratch, sizes);
    let keys = pack(level, Strided::transposed(k, width), (width, len), keys);
    let values = pack(level, Strided::rows(v, width), (len, width), values);
    for first in (before..len).step_by(QUERIES) {
        let last = len.min(first + QUERIES);
        let own = first - before..last - before;
        let rows = own.len();
        let queries = Strided::rows(&q[own.start * width..own.end * width], width);
        gemm(
            level,
            queries,
            rows,
            keys.first_columns(last),
            to(scores, stride, false),
        );
        let causal = Causal {
            stride,
            first,
            last,
            scale: shape.scale(),
        };
        let mut sums = [0.0f32; QUERIES];
        let (sums, lse) = (&mut sums[..rows], &mut lse[own.clone()]);
        softmax::causal_softmax(level, causal, scores, sums, lse);
        for (lse, sum) in lse.iter_mut().zip(sums.iter()) {
            *lse += sum.ln();
        }
        let o = &mut o[own.start * width..own.end * width];
        gemm(
            level,
            Strided::rows(scores, stride),
            rows,
            values.first_rows(last),
            to(o, width, false),
        );
        softmax::divide_rows(level, sums, width, o);
    }
}

/// What the backward pass needs of the forward pass, head-major `[H, T, head_dim]`, lse `[H, T]`.
#[derive(Clone, Copy)]
pub(crate) struct Saved<'a> {
    pub q: &'a [f32],
    pub k: &'a [f32],
    pub v: &'a [f32],
    pub o: &'a [f32],
    pub lse: &'a [f32],
}

/// Writes the gradients of q, k and v from that of o, all head-major `[H, T, head_dim]`.
pub(crate) fn backward(
    cpu: &Cpu,
    shape: Shape<'_>,
    saved: Saved<'_>,
    d_o: &[f32],
    [dq, dk, dv]: [&mut [f32]; 3],
) {
    let width = shape.head_dim;
    let tensors = [saved.q, saved.k, saved.v, saved.o, d_o].map(|one| shape.pieces(one, width));
    let lse = shape.pieces(saved.lse, 1);
    let [dq, dk, dv] = [dq, dk, dv].map(|tensor| shape.pieces_mut(tensor, width));
    let outs = dq.into_par_iter().zip(dk).zip(dv).enumerate();
    outs.for_each(|(i, ((dq, dk), dv))| {
        let [q, k, v, o, d_o] = [0, 1, 2, 3, 4].map(|tensor: usize| tensors[tensor][i]);
        let saved = Saved {
            q,
            k,
            v,
            o,
            lse: lse[i],
        };
        piece_backward(cpu, &shape, saved, d_o, [dq, dk, dv]);
    });
}

/// One head of one segment.
fn piece_backward(
    cpu: &Cpu,
    shape: &Shape<'_>,
    s: Saved<'_>,
    d_o: &[f32],
    [dq, dk, dv]: [&mut [f32]; 3],
) {
    let (level, width, len) = (cpu.level.exact(), shape.head_dim, s.lse.len());
    let stride = row_stride(len);
    let across = packed_len(level, width, len);
    let sizes = [across, across, packed_len(level, len, width)];
    let block = [
        packed_len(level, QUERIES, width),
        QUERIES * stride,
        QUERIES * stride,
    ];
    let mut scratch = cpu.scratch(sizes.iter().chain(&block).sum());
    let (whole, rest) = scratch.split_at_mut(sizes.iter().sum());
    let [k_across, v_across, k_along] = cut(whole, sizes);
    let right = RightSides {
        keys_across: pack(
            level,
            Strided::transposed(s.k, width),
            (width, len),
            k_across,
        ),
        values_across: pack(
            level,
            Strided::transposed(s.v, width),
            (width, len),
            v_across,
        ),
        keys: pack(level, Strided::rows(s.k, width), (len, width), k_along),
    };
    let block = cut(rest, block);
    dk.fill(0.0);
    dv.fill(0.0);
    let mut head = HeadBackward {
        level,
        width,
        scale: shape.scale(),
        stride,
        right,
        dk,
        dv,
        block,
    };
    for first in (0..len).step_by(QUERIES) {
        let last = len.min(first + QUERIES);
        let span = first * width..last * width;
        let rows = Saved {
            q: &s.q[span.clone()],
            o: &s.o[span.clone()],
            lse: &s.lse[first..last],
            ..s
        };
        head.queries((first, last), rows, &d_o[span.clone()], &mut dq[span]);
    }
}

/// Keys and values of one head, packed as right sides.
struct RightSides<'a> {
    keys_across: Packed<'a>,
    values_across: Packed<'a>,
    keys: Packed<'a>,
}

/// The backward pass of one head of one segment, a block of queries at a time.
struct HeadBackward<'a> {
    level: Level,
    width: usize,
    scale: f32,
    stride: usize,
    right: RightSides<'a>,
    dk: &'a mut [f32],
    dv: &'a mut [f32],
    /// A packed block of rows, probabilities, and their gradients.
    block: [&'a mut [f32]; 3],
}

impl HeadBackward<'_> {
    /// Queries `first..last` with their own rows of the saved tensors.
    fn queries(
        &mut self,
        (first, last): (usize, usize),
        s: Saved<'_>,
        d_o: &[f32],
        dq: &mut [f32],
    ) {
        let (level, width, stride, rows) = (self.level, self.width, self.stride, last - first);
        let [packed, p, d] = &mut self.block;
        let (queries, d_o_rows) = (Strided::rows(s.q, width), Strided::rows(d_o, width));
        let keys = self.right.keys_across.first_columns(last);
        gemm(level, queries, rows, keys, to(p, stride, false));
        let values = self.right.values_across.first_columns(last);
        gemm(level, d_o_rows, rows, values, to(d, stride, false));
        let causal = Causal {
            stride,
            first,
            last,
            scale: self.scale,
        };
        let (mut deltas, mut by_row) = ([0.0f32; QUERIES], [[0.0f32; 2]; QUERIES]);
        softmax::row_dots(level, d_o, s.o, width, &mut deltas);
        for ((both, lse), delta) in by_row.iter_mut().zip(s.lse).zip(deltas) {
            *both = [*lse, delta];
        }
        softmax::causal_gradient(level, causal, p, d, &by_row[..rows]);
        let right = pack(level, d_o_rows, (rows, width), packed);
        gemm(
            level,
            Strided::transposed(p, stride),
            last,
            right,
            to(self.dv, width, true),
        );
        let keys = self.right.keys.first_rows(last);
        gemm(
            level,
            Strided::rows(d, stride),
            rows,
            keys,
            to(dq, width, false),
        );
        let right = pack(level, queries, (rows, width), packed);
        gemm(
            level,
            Strided::transposed(d, stride),
            last,
            right,
            to(self.dk, width, true),
        );
    }
}

/// Floats between rows of scores: an odd number of lines, so that a column of the block does not
/// fall into few sets of the cache.
fn row_stride(len: usize) -> usize {
    (len.div_ceil(16) | 1) * 16
}

fn to(data: &mut [f32], row: usize, add: bool) -> Output<'_> {
    Output { data, row, add }
}

fn cut<const N: usize>(mut rest: &mut [f32], sizes: [usize; N]) -> [&mut [f32]; N] {
    sizes.map(|size| {
        let (piece, after) = std::mem::take(&mut rest).split_at_mut(size);
        rest = after;
        piece
    })
}
