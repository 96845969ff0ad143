//! Questions to the query head, and its answers: does any of a set of codes come within a horizon,
//! before any of another set? Knows no task and no vocabulary beyond ids.

use crate::config::Config;
use std::sync::Arc;

/// A code, with whatever value or with a value in a range of its bins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Atom {
    /// Its id in the vocabulary.
    pub code: u32,
    /// The first bin that counts; 0 takes events without a value too.
    pub bin_first: u16,
    /// The last bin that counts.
    pub bin_last: u16,
}

impl Atom {
    /// The code with whatever value or none.
    pub fn code(code: u32) -> Self {
        Self {
            code,
            bin_first: 0,
            bin_last: u16::MAX,
        }
    }

    /// Whether an event of this code and bin counts.
    pub fn holds(&self, code: u32, value_bin: u16) -> bool {
        code == self.code && self.bin_first <= value_bin && value_bin <= self.bin_last
    }

    /// Whether the value matters.
    pub fn is_bounded(&self) -> bool {
        self.bin_first > 0 || self.bin_last < u16::MAX
    }
}

/// A question at a position of a segment. Atoms ascend by code, each code once; no code stands on
/// both sides.
#[derive(Clone, PartialEq)]
pub struct Question {
    /// Days from the position's event to the index time, without an event in them.
    pub elapsed_days: f64,
    /// What is asked for: any of these.
    pub predicate: Arc<[Atom]>,
    /// What ends the wait for it; where empty, nothing does.
    pub competing: Arc<[Atom]>,
}

impl Question {
    /// Whether a model of this configuration can take it.
    pub(crate) fn check(&self, config: &Config) -> std::result::Result<(), &'static str> {
        if !config.has_queries() {
            return Err("the model has no query head");
        }
        if self.predicate.is_empty() {
            return Err("a query asks for nothing");
        }
        for side in [&self.predicate, &self.competing] {
            if side.iter().any(|atom| atom.code as usize >= config.vocab) {
                return Err("a query's code is out of range");
            }
            if !side.windows(2).all(|pair| pair[0].code < pair[1].code) {
                return Err("a query's codes do not ascend");
            }
            let empty = |atom: &Atom| {
                let reach = usize::from(atom.bin_last).min(config.value_bins);
                usize::from(atom.bin_first) > reach
            };
            if side.iter().any(empty) {
                return Err("a query's range of value bins is empty");
            }
        }
        if !(self.elapsed_days.is_finite() && self.elapsed_days >= 0.0) {
            return Err("a query's elapsed time is negative or not finite");
        }
        Ok(())
    }
}

/// What came first after the index time, with the days until it.
#[derive(Clone, Copy, PartialEq)]
pub enum Answer {
    /// The predicate; also where a competing event came at the very same time.
    Predicate(f64),
    /// A competing event.
    Competing(f64),
    /// Neither, up to the end of observation.
    Censored(f64),
}

impl Answer {
    /// Days from the index time.
    pub fn days(self) -> f64 {
        match self {
            Self::Predicate(days) | Self::Competing(days) | Self::Censored(days) => days,
        }
    }
}

/// A question of a batch with its answer.
#[derive(Clone, PartialEq)]
pub struct Query {
    /// The position in the batch of the last event before the index time.
    pub position: u32,
    /// The question.
    pub question: Question,
    /// The answer.
    pub answer: Answer,
}

/// Redacted: a question tells of a patient when it was asked.
impl std::fmt::Debug for Question {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (asked, competing) = (self.predicate.len(), self.competing.len());
        write!(f, "Question({asked} codes against {competing})")
    }
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Answer(..)")
    }
}

impl std::fmt::Debug for Query {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Query(..)")
    }
}

/// The answer of the query head: cumulative incidences at the edges of its bins (Kalbfleisch and
/// Prentice, section 8.2), `F_k(e_j) = sum over i <= j of S(e_(i-1)) h_ki`, with S the product of
/// `1 - h_1i - h_2i`.
#[derive(Clone, PartialEq)]
pub struct Incidence {
    edges_days: Arc<[f32]>,
    predicate: Vec<f64>,
    competing: Vec<f64>,
}

