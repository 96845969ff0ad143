//! Whether evidence is true to the model: what is cited is taken out of the history, or put into an
//! empty one, step by step, and the answer must move further (or come back sooner) than with other
//! codes of the same history in its place.
//!
//! The controls are matched: each cited code is answered by a code that is not cited, one of the
//! three nearest by the logarithms of its count in the history, of the days since its latest event
//! and of its training subjects. Changes are sizes of differences of logits, so that rare and
//! common outcomes weigh alike. The area of a curve is the mean over its steps (DeYoung et al.
//! 2020, "ERASER", section 4: comprehensiveness is deletion, sufficiency insertion; there on
//! probabilities and without matched controls).
//!
//! Evidence that passes says what the model used. It does not say that the model is right.

use crate::asking::{Asker, Contrast, Way};
use crate::engine::{Asked, Engine};
use crate::explain::{Occluded, Unit, Units, union};
use crate::rng::{below, unit};
use crate::sample::SampleOptions;
use crate::{Error, Result};
use longitude_core::{Digest, Task};
use longitude_eval::wilson;
use serde::{Deserialize, Serialize};

/// Controls are drawn from so many nearest codes.
const NEAREST: usize = 3;

/// How a test is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaithfulOptions {
    /// Codes that are cited, by joint deletion.
    pub cited: u32,
    /// Codes that this chooses among, the strongest alone.
    pub candidates_max: u32,
    /// Matched random controls of each answer.
    pub controls: u32,
    /// The seed of the controls.
    pub seed: u64,
}

impl FaithfulOptions {
    /// Five codes among twelve, as `ExplainOptions` has it, against eight controls.
    pub fn research(seed: u64) -> Self {
        Self {
            cited: 5,
            candidates_max: 12,
            controls: 8,
            seed,
        }
    }
}

/// The test of one answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Faithful {
    /// The task's id.
    pub task: String,
    /// The cited codes in MEDS's form, in the order of the joint deletion.
    pub cited: Vec<String>,
    /// The codes in the order of their effect alone, as many.
    pub alone: Vec<String>,
    /// Distinct codes of the history.
    pub codes: u32,
    /// The size of the change after each step of deletion.
    pub deletion: Vec<f64>,
    /// The same of each control.
    pub deletion_controls: Vec<Vec<f64>>,
    /// The size of what is still missing after each step of insertion into a history of birth
    /// alone; none where birth is not recorded.
    pub insertion: Option<Vec<f64>>,
    /// The same of each control.
    pub insertion_controls: Vec<Vec<f64>>,
}

/// A code of the history: its events, and by what it is matched.
struct Coded {
    place: usize,
    marks: [f64; 3],
}

impl Engine {
    /// Tests the evidence of the answers to tasks; none for an answer whose history has too few
    /// codes to match (twice the cited ones), or that no change moves.
    ///
    /// # Errors
    /// As [`Engine::explain`].
    pub fn faithfulness(
        &self,
        asked: &Asked<'_>,
        (tasks, way): (&[Task], Way),
        options: &FaithfulOptions,
    ) -> Result<Vec<Option<Faithful>>> {
        if way == Way::QueryHead && !self.has_queries() {
            return Err(Error::NoQueryHead);
        }
        let asker = Asker::of_tasks(self, asked.at, tasks, way)?;
        let mut units = Units::of(self, asked, usize::MAX);
        units.only(Unit::Code);
        let occluded = Occluded::new(&asker, asked, &units)?;
        let test = |(place, task): (usize, &Task)| {
            self.test(asked, (place, task), (&occluded, &units), options)
        };
        tasks.iter().enumerate().map(test).collect()
    }

