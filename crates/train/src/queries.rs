//! Random questions with the answers that the records give, for the query head.
//!
//! - Index times: a share of the scored positions, at their event or later. The time that passes
//!   since the event is drawn first, from a law of its own, and the question is put only where no
//!   event came within it: so that being asked says no more than that none came. (A time drawn
//!   inside the gap would say how long the gap is.) Of events at one time only the last is asked
//!   after, as a prediction at that time sees them all.
//! - What is asked for is drawn without a look at the subject, else the answers would be wrong in
//!   the large: a code by the square root of its count, all codes below one of the hierarchy, a
//!   union of codes, a code with its value above or below a bin, death.
//! - What ends the wait: death, unless it is asked for; at times other codes too.
//! - The answer: whatever comes first in the subject's whole timeline, not only in the window. The
//!   end of observation censors.
//!
//! All of it depends on the seed, the epoch and the window alone.

use crate::data::TrainData;
use crate::loader::SplitMix;
use crate::options::Options;
use crate::sequences::{Sequence, Window, days};
use longitude_model::{Answer, Atom, Batch, Query, Question};
use longitude_tokens::{Next, UNKNOWN, Vocabulary, ancestors};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The most codes of a family that is asked for in training.
const FAMILY_MAX: usize = 256;
/// The most codes of a union.
const UNION_MAX: u64 = 8;
/// Bounds in days of a time that passes after an event.
const ELAPSED_DAYS: [f64; 2] = [1.0 / 24.0, 5.0 * 365.25];
const MICROS_PER_DAY: f64 = 86_400e6;

/// A question that is known beforehand, put beside the random ones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownQuestion {
    /// Ids of the codes that are asked for.
    pub predicate: Vec<u32>,
    /// Ids of the codes that end the wait for them; none of the predicate's.
    pub competing: Vec<u32>,
}

/// How many questions, and what they weigh.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueryOptions {
    /// What a question's nat weighs beside an event's in the gradient.
    pub weight: f64,
    /// The share of scored positions that are asked after.
    pub position_share: f64,
    /// Questions at each of them.
    pub per_position: u32,
    /// Questions that the model is made for.
    #[serde(default)]
    pub known: Vec<KnownQuestion>,
    /// The share of questions that are drawn from them, where there are any.
    #[serde(default)]
    pub known_share: f64,
}

impl Default for QueryOptions {
    /// Eight questions at every sixteenth position, with a weight of one.
    fn default() -> Self {
        Self {
            weight: 1.0,
            position_share: 1.0 / 16.0,
            per_position: 8,
            known: Vec::new(),
            known_share: 0.0,
        }
    }
}

impl QueryOptions {
    pub(crate) fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

/// What may be asked for, with its cumulated weight.
struct Choices<T>(Vec<(f64, T)>);

impl<T> Choices<T> {
    fn new(weighted: impl IntoIterator<Item = (f64, T)>) -> Self {
        let mut sum = 0.0;
        let cumulated = weighted.into_iter().map(|(weight, one)| {
            sum += weight;
            (sum, one)
        });
        Self(cumulated.collect())
    }

    fn draw(&self, random: &mut SplitMix) -> Option<&T> {
        let point = uniform(random) * self.0.last()?.0;
        let index = self.0.partition_point(|(sum, _)| *sum <= point);
        self.0.get(index).or(self.0.last()).map(|(_, one)| one)
    }
}

/// The law of questions of one vocabulary.
pub(crate) struct Asker {
    codes: Choices<u32>,
    valued: Choices<(u32, u16)>,
    families: Choices<Arc<[Atom]>>,
    known: Vec<[Arc<[Atom]>; 2]>,
    death: u32,
    edges_days: Vec<f32>,
    options: QueryOptions,
    /// For each code the side that it counts for and the bins, `[V]`.
    marks: Vec<Mark>,
}

#[derive(Clone, Copy)]
struct Mark {
    side: Side,
    atom: Atom,
}

#[derive(Clone, Copy, PartialEq)]
enum Side {
    Neither,
    Predicate,
    Competing,
}

impl Asker {
    /// Of a vocabulary, whose counts come from training, and the edges of a model's query head.
    pub(crate) fn new(vocabulary: &Vocabulary, edges_days: &[f32], options: &QueryOptions) -> Self {
        let logs = vocabulary.marginals().code_log_share;
        let root = |id: u32| {
            logs.get(id as usize)
                .map_or(0.0, |log| f64::from(log / 2.0).exp())
        };
        // Half an event is added to each count: what was never scored is not asked for.
        let rare = logs
            .get(1..)
            .unwrap_or_default()
            .iter()
            .copied()
            .fold(f32::MAX, f32::min);
        let counted = |id: &u32| logs.get(*id as usize).is_some_and(|log| *log > rare);
        let ids: Vec<u32> = (UNKNOWN + 1..)
            .take(vocabulary.len().saturating_sub(2))
            .collect();
        let ids: Vec<u32> = ids.into_iter().filter(counted).collect();
        let valued = ids.iter().filter_map(|id| {
            let bins = vocabulary.bins_of(*id)?.len();
            (bins > 1).then_some((root(*id), (*id, bins)))
        });
        let families = families(vocabulary, &ids).into_iter().map(|members| {
            let squares: f64 = members.iter().map(|id| root(*id).powi(2)).sum();
            let atoms: Arc<[Atom]> = members.into_iter().map(Atom::code).collect();
            (squares.sqrt(), atoms)
        });
        let mark = |code| Mark {
            side: Side::Neither,
            atom: Atom::code(code),
        };
        Self {
            valued: Choices::new(valued),
            families: Choices::new(families),
            codes: Choices::new(ids.iter().map(|id| (root(*id), *id))),
            known: options.known.iter().map(sides).collect(),
            death: vocabulary.death_id(),
            edges_days: edges_days.to_vec(),
            options: options.clone(),
            marks: (0..).take(vocabulary.len()).map(mark).collect(),
        }
    }

