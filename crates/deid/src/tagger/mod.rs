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

/// What the tagger finds in a text; `hits` are what the patterns found there.
pub(crate) fn tag(text: &str, lexicon: &Lexicon, weights: &Weights, hits: &[Found]) -> Vec<Found> {
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
