//! One task's members brought to one risk: which of them answers, or all of them stacked; how the
//! risk is calibrated; and the rows by which it is decided whom to act on. Fitted on the tuning
//! subjects that took no part in early stopping, divided by hash so that no subject serves two
//! purposes:
//!
//! - four tenths weigh the members and choose between each alone and all stacked, by the
//!   likelihood of rows left out in turn: the simplest whose loss is not above the best by more
//!   than one standard error of their paired difference (Breiman et al. 1984, section 3.4.3);
//! - three tenths calibrate what was chosen;
//! - three tenths are kept for conformal decisions.
//!
//! Where a part is too small its step is left out, and [`Ensemble`] says so: an uncalibrated risk
//! is never shown as a calibrated one.

use crate::calibration::{Calibration, CalibrationOptions};
use crate::stack::Stack;
use longitude_core::{Split, SubjectId};
use serde::{Deserialize, Serialize};

/// Rows with the outcome, and without it, that weighing members needs: as many as calibration asks
/// for (see [`CalibrationOptions::research`]).
pub const WEIGHED_MIN: usize = 8;
/// Parts that are left out in turn.
const FOLDS: usize = 5;

/// What a tuning subject serves, by hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Serves {
    /// Weighs the members.
    Weighing,
    /// Calibrates.
    Calibration,
    /// Decides whom to act on.
    Conformal,
}

impl Serves {
    /// The purpose of a subject.
    pub fn of(subject: SubjectId) -> Self {
        match Split::bucket("task-ensemble", subject) {
            0..400 => Self::Weighing,
            400..700 => Self::Calibration,
            _ => Self::Conformal,
        }
    }
}

/// Labelled rows of tuning subjects, with the risk of each member.
#[derive(Clone, Copy)]
pub struct Tuned<'a> {
    /// The members' names, the simplest first.
    pub members: &'a [String],
    /// Their risks, `[members][rows]`.
    pub risks: &'a [Vec<f64>],
    /// Whose each row is.
    pub subjects: &'a [SubjectId],
    /// Whether the outcome happened.
    pub labels: &'a [bool],
}

/// Redacted: the shape only.
impl std::fmt::Debug for Tuned<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tuned({} rows)", self.labels.len())
    }
}

/// What was compared, and its loss on rows left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Compared {
    /// A member's name, or `stack`.
    pub name: String,
    /// Its mean loss in nats a row.
    pub loss: f64,
    /// Its loss less that of the best.
    pub behind: f64,
    /// The standard error of that difference, over paired rows.
    pub standard_error: f64,
}

/// How many labelled rows served a purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Served {
    /// With the outcome.
    pub positives: u32,
    /// Without it.
    pub negatives: u32,
}

/// A row kept for conformal decisions: no subject, no time.
#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// Whether the outcome happened.
    pub label: bool,
    /// The calibrated risk.
    pub risk: f64,
}

/// Redacted: it is a patient's.
impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Kept(..)")
    }
}

/// How one task's members become one risk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ensemble {
    /// The members, the simplest first.
    pub members: Vec<String>,
    /// What answers: one member's name, or `stack`.
    pub chosen: String,
    /// The weights; none where too few rows could weigh anything: then the chosen member's risk is
    /// the answer.
    pub stack: Option<Stack>,
    /// What was compared.
    pub compared: Vec<Compared>,
    /// The calibration of the answer.
    pub calibration: Calibration,
    /// Rows for conformal decisions.
    pub kept: Vec<Kept>,
    /// How many rows served each purpose: weighing, calibration, conformal.
    pub served: [Served; 3],
}

/// One answer of an ensemble.
#[derive(Clone, Debug, PartialEq)]
pub struct Combined {
    /// The risk before calibration.
    pub raw: f64,
    /// The calibrated risk; the same where there is no calibration.
    pub risk: f64,
    /// The ends and the level of the calibration interval.
    pub interval: Option<(f64, f64, f64)>,
    /// Each member's part of the logit, in the order of the members; with `intercept` they sum to
    /// the logit of `raw`.
    pub parts: Vec<f64>,
    /// The part that is no member's.
    pub intercept: f64,
}

