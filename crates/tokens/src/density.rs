//! A predicted value as a density: the probabilities of a code's bins, each uniform over its body.
//!
//! It is judged by the continuous ranked probability score and by the coverage of its central
//! intervals. An atom is uniform over the interval that rounds to it. The share of a bin's mass
//! outside its body ([`crate::OUTSIDE_SHARE`], a thousandth) is left out here: scores in units of
//! the value do not feel it.

use crate::bins::Bins;

/// One bin's body and its probability.
#[derive(Clone, Copy)]
struct Piece {
    low: f64,
    high: f64,
    mass: f64,
}

/// A piecewise-constant density over the bins of one code.
#[derive(Clone)]
pub struct Density {
    pieces: Vec<Piece>,
    /// The rounding step of recorded values.
    step: f64,
}

/// Redacted: a sharp forecast is a patient's value.
impl std::fmt::Debug for Density {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Density({} bins)", self.pieces.len())
    }
}

impl Bins {
    /// The density of a value whose bins have these weights, in order and of any positive sum;
    /// `None` where they are not one a bin or have no mass.
    pub fn density(&self, weights: impl IntoIterator<Item = f64>) -> Option<Density> {
        let weights: Vec<f64> = weights.into_iter().collect();
        let total: f64 = weights.iter().sum();
        if weights.len() != self.bins.len() || !(total.is_finite() && total > 0.0) {
            return None;
        }
        let half = self.step / 2.0;
        let pieces = self.bins.iter().zip(weights).map(|(bin, weight)| {
            let widen = if bin.is_atom() { half } else { 0.0 };
            Piece {
                low: bin.low - widen,
                high: bin.high + widen,
                mass: weight / total,
            }
        });
        Some(Density {
            pieces: pieces.collect(),
            step: self.step,
        })
    }

    /// The density of the training values, whatever came before.
    pub fn marginal(&self) -> Option<Density> {
        self.density(self.bins.iter().map(|bin| bin.share))
    }
}

impl Density {
    /// The probability of a value up to x.
    pub fn cdf(&self, x: f64) -> f64 {
        let below = |piece: &Piece| {
            let share = (x - piece.low) / (piece.high - piece.low);
            piece.mass * share.clamp(0.0, 1.0)
        };
        self.pieces.iter().map(below).sum::<f64>().min(1.0)
    }

    /// The continuous ranked probability score of a value, in its unit: the integral of
    /// `(F(x) - 1{x >= value})^2` (Gneiting and Raftery 2007, section 4.2). A point forecast's is
    /// its absolute error; smaller is better.
    pub fn crps(&self, value: f64) -> f64 {
        let ends = self.pieces.iter().flat_map(|piece| [piece.low, piece.high]);
        let mut knots: Vec<f64> = ends.chain([value]).collect();
        knots.sort_by(f64::total_cmp);
        let between = knots.windows(2).map(|pair| {
            let step = if pair[0] >= value { 1.0 } else { 0.0 };
            let (a, b) = (self.cdf(pair[0]) - step, self.cdf(pair[1]) - step);
            // The square of a straight line from a to b.
            (pair[1] - pair[0]) * (a * a + a * b + b * b) / 3.0
        });
        between.sum()
    }

    /// How much of the recorded interval of a value lies in the central interval of this level, by
    /// the probabilities given to it: its mean over values is the level where the forecast is
    /// right, whatever the rounding (the non-randomised transform of Czado, Gneiting and Held
    /// 2009).
    pub fn covered(&self, value: f64, level: f64) -> f64 {
        let half = self.step / 2.0;
        let (from, to) = (self.cdf(value - half), self.cdf(value + half));
        let (low, high) = (0.5 - level / 2.0, 0.5 + level / 2.0);
        if to - from > 1e-12 {
            (to.min(high) - from.max(low)).max(0.0) / (to - from)
        } else {
            f64::from(u8::from(from >= low && from <= high))
        }
    }
}

#[cfg(test)]
mod tests;
