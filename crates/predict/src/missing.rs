//! Measurements that people like the patient have and the patient has not, or not of late, and how
//! far they would move the answer: the value of information.
//!
//! The value is drawn from the model's own law of it at the prediction time, given that the code
//! comes then; it is added to the history at that time and the question is asked again. The mean
//! of the change says what having been measured at all tells (people who are measured differ from
//! others); the spread says how much hangs on the result. No value is shown.

use crate::asking::{Asker, Way};
use crate::engine::{Asked, Engine};
use crate::risk::{mean, standard_error_of};
use crate::rng::{below, unit};
use crate::similar::Measured;
use crate::{Error, Result};
use longitude_core::{Days, Event, Instant, Origin, Predicate, Task, Timeline};
use serde::{Deserialize, Serialize};

/// What counts as missing, and how it is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MissingOptions {
    /// A measurement older than this is as good as none.
    pub stale: Days,
    /// Values drawn of each.
    pub draws: u32,
    /// Measurements asked about, those that most people like the patient have first.
    pub codes_max: u32,
    /// The seed of the draws.
    pub seed: u64,
}

impl MissingOptions {
    /// A year (the rhythm of routine controls), 32 values, 20 measurements.
    pub fn research(seed: u64) -> Self {
        Self {
            stale: Days(365.0),
            draws: 32,
            codes_max: 20,
            seed,
        }
    }
}

/// A measurement that is missing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Missing {
    /// Its code, in MEDS's form.
    pub code: String,
    /// The share of people like the patient who have it.
    pub share: f64,
    /// When the patient was measured last, where ever.
    pub last: Option<Instant>,
    /// What it would change, by task.
    pub effects: Vec<MissingEffect>,
}

/// What a missing measurement would change of one task's answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MissingEffect {
    /// The task's id.
    pub task: String,
    /// The expected change of the risk.
    pub change: f64,
    /// Its Monte Carlo standard error.
    pub standard_error: f64,
    /// The standard deviation of the change over values: the value of information. Of sampled
    /// futures their own error is taken off.
    pub spread: f64,
    /// The tenth and the ninetieth percentile of the change.
    pub percentiles: [f64; 2],
}

/// A drawn value as an event.
struct Candidate<'m> {
    wanted: &'m Measured,
    last: Option<Instant>,
    events: Vec<Event>,
}

impl Engine {
    /// What the patient lacks of what people like the patient have, the most informative for any
    /// task first. Codes that the model has no numbers of are left out.
    ///
    /// # Errors
    /// As [`Engine::explain`].
    pub fn missing(
        &self,
        asked: &Asked<'_>,
        (tasks, way): (&[Task], Way),
        wanted: &[Measured],
        options: &MissingOptions,
    ) -> Result<Vec<Missing>> {
        if options.draws == 0 {
            return Err(Error::Option { what: "draws" });
        }
        if way == Way::QueryHead && !self.has_queries() {
            return Err(Error::NoQueryHead);
        }
        let asker = Asker::of_tasks(self, asked.at, tasks, way)?;
        let candidates = self.candidates(asked, wanted, options)?;
        let history = asked.timeline.history(asked.at);
        let draws = options.draws as usize;
        let version = |index: usize| {
            let drawn = candidates.get(index / draws);
            let drawn = drawn.map(|one| one.events[index % draws].clone());
            let events = history.iter().cloned().chain(drawn).collect();
            let timeline = asked.timeline;
            Timeline::new(timeline.subject(), events, timeline.observation())
        };
        // The last version is the history as it is.
        let mut answers = asker.ask(candidates.len() * draws + 1, version)?;
        let base = answers.pop().flatten().ok_or(Error::EmptyHistory)?;
        let missing = |(index, candidate): (usize, &Candidate<'_>)| {
            let with = answers[index * draws..(index + 1) * draws].iter().flatten();
            let effect = |(place, task): (usize, &Task)| {
                let changes = with.clone().map(|all| {
                    let change = asker.contrast(place, (&all[place], &base[place]));
                    (change.risk, change.standard_error)
                });
                effect(&task.id, changes.collect())
            };
            Missing {
                code: candidate.wanted.code.to_meds().into_owned(),
                share: candidate.wanted.share,
                last: candidate.last,
                effects: tasks.iter().enumerate().map(effect).collect(),
            }
        };
        let mut found: Vec<Missing> = candidates.iter().enumerate().map(missing).collect();
        let most = |one: &Missing| one.effects.iter().map(|e| e.spread).fold(0.0, f64::max);
        found.sort_by(|a, b| most(b).total_cmp(&most(a)));
        Ok(found)
    }

