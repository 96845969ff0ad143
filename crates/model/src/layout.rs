//! Where each weight lies in the one flat vector of a model: names, shapes and order.
//!
//! Gradients and the optimiser's moments are flat vectors of the same layout.

use crate::config::Config;
use crate::ops::heads::query;
use crate::recall;
use std::ops::Range;

/// Time and value features that enter linearly; [`crate::ops::embedding`] lists them.
pub(crate) const FEATURES: usize = 14;

/// Weights of two dimensions that are no linear maps.
const TABLES: [&str; 5] = [
    "mark.scale",
    "mark.shift",
    "value.last_bin",
    "value.bias",
    "query.base",
];

/// How a weight starts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Start {
    Zero,
    One,
    /// One number everywhere.
    All(f32),
    /// Normal with this standard deviation.
    Normal(f32),
}

/// One named weight.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// The path in the model's structure, for example `layers.0.qkv`.
    pub name: String,
    /// Row-major shape; a linear map is `[inputs, outputs]`.
    pub shape: Vec<usize>,
    /// Its place in the flat vector.
    pub range: Range<usize>,
    /// Whether weight decay applies: linear maps yes; embeddings, norms and biases no.
    pub decay: bool,
    pub(crate) start: Start,
}

/// A stretch of the flat vector.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span(usize, usize);

impl Span {
    pub(crate) fn of(self, flat: &[f32]) -> &[f32] {
        &flat[self.0..self.1]
    }

    pub(crate) fn of_mut(self, flat: &mut [f32]) -> &mut [f32] {
        &mut flat[self.0..self.1]
    }
}

/// Several stretches of one flat vector at once.
pub(crate) fn disjoint<const N: usize>(flat: &mut [f32], spans: [Span; N]) -> [&mut [f32]; N] {
    match flat.get_disjoint_mut(spans.map(|span| span.0..span.1)) {
        Ok(slices) => slices,
        Err(_) => unreachable!("tensors of a layout do not overlap"),
    }
}

/// One block's weights.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LayerSpans {
    pub attention_norm: Span,
    pub qkv: Span,
    pub attention_out: Span,
    pub mlp_norm: Span,
    pub gate_up: Span,
    pub down: Span,
}

/// All weights, typed for the code and listed for files.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layout {
    pub tensors: Vec<Tensor>,
    pub len: usize,
    pub code: Span,
    pub group: Span,
    pub value_bin: Span,
    pub features: Span,
    pub layers: Vec<LayerSpans>,
    pub norm: Span,
    pub wait_weight: Span,
    pub wait_bias: Span,
    pub mark_scale: Span,
    pub mark_shift: Span,
    pub mark_slope: Span,
    pub mark_projection: Span,
    pub code_bias: Span,
    pub value_hidden: Span,
    pub value_code: Span,
    pub value_last: Span,
    pub value_last_bin: Span,
    pub value_out: Span,
    pub value_bias: Span,
    pub query: QuerySpans,
}

/// The query head's weights; empty without one.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct QuerySpans {
    pub state: Span,
    pub state_bias: Span,
    pub asked: Span,
    pub features: Span,
    pub out: Span,
    pub bias: Span,
    pub base: Span,
}

impl Layout {
    pub(crate) fn new(config: &Config) -> Self {
        let mut layout = Self::default();
        layout.embeddings(config);
        layout.layers = (0..config.layers)
            .map(|i| layout.layer(config, i))
            .collect();
        layout.norm = layout.push("norm", &[config.dim], Start::One);
        layout.heads(config);
        if config.has_queries() {
            layout.query = layout.queries(config);
        }
        layout
    }

    fn embeddings(&mut self, c: &Config) {
        let start = Start::Normal(1.0 / (c.dim as f32).sqrt());
        self.code = self.push("embedding.code", &[c.vocab, c.dim], start);
        self.group = self.push("embedding.group", &[c.groups, c.dim], start);
        self.value_bin = self.push("embedding.value_bin", &[c.value_bins + 1, c.dim], start);
        self.features = self.push("embedding.features", &[FEATURES, c.dim], start);
    }

