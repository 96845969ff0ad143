//! Times in FHIR's words: `date`, `dateTime` and `instant` with the precision and the offset that
//! the source wrote.

use super::report::Losses;
use longitude_core::{Event, Instant, Precision};

const DAY_MICROS: i64 = 86_400_000_000;
const MINUTE_MICROS: i64 = 60_000_000;
/// The years 1 to 9998 in UTC: what four digits hold with every offset.
const RANGE: std::ops::Range<i64> = -62_135_510_400_000_000..253_370_764_800_000_000;
/// FHIR allows offsets up to 14 hours.
const OFFSET_MINUTES_MAX: i16 = 14 * 60;

/// Whether FHIR can write the time at all.
pub(super) fn is_writable(time: Instant) -> bool {
    RANGE.contains(&time.0)
}

/// The time of an event as a `dateTime`.
pub(super) fn of_event(event: &Event, time: Instant, losses: &mut Losses) -> String {
    if let Some(date) = date(time, event.precision) {
        return date;
    }
    if event.precision != Precision::Time {
        losses.push("that only the day, month or year is known, of a time within it");
    }
    instant(time, event.utc_offset_minutes)
}

/// The date of a time that is known no closer and stands at the start of what is known.
pub(super) fn date(time: Instant, precision: Precision) -> Option<String> {
    let (year, month, day) = time.civil_date();
    if time.0.rem_euclid(DAY_MICROS) != 0 {
        return None;
    }
    match precision {
        Precision::Time => None,
        Precision::Day => Some(format!("{year:04}-{month:02}-{day:02}")),
        Precision::Month => (day == 1).then(|| format!("{year:04}-{month:02}")),
        Precision::Year => ((month, day) == (1, 1)).then(|| format!("{year:04}")),
    }
}

/// `YYYY-MM-DDThh:mm:ss[.f]` with the offset, or in UTC where none is known.
pub(super) fn instant(time: Instant, offset_minutes: Option<i16>) -> String {
    let offset = offset_minutes.unwrap_or(0);
    if offset == 0 || offset.abs() > OFFSET_MINUTES_MAX {
        return time.to_string();
    }
    let local = time.shifted(i64::from(offset) * MINUTE_MICROS).to_string();
    let (sign, minutes) = (if offset < 0 { '-' } else { '+' }, offset.abs());
    let local = local.trim_end_matches('Z');
    format!("{local}{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use longitude_core::{Code, Origin};

    fn shown(micros: i64, precision: Precision, offset: Option<i16>) -> (String, usize) {
        let time = Instant(micros);
        let mut event = Event::new(Code::birth(), Some(time), Origin::derived("test"));
        (event.precision, event.utc_offset_minutes) = (precision, offset);
        let mut losses = Losses::new();
        (of_event(&event, time, &mut losses), losses.len())
    }

    #[test]
    fn every_precision_and_offset() {
        let start = 1_577_836_800_000_000; // 2020-01-01
        let cases = [
            (start, Precision::Year, None, "2020", 0),
            (start, Precision::Month, None, "2020-01", 0),
            (start, Precision::Day, Some(60), "2020-01-01", 0),
            (start, Precision::Time, None, "2020-01-01T00:00:00Z", 0),
            (
                start,
                Precision::Time,
                Some(-300),
                "2019-12-31T19:00:00-05:00",
                0,
            ),
            (
                start + 1,
                Precision::Time,
                Some(330),
                "2020-01-01T05:30:00.000001+05:30",
                0,
            ),
            (
                start + 1,
                Precision::Year,
                None,
                "2020-01-01T00:00:00.000001Z",
                1,
            ),
            (
                start + DAY_MICROS,
                Precision::Month,
                None,
                "2020-01-02T00:00:00Z",
                1,
            ),
        ];
        for (micros, precision, offset, expected, lost) in cases {
            assert_eq!(
                shown(micros, precision, offset),
                (expected.to_owned(), lost)
            );
        }
        assert!(is_writable(Instant(start)));
        assert!(!is_writable(Instant(i64::MAX)) && !is_writable(Instant(i64::MIN)));
    }
}
