//! The nouns of clinical trajectories, in the order of the data's way.
//!
//! This crate is what every other crate speaks: identifiers, time, codes, events, timelines,
//! tasks, trajectories, predictions, issues and receipts. It is not a place for logic of any one
//! step, and it opens no file, reads no clock and knows no environment.
//!
//! ```text
//! Record -> Event -> Timeline -> Tokens -> Trajectory -> Prediction
//!              \-> Issue             every arrow -> Receipt
//! ```
#![forbid(unsafe_code)]

mod code;
mod event;
mod id;
mod issue;
mod prediction;
mod receipt;
mod sketch;
mod split;
pub mod systems;
mod task;
mod time;
mod timeline;
mod trajectory;

pub use code::Code;
pub use event::{AsWritten, Comparator, Event, Origin};
pub use id::{EncounterId, SubjectId};
pub use issue::{Issue, IssueCounts, IssueKind, Location, RowCounts};
pub use prediction::{
    Abstention, CalibrationInterval, Evidence, EvidenceSource, MonteCarlo, PooledAnswer,
    Prediction, Probability, ProbabilityError,
};
pub use receipt::{Digest, DigestError, DigestWriter, NamedDigest, Receipt};
pub use sketch::Sketch;
pub use split::Split;
pub use task::{CodeMatch, Label, Predicate, Task};
pub use time::{Days, Instant, Precision, TimeError};
pub use timeline::{Observation, ObservationSource, Timeline};
pub use trajectory::{SampledEvent, StopReason, Trajectory};
