//! Dates and times of tables: as the source writes them, in the source's zone, into UTC instants
//! with the precision that was written. Nothing is guessed: what no format reads is a fault of the
//! row, and a clock time that the zone has twice or never is said to be so.

use crate::clock::{Clock, Doubt, in_zone, offset_at};
use jiff::civil::{Date, DateTime, Time};
use jiff::fmt::strtime;
use jiff::tz::{Offset, TimeZone};
use jiff::{Span, Timestamp};
use longitude_core::{Instant, Precision};

/// Years outside this span are taken for faults (sentinels such as 0001 and 9999 among them). It is
/// wide because de-identified sources shift dates by centuries: MIMIC lives in 2100 to 2200.
const YEARS: std::ops::RangeInclusive<i16> = 1700..=2300;

/// How a source's clock relates to UTC.
#[derive(Clone, Debug)]
pub(super) enum Zone {
    /// The source does not say. Clock times are kept as if they were UTC, without an offset.
    Naive,
    /// A zone of the IANA database.
    Known(TimeZone),
}

/// A form in which times are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// ISO 8601, with a space or `T`, any part of it from the year on.
    Iso,
    /// A pattern of `strptime`, and how much of a time it holds.
    Pattern(String, Precision),
}

/// A point in time before the zone is applied.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Point {
    Civil(DateTime),
    /// With the offset in minutes that goes with it.
    Fixed(Instant, Option<i16>),
}

/// A point in time as written or reckoned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Written {
    pub(super) point: Point,
    pub(super) precision: Precision,
}

/// A point in time in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) instant: Instant,
    pub(super) offset_minutes: Option<i16>,
    pub(super) doubt: Option<Doubt>,
}

impl Zone {
    /// `naive`, or a name of the IANA database.
    pub(super) fn named(name: &str) -> Option<Self> {
        if name == "naive" {
            return Some(Self::Naive);
        }
        jiff::tz::db().get(name).ok().map(Self::Known)
    }

    /// The zone that a source does not state, as the clock of the options has it.
    pub(super) fn or_clock(&self, clock: Option<&Clock>) -> Self {
        match (self, clock.and_then(Clock::zone)) {
            (Self::Naive, Some(zone)) => Self::Known(zone),
            _ => self.clone(),
        }
    }

    /// The instant of a point; `None` outside the years that are believed.
    pub(super) fn moment(&self, point: Point) -> Option<Moment> {
        let civil = match point {
            Point::Fixed(instant, offset_minutes) => {
                return Some(Moment {
                    instant,
                    offset_minutes,
                    doubt: None,
                });
            }
            Point::Civil(civil) => civil,
        };
        let Self::Known(zone) = self else {
            let instant = Offset::UTC.to_timestamp(civil).ok()?;
            let instant = Instant(instant.as_microsecond());
            return Some(Moment {
                instant,
                offset_minutes: None,
                doubt: None,
            });
        };
        let (instant, offset_minutes, doubt) = in_zone(zone, civil)?;
        Some(Moment {
            instant,
            offset_minutes: Some(offset_minutes),
            doubt,
        })
    }

    /// Minutes ahead of UTC at an instant.
    pub(super) fn offset_at(&self, instant: Instant) -> Option<i16> {
        match self {
            Self::Naive => None,
            Self::Known(zone) => offset_at(zone, instant),
        }
    }
}

impl Point {
    /// Moves along the calendar.
    pub(super) fn plus_calendar(self, span: Span) -> Option<Self> {
        match self {
            Self::Civil(civil) => civil.checked_add(span).ok().map(Self::Civil),
            Self::Fixed(instant, offset) => {
                let shift = i64::from(offset.unwrap_or(0)) * 60_000_000;
                let local = Timestamp::from_microsecond(instant.0 + shift).ok()?;
                let moved = Offset::UTC.to_datetime(local).checked_add(span).ok()?;
                let moved = Offset::UTC.to_timestamp(moved).ok()?.as_microsecond();
                Some(Self::Fixed(Instant(moved - shift), offset))
            }
        }
    }

