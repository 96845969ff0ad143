//! What an answer rests on: the change of the risk when events are taken out of the history and the
//! question is asked again. It is exact occlusion, the reference for every faster method; it says
//! what the model used, not what caused the outcome.
//!
//! Events of one code are taken out together, then single events of the strongest code. With and
//! without use the same random numbers, so that their difference is steady. A cheap screen (one
//! pass over the changed history, no futures) chooses which codes are asked about in full.

use crate::asking::contrast;
use crate::calibration::Calibration;
use crate::engine::{Asked, Engine, Question};
use crate::explain::sources;
use crate::risk::Scores;
use crate::sample::SampleOptions;
use crate::workers::Worker;
use crate::{Error, Result};
use longitude_core::{Code, Days, Evidence, Instant, Timeline};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Waits at which the screen looks, the middles of equal shares of the wait's law.
const SCREEN_WAITS: u32 = 8;

/// How far to look for evidence. The cost is one answer for each of at most
/// `groups_max + singles_max` changed histories, and one pass for each of `screened_max`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceOptions {
    /// Futures of each changed history; at most those of the answer itself.
    pub samples: u32,
    /// Codes that the screen looks at, those with the latest events first.
    pub screened_max: u32,
    /// Codes that are asked about in full, those that the screen finds strongest.
    pub groups_max: u32,
    /// Single events of the strongest code, the latest first, where it has several.
    pub singles_max: u32,
    /// The most items given for one answer.
    pub items_max: u32,
}

impl EvidenceOptions {
    /// Settings for research runs and the console: a screen of 64 codes, 8 in full with 32 futures
    /// each and 3 single events; the 8 strongest are given. About six times the cost of an answer.
    pub fn research() -> Self {
        Self {
            samples: 32,
            screened_max: 64,
            groups_max: 8,
            singles_max: 3,
            items_max: 8,
        }
    }
}

/// Events of one code that are taken out together, by their index in the timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Group {
    code: Code,
    events: Vec<usize>,
}

/// The effect of one group on each task.
struct Effects {
    group: Group,
    /// Effect and standard error, a task each.
    tasks: Vec<(f64, f64)>,
}

impl Effects {
    fn largest(&self) -> f64 {
        self.tasks.iter().map(|(e, _)| e.abs()).fold(0.0, f64::max)
    }
}

impl Engine {
    /// The evidence of each task; `base` are the tallies of the answers themselves.
    pub(crate) fn evidence(
        &self,
        asked: &Asked<'_>,
        questions: &[&Question],
        (base, sampling): (&[Scores], &SampleOptions),
        options: &EvidenceOptions,
    ) -> Result<Vec<Vec<Evidence>>> {
        let sampling = SampleOptions {
            samples: options.samples.clamp(1, sampling.samples),
            ..*sampling
        };
        let base: Vec<Scores> = base.iter().map(|s| s.first(sampling.samples)).collect();
        let groups = groups(asked, options.screened_max as usize);
        let chosen = self.screen(asked, (questions, &sampling), groups, options)?;
        let effects = |groups| self.effects(asked, (questions, &sampling), &base, groups);
        let mut found = effects(chosen)?;
        found.sort_by(|a, b| b.largest().total_cmp(&a.largest()));
        let singles = found.first().map(|strongest| {
            let latest = strongest.group.events.iter().rev();
            let single = |event: &usize| Group {
                code: strongest.group.code.clone(),
                events: vec![*event],
            };
            latest
                .take(options.singles_max as usize)
                .map(single)
                .collect()
        });
        let several = found.first().is_some_and(|s| s.group.events.len() > 1);
        found.extend(effects(singles.filter(|_| several).unwrap_or_default())?);
        let of_task = |task| list(asked.timeline, &found, task, options.items_max as usize);
        Ok((0..questions.len()).map(of_task).collect())
    }

    /// The groups that move the hazard of any outcome most at the very next step.
    fn screen(
        &self,
        asked: &Asked<'_>,
        (questions, sampling): (&[&Question], &SampleOptions),
        groups: Vec<Group>,
        options: &EvidenceOptions,
    ) -> Result<Vec<Group>> {
        let full = options.groups_max as usize;
        if groups.len() <= full {
            return Ok(groups);
        }
        let events: Vec<_> = groups.iter().map(|group| group.events.clone()).collect();
        let moved = self.moved(asked, (questions, sampling), &events)?;
        let mut ranked: Vec<(f64, Group)> = moved.into_iter().zip(groups).collect();
        // A stable sort: among equals the order of the groups stands.
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
        ranked.truncate(full);
        Ok(ranked.into_iter().map(|(_, group)| group).collect())
    }

    /// How far the removal of each set of events moves the logarithm of the hazard of any outcome
    /// over the next step.
    pub(crate) fn moved(
        &self,
        asked: &Asked<'_>,
        (questions, sampling): (&[&Question], &SampleOptions),
        sets: &[Vec<usize>],
    ) -> Result<Vec<f64>> {
        let hazards = self.workers().each(sets.len() + 1, |worker, index| {
            // The last job is the history as it is.
            let changed = without(asked, sets.get(index).map_or(&[][..], |set| set));
            self.next_hazards(worker, &changed, (questions, sampling), asked.at)
        })?;
        let Some((base, changed)) = hazards.split_last() else {
            return Ok(Vec::new());
        };
        let moved = |hazards: &Vec<f64>| {
            let pairs = hazards.iter().zip(base);
            pairs.map(|(h, b)| (h - b).abs()).fold(0.0, f64::max)
        };
        Ok(changed.iter().map(moved).collect())
    }

