//! From sequences to batches: cutting long timelines into windows, shuffling, packing.
//!
//! - A timeline longer than `context` becomes several windows. Each begins with the static events
//!   and birth, then `overlap_positions` events that the window before has scored already, here
//!   context only, so that every event is scored exactly once an epoch and none without a past.
//! - Windows are packed one after the other without padding; attention does not cross from one to
//!   the next. A batch takes windows while they fit into `batch_tokens`.
//! - The order of windows is a new permutation each epoch, from the seed and the epoch alone. Where
//!   subjects have weights, an epoch holds all windows of a subject as many times as its weight
//!   says, on average: a weight of 2.3 is two times, and a third with chance 0.3. Copies stand
//!   where chance puts them, and the expected gradient is that of the weighted loss.

use crate::queries::Asker;
use crate::sequences::{Sequences, Window};
use longitude_tokens::lead_kept;
use serde::{Deserialize, Serialize};

/// Every window of a set of sequences, in the order of subjects.
pub(crate) fn windows(sequences: &Sequences, context: usize, overlap: usize) -> Vec<Window> {
    let mut out = Vec::new();
    for (subject, sequence) in (0u32..).zip(sequences.iter()) {
        let targets = sequence.targets();
        if targets.is_empty() {
            continue;
        }
        let lead = lead_kept(sequence.lead, context);
        let (mut begin, mut end) = (0, targets.end.min(context));
        let mut scored_from = targets.start;
        loop {
            if end > scored_from {
                out.push(window(subject, (begin, end), scored_from, lead.min(begin)));
                scored_from = end;
            }
            if end == targets.end {
                break;
            }
            let room = context - lead;
            begin = end - overlap.min(room - 1).min(end - lead);
            end = targets.end.min(begin + room);
        }
    }
    out
}

fn window(subject: u32, span: (usize, usize), scored_from: usize, lead: usize) -> Window {
    let narrow = |position: usize| u32::try_from(position).unwrap_or(u32::MAX);
    Window {
        subject,
        begin: narrow(span.0),
        end: narrow(span.1),
        scored_from: narrow(scored_from),
        lead: narrow(lead),
    }
}

/// Where in the endless stream of shuffled windows the next batch begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Whole passes over the data.
    pub epoch: u64,
    /// Windows of this pass that were taken.
    pub window: u64,
}

/// The stream of shuffled windows.
pub(crate) struct Order {
    seed: u64,
    windows: Vec<Window>,
    permutation: Vec<u32>,
    /// What each subject weighs; empty where all weigh 1.
    weights: Vec<f64>,
    epoch: u64,
    /// What puts questions to the windows, for a model with a query head.
    pub(crate) asker: Option<Asker>,
}

impl Order {
    pub(crate) fn new(windows: Vec<Window>, seed: u64) -> Self {
        let mut order = Self {
            seed,
            permutation: Vec::new(),
            weights: Vec::new(),
            windows,
            epoch: 0,
            asker: None,
        };
        order.shuffle(0);
        order
    }

    /// The same with a weight for each subject, none for all alike.
    pub(crate) fn weighted(mut self, weights: &[f64]) -> Self {
        self.weights = weights.to_vec();
        self.shuffle(0);
        self
    }

    /// The windows of the next batch: as many as fit, at least one, and none twice
    /// where subjects weigh alike.
    pub(crate) fn take(&mut self, place: &mut Place, batch_tokens: usize) -> Vec<Window> {
        let mut taken: Vec<Window> = Vec::new();
        let (mut positions, epoch) = (0, place.epoch);
        while taken.len() < self.windows.len() {
            if self.epoch != place.epoch {
                self.shuffle(place.epoch);
            }
            if place.window >= self.permutation.len() as u64 {
                *place = Place {
                    epoch: place.epoch + 1,
                    window: 0,
                };
                self.shuffle(place.epoch);
            }
            let Some(window) = self.at(place.window) else {
                break;
            };
            let full = positions + window.positions() > batch_tokens;
            let twice = place.epoch > epoch && taken.contains(&window);
            if !taken.is_empty() && (full || twice) {
                break;
            }
            positions += window.positions();
            taken.push(window);
            place.window += 1;
        }
        taken
    }

    fn at(&self, index: u64) -> Option<Window> {
        let index = self.permutation.get(usize::try_from(index).ok()?)?;
        self.windows.get(*index as usize).copied()
    }

    /// The windows of an epoch, unshuffled: each once, or as the weights say. Where chance leaves
    /// none, each once.
    fn drawn(&self, epoch: u64) -> Vec<u32> {
        let each = (0u32..).take(self.windows.len());
        if self.weights.is_empty() {
            return each.collect();
        }
        let copies = |index: &u32| {
            let subject = self.windows[*index as usize].subject;
            let weight = self.weights.get(subject as usize).copied().unwrap_or(1.0);
            let key = u64::from(subject).rotate_left(32) ^ epoch;
            let mut random = SplitMix(self.seed.rotate_left(17) ^ key);
            random.0 = random.next();
            let chance = (random.next() >> 11) as f64 / (1u64 << 53) as f64;
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a number of copies; a float-to-int cast saturates"
            )]
            let whole = weight.floor() as usize;
            whole + usize::from(chance < weight.fract())
        };
        let drawn: Vec<u32> = each
            .clone()
            .flat_map(|index| std::iter::repeat_n(index, copies(&index)))
            .collect();
        if drawn.is_empty() {
            each.collect()
        } else {
            drawn
        }
    }

    /// The permutation of an epoch (Fisher and Yates, in Durstenfeld's form).
    fn shuffle(&mut self, epoch: u64) {
        self.epoch = epoch;
        let mut random = SplitMix(self.seed ^ epoch.wrapping_mul(0xd134_2543_de82_ef95));
        self.permutation = self.drawn(epoch);
        for last in (1..self.permutation.len()).rev() {
            let other = random.below(last as u64 + 1);
            self.permutation.swap(last, other);
        }
    }
}

/// SplitMix64 (Steele, Lea and Flood 2014).
pub(crate) struct SplitMix(pub(crate) u64);

impl SplitMix {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, by the high half of a product (Lemire 2019); its bias is below
    /// `bound` / 2^64.
    pub(crate) fn below(&mut self, bound: u64) -> usize {
        let product = u128::from(self.next()) * u128::from(bound);
        usize::try_from(product >> 64).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests;
