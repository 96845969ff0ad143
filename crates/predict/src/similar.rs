//! People like a patient: training subjects at times when the model's state was near the patient's,
//! and what was then observed of them. Only aggregates leave this module.
//!
//! A state is the normed hidden vector after the last event up to a time, each of its dimensions
//! brought to mean 0 and standard deviation 1 over the index. The distance of two states is the
//! root of the mean squared difference of their dimensions, in standard deviations: two states
//! drawn at random from the index lie about 1.4 apart. Of each subject the nearest time counts. The
//! state holds age and sex as far as the model found use for them; where like must be like in both,
//! [`Like`] asks for it.
//!
//! The outcome within a horizon is Aalen and Johansen's cumulative incidence with death competing.
//! Its interval is Wilson's of the effective number of people, the incidence times its complement
//! over its variance. It is an interval of the share among such people, not of the patient's risk.
//!
//! No count of one to ten, nor one whose complement is, is given; of outcomes that differ in their
//! horizon alone none is given whose count differs from the last given one's by one to ten.

use crate::engine::{Asked, Engine};
use crate::{Error, Result};
use longitude_core::{Code, Days, Digest, Instant, Label, SubjectId, Task};
use longitude_eval::survival::{FollowUp, aalen_johansen};
use longitude_eval::wilson_share;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The smallest number of people behind a figure, and the smallest count but 0 that is given (US
/// CMS cell size suppression policy).
const CELL_MIN: u32 = 11;
/// The first line of an index, before its header.
const MAGIC: &str = "longitude similar 1";

/// A subject at a time, as the index keeps it.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Whose.
    pub subject: SubjectId,
    /// When.
    pub at: Instant,
    /// The age then, where birth is known.
    pub age_years: Option<f64>,
    /// The value of the code of sex, in lower case; empty where unknown.
    pub sex: String,
    /// The normed hidden vector, `[D]`.
    #[serde(skip)]
    pub hidden: Vec<f32>,
}

/// Redacted: a state is a patient's.
impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("State(..)")
    }
}

/// In what else than the state people must be alike.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Like {
    /// Ages differ by at most this many years; who has no age is like nobody.
    pub age_years: Option<f64>,
    /// The same sex.
    pub sex: bool,
}

/// Why an index cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SimilarError {
    /// Not an index, or cut short.
    #[error("it is no index of states, or not whole")]
    Form,
    /// The digest of its vectors is another.
    #[error("its vectors were altered")]
    Altered,
    /// It was made with another model or data set.
    #[error("it was made with another model or another data set")]
    Foreign,
}

/// The states of the training subjects.
#[derive(Clone, PartialEq)]
pub struct SimilarIndex {
    header: Header,
    /// Standardised, `[rows, D]`.
    vectors: Vec<f32>,
}

/// Redacted: sizes only.
impl std::fmt::Debug for SimilarIndex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SimilarIndex({} rows)", self.header.rows.len())
    }
}

#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    model: Digest,
    data: Digest,
    /// Of each dimension.
    centre: Vec<f32>,
    scale: Vec<f32>,
    rows: Vec<State>,
    vectors: Digest,
}

/// One of the people like a patient.
#[derive(Clone, Copy, PartialEq)]
pub struct Neighbour {
    /// Who; it does not leave the program.
    pub subject: SubjectId,
    /// When the state was near.
    pub at: Instant,
    /// In standard deviations.
    pub distance: f64,
}

/// Redacted: who it is stays inside.
impl std::fmt::Debug for Neighbour {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Neighbour({:.3})", self.distance)
    }
}

/// Why there is no figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum HeldBack {
    /// Fewer people than the smallest cell could be asked about.
    FewPeople,
    /// One to ten people had the outcome, or one to ten had not, or a figure already given differs
    /// by as few.
    FewEvents,
    /// Nobody was followed to the horizon.
    FollowUp,
}

/// What was observed of people like the patient.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutcomeOfSimilar {
    /// The task's id.
    pub task: String,
    /// Within which time.
    pub horizon: Days,
    /// Of how many people; none where too few.
    pub people: Option<u32>,
    /// The cumulative incidence, death competing.
    pub incidence: Option<f64>,
    /// Its 95 % interval.
    pub interval: Option<[f64; 2]>,
    /// Why there is no figure.
    pub held_back: Option<HeldBack>,
}

