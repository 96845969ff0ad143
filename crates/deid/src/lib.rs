//! The privacy boundary: the only maker of de-identified timelines.
//!
//! It takes a timeline of one subject, takes away what identifies, and seals the result in
//! [`Deidentified`], which nothing outside this crate can construct. It opens no file, reads no
//! clock, and keeps no map back: who holds the key can make the pseudonyms again.
//!
//! ```text
//! Timeline -> Deidentifier (key, options) -> Deidentified<Timeline> + Changes
//! stored de-identified set + deid's receipt -> Reopened -> Deidentified<Timeline>
//! ```
//!
//! [`policy`] states, identifier by identifier, what becomes of it in each mode.
#![forbid(unsafe_code)]

mod date_patterns;
mod dates;
mod identifying;
mod key;
mod known;
mod labels;
mod moved;
mod names;
mod notes;
mod patterns;
mod persons;
pub mod policy;
mod policy_file;
mod rare;
mod receipt;
mod report;
mod residual;
mod risk;
mod rules;
mod sealed;
mod spans;
mod surrogates;
pub mod tagger;
mod text;
mod timeline;
mod words;
mod zip;

pub use key::{Key, Pseudonyms};
pub use labels::Label;
pub use notes::{NoteScrubber, NoteText};
pub use policy::{Changes, Identifier, Mode, Options, TextPolicy};
pub use policy_file::{BurnedIn, DicomRules, Policy, PolicyError, RareCodes, RiskOptions};
pub use rare::{CodeCensus, RarePlan};
pub use receipt::{Error, Reopened, key_of, receipt, reopen};
pub use report::{Digests, Report};
pub use residual::{Caught, ClassRisk, Measured, ResidualRisk, Unlike, wilson};
pub use risk::{ClassBand, QuasiIdentifier, RiskCollector, RiskReport};
pub use rules::{CodeAction, Column, Pattern, Rules, TextAction};
pub use sealed::Deidentified;
pub use text::{Found, Scrubber};
pub use timeline::Deidentifier;
pub use zip::{SMALL_AREAS, ZipAction};
