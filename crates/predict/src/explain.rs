//! What an answer rests on, in full: occlusion of single events, codes, groups of codes and
//! encounters; what carries the answer jointly; and what only stands in for something else.
//!
//! - Alone: the risk with the events minus the risk without them.
//! - Jointly: codes are taken out one after another, each time the one that moves the answer
//!   furthest from where it stood (greedy deletion). What stands first need not be first alone.
//! - Redundant: pairs whose removal together moves the answer more than the two apart. Each of them
//!   looks weak alone, for the other stands in for it.
//!
//! It is exact for the query head; for sampled futures every figure carries its Monte Carlo error.
//! It says what the model used, not what caused the outcome. Where the number of versions is
//! limited, the latest events go first, and what was left out is counted.

use crate::asking::{Asker, Contrast, Draws, Way};
use crate::engine::{Asked, Engine};
use crate::evidence::without;
use crate::risk::standard_error_of;
use crate::targets::Target;
use crate::{Error, Result};
use longitude_core::{Code, EncounterId, EvidenceSource, Task, Timeline};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How many standard errors the excess of a pair must stand above zero: one in a thousand by
/// chance, for lists of some dozen pairs.
const EXCESS_ERRORS: f64 = 3.1;
/// The smallest excess of a pair on the scale of risk: a tenth of a per cent changes no decision.
const EXCESS_MIN: f64 = 1e-3;

/// How far to look. The cost is one answer a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExplainOptions {
    /// Units of each kind, those with the latest events first.
    pub units_max: u32,
    /// Of these, how many of each kind are asked by sampled futures: those that move the query head
    /// or, without one, the hazard of the next event most. The query head is asked about all.
    pub sampled_max: u32,
    /// The most units of each kind that are listed.
    pub items_max: u32,
    /// Steps of the joint deletion.
    pub joint_max: u32,
    /// Codes that each of these steps chooses among, the strongest alone.
    pub candidates_max: u32,
    /// Pairs that are looked at.
    pub pairs_max: u32,
}

impl ExplainOptions {
    /// For research runs: 512 units of each kind (about the context of the small models) and 12 of
    /// them by sampled futures, 8 listed, 5 joint steps among 12 codes, 66 pairs (all of 12 codes).
    pub fn research() -> Self {
        Self {
            units_max: 512,
            sampled_max: 12,
            items_max: 8,
            joint_max: 5,
            candidates_max: 12,
            pairs_max: 66,
        }
    }
}

/// What is taken out together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// One event.
    Event,
    /// All events of one code.
    Code,
    /// All events of one category of the vocabulary's hierarchy, where at least two codes of it
    /// are in the history.
    Group,
    /// All events of one encounter.
    Encounter,
}

/// Events that were taken out together, and what it changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cited {
    /// What they have in common.
    pub unit: Unit,
    /// The code in MEDS's form, the group's name, or the encounter's pseudonym.
    pub name: String,
    /// The answer with them minus the answer without them: positive raises the risk.
    pub effect: Contrast,
    /// The events and their source records.
    pub sources: Vec<EvidenceSource>,
}

/// Two codes of which one stands in for the other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Redundant {
    /// The two, in MEDS's form.
    pub codes: [String; 2],
    /// What each changes alone.
    pub alone: [Contrast; 2],
    /// What both change together.
    pub joint: Contrast,
    /// The joint change of the risk less the sum of the two.
    pub excess: f64,
    /// Its Monte Carlo standard error; 0 for the query head.
    pub standard_error: f64,
}

/// What one task's answer rests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// The task's id.
    pub task: String,
    /// How it was asked.
    pub way: Way,
    /// The answer.
    pub risk: f64,
    /// Its Monte Carlo standard error; 0 for the query head.
    pub standard_error: f64,
    /// The strongest of each kind, by the size of the effect.
    pub alone: BTreeMap<Unit, Vec<Cited>>,
    /// The joint deletion: what was taken out at each step, and the change by all so far.
    pub joint: Vec<Cited>,
    /// Pairs that stand in for one another, the largest excess first.
    pub redundant: Vec<Redundant>,
    /// Units that were not asked about.
    pub left_out: u64,
}

