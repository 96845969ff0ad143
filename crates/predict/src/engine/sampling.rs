//! How the engine samples for one subject: the past run once, the futures shared out among threads,
//! what each contributes to each question. Not here: what becomes of it (`engine`).

use super::{Asked, Engine, Question};
use crate::neural::History;
use crate::past::Past;
use crate::risk::{Outcome, Outcomes, Raw, Reached, Scores};
use crate::sample::{Future, Part, Run, SampleOptions, Sampled};
use crate::workers::{Futures, Worker, Workers};
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

/// Futures of one past that a thread takes at a time: few, so that threads end together.
const PART: u32 = 8;

impl Engine {
    /// Futures of one subject to the end of a horizon, for what is read from whole futures.
    ///
    /// # Errors
    /// As [`Engine::raw_many`].
    pub fn pool(&self, asked: &Asked<'_>, horizon: Days, options: &SampleOptions) -> Result<Pool> {
        let (pool, _scores) = self.pool_after(asked, horizon, &[], (options, None))?;
        Ok(pool)
    }

    /// A pool and the estimates of outcomes from it, gone on from a kept state where there is one.
    pub(crate) fn pool_after(
        &self,
        asked: &Asked<'_>,
        horizon: Days,
        outcomes: &[Outcome],
        (options, before): (&SampleOptions, Option<&Past>),
    ) -> Result<(Pool, Vec<Raw>)> {
        options.check()?;
        let prefix = self.past(asked, options, before)?.prefix;
        let history = self.history(asked, options)?;
        let end = asked.at.plus(horizon);
        let run = Run {
            end,
            to_the_end: true,
            ..self.run(&history, Outcomes::new(outcomes, asked.at), options)
        };
        let sampled = self.sample_in_parts((run, prefix), options)?;
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
        let outcomes = outcomes(questions, asked.at);
        let part = self.part(worker, asked, (outcomes, questions), options)?;
        let sampled = worker.sample(part, options)?;
        Ok(scores(&sampled, questions.len()))
    }

    /// The tallies of questions for every subject, what `finish` makes of them, in order: subjects
    /// are shared out among the threads, and futures of several fill the rows of one. `begin` says
    /// which questions are put to a subject; none are where it names none.
    pub(super) fn scores_many<'q, E: Send, T: Send>(
        &self,
        asked: &[Asked<'_>],
        options: &SampleOptions,
        begin: impl Fn(&Asked<'_>) -> (Vec<&'q Question>, E) + Sync,
        finish: impl Fn(&Asked<'_>, E, &[Scores]) -> T + Sync,
    ) -> Result<Vec<T>> {
        let begin = |worker: &Worker<'_>, index: usize| {
            let one = &asked[index];
            let (questions, extra) = begin(one);
            let part = if questions.is_empty() {
                None
            } else {
                let outcomes = outcomes(&questions, one.at);
                Some(self.part(worker, one, (outcomes, &questions), options)?)
            };
            Ok((part, (one, questions.len(), extra)))
        };
        let finish = |(one, n, extra): (&Asked<'_>, usize, E), sampled: &[Sampled]| {
            finish(one, extra, &scores(sampled, n))
        };
        let parts = (asked.len(), options.samples);
        self.workers.flow(parts, options, begin, finish)
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
        let begin = |worker: &Worker<'_>, index: usize| {
            let outcomes = Outcomes::avoiding(&question.outcome, asked[index].at);
            let part = self.part(worker, &asked[index], (outcomes, &[question]), options)?;
            Ok((Some(part), ()))
        };
        let finish = |(), sampled: &[Sampled]| {
            let tallies = sampled.iter().map(|one| one.tallies[0]).collect();
            Scores::new(tallies).reach()
        };
        let parts = (asked.len(), options.samples);
        self.workers.flow(parts, options, begin, finish)
    }

    /// As [`Engine::scores`], on all workers.
    pub(super) fn scores_in_parts(
        &self,
        asked: &Asked<'_>,
        questions: &[&Question],
        options: &SampleOptions,
    ) -> Result<Vec<Scores>> {
        let history = self.history(asked, options)?;
        let prefix = self.prefix(&history, None)?;
        let run = self.tasks_run(
            &history,
            (outcomes(questions, asked.at), questions),
            options,
        );
        let sampled = self.sample_in_parts((run, prefix), options)?;
        Ok(scores(&sampled, questions.len()))
    }

    /// One past's futures on all workers.
    fn sample_in_parts(
        &self,
        (run, past): (Run<'_>, Arc<Prefix>),
        options: &SampleOptions,
    ) -> Result<Vec<Sampled>> {
        let run = Arc::new(run);
        let parts = options.samples.div_ceil(PART);
        let begin = |_: &Worker<'_>, index: usize| {
            let index = u32::try_from(index).unwrap_or(u32::MAX);
            let from = index.saturating_mul(PART).min(options.samples);
            let part = Part {
                run: Arc::clone(&run),
                past: Arc::clone(&past),
                samples: from..options.samples.min(from.saturating_add(PART)),
            };
            Ok((Some(part), ()))
        };
        let finish = |(), sampled: &[Sampled]| sampled.to_vec();
        let parts = (parts as usize, PART.min(options.samples));
        let done = self.workers.flow(parts, options, begin, finish)?;
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

    pub(crate) fn prefix(&self, history: &History, before: Option<&Past>) -> Result<Arc<Prefix>> {
        let before = before.map(|past| &past.prefix);
        let mut prefixes = self
            .workers
            .each(1, |worker, _index| worker.prefill_after(history, before))?;
        prefixes.pop().ok_or(Error::EmptyHistory)
    }

    pub(crate) fn workers(&self) -> &Workers {
        &self.workers
    }

    fn run<'a>(
        &'a self,
        history: &History,
        outcomes: Outcomes,
        options: &SampleOptions,
    ) -> Run<'a> {
        Run {
            start: history.start,
            vocabulary: &self.vocabulary,
            outcomes,
            seed: options.seed,
            events_max: options.events_max,
            end: history.start.at,
            to_the_end: false,
        }
    }

    fn tasks_run<'a>(
        &'a self,
        history: &History,
        (outcomes, questions): (Outcomes, &[&Question]),
        options: &SampleOptions,
    ) -> Run<'a> {
        let at = history.start.at;
        let ends = questions
            .iter()
            .map(|question| at.plus(question.outcome.horizon));
        Run {
            end: ends.max().unwrap_or(at),
            ..self.run(history, outcomes, options)
        }
    }

    /// All futures of one subject for tasks, its past run.
    fn part<'a>(
        &'a self,
        worker: &Worker<'_>,
        asked: &Asked<'_>,
        questions: (Outcomes, &[&Question]),
        options: &SampleOptions,
    ) -> Result<Futures<'a>> {
        let history = self.history(asked, options)?;
        Ok(Part {
            past: worker.prefill(&history)?,
            run: Arc::new(self.tasks_run(&history, questions, options)),
            samples: 0..options.samples,
        })
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
