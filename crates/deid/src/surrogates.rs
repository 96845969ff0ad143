//! What takes an identifier's place so that a text still reads as one: another name, a moved date,
//! another number of the same form. All of it follows from the institution's key, the subject and
//! the identifier, so that one string becomes one and the same string in every note of a subject,
//! and nobody without the key can tell which.

use crate::dates::shift_days;
use crate::key::Subkey;
use crate::known::Known;
use crate::labels::Label;
use crate::moved::DatePlan;
use crate::policy::Identifier;
use crate::spans::{Span, replace};
use crate::tagger::{flag, lists};
use crate::text::Scrubber;
use crate::words::words;
use longitude_core::Instant;

/// How many of the commonest surnames and places are drawn from.
const SURNAMES: usize = 6_000;
const PLACES: usize = 3_000;
/// Initials that have too few names.
const RARE_INITIALS: &str = "iquxyz";
const HOLIDAYS: [&str; 6] = [
    "Christmas",
    "Thanksgiving",
    "Easter",
    "Halloween",
    "Labor Day",
    "Memorial Day",
];
/// Words of institutions, streets and names that say what a thing is, not which.
const KEPT_FLAGS: u32 =
    flag::HOSPITAL | flag::COMPANY | flag::STREET | flag::TITLE | flag::DEGREE | flag::COMMON;

/// The surrogates of one subject.
pub(crate) struct Surrogates<'a> {
    scrubber: &'a Scrubber,
    key: &'a Subkey,
    subject: &'a str,
    dates: DatePlan,
}

