//! Times: to the year in Safe Harbor, moved by the subject's own days in expert determination.

use crate::policy::Options;
use longitude_core::{Event, Instant, Observation, Precision};

const MICROS_PER_DAY: i64 = 86_400_000_000;

/// Whole days in some years, with a leap day fewer than every fourth year gives (1900 had none), so
/// that nobody of that age slips by.
fn days_of(years: u16) -> i64 {
    i64::from(years) * 365 + i64::from(years) / 4 - 1
}

/// What happens to the times of one subject.
#[derive(Clone, Copy)]
pub(crate) enum Times {
    /// To the start of the year, but not before `floor`.
    Year {
        /// The earliest year's start that may be told: 89 years before the last year.
        floor: Option<Instant>,
    },
    /// Moved by whole days.
    Shift {
        /// The days, never 0.
        days: i64,
        /// Where the birth of a subject who reaches 90 is put, before the shift.
        birth: Option<Instant>,
        /// The earliest date that a note may tell, before the shift: 90 years before the last time.
        floor: Option<Instant>,
    },
}

impl Times {
    /// The plan of Safe Harbor for a subject.
    pub(crate) fn year(events: &[Event], observation: Observation, ages_over: u16) -> Self {
        let years = i16::try_from(ages_over).unwrap_or(i16::MAX);
        let floor = last(events, observation).map(|last| {
            let year = last.civil_date().0.saturating_sub(years);
            let start = Instant::from_civil((year, 1, 1), (0, 0, 0, 0), 0);
            start.unwrap_or(last.start_of_year())
        });
        Self::Year { floor }
    }

    /// The plan of expert determination for a subject: `number` is the keyed number from which the
    /// shift is taken.
    pub(crate) fn shift(
        number: i64,
        options: Options,
        events: &[Event],
        observation: Observation,
    ) -> Self {
        let days = shift_days(number, options.shift_days_max);
        let aggregate = days_of(options.ages_over.saturating_add(1));
        let floor = last(events, observation).map(|l| l.shifted(-aggregate * MICROS_PER_DAY));
        let born = events
            .iter()
            .find(|e| e.code.is_birth())
            .and_then(|e| e.time);
        let first = events
            .iter()
            .filter(|e| !e.code.is_birth())
            .filter_map(|e| e.time)
            .min();
        let birth = match (born, floor) {
            // A record that itself spans more than 90 years keeps birth before its first event.
            (Some(born), Some(floor)) if born <= floor => Some(floor.min(first.unwrap_or(floor))),
            _ => None,
        };
        Self::Shift { days, birth, floor }
    }

    /// A time as it may be told.
    pub(crate) fn of(self, time: Instant) -> Instant {
        match self {
            Self::Year { floor } => {
                let year = time.start_of_year();
                floor.map_or(year, |floor| year.max(floor))
            }
            Self::Shift { days, .. } => time.shifted(days * MICROS_PER_DAY),
        }
    }

    /// A birth as it may be told.
    pub(crate) fn of_birth(self, time: Instant) -> Instant {
        match self {
            Self::Year { .. } => self.of(time),
            Self::Shift { birth, .. } => self.of(birth.unwrap_or(time)),
        }
    }

    /// What is left of the precision.
    pub(crate) fn precision(self, precision: Precision) -> Precision {
        match self {
            Self::Year { .. } => Precision::Year,
            Self::Shift { .. } => precision,
        }
    }
}

/// The shift in days that a keyed number says: from the greatest back to the greatest forth, and
/// never 0.
pub(crate) fn shift_days(number: i64, shift_days_max: u32) -> i64 {
    let max = i64::from(shift_days_max.max(1));
    let drawn = number.rem_euclid(2 * max);
    if drawn < max {
        drawn - max
    } else {
        drawn - max + 1
    }
}

/// The last time that a record tells.
fn last(events: &[Event], observation: Observation) -> Option<Instant> {
    let times = events
        .iter()
        .flat_map(|e| [e.time, e.end_time, e.recorded_time]);
    let span = [observation.start, observation.end];
    times.chain(span).flatten().max()
}
