//! The options of a training, and how many steps fit into a given time.

use crate::data::{Part, TrainData};
use crate::queries::QueryOptions;
use crate::{Error, Result};
use longitude_core::Digest;
use longitude_model::{AdamWOptions, Config, Device, Level, Sizes, Workspace};
use longitude_tokens::Vocabulary;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The options of a training. All but `threads` and `checkpoints` decide the bytes of the result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Options {
    /// The shape of the model.
    pub config: Config,
    /// Of the first weights and of the order of windows.
    pub seed: u64,
    /// Steps; the learning rate's schedule ends with them.
    pub steps: u64,
    /// Positions of a batch, at least the model's context.
    pub batch_tokens: usize,
    /// Micro-batches of `batch_tokens` positions whose gradients one step adds up.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub accumulate: usize,
    /// Events that a later window of a long timeline repeats as context.
    pub overlap_positions: usize,
    /// The peak of the learning rate.
    pub learning_rate: f64,
    /// Steps of linear warm-up.
    pub warmup_steps: u64,
    /// The optimiser's numbers.
    pub adamw: AdamWOptions,
    /// The share of events whose code and value the model is not shown while it learns, each time
    /// others: the unknown code stands for them. They are predicted all the same. Holds small data
    /// back from being learnt by heart (word dropout, Iyyer et al. 2015).
    #[serde(default, skip_serializing_if = "is_zero")]
    pub event_dropout: f64,
    /// Gradients are scaled down to this Euclidean norm.
    pub gradient_norm_max: f64,
    /// Steps between evaluations on the early-stop subjects.
    pub tuning_every: u64,
    /// The most positions of such an evaluation: whole windows from the start of a fixed shuffle.
    /// All evaluations together never take more than a fifth of the training's own work, two
    /// contexts each apart.
    pub tuning_positions_max: usize,
    /// Evaluations in a row without a better one after which training stops; 0 for never.
    pub patience: u32,
    /// Steps between checkpoints; 0 for only when the observer asks or stops.
    pub checkpoint_every: u64,
    /// Whether only the input of each block is kept for the backward pass and the rest computed
    /// again: less memory, a third more work, the same bits ([`Workspace::checkpointed`]).
    #[serde(skip)]
    pub checkpointed: bool,
    /// Questions for the query head; without one none are put.
    #[serde(default, skip_serializing_if = "QueryOptions::is_usual")]
    pub queries: QueryOptions,
    /// The name of the kernel level ([`Level::name`]).
    pub kernels: String,
    /// Threads; the result does not depend on them.
    pub threads: usize,
    /// The folder of checkpoints, if any are to be written.
    #[serde(skip)]
    pub checkpoints: Option<PathBuf>,
    /// Whether [`crate::resume`] may go on with other options than the checkpoint's (a lower rate
    /// after an overflow, more steps): only the stream of batches must be the same.
    #[serde(skip)]
    pub resume_changed: bool,
}

