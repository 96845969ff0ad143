//! Two models on the same rows: paired tests that keep the rows of a subject together, and control
//! of many tests at once.

use crate::bootstrap::Clusters;
use crate::curve::ascending;
use crate::undefined::Undefined;
use serde::{Deserialize, Serialize};

/// A paired test of a difference.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PairedTest {
    /// The first less the second.
    pub difference: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// The two-sided p-value by the normal distribution, or exactly where the test says so.
    pub p: f64,
}

impl PairedTest {
    fn of(difference: f64, variance: f64) -> Result<Self, Undefined> {
        // Rounding alone leaves about the square of machine epsilon.
        if variance <= 1e-28 {
            return Err(Undefined::NoVariation);
        }
        let standard_error = variance.sqrt();
        Ok(Self {
            difference,
            standard_error,
            p: two_sided(difference / standard_error),
        })
    }
}

/// The two-sided p-value of a standard normal deviate.
pub(crate) fn two_sided(z: f64) -> f64 {
    libm::erfc(z.abs() / std::f64::consts::SQRT_2)
}

/// The difference of two AUROCs on the same rows: DeLong, DeLong and Clarke-Pearson 1988
/// ("Comparing the areas under two or more correlated receiver operating characteristic curves",
/// equation 5), with the rows of one subject kept together (Obuchowski 1997, "Nonparametric
/// analysis of clustered ROC curve data", section 3). Structural components come from mid-ranks
/// (Sun and Xu 2014). With one row a subject it is DeLong's test.
///
/// # Errors
/// When a class is absent, fewer than two subjects have it, or the two rank all rows alike.
///
/// # Panics
/// When the slices differ in length.
pub fn compare_auroc(
    labels: &[bool],
    first: &[f64],
    second: &[f64],
    subjects: &[u64],
) -> Result<PairedTest, Undefined> {
    let a = Components::new(labels, first)?;
    let b = Components::new(labels, second)?;
    let values = a.values.iter().zip(&b.values).map(|(a, b)| a - b).collect();
    let difference = a.auroc - b.auroc;
    let parts = Components {
        values,
        auroc: difference,
    };
    PairedTest::of(difference, parts.variance(labels, subjects)?)
}

/// The standard error of an AUROC, rows of a subject kept together (as [`compare_auroc`]).
///
/// # Errors
/// When a class is absent or fewer than two subjects have it.
///
/// # Panics
/// When the slices differ in length.
pub fn auroc_standard_error(
    labels: &[bool],
    scores: &[f64],
    subjects: &[u64],
) -> Result<f64, Undefined> {
    let parts = Components::new(labels, scores)?;
    parts.variance(labels, subjects).map(f64::sqrt)
}

/// For each row, the share of rows of the other class that it is on the right side of.
struct Components {
    values: Vec<f64>,
    auroc: f64,
}

impl Components {
    fn new(labels: &[bool], scores: &[f64]) -> Result<Self, Undefined> {
        assert_eq!(labels.len(), scores.len(), "one score for each label");
        let positives = labels.iter().filter(|&&label| label).count();
        let negatives = labels.len() - positives;
        match (positives, negatives) {
            (0, 0) => return Err(Undefined::NoRows),
            (0, _) => return Err(Undefined::NoPositives),
            (_, 0) => return Err(Undefined::NoNegatives),
            _ => {}
        }
        let order = ascending(scores);
        let mut values = vec![0.0; labels.len()];
        let (mut with_below, mut without_below) = (0_usize, 0_usize);
        let mut sum = 0.0;
        for tie in order.chunk_by(|&a, &b| scores[a as usize] >= scores[b as usize]) {
            let with = tie.iter().filter(|&&row| labels[row as usize]).count();
            let without = tie.len() - with;
            for &row in tie {
                values[row as usize] = if labels[row as usize] {
                    (without_below as f64 + 0.5 * without as f64) / negatives as f64
                } else {
                    1.0 - (with_below as f64 + 0.5 * with as f64) / positives as f64
                };
            }
            sum += with as f64 * (without_below as f64 + 0.5 * without as f64);
            with_below += with;
            without_below += without;
        }
        let auroc = sum / (positives as f64 * negatives as f64);
        Ok(Self { values, auroc })
    }

    /// Obuchowski's variance, from sums of each subject's components by class.
    fn variance(&self, labels: &[bool], subjects: &[u64]) -> Result<f64, Undefined> {
        assert_eq!(labels.len(), subjects.len(), "one subject for each label");
        let clusters = Clusters::new(subjects);
        let count = clusters.count as usize;
        // Sums of deviations and whether the class is present, for rows without and with.
        let mut sums = [vec![0.0; count], vec![0.0; count]];
        let mut present = [vec![false; count], vec![false; count]];
        let mut rows = [0.0_f64; 2];
        for (row, &label) in labels.iter().enumerate() {
            let (side, cluster) = (usize::from(label), clusters.of_row[row] as usize);
            sums[side][cluster] += self.values[row] - self.auroc;
            present[side][cluster] = true;
            rows[side] += 1.0;
        }
        let number = |side: usize| present[side].iter().filter(|&&p| p).count() as f64;
        if number(0) < 2.0 || number(1) < 2.0 {
            return Err(Undefined::TooFew);
        }
        let spread = |side: usize| {
            let squares: f64 = sums[side].iter().map(|sum| sum * sum).sum();
            let clusters = number(side);
            clusters / ((clusters - 1.0) * rows[side] * rows[side]) * squares
        };
        let products: f64 = sums[0].iter().zip(&sums[1]).map(|(a, b)| a * b).sum();
        let all = count as f64;
        let both = all / ((all - 1.0) * rows[0] * rows[1]) * products;
        Ok(spread(0) + spread(1) + 2.0 * both)
    }
}

