//! The scrubber: finds identifiers in free text and replaces them.
//!
//! A hybrid: strings that the caller knows ([`crate::known`]), patterns ([`crate::patterns`]),
//! lists of names, and the learned tagger ([`crate::tagger`]), which sees what the others found. A
//! name found once is found everywhere in its text. It is measured on annotated notes by
//! `cargo xtask bench phi`; no scrubber finds everything, which is why Safe Harbor blanks notes.

use crate::date_patterns::DATES;
use crate::known::{Known, Strings};
use crate::labels::Label;
use crate::moved::{DatePlan, moved_date};
use crate::names;
use crate::patterns::{HINTS, PATTERNS};
use crate::persons::{start_with_title, suffix_bytes};
use crate::policy::Identifier;
use crate::spans::{Span, bare, beside, matches, replace, resolved};
use crate::tagger::{self, Lexicon, Weights, flag};
use crate::words::{Word, words};
use regex::Regex;
use std::collections::BTreeSet;
use std::fmt;

/// The weights that are shipped.
const WEIGHTS: &[u8] = include_bytes!("../data/tagger.bin");

/// Names of hospitals that are made of English words.
const HOSPITALS: [&str; 4] = ["Our Lady", "Sacred Heart", "Good Samaritan", "Holy "];

/// The labels of names, which have no form of their own.
const NAMES: [Label; 4] = [
    Label::Name,
    Label::Hospital,
    Label::Organization,
    Label::City,
];

/// An identifier in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// The first byte.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
    /// What it is.
    pub label: Label,
}

/// Finds and replaces identifiers in English text.
pub struct Scrubber {
    patterns: Vec<(Label, Regex)>,
    hints: Vec<(Label, Regex)>,
    dates: Vec<Regex>,
    pub(crate) given: BTreeSet<&'static str>,
    pub(crate) surnames: BTreeSet<&'static str>,
    pub(crate) common: BTreeSet<&'static str>,
    pub(crate) eponyms: BTreeSet<&'static str>,
    pub(crate) eponym_heads: BTreeSet<&'static str>,
    lexicon: Lexicon,
    weights: Option<Weights>,
}

impl Default for Scrubber {
    fn default() -> Self {
        Self::new()
    }
}

impl Scrubber {
    /// The scrubber with the shipped weights; make it once, for it compiles patterns and reads
    /// lists.
    ///
    /// # Panics
    /// Never in a build that passed its tests: patterns and weights are constants.
    pub fn new() -> Self {
        let weights = Weights::from_bytes(WEIGHTS);
        assert!(weights.is_ok(), "the shipped weights cannot be read");
        Self::with_weights(weights.ok())
    }

    /// The scrubber with other weights, or with rules alone.
    ///
    /// # Panics
    /// Never in a build that passed its tests: the patterns are constants.
    pub fn with_weights(weights: Option<Weights>) -> Self {
        let compile = |pattern: &str| {
            let compiled = Regex::new(pattern);
            assert!(compiled.is_ok(), "a pattern does not compile: {pattern}");
            compiled.ok()
        };
        let labelled = |list: &[(Label, &str)]| {
            let list = list.iter();
            list.filter_map(|(label, p)| Some((*label, compile(p)?)))
                .collect()
        };
        let list = |list: &'static str| list.split_whitespace().collect();
        Self {
            patterns: labelled(PATTERNS),
            hints: labelled(HINTS),
            dates: DATES.iter().filter_map(|p| compile(p)).collect(),
            given: list(names::GIVEN),
            surnames: list(names::SURNAMES),
            common: list(names::COMMON),
            eponyms: list(names::EPONYMS),
            eponym_heads: list(names::EPONYM_HEADS),
            lexicon: Lexicon::new(),
            weights,
        }
    }

    /// The SHA-256 of the shipped weights.
    pub fn weights_digest() -> longitude_core::Digest {
        longitude_core::Digest::of(WEIGHTS)
    }

    /// Puts other weights in the place of those it has.
    pub fn set_weights(&mut self, weights: Option<Weights>) {
        self.weights = weights;
    }

