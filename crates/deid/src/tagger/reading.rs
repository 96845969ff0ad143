//! What is noticed about each token of a text before features are made of it: the word, its shape,
//! the lists it is in, its line, its section, the patterns that hit it, and what the rest of the
//! text says about the same word.

use super::lexicon::{Lexicon, flag, hash};
use super::tokens::{Gap, Kind, Token, tokens};
use crate::text::Found;
use std::collections::BTreeMap;

/// The longest heading, in tokens.
const HEADING_TOKENS_MAX: usize = 6;
/// The longest key before a colon, in tokens.
const KEY_TOKENS_MAX: usize = 5;

/// What the whole text says about a word, one bit each.
mod seen {
    pub(super) const LOWER: u8 = 1;
    pub(super) const AFTER_TITLE: u8 = 1 << 1;
    pub(super) const IN_NAME_KEY: u8 = 1 << 2;
    pub(super) const CAPITAL_AGAIN: u8 = 1 << 3;
    pub(super) const CAPITAL: u8 = 1 << 4;
}

/// A token as the features see it. Hashes stand for words and shapes.
#[derive(Clone, Copy, Default)]
pub(crate) struct Noticed {
    /// The word in lower case; a number by its size.
    pub(crate) word: u64,
    /// Letters and digits by kind, runs made short.
    pub(crate) shape: u64,
    /// The first letters (two, three) and the last (two, three, four); 0 for other than words.
    pub(crate) ends: [u64; 5],
    /// Flags of the lexicon.
    pub(crate) flags: u32,
    /// The shape of everything between two gaps, and the place in it (0 only, 1 first, 2 inner,
    /// 3 last).
    pub(crate) chunk: u64,
    pub(crate) place: u64,
    /// The number of the chunk.
    pub(crate) chunk_number: usize,
    /// What stands before the colon of the line; 0 on the key itself and on lines without.
    pub(crate) key: u64,
    /// How many tokens after the colon, at most 7.
    pub(crate) after_key: u64,
    /// The heading of the section.
    pub(crate) heading: u64,
    pub(crate) gap: Option<Gap>,
    /// The labels of patterns that hit the token, one bit each.
    pub(crate) hits: u32,
    /// What the whole text says about the word.
    pub(crate) seen: u8,
}

/// A text with what was noticed.
pub(crate) struct Reading {
    pub(crate) tokens: Vec<Token>,
    pub(crate) noticed: Vec<Noticed>,
    /// The word of each chunk.
    pub(crate) chunks: Vec<u64>,
    pub(crate) chunk_shapes: Vec<u64>,
}

impl Reading {
    /// Reads a text; `hits` are what the patterns found in it.
    pub(crate) fn of(text: &str, lexicon: &Lexicon, hits: &[Found]) -> Self {
        let tokens = tokens(text);
        let mut noticed: Vec<Noticed> = tokens
            .iter()
            .map(|token| alone(text, token, lexicon))
            .collect();
        lines(&tokens, &mut noticed, text);
        let (chunks, chunk_shapes) = chunks(&tokens, &mut noticed, text);
        whole_text(&tokens, &mut noticed, text);
        for hit in hits {
            let first = tokens.partition_point(|token| token.end <= hit.start);
            let inside = tokens[first..].iter().zip(&mut noticed[first..]);
            for (_, seen) in inside.take_while(|(token, _)| token.start < hit.end) {
                seen.hits |= 1 << (hit.label as u32);
            }
        }
        Self {
            tokens,
            noticed,
            chunks,
            chunk_shapes,
        }
    }
}

/// What a token says by itself.
fn alone(text: &str, token: &Token, lexicon: &Lexicon) -> Noticed {
    let shown = &text[token.start..token.end];
    let mut noticed = Noticed {
        gap: Some(token.gap),
        shape: hash(&shape(shown)),
        ..Noticed::default()
    };
    match token.kind {
        Kind::Word => {
            let lower = shown.to_lowercase();
            noticed.word = hash(&lower);
            noticed.flags = lexicon.flags(&lower);
            if shown.len() != 2 || shown.chars().any(char::is_lowercase) {
                noticed.flags &= !flag::STATE_CODE;
            }
            noticed.ends = ends(&lower);
        }
        Kind::Number => noticed.word = hash(&size(shown)),
        Kind::Mark => noticed.word = hash(&shown[..shown.floor_char_boundary(4)]),
    }
    noticed
}

/// The first letters and the last.
fn ends(lower: &str) -> [u64; 5] {
    let places: Vec<usize> = lower.char_indices().map(|(at, _)| at).collect();
    let count = places.len();
    let first = |n: usize| match places.get(n) {
        Some(&at) => hash(&lower[..at]),
        None => 1,
    };
    let last = |n: usize| match count.checked_sub(n) {
        Some(at) if at > 0 => hash(&lower[places[at]..]),
        _ => 1,
    };
    [first(2), first(3), last(2), last(3), last(4)]
}

/// A number by what it could be: a month, a day, an age over 89, a year, or its length.
fn size(digits: &str) -> String {
    let value: u32 = digits.parse().unwrap_or(u32::MAX);
    let class = match (digits.len(), value) {
        (1, _) => "1",
        (2, 0..=12) => "2month",
        (2, 13..=31) => "2day",
        (2, 90..) => "2old",
        (2, _) => "2",
        (3, 100..=114) => "3old",
        (4, 1900..=2039) => "4year",
        (4, 2040..=2250) => "4late",
        (length, _) => return format!("{}n", length.min(12)),
    };
    class.to_owned()
}

