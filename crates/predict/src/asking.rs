//! Many versions of one history, each asked the same questions: by the query head (one pass, no
//! Monte Carlo error) or by sampled futures with common random numbers. Evidence, missing
//! measurements and what-ifs are differences of such answers. Not here: which versions (`explain`,
//! `missing`, `what_if`).

use crate::calibration::Calibration;
use crate::engine::{Asked, Engine};
use crate::query::{Sides, question};
use crate::risk::{Scores, mean, standard_error_of};
use crate::sample::SampleOptions;
use crate::targets::Target;
use crate::{Error, Result};
use longitude_core::{Instant, Task, Timeline};
use serde::{Deserialize, Serialize};

/// By which of the model's two ways to a risk a changed history is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "way", rename_all = "snake_case")]
pub enum Way {
    /// The query head: one pass and no Monte Carlo error; risks as the head gives them, not
    /// calibrated.
    QueryHead,
    /// Sampled futures with common random numbers, on the scale of the task's calibration.
    Sampled(SampleOptions),
}

/// The difference of two answers: the one first named minus the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Contrast {
    /// The difference of the risks.
    pub risk: f64,
    /// Its Monte Carlo standard error over paired futures; 0 for the query head.
    pub standard_error: f64,
    /// The difference of the logits; none where a risk is 0 or 1.
    pub log_odds: Option<f64>,
}

/// What one version answers to one question: a number a future, or one of the query head.
pub(crate) type Draws = Vec<f64>;

/// The questions, and how they are asked.
pub(crate) struct Asker<'a> {
    engine: &'a Engine,
    at: Instant,
    of: Of<'a>,
}

enum Of<'a> {
    Query(Vec<(Sides, f64)>),
    Sampled(&'a [Task], SampleOptions),
}

impl<'a> Asker<'a> {
    /// For tasks, at the prediction time.
    pub(crate) fn of_tasks(
        engine: &'a Engine,
        at: Instant,
        tasks: &'a [Task],
        way: Way,
    ) -> Result<Self> {
        let sides = |task: &Task| {
            let sides = engine.sides(task).ok_or_else(|| Error::UnknownOutcome {
                task: task.id.clone(),
            })?;
            Ok((sides, task.horizon.0))
        };
        let sides: Vec<_> = tasks.iter().map(sides).collect::<Result<_>>()?;
        let of = match way {
            Way::QueryHead => Of::Query(sides),
            Way::Sampled(options) => {
                options.check()?;
                Of::Sampled(tasks, options)
            }
        };
        Ok(Self { engine, at, of })
    }

    /// For a forecast's targets within a horizon, by the query head.
    pub(crate) fn of_targets(
        engine: &'a Engine,
        at: Instant,
        targets: &[&Target],
        horizon_days: f64,
    ) -> Self {
        let sides = targets.iter().map(|target| {
            let sides = engine.target_sides(target);
            (sides, horizon_days)
        });
        Self {
            engine,
            at,
            of: Of::Query(sides.collect()),
        }
    }

    /// How many questions there are.
    pub(crate) fn len(&self) -> usize {
        match &self.of {
            Of::Query(sides) => sides.len(),
            Of::Sampled(tasks, _) => tasks.len(),
        }
    }

    /// The scale of a question's risks.
    pub(crate) fn calibration(&self, question: usize) -> &Calibration {
        const RAW: &Calibration = &Calibration::identity();
        match &self.of {
            Of::Query(_) => RAW,
            Of::Sampled(tasks, _) => self.engine.calibration(&tasks[question].id),
        }
    }

    /// The risk of a version on its scale, and its Monte Carlo standard error.
    pub(crate) fn risk(&self, question: usize, draws: &Draws) -> (f64, f64) {
        let calibration = self.calibration(question);
        let raw = mean(draws);
        let error = calibration.slope_at(raw) * standard_error_of(draws);
        (calibration.risk(raw), error)
    }

    /// One version less another.
    pub(crate) fn contrast(&self, question: usize, (one, other): (&Draws, &Draws)) -> Contrast {
        contrast((one, other), self.calibration(question))
    }

    /// What each of `n` versions answers to each question: `[version][question]`; none for a
    /// version without any event. Versions are shared out among the threads, and are the same on
    /// any number of them.
    pub(crate) fn ask(
        &self,
        n: usize,
        version: impl Fn(usize) -> Timeline + Sync,
    ) -> Result<Vec<Option<Vec<Draws>>>> {
        let at = self.at;
        match &self.of {
            Of::Query(sides) => self.engine.workers().each(n, |worker, index| {
                let timeline = version(index);
                let timeline = &timeline;
                let history = match self.engine.whole_history(&Asked { timeline, at }) {
                    Err(Error::EmptyHistory) => return Ok(None),
                    other => other?,
                };
                let questions = sides.iter().map(|(sides, _)| question(&history, sides));
                let questions: Vec<_> = questions.collect();
                let curves = worker.decoder.query(&[&history.inputs], &[&questions])?;
                let curves = curves.into_iter().flatten().zip(sides);
                let risks = curves.map(|(curve, (_, horizon))| vec![curve.within(*horizon)]);
                Ok(Some(risks.collect()))
            }),
            Of::Sampled(tasks, options) => {
                let questions = self.engine.questions(tasks);
                let all: Vec<_> = questions.iter().collect();
                self.engine.workers().each(n, |worker, index| {
                    let timeline = version(index);
                    let timeline = &timeline;
                    let asked = Asked { timeline, at };
                    match self.engine.scores(worker, &asked, &all, options) {
                        Err(Error::EmptyHistory) => Ok(None),
                        other => Ok(Some(other?.iter().map(Scores::mixed).collect())),
                    }
                })
            }
        }
    }
}

/// The difference on the calibrated scale and its standard error, by the slope of the calibration
/// at each of the two estimates and the spread of the paired differences.
pub(crate) fn contrast((one, other): (&Draws, &Draws), calibration: &Calibration) -> Contrast {
    let (high, low) = (mean(one), mean(other));
    let slopes = [calibration.slope_at(high), calibration.slope_at(low)];
    let pairs = one.iter().zip(other);
    let differences: Vec<f64> = pairs.map(|(a, b)| slopes[0] * a - slopes[1] * b).collect();
    let (one, other) = (calibration.risk(high), calibration.risk(low));
    Contrast {
        risk: one - other,
        standard_error: standard_error_of(&differences),
        log_odds: logit(one).zip(logit(other)).map(|(a, b)| a - b),
    }
}

/// The logarithm of the odds; none at 0 and 1.
pub(crate) fn logit(risk: f64) -> Option<f64> {
    (risk > 0.0 && risk < 1.0).then(|| (risk / (1.0 - risk)).ln())
}
