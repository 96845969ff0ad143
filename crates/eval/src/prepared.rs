//! All metrics of one model on one set of rows, from one pass over rows sorted once.
//!
//! A resample of subjects is a weight for each subject, so that 1,000 resamples cost 1,000 passes
//! and no sorting. The single-metric functions for plain use stand here too.

use crate::curve::ascending;
use crate::rank::RankSums;
use crate::recalibration::{
    Free, IDENTITY, Recalibration, Row, TOLERANCE, estimable, logit, newton, newton_from_near,
};
use crate::undefined::Undefined;

/// Bins of the expected calibration error, of equal width.
pub const ECE_BINS: usize = 10;

/// The metrics of [`crate::Metrics`], in the order of its fields.
pub(crate) const METRICS: usize = 9;

/// The place of AUROC among them.
pub(crate) const AUROC: usize = 0;

/// The place of the Brier score among them.
pub(crate) const BRIER: usize = 2;

/// One value or reason for each metric.
pub(crate) type Values = [Result<f64, Undefined>; METRICS];

/// Mean squared difference of risk and outcome (Brier 1950).
///
/// # Errors
/// When there are no rows.
///
/// # Panics
/// When the two slices differ in length.
pub fn brier(labels: &[bool], risks: &[f64]) -> Result<f64, Undefined> {
    on_all(labels, risks)[BRIER]
}

/// Mean negative log likelihood in nats. Risks are held one machine epsilon from 0 and 1, as
/// scikit-learn's `log_loss` does.
///
/// # Errors
/// When there are no rows.
///
/// # Panics
/// When the two slices differ in length.
pub fn log_loss(labels: &[bool], risks: &[f64]) -> Result<f64, Undefined> {
    on_all(labels, risks)[3]
}

/// Expected calibration error: the mean over rows of the distance between the observed share and
/// the mean risk of the row's bin. There are [`ECE_BINS`] bins of equal width, each closed below
/// (`0.1` is in the second); the last is closed above too.
///
/// # Errors
/// When there are no rows.
///
/// # Panics
/// When the two slices differ in length.
pub fn expected_calibration_error(labels: &[bool], risks: &[f64]) -> Result<f64, Undefined> {
    on_all(labels, risks)[7]
}

/// Rows with the outcome over the sum of the risks.
///
/// # Errors
/// When there are no rows or the risks sum to zero.
///
/// # Panics
/// When the two slices differ in length.
pub fn observed_expected(labels: &[bool], risks: &[f64]) -> Result<f64, Undefined> {
    on_all(labels, risks)[8]
}

fn on_all(labels: &[bool], risks: &[f64]) -> Values {
    let one = vec![0_u32; labels.len()];
    Prepared::new(labels, risks, &one).values_without_fits(&[1])
}

/// One row with what each metric needs of it.
struct Ready {
    cluster: u32,
    label: bool,
    tie_ends: bool,
    bin: u8,
    risk: f64,
    logit: f64,
    nats: f64,
}

/// Rows by descending risk, ready for any weighting of their subjects.
pub(crate) struct Prepared {
    rows: Vec<Ready>,
    /// The fit on all rows, from which the fits on resamples start.
    joint: Recalibration,
    large: Recalibration,
}

impl Prepared {
    /// Sorts the rows. `clusters[row]` is the index of the row's subject among the weights.
    pub(crate) fn new(labels: &[bool], risks: &[f64], clusters: &[u32]) -> Self {
        assert_eq!(labels.len(), risks.len(), "one risk for each label");
        assert_eq!(labels.len(), clusters.len(), "one cluster for each label");
        let order = ascending(risks);
        let mut rows = Vec::with_capacity(order.len());
        let mut descending = order.iter().rev().peekable();
        while let Some(&row) = descending.next() {
            let (label, risk) = (labels[row as usize], risks[row as usize]);
            let next = descending.peek().map(|&&next| risks[next as usize]);
            rows.push(Ready {
                cluster: clusters[row as usize],
                label,
                tie_ends: next.is_none_or(|next| next < risk),
                bin: ece_bin(risk),
                risk,
                logit: logit(risk),
                nats: nats(label, risk),
            });
        }
        Self {
            rows,
            joint: IDENTITY,
            large: IDENTITY,
        }
    }

    /// Every metric with every subject counted once; the fits become the start of later ones.
    pub(crate) fn values_on_all(&mut self, clusters: usize) -> Values {
        let ones = vec![1; clusters];
        let mut values = self.values_without_fits(&ones);
        let [large, joint] = self.fits(&ones, |rows, free, start| {
            newton(rows, free, start, TOLERANCE)
        });
        (self.large, self.joint) = (large.unwrap_or(IDENTITY), joint.unwrap_or(IDENTITY));
        set_fits(&mut values, large, joint);
        values
    }

    /// Every metric with these weights of the subjects.
    pub(crate) fn values(&self, weights: &[u32]) -> Values {
        let mut values = self.values_without_fits(weights);
        let [large, joint] = self.fits(weights, newton_from_near);
        set_fits(&mut values, large, joint);
        values
    }

