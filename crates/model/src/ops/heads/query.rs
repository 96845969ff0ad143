//! The loss of a query: in each bin of the time after the index a softmax over (neither, predicate
//! first, competing event first), given neither before.
//!
//! With h_k the probabilities of the two kinds in a bin and `p_0 = 1 - h_1 - h_2`, an event of kind
//! k in bin j has the likelihood `h_kj prod over i < j of p_0i`. Observation that ends inside a bin
//! counts as `p_0` to the power of the share of the bin that was seen, which is exact for hazards
//! that are constant inside it: a censored query is neither a negative nor dropped (Tutz and
//! Schmid 2016, chapters 3 and 8).

use crate::batch::Input;
use crate::query::{Answer, Atom, Question};
use rayon::prelude::*;

/// Numbers of a question that enter linearly; [`Marks::features`] lists them.
pub(crate) const FEATURES: usize = 16;

/// The atoms of one side of a question by code, to look through many events fast.
#[derive(Clone, Default)]
pub(crate) struct Marks {
    /// First and last bin of each code, `[V]`; an empty range for codes that are not asked.
    bins: Vec<(u16, u16)>,
}

const NONE: (u16, u16) = (1, 0);

/// What a segment says of one side up to a position.
#[derive(Clone, Copy, Default)]
struct Past {
    count: f64,
    since_days: Option<f64>,
}

impl Marks {
    pub(crate) fn new(vocab: usize) -> Self {
        Self {
            bins: vec![NONE; vocab],
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bins.is_empty()
    }

    fn past(&mut self, atoms: &[Atom], events: &[Input], now_days: f64) -> Past {
        for atom in atoms {
            self.bins[atom.code as usize] = (atom.bin_first, atom.bin_last);
        }
        let mut past = Past::default();
        for event in events {
            let (first, last) = self.bins[event.code as usize];
            if first <= event.value_bin && event.value_bin <= last {
                past.count += 1.0;
                past.since_days = Some((now_days - event.time_days).max(0.0));
            }
        }
        for atom in atoms {
            self.bins[atom.code as usize] = NONE;
        }
        past
    }

    /// The numbers of a question after these events of its segment: the time since the last of them
    /// at two scales and whether it is none; how much history there is; how many codes are asked
    /// for; and of the predicate whether, how often, how long ago and at which rate it came before,
    /// of the competing side whether, how often and how long ago.
    pub(crate) fn features(&mut self, question: &Question, events: &[Input]) -> [f32; FEATURES] {
        let elapsed = question.elapsed_days;
        let (first, last) = (events.first(), events.last());
        let now = last.map_or(0.0, |event| event.time_days) + elapsed;
        let span = (now - first.map_or(now, |event| event.time_days)).max(0.0);
        let asked = self.past(&question.predicate, events, now);
        let competing = self.past(&question.competing, events, now);
        let seen = |past: Past| f64::from(u8::from(past.since_days.is_some()));
        let since = |past: Past| past.since_days.map_or(0.0, |days| days.ln_1p() / 8.0);
        let fading = |days: f64| asked.since_days.map_or(0.0, |since| (-since / days).exp());
        let features = [
            elapsed.ln_1p() / 4.0,
            (elapsed * 1440.0).ln_1p() / 8.0,
            f64::from(u8::from(elapsed <= 0.0)),
            (events.len() as f64).ln_1p() / 8.0,
            span.ln_1p() / 8.0,
            (question.predicate.len() as f64).ln() / 4.0,
            (question.competing.len() as f64).ln_1p() / 4.0,
            seen(asked),
            since(asked),
            asked.count.ln_1p() / 4.0,
            ((asked.count + 0.1) / (span + 30.0)).ln() / 8.0,
            fading(30.0),
            fading(365.0),
            seen(competing),
            since(competing),
            competing.count.ln_1p() / 4.0,
        ];
        features.map(narrow)
    }
}

/// The logarithm of the share of a code's bins that an atom takes; bins hold equal shares. An atom
/// that asks for no value at all has the share of one bin.
fn log_share(atom: Atom, value_bins: &[u16]) -> f32 {
    let bins = value_bins[atom.code as usize];
    if !atom.is_bounded() || bins == 0 {
        return 0.0;
    }
    let taken = (i32::from(atom.bin_last.min(bins)) - i32::from(atom.bin_first) + 1).max(1);
    (taken as f32 / f32::from(bins)).min(1.0).ln()
}

/// The log odds of each code in each bin, `[V, J]`, and how many value bins each code has, `[V]`.
#[derive(Clone, Copy)]
pub(crate) struct Base<'a> {
    pub table: &'a [f32],
    pub value_bins: &'a [u16],
    pub bins: usize,
}

