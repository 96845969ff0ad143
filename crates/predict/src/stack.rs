//! The stack: one risk from the risks of several members, as a logistic regression on their logits
//! with weights that are never negative (Wolpert 1992; Breiman 1996).
//!
//! The members' risks must be of subjects that the members did not learn from: out of fold, or of
//! the part of the tuning subjects that stacking alone uses. The weights are drawn towards equal
//! shares that add up to one, so that few subjects cannot make one member rule by chance; the
//! intercept is free, and with it the mean risk is the observed one.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// How strongly the weights are drawn towards equal shares, in squared weight a nat: one subject in
/// a hundred of a few thousand. Below some hundred subjects it rules, above some ten thousand it is
/// nothing.
const DRAW: f64 = 5.0;
/// Newton steps at most; ten are usual.
const STEPS_MAX: usize = 100;

/// A fitted stack.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stack {
    members: Vec<String>,
    weights: Vec<f64>,
    intercept: f64,
}

/// Why no stack could be fitted.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StackError {
    /// No members, or a member with another number of risks than there are labels.
    #[error("a stack needs one risk a member and subject: {member} has {found} of {wanted}")]
    Lengths {
        /// The member, or `no member`.
        member: String,
        /// Its risks.
        found: usize,
        /// The labels.
        wanted: usize,
    },
    /// A risk that is not between 0 and 1.
    #[error("{member} gives a risk that is not between 0 and 1, at row {row}")]
    Risk {
        /// The member.
        member: String,
        /// The row.
        row: usize,
    },
    /// All labels are the same.
    #[error("all {count} labels are the same: there is nothing to weigh the members by")]
    OneClass {
        /// How many.
        count: usize,
    },
}

impl Stack {
    /// Fits the weights on named members' risks, `[members][subjects]`, and labels `[subjects]`.
    ///
    /// # Errors
    /// [`StackError`] names what is wrong with the risks or the labels.
    pub fn fit(members: &[(&str, &[f64])], labels: &[bool]) -> Result<Self, StackError> {
        check(members, labels)?;
        let logits: Vec<Vec<f64>> = members
            .iter()
            .map(|(_, risks)| risks.iter().map(|risk| logit(*risk)).collect())
            .collect();
        let share = 1.0 / members.len() as f64;
        let mut at = vec![share; members.len()];
        at.push(0.0);
        for _ in 0..STEPS_MAX {
            if newton(&logits, labels, share, &mut at) < 1e-10 {
                break;
            }
        }
        let intercept = at.pop().unwrap_or(0.0);
        Ok(Self {
            members: members.iter().map(|(name, _)| (*name).to_owned()).collect(),
            weights: at,
            intercept,
        })
    }

    /// The risk, from the members' risks in the order of [`Stack::members`].
    pub fn risk(&self, risks: &[f64]) -> f64 {
        let parts: f64 = self.parts(risks).iter().sum();
        sigmoid(self.intercept + parts)
    }

    /// Each member's part of the logit: its weight times its own logit.
    pub fn parts(&self, risks: &[f64]) -> Vec<f64> {
        let pairs = self.weights.iter().zip(risks);
        pairs.map(|(weight, risk)| weight * logit(*risk)).collect()
    }

    /// The part of the logit that is no member's.
    pub fn intercept(&self) -> f64 {
        self.intercept
    }

    /// The members' names.
    pub fn members(&self) -> &[String] {
        &self.members
    }

    /// The members' weights, none negative.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }
}

fn check(members: &[(&str, &[f64])], labels: &[bool]) -> Result<(), StackError> {
    let wanted = labels.len();
    if members.is_empty() {
        let member = "no member".to_owned();
        return Err(StackError::Lengths {
            member,
            found: 0,
            wanted,
        });
    }
    for (name, risks) in members {
        let member = (*name).to_owned();
        if risks.len() != wanted {
            let found = risks.len();
            return Err(StackError::Lengths {
                member,
                found,
                wanted,
            });
        }
        if let Some(row) = risks.iter().position(|risk| !(0.0..=1.0).contains(risk)) {
            return Err(StackError::Risk { member, row });
        }
    }
    let positives = labels.iter().filter(|label| **label).count();
    if positives == 0 || positives == wanted {
        return Err(StackError::OneClass { count: wanted });
    }
    Ok(())
}

