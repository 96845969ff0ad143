//! Inference: the state after a history, and many futures of histories that share their keys and
//! values.
//!
//! [`Decoder::prefill`] runs a history once and keeps a [`Prefix`]; [`Decoder::prefill_after`] runs
//! only what is new of it. [`Rows`] are R futures, each of a prefix of its own choice
//! ([`Rows::begin`]), with keys and values of its own events only; [`Decoder::step`] feeds one
//! event to each of some rows and gives their hidden states. Attention to a prefix is a product of
//! matrices over all rows that share it. It samples nothing itself: the heads give laws, the caller
//! draws.
//!
//! A row's numbers do not depend on the other rows: every sum has an order of its own.

use crate::batch::{Batch, Input, check_input};
use crate::error::{Error, Result};
use crate::kernels::decode;
use crate::layout::{FEATURES, LayerSpans, Span};
use crate::memory::{Buffer, Cpu, Device};
use crate::model::Model;
use crate::ops::attention::{self, Shape};
use crate::ops::embedding::{self, Tables};
use crate::ops::linear::Weight;
use crate::ops::rotary::{self, Frequencies};
use crate::ops::{rmsnorm, swiglu};
use crate::recall;
use std::ops::Range;
use std::sync::Arc;

mod heads;
mod kept;
mod linear;
mod prefix;
mod query;
mod step;

pub use linear::Precision;
pub use prefix::Prefix;

use linear::Linear;
use step::StepAttention;

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
    precision: Precision,
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

/// R futures, each of some prefix, with room for a number of events each.
pub struct Rows {
    prefixes: Vec<Option<Arc<Prefix>>>,
    lens: Vec<usize>,
    steps_max: usize,
    layers: Vec<RowsLayer>,
    scratch: StepScratch,
}

/// Of each row keys and values in blocks of 32 events, as `kernels::decode` lays them out.
enum RowsLayer {
    F32([Buffer; 2]),
    Bf16([Buffer<u16>; 2]),
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

    /// Begins a future of a prefix in a row, in the place of what it held.
    ///
    /// # Errors
    /// [`Error::Rows`] when there is no such row.
    pub fn begin(&mut self, row: usize, prefix: &Arc<Prefix>) -> Result<()> {
        let place = self.prefixes.get_mut(row).ok_or(Error::Rows { row })?;
        *place = Some(Arc::clone(prefix));
        self.lens[row] = 0;
        Ok(())
    }

    /// Takes the future out of a row: it holds no prefix any more.
    pub fn end(&mut self, row: usize) {
        if let Some(place) = self.prefixes.get_mut(row) {
            *place = None;
        }
    }
}

impl Decoder {
    /// Packs the maps of a model as they were trained and starts the device's threads.
    ///
    /// # Errors
    /// [`Error::Threads`] when a thread cannot be started.
    pub fn new(model: Arc<Model>, device: Device) -> Result<Self> {
        Self::with_precision(model, device, Precision::F32)
    }

