//! Outcomes that are numbers: errors of a point forecast, and scores of forecasts that say how sure
//! they are (samples, quantiles, intervals).

use crate::curve::ascending;
use crate::undefined::Undefined;

fn mean(terms: impl ExactSizeIterator<Item = f64>) -> Result<f64, Undefined> {
    let count = terms.len();
    if count == 0 {
        return Err(Undefined::NoRows);
    }
    Ok(terms.sum::<f64>() / count as f64)
}

fn paired<'a>(
    observed: &'a [f64],
    predicted: &'a [f64],
) -> impl ExactSizeIterator<Item = (f64, f64)> + 'a {
    assert_eq!(observed.len(), predicted.len(), "one forecast a value");
    observed.iter().copied().zip(predicted.iter().copied())
}

/// Mean absolute error, in the value's unit.
///
/// # Errors
/// When there are no rows.
///
/// # Panics
/// When the slices differ in length.
pub fn mean_absolute_error(observed: &[f64], predicted: &[f64]) -> Result<f64, Undefined> {
    mean(paired(observed, predicted).map(|(y, p)| (y - p).abs()))
}

/// Root of the mean squared error, in the value's unit.
///
/// # Errors
/// When there are no rows.
///
/// # Panics
/// When the slices differ in length.
pub fn root_mean_squared_error(observed: &[f64], predicted: &[f64]) -> Result<f64, Undefined> {
    mean(paired(observed, predicted).map(|(y, p)| (y - p).powi(2))).map(f64::sqrt)
}

/// Mean forecast less mean value.
///
/// # Errors
/// When there are no rows.
///
/// # Panics
/// When the slices differ in length.
pub fn mean_error(observed: &[f64], predicted: &[f64]) -> Result<f64, Undefined> {
    mean(paired(observed, predicted).map(|(y, p)| p - y))
}

/// The share of variance explained, 1 less the squared error over that of the mean (scikit-learn's
/// `r2_score`); below 0 the mean forecasts better.
///
/// # Errors
/// When there are fewer than two rows or the values are all equal.
///
/// # Panics
/// When the slices differ in length.
pub fn r_squared(observed: &[f64], predicted: &[f64]) -> Result<f64, Undefined> {
    let centre = mean(observed.iter().copied())?;
    if observed.len() < 2 {
        return Err(Undefined::TooFew);
    }
    let spread: f64 = observed.iter().map(|y| (y - centre).powi(2)).sum();
    let error: f64 = paired(observed, predicted)
        .map(|(y, p)| (y - p).powi(2))
        .sum();
    if spread <= 0.0 {
        return Err(Undefined::NoVariation);
    }
    Ok(1.0 - error / spread)
}

/// Spearman's rank correlation (Spearman 1904), ties at their mid-ranks.
///
/// # Errors
/// When there are no rows, or one side does not vary.
///
/// # Panics
/// When the slices differ in length.
pub fn rank_correlation(observed: &[f64], predicted: &[f64]) -> Result<f64, Undefined> {
    assert_eq!(observed.len(), predicted.len(), "one forecast a value");
    let [_, correlation, _] = crate::truth::agreement(&mid_ranks(observed), &mid_ranks(predicted));
    correlation
}

pub(crate) fn mid_ranks(values: &[f64]) -> Vec<f64> {
    let order = ascending(values);
    let mut ranks = vec![0.0; values.len()];
    let mut before = 0;
    for tie in order.chunk_by(|&a, &b| values[a as usize] >= values[b as usize]) {
        let middle = before as f64 + (tie.len() + 1) as f64 / 2.0;
        for &row in tie {
            ranks[row as usize] = middle;
        }
        before += tie.len();
    }
    ranks
}

/// The pinball loss of a forecast quantile (Koenker and Bassett 1978, "Regression quantiles",
/// equation 3.1), in the value's unit.
///
/// # Errors
/// When there are no rows.
///
/// # Panics
/// When the slices differ in length or the level is not between 0 and 1.
pub fn pinball(observed: &[f64], quantile: &[f64], level: f64) -> Result<f64, Undefined> {
    assert!((0.0..=1.0).contains(&level), "a level from 0 to 1");
    let loss = |(y, q): (f64, f64)| {
        if y >= q {
            level * (y - q)
        } else {
            (1.0 - level) * (q - y)
        }
    };
    mean(paired(observed, quantile).map(loss))
}

/// The continuous ranked probability score of a forecast made of samples, in the value's unit:
/// mean distance of the samples from the value, less half their mean distance from each other
/// (Gneiting and Raftery 2007, "Strictly proper scoring rules, prediction, and estimation",
/// equation 21). `samples[row]` holds the samples of one row.
///
/// # Errors
/// When there are no rows, or one has no samples.
///
/// # Panics
/// When the slices differ in length.
pub fn crps(observed: &[f64], samples: &[Vec<f64>]) -> Result<f64, Undefined> {
    assert_eq!(observed.len(), samples.len(), "samples for each value");
    if samples.iter().any(Vec::is_empty) {
        return Err(Undefined::TooFew);
    }
    mean(observed.iter().zip(samples).map(|(&y, samples)| {
        let mut sorted = samples.clone();
        sorted.sort_by(f64::total_cmp);
        let n = sorted.len() as f64;
        let from_value: f64 = sorted.iter().map(|x| (x - y).abs()).sum();
        // Sum over pairs of |x_i - x_j| by ranks.
        let apart: f64 = sorted
            .iter()
            .enumerate()
            .map(|(place, x)| (2.0 * place as f64 + 1.0 - n) * x)
            .sum();
        from_value / n - apart / (n * n)
    }))
}

/// Forecast intervals against the values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Coverage {
    /// The share of values inside, ends included.
    pub coverage: f64,
    /// The mean width, in the value's unit.
    pub width: f64,
    /// The interval score: width plus what lies outside, weighted by 2 over the level left out
    /// (Gneiting and Raftery 2007, equation 43); smaller is better.
    pub score: f64,
}

/// How often intervals that should hold a share `level` of the values do, and how wide they are.
///
/// # Errors
/// When there are no rows.
///
/// # Panics
/// When the slices differ in length or the level does not lie inside 0 to 1.
pub fn coverage(
    observed: &[f64],
    low: &[f64],
    high: &[f64],
    level: f64,
) -> Result<Coverage, Undefined> {
    assert!(level > 0.0 && level < 1.0, "a level inside 0 to 1");
    assert_eq!(low.len(), high.len(), "two ends for each value");
    let inside = paired(observed, low)
        .zip(high)
        .map(|((y, l), &h)| f64::from(u8::from(l <= y && y <= h)));
    let score = paired(observed, low).zip(high).map(|((y, l), &h)| {
        let outside = (l - y).max(0.0) + (y - h).max(0.0);
        h - l + 2.0 / (1.0 - level) * outside
    });
    Ok(Coverage {
        coverage: mean(inside)?,
        width: mean(paired(low, high).map(|(l, h)| h - l))?,
        score: mean(score)?,
    })
}
