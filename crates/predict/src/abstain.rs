//! When not to answer: typed refusals with documented thresholds. It is no measure of how sure an
//! answer is (calibration and Monte Carlo error are) and no clinical policy.
//!
//! The checks run before anything is sampled, but for the last one, which looks at the pool.

use crate::calibration::percentile;
use longitude_core::{Abstention, Code, Instant, Task, Timeline};
use longitude_tokens::Vocabulary;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The thresholds. There is no `Default`: whoever answers for the model chooses them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AbstainOptions {
    /// Timed events, birth aside, that the history must hold.
    pub events_min: u32,
    /// The largest share of the history's events whose code the model does not know, where the
    /// training subjects themselves had less.
    pub unknown_share_max: f64,
    /// Training subjects who must have had the outcome.
    pub outcome_subjects_min: u32,
    /// Years by which an age may lie outside the span of the training subjects.
    pub age_margin_years: f64,
    /// The largest share of sampled futures that may be cut short by the limit of events.
    pub censored_share_max: f64,
}

impl AbstainOptions {
    /// Thresholds for research runs, each with its reason:
    /// - 5 events: fewer and the answer is the population's, whatever the model says;
    /// - one unknown code in four, or what 99 of 100 training subjects stay below, if that is more:
    ///   the model never learnt from emptier histories;
    /// - 20 training subjects with the outcome: the standard error of a log-rate is then 0.22, and
    ///   below it no discrimination can be shown on a held-out tenth (2 subjects);
    /// - 1 year outside the ages seen: the age enters as a smooth curve, so a year more is a small
    ///   step, ten years are not;
    /// - one future in five cut short: the risk could then be too low by as much as a fifth.
    pub fn research() -> Self {
        Self {
            events_min: 5,
            unknown_share_max: 0.25,
            outcome_subjects_min: 20,
            age_margin_years: 1.0,
            censored_share_max: 0.2,
        }
    }
}

/// What the training subjects were like: the facts against which a new subject is held. It holds
/// no patient's value but the ends of distributions over many (see [`PopulationBuilder::finish`]).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Population {
    /// How many training subjects there were.
    pub subjects: u32,
    /// The age in years that all but the youngest 1 % of training subjects had passed at entry or
    /// were observed below; `None` where no age is known.
    pub age_years_low: Option<f64>,
    /// The age in years that 99 % of training subjects had not passed at their last event.
    pub age_years_high: Option<f64>,
    /// The share of unknown codes that 99 % of training subjects stay below.
    pub unknown_share_high: f64,
    /// For each task's id the training subjects who had its outcome at any time.
    pub outcome_subjects: BTreeMap<String, u32>,
}

/// Collects a [`Population`] from training subjects, one at a time.
#[derive(Debug)]
pub struct PopulationBuilder<'a> {
    vocabulary: &'a Vocabulary,
    tasks: &'a [Task],
    subjects: u32,
    youngest: Vec<f64>,
    oldest: Vec<f64>,
    unknown_shares: Vec<f64>,
    outcome_subjects: Vec<u32>,
}

impl<'a> PopulationBuilder<'a> {
    /// Starts with no subjects.
    pub fn new(vocabulary: &'a Vocabulary, tasks: &'a [Task]) -> Self {
        Self {
            vocabulary,
            tasks,
            subjects: 0,
            youngest: Vec::new(),
            oldest: Vec::new(),
            unknown_shares: Vec::new(),
            outcome_subjects: vec![0; tasks.len()],
        }
    }

    /// Takes in one training subject.
    pub fn observe(&mut self, timeline: &Timeline) {
        self.subjects += 1;
        let lived = || {
            let timed = timeline.events().iter().filter(|e| !e.code.is_birth());
            timed.filter_map(|event| event.time)
        };
        if let (Some(birth), Some(first), Some(last)) =
            (timeline.birth(), lived().next(), lived().next_back())
        {
            self.youngest.push(age_years(birth, first));
            self.oldest.push(age_years(birth, last));
        }
        let codes = timeline.events().iter().map(|event| &event.code);
        self.unknown_shares
            .push(unknown_share(self.vocabulary, codes));
        for (count, task) in self.outcome_subjects.iter_mut().zip(self.tasks) {
            let had = timeline.events().iter().any(|e| task.outcome.holds(e));
            *count += u32::from(had);
        }
    }

