//! Dates inside a text, moved by the subject's days and written back in their own format.
//!
//! The times of events are not handled here ([`crate::dates`]), nor is a date found here
//! ([`crate::date_patterns`]).

use crate::dates::Times;
use longitude_core::Instant;
use regex::Captures;

const MICROS_PER_DAY: i64 = 86_400_000_000;
/// Months as a date spells them.
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// The year in which a date without one is moved when nothing tells it; not a leap year.
const YEAR_UNTOLD: i16 = 2021;

/// What becomes of a date in a text.
#[derive(Clone, Copy)]
pub(crate) enum DatePlan {
    /// It is replaced by `[DATE]`.
    Blank,
    /// It is moved by days, in its own format; `[DATE]` where it cannot be read.
    Shift {
        /// The subject's days.
        days: i64,
        /// Earlier dates would tell an age over 89.
        floor: Option<Instant>,
        /// When the text was written, for dates without a year.
        written: Option<Instant>,
    },
}

impl DatePlan {
    /// The plan for the notes of a subject.
    pub(crate) fn of(times: Times, written: Option<Instant>) -> Self {
        match times {
            Times::Year { .. } => Self::Blank,
            Times::Shift { days, floor, .. } => Self::Shift {
                days,
                floor,
                written,
            },
        }
    }
}

/// A date moved by the subject's days and written as it was; `None` where it cannot be read, or
/// where it would tell an age over 89.
pub(crate) fn moved_date(captures: &Captures<'_>, plan: DatePlan) -> Option<String> {
    let DatePlan::Shift {
        days,
        floor,
        written,
    } = plan
    else {
        return None;
    };
    let date = read_date(captures, written)?;
    if floor.is_some_and(|floor| date <= floor) {
        return None;
    }
    let (year, month, day) = date.shifted(days * MICROS_PER_DAY).civil_date();
    let whole = captures.name("x").or_else(|| captures.get(0))?;
    let mut pieces: Vec<(regex::Match<'_>, String)> = Vec::new();
    for (group, value) in [("m", month), ("d", day)] {
        if let Some(old) = captures.name(group) {
            let width = old.len();
            pieces.push((old, format!("{value:0width$}")));
        }
    }
    if let Some(old) = captures.name("y").or_else(|| captures.name("yy")) {
        let year = if old.len() == 2 {
            year.rem_euclid(100)
        } else {
            year
        };
        let width = old.len();
        pieces.push((old, format!("{year:0width$}")));
    }
    if let Some(old) = captures.name("mon") {
        pieces.push((old, month_like(old.as_str(), month)));
    }
    if let Some(old) = captures.name("n") {
        pieces.push((old, day_like(old.as_str(), day)?));
    }
    if let Some(old) = captures.name("o") {
        pieces.push((old, ordinal(day).to_owned()));
    }
    if let Some(old) = captures.name("w") {
        pieces.push((old, String::new()));
    }
    pieces.sort_by_key(|(old, _)| old.start());
    let (mut out, mut at) = (String::new(), whole.start());
    for (old, new) in pieces {
        out.push_str(&whole.as_str()[at - whole.start()..old.start() - whole.start()]);
        out.push_str(&new);
        at = old.end();
    }
    out.push_str(&whole.as_str()[at - whole.start()..]);
    Some(out)
}

fn read_date(captures: &Captures<'_>, written: Option<Instant>) -> Option<Instant> {
    let number = |group: &str| {
        captures
            .name(group)
            .and_then(|m| m.as_str().parse::<i16>().ok())
    };
    let now = written.map(|written| written.civil_date().0);
    if captures.name("u").is_some() {
        return None;
    }
    let year = match captures.name("y").or_else(|| captures.name("yy")) {
        None => now.unwrap_or(YEAR_UNTOLD),
        Some(two) if two.len() == 2 => {
            // The latest century that does not put the date far after the note: notes tell of
            // appointments, seldom of the next decade.
            let now = now.unwrap_or(2029);
            let guess = now - now.rem_euclid(100) + two.as_str().parse::<i16>().ok()?;
            if guess > now + 5 { guess - 100 } else { guess }
        }
        Some(_) => number("y")?,
    };
    let month = match captures.name("mon") {
        Some(name) => {
            let short = name.as_str().get(..3)?.to_ascii_lowercase();
            let at = MONTHS
                .iter()
                .position(|m| m[..3].eq_ignore_ascii_case(&short))?;
            i16::try_from(at + 1).ok()?
        }
        None => number("m")?,
    };
    let day = match (captures.name("d"), captures.name("n")) {
        (Some(_), _) => number("d")?,
        (None, Some(words)) => day_of_words(words.as_str())?,
        (None, None) => 15,
    };
    let date = |month: i16, day: i16| {
        let date = (year, i8::try_from(month).ok()?, i8::try_from(day).ok()?);
        Instant::from_civil(date, (0, 0, 0, 0), 0).ok()
    };
    // Only one order of day and month can exist when one of them is over 12; but the text cannot
    // be written back in another order than its pattern's, so such a date is blanked.
    date(month, day)
}

/// The days of a month in words, from the first.
const DAYS: [&str; 31] = [
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
    "eleventh",
    "twelfth",
    "thirteenth",
    "fourteenth",
    "fifteenth",
    "sixteenth",
    "seventeenth",
    "eighteenth",
    "nineteenth",
    "twentieth",
    "twenty-first",
    "twenty-second",
    "twenty-third",
    "twenty-fourth",
    "twenty-fifth",
    "twenty-sixth",
    "twenty-seventh",
    "twenty-eighth",
    "twenty-ninth",
    "thirtieth",
    "thirty-first",
];

fn day_of_words(words: &str) -> Option<i16> {
    let words = words.to_ascii_lowercase().replace(' ', "-");
    let at = DAYS.iter().position(|day| *day == words)?;
    i16::try_from(at + 1).ok()
}

/// A day in words, in the case of the one that it replaces.
fn day_like(old: &str, day: i8) -> Option<String> {
    let words = *DAYS.get(usize::try_from(day - 1).ok()?)?;
    Some(cased(old, words))
}

/// A word in lower case, in the case of another.
fn cased(like: &str, lower: &str) -> String {
    if like.chars().all(|c| !c.is_lowercase()) {
        return lower.to_uppercase();
    }
    let mut letters = lower.chars();
    match letters.next() {
        Some(first) if like.starts_with(char::is_uppercase) => {
            first.to_uppercase().chain(letters).collect()
        }
        _ => lower.to_owned(),
    }
}

/// A month as short or long, and in the case, as the one that it replaces.
fn month_like(old: &str, month: i8) -> String {
    let full = usize::try_from(month - 1)
        .ok()
        .and_then(|at| MONTHS.get(at));
    let full = full.copied().unwrap_or("");
    let short = old.len() <= 4
        && !MONTHS
            .iter()
            .any(|m| m.len() > 3 && m.eq_ignore_ascii_case(old));
    let name = if short {
        full.get(..3).unwrap_or(full)
    } else {
        full
    };
    cased(old, &name.to_lowercase())
}

fn ordinal(day: i8) -> &'static str {
    match (day % 10, day / 10) {
        (1, tens) if tens != 1 => "st",
        (2, tens) if tens != 1 => "nd",
        (3, tens) if tens != 1 => "rd",
        _ => "th",
    }
}
