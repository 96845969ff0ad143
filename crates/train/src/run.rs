//! The loop: batches, steps, evaluations, checkpoints, and the reasons to stop.
//!
//! It reads no clock: the observer is called after each step and may stop the loop or ask for a
//! checkpoint. The same data, options and kernels give the same bytes, resumed or not.

use crate::checkpoint::{self, Belongs, Restored, Snapshot, State};
use crate::data::{Part, TrainData, Warnings};
use crate::evaluate::{Losses, Nats, losses, losses_asked};
use crate::feed::{Feed, with_feed};
use crate::loader::{Order, Place, windows};
use crate::lora::{AdapterOptions, Adapting, Lora};
use crate::marginal::marginal_model;
use crate::options::{Options, device};
use crate::queries::Asker;
use crate::reduce::{self, Alone, Reduce};
use crate::schedule::learning_rate;
use crate::sequences::{Window, single};
use crate::{Error, Result};
use longitude_core::Digest;
use longitude_model::{AdamW, Grads, Model, Workspace};
use serde::{Deserialize, Serialize};
use serde_json::Map;
use std::path::Path;

/// What the observer wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// Go on.
    Continue,
    /// Write a checkpoint and stop.
    Stop,
    /// Write a checkpoint and go on.
    Checkpoint,
}

/// What the observer sees after each step.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// Steps done.
    pub step: u64,
    /// Steps in all.
    pub steps: u64,
    /// Passes over the data, whole and part.
    pub epoch: f64,
    /// Positions trained on so far, context among them.
    pub tokens: u64,
    /// The mean nats of this step's batch; none where it had no event.
    pub losses: Option<Nats>,
    /// The newest evaluation on the early-stop subjects.
    pub tuning: Option<TuningPoint>,
    /// The marginal model's nats on the same subjects: what to beat.
    pub marginal: Option<Nats>,
    /// The learning rate of this step.
    pub learning_rate: f64,
    /// The norm of the gradient before it was clipped.
    pub gradient_norm: f64,
    /// Whether the step had to wait for its batch.
    pub waited: bool,
}

/// One evaluation on the early-stop subjects.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TuningPoint {
    /// Steps done before it.
    pub step: u64,
    /// Nats an event.
    pub nats: Nats,
}

/// Why a training ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopCause {
    /// All steps are done.
    Steps,
    /// The early-stop subjects' loss did not fall any more.
    Patience,
    /// The observer stopped it.
    Observer,
}

/// The account of a training: no patient's value is in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Why it ended.
    pub stop: StopCause,
    /// Steps done.
    pub steps_done: u64,
    /// Positions trained on, context among them.
    pub tokens: u64,
    /// Passes over the data, whole and part.
    pub epochs: f64,
    /// Evaluations on the early-stop subjects, that of the marginal model at step 0 first. Empty
    /// where those subjects have no event.
    pub tuning: Vec<TuningPoint>,
    /// The step whose weights were kept: the best on the early-stop subjects, else the last.
    pub best_step: u64,
    /// The mean nats of the last batch.
    pub last_batch: Option<Nats>,
    /// Subjects learnt from and stopped early on.
    pub subjects: [usize; 2],
    /// Events of both.
    pub events: [usize; 2],
    /// Weights of the model.
    pub parameters: usize,
    /// What about the data weakens the training.
    pub warnings: Warnings,
    /// The steps at which it went on with other options than before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<u64>,
    /// The digest of the options.
    pub options: Digest,
    /// The digest of the vocabulary.
    pub vocabulary: Digest,
    /// The digest of the data.
    pub data: Digest,
}

/// A trained model and its account.
#[derive(Clone, Debug)]
pub struct Trained {
    /// The model with the best weights.
    pub model: Model,
    /// The account.
    pub record: Record,
    /// The adapters, where they were trained in place of the weights.
    pub(crate) lora: Option<Lora>,
}

/// What a training starts from, what of the model it changes, and with whom it shares the work.
#[derive(Clone, Copy, Debug)]
pub struct With<'w> {
    /// The model to start from, of the options' shape; none for the marginal model.
    pub start: Option<&'w Model>,
    /// Adapters to train in place of the weights, which then stay frozen.
    pub adapters: Option<&'w AdapterOptions>,
    /// The ranks. The options' batch is that of all ranks together.
    pub reduce: &'w dyn Reduce,
}

