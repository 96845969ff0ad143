//! The scrubber: finds identifiers in free text and replaces them.
//!
//! Rules only: patterns ([`crate::patterns`]), lists of names, strings that the caller knows
//! ([`crate::known`]). A
//! name found once is found everywhere in its text. It is measured on annotated notes by
//! `tests/notes.rs`; no scrubber finds everything, which is why Safe Harbor blanks notes.

use crate::known::{Known, Strings};
use crate::moved::{DatePlan, moved_date};
use crate::names;
use crate::patterns::{DATES, PATTERNS};
use crate::policy::Identifier;
use regex::Regex;
use std::collections::BTreeSet;
use std::fmt;

/// An identifier in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// The first byte.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
    /// What it is.
    pub identifier: Identifier,
}

/// Finds and replaces identifiers in English text.
pub struct Scrubber {
    patterns: Vec<(Identifier, Regex)>,
    dates: Vec<Regex>,
    given: BTreeSet<&'static str>,
    surnames: BTreeSet<&'static str>,
    common: BTreeSet<&'static str>,
}

impl Default for Scrubber {
    fn default() -> Self {
        Self::new()
    }
}

impl Scrubber {
    /// Compiles the patterns; make it once.
    ///
    /// # Panics
    /// Never in a build that passed its tests: the patterns are constants.
    pub fn new() -> Self {
        let compile = |pattern: &str| {
            let compiled = Regex::new(pattern);
            assert!(compiled.is_ok(), "a pattern does not compile: {pattern}");
            compiled.ok()
        };
        let patterns = PATTERNS.iter();
        Self {
            patterns: patterns
                .filter_map(|(id, p)| Some((*id, compile(p)?)))
                .collect(),
            dates: DATES.iter().filter_map(|p| compile(p)).collect(),
            given: names::GIVEN.split_whitespace().collect(),
            surnames: names::SURNAMES.split_whitespace().collect(),
            common: names::COMMON.split_whitespace().collect(),
        }
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
        let moved = |span: &Span| {
            let pattern = &self.dates[span.date?];
            let captures = pattern.captures(&text[span.found.start..span.found.end])?;
            moved_date(&captures, plan)
        };
        replace(text, &spans, moved)
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
            let sure = [
                Identifier::Email,
                Identifier::Ssn,
                Identifier::Phone,
                Identifier::Mrn,
            ];
            let patterns = self.patterns.iter().filter(|(id, _)| sure.contains(id));
            for (identifier, pattern) in patterns {
                spans.extend(matches(pattern, term, *identifier).map(Span::plain));
            }
            spans.extend(self.date_spans(term));
        }
        let spans = resolved(spans);
        (!spans.is_empty()).then(|| replace(term, &spans, |_span| None))
    }

    fn spans(&self, text: &str, known: &Known<'_>) -> Vec<Span> {
        let known = known.find(text).into_iter();
        let mut spans: Vec<_> = known.map(Span::plain).collect();
        spans.extend(self.date_spans(text));
        for (identifier, pattern) in &self.patterns {
            let found = matches(pattern, text, *identifier).map(|found| self.trimmed(text, found));
            spans.extend(found.flatten().map(Span::plain));
        }
        spans.extend(self.listed_names(text).into_iter().map(Span::plain));
        let everywhere = self.names_again(text, &spans);
        spans.extend(everywhere.into_iter().map(Span::plain));
        let mut spans = resolved(spans);
        let names = spans.iter_mut().map(|span| &mut span.found);
        for name in names.filter(|found| found.identifier == Identifier::Name) {
            name.start = start_with_title(&text[..name.start]);
            name.end += suffix_bytes(&text[name.end..]);
        }
        resolved(spans)
    }

    fn date_spans(&self, text: &str) -> Vec<Span> {
        let patterns = self.dates.iter().enumerate();
        let spans = patterns.flat_map(|(number, pattern)| {
            matches(pattern, text, Identifier::Date).map(move |found| Span {
                found,
                date: Some(number),
            })
        });
        spans.collect()
    }

    /// A name without the common words around it: `Mr. Prior film` names nobody.
    fn trimmed(&self, text: &str, found: Found) -> Option<Found> {
        if found.identifier != Identifier::Name {
            return Some(found);
        }
        let words = words(&text[found.start..found.end]);
        let is_name = |word: &Word<'_>| !self.is_common(word.as_str());
        let first = words.first().filter(|word| is_name(word))?;
        let last = words.iter().take_while(|word| is_name(word)).last()?;
        Some(Found {
            start: found.start + first.start(),
            end: found.start + last.end(),
            identifier: found.identifier,
        })
    }

    fn is_common(&self, word: &str) -> bool {
        self.common.contains(&*word.to_lowercase())
    }

    /// Names of the lists: a given name with the capitalised word after it, or alone; a surname.
    fn listed_names(&self, text: &str) -> Vec<Found> {
        let words = words(text);
        let mut found = Vec::new();
        for (at, word) in words.iter().enumerate() {
            if !is_capitalised(word.as_str()) {
                continue;
            }
            let lower = word.as_str().to_lowercase();
            let given = self.given.contains(&*lower);
            if !given && !self.surnames.contains(&*lower) {
                continue;
            }
            let next = words.get(at + 1).filter(|next| {
                given
                    && is_capitalised(next.as_str())
                    && text[word.end()..next.start()]
                        .trim_matches([' ', '\t'])
                        .is_empty()
                    && !self.is_common(next.as_str())
            });
            found.push(Found {
                start: word.start(),
                end: next.map_or(word.end(), Word::end),
                identifier: Identifier::Name,
            });
        }
        found
    }

    /// Every word of the names that were found, wherever else it stands capitalised or beside
    /// another such word.
    fn names_again(&self, text: &str, spans: &[Span]) -> Vec<Found> {
        let mut known = BTreeSet::new();
        for Span { found, .. } in spans {
            if found.identifier == Identifier::Name {
                let words = words(&text[found.start..found.end]);
                let words = words.iter().map(|word| word.as_str().to_lowercase());
                known.extend(words.filter(|w| w.len() >= 3 && !self.common.contains(&**w)));
            }
        }
        let words = words(text);
        let is_known = |word: &Word<'_>| known.contains(&word.as_str().to_lowercase());
        let mut found = Vec::new();
        for (at, word) in words.iter().enumerate().filter(|(_, word)| is_known(word)) {
            let before = at
                .checked_sub(1)
                .is_some_and(|before| is_known(&words[before]));
            let beside = before || words.get(at + 1).is_some_and(is_known);
            if is_capitalised(word.as_str()) || beside {
                found.push(Found {
                    start: word.start(),
                    end: word.end(),
                    identifier: Identifier::Name,
                });
            }
        }
        found
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

/// Where a name starts with the title before it.
fn start_with_title(before: &str) -> usize {
    let bare = before.trim_end_matches([' ', '\t', '.']);
    let titles = ["Dr", "Mr", "Mrs", "Ms", "Miss", "Prof"];
    let title = titles.iter().find(|title| {
        let rest = bare.strip_suffix(**title);
        bare.len() < before.len() && rest.is_some_and(|rest| !rest.ends_with(char::is_alphanumeric))
    });
    title.map_or(before.len(), |title| bare.len() - title.len())
}

/// The bytes of a suffix or degree after a name.
fn suffix_bytes(after: &str) -> usize {
    let bare = after.trim_start_matches([' ', ',']);
    let suffixes = [
        "Jr.", "Jr", "Sr.", "Sr", "III", "II", "MD", "DO", "RN", "NP", "PhD", "DDS", "DVM",
    ];
    let suffix = suffixes.iter().find(|suffix| {
        let rest = bare.strip_prefix(**suffix);
        bare.len() < after.len()
            && rest.is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
    });
    suffix.map_or(0, |suffix| after.len() - bare.len() + suffix.len())
}

/// A word in a text.
struct Word<'a> {
    start: usize,
    text: &'a str,
}

