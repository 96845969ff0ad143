//! What the model would answer to another history: events added, removed or changed, and the
//! question asked again with the same random numbers. An association as the model has learnt it,
//! not the effect of doing anything: a history with a drug in it is the history of people who were
//! given it, for whatever reason. For effects see `gcomp`.

use crate::asking::{Asker, Contrast, Draws, Way};
use crate::engine::{Asked, Engine};
use crate::explain::sources;
use crate::{Error, Result};
use longitude_core::{Code, Days, Event, EvidenceSource, Instant, Origin, Task, Timeline};
use longitude_tokens::{UNKNOWN, Vocabulary};
use serde::{Deserialize, Serialize};

/// One change of a history.
#[derive(Clone, PartialEq)]
pub enum Edit {
    /// A new event, at a time or else at the prediction time. Its number is in the unit of the
    /// code's values in training.
    Add {
        /// Its code.
        code: Code,
        /// Its number.
        value: Option<f64>,
        /// When.
        time: Option<Instant>,
    },
    /// Events taken out.
    Remove(Which),
    /// Another number for an event; of several the latest.
    Change(Which, f64),
}

/// Events of a history.
#[derive(Clone, PartialEq)]
pub enum Which {
    /// The one of this index, as evidence names it.
    Event(usize),
    /// Those of a code, at this very time or on this day where one is named.
    Code(Code, Option<Instant>),
}

/// Redacted: a change may hold a patient's value.
impl std::fmt::Debug for Edit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Add { .. } => "Add(..)",
            Self::Remove(_) => "Remove(..)",
            Self::Change(..) => "Change(..)",
        })
    }
}

/// Redacted as [`Edit`].
impl std::fmt::Debug for Which {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Which(..)")
    }
}

/// Why a change cannot be made. No variant holds a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EditError {
    /// Nothing in the history is meant.
    #[error("no event up to the prediction time is meant by change {number}")]
    NoSuchEvent {
        /// Which change, from 1, in the order given.
        number: usize,
    },
    /// The model would not see the code.
    #[error("the model knows neither the code of change {number} nor any above it: {code}")]
    UnknownCode {
        /// Which change.
        number: usize,
        /// The code.
        code: Code,
    },
    /// The code has no numbers in training, so that one would not be seen.
    #[error("the model has learnt no numbers of the code of change {number}: {code}")]
    NoNumbers {
        /// Which change.
        number: usize,
        /// The code.
        code: Code,
    },
    /// The event would lie after the prediction time.
    #[error("the event of change {number} would lie after the prediction time")]
    Later {
        /// Which change.
        number: usize,
    },
    /// Birth and death are no changes that an answer is made for.
    #[error("change {number} is of birth or death, which are not changed")]
    Life {
        /// Which change.
        number: usize,
    },
    /// A change needs a number.
    #[error("a change is written as EVENT=NUMBER")]
    NoNumber,
}

/// What a change did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    /// An event that no record stands for.
    Added,
    /// Taken out.
    Removed,
    /// Given another number.
    Changed,
}

/// A change with the source records that it touched.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Touched {
    /// What was done.
    pub deed: Deed,
    /// The code, in MEDS's form.
    pub code: String,
    /// The code as which the model sees it, where that is another.
    pub seen_as: Option<String>,
    /// The events of the history; none for an added one.
    pub sources: Vec<EvidenceSource>,
}

/// The answers to one task before and after the changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WhatIf {
    /// The task's id.
    pub task: String,
    /// How it was asked.
    pub way: Way,
    /// The risk by the history as it is.
    pub before: f64,
    /// Its Monte Carlo standard error; 0 for the query head.
    pub before_error: f64,
    /// The risk by the changed history; none where no event is left.
    pub after: Option<f64>,
    /// Its Monte Carlo standard error.
    pub after_error: Option<f64>,
    /// After minus before, with common random numbers.
    pub change: Option<Contrast>,
}

