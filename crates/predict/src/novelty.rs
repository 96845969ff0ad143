//! Whether a history is unlike those that the model learnt from: the distance of the model's
//! state from their mean, each dimension in its own standard deviations, against the distance that
//! 99 of 100 of them stay below. It measures unlikeness to the model, not illness.

use crate::risk::mean;
use serde::{Deserialize, Serialize};

/// The share of training subjects that stays below the allowed distance.
const SHARE: f64 = 0.99;
/// How far above that distance a history may lie before it counts as novel: one training
/// subject in a hundred lies above it by construction, few of them by half as much again. Others
/// may lie further from the mean than those that the model learnt from.
const MARGIN: f64 = 1.5;
/// The fewest states that show a 99th percentile.
const STATES_MIN: usize = 100;

/// What the states of training subjects are like.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Novelty {
    /// The mean of each dimension, `[D]`.
    mean: Vec<f64>,
    /// Its standard deviation, `[D]`; 1 where it never moves.
    deviation: Vec<f64>,
    /// The largest distance that is no novelty.
    pub allowed: f64,
}

impl Novelty {
    /// From states `[n][D]`; none from fewer than 100.
    pub fn fit(states: &[Vec<f32>]) -> Option<Self> {
        let width = states.first()?.len();
        if states.len() < STATES_MIN {
            return None;
        }
        // Half of them say what is usual, the other half how far from it is usual.
        let (usual, others): (Vec<_>, Vec<_>) =
            states.iter().enumerate().partition(|(at, _)| at % 2 == 0);
        let column = |dimension: usize| -> Vec<f64> {
            usual
                .iter()
                .map(|(_, state)| f64::from(state[dimension]))
                .collect()
        };
        let columns: Vec<Vec<f64>> = (0..width).map(column).collect();
        let deviation = |values: &Vec<f64>| {
            let centre = mean(values);
            let squares: f64 = values.iter().map(|v| (v - centre).powi(2)).sum();
            let deviation = (squares / values.len() as f64).sqrt();
            if deviation > 1e-6 { deviation } else { 1.0 }
        };
        let mut fitted = Self {
            mean: columns.iter().map(|values| rounded(mean(values))).collect(),
            deviation: columns.iter().map(|v| rounded(deviation(v))).collect(),
            allowed: f64::INFINITY,
        };
        let mut distances: Vec<f64> = others.iter().map(|(_, s)| fitted.distance(s)).collect();
        distances.sort_by(f64::total_cmp);
        let high = crate::calibration::percentile(&distances, SHARE)?;
        fitted.allowed = rounded(MARGIN * high);
        Some(fitted)
    }

    /// The root mean square of a state's distances from the mean, in standard deviations.
    pub fn distance(&self, state: &[f32]) -> f64 {
        let places = state.iter().zip(self.mean.iter().zip(&self.deviation));
        let squares: f64 = places
            .map(|(value, (mean, deviation))| ((f64::from(*value) - mean) / deviation).powi(2))
            .sum();
        (squares / self.mean.len().max(1) as f64).sqrt()
    }
}

/// Nine decimals, which JSON gives back exactly.
fn rounded(value: f64) -> f64 {
    (value * 1e9).round() / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(seed: u32, scale: f64) -> Vec<f32> {
        let draw = |at: u32| crate::rng::unit(9, seed, at) - 0.5;
        (0..16)
            .map(|at| crate::sample::single(scale * draw(at) + f64::from(at)))
            .collect()
    }

    #[test]
    fn what_is_drawn_alike_is_no_novelty_and_what_is_wider_is() {
        let states: Vec<Vec<f32>> = (0..600).map(|seed| state(seed, 2.0)).collect();
        let fitted = Novelty::fit(&states).unwrap();
        let novel = |scale: f64| {
            let new = (1000..2000).map(|seed| fitted.distance(&state(seed, scale)));
            new.filter(|distance| *distance > fitted.allowed).count()
        };
        assert!(novel(2.0) <= 3, "{}", novel(2.0));
        assert!(novel(8.0) >= 990, "{}", novel(8.0));
        assert!(Novelty::fit(&states[..99]).is_none());
        let text = serde_json::to_string(&fitted).unwrap();
        let again: Novelty = serde_json::from_str(&text).unwrap();
        assert_eq!(again, fitted);
    }
}