/// Units by kind, and the distinct sets of events among them, each asked once.
pub(crate) struct Units {
    pub(crate) all: Vec<One>,
    sets: Vec<Vec<usize>>,
    left_out: u64,
}

/// One unit.
pub(crate) struct One {
    pub(crate) unit: Unit,
    pub(crate) name: String,
    pub(crate) set: usize,
}

impl Engine {
    /// What the answers to tasks rest on, in their order.
    ///
    /// # Errors
    /// [`Error::EmptyHistory`], [`Error::UnknownOutcome`], [`Error::NoQueryHead`] for that way
    /// without such a head, and when the model refuses an input.
    pub fn explain(
        &self,
        asked: &Asked<'_>,
        (tasks, way): (&[Task], Way),
        options: &ExplainOptions,
    ) -> Result<Vec<Explanation>> {
        if way == Way::QueryHead && !self.has_queries() {
            return Err(Error::NoQueryHead);
        }
        let asker = Asker::of_tasks(self, asked.at, tasks, way)?;
        let mut units = Units::of(self, asked, options.units_max as usize);
        if let Way::Sampled(sampling) = way {
            let strengths = if self.has_queries() {
                let screen = Asker::of_tasks(self, asked.at, tasks, Way::QueryHead)?;
                Occluded::new(&screen, asked, &units)?.strengths()
            } else {
                let questions = self.questions(tasks);
                let all: Vec<_> = questions.iter().collect();
                self.moved(asked, (&all, &sampling), &units.sets)?
            };
            units.keep(&strengths, options.sampled_max as usize);
        }
        let occluded = Occluded::new(&asker, asked, &units)?;
        let one = |(place, task): (usize, &Task)| {
            let (risk, standard_error) = asker.risk(place, &occluded.base[place]);
            let ranked = occluded.ranked(place, &units, Unit::Code);
            let first = |n: u32| &ranked[..ranked.len().min(n as usize)];
            Ok(Explanation {
                task: task.id.clone(),
                way,
                risk,
                standard_error,
                alone: occluded.alone(place, &units, options.items_max as usize),
                joint: occluded.joint(
                    place,
                    &units,
                    (first(options.candidates_max), options.joint_max as usize),
                )?,
                redundant: occluded.redundant(place, &units, (&ranked, options))?,
                left_out: units.left_out,
            })
        };
        tasks.iter().enumerate().map(one).collect()
    }

    /// For each target of a forecast the codes that its risk within a horizon rests on, the
    /// strongest first, by the query head.
    ///
    /// # Errors
    /// As [`Engine::explain`].
    pub fn target_evidence(
        &self,
        asked: &Asked<'_>,
        (targets, horizon_days): (&[&Target], f64),
        options: &ExplainOptions,
    ) -> Result<Vec<Vec<Cited>>> {
        if !self.has_queries() {
            return Err(Error::NoQueryHead);
        }
        let asker = Asker::of_targets(self, asked.at, targets, horizon_days);
        let mut units = Units::of(self, asked, options.units_max as usize);
        units.only(Unit::Code);
        let occluded = Occluded::new(&asker, asked, &units)?;
        let items_max = options.items_max as usize;
        let list = |place| {
            let mut alone = occluded.alone(place, &units, items_max);
            alone.remove(&Unit::Code).unwrap_or_default()
        };
        Ok((0..targets.len()).map(list).collect())
    }
}