impl<'a> Word<'a> {
    fn start(&self) -> usize {
        self.start
    }

    fn end(&self) -> usize {
        self.start + self.text.len()
    }

    fn as_str(&self) -> &'a str {
        self.text
    }
}

/// The words of a text: letters, joined by hyphens, and by apostrophes before a capital, so that
/// O'Brien is one word and the genitive's ending is apart.
fn words(text: &str) -> Vec<Word<'_>> {
    let mut words: Vec<Word<'_>> = Vec::new();
    let mut start = None;
    let mut letters = text.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        let next = letters.peek().map(|(_, next)| *next);
        let joins = match letter {
            '-' => next.is_some_and(char::is_alphabetic),
            '\'' | '’' => next.is_some_and(char::is_uppercase),
            _ => letter.is_alphabetic(),
        };
        match (start, joins) {
            (None, true) if letter.is_alphabetic() => start = Some(at),
            (Some(from), false) => {
                words.push(Word {
                    start: from,
                    text: &text[from..at],
                });
                start = None;
            }
            _ => {}
        }
    }
    words.extend(start.map(|start| Word {
        start,
        text: &text[start..],
    }));
    words
}

fn is_capitalised(word: &str) -> bool {
    word.chars().next().is_some_and(char::is_uppercase)
}

/// A place to replace; for a date, the number of the pattern that reads it.
struct Span {
    found: Found,
    date: Option<usize>,
}

impl Span {
    const fn plain(found: Found) -> Self {
        Self { found, date: None }
    }
}

fn matches<'a>(
    pattern: &'a Regex,
    text: &'a str,
    identifier: Identifier,
) -> impl Iterator<Item = Found> + 'a {
    pattern.captures_iter(text).filter_map(move |captures| {
        let found = captures.name("x").or_else(|| captures.get(0))?;
        let end = found.start() + found.as_str().trim_end().len();
        Some(Found {
            start: found.start(),
            end,
            identifier,
        })
    })
}

/// Spans in order without overlap: overlapping ones become one, named by the one that starts first
/// and, of those, the longest, and, of those, the first found. A date stays readable only whole.
fn resolved(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_by_key(|span| (span.found.start, usize::MAX - span.found.end));
    let mut resolved: Vec<Span> = Vec::new();
    for span in spans {
        match resolved.last_mut() {
            Some(last) if span.found.start < last.found.end => {
                if span.found.end > last.found.end {
                    last.found.end = span.found.end;
                    last.date = None;
                }
            }
            _ => resolved.push(span),
        }
    }
    resolved
}

fn replace(
    text: &str,
    spans: &[Span],
    moved: impl Fn(&Span) -> Option<String>,
) -> (String, Vec<Identifier>) {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for span in spans {
        out.push_str(&text[at..span.found.start]);
        match moved(span) {
            Some(date) => out.push_str(&date),
            None => out.push_str(span.found.identifier.tag()),
        }
        at = span.found.end;
    }
    out.push_str(&text[at..]);
    (
        out,
        spans.iter().map(|span| span.found.identifier).collect(),
    )
}
