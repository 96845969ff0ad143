//! Curves: reliability over bins of equal count, and ROC and precision-recall thinned to what a
//! page can draw.
//!
//! No bin and no step of the ROC curve stands for fewer than [`CELL_MIN`] rows, so that no point
//! shows a single row.

use crate::group::CELL_MIN;
use crate::report::CurvePoint;

/// The most bins of a reliability curve.
pub const RELIABILITY_BINS_MAX: usize = 10;

/// The most points of a ROC curve, its two ends left aside.
pub const ROC_POINTS_MAX: usize = 200;

/// The 97.5 % point of the standard normal distribution.
pub(crate) const Z_975: f64 = 1.959_963_984_540_054;

/// The 95 % score interval of a share (Wilson 1927, "Probable inference, the law of succession,
/// and statistical inference"). It takes the rows for independent. `n` must not be 0.
pub fn wilson(positives: u64, n: u64) -> (f64, f64) {
    let (low, high) = wilson_share(positives as f64 / n as f64, n as f64);
    let low = if positives == 0 { 0.0 } else { low };
    (low, if positives == n { 1.0 } else { high })
}

/// The same interval of a share that rests on an effective number of rows, which need not be
/// whole: of weighted or censored rows the share times its complement over its variance. `n` must
/// be above 0.
pub fn wilson_share(share: f64, n: f64) -> (f64, f64) {
    let z2 = Z_975 * Z_975;
    let centre = (share + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let spread = share * (1.0 - share) / n + z2 / (4.0 * n * n);
    let half = Z_975 * spread.sqrt() / (1.0 + z2 / n);
    ((centre - half).max(0.0), (centre + half).min(1.0))
}

/// The reliability curve: observed share against mean risk over at most
/// [`RELIABILITY_BINS_MAX`] bins of equal count. Equal risks share a bin, so that bins may be
/// fewer or larger.
///
/// # Panics
/// When the two slices differ in length.
pub fn reliability(labels: &[bool], risks: &[f64]) -> Vec<CurvePoint> {
    let observed: Vec<f64> = labels.iter().map(|&l| f64::from(u8::from(l))).collect();
    let bins = quantile_bins(risks);
    let point = |bin: &Vec<u32>| {
        let n = bin.len() as u64;
        let positives = bin.iter().filter(|&&row| labels[row as usize]).count() as u64;
        let (low, high) = wilson(positives, n);
        CurvePoint {
            x: mean_at(risks, bin),
            y: mean_at(&observed, bin),
            low: Some(low),
            high: Some(high),
            n,
        }
    };
    assert_eq!(labels.len(), risks.len(), "one risk for each label");
    bins.iter().map(point).collect()
}

/// Mean of `truth` against mean risk over the same bins, without intervals: the truth is no count.
pub(crate) fn reliability_of_truth(truth: &[f64], risks: &[f64]) -> Vec<CurvePoint> {
    let bins = quantile_bins(risks);
    let point = |bin: &Vec<u32>| CurvePoint {
        x: mean_at(risks, bin),
        y: mean_at(truth, bin),
        low: None,
        high: None,
        n: bin.len() as u64,
    };
    bins.iter().map(point).collect()
}

/// The ROC curve from (0, 0) to (1, 1), at distinct scores only, thinned to at most
/// [`ROC_POINTS_MAX`] points between the ends. Empty where a class is absent.
///
/// # Panics
/// When the two slices differ in length.
pub fn roc(labels: &[bool], scores: &[f64]) -> Vec<CurvePoint> {
    let Some((positives, negatives, steps)) = steps(labels, scores) else {
        return Vec::new();
    };
    let point = |(hits, rows): (usize, usize)| CurvePoint {
        x: (rows - hits) as f64 / negatives as f64,
        y: hits as f64 / positives as f64,
        low: None,
        high: None,
        n: rows as u64,
    };
    std::iter::once((0, 0)).chain(steps).map(point).collect()
}

/// The precision-recall curve: precision (`y`) over recall (`x`), at the same thinned thresholds as
/// [`roc`]. It has no point where nothing is above the threshold, for precision is undefined there.
/// Empty where a class is absent.
///
/// # Panics
/// When the two slices differ in length.
pub fn precision_recall(labels: &[bool], scores: &[f64]) -> Vec<CurvePoint> {
    let Some((positives, _, steps)) = steps(labels, scores) else {
        return Vec::new();
    };
    let point = |(hits, rows): (usize, usize)| CurvePoint {
        x: hits as f64 / positives as f64,
        y: hits as f64 / rows as f64,
        low: None,
        high: None,
        n: rows as u64,
    };
    steps.into_iter().map(point).collect()
}

/// Rows with and without the outcome; rows with it and all rows at or above each threshold.
type Steps = (usize, usize, Vec<(usize, usize)>);

/// Rows with and without the outcome, and at thinned thresholds from the highest score down the
/// rows with the outcome and all rows at or above it. None where a class is absent.
fn steps(labels: &[bool], scores: &[f64]) -> Option<Steps> {
    assert_eq!(labels.len(), scores.len(), "one score for each label");
    let mut order = ascending(scores);
    order.reverse();
    let positives = labels.iter().filter(|&&l| l).count();
    let negatives = labels.len() - positives;
    if positives == 0 || negatives == 0 {
        return None;
    }
    let stride = (labels.len().div_ceil(ROC_POINTS_MAX)).max(CELL_MIN);
    let mut steps = Vec::new();
    let (mut hits, mut last) = (0, 0);
    for (index, &row) in order.iter().enumerate() {
        hits += usize::from(labels[row as usize]);
        let rows = index + 1;
        let score = scores[row as usize];
        let tie_ends = order
            .get(rows)
            .is_none_or(|&next| scores[next as usize] < score);
        let fits = rows == labels.len() || rows - last >= stride && labels.len() - rows >= stride;
        if tie_ends && fits {
            steps.push((hits, rows));
            last = rows;
        }
    }
    Some((positives, negatives, steps))
}

/// Rows by ascending score; equal scores keep the order of the rows.
pub(crate) fn ascending(scores: &[f64]) -> Vec<u32> {
    let rows = u32::try_from(scores.len()).unwrap_or(u32::MAX);
    assert_eq!(rows as usize, scores.len(), "fewer than 2^32 rows");
    let mut order: Vec<u32> = (0..rows).collect();
    order.sort_by(|&a, &b| scores[a as usize].total_cmp(&scores[b as usize]));
    order
}

fn quantile_bins(risks: &[f64]) -> Vec<Vec<u32>> {
    let order = ascending(risks);
    let count = (order.len() / CELL_MIN).clamp(1, RELIABILITY_BINS_MAX);
    let mut bins: Vec<Vec<u32>> = Vec::new();
    let mut start = 0;
    for bin in 1..=count {
        let mut end = order.len() * bin / count;
        while end > start
            && end < order.len()
            && risks[order[end] as usize] <= risks[order[end - 1] as usize]
        {
            end += 1;
        }
        if end > start {
            bins.push(order[start..end].to_vec());
            start = end;
        }
    }
    // Ties may leave a rest at the end that is too small to show alone.
    if let [.., before, rest] = &mut bins[..]
        && rest.len() < CELL_MIN
    {
        before.append(rest);
        bins.pop();
    }
    bins
}

fn mean_at(values: &[f64], rows: &[u32]) -> f64 {
    rows.iter().map(|&row| values[row as usize]).sum::<f64>() / rows.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wilson_agrees_with_published_values() {
        // Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I,
        // method 3: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
        for (positives, n, low, high) in [
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0, 0.1611),
            (1, 29, 0.0061, 0.1718),
        ] {
            let (l, h) = wilson(positives, n);
            assert!((l - low).abs() < 5e-5 && (h - high).abs() < 5e-5, "{l} {h}");
        }
        assert!(wilson(20, 20).1 >= 1.0);
    }

    #[test]
    fn every_row_is_in_one_bin_and_ties_stay_together() {
        let risks: Vec<f64> = (0..205).map(|i| f64::from(i / 40) / 10.0).collect();
        let labels: Vec<bool> = (0..205).map(|i| i % 3 == 0).collect();
        let curve = reliability(&labels, &risks);
        assert_eq!(curve.iter().map(|p| p.n).sum::<u64>(), 205);
        assert!(curve.windows(2).all(|pair| pair[0].x < pair[1].x));
        assert!(curve.iter().all(|p| p.n >= CELL_MIN as u64));
        assert!(reliability(&[], &[]).is_empty());
        assert_eq!(reliability(&[true], &[0.4]).len(), 1);
    }

    #[test]
    fn the_roc_runs_from_corner_to_corner() {
        let scores: Vec<f64> = (0..5_000).map(|i| f64::from((i * 7919) % 997)).collect();
        let labels: Vec<bool> = (0..5_000).map(|i| (i * 31) % 7 == 0).collect();
        let curve = roc(&labels, &scores);
        assert!(curve.len() <= ROC_POINTS_MAX + 2);
        assert!(curve[0].x <= 0.0 && curve[0].y <= 0.0);
        let last = curve[curve.len() - 1];
        assert!(last.x >= 1.0 && last.y >= 1.0 && last.n == 5_000);
        assert!(
            curve
                .windows(2)
                .all(|p| p[0].x <= p[1].x && p[0].y <= p[1].y)
        );
        assert!(curve.windows(2).all(|p| p[1].n - p[0].n >= CELL_MIN as u64));
        assert!(roc(&[true; 3], &[0.1, 0.2, 0.3]).is_empty());
    }

    #[test]
    fn the_precision_recall_curve_ends_at_the_share_with_the_outcome() {
        let scores: Vec<f64> = (0..5_000).map(|i| f64::from((i * 7919) % 997)).collect();
        let labels: Vec<bool> = scores.iter().map(|score| *score > 900.0).collect();
        let curve = precision_recall(&labels, &scores);
        let share = labels.iter().filter(|&&l| l).count() as f64 / 5_000.0;
        let last = curve[curve.len() - 1];
        assert!((last.x - 1.0).abs() < 1e-12 && (last.y - share).abs() < 1e-12);
        assert!(curve[0].y >= 1.0 && curve[0].n >= CELL_MIN as u64);
        assert!(curve.windows(2).all(|p| p[0].x <= p[1].x));
        assert!(precision_recall(&[false; 2], &[0.1, 0.2]).is_empty());
    }
}
