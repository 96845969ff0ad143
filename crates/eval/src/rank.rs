//! Discrimination: how well scores rank rows with the outcome above rows without.
//!
//! Scores may be any finite numbers; only their order counts. Equal scores share their mid-rank.

use crate::curve::ascending;
use crate::undefined::Undefined;

/// Area under the ROC curve: the share of pairs of a row with and a row without the outcome in
/// which the former has the higher score, ties counted one half (Mann and Whitney 1947; Hanley and
/// McNeil 1982). Pairs are counted in integers.
///
/// # Errors
/// When a class is absent.
///
/// # Panics
/// When the two slices differ in length.
pub fn auroc(labels: &[bool], scores: &[f64]) -> Result<f64, Undefined> {
    unweighted(labels, scores).auroc()
}

/// Average precision: the sum over distinct thresholds, from the highest, of the gain of recall
/// times the precision (no interpolation; the definition of scikit-learn's
/// `average_precision_score`).
///
/// # Errors
/// When no row has the outcome; also when every row has it, for then any score gives 1.
///
/// # Panics
/// When the two slices differ in length.
pub fn average_precision(labels: &[bool], scores: &[f64]) -> Result<f64, Undefined> {
    unweighted(labels, scores).average_precision()
}

fn unweighted(labels: &[bool], scores: &[f64]) -> RankSums {
    assert_eq!(labels.len(), scores.len(), "one score for each label");
    let order = ascending(scores);
    let mut sums = RankSums::default();
    let mut descending = order.iter().rev().peekable();
    while let Some(&row) = descending.next() {
        let score = scores[row as usize];
        let ends = descending
            .peek()
            .is_none_or(|&&next| scores[next as usize] < score);
        sums.add(labels[row as usize], 1, ends);
    }
    sums
}

/// Sums over rows by descending score, from which both metrics follow.
#[derive(Clone, Copy, Default)]
pub(crate) struct RankSums {
    positives: u64,
    negatives: u64,
    tied_positives: u64,
    tied_negatives: u64,
    /// Twice the number of concordant pairs, ties counted once.
    concordant_twice: u128,
    /// Sum over thresholds of positives gained times precision.
    precision: f64,
}

impl RankSums {
    /// Takes the next row in descending order; `tie_ends` when the row after has a lower score.
    #[inline]
    pub(crate) fn add(&mut self, label: bool, weight: u32, tie_ends: bool) {
        if label {
            self.tied_positives += u64::from(weight);
        } else {
            self.tied_negatives += u64::from(weight);
        }
        if tie_ends {
            self.close_tie();
        }
    }

    #[inline]
    fn close_tie(&mut self) {
        let below = u128::from(self.tied_negatives);
        let pairs = below * u128::from(2 * self.positives + self.tied_positives);
        self.concordant_twice += pairs;
        self.positives += self.tied_positives;
        self.negatives += self.tied_negatives;
        if self.tied_positives > 0 {
            let predicted = (self.positives + self.negatives) as f64;
            self.precision += self.tied_positives as f64 * (self.positives as f64 / predicted);
        }
        (self.tied_positives, self.tied_negatives) = (0, 0);
    }

    /// Weight of the rows with the outcome.
    pub(crate) fn positives(&self) -> u64 {
        self.positives
    }

    /// An error unless both classes are present.
    pub(crate) fn both_classes(&self) -> Result<(), Undefined> {
        match (self.positives, self.negatives) {
            (0, 0) => Err(Undefined::NoRows),
            (0, _) => Err(Undefined::NoPositives),
            (_, 0) => Err(Undefined::NoNegatives),
            _ => Ok(()),
        }
    }

    pub(crate) fn auroc(&self) -> Result<f64, Undefined> {
        self.both_classes()?;
        let pairs = u128::from(self.positives) * u128::from(self.negatives);
        Ok(self.concordant_twice as f64 / (2 * pairs) as f64)
    }

    pub(crate) fn average_precision(&self) -> Result<f64, Undefined> {
        self.both_classes()?;
        Ok(self.precision / self.positives as f64)
    }
}
