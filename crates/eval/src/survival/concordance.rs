//! Time-dependent concordance: whether who has the outcome sooner had the higher score.

use super::{FollowUp, StepCurve};
use crate::curve::ascending;
use crate::undefined::Undefined;

/// Harrell's C (Harrell, Lee and Mark 1996, "Multivariable prognostic models", section 5.5): over
/// pairs of a row with the outcome and one still without it then, the share in which the former has
/// the higher score, ties counted one half. A row censored at the very time counts as without it;
/// one with a competing event never has the outcome (Wolbers et al. 2014, "Concordance for
/// prognostic models with competing risks", equation 2).
///
/// # Errors
/// When there are no rows, no row has the outcome, or no pair can be compared.
///
/// # Panics
/// When the slices differ in length or a time is not finite.
pub fn concordance(followed: &FollowUp<'_>, scores: &[f64]) -> Result<f64, Undefined> {
    weighted(followed, scores, |_| Some(1.0))
}

/// Uno's C (Uno et al. 2011, "On the C-statistics for evaluating overall adequacy of risk
/// prediction procedures with censored survival data", equation 6): pairs weighted by the inverse
/// square of the share not yet censored, and only outcomes before `until`, so that the value does
/// not depend on the censoring.
///
/// # Errors
/// As [`concordance`], and when everybody is censored by the time of an outcome.
///
/// # Panics
/// When the slices differ in length or a time is not finite.
pub fn concordance_ipcw(
    followed: &FollowUp<'_>,
    scores: &[f64],
    censoring: &StepCurve,
    until: Option<f64>,
) -> Result<f64, Undefined> {
    weighted(followed, scores, |time| {
        if until.is_some_and(|until| time >= until) {
            return Some(0.0);
        }
        let left = censoring.at(time);
        (left > 0.0).then(|| 1.0 / (left * left))
    })
}

fn weighted(
    followed: &FollowUp<'_>,
    scores: &[f64],
    weight: impl Fn(f64) -> Option<f64>,
) -> Result<f64, Undefined> {
    followed.check();
    assert_eq!(followed.times.len(), scores.len(), "one score a row");
    if scores.is_empty() {
        return Err(Undefined::NoRows);
    }
    let ranks = ranks(scores);
    let when = |row: u32| match followed.causes[row as usize] {
        0 | 1 => followed.times[row as usize],
        _ => f64::INFINITY,
    };
    let rows = u32::try_from(scores.len()).unwrap_or(u32::MAX);
    let mut order: Vec<u32> = (0..rows).collect();
    order.sort_by(|&a, &b| when(b).total_cmp(&when(a)));
    let mut still_without = Counts::new(scores.len());
    let (mut won, mut pairs) = (0.0, 0.0);
    let mut any = false;
    for group in order.chunk_by(|&a, &b| when(a) <= when(b)) {
        let (with, without): (Vec<u32>, Vec<u32>) = group
            .iter()
            .partition(|&&row| followed.causes[row as usize] == 1);
        for &row in &without {
            still_without.add(ranks[row as usize]);
        }
        for &row in &with {
            any = true;
            let weight = weight(when(row)).ok_or(Undefined::AllCensored)?;
            let rank = ranks[row as usize];
            let (below, to) = (still_without.below(rank), still_without.below(rank + 1));
            won += weight * (below as f64 + 0.5 * (to - below) as f64);
            pairs += weight * still_without.all as f64;
        }
        for &row in &with {
            still_without.add(ranks[row as usize]);
        }
    }
    match (any, pairs > 0.0) {
        (false, _) => Err(Undefined::NoPositives),
        (true, false) => Err(Undefined::NoPairs),
        (true, true) => Ok(won / pairs),
    }
}

/// The rank of each score among the distinct ones, from 0.
fn ranks(scores: &[f64]) -> Vec<usize> {
    let mut ranks = vec![0; scores.len()];
    let order = ascending(scores);
    let mut rank = 0;
    for (place, &row) in order.iter().enumerate() {
        if place > 0 && scores[order[place - 1] as usize] < scores[row as usize] {
            rank += 1;
        }
        ranks[row as usize] = rank;
    }
    ranks
}

/// How many of each rank have been added, with sums from below in logarithmic time (Fenwick 1994,
/// "A new data structure for cumulative frequency tables").
struct Counts {
    tree: Vec<u64>,
    all: u64,
}

impl Counts {
    fn new(ranks: usize) -> Self {
        Self {
            tree: vec![0; ranks + 1],
            all: 0,
        }
    }

    fn add(&mut self, rank: usize) {
        self.all += 1;
        let mut node = rank + 1;
        while node < self.tree.len() {
            self.tree[node] += 1;
            node += node & node.wrapping_neg();
        }
    }

    /// How many have a lower rank.
    fn below(&self, rank: usize) -> u64 {
        let (mut node, mut sum) = (rank.min(self.tree.len() - 1), 0);
        while node > 0 {
            sum += self.tree[node];
            node -= node & node.wrapping_neg();
        }
        sum
    }
}
