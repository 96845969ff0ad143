//! Inference: the state after a history, and many futures of it that share its keys and values.
//!
//! [`Decoder::prefill`] runs a history once and keeps a [`Prefix`]. [`Rows`] are R futures of that
//! prefix, each with keys and values of its own events only; [`Decoder::step`] feeds one event to
//! each of some rows and gives their hidden states. Attention to the prefix is a matrix product
//! over all rows. It samples nothing itself: the heads give laws, the caller draws.

use crate::batch::{Batch, Input, check_input};
use crate::error::{Error, Result};
use crate::kernels::decode::BLOCK;
use crate::kernels::gemm::{Packed, Strided, pack, packed_len};
use crate::layout::{FEATURES, LayerSpans, Span};
use crate::memory::{Buffer, Cpu, Device};
use crate::model::Model;
use crate::ops::attention::{self, Shape};
use crate::ops::embedding::{self, Tables};
use crate::ops::linear::{self, Weight};
use crate::ops::rotary::{self, Frequencies};
use crate::ops::{rmsnorm, swiglu};
use crate::recall::{self, Recall};
use std::sync::Arc;

mod heads;
mod query;
mod step;

use step::StepAttention;

/// A linear map, packed once.
struct Linear {
    data: Buffer,
    inputs: usize,
    outputs: usize,
}

impl Linear {
    fn new(cpu: &Cpu, weight: Weight<'_>) -> Self {
        let mut data = Buffer::zeros(packed_len(cpu.level, weight.inputs, weight.outputs));
        linear::pack(cpu, weight, &mut data);
        Self {
            data,
            inputs: weight.inputs,
            outputs: weight.outputs,
        }
    }

    fn apply(&self, cpu: &Cpu, x: &[f32], y: &mut [f32], add: bool) {
        linear::apply(
            cpu,
            x,
            Packed::new(&self.data, self.inputs, self.outputs),
            y,
            add,
        );
    }
}

/// One block's maps, packed.
struct Layer {
    spans: LayerSpans,
    qkv: Linear,
    out: Linear,
    gate_up: Linear,
    down: Linear,
}

/// A model made ready for inference: its maps packed, and threads to run them.
pub struct Decoder {
    cpu: Cpu,
    model: Arc<Model>,
    frequencies: Frequencies,
    layers: Vec<Layer>,
    wait: Linear,
    projection: Linear,
    codes: Linear,
    value_hidden: Linear,
    value_code: Linear,
    value_last: Linear,
    value_out: Linear,
}

/// What a history leaves behind: its keys and values, and the hidden state after its last event.
pub struct Prefix {
    len: usize,
    hidden: Vec<f32>,
    seen: Vec<u32>,
    recall: Recall,
    layers: Vec<PrefixLayer>,
}

/// Packed for products over rows: for each head keys `[head_dim, P]` and values `[P, head_dim]`.
struct PrefixLayer {
    keys: Buffer,
    values: Buffer,
}

/// R futures of one prefix, with room for a number of events each.
pub struct Rows {
    lens: Vec<usize>,
    steps_max: usize,
    layers: Vec<RowsLayer>,
    scratch: StepScratch,
}

/// For each head and row keys in blocks `[steps / 32, head_dim, 32]` and values `[steps,
/// head_dim]`.
struct RowsLayer {
    keys: Buffer,
    values: Buffer,
}

/// Buffers of one step, R rows.
struct StepScratch {
    x: Buffer,
    normed: Buffer,
    inverse: Buffer,
    numbers: Buffer,
    angles: Buffer,
    wide: Buffer,
    act: Buffer,
    heads: [Buffer; 4],
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Decoder({:?})", self.model)
    }
}

/// Redacted: lengths only.
impl std::fmt::Debug for Prefix {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Prefix({} events)", self.len)
    }
}

/// Redacted: sizes only.
impl std::fmt::Debug for Rows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Rows({} rows of {} steps)",
            self.lens.len(),
            self.steps_max
        )
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
        self.len
    }

    /// The normed hidden state after the last event, `[D]`.
    pub fn hidden(&self) -> &[f32] {
        &self.hidden
    }
}

impl Rows {
    /// How many rows.
    pub fn rows(&self) -> usize {
        self.lens.len()
    }

    /// Events that a row was fed.
    pub fn steps(&self, row: usize) -> usize {
        self.lens[row]
    }

    /// The most events of a row.
    pub fn steps_max(&self) -> usize {
        self.steps_max
    }

    /// Takes all events out of a row, so that it can hold another future.
    pub fn clear(&mut self, row: usize) {
        self.lens[row] = 0;
    }

    /// Takes all events out of all rows: they may then follow another prefix.
    pub fn clear_all(&mut self) {
        self.lens.fill(0);
    }
}

