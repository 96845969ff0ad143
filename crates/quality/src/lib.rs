//! The quality of a load of records: what is there, what is missing, what cannot be, and what
//! changed since the load before.
//!
//! Timelines go in one at a time, a [`Report`] comes out. It changes nothing, opens no file and
//! draws no page: `server` renders the report, `cli` reads the records. Memory is bounded by the
//! number of codes, units, sources and years and by samples of values, never by the number of
//! events or subjects.
//!
//! ```text
//! Timelines -> Collector -> Report { counts, units, faults, population, findings }
//!                           Report + Report -> Comparison { changes, the largest first }
//! ```
//!
//! A report holds counts, quantiles and codes, no identifier and no single value of a patient;
//! small counts in it can still tell of few people, and whoever shows it outside hides them.
#![forbid(unsafe_code)]

mod calendar;
mod collect;
mod compare;
mod findings;
mod finish;
mod groups;
mod mixups;
mod options;
mod order;
mod population;
mod report;
mod who;

pub use collect::Collector;
pub use compare::{Change, ChangeKind, Comparison, compare};
pub use options::Options;
pub use population::{Distribution, Population, psi, total_variation};
pub use report::{
    CodeRow, Counts, Fault, Finding, FindingKind, Gap, LabelRow, MixUp, Report, Severity,
    SourceRow, SystemRow, UnitRow, YearRow,
};
pub use who::{SubjectCounts, subject_counts};
