//! What follows from the evidence of a monitoring: whether a task may be answered, in all and at
//! each site or for each group.
//!
//! ```text
//!           watch, alarm           alarm that suspends, or a person
//! healthy --------------> watch --------------------------------------> suspended
//!    ^ one person            | ^                two people                   |
//!    +-----------------------+ +--------------------------------------------+
//! ```
//!
//! The state is a pure function of the state before and of what occurred ([`Health::after`]). Only
//! people lead back, by name and with a reason: evidence that has become quiet says that nothing
//! new was found, not that the fault was mended. Every change leaves a leaf in the run's ledger
//! with a commitment to its record in `monitor/<id>.json`, where the names and reasons stand.

mod book;
mod state;

pub(crate) use book::leaf_of;
pub use book::{
    Approved, MonitorBook, MonitorRecord, Part, RecordId, Recorded, Seen, Standing, standing,
};
pub use state::{Decision, Evidence, Health, Occurrence};