    /// The same with maps and rows in another number format.
    ///
    /// # Errors
    /// As [`Decoder::new`].
    pub fn with_precision(model: Arc<Model>, device: Device, precision: Precision) -> Result<Self> {
        let cpu = Cpu::start(device, 0, 0)?;
        let (c, layout) = (model.config(), model.layout());
        let (d, f, u) = (c.dim, c.ffn, c.value_dim);
        let weight =
            |span: Span, inputs, outputs| Weight::new(span.of(model.weights()), inputs, outputs);
        let linear = |span, i, o| Linear::new(&cpu, precision, weight(span, i, o));
        // Thin maps of the heads: their cost does not show, their error would.
        let exact = |span, i, o| Linear::new(&cpu, Precision::F32, weight(span, i, o));
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
            wait: exact(layout.wait_weight, d, 1 + c.wait_bins()),
            projection: linear(layout.mark_projection, d, d),
            codes: Linear::new(&cpu, precision, table.flipped()),
            value_hidden: exact(layout.value_hidden, d, u),
            value_code: exact(layout.value_code, d, u),
            value_last: exact(layout.value_last, recall::FEATURES, 2 * u),
            value_out: exact(layout.value_out, u, c.value_bins + 1),
            cpu,
            precision,
            model,
        })
    }

    /// The number format of the maps and rows.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Runs work on the decoder's own threads: its calls inside need not go there one by one.
    pub fn install<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        self.cpu.pool().install(work)
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
        let c = self.model.config();
        let (heads, width, d) = (c.heads, c.head_dim(), c.dim);
        let mut pasts: Vec<Vec<[Vec<f32>; 2]>> = histories.iter().map(|_| vec![]).collect();
        let (starts, hidden) = self.stream(histories, NOTHING_BEFORE, |starts, k, v| {
            for (past, segment) in pasts.iter_mut().zip(starts.windows(2)) {
                past.push([k, v].map(|one| cut_segment(one, (heads, width), segment)));
            }
        })?;
        let segments = starts.windows(2).zip(pasts).zip(histories);
        let prefixes = segments.map(|((segment, past), history)| {
            let last = segment[1] as usize - 1;
            let hidden = hidden[last * d..(last + 1) * d].to_vec();
            self.prefix(history, hidden, past)
        });
        Ok(prefixes.collect())
    }

    /// The normed hidden state after the last event of each history, `[histories, D]`: for
    /// questions that need no future.
    ///
    /// # Errors
    /// As [`Decoder::prefill_many`].
    pub fn hidden_last(&self, histories: &[&[Input]]) -> Result<Vec<f32>> {
        let (starts, hidden) = self.stream(histories, NOTHING_BEFORE, |_, _, _| {})?;
        let d = self.model.config().dim;
        let rows = starts.iter().skip(1).flat_map(|end| {
            let last = *end as usize - 1;
            hidden[last * d..(last + 1) * d].iter().copied()
        });
        Ok(rows.collect())
    }

    /// The normed hidden state after every event of one history, `[T, D]`.
    ///
    /// # Errors
    /// As [`Decoder::prefill`].
    pub fn hidden_all(&self, history: &[Input]) -> Result<Vec<f32>> {
        Ok(self.stream(&[history], NOTHING_BEFORE, |_, _, _| {})?.1)
    }

    /// Runs packed histories through all blocks, shows the keys and values of each block, and
    /// returns the segment starts and the normed hidden states `[T, D]`. A single history may go on
    /// after the first events of a prefix: keys and values are then shown of all of it.
    fn stream(
        &self,
        histories: &[&[Input]],
        before: Before<'_>,
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
        let hidden = self.install(|| self.stream_pass(&batch, before, &mut keep));
        Ok((batch.starts().to_vec(), hidden))
    }

    fn stream_pass(
        &self,
        batch: &Batch,
        before: Before<'_>,
        keep: &mut (impl FnMut(&[u32], &[f32], &[f32]) + Send),
    ) -> Vec<f32> {
        let (c, w, cpu) = (self.model.config(), self.model.weights(), &self.cpu);
        let (t, d, width) = (batch.positions(), c.dim, c.head_dim());
        let kept = before.map_or(0, |(_, kept)| kept);
        let mut s = StepScratch::new(&self.model, t);
        let starts = batch.starts();
        self.frequencies
            .table((starts, kept), batch.inputs(), &mut s.angles);
        self.embed(batch.inputs(), &mut s);
        let mut lse = Buffer::zeros(t * c.heads);
        for (i, layer) in self.layers.iter().enumerate() {
            let norm = layer.spans.attention_norm.of(w);
            rmsnorm::forward(cpu, &s.x, norm, &mut s.normed, &mut s.inverse);
            let wide = &mut s.wide[..3 * t * d];
            layer.qkv.apply(cpu, &s.normed, wide, false);
            let [q, k, v, o] = s.heads.each_mut().map(|one| &mut one[..]);
            rotary::split(cpu, wide, &s.angles, width, [&mut *q, &mut *k, &mut *v]);
            if let Some((prefix, kept)) = before {
                let [past_k, past_v] = &prefix.past[i];
                let whole_k = prefix::joined((past_k, kept), k, (c.heads, width));
                let whole_v = prefix::joined((past_v, kept), v, (c.heads, width));
                keep(starts, &whole_k, &whole_v);
                let qkv = [&*q, &whole_k, &whole_v];
                attention::continued(cpu, (c.heads, width), qkv, o, &mut lse);
            } else {
                keep(starts, k, v);
                let shape = Shape {
                    starts,
                    heads: c.heads,
                    head_dim: width,
                };
                attention::forward(cpu, shape, [q, k, v], o, &mut lse);
            }
            rotary::merge(o, &mut s.normed, d, width);
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

    /// Room for `rows` futures of up to `steps_max` events each.
    pub fn rows(&self, rows: usize, steps_max: usize) -> Rows {
        let c = self.model.config();
        let sizes = [rows * decode::stride(steps_max) * c.dim; 2];
        let layer = |_| match self.precision {
            Precision::F32 => RowsLayer::F32(sizes.map(Buffer::zeros)),
            Precision::Bf16 | Precision::Int8 => RowsLayer::Bf16(sizes.map(Buffer::zeros)),
        };
        Rows {
            prefixes: vec![None; rows],
            lens: vec![0; rows],
            steps_max,
            layers: (0..c.layers).map(layer).collect(),
            scratch: StepScratch::new(&self.model, rows),
        }
    }

    /// Feeds one event to each of the rows named in `active` (each once), after its prefix and what
    /// it was fed before, and returns their normed hidden states `[active, D]` in that order. The
    /// events' `time_days` count from the prefix's first event.
    ///
    /// # Errors
    /// [`Error::Rows`] when a row is full, absent, named twice or has no prefix, [`Error::Batch`]
    /// when an event does not fit the model; nothing is fed then.
    pub fn step<'r>(
        &self,
        rows: &'r mut Rows,
        active: &[u32],
        inputs: &[Input],
    ) -> Result<&'r [f32]> {
        let mut named = vec![false; rows.rows()];
        for row in active {
            let row = *row as usize;
            let begun = rows.prefixes.get(row).is_some_and(Option::is_some);
            if !begun || named[row] || rows.lens[row] >= rows.steps_max {
                return Err(Error::Rows { row });
            }
            named[row] = true;
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
            let order = rows.order(active);
            let choices = &self.model.config().choices;
            let inputs: Vec<Input> = order.iter().map(|i| choices.see(inputs[*i])).collect();
            let placed: Vec<u32> = order.iter().map(|i| active[*i]).collect();
            self.install(|| self.step_pass(rows, &placed, &inputs));
            let s = &mut rows.scratch;
            let hidden = s.normed.chunks_exact(d).zip(order);
            for (hidden, i) in hidden {
                s.x[i * d..(i + 1) * d].copy_from_slice(hidden);
            }
        }
        for row in active {
            rows.lens[*row as usize] += 1;
        }
        Ok(&rows.scratch.x[..n * d])
    }

    fn step_pass(&self, rows: &mut Rows, active: &[u32], inputs: &[Input]) {
        let (c, w, cpu) = (self.model.config(), self.model.weights(), &self.cpu);
        let (n, d, width) = (active.len(), c.dim, c.head_dim());
        let stretches = rows.stretches(active);
        let s = &mut rows.scratch;
        for (prefix, places) in &stretches {
            for i in places.clone() {
                let index = prefix.len() + rows.lens[active[i] as usize];
                let out = &mut s.angles[i * width..(i + 1) * width];
                self.frequencies.write(index, inputs[i].time_days, out);
            }
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
            let step = StepAttention {
                cpu,
                width,
                active,
                lens: &rows.lens,
            };
            let prefixes = stretches.iter();
            let prefixes: Vec<_> = prefixes
                .map(|(prefix, places)| (&prefix.layers[i], places.clone()))
                .collect();
            match &mut rows.layers[i] {
                RowsLayer::F32(own) => {
                    let own = own.each_mut().map(|one| &mut one[..]);
                    step.attend(&prefixes, own, ([q, k, v], o), normed);
                }
                RowsLayer::Bf16(own) => {
                    let own = own.each_mut().map(|one| &mut one[..]);
                    step.attend(&prefixes, own, ([q, k, v], o), normed);
                }
            }
            layer.out.apply(cpu, normed, &mut s.x[..n * d], true);
            self.mlp(layer, s, n);
        }
        let norm = self.model.layout().norm.of(w);
        let normed = &mut s.normed[..n * d];
        rmsnorm::forward(cpu, &s.x[..n * d], norm, normed, &mut s.inverse[..n]);
    }
}