    fn layer(&mut self, c: &Config, i: usize) -> LayerSpans {
        // Writes into the residual stream are scaled by 1/sqrt(2 layers), as in GPT-2, so that its
        // variance does not grow with depth.
        let into = Start::Normal(0.5 / (c.dim as f32).sqrt());
        let depth = (2.0 * c.layers as f32).sqrt();
        let out = Start::Normal(0.5 / (c.dim as f32).sqrt() / depth);
        let down = Start::Normal(0.5 / (c.ffn as f32).sqrt() / depth);
        let name = |part: &str| format!("layers.{i}.{part}");
        LayerSpans {
            attention_norm: self.push(&name("attention_norm"), &[c.dim], Start::One),
            qkv: self.push(&name("qkv"), &[c.dim, 3 * c.dim], into),
            attention_out: self.push(&name("attention_out"), &[c.dim, c.dim], out),
            mlp_norm: self.push(&name("mlp_norm"), &[c.dim], Start::One),
            gate_up: self.push(&name("gate_up"), &[c.dim, 2 * c.ffn], into),
            down: self.push(&name("down"), &[c.ffn, c.dim], down),
        }
    }

    /// The maps that feed logits start at zero, so that step 0 is the marginal model of the biases.
    fn heads(&mut self, c: &Config) {
        let (bins, start) = (c.wait_bins(), Start::Normal(1.0 / (c.dim as f32).sqrt()));
        let zero = Start::Zero;
        self.wait_weight = self.push("wait.weight", &[c.dim, 1 + bins], zero);
        self.wait_bias = self.push("wait.bias", &[1 + bins], zero);
        self.mark_scale = self.push("mark.scale", &[1 + bins, c.dim], zero);
        self.mark_shift = self.push("mark.shift", &[1 + bins, c.dim], zero);
        self.mark_slope = self.push("mark.slope", &[c.dim], zero);
        self.mark_projection = self.push("mark.projection", &[c.dim, c.dim], zero);
        self.code_bias = self.push("code.bias", &[c.vocab], zero);
        self.value_hidden = self.push("value.hidden", &[c.dim, c.value_dim], start);
        self.value_code = self.push("value.code", &[c.dim, c.value_dim], start);
        let (classes, pair) = (c.value_bins + 1, 2 * c.value_dim);
        self.value_last = self.push("value.last", &[recall::FEATURES, pair], zero);
        self.value_last_bin = self.push("value.last_bin", &[classes, pair], zero);
        self.value_out = self.push("value.out", &[c.value_dim, classes], zero);
        self.value_bias = self.push("value.bias", &[c.vocab, classes], zero);
    }

    /// The log odds of a code in a bin start at one in ten thousand, until they are set.
    fn queries(&mut self, c: &Config) -> QuerySpans {
        let (d, m, bins) = (c.dim, c.query_dim, c.query_edges_days.len());
        let start = Start::Normal(1.0 / (d as f32).sqrt());
        QuerySpans {
            state: self.push("query.state", &[d, m], start),
            state_bias: self.push("query.state_bias", &[m], Start::Zero),
            asked: self.push("query.asked", &[2 * d, 2 * m], Start::Normal(0.5)),
            features: self.push("query.features", &[query::FEATURES, m], Start::Normal(0.5)),
            out: self.push("query.out", &[m, 2 * bins], Start::Zero),
            bias: self.push("query.bias", &[2 * bins], Start::Zero),
            base: self.push("query.base", &[c.vocab, bins], Start::All(-9.2)),
        }
    }

    fn push(&mut self, name: &str, shape: &[usize], start: Start) -> Span {
        let len: usize = shape.iter().product();
        let range = self.len..self.len + len;
        self.len += len;
        let linear = shape.len() == 2 && !name.starts_with("embedding.") && !TABLES.contains(&name);
        self.tensors.push(Tensor {
            name: name.to_owned(),
            shape: shape.to_vec(),
            range: range.clone(),
            decay: linear,
            start,
        });
        Span(range.start, range.end)
    }
}

impl Config {
    /// Names, shapes and places of the weights of this shape, without making them.
    ///
    /// # Errors
    /// [`crate::Error::Config`] when the shape is impossible.
    pub fn tensors(&self) -> crate::Result<Vec<Tensor>> {
        self.validate()?;
        Ok(Layout::new(self).tensors)
    }
}
