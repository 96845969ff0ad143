//! Weights, gradients and optimiser on a device, and what is done with them.

use crate::device::Found;
use crate::model::{Inputs, Targets, Weights, hidden, nats};
use crate::optim::{Moments, Step};
use crate::packing::Packing;
use anyhow::{Result, bail, ensure};
use burn::tensor::{Device, Tensor, TensorData};
use longitude_model::{AdamWOptions, Batch, Columns, Losses, Model};
use serde_json::Value;

/// A model in training on a device.
#[derive(Debug)]
pub struct Engine {
    /// Shape, codes and names; its weights are those of the start.
    model: Model,
    device: Device,
    /// One flat tensor each of [`Model::tensors`].
    weights: Vec<Tensor<1>>,
    moments: Vec<Moments>,
    options: AdamWOptions,
    steps: u64,
    positions_max: usize,
}

/// Gradients on the device, one flat tensor each of [`Model::tensors`].
#[derive(Clone, Debug)]
pub struct Gradients(Vec<Tensor<1>>);

impl Engine {
    /// The model on a device, with an optimiser at its start. At most `positions_max` positions, or
    /// one segment, go through at once; larger batches go in parts, and the result is the same.
    ///
    /// # Errors
    /// When the model has a choice of architecture that this implementation lacks.
    pub fn new(
        model: &Model,
        found: &Found,
        options: AdamWOptions,
        positions_max: usize,
    ) -> Result<Self> {
        supported(&serde_json::to_value(model.config())?, model.tensors())?;
        let device = found.device.clone();
        let weights: Vec<Tensor<1>> = model
            .tensors()
            .iter()
            .map(|tensor| {
                let numbers = model.weights()[tensor.range.clone()].to_vec();
                let count = numbers.len();
                Tensor::from_data(TensorData::new(numbers, [count]), &device)
            })
            .collect();
        Ok(Self {
            model: model.clone(),
            device,
            moments: weights.iter().map(Moments::zero).collect(),
            weights,
            options,
            steps: 0,
            positions_max,
        })
    }

    /// The model with the weights of now, to save or to compare.
    ///
    /// # Errors
    /// When the device fails.
    pub fn model(&self) -> Result<Model> {
        let mut model = self.model.clone();
        for (tensor, weights) in self.model.tensors().iter().zip(&self.weights) {
            let numbers = read(weights.clone())?;
            model.weights_mut()[tensor.range.clone()].copy_from_slice(&numbers);
        }
        Ok(model)
    }

    /// The normed hidden states of all positions, `[T, D]`.
    ///
    /// # Errors
    /// When the batch does not fit the model or the device fails.
    pub fn hidden(&self, batch: &Batch) -> Result<Vec<f32>> {
        let dim = self.model.config().dim;
        let weights = self.by_name(&self.weights);
        let mut out = Vec::with_capacity(batch.positions() * dim);
        for part in self.parts(batch)? {
            let columns = Columns::new(&self.model, &part)?;
            let packing = Packing::new(part.starts());
            let config = self.model.config();
            let inputs = Inputs::new(config, &columns, &packing, &self.device);
            let slots = read(hidden(&weights, config, &inputs))?;
            for slot in &packing.slot {
                out.extend_from_slice(&slots[slot * dim..(slot + 1) * dim]);
            }
        }
        Ok(out)
    }

    /// The summed losses of a batch.
    ///
    /// # Errors
    /// When the batch does not fit the model or the device fails.
    pub fn loss(&self, batch: &Batch) -> Result<Losses> {
        let weights = self.by_name(&self.weights);
        let mut losses = Losses::default();
        for part in self.parts(batch)? {
            losses += self.part(&weights, &part)?.0;
        }
        Ok(losses)
    }

