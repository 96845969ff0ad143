//! What a model may be used for, task by task and site by site, and who decided it.
//!
//! ```text
//! research -> silent_trial -> limited -> released        each step by two people, by a gate
//!     any of these -> suspended                          by one person, at once
//!     suspended -> the stage before it, or a lower one   by two people
//!     any -> a lower one; any -> withdrawn (for good)    by one safety officer
//! ```
//!
//! A stage holds only while its approval has not expired, somebody answers for the task, and his
//! last drill is recent; else the task is back in research mode, whatever was approved.

mod book;
mod gate;
mod stage;

pub use book::{
    Approval, Drill, Given, Release, ReleaseBook, ReleaseRecord, ReleaseRecordId, Scope, Signed,
    releases,
};
pub(crate) use book::{Committed, leaf_of, read};
pub use gate::{Boundary, Criterion, Dossier, Judged, Limit, Owner, Position};
pub use stage::{Act, Stage};