/// A measurement that people like the patient have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// The code.
    pub code: Code,
    /// The share of the people who had it measured in the span before.
    pub share: f64,
}

impl Engine {
    /// The state of each history; none where it has no event. Shared out among the threads.
    ///
    /// # Errors
    /// When the model refuses an input.
    pub fn states(&self, asked: &[Asked<'_>]) -> Result<Vec<Option<State>>> {
        self.workers().each(asked.len(), |worker, index| {
            let Asked { timeline, at } = asked[index];
            let history = match self.whole_history(&asked[index]) {
                Err(Error::EmptyHistory) => return Ok(None),
                other => other?,
            };
            let hidden = worker.decoder.hidden_last(&[&history.inputs])?;
            let mut events = timeline.history(at).iter();
            let sex = events.find(|event| matches!(&*event.code.system, "GENDER" | "SEX"));
            Ok(Some(State {
                subject: timeline.subject(),
                at,
                age_years: timeline.birth().map(|birth| (at - birth).years()),
                sex: sex.map_or_else(String::new, |event| event.code.value.to_lowercase()),
                hidden,
            }))
        })
    }
}

impl SimilarIndex {
    /// An index of training subjects' states, all of one width.
    pub fn new(states: Vec<State>, model: Digest, data: Digest) -> Self {
        let width = states.first().map_or(0, |state| state.hidden.len());
        let (mut centre, mut scale) = (Vec::new(), Vec::new());
        for dimension in 0..width {
            let values = states.iter().map(|s| f64::from(s.hidden[dimension]));
            let values: Vec<f64> = values.collect();
            let mean = crate::risk::mean(&values);
            let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
            let deviation = (squares / values.len() as f64).sqrt();
            centre.push(crate::sample::single(mean));
            // A dimension that never moves tells nobody apart.
            let moves = deviation > 1e-6;
            scale.push(crate::sample::single(if moves { deviation } else { 1.0 }));
        }
        let mut header = Header {
            model,
            data,
            centre,
            scale,
            rows: Vec::new(),
            vectors: Digest([0; 32]),
        };
        let standard = states.iter().flat_map(|s| header.standardised(&s.hidden));
        let vectors: Vec<f32> = standard.collect();
        header.rows = states;
        header.vectors = digest(&vectors);
        Self { header, vectors }
    }

    /// How many states there are.
    pub fn len(&self) -> usize {
        self.header.rows.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.header.rows.is_empty()
    }

    /// The index as the bytes of a file: a line that says what it is, a line of JSON, and the
    /// vectors in little-endian single precision.
    ///
    /// # Errors
    /// When a number is not finite.
    pub fn to_bytes(&self) -> serde_json::Result<Vec<u8>> {
        let mut bytes = format!("{MAGIC}\n").into_bytes();
        bytes.extend(serde_json::to_vec(&self.header)?);
        bytes.push(b'\n');
        bytes.extend(self.vectors.iter().flat_map(|v| v.to_le_bytes()));
        Ok(bytes)
    }

    /// Reads an index, which must be of this model and this data set.
    ///
    /// # Errors
    /// [`SimilarError`].
    pub fn from_bytes(
        bytes: &[u8],
        model: Digest,
        data: Digest,
    ) -> std::result::Result<Self, SimilarError> {
        let mut parts = bytes.splitn(3, |byte| *byte == b'\n');
        let mut next = || parts.next().ok_or(SimilarError::Form);
        if next()? != MAGIC.as_bytes() {
            return Err(SimilarError::Form);
        }
        let header: Option<Header> = serde_json::from_slice(next()?).ok();
        let header = header.ok_or(SimilarError::Form)?;
        let vectors = next()?.chunks(4).map(|four| four.try_into().ok());
        let vectors = vectors.map(|four| four.map(f32::from_le_bytes));
        let vectors: Option<Vec<f32>> = vectors.collect();
        let vectors = vectors.ok_or(SimilarError::Form)?;
        let width = header.centre.len();
        if vectors.len() != header.rows.len() * width || header.scale.len() != width {
            return Err(SimilarError::Form);
        }
        if digest(&vectors) != header.vectors {
            return Err(SimilarError::Altered);
        }
        if (header.model, header.data) != (model, data) {
            return Err(SimilarError::Foreign);
        }
        Ok(Self { header, vectors })
    }