    /// The summed losses of a batch and the gradient of their sum in nats.
    ///
    /// # Errors
    /// When the batch does not fit the model or the device fails.
    pub fn forward_backward(&self, batch: &Batch) -> Result<(Losses, Gradients)> {
        let mut losses = Losses::default();
        let mut sums: Vec<Option<Tensor<1>>> = vec![None; self.weights.len()];
        for part in self.parts(batch)? {
            let leaves = self.weights.iter().cloned();
            let leaves: Vec<_> = leaves.map(|w| w.autodiff().require_grad()).collect();
            let (of_part, nats) = self.part(&self.by_name(&leaves), &part)?;
            losses += of_part;
            let Some(nats) = nats else { continue };
            let mut found = nats.backward();
            for (sum, leaf) in sums.iter_mut().zip(&leaves) {
                let gradient = leaf.grad_remove(&mut found);
                *sum = match (sum.take(), gradient) {
                    (Some(sum), Some(gradient)) => Some(sum + gradient),
                    (sum, gradient) => sum.or(gradient),
                };
            }
        }
        let gradients = sums.into_iter().zip(&self.weights);
        let gradients = gradients.map(|(sum, w)| sum.unwrap_or_else(|| w.zeros_like()));
        Ok((losses, Gradients(gradients.collect())))
    }

    /// One step of the optimiser down the gradient with this rate.
    pub fn step(&mut self, gradients: &Gradients, rate: f32) {
        self.steps += 1;
        let step = Step::new(self.options, self.steps, rate);
        let all = self.model.tensors().iter().zip(&gradients.0);
        for ((tensor, g), (w, moments)) in all.zip(self.weights.iter_mut().zip(&mut self.moments)) {
            *w = moments.step(step, w.clone(), g.clone(), tensor.decay);
        }
    }

    /// Returns when the device has done what it was told.
    ///
    /// # Errors
    /// When the device fails.
    pub fn wait(&self) -> Result<()> {
        match self.device.sync() {
            Ok(()) => Ok(()),
            Err(error) => bail!("the device failed: {error}"),
        }
    }

    /// Bytes that the device has set aside for all tensors, where it says so.
    pub fn bytes_reserved(&self) -> Option<u64> {
        self.device
            .memory_pool_usage()
            .map(|usage| usage.bytes_reserved)
    }

    /// Losses of one part, and their sum on the device where anything is scored.
    fn part(&self, w: &Weights, part: &Batch) -> Result<(Losses, Option<Tensor<1>>)> {
        let (config, device) = (self.model.config(), &self.device);
        let columns = Columns::new(&self.model, part)?;
        let mut losses = Losses {
            events: columns.target.len() as u64,
            censored: (columns.scored.len() - columns.target.len()) as u64,
            values: columns.asked.len() as u64,
            ..Losses::default()
        };
        if columns.scored.is_empty() {
            return Ok((losses, None));
        }
        let packing = Packing::new(part.starts());
        let inputs = Inputs::new(config, &columns, &packing, device);
        let bins = &self.model.codes().value_bins;
        let targets = Targets::new(config, bins, &columns, &packing, device);
        let nats = nats(w, config, &inputs, &targets);
        let parts = [&mut losses.wait, &mut losses.code, &mut losses.value];
        let mut total: Option<Tensor<1>> = None;
        for (sum, nats) in parts.into_iter().zip(nats) {
            let rows = read(nats.clone().inner())?;
            *sum = rows.iter().map(|nats| f64::from(*nats)).sum();
            let on_device = nats.sum();
            total = Some(match total {
                Some(total) => total + on_device,
                None => on_device,
            });
        }
        Ok((losses, total))
    }

    fn by_name(&self, weights: &[Tensor<1>]) -> Weights {
        let named = self.model.tensors().iter().zip(weights);
        let entry = |(tensor, w): (&longitude_model::Tensor, &Tensor<1>)| {
            (tensor.name.clone(), (tensor.shape.clone(), w.clone()))
        };
        Weights(named.map(entry).collect())
    }