/// One Newton step on the penalised log loss, its quadratic minimised coordinate by coordinate with
/// the weights held at zero or above (Friedman, Hastie and Tibshirani 2010, section 3). `at` holds
/// the weights and then the intercept. Returns the largest change.
fn newton(logits: &[Vec<f64>], labels: &[bool], share: f64, at: &mut [f64]) -> f64 {
    let m = logits.len();
    let mut gradient = vec![0.0; m + 1];
    let mut curvature = vec![vec![0.0; m + 1]; m + 1];
    let column = |j: usize, i: usize| if j < m { logits[j][i] } else { 1.0 };
    for (i, label) in labels.iter().enumerate() {
        let z: f64 = (0..=m).map(|j| at[j] * column(j, i)).sum();
        let risk = sigmoid(z);
        let (error, spread) = (risk - f64::from(u8::from(*label)), risk * (1.0 - risk));
        for j in 0..=m {
            gradient[j] += error * column(j, i);
            for (k, cell) in curvature[j].iter_mut().enumerate() {
                *cell += spread * column(j, i) * column(k, i);
            }
        }
    }
    for j in 0..m {
        gradient[j] += DRAW * (at[j] - share);
        curvature[j][j] += DRAW;
    }
    let mut step = vec![0.0; m + 1];
    for _ in 0..200 {
        let mut moved: f64 = 0.0;
        for j in 0..=m {
            let slope: f64 = gradient[j] + (0..=m).map(|k| curvature[j][k] * step[k]).sum::<f64>();
            let mut to = step[j] - slope / curvature[j][j].max(1e-12);
            if j < m {
                to = to.max(-at[j]);
            }
            moved = moved.max((to - step[j]).abs());
            step[j] = to;
        }
        if moved < 1e-13 {
            break;
        }
    }
    for (at, step) in at.iter_mut().zip(&step) {
        *at += step;
    }
    step.iter()
        .fold(0.0, |most: f64, step| most.max(step.abs()))
}

/// Risks are held a millionth away from 0 and 1: no member is surer than that.
pub(crate) fn logit(risk: f64) -> f64 {
    let risk = risk.clamp(1e-6, 1.0 - 1e-6);
    (risk / (1.0 - risk)).ln()
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// True logits, members that see them through noise, and labels.
    fn world(subjects: usize, seed: u64) -> (Vec<f64>, Vec<f64>, Vec<f64>, Vec<bool>) {
        let mut state = seed;
        let mut uniform = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695);
            ((state >> 11) as f64 + 0.5) / (1u64 << 53) as f64
        };
        let mut out = (vec![], vec![], vec![], vec![]);
        for _ in 0..subjects {
            let [a, b, noise, label] = [(); 4].map(|()| uniform());
            let (a, b) = (4.0 * a - 2.0, 4.0 * b - 2.0);
            out.0.push(sigmoid(a - 1.0));
            out.1.push(sigmoid(b - 1.0));
            out.2.push(sigmoid(4.0 * noise - 2.0));
            out.3.push(label < sigmoid(a + b - 1.0));
        }
        out
    }

    fn loss(risks: impl Iterator<Item = f64>, labels: &[bool]) -> f64 {
        let nats = risks.zip(labels);
        nats.map(|(p, y)| if *y { -p.ln() } else { -(1.0 - p).ln() })
            .sum::<f64>()
            / labels.len() as f64
    }

    #[test]
    fn two_halves_of_the_truth_make_the_whole_and_noise_gets_little() {
        let (a, b, noise, labels) = world(20_000, 1);
        let stack = Stack::fit(&[("a", &a), ("b", &b), ("noise", &noise)], &labels).unwrap();
        let weights = stack.weights();
        assert!((weights[0] - 1.0).abs() < 0.06, "{weights:?}");
        assert!((weights[1] - 1.0).abs() < 0.06, "{weights:?}");
        assert!(weights[2] < 0.06, "{weights:?}");
        let (a, b, noise, labels) = world(20_000, 2);
        let stacked = (0..a.len()).map(|i| stack.risk(&[a[i], b[i], noise[i]]));
        assert!(loss(stacked, &labels) + 0.02 < loss(a.iter().copied(), &labels));
    }

    #[test]
    fn a_member_that_is_wrong_gets_nothing_and_the_mean_risk_is_the_observed_one() {
        let (a, b, _, labels) = world(5_000, 3);
        let wrong: Vec<f64> = b.iter().map(|risk| 1.0 - risk).collect();
        let stack = Stack::fit(&[("a", &a), ("wrong", &wrong)], &labels).unwrap();
        assert!(stack.weights()[1].abs() < 1e-12, "{:?}", stack.weights());
        let mean = (0..a.len())
            .map(|i| stack.risk(&[a[i], wrong[i]]))
            .sum::<f64>();
        let observed = labels.iter().filter(|label| **label).count() as f64;
        assert!((mean - observed).abs() < 1e-3 * observed);
        let parts = stack.parts(&[0.2, 0.7]);
        let sum: f64 = parts.iter().sum();
        assert!((sigmoid(stack.intercept + sum) - stack.risk(&[0.2, 0.7])).abs() < 1e-15);
    }

    #[test]
    fn few_subjects_leave_the_shares_equal() {
        let (a, b, _, _) = world(4, 4);
        let labels = [true, false, true, false];
        let stack = Stack::fit(&[("a", &a), ("b", &b)], &labels).unwrap();
        assert!(
            stack.weights().iter().all(|w| (w - 0.5).abs() < 0.3),
            "{stack:?}"
        );
    }

    #[test]
    fn what_cannot_be_stacked_is_named() {
        let labels = [true, false];
        let fit = |risks: &[f64]| {
            Stack::fit(&[("one", risks)], &labels)
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            fit(&[0.1]),
            "a stack needs one risk a member and subject: one has 1 of 2"
        );
        assert_eq!(
            fit(&[0.1, f64::NAN]),
            "one gives a risk that is not between 0 and 1, at row 1"
        );
        let same = Stack::fit(&[("one", &[0.1, 0.2])], &[true, true]).unwrap_err();
        assert_eq!(same, StackError::OneClass { count: 2 });
        assert!(Stack::fit(&[], &labels).is_err());
    }
}