impl Units {
    /// The units of a history, birth apart.
    pub(crate) fn of(engine: &Engine, asked: &Asked<'_>, units_max: usize) -> Self {
        let vocabulary = engine.vocabulary();
        let mut by_code: BTreeMap<&Code, Vec<usize>> = BTreeMap::new();
        let mut by_group: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        let mut by_encounter: BTreeMap<EncounterId, Vec<usize>> = BTreeMap::new();
        let history = asked.timeline.history(asked.at);
        let counted = history.iter().enumerate();
        for (index, event) in counted.filter(|(_, event)| !event.code.is_birth()) {
            by_code.entry(&event.code).or_default().push(index);
            let category = vocabulary.groups(vocabulary.id(&event.code))[1];
            if let Some(name) = vocabulary.group_name(category) {
                by_group.entry(name).or_default().push(index);
            }
            if let Some(encounter) = event.encounter {
                by_encounter.entry(encounter).or_default().push(index);
            }
        }
        let several = |events: &Vec<usize>| {
            let first = events.first().map(|index| &history[*index].code);
            let mut rest = events.iter();
            rest.any(|index| Some(&history[*index].code) != first)
        };
        by_group.retain(|_, events| several(events));
        by_encounter.retain(|_, events| events.len() > 1);
        let mut kinds: BTreeMap<Unit, Vec<(String, Vec<usize>)>> = BTreeMap::new();
        let events = by_code.iter().flat_map(|(code, events)| {
            let one = |index: &usize| (code.to_meds().into_owned(), vec![*index]);
            events.iter().map(one).collect::<Vec<_>>()
        });
        kinds.insert(Unit::Event, events.collect());
        let named = |(name, events): (String, Vec<usize>)| (name, events);
        let codes = by_code.into_iter();
        let codes = codes.map(|(code, events)| (code.to_meds().into_owned(), events));
        kinds.insert(Unit::Code, codes.map(named).collect());
        let groups = by_group.into_iter();
        let groups = groups.map(|(name, events)| (name.to_owned(), events));
        kinds.insert(Unit::Group, groups.collect());
        let encounters = by_encounter.into_iter();
        let encounters = encounters.map(|(id, events)| (id.to_string(), events));
        kinds.insert(Unit::Encounter, encounters.collect());
        Self::distinct(kinds, units_max)
    }

    fn distinct(kinds: BTreeMap<Unit, Vec<(String, Vec<usize>)>>, units_max: usize) -> Self {
        let mut known: BTreeMap<Vec<usize>, usize> = BTreeMap::new();
        let (mut units, mut sets, mut left_out) = (Vec::new(), Vec::new(), 0);
        for (unit, mut all) in kinds {
            all.sort_by(|a, b| b.1.last().cmp(&a.1.last()));
            left_out += all.len().saturating_sub(units_max) as u64;
            for (name, events) in all.into_iter().take(units_max) {
                let set = *known.entry(events).or_insert_with_key(|events| {
                    sets.push(events.clone());
                    sets.len() - 1
                });
                units.push(One { unit, name, set });
            }
        }
        Self {
            all: units,
            sets,
            left_out,
        }
    }

    /// Drops the units of other kinds, and the sets that nobody needs any more.
    pub(crate) fn only(&mut self, unit: Unit) {
        self.all.retain(|one| one.unit == unit);
        self.tidy();
    }

    /// Keeps the strongest of each kind.
    fn keep(&mut self, strengths: &[f64], max: usize) {
        let mut order: Vec<usize> = (0..self.all.len()).collect();
        let strength = |place: usize| strengths[self.all[place].set];
        order.sort_by(|a, b| strength(*b).total_cmp(&strength(*a)));
        let mut kept = vec![false; self.all.len()];
        let mut counts: BTreeMap<Unit, usize> = BTreeMap::new();
        for place in order {
            let count = counts.entry(self.all[place].unit).or_default();
            kept[place] = *count < max;
            *count += 1;
        }
        let before = self.all.len();
        let mut place = 0;
        self.all.retain(|_| {
            place += 1;
            kept[place - 1]
        });
        self.left_out += (before - self.all.len()) as u64;
        self.tidy();
    }

    fn tidy(&mut self) {
        let mut new: BTreeMap<usize, usize> = BTreeMap::new();
        for one in &mut self.all {
            let next = new.len();
            one.set = *new.entry(one.set).or_insert(next);
        }
        let mut sets = vec![Vec::new(); new.len()];
        for (old, new) in new {
            sets[new] = std::mem::take(&mut self.sets[old]);
        }
        self.sets = sets;
    }

    /// The events of a unit.
    pub(crate) fn events(&self, place: usize) -> &[usize] {
        &self.sets[self.all[place].set]
    }
}

/// A history with its answers, and the answers without each set of events.
pub(crate) struct Occluded<'a> {
    asker: &'a Asker<'a>,
    asked: &'a Asked<'a>,
    pub(crate) base: Vec<Draws>,
    without: Vec<Option<Vec<Draws>>>,
}