    /// What is missing, with drawn values.
    fn candidates<'m>(
        &self,
        asked: &Asked<'_>,
        wanted: &'m [Measured],
        options: &MissingOptions,
    ) -> Result<Vec<Candidate<'m>>> {
        let history = asked.timeline.history(asked.at);
        let from = Instant(asked.at.0.saturating_sub(options.stale.to_micros()));
        let mut open: Vec<(&Measured, Option<Instant>, u32)> = Vec::new();
        for one in wanted {
            let own = history.iter().filter(|event| event.code == one.code);
            let valued = own.filter(|event| event.numeric_value.is_some());
            let last = valued.filter_map(|event| event.time).max();
            if last.is_none_or(|last| last < from) {
                open.extend(self.with_numbers(one).map(|id| (one, last, id)));
            }
        }
        open.truncate(options.codes_max as usize);
        let laws = self.laws(asked, &open.iter().map(|one| one.2).collect::<Vec<_>>())?;
        let candidate = |(number, ((wanted, last, id), law)): (u32, (_, Vec<f64>))| {
            let draws = 0..options.draws;
            let event = |draw| self.drawn(asked.at, (id, &law), (options.seed, number, draw));
            Candidate {
                wanted,
                last,
                events: draws.filter_map(event).collect(),
            }
        };
        let all = (0..).zip(open.into_iter().zip(laws)).map(candidate);
        Ok(all
            .filter(|one| one.events.len() == options.draws as usize)
            .collect())
    }

    /// The identifier of a code, or of its commonest variant, that has numbers.
    fn with_numbers(&self, measured: &Measured) -> Option<u32> {
        let vocabulary = self.vocabulary();
        let ids = vocabulary.ids_matching(&Predicate::code(measured.code.clone()));
        let own = ids.into_iter().filter(|id| {
            vocabulary.bins_of(*id).is_some() && vocabulary.base(*id) == Some(&measured.code)
        });
        own.max_by_key(|id| vocabulary.subjects_with(*id))
    }

    /// The law of the value bins of each code were it to come at the prediction time, bin 0 (no
    /// number) left out.
    fn laws(&self, asked: &Asked<'_>, ids: &[u32]) -> Result<Vec<Vec<f64>>> {
        let laws = self.workers().each(1, |worker, _| {
            let history = self.whole_history(asked)?;
            let decoder = worker.decoder;
            let hidden = decoder.hidden_last(&[&history.inputs])?;
            let recall = decoder.recall(&history.inputs);
            let elapsed = asked.at.0.saturating_sub(history.start.last_us).max(0);
            let elapsed = Days::from_micros(elapsed).0;
            let marks: Vec<(f64, u32)> = ids.iter().map(|id| (elapsed, *id)).collect();
            let mut bins = Vec::new();
            let recalls = vec![&recall; ids.len()];
            decoder.values(&hidden.repeat(ids.len()), &marks, &recalls, &mut bins)?;
            let width = usize::from(self.vocabulary().value_bins_max()) + 1;
            let rows = bins.chunks_exact(width);
            let law = |row: &[f32]| row[1..].iter().map(|p| f64::from(*p)).collect::<Vec<_>>();
            Ok(rows.map(law).collect::<Vec<_>>())
        })?;
        Ok(laws.into_iter().next().unwrap_or_default())
    }

    /// A value as an event at the prediction time; none where the law has no mass.
    fn drawn(
        &self,
        at: Instant,
        (id, law): (u32, &[f64]),
        (seed, number, draw): (u64, u32, u32),
    ) -> Option<Event> {
        let bins = self.vocabulary().bins_of(id)?;
        let number = number.wrapping_mul(2);
        let total: f64 = law.iter().sum();
        let target = unit(seed, number, draw) * total;
        let mut sum = 0.0;
        let reached = |weight: &f64| {
            sum += weight;
            *weight > 0.0 && target < sum
        };
        let bin = law.iter().position(reached)?;
        let value = bins.sample(
            u16::try_from(bin + 1).ok()?,
            unit(seed, number.wrapping_add(1), draw),
        );
        let code = self.vocabulary().base(id)?.clone();
        let mut event = Event::new(code, Some(at), Origin::derived("missing"));
        event.numeric_value = Some(value);
        event.unit = bins.unit.as_deref().map(Into::into);
        Some(event)
    }
}

fn effect(task: &str, changes: Vec<(f64, f64)>) -> MissingEffect {
    let (mut values, errors): (Vec<f64>, Vec<f64>) = changes.into_iter().unzip();
    let squares: Vec<f64> = errors.iter().map(|error| error * error).collect();
    let standard_error = standard_error_of(&values);
    let variance = standard_error.powi(2) * values.len() as f64 - mean(&squares);
    let change = mean(&values);
    values.sort_by(f64::total_cmp);
    let at = |share: f64| values.get(below(share, values.len())).copied();
    MissingEffect {
        task: task.to_owned(),
        change,
        standard_error,
        spread: variance.max(0.0).sqrt(),
        percentiles: [at(0.1), at(0.9)].map(Option::unwrap_or_default),
    }
}

#[cfg(test)]
mod tests;
