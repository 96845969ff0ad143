//! How the engine samples for one subject: the past run once, the futures shared out among threads,
//! what each contributes to each question. Not here: what becomes of it (`engine`).

use super::{Asked, Engine, Question};
use crate::neural::History;
use crate::risk::{Outcome, Outcomes, Raw, Reached, Scores};
use crate::sample::{Future, SampleOptions, Sampled};
use crate::workers::{Job, Worker, Workers};
use crate::{Error, Result};
use longitude_core::{Days, Instant, StopReason};
use longitude_model::Prefix;
use std::sync::Arc;

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

impl Engine {
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
        questions: &[&Question],
        options: &SampleOptions,
    ) -> Result<Vec<Scores>> {
        let history = self.history(asked, options)?;
        let prefix = worker.prefill(&history)?;
        let outcomes = outcomes(questions, asked.at);
        let job = self.tasks_job((&history, &prefix), &outcomes, questions, options);
        let sampled = worker.sample(&job, 0..options.samples)?;
        Ok(scores(&sampled, questions.len()))
    }

    /// REACH: the risk of one question for every subject, in the order given, from futures that
    /// avoid its outcome. Nothing is refused; subjects are shared out among the threads.
    ///
    /// # Errors
    /// As [`Engine::raw_many`].
    pub fn reach_many(
        &self,
        asked: &[Asked<'_>],
        question: &Question,
        options: &SampleOptions,
    ) -> Result<Vec<Reached>> {
        options.check()?;
        self.workers.each(asked.len(), |worker, index| {
            let asked = &asked[index];
            let history = self.history(asked, options)?;
            let prefix = worker.prefill(&history)?;
            let outcomes = Outcomes::avoiding(&question.outcome, asked.at);
            let job = self.tasks_job((&history, &prefix), &outcomes, &[question], options);
            let sampled = worker.sample(&job, 0..options.samples)?;
            let tallies = sampled.iter().map(|one| one.tallies[0]).collect();
            Ok(Scores::new(tallies).reach())
        })
    }

    /// As [`Engine::scores`], on all workers.
    pub(super) fn scores_in_parts(
        &self,
        asked: &Asked<'_>,
        questions: &[&Question],
        options: &SampleOptions,
    ) -> Result<Vec<Scores>> {
        let history = self.history(asked, options)?;
        let prefix = self.prefix(&history)?;
        let outcomes = outcomes(questions, asked.at);
        let job = self.tasks_job((&history, &prefix), &outcomes, questions, options);
        Ok(scores(&self.sample_in_parts(&job)?, questions.len()))
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

    fn prefix(&self, history: &History) -> Result<Arc<Prefix>> {
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
        (history, prefix): (&'a History, &'a Arc<Prefix>),
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
        past: (&'a History, &'a Arc<Prefix>),
        outcomes: &'a Outcomes,
        questions: &[&Question],
        options: &'a SampleOptions,
    ) -> Job<'a> {
        let end = |question: &&Question| past.0.start.at.plus(question.outcome.horizon);
        let ends = questions.iter().map(end);
        Job {
            end: ends.max().unwrap_or(past.0.start.at),
            ..self.job(past, outcomes, options)
        }
    }
}

fn outcomes(questions: &[&Question], at: Instant) -> Outcomes {
    let outcome = |question: &&Question| question.outcome.clone();
    let outcomes: Vec<Outcome> = questions.iter().map(outcome).collect();
    Outcomes::new(&outcomes, at)
}

/// The tallies of each outcome over a pool.
fn scores(sampled: &[Sampled], outcomes: usize) -> Vec<Scores> {
    let of = |outcome: usize| sampled.iter().map(|one| one.tallies[outcome]).collect();
    (0..outcomes)
        .map(|outcome| Scores::new(of(outcome)))
        .collect()
}