impl<'a> Surrogates<'a> {
    /// For a subject, named as the source names it: the same dates as its timeline's where that
    /// name is the timeline's number.
    pub(crate) fn of(
        scrubber: &'a Scrubber,
        (key, shifts, shift_days_max): (&'a Subkey, &Subkey, u32),
        subject: &'a str,
        written: Option<Instant>,
    ) -> Self {
        let number = match subject.parse::<i64>() {
            Ok(id) => shifts.pseudonym(id),
            Err(_not_a_number) => shifts.tag(&[b"s", subject.as_bytes()]).leading_i63(),
        };
        let dates = DatePlan::Shift {
            days: shift_days(number, shift_days_max),
            floor: None,
            written,
        };
        Self::dated(scrubber, key, subject, dates)
    }

    /// For a subject whose dates move by a plan; where it moves none, a date becomes its tag.
    pub(crate) const fn dated(
        scrubber: &'a Scrubber,
        key: &'a Subkey,
        subject: &'a str,
        dates: DatePlan,
    ) -> Self {
        Self {
            scrubber,
            key,
            subject,
            dates,
        }
    }

    /// A text with surrogates in the place of its identifiers, and what they were.
    pub(crate) fn replace(&self, text: &str, known: &Known<'_>) -> (String, Vec<Identifier>) {
        let spans = self.scrubber.spans(text, known);
        replace(text, &spans, |span| Some(self.surrogate(text, span)))
    }

    /// What takes the place of a span.
    pub(crate) fn surrogate(&self, text: &str, span: &Span) -> String {
        let old = &text[span.found.start..span.found.end];
        match span.found.label {
            Label::Date => self.date(text, span),
            Label::Age if old.bytes().all(|b| b.is_ascii_digit()) => "90".to_owned(),
            Label::Age => "ninety".to_owned(),
            Label::City => self.city(old),
            Label::State => self.state(old),
            Label::Address | Label::Hospital | Label::Organization => self.place(old),
            Label::Email => self.email(old),
            Label::Url => "https://www.example.org".to_owned(),
            Label::Ip => format!("192.0.2.{}", self.number("ip", old) % 254 + 1),
            Label::Ssn => self.characters(old, Some('9')),
            Label::Phone | Label::Fax => self.phone(old),
            Label::Known if old.bytes().any(|b| b.is_ascii_digit()) => self.place(old),
            Label::Known if old.contains('@') => self.email(old),
            Label::Name | Label::Known => self.name(old),
            Label::Mrn
            | Label::HealthPlan
            | Label::Accession
            | Label::Device
            | Label::Zip
            | Label::Account
            | Label::Licence
            | Label::Vehicle
            | Label::Id => self.characters(old, None),
        }
    }

    /// A keyed number of a purpose and a string.
    fn number(&self, purpose: &str, old: &str) -> usize {
        let lower = old.to_lowercase();
        let parts = [
            self.subject.as_bytes(),
            purpose.as_bytes(),
            lower.as_bytes(),
        ];
        let tag = self.key.tag(&[parts[0], &[0], parts[1], &[0], parts[2]]);
        usize::try_from(tag.leading_i63()).unwrap_or(0)
    }

    fn date(&self, text: &str, span: &Span) -> String {
        let old = &text[span.found.start..span.found.end];
        if let Some(moved) = self.scrubber.moved(text, span, self.dates) {
            return moved;
        }
        // Another holiday would keep neither the interval nor, where dates stay, the year's part.
        let blank = matches!(self.dates, DatePlan::Blank);
        if blank || !is_holiday(old) {
            return Label::Date.identifier().tag().to_owned();
        }
        cased(old, HOLIDAYS[self.number("holiday", old) % HOLIDAYS.len()])
    }

    /// Word by word: given names by given names of the same sex, others by surnames. An initial
    /// becomes what the names that start with it start with.
    fn name(&self, old: &str) -> String {
        let count = words(old).len();
        let reversed = old.contains(',');
        let mut at = 0;
        by_word(old, |word| {
            at += 1;
            let lower = word.to_lowercase();
            let flags = self.scrubber.lexicon().flags(&lower);
            if word.chars().count() == 1 {
                return cased(word, &self.initial(&lower).to_string());
            }
            if flags & (flag::TITLE | flag::DEGREE) != 0 && count > 1 {
                return word.to_owned();
            }
            let last = at == count && count > 1 && !reversed || at == 1 && reversed;
            let sexes = flags & (flag::MALE | flag::FEMALE);
            let surname = flags & (flag::SURNAME_TOP | flag::SURNAME) != 0;
            let given = sexes != 0 && !last && (count > 1 || !surname);
            let list = match sexes {
                _ if !given => lists::surnames(SURNAMES),
                flag::MALE => lists::given('m'),
                _ => lists::given('f'),
            };
            cased(word, self.drawn("name", &lower, &list))
        })
    }

    /// One of a list, with the initial that stands for the old one's.
    fn drawn<'l>(&self, purpose: &str, lower: &str, list: &[&'l str]) -> &'l str {
        let initial = lower
            .chars()
            .next()
            .map(|first| self.initial(&first.to_string()));
        let fits = |name: &&&str| name.chars().next() == initial && **name != lower;
        let fitting: Vec<&&str> = list.iter().filter(fits).collect();
        let number = self.number(purpose, lower);
        match fitting.len() {
            0 => list[number % list.len()],
            some => fitting[number % some],
        }
    }

    fn initial(&self, lower: &str) -> char {
        let letters: Vec<char> = ('a'..='z')
            .filter(|c| !RARE_INITIALS.contains(*c))
            .collect();
        letters[self.number("initial", lower) % letters.len()]
    }

    fn city(&self, old: &str) -> String {
        let list = lists::places(PLACES);
        let lower = old.to_lowercase();
        let city = list[self.number("city", &lower) % list.len()];
        cased(old, city)
    }

    fn state(&self, old: &str) -> String {
        let number = self.number("state", old);
        if old.len() == 2 {
            let codes: Vec<&str> = lists::STATE_CODES.split(' ').collect();
            return cased(old, codes[number % codes.len()]);
        }
        cased(old, lists::STATES[number % lists::STATES.len()])
    }

    /// A street or an institution: what says which is replaced, what says what is kept.
    fn place(&self, old: &str) -> String {
        let named = by_word(old, |word| {
            let lower = word.to_lowercase();
            let kept = self.scrubber.lexicon().flags(&lower) & KEPT_FLAGS != 0;
            if kept || word.chars().all(char::is_lowercase) {
                return word.to_owned();
            }
            if word.chars().count() <= 5 && word.chars().all(char::is_uppercase) {
                return self.characters(word, None);
            }
            cased(
                word,
                self.drawn("place", &lower, &lists::surnames(SURNAMES)),
            )
        });
        // Digits after the words, so that neither's place moves while it is read.
        self.digits(&named, old)
    }

    fn email(&self, old: &str) -> String {
        let user = old.split('@').next().unwrap_or(old);
        format!("{}@example.org", self.characters(user, None).to_lowercase())
    }

    /// Country codes stay, an area code never starts with 0 or 1.
    fn phone(&self, old: &str) -> String {
        let prefix = ["+1", "001", "1-"];
        let prefix = prefix.iter().find(|prefix| old.starts_with(**prefix));
        let (kept, rest) = old.split_at(prefix.map_or(0, |prefix| prefix.len()));
        let first = char::from(b'2' + u8::try_from(self.number("area", old) % 8).unwrap_or(0));
        format!("{kept}{}", self.characters(rest, Some(first)))
    }

    /// Every digit by a digit, every letter by a letter of its case; the first digit as told.
    fn characters(&self, old: &str, first_digit: Option<char>) -> String {
        let bare: String = old.chars().filter(|c| c.is_alphanumeric()).collect();
        let mut number = self.number("characters", &bare) as u64;
        let mut first = first_digit;
        let one = |c: char| {
            number = number
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let drawn = u8::try_from((number >> 40) % 130).unwrap_or(0);
            match c {
                _ if c.is_ascii_digit() => first.take().unwrap_or(char::from(b'0' + drawn % 10)),
                _ if c.is_uppercase() => char::from(b'A' + drawn % 26),
                _ if c.is_alphabetic() => char::from(b'a' + drawn % 26),
                _ => c,
            }
        };
        old.chars().map(one).collect()
    }

    fn digits(&self, text: &str, old: &str) -> String {
        let mut number = self.number("digits", old) as u64;
        let one = |c: char| {
            number = number
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let drawn = u8::try_from((number >> 40) % 9).unwrap_or(0);
            if c.is_ascii_digit() {
                char::from(b'1' + drawn)
            } else {
                c
            }
        };
        text.chars().map(one).collect()
    }
}