impl Base<'_> {
    /// Adds the log odds of a set, the sum of its members' odds, to logits `[J]`.
    pub(crate) fn add(&self, atoms: &[Atom], logits: &mut [f32]) {
        for (j, logit) in logits.iter_mut().enumerate() {
            *logit += self.log_sum(atoms, j);
        }
    }

    fn at(&self, atom: Atom, j: usize) -> f32 {
        self.table[atom.code as usize * self.bins + j] + log_share(atom, self.value_bins)
    }

    fn log_sum(&self, atoms: &[Atom], j: usize) -> f32 {
        let logs = || atoms.iter().map(|atom| self.at(*atom, j));
        let most = logs().fold(f32::NEG_INFINITY, f32::max);
        most + logs().map(|log| (log - most).exp()).sum::<f32>().ln()
    }

    /// Adds the gradient of the table from that of the logits `[J]`.
    pub(crate) fn backward(&self, atoms: &[Atom], d_logits: &[f32], d_table: &mut [f32]) {
        for (j, d) in d_logits.iter().enumerate().filter(|(_, d)| **d != 0.0) {
            let sum = self.log_sum(atoms, j);
            for atom in atoms {
                let share = (self.at(*atom, j) - sum).exp();
                d_table[atom.code as usize * self.bins + j] += d * share;
            }
        }
    }
}

/// Probabilities of (neither, predicate, competing) of two logits against 0; without a competing
/// side its probability is 0.
pub(crate) fn probabilities(logits: [f32; 2], competes: bool) -> [f64; 3] {
    let one = f64::from(logits[0]);
    let two = if competes {
        f64::from(logits[1])
    } else {
        f64::NEG_INFINITY
    };
    let shift = one.max(two).max(0.0);
    let odds = [-shift, one - shift, two - shift].map(f64::exp);
    let sum: f64 = odds.iter().sum();
    odds.map(|odds| odds / sum)
}

/// The weight and the class (0 neither, 1 predicate, 2 competing) of each bin in the likelihood of
/// an answer, up to where it is known.
pub(crate) fn scored(answer: Answer, edges: &[f32]) -> impl Iterator<Item = (f64, usize)> + '_ {
    let days = answer.days();
    let class = match answer {
        Answer::Predicate(_) => 1,
        Answer::Competing(_) => 2,
        Answer::Censored(_) => 0,
    };
    // An event on an edge belongs to the bin that it ends; what ends on it was seen whole.
    let bin = edges.partition_point(|edge| f64::from(*edge) < days);
    edges
        .iter()
        .take(bin + 1)
        .enumerate()
        .map(move |(j, edge)| {
            let start = if j == 0 { 0.0 } else { f64::from(edges[j - 1]) };
            if j < bin {
                (1.0, 0)
            } else if class == 0 {
                ((days - start) / (f64::from(*edge) - start), 0)
            } else {
                (1.0, class)
            }
        })
}

/// Replaces logits `[Q, 2 J]`, the predicate's J first, by `weight` times their gradient; writes
/// the nats of each query.
pub(crate) fn loss(
    logits: &mut [f32],
    rows: &[(bool, Answer)],
    edges: &[f32],
    weight: f32,
    nats: &mut [f64],
) {
    let bins = edges.len();
    logits
        .par_chunks_mut(2 * bins)
        .zip(rows)
        .zip(nats)
        .for_each(|((row, (competes, answer)), nats)| {
            let (one, two) = row.split_at_mut(bins);
            *nats = 0.0;
            let mut known = 0;
            for (j, (w, class)) in scored(*answer, edges).enumerate() {
                let p = probabilities([one[j], two[j]], *competes);
                *nats -= w * p[class].max(f64::MIN_POSITIVE).ln();
                let happened = |k| if class == k { 1.0 } else { 0.0 };
                one[j] = weight * narrow(w * (p[1] - happened(1)));
                two[j] = weight * narrow(w * (p[2] - happened(2)));
                known = j + 1;
            }
            one[known..].fill(0.0);
            two[known..].fill(0.0);
        });
}

#[expect(clippy::cast_possible_truncation, reason = "the model computes in f32")]
fn narrow(x: f64) -> f32 {
    x as f32
}