/// `Xx` for Word, `XX` for CAPITALS, `x` for lower case, digits by their number.
fn shape(shown: &str) -> String {
    let mut shape = String::new();
    let mut run = 0;
    let mut last = None;
    for letter in shown.chars() {
        let class = match letter {
            _ if letter.is_uppercase() => 'X',
            _ if letter.is_alphabetic() => 'x',
            _ if letter.is_ascii_digit() => 'd',
            other => other,
        };
        run = if last == Some(class) { run + 1 } else { 1 };
        last = Some(class);
        let shown = match class {
            'd' => run <= 8,
            'X' => run <= 2,
            _ => run <= 1,
        };
        if shown {
            shape.push(class);
        }
    }
    shape
}

/// Keys of lines and headings of sections.
fn lines(tokens: &[Token], noticed: &mut [Noticed], text: &str) {
    let mut start = 0;
    let mut heading = 0;
    while start < tokens.len() {
        let after = tokens[start + 1..].iter();
        let length = after.take_while(|t| t.gap < Gap::Line).count() + 1;
        let end = start + length;
        let shown = |token: &Token| &text[token.start..token.end];
        let colon = (start..end)
            .take(KEY_TOKENS_MAX + 1)
            .find(|&at| shown(&tokens[at]) == ":");
        let letters = &text[tokens[start].start..tokens[end - 1].end];
        let capitals = letters.chars().filter(|c| c.is_uppercase()).count();
        let small = letters.chars().filter(|c| c.is_lowercase()).count();
        let is_heading = length <= HEADING_TOKENS_MAX && capitals > 3 && small == 0;
        if let Some(colon) = colon {
            let key = key(&noticed[start..colon]);
            for (after, noticed) in (1..).zip(&mut noticed[colon + 1..end]) {
                noticed.key = key;
                noticed.after_key = u64::min(after, 7);
            }
            if colon + 1 == end {
                heading = key;
            }
        } else if is_heading {
            heading = key(&noticed[start..end]);
        }
        noticed[start..end]
            .iter_mut()
            .for_each(|noticed| noticed.heading = heading);
        start = end;
    }
}

fn key(noticed: &[Noticed]) -> u64 {
    noticed
        .iter()
        .fold(7, |key: u64, n| key.wrapping_mul(31).wrapping_add(n.word))
}

/// Chunks: what stands between two gaps.
fn chunks(tokens: &[Token], noticed: &mut [Noticed], text: &str) -> (Vec<u64>, Vec<u64>) {
    let (mut words, mut shapes) = (Vec::new(), Vec::new());
    let mut start = 0;
    while start < tokens.len() {
        let after = tokens[start + 1..].iter();
        let length = after.take_while(|t| t.gap == Gap::None).count() + 1;
        let end = start + length;
        let shown = &text[tokens[start].start..tokens[end - 1].end];
        let bare = shown.trim_end_matches(['.', ',', ';', ':', ')']);
        let shape = hash(&shape(bare));
        for (at, noticed) in noticed[start..end].iter_mut().enumerate() {
            noticed.chunk = shape;
            noticed.chunk_number = shapes.len();
            noticed.place = match (at, length - at) {
                (0, 1) => 0,
                (0, _) => 1,
                (_, 1) => 3,
                _ => 2,
            };
        }
        words.push(key(&noticed[start..end]));
        shapes.push(shape);
        start = end;
    }
    (words, shapes)
}

/// What the whole text says about each word.
fn whole_text(tokens: &[Token], noticed: &mut [Noticed], text: &str) {
    let name_keys = [
        "patient",
        "name",
        "attending",
        "provider",
        "physician",
        "pcp",
    ];
    let mut about: BTreeMap<u64, u8> = BTreeMap::new();
    let mut name_line = false;
    for (at, token) in tokens.iter().enumerate() {
        if token.gap >= Gap::Line {
            let first = text[token.start..token.end].to_lowercase();
            let colon = tokens[at..].iter().skip(1).take(2);
            let mut colon = colon.map(|t| &text[t.start..t.end]);
            name_line = name_keys.contains(&&*first) && colon.any(|mark| mark == ":");
        }
        if token.kind != Kind::Word {
            continue;
        }
        let capital = text[token.start..token.end].starts_with(char::is_uppercase);
        let titled = at >= 1 && {
            let dot = usize::from(&text[tokens[at - 1].start..tokens[at - 1].end] == ".");
            at > dot && noticed[at - 1 - dot].flags & flag::TITLE != 0
        };
        let entry = about.entry(noticed[at].word).or_default();
        *entry |= match (capital, *entry & seen::CAPITAL) {
            (false, _) => seen::LOWER,
            (true, 0) => seen::CAPITAL,
            (true, _) => seen::CAPITAL_AGAIN,
        };
        if titled {
            *entry |= seen::AFTER_TITLE;
        }
        if name_line {
            *entry |= seen::IN_NAME_KEY;
        }
    }
    for (noticed, _) in noticed
        .iter_mut()
        .zip(tokens)
        .filter(|(_, token)| token.kind == Kind::Word)
    {
        noticed.seen = about.get(&noticed.word).copied().unwrap_or(0);
    }
}
