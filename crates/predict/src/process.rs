//! The law of the next event as the sampler asks for it, row by row of futures.
//! It is the seam between sampling and the engine that computes: `neural` is the transformer, the
//! tests have a chain whose answers are known on paper.

use crate::Result;
use longitude_model::Input;

/// R futures, each of some past, with what happened in it so far. Rows are numbered from 0 in the
/// order in which they were made; retired rows close up.
pub(crate) trait Process {
    /// What a future goes on from.
    type Past;

    /// One more row after the others: a future of a past with nothing in it.
    fn admit(&mut self, past: &Self::Past) -> Result<()>;

    /// One wait in days for each row, by one uniform draw each. With `after` it is the whole wait
    /// since the last event, given that it is longer than `after` days.
    fn waits(&mut self, after: &[Option<f64>], draws: &[f64], waits: &mut Vec<f64>) -> Result<()>;

    /// The probabilities of all codes given each row's wait: `[R, V]`.
    fn codes(&mut self, waits: &[f64], codes: &mut Vec<f32>) -> Result<()>;

    /// The probabilities of the value bins given each row's wait and code: `[R, K + 1]`, bin 0 for
    /// no value; of a code without bins the row is not read.
    fn bins(&mut self, marks: &[(f64, u32)], bins: &mut Vec<f32>) -> Result<()>;

    /// Keeps these rows only, in this order (ascending), and appends one event to each.
    fn advance(&mut self, keep: &[usize], events: &[Input]) -> Result<()>;
}
