//! The bets: for each row a factor whose expectation is at most 1 as long as nothing changed beyond
//! the tolerance. A row makes several bets at once, each against another way of change; their
//! products over rows are averaged, which needs no choice beforehand (Robbins 1970, "Statistical
//! methods related to the law of the iterated logarithm", the method of mixtures).

use crate::recalibration::logit;

/// Shares of the largest stake that cannot lose everything. From far below to near 1, so that small
/// changes of many rows and large changes of few are both found.
pub(super) const STAKES: [f64; 6] = [0.02, 0.05, 0.1, 0.25, 0.5, 0.9];

/// Shifts of the log odds that the calibration bets on, beyond the tolerance.
const SHIFTS: [f64; 3] = [0.1, 0.3, 0.8];

/// Slopes that the calibration bets on: risks too extreme, and too timid.
const SLOPES: [f64; 2] = [0.6, 1.6];

/// Risks nearer to 0 or 1 count as this: one outcome that a risk of 0 did not foresee, perhaps a
/// wrong code, must not outweigh a year.
const RISK_MIN: f64 = 1e-4;

/// The logarithms of a row's bets on calibration. The null is that, given all that was known, the
/// odds of the outcome lie within a factor `odds` of the risk's. Each bet is the likelihood ratio
/// of an alternative to the nearer end of that band: it is monotone in the outcome, so its
/// expectation is at most 1 for every mean inside the band, and it is 1 where the alternative lies
/// inside. `pivot` is the log odds at which another slope changes nothing.
pub(super) fn calibration(risk: f64, label: bool, odds: f64, pivot: f64) -> Vec<f64> {
    let x = logit(risk.clamp(RISK_MIN, 1.0 - RISK_MIN));
    let (low, high) = (x - odds.ln(), x + odds.ln());
    let ratio = |alternative: f64| {
        let null = if alternative > high {
            high
        } else if alternative < low {
            low
        } else {
            return 0.0;
        };
        log_likelihood(alternative, label) - log_likelihood(null, label)
    };
    let shifts = SHIFTS
        .iter()
        .flat_map(|shift| [ratio(high + shift), ratio(low - shift)]);
    let slopes = SLOPES
        .iter()
        .map(|slope| ratio(pivot + slope * (x - pivot)));
    shifts.chain(slopes).collect()
}

/// The log likelihood of an outcome under these log odds.
fn log_likelihood(odds: f64, label: bool) -> f64 {
    let against = if label { -odds } else { odds };
    -(against.max(0.0) + (-against.abs()).exp().ln_1p())
}

/// The logarithms of bets that the mean of numbers in 0 to 1 lies above `high`: each bet is
/// `1 + stake (x - high)`, which is positive and has expectation at most 1 while the mean is at
/// most `high` (Waudby-Smith and Ramdas 2024, "Estimating means of bounded random variables by
/// betting", section 4).
pub(super) fn above(x: f64, high: f64) -> impl Iterator<Item = f64> {
    STAKES.iter().map(move |share| {
        if high >= 1.0 {
            return 0.0;
        }
        // A mean of 0 lets every stake; 0.001 keeps one row from deciding.
        (share / high.max(0.001) * (x - high)).ln_1p()
    })
}

/// The same for a mean below `low`.
pub(super) fn below(x: f64, low: f64) -> impl Iterator<Item = f64> {
    above(1.0 - x, 1.0 - low)
}

/// The reference values of a quantity, to rank others among.
pub(super) struct Ranks {
    sorted: Vec<f64>,
    /// The mean distance of a reference row's own rank from the middle, times two: one half
    /// without ties.
    spread: f64,
}

impl Ranks {
    /// `values` is not empty.
    pub(super) fn new(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let mut ranks = Self {
            sorted: values,
            spread: 0.0,
        };
        let own = ranks.sorted.iter().map(|&value| ranks.spread_of(value));
        ranks.spread = own.sum::<f64>() / ranks.sorted.len() as f64;
        ranks
    }

    /// The mid-rank of a value, as a share.
    fn of(&self, value: f64) -> f64 {
        let under = self.sorted.partition_point(|&known| known < value);
        let upto = self.sorted.partition_point(|&known| known <= value);
        (under + upto) as f64 / (2 * self.sorted.len()) as f64
    }

    fn spread_of(&self, value: f64) -> f64 {
        (2.0 * self.of(value) - 1.0).abs()
    }

    /// The logarithms of a row's bets that its rank is shifted or spread otherwise: where nothing
    /// changed, the mean rank lies within `tolerance` of one half, and the mean distance from the
    /// middle within `tolerance` of that of the reference rows.
    pub(super) fn bets(&self, value: f64, tolerance: f64) -> Vec<f64> {
        let (rank, spread) = (self.of(value), self.spread_of(value));
        let shifted = both(rank, 0.5, tolerance);
        shifted
            .chain(both(spread, self.spread, tolerance))
            .collect()
    }
}

fn both(x: f64, middle: f64, tolerance: f64) -> impl Iterator<Item = f64> {
    let (low, high) = ((middle - tolerance).max(0.0), (middle + tolerance).min(1.0));
    above(x, high).chain(below(x, low))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The expectation of every bet is at most 1 for every mean that the null allows.
    #[test]
    fn no_bet_gains_where_nothing_changed() {
        for risk in [0.0, 0.001, 0.03, 0.2, 0.5, 0.8, 0.99, 1.0_f64] {
            let clipped = risk.clamp(RISK_MIN, 1.0 - RISK_MIN);
            for shift in [-1.0, -0.5, 0.0, 0.5, 1.0] {
                let mean = 1.0 / (1.0 + (-(logit(clipped) + shift * 1.1_f64.ln())).exp());
                let with = calibration(risk, true, 1.1, -1.5);
                let without = calibration(risk, false, 1.1, -1.5);
                for (with, without) in with.iter().zip(&without) {
                    let expectation = mean * with.exp() + (1.0 - mean) * without.exp();
                    assert!(expectation <= 1.0 + 1e-9, "{risk} {shift}: {expectation}");
                }
            }
        }
        for high in [0.0, 0.05, 0.5, 0.9, 1.0] {
            // A number in 0 to 1 with the mean `high`: the bet is linear, so two points suffice.
            let (at_one, at_zero) = (above(1.0, high), above(0.0, high));
            for (one, zero) in at_one.zip(at_zero) {
                let expectation = high * one.exp() + (1.0 - high) * zero.exp();
                assert!(expectation <= 1.0 + 1e-12, "{high}: {expectation}");
            }
        }
    }

    #[test]
    fn a_change_is_worth_something() {
        let gain = |mean: f64| {
            let with = calibration(0.1, true, 1.1, -2.2);
            let without = calibration(0.1, false, 1.1, -2.2);
            let pairs = with.iter().zip(&without);
            pairs
                .map(|(a, b)| mean * a + (1.0 - mean) * b)
                .fold(f64::NEG_INFINITY, f64::max)
        };
        assert!(gain(0.1) <= 0.0 && gain(0.15) > 0.005 && gain(0.06) > 0.005);
        let ranks = Ranks::new(vec![3.0, 2.0, 1.0, 2.0]);
        assert!((ranks.of(2.0) - 0.5).abs() < 1e-12);
        // Of the four, two lie 0.75 from the middle and two on it.
        assert!((ranks.spread - 0.375).abs() < 1e-12);
    }
}