    fn test(
        &self,
        asked: &Asked<'_>,
        (question, task): (usize, &Task),
        (occluded, units): (&Occluded<'_>, &Units),
        options: &FaithfulOptions,
    ) -> Result<Option<Faithful>> {
        let ranked = occluded.ranked(question, units, Unit::Code);
        let cited = options.cited as usize;
        if ranked.len() < 2 * cited || cited == 0 {
            return Ok(None);
        }
        let candidates = &ranked[..ranked.len().min(options.candidates_max as usize)];
        let joint = occluded.joint_places(question, units, (candidates, cited))?;
        let chosen: Vec<usize> = joint.iter().map(|(place, _)| *place).collect();
        let deletion: Option<Vec<f64>> = joint.iter().map(|(_, e)| size(Some(*e))).collect();
        let Some(deletion) = deletion.filter(|all| all.len() == cited) else {
            return Ok(None);
        };
        let coded = self.coded(asked, units, &ranked);
        let parts = [
            &asked.timeline.subject().0.to_le_bytes()[..],
            task.id.as_bytes(),
        ];
        let salt = u32::try_from(Digest::of_parts(&parts).leading_i63() & 0xFFFF_FFFF);
        let salt = salt.unwrap_or_default();
        let controls = (0..options.controls).map(|control| {
            let draw = (options.seed, salt, control);
            controls_of(&chosen, &coded, draw)
        });
        let controls: Vec<Vec<usize>> = controls.collect();
        let name = |place: &usize| units.all[*place].name.clone();
        let all = std::iter::once(&chosen).chain(&controls);
        let all: Vec<&Vec<usize>> = all.collect();
        let insertion = insertions(occluded, question, (units, &all))?;
        let deletion_controls = deletions(occluded, question, (units, &controls))?;
        let (insertion, insertion_controls) = match insertion.split_first() {
            Some((Some(own), rest)) => {
                let rest: Option<Vec<_>> = rest.iter().cloned().collect();
                (Some(own.clone()), rest.unwrap_or_default())
            }
            _ => (None, Vec::new()),
        };
        Ok(Some(Faithful {
            task: task.id.clone(),
            cited: chosen.iter().map(name).collect(),
            alone: ranked.iter().take(cited).map(name).collect(),
            codes: u32::try_from(ranked.len()).unwrap_or(u32::MAX),
            deletion,
            deletion_controls,
            insertion,
            insertion_controls,
        }))
    }

    /// What each code is matched by.
    fn coded(&self, asked: &Asked<'_>, units: &Units, places: &[usize]) -> Vec<Coded> {
        let history = asked.timeline.history(asked.at);
        let one = |place: &usize| {
            let events = units.events(*place);
            let last = events.last().map(|index| &history[*index]);
            let days = last.and_then(|event| Some((asked.at - event.time?).0));
            let id = last.map(|event| self.vocabulary().id(&event.code));
            let subjects = id.map_or(0, |id| self.vocabulary().subjects_with(id));
            // A static code is as old as a life.
            let days = days.unwrap_or(36_500.0).max(0.0);
            let marks = [events.len() as f64, days, f64::from(subjects)];
            Coded {
                place: *place,
                marks: marks.map(f64::ln_1p),
            }
        };
        places.iter().map(one).collect()
    }

    /// How far the ranking of codes by their effect agrees between seeds of the sampling: for each
    /// task the rank correlation (Spearman) of the effects over all codes, and the share of the
    /// strongest `cited` that are the same. None where fewer than three codes were asked.
    ///
    /// # Errors
    /// As [`Engine::explain`].
    pub fn stability(
        &self,
        asked: &Asked<'_>,
        tasks: &[Task],
        (sampling, seeds): (&SampleOptions, [u64; 2]),
        cited: u32,
    ) -> Result<Vec<Option<Stability>>> {
        let mut units = Units::of(self, asked, usize::MAX);
        units.only(Unit::Code);
        let ranks = |seed| -> Result<Vec<Vec<usize>>> {
            let way = Way::Sampled(SampleOptions { seed, ..*sampling });
            let asker = Asker::of_tasks(self, asked.at, tasks, way)?;
            let occluded = Occluded::new(&asker, asked, &units)?;
            let ranked = (0..tasks.len()).map(|task| occluded.ranked(task, &units, Unit::Code));
            Ok(ranked.collect())
        };
        let (one, other) = (ranks(seeds[0])?, ranks(seeds[1])?);
        let pairs = one.iter().zip(&other);
        Ok(pairs
            .map(|(a, b)| agreement(a, b, cited as usize))
            .collect())
    }
}

/// Agreement of two rankings of the same codes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stability {
    /// Spearman's rank correlation of the sizes of the effects.
    pub correlation: f64,
    /// The share of the strongest that both name.
    pub overlap: f64,
}

