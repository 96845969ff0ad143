//! The loop: batches, steps, evaluations, checkpoints, and the reasons to stop.
//!
//! It reads no clock: the observer is called after each step and may stop the loop or ask for a
//! checkpoint. The same data, options and kernels give the same bytes, resumed or not.

use crate::checkpoint::{self, Belongs, Restored, Snapshot, State};
use crate::data::{Part, TrainData, Warnings};
use crate::evaluate::{Losses, Nats, losses};
use crate::loader::{Order, Place, windows};
use crate::marginal::marginal_model;
use crate::options::{Options, device};
use crate::schedule::learning_rate;
use crate::sequences::{Window, single};
use crate::{Error, Result};
use longitude_core::Digest;
use longitude_model::{AdamW, Batch, Grads, Model, Workspace};
use serde::{Deserialize, Serialize};
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
    if let Some(dir) = &options.checkpoints
        && checkpoint::has_checkpoint(dir)
    {
        return Err(Error::CheckpointsExist { path: dir.clone() });
    }
    Run::new(data, options)?.go(observe)
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
    let dir = options.checkpoints.as_deref().ok_or(Error::Option {
        option: "checkpoints",
        must: "given to resume from",
    })?;
    let mut run = Run::new(data, options)?;
    run.restore(dir)?;
    run.go(observe)
}

/// Trains for a few steps and throws the result away, for the caller to time. Returns the positions
/// trained on; the first step also warms caches up, so time `probe` of one step more and less.
///
/// # Errors
/// As [`train`].
pub fn probe(data: &TrainData, options: &Options, steps: u64) -> Result<u64> {
    let mut run = Run::new(data, options)?;
    for _ in 0..steps {
        run.step()?;
    }
    Ok(run.state.tokens)
}

struct Run<'r> {
    data: &'r TrainData,
    options: &'r Options,
    model: Model,
    optimiser: AdamW,
    workspace: Workspace,
    grads: Grads,
    batch: Batch,
    order: Order,
    windows: usize,
    tuning: Vec<Window>,
    best: Option<Vec<f32>>,
    state: State,
}

/// What one step did.
struct Step {
    losses: Losses,
    learning_rate: f64,
    gradient_norm: f64,
}

impl<'r> Run<'r> {
    fn new(data: &'r TrainData, options: &'r Options) -> Result<Self> {
        options.check(data)?;
        let cut = |sequences| windows(sequences, options.config.context, options.overlap_positions);
        let learn = cut(&data.learn);
        if learn.is_empty() {
            return Err(Error::NoTargets);
        }
        let device = device(&options.kernels, options.threads)?;
        let model = marginal_model(data, options)?;
        let mut tuning = Order::new(cut(&data.early_stop), options.seed);
        let workspace = Workspace::new(&options.config, options.batch_tokens, device)?;
        Ok(Self {
            optimiser: AdamW::new(&model, options.adamw, device.level),
            grads: Grads::new(&model),
            workspace,
            batch: Batch::new(),
            windows: learn.len(),
            order: Order::new(learn, options.seed),
            tuning: tuning.take(&mut Place::default(), options.tuning_positions()),
            best: None,
            state: State {
                version: checkpoint::VERSION,
                belongs: Belongs {
                    options: options.digest()?,
                    vocabulary: data.vocabulary_digest,
                    data: data.data_digest(),
                },
                step: 0,
                tokens: 0,
                place: Place::default(),
                history: Vec::new(),
                best: None,
                strikes: 0,
                last: None,
            },
            model,
            data,
            options,
        })
    }

    fn restore(&mut self, dir: &Path) -> Result<()> {
        let restored = checkpoint::load(dir, &self.state.belongs, &self.model)?;
        let Restored {
            weights,
            optimiser,
            best,
            state,
        } = restored;
        self.model.weights_mut().copy_from_slice(&weights);
        self.optimiser.restore(&optimiser)?;
        self.best = best;
        self.state = state;
        Ok(())
    }

    fn go(mut self, observe: &mut dyn FnMut(&Progress) -> Control) -> Result<Trained> {
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
            let step = self.step()?;
            let control = observe(&self.progress(&step));
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

    fn step(&mut self) -> Result<Step> {
        let step = self.state.step;
        let taken = self
            .order
            .take(&mut self.state.place, self.options.batch_tokens);
        self.batch.clear();
        let mut within = 0.0;
        for window in &taken {
            if let Some(sequence) = self.data.learn.get(window.subject) {
                within += sequence.fill(window, &mut self.batch)?;
            }
        }
        self.grads.zero();
        let sums = self
            .workspace
            .forward_backward(&self.model, &self.batch, &mut self.grads)?;
        let targets = (sums.events + sums.censored).max(1);
        self.grads.scale(single(1.0 / targets as f64));
        let gradient_norm = self.grads.clip(self.options.gradient_norm_max);
        if let Some(tensor) = self.not_finite(&sums, gradient_norm) {
            let mut subjects: Vec<u32> = taken.iter().map(|window| window.subject).collect();
            subjects.sort_unstable();
            subjects.dedup();
            return Err(Error::NotFinite {
                step,
                tensor,
                subjects: subjects.len(),
            });
        }
        let (steps, warmup) = (self.options.steps, self.options.warmup_steps);
        let rate = learning_rate(step, steps, warmup, self.options.learning_rate);
        self.optimiser
            .step(&mut self.model, &self.grads, single(rate));
        let mut losses = Losses::default();
        losses.add(sums, within);
        self.state.step += 1;
        self.state.tokens += self.batch.positions() as u64;
        self.state.last = losses.per_event();
        Ok(Step {
            losses,
            learning_rate: rate,
            gradient_norm,
        })
    }

    /// The first thing that is not finite, if any: a part of the loss, else a tensor's gradient.
    fn not_finite(&self, sums: &longitude_model::Losses, gradient_norm: f64) -> Option<String> {
        let parts = [
            ("loss.wait", sums.wait),
            ("loss.code", sums.code),
            ("loss.value", sums.value),
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
        let sums = losses(
            &self.model,
            &mut self.workspace,
            &self.data.early_stop,
            &self.tuning,
        )?;
        let Some(nats) = sums.per_event() else {
            return Ok(());
        };
        let best = self.best_point().map(|point| point.nats.learnt());
        self.state.history.push(TuningPoint { step, nats });
        if best.is_none_or(|best| nats.learnt() < best) {
            self.state.best = Some(step);
            self.state.strikes = 0;
            self.best = Some(self.model.weights().to_vec());
        } else {
            self.state.strikes += 1;
        }
        Ok(())
    }

    fn best_point(&self) -> Option<&TuningPoint> {
        let best = self.state.best?;
        self.state.history.iter().find(|point| point.step == best)
    }

    /// Writes a checkpoint where the options ask for any, unless a weight is not finite.
    fn save(&self) -> Result<()> {
        let Some(dir) = &self.options.checkpoints else {
            return Ok(());
        };
        if self
            .model
            .weights()
            .iter()
            .any(|weight| !weight.is_finite())
        {
            return Ok(());
        }
        let snapshot = Snapshot {
            model: &self.model,
            optimiser: &self.optimiser,
            best: self.best.as_deref(),
            state: &self.state,
        };
        checkpoint::save(dir, &snapshot)
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
            options: self.state.belongs.options,
            vocabulary: self.state.belongs.vocabulary,
            data: self.state.belongs.data,
        };
        Trained { model, record }
    }
}

#[cfg(test)]
mod tests;
