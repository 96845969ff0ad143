//! Lengths of time as ACES writes them (`24h`, `1 day, 14:20:16`, `1.5 days`), which are those of
//! the Python package pytimeparse 1.1: units from weeks down to seconds, or a clock.

/// Microseconds in a second.
pub(crate) const SECOND: i64 = 1_000_000;
/// Microseconds in a day.
pub(crate) const DAY: i64 = 86_400 * SECOND;

/// The units in the order in which they must stand, with their seconds.
const UNITS: [(&[&str], i64); 5] = [
    (&["w", "wk", "wks", "week", "weeks"], 604_800),
    (&["d", "dy", "dys", "day", "days"], 86_400),
    (&["h", "hr", "hrs", "hour", "hours"], 3_600),
    (&["m", "min", "mins", "minute", "minutes"], 60),
    (&["s", "sec", "secs", "second", "seconds"], 1),
];

/// One number of a duration: as written, and the seconds that one of it is.
type Part<'t> = (&'t str, i64);

/// Reads a length of time in microseconds, or `None` where it is none. It may have a sign.
pub(crate) fn parse(text: &str) -> Option<i64> {
    let text = text.trim_start();
    let (sign, rest) = match text.as_bytes().first() {
        Some(b'-') => (-1, &text[1..]),
        Some(b'+') => (1, &text[1..]),
        _ => (1, text),
    };
    let rest = rest.trim();
    if rest.is_empty() {
        return None;
    }
    let parts = units(rest).or_else(|| clock(rest))?;
    Some(sign * micros(&parts)?)
}

fn units(text: &str) -> Option<Vec<Part<'_>>> {
    let (parts, rest) = leading_units(text)?;
    rest.is_empty().then_some(parts)
}

/// Numbers with units, as far as there are any, and what comes after.
fn leading_units(mut rest: &str) -> Option<(Vec<Part<'_>>, &str)> {
    let mut parts = Vec::new();
    let mut next = 0;
    loop {
        let digits = rest.len()
            - rest
                .trim_start_matches(|c: char| c.is_ascii_digit() || c == '.')
                .len();
        let (number, after) = rest.split_at(digits);
        let after = after.trim_start();
        let letters = after.len()
            - after
                .trim_start_matches(|c: char| c.is_ascii_alphabetic())
                .len();
        if digits == 0 || letters == 0 {
            return Some((parts, rest));
        }
        let (word, after) = after.split_at(letters);
        let word = word.to_ascii_lowercase();
        let found = (next..UNITS.len()).find(|at| UNITS[*at].0.contains(&word.as_str()))?;
        parts.push((number, UNITS[found].1));
        next = found + 1;
        rest = after.trim_start();
        if next < UNITS.len()
            && let Some(separated) = rest.strip_prefix([',', '/'])
        {
            rest = separated.trim_start();
        }
    }
}

/// `m:ss`, `h:mm:ss` with weeks and days before it, `d:hh:mm:ss`, `:ss`.
fn clock(text: &str) -> Option<Vec<Part<'_>>> {
    let (mut parts, rest) = leading_units(text)?;
    if parts.iter().any(|(_, seconds)| *seconds < 86_400) {
        return None;
    }
    let fields: Vec<&str> = rest.split(':').collect();
    let pair = |field: &str| field.len() == 2 && whole(field);
    let (seconds, before) = fields.split_last()?;
    let (whole_seconds, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
    if !pair(whole_seconds) || !whole(fraction) {
        return None;
    }
    match before {
        [""] if parts.is_empty() => {}
        [minutes] if parts.is_empty() && minutes.len() <= 2 && whole(minutes) => {
            parts.push((minutes, 60));
        }
        [hours, minutes] if pair(minutes) => {
            let (days, hours) = hours.split_once('-').unwrap_or(("", hours));
            if !whole(hours) {
                return None;
            }
            if !days.is_empty() {
                if !parts.is_empty() || !whole(days) || !pair(hours) {
                    return None;
                }
                parts.push((days, 86_400));
            }
            parts.extend([(hours, 3_600), (*minutes, 60)]);
        }
        [days, hours, minutes]
            if parts.is_empty() && whole(days) && pair(hours) && pair(minutes) =>
        {
            parts.extend([(*days, 86_400), (*hours, 3_600), (*minutes, 60)]);
        }
        _ => return None,
    }
    parts.push((seconds, 1));
    Some(parts)
}