impl Edit {
    /// Reads `CODE`, `CODE=NUMBER`, `CODE@TIME` or `CODE=NUMBER@TIME`.
    pub fn add(text: &str) -> Self {
        let (text, time) = split_time(text);
        let (code, value) = split_number(text);
        Self::Add {
            code: Code::from_meds(code),
            value,
            time,
        }
    }

    /// Reads the number of an event, `CODE` or `CODE@TIME`.
    pub fn remove(text: &str) -> Self {
        Self::Remove(Which::read(text))
    }

    /// Reads `EVENT=NUMBER` or `CODE[@TIME]=NUMBER`.
    ///
    /// # Errors
    /// [`EditError::NoNumber`].
    pub fn change(text: &str) -> std::result::Result<Self, EditError> {
        let (which, value) = split_number(text);
        let value = value.ok_or(EditError::NoNumber)?;
        Ok(Self::Change(Which::read(which), value))
    }
}

impl Which {
    fn read(text: &str) -> Self {
        if let Ok(index) = text.parse() {
            return Self::Event(index);
        }
        let (code, time) = split_time(text);
        Self::Code(Code::from_meds(code), time)
    }

    /// The indices that are meant, ascending.
    fn events(&self, history: &[Event]) -> Vec<usize> {
        let holds = |(index, event): (usize, &Event)| {
            let meant = match self {
                Self::Event(wanted) => index == *wanted,
                Self::Code(code, time) => {
                    event.code == *code && time.is_none_or(|time| is_at(event, time))
                }
            };
            meant.then_some(index)
        };
        history.iter().enumerate().filter_map(holds).collect()
    }
}

/// A time that is a midnight stands for its day.
fn is_at(event: &Event, time: Instant) -> bool {
    let day = Days(1.0).to_micros();
    let is_day = time.0.rem_euclid(day) == 0;
    event
        .time
        .is_some_and(|at| at == time || (is_day && at.0.div_euclid(day) == time.0.div_euclid(day)))
}

/// A code may hold an `@` of its own: only what reads as a time is one.
fn split_time(text: &str) -> (&str, Option<Instant>) {
    let parts = text.rsplit_once('@');
    let read = parts.and_then(|(code, time)| Some((code, time.parse().ok()?)));
    read.map_or((text, None), |(code, time)| (code, Some(time)))
}

fn split_number(text: &str) -> (&str, Option<f64>) {
    let parts = text.rsplit_once('=');
    let finite = |number: &f64| number.is_finite();
    let read = parts.and_then(|(code, value)| Some((code, value.parse().ok().filter(finite)?)));
    read.map_or((text, None), |(code, value)| (code, Some(value)))
}

/// The history with the changes, in their order as given: numbers of events are those of the
/// history as it is. What comes after the prediction time is left out.
///
/// # Errors
/// [`EditError`].
pub fn edited(
    vocabulary: &Vocabulary,
    asked: &Asked<'_>,
    edits: &[Edit],
) -> std::result::Result<(Timeline, Vec<Touched>), EditError> {
    let history = asked.timeline.history(asked.at);
    let mut kept: Vec<Option<Event>> = history.iter().cloned().map(Some).collect();
    let (mut added, mut touched) = (Vec::new(), Vec::new());
    for (number, edit) in (1..).zip(edits) {
        let found = |which: &Which| {
            let events = which.events(history);
            let is_life = |index: &usize| {
                let code = &history[*index].code;
                code.is_birth() || code.is_death()
            };
            if events.iter().any(is_life) {
                Err(EditError::Life { number })
            } else if events.is_empty() {
                Err(EditError::NoSuchEvent { number })
            } else {
                Ok(events)
            }
        };
        let (deed, code, events) = match edit {
            Edit::Add { code, value, time } => {
                let time = time.unwrap_or(asked.at);
                added.push(new_event(
                    vocabulary,
                    (number, asked.at),
                    (code, *value, time),
                )?);
                (Deed::Added, code.clone(), Vec::new())
            }
            Edit::Remove(which) => {
                let events = found(which)?;
                for index in &events {
                    kept[*index] = None;
                }
                (Deed::Removed, history[events[0]].code.clone(), events)
            }
            Edit::Change(which, value) => {
                // What was removed before is not there any more.
                let mut there = found(which)?
                    .into_iter()
                    .filter(|index| kept[*index].is_some());
                let latest = there.next_back().ok_or(EditError::NoSuchEvent { number })?;
                let code = history[latest].code.clone();
                let mut event = history[latest].clone();
                event.numeric_value = Some(*value);
                if vocabulary.token(&event).value_bin == 0 {
                    return Err(EditError::NoNumbers { number, code });
                }
                kept[latest] = Some(event);
                (Deed::Changed, code, vec![latest])
            }
        };
        touched.push(Touched {
            deed,
            seen_as: seen_as(vocabulary, &code),
            code: code.to_meds().into_owned(),
            sources: sources(asked.timeline, &events),
        });
    }
    let events = kept.into_iter().flatten().chain(added).collect();
    let timeline = asked.timeline;
    let changed = Timeline::new(timeline.subject(), events, timeline.observation());
    Ok((changed, touched))
}