impl<'a> Occluded<'a> {
    pub(crate) fn new(asker: &'a Asker<'a>, asked: &'a Asked<'a>, units: &Units) -> Result<Self> {
        let sets = &units.sets;
        // The last version is the history as it is.
        let version = |index: usize| without(asked, sets.get(index).map_or(&[][..], |set| set));
        let mut answers = asker.ask(sets.len() + 1, version)?;
        let base = answers.pop().flatten().ok_or(Error::EmptyHistory)?;
        Ok(Self {
            asker,
            asked,
            base,
            without: answers,
        })
    }

    /// The effect of a set on a question; none where nothing is left without it.
    pub(crate) fn effect(&self, question: usize, set: usize) -> Option<Contrast> {
        let without = &self.without[set].as_ref()?[question];
        Some(self.less(question, without))
    }

    fn less(&self, question: usize, without: &Draws) -> Contrast {
        self.asker
            .contrast(question, (&self.base[question], without))
    }

    /// The largest effect of each set on any question, on the scale of logits.
    fn strengths(&self) -> Vec<f64> {
        let of = |set| {
            let effects = (0..self.asker.len()).filter_map(|q| self.effect(q, set)?.log_odds);
            effects.map(f64::abs).fold(0.0, f64::max)
        };
        (0..self.without.len()).map(of).collect()
    }

    /// The units of one kind by the size of their effect; among equals the one named first.
    pub(crate) fn ranked(&self, question: usize, units: &Units, unit: Unit) -> Vec<usize> {
        let of = |place: &usize| {
            let effect = self.effect(question, units.all[*place].set);
            effect.map(|effect| effect.risk.abs())
        };
        let all = (0..units.all.len()).filter(|place| units.all[*place].unit == unit);
        let mut all: Vec<(usize, f64)> = all.filter_map(|p| Some((p, of(&p)?))).collect();
        all.sort_by(|a, b| b.1.total_cmp(&a.1));
        all.into_iter().map(|(place, _)| place).collect()
    }

    fn alone(
        &self,
        question: usize,
        units: &Units,
        items_max: usize,
    ) -> BTreeMap<Unit, Vec<Cited>> {
        let kinds = [Unit::Event, Unit::Code, Unit::Group, Unit::Encounter];
        let list = |unit| {
            let ranked = self.ranked(question, units, unit).into_iter();
            let cite = |place: usize| {
                let effect = self.effect(question, units.all[place].set)?;
                Some(cited(self.asked.timeline, units, place, effect))
            };
            let cited: Vec<Cited> = ranked.take(items_max).filter_map(cite).collect();
            (unit, cited)
        };
        kinds.map(list).into_iter().collect()
    }

    fn joint(
        &self,
        question: usize,
        units: &Units,
        candidates: (&[usize], usize),
    ) -> Result<Vec<Cited>> {
        let places = self.joint_places(question, units, candidates)?.into_iter();
        let cite = |(place, effect)| cited(self.asked.timeline, units, place, effect);
        Ok(places.map(cite).collect())
    }

    /// Greedy deletion among candidates: at each step the code that moves the answer furthest, and
    /// the effect of all so far.
    pub(crate) fn joint_places(
        &self,
        question: usize,
        units: &Units,
        (candidates, steps): (&[usize], usize),
    ) -> Result<Vec<(usize, Contrast)>> {
        let mut left = candidates.to_vec();
        let (mut gone, mut taken) = (Vec::new(), Vec::new());
        while taken.len() < steps && !left.is_empty() {
            let unions = left.iter().map(|place| union(&gone, units.events(*place)));
            let unions: Vec<Vec<usize>> = unions.collect();
            let effects = self.effects_of(question, &unions)?;
            let size = |effect: &Option<Contrast>| effect.map_or(-1.0, |e| e.risk.abs());
            let mut best: Option<usize> = None;
            for (index, effect) in effects.iter().enumerate() {
                if best.is_none_or(|best| size(effect) > size(&effects[best])) {
                    best = Some(index);
                }
            }
            let best = best.and_then(|index| Some((index, effects[index]?)));
            let Some((index, effect)) = best else { break };
            gone.clone_from(&unions[index]);
            taken.push((left.remove(index), effect));
        }
        Ok(taken)
    }