impl With<'_> {
    /// All weights from the marginal model, on one rank.
    pub const PLAIN: Self = Self {
        start: None,
        adapters: None,
        reduce: &Alone,
    };

    /// A digest with what else decides the result: the ranks do not.
    fn onto(&self, digest: Digest) -> Result<Digest> {
        if self.start.is_none() && self.adapters.is_none() {
            return Ok(digest);
        }
        let start = self.start.map_or(vec![], Model::to_bytes);
        let adapters = Digest::of_json(&self.adapters).map_err(Error::Json)?;
        Ok(Digest::of_parts(&[&digest.0, &start, &adapters.0]))
    }
}

/// Trains a model from its first step.
///
/// # Errors
/// When there is nothing to train on, an option makes no sense, the checkpoint folder is in use, a
/// number stops being finite, or a checkpoint cannot be written.
pub fn train(
    data: &TrainData,
    options: &Options,
    observe: &mut dyn FnMut(&Progress) -> Control,
) -> Result<Trained> {
    train_with(data, options, With::PLAIN, observe)
}

/// The same from a given model, of adapters only, or over several ranks.
///
/// # Errors
/// As [`train`]; and when the start has another shape or another rank cannot be reached.
pub fn train_with(
    data: &TrainData,
    options: &Options,
    with: With<'_>,
    observe: &mut dyn FnMut(&Progress) -> Control,
) -> Result<Trained> {
    if let Some(dir) = &options.checkpoints
        && checkpoint::has_checkpoint(dir)
    {
        return Err(Error::CheckpointsExist { path: dir.clone() });
    }
    Run::new(data, options, with)?.go(observe)
}

/// Goes on from the newest checkpoint in the options' folder, as if the training had not stopped.
///
/// # Errors
/// As [`train`]; and when there is no checkpoint, it is damaged, or belongs to other options, data
/// or another vocabulary.
pub fn resume(
    data: &TrainData,
    options: &Options,
    observe: &mut dyn FnMut(&Progress) -> Control,
) -> Result<Trained> {
    resume_with(data, options, With::PLAIN, observe)
}

/// The same for a training by [`train_with`]; the number of ranks may be another.
///
/// # Errors
/// As [`resume`] and [`train_with`].
pub fn resume_with(
    data: &TrainData,
    options: &Options,
    with: With<'_>,
    observe: &mut dyn FnMut(&Progress) -> Control,
) -> Result<Trained> {
    let dir = options.checkpoints.as_deref().ok_or(Error::Option {
        option: "checkpoints",
        must: "given to resume from",
    })?;
    let mut run = Run::new(data, options, with)?;
    run.restore(dir)?;
    run.go(observe)
}

/// Trains for a few steps and throws the result away, for the caller to time. Returns the positions
/// trained on; the first step also warms caches up, so time `probe` of one step more and less.
///
/// # Errors
/// As [`train`].
pub fn probe(data: &TrainData, options: &Options, steps: u64) -> Result<u64> {
    probe_with(data, options, &Alone, steps)
}

/// The same over several ranks; the positions are those of all.
///
/// # Errors
/// As [`train_with`].
pub fn probe_with(
    data: &TrainData,
    options: &Options,
    reduce: &dyn Reduce,
    steps: u64,
) -> Result<u64> {
    let with = With {
        reduce,
        ..With::PLAIN
    };
    let run = Run::new(data, options, with)?;
    run.alike()?;
    run.feed(|mut run, feed| {
        for _ in 0..steps {
            run.step(feed, run.rate())?;
        }
        Ok(run.state.tokens)
    })
}

pub(crate) struct Run<'r> {
    data: &'r TrainData,
    options: &'r Options,
    reduce: &'r dyn Reduce,
    model: Model,
    learner: Learner,
    workspace: Workspace,
    grads: Grads,
    learn: Vec<Window>,
    windows: usize,
    tuning: Vec<Window>,
    best: Option<Vec<f32>>,
    asker: Option<Asker>,
    state: State,
}

/// What is trained: all weights, or adapters beside them.
enum Learner {
    Weights(AdamW),
    Adapters(Box<Adapting>),
}

/// What one step did.
pub(crate) struct Step {
    pub(crate) losses: Losses,
    learning_rate: f64,
    gradient_norm: f64,
    waited: bool,
}