fn agreement(one: &[usize], other: &[usize], cited: usize) -> Option<Stability> {
    let n = one.len();
    if n < 3 || n != other.len() {
        return None;
    }
    let rank = |place: &usize| other.iter().position(|o| o == place);
    let mut squares = 0.0;
    for (index, place) in one.iter().enumerate() {
        squares += (index as f64 - rank(place)? as f64).powi(2);
    }
    let (n, cited) = (n as f64, cited.min(n));
    let same = one[..cited].iter().filter(|p| other[..cited].contains(p));
    Some(Stability {
        correlation: 1.0 - 6.0 * squares / (n * (n * n - 1.0)),
        overlap: same.count() as f64 / cited.max(1) as f64,
    })
}

/// The size of a change; none where it has no logit.
fn size(contrast: Option<Contrast>) -> Option<f64> {
    contrast?.log_odds.map(f64::abs)
}

/// A matched code for each cited one, no code twice.
fn controls_of(
    cited: &[usize],
    coded: &[Coded],
    (seed, salt, control): (u64, u32, u32),
) -> Vec<usize> {
    let mut free: Vec<&Coded> = coded
        .iter()
        .filter(|one| !cited.contains(&one.place))
        .collect();
    let mut chosen = Vec::new();
    for (step, place) in (0u32..).zip(cited) {
        let Some(wanted) = coded.iter().find(|one| one.place == *place) else {
            continue;
        };
        let far = |one: &Coded| {
            let pairs = one.marks.iter().zip(&wanted.marks);
            pairs.map(|(a, b)| (a - b).powi(2)).sum::<f64>()
        };
        free.sort_by(|a, b| far(a).total_cmp(&far(b)));
        let draw = unit(seed ^ u64::from(salt), control, step);
        let index = below(draw, free.len().min(NEAREST));
        if index < free.len() {
            chosen.push(free.remove(index).place);
        }
    }
    chosen
}

/// The events of the first 1, 2, ... codes.
fn growing(units: &Units, places: &[usize]) -> Vec<Vec<usize>> {
    let mut gone = Vec::new();
    let grow = |place: &usize| {
        gone = union(&gone, units.events(*place));
        gone.clone()
    };
    places.iter().map(grow).collect()
}

/// Curves of deletion; a curve with an answer of 0 or 1 is left out.
fn deletions(
    occluded: &Occluded<'_>,
    question: usize,
    (units, lists): (&Units, &[Vec<usize>]),
) -> Result<Vec<Vec<f64>>> {
    let mut curves = Vec::new();
    for list in lists {
        let effects = occluded.effects_of(question, &growing(units, list))?;
        let curve: Option<Vec<f64>> = effects.into_iter().map(size).collect();
        curves.extend(curve);
    }
    Ok(curves)
}

/// Curves of insertion into a history of birth alone.
fn insertions(
    occluded: &Occluded<'_>,
    question: usize,
    (units, lists): (&Units, &[&Vec<usize>]),
) -> Result<Vec<Option<Vec<f64>>>> {
    let every = (0..units.all.len()).flat_map(|place| units.events(place).to_vec());
    let every = union(&every.collect::<Vec<_>>(), &[]);
    let mut curves = Vec::new();
    for list in lists {
        let kept = growing(units, list);
        let gone = kept.iter().map(|kept| {
            let gone = every
                .iter()
                .filter(|index| kept.binary_search(index).is_err());
            gone.copied().collect::<Vec<usize>>()
        });
        let effects = occluded.effects_of(question, &gone.collect::<Vec<_>>())?;
        curves.push(effects.into_iter().map(size).collect());
    }
    Ok(curves)
}

impl Faithful {
    /// The change by all cited codes together, and the mean of the controls'; none without a
    /// control.
    pub fn joint(&self) -> Option<[f64; 2]> {
        let last = |curve: &Vec<f64>| curve.last().copied();
        let controls: Vec<f64> = self.deletion_controls.iter().filter_map(last).collect();
        (!controls.is_empty()).then_some([last(&self.deletion)?, mean(&controls)])
    }

    /// The areas under deletion, of the cited and the mean of the controls'.
    pub fn deletion_areas(&self) -> Option<[f64; 2]> {
        areas(Some(&self.deletion), &self.deletion_controls)
    }

