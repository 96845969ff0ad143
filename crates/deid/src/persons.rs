//! Names of persons beside what patterns and tagger find: names of the short lists, names in small
//! letters after a title, and names that were found elsewhere in the text.

use crate::labels::Label;
use crate::spans::Span;
use crate::tagger::flag;
use crate::text::{Found, Scrubber};
use crate::words::{Word, is_capitalised, words};
use std::collections::BTreeSet;

/// Titles after which a word in small letters may be a name; `ms` is a disease as often.
const TITLES: [&str; 11] = [
    "dr", "drs", "mr", "mrs", "ms", "miss", "doctor", "nurse", "prof", "mister", "rn",
];

/// Words after which a capitalised word that is no other is a person's name.
const ROLES: &str = " rn lpn crna tech scribe rep assist assistant anesth anesthesia therapist \
    counselor caseworker tell told ask asked cm sw lcsw nok ma cna rt slp driver witness \
    translator interpreter roommate transport caller speak spoke w ";
/// Words before which one is: what persons do.
const DOINGS: &str = " states stated says said reports reported denies denied turns took wants \
    wanted lives lived asked asks endorses presents came arrived complains complained agrees \
    agreed verbalized feels felt thinks called ";

/// How far the word beside a name is looked for.
const WORD_BYTES: usize = 48;

impl Scrubber {
    /// Names of the lists: a given name with the capitalised word after it, or alone; a surname.
    pub(crate) fn listed_names(&self, text: &str) -> Vec<Found> {
        let words = words(text);
        let mut found = Vec::new();
        for (at, word) in words.iter().enumerate() {
            if !is_capitalised(word.as_str()) {
                continue;
            }
            let lower = word.as_str().to_lowercase();
            let given = self.given.contains(&*lower);
            if !given && !self.surnames.contains(&*lower) || self.is_eponym(text, &words, at) {
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
                label: Label::Name,
            });
        }
        found
    }

    /// Whether a word names a sign, a disease or a tool: `Wilson's disease`, `a Foley catheter`.
    fn is_eponym(&self, text: &str, words: &[Word<'_>], at: usize) -> bool {
        let word = &words[at];
        let heads = words[at + 1..].iter().take(2);
        let heads = heads.filter(|next| next.start() - word.end() < 14);
        let mut heads =
            heads.filter(|next| self.eponym_heads.contains(&*next.as_str().to_lowercase()));
        let before = at.checked_sub(1).map(|before| &words[before]);
        let titled = before.is_some_and(|b| start_with_title(&text[..word.start()]) <= b.start());
        self.eponyms.contains(&*word.as_str().to_lowercase()) && !titled && heads.next().is_some()
    }

    /// Every word of the names that were found, wherever else it stands capitalised or beside
    /// another such word.
    pub(crate) fn names_again(&self, text: &str, spans: &[Span]) -> Vec<Found> {
        let mut known = BTreeSet::new();
        for Span { found, .. } in spans {
            if found.label == Label::Name {
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
            // In small letters alone only what can hardly be another word.
            let capital = is_capitalised(word.as_str()) || self.is_only_a_name(word);
            if (capital || beside) && !self.is_eponym(text, &words, at) {
                found.push(Found {
                    start: word.start(),
                    end: word.end(),
                    label: Label::Name,
                });
            }
        }
        found
    }

    /// A name with the capitalised word after it, or before it, that no list of English words has:
    /// of `Ann Qwarazon` whoever finds one word has found both.
    pub(crate) fn grown_name(&self, text: &str, found: Found) -> Found {
        let is_more = |word: &Word<'_>| self.is_unlisted_or_name(word);
        let is_near = |gap: &str| gap == " " || gap == "-";
        let (mut start, mut end) = (found.start, found.end);
        let far = text.floor_char_boundary(text.len().min(end + WORD_BYTES));
        let line = text[end..far].find('\n').map_or(far, |at| end + at);
        if let Some(next) = words(&text[end..line]).first()
            && is_near(&text[end..end + next.start()])
            && is_more(next)
        {
            end += next.end();
        }
        let far = text.ceil_char_boundary(start.saturating_sub(WORD_BYTES));
        let line = text[far..start].rfind('\n').map_or(far, |at| far + at + 1);
        if let Some(before) = words(&text[line..start]).last()
            && is_near(&text[line + before.end()..start])
            && is_more(before)
        {
            start = line + before.start();
        }
        Found {
            start,
            end,
            ..found
        }
    }

    /// A capitalised word that is in no list of other words, beside what says that it is a person:
    /// `scribe Qwara`, `Qwara says`.
    pub(crate) fn named_by_context(&self, text: &str) -> Vec<Found> {
        let words = words(text);
        let is_of = |list: &str, word: &Word<'_>| {
            list.contains(&format!(" {} ", word.as_str().to_lowercase()))
        };
        let mut found = Vec::new();
        for at in 0..words.len() {
            let word = &words[at];
            if !self.is_unlisted_or_name(word) {
                continue;
            }
            let before = at.checked_sub(1).map(|before| &words[before]);
            let follows = before.is_some_and(|before| {
                let gap = &text[before.end()..word.start()];
                matches!(gap, " " | "/ " | "/") && is_of(ROLES, before)
            });
            let does = words.get(at + 1).is_some_and(|next| {
                &text[word.end()..next.start()] == " "
                    && !is_capitalised(next.as_str())
                    && is_of(DOINGS, next)
            });
            if follows || does {
                found.push(Found {
                    start: word.start(),
                    end: word.end(),
                    label: Label::Name,
                });
            }
        }
        found
    }

    /// Whether a capitalised word is no English word, drug, eponym or word of an institution.
    fn is_unlisted_or_name(&self, word: &Word<'_>) -> bool {
        let small = word.as_str().chars().skip(1).any(char::is_lowercase);
        if !is_capitalised(word.as_str()) || !small || word.as_str().len() < 3 {
            return false;
        }
        let flags = self.lexicon().flags(&word.as_str().to_lowercase());
        let other = flag::ENGLISH | flag::COMMON | flag::DRUG | flag::EPONYM | flag::DEGREE;
        let other = other | flag::HOSPITAL | flag::TITLE | flag::MONTH | flag::WEEKDAY;
        let other = other | flag::STATE | flag::COUNTRY | flag::KNOWN_FIRM | flag::KNOWN_HOSPITAL;
        flags & other == 0
    }

    /// Names in small letters after a title: `seen by dr. okafor`, `mrs smith`.
    pub(crate) fn titled_in_small(&self, text: &str) -> Vec<Found> {
        let words = words(text);
        let mut found = Vec::new();
        for pair in 0..words.len().saturating_sub(1) {
            let (title, first) = (&words[pair], &words[pair + 1]);
            let lower = title.as_str().to_lowercase();
            let gap = &text[title.end()..first.start()];
            let is_titled = TITLES.contains(&&*lower)
                && gap.trim_matches([' ', '\t']).len() <= 1
                && gap.starts_with(['.', ' '])
                && !gap.contains(['\n', ',', ':', ';', '(', '/'])
                && (lower != "ms" || gap.starts_with('.'));
            if !is_titled || is_capitalised(first.as_str()) || !self.may_be_surname(first) {
                continue;
            }
            let next = words.get(pair + 2).filter(|next| {
                text[first.end()..next.start()] == *" "
                    && !is_capitalised(next.as_str())
                    && self.is_only_a_name(next)
            });
            found.push(Found {
                start: first.start(),
                end: next.map_or(first.end(), Word::end),
                label: Label::Name,
            });
        }
        found
    }

    /// Whether a word in small letters after a title is a name: no English word, or a common
    /// surname that is no everyday word of notes.
    fn may_be_surname(&self, word: &Word<'_>) -> bool {
        let flags = self.lexicon().flags(&word.as_str().to_lowercase());
        let common = flags & (flag::COMMON | flag::DRUG | flag::HOSPITAL) != 0;
        let surname = flags & flag::SURNAME_TOP != 0 && flags & flag::EVERYDAY == 0;
        word.as_str().chars().count() >= 2 && !common && (flags & flag::ENGLISH == 0 || surname)
    }

    /// Whether a word is in a list of names, or in none, and is no English word.
    fn is_only_a_name(&self, word: &Word<'_>) -> bool {
        let flags = self.lexicon().flags(&word.as_str().to_lowercase());
        let names = flag::MALE | flag::FEMALE | flag::SURNAME_TOP | flag::SURNAME;
        flags & names != 0 && flags & (flag::ENGLISH | flag::COMMON | flag::DRUG) == 0
    }
}