    /// The `k` subjects whose states were nearest, one time of each and the patient's own left
    /// aside, nearest first; fewer where there are no more.
    pub fn nearest(&self, state: &State, like: Like, k: usize) -> Vec<Neighbour> {
        let wanted = self.header.standardised(&state.hidden);
        let wanted: Vec<f32> = wanted.collect();
        let width = wanted.len().max(1);
        let mut best: BTreeMap<SubjectId, Neighbour> = BTreeMap::new();
        let rows = self.header.rows.iter().zip(self.vectors.chunks(width));
        for (row, vector) in rows.filter(|(row, _)| like.holds(state, row)) {
            let pairs = vector.iter().zip(&wanted);
            let squares: f64 = pairs.map(|(a, b)| f64::from(a - b).powi(2)).sum();
            let neighbour = Neighbour {
                subject: row.subject,
                at: row.at,
                distance: (squares / width as f64).sqrt(),
            };
            let held = best.entry(row.subject).or_insert(neighbour);
            if neighbour.distance < held.distance {
                *held = neighbour;
            }
        }
        let mut all: Vec<Neighbour> = best.into_values().collect();
        all.sort_by(|a, b| a.distance.total_cmp(&b.distance));
        all.truncate(k);
        all
    }
}

impl Header {
    fn standardised<'h>(&'h self, hidden: &'h [f32]) -> impl Iterator<Item = f32> + 'h {
        let scales = self.centre.iter().zip(&self.scale);
        hidden.iter().zip(scales).map(|(v, (c, s))| (v - c) / s)
    }
}

impl Like {
    /// By the state alone.
    pub fn state_alone() -> Self {
        Self {
            age_years: None,
            sex: false,
        }
    }