impl Ensemble {
    /// Fits it. `fallback` is the member that answers where too few rows could weigh anything.
    ///
    /// # Panics
    /// When a member's risks are not as many as the labels, or there is no such fallback.
    pub fn fit(tuned: &Tuned<'_>, fallback: &str, seed: u64) -> Self {
        for risks in tuned.risks {
            assert_eq!(risks.len(), tuned.labels.len(), "one risk a member and row");
        }
        let fallback = tuned.members.iter().find(|name| *name == fallback);
        let Some(fallback) = fallback else {
            unreachable!("the fallback is one of the members")
        };
        let parts = [Serves::Weighing, Serves::Calibration, Serves::Conformal].map(|serves| {
            let rows = 0..tuned.labels.len();
            rows.filter(|row| Serves::of(tuned.subjects[*row]) == serves)
                .collect::<Vec<usize>>()
        });
        let served = [&parts[0], &parts[1], &parts[2]].map(|rows| served(tuned, rows));
        let mut fitted = Self {
            members: tuned.members.to_vec(),
            chosen: fallback.clone(),
            stack: None,
            compared: Vec::new(),
            calibration: Calibration::identity(),
            kept: Vec::new(),
            served,
        };
        fitted.weigh(tuned, &parts[0]);
        let raw = |row: &usize| fitted.raw(&tuned.row(*row));
        let estimates: Vec<f64> = parts[1].iter().map(raw).collect();
        let labels: Vec<bool> = parts[1].iter().map(|row| tuned.labels[*row]).collect();
        let options = CalibrationOptions::research(seed);
        fitted.calibration = Calibration::fit(&estimates, &labels, &options);
        let keep = |row: &usize| Kept {
            label: tuned.labels[*row],
            risk: fitted.combine(&tuned.row(*row)).risk,
        };
        fitted.kept = parts[2].iter().map(keep).collect();
        fitted
    }

    /// Chooses between each member alone and all stacked.
    fn weigh(&mut self, tuned: &Tuned<'_>, rows: &[usize]) {
        let [weighing, ..] = self.served;
        let least = weighing.positives.min(weighing.negatives) as usize;
        if least < WEIGHED_MIN {
            return;
        }
        let mut sets: Vec<(String, Vec<usize>)> = (0..tuned.members.len())
            .map(|member| (tuned.members[member].clone(), vec![member]))
            .collect();
        if tuned.members.len() > 1 {
            sets.push(("stack".to_owned(), (0..tuned.members.len()).collect()));
        }
        let losses: Vec<Option<Vec<f64>>> = sets
            .iter()
            .map(|(_, members)| left_out(tuned, rows, members))
            .collect();
        let mean = |losses: &[f64]| losses.iter().sum::<f64>() / losses.len() as f64;
        let known = losses.iter().flatten();
        let best = known.min_by(|a, b| mean(a).total_cmp(&mean(b)));
        let Some(best) = best else { return };
        let mut chosen = None;
        for ((name, members), losses) in sets.iter().zip(&losses) {
            let Some(losses) = losses else { continue };
            let behind: Vec<f64> = losses.iter().zip(best).map(|(a, b)| a - b).collect();
            let standard_error = crate::risk::standard_error_of(&behind);
            let one = Compared {
                name: name.clone(),
                loss: mean(losses),
                behind: mean(&behind),
                standard_error,
            };
            if chosen.is_none() && one.behind <= standard_error {
                chosen = Some((name, members));
            }
            self.compared.push(one);
        }
        let Some((name, members)) = chosen else {
            return;
        };
        if let Some(stack) = fit_stack(tuned, rows, members) {
            self.chosen.clone_from(name);
            self.stack = Some(stack);
        }
    }

    /// Whether the answers are calibrated.
    pub fn is_calibrated(&self) -> bool {
        self.calibration.calibrated
    }

