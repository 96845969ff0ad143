//! Low-rank adapters (Hu et al. 2022, section 4.1): `W = W0 + (alpha / r) A B` for the linear maps
//! of the blocks, with `W0 [in, out]` frozen, `A [in, r]` random and `B [r, out]` zero at the
//! start, so that step 0 is the base model.
//!
//! The passes of the model know nothing of this. They give `dW` in full, and by the chain rule
//! `dA = s dW B'` and `dB = s A' dW` with `s = alpha / r`; after each step `W` is made again. That
//! costs `6 r in out` operations a step, beside the `6 T in out` of a batch of T positions.

use crate::loader::SplitMix;
use crate::sequences::single as narrow;
use crate::{Error, Result};
use longitude_model::{AdamWOptions, Model, Tensor};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// The linear maps of a block that an adapter may stand beside.
pub const MAPS: [&str; 4] = ["qkv", "attention_out", "gate_up", "down"];

/// The shape of adapters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdapterOptions {
    /// r: at least 1; more than a map's inputs or outputs is of no use.
    pub rank: usize,
    /// The scale is `alpha / rank`.
    pub alpha: f32,
    /// Which maps of each block, from [`MAPS`].
    pub maps: Vec<String>,
    /// Whether norms and output biases are trained too, as whole tensors.
    pub biases_and_norms: bool,
}

impl AdapterOptions {
    /// Adapters of a rank beside all four maps, at twice the rank as alpha, norms and biases
    /// frozen.
    pub fn of_rank(rank: usize) -> Self {
        Self {
            rank,
            alpha: 2.0 * rank as f32,
            maps: MAPS.map(str::to_owned).to_vec(),
            biases_and_norms: false,
        }
    }

    /// s.
    pub(crate) fn scale(&self) -> f32 {
        self.alpha / self.rank as f32
    }

    pub(crate) fn check(&self) -> Result<()> {
        let rules = [
            ((1..=4096).contains(&self.rank), "rank", "from 1 to 4096"),
            (
                self.alpha.is_finite() && self.alpha > 0.0,
                "alpha",
                "above zero",
            ),
            (
                self.maps.iter().all(|map| MAPS.contains(&&**map)),
                "maps",
                "from qkv, attention_out, gate_up and down",
            ),
            (
                self.biases_and_norms || !self.maps.is_empty(),
                "maps",
                "not empty where biases and norms are frozen",
            ),
        ];
        match rules.into_iter().find(|(holds, ..)| !holds) {
            Some((_, option, must)) => Err(Error::Option { option, must }),
            None => Ok(()),
        }
    }

    /// Whether an adapter stands beside this weight.
    pub(crate) fn adapts(&self, tensor: &Tensor) -> bool {
        let last = tensor.name.rsplit('.').next().unwrap_or_default();
        tensor.name.starts_with("layers.") && self.maps.iter().any(|map| map == last)
    }

    /// Whether this weight is trained whole: norms (one number a width) and biases.
    pub(crate) fn trains_whole(&self, tensor: &Tensor) -> bool {
        let last = tensor.name.rsplit('.').next().unwrap_or_default();
        self.biases_and_norms && (last.ends_with("norm") || last == "bias")
    }
}

/// One adapted map: where it lies in the model's weights, and A and B in the adapter's own.
#[derive(Clone, Debug)]
pub(crate) struct Map {
    pub(crate) name: String,
    pub(crate) w: Range<usize>,
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    pub(crate) a: Range<usize>,
    pub(crate) b: Range<usize>,
}

/// One weight that is trained whole.
#[derive(Clone, Debug)]
pub(crate) struct Whole {
    pub(crate) name: String,
    pub(crate) w: Range<usize>,
    pub(crate) own: Range<usize>,
}

/// What is trained in place of the model's weights, in one flat vector.
#[derive(Clone, Debug)]
pub(crate) struct Lora {
    pub(crate) options: AdapterOptions,
    pub(crate) maps: Vec<Map>,
    pub(crate) wholes: Vec<Whole>,
    pub(crate) own: Vec<f32>,
}

impl Lora {
    /// Adapters beside a base model: `A` from the seed, `B` zero, whole weights as they are.
    pub(crate) fn new(base: &Model, options: &AdapterOptions, seed: u64) -> Result<Self> {
        options.check()?;
        let mut lora = Self {
            options: options.clone(),
            maps: Vec::new(),
            wholes: Vec::new(),
            own: Vec::new(),
        };
        for (stream, tensor) in (1u64..).zip(base.tensors()) {
            if options.adapts(tensor)
                && let [inputs, outputs] = tensor.shape[..]
            {
                lora.push_map(tensor, (inputs, outputs), seed ^ stream.rotate_left(32));
            } else if options.trains_whole(tensor) {
                let from = lora.own.len();
                lora.own
                    .extend_from_slice(&base.weights()[tensor.range.clone()]);
                lora.wholes.push(Whole {
                    name: tensor.name.clone(),
                    w: tensor.range.clone(),
                    own: from..lora.own.len(),
                });
            }
        }
        Ok(lora)
    }

