//! Data-parallel training: each rank takes its share of a step's windows, and what the ranks found
//! is summed before anything is decided, so that all of them take the same step.
//!
//! Which batch a step takes does not depend on the number of ranks: two ranks on a batch are one
//! rank on it, but for the order of additions. Not here: the wire. The package `parallel` outside
//! the default build has it over MPI.
//!
//! Ranks that do not do the same work would wait for each other for ever, or learn what nobody
//! asked for: [`alike`] compares what they were asked before the first step.

use crate::run::Control;
use crate::sequences::Window;
use crate::{Error, Result};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

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

/// The first rank's number, on every rank.
///
/// # Errors
/// As [`Reduce::sum`].
pub fn first(reduce: &dyn Reduce, own: f64) -> Result<f64> {
    let mut shared = [if reduce.rank().number == 0 { own } else { 0.0 }];
    reduce.sum64(&mut shared)?;
    Ok(shared[0])
}

/// Returns on no rank before all ranks have come here.
///
/// # Errors
/// As [`Reduce::sum`].
pub fn meet(reduce: &dyn Reduce) -> Result<()> {
    reduce.sum64(&mut [0.0])
}

/// Compares what the ranks are about to do: objects of JSON, key by key, values of objects
/// included. Every rank comes to the same result.
///
/// # Errors
/// [`Error::RanksDiffer`] with the keys that differ and what each rank has; and as [`Reduce::sum`].
pub fn alike(reduce: &dyn Reduce, own: &Map<String, Value>) -> Result<()> {
    if reduce.rank().of == 1 {
        return Ok(());
    }
    let bytes = serde_json::to_vec(own).map_err(Error::Json)?;
    let mut told = Vec::new();
    for bytes in gather(reduce, &bytes)? {
        let all: Map<String, Value> = serde_json::from_slice(&bytes).map_err(Error::Json)?;
        let mut flat = BTreeMap::new();
        flatten("", &all, &mut flat);
        told.push(flat);
    }
    let keys = told.iter().flat_map(BTreeMap::keys);
    let mut keys: Vec<&String> = keys.collect();
    keys.sort_unstable();
    keys.dedup();
    let what: Vec<String> = keys
        .into_iter()
        .filter_map(|key| differs(&told, key))
        .collect();
    if what.is_empty() {
        return Ok(());
    }
    let more = what.len().saturating_sub(DIFFERENCES_MAX);
    let mut shown = what[..what.len() - more].join("; ");
    if more > 0 {
        shown.push_str(&format!("; and {more} more"));
    }
    Err(Error::RanksDiffer { what: shown })
}

/// The most differences that a message names.
const DIFFERENCES_MAX: usize = 6;

/// A key's values by rank, where they differ: each value once, at the first rank that has it.
fn differs(told: &[BTreeMap<String, String>], key: &str) -> Option<String> {
    let mut seen: Vec<(&str, usize)> = Vec::new();
    for (rank, one) in told.iter().enumerate() {
        let value = one.get(key).map_or("not given", String::as_str);
        if seen.iter().all(|(other, _)| *other != value) {
            seen.push((value, rank));
        }
    }
    let named = seen
        .iter()
        .map(|(value, rank)| format!("{value} on rank {rank}"));
    let named: Vec<String> = named.collect();
    (named.len() > 1).then(|| format!("{key} is {}", named.join(", ")))
}

fn flatten(before: &str, object: &Map<String, Value>, flat: &mut BTreeMap<String, String>) {
    for (key, value) in object {
        let key = format!("{before}{key}");
        match value.as_object() {
            Some(inner) => flatten(&format!("{key}."), inner, flat),
            None => {
                flat.insert(key, value.to_string());
            }
        }
    }
}

/// The bytes of every rank, in the order of ranks: each writes its own into a place where the
/// others add zeros.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "lengths and bytes, each beside zeros only"
)]
fn gather(reduce: &dyn Reduce, own: &[u8]) -> Result<Vec<Vec<u8>>> {
    let Rank { number, of } = reduce.rank();
    let mut lengths = vec![0.0; of];
    lengths[number] = own.len() as f64;
    reduce.sum64(&mut lengths)?;
    let lengths: Vec<usize> = lengths.into_iter().map(|n| n as usize).collect();
    let begin: usize = lengths[..number].iter().sum();
    let mut all = vec![0.0; lengths.iter().sum()];
    for (place, byte) in all[begin..].iter_mut().zip(own) {
        *place = f64::from(*byte);
    }
    reduce.sum64(&mut all)?;
    let mut rest = all.as_slice();
    let mut parts = Vec::with_capacity(of);
    for length in lengths {
        let (part, after) = rest.split_at(length);
        parts.push(part.iter().map(|byte| *byte as u8).collect());
        rest = after;
    }
    Ok(parts)
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