impl Decoder {
    /// Packs the maps of a model and starts the device's threads.
    ///
    /// # Errors
    /// [`Error::Threads`] when a thread cannot be started.
    pub fn new(model: Arc<Model>, device: Device) -> Result<Self> {
        let cpu = Cpu::start(device, 0, 0)?;
        let (c, layout) = (model.config(), model.layout());
        let (d, f, u) = (c.dim, c.ffn, c.value_dim);
        let linear = |span: Span, inputs, outputs| {
            Linear::new(&cpu, Weight::new(span.of(model.weights()), inputs, outputs))
        };
        let layer = |spans: &LayerSpans| Layer {
            spans: *spans,
            qkv: linear(spans.qkv, d, 3 * d),
            out: linear(spans.attention_out, d, d),
            gate_up: linear(spans.gate_up, d, 2 * f),
            down: linear(spans.down, f, d),
        };
        let table = Weight::new(layout.code.of(model.weights()), c.vocab, d);
        Ok(Self {
            frequencies: Frequencies::new(c.head_dim(), c.choices.time),
            layers: layout.layers.iter().map(layer).collect(),
            wait: linear(layout.wait_weight, d, 1 + c.wait_bins()),
            projection: linear(layout.mark_projection, d, d),
            codes: Linear::new(&cpu, table.flipped()),
            value_hidden: linear(layout.value_hidden, d, u),
            value_code: linear(layout.value_code, d, u),
            value_last: linear(layout.value_last, recall::FEATURES, 2 * u),
            value_out: linear(layout.value_out, u, c.value_bins + 1),
            cpu,
            model,
        })
    }

    /// The model.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Runs one history of at least one event. Attention has no limit of length, but the model was
    /// trained on segments of at most `context` events: the caller cuts longer ones.
    ///
    /// # Errors
    /// [`Error::Batch`] when the history is empty or does not fit the model.
    pub fn prefill(&self, history: &[Input]) -> Result<Prefix> {
        let mut prefixes = self.prefill_many(&[history])?;
        prefixes.pop().ok_or(EMPTY)
    }

    /// Runs several histories at once, each at least one event.
    ///
    /// # Errors
    /// As [`Decoder::prefill`]; the position counts through all histories.
    pub fn prefill_many(&self, histories: &[&[Input]]) -> Result<Vec<Prefix>> {
        let mut layers: Vec<Vec<PrefixLayer>> = histories.iter().map(|_| vec![]).collect();
        let (starts, hidden) = self.stream(histories, |starts, k, v| {
            for (i, segment) in starts.windows(2).enumerate() {
                layers[i].push(self.pack_segment(starts, segment, [k, v]));
            }
        })?;
        let d = self.model.config().dim;
        let segments = starts.windows(2).zip(layers).zip(histories);
        let prefixes = segments.map(|((segment, layers), history)| {
            let last = segment[1] as usize - 1;
            Prefix {
                len: (segment[1] - segment[0]) as usize,
                seen: self.seen(history),
                recall: self.recall(history),
                hidden: hidden[last * d..(last + 1) * d].to_vec(),
                layers,
            }
        });
        Ok(prefixes.collect())
    }

    /// The normed hidden state after the last event of each history, `[histories, D]`: for
    /// questions that need no future.
    ///
    /// # Errors
    /// As [`Decoder::prefill_many`].
    pub fn hidden_last(&self, histories: &[&[Input]]) -> Result<Vec<f32>> {
        let (starts, hidden) = self.stream(histories, |_, _, _| {})?;
        let d = self.model.config().dim;
        let rows = starts.iter().skip(1).flat_map(|end| {
            let last = *end as usize - 1;
            hidden[last * d..(last + 1) * d].iter().copied()
        });
        Ok(rows.collect())
    }

    /// Runs packed histories through all blocks, shows the keys and values of each block, and
    /// returns the segment starts and the normed hidden states `[T, D]`.
    fn stream(
        &self,
        histories: &[&[Input]],
        mut keep: impl FnMut(&[u32], &[f32], &[f32]) + Send,
    ) -> Result<(Vec<u32>, Vec<f32>)> {
        let mut batch = Batch::new();
        for history in histories {
            if history.is_empty() {
                return Err(EMPTY);
            }
            batch.push(history, &vec![crate::batch::Target::None; history.len()])?;
        }
        batch.check(self.model.config())?;
        if histories.is_empty() {
            return Ok((vec![0], vec![]));
        }
        batch.see(&self.model.config().choices);
        let hidden = self
            .cpu
            .pool()
            .install(|| self.stream_pass(&batch, &mut keep));
        Ok((batch.starts().to_vec(), hidden))
    }

