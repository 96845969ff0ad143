//! A point in time as a record states it, and HL7's compact spelling of one, which HL7 v2 and CDA
//! share. A date without a time of day is the start of the day in UTC; nothing is put at its end.

use crate::batch::Note;
use crate::clock::{Clock, Doubt};
use longitude_core::{Instant, IssueKind, Precision};
use std::borrow::Cow;

/// Years outside this span are taken for faults (sentinels such as 0001 and 9999 among them). It is
/// wide because de-identified sources shift dates by centuries: MIMIC lives in 2100 to 2200.
pub(crate) const YEARS: std::ops::RangeInclusive<i16> = 1700..=2300;

/// A point in time as a record states it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct When {
    pub(crate) instant: Instant,
    pub(crate) precision: Precision,
    /// Minutes ahead of UTC; `None` for a date, and for a time written without an offset.
    pub(crate) offset_minutes: Option<i16>,
    /// What is odd about it in the zone by which it was read.
    pub(crate) doubt: Option<Doubt>,
}

impl When {
    /// A year, month or day: its start in UTC; `None` where the calendar lacks it.
    pub(crate) fn start_of(date: (i16, i8, i8), precision: Precision) -> Option<Self> {
        let instant = Instant::from_civil(date, (0, 0, 0, 0), 0).ok()?;
        Some(Self {
            instant,
            precision,
            offset_minutes: None,
            doubt: None,
        })
    }

    /// A time of day with its offset, else by the clock, else as if it were UTC; `None` where the
    /// calendar lacks it.
    pub(crate) fn at(
        date: (i16, i8, i8),
        time: (i8, i8, i8, i32),
        offset: Option<i16>,
        clock: Option<&Clock>,
    ) -> Option<Self> {
        let instant = Instant::from_civil(date, time, offset.unwrap_or(0)).ok()?;
        let (instant, offset_minutes, doubt) = match (offset, clock) {
            (None, Some(clock)) => {
                let (instant, minutes, doubt) = clock.place(instant)?;
                (instant, Some(minutes), doubt)
            }
            _ => (instant, offset, None),
        };
        Some(Self {
            instant,
            precision: Precision::Time,
            offset_minutes,
            doubt,
        })
    }

    /// Whether a time of day was written without an offset, and so was read
    /// as UTC.
    fn lacks_offset(self) -> bool {
        self.precision == Precision::Time && self.offset_minutes.is_none()
    }

    /// A death of which only the day is written stands at the last moment that this day covers
    /// anywhere on earth (midnight at UTC-12): the care of the last day then comes before the
    /// death, and not the death of a morning before the discharge that it ended.
    pub(crate) fn end_of_day(self) -> Self {
        const LATEST_MICROS: i64 = 36 * 3_600_000_000 - 1;
        match self.precision {
            Precision::Day => Self {
                instant: self.instant.shifted(LATEST_MICROS),
                ..self
            },
            Precision::Year | Precision::Month | Precision::Time => self,
        }
    }
}

/// What is to be said of a text that was read as a time: that it is none, that it has no offset, or
/// that its zone has it twice or never.
pub(crate) fn remark(when: Option<When>, element: impl Into<Cow<'static, str>>) -> Option<Note> {
    let element = element.into();
    let Some(when) = when else {
        return Some(Note::at(IssueKind::InvalidTime, element));
    };
    let lacks = when.lacks_offset().then_some("no offset, read as UTC");
    let what = lacks.or(when.doubt.map(Doubt::explanation))?;
    let detail = [&*element, ": ", what].concat();
    Some(Note::new(IssueKind::InvalidTime, element, detail))
}