    /// That of a training, where its model has a query head.
    pub(crate) fn of(data: &TrainData, options: &Options) -> Option<Self> {
        let edges = &options.config.query_edges_days;
        let asker = || Self::new(data.vocabulary(), edges, &options.queries);
        options.config.has_queries().then(asker)
    }

    /// Puts questions to a window that has just been added to a batch, whose positions began at
    /// `base`: new ones each epoch.
    pub(crate) fn ask(
        &mut self,
        (seed, epoch): (u64, u64),
        (window, sequence): (&Window, &Sequence<'_>),
        (base, batch): (usize, &mut Batch),
    ) -> Result<(), longitude_model::Error> {
        let mut random = keyed([
            seed,
            epoch,
            u64::from(window.subject),
            u64::from(window.begin),
        ]);
        let mut queries = Vec::new();
        for position in window.scored_from as usize..window.end as usize {
            let asked = uniform(&mut random) < self.options.position_share;
            let Some(index_us) = asked
                .then(|| index_time(sequence, position, &mut random))
                .flatten()
            else {
                continue;
            };
            let place = base + window.lead as usize + position - window.begin as usize;
            let elapsed_days = days(index_us - sequence.time_us[position]);
            for _ in 0..self.options.per_position {
                let Some(question) = self.question(elapsed_days, &mut random) else {
                    continue;
                };
                queries.push(Query {
                    position: u32::try_from(place).unwrap_or(u32::MAX),
                    answer: self.answer(sequence, (position, index_us), &question),
                    question,
                });
            }
        }
        batch.ask(queries)
    }

    fn question(&self, elapsed_days: f64, random: &mut SplitMix) -> Option<Question> {
        if !self.known.is_empty() && uniform(random) < self.options.known_share {
            let [predicate, competing] = &self.known[random.below(self.known.len() as u64)];
            return Some(Question {
                elapsed_days,
                predicate: Arc::clone(predicate),
                competing: Arc::clone(competing),
            });
        }
        let predicate = self.predicate(random)?;
        let others = if random.below(5) == 0 {
            1 + random.below(4)
        } else {
            0
        };
        let mut competing: BTreeSet<u32> = (0..others)
            .filter_map(|_| self.codes.draw(random).copied())
            .collect();
        competing.insert(self.death);
        for atom in &*predicate {
            competing.remove(&atom.code);
        }
        Some(Question {
            elapsed_days,
            predicate,
            competing: competing.into_iter().map(Atom::code).collect(),
        })
    }

    fn predicate(&self, random: &mut SplitMix) -> Option<Arc<[Atom]>> {
        let code = |random: &mut SplitMix| {
            let code = self.codes.draw(random)?;
            Some([Atom::code(*code)].into())
        };
        match random.below(100) {
            0..8 => Some([Atom::code(self.death)].into()),
            8..28 => self.families.draw(random).cloned().or_else(|| code(random)),
            28..43 => {
                let wanted = 2 + random.below(UNION_MAX - 1);
                let drawn = (0..wanted).filter_map(|_| self.codes.draw(random).copied());
                let union: BTreeSet<u32> = drawn.collect();
                (!union.is_empty()).then(|| union.into_iter().map(Atom::code).collect())
            }
            43..55 => match self.valued.draw(random) {
                Some((id, bins)) => Some([bounded(*id, *bins, random)].into()),
                None => code(random),
            },
            _ => code(random),
        }
    }

    /// What the record says after an index time that lies after `position` and before the next.
    fn answer(
        &mut self,
        sequence: &Sequence<'_>,
        (position, index_us): (usize, i64),
        question: &Question,
    ) -> Answer {
        self.mark(question, Side::Predicate, Side::Competing);
        let until = sequence.scored.until.min(sequence.time_us.len());
        let horizon = self.edges_days.last().copied().map_or(0.0, f64::from);
        let after = |time: i64| days(time - index_us);
        let (mut competing, mut answer) = (None, None);
        for next in position + 1..until {
            let now = after(sequence.time_us[next]);
            if now > horizon || competing.is_some_and(|came| now > came) {
                break;
            }
            let mark = self.marks[sequence.code[next] as usize];
            if !mark
                .atom
                .holds(sequence.code[next], sequence.value_bin[next])
            {
                continue;
            }
            match mark.side {
                Side::Neither => {}
                Side::Predicate => {
                    answer = Some(Answer::Predicate(now));
                    break;
                }
                Side::Competing => competing = Some(now),
            }
        }
        self.mark(question, Side::Neither, Side::Neither);
        let last = sequence.time_us[until.saturating_sub(1).max(position)];
        let end = after(sequence.scored.end_us.unwrap_or(last)).max(0.0);
        answer
            .or(competing.map(Answer::Competing))
            .unwrap_or(Answer::Censored(end))
    }

    fn mark(&mut self, question: &Question, predicate: Side, competing: Side) {
        let sides = [
            (&question.predicate, predicate),
            (&question.competing, competing),
        ];
        for (atoms, side) in sides {
            for atom in &**atoms {
                self.marks[atom.code as usize] = Mark { side, atom: *atom };
            }
        }
    }
}

/// Both sides of a question, each code once.
fn sides(question: &KnownQuestion) -> [Arc<[Atom]>; 2] {
    [&question.predicate, &question.competing].map(|ids| {
        let ids: BTreeSet<u32> = ids.iter().copied().collect();
        ids.into_iter().map(Atom::code).collect()
    })
}

/// At a position's event or some time after it; none where the next event came before, or where the
/// position is not the last of its time.
pub(crate) fn index_time(
    sequence: &Sequence<'_>,
    position: usize,
    random: &mut SplitMix,
) -> Option<i64> {
    let at_once = random.below(2) == 0;
    let [least, most] = ELAPSED_DAYS.map(f64::ln);
    let elapsed = if at_once {
        0.0
    } else {
        (least + uniform(random) * (most - least)).exp()
    };
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a float-to-int cast saturates"
    )]
    let elapsed_us = (elapsed * MICROS_PER_DAY) as i64;
    let gap_us = match sequence.next(position) {
        Next::None => 0,
        Next::Event { wait_us } | Next::Censored { wait_us } => wait_us,
    };
    (elapsed_us < gap_us).then(|| sequence.time_us[position] + elapsed_us)
}