impl<'r> Run<'r> {
    pub(crate) fn new(data: &'r TrainData, options: &'r Options, with: With<'r>) -> Result<Self> {
        options.check(data)?;
        let cut = |sequences| windows(sequences, options.config.context, options.overlap_positions);
        let learn = cut(&data.learn);
        if learn.is_empty() {
            return Err(Error::NoTargets);
        }
        let device = device(&options.kernels, options.threads)?;
        let model = match with.start {
            None => marginal_model(data, options)?,
            Some(start) if start.config() == &options.config => start.clone(),
            Some(_) => return Err(Error::Shape { what: "start" }),
        };
        let learner = match with.adapters {
            None => Learner::Weights(AdamW::new(&model, options.adamw, device.level)),
            Some(adapters) => {
                let lora = Lora::new(&model, adapters, options.seed)?;
                Learner::Adapters(Box::new(Adapting::new(lora, &model, options.adamw)))
            }
        };
        let mut tuning = Order::new(cut(&data.early_stop), options.seed);
        let rank = with.reduce.rank();
        let (batch, context) = (options.batch_tokens, options.config.context);
        let positions = reduce::share_positions(batch, context, rank.of);
        let workspace = options.workspace(positions)?;
        let tuning = tuning.take(&mut Place::default(), options.tuning_positions());
        Ok(Self {
            reduce: with.reduce,
            learner,
            grads: Grads::new(&model),
            workspace,
            windows: learn.len(),
            learn,
            tuning: reduce::share(&tuning, rank),
            best: None,
            asker: Asker::of(data, options),
            state: State {
                version: checkpoint::VERSION,
                belongs: Belongs {
                    options: with.onto(options.digest()?)?,
                    vocabulary: data.vocabulary_digest,
                    data: data.data_digest(),
                    stream: Some(with.onto(options.stream_digest()?)?),
                },
                step: 0,
                tokens: 0,
                place: Place::default(),
                history: Vec::new(),
                best: None,
                strikes: 0,
                last: None,
                changed: Vec::new(),
            },
            model,
            data,
            options,
        })
    }

    fn restore(&mut self, dir: &Path) -> Result<()> {
        let belongs = self.state.belongs;
        let changed = self.options.resume_changed;
        let restored = checkpoint::load(dir, &belongs, &self.model, changed)?;
        let Restored {
            weights,
            optimiser,
            best,
            state,
        } = restored;
        self.model.weights_mut().copy_from_slice(&weights);
        match &mut self.learner {
            Learner::Weights(adamw) => adamw.restore(&optimiser)?,
            Learner::Adapters(adapting) => adapting.restore(&optimiser)?,
        }
        self.best = best;
        self.state = state;
        if self.state.belongs.options != belongs.options {
            self.state.changed.push(self.state.step);
        }
        self.state.belongs = belongs;
        Ok(())
    }

    /// Runs work with batches from where the training stands.
    pub(crate) fn feed<T>(mut self, work: impl FnOnce(Self, &Feed) -> Result<T>) -> Result<T> {
        let mut order = Order::new(std::mem::take(&mut self.learn), self.options.seed)
            .weighted(self.data.learn_weights());
        let (data, place, options) = (self.data, self.state.place, self.options);
        order.asker = Asker::of(data, options);
        let from = (place, self.reduce.rank());
        with_feed(data, order, from, options, |feed| work(self, feed))
    }

    /// Whether all ranks begin at the same place with the same data, options and weights.
    fn alike(&self) -> Result<()> {
        if self.reduce.rank().of == 1 {
            return Ok(());
        }
        let options = self.options.decisive();
        let told = serde_json::json!({
            "options": serde_json::to_value(options).map_err(Error::Json)?,
            "data": self.state.belongs.data,
            "vocabulary": self.state.belongs.vocabulary,
            "step": self.state.step,
            "weights": self.weights_digest(),
            "checkpoints": self.options.checkpoints.is_some(),
        });
        reduce::alike(self.reduce, told.as_object().unwrap_or(&Map::new()))
    }

    fn weights_digest(&self) -> Digest {
        let bytes = self
            .model
            .weights()
            .iter()
            .map(|weight| weight.to_le_bytes());
        Digest::of(bytes.collect::<Vec<_>>().as_flattened())
    }

    fn go(self, observe: &mut dyn FnMut(&Progress) -> Control) -> Result<Trained> {
        self.alike()?;
        self.feed(|run, feed| run.steps(feed, observe))
    }

