//! The hospital's clock: days in local standard time inside, seconds in UTC in the record, and
//! local time with the season's offset in what is exported.
//!
//! The hospital stands in the eastern United States: UTC-5, and UTC-4 from the second Sunday of
//! March to the first Sunday of November (the rule in force since 2007). It knows no other zone.

/// Days since 1970-01-01T00:00 in local standard time, the unit of the simulation.
pub(crate) type LocalDays = f64;

/// Seconds since 1970-01-01T00:00:00 UTC, the unit of the record.
pub(crate) type Seconds = i64;

/// Days in a Julian year.
pub(crate) const YEAR: f64 = 365.25;

const STANDARD_SECONDS: i64 = 5 * 3600;
const DAY_SECONDS: i64 = 86_400;

/// The second in UTC at which a local day fraction falls.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a float-to-int cast saturates, and days are below 10^6"
)]
pub(crate) fn seconds(days: LocalDays) -> Seconds {
    (days * DAY_SECONDS as f64).round() as i64 + STANDARD_SECONDS
}

/// The civil date of a day number, by Howard Hinnant's `civil_from_days` ("chrono-compatible
/// low-level date algorithms", 2013).
pub(crate) fn civil(day: i64) -> (i64, i64, i64) {
    let z = day + 719_468;
    let era = z.div_euclid(146_097);
    let of_era = z.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// The day number of a civil date (Hinnant's `days_from_civil`).
pub(crate) fn day_of(year: i64, month: i64, day: i64) -> i64 {
    let y = year - i64::from(month <= 2);
    let era = y.div_euclid(400);
    let of_era = y.rem_euclid(400);
    let shifted = if month > 2 { month - 3 } else { month + 9 };
    let of_year = (153 * shifted + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The offset from UTC in minutes that the hospital's clocks have at a second.
pub(crate) fn offset_minutes(seconds: Seconds) -> i16 {
    let day = (seconds - STANDARD_SECONDS).div_euclid(DAY_SECONDS);
    let (year, month, _) = civil(day);
    let summer = match month {
        4..=10 => true,
        3 => seconds >= sunday(year, 3, 2) * DAY_SECONDS + 7 * 3600,
        11 => seconds < sunday(year, 11, 1) * DAY_SECONDS + 6 * 3600,
        _ => false,
    };
    if summer { -240 } else { -300 }
}

/// The day number of the n-th Sunday of a month. Day 0 was a Thursday.
fn sunday(year: i64, month: i64, nth: i64) -> i64 {
    let first = day_of(year, month, 1);
    let weekday = (first + 4).rem_euclid(7);
    first + (7 - weekday) % 7 + 7 * (nth - 1)
}

/// The local civil date at a second.
pub(crate) fn local_date(seconds: Seconds) -> (i64, i64, i64) {
    let local = seconds + i64::from(offset_minutes(seconds)) * 60;
    civil(local.div_euclid(DAY_SECONDS))
}

/// Writes a date as `2019-03-04`.
pub(crate) fn write_date(out: &mut Vec<u8>, (year, month, day): (i64, i64, i64)) {
    write_two(out, year / 100);
    write_two(out, year % 100);
    out.push(b'-');
    write_two(out, month);
    out.push(b'-');
    write_two(out, day);
}

/// Writes a second as local time with its offset, `2019-03-04T05:06:07-05:00`.
pub(crate) fn write_time(out: &mut Vec<u8>, seconds: Seconds) {
    let offset = i64::from(offset_minutes(seconds));
    let local = seconds + offset * 60;
    write_date(out, civil(local.div_euclid(DAY_SECONDS)));
    let second = local.rem_euclid(DAY_SECONDS);
    out.push(b'T');
    write_two(out, second / 3600);
    out.push(b':');
    write_two(out, second / 60 % 60);
    out.push(b':');
    write_two(out, second % 60);
    out.extend_from_slice(if offset == -240 { b"-04:00" } else { b"-05:00" });
}

/// Writes the last two decimal digits of a number that is not negative.
fn write_two(out: &mut Vec<u8>, number: i64) {
    for digit in [number / 10 % 10, number % 10] {
        out.push(b'0' + u8::try_from(digit).unwrap_or(0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use longitude_core::Instant;

    fn text(seconds: Seconds) -> String {
        let mut out = Vec::new();
        write_time(&mut out, seconds);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn seasons_change_the_offset_at_the_right_second() {
        let utc = |date, time| Instant::from_civil(date, time, 0).unwrap().0 / 1_000_000;
        let spring = utc((2019, 3, 10), (7, 0, 0, 0));
        assert_eq!(text(spring - 1), "2019-03-10T01:59:59-05:00");
        assert_eq!(text(spring), "2019-03-10T03:00:00-04:00");
        let autumn = utc((2019, 11, 3), (6, 0, 0, 0));
        assert_eq!(text(autumn - 1), "2019-11-03T01:59:59-04:00");
        assert_eq!(text(autumn), "2019-11-03T01:00:00-05:00");
    }

    #[test]
    fn dates_agree_with_the_calendar_of_core() {
        for day in (-20_000..25_000).step_by(17) {
            let (year, month, date) = Instant(day * 86_400_000_000).civil_date();
            let expected = (i64::from(year), i64::from(month), i64::from(date));
            assert_eq!(civil(day), expected);
            assert_eq!(day_of(expected.0, expected.1, expected.2), day);
        }
    }
}