    /// The facts. Ages are rounded outward to whole years, so that no subject's own age is kept.
    pub fn finish(mut self) -> Population {
        for values in [
            &mut self.youngest,
            &mut self.oldest,
            &mut self.unknown_shares,
        ] {
            values.sort_by(f64::total_cmp);
        }
        let ids = self.tasks.iter().map(|task| task.id.clone());
        Population {
            subjects: self.subjects,
            age_years_low: percentile(&self.youngest, 0.01).map(f64::floor),
            age_years_high: percentile(&self.oldest, 0.99).map(f64::ceil),
            unknown_share_high: percentile(&self.unknown_shares, 0.99).unwrap_or(0.0),
            outcome_subjects: ids.zip(self.outcome_subjects).collect(),
        }
    }
}

/// What the checks look at, taken from a history.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HistoryFacts {
    /// Timed events, birth aside.
    pub events: u32,
    /// The share of events with a code that the model does not know.
    pub unknown_share: f64,
    /// The age at the prediction time, where a birth is recorded; 90 from there on.
    pub age_years: Option<f64>,
    /// Whether the subject is dead at the prediction time.
    pub dead: bool,
}

/// The age in years, saturating at 90 as the model's own age does: above it no age is told apart.
fn age_years(birth: Instant, at: Instant) -> f64 {
    (at - birth).years().min(90.0)
}

/// The share of codes that the vocabulary maps to "unknown"; 0 for none.
fn unknown_share<'c>(vocabulary: &Vocabulary, codes: impl Iterator<Item = &'c Code>) -> f64 {
    let (mut all, mut unknown) = (0_u32, 0_u32);
    for code in codes {
        all += 1;
        unknown += u32::from(vocabulary.id(code) <= longitude_tokens::UNKNOWN);
    }
    f64::from(unknown) / f64::from(all.max(1))
}

impl HistoryFacts {
    /// The facts of a subject at a prediction time; nothing after it is looked at.
    pub fn of(vocabulary: &Vocabulary, timeline: &Timeline, at: Instant) -> Self {
        let history = timeline.history(at);
        let timed = history
            .iter()
            .filter(|event| event.time.is_some() && !event.code.is_birth());
        let birth = history.iter().find(|event| event.code.is_birth());
        Self {
            events: u32::try_from(timed.count()).unwrap_or(u32::MAX),
            unknown_share: unknown_share(vocabulary, history.iter().map(|event| &event.code)),
            age_years: birth
                .and_then(|event| event.time)
                .map(|birth| age_years(birth, at)),
            dead: history.iter().any(|event| event.code.is_death()),
        }
    }

    /// Why a task, by its id, must not be answered for this history, if so; `before` says whether a
    /// first occurrence is asked for and the outcome is in the history already. The order is from
    /// the surest reason to the least sure one.
    pub fn refuse(
        &self,
        task: &str,
        before: bool,
        population: &Population,
        options: &AbstainOptions,
    ) -> Option<Abstention> {
        if self.dead {
            return Some(Abstention::Dead);
        }
        if before {
            return Some(Abstention::OutcomeBefore);
        }
        if self.events < options.events_min {
            return Some(Abstention::TooLittleHistory {
                events: self.events,
                required: options.events_min,
            });
        }
        let allowed = options.unknown_share_max.max(population.unknown_share_high);
        if self.unknown_share > allowed {
            return Some(Abstention::UnknownCodes {
                share: self.unknown_share,
                allowed,
            });
        }
        if let Some(what) = self.outside(population, options) {
            return Some(Abstention::OutsidePopulation { what: what.into() });
        }
        let subjects = population.outcome_subjects.get(task).copied();
        let required = options.outcome_subjects_min;
        // A task that was not counted in training is not refused for it: nobody counted.
        subjects
            .filter(|subjects| *subjects < required)
            .map(|subjects| Abstention::OutcomeTooRare { subjects, required })
    }

    fn outside(&self, population: &Population, options: &AbstainOptions) -> Option<&'static str> {
        let margin = options.age_margin_years;
        let Some(age) = self.age_years else {
            // Where the training subjects had ages, a history without one is of another kind.
            return population.age_years_low.map(|_| "no date of birth");
        };
        let younger = population
            .age_years_low
            .is_some_and(|low| age < low - margin);
        let older = population
            .age_years_high
            .is_some_and(|high| age > high + margin);
        match (younger, older) {
            (true, _) => Some("younger than the training subjects"),
            (_, true) => Some("older than the training subjects"),
            _ => None,
        }
    }
}

/// The check after sampling.
pub(crate) fn refuse_censored(share: f64, options: &AbstainOptions) -> Option<Abstention> {
    (share > options.censored_share_max).then_some(Abstention::Censored { share })
}

#[cfg(test)]
mod tests;
