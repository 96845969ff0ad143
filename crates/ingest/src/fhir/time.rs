//! FHIR's `date`, `dateTime` and `instant` into UTC instants with the precision that was written.
//! A date without a time of day is the start of the day in UTC; nothing is ever put at its end.

pub(crate) use crate::when::When;
use crate::when::{YEARS, fraction, two};
use longitude_core::Precision;

/// Reads `YYYY`, `YYYY-MM`, `YYYY-MM-DD` or `YYYY-MM-DDThh:mm[:ss[.f]][Z|±hh:mm]`; `None` when the
/// text has another form, the calendar lacks the date, or the year lies outside [`YEARS`].
pub(crate) fn parse(text: &str) -> Option<When> {
    let text = text.trim_ascii().as_bytes();
    let (date, clock) = match text.iter().position(|byte| *byte == b'T') {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let (civil, precision) = parse_date(date)?;
    if !YEARS.contains(&civil.0) {
        return None;
    }
    let Some(clock) = clock else {
        return When::start_of(civil, precision);
    };
    if precision != Precision::Day {
        return None;
    }
    let (clock, offset_minutes) = split_offset(clock)?;
    When::at(civil, parse_clock(clock)?, offset_minutes, None)
}

fn parse_date(date: &[u8]) -> Option<((i16, i8, i8), Precision)> {
    let year = |text: &[u8]| {
        let (high, low) = (two(&text[..2])?, two(&text[2..4])?);
        Some(i16::from(high) * 100 + i16::from(low))
    };
    match date.len() {
        4 => Some(((year(date)?, 1, 1), Precision::Year)),
        7 if date[4] == b'-' => Some(((year(date)?, two(&date[5..7])?, 1), Precision::Month)),
        10 if date[4] == b'-' && date[7] == b'-' => Some((
            (year(date)?, two(&date[5..7])?, two(&date[8..10])?),
            Precision::Day,
        )),
        _ => None,
    }
}

/// The time of day without its offset, and the offset in minutes.
fn split_offset(clock: &[u8]) -> Option<(&[u8], Option<i16>)> {
    if let Some(rest) = clock.strip_suffix(b"Z") {
        return Some((rest, Some(0)));
    }
    let Some(at) = clock.iter().position(|byte| matches!(byte, b'+' | b'-')) else {
        return Some((clock, None));
    };
    let (rest, offset) = clock.split_at(at);
    if offset.len() != 6 || offset[3] != b':' {
        return None;
    }
    let minutes = i16::from(two(&offset[1..3])?) * 60 + i16::from(two(&offset[4..6])?);
    // FHIR allows offsets up to 14 hours, minutes below 60.
    if minutes > 14 * 60 || two(&offset[4..6])? > 59 {
        return None;
    }
    Some((
        rest,
        Some(if offset[0] == b'-' { -minutes } else { minutes }),
    ))
}

/// Hour, minute, second and nanosecond of `hh:mm`, `hh:mm:ss` or `hh:mm:ss.f`.
fn parse_clock(clock: &[u8]) -> Option<(i8, i8, i8, i32)> {
    if clock.len() < 5 || clock[2] != b':' {
        return None;
    }
    let (hour, minute) = (two(&clock[..2])?, two(&clock[3..5])?);
    if clock.len() == 5 {
        return Some((hour, minute, 0, 0));
    }
    if clock.len() < 8 || clock[5] != b':' {
        return None;
    }
    let second = two(&clock[6..8])?;
    let nanosecond = match &clock[8..] {
        [] => 0,
        [b'.', digits @ ..] if !digits.is_empty() => fraction(digits)?,
        _ => return None,
    };
    Some((hour, minute, second, nanosecond))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_precision() {
        let show = |text| {
            parse(text).map(|when| {
                let (precision, offset) = (when.precision, when.offset_minutes);
                format!("{} {precision:?} {offset:?}", when.instant)
            })
        };
        let cases = [
            ("1974", "1974-01-01T00:00:00Z Year None"),
            ("1974-12", "1974-12-01T00:00:00Z Month None"),
            ("1974-12-25", "1974-12-25T00:00:00Z Day None"),
            (
                "2149-10-25T18:50:00-04:00",
                "2149-10-25T22:50:00Z Time Some(-240)",
            ),
            (
                "2015-02-07T13:28:17.239+05:30",
                "2015-02-07T07:58:17.239Z Time Some(330)",
            ),
            ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59Z Time Some(0)"),
            ("2016-12-31T23:59Z", "2016-12-31T23:59:00Z Time Some(0)"),
            ("2016-12-31T23:59:01", "2016-12-31T23:59:01Z Time None"),
        ];
        for (text, expected) in cases {
            assert_eq!(show(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_the_calendar_lacks_is_refused() {
        for text in [
            "",
            "0000",
            "0001-01-01",
            "9999-12-31",
            "3000-01-01",
            "2023-02-30",
            "2023-13-01",
            "2023-1-1",
            "20230101",
            "2023-01-01T",
            "2023-01T10:00:00Z",
            "2023-01-01T24:00:00Z",
            "2023-01-01T10:60:00Z",
            "2023-01-01T10:00:00+15:00",
            "2023-01-01T10:00:00+05:75",
            "2023-01-01T10:00:00.Z",
            "2023-01-01T10:00:0Z",
            "1974-12-25 10:00",
            "٢٠٢٣",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
