//! The tagger's weights: in memory a table of small numbers, in a file only those that are not 0.
//!
//! File: `LTAG1\n`, the number of tags, the number of bucket bits, the start and pair weights
//! (16 bits each, little-endian), then for each kept weight the distance to the one before
//! (LEB128) and the weight (8 bits), in order of bucket and tag.

use super::features::BUCKET_BITS;
use super::{TAGS, tag_of};
use crate::labels::Label;
use std::fmt;

const MAGIC: &[u8] = b"LTAG1\n";
/// The numbers of tags and of bucket bits, which a file must share.
#[expect(clippy::cast_possible_truncation, reason = "both are small constants")]
const SHAPE: [u8; 2] = [TAGS as u8, BUCKET_BITS as u8];
/// Weights are kept in units of 1 / STEPS of a natural logarithm.
pub(crate) const STEPS: f32 = 16.0;

/// The weights of a tagger.
pub struct Weights {
    /// By bucket, then by tag.
    table: Vec<[i8; TAGS]>,
    /// Of the first token's tag, then of pairs of tags.
    start: [i32; TAGS],
    pairs: [[i32; TAGS]; TAGS],
}

/// A file is not weights of this tagger.
#[derive(Debug, thiserror::Error)]
#[error("the tagger's weights cannot be read: {0}")]
pub struct BadWeights(&'static str);

impl Weights {
    /// All weights 0.
    pub(crate) fn zero() -> Self {
        Self {
            table: vec![[0; TAGS]; 1 << BUCKET_BITS],
            start: [0; TAGS],
            pairs: [[0; TAGS]; TAGS],
        }
    }

    /// Keeps real weights in whole steps: the `kept` largest of the table, and all others.
    pub(crate) fn rounded(
        table: &[[f32; TAGS]],
        start: &[f32; TAGS],
        pairs: &[[f32; TAGS]; TAGS],
        kept: usize,
    ) -> Self {
        let mut sizes: Vec<u32> = vec![0; 128];
        let steps = |weight: f32| (weight * STEPS).round();
        #[expect(clippy::cast_possible_truncation, reason = "clamped to 8 bits")]
        let small = |weight: f32| steps(weight).clamp(-127.0, 127.0) as i8;
        #[expect(clippy::cast_possible_truncation, reason = "clamped to 15 bits")]
        let wide = |weight: f32| steps(weight).clamp(-16_000.0, 16_000.0) as i32;
        for weight in table.iter().flatten() {
            sizes[usize::from(small(*weight).unsigned_abs())] += 1;
        }
        let mut least = 127;
        let mut total = 0;
        while least > 1 && total + sizes[least] as usize <= kept {
            total += sizes[least] as usize;
            least -= 1;
        }
        let least = least + usize::from(least > 1 || total + sizes[1] as usize > kept);
        let keep = |weight: &f32| {
            let small = small(*weight);
            if usize::from(small.unsigned_abs()) >= least {
                small
            } else {
                0
            }
        };
        Self {
            table: table
                .iter()
                .map(|row| std::array::from_fn(|tag| keep(&row[tag])))
                .collect(),
            start: start.map(wide),
            pairs: pairs.map(|row| row.map(wide)),
        }
    }

    /// Reads a file of weights.
    ///
    /// # Errors
    /// When it is not one, or of another shape.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BadWeights> {
        let mut rest = bytes.strip_prefix(MAGIC).ok_or(BadWeights("no head"))?;
        rest = rest.strip_prefix(&SHAPE).ok_or(BadWeights("other shape"))?;
        let mut weights = Self::zero();
        let wide = weights.start.iter_mut();
        for weight in wide.chain(weights.pairs.iter_mut().flatten()) {
            let (two, after) = rest.split_first_chunk().ok_or(BadWeights("cut short"))?;
            *weight = i32::from(i16::from_le_bytes(*two));
            rest = after;
        }
        let mut at = 0_usize;
        while !rest.is_empty() {
            let (distance, after) = leb128(rest).ok_or(BadWeights("cut short"))?;
            let (&weight, after) = after.split_first().ok_or(BadWeights("cut short"))?;
            at = at.checked_add(distance).ok_or(BadWeights("out of range"))?;
            let row = weights.table.get_mut(at / TAGS);
            row.ok_or(BadWeights("out of range"))?[at % TAGS] = i8::from_le_bytes([weight]);
            rest = after;
        }
        Ok(weights)
    }

    /// The file's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(SHAPE);
        for weight in self.start.iter().chain(self.pairs.iter().flatten()) {
            let two = i16::try_from(*weight).unwrap_or(0);
            bytes.extend(two.to_le_bytes());
        }
        let mut before = 0;
        for (at, weight) in self.table.iter().flatten().enumerate() {
            if *weight != 0 {
                let mut distance = at - before;
                while distance >= 128 {
                    bytes.push(u8::try_from(distance % 128).unwrap_or(0) | 128);
                    distance /= 128;
                }
                bytes.push(u8::try_from(distance).unwrap_or(0));
                bytes.extend(weight.to_le_bytes());
                before = at;
            }
        }
        bytes
    }

    /// How many weights of the table are not 0.
    pub fn kept(&self) -> usize {
        let weights = self.table.iter().flatten();
        weights.filter(|weight| **weight != 0).count()
    }

    /// The same, leaning by some steps against the tag of what identifies nobody.
    #[must_use]
    pub fn leaning(mut self, steps: i32) -> Self {
        self.start[0] -= steps;
        for row in &mut self.pairs {
            row[0] -= steps;
        }
        self
    }

    /// The same, leaning by some steps towards some labels.
    #[must_use]
    pub fn favouring(mut self, labels: &[Label], steps: i32) -> Self {
        for tag in labels.iter().filter_map(|label| tag_of(*label)) {
            let tag = usize::from(tag);
            self.start[tag] += steps;
            for row in &mut self.pairs {
                row[tag] += steps;
            }
        }
        self
    }

    /// The score of each tag for a token of some buckets.
    pub(crate) fn scores(&self, buckets: &[u32]) -> [i32; TAGS] {
        let mut scores = [0_i32; TAGS];
        for bucket in buckets {
            let row = &self.table[*bucket as usize];
            for (score, weight) in scores.iter_mut().zip(row) {
                *score += i32::from(*weight);
            }
        }
        scores
    }

    /// The best sequence of tags (Viterbi 1967); of equals the lower tag.
    pub(crate) fn decode(&self, scores: &[[i32; TAGS]]) -> Vec<u8> {
        let Some((first, later)) = scores.split_first() else {
            return Vec::new();
        };
        let mut best: [i32; TAGS] = std::array::from_fn(|tag| self.start[tag] + first[tag]);
        let mut from: Vec<[u8; TAGS]> = Vec::with_capacity(later.len());
        for score in later {
            let mut next = [i32::MIN; TAGS];
            let mut way = [0_u8; TAGS];
            for (before, row) in self.pairs.iter().enumerate() {
                for tag in 0..TAGS {
                    let total = best[before] + row[tag];
                    if total > next[tag] {
                        next[tag] = total;
                        way[tag] = u8::try_from(before).unwrap_or(0);
                    }
                }
            }
            best = std::array::from_fn(|tag| next[tag] + score[tag]);
            from.push(way);
        }
        let mut tag = 0;
        for other in 1..TAGS {
            if best[other] > best[tag] {
                tag = other;
            }
        }
        let mut tags = vec![u8::try_from(tag).unwrap_or(0)];
        for way in from.iter().rev() {
            let last = tags.last().copied().unwrap_or(0);
            tags.push(way[usize::from(last)]);
        }
        tags.reverse();
        tags
    }
}

/// Its size only.
impl fmt::Debug for Weights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Weights({} kept)", self.kept())
    }
}

/// A number in LEB128 and what follows it.
fn leb128(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut number = 0_usize;
    for (at, byte) in bytes.iter().enumerate().take(5) {
        number |= usize::from(byte & 127) << (7 * at);
        if byte & 128 == 0 {
            return Some((number, &bytes[at + 1..]));
        }
    }
    None
}