fn one() -> usize {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_one(number: &usize) -> bool {
    *number == 1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_zero(number: &f64) -> bool {
    number.abs() <= 0.0
}

impl Options {
    /// The options that a shape and a length leave open, at the values that the project measures
    /// with: batches of 1,024 positions (or the context), a quarter of the context as overlap, a
    /// rate that falls with the width (0.004 at 96), 5 % warm-up, 20 evaluations, patience 8.
    ///
    /// Batch and rate are the best of nine trials of the preset `tiny` on 400,000 positions of the
    /// synthetic hospital: on such short runs the number of steps decides. Held-out nats an event,
    /// constant part apart: 1.852 at batches of 4,096 and rate 0.002, 1.513 at 2,048, 1.412 at
    /// 1,024; 1.387 at 1,024 and rate 0.004, 1.408 at 0.008; 1.387 at 512 and 0.003.
    pub fn for_shape(config: Config, steps: u64, seed: u64) -> Self {
        let width = config.dim as f64;
        Self {
            seed,
            steps,
            batch_tokens: config.context.max(1024),
            accumulate: 1,
            overlap_positions: config.context / 4,
            learning_rate: (4e-3 * (96.0 / width).sqrt()).min(4e-3),
            warmup_steps: (steps / 20).max(1),
            adamw: AdamWOptions::default(),
            event_dropout: 0.0,
            gradient_norm_max: 1.0,
            tuning_every: (steps / 20).max(1),
            tuning_positions_max: 65_536,
            patience: 8,
            checkpoint_every: 0,
            checkpointed: false,
            queries: QueryOptions::default(),
            kernels: Level::best().name().to_owned(),
            threads: 1,
            checkpoints: None,
            resume_changed: false,
            config,
        }
    }

    /// The digest of what decides the result: threads and the checkpoint folder do not.
    ///
    /// # Errors
    /// When a number is not finite.
    pub fn digest(&self) -> Result<Digest> {
        Digest::of_json(&self.decisive()).map_err(Error::Json)
    }

    /// These options without what the result does not depend on.
    pub(crate) fn decisive(&self) -> Self {
        Self {
            threads: 0,
            ..self.clone()
        }
    }

    /// The digest of what decides the stream of batches and the weights' shapes: what options must
    /// have in common to go on from one another's checkpoint.
    pub(crate) fn stream_digest(&self) -> Result<Digest> {
        let stream = (
            &self.config,
            self.seed,
            self.batch_tokens,
            self.accumulate,
            self.overlap_positions,
            self.config.has_queries().then_some(&self.queries),
        );
        Digest::of_json(&stream).map_err(Error::Json)
    }

    /// The memory of one step's passes.
    pub(crate) fn workspace(&self, positions: usize) -> Result<Workspace> {
        let device = device(&self.kernels, self.threads)?;
        Ok(if self.checkpointed {
            Workspace::checkpointed(&self.config, positions, device)?
        } else {
            Workspace::new(&self.config, positions, device)?
        })
    }

    /// Positions of a step at most: all its micro-batches.
    pub fn step_tokens(&self) -> usize {
        self.batch_tokens.saturating_mul(self.accumulate)
    }

    /// The positions of one evaluation on the early-stop subjects: a position costs a third of a
    /// trained one (a forward pass without the backward one).
    pub(crate) fn tuning_positions(&self) -> usize {
        let evaluations = self.steps / self.tuning_every.max(1) + 2;
        let trained = self.steps.saturating_mul(self.step_tokens() as u64);
        let fifth = trained / 5 * 3 / evaluations;
        let affordable = usize::try_from(fifth).unwrap_or(usize::MAX);
        self.tuning_positions_max
            .min(affordable)
            .max(2 * self.config.context)
    }

    pub(crate) fn check(&self, data: &TrainData) -> Result<()> {
        let positive = |x: f64| x.is_finite() && x > 0.0;
        let rules = [
            (self.steps > 0, "steps", "at least 1"),
            (self.tuning_every > 0, "tuning_every", "at least 1"),
            (self.accumulate > 0, "accumulate", "at least 1"),
            (
                self.batch_tokens >= self.config.context,
                "batch_tokens",
                "at least the model's context",
            ),
            (
                self.overlap_positions < self.config.context,
                "overlap_positions",
                "less than the model's context",
            ),
            (positive(self.learning_rate), "learning_rate", "above zero"),
            (
                (0.0..1.0).contains(&self.event_dropout),
                "event_dropout",
                "from 0 to below 1",
            ),
            (
                positive(self.gradient_norm_max),
                "gradient_norm_max",
                "above zero",
            ),
            (
                self.queries.weight.is_finite() && self.queries.weight >= 0.0,
                "queries.weight",
                "zero or more",
            ),
        ];
        if let Some((_, option, must)) = rules.into_iter().find(|(holds, ..)| !holds) {
            return Err(Error::Option { option, must });
        }
        let wanted = sizes(data.vocabulary())?;
        let same = [
            (self.config.vocab == wanted.vocab, "vocab"),
            (self.config.groups == wanted.groups, "groups"),
            (self.config.value_bins == wanted.value_bins, "value_bins"),
            (self.config.vocabulary == wanted.vocabulary, "vocabulary"),
        ];
        match same.into_iter().find(|(same, _)| !same) {
            Some((_, what)) => Err(Error::Shape { what }),
            None => Ok(()),
        }
    }
}

/// What a vocabulary dictates about a model's shape.
///
/// # Errors
/// When the vocabulary has no digest.
pub fn sizes(vocabulary: &Vocabulary) -> Result<Sizes> {
    Ok(Sizes {
        vocab: vocabulary.len(),
        groups: vocabulary.groups_len(),
        value_bins: usize::from(vocabulary.value_bins_max()),
        vocabulary: vocabulary.digest()?.to_string(),
    })
}

/// The device of a kernel level's name.
pub(crate) fn device(kernels: &str, threads: usize) -> Result<Device> {
    let level = Level::named(kernels).ok_or(Error::Option {
        option: "kernels",
        must: "a kernel level that this processor has",
    })?;
    Ok(Device { level, threads })
}

/// What a training may spend.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget {
    /// Positions trained on in a second, as the caller measured over [`crate::probe`].
    pub tokens_per_second: f64,
    /// Seconds.
    pub seconds: f64,
    /// The most passes over the data: small sets are memorised beyond some tens.
    pub epochs_max: f64,
}

/// How many steps fit into a budget, when evaluations take a fifth of the training's work. At least
/// 1.
pub fn plan_steps(data: &TrainData, options: &Options, budget: Budget) -> u64 {
    let batch = options.step_tokens().max(1) as f64;
    let by_time = budget.tokens_per_second * budget.seconds / 1.2 / batch;
    let by_epochs = budget.epochs_max * data.events(Part::Learn) as f64 / batch;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float-to-int cast saturates"
    )]
    let steps = by_time.min(by_epochs).floor() as u64;
    steps.max(1)
}
