//! Time as integers: microseconds since 1970-01-01T00:00:00 UTC, and days as the unit of the model.
//!
//! Differences are taken between integers and only then become floats, so that two events a second
//! apart in the year 2150 stay a second apart.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::Sub;

const MICROS_PER_DAY: i64 = 86_400_000_000;

/// A point in time, in microseconds since the Unix epoch, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Instant(pub i64);

/// A length of time in days, the unit in which likelihoods and horizons are stated.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Days(pub f64);

/// How much of an instant the source wrote down; the rest was filled with the earliest value.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// Only the year is known.
    Year,
    /// Year and month are known.
    Month,
    /// The calendar day is known.
    Day,
    /// The time of day is known.
    #[default]
    Time,
}

/// A civil time that does not exist or lies outside the years 1 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no such date or time of day in the calendar")]
pub struct TimeError;

impl Instant {
    /// The instant of a civil date and time of day that is `offset_minutes` ahead of UTC.
    ///
    /// # Errors
    /// When the date or the time of day does not exist. Second 60 (a leap second) becomes 59.
    pub fn from_civil(
        date: (i16, i8, i8),
        time: (i8, i8, i8, i32),
        offset_minutes: i16,
    ) -> Result<Self, TimeError> {
        let second = if time.2 == 60 { 59 } else { time.2 };
        let civil = DateTime::new(date.0, date.1, date.2, time.0, time.1, second, time.3)
            .map_err(|_error| TimeError)?;
        let utc = civil.to_zoned(TimeZone::UTC).map_err(|_error| TimeError)?;
        Ok(Self(
            utc.timestamp().as_microsecond() - i64::from(offset_minutes) * 60_000_000,
        ))
    }

    /// Year, month and day in UTC.
    pub fn civil_date(self) -> (i16, i8, i8) {
        let date = self.civil().date();
        (date.year(), date.month(), date.day())
    }

    /// The start of this instant's UTC year: what Safe Harbor leaves of a date.
    #[must_use]
    pub fn start_of_year(self) -> Self {
        let first = DateTime::constant(self.civil().year(), 1, 1, 0, 0, 0, 0);
        first
            .to_zoned(TimeZone::UTC)
            .map_or(self, |z| Self(z.timestamp().as_microsecond()))
    }

    /// This instant moved by whole microseconds, saturating at the ends of the range.
    #[must_use]
    pub fn shifted(self, micros: i64) -> Self {
        Self(self.0.saturating_add(micros))
    }

    /// This instant moved by days, rounded to the microsecond.
    #[must_use]
    pub fn plus(self, days: Days) -> Self {
        self.shifted(days.to_micros())
    }

    fn civil(self) -> DateTime {
        let clamped = self
            .0
            .clamp(-62_135_596_800_000_000, 253_370_764_800_000_000);
        jiff::Timestamp::from_microsecond(clamped)
            .map_or(DateTime::MIN, |t| t.to_zoned(TimeZone::UTC).datetime())
    }
}

impl Precision {
    /// The end of the interval that starts at `time` and is one unit of this precision long, by
    /// the UTC calendar; `time` itself where the time of day is known.
    #[must_use]
    pub fn end_of(self, time: Instant) -> Instant {
        let length = match self {
            Self::Time => return time,
            Self::Day => jiff::Span::new().days(1),
            Self::Month => jiff::Span::new().months(1),
            Self::Year => jiff::Span::new().years(1),
        };
        let end = time.civil().checked_add(length).ok();
        let zoned = end.and_then(|end| end.to_zoned(TimeZone::UTC).ok());
        zoned.map_or(time, |zoned| Instant(zoned.timestamp().as_microsecond()))
    }
}

impl Sub for Instant {
    type Output = Days;

    fn sub(self, earlier: Self) -> Days {
        Days::from_micros(self.0.saturating_sub(earlier.0))
    }
}

/// ISO 8601 in UTC, for example `2019-03-04T05:06:07Z`.
impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}Z", self.civil())
    }
}

/// An ISO 8601 date (its midnight), a date and time, or one with `Z` or an offset; without, UTC.
impl std::str::FromStr for Instant {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        let stamp = text.parse::<jiff::Timestamp>().or_else(|_no_offset| {
            let civil: DateTime = text.parse()?;
            civil.to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp())
        });
        stamp.map_or(Err(TimeError), |stamp| Ok(Self(stamp.as_microsecond())))
    }
}

impl Days {
    /// The days in a Julian year, 365.25, which turns ages in years into days.
    pub const PER_YEAR: f64 = 365.25;

    /// Days from an integer difference of microseconds.
    pub fn from_micros(micros: i64) -> Self {
        Self(micros as f64 / MICROS_PER_DAY as f64)
    }

    /// Whole microseconds, rounded half away from zero, saturating.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a float-to-int cast saturates"
    )]
    pub fn to_micros(self) -> i64 {
        (self.0 * MICROS_PER_DAY as f64).round() as i64
    }

    /// The same length in Julian years.
    pub fn years(self) -> f64 {
        self.0 / Self::PER_YEAR
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_converted() {
        let utc = Instant::from_civil((2180, 7, 23), (12, 0, 0, 0), 0).unwrap();
        let local = Instant::from_civil((2180, 7, 23), (8, 0, 0, 0), -240).unwrap();
        assert_eq!(utc, local);
        assert_eq!(utc.to_string(), "2180-07-23T12:00:00Z");
    }

    #[test]
    fn dates_and_times_are_read_as_utc_unless_they_say_otherwise() {
        let noon = Instant::from_civil((2180, 7, 23), (12, 0, 0, 0), 0).unwrap();
        let read = |text: &str| text.parse::<Instant>();
        for text in [
            "2180-07-23T12:00:00Z",
            "2180-07-23T12:00:00",
            "2180-07-23T08:00-04:00",
        ] {
            assert_eq!(read(text), Ok(noon), "{text}");
        }
        assert_eq!(
            read("2180-07-23"),
            Instant::from_civil((2180, 7, 23), (0, 0, 0, 0), 0)
        );
        assert_eq!(read(&noon.to_string()), Ok(noon));
        assert_eq!(
            (read("2180-02-30"), read("yesterday")),
            (Err(TimeError), Err(TimeError))
        );
    }

    #[test]
    fn impossible_dates_are_refused() {
        assert_eq!(
            Instant::from_civil((2023, 2, 29), (0, 0, 0, 0), 0),
            Err(TimeError)
        );
        assert_eq!(
            Instant::from_civil((2023, 2, 28), (24, 0, 0, 0), 0),
            Err(TimeError)
        );
    }

    #[test]
    fn differences_are_exact_far_from_the_epoch() {
        let a = Instant::from_civil((2199, 12, 31), (23, 59, 59, 0), 0).unwrap();
        assert_eq!((a.shifted(1_000_000) - a).to_micros(), 1_000_000);
        assert_eq!(a.start_of_year().to_string(), "2199-01-01T00:00:00Z");
        assert_eq!(a.civil_date(), (2199, 12, 31));
    }
}
