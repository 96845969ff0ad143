//! AdamW (Loshchilov and Hutter 2019) on flat vectors, and its state as bytes.

use crate::error::{Error, Result};
use crate::gradients::Grads;
use crate::kernels::Level;
use crate::kernels::elementwise::{self, AdamStep};
use crate::model::Model;
use serde::{Deserialize, Serialize};

/// The numbers of AdamW that stay the same over a run; the rate is an argument of each step.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdamWOptions {
    /// Decay of the mean of gradients.
    pub beta1: f32,
    /// Decay of the mean of squared gradients.
    pub beta2: f32,
    /// Keeps the root away from zero.
    pub epsilon: f32,
    /// Pulls linear maps to zero by `rate * weight_decay` a step; norms and biases never.
    pub weight_decay: f32,
    /// The same for embeddings, whose rows of rare codes small data cannot hold in check; usually
    /// 0.
    #[serde(default)]
    pub embedding_decay: f32,
}

impl Default for AdamWOptions {
    /// The usual numbers for transformers (beta2 0.95 as in GPT-3, decay 0.1).
    fn default() -> Self {
        Self {
            beta1: 0.9,
            beta2: 0.95,
            epsilon: 1e-8,
            weight_decay: 0.1,
            embedding_decay: 0.0,
        }
    }
}

/// AdamW with its moments.
#[derive(Clone, Debug, PartialEq)]
pub struct AdamW {
    options: AdamWOptions,
    level: Level,
    step: u64,
    m: Vec<f32>,
    v: Vec<f32>,
}

impl AdamW {
    /// Moments of zero.
    pub fn new(model: &Model, options: AdamWOptions, level: Level) -> Self {
        let n = model.parameters();
        Self {
            options,
            level,
            step: 0,
            m: vec![0.0; n],
            v: vec![0.0; n],
        }
    }

    /// Steps taken.
    pub fn steps(&self) -> u64 {
        self.step
    }

    /// One step down the gradient with this rate.
    pub fn step(&mut self, model: &mut Model, grads: &Grads, rate: f32) {
        self.step += 1;
        let o = self.options;
        let exponent = i32::try_from(self.step).unwrap_or(i32::MAX);
        let correction = |beta: f32| {
            #[expect(clippy::cast_possible_truncation, reason = "a factor near 1")]
            let factor = (1.0 / (1.0 - f64::from(beta).powi(exponent))) as f32;
            factor
        };
        let all = AdamStep {
            rate,
            beta1: o.beta1,
            beta2: o.beta2,
            correction1: correction(o.beta1),
            correction2: correction(o.beta2),
            epsilon: o.epsilon,
            keep: 1.0,
        };
        let layout = model.layout().clone();
        for tensor in &layout.tensors {
            let decay = match tensor.name.starts_with("embedding.") {
                true => o.embedding_decay,
                false if tensor.decay => o.weight_decay,
                false => 0.0,
            };
            let keep = 1.0 - rate * decay;
            let range = tensor.range.clone();
            let (m, v) = (&mut self.m[range.clone()], &mut self.v[range.clone()]);
            let w = &mut model.weights_mut()[range.clone()];
            let step = AdamStep { keep, ..all };
            elementwise::adamw(self.level, step, &grads.flat()[range], w, m, v);
        }
    }

    /// The state as bytes: step, count, then both moments, little-endian.
    pub fn to_bytes(&self) -> Vec<u8> {
        let count = self.m.len() as u64;
        let mut bytes = Vec::with_capacity(16 + 8 * self.m.len());
        bytes.extend_from_slice(&self.step.to_le_bytes());
        bytes.extend_from_slice(&count.to_le_bytes());
        for value in self.m.iter().chain(&self.v) {
            bytes.extend_from_slice(&value.to_le_bytes());
        }
        bytes
    }

    /// Takes the state from [`AdamW::to_bytes`] back, bit by bit.
    ///
    /// # Errors
    /// [`Error::Optimiser`] when the bytes belong to another number of weights, are cut short or
    /// hold a number that no state can hold; the state is then unchanged.
    pub fn restore(&mut self, bytes: &[u8]) -> Result<()> {
        let refuse = |reason: &str| Err(Error::Optimiser(reason.to_owned()));
        let n = self.m.len();
        let (Some((step, rest)), true) = (bytes.split_first_chunk(), bytes.len() == 16 + 8 * n)
        else {
            return refuse("the length does not fit the model");
        };
        let Some((count, rest)) = rest.split_first_chunk() else {
            return refuse("the length does not fit the model");
        };
        if u64::from_le_bytes(*count) != n as u64 {
            return refuse("the count does not fit the model");
        }
        let numbers: Vec<f32> = rest
            .chunks_exact(4)
            .map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]]))
            .collect();
        let (m, v) = numbers.split_at(n);
        if m.iter().any(|m| !m.is_finite()) || v.iter().any(|v| !(v.is_finite() && *v >= 0.0)) {
            return refuse("a moment is not finite or is negative");
        }
        self.step = u64::from_le_bytes(*step);
        self.m.copy_from_slice(m);
        self.v.copy_from_slice(v);
        Ok(())
    }
}
