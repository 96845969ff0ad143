//! The engine: a model, its vocabulary and what was fitted beside it, answering for subjects at
//! times. It holds no patient and no state between answers.
//!
//! A prediction is made in this order: refuse where a reason is known beforehand (`abstain`), sample
//! futures (`sample`), estimate (`risk`), refuse where too many futures were cut short, calibrate
//! (`calibration`), and where asked, look for what the answer rests on (`evidence`).

use crate::abstain::{AbstainOptions, HistoryFacts, Population, refuse_censored};
use crate::calibration::Calibration;
use crate::evidence::EvidenceOptions;
use crate::neural::History;
use crate::risk::{Outcome, Outcomes, Raw, Scores};
use crate::sample::{Future, SampleOptions, Sampled};
use crate::workers::{Job, Worker, Workers};
use crate::{Error, Result};
use longitude_core::{
    Abstention, Days, Digest, Evidence, Instant, Prediction, StopReason, Task, Timeline,
};
use longitude_model::{Device, Model, Prefix};
use longitude_tokens::Vocabulary;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What was fitted beside the model: with it and the vocabulary, a model can answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fitted {
    /// Calibrations by task id; a task without one is answered uncalibrated.
    pub calibrations: BTreeMap<String, Calibration>,
    /// The training subjects.
    pub population: Population,
    /// When not to answer.
    pub abstain: AbstainOptions,
}

/// Who is asked about, and when. Nothing after `at` is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'t> {
    /// The subject's timeline; it may go on after `at`.
    pub timeline: &'t Timeline,
    /// The prediction time.
    pub at: Instant,
}

/// How to answer.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AnswerOptions {
    /// How to sample.
    pub sample: SampleOptions,
    /// How to look for evidence, or not at all.
    pub evidence: Option<EvidenceOptions>,
}

/// Futures of one past.
#[derive(Clone, Debug, PartialEq)]
pub struct Pool {
    /// The prediction time.
    pub at: Instant,
    /// The horizon's end.
    pub end: Instant,
    /// The futures in the order of their numbers.
    pub futures: Vec<Future>,
}

impl Pool {
    /// The share of futures that the limit of events cut before the end.
    pub fn censored_share(&self) -> f64 {
        let cut = |future: &&Future| future.stop == StopReason::Length;
        self.futures.iter().filter(cut).count() as f64 / self.futures.len().max(1) as f64
    }
}

/// The engine.
#[derive(Debug)]
pub struct Engine {
    workers: Workers,
    vocabulary: Arc<Vocabulary>,
    context: usize,
    fitted: Fitted,
    root: Digest,
}

impl Engine {
    /// Makes a model ready to answer on `device.threads` threads; `root` is the root digest of the
    /// model's signed folder, which every answer carries.
    ///
    /// # Errors
    /// [`Error::Vocabulary`] when the model was not made for the vocabulary, and when a thread cannot
    /// be started.
    pub fn new(
        model: &Arc<Model>,
        vocabulary: Arc<Vocabulary>,
        fitted: Fitted,
        root: Digest,
        device: Device,
    ) -> Result<Self> {
        let config = model.config();
        let digest = vocabulary.digest().map_err(Error::VocabularyDigest)?;
        let sizes = config.vocab == vocabulary.len()
            && config.value_bins == usize::from(vocabulary.value_bins_max());
        if !sizes || config.vocabulary != digest.to_string() {
            return Err(Error::Vocabulary {
                model: config.vocabulary.clone(),
                vocabulary: digest,
            });
        }
        Ok(Self {
            workers: Workers::new(model, device)?,
            vocabulary,
            context: config.context,
            fitted,
            root,
        })
    }

    /// What was fitted beside the model.
    pub fn fitted(&self) -> &Fitted {
        &self.fitted
    }

