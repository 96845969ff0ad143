//! Where the likelihood of one timeline begins and ends.
//!
//! - The entry is the stated start of observation (or birth, where that is later), or the first
//!   timed event that is not birth where none is stated. What happens at the entry or before it is
//!   context, never scored.
//! - The end is the known end of observation, or death, whichever is first. Where no end is known
//!   and the subject did not die, the likelihood ends with the last event and has no survival term.
//! - Static events and birth stand at the context time: the entry, or the first timed event that is
//!   not birth where that is earlier, so that times never go backwards along a timeline.

use longitude_core::{Event, Instant, Timeline};

/// The ends of one timeline's likelihood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// The time at which static events and birth stand.
    pub(crate) context: Instant,
    /// After this time events are scored.
    pub(crate) entry: Instant,
    /// The end of observation, where known and the subject did not die before it.
    pub(crate) end: Option<Instant>,
    /// Death, where recorded.
    pub(crate) death: Option<Instant>,
    /// Birth, where recorded.
    pub(crate) birth: Option<Instant>,
}

impl Span {
    pub(crate) fn of(timeline: &Timeline) -> Self {
        let first = timeline.events().iter().find_map(happening);
        let observation = timeline.observation();
        let birth = timeline.birth();
        let start = observation
            .start
            .map(|start| birth.unwrap_or(start).max(start));
        // A timeline without any time has nothing to score; the epoch stands for its context.
        let entry = start.or(first).unwrap_or(Instant(0));
        let death = timeline.death();
        Self {
            context: first.map_or(entry, |first| first.min(entry)),
            entry,
            end: observation
                .end
                .filter(|end| death.is_none_or(|death| death > *end)),
            death,
            birth,
        }
    }

    /// The span as it may be known at a prediction time: no end, no death to come, and an entry
    /// that does not tell when the first event after `at` will be.
    pub(crate) fn of_history(timeline: &Timeline, at: Instant) -> Self {
        let history = timeline.history(at);
        let first = history.iter().find_map(happening);
        let known = |time: &Instant| *time <= at;
        let birth = timeline.birth().filter(known);
        let start = timeline.observation().start.filter(known);
        let start = start.map(|start| birth.unwrap_or(start).max(start));
        let entry = start.or(first).unwrap_or(at);
        Self {
            context: first.map_or(entry, |first| first.min(entry)),
            entry,
            end: None,
            death: timeline.death().filter(known),
            birth,
        }
    }

    /// Where an event stands in time.
    pub(crate) fn place(&self, event: &Event) -> Instant {
        happening(event).unwrap_or(self.context)
    }
}

/// The time of an event that is neither static nor birth.
fn happening(event: &Event) -> Option<Instant> {
    event.time.filter(|_| !event.code.is_birth())
}