/// The difference of two mean losses on the same rows (Brier, log loss, absolute error), from the
/// sums of differences of each subject (Redelmeier, Bloch and Hickam 1991, "Assessing predictive
/// accuracy: how to compare Brier scores", with whole subjects as the units that vary, as in
/// Diebold and Mariano 1995 for blocks).
///
/// # Errors
/// When there are fewer than two subjects, or the losses differ nowhere.
///
/// # Panics
/// When the slices differ in length.
pub fn compare_losses(
    first: &[f64],
    second: &[f64],
    subjects: &[u64],
) -> Result<PairedTest, Undefined> {
    assert_eq!(first.len(), second.len(), "one loss of each for each row");
    assert_eq!(first.len(), subjects.len(), "one subject for each row");
    let clusters = Clusters::new(subjects);
    if clusters.count < 2 {
        return Err(Undefined::TooFew);
    }
    let rows = first.len() as f64;
    let difference = first.iter().zip(second).map(|(a, b)| a - b).sum::<f64>() / rows;
    let mut sums = vec![0.0; clusters.count as usize];
    for (row, cluster) in clusters.of_row.iter().enumerate() {
        sums[*cluster as usize] += first[row] - second[row] - difference;
    }
    let count = f64::from(clusters.count);
    let squares: f64 = sums.iter().map(|sum| sum * sum).sum();
    PairedTest::of(difference, count / (count - 1.0) * squares / (rows * rows))
}

/// McNemar's exact test (McNemar 1947; exact by the binomial distribution): whether one of two
/// yes-or-no answers is right more often than the other. Rows must be independent.
///
/// # Errors
/// When the two are right and wrong on the same rows.
///
/// # Panics
/// When the slices differ in length.
pub fn mcnemar(labels: &[bool], first: &[bool], second: &[bool]) -> Result<PairedTest, Undefined> {
    assert_eq!(labels.len(), first.len(), "one answer for each label");
    assert_eq!(labels.len(), second.len(), "one answer for each label");
    let (mut only_first, mut only_second) = (0_u64, 0_u64);
    for ((label, a), b) in labels.iter().zip(first).zip(second) {
        only_first += u64::from(a == label && b != label);
        only_second += u64::from(a != label && b == label);
    }
    let n = only_first + only_second;
    if n == 0 {
        return Err(Undefined::NoVariation);
    }
    let rows = labels.len() as f64;
    let difference = (only_first as f64 - only_second as f64) / rows;
    let spread = n as f64 - (only_first as f64 - only_second as f64).powi(2) / rows;
    let least = only_first.min(only_second);
    Ok(PairedTest {
        difference,
        standard_error: spread.max(0.0).sqrt() / rows,
        p: (2.0 * binomial_half_below(least, n)).min(1.0),
    })
}

/// The chance of at most `k` heads in `n` throws of a fair coin.
pub(crate) fn binomial_half_below(k: u64, n: u64) -> f64 {
    let ln_choose = |i: u64| {
        libm::lgamma(n as f64 + 1.0)
            - libm::lgamma(i as f64 + 1.0)
            - libm::lgamma((n - i) as f64 + 1.0)
    };
    let term = |i: u64| (ln_choose(i) - n as f64 * std::f64::consts::LN_2).exp();
    (0..=k).map(term).sum::<f64>().min(1.0)
}

/// Adjusted p-values that hold the chance of any false finding (Holm 1979, "A simple sequentially
/// rejective multiple test procedure"), in the order given.
pub fn holm(p: &[f64]) -> Vec<f64> {
    let order = ascending(p);
    let mut adjusted = vec![0.0; p.len()];
    let mut most = 0.0_f64;
    for (place, &row) in order.iter().enumerate() {
        most = most
            .max(p[row as usize] * (p.len() - place) as f64)
            .min(1.0);
        adjusted[row as usize] = most;
    }
    adjusted
}

/// Adjusted p-values that hold the false discovery rate (Benjamini and Hochberg 1995,
/// "Controlling the false discovery rate"), for tests that are independent or positively dependent,
/// in the order given.
pub fn benjamini_hochberg(p: &[f64]) -> Vec<f64> {
    step_up(p, 1.0)
}

/// As [`benjamini_hochberg`] under any dependence (Benjamini and Yekutieli 2001, "The control of
/// the false discovery rate in multiple testing under dependency", theorem 1.3).
pub fn benjamini_yekutieli(p: &[f64]) -> Vec<f64> {
    let harmonic = (1..=p.len()).map(|i| 1.0 / i as f64).sum();
    step_up(p, harmonic)
}

fn step_up(p: &[f64], factor: f64) -> Vec<f64> {
    let order = ascending(p);
    let mut adjusted = vec![0.0; p.len()];
    let mut least = 1.0_f64;
    for (place, &row) in order.iter().enumerate().rev() {
        let scaled = p[row as usize] * factor * p.len() as f64 / (place + 1) as f64;
        least = least.min(scaled);
        adjusted[row as usize] = least;
    }
    adjusted
}