    /// The vocabulary.
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// Raw estimates of every task for every subject, in the order given, for fitting calibrations:
    /// nothing is refused. One pool of futures answers all tasks of a subject.
    ///
    /// # Errors
    /// When an option is zero, a history has no event, or the model refuses an input.
    pub fn raw_many(
        &self,
        asked: &[Asked<'_>],
        tasks: &[Task],
        options: &SampleOptions,
    ) -> Result<Vec<Vec<Raw>>> {
        options.check()?;
        let tasks: Vec<&Task> = tasks.iter().collect();
        self.workers.each(asked.len(), |worker, index| {
            let scores = self.scores(worker, &asked[index], &tasks, options)?;
            Ok(scores.iter().map(Scores::raw).collect())
        })
    }

    /// The answers to every task for one subject, in the order of the tasks. The futures are shared
    /// out among the threads.
    ///
    /// # Errors
    /// As [`Engine::raw_many`]; a history without events is refused in the answer, not by an error.
    pub fn predict(
        &self,
        asked: &Asked<'_>,
        tasks: &[Task],
        options: &AnswerOptions,
    ) -> Result<Vec<Prediction>> {
        options.sample.check()?;
        let (refusals, open) = self.refusals(asked, tasks);
        if open.is_empty() {
            return Ok(self.answers(asked, tasks, refusals, &[]));
        }
        let scores = self.scores_in_parts(asked, &open, &options.sample)?;
        let mut answers = self.answers(asked, tasks, refusals, &scores);
        if let Some(wanted) = &options.evidence {
            let evidence = self.evidence(asked, &open, (&scores, &options.sample), wanted)?;
            attach(&mut answers, &open, evidence);
        }
        Ok(answers)
    }

    /// The answers for many subjects, in their order; the subjects are shared out among the threads.
    /// Each is the same as [`Engine::predict`]'s.
    ///
    /// # Errors
    /// As [`Engine::predict`].
    pub fn predict_many(
        &self,
        asked: &[Asked<'_>],
        tasks: &[Task],
        options: &AnswerOptions,
    ) -> Result<Vec<Vec<Prediction>>> {
        options.sample.check()?;
        if options.evidence.is_some() {
            let each = |one| self.predict(one, tasks, options);
            return asked.iter().map(each).collect();
        }
        self.workers.each(asked.len(), |worker, index| {
            let one = &asked[index];
            let (refusals, open) = self.refusals(one, tasks);
            let scores = if open.is_empty() {
                Vec::new()
            } else {
                self.scores(worker, one, &open, &options.sample)?
            };
            Ok(self.answers(one, tasks, refusals, &scores))
        })
    }

    /// Futures of one subject to the end of a horizon, for what is read from whole futures.
    ///
    /// # Errors
    /// As [`Engine::raw_many`].
    pub fn pool(&self, asked: &Asked<'_>, horizon: Days, options: &SampleOptions) -> Result<Pool> {
        let (pool, _scores) = self.pool_with(asked, horizon, &[], options)?;
        Ok(pool)
    }

    /// A pool and the estimates of outcomes from it.
    pub(crate) fn pool_with(
        &self,
        asked: &Asked<'_>,
        horizon: Days,
        outcomes: &[Outcome],
        options: &SampleOptions,
    ) -> Result<(Pool, Vec<Raw>)> {
        options.check()?;
        let history = self.history(asked, options)?;
        let prefix = self.prefix(&history)?;
        let tallied = Outcomes::new(outcomes, asked.at);
        let end = asked.at.plus(horizon);
        let job = Job {
            end,
            to_the_end: true,
            ..self.job((&history, &prefix), &tallied, options)
        };
        let sampled = self.sample_in_parts(&job)?;
        let scores = scores(&sampled, outcomes.len());
        let raws = scores.iter().map(Scores::raw).collect();
        let futures = sampled.into_iter().map(|one| one.future).collect();
        let at = asked.at;
        Ok((Pool { at, end, futures }, raws))
    }

    /// The tallies of tasks for one subject, on one worker.
    pub(crate) fn scores(
        &self,
        worker: &mut Worker<'_>,
        asked: &Asked<'_>,
        tasks: &[&Task],
        options: &SampleOptions,
    ) -> Result<Vec<Scores>> {
        let history = self.history(asked, options)?;
        let prefix = worker.prefill(&history)?;
        let outcomes = self.outcomes(tasks, asked.at);
        let job = self.tasks_job((&history, &prefix), &outcomes, tasks, options);
        let sampled = worker.sample(&job, 0..options.samples)?;
        Ok(scores(&sampled, tasks.len()))
    }

    /// The same on all workers.
    fn scores_in_parts(
        &self,
        asked: &Asked<'_>,
        tasks: &[&Task],
        options: &SampleOptions,
    ) -> Result<Vec<Scores>> {
        let history = self.history(asked, options)?;
        let prefix = self.prefix(&history)?;
        let outcomes = self.outcomes(tasks, asked.at);
        let job = self.tasks_job((&history, &prefix), &outcomes, tasks, options);
        Ok(scores(&self.sample_in_parts(&job)?, tasks.len()))
    }

    fn sample_in_parts(&self, job: &Job<'_>) -> Result<Vec<Sampled>> {
        let samples = job.options.samples;
        let threads = u32::try_from(self.workers.len()).unwrap_or(u32::MAX);
        let part = job.options.rows.min(samples.div_ceil(threads)).max(1);
        let parts = samples.div_ceil(part) as usize;
        let done = self.workers.each(parts, |worker, index| {
            let from = u32::try_from(index)
                .unwrap_or(u32::MAX)
                .saturating_mul(part);
            worker.sample(job, from..samples.min(from.saturating_add(part)))
        })?;
        Ok(done.into_iter().flatten().collect())
    }

    pub(crate) fn history(&self, asked: &Asked<'_>, options: &SampleOptions) -> Result<History> {
        History::new(
            &self.vocabulary,
            asked.timeline,
            asked.at,
            self.positions_max(options),
        )
    }

    /// Room is left for the future inside the context that the model was trained on, up to half.
    fn positions_max(&self, options: &SampleOptions) -> usize {
        self.context - (options.events_max as usize).min(self.context / 2)
    }

    fn prefix(&self, history: &History) -> Result<Prefix> {
        let mut prefixes = self
            .workers
            .each(1, |worker, _index| worker.prefill(history))?;
        prefixes.pop().ok_or(Error::EmptyHistory)
    }

    pub(crate) fn workers(&self) -> &Workers {
        &self.workers
    }

    fn job<'a>(
        &'a self,
        (history, prefix): (&'a History, &'a Prefix),
        outcomes: &'a Outcomes,
        options: &'a SampleOptions,
    ) -> Job<'a> {
        Job {
            vocabulary: &self.vocabulary,
            history,
            prefix,
            outcomes,
            options,
            end: history.start.at,
            to_the_end: false,
        }
    }

