//! Dates for the braces of `sentences.txt` and `styles.txt`, in the forms that people write.

use crate::random::Random;

pub(crate) const MONTHS: &str =
    "January|February|March|April|May|June|July|August|September|October|November|December";
const DAYS: &str = "Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday";
const ORDINALS: &str = "first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|eleventh|twelfth|thirteenth|fourteenth|fifteenth|sixteenth|seventeenth|eighteenth|nineteenth|twentieth|twenty-first|twenty-second|twenty-third|twenty-fourth|twenty-fifth|twenty-sixth|twenty-seventh|twenty-eighth";

fn parts(random: &mut Random) -> (usize, usize, usize) {
    (
        random.between(1930, 2026),
        random.between(1, 12),
        random.between(1, 28),
    )
}

fn month(number: usize) -> &'static str {
    MONTHS.split('|').nth(number - 1).unwrap_or("May")
}

fn ordinal(d: usize) -> &'static str {
    match (d % 10, d / 10) {
        (1, tens) if tens != 1 => "st",
        (2, tens) if tens != 1 => "nd",
        (3, tens) if tens != 1 => "rd",
        _ => "th",
    }
}

pub(crate) fn date(random: &mut Random) -> String {
    let (y, m, d) = parts(random);
    let short = y % 100;
    let name = month(m);
    let three = &name[..3];
    match random.below(26) {
        0..=3 => format!("{m:02}/{d:02}/{y}"),
        4 | 5 => format!("{m:02}/{d:02}/{short:02}"),
        6 => format!("{m}/{d}/{short:02}"),
        7 => format!("{m}/{d}/{y}"),
        8..=10 => format!("{y}-{m:02}-{d:02}"),
        11 | 12 => format!("{name} {d:02}, {y}"),
        13 => format!("{name} {d}, {y}"),
        14 => format!("{d} {three} {y}"),
        15 => format!("{three} {d}, {y}"),
        16 => format!("{d:02}-{three}-{y}"),
        17 => format!("{m:02}-{d:02}-{y}"),
        18 => format!("{name} {d}{} {y}", ordinal(d)),
        19 => format!("{m}-{d}-{short:02}"),
        20 => format!("{m}.{d}.{short:02}"),
        21 => format!("{y}{m:02}{d:02}"),
        22 => format!("{d}{}{short:02}", three.to_uppercase()),
        23 => format!("{three} {d} {y}"),
        24 => format!("{m:02}.{d:02}.{y}"),
        _ => format!("{}, {name} {d}, {y}", random.word(DAYS)),
    }
}

pub(crate) fn month_day(random: &mut Random) -> String {
    let (_, m, d) = parts(random);
    let name = month(m);
    match random.below(11) {
        0..=3 => format!("{m}/{d}"),
        4 => format!("{m:02}/{d:02}"),
        5 => format!("{name} {d}"),
        6 => format!("{name} {d}{}", ordinal(d)),
        7 => format!("{m}-{d}"),
        8 => format!("{} {d}", &name[..3]),
        9 => format!("{m}.{d}"),
        _ => format!("the {d}{} of {name}", ordinal(d)),
    }
}

pub(crate) fn month_year(random: &mut Random) -> String {
    let (y, m, _) = parts(random);
    let name = month(m);
    match random.below(9) {
        0 | 1 => format!("{name} {y}"),
        2 => format!("{m:02}/{y}"),
        3 => format!("{m}/{:02}", y % 100),
        4 => format!("{} {y}", &name[..3]),
        5 => format!("{name} of {y}"),
        6 => format!("{} '{:02}", &name[..3], y % 100),
        7 => format!("{} {y}", random.word("spring|summer|fall|winter")),
        _ => format!("{} {name}", random.word("early|late|mid|last")),
    }
}

/// A day and a month in words.
pub(crate) fn in_words(random: &mut Random) -> String {
    let name = month(random.between(1, 12));
    let day = random.word(ORDINALS);
    match random.below(3) {
        0 => format!("the {day} of {name}"),
        1 => format!("{name} {day}"),
        _ => format!("{name} the {day}"),
    }
}

/// The day of the week and the date.
pub(crate) fn after_a_day(random: &mut Random) -> String {
    let (_, m, d) = parts(random);
    let (day, name) = (random.word(DAYS), month(m));
    match random.below(6) {
        0 => format!("{day}, {name} {d}{}", ordinal(d)),
        1 => format!("{} {m}/{d}", &day[..3]),
        2 => format!("{day} the {d}{}", ordinal(d)),
        3 => format!("{day} {name} {d}"),
        4 => format!("{} {m}/{d}", random.word("yesterday|today|tomorrow")),
        _ => format!("the {d}{}", ordinal(d)),
    }
}
