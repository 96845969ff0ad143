//! A synthetic hospital with known hazards.
//!
//! One seed makes any number of patients, each from random streams of its own, so that order and
//! threads change nothing. A patient is a latent course of health under competing hazards and the
//! record that care makes of it. The record leaves as events ([`timeline`]) or as a FHIR export
//! ([`write_fhir`]); what nobody in a real hospital could know, the true risk of every outcome
//! above all, leaves as [`truth`]. This crate reads no records and knows no model.
//!
//! ```text
//! seed, index -> person -> course (effects, hazards, physiology, care) -> chronicle -> Patient
//!                             \-> 256 rollouts from the index date -> Truth
//! Patient -> Timeline            Patient -> FHIR NDJSON
//! ```
#![forbid(unsafe_code)]

mod calendar;
mod care;
mod causes;
mod chronicle;
mod concepts;
mod course;
mod effects;
mod entry;
mod export;
mod fhir;
mod hazards;
mod identity;
mod measure;
mod notes;
mod patient;
mod person;
mod physiology;
mod random;
mod rollout;
mod tasks;
mod timeline;
mod truth;

#[cfg(test)]
mod tests;

pub use concepts::display;
pub use effects::{BASES, Base, EFFECTS, Effect, Factor, Process, SHIFTS, Shift};
pub use export::{FileSummary, Summary, write_fhir};
pub use notes::{IdentifierKind, PlantedIdentifier};
pub use patient::{Patient, patient};
pub use person::Site;
pub use tasks::tasks;
pub use timeline::timeline;
pub use truth::{CausalEvent, Inequity, NoteTruth, SubjectTruth, Truth, risks, risks_under, truth};

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What a synthetic hospital depends on. The number of patients changes no patient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// How many patients.
    pub patients: u32,
    /// The seed of everything.
    pub seed: u64,
    /// For how many patients at most the true risks are computed: those held out first, then those
    /// for tuning, then those to train on.
    pub truth_patients_max: u32,
    /// Rollouts a patient; the standard error of a true risk is at most `0.5 / sqrt(rollouts)`.
    pub rollouts: u32,
    /// Whether the planted inequity acts. Without it the same persons are served like everybody
    /// else: what the inequity did is then a difference of two hospitals.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub inequity: bool,
    /// Whether the record states the site and the quintile of deprivation, as static events
    /// `SITE//C` and `DEPRIVATION//5`. In [`timeline`] only: the FHIR export has no place for them.
    #[serde(default, skip_serializing_if = "is_no")]
    pub social: bool,
}

fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_yes(flag: &bool) -> bool {
    *flag
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_no(flag: &bool) -> bool {
    !*flag
}

impl Options {
    /// 2,000 patients of seed 1, and the truth of 2,000 of them at most by 256 rollouts each.
    pub fn standard() -> Self {
        Self {
            patients: 2000,
            seed: 1,
            truth_patients_max: 2000,
            rollouts: 256,
            inequity: true,
            social: false,
        }
    }
}

/// What can fail.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file could not be created, written or renamed.
    #[error("cannot write {path}")]
    Write {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// The threads could not be started.
    #[error("cannot start {threads} threads")]
    Threads {
        /// How many were asked for.
        threads: usize,
        /// The reason.
        source: rayon::ThreadPoolBuildError,
    },
    /// The caller asked to stop; no file was left.
    #[error("stopped before the export was complete")]
    Stopped,
}