    fn values_without_fits(&self, weights: &[u32]) -> Values {
        let mut rank = RankSums::default();
        let mut n = 0_u64;
        let (mut squares, mut nats, mut expected) = (0.0, 0.0, 0.0);
        let mut gaps = [0.0; ECE_BINS];
        for row in &self.rows {
            let weight = weights[row.cluster as usize];
            rank.add(row.label, weight, row.tie_ends);
            n += u64::from(weight);
            let (weight, label) = (f64::from(weight), f64::from(u8::from(row.label)));
            let gap = label - row.risk;
            squares += weight * gap * gap;
            nats += weight * row.nats;
            expected += weight * row.risk;
            gaps[usize::from(row.bin)] += weight * gap;
        }
        if n == 0 {
            return [Err(Undefined::NoRows); METRICS];
        }
        let count = n as f64;
        let ratio = if expected > 0.0 {
            Ok(rank.positives() as f64 / expected)
        } else {
            Err(Undefined::NothingExpected)
        };
        [
            rank.auroc(),
            rank.average_precision(),
            Ok(squares / count),
            Ok(nats / count),
            Err(Undefined::NotConverged),
            Err(Undefined::NotConverged),
            Err(Undefined::NotConverged),
            Ok(gaps.iter().map(|gap: &f64| gap.abs()).sum::<f64>() / count),
            ratio,
        ]
    }

    /// Calibration in the large, and slope with intercept.
    fn fits(&self, weights: &[u32], fit: impl Fn(&[Row], Free, Recalibration) -> Fit) -> [Fit; 2] {
        let weighted = self.rows.iter().map(|row| Row {
            logit: row.logit,
            label: row.label,
            weight: f64::from(weights[row.cluster as usize]),
        });
        let rows: Vec<Row> = weighted.filter(|row| row.weight > 0.0).collect();
        let estimable = estimable(&rows);
        let large = match estimable {
            Ok(()) | Err(Undefined::Separated | Undefined::ConstantScores) => {
                fit(&rows, Free::Intercept, self.large)
            }
            Err(reason) => Err(reason),
        };
        let joint = estimable.and_then(|()| fit(&rows, Free::Both, self.joint));
        [large, joint]
    }
}

type Fit = Result<Recalibration, Undefined>;

fn set_fits(values: &mut Values, large: Fit, joint: Fit) {
    values[4] = joint.map(|fit| fit.slope);
    values[5] = large.map(|fit| fit.intercept);
    values[6] = joint.map(|fit| fit.intercept);
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float-to-int cast saturates, and the index is held to the bins"
)]
pub(crate) fn ece_bin(risk: f64) -> u8 {
    (risk * ECE_BINS as f64).min(ECE_BINS as f64 - 1.0) as u8
}

fn nats(label: bool, risk: f64) -> f64 {
    let clipped = risk.clamp(f64::EPSILON, 1.0 - f64::EPSILON);
    -if label { clipped } else { 1.0 - clipped }.ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rank::{auroc, average_precision};
    use crate::recalibration::{calibration_in_the_large, recalibrate};
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig {
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        /// A resample by weights is the same as one by repeating the rows of each subject.
        #[test]
        fn a_weight_is_a_repeated_row(
            rows in prop::collection::vec((any::<bool>(), 1_u8..20, 0_u32..9), 1..80),
            weights in prop::collection::vec(0_u32..4, 9),
        ) {
            let labels: Vec<bool> = rows.iter().map(|row| row.0).collect();
            let risks: Vec<f64> = rows.iter().map(|row| f64::from(row.1) / 20.0).collect();
            let clusters: Vec<u32> = rows.iter().map(|row| row.2).collect();
            let (mut repeated, mut repeated_risks) = (Vec::new(), Vec::new());
            for ((&label, &risk), &cluster) in labels.iter().zip(&risks).zip(&clusters) {
                for _ in 0..weights[cluster as usize] {
                    repeated.push(label);
                    repeated_risks.push(risk);
                }
            }
            let mut prepared = Prepared::new(&labels, &risks, &clusters);
            prop_assert_eq!(prepared.values_on_all(9)[AUROC], auroc(&labels, &risks));
            let got = prepared.values(&weights);
            let joint = recalibrate(&repeated, &repeated_risks);
            let wanted = [
                auroc(&repeated, &repeated_risks),
                average_precision(&repeated, &repeated_risks),
                brier(&repeated, &repeated_risks),
                log_loss(&repeated, &repeated_risks),
                joint.map(|fit| fit.slope),
                calibration_in_the_large(&repeated, &repeated_risks),
                joint.map(|fit| fit.intercept),
                expected_calibration_error(&repeated, &repeated_risks),
                observed_expected(&repeated, &repeated_risks),
            ];
            for (place, (got, wanted)) in got.into_iter().zip(wanted).enumerate() {
                // The fits of resamples stop sooner than the fit on all rows.
                let tolerance = if (4..7).contains(&place) { 1e-5 } else { 1e-12 };
                match (got, wanted) {
                    (Ok(got), Ok(wanted)) => {
                        let scale = wanted.abs().max(1.0);
                        prop_assert!((got - wanted).abs() <= tolerance * scale, "{place}");
                    }
                    (got, wanted) => prop_assert_eq!(got, wanted, "{}", place),
                }
            }
        }
    }
}
