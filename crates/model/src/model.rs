//! The model: its weights in one flat vector, and how they start. The passes are in `pass`.

use crate::config::Config;
use crate::error::{Error, Result};
use crate::hazard::WaitLaw;
use crate::layout::{Layout, Start, Tensor};
use crate::random::Normals;

/// What the model must know of the vocabulary, one entry a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Codes {
    /// The two groups of each code, 0 for none, `[V]`.
    pub groups: Vec<[u32; 2]>,
    /// How many value bins each code has, at most K, `[V]`.
    pub value_bins: Vec<u16>,
}

impl Codes {
    /// No groups where ancestors are switched off.
    fn chosen(mut self, config: &Config) -> Self {
        if !config.choices.ancestors {
            self.groups.fill([0; 2]);
        }
        self
    }
}

/// Frequencies of the training data from which the output biases are set.
#[derive(Clone, Debug, PartialEq)]
pub struct Marginals {
    /// Natural logarithm of each code's frequency, `[V]`; any finite floor for unseen codes.
    pub code_log_frequency: Vec<f32>,
    /// The probability of a zero wait, inside (0, 1).
    pub zero_wait: f64,
    /// The hazard a day of each wait bin, `[W]`, positive.
    pub hazards_per_day: Vec<f64>,
    /// Natural logarithm of the frequency of each value class of each code, `[V, K + 1]`, class 0
    /// being no value; empty to start with equal bins and a small mass on no value.
    pub value_log_frequency: Vec<f32>,
}

/// A model. Weights are reached by name through [`Model::tensors`] and [`Model::weights`].
#[derive(Clone)]
pub struct Model {
    config: Config,
    codes: Codes,
    layout: Layout,
    weights: Vec<f32>,
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Model({} weights, {:?})",
            self.weights.len(),
            self.config
        )
    }
}

impl Model {
    /// A model with random weights from the seed; its output biases are zero.
    ///
    /// # Errors
    /// [`Error::Config`] when the shape is impossible or `codes` does not fit it.
    pub fn new(config: Config, codes: Codes, seed: u64) -> Result<Self> {
        config.validate()?;
        check_codes(&config, &codes)?;
        let codes = codes.chosen(&config);
        let layout = Layout::new(&config);
        let mut weights = vec![0.0; layout.len];
        for (i, tensor) in layout.tensors.iter().enumerate() {
            let weights = &mut weights[tensor.range.clone()];
            match tensor.start {
                Start::Zero => {}
                Start::One => weights.fill(1.0),
                Start::All(number) => weights.fill(number),
                Start::Normal(deviation) => {
                    let mut normals = Normals::new(seed, i as u64);
                    weights.fill_with(|| normals.next() * deviation);
                }
            }
        }
        Ok(Self {
            config,
            codes,
            layout,
            weights,
        })
    }

    /// A model of given weights, `[parameters]` in the order of [`Model::tensors`].
    pub(crate) fn from_parts(config: Config, codes: Codes, weights: Vec<f32>) -> Result<Self> {
        config.validate()?;
        check_codes(&config, &codes)?;
        let codes = codes.chosen(&config);
        let layout = Layout::new(&config);
        if weights.len() != layout.len {
            return Err(Error::Config(
                "the number of weights does not fit the shape".to_owned(),
            ));
        }
        Ok(Self {
            config,
            codes,
            layout,
            weights,
        })
    }

