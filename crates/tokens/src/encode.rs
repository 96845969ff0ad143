//! Timeline to tokens, each of which knows its event.
//!
//! Static events and birth come first as context and are never scored (`span` says where the
//! likelihood begins and ends). Inside a tie the timeline's own order stands: birth first, death
//! last, else the order of the source.

use crate::span::Span;
use crate::vocabulary::{Vocabulary, single};
use longitude_core::{Days, Event, Instant, Timeline};

/// Ages above 90 years count as 90 (HIPAA Safe Harbor joins all ages over 89 in one category).
pub const AGE_DAYS_MAX: f32 = 32_872.5;

/// The age feature where birth is not recorded: 50 years, near the middle of adult ages.
/// [`Tokens::age_known`] tells the two apart.
pub const AGE_UNKNOWN_DAYS: f32 = 18_262.5;

/// One event as the model sees it, time apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Token {
    /// The identifier of the code.
    pub code: u32,
    /// The bin of the value from 1, or 0 where there is none.
    pub value_bin: u16,
    /// The normalised value, or 0 where there is none.
    pub value: f32,
    /// The nats of the recorded interval inside its bin, or 0 where there is no bin.
    pub value_nats: f32,
}

/// The tokens of one timeline, one position an event, as columns.
#[derive(Clone, Debug, PartialEq)]
pub struct Tokens {
    /// The identifier of the code.
    pub code: Vec<u32>,
    /// The bin of the value from 1, or 0 where there is none.
    pub value_bin: Vec<u16>,
    /// The normalised value, or 0 where there is none.
    pub value: Vec<f32>,
    /// The nats of the recorded interval inside its bin, or 0 where there is no bin.
    pub value_nats: Vec<f32>,
    /// Microseconds since the epoch, never falling; static events and birth stand at the entry, or
    /// at the first timed event where that is earlier.
    pub time_us: Vec<i64>,
    /// The age at `time_us`, saturating at 90 years; [`AGE_UNKNOWN_DAYS`] where birth is unknown.
    pub age_days: Vec<f32>,
    /// The index of the event in the timeline.
    pub event: Vec<u32>,
    /// The entry: events after it are scored.
    pub entry_us: i64,
    /// The first position whose next event is scored. It stands at the entry, or is the first after
    /// it: a wait that began before the entry is not scored, for its start was not observed.
    pub scored_from: usize,
    /// The first position that is never scored: after death, after the end of observation, or the
    /// end of the columns.
    pub scored_until: usize,
    /// The end of observation, where known and the subject did not die before it.
    pub end_us: Option<i64>,
    /// Whether death is among the scored positions.
    pub died: bool,
    /// Whether birth is recorded.
    pub age_known: bool,
    /// Birth, where recorded.
    pub birth_us: Option<i64>,
    /// How many positions at the start are static events or birth.
    pub lead: usize,
}

/// What the likelihood asks of the position before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing: context, death, or an unknown end of observation.
    None,
    /// The next position, after this wait.
    Event {
        /// Microseconds from this position.
        wait_us: i64,
    },
    /// No event up to the end of observation, after this wait.
    Censored {
        /// Microseconds from this position.
        wait_us: i64,
    },
}

/// Which positions of a timeline the likelihood scores: the part of [`Tokens`] that says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scored {
    /// [`Tokens::scored_from`].
    pub from: usize,
    /// [`Tokens::scored_until`].
    pub until: usize,
    /// [`Tokens::end_us`].
    pub end_us: Option<i64>,
}

impl Scored {
    /// What the likelihood asks after a position of these times.
    pub fn next(&self, time_us: &[i64], position: usize) -> Next {
        let Some(&here) = time_us.get(position) else {
            return Next::None;
        };
        let after = position + 1;
        if position < self.from || after > self.until {
            return Next::None;
        }
        if after < self.until {
            let wait_us = time_us[after].saturating_sub(here);
            return Next::Event { wait_us };
        }
        match self.end_us {
            Some(end) if end >= here => Next::Censored {
                wait_us: end.saturating_sub(here),
            },
            _ => Next::None,
        }
    }
}

impl Tokens {
    /// How many positions there are.
    pub fn len(&self) -> usize {
        self.code.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.code.is_empty()
    }

    /// What the likelihood asks after a position.
    pub fn next(&self, position: usize) -> Next {
        self.scored().next(&self.time_us, position)
    }

    /// Which positions are scored.
    pub fn scored(&self) -> Scored {
        Scored {
            from: self.scored_from,
            until: self.scored_until,
            end_us: self.end_us,
        }
    }