    fn holds(&self, state: &State, row: &State) -> bool {
        let near = self.age_years.is_none_or(|most| {
            let ages = state.age_years.zip(row.age_years);
            ages.is_some_and(|(a, b)| (a - b).abs() <= most)
        });
        let same = !self.sex || (state.sex == row.sex && !state.sex.is_empty());
        near && same && row.subject != state.subject
    }
}

fn digest(vectors: &[f32]) -> Digest {
    let bytes: Vec<u8> = vectors.iter().flat_map(|v| v.to_le_bytes()).collect();
    Digest::of(&bytes)
}

/// What was observed of people at their times: each with the timeline and until when it was
/// observed.
pub fn outcomes_of(people: &[(Asked<'_>, Instant)], tasks: &[Task]) -> Vec<OutcomeOfSimilar> {
    let mut order: Vec<usize> = (0..tasks.len()).collect();
    order.sort_by(|a, b| tasks[*a].horizon.0.total_cmp(&tasks[*b].horizon.0));
    let mut given: Vec<(&Task, u32, u32)> = Vec::new();
    let mut found: Vec<Option<OutcomeOfSimilar>> = vec![None; tasks.len()];
    for place in order {
        let task = &tasks[place];
        let counts = Counts::of(people, task);
        let alike = given
            .iter()
            .rev()
            .find(|(other, ..)| other.outcome == task.outcome);
        let near = alike.is_some_and(|(_, events, asked)| {
            is_small(counts.events.abs_diff(*events)) || is_small(counts.asked().abs_diff(*asked))
        });
        let outcome = counts.outcome(task, near);
        if outcome.held_back.is_none() {
            given.push((task, counts.events, counts.asked()));
        }
        found[place] = Some(outcome);
    }
    found.into_iter().flatten().collect()
}

fn is_small(count: u32) -> bool {
    count > 0 && count < CELL_MIN
}

/// The follow-up of people for one task.
#[derive(Default)]
struct Counts {
    times: Vec<f64>,
    causes: Vec<u8>,
    events: u32,
}

impl Counts {
    fn of(people: &[(Asked<'_>, Instant)], task: &Task) -> Self {
        let mut counts = Self::default();
        for (Asked { timeline, at }, end) in people {
            if matches!(task.label(timeline, *at), Label::Before | Label::Dead) {
                continue;
            }
            let future = &timeline.events()[timeline.history(*at).len()..];
            let counted =
                |event: &&longitude_core::Event| task.outcome.holds(event) || event.code.is_death();
            let first = future.iter().find(counted);
            let first = first.and_then(|event| Some((event.time?, task.outcome.holds(event))));
            let horizon = task.horizon.0;
            let (days, cause) = match first {
                Some((time, outcome)) if time <= *end => {
                    ((time - *at).0, if outcome { 1 } else { 2 })
                }
                _ => ((*end - *at).0, 0),
            };
            let beyond = days > horizon;
            counts.times.push(days.min(horizon));
            counts.causes.push(if beyond { 0 } else { cause });
            counts.events += u32::from(!beyond && cause == 1);
        }
        counts
    }

    fn asked(&self) -> u32 {
        u32::try_from(self.times.len()).unwrap_or(u32::MAX)
    }

    fn outcome(&self, task: &Task, near: bool) -> OutcomeOfSimilar {
        let asked = self.asked();
        let mut outcome = OutcomeOfSimilar {
            task: task.id.clone(),
            horizon: task.horizon,
            people: (asked >= CELL_MIN).then_some(asked),
            incidence: None,
            interval: None,
            held_back: None,
        };
        let few = is_small(self.events) || is_small(asked.saturating_sub(self.events)) || near;
        if asked < CELL_MIN {
            outcome.held_back = Some(HeldBack::FewPeople);
        } else if few {
            outcome.held_back = Some(HeldBack::FewEvents);
        } else if let Some((incidence, interval)) = self.incidence(task.horizon.0) {
            outcome.incidence = Some(incidence);
            outcome.interval = Some(interval);
        } else {
            outcome.held_back = Some(HeldBack::FollowUp);
        }
        outcome
    }

    /// The incidence and its interval, where anybody was followed so far.
    fn incidence(&self, horizon: f64) -> Option<(f64, [f64; 2])> {
        let reached = self.times.iter().filter(|time| **time >= horizon).count();
        let followed = FollowUp {
            times: &self.times,
            causes: &self.causes,
        };
        let curve = aalen_johansen(&followed, 1).ok()?;
        let (share, variance) = (curve.at(horizon), curve.variance_at(horizon));
        let ended = self.causes.iter().filter(|cause| **cause > 0).count();
        let effective = if variance > 0.0 {
            share * (1.0 - share) / variance
        } else {
            (reached + ended) as f64
        };
        (reached > 0 && effective > 0.0).then(|| {
            let (low, high) = wilson_share(share, effective);
            (share, [low, high])
        })
    }
}

/// The codes with a number that at least `share_min` of the people had within `span` before their
/// times, the commonest first. Counts of one to ten and those whose complement is are left out.
pub fn measured_of(people: &[(Asked<'_>, Instant)], span: Days, share_min: f64) -> Vec<Measured> {
    let mut counts: BTreeMap<&Code, u32> = BTreeMap::new();
    for (Asked { timeline, at }, _) in people {
        let from = Instant(at.0.saturating_sub(span.to_micros()));
        let history = timeline.history(*at).iter();
        let recent = history.filter(|event| event.time.is_some_and(|time| time >= from));
        let valued = recent.filter(|event| event.numeric_value.is_some());
        let codes: BTreeSet<&Code> = valued.map(|event| &event.code).collect();
        for code in codes {
            *counts.entry(code).or_default() += 1;
        }
    }
    let all = u32::try_from(people.len()).unwrap_or(u32::MAX);
    let enough = |count: u32| {
        let share = f64::from(count) / f64::from(all.max(1));
        share >= share_min && count >= CELL_MIN && !is_small(all - count)
    };
    let kept = counts.into_iter().filter(|(_, count)| enough(*count));
    let mut kept: Vec<Measured> = kept
        .map(|(code, count)| Measured {
            code: code.clone(),
            share: f64::from(count) / f64::from(all),
        })
        .collect();
    kept.sort_by(|a, b| b.share.total_cmp(&a.share));
    kept
}

#[cfg(test)]
mod tests;