    fn push_map(&mut self, tensor: &Tensor, (inputs, outputs): (usize, usize), seed: u64) {
        let rank = self.options.rank;
        let from = self.own.len();
        let (a, b) = (
            from..from + inputs * rank,
            from + inputs * rank..from + (inputs + outputs) * rank,
        );
        let deviation = 1.0 / (inputs as f64).sqrt();
        let mut random = Normals::new(seed);
        self.own
            .extend(a.clone().map(|_| narrow(random.next() * deviation)));
        self.own.extend(b.clone().map(|_| 0.0));
        self.maps.push(Map {
            name: tensor.name.clone(),
            w: tensor.range.clone(),
            inputs,
            outputs,
            a,
            b,
        });
    }

    /// The stretches of what is trained, and whether weight decay applies: to A and B.
    fn stretches(&self) -> Vec<(Range<usize>, bool)> {
        let maps = self.maps.iter().map(|map| (map.a.start..map.b.end, true));
        let wholes = self.wholes.iter().map(|whole| (whole.own.clone(), false));
        maps.chain(wholes).collect()
    }

    /// Makes the model's weights: those of the base where nothing is adapted.
    pub(crate) fn materialise(&self, base: &[f32], weights: &mut [f32]) {
        let (rank, scale) = (self.options.rank, self.options.scale());
        for map in &self.maps {
            let (a, b) = (&self.own[map.a.clone()], &self.own[map.b.clone()]);
            let rows = weights[map.w.clone()].chunks_exact_mut(map.outputs);
            let frozen = base[map.w.clone()].chunks_exact(map.outputs);
            for ((row, frozen), a) in rows.zip(frozen).zip(a.chunks_exact(rank)) {
                row.fill(0.0);
                for (a, b) in a.iter().zip(b.chunks_exact(map.outputs)) {
                    row.iter_mut().zip(b).for_each(|(w, b)| *w += a * b);
                }
                for (w, frozen) in row.iter_mut().zip(frozen) {
                    *w = frozen + scale * *w;
                }
            }
        }
        for whole in &self.wholes {
            weights[whole.w.clone()].copy_from_slice(&self.own[whole.own.clone()]);
        }
    }

    /// The gradient of what is trained, from that of the model's weights: exact, for the loss sees
    /// A and B through W alone.
    pub(crate) fn gradient(&self, dw: &[f32], out: &mut [f32]) {
        let (rank, scale) = (self.options.rank, self.options.scale());
        for map in &self.maps {
            let (a, b) = (&self.own[map.a.clone()], &self.own[map.b.clone()]);
            let (da, db) = out[map.a.start..map.b.end].split_at_mut(a.len());
            db.fill(0.0);
            let rows = dw[map.w.clone()].chunks_exact(map.outputs);
            for ((row, a), da) in rows
                .zip(a.chunks_exact(rank))
                .zip(da.chunks_exact_mut(rank))
            {
                let b = b.chunks_exact(map.outputs);
                for (((a, da), b), db) in a
                    .iter()
                    .zip(da)
                    .zip(b)
                    .zip(db.chunks_exact_mut(map.outputs))
                {
                    *da = scale * dot(row, b);
                    let factor = scale * a;
                    db.iter_mut().zip(row).for_each(|(db, w)| *db += factor * w);
                }
            }
        }
        for whole in &self.wholes {
            out[whole.own.clone()].copy_from_slice(&dw[whole.w.clone()]);
        }
    }
}

/// The training of adapters: their gradient, AdamW's moments, and the best of them so far.
#[derive(Clone, Debug)]
pub(crate) struct Adapting {
    pub(crate) lora: Lora,
    base: Vec<f32>,
    adamw: AdamWOptions,
    grads: Vec<f32>,
    m: Vec<f32>,
    v: Vec<f32>,
    best: Vec<f32>,
    step: u64,
}

impl Adapting {
    pub(crate) fn new(lora: Lora, base: &Model, adamw: AdamWOptions) -> Self {
        let n = lora.own.len();
        Self {
            base: base.weights().to_vec(),
            adamw,
            grads: vec![0.0; n],
            m: vec![0.0; n],
            v: vec![0.0; n],
            best: lora.own.clone(),
            step: 0,
            lora,
        }
    }