    /// Moves by a length of time, in microseconds.
    pub(super) fn plus_micros(self, zone: &Zone, micros: i64) -> Option<Self> {
        let start = zone.moment(self)?;
        let instant = Instant(start.instant.0.checked_add(micros)?);
        Timestamp::from_microsecond(instant.0).ok()?;
        let offset = match self {
            Self::Civil(_) => zone.offset_at(instant),
            Self::Fixed(_, offset) => offset,
        };
        Some(Self::Fixed(instant, offset))
    }

    /// Whether the year is one that is believed.
    pub(super) fn plausible(self) -> bool {
        match self {
            Self::Civil(civil) => YEARS.contains(&civil.year()),
            Self::Fixed(instant, _) => YEARS.contains(&instant.civil_date().0),
        }
    }
}

impl Format {
    /// A pattern with how much of a time it reads; `None` where it reads no date.
    pub(super) fn parse(pattern: &str) -> Result<Self, String> {
        if pattern == "iso" {
            return Ok(Self::Iso);
        }
        // 31 October 1987 13:14:15 writes every directive out; what it writes must read back.
        let sample = DateTime::constant(1987, 10, 31, 13, 14, 15, 0);
        let sample = sample
            .to_zoned(TimeZone::UTC)
            .map_err(|error| error.to_string())?;
        let text = strtime::format(pattern, &sample).map_err(|error| error.to_string())?;
        let has = |directives: &[&str]| directives.iter().any(|one| pattern.contains(one));
        let day = has(&["%d", "%e", "%D", "%F", "%j", "%s", "%c", "%x"]);
        let month = day || has(&["%m", "%b", "%B", "%h"]);
        let clock = has(&["%H", "%k", "%I", "%l", "%T", "%R", "%s", "%c", "%X", "%r"]);
        let precision = match (clock, day, month) {
            (true, true, _) => Precision::Time,
            (false, true, _) => Precision::Day,
            (false, false, true) => Precision::Month,
            (false, false, false) => Precision::Year,
            (true, false, _) => return Err("it has a time of day and no day".to_owned()),
        };
        let format = Self::Pattern(pattern.to_owned(), precision);
        match format.read(&text) {
            Some(_) => Ok(format),
            None => Err("it does not hold a whole date".to_owned()),
        }
    }

    /// Reads a text whose ends are trimmed.
    pub(super) fn read(&self, text: &str) -> Option<Written> {
        match self {
            Self::Iso => iso(text.as_bytes()),
            Self::Pattern(pattern, precision) => by_pattern(pattern, *precision, text),
        }
        .filter(|written| written.point.plausible())
    }
}

fn by_pattern(pattern: &str, precision: Precision, text: &str) -> Option<Written> {
    let mut broken = strtime::parse(pattern, text).ok()?;
    match precision {
        Precision::Year => {
            broken.set_month(Some(1)).ok()?;
            broken.set_day(Some(1)).ok()?;
        }
        Precision::Month => broken.set_day(Some(1)).ok()?,
        Precision::Day | Precision::Time => {}
    }
    let offset = broken.offset();
    let date = broken.to_date().ok()?;
    let time = match precision {
        Precision::Time => broken.to_time().unwrap_or(Time::midnight()),
        Precision::Day | Precision::Month | Precision::Year => Time::midnight(),
    };
    let civil = date.to_datetime(time);
    let point = match offset {
        None => Point::Civil(civil),
        Some(offset) => fixed(civil, offset)?,
    };
    Some(Written { point, precision })
}

fn fixed(civil: DateTime, offset: Offset) -> Option<Point> {
    let instant = Instant(offset.to_timestamp(civil).ok()?.as_microsecond());
    Some(Point::Fixed(
        instant,
        i16::try_from(offset.seconds() / 60).ok(),
    ))
}

/// `YYYY[-MM[-DD[( |T)hh:mm[:ss[.f]][Z|±hh[[:]mm]]]]]`.
fn iso(text: &[u8]) -> Option<Written> {
    let (date, clock) = match text.get(10) {
        Some(b' ' | b'T') => (&text[..10], Some(&text[11..])),
        Some(_) => return None,
        None => (text, None),
    };
    let (date, precision) = iso_date(date)?;
    let Some(clock) = clock else {
        let point = Point::Civil(date.to_datetime(Time::midnight()));
        return Some(Written { point, precision });
    };
    let split = clock
        .iter()
        .position(|byte| matches!(byte, b'Z' | b'+' | b'-'));
    let (clock, offset) = clock.split_at(split.unwrap_or(clock.len()));
    let civil = date.to_datetime(clock_time(clock.trim_ascii_end())?);
    let point = match offset {
        [] => Point::Civil(civil),
        [b'Z'] => fixed(civil, Offset::UTC)?,
        _ => fixed(civil, iso_offset(offset)?)?,
    };
    Some(Written {
        point,
        precision: Precision::Time,
    })
}

