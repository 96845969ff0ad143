//! Dates of DICOM as text (PS3.5, section 6.2), moved by whole days.

use longitude_core::Instant;

const MICROS_PER_DAY: i64 = 86_400_000_000;

/// A date (`19970424`, or the old `1997.04.24`) or the date of a date time moved by days, what
/// follows the date kept; of a partial date what it has. `None` where it cannot be read.
pub(crate) fn moved(text: &str, days: i64) -> Option<String> {
    let text = text.trim_matches([' ', '\0']);
    let plain = old_form(text).unwrap_or_else(|| text.to_owned());
    let digits = plain.bytes().take_while(u8::is_ascii_digit).count().min(8);
    let (date, rest) = plain.split_at(digits);
    let number = |range: std::ops::Range<usize>| date.get(range)?.parse::<i16>().ok();
    let part = |range| number(range).and_then(|n| i8::try_from(n).ok());
    let (month, day) = match digits {
        8 => (part(4..6)?, part(6..8)?),
        6 => (part(4..6)?, 15),
        4 => (7, 1),
        _ => return None,
    };
    let time_like = |b: u8| b.is_ascii_digit() || b"+-.".contains(&b);
    if !rest.bytes().all(time_like) || (digits < 8 && !rest.is_empty()) {
        return None;
    }
    let date = (number(0..4)?, month, day);
    let date = Instant::from_civil(date, (0, 0, 0, 0), 0).ok()?;
    let (year, month, day) = date.shifted(days.checked_mul(MICROS_PER_DAY)?).civil_date();
    let full = format!("{year:04}{month:02}{day:02}");
    Some(format!("{}{rest}", &full[..digits]))
}

/// `1997.04.24` of the standard before DICOM.
fn old_form(text: &str) -> Option<String> {
    let mut parts = text.split('.');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let right = year.len() == 4 && month.len() == 2 && day.len() == 2 && parts.next().is_none();
    right.then(|| format!("{year}{month}{day}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_move_and_keep_their_form() {
        for (text, days, after) in [
            ("20040119", 30, Some("20040218")),
            ("1997.04.24", 7, Some("19970501")),
            (
                "20040119072730.000000+0100",
                -19,
                Some("20031231072730.000000+0100"),
            ),
            ("200401", 365, Some("200501")),
            ("2004", -365, Some("2003")),
            ("20040119 ", 1, Some("20040120")),
            ("20041399", 1, None),
            ("yesterday", 1, None),
            ("20040119-20040202Doe", 1, None),
            ("", 1, None),
        ] {
            assert_eq!(moved(text, days).as_deref(), after, "{text}");
        }
    }
}