    /// The effects of further sets.
    pub(crate) fn effects_of(
        &self,
        question: usize,
        sets: &[Vec<usize>],
    ) -> Result<Vec<Option<Contrast>>> {
        let answers = self
            .asker
            .ask(sets.len(), |index| without(self.asked, &sets[index]))?;
        let effect = |answer: Option<Vec<Draws>>| Some(self.less(question, &answer?[question]));
        Ok(answers.into_iter().map(effect).collect())
    }

    /// Pairs among the strongest codes, and among codes of one category.
    fn redundant(
        &self,
        question: usize,
        units: &Units,
        (ranked, options): (&[usize], &ExplainOptions),
    ) -> Result<Vec<Redundant>> {
        let strongest = &ranked[..ranked.len().min(options.candidates_max as usize)];
        let mut pairs: Vec<[usize; 2]> = Vec::new();
        for (at, one) in strongest.iter().enumerate() {
            pairs.extend(strongest[at + 1..].iter().map(|other| [*one, *other]));
        }
        pairs.truncate(options.pairs_max as usize);
        let unions = pairs.iter();
        let unions = unions.map(|[a, b]| union(units.events(*a), units.events(*b)));
        let unions: Vec<Vec<usize>> = unions.collect();
        let answers = self
            .asker
            .ask(unions.len(), |index| without(self.asked, &unions[index]))?;
        let mut found: Vec<Redundant> = pairs
            .iter()
            .zip(answers)
            .filter_map(|(pair, both)| self.pair(question, units, (pair, &both?[question])))
            .collect();
        found.sort_by(|a, b| b.excess.abs().total_cmp(&a.excess.abs()));
        found.truncate(options.items_max as usize);
        Ok(found)
    }

    fn pair(
        &self,
        question: usize,
        units: &Units,
        (pair, both): (&[usize; 2], &Draws),
    ) -> Option<Redundant> {
        let sets = pair.map(|place| units.all[place].set);
        let [one, other] = sets.map(|set| self.without[set].as_ref());
        let (one, other) = (&one?[question], &other?[question]);
        let alone = [self.less(question, one), self.less(question, other)];
        let joint = self.less(question, both);
        let excess = joint.risk - alone[0].risk - alone[1].risk;
        // On the scale of the estimates: with - both - (with - one) - (with - other).
        let draws = self.base[question].iter().zip(one).zip(other).zip(both);
        let draws: Vec<f64> = draws
            .map(|(((with, one), other), both)| one + other - with - both)
            .collect();
        let standard_error = standard_error_of(&draws);
        let apart = alone[0].risk.abs() + alone[1].risk.abs();
        let stands_in = excess * joint.risk > 0.0 && joint.risk.abs() > apart;
        let clear = excess.abs() > EXCESS_MIN.max(EXCESS_ERRORS * standard_error);
        (stands_in && clear).then(|| Redundant {
            codes: pair.map(|place| units.all[place].name.clone()),
            alone,
            joint,
            excess,
            standard_error,
        })
    }
}

fn cited(timeline: &Timeline, units: &Units, place: usize, effect: Contrast) -> Cited {
    let one = &units.all[place];
    Cited {
        unit: one.unit,
        name: one.name.clone(),
        effect,
        sources: sources(timeline, units.events(place)),
    }
}

/// Events by index with their source records.
pub(crate) fn sources(timeline: &Timeline, events: &[usize]) -> Vec<EvidenceSource> {
    let source = |index: &usize| {
        let event = &timeline.events()[*index];
        let number = u32::try_from(*index).unwrap_or(u32::MAX);
        EvidenceSource::new(number, event.time, &event.origin)
    };
    events.iter().map(source).collect()
}

/// Two ascending lists of indices as one.
pub(crate) fn union(a: &[usize], b: &[usize]) -> Vec<usize> {
    let mut all = [a, b].concat();
    all.sort_unstable();
    all.dedup();
    all
}

#[cfg(test)]
mod tests;