    /// Sets the output biases so that the model, whose maps to logits start at zero, is the
    /// marginal model at step 0.
    ///
    /// # Errors
    /// [`Error::Config`] when a length does not fit or a number is out of range.
    pub fn set_marginals(&mut self, marginals: &Marginals) -> Result<()> {
        let refuse = |reason: &str| Err(Error::Config(reason.to_owned()));
        let classes = self.config.value_bins + 1;
        let values = &marginals.value_log_frequency;
        if marginals.code_log_frequency.len() != self.config.vocab
            || marginals.hazards_per_day.len() != self.config.wait_bins()
            || !(values.is_empty() || values.len() == self.config.vocab * classes)
        {
            return refuse("the marginals do not fit the shape");
        }
        let zero = marginals.zero_wait;
        let positive = marginals
            .hazards_per_day
            .iter()
            .all(|h| *h > 0.0 && h.is_finite());
        let logs = marginals.code_log_frequency.iter().chain(values);
        if !(zero > 0.0 && zero < 1.0 && positive && logs.clone().all(|log| log.is_finite())) {
            return refuse("a marginal is out of range");
        }
        let waits = self.layout.wait_bias.of_mut(&mut self.weights);
        waits[0] = narrow((zero / (1.0 - zero)).ln());
        for (bias, hazard) in waits[1..].iter_mut().zip(&marginals.hazards_per_day) {
            *bias = narrow(hazard.ln());
        }
        let log_rate = -narrow(self.mean_wait(&marginals.hazards_per_day).ln());
        let codes = self.layout.code_bias.of_mut(&mut self.weights);
        codes.copy_from_slice(&marginals.code_log_frequency);
        if self.config.choices.competing() {
            for bias in codes {
                *bias += log_rate;
            }
        }
        let bias = self.layout.value_bias.of_mut(&mut self.weights);
        if values.is_empty() {
            // One in a hundred of a bin's mass: a code with bins seldom comes without a value.
            bias.chunks_exact_mut(classes)
                .for_each(|row| row[0] = 0.01f32.ln());
        } else {
            bias.copy_from_slice(values);
        }
        Ok(())
    }

    /// Sets the log odds `[V, J]` that a code comes in a bin of the query head, whatever came
    /// before, given that it has not come since the index time.
    ///
    /// # Errors
    /// [`Error::Config`] when the length does not fit or a number is not finite.
    pub fn set_query_base(&mut self, log_odds: &[f32]) -> Result<()> {
        let base = self.layout.query.base.of_mut(&mut self.weights);
        if log_odds.len() != base.len() || log_odds.iter().any(|log| !log.is_finite()) {
            let reason = "the log odds of the query head do not fit or are not finite";
            return Err(Error::Config(reason.to_owned()));
        }
        base.copy_from_slice(log_odds);
        Ok(())
    }

    /// The mean in days of a wait above zero with these hazards.
    fn mean_wait(&self, hazards: &[f64]) -> f64 {
        let logs: Vec<f32> = hazards.iter().map(|hazard| narrow(hazard.ln())).collect();
        let law = WaitLaw {
            zero_logit: 0.0,
            log_hazards: &logs,
            edges: &self.config.wait_edges_days,
        };
        law.mean()
    }

    /// The shape.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What the model knows of each code.
    pub fn codes(&self) -> &Codes {
        &self.codes
    }

    /// Names, shapes and places of the weights.
    pub fn tensors(&self) -> &[Tensor] {
        &self.layout.tensors
    }

    /// How many weights.
    pub fn parameters(&self) -> usize {
        self.weights.len()
    }

    /// The flat weights.
    pub fn weights(&self) -> &[f32] {
        &self.weights
    }

    /// The flat weights, to change them.
    pub fn weights_mut(&mut self) -> &mut [f32] {
        &mut self.weights
    }

    /// The weights of one name.
    pub fn weight(&self, name: &str) -> Option<&[f32]> {
        let tensor = self
            .layout
            .tensors
            .iter()
            .find(|tensor| tensor.name == name)?;
        Some(&self.weights[tensor.range.clone()])
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }
}

fn check_codes(config: &Config, codes: &Codes) -> Result<()> {
    let refuse = |reason: &str| Err(Error::Config(reason.to_owned()));
    if codes.groups.len() != config.vocab || codes.value_bins.len() != config.vocab {
        return refuse("the table of codes does not have one entry a code");
    }
    if codes
        .groups
        .iter()
        .flatten()
        .any(|group| *group as usize >= config.groups)
    {
        return refuse("a code's group is out of range");
    }
    if codes
        .value_bins
        .iter()
        .any(|bins| usize::from(*bins) > config.value_bins)
    {
        return refuse("a code has more value bins than the model");
    }
    Ok(())
}

#[expect(clippy::cast_possible_truncation, reason = "weights are f32")]
fn narrow(x: f64) -> f32 {
    x as f32
}
