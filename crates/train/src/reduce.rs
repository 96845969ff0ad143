//! Data-parallel training: each rank takes its share of a step's windows, and what the ranks found
//! is summed before anything is decided, so that all of them take the same step.
//!
//! Which batch a step takes does not depend on the number of ranks: two ranks on a batch are one
//! rank on it, but for the order of additions. Not here: the wire. The package `parallel` outside
//! the default build has it over MPI.

use crate::Result;
use crate::run::Control;
use crate::sequences::Window;

/// Which rank this is, of how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rank {
    /// From 0.
    pub number: usize,
    /// At least 1.
    pub of: usize,
}

/// Sums over all ranks. Every rank calls the same methods in the same order, with slices of equal
/// lengths, and finds the same bytes in them afterwards.
pub trait Reduce: std::fmt::Debug {
    /// This rank.
    fn rank(&self) -> Rank;

    /// Replaces each number by its sum over the ranks, added in the order of ranks.
    ///
    /// # Errors
    /// [`crate::Error::Reduce`] when another rank cannot be reached.
    fn sum(&self, numbers: &mut [f32]) -> Result<()>;

    /// The same in double precision.
    ///
    /// # Errors
    /// As [`Reduce::sum`].
    fn sum64(&self, numbers: &mut [f64]) -> Result<()>;
}

/// One rank: nothing to sum.
#[derive(Clone, Copy, Debug)]
pub struct Alone;

impl Reduce for Alone {
    fn rank(&self) -> Rank {
        Rank { number: 0, of: 1 }
    }

    fn sum(&self, _: &mut [f32]) -> Result<()> {
        Ok(())
    }

    fn sum64(&self, _: &mut [f64]) -> Result<()> {
        Ok(())
    }
}

/// A rank's share of some windows: each goes to the rank with the fewest positions so far, of
/// equals the first. No share is longer than [`share_positions`].
pub(crate) fn share(windows: &[Window], rank: Rank) -> Vec<Window> {
    let mut load = vec![0usize; rank.of];
    let mut own = Vec::new();
    for window in windows {
        let fewest = (0..rank.of).min_by_key(|other| load[*other]).unwrap_or(0);
        load[fewest] += window.positions();
        if fewest == rank.number {
            own.push(*window);
        }
    }
    own
}

/// The most positions of a share of a batch: the mean, and one window more.
pub(crate) fn share_positions(batch_tokens: usize, context: usize, ranks: usize) -> usize {
    let share = batch_tokens.div_ceil(ranks) + context;
    share.min(batch_tokens)
}

/// The sums of a loss over the ranks.
pub(crate) fn losses(
    reduce: &dyn Reduce,
    own: longitude_model::Losses,
    value_within: f64,
) -> Result<(longitude_model::Losses, f64)> {
    let counts = [own.events, own.censored, own.values, own.queries].map(|count| count as f64);
    let nats = [own.wait, own.code, own.value, own.query, value_within];
    let mut sums = [0.0; 9];
    sums[..5].copy_from_slice(&nats);
    sums[5..].copy_from_slice(&counts);
    reduce.sum64(&mut sums)?;
    let [wait, code, value, query, within, counts @ ..] = sums;
    let [events, censored, values, queries] = counts.map(whole);
    let all = longitude_model::Losses {
        wait,
        code,
        value,
        query,
        events,
        censored,
        values,
        queries,
    };
    Ok((all, within))
}

/// What the ranks do when one of them wants to stop, or to write a checkpoint: all do.
pub(crate) fn agree(reduce: &dyn Reduce, own: Control) -> Result<Control> {
    let mut votes = [Control::Stop, Control::Checkpoint].map(|one| f64::from(u8::from(one == own)));
    reduce.sum64(&mut votes)?;
    Ok(if votes[0] > 0.0 {
        Control::Stop
    } else if votes[1] > 0.0 {
        Control::Checkpoint
    } else {
        Control::Continue
    })
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "sums of counts are whole and below 2^53"
)]
fn whole(count: f64) -> u64 {
    count as u64
}

#[cfg(test)]
mod tests;
