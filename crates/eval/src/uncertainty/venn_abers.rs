//! Venn-Abers: isotonic calibration done twice, once for each way the outcome can turn out.

use super::CalibrationRange;
use crate::curve::ascending;
use crate::undefined::Undefined;

/// A run of equal scores, or a pool of neighbouring runs.
#[derive(Clone, Copy)]
struct Pool {
    sum: f64,
    rows: f64,
}

impl Pool {
    fn mean(self) -> f64 {
        self.sum / self.rows
    }

    fn with(self, other: Self) -> Self {
        Self {
            sum: self.sum + other.sum,
            rows: self.rows + other.rows,
        }
    }
}

/// An inductive Venn-Abers predictor: the calibration rows, ready for any score (Vovk, Petej and
/// Fedorova 2015, "Large-scale probabilistic predictors with and without guarantees of validity",
/// section 2).
#[derive(Clone)]
pub struct VennAbers {
    scores: Vec<f64>,
    pools: Vec<Pool>,
}

/// Redacted: the shape only.
impl std::fmt::Debug for VennAbers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "VennAbers({} distinct scores)", self.scores.len())
    }
}

impl VennAbers {
    /// From the labels and scores of calibration rows that the model did not learn from.
    ///
    /// # Errors
    /// When there are no rows.
    ///
    /// # Panics
    /// When the slices differ in length.
    pub fn new(labels: &[bool], scores: &[f64]) -> Result<Self, Undefined> {
        assert_eq!(labels.len(), scores.len(), "one score for each label");
        if labels.is_empty() {
            return Err(Undefined::NoRows);
        }
        let order = ascending(scores);
        let (mut distinct, mut pools) = (Vec::new(), Vec::new());
        for tie in order.chunk_by(|&a, &b| scores[a as usize] >= scores[b as usize]) {
            distinct.push(scores[tie[0] as usize]);
            let with = tie.iter().filter(|&&row| labels[row as usize]).count();
            pools.push(Pool {
                sum: with as f64,
                rows: tie.len() as f64,
            });
        }
        Ok(Self {
            scores: distinct,
            pools,
        })
    }

    /// The pair of calibrated risks for a score: isotonic regression (Ayer et al. 1955) over the
    /// calibration rows and this one, with the outcome and without. Linear in the distinct scores.
    pub fn range(&self, score: f64) -> CalibrationRange {
        CalibrationRange::VennAbers {
            low: self.isotonic(score, 0.0),
            high: self.isotonic(score, 1.0),
        }
    }

    /// One risk from the pair that loses least in the worst case by log loss: `p1 / (1 - p0 + p1)`
    /// (Vovk and Petej 2014, "Venn-Abers predictors", section 5).
    pub fn merged(&self, score: f64) -> f64 {
        let (low, high) = self.range(score).ends();
        high / (1.0 - low + high)
    }

    /// The fitted value at `score` when a row with this score and label is added.
    fn isotonic(&self, score: f64, label: f64) -> f64 {
        let added = Pool {
            sum: label,
            rows: 1.0,
        };
        let place = self.scores.partition_point(|&known| known < score);
        let tied = self.scores.get(place).is_some_and(|&known| known <= score);
        let after = place + usize::from(tied);
        let own = if tied {
            added.with(self.pools[place])
        } else {
            added
        };
        // Pools below, violators merged; then the own pool, then those above.
        let mut stack: Vec<Pool> = Vec::with_capacity(self.pools.len() + 1);
        let push = |stack: &mut Vec<Pool>, pool: Pool| {
            let mut pool = pool;
            while let Some(&last) = stack.last()
                && last.mean() >= pool.mean()
            {
                pool = last.with(pool);
                stack.pop();
            }
            stack.push(pool);
            stack.len() - 1
        };
        for &pool in &self.pools[..place] {
            push(&mut stack, pool);
        }
        let mut at = push(&mut stack, own);
        for &pool in &self.pools[after..] {
            at = at.min(push(&mut stack, pool));
        }
        stack[at].mean()
    }
}
