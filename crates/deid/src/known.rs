//! Strings that the caller knows to identify: the subject's own, and those of everybody (the
//! clinicians'). It finds them in a text; what stands in their place is decided in [`crate::text`].
//!
//! Case, the kind of apostrophe and the white space between words, line ends among it, do not
//! matter; accents do. A name is found in the order of reading and of filing. An everyday word
//! ("Long", "Head") is a name only where it does not stand in lower case, and so are the single
//! words of longer strings: or a note would lose its clinical words with its names.

use crate::labels::Label;
use crate::names;
use crate::text::Found;
use aho_corasick::{AhoCorasick, AhoCorasickBuilder, MatchKind};
use std::collections::{BTreeMap, BTreeSet};

/// Shorter words are initials and particles.
const WORD_LETTERS_MIN: usize = 3;
/// Names of more words have no forms other than the one told.
const NAME_WORDS_MAX: usize = 6;
/// Shorter numbers stand for themselves in vocabularies: a postal code may be a drug's code.
const TERM_DIGITS_MIN: usize = 7;

/// How strictly a string is looked for.
#[derive(Clone, Copy)]
struct Rule {
    /// Only where some letter is a capital.
    capital: bool,
    /// In terms of vocabularies, too.
    terms: bool,
}

/// A set of strings to be found.
pub(crate) struct Strings {
    found: Option<AhoCorasick>,
    rules: Vec<Rule>,
}

impl Strings {
    /// No strings.
    pub(crate) const fn none() -> Self {
        Self {
            found: None,
            rules: Vec::new(),
        }
    }

    /// Strings of one subject, whole and word by word.
    pub(crate) fn of_subject(identifiers: &[String]) -> Self {
        let everyday = everyday();
        let mut rules = BTreeMap::new();
        for identifier in identifiers {
            let folded = Folded::of(identifier.trim()).text;
            let is_named = is_words(&folded);
            for form in forms(&folded) {
                let capital = everyday.contains(&*form);
                keep(&mut rules, form, capital);
            }
            let words = folded.split(|c: char| !c.is_alphanumeric());
            let words = words.filter(|word| word.chars().count() >= WORD_LETTERS_MIN);
            for word in words.filter(|_| is_named) {
                keep(
                    &mut rules,
                    word.to_owned(),
                    word != folded || everyday.contains(word),
                );
            }
        }
        Self::build(rules)
    }

    /// Strings of everybody, whole only. Single words are left out, for in the notes of everybody
    /// they would take everyday words.
    pub(crate) fn of_all(identifiers: &[String]) -> Self {
        let mut rules = BTreeMap::new();
        for identifier in identifiers {
            let folded = Folded::of(identifier.trim()).text;
            if !is_words(&folded) || folded.contains(' ') {
                for form in forms(&folded) {
                    keep(&mut rules, form, false);
                }
            }
        }
        Self::build(rules)
    }

    fn build(mut rules: BTreeMap<String, Rule>) -> Self {
        rules.retain(|text, _| text.chars().count() >= WORD_LETTERS_MIN);
        if rules.is_empty() {
            return Self::none();
        }
        let built = AhoCorasickBuilder::new()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::Standard)
            .build(rules.keys());
        assert!(built.is_ok(), "the known strings fit an automaton");
        Self {
            found: built.ok(),
            rules: rules.into_values().collect(),
        }
    }

    /// Where they stand as whole words; overlapping where several do.
    fn find(&self, text: &str, terms: bool, take: &mut dyn FnMut(usize, usize)) {
        let Some(known) = &self.found else { return };
        let mut search = |searched: &str, place: &dyn Fn(usize) -> usize| {
            for found in known.find_overlapping_iter(searched) {
                let (start, end) = (found.start(), found.end());
                let rule = self.rules[found.pattern().as_usize()];
                if (terms && !rule.terms) || !is_whole(searched, start, end) {
                    continue;
                }
                let (start, end) = (place(start), place(end));
                if !rule.capital || text[start..end].chars().any(char::is_uppercase) {
                    take(start, end);
                }
            }
        };
        if is_plain(text) {
            search(text, &|at| at);
        } else {
            let folded = Folded::of(text);
            search(&folded.text, &|at| folded.places[at]);
        }
    }
}

/// The number of strings only.
impl std::fmt::Debug for Strings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Strings({})", self.rules.len())
    }
}

/// What is known about the subject of a timeline.
pub(crate) struct Known<'a> {
    pub(crate) own: Strings,
    /// Known about everybody.
    pub(crate) shared: &'a Strings,
}

impl Known<'_> {
    /// Whether a text holds a string of the subject.
    pub(crate) fn is_in(&self, text: &str) -> bool {
        let mut is_in = false;
        self.own.find(text, true, &mut |_, _| is_in = true);
        is_in
    }

    /// What identifies in a note.
    pub(crate) fn find(&self, text: &str) -> Vec<Found> {
        let mut found = Vec::new();
        let mut take = |start, end| found.push(known(start, end));
        self.own.find(text, false, &mut take);
        self.shared.find(text, false, &mut take);
        found
    }

    /// What identifies in a term of a vocabulary: strings of the subject only.
    pub(crate) fn find_in_term(&self, term: &str) -> Vec<Found> {
        let mut found = Vec::new();
        self.own
            .find(term, true, &mut |start, end| found.push(known(start, end)));
        found
    }
}

const fn known(start: usize, end: usize) -> Found {
    Found {
        start,
        end,
        label: Label::Known,
    }
}