    fn steps(
        mut self,
        feed: &Feed,
        observe: &mut dyn FnMut(&Progress) -> Control,
    ) -> Result<Trained> {
        let stop = loop {
            if self.state.step.is_multiple_of(self.options.tuning_every) {
                self.tune()?;
            }
            if self.options.patience > 0 && self.state.strikes >= self.options.patience {
                break StopCause::Patience;
            }
            if self.state.step >= self.options.steps {
                break StopCause::Steps;
            }
            let step = self.step(feed, self.rate())?;
            let control = reduce::agree(self.reduce, observe(&self.progress(&step)))?;
            let every = self.options.checkpoint_every;
            let due = every > 0 && self.state.step.is_multiple_of(every);
            if control != Control::Continue || due {
                self.save()?;
            }
            if control == Control::Stop {
                break StopCause::Observer;
            }
        };
        // The last weights are judged too, but not in the checkpoint: a resumed training evaluates
        // at its own steps only.
        self.tune()?;
        Ok(self.finish(stop))
    }

    /// The learning rate of the step that comes next.
    fn rate(&self) -> f64 {
        let (steps, warmup) = (self.options.steps, self.options.warmup_steps);
        learning_rate(self.state.step, steps, warmup, self.options.learning_rate)
    }

    /// One step: the mean gradient over the scored events of all micro-batches, clipped.
    pub(crate) fn step(&mut self, feed: &Feed, rate: f64) -> Result<Step> {
        let (load, waited) = feed.next()?;
        self.grads.zero();
        let mut losses = Losses::default();
        for (batch, within) in load.batches.iter().zip(&load.within) {
            let (model, grads) = (&self.model, &mut self.grads);
            let sums = self.workspace.forward_backward(model, batch, grads)?;
            losses.add(sums, *within);
        }
        let losses = losses.summed(self.reduce)?;
        self.reduce.sum(self.grads.flat_mut())?;
        let targets = (losses.events + losses.censored).max(1);
        self.grads.scale(single(1.0 / targets as f64));
        let norm_max = self.options.gradient_norm_max;
        let gradient_norm = match &mut self.learner {
            Learner::Weights(_) => self.grads.clip(norm_max),
            Learner::Adapters(own) => own.take_gradient(self.grads.flat(), norm_max),
        };
        if let Some(tensor) = self.not_finite(&losses, gradient_norm) {
            return Err(Error::NotFinite {
                step: self.state.step,
                tensor,
                subjects: self.data.named(&load.subjects),
            });
        }
        match &mut self.learner {
            Learner::Weights(adamw) => adamw.step(&mut self.model, &self.grads, single(rate)),
            Learner::Adapters(own) => own.step(&mut self.model, single(rate)),
        }
        self.state.tokens += load.positions;
        self.state.step += 1;
        self.state.place = load.place;
        self.state.last = losses.per_event();
        feed.give_back(load);
        Ok(Step {
            losses,
            learning_rate: rate,
            gradient_norm,
            waited,
        })
    }

    /// The first thing that is not finite, if any: a part of the loss, else a tensor's gradient.
    fn not_finite(&self, sums: &Losses, gradient_norm: f64) -> Option<String> {
        let parts = [
            ("loss.wait", sums.wait),
            ("loss.code", sums.code),
            ("loss.value", sums.value_bin),
            ("loss.query", sums.query),
        ];
        let tensor = |flat: &[f32], kind: &str| {
            let mut tensors = self.model.tensors().iter();
            let bad = |range: std::ops::Range<usize>| flat[range].iter().any(|x| !x.is_finite());
            let found = tensors.find(|tensor| bad(tensor.range.clone()));
            found.map(|tensor| format!("{kind}{}", tensor.name))
        };
        if let Some((name, _)) = parts.iter().find(|(_, part)| !part.is_finite()) {
            // A weight that overflowed in the step before is the cause where there is one.
            return tensor(self.model.weights(), "").or_else(|| Some((*name).to_owned()));
        }
        if gradient_norm.is_finite() {
            return None;
        }
        tensor(self.grads.flat(), "gradient of ").or_else(|| Some("gradient norm".to_owned()))
    }