fn seen_as(vocabulary: &Vocabulary, code: &Code) -> Option<String> {
    let seen = vocabulary.code(vocabulary.id(code))?;
    (seen != code).then(|| seen.to_meds().into_owned())
}

fn new_event(
    vocabulary: &Vocabulary,
    (number, at): (usize, Instant),
    (code, value, time): (&Code, Option<f64>, Instant),
) -> std::result::Result<Event, EditError> {
    if code.is_birth() || code.is_death() {
        return Err(EditError::Life { number });
    }
    if time > at {
        return Err(EditError::Later { number });
    }
    let id = vocabulary.id(code);
    if id == UNKNOWN {
        let code = code.clone();
        return Err(EditError::UnknownCode { number, code });
    }
    let mut event = Event::new(code.clone(), Some(time), Origin::derived("what-if"));
    if let Some(value) = value {
        event.numeric_value = Some(value);
        event.unit = vocabulary
            .bins_of(id)
            .and_then(|bins| bins.unit.as_deref())
            .map(Into::into);
        if vocabulary.token(&event).value_bin == 0 {
            let code = code.clone();
            return Err(EditError::NoNumbers { number, code });
        }
    }
    Ok(event)
}

impl Engine {
    /// The answers to tasks before and after a change of the history ([`edited`]).
    ///
    /// # Errors
    /// As [`Engine::explain`].
    pub fn what_if(
        &self,
        asked: &Asked<'_>,
        changed: &Timeline,
        (tasks, way): (&[Task], Way),
    ) -> Result<Vec<WhatIf>> {
        if way == Way::QueryHead && !self.has_queries() {
            return Err(Error::NoQueryHead);
        }
        let asker = Asker::of_tasks(self, asked.at, tasks, way)?;
        let both = [asked.timeline, changed];
        let mut answers = asker.ask(2, |index| both[index].clone())?;
        let after = answers.pop().flatten();
        let before = answers.pop().flatten().ok_or(Error::EmptyHistory)?;
        let one = |(place, task): (usize, &Task)| {
            let base = &before[place];
            let (risk, error) = asker.risk(place, base);
            let after: Option<&Draws> = after.as_ref().map(|all| &all[place]);
            let shown = after.map(|draws| asker.risk(place, draws));
            WhatIf {
                task: task.id.clone(),
                way,
                before: risk,
                before_error: error,
                after: shown.map(|(risk, _)| risk),
                after_error: shown.map(|(_, error)| error),
                change: after.map(|draws| asker.contrast(place, (draws, base))),
            }
        };
        Ok(tasks.iter().enumerate().map(one).collect())
    }
}

#[cfg(test)]
mod tests;
