//! What may be chosen, and what the caller gives: pseudonyms and days by key.

use serde::{Deserialize, Serialize};

/// What becomes of dates and times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dates {
    /// They go, as the basic profile says.
    Remove,
    /// Dates move by the subject's days and times of day stay: the option "Retain Longitudinal
    /// Temporal Information with Modified Dates".
    Shift,
}

/// What becomes of a file whose pixels may show who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BurnedInRule {
    /// It is refused.
    Refuse,
    /// It passes, and is counted: somebody has looked at the pixels and answers for it.
    Report,
}

/// How headers are de-identified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Options {
    /// What becomes of dates.
    pub dates: Dates,
    /// Whether sex, age (89 at most, else 90), size, weight, pregnancy and smoking stay: the option
    /// "Retain Patient Characteristics".
    pub patient_characteristics: bool,
    /// What becomes of a file that may have identity burned into its pixels.
    pub burned_in: BurnedInRule,
}

/// What stands for a patient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Instead of name and identifier; at most 64 letters.
    pub pseudonym: String,
    /// The days by which the subject's dates move.
    pub shift_days: i64,
}

/// The keyed functions of the caller.
pub trait Keyed {
    /// What stands for the patient with this identifier.
    fn subject(&self, patient_id: &str) -> Subject;

    /// 128 bits that stand for a UID.
    fn uid(&self, uid: &str) -> u128;
}