    /// The identifiers in a text, in order, not overlapping.
    pub fn find(&self, text: &str) -> Vec<Found> {
        let known = Known {
            own: Strings::none(),
            shared: &Strings::none(),
        };
        let spans = self.spans(text, &known);
        spans.into_iter().map(|span| span.found).collect()
    }

    /// The text without its identifiers, and what they were.
    pub(crate) fn scrub(
        &self,
        text: &str,
        plan: DatePlan,
        known: &Known<'_>,
    ) -> (String, Vec<Identifier>) {
        let spans = self.spans(text, known);
        let with = |span: &Span| self.moved(text, span, plan);
        replace(text, &spans, with)
    }

    /// A date moved by a plan; `None` for any other span and where it cannot be.
    pub(crate) fn moved(&self, text: &str, span: &Span, plan: DatePlan) -> Option<String> {
        if span.found.label != Label::Date {
            return None;
        }
        let patterns = 0..self.dates.len();
        let mut tried = span.date.into_iter().chain(patterns);
        tried.find_map(|number| self.moved_as(text, span, (number, plan)))
    }

    /// A date moved as one of the patterns reads it.
    fn moved_as(
        &self,
        text: &str,
        span: &Span,
        (number, plan): (usize, DatePlan),
    ) -> Option<String> {
        /// What a pattern may look at before the date itself.
        const BEFORE_BYTES: usize = 24;
        let pattern = &self.dates[number];
        let (start, end) = (span.found.start, span.found.end);
        let from = text.floor_char_boundary(start.saturating_sub(BEFORE_BYTES));
        let until = text.ceil_char_boundary((end + 2).min(text.len()));
        for from in [from, start] {
            for captures in pattern.captures_iter(&text[from..until]) {
                let date = captures.name("x").or_else(|| captures.get(0))?;
                if from + date.start() == start && from + date.end() == end {
                    return moved_date(&captures, plan);
                }
            }
        }
        None
    }

    /// A term of a vocabulary without what cannot belong to one: known strings, dates, and numbers
    /// and addresses of persons. `None` where nothing was found.
    pub(crate) fn scrub_term(
        &self,
        term: &str,
        known: &Known<'_>,
    ) -> Option<(String, Vec<Identifier>)> {
        let known = known.find_in_term(term).into_iter();
        let mut spans: Vec<_> = known.map(Span::plain).collect();
        if term.contains('@') || (term.contains(' ') && term.bytes().any(|b| b.is_ascii_digit())) {
            let sure = [Label::Email, Label::Ssn, Label::Phone, Label::Mrn];
            let patterns = self.patterns.iter().filter(|(id, _)| sure.contains(id));
            for (label, pattern) in patterns {
                spans.extend(matches(pattern, term, *label).map(Span::plain));
            }
            spans.extend(self.date_spans(term));
        }
        let spans = resolved(term, spans);
        (!spans.is_empty()).then(|| replace(term, &spans, |_span| None))
    }

    /// What dates and patterns find, without lists and tagger.
    pub fn certain(&self, text: &str) -> Vec<Found> {
        let dates = self.date_spans(text).into_iter();
        let patterns = self.pattern_hits(text).map(Span::plain);
        let spans = resolved(text, dates.chain(patterns).collect());
        spans.into_iter().map(|span| span.found).collect()
    }

    pub(crate) fn lexicon(&self) -> &Lexicon {
        &self.lexicon
    }

    /// What patterns and lists find, overlapping: the tagger learns how far to trust each.
    pub(crate) fn hits(&self, text: &str) -> Vec<Found> {
        let dates = self.date_spans(text).into_iter().map(|span| span.found);
        let sure: Vec<_> = dates.chain(self.pattern_hits(text)).collect();
        let mut listed = self.listed_names(text);
        listed.extend(self.titled_in_small(text));
        listed.extend(self.named_by_context(text));
        self.hits_beside(text, sure, &listed)
    }

