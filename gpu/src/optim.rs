//! AdamW (Loshchilov and Hutter 2019, algorithm 2) on tensors, as the first implementation has it.

use burn::tensor::Tensor;
use longitude_model::AdamWOptions;

/// The moments of one weight tensor, flat.
#[derive(Clone, Debug)]
pub(crate) struct Moments {
    m: Tensor<1>,
    v: Tensor<1>,
}

/// The numbers of one step.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    options: AdamWOptions,
    rate: f32,
    /// What undoes the start of the moments at zero.
    correction: [f32; 2],
}

impl Step {
    /// The step of this number, from 1.
    pub(crate) fn new(options: AdamWOptions, number: u64, rate: f32) -> Self {
        let exponent = i32::try_from(number).unwrap_or(i32::MAX);
        let correction = [options.beta1, options.beta2].map(|beta| {
            #[expect(clippy::cast_possible_truncation, reason = "a factor near 1")]
            let factor = (1.0 / (1.0 - f64::from(beta).powi(exponent))) as f32;
            factor
        });
        Self {
            options,
            rate,
            correction,
        }
    }
}

impl Moments {
    pub(crate) fn zero(w: &Tensor<1>) -> Self {
        let (m, v) = (w.zeros_like(), w.zeros_like());
        Self { m, v }
    }

    /// The weights after a step down their gradient; `decay` as of [`longitude_model::Tensor`].
    pub(crate) fn step(&mut self, s: Step, w: Tensor<1>, g: Tensor<1>, decay: bool) -> Tensor<1> {
        let (o, [correction1, correction2]) = (s.options, s.correction);
        let keep = if decay {
            1.0 - s.rate * o.weight_decay
        } else {
            1.0
        };
        self.m = self.m.clone() * o.beta1 + g.clone() * (1.0 - o.beta1);
        self.v = self.v.clone() * o.beta2 + g.square() * (1.0 - o.beta2);
        let root = (self.v.clone() * correction2).sqrt() + o.epsilon;
        w * keep - self.m.clone() * (s.rate * correction1) / root
    }
}
