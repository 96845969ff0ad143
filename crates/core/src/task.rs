//! What is predicted: an outcome, a horizon and who is asked about.

use crate::code::Code;
use crate::event::Event;
use crate::time::{Days, Instant};
use crate::timeline::Timeline;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// One way for a code to count.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CodeMatch {
    /// This code.
    Exact(Code),
    /// Every code of a system whose value starts so; an empty prefix is the whole system.
    Prefix {
        /// The code system.
        system: Arc<str>,
        /// The start of the value.
        prefix: Arc<str>,
    },
}

/// An event counts when its code matches any of the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Predicate {
    /// The list.
    pub any_of: Vec<CodeMatch>,
}

/// A question: does the outcome happen within the horizon after a prediction time, before the
/// subject dies?
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// A short stable name, lower case with underscores.
    pub id: String,
    /// The question in words.
    pub title: String,
    /// What must happen.
    pub outcome: Predicate,
    /// Within which time.
    pub horizon: Days,
    /// Whether subjects who had the outcome before are left out (a first occurrence is asked for).
    pub incident: bool,
}

/// What the record says of a task at a prediction time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Label {
    /// The outcome happened within the horizon.
    Yes,
    /// It did not: the horizon was observed to its end, or death came first.
    No,
    /// Observation ends before the horizon and before the outcome: neither yes nor no.
    Censored,
    /// A first occurrence is asked for and the outcome happened before.
    Before,
    /// The subject was dead already.
    Dead,
}

impl Task {
    /// The label of a subject at a prediction time. Events up to and including `at` are history;
    /// the outcome counts in `(at, at + horizon]`. Where the end of observation is unknown, the
    /// last event stands for it here, which can only turn a "no" into "censored".
    pub fn label(&self, timeline: &Timeline, at: Instant) -> Label {
        let history = timeline.history(at);
        if timeline.death().is_some_and(|death| death <= at) {
            return Label::Dead;
        }
        if self.incident && history.iter().any(|event| self.outcome.holds(event)) {
            return Label::Before;
        }
        let end = at.plus(self.horizon);
        let future = &timeline.events()[history.len()..];
        let within = future
            .iter()
            .filter(|event| event.time.is_some_and(|time| time <= end));
        if within.clone().any(|event| self.outcome.holds(event)) {
            return Label::Yes;
        }
        let died = within.clone().any(|event| event.code.is_death());
        let last = timeline.events().last().and_then(|event| event.time);
        let observed = timeline
            .observation()
            .end
            .or(last)
            .is_some_and(|known| known >= end);
        if died || observed {
            Label::No
        } else {
            Label::Censored
        }
    }
}

impl CodeMatch {
    /// Whether a code counts.
    pub fn matches(&self, code: &Code) -> bool {
        match self {
            Self::Exact(exact) => exact == code,
            Self::Prefix { system, prefix } => {
                *system == code.system && code.value.starts_with(&**prefix)
            }
        }
    }
}

impl Predicate {
    /// The predicate of one code.
    pub fn code(code: Code) -> Self {
        Self {
            any_of: vec![CodeMatch::Exact(code)],
        }
    }

    /// Whether a code counts.
    pub fn matches(&self, code: &Code) -> bool {
        self.any_of.iter().any(|one| one.matches(code))
    }

    /// Whether an event counts.
    pub fn holds(&self, event: &Event) -> bool {
        self.matches(&event.code)
    }

    /// Whether death is among what counts, so that it is the outcome and no competitor.
    pub fn is_death(&self) -> bool {
        self.matches(&Code::death())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Observation, ObservationSource, Origin, SubjectId};

    fn label(events: &[(&str, f64)], end: Option<f64>, at: f64) -> Label {
        let day = |days: f64| Instant(0).plus(Days(days));
        let events = events.iter().map(|(code, days)| {
            Event::new(
                Code::from_meds(code),
                Some(day(*days)),
                Origin::derived("test"),
            )
        });
        let observation = Observation {
            start: None,
            end: end.map(day),
            source: ObservationSource::Stated,
        };
        let timeline = Timeline::new(SubjectId(1), events.collect(), observation);
        let task = Task {
            id: "x".into(),
            title: "x".into(),
            outcome: Predicate::code(Code::from_meds("X")),
            horizon: Days(10.0),
            incident: true,
        };
        task.label(&timeline, day(at))
    }

    #[test]
    fn censored_is_neither_yes_nor_no() {
        assert_eq!(label(&[("A", 0.0), ("X", 10.0)], None, 0.0), Label::Yes);
        assert_eq!(label(&[("A", 0.0), ("X", 10.1)], None, 0.0), Label::No);
        assert_eq!(label(&[("A", 0.0), ("B", 9.0)], None, 0.0), Label::Censored);
        assert_eq!(label(&[("A", 0.0), ("B", 9.0)], Some(10.0), 0.0), Label::No);
        assert_eq!(
            label(&[("A", 0.0), ("MEDS_DEATH", 9.0)], None, 0.0),
            Label::No
        );
        assert_eq!(label(&[("X", 0.0), ("X", 5.0)], None, 0.0), Label::Before);
        assert_eq!(
            label(&[("MEDS_DEATH", 0.0), ("X", 5.0)], None, 0.0),
            Label::Dead
        );
    }
}