    /// The batch in parts of whole segments, of at most `positions_max` positions where one segment
    /// is not longer.
    fn parts(&self, batch: &Batch) -> Result<Vec<Batch>> {
        let mut parts: Vec<Batch> = vec![];
        for segment in batch.starts().windows(2) {
            let span = segment[0] as usize..segment[1] as usize;
            let fits = |part: &Batch| part.positions() + span.len() <= self.positions_max;
            if !parts.last().is_some_and(fits) {
                parts.push(Batch::new());
            }
            if let Some(part) = parts.last_mut() {
                part.push(&batch.inputs()[span.clone()], &batch.targets()[span])?;
            }
        }
        Ok(parts)
    }
}

impl Gradients {
    /// The flat gradients in the order of [`Model::tensors`].
    ///
    /// # Errors
    /// When the device fails.
    pub fn flat(&self) -> Result<Vec<f32>> {
        let mut flat = vec![];
        for gradient in &self.0 {
            flat.extend(read(gradient.clone())?);
        }
        Ok(flat)
    }

    /// The Euclidean norm over all weights.
    ///
    /// # Errors
    /// When the device fails.
    pub fn norm(&self) -> Result<f64> {
        let squares = self.0.iter().map(|g| g.clone().square().sum()).collect();
        let squares = read(Tensor::cat(squares, 0))?;
        Ok(squares.iter().map(|s| f64::from(*s)).sum::<f64>().sqrt())
    }

    /// Multiplies all by a factor: 1 / events turns a sum into a mean.
    #[must_use]
    pub fn scale(self, factor: f32) -> Self {
        Self(self.0.into_iter().map(|g| g * factor).collect())
    }
}

/// What a configuration may say and still be the model of `model.rs`: a choice that is not the
/// default stands beside these.
const SIZES: [&str; 11] = [
    "context",
    "dim",
    "ffn",
    "groups",
    "heads",
    "layers",
    "value_bins",
    "value_dim",
    "vocab",
    "vocabulary",
    "wait_edges_days",
];

/// The tensors of `model.rs`, those of a layer without its number.
const TENSORS: [&str; 24] = [
    "embedding.code",
    "embedding.group",
    "embedding.value_bin",
    "embedding.features",
    "attention_norm",
    "qkv",
    "attention_out",
    "mlp_norm",
    "gate_up",
    "down",
    "norm",
    "wait.weight",
    "wait.bias",
    "mark.scale",
    "mark.shift",
    "mark.slope",
    "mark.projection",
    "code.bias",
    "value.hidden",
    "value.code",
    "value.last",
    "value.last_bin",
    "value.out",
    "value.bias",
];

/// Whether `model.rs` is the whole of a model of this configuration and these tensors.
fn supported(config: &Value, tensors: &[longitude_model::Tensor]) -> Result<()> {
    for (key, value) in config.as_object().into_iter().flatten() {
        let known = SIZES.contains(&key.as_str());
        ensure!(
            known,
            "the GPU implementation has not the choice {key} = {value} of this model"
        );
    }
    for tensor in tensors {
        let name = tensor.name.strip_prefix("layers.");
        let name = name
            .and_then(|rest| rest.split_once('.'))
            .map_or(&*tensor.name, |(_, part)| part);
        let known = TENSORS.contains(&name);
        ensure!(
            known,
            "the GPU implementation has not the part {} of this model",
            tensor.name
        );
    }
    Ok(())
}

/// Numbers from the device.
fn read<const N: usize>(tensor: Tensor<N>) -> Result<Vec<f32>> {
    match tensor.try_into_vec_as::<f32>() {
        Ok(numbers) => Ok(numbers),
        Err(error) => bail!("the device failed: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_with_more_than_is_here_is_refused() {
        assert!(supported(&serde_json::json!({"dim": 4, "vocab": 9}), &[]).is_ok());
        let other = serde_json::json!({"dim": 4, "choices": {"time": "index"}});
        let said = supported(&other, &[]).unwrap_err().to_string();
        assert!(
            said.contains("the choice choices = {\"time\":\"index\"}"),
            "{said}"
        );
    }
}