    fn stream_pass(
        &self,
        batch: &Batch,
        keep: &mut (impl FnMut(&[u32], &[f32], &[f32]) + Send),
    ) -> Vec<f32> {
        let (c, w, cpu) = (self.model.config(), self.model.weights(), &self.cpu);
        let (t, d) = (batch.positions(), c.dim);
        let mut s = StepScratch::new(&self.model, t);
        self.frequencies
            .table(batch.starts(), batch.inputs(), &mut s.angles);
        self.embed(batch.inputs(), &mut s);
        let shape = Shape {
            starts: batch.starts(),
            heads: c.heads,
            head_dim: c.head_dim(),
        };
        let mut lse = Buffer::zeros(t * c.heads);
        for layer in &self.layers {
            let norm = layer.spans.attention_norm.of(w);
            rmsnorm::forward(cpu, &s.x, norm, &mut s.normed, &mut s.inverse);
            layer
                .qkv
                .apply(cpu, &s.normed, &mut s.wide[..3 * t * d], false);
            let [q, k, v, o] = s.heads.each_mut().map(|one| &mut one[..]);
            let outs = [&mut *q, &mut *k, &mut *v];
            rotary::split(cpu, &s.wide[..3 * t * d], &s.angles, c.head_dim(), outs);
            keep(batch.starts(), k, v);
            attention::forward(cpu, shape, [q, k, v], o, &mut lse);
            rotary::merge(o, &mut s.normed, d, c.head_dim());
            layer.out.apply(cpu, &s.normed, &mut s.x, true);
            self.mlp(layer, &mut s, t);
        }
        let norm = self.model.layout().norm.of(w);
        rmsnorm::forward(cpu, &s.x, norm, &mut s.normed, &mut s.inverse);
        s.normed.to_vec()
    }

    fn seen(&self, history: &[Input]) -> Vec<u32> {
        let mut seen = vec![];
        for input in history {
            self.model.config().choices.note(input.code, &mut seen);
        }
        seen
    }

    fn embed(&self, inputs: &[Input], s: &mut StepScratch) {
        let (layout, w, n) = (self.model.layout(), self.model.weights(), inputs.len());
        let tables = Tables {
            code: layout.code.of(w),
            group: layout.group.of(w),
            value_bin: layout.value_bin.of(w),
            features: layout.features.of(w),
        };
        let events = (inputs, &self.model.codes().groups[..]);
        let d = self.model.config().dim;
        let (numbers, x) = (&mut s.numbers[..n * FEATURES], &mut s.x[..n * d]);
        embedding::forward(&self.cpu, events, &tables, numbers, x);
    }

    fn mlp(&self, layer: &Layer, s: &mut StepScratch, n: usize) {
        let (w, d, f) = (
            self.model.weights(),
            self.model.config().dim,
            self.model.config().ffn,
        );
        let (x, normed) = (&mut s.x[..n * d], &mut s.normed[..n * d]);
        let norm = layer.spans.mlp_norm.of(w);
        rmsnorm::forward(&self.cpu, x, norm, normed, &mut s.inverse[..n]);
        let (wide, act) = (&mut s.wide[..2 * n * f], &mut s.act[..n * f]);
        layer.gate_up.apply(&self.cpu, normed, wide, false);
        swiglu::forward(&self.cpu, wide, act, f);
        layer.down.apply(&self.cpu, act, x, true);
    }

    /// Packs one segment's keys and values of one block, each head apart.
    fn pack_segment(&self, starts: &[u32], segment: &[u32], kv: [&[f32]; 2]) -> PrefixLayer {
        let (c, level) = (self.model.config(), self.cpu.level);
        let (width, len) = (c.head_dim(), (segment[1] - segment[0]) as usize);
        let t = starts.last().map_or(0, |end| *end as usize);
        let sizes = [packed_len(level, width, len), packed_len(level, len, width)];
        let mut keys = Buffer::zeros(c.heads * sizes[0]);
        let mut values = Buffer::zeros(c.heads * sizes[1]);
        for head in 0..c.heads {
            let from = (head * t + segment[0] as usize) * width;
            let [k, v] = kv.map(|one| &one[from..from + len * width]);
            let to = &mut keys[head * sizes[0]..(head + 1) * sizes[0]];
            pack(level, Strided::transposed(k, width), (width, len), to);
            let to = &mut values[head * sizes[1]..(head + 1) * sizes[1]];
            pack(level, Strided::rows(v, width), (len, width), to);
        }
        PrefixLayer { keys, values }
    }