    /// The positions that a model with room for `positions_max` sees: the static events and birth
    /// (where they fill at most half of the room), then the latest. Training cuts long timelines
    /// in the same way.
    pub fn recent(&self, positions_max: usize) -> Vec<usize> {
        let lead = lead_kept(self.lead, positions_max);
        let latest = self.len().saturating_sub(positions_max - lead).max(lead);
        if self.len() <= positions_max {
            (0..self.len()).collect()
        } else {
            (0..lead).chain(latest..self.len()).collect()
        }
    }

    /// Whether the survival term is missing because the end of observation is not known.
    pub fn end_unknown(&self) -> bool {
        self.end_us.is_none() && !self.died
    }
}

impl Vocabulary {
    /// The token of one event.
    pub fn token(&self, event: &Event) -> Token {
        let (code, value) = self.look_up(event);
        value.map_or(
            Token {
                code,
                value_bin: 0,
                value: 0.0,
                value_nats: 0.0,
            },
            |(bins, number)| Token {
                code,
                value_bin: bins.bin(number),
                value: single(bins.normalise(number)),
                value_nats: single(bins.nats(number)),
            },
        )
    }
}

/// All tokens of a timeline, with where their likelihood begins and ends.
pub fn encode(vocabulary: &Vocabulary, timeline: &Timeline) -> Tokens {
    walk(vocabulary, timeline.events(), Span::of(timeline))
}

/// The tokens of what may be known at `at`: events up to and including it, and no end. They are a
/// prefix of [`encode`]'s. Only the times and ages of static events differ, and only where `at`
/// lies before the entry or before birth, which then are not known yet: `at` stands for them.
pub fn encode_history(vocabulary: &Vocabulary, timeline: &Timeline, at: Instant) -> Tokens {
    let span = Span::of_history(timeline, at);
    walk(vocabulary, timeline.history(at), span)
}

/// The age feature: days since birth between 0 and [`AGE_DAYS_MAX`].
pub fn age_days(birth: Option<Instant>, at: Instant) -> f32 {
    birth.map_or(AGE_UNKNOWN_DAYS, |birth| {
        let Days(age) = at - birth;
        single(age).clamp(0.0, AGE_DAYS_MAX)
    })
}

/// How many leading positions a window of `positions_max` repeats: all, or none where they would
/// fill more than half of it.
pub fn lead_kept(lead: usize, positions_max: usize) -> usize {
    if lead * 2 <= positions_max { lead } else { 0 }
}

fn walk(vocabulary: &Vocabulary, events: &[Event], span: Span) -> Tokens {
    let mut tokens = Tokens::with_capacity(events.len(), span);
    let mut now = i64::MIN;
    for (index, event) in (0u32..).zip(events) {
        now = now.max(span.place(event).0);
        let token = vocabulary.token(event);
        tokens.code.push(token.code);
        tokens.value_bin.push(token.value_bin);
        tokens.value.push(token.value);
        tokens.value_nats.push(token.value_nats);
        tokens.time_us.push(now);
        tokens.age_days.push(age_days(span.birth, Instant(now)));
        tokens.event.push(index);
    }
    let leads = |event: &Event| event.time.is_none() || event.code.is_birth();
    tokens.lead = events.iter().take_while(|event| leads(event)).count();
    let time = &tokens.time_us;
    let after_entry = time.partition_point(|at| *at <= span.entry.0);
    let stands_at_entry = after_entry > 0 && time[after_entry - 1] == span.entry.0;
    tokens.scored_from = after_entry - usize::from(stands_at_entry);
    let death = events.iter().position(|event| event.code.is_death());
    let alive = death.map_or(events.len(), |index| index + 1);
    let observed = span
        .end
        .map_or(events.len(), |end| time.partition_point(|at| *at <= end.0));
    tokens.scored_until = alive.min(observed);
    tokens.died = death.is_some_and(|index| index < tokens.scored_until);
    if tokens.died {
        tokens.end_us = None;
    }
    tokens
}

impl Tokens {
    fn with_capacity(positions: usize, span: Span) -> Self {
        Self {
            code: Vec::with_capacity(positions),
            value_bin: Vec::with_capacity(positions),
            value: Vec::with_capacity(positions),
            value_nats: Vec::with_capacity(positions),
            time_us: Vec::with_capacity(positions),
            age_days: Vec::with_capacity(positions),
            event: Vec::with_capacity(positions),
            entry_us: span.entry.0,
            scored_from: 0,
            scored_until: 0,
            end_us: span.end.map(|end| end.0),
            died: false,
            age_known: span.birth.is_some(),
            birth_us: span.birth.map(|birth| birth.0),
            lead: 0,
        }
    }
}

#[cfg(test)]
mod tests;