fn iso_date(text: &[u8]) -> Option<(Date, Precision)> {
    let year = i16::from(two(text.get(..2)?)?) * 100 + i16::from(two(text.get(2..4)?)?);
    let (month, day, precision) = match (text.len(), text.get(4), text.get(7)) {
        (4, None, None) => (1, 1, Precision::Year),
        (7, Some(b'-'), None) => (two(&text[5..7])?, 1, Precision::Month),
        (10, Some(b'-'), Some(b'-')) => (two(&text[5..7])?, two(&text[8..10])?, Precision::Day),
        _ => return None,
    };
    Some((Date::new(year, month, day).ok()?, precision))
}

fn iso_offset(text: &[u8]) -> Option<Offset> {
    let (sign, digits) = text.split_first()?;
    let (hours, minutes) = match digits.len() {
        2 => (two(digits)?, 0),
        4 => (two(&digits[..2])?, two(&digits[2..])?),
        5 if digits[2] == b':' => (two(&digits[..2])?, two(&digits[3..])?),
        _ => return None,
    };
    // No zone is more than 14 hours from UTC.
    let seconds = (i32::from(hours) * 60 + i32::from(minutes)) * 60;
    if seconds > 14 * 3_600 || minutes > 59 {
        return None;
    }
    Offset::from_seconds(if *sign == b'-' { -seconds } else { seconds }).ok()
}

/// A time of day, `hh:mm`, `h:mm` or `hh:mm:ss[.f]`. Second 60 becomes 59.
pub(super) fn clock_time(text: &[u8]) -> Option<Time> {
    let padded;
    let text = if text.get(1) == Some(&b':') {
        padded = [b"0", text].concat();
        &padded
    } else {
        text
    };
    if text.len() < 5 || text[2] != b':' {
        return None;
    }
    let (hour, minute) = (two(&text[..2])?, two(&text[3..5])?);
    let (second, nanosecond) = match &text[5..] {
        [] => (0, 0),
        [b':', rest @ ..] if rest.len() == 2 => (two(rest)?, 0),
        [b':', a, b, b'.', digits @ ..] if !digits.is_empty() => {
            (two(&[*a, *b])?, fraction(digits)?)
        }
        _ => return None,
    };
    Time::new(
        hour,
        minute,
        if second == 60 { 59 } else { second },
        nanosecond,
    )
    .ok()
}

/// Seconds of `H:MM` or `H:MM:SS`, of any number of hours, with a sign where negative.
pub(super) fn elapsed_seconds(text: &str) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    let mut parts = digits.split(':');
    let whole = |part: &str| {
        let digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| part.parse::<i64>().ok())?
    };
    let hours = whole(parts.next()?)?;
    let minutes = whole(parts.next()?)?;
    let seconds = parts.next().map_or(Some(0), whole)?;
    if parts.next().is_some() || minutes > 59 || seconds > 59 {
        return None;
    }
    let total = hours
        .checked_mul(3_600)?
        .checked_add(minutes * 60 + seconds)?;
    Some(sign * total)
}

/// Nanoseconds of the digits after the point; digits beyond the ninth are cut.
fn fraction(digits: &[u8]) -> Option<i32> {
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let padded = digits.iter().chain(std::iter::repeat(&b'0')).take(9);
    Some(padded.fold(0, |sum, digit| sum * 10 + i32::from(digit - b'0')))
}

/// Two digits.
fn two(text: &[u8]) -> Option<i8> {
    match text {
        [a @ b'0'..=b'9', b @ b'0'..=b'9'] => Some(((a - b'0') * 10 + (b - b'0')).cast_signed()),
        _ => None,
    }
}

#[cfg(test)]
#[path = "clock_tests.rs"]
mod tests;