    /// Evaluates on the early-stop subjects, unless this step was evaluated already.
    fn tune(&mut self) -> Result<()> {
        let step = self.state.step;
        if self
            .state
            .history
            .last()
            .is_some_and(|last| last.step == step)
        {
            return Ok(());
        }
        let sums = losses_asked(
            &self.model,
            &mut self.workspace,
            &self.data.early_stop,
            &self.tuning,
            self.asker.as_mut(),
        )?;
        let sums = sums.summed(self.reduce)?;
        let Some(nats) = sums.per_event() else {
            return Ok(());
        };
        let best = self.best_point().map(|point| point.nats.learnt());
        self.state.history.push(TuningPoint { step, nats });
        if best.is_none_or(|best| nats.learnt() < best) {
            self.state.best = Some(step);
            self.state.strikes = 0;
            self.best = Some(self.model.weights().to_vec());
            if let Learner::Adapters(own) = &mut self.learner {
                own.keep();
            }
        } else {
            self.state.strikes += 1;
        }
        Ok(())
    }

    fn best_point(&self) -> Option<&TuningPoint> {
        let best = self.state.best?;
        self.state.history.iter().find(|point| point.step == best)
    }

    /// Writes a checkpoint where the options ask for any, unless the weights are no good: a
    /// checkpoint that leads to an overflow is nothing to go back to.
    fn save(&mut self) -> Result<()> {
        let Some(dir) = &self.options.checkpoints else {
            return Ok(());
        };
        // All ranks hold the same, which is made sure of here, and the first one writes.
        self.alike()?;
        if !self.is_sound()? || self.reduce.rank().number > 0 {
            return Ok(());
        }
        let snapshot = Snapshot {
            model: &self.model,
            optimiser: &match &self.learner {
                Learner::Weights(adamw) => adamw.to_bytes(),
                Learner::Adapters(own) => own.to_bytes(),
            },
            best: self.best.as_deref(),
            state: &self.state,
        };
        checkpoint::save(dir, &snapshot)
    }

    /// Whether all weights are finite, and the loss of a batch of early-stop subjects under them.
    fn is_sound(&mut self) -> Result<bool> {
        if !self.model.weights().iter().all(|weight| weight.is_finite()) {
            return Ok(false);
        }
        let mut positions = 0;
        let fits = |window: &&Window| {
            positions += window.positions();
            positions <= self.options.batch_tokens
        };
        let few: Vec<Window> = self.tuning.iter().take_while(fits).copied().collect();
        let early_stop = &self.data.early_stop;
        let sums = losses(&self.model, &mut self.workspace, early_stop, &few)?;
        let nats = sums.summed(self.reduce)?.per_event();
        Ok(nats.is_none_or(|nats| nats.learnt().is_finite()))
    }

    fn progress(&self, step: &Step) -> Progress {
        let history = &self.state.history;
        Progress {
            step: self.state.step,
            steps: self.options.steps,
            epoch: self.epochs(),
            tokens: self.state.tokens,
            losses: step.losses.per_event(),
            tuning: history.last().copied(),
            marginal: history.first().map(|point| point.nats),
            learning_rate: step.learning_rate,
            gradient_norm: step.gradient_norm,
            waited: step.waited,
        }
    }

    fn epochs(&self) -> f64 {
        let Place { epoch, window } = self.state.place;
        epoch as f64 + window as f64 / self.windows as f64
    }

    fn finish(self, stop: StopCause) -> Trained {
        let epochs = self.epochs();
        let mut model = self.model;
        if let Some(best) = &self.best {
            model.weights_mut().copy_from_slice(best);
        }
        let record = Record {
            stop,
            steps_done: self.state.step,
            tokens: self.state.tokens,
            epochs,
            best_step: self.state.best.unwrap_or(self.state.step),
            tuning: self.state.history,
            last_batch: self.state.last,
            subjects: [Part::Learn, Part::EarlyStop].map(|part| self.data.subjects(part)),
            events: [Part::Learn, Part::EarlyStop].map(|part| self.data.events(part)),
            parameters: model.parameters(),
            warnings: self.data.warnings(),
            changed: self.state.changed,
            options: self.state.belongs.options,
            vocabulary: self.state.belongs.vocabulary,
            data: self.state.belongs.data,
        };
        let judged = self.best.is_some();
        let lora = match self.learner {
            Learner::Weights(_) => None,
            Learner::Adapters(own) => Some(own.into_best(judged)),
        };
        Trained {
            model,
            record,
            lora,
        }
    }
}

#[cfg(test)]
mod tests;
