//! The likelihood of tokens under a model: for early stopping and for the report on held-out
//! subjects.
//!
//! Days are the unit of the wait's density. The nats inside value bins depend on the vocabulary
//! alone and are kept apart: no model can change them, but they belong to the likelihood of the
//! recorded values, without which models with other bins could not be compared.

use crate::loader::windows;
use crate::options::device;
use crate::queries::{Asker, QueryOptions};
use crate::reduce::{self, Reduce};
use crate::sequences::{Sequences, Window};
use crate::{Error, Result};
use longitude_model::{Batch, Model, Workspace};
use longitude_tokens::{Tokens, Vocabulary};
use serde::{Deserialize, Serialize};

/// Summed nats over scored events and censored waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Losses {
    /// Of the waits, survival of censored waits included.
    pub wait: f64,
    /// Of the codes given the waits.
    pub code: f64,
    /// Of the value bins given waits and codes.
    pub value_bin: f64,
    /// Of the recorded values inside their bins: constant for a vocabulary.
    pub value_within: f64,
    /// Scored events.
    pub events: u64,
    /// Censored waits.
    pub censored: u64,
    /// Events whose code has value bins.
    pub values: u64,
    /// Of questions to the query head, beside the likelihood of the record.
    #[serde(default)]
    pub query: f64,
    /// Questions.
    #[serde(default)]
    pub queries: u64,
}

/// Mean nats an event: sums over events and censored waits, over the number of events.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Nats {
    /// Of the wait.
    pub wait: f64,
    /// Of the code.
    pub code: f64,
    /// Of the value bin.
    pub value_bin: f64,
    /// Of the recorded value inside its bin: constant for a vocabulary.
    pub value_within: f64,
    /// Of a question to the query head, a mean over questions: no part of the sums.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<f64>,
}

impl Nats {
    /// What the model can change: wait, code and value bin.
    pub fn learnt(&self) -> f64 {
        self.wait + self.code + self.value_bin
    }

    /// The whole likelihood of the record.
    pub fn total(&self) -> f64 {
        self.learnt() + self.value_within
    }
}

impl Losses {
    /// Nats an event; none where there is no event.
    pub fn per_event(&self) -> Option<Nats> {
        let mean = |sum: f64| sum / self.events as f64;
        (self.events > 0).then(|| Nats {
            wait: mean(self.wait),
            code: mean(self.code),
            value_bin: mean(self.value_bin),
            value_within: mean(self.value_within),
            query: (self.queries > 0).then(|| self.query / self.queries as f64),
        })
    }

    pub(crate) fn add(&mut self, model: longitude_model::Losses, value_within: f64) {
        self.wait += model.wait;
        self.code += model.code;
        self.value_bin += model.value;
        self.value_within += value_within;
        self.events += model.events;
        self.censored += model.censored;
        self.values += model.values;
        self.query += model.query;
        self.queries += model.queries;
    }
}

impl Losses {
    /// The sums over all ranks.
    pub(crate) fn summed(self, reduce: &dyn Reduce) -> Result<Self> {
        let own = longitude_model::Losses {
            wait: self.wait,
            code: self.code,
            value: self.value_bin,
            events: self.events,
            censored: self.censored,
            values: self.values,
            query: self.query,
            queries: self.queries,
        };
        let (all, within) = reduce::losses(reduce, own, self.value_within)?;
        let mut sum = Self::default();
        sum.add(all, within);
        Ok(sum)
    }
}

impl std::ops::AddAssign for Losses {
    fn add_assign(&mut self, other: Self) {
        self.wait += other.wait;
        self.code += other.code;
        self.value_bin += other.value_bin;
        self.value_within += other.value_within;
        self.events += other.events;
        self.censored += other.censored;
        self.values += other.values;
        self.query += other.query;
        self.queries += other.queries;
    }
}

/// How an evaluation is done; its numbers depend on the first two and the kernels only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvaluateOptions {
    /// Positions of a batch, at least the model's context.
    pub batch_tokens: usize,
    /// Events that a later window of a long timeline repeats as context.
    pub overlap_positions: usize,
    /// The name of the kernel level.
    pub kernels: String,
    /// Threads.
    pub threads: usize,
}

/// The summed losses of timelines under a model. Sums of several calls may be added.
///
/// # Errors
/// When the tokens do not fit the model or an option makes no sense.
pub fn evaluate(model: &Model, tokens: &[Tokens], options: &EvaluateOptions) -> Result<Losses> {
    evaluated(model, tokens, options, None)
}

/// The same with random questions of a vocabulary to the model's query head, where it has one: the
/// same questions for every model.
///
/// # Errors
/// As [`evaluate`].
pub fn evaluate_queries(
    model: &Model,
    tokens: &[Tokens],
    vocabulary: &Vocabulary,
    options: &EvaluateOptions,
) -> Result<Losses> {
    let edges = &model.config().query_edges_days;
    let mut asker = Asker::new(vocabulary, edges, &QueryOptions::default());
    let asker = model.config().has_queries().then_some(&mut asker);
    evaluated(model, tokens, options, asker)
}

fn evaluated(
    model: &Model,
    tokens: &[Tokens],
    options: &EvaluateOptions,
    asker: Option<&mut Asker>,
) -> Result<Losses> {
    let context = model.config().context;
    if options.batch_tokens < context {
        return Err(Error::Option {
            option: "batch_tokens",
            must: "at least the model's context",
        });
    }
    let device = device(&options.kernels, options.threads)?;
    let mut sequences = Sequences::default();
    for one in tokens {
        sequences.push(one);
    }
    let windows = windows(&sequences, context, options.overlap_positions);
    let mut workspace = Workspace::new(model.config(), options.batch_tokens, device)?;
    losses_asked(model, &mut workspace, &sequences, &windows, asker)
}

/// The summed losses of windows, packed in order into batches as large as the workspace allows.
pub(crate) fn losses(
    model: &Model,
    workspace: &mut Workspace,
    sequences: &Sequences,
    windows: &[Window],
) -> Result<Losses> {
    losses_asked(model, workspace, sequences, windows, None)
}

/// The same with questions to the query head.
pub(crate) fn losses_asked(
    model: &Model,
    workspace: &mut Workspace,
    sequences: &Sequences,
    windows: &[Window],
    mut asker: Option<&mut Asker>,
) -> Result<Losses> {
    let mut sum = Losses::default();
    let mut batch = Batch::new();
    let mut within = 0.0;
    for window in windows {
        if batch.positions() + window.positions() > workspace.positions_max() {
            sum.add(workspace.loss(model, &batch)?, within);
            batch.clear();
            within = 0.0;
        }
        if let Some(sequence) = sequences.get(window.subject) {
            let base = batch.positions();
            within += sequence.fill(window, &mut batch)?;
            if let Some(asker) = &mut asker {
                asker.ask((0, u64::MAX), (window, &sequence), (base, &mut batch))?;
            }
        }
    }
    sum.add(workspace.loss(model, &batch)?, within);
    Ok(sum)
}