impl Rows {
    /// Places of `active` such that the rows of one prefix follow one another.
    fn order(&self, active: &[u32]) -> Vec<usize> {
        let mut kinds: Vec<&Arc<Prefix>> = vec![];
        let mut kind = |row: u32| {
            let prefix = self.prefixes[row as usize].as_ref()?;
            let known = kinds.iter().position(|known| Arc::ptr_eq(known, prefix));
            Some(known.unwrap_or_else(|| {
                kinds.push(prefix);
                kinds.len() - 1
            }))
        };
        let kinds: Vec<Option<usize>> = active.iter().map(|row| kind(*row)).collect();
        let mut order: Vec<usize> = (0..active.len()).collect();
        order.sort_by_key(|i| kinds[*i]);
        order
    }

    /// The prefixes of rows in that order, and which places they have.
    fn stretches(&self, placed: &[u32]) -> Vec<(Arc<Prefix>, Range<usize>)> {
        let mut stretches: Vec<(Arc<Prefix>, Range<usize>)> = vec![];
        let prefixes = placed.iter().map(|row| &self.prefixes[*row as usize]);
        for (i, prefix) in prefixes.flatten().enumerate() {
            match stretches.last_mut() {
                Some((last, places)) if Arc::ptr_eq(last, prefix) => places.end = i + 1,
                _ => stretches.push((Arc::clone(prefix), i..i + 1)),
            }
        }
        stretches
    }
}

/// The prefix that a history goes on from, and how many of its events.
type Before<'a> = Option<(&'a Prefix, usize)>;

const NOTHING_BEFORE: Before<'static> = None;

/// One segment's own of head-major `[H, T, width]`: `[H, len, width]`.
fn cut_segment(all: &[f32], (heads, width): (usize, usize), segment: &[u32]) -> Vec<f32> {
    let (from, to) = (segment[0] as usize * width, segment[1] as usize * width);
    let heads = all.chunks_exact(all.len() / heads);
    heads.flat_map(|head| &head[from..to]).copied().collect()
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
