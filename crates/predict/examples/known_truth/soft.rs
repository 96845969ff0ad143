//! The area under the curve in expectation over the outcomes, where each row's true risk is known:
//! a row counts by its risk among those with the outcome and by the rest among those without. The
//! chance of the outcomes themselves is taken out, so that its intervals are much narrower.

use longitude_core::Digest;
use serde::Serialize;

/// A value with the bootstrap interval over subjects.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Interval {
    pub(crate) value: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

/// Rows in ascending order of their scores, ties joined.
pub(crate) struct Ranked(Vec<Vec<usize>>);

impl Ranked {
    pub(crate) fn new(scores: &[f64]) -> Self {
        let mut order: Vec<usize> = (0..scores.len()).collect();
        order.sort_by(|a, b| scores[*a].total_cmp(&scores[*b]));
        let ties = order.chunk_by(|a, b| scores[*a].total_cmp(&scores[*b]).is_eq());
        Self(ties.map(<[usize]>::to_vec).collect())
    }

    /// The share of pairs in the right order, weighted; a pair of a row with itself counts half.
    pub(crate) fn auroc(&self, risks: &[f64], weights: &[f64]) -> f64 {
        let (mut below, mut wins, mut cases) = (0.0, 0.0, 0.0);
        for tie in &self.0 {
            let yes: f64 = tie.iter().map(|row| weights[*row] * risks[*row]).sum();
            let all: f64 = tie.iter().map(|row| weights[*row]).sum();
            wins += yes * (below + 0.5 * (all - yes));
            below += all - yes;
            cases += yes;
        }
        wins / (cases * below)
    }
}

/// How much lower the area of `b` is than that of `a`, with its interval: one row a subject.
pub(crate) fn gap(truth: &[f64], a: &[f64], b: &[f64], (resamples, seed): (u32, u64)) -> Interval {
    let (a, b) = (Ranked::new(a), Ranked::new(b));
    let difference = |weights: &[f64]| a.auroc(truth, weights) - b.auroc(truth, weights);
    let value = difference(&vec![1.0; truth.len()]);
    let mut drawn: Vec<f64> = (0..resamples)
        .map(|number| difference(&weights(truth.len(), seed, number)))
        .filter(|value| value.is_finite())
        .collect();
    drawn.sort_by(f64::total_cmp);
    let at = |share: f64| quantile(&drawn, share);
    Interval {
        value,
        low: at(0.025),
        high: at(0.975),
    }
}

/// How often each row is drawn with replacement.
pub(crate) fn weights(rows: usize, seed: u64, number: u32) -> Vec<f64> {
    let parts = [&seed.to_le_bytes()[..], &number.to_le_bytes()[..]];
    let mut state = Digest::of_parts(&parts).leading_i63().unsigned_abs() | 1;
    let mut weights = vec![0.0; rows];
    for _ in 0..rows {
        // Marsaglia's xorshift64 (2003), and the high half of a product.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let row = (u128::from(state) * rows as u128) >> 64;
        weights[usize::try_from(row).unwrap_or(0)] += 1.0;
    }
    weights
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of a length"
)]
pub(crate) fn quantile(sorted: &[f64], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    sorted
        .get((share * last as f64).round() as usize)
        .copied()
        .unwrap_or(f64::NAN)
}

/// The rank correlation of two lists (Spearman 1904), ties at their middle rank.
pub(crate) fn spearman(a: &[f64], b: &[f64]) -> f64 {
    let ranks = |list: &[f64]| {
        let mut ranks = vec![0.0; list.len()];
        let mut below = 0.0;
        for tie in Ranked::new(list).0 {
            let n = tie.len() as f64;
            for at in tie {
                ranks[at] = below + (n - 1.0) / 2.0;
            }
            below += n;
        }
        ranks
    };
    longitude_eval::agreement(&ranks(a), &ranks(b))[1].unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sure_risks_give_the_ordinary_area() {
        let scores = [0.1, 0.4, 0.4, 0.8, 0.2, 0.9, 0.4];
        let labels = [false, true, false, true, false, false, true];
        let risks = labels.map(|label| f64::from(u8::from(label)));
        let expected = longitude_eval::auroc(&labels, &scores).unwrap();
        let area = Ranked::new(&scores).auroc(&risks, &[1.0; 7]);
        assert!((area - expected).abs() < 1e-12, "{area} {expected}");
        let turned = scores.map(|score| -score);
        let gap = gap(&risks, &scores, &turned, (50, 1));
        assert!((gap.value - (2.0 * expected - 1.0)).abs() < 1e-12);
        assert!(gap.low <= gap.value && gap.value <= gap.high);
    }

    #[test]
    fn rank_correlation_knows_order_and_ties() {
        assert!((spearman(&[1.0, 2.0, 9.0], &[10.0, 11.0, 12.0]) - 1.0).abs() < 1e-12);
        assert!((spearman(&[1.0, 2.0, 3.0], &[3.0, 2.0, 1.0]) + 1.0).abs() < 1e-12);
        let tied = spearman(&[1.0, 1.0, 2.0, 2.0], &[1.0, 2.0, 3.0, 4.0]);
        assert!((tied - 0.8_f64.sqrt()).abs() < 1e-12, "{tied}");
    }
}
