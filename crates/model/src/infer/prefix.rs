//! What a history leaves behind, and how one that goes on is run from where another ended.
//!
//! Causality makes the keys and values of an event depend on nothing after it: those of the events
//! that two histories begin with are the same, to the bit, because every sum of the pass has an
//! order that depends on the position alone.

use super::Decoder;
use crate::batch::Input;
use crate::kernels::Level;
use crate::kernels::gemm::{Packed, Strided, pack, packed_len};
use crate::memory::Buffer;
use crate::recall::Recall;

/// Events of a packed block of the prefix: the depth of one block of a product.
const BLOCK: usize = crate::kernels::gemm::DEPTH;

/// What a history leaves behind: its keys and values, and the hidden state after its last event. It
/// holds the events themselves, so that another history can be compared with it: patient's data.
pub struct Prefix {
    pub(super) inputs: Vec<Input>,
    pub(super) hidden: Vec<f32>,
    pub(super) seen: Vec<u32>,
    pub(super) recall: Recall,
    /// Keys and values of each block, head-major `[H, P, head_dim]`: what a longer history goes on
    /// from.
    pub(super) past: Vec<[Vec<f32>; 2]>,
    pub(super) layers: Vec<PrefixLayer>,
}

/// Packed for products over rows, block by block of events: for each head keys `[head_dim, P]` and
/// values `[P, head_dim]`.
pub(super) struct PrefixLayer {
    level: Level,
    width: usize,
    len: usize,
    /// Floats of one head.
    rooms: [usize; 2],
    keys: Buffer,
    values: Buffer,
}

/// Redacted: lengths only.
impl std::fmt::Debug for Prefix {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Prefix({} events)", self.len())
    }
}

impl Prefix {
    /// Once-only codes of the history, ascending.
    pub fn seen(&self) -> &[u32] {
        &self.seen
    }

    /// The values of the history.
    pub fn recall(&self) -> &Recall {
        &self.recall
    }

    /// Events of the history.
    #[expect(clippy::len_without_is_empty, reason = "a prefix is never empty")]
    pub fn len(&self) -> usize {
        self.inputs.len()
    }

    /// The events of the history.
    pub fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    /// The normed hidden state after the last event, `[D]`.
    pub fn hidden(&self) -> &[f32] {
        &self.hidden
    }

    /// How many events at the start a history shares with this one.
    pub fn common(&self, history: &[Input]) -> usize {
        let pairs = self.inputs.iter().zip(history);
        pairs.take_while(|(ours, theirs)| ours == theirs).count()
    }
}

impl PrefixLayer {
    /// Packs keys and values, head-major `[H, len, width]`.
    pub(super) fn new(level: Level, (heads, width): (usize, usize), past: &[Vec<f32>; 2]) -> Self {
        let len = past[0].len() / (heads * width);
        let blocks = || (0..len).step_by(BLOCK).map(|from| BLOCK.min(len - from));
        let rooms = [
            blocks().map(|live| packed_len(level, width, live)).sum(),
            blocks().map(|live| packed_len(level, live, width)).sum(),
        ];
        let mut layer = Self {
            level,
            width,
            len,
            rooms,
            keys: Buffer::zeros(heads * rooms[0]),
            values: Buffer::zeros(heads * rooms[1]),
        };
        for head in 0..heads {
            for (block, live) in blocks().enumerate() {
                let from = (head * len + block * BLOCK) * width;
                let [k, v] = [0, 1].map(|side: usize| &past[side][from..from + live * width]);
                let [to_k, to_v] = layer.places(head, block);
                let (k, v) = (Strided::transposed(k, width), Strided::rows(v, width));
                pack(level, k, (width, live), &mut layer.keys[to_k..]);
                pack(level, v, (live, width), &mut layer.values[to_v..]);
            }
        }
        layer
    }

    /// Where the keys and values of a block of a head begin.
    fn places(&self, head: usize, block: usize) -> [usize; 2] {
        let before = [
            packed_len(self.level, self.width, BLOCK),
            packed_len(self.level, BLOCK, self.width),
        ];
        [0, 1].map(|side: usize| head * self.rooms[side] + block * before[side])
    }

    /// The keys `[head_dim, events]` and values `[events, head_dim]` of each block of a head.
    pub(super) fn blocks(&self, head: usize) -> impl Iterator<Item = [Packed<'_>; 2]> {
        let starts = (0..self.len).step_by(BLOCK).enumerate();
        starts.map(move |(block, from)| {
            let live = BLOCK.min(self.len - from);
            let [k, v] = self.places(head, block);
            [
                Packed::new(&self.keys[k..], self.width, live),
                Packed::new(&self.values[v..], live, self.width),
            ]
        })
    }

    /// The level that it is packed for.
    pub(super) fn level(&self) -> Level {
        self.level
    }

    /// Events of a block at most.
    pub(super) const BLOCK: usize = BLOCK;
}

/// The first `kept` of the events of head-major `[H, P, width]`, with others after them.
pub(super) fn joined(
    (before, kept): (&[f32], usize),
    after: &[f32],
    (heads, width): (usize, usize),
) -> Vec<f32> {
    let (before, after) = (
        before.chunks_exact(before.len() / heads),
        after.chunks_exact(after.len() / heads),
    );
    let heads = before.zip(after);
    heads
        .flat_map(|(before, after)| before[..kept * width].iter().chain(after))
        .copied()
        .collect()
}

impl Decoder {
    /// Runs a history from where it leaves another that was run before: the same bytes as
    /// [`Decoder::prefill`], for the cost of the events that `before` lacks (at least the last).
    ///
    /// # Errors
    /// As [`Decoder::prefill`].
    pub fn prefill_after(&self, before: &Prefix, history: &[Input]) -> crate::Result<Prefix> {
        let kept = before.common(history).min(history.len().saturating_sub(1));
        if kept == 0 {
            return self.prefill(history);
        }
        let mut past = Vec::with_capacity(self.layers.len());
        let keep = |_: &[u32], k: &[f32], v: &[f32]| past.push([k.to_vec(), v.to_vec()]);
        let (_, hidden) = self.stream(&[&history[kept..]], Some((before, kept)), keep)?;
        let d = self.model.config().dim;
        Ok(self.prefix(history, hidden[hidden.len() - d..].to_vec(), past))
    }

    /// Packs what a pass over a history left.
    pub(super) fn prefix(
        &self,
        history: &[Input],
        hidden: Vec<f32>,
        past: Vec<[Vec<f32>; 2]>,
    ) -> Prefix {
        let c = self.model.config();
        let level = self.precision.level(self.cpu.level);
        let shape = (c.heads, c.head_dim());
        let layers = past.iter().map(|past| PrefixLayer::new(level, shape, past));
        Prefix {
            inputs: history.to_vec(),
            hidden,
            seen: self.seen(history),
            recall: self.recall(history),
            layers: layers.collect(),
            past,
        }
    }
}