/// Redacted: it is a patient's risk.
impl std::fmt::Debug for Incidence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Incidence({} edges)", self.edges_days.len())
    }
}

impl Incidence {
    /// Of hazards of both kinds in each bin.
    pub(crate) fn new(edges_days: Arc<[f32]>, hazards: &[[f64; 2]]) -> Self {
        let (mut survival, mut sums) = (1.0, [0.0; 2]);
        let (mut predicate, mut competing) = (Vec::new(), Vec::new());
        for hazard in hazards {
            sums[0] += survival * hazard[0];
            sums[1] += survival * hazard[1];
            survival *= 1.0 - hazard[0] - hazard[1];
            predicate.push(sums[0]);
            competing.push(sums[1]);
        }
        Self {
            edges_days,
            predicate,
            competing,
        }
    }

    /// The edges in days, `[J]`.
    pub fn edges_days(&self) -> &[f32] {
        &self.edges_days
    }

    /// The probability that the predicate comes first, up to each edge, `[J]`.
    pub fn predicate(&self) -> &[f64] {
        &self.predicate
    }

    /// The probability that a competing event comes first, up to each edge, `[J]`.
    pub fn competing(&self) -> &[f64] {
        &self.competing
    }

    /// The probability of the predicate within a horizon, before any competing event: between edges
    /// by constant hazards inside the bin. Beyond the last edge it is that of the last edge, which
    /// is too low.
    pub fn within(&self, horizon_days: f64) -> f64 {
        let edges = &self.edges_days;
        let bin = edges.partition_point(|edge| f64::from(*edge) <= horizon_days);
        let before = |values: &[f64]| if bin == 0 { 0.0 } else { values[bin - 1] };
        let (came, start) = (
            before(&self.predicate),
            if bin == 0 { 0.0 } else { edge(edges, bin - 1) },
        );
        if bin == edges.len() || horizon_days <= start {
            return came;
        }
        let share = (horizon_days - start) / (edge(edges, bin) - start);
        let alive = 1.0 - came - before(&self.competing);
        let gains = [
            self.predicate[bin] - came,
            self.competing[bin] - before(&self.competing),
        ];
        let both = gains[0] + gains[1];
        if both <= 0.0 {
            return came;
        }
        let passed = 1.0 - (1.0 - (both / alive).min(1.0)).powf(share);
        came + alive * passed * gains[0] / both
    }
}

fn edge(edges: &[f32], j: usize) -> f64 {
    f64::from(edges[j])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::float_cmp, reason = "an edge's own number is handed on")]

    use super::*;

    #[test]
    fn horizons_between_edges_have_constant_hazards() {
        // Hazards of 0.1 and 0.2 a day, integrated over each bin.
        let edges = [1.0f32, 3.0, 10.0];
        let hazard = |days: f64| {
            let gone = 1.0 - (-0.3 * days).exp();
            [gone / 3.0, gone * 2.0 / 3.0]
        };
        let curve = Incidence::new(edges.into(), &[hazard(1.0), hazard(2.0), hazard(7.0)]);
        for horizon in [0.0f64, 0.5, 1.0, 1.7, 3.0, 9.9, 10.0] {
            let truth = (1.0 - (-0.3 * horizon).exp()) / 3.0;
            let risk = curve.within(horizon);
            assert!(
                (risk - truth).abs() < 1e-12,
                "{horizon}: {risk} is not {truth}"
            );
        }
        assert_eq!(curve.within(1e4), curve.predicate()[2]);
    }

    #[test]
    fn certain_events_do_not_divide_by_zero() {
        let curve = Incidence::new([1.0f32, 2.0].into(), &[[1.0, 0.0], [0.5, 0.5]]);
        assert_eq!(curve.within(0.5), 1.0);
        assert_eq!(curve.within(1.5), 1.0);
    }
}
