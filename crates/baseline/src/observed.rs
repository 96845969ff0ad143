//! Weights against selection: a subject of whom the outcome could be known because somebody looked
//! stands for those like it of whom nobody did.
//!
//! Who was looked at is a question like any other: the chance of it, given the history, comes from
//! a baseline on counts, cross-fitted so that no subject decides its own. The weight is the inverse
//! of that chance, stabilised by the share of all who were looked at (Robins, Hernan and Brumback
//! 2000, "Marginal structural models and causal inference in epidemiology"), and truncated at two
//! percentiles (Cole and Hernan 2008, "Constructing inverse probability weights for marginal
//! structural models").
//!
//! The weights mend what the history explains. Where being looked at still depends on the outcome
//! among subjects of one history, they do not.

use crate::cross::{CrossFitted, FOLDS, cross_fit};
use crate::error::Error;
use crate::error::NotFitted;
use crate::fitted::{Example, Kind};
use longitude_core::Task;
use serde::{Deserialize, Serialize};

/// Weights beyond this percentile on either side are held at it: 1 and 99, where Cole and Hernan
/// (2008, table 2) find the variance much smaller and the bias hardly larger.
pub const TRUNCATION_SHARE: f64 = 0.01;

/// Weights of the subjects who were looked at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InverseWeights {
    /// For each example its weight, `None` where nobody looked. Their mean is 1.
    pub weights: Vec<Option<f64>>,
    /// The share of examples that were looked at.
    pub observed_share: f64,
    /// The weights between which the others are held, before their mean was made 1.
    pub truncated_at: (f64, f64),
    /// How many weights were held.
    pub truncated: usize,
    /// The effective sample size of the weighted examples: the square of the sum over the sum of
    /// squares (Kish 1965, "Survey sampling", section 11.7).
    pub effective: f64,
}

/// Stabilised inverse weights from the chances of having been looked at.
///
/// # Panics
/// When there are not as many chances as examples, or a chance of one that was looked at is not
/// above 0.
pub fn inverse_weights(observed: &[bool], chances: &[f64]) -> InverseWeights {
    assert_eq!(observed.len(), chances.len(), "a chance for each example");
    let seen = observed.iter().filter(|&&seen| seen).count() as f64;
    let observed_share = seen / (observed.len() as f64).max(1.0);
    let raw: Vec<Option<f64>> = observed
        .iter()
        .zip(chances)
        .map(|(&seen, &chance)| {
            assert!(!seen || chance > 0.0, "what was seen had a chance");
            seen.then(|| observed_share / chance)
        })
        .collect();
    let mut sorted: Vec<f64> = raw.iter().flatten().copied().collect();
    sorted.sort_by(f64::total_cmp);
    let at = |share: f64| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "an index"
        )]
        let place = (share * (sorted.len().max(1) - 1) as f64).round() as usize;
        sorted.get(place).copied().unwrap_or(1.0)
    };
    let (low, high) = (at(TRUNCATION_SHARE), at(1.0 - TRUNCATION_SHARE));
    let outside = |weight: &&f64| !(low..=high).contains(*weight);
    let truncated = raw.iter().flatten().filter(outside).count();
    let held = || raw.iter().flatten().map(|weight| weight.clamp(low, high));
    let mean = held().sum::<f64>() / seen.max(1.0);
    let squares: f64 = held().map(|weight| weight * weight).sum();
    let weights = raw
        .iter()
        .map(|weight| weight.map(|weight| weight.clamp(low, high) / mean));
    InverseWeights {
        observed_share,
        truncated_at: (low, high),
        truncated,
        effective: if squares > 0.0 {
            (mean * seen).powi(2) / squares
        } else {
            0.0
        },
        weights: weights.collect(),
    }
}

/// The chance of having been looked at, by a baseline on counts cross-fitted over [`FOLDS`] folds,
/// and the weights that follow. Each example says whether somebody looked. The task names the
/// question in errors only. The model answers for other subjects.
///
/// # Errors
/// [`Error::NotFitted`] when a fold's examples are too few or of one class: where everybody or
/// nobody was looked at, there is nothing to weigh. Also for [`Kind::AgeSex`], which learns the
/// task's own hazard and not from labels.
pub fn observation_weights(
    kind: Kind,
    looked_at: &[(Example<'_>, bool)],
    task: &Task,
    seed: u64,
) -> Result<(CrossFitted, InverseWeights), Error> {
    if kind == Kind::AgeSex {
        // It learns the task's own hazard from timelines, whoever was looked at.
        let reason = NotFitted::NoLabels;
        return Err(Error::NotFitted { kind, reason });
    }
    let (model, chances) = cross_fit(kind, looked_at, task, FOLDS, seed)?;
    let observed: Vec<bool> = looked_at.iter().map(|(_, seen)| *seen).collect();
    let weights = inverse_weights(&observed, &chances);
    Ok((model, weights))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two kinds of people: half of one is looked at and a tenth of the other, and the outcome's
    /// share is 0.2 in one and 0.6 in the other.
    #[test]
    fn weights_restore_the_share_of_all() {
        let (mut observed, mut chances, mut yes) = (Vec::new(), Vec::new(), Vec::new());
        for number in 0..20_000_u32 {
            let is_rarely_seen = number % 2 == 0;
            let (period, chance) = if is_rarely_seen { (10, 0.1) } else { (2, 0.5) };
            observed.push(number / 2 % period == 0);
            chances.push(chance);
            let fifths = if is_rarely_seen { 3 } else { 1 };
            yes.push(number / 20 % 5 < fifths);
        }
        let found = inverse_weights(&observed, &chances);
        let sum = |only_yes: bool| -> f64 {
            let each = found.weights.iter().zip(&yes);
            let kept = each.filter(|(_, yes)| !only_yes || **yes);
            kept.filter_map(|(weight, _)| *weight).sum()
        };
        assert!(
            (sum(true) / sum(false) - 0.4).abs() < 0.01,
            "{}",
            sum(true) / sum(false)
        );
        assert!((sum(false) - 6000.0).abs() < 1e-6, "the mean is 1");
        // 1000 weights of 5 to 5000 of 1: (5000 + 5000)^2 / (1000 * 25 + 5000).
        assert!(
            (found.effective - 1e8 / 3e4).abs() < 1e-6,
            "{}",
            found.effective
        );
        assert!((found.observed_share - 0.3).abs() < 1e-12);
        assert_eq!(found.truncated, 0);
    }

    #[test]
    fn one_tiny_chance_does_not_decide() {
        let mut chances = vec![0.5; 1000];
        chances[7] = 1e-9;
        let found = inverse_weights(&[true; 1000], &chances);
        assert_eq!(found.truncated, 1);
        assert!(
            found
                .weights
                .iter()
                .flatten()
                .all(|w| (w - 1.0).abs() < 1e-12)
        );
        assert!((found.effective - 1000.0).abs() < 1e-6);
    }

    #[test]
    fn nobody_looked_at_has_no_weight() {
        let found = inverse_weights(&[false; 3], &[0.1; 3]);
        assert_eq!(found.weights, [None; 3]);
        assert!(found.effective.abs() < 1e-12);
    }
}
