//! The memory of a step, laid out once: activations kept for the backward pass, and scratch.
//!
//! Sized for a number of positions at the start; a step allocates no tensor. The passes themselves
//! are in `pass`.

use crate::batch::Batch;
use crate::config::Config;
use crate::error::Result;
use crate::kernels::gemm::packed_len;
use crate::layout::FEATURES;
use crate::memory::{Buffer, Cpu, Device};
use crate::ops::heads::code;
use crate::ops::heads::mark::Passed;
use crate::ops::heads::value::Asked;
use crate::ops::heads::wait::Seen;
use crate::ops::rotary::Frequencies;
use crate::queried::Queried;
use crate::recall::{self, Told};

/// Positions of a part, the fastest of those tried (576, 1152, 2304, whole batches) on shape D,
/// where it saves an eighth of the time; shape A does not mind.
const PART: usize = 576;

/// Activations of one block that its backward pass needs, T positions.
pub(crate) struct LayerCache {
    /// The residual stream before attention, `[T, D]`, and its inverse root mean square, `[T]`.
    pub x: Buffer,
    pub x_inverse: Buffer,
    /// Head-major `[H, T, head_dim]`.
    pub q: Buffer,
    pub k: Buffer,
    pub v: Buffer,
    pub o: Buffer,
    /// `[H, T]`.
    pub lse: Buffer,
    /// The residual stream before the MLP, `[T, D]`, and its inverse root mean square, `[T]`.
    pub mid: Buffer,
    pub mid_inverse: Buffer,
    /// `[T, 2 F]`.
    pub gate_up: Buffer,
}

/// Buffers that every layer uses again.
pub(crate) struct Scratch {
    /// `[T, D]` each.
    pub a: Buffer,
    pub b: Buffer,
    /// The gradient of the residual stream, `[T, D]`.
    pub dx: Buffer,
    /// `[T, max(3 D, 2 F)]`.
    pub wide: Buffer,
    /// `[T, F]` each.
    pub f: Buffer,
    pub df: Buffer,
    /// Head-major `[H, T, head_dim]` each.
    pub heads: [Buffer; 4],
}

/// Rows that are scored: N of them, those of events first, then censored ones.
pub(crate) struct Scored {
    pub rows: Vec<u32>,
    pub seen: Vec<Seen>,
    pub passed: Vec<Passed>,
    /// Codes of the events.
    pub codes: Vec<u32>,
    /// Pairs of a row and a once-only code that its history holds, by rows.
    pub damped: Vec<(u32, u32)>,
    /// Which of the events ask for a value bin, what they ask, and the answer.
    pub value_rows: Vec<u32>,
    pub asked: Vec<Asked>,
    pub bins: Vec<u16>,
    /// What they are told of earlier values.
    pub told: Vec<Told>,
    /// `[N]`, of the wait and then of the code.
    pub nats: Vec<f64>,
    /// `[N, D]`: residual stream, h, g, its projection, and gradients.
    pub x: Buffer,
    pub inverse: Buffer,
    pub h: Buffer,
    pub g: Buffer,
    pub p: Buffer,
    pub dh: Buffer,
    pub dg: Buffer,
    /// `[N, 1 + W]`.
    pub wait: Buffer,
    /// `[384, V]`.
    pub logits: Buffer,
    /// The code table packed both ways.
    pub codes_packed: Buffer,
    pub codes_packed_across: Buffer,
    /// g of the rows that ask for a value, `[N, D]`, and numbers of earlier values; then
    /// `[N, 2 U]`, `[N, U]` three times and `[N, K + 1]`.
    pub value_g: Buffer,
    pub value_numbers: Buffer,
    pub value_last: Buffer,
    pub value_hidden: Buffer,
    pub value_silu: Buffer,
    pub value_act: Buffer,
    pub value_logits: Buffer,
}