    /// The same, when dates and patterns, and the lists, were asked already.
    fn hits_beside(&self, text: &str, sure: Vec<Found>, listed: &[Found]) -> Vec<Found> {
        let mut hits = sure;
        let hospitals = self.patterns.iter();
        let hospitals = hospitals.filter(|(label, _)| *label == Label::Hospital);
        for (label, pattern) in hospitals.chain(&self.hints) {
            hits.extend(matches(pattern, text, *label));
        }
        // The lists' own bit, for a list knows less than a pattern.
        hits.extend(listed.iter().map(|found| Found {
            label: Label::Known,
            ..*found
        }));
        hits
    }

    pub(crate) fn spans(&self, text: &str, known: &Known<'_>) -> Vec<Span> {
        let known = known.find(text).into_iter();
        let mut spans: Vec<_> = known.map(Span::plain).collect();
        let first = spans.len();
        spans.extend(self.date_spans(text));
        spans.extend(self.pattern_hits(text).map(Span::plain));
        let sure: Vec<_> = spans[first..].iter().map(|span| span.found).collect();
        let mut listed = self.listed_names(text);
        listed.extend(self.titled_in_small(text));
        listed.extend(self.named_by_context(text));
        spans.extend(listed.iter().copied().map(Span::plain));
        if let Some(weights) = &self.weights {
            let hits = self.hits_beside(text, sure, &listed);
            let tagged = tagger::tag(text, &self.lexicon, weights, &hits).into_iter();
            let tagged = tagged.map(|found| bare(text, found));
            let small = is_in_small_letters(text);
            let tagged = tagged.filter(|found| small || !self.is_of_words(text, found));
            let tagged = tagged.filter(|found| !is_measurement(text, found));
            let tagged: Vec<_> = tagged.collect();
            spans = beside(text, &resolved(text, spans), &tagged);
        }
        for span in &mut spans {
            if NAMES.contains(&span.found.label) {
                span.found = self.grown_name(text, span.found);
            }
        }
        let everywhere = self.names_again(text, &spans);
        spans.extend(everywhere.into_iter().map(Span::plain));
        let mut spans = resolved(text, spans);
        let names = spans.iter_mut().map(|span| &mut span.found);
        for name in names.filter(|found| found.label == Label::Name) {
            // `Dr. Ann Lee` goes whole; of `Dr. Lee` the title is kept.
            if text[name.start..name.end].contains(' ') {
                name.start = start_with_title(&text[..name.start]);
            }
            name.end += suffix_bytes(&text[name.end..]);
        }
        resolved(text, spans)
    }

    fn pattern_hits<'a>(&'a self, text: &'a str) -> impl Iterator<Item = Found> + 'a {
        self.patterns.iter().flat_map(move |(label, pattern)| {
            let found = matches(pattern, text, *label).map(|found| self.trimmed(text, found));
            found.flatten()
        })
    }

    fn date_spans(&self, text: &str) -> Vec<Span> {
        let patterns = self.dates.iter().enumerate();
        let spans = patterns.flat_map(|(number, pattern)| {
            matches(pattern, text, Label::Date).map(move |found| Span {
                found,
                date: Some(number),
            })
        });
        spans.collect()
    }

