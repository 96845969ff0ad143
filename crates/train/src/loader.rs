//! From sequences to batches: cutting long timelines into windows, shuffling, packing.
//!
//! - A timeline longer than `context` becomes several windows. Each begins with the static events
//!   and birth, then `overlap_positions` events that the window before has scored already, here
//!   context only, so that every event is scored exactly once an epoch and none without a past.
//! - Windows are packed one after the other without padding; attention does not cross from one to
//!   the next. A batch takes windows while they fit into `batch_tokens`.
//! - The order of windows is a new permutation each epoch, from the seed and the epoch alone.

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
    epoch: u64,
    /// What puts questions to the windows, for a model with a query head.
    pub(crate) asker: Option<Asker>,
}

impl Order {
    pub(crate) fn new(windows: Vec<Window>, seed: u64) -> Self {
        let mut order = Self {
            seed,
            permutation: Vec::new(),
            windows,
            epoch: 0,
            asker: None,
        };
        order.shuffle(0);
        order
    }

    /// The windows of the next batch: as many as fit, at least one, and none twice.
    pub(crate) fn take(&mut self, place: &mut Place, batch_tokens: usize) -> Vec<Window> {
        let mut taken: Vec<Window> = Vec::new();
        let (mut positions, epoch) = (0, place.epoch);
        while taken.len() < self.windows.len() {
            if place.window >= self.windows.len() as u64 {
                *place = Place {
                    epoch: place.epoch + 1,
                    window: 0,
                };
            }
            if self.epoch != place.epoch {
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

    /// The permutation of an epoch (Fisher and Yates, in Durstenfeld's form).
    fn shuffle(&mut self, epoch: u64) {
        self.epoch = epoch;
        let mut random = SplitMix(self.seed ^ epoch.wrapping_mul(0xd134_2543_de82_ef95));
        self.permutation = (0u32..).take(self.windows.len()).collect();
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