    /// For each task the logarithm of the outcome's hazard over the next step: its probability
    /// there over the days until it, within the horizon.
    fn next_hazards(
        &self,
        worker: &Worker<'_>,
        changed: &Timeline,
        (questions, sampling): (&[&Question], &SampleOptions),
        at: Instant,
    ) -> Result<Vec<f64>> {
        let asked = Asked {
            timeline: changed,
            at,
        };
        let history = match self.history(&asked, sampling) {
            Err(Error::EmptyHistory) => return Ok(vec![f64::NEG_INFINITY; questions.len()]),
            other => other?,
        };
        let decoder = worker.decoder;
        let hidden = decoder.hidden_last(&[&history.inputs])?;
        let mut law = Vec::new();
        decoder.wait(&hidden, &mut law);
        let elapsed = Days::from_micros(at.0.saturating_sub(history.start.last_us).max(0)).0;
        let share = |k: u32| (f64::from(k) + 0.5) / f64::from(SCREEN_WAITS);
        let wait = |k| decoder.wait_law(&law).sample(share(k), Some(elapsed));
        // A wait without end is one beyond every horizon; the code's law asks for a number.
        let waits: Vec<f64> = (0..SCREEN_WAITS).map(|k| wait(k).min(1e6)).collect();
        let mut codes = Vec::new();
        decoder.codes(&hidden.repeat(waits.len()), &waits, &mut codes);
        let hazard = |question: &&Question| {
            let horizon = question.outcome.horizon.0;
            let (mut outcome, mut days) = (0.0, 0.0);
            for (wait, row) in waits
                .iter()
                .zip(codes.chunks_exact(self.vocabulary().len()))
            {
                let ahead = wait - elapsed;
                days += ahead.clamp(0.0, horizon);
                if ahead <= horizon {
                    let members = question.outcome.ids().filter_map(|id| row.get(id as usize));
                    outcome += members.map(|p| f64::from(*p)).sum::<f64>();
                }
            }
            (outcome.max(1e-12) / days.max(1e-6)).ln()
        };
        Ok(questions.iter().map(hazard).collect())
    }

    /// Asks again without each group.
    fn effects(
        &self,
        asked: &Asked<'_>,
        (questions, sampling): (&[&Question], &SampleOptions),
        base: &[Scores],
        groups: Vec<Group>,
    ) -> Result<Vec<Effects>> {
        let tallied = self.workers().each(groups.len(), |worker, index| {
            let changed = without(asked, &groups[index].events);
            let changed = Asked {
                timeline: &changed,
                at: asked.at,
            };
            match self.scores(worker, &changed, questions, sampling) {
                // Nothing is left to answer from: there is no risk without these events.
                Err(Error::EmptyHistory) => Ok(None),
                other => other.map(Some),
            }
        })?;
        let each = |(group, scores): (Group, Option<Vec<Scores>>)| {
            let pairs = base.iter().zip(scores?).zip(questions);
            let tasks = pairs.map(|((with, without), question)| {
                effect(with, &without, self.calibration(&question.id))
            });
            Some(Effects {
                group,
                tasks: tasks.collect(),
            })
        };
        Ok(groups.into_iter().zip(tallied).filter_map(each).collect())
    }
}

/// The effect on the calibrated scale and its standard error over paired futures.
fn effect(with: &Scores, without: &Scores, calibration: &Calibration) -> (f64, f64) {
    let found = contrast((&with.mixed(), &without.mixed()), calibration);
    (found.risk, found.standard_error)
}

/// The events of the history by code, birth apart, those with the latest events first.
fn groups(asked: &Asked<'_>, groups_max: usize) -> Vec<Group> {
    let mut by_code: BTreeMap<&Code, Vec<usize>> = BTreeMap::new();
    let history = asked.timeline.history(asked.at);
    for (index, event) in history.iter().enumerate() {
        if !event.code.is_birth() {
            by_code.entry(&event.code).or_default().push(index);
        }
    }
    let group = |(code, events): (&Code, Vec<usize>)| Group {
        code: code.clone(),
        events,
    };
    let mut groups: Vec<Group> = by_code.into_iter().map(group).collect();
    groups.sort_by(|a, b| b.events.last().cmp(&a.events.last()));
    groups.truncate(groups_max);
    groups
}

/// The history without some of its events, by their ascending indices.
pub(crate) fn without(asked: &Asked<'_>, removed: &[usize]) -> Timeline {
    let history = asked.timeline.history(asked.at).iter().enumerate();
    let kept = history.filter(|(index, _)| removed.binary_search(index).is_err());
    let kept = kept.map(|(_, event)| event.clone()).collect();
    let timeline = asked.timeline;
    Timeline::new(timeline.subject(), kept, timeline.observation())
}

/// One task's evidence, strongest first; among equals the earlier event first.
fn list(timeline: &Timeline, found: &[Effects], task: usize, items_max: usize) -> Vec<Evidence> {
    let mut order: Vec<&Effects> = found.iter().collect();
    order.sort_by(|a, b| {
        let (x, y) = (a.tasks[task].0.abs(), b.tasks[task].0.abs());
        y.total_cmp(&x)
            .then_with(|| a.group.events.cmp(&b.group.events))
    });
    let item = |found: &&Effects| Evidence {
        code: found.group.code.clone(),
        effect: found.tasks[task].0,
        standard_error: found.tasks[task].1,
        sources: sources(timeline, &found.group.events),
    };
    order.iter().take(items_max).map(item).collect()
}

#[cfg(test)]
mod tests;