/// Everything a pass over a batch writes to, and the threads that do it.
pub struct Workspace {
    pub(crate) cpu: Cpu,
    pub(crate) positions_max: usize,
    /// Positions that go through the model at once, and a batch that holds them.
    pub(crate) part_max: usize,
    pub(crate) part: Batch,
    pub(crate) config: Config,
    pub(crate) frequencies: Frequencies,
    /// Cosines and sines, `[T, head_dim]`.
    pub(crate) angles: Buffer,
    /// `[T, FEATURES]`.
    pub(crate) numbers: Buffer,
    pub(crate) layers: Vec<LayerCache>,
    /// Where activations are not kept, `layers` hold each block's input `x` alone and this the rest
    /// of one block.
    pub(crate) checkpoint: Option<LayerCache>,
    /// The residual stream after the last block, `[T, D]`.
    pub(crate) last: Buffer,
    pub(crate) scratch: Scratch,
    pub(crate) scored: Scored,
    pub(crate) queried: Queried,
}

impl std::fmt::Debug for Workspace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Workspace({} positions, {} bytes)",
            self.positions_max,
            self.bytes()
        )
    }
}

impl Workspace {
    /// Memory for batches of up to `positions_max` positions, and the device's threads. A batch
    /// goes through the model in parts of whole segments, some hundred positions at once, so that
    /// activations stay near the processor; a segment may be as long as `context` or a part.
    ///
    /// # Errors
    /// When the configuration is impossible or a thread cannot be started.
    pub fn new(config: &Config, positions_max: usize, device: Device) -> Result<Self> {
        Self::build(config, positions_max, device, false)
    }

    /// The same with activation checkpointing (Chen et al. 2016): each block keeps its input only
    /// and runs again in the backward pass. The losses and gradients are the same to the last bit.
    ///
    /// # Errors
    /// As [`Workspace::new`].
    pub fn checkpointed(config: &Config, positions_max: usize, device: Device) -> Result<Self> {
        Self::build(config, positions_max, device, true)
    }

    fn build(
        config: &Config,
        positions_max: usize,
        device: Device,
        checkpointed: bool,
    ) -> Result<Self> {
        config.validate()?;
        let part_max = positions_max.min(PART.max(config.context));
        let (t, d) = (part_max, config.dim);
        let wide = (2 * config.ffn).max(3 * d);
        let level = device.level;
        let packed = [(d, wide), (t, wide), (config.ffn, d), (t, d)];
        let packed = packed.map(|(depth, columns)| packed_len(level, depth, columns));
        let cpu = Cpu::start(device, 0, packed.into_iter().max().unwrap_or(0))?;
        let layer = |_| {
            let mut cache = LayerCache::zeros(config, if checkpointed { 0 } else { t });
            cache.x = Buffer::zeros(t * d);
            cache
        };
        Ok(Self {
            cpu,
            positions_max,
            part_max,
            part: Batch::new(),
            config: config.clone(),
            frequencies: Frequencies::new(config.head_dim(), config.choices.time),
            angles: Buffer::zeros(t * config.head_dim()),
            numbers: Buffer::zeros(t * FEATURES),
            layers: (0..config.layers).map(layer).collect(),
            checkpoint: checkpointed.then(|| LayerCache::zeros(config, t)),
            last: Buffer::zeros(t * d),
            scratch: Scratch::new(config, t, wide),
            scored: Scored::new(config, t, level),
            queried: Queried::default(),
        })
    }

    /// The bytes that this workspace holds.
    pub fn bytes(&self) -> usize {
        let s = &self.scratch;
        let scratch = [&s.a, &s.b, &s.dx, &s.wide, &s.f, &s.df].map(Buffer::bytes);
        let heads = s.heads.iter().map(Buffer::bytes).sum::<usize>();
        let own = [&self.angles, &self.numbers, &self.last].map(Buffer::bytes);
        let caches = self.layers.iter().chain(&self.checkpoint);
        caches.map(LayerCache::bytes).sum::<usize>()
            + scratch.iter().chain(&own).sum::<usize>()
            + heads
            + self.scored.bytes()
            + self.queried.bytes()
            + self.cpu.bytes()
    }