    /// The risk before calibration from the members' risks, in their order.
    fn raw(&self, risks: &[f64]) -> f64 {
        let parts: f64 = self.parts(risks).iter().sum();
        let logit = self.intercept() + parts;
        1.0 / (1.0 + (-logit).exp())
    }

    fn intercept(&self) -> f64 {
        self.stack.as_ref().map_or(0.0, Stack::intercept)
    }

    /// Each member's part of the logit; 0 for those that do not answer.
    fn parts(&self, risks: &[f64]) -> Vec<f64> {
        let own = |name: &String| match &self.stack {
            Some(stack) => {
                let place = stack.members().iter().position(|one| one == name);
                place.map_or(0.0, |place| stack.weights()[place])
            }
            None => f64::from(u8::from(*name == self.chosen)),
        };
        let pairs = self.members.iter().zip(risks);
        let part = |(name, risk): (&String, &f64)| match own(name) {
            // Not minus zero.
            weight if weight > 0.0 => weight * crate::stack::logit(*risk),
            _ => 0.0,
        };
        pairs.map(part).collect()
    }

    /// The answer from the members' risks, in their order.
    ///
    /// # Panics
    /// When there are not as many risks as members.
    pub fn combine(&self, risks: &[f64]) -> Combined {
        assert_eq!(risks.len(), self.members.len(), "one risk a member");
        let raw = self.raw(risks);
        let calibrated = self.calibration.apply(raw);
        let ends = calibrated.interval;
        Combined {
            raw,
            risk: calibrated.risk.get(),
            interval: ends.map(|ends| (ends.low.get(), ends.high.get(), ends.level)),
            parts: self.parts(risks),
            intercept: self.intercept(),
        }
    }
}

impl Tuned<'_> {
    fn row(&self, row: usize) -> Vec<f64> {
        self.risks.iter().map(|risks| risks[row]).collect()
    }
}

fn served(tuned: &Tuned<'_>, rows: &[usize]) -> Served {
    let positives = rows.iter().filter(|row| tuned.labels[**row]).count();
    let count = |rows: usize| u32::try_from(rows).unwrap_or(u32::MAX);
    Served {
        positives: count(positives),
        negatives: count(rows.len() - positives),
    }
}

/// A stack of some members; none where the rows are of one class.
fn fit_stack(tuned: &Tuned<'_>, rows: &[usize], members: &[usize]) -> Option<Stack> {
    let of = |member: usize| -> Vec<f64> { rows.iter().map(|r| tuned.risks[member][*r]).collect() };
    let risks: Vec<Vec<f64>> = members.iter().map(|member| of(*member)).collect();
    let named = members.iter().zip(&risks);
    let named: Vec<(&str, &[f64])> = named
        .map(|(member, risks)| (tuned.members[*member].as_str(), risks.as_slice()))
        .collect();
    let labels: Vec<bool> = rows.iter().map(|row| tuned.labels[*row]).collect();
    Stack::fit(&named, &labels).ok()
}

/// The loss of each row under weights that were fitted without its subject's fold.
fn left_out(tuned: &Tuned<'_>, rows: &[usize], members: &[usize]) -> Option<Vec<f64>> {
    let fold = |row: &usize| {
        usize::from(Split::bucket("task-weights", tuned.subjects[*row])) * FOLDS / 1000
    };
    let mut losses = Vec::with_capacity(rows.len());
    let stacks: Vec<Option<Stack>> = (0..FOLDS)
        .map(|out| {
            let kept: Vec<usize> = rows
                .iter()
                .copied()
                .filter(|row| fold(row) != out)
                .collect();
            fit_stack(tuned, &kept, members)
        })
        .collect();
    for row in rows {
        let stack = stacks[fold(row)].as_ref()?;
        let risks: Vec<f64> = members.iter().map(|m| tuned.risks[*m][*row]).collect();
        let risk = stack.risk(&risks).clamp(1e-12, 1.0 - 1e-12);
        let of_label = if tuned.labels[*row] { risk } else { 1.0 - risk };
        losses.push(-of_label.ln());
    }
    Some(losses)
}

#[cfg(test)]
mod tests;
