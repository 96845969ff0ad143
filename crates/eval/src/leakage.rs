//! Signs that labels or later data leaked into predictions. A finding is a reason to look, and the
//! absence of findings proves nothing.

use crate::rank::auroc;
use crate::undefined::Undefined;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Above this AUROC a score is too good to be believed without a reason.
pub const AUROC_SUSPICIOUS: f64 = 0.99;

/// One check of [`leakage`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LeakageCheck {
    /// What is asked.
    pub check: String,
    /// Rows or subjects at fault; absent where the check could not be made.
    pub found: Option<u64>,
    /// Whether anything was found; absent where the check could not be made.
    pub passed: Option<bool>,
    /// What it means, or why it could not be made.
    pub reason: String,
}

/// What the checks look at.
#[derive(Clone, Copy)]
pub struct LeakageInput<'a> {
    /// Whether the outcome happened.
    pub labels: &'a [bool],
    /// The risks, absent where the model abstained.
    pub risks: &'a [Option<f64>],
    /// The subject of each row.
    pub subjects: &'a [u64],
    /// Subjects that the model learnt from, where known.
    pub learnt_from: Option<&'a BTreeSet<u64>>,
    /// For each row the prediction time and the time of the newest record that was used, in one
    /// unit, where known.
    pub newest_used: Option<&'a [(f64, f64)]>,
    /// For each row the prediction time and the time of the outcome, where it happened and known.
    pub outcome_times: Option<&'a [(f64, Option<f64>)]>,
}

/// Redacted: the shape only.
impl std::fmt::Debug for LeakageInput<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LeakageInput({} rows)", self.labels.len())
    }
}

/// The checks that Kapoor and Narayanan 2023 ("Leakage and the reproducibility crisis in
/// machine-learning-based science", table 1) make possible on predictions alone: subjects on both
/// sides (L1.1), outcomes already known (L2), data from after the prediction (L3.1), and scores
/// that say too much.
///
/// # Panics
/// When the slices differ in length.
pub fn leakage(input: &LeakageInput<'_>) -> Vec<LeakageCheck> {
    assert_eq!(input.labels.len(), input.risks.len(), "one risk a label");
    assert_eq!(input.labels.len(), input.subjects.len(), "one subject");
    vec![
        shared(input),
        later_records(input),
        known_outcomes(input),
        too_good(input),
        abstention(input),
    ]
}

fn counted(check: &str, found: u64, reason: &str) -> LeakageCheck {
    LeakageCheck {
        check: check.to_owned(),
        found: Some(found),
        passed: Some(found == 0),
        reason: reason.to_owned(),
    }
}

fn not_made(check: &str, reason: impl Into<String>) -> LeakageCheck {
    LeakageCheck {
        check: check.to_owned(),
        found: None,
        passed: None,
        reason: reason.into(),
    }
}

fn shared(input: &LeakageInput<'_>) -> LeakageCheck {
    let check = "no subject is among those learnt from";
    let Some(learnt_from) = input.learnt_from else {
        return not_made(check, "the subjects learnt from were not given");
    };
    let judged: BTreeSet<u64> = input.subjects.iter().copied().collect();
    let both = judged.intersection(learnt_from).count() as u64;
    counted(
        check,
        both,
        "subjects on both sides make every figure too good",
    )
}

fn later_records(input: &LeakageInput<'_>) -> LeakageCheck {
    let check = "no record after the prediction time was used";
    let Some(times) = input.newest_used else {
        return not_made(check, "the newest record used is not known");
    };
    let later = times.iter().filter(|(at, newest)| newest > at).count() as u64;
    counted(
        check,
        later,
        "rows that used records from after their prediction",
    )
}

fn known_outcomes(input: &LeakageInput<'_>) -> LeakageCheck {
    let check = "no outcome lies at or before the prediction time";
    let Some(times) = input.outcome_times else {
        return not_made(check, "the times of the outcomes are not known");
    };
    let before = times
        .iter()
        .filter(|(at, outcome)| outcome.is_some_and(|outcome| outcome <= *at));
    let before = before.count() as u64;
    counted(
        check,
        before,
        "rows whose outcome could be read from the record",
    )
}

fn too_good(input: &LeakageInput<'_>) -> LeakageCheck {
    let check = "the risk does not give the outcome away";
    let pairs = input.labels.iter().zip(input.risks);
    let (labels, risks): (Vec<bool>, Vec<f64>) =
        pairs.filter_map(|(&l, risk)| Some((l, (*risk)?))).unzip();
    match auroc(&labels, &risks) {
        Ok(value) => counted(
            check,
            u64::from(value >= AUROC_SUSPICIOUS),
            "an AUROC of 0.99 or more is rare without a leak",
        ),
        Err(reason) => not_made(check, reason.to_string()),
    }
}

/// Whether abstaining tells the outcome: the share with it among rows with and without a risk.
fn abstention(input: &LeakageInput<'_>) -> LeakageCheck {
    let check = "abstaining does not give the outcome away";
    let absent: Vec<f64> = input
        .risks
        .iter()
        .map(|r| f64::from(u8::from(r.is_none())))
        .collect();
    if absent.iter().all(|&a| a < 0.5) {
        return not_made(check, "the model never abstained");
    }
    match auroc(input.labels, &absent) {
        Ok(value) => {
            let either_way = value.max(1.0 - value);
            counted(
                check,
                u64::from(either_way >= AUROC_SUSPICIOUS),
                "who abstains on one class alone knows the class",
            )
        }
        Err(Undefined::NoRows) => not_made(check, "there are no rows"),
        Err(reason) => not_made(check, reason.to_string()),
    }
}