    /// Takes the gradient over from the model's, scaled to a norm of at most `norm_max`. Returns
    /// the norm before.
    pub(crate) fn take_gradient(&mut self, dw: &[f32], norm_max: f64) -> f64 {
        self.lora.gradient(dw, &mut self.grads);
        let square = |g: &f32| f64::from(*g) * f64::from(*g);
        let norm = self.grads.iter().map(square).sum::<f64>().sqrt();
        if norm.is_finite() && norm > norm_max {
            let factor = narrow(norm_max / norm);
            self.grads.iter_mut().for_each(|g| *g *= factor);
        }
        norm
    }

    /// One step of AdamW (Loshchilov and Hutter 2019) on A and B, which decay, and on whole
    /// weights, which do not; then the model's weights are made again.
    pub(crate) fn step(&mut self, model: &mut Model, rate: f32) {
        self.step += 1;
        let o = self.adamw;
        let power = i32::try_from(self.step).unwrap_or(i32::MAX);
        let correction = |beta: f32| narrow(1.0 / (1.0 - f64::from(beta).powi(power)));
        let (first, second) = (correction(o.beta1), correction(o.beta2));
        let keep = 1.0 - rate * o.weight_decay;
        for (stretch, decays) in self.lora.stretches() {
            let keep = if decays { keep } else { 1.0 };
            for at in stretch {
                let g = self.grads[at];
                let (m, v, w) = (&mut self.m[at], &mut self.v[at], &mut self.lora.own[at]);
                *m = o.beta1 * *m + (1.0 - o.beta1) * g;
                *v = o.beta2 * *v + (1.0 - o.beta2) * g * g;
                *w = keep * *w - rate * (*m * first) / ((*v * second).sqrt() + o.epsilon);
            }
        }
        self.lora.materialise(&self.base, model.weights_mut());
    }

    /// Remembers what is trained now as the best so far.
    pub(crate) fn keep(&mut self) {
        self.best.copy_from_slice(&self.lora.own);
    }

    /// The best adapters, or the last where none was judged.
    pub(crate) fn into_best(mut self, judged: bool) -> Lora {
        if judged {
            self.lora.own = self.best;
        }
        self.lora
    }

    /// The state as bytes: step, then adapters, moments and best adapters, little-endian.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let all = [&self.lora.own, &self.m, &self.v, &self.best];
        let numbers = all.into_iter().flatten();
        let mut bytes = self.step.to_le_bytes().to_vec();
        bytes.extend(numbers.flat_map(|number| number.to_le_bytes()));
        bytes
    }

    /// Takes the state from [`Adapting::to_bytes`] back, bit by bit.
    pub(crate) fn restore(&mut self, bytes: &[u8]) -> Result<()> {
        let refuse = |reason: &str| {
            let reason = reason.to_owned();
            Err(longitude_model::Error::Optimiser(reason).into())
        };
        let n = self.lora.own.len();
        let (Some((step, rest)), true) = (bytes.split_first_chunk(), bytes.len() == 8 + 16 * n)
        else {
            return refuse("the length does not fit the adapters");
        };
        let (fours, _) = rest.as_chunks::<4>();
        let numbers: Vec<f32> = fours.iter().map(|four| f32::from_le_bytes(*four)).collect();
        if numbers.iter().any(|number| !number.is_finite()) {
            return refuse("a number is not finite");
        }
        self.step = u64::from_le_bytes(*step);
        let parts = [&mut self.lora.own, &mut self.m, &mut self.v, &mut self.best];
        for (part, numbers) in parts.into_iter().zip(numbers.chunks_exact(n.max(1))) {
            part.copy_from_slice(numbers);
        }
        Ok(())
    }
}

/// A product of rows, in sixteen running sums: one alone waits for each addition.
fn dot(x: &[f32], y: &[f32]) -> f32 {
    let mut sums = [0.0f32; 16];
    let ((xs, x), (ys, y)) = (x.as_chunks::<16>(), y.as_chunks::<16>());
    for (x, y) in xs.iter().zip(ys) {
        for ((sum, x), y) in sums.iter_mut().zip(x).zip(y) {
            *sum += x * y;
        }
    }
    for ((sum, x), y) in sums.iter_mut().zip(x).zip(y) {
        *sum += x * y;
    }
    sums.iter().sum()
}

/// Normal numbers by the polar method (Marsaglia 1964).
pub(crate) struct Normals {
    random: SplitMix,
}

impl Normals {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            random: SplitMix(seed),
        }
    }

    pub(crate) fn next(&mut self) -> f64 {
        let mut uniform = || (self.random.next() >> 11) as f64 / (1u64 << 52) as f64 - 1.0;
        loop {
            let (x, y) = (uniform(), uniform());
            let square = x * x + y * y;
            if square > 0.0 && square < 1.0 {
                return x * (-2.0 * square.ln() / square).sqrt();
            }
        }
    }
}

#[cfg(test)]
mod tests;