/// Reads `YYYY[MM[DD[HH[MM[SS[.S...]]]]]][+/-ZZZZ]` (HL7 v2 `DTM` and `TS`, HL7 v3 `TS`). A time of
/// day without an offset is the clock's. `None` when the text has another form, the
/// calendar lacks the date, or the year lies outside [`YEARS`].
pub(crate) fn parse_hl7(text: &str, clock: Option<&Clock>) -> Option<When> {
    let text = text.trim_ascii().as_bytes();
    let (digits, offset) = match text.iter().position(|byte| matches!(byte, b'+' | b'-')) {
        Some(at) => (&text[..at], Some(parse_offset(&text[at..])?)),
        None => match text.strip_suffix(b"Z") {
            Some(digits) => (digits, Some(0)),
            None => (text, None),
        },
    };
    let (digits, nanosecond) = match digits.iter().position(|byte| *byte == b'.') {
        Some(14) if digits.len() > 15 => (&digits[..14], fraction(&digits[15..])?),
        Some(14) => (&digits[..14], 0),
        Some(_) => return None,
        None => (digits, 0),
    };
    if digits.len() < 4 || digits.len() > 14 || digits.len() % 2 == 1 {
        return None;
    }
    let part = |place: usize, absent: i8| match digits.get(place..place + 2) {
        Some(pair) => two(pair),
        None => Some(absent),
    };
    let year = i16::from(part(0, 0)?) * 100 + i16::from(part(2, 0)?);
    if !YEARS.contains(&year) {
        return None;
    }
    let precision = match digits.len() {
        4 => Precision::Year,
        6 => Precision::Month,
        8 => Precision::Day,
        _ => Precision::Time,
    };
    let date = (year, part(4, 1)?, part(6, 1)?);
    if precision != Precision::Time {
        return When::start_of(date, precision);
    }
    let time = (part(8, 0)?, part(10, 0)?, part(12, 0)?, nanosecond);
    When::at(date, time, offset, clock)
}

/// The offset in minutes of `+HHMM`, `+HH:MM` or `+HH`.
pub(crate) fn parse_offset(text: &[u8]) -> Option<i16> {
    let (b'+' | b'-', digits) = text.split_first()? else {
        return None;
    };
    let (hours, minutes) = match *digits {
        [a, b] => (two(&[a, b])?, 0),
        [a, b, c, d] | [a, b, b':', c, d] => (two(&[a, b])?, two(&[c, d])?),
        _ => return None,
    };
    let total = i16::from(hours) * 60 + i16::from(minutes);
    // No zone is more than 14 hours from UTC.
    if total > 14 * 60 || minutes > 59 {
        return None;
    }
    Some(if text[0] == b'-' { -total } else { total })
}

/// Nanoseconds of the digits after the point; digits beyond the ninth are cut.
pub(crate) fn fraction(digits: &[u8]) -> Option<i32> {
    let mut nanoseconds = 0;
    for place in 0..digits.len().max(9) {
        let digit = digits.get(place).copied().unwrap_or(b'0');
        if !digit.is_ascii_digit() {
            return None;
        }
        if place < 9 {
            nanoseconds = nanoseconds * 10 + i32::from(digit - b'0');
        }
    }
    Some(nanoseconds)
}

pub(crate) fn two(digits: &[u8]) -> Option<i8> {
    match digits {
        [tens @ b'0'..=b'9', ones @ b'0'..=b'9'] => {
            i8::try_from((tens - b'0') * 10 + (ones - b'0')).ok()
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(text: &str, default: Option<i16>) -> Option<String> {
        parse_hl7(text, default.map(Clock::fixed).as_ref()).map(|when| {
            let (precision, offset) = (when.precision, when.offset_minutes);
            format!("{} {precision:?} {offset:?}", when.instant)
        })
    }

    #[test]
    fn every_precision() {
        let cases = [
            ("1974", "1974-01-01T00:00:00Z Year None"),
            ("197412", "1974-12-01T00:00:00Z Month None"),
            ("19741225", "1974-12-25T00:00:00Z Day None"),
            ("19741225-0500", "1974-12-25T00:00:00Z Day None"),
            ("2014010205", "2014-01-02T05:00:00Z Time None"),
            ("201401020530-0500", "2014-01-02T10:30:00Z Time Some(-300)"),
            (
                "20140102053015.25+0530",
                "2014-01-02T00:00:15.25Z Time Some(330)",
            ),
            ("20140102053015.", "2014-01-02T05:30:15Z Time None"),
            (" 20140102053015Z ", "2014-01-02T05:30:15Z Time Some(0)"),
        ];
        for (text, expected) in cases {
            assert_eq!(show(text, None).as_deref(), Some(expected), "{text}");
        }
        let local = show("201401020530", Some(-300));
        assert_eq!(
            local.as_deref(),
            Some("2014-01-02T10:30:00Z Time Some(-300)")
        );
    }

    #[test]
    fn what_the_calendar_lacks_is_refused() {
        for text in [
            "",
            "0000",
            "20",
            "201",
            "20141",
            "20141301",
            "20140230",
            "201401022460",
            "00010101",
            "2014-01-02",
            "20140102T05",
            "201401020530+1500",
            "201401020530+05:75",
            "2014010205.5",
            "20140102053015.x",
            "201401020530-",
            "\"\"",
            "٢٠١٤",
        ] {
            assert_eq!(parse_hl7(text, None), None, "{text}");
        }
    }
}