/// Where a name starts with the title before it.
pub(crate) fn start_with_title(before: &str) -> usize {
    let bare = before.trim_end_matches([' ', '\t', '.']);
    let titles = ["Dr", "Mr", "Mrs", "Ms", "Miss", "Prof"];
    let title = titles.iter().find(|title| {
        let rest = bare.strip_suffix(**title);
        bare.len() < before.len() && rest.is_some_and(|rest| !rest.ends_with(char::is_alphanumeric))
    });
    title.map_or(before.len(), |title| bare.len() - title.len())
}

/// The bytes of what belongs to a name after it: a suffix, or a degree that no comma parts.
pub(crate) fn suffix_bytes(after: &str) -> usize {
    let suffix = |after: &str, suffixes: &[&str]| {
        let suffix = suffixes.iter().find(|suffix| {
            let rest = after.strip_prefix(**suffix);
            rest.is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
        });
        suffix.map(|suffix| suffix.len())
    };
    let bare = after.trim_start_matches([' ', '\t']);
    let bare_bytes = after.len() - bare.len();
    let apart = bare.strip_prefix(',').unwrap_or(bare);
    let apart = apart.trim_start_matches(' ');
    if bare_bytes == 0 && !bare.starts_with(',') {
        return 0;
    }
    let degrees = ["MD", "DO", "RN", "NP", "PA", "PhD", "DDS", "DVM"];
    let degree = suffix(bare, &degrees).map(|bytes| bare_bytes + bytes);
    let junior = suffix(apart, &["Jr.", "Jr", "Sr.", "Sr", "III", "II", "IV"]);
    let junior = junior.map(|bytes| after.len() - apart.len() + bytes);
    junior.or(degree).unwrap_or(0)
}
