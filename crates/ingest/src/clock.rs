//! The clock by which a source wrote times that say nothing of their offset: so many minutes ahead
//! of UTC, or a zone of the IANA database, in which a clock time may come twice or never.

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};
use longitude_core::Instant;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A clock: `+01:00`, `-0500`, `Z`, or a zone's name (`Europe/Berlin`). Zones come with the
/// program, so that two machines read a time alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Clock(Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    /// Minutes ahead of UTC.
    Fixed(i16),
    Zone(TimeZone),
}

/// A text that is neither an offset nor a zone's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no offset from UTC and no zone of the IANA database")]
pub struct ClockError {
    text: String,
}

/// What is odd about a clock time in its zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// The zone has it twice; the earlier is taken.
    Twice,
    /// The zone skips it; it is read with the offset before the change.
    Skipped,
}

impl Doubt {
    /// For a warning.
    pub(crate) fn explanation(self) -> &'static str {
        match self {
            Self::Twice => "the zone has this clock time twice; the earlier is taken",
            Self::Skipped => "the zone skips this clock time",
        }
    }
}

impl Clock {
    /// So many minutes ahead of UTC.
    pub(crate) fn fixed(minutes: i16) -> Self {
        Self(Kind::Fixed(minutes))
    }

    /// The clock as a zone.
    pub(crate) fn zone(&self) -> Option<TimeZone> {
        match &self.0 {
            Kind::Fixed(minutes) => {
                let offset = Offset::from_seconds(i32::from(*minutes) * 60).ok()?;
                Some(TimeZone::fixed(offset))
            }
            Kind::Zone(zone) => Some(zone.clone()),
        }
    }

    /// The instant of a time of this clock that was read as if it were UTC, the offset in minutes,
    /// and what is odd about it.
    pub(crate) fn place(&self, as_utc: Instant) -> Option<(Instant, i16, Option<Doubt>)> {
        match &self.0 {
            Kind::Fixed(minutes) => {
                let back = -i64::from(*minutes) * 60_000_000;
                Some((as_utc.shifted(back), *minutes, None))
            }
            Kind::Zone(zone) => {
                let civil = jiff::Timestamp::from_microsecond(as_utc.0).ok()?;
                in_zone(zone, Offset::UTC.to_datetime(civil))
            }
        }
    }
}

/// The instant of a clock time in a zone, the offset in minutes then, and what is odd about it.
pub(crate) fn in_zone(zone: &TimeZone, civil: DateTime) -> Option<(Instant, i16, Option<Doubt>)> {
    let (offset, doubt) = match zone.to_ambiguous_timestamp(civil).offset() {
        AmbiguousOffset::Unambiguous { offset } => (offset, None),
        AmbiguousOffset::Fold { before, .. } => (before, Some(Doubt::Twice)),
        AmbiguousOffset::Gap { before, .. } => (before, Some(Doubt::Skipped)),
    };
    let instant = Instant(offset.to_timestamp(civil).ok()?.as_microsecond());
    // A skipped clock time lies beyond the change: its instant has the offset after it.
    Some((instant, offset_at(zone, instant)?, doubt))
}

/// Minutes ahead of UTC in a zone at an instant.
pub(crate) fn offset_at(zone: &TimeZone, instant: Instant) -> Option<i16> {
    let timestamp = jiff::Timestamp::from_microsecond(instant.0).ok()?;
    i16::try_from(zone.to_offset(timestamp).seconds() / 60).ok()
}

impl FromStr for Clock {
    type Err = ClockError;

    fn from_str(text: &str) -> Result<Self, ClockError> {
        let fixed = match text {
            "Z" | "UTC" => Some(0),
            _ => crate::when::parse_offset(text.as_bytes()),
        };
        let zone = || jiff::tz::db().get(text).ok().map(Kind::Zone);
        let kind = fixed.map(Kind::Fixed).or_else(zone);
        kind.map(Self).ok_or_else(|| ClockError {
            text: text.to_owned(),
        })
    }
}

impl TryFrom<String> for Clock {
    type Error = ClockError;

    fn try_from(text: String) -> Result<Self, ClockError> {
        text.parse()
    }
}

impl From<Clock> for String {
    fn from(clock: Clock) -> Self {
        clock.to_string()
    }
}

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Fixed(minutes) => {
                let sign = if *minutes < 0 { '-' } else { '+' };
                let minutes = minutes.unsigned_abs();
                write!(f, "{sign}{:02}:{:02}", minutes / 60, minutes % 60)
            }
            Kind::Zone(zone) => f.write_str(zone.iana_name().unwrap_or("UTC")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock(text: &str) -> Clock {
        text.parse().unwrap()
    }

    #[test]
    fn offsets_and_zones_are_read_and_written() {
        for (text, expected) in [
            ("+01:00", "+01:00"),
            ("-0530", "-05:30"),
            ("+00", "+00:00"),
            ("Z", "+00:00"),
            ("UTC", "+00:00"),
            ("Europe/Berlin", "Europe/Berlin"),
            ("europe/berlin", "Europe/Berlin"),
        ] {
            assert_eq!(clock(text).to_string(), expected, "{text}");
            let json = serde_json::to_string(&clock(text)).unwrap();
            assert_eq!(serde_json::from_str::<Clock>(&json).unwrap(), clock(text));
        }
        for text in [
            "",
            "+15:00",
            "+01:75",
            "Mars/Base",
            "1",
            "+",
            "±01:00",
            "+1",
        ] {
            let error = text.parse::<Clock>().unwrap_err().to_string();
            assert!(error.contains("no zone"), "{error}");
        }
    }

    #[test]
    fn summer_time_makes_a_time_come_twice_or_never() {
        let place = |clock: &Clock, date, time| {
            let civil = Instant::from_civil(date, time, 0).unwrap();
            let (instant, offset, doubt) = clock.place(civil).unwrap();
            (instant.to_string(), offset, doubt)
        };
        let berlin = clock("Europe/Berlin");
        let shown = |text: &str, offset, doubt| (text.to_owned(), offset, doubt);
        let winter = place(&berlin, (2024, 1, 15), (12, 0, 0, 0));
        assert_eq!(winter, shown("2024-01-15T11:00:00Z", 60, None));
        let summer = place(&berlin, (2024, 7, 15), (12, 0, 0, 0));
        assert_eq!(summer, shown("2024-07-15T10:00:00Z", 120, None));
        let twice = place(&berlin, (2024, 10, 27), (2, 30, 0, 0));
        assert_eq!(
            twice,
            shown("2024-10-27T00:30:00Z", 120, Some(Doubt::Twice))
        );
        let never = place(&berlin, (2024, 3, 31), (2, 30, 0, 0));
        assert_eq!(
            never,
            shown("2024-03-31T01:30:00Z", 120, Some(Doubt::Skipped))
        );
        let fixed = place(&clock("+01:00"), (2024, 3, 31), (2, 30, 0, 0));
        assert_eq!(fixed, shown("2024-03-31T01:30:00Z", 60, None));
    }
}
