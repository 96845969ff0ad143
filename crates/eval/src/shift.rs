//! Whether predictions elsewhere or later still look and fare like those before.

use crate::bootstrap::quantile;
use crate::compare::{auroc_standard_error, two_sided};
use crate::curve::ascending;
use crate::rank::auroc;
use crate::undefined::Undefined;

/// Bins of the population stability index.
const PSI_BINS: usize = 10;

/// The population stability index of the risks now against those before, over deciles of those
/// before: sum of (now - before) ln(now / before) over bins (Siddiqi 2006, "Credit risk
/// scorecards", chapter 9; twice the Jeffreys divergence's usual half). An empty bin counts half a
/// row. Equal deciles share a bin.
///
/// # Errors
/// When either side has no rows.
pub fn population_stability(before: &[f64], now: &[f64]) -> Result<f64, Undefined> {
    let bins = StabilityBins::new(before)?;
    let counts = |values: &[f64]| {
        let mut counts = bins.none();
        for &value in values {
            counts[bins.of(value)] += 1;
        }
        counts
    };
    StabilityBins::index(&counts(before), &counts(now))
}

/// The bins of the population stability index: deciles of the risks before.
pub(crate) struct StabilityBins {
    edges: Vec<f64>,
}

impl StabilityBins {
    /// The deciles; equal ones are one.
    pub(crate) fn new(before: &[f64]) -> Result<Self, Undefined> {
        if before.is_empty() {
            return Err(Undefined::NoRows);
        }
        let mut sorted = before.to_vec();
        sorted.sort_by(f64::total_cmp);
        let mut edges: Vec<f64> = (1..PSI_BINS)
            .map(|bin| quantile(&sorted, bin as f64 / PSI_BINS as f64))
            .collect();
        edges.dedup();
        Ok(Self { edges })
    }

    /// No row in any bin.
    pub(crate) fn none(&self) -> Vec<u64> {
        vec![0; self.edges.len() + 1]
    }

    /// The bin of a risk.
    pub(crate) fn of(&self, risk: f64) -> usize {
        self.edges.partition_point(|&edge| edge < risk)
    }

    /// The index from the rows of each bin before and now.
    pub(crate) fn index(before: &[u64], now: &[u64]) -> Result<f64, Undefined> {
        let shares = |counts: &[u64]| {
            let rows: u64 = counts.iter().sum();
            let share = |&count: &u64| (count as f64).max(0.5) / rows as f64;
            if rows == 0 {
                return Err(Undefined::NoRows);
            }
            Ok(counts.iter().map(share).collect::<Vec<f64>>())
        };
        let (before, now) = (shares(before)?, shares(now)?);
        let pairs = before.iter().zip(&now);
        Ok(pairs.map(|(b, n)| (n - b) * (n / b).ln()).sum())
    }
}

/// The Kolmogorov-Smirnov statistic: the largest distance between the two distributions (Smirnov
/// 1948).
///
/// # Errors
/// When either side has no rows.
pub fn kolmogorov_smirnov(before: &[f64], now: &[f64]) -> Result<f64, Undefined> {
    if before.is_empty() || now.is_empty() {
        return Err(Undefined::NoRows);
    }
    let all: Vec<f64> = before.iter().chain(now).copied().collect();
    let (mut from_before, mut from_now, mut largest) = (0_u64, 0_u64, 0.0_f64);
    for tie in ascending(&all).chunk_by(|&a, &b| all[a as usize] >= all[b as usize]) {
        let own = tie.iter().filter(|&&row| (row as usize) < before.len());
        let own = own.count() as u64;
        from_before += own;
        from_now += tie.len() as u64 - own;
        let gap = from_before as f64 / before.len() as f64 - from_now as f64 / now.len() as f64;
        largest = largest.max(gap.abs());
    }
    Ok(largest)
}

/// Labels, risks and subjects of one place or period.
#[derive(Clone, Copy)]
pub struct Rows<'a> {
    /// Whether the outcome happened.
    pub labels: &'a [bool],
    /// The risk.
    pub risks: &'a [f64],
    /// The subject.
    pub subjects: &'a [u64],
}

/// Redacted: the shape only.
impl std::fmt::Debug for Rows<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Rows({})", self.labels.len())
    }
}

/// What changed between two sets of rows that share no subject.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Change {
    /// Now less before.
    pub difference: f64,
    /// Its standard error, the two sides being independent.
    pub standard_error: f64,
    /// The two-sided p-value by the normal distribution.
    pub p: f64,
}

/// The change of the AUROC between two sets of different subjects, by the variance of each
/// (Hanley and McNeil 1982, "The meaning and use of the area under a receiver operating
/// characteristic curve", equation 4, with the variances of [`auroc_standard_error`]).
///
/// # Errors
/// When a class is absent from a side, or has fewer than two subjects there.
///
/// # Panics
/// When the slices differ in length.
pub fn auroc_change(before: &Rows<'_>, now: &Rows<'_>) -> Result<Change, Undefined> {
    let of = |rows: &Rows<'_>| {
        let value = auroc(rows.labels, rows.risks)?;
        let error = auroc_standard_error(rows.labels, rows.risks, rows.subjects)?;
        Ok((value, error))
    };
    let ((was, was_error), (is, is_error)) = (of(before)?, of(now)?);
    let standard_error = was_error.hypot(is_error);
    if standard_error <= 0.0 {
        return Err(Undefined::NoVariation);
    }
    let difference = is - was;
    Ok(Change {
        difference,
        standard_error,
        p: two_sided(difference / standard_error),
    })
}