/// Whether a date is told by a day that has a name, and not by day and month.
fn is_holiday(date: &str) -> bool {
    let lower = date.to_lowercase();
    let words = [
        "day",
        "eve",
        "easter",
        "christmas",
        "thanksgiving",
        "halloween",
        "new year",
    ];
    let is_named = words.iter().any(|word| lower.contains(word)) && !lower.contains("sday");
    is_named && !lower.bytes().any(|b| b.is_ascii_digit())
}

/// A word or name in lower case, in the case of another.
fn cased(like: &str, lower: &str) -> String {
    let letters = || like.chars().filter(|c| c.is_alphabetic());
    if letters().all(char::is_lowercase) {
        return lower.to_lowercase();
    }
    if letters().count() > 1 && letters().all(char::is_uppercase) {
        return lower.to_uppercase();
    }
    let mut out = String::new();
    let mut start = true;
    for letter in lower.chars() {
        if start {
            out.extend(letter.to_uppercase());
        } else {
            out.push(letter);
        }
        start = matches!(letter, ' ' | '-' | '\'');
    }
    out
}

fn by_word(old: &str, mut with: impl FnMut(&str) -> String) -> String {
    let mut out = String::new();
    let mut at = 0;
    for word in words(old) {
        out.push_str(&old[at..word.start()]);
        let parts = word.as_str().split('-').map(&mut with);
        out.push_str(&parts.collect::<Vec<_>>().join("-"));
        at = word.end();
    }
    out.push_str(&old[at..]);
    out
}