    /// The most positions of a batch.
    pub fn positions_max(&self) -> usize {
        self.positions_max
    }
}

impl LayerCache {
    fn zeros(config: &Config, t: usize) -> Self {
        let d = config.dim;
        Self {
            x: Buffer::zeros(t * d),
            x_inverse: Buffer::zeros(t),
            q: Buffer::zeros(t * d),
            k: Buffer::zeros(t * d),
            v: Buffer::zeros(t * d),
            o: Buffer::zeros(t * d),
            lse: Buffer::zeros(t * config.heads),
            mid: Buffer::zeros(t * d),
            mid_inverse: Buffer::zeros(t),
            gate_up: Buffer::zeros(t * 2 * config.ffn),
        }
    }

    fn bytes(&self) -> usize {
        let buffers = [&self.x, &self.x_inverse, &self.q, &self.k, &self.v, &self.o];
        let others = [&self.lse, &self.mid, &self.mid_inverse, &self.gate_up];
        let all = buffers.into_iter().chain(others);
        all.map(Buffer::bytes).sum()
    }
}

impl Scratch {
    fn new(config: &Config, t: usize, wide: usize) -> Self {
        let d = config.dim;
        Self {
            a: Buffer::zeros(t * d),
            b: Buffer::zeros(t * d),
            dx: Buffer::zeros(t * d),
            wide: Buffer::zeros(t * wide),
            f: Buffer::zeros(t * config.ffn),
            df: Buffer::zeros(t * config.ffn),
            heads: std::array::from_fn(|_| Buffer::zeros(t * d)),
        }
    }
}

impl Scored {
    fn new(config: &Config, t: usize, level: crate::kernels::Level) -> Self {
        let (d, v) = (config.dim, config.vocab);
        Self {
            rows: Vec::with_capacity(t),
            seen: Vec::with_capacity(t),
            passed: Vec::with_capacity(t),
            codes: Vec::with_capacity(t),
            damped: Vec::new(),
            value_rows: Vec::with_capacity(t),
            asked: Vec::with_capacity(t),
            bins: Vec::with_capacity(t),
            told: Vec::with_capacity(t),
            nats: vec![0.0; t],
            x: Buffer::zeros(t * d),
            inverse: Buffer::zeros(t),
            h: Buffer::zeros(t * d),
            g: Buffer::zeros(t * d),
            p: Buffer::zeros(t * d),
            dh: Buffer::zeros(t * d),
            dg: Buffer::zeros(t * d),
            wait: Buffer::zeros(t * (1 + config.wait_bins())),
            logits: Buffer::zeros(code::ROWS.min(t) * v),
            codes_packed: Buffer::zeros(packed_len(level, v, d)),
            codes_packed_across: Buffer::zeros(packed_len(level, d, v)),
            value_g: Buffer::zeros(t * d),
            value_numbers: Buffer::zeros(t * recall::FEATURES),
            value_last: Buffer::zeros(t * 2 * config.value_dim),
            value_hidden: Buffer::zeros(t * config.value_dim),
            value_silu: Buffer::zeros(t * config.value_dim),
            value_act: Buffer::zeros(t * config.value_dim),
            value_logits: Buffer::zeros(t * (config.value_bins + 1)),
        }
    }

    fn bytes(&self) -> usize {
        let buffers = [
            &self.x,
            &self.inverse,
            &self.h,
            &self.g,
            &self.p,
            &self.dh,
            &self.dg,
            &self.wait,
            &self.logits,
            &self.codes_packed,
            &self.codes_packed_across,
            &self.value_g,
            &self.value_numbers,
            &self.value_last,
            &self.value_hidden,
            &self.value_silu,
            &self.value_act,
            &self.value_logits,
        ];
        buffers.iter().map(|one| one.bytes()).sum()
    }
}
