//! The learned tagger: a linear-chain conditional random field over the tokens of a text (Lafferty,
//! McCallum and Pereira 2001), decoded by Viterbi's algorithm.
//!
//! Its weights are small whole numbers, so that every machine decodes the same. They were learnt by
//! [`train`] on annotated synthetic text; the file holds numbers of hashed features and nothing of
//! the words.

mod features;
mod lexicon;
pub(crate) mod lists;
mod reading;
mod tokens;
pub mod train;
mod weights;

pub(crate) use lexicon::{Lexicon, flag};
pub use weights::{BadWeights, Weights};

use crate::labels::{Label, TAGGED};
use crate::text::Found;
use features::features;
use reading::Reading;

/// A tag: 0 is outside, the others are a label's number and one.
const TAGS: usize = TAGGED.len() + 1;

/// What is read at once: a longer text is read in parts, so that memory is bounded.
const PART_BYTES: usize = 64 << 10;

/// What the tagger finds in a text; `hits` are what the patterns found there.
pub(crate) fn tag(text: &str, lexicon: &Lexicon, weights: &Weights, hits: &[Found]) -> Vec<Found> {
    let mut hits = hits.to_vec();
    hits.sort_by_key(|hit| hit.start);
    let (mut found, mut at) = (Vec::new(), 0);
    while at < text.len() {
        let end = part_end(text, at);
        let first = hits.partition_point(|hit| hit.start < at);
        let after = hits.partition_point(|hit| hit.start < end);
        let inside = hits[first..after].iter().map(|hit| Found {
            start: hit.start - at,
            end: hit.end.min(end) - at,
            label: hit.label,
        });
        let part = &text[at..end];
        let tagged = tag_part(part, lexicon, weights, &inside.collect::<Vec<_>>());
        found.extend(tagged.into_iter().map(|part| Found {
            start: part.start + at,
            end: part.end + at,
            label: part.label,
        }));
        at = end;
    }
    found
}

/// Where a part ends: after an empty line, else after a line, else after a word, else anywhere.
fn part_end(text: &str, at: usize) -> usize {
    if text.len() - at <= PART_BYTES {
        return text.len();
    }
    let most = text.floor_char_boundary(at + PART_BYTES);
    let least = text.floor_char_boundary(at + PART_BYTES / 2);
    let late = &text[least..most];
    let ends = ["\n\n", "\n", " "].into_iter();
    let mut ends = ends.filter_map(|end| Some(late.rfind(end)? + end.len()));
    ends.next().map_or(most, |end| least + end)
}

fn tag_part(text: &str, lexicon: &Lexicon, weights: &Weights, hits: &[Found]) -> Vec<Found> {
    let reading = Reading::of(text, lexicon, hits);
    let mut scores = vec![[0_i32; TAGS]; reading.tokens.len()];
    let mut buckets = Vec::with_capacity(128);
    for (at, scores) in scores.iter_mut().enumerate() {
        buckets.clear();
        features(&reading, at, &mut buckets);
        *scores = weights.scores(&buckets);
    }
    let tags = weights.decode(&scores);
    spans(&reading, &tags)
}

/// Runs of one tag.
fn spans(reading: &Reading, tags: &[u8]) -> Vec<Found> {
    let mut spans: Vec<Found> = Vec::new();
    let mut before = 0;
    for (token, &tag) in reading.tokens.iter().zip(tags) {
        let label = usize::from(tag).checked_sub(1).map(|at| TAGGED[at]);
        match (label, spans.last_mut()) {
            (Some(_), Some(last)) if tag == before => last.end = token.end,
            (Some(label), _) => spans.push(Found {
                start: token.start,
                end: token.end,
                label,
            }),
            (None, _) => {}
        }
        before = tag;
    }
    spans
}

/// The tag of a label.
fn tag_of(label: Label) -> Option<u8> {
    let at = TAGGED.iter().position(|one| *one == label)?;
    u8::try_from(at + 1).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_its_paragraphs() {
        let paragraph = format!("{}é\n\n", "word ".repeat(2_000));
        let text = paragraph.repeat(20);
        let (mut at, mut parts) = (0, 0);
        while at < text.len() {
            let end = part_end(&text, at);
            assert!(end > at && end - at <= PART_BYTES);
            assert!(text[..end].ends_with("é\n\n"));
            (at, parts) = (end, parts + 1);
        }
        assert!(parts > 3);
        let letters = "é".repeat(PART_BYTES);
        assert!(letters.is_char_boundary(part_end(&letters, 0)));
    }
}