    /// The areas under insertion; the smaller the better.
    pub fn insertion_areas(&self) -> Option<[f64; 2]> {
        areas(self.insertion.as_ref(), &self.insertion_controls)
    }
}

fn areas(own: Option<&Vec<f64>>, controls: &[Vec<f64>]) -> Option<[f64; 2]> {
    let controls: Vec<f64> = controls.iter().map(|curve| mean(curve)).collect();
    let own = own?;
    (!controls.is_empty()).then(|| [mean(own), mean(&controls)])
}

fn mean(values: &[f64]) -> f64 {
    crate::risk::mean(values)
}

/// A share of tests with its 95 % interval (Wilson's).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Share {
    /// Of how many.
    pub of: u64,
    /// The share.
    pub share: f64,
    /// Its interval.
    pub interval: [f64; 2],
}

impl Share {
    /// Of answers, yes or no; none of nothing.
    pub fn of(answers: impl Iterator<Item = bool>) -> Option<Self> {
        let all: Vec<bool> = answers.collect();
        let (n, yes) = (
            all.len() as u64,
            all.iter().filter(|yes| **yes).count() as u64,
        );
        (n > 0).then(|| {
            let (low, high) = wilson(yes, n);
            Self {
                of: n,
                share: yes as f64 / n as f64,
                interval: [low, high],
            }
        })
    }
}

/// The tests of many answers together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Faithfulness {
    /// Answers tested.
    pub tested: u64,
    /// Answers that could not be tested.
    pub left_out: u64,
    /// In which the joint deletion of the cited moved the answer further than the mean control.
    pub joint_beats_mean: Option<Share>,
    /// Further than every control.
    pub joint_beats_all: Option<Share>,
    /// In which the area under deletion is larger than the mean control's.
    pub deletion_beats: Option<Share>,
    /// In which the area under insertion is smaller.
    pub insertion_beats: Option<Share>,
    /// Mean curves: deletion of the cited and of the controls, insertion of both.
    pub curves: [Vec<f64>; 4],
}

impl Faithfulness {
    /// The summary of tests.
    pub fn of(tests: &[Option<Faithful>]) -> Self {
        let all: Vec<&Faithful> = tests.iter().flatten().collect();
        let over = |pairs: Vec<Option<[f64; 2]>>| {
            Share::of(
                pairs
                    .into_iter()
                    .flatten()
                    .map(|[own, control]| own > control),
            )
        };
        let of = |pairs: &dyn Fn(&Faithful) -> Option<[f64; 2]>| {
            all.iter().map(|one| pairs(one)).collect::<Vec<_>>()
        };
        let beats_all = all.iter().filter_map(|one| {
            let controls = one
                .deletion_controls
                .iter()
                .filter_map(|curve| curve.last());
            let most = controls.copied().max_by(f64::total_cmp)?;
            Some(*one.deletion.last()? > most)
        });
        let curve = |pick: &dyn Fn(&Faithful) -> Vec<Vec<f64>>| {
            mean_curve(&all.iter().flat_map(|one| pick(one)).collect::<Vec<_>>())
        };
        Self {
            tested: all.len() as u64,
            left_out: (tests.len() - all.len()) as u64,
            joint_beats_mean: over(of(&Faithful::joint)),
            joint_beats_all: Share::of(beats_all),
            deletion_beats: over(of(&Faithful::deletion_areas)),
            insertion_beats: over(of(&|one| {
                let [own, control] = one.insertion_areas()?;
                Some([-own, -control])
            })),
            curves: [
                curve(&|one| vec![one.deletion.clone()]),
                curve(&|one| one.deletion_controls.clone()),
                curve(&|one| one.insertion.clone().into_iter().collect()),
                curve(&|one| one.insertion_controls.clone()),
            ],
        }
    }
}

fn mean_curve(curves: &[Vec<f64>]) -> Vec<f64> {
    let steps = curves.iter().map(Vec::len).max().unwrap_or(0);
    let at = |step: usize| {
        mean(
            &curves
                .iter()
                .filter_map(|c| c.get(step).copied())
                .collect::<Vec<_>>(),
        )
    };
    (0..steps).map(at).collect()
}

#[cfg(test)]
mod tests;
