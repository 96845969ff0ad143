//! Gradients: one flat vector of the weights' layout.

use crate::model::Model;

/// The gradient of a loss with respect to every weight.
#[derive(Clone, Debug)]
pub struct Grads {
    flat: Vec<f32>,
}

impl Grads {
    /// Zeros of the model's size.
    pub fn new(model: &Model) -> Self {
        Self {
            flat: vec![0.0; model.parameters()],
        }
    }

    /// Back to zero; passes add to what is there.
    pub fn zero(&mut self) {
        self.flat.fill(0.0);
    }

    /// Multiplies all by a factor: 1 / events turns a sum into a mean.
    pub fn scale(&mut self, factor: f32) {
        self.flat.iter_mut().for_each(|g| *g *= factor);
    }

    /// The Euclidean norm over all weights, summed in f64.
    pub fn norm(&self) -> f64 {
        // Sixteen running sums: one alone waits for each addition.
        let mut sums = [0.0f64; 16];
        let (lines, rest) = self.flat.as_chunks::<16>();
        for line in lines {
            for (sum, g) in sums.iter_mut().zip(line) {
                *sum += f64::from(*g) * f64::from(*g);
            }
        }
        for (sum, g) in sums.iter_mut().zip(rest) {
            *sum += f64::from(*g) * f64::from(*g);
        }
        sums.iter().sum::<f64>().sqrt()
    }

    /// Scales down to a norm of at most `norm_max`; returns the norm before. A norm that is not
    /// finite is returned and nothing is changed: the caller should leave such a step out.
    pub fn clip(&mut self, norm_max: f64) -> f64 {
        let norm = self.norm();
        if norm.is_finite() && norm > norm_max {
            #[expect(clippy::cast_possible_truncation, reason = "gradients are f32")]
            self.scale((norm_max / norm) as f32);
        }
        norm
    }

    /// The flat gradients, in the order of [`Model::tensors`].
    pub fn flat(&self) -> &[f32] {
        &self.flat
    }

    /// The flat gradients, to change them.
    pub fn flat_mut(&mut self) -> &mut [f32] {
        &mut self.flat
    }
}