    /// Room for `rows` futures of up to `steps_max` events each.
    pub fn rows(&self, rows: usize, steps_max: usize) -> Rows {
        let c = self.model.config();
        let layer = |_| RowsLayer {
            keys: Buffer::zeros(rows * steps_max.next_multiple_of(BLOCK) * c.dim),
            values: Buffer::zeros(rows * steps_max * c.dim),
        };
        Rows {
            lens: vec![0; rows],
            steps_max,
            layers: (0..c.layers).map(layer).collect(),
            scratch: StepScratch::new(&self.model, rows),
        }
    }

    /// Feeds one event to each of the rows named in `active` (ascending), after the prefix and what
    /// the row was fed before, and returns their normed hidden states `[active, D]` in that order.
    /// The events' `time_days` count from the prefix's first event.
    ///
    /// # Errors
    /// [`Error::Rows`] when a row is full or absent, [`Error::Batch`] when an event does not fit
    /// the model; nothing is fed then.
    pub fn step<'r>(
        &self,
        prefix: &Prefix,
        rows: &'r mut Rows,
        active: &[u32],
        inputs: &[Input],
    ) -> Result<&'r [f32]> {
        for (i, row) in active.iter().enumerate() {
            let row = *row as usize;
            let ascends = i == 0 || (active[i - 1] as usize) < row;
            if !ascends || row >= rows.rows() || rows.lens[row] >= rows.steps_max {
                return Err(Error::Rows { row });
            }
        }
        if inputs.len() != active.len() {
            return Err(Error::Batch {
                position: 0,
                reason: "one event a row is needed",
            });
        }
        for (position, input) in inputs.iter().enumerate() {
            check_input(self.model.config(), input)
                .map_err(|reason| Error::Batch { position, reason })?;
        }
        let (n, d) = (active.len(), self.model.config().dim);
        if n > 0 {
            let choices = &self.model.config().choices;
            let inputs: Vec<Input> = inputs.iter().map(|input| choices.see(*input)).collect();
            self.cpu
                .pool()
                .install(|| self.step_pass(prefix, rows, active, &inputs));
        }
        for row in active {
            rows.lens[*row as usize] += 1;
        }
        Ok(&rows.scratch.normed[..n * d])
    }

    fn step_pass(&self, prefix: &Prefix, rows: &mut Rows, active: &[u32], inputs: &[Input]) {
        let (c, w, cpu) = (self.model.config(), self.model.weights(), &self.cpu);
        let (n, d, width) = (active.len(), c.dim, c.head_dim());
        let s = &mut rows.scratch;
        for (i, row) in active.iter().enumerate() {
            let index = prefix.len + rows.lens[*row as usize];
            let out = &mut s.angles[i * width..(i + 1) * width];
            self.frequencies.write(index, inputs[i].time_days, out);
        }
        self.embed(inputs, s);
        for (i, layer) in self.layers.iter().enumerate() {
            let normed = &mut s.normed[..n * d];
            let norm = layer.spans.attention_norm.of(w);
            rmsnorm::forward(cpu, &s.x[..n * d], norm, normed, &mut s.inverse[..n]);
            let wide = &mut s.wide[..3 * n * d];
            layer.qkv.apply(cpu, normed, wide, false);
            let [q, k, v, o] = s.heads.each_mut().map(|one| &mut one[..n * d]);
            let angles = &s.angles[..n * width];
            rotary::split(cpu, wide, angles, width, [&mut *q, &mut *k, &mut *v]);
            let own = &mut rows.layers[i];
            let step = StepAttention {
                cpu,
                width,
                prefix: prefix.len,
                active,
                lens: &rows.lens,
                steps_max: rows.steps_max,
            };
            step.attend(&prefix.layers[i], own, [q, k, v], o);
            rotary::merge(o, normed, d, width);
            layer.out.apply(cpu, normed, &mut s.x[..n * d], true);
            self.mlp(layer, s, n);
        }
        let norm = self.model.layout().norm.of(w);
        let normed = &mut s.normed[..n * d];
        rmsnorm::forward(cpu, &s.x[..n * d], norm, normed, &mut s.inverse[..n]);
    }
}

const EMPTY: Error = Error::Batch {
    position: 0,
    reason: "a history has no event",
};

impl StepScratch {
    fn new(model: &Model, n: usize) -> Self {
        let c = model.config();
        let wide = (2 * c.ffn).max(3 * c.dim);
        Self {
            x: Buffer::zeros(n * c.dim),
            normed: Buffer::zeros(n * c.dim),
            inverse: Buffer::zeros(n),
            numbers: Buffer::zeros(n * FEATURES),
            angles: Buffer::zeros(n * c.head_dim()),
            wide: Buffer::zeros(n * wide),
            act: Buffer::zeros(n * c.ffn),
            heads: std::array::from_fn(|_| Buffer::zeros(n * c.dim)),
        }
    }
}