/// Of two rules for one string, the one that finds more stays.
fn keep(rules: &mut BTreeMap<String, Rule>, text: String, capital: bool) {
    let short = !text.chars().any(char::is_alphabetic) && text.len() < TERM_DIGITS_MIN;
    let rule = rules.entry(text).or_insert(Rule {
        capital,
        terms: !short,
    });
    rule.capital &= capital;
}

/// Whether a string is made of words only, as names and towns are.
fn is_words(folded: &str) -> bool {
    !folded.contains(|c: char| c.is_ascii_digit() || c == '@' || c == '/')
}

/// The string, and a name's other order, with a comma and without.
fn forms(folded: &str) -> Vec<String> {
    let mut forms = vec![folded.to_owned()];
    if !is_words(folded) {
        return forms;
    }
    if let Some((family, given)) = folded.split_once(", ") {
        forms.push(format!("{given} {family}"));
        forms.push(format!("{family} {given}"));
        forms.push(format!("{family},{given}"));
        return forms;
    }
    let words: Vec<&str> = folded.split(' ').collect();
    for at in (1..words.len()).filter(|_| words.len() <= NAME_WORDS_MAX) {
        let (given, family) = (words[..at].join(" "), words[at..].join(" "));
        forms.push(format!("{family}, {given}"));
        forms.push(format!("{family},{given}"));
        forms.push(format!("{family} {given}"));
    }
    forms
}

fn everyday() -> BTreeSet<&'static str> {
    let words = names::EVERYDAY.split_whitespace();
    words.chain(names::COMMON.split_whitespace()).collect()
}

/// Whether no word goes on beyond either end.
fn is_whole(text: &str, start: usize, end: usize) -> bool {
    let inner_first = text[start..end].chars().next();
    let inner_last = text[start..end].chars().next_back();
    let joins = |a: Option<char>, b: Option<char>| match (a, b) {
        (Some(a), Some(b)) => a.is_alphanumeric() && b.is_alphanumeric(),
        _ => false,
    };
    !joins(text[..start].chars().next_back(), inner_first)
        && !joins(inner_last, text[end..].chars().next())
}

/// Whether folding would change nothing but the case of ASCII letters.
fn is_plain(text: &str) -> bool {
    let bytes = text.as_bytes();
    let odd = |byte: &u8| !byte.is_ascii() || matches!(byte, b'\t' | b'\n' | b'\r');
    !bytes.iter().any(odd) && !bytes.windows(2).any(|pair| pair == b"  ")
}

/// A text in lower case with single blanks, and where each of its bytes comes from.
struct Folded {
    text: String,
    /// For each byte the place of its letter in the original, and the original's end.
    places: Vec<usize>,
}

impl Folded {
    fn of(original: &str) -> Self {
        let mut text = String::with_capacity(original.len());
        let mut places = Vec::with_capacity(original.len() + 1);
        let mut in_space = false;
        for (at, letter) in original.char_indices() {
            let was_in_space = std::mem::replace(&mut in_space, letter.is_whitespace());
            match letter {
                _ if in_space && was_in_space => {}
                _ if in_space => text.push(' '),
                '’' | '‘' | 'ʼ' => text.push('\''),
                // Its capital is a double S.
                'ß' | 'ẞ' => text.push_str("ss"),
                _ => text.extend(letter.to_lowercase()),
            }
            places.resize(text.len(), at);
        }
        places.push(original.len());
        Self { text, places }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(own: &[&str], shared: &[&str], text: &str) -> Vec<String> {
        let strings = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
        let shared = Strings::of_all(&strings(shared));
        let known = Known {
            own: Strings::of_subject(&strings(own)),
            shared: &shared,
        };
        let found = known.find(text);
        let texts = found.iter().map(|f| text[f.start..f.end].to_owned());
        texts.collect()
    }

    #[test]
    fn names_are_found_in_every_form() {
        let own = ["Anna Weißmann", "O'Rourke"];
        for text in [
            "anna weißmann",
            "WEISSMANN, ANNA",
            "Weißmann,Anna",
            "Anna\n  Weißmann",
            "Anna Weißmann's",
            "O’ROURKE",
        ] {
            let longest = found(&own, &[], text).into_iter().max_by_key(String::len);
            let bare = text.trim_end_matches("'s");
            assert_eq!(longest.as_deref(), Some(bare), "{text}");
        }
        assert!(found(&own, &[], "Annabel O'Rourkes").is_empty());
    }

    #[test]
    fn everyday_words_stay_where_they_are_words() {
        let own = ["Head", "Fallow Bay", "12 Mill Road"];
        assert!(found(&own, &[], "head CT, bay leaf, 12 mg, road").is_empty());
        assert_eq!(found(&own, &[], "Ms. Head of Bay"), ["Head", "Bay"]);
        assert_eq!(found(&own, &[], "at 12 mill\nroad"), ["12 mill\nroad"]);
    }

    #[test]
    fn what_everybody_shares_is_found_whole_only() {
        let shared = ["Rose Long", "Long"];
        let text = "Long-acting; LONG, ROSE; rose\nlong";
        assert_eq!(found(&[], &shared, text), ["LONG, ROSE", "rose\nlong"]);
    }

    #[test]
    fn a_postal_code_takes_no_code_of_a_vocabulary() {
        let shared = Strings::none();
        let known = Known {
            own: Strings::of_subject(&["10582".to_owned(), "10000037".to_owned()]),
            shared: &shared,
        };
        assert!(known.find_in_term("10582").is_empty());
        assert_eq!(known.find("MA 10582").len(), 1);
        assert_eq!(known.find_in_term("x 10000037").len(), 1);
    }
}