fn whole(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// The sum. Without a fraction of a second it is in whole seconds, cut off; with one it is a
/// float, rounded to microseconds, ties to the even one, as Python's `timedelta` does.
fn micros(parts: &[Part<'_>]) -> Option<i64> {
    let fraction = parts
        .iter()
        .any(|(number, seconds)| *seconds == 1 && !whole(number));
    if fraction {
        let mut sum = 0.0;
        for (number, seconds) in parts {
            sum += number.parse::<f64>().ok()? * (*seconds as f64);
        }
        #[expect(clippy::cast_possible_truncation, reason = "saturates, as is meant")]
        return Some((sum * SECOND as f64).round_ties_even() as i64);
    }
    let mut micros: i128 = 0;
    for (number, seconds) in parts {
        micros += decimal(number)?.checked_mul(i128::from(*seconds))?;
    }
    let seconds = micros / SCALE;
    i64::try_from(seconds).ok()?.checked_mul(SECOND)
}

const SCALE: i128 = 1_000_000_000_000;

/// A decimal number times [`SCALE`], exact as far as a duration is ever written.
fn decimal(text: &str) -> Option<i128> {
    let (whole_part, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole_part.len() + fraction.len() == 0 || !digits(whole_part) || !digits(fraction) {
        return None;
    }
    let mut value: i128 = 0;
    for digit in whole_part.bytes() {
        value = value
            .checked_mul(10)?
            .checked_add(i128::from(digit - b'0'))?;
    }
    value = value.checked_mul(SCALE)?;
    let mut unit = SCALE / 10;
    for digit in fraction.bytes() {
        value += i128::from(digit - b'0') * unit;
        unit /= 10;
    }
    (value < i128::from(i64::MAX) * SCALE).then_some(value)
}

/// A length of time in words: the largest units that say it exactly.
pub(crate) fn shown(micros: i64) -> String {
    let sign = if micros < 0 { "-" } else { "" };
    let mut left = micros.unsigned_abs();
    let mut text = String::new();
    for (name, size) in [
        ("d", 86_400_000_000_u64),
        ("h", 3_600_000_000),
        ("m", 60_000_000),
    ] {
        if left >= size {
            text.push_str(&format!("{}{name} ", left / size));
            left %= size;
        }
    }
    if left > 0 || text.is_empty() {
        text.push_str(&format!("{}s", left as f64 / 1e6));
    }
    format!("{sign}{}", text.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The expected values are what pytimeparse 1.1.10 answers.
    #[test]
    fn durations_are_those_of_pytimeparse() {
        let seconds = |text: &str| parse(text).map(|micros| micros as f64 / 1e6);
        for (text, expected) in [
            ("24h", Some(86_400.0)),
            ("1.5h", Some(5_400.0)),
            ("0.1s", Some(0.1)),
            ("-24h", Some(-86_400.0)),
            ("1 day,", Some(86_400.0)),
            ("1w 2d", Some(777_600.0)),
            ("2:30", Some(150.0)),
            ("1:02:03", Some(3_723.0)),
            ("1 day, 14:20:16", Some(138_016.0)),
            ("1-02:03:04", Some(93_784.0)),
            (":22", Some(22.0)),
            ("1.2.3h", None),
            ("", None),
            ("5", None),
            ("1d1d", None),
            ("1 D", Some(86_400.0)),
            ("- 1d", Some(-86_400.0)),
            ("--1d", None),
            ("1.0000001s", Some(1.0)),
            ("1.5d 0.5s", Some(129_600.5)),
            ("1h, 2m/3s", Some(3_723.0)),
            ("1h 2d", None),
            ("4.1m", Some(246.0)),
            ("0.00001d", Some(0.0)),
        ] {
            assert_eq!(seconds(text), expected, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "[0-9.:\\- wdhms,/]{0,24}") {
            prop_assert!(parse(&text).is_none_or(|micros| micros != i64::MIN));
        }

        #[test]
        fn what_is_shown_reads_as_itself(seconds in 1..10_000_000_i64) {
            prop_assert_eq!(parse(&shown(seconds * SECOND)), Some(seconds * SECOND));
        }
    }
}