    /// A name without the common words around it: `Mr. Prior film` names nobody.
    fn trimmed(&self, text: &str, found: Found) -> Option<Found> {
        let words = words(&text[found.start..found.end]);
        let in_capitals = !text[found.start..found.end].contains(char::is_lowercase);
        if found.label == Label::Hospital || found.label == Label::Organization && in_capitals {
            let named = &text[found.start..found.end];
            if HOSPITALS.iter().any(|name| named.starts_with(name)) {
                return Some(found);
            }
            // Of `SEEN AT MERCY HOSPITAL` the name follows the last such word.
            let before = ["at", "from", "to", "by", "in", "with", "via", "per"];
            let is_before = |word: &Word<'_>| before.contains(&&*word.as_str().to_lowercase());
            let first = words.iter().rposition(is_before).map_or(0, |at| at + 1);
            let common = |word: &Word<'_>| self.is_common(word.as_str());
            let first = first + words[first..].iter().position(|word| !common(word))?;
            if text[found.end..]
                .trim_start()
                .to_lowercase()
                .starts_with("wort")
            {
                return None;
            }
            // `The General Hospital` names none, and what `Pain Clinic` names the tagger judges.
            let last = words.len() - usize::from(words.len() > first + 1);
            let mut named = words[first..last].iter();
            return named
                .any(|word| self.is_proper(word.as_str()))
                .then(|| Found {
                    start: found.start + words[first].start(),
                    ..found
                });
        }
        if found.label != Label::Name {
            return Some(found);
        }
        // Among capitals, an English word that is no name ends one: `TWICE PER DAY`.
        let is_name = |word: &Word<'_>| {
            !(self.is_common(word.as_str()) || in_capitals && self.is_english(word.as_str()))
        };
        let first = words.first().filter(|word| is_name(word))?;
        let last = words.iter().take_while(|word| is_name(word)).last()?;
        Some(Found {
            start: found.start + first.start(),
            end: found.start + last.end(),
            label: found.label,
        })
    }

    /// Whether a word is more than an English word.
    fn is_proper(&self, word: &str) -> bool {
        let flags = self.lexicon.flags(&word.to_lowercase());
        let proper = flag::PLACE | flag::PLACE_PART | flag::STATE | flag::SURNAME_TOP;
        flags & proper != 0 && flags & flag::HOSPITAL == 0 || flags & flag::ENGLISH == 0
    }

    /// Whether the tagger took English words in small letters for a name.
    fn is_of_words(&self, text: &str, found: &Found) -> bool {
        let taken = &text[found.start..found.end];
        let plain = taken.chars().all(|c| c.is_lowercase() || c.is_whitespace());
        let mut words = taken.split_whitespace();
        NAMES.contains(&found.label) && plain && words.all(|word| self.is_english(word))
    }

    /// Whether a word is an English word and no frequent name.
    fn is_english(&self, word: &str) -> bool {
        let flags = self.lexicon.flags(&word.to_lowercase());
        let names = flag::MALE | flag::FEMALE | flag::SURNAME_TOP | flag::SURNAME;
        let everyday = flags & (flag::EVERYDAY | flag::DRUG) != 0;
        flags & flag::ENGLISH != 0 && (flags & names == 0 || everyday)
    }

    pub(crate) fn is_common(&self, word: &str) -> bool {
        self.common.contains(&*word.to_lowercase())
    }
}

impl fmt::Debug for Scrubber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Scrubber({} patterns)",
            self.patterns.len() + self.dates.len()
        )
    }
}

/// Whether a text is written in small letters, so that names have no capital.
fn is_in_small_letters(text: &str) -> bool {
    let capitals = text.chars().filter(|c| c.is_uppercase()).count();
    capitals * 100 < text.len()
}

/// Whether the tagger took a part of a decimal number, or a grade out of so many, for a date.
fn is_measurement(text: &str, found: &Found) -> bool {
    const GRADED: [&str; 10] = [
        "strength", "reflexes", "dtrs", "grade", "pain", "motor", "power", "pulses", "apgars",
        "edema",
    ];
    let (before, after) = (&text[..found.start], &text[found.end..]);
    let taken = &text[found.start..found.end];
    if found.label != Label::Date || taken.contains(char::is_alphabetic) {
        return false;
    }
    let is_digit = |letter: Option<char>| letter.is_some_and(|c| c.is_ascii_digit());
    let decimal_before = before.ends_with('.') && is_digit(before.chars().nth_back(1));
    let decimal_after = after.starts_with('.') && is_digit(after.chars().nth(1));
    let word = before
        .trim_end()
        .rsplit(|c: char| !c.is_alphabetic())
        .next();
    let graded = word.is_some_and(|word| GRADED.contains(&&*word.to_lowercase()));
    decimal_before || decimal_after || graded && taken.len() <= 4
}
