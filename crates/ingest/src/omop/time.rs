//! Dates and times as OMOP exports write them, into UTC instants with the precision that is meant.
//!
//! The CDM asks for midnight where the time of day is not known (specification of every
//! `*_datetime`), so midnight is taken for a day without a time. Nothing is put at a day's end.

use crate::clock::Clock;
use crate::when::{When, YEARS, fraction, parse_offset, two};
use longitude_core::Precision;

/// Reads `YYYY-MM-DD` or `YYYYMMDD`, and behind either ` hh:mm[:ss[.f]]` (or `T`), and behind that
/// an offset: `Z`, `UTC`, `+00`, `+0000`, `+00:00`, with or without a space. A time of day without
/// an offset is the clock's. `None` where the text has another form, the calendar lacks the date,
/// or the year lies outside [`YEARS`].
pub(super) fn parse(text: &str, clock: Option<&Clock>) -> Option<When> {
    let text = text.trim_ascii().as_bytes();
    let (date, rest) = split_date(text)?;
    if !YEARS.contains(&date.0) {
        return None;
    }
    let time = match rest {
        [] => return When::start_of(date, Precision::Day),
        [b' ' | b'T', time @ ..] => time,
        _ => return None,
    };
    let (time, offset) = split_offset(time)?;
    let time = parse_clock(time)?;
    if time == (0, 0, 0, 0) {
        return When::start_of(date, Precision::Day);
    }
    When::at(date, time, offset, clock)
}

/// A date of which only the year, or year and month, may be known.
pub(super) fn partial(year: &str, month: Option<&str>, day: Option<&str>) -> Option<When> {
    // Whole numbers may come as `1977.0` through a table of floats.
    let number = |text: &str| text.strip_suffix(".0").unwrap_or(text).parse::<i16>().ok();
    let year = number(year).filter(|year| YEARS.contains(year))?;
    let small = |text: Option<&str>| match text {
        Some(text) => Some(Some(i8::try_from(number(text)?).ok()?)),
        None => Some(None),
    };
    let (month, day) = (small(month)?, small(day)?);
    let (precision, date) = match (month, day) {
        (None, _) => (Precision::Year, (year, 1, 1)),
        (Some(month), None) => (Precision::Month, (year, month, 1)),
        (Some(month), Some(day)) => (Precision::Day, (year, month, day)),
    };
    When::start_of(date, precision)
}

/// Year, month and day.
type Date = (i16, i8, i8);

fn split_date(text: &[u8]) -> Option<(Date, &[u8])> {
    let (digits, rest) = if let [a, b, c, d, b'-', e, f, b'-', g, h, rest @ ..] = text {
        ([*a, *b, *c, *d, *e, *f, *g, *h], rest)
    } else {
        let (digits, rest) = text.split_first_chunk()?;
        (*digits, rest)
    };
    let pair = |place: usize| two(&[digits[place], digits[place + 1]]);
    let year = i16::from(pair(0)?) * 100 + i16::from(pair(2)?);
    Some(((year, pair(4)?, pair(6)?), rest))
}

fn split_offset(clock: &[u8]) -> Option<(&[u8], Option<i16>)> {
    for end in [&b" UTC"[..], b"UTC", b" Z", b"Z"] {
        if let Some(clock) = clock.strip_suffix(end) {
            return Some((clock, Some(0)));
        }
    }
    let Some(at) = clock.iter().position(|byte| matches!(byte, b'+' | b'-')) else {
        return Some((clock, None));
    };
    let offset = parse_offset(&clock[at..])?;
    Some((clock[..at].trim_ascii_end(), Some(offset)))
}

fn parse_clock(clock: &[u8]) -> Option<(i8, i8, i8, i32)> {
    match clock {
        [a, b, b':', c, d] => Some((two(&[*a, *b])?, two(&[*c, *d])?, 0, 0)),
        [a, b, b':', c, d, b':', e, f, rest @ ..] => {
            let nanosecond = match rest {
                [] => 0,
                [b'.', digits @ ..] if !digits.is_empty() => fraction(digits)?,
                _ => return None,
            };
            let (hour, minute) = (two(&[*a, *b])?, two(&[*c, *d])?);
            Some((hour, minute, two(&[*e, *f])?, nanosecond))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(text: &str, default: Option<i16>) -> String {
        parse(text, default.map(Clock::fixed).as_ref()).map_or_else(
            || "-".to_owned(),
            |when| {
                let (precision, offset) = (when.precision, when.offset_minutes);
                format!("{} {precision:?} {offset:?}", when.instant)
            },
        )
    }

    #[test]
    fn every_spelling() {
        let utc = "2019-03-04T05:06:07Z Time Some(0)";
        for (text, expected) in [
            ("2019-03-04", "2019-03-04T00:00:00Z Day None"),
            ("20190304", "2019-03-04T00:00:00Z Day None"),
            ("2019-03-04 00:00:00", "2019-03-04T00:00:00Z Day None"),
            ("2019-03-04 00:00:00+00:00", "2019-03-04T00:00:00Z Day None"),
            ("2019-03-04 05:06", "2019-03-04T05:06:00Z Time None"),
            ("2019-03-04T05:06:07", "2019-03-04T05:06:07Z Time None"),
            (
                "2019-03-04 05:06:07.25",
                "2019-03-04T05:06:07.25Z Time None",
            ),
            ("2019-03-04 05:06:07+00:00", utc),
            ("2019-03-04 05:06:07 +00:00", utc),
            ("2019-03-04 05:06:07+0000", utc),
            ("2019-03-04 05:06:07+00", utc),
            ("2019-03-04 05:06:07 UTC", utc),
            ("2019-03-04T05:06:07Z", utc),
            (
                "2019-03-04 05:06:07-05:00",
                "2019-03-04T10:06:07Z Time Some(-300)",
            ),
        ] {
            assert_eq!(show(text, None), expected, "{text}");
        }
        let local = "2019-03-04T10:06:07Z Time Some(-300)";
        assert_eq!(show("2019-03-04 05:06:07", Some(-300)), local);
        // A day stays the day, wherever the clock stands.
        let day = "2019-03-04T00:00:00Z Day None";
        assert_eq!(show("2019-03-04", Some(-300)), day);
    }

    #[test]
    fn what_the_calendar_lacks_is_refused() {
        for text in [
            "",
            "2019",
            "2019-02-29",
            "2019-13-01",
            "0001-01-01",
            "9999-12-31",
            "2019-03-04 25:00:00",
            "2019-03-04x",
            "2019-03-04 05:06:07.",
            "2019-03-04 05:06:07+15:00",
            "03/04/2019",
            "2019-3-4",
        ] {
            assert_eq!(show(text, None), "-", "{text}");
        }
    }

    #[test]
    fn parts_of_a_date() {
        let show = |year, month, day| {
            partial(year, month, day).map(|when| format!("{} {:?}", when.instant, when.precision))
        };
        let shown = |text: &str| Some(text.to_owned());
        assert_eq!(show("1977", None, None), shown("1977-01-01T00:00:00Z Year"));
        assert_eq!(
            show("1977.0", Some("3"), None),
            shown("1977-03-01T00:00:00Z Month")
        );
        assert_eq!(
            show("1977", Some("03"), Some("9")),
            shown("1977-03-09T00:00:00Z Day")
        );
        assert_eq!(show("1977", None, Some("9")), show("1977", None, None));
        assert_eq!(show("1977", Some("13"), None), None);
        assert_eq!(show("0", None, None), None);
    }
}
