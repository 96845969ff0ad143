//! The general way to a risk: sampled futures are put behind the history as rows, and the task's
//! own program labels each of them. The risk is the share with the outcome among those that have a
//! label; those without one are counted.

use anyhow::{Result, anyhow};
use longitude_core::{Days, Event, Instant, StopReason, SubjectId};
use longitude_predict::{Asked, Engine, Pool, SampleOptions};
use longitude_tasks::{Context, Labeller, Number, Program, Row};
use std::collections::BTreeMap;

/// How a task is asked by its own program.
pub(super) struct ByProgram<'a> {
    /// The task.
    pub(super) program: &'a Program,
    /// What stands above codes.
    pub(super) context: Context,
    /// How far futures go.
    pub(super) horizon: Days,
}

/// What the labelled futures say.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Counted {
    /// The share with the outcome; none where no future has a label.
    pub(super) risk: Option<f64>,
    /// Its standard error.
    pub(super) standard_error: f64,
    /// The share of futures without a label.
    pub(super) open_share: f64,
}

/// A row before it is lent: time, code by its place, number, unit.
type Given<'a> = (Option<Instant>, usize, Option<f64>, Option<&'a str>);

impl ByProgram<'_> {
    /// The risk of one subject whose question begins from a trigger.
    pub(super) fn risk(
        &mut self,
        engine: &Engine,
        (asked, trigger): (&Asked<'_>, Instant),
        options: &SampleOptions,
    ) -> Result<Counted> {
        let pool = engine.pool(asked, self.horizon, options)?;
        let labels = self.labels(engine, (asked, trigger), &pool)?;
        let known: Vec<bool> = labels.iter().flatten().copied().collect();
        let positives = known.iter().filter(|label| **label).count() as f64;
        let n = known.len() as f64;
        let risk = (!known.is_empty()).then(|| positives / n);
        let spread = risk.map_or(0.0, |risk| risk * (1.0 - risk) / (n - 1.0).max(1.0));
        Ok(Counted {
            risk,
            standard_error: spread.sqrt(),
            open_share: 1.0 - n / labels.len().max(1) as f64,
        })
    }

    /// The label of each future: all futures are the subjects of one labelling.
    fn labels(
        &mut self,
        engine: &Engine,
        (asked, trigger): (&Asked<'_>, Instant),
        pool: &Pool,
    ) -> Result<Vec<Option<bool>>> {
        let vocabulary = engine.vocabulary();
        let mut codes: Vec<String> = Vec::new();
        let mut places: BTreeMap<String, usize> = BTreeMap::new();
        let mut place = |code: String| {
            *places.entry(code).or_insert_with_key(|code| {
                codes.push(code.clone());
                codes.len() - 1
            })
        };
        let history = asked.timeline.history(asked.at);
        let known = history.iter().map(|event: &Event| -> Given<'_> {
            let code = place(event.code.to_meds().into_owned());
            (event.time, code, event.numeric_value, event.unit.as_deref())
        });
        let known: Vec<Given<'_>> = known.collect();
        let steps = |future: &longitude_predict::Future| -> Vec<Given<'_>> {
            let step = |step: &longitude_predict::Step| {
                let code = vocabulary.base(step.code)?.to_meds().into_owned();
                let bins = vocabulary.bins_of(step.code);
                let unit = bins.and_then(|bins| bins.unit.as_deref());
                Some((Some(step.time), place(code), step.value, unit))
            };
            future.steps.iter().filter_map(step).collect()
        };
        let futures: Vec<Vec<Given<'_>>> = pool.futures.iter().map(steps).collect();
        self.context.observed = observed(pool);
        let mut labeller = Labeller::new(self.program, &self.context);
        labeller.codes(codes.iter().map(String::as_str));
        for (number, future) in (0..).zip(&futures) {
            for given in known.iter().chain(future) {
                labeller
                    .row(&row(SubjectId(number), given))
                    .map_err(|_scattered| anyhow!("the rows of a future do not lie together"))?;
            }
        }
        let mut labels = vec![None; futures.len()];
        for sample in labeller.finish().samples {
            let place = usize::try_from(sample.subject.0).unwrap_or(usize::MAX);
            let own = sample.trigger == Some(trigger);
            if let Some(label) = labels.get_mut(place).filter(|_| own) {
                *label = sample.boolean;
            }
        }
        Ok(labels)
    }
}

/// Until when each future is known: to its horizon, unless the limit of events cut it.
fn observed(pool: &Pool) -> BTreeMap<SubjectId, Instant> {
    let ends = (0..).zip(&pool.futures).map(|(number, future)| {
        let last = future.steps.last().map_or(pool.at, |step| step.time);
        let end = if future.stop == StopReason::Length {
            last
        } else {
            pool.end
        };
        (SubjectId(number), end)
    });
    ends.collect()
}

fn row<'a>(subject: SubjectId, (time, code, number, unit): &Given<'a>) -> Row<'a> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the width of numbers in a MEDS data set"
    )]
    let number = number.map(|number| Number::Short(number as f32));
    Row {
        subject,
        time: *time,
        code: Some(*code),
        number,
        unit: *unit,
        recorded: None,
        cells: &[],
    }
}
