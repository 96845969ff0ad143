//! One subject's events in order, and the span over which the subject was observed.

use crate::event::Event;
use crate::id::SubjectId;
use crate::time::{Instant, Precision};
use serde::{Deserialize, Serialize};
use std::fmt;

/// How the ends of an observation span are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ObservationSource {
    /// The source states it (OMOP observation period, a simulation's own span).
    Stated,
    /// The end is the date of the export, the same for all; the start is the first record.
    ExportDate,
    /// Not known: the span has no survival term, and whoever uses it is warned.
    Unknown,
}

/// The span over which events would have been recorded had they happened. Its end is never taken
/// from the last event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    /// Entry: the likelihood starts after it.
    pub start: Option<Instant>,
    /// End of observation, which contributes a survival term, or `None` where unknown.
    pub end: Option<Instant>,
    /// How the two are known.
    pub source: ObservationSource,
}

impl Observation {
    /// A span of which nothing is known.
    pub const UNKNOWN: Self = Self {
        start: None,
        end: None,
        source: ObservationSource::Unknown,
    };

    /// The span of everybody in an export, where nothing more is stated: the time of the export,
    /// where that is known, is its end.
    pub fn until_export(export: Option<Instant>) -> Self {
        export.map_or(Self::UNKNOWN, |end| Self {
            start: None,
            end: Some(end),
            source: ObservationSource::ExportDate,
        })
    }
}

/// One subject's events: static ones first, then by time. Inside a tie birth comes first and death
/// last, and between them the order of the source is kept.
#[derive(Clone, PartialEq)]
pub struct Timeline {
    subject: SubjectId,
    events: Vec<Event>,
    observation: Observation,
}

impl Timeline {
    /// Sorts `events` by the law above (a stable sort: the order of ties is the order given).
    pub fn new(subject: SubjectId, mut events: Vec<Event>, observation: Observation) -> Self {
        events.sort_by_key(|event| (event.time, tie_rank(event)));
        Self {
            subject,
            events,
            observation,
        }
    }

    /// The timeline in the order of knowledge: an event that was written down later than it
    /// happened stands where it was written down, so that nobody learns from, or is asked about, a
    /// past that was not known yet (a diagnosis coded at discharge, dated at admission). Birth and
    /// death stay where they happened: they are outcomes and ages, not knowledge. When such an
    /// event happened is told by the timeline that this one was made from.
    #[must_use]
    pub fn by_knowledge(self) -> Self {
        let known = |mut event: Event| {
            let is_life = event.code.is_birth() || event.code.is_death();
            let known = event.known_time().filter(|_| !is_life);
            if known > event.time {
                event.time = known;
                event.precision = Precision::Time;
            }
            event.recorded_time = None;
            event
        };
        let events = self.events.into_iter().map(known).collect();
        Self::new(self.subject, events, self.observation)
    }

    /// Whose timeline it is.
    pub fn subject(&self) -> SubjectId {
        self.subject
    }

    /// The events in order.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// The span of observation.
    pub fn observation(&self) -> Observation {
        self.observation
    }

    /// The parts, for a step that makes a new timeline of them.
    pub fn into_parts(self) -> (SubjectId, Vec<Event>, Observation) {
        (self.subject, self.events, self.observation)
    }

    /// When the subject was born, where recorded.
    pub fn birth(&self) -> Option<Instant> {
        self.events
            .iter()
            .find(|event| event.code.is_birth())
            .and_then(|event| event.time)
    }

    /// When the subject died, where recorded.
    pub fn death(&self) -> Option<Instant> {
        self.events
            .iter()
            .find(|event| event.code.is_death())
            .and_then(|event| event.time)
    }

    /// The events up to and including `time`, static ones among them: what may be known at a
    /// prediction time.
    pub fn history(&self, time: Instant) -> &[Event] {
        let end = self
            .events
            .partition_point(|event| event.time.is_none_or(|t| t <= time));
        &self.events[..end]
    }
}

/// Static before timed is the order of `Option`; inside a tie birth, then the rest, then death.
fn tie_rank(event: &Event) -> u8 {
    if event.code.is_birth() {
        0
    } else if event.code.is_death() {
        2
    } else {
        1
    }
}

/// Redacted: the number of events only.
impl fmt::Debug for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Timeline({} events)", self.events.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Code, Origin};

    fn event(value: &str, time: Option<i64>) -> Event {
        let code = Code::from_meds(value);
        Event::new(code, time.map(Instant), Origin::derived("test"))
    }

    #[test]
    fn the_order_is_the_documented_one() {
        let events = vec![
            event("MEDS_DEATH", Some(5)),
            event("b", Some(5)),
            event("a", Some(5)),
            event("MEDS_BIRTH", Some(5)),
            event("sex", None),
        ];
        let timeline = Timeline::new(SubjectId(1), events, Observation::UNKNOWN);
        let order: Vec<_> = timeline.events().iter().map(|e| e.code.to_meds()).collect();
        assert_eq!(order, ["sex", "MEDS_BIRTH", "b", "a", "MEDS_DEATH"]);
        assert_eq!(timeline.history(Instant(4)).len(), 1);
        assert_eq!(timeline.history(Instant(5)).len(), 5);
        assert_eq!(timeline.death(), Some(Instant(5)));
    }

    #[test]
    fn a_diagnosis_coded_at_discharge_is_not_known_at_admission() {
        let mut coded = event("ICD10CM//I21.4", Some(1));
        coded.recorded_time = Some(Instant(9));
        let mut death = event("MEDS_DEATH", Some(8));
        death.recorded_time = Some(Instant(20));
        let mut early = event("early", Some(4));
        early.recorded_time = Some(Instant(2));
        let events = vec![coded, event("lab", Some(5)), death, early];
        let timeline = Timeline::new(SubjectId(1), events, Observation::UNKNOWN).by_knowledge();
        let order = timeline.events().iter();
        let order: Vec<_> = order.map(|e| (e.code.to_meds(), e.time)).collect();
        let expected = [
            ("early", 4),
            ("lab", 5),
            ("MEDS_DEATH", 8),
            ("ICD10CM//I21.4", 9),
        ];
        assert_eq!(
            order,
            expected.map(|(code, time)| (code.into(), Some(Instant(time))))
        );
        assert_eq!(timeline.history(Instant(8)).len(), 3);
    }
}