    fn tasks_job<'a>(
        &'a self,
        past: (&'a History, &'a Prefix),
        outcomes: &'a Outcomes,
        tasks: &[&Task],
        options: &'a SampleOptions,
    ) -> Job<'a> {
        let ends = tasks.iter().map(|task| past.0.start.at.plus(task.horizon));
        Job {
            end: ends.max().unwrap_or(past.0.start.at),
            ..self.job(past, outcomes, options)
        }
    }

    pub(crate) fn outcomes(&self, tasks: &[&Task], at: Instant) -> Outcomes {
        let outcome = |task: &&Task| Outcome {
            ids: self.vocabulary.ids_matching(&task.outcome),
            horizon: task.horizon,
        };
        let outcomes: Vec<Outcome> = tasks.iter().map(outcome).collect();
        Outcomes::new(&outcomes, at)
    }

    /// For each task the reason against it, and the tasks without one.
    fn refusals<'k>(
        &self,
        asked: &Asked<'_>,
        tasks: &'k [Task],
    ) -> (Vec<Option<Abstention>>, Vec<&'k Task>) {
        let facts = HistoryFacts::of(&self.vocabulary, asked.timeline, asked.at);
        let history = asked.timeline.history(asked.at);
        let (population, options) = (&self.fitted.population, &self.fitted.abstain);
        let reason = |task: &Task| {
            let before = history.iter().any(|event| task.outcome.holds(event));
            let unknown = self.vocabulary.ids_matching(&task.outcome).is_empty();
            let empty = history.is_empty().then_some(Abstention::TooLittleHistory {
                events: 0,
                required: options.events_min.max(1),
            });
            let rare = unknown.then_some(Abstention::OutcomeTooRare {
                subjects: 0,
                required: options.outcome_subjects_min.max(1),
            });
            let known = facts.refuse(task, before, population, options);
            known.or(empty).or(rare)
        };
        let refusals: Vec<_> = tasks.iter().map(reason).collect();
        let open = tasks.iter().zip(&refusals);
        let open = open.filter(|(_, refusal)| refusal.is_none());
        let open = open.map(|(task, _)| task).collect();
        (refusals, open)
    }

    /// One answer a task; `scores` are those of the tasks that were not refused.
    fn answers(
        &self,
        asked: &Asked<'_>,
        tasks: &[Task],
        refusals: Vec<Option<Abstention>>,
        scores: &[Scores],
    ) -> Vec<Prediction> {
        let mut scores = scores.iter();
        let answer = |(task, refusal): (&Task, Option<Abstention>)| {
            let scores = if refusal.is_none() {
                scores.next()
            } else {
                None
            };
            let mut prediction = Prediction {
                subject: asked.timeline.subject(),
                task: task.id.clone(),
                time: asked.at,
                horizon: task.horizon,
                risk: None,
                abstention: refusal,
                monte_carlo: None,
                interval: None,
                evidence: Vec::new(),
                model: self.root,
            };
            if let Some(scores) = scores {
                self.answer(task, &scores.raw(), &mut prediction);
            }
            prediction
        };
        tasks.iter().zip(refusals).map(answer).collect()
    }

    fn answer(&self, task: &Task, raw: &Raw, prediction: &mut Prediction) {
        prediction.monte_carlo = Some(raw.monte_carlo());
        prediction.abstention = refuse_censored(raw.censored_share, &self.fitted.abstain);
        if prediction.abstention.is_none() {
            let calibrated = self.calibration(task).apply(raw.estimate);
            prediction.risk = Some(calibrated.risk);
            prediction.interval = calibrated.interval;
        }
    }

    pub(crate) fn calibration(&self, task: &Task) -> &Calibration {
        const UNFITTED: &Calibration = &Calibration::identity();
        self.fitted.calibrations.get(&task.id).unwrap_or(UNFITTED)
    }
}

/// The tallies of each outcome over a pool.
fn scores(sampled: &[Sampled], outcomes: usize) -> Vec<Scores> {
    let of = |outcome: usize| sampled.iter().map(|one| one.tallies[outcome]).collect();
    (0..outcomes)
        .map(|outcome| Scores::new(of(outcome)))
        .collect()
}

/// Gives each open task's answer its evidence, where the answer has a risk.
fn attach(answers: &mut [Prediction], open: &[&Task], evidence: Vec<Vec<Evidence>>) {
    let ids = open.iter().map(|task| task.id.as_str());
    for (id, found) in ids.zip(evidence) {
        let answered = answers
            .iter_mut()
            .find(|one| one.task == id && one.risk.is_some());
        if let Some(answer) = answered {
            answer.evidence = found;
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