/// The sets of kept codes below each code of the hierarchy, and the groups.
fn families(vocabulary: &Vocabulary, ids: &[u32]) -> BTreeSet<Vec<u32>> {
    let mut below: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    for id in ids {
        let Some(code) = vocabulary.code(*id) else {
            continue;
        };
        let above = ancestors(code).into_iter().chain([code.clone()]);
        let groups = vocabulary
            .groups(*id)
            .into_iter()
            .filter(|group| *group > 0);
        let names = above.map(|code| format!("code {code}"));
        for name in names.chain(groups.map(|group| format!("group {group}"))) {
            below.entry(name).or_default().push(*id);
        }
    }
    let sized = |members: &Vec<u32>| (2..=FAMILY_MAX).contains(&members.len());
    below.into_values().filter(sized).collect()
}

/// The values of a code from a bin on, or below it.
fn bounded(code: u32, bins: u16, random: &mut SplitMix) -> Atom {
    let edge = 2 + u16::try_from(random.below(u64::from(bins) - 1)).unwrap_or(0);
    if random.below(2) == 0 {
        Atom {
            bin_first: edge,
            ..Atom::code(code)
        }
    } else {
        Atom {
            code,
            bin_first: 1,
            bin_last: edge - 1,
        }
    }
}

/// A stream of its own for each key.
pub(crate) fn keyed(key: [u64; 4]) -> SplitMix {
    let mix = |state: u64, part: &u64| SplitMix(state ^ *part).next();
    SplitMix(key.iter().fold(0x51_7cc1_b727_220a, mix))
}

pub(crate) fn uniform(random: &mut SplitMix) -> f64 {
    (random.next() >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests;
