//! The task language: which subjects are asked about, when, and what the answer was.
//!
//! It reads the YAML of ACES unchanged. In [`Mode::Aces`] it gives the rows of es-aces 0.7.3, its
//! odd meanings included; in [`Mode::Strict`] it gives the repaired meanings and the further
//! labels of docs/tasks.md. It is not a reader of data sets: rows are handed in, one after the
//! other, and labels come out subject by subject.
//!
//! ```text
//! YAML --compile--> Program --Labeller, one a shard--> rows in --> samples, warnings, reasons
//! ```
#![forbid(unsafe_code)]

mod ask;
mod boundary;
mod compile;
mod document;
mod duration;
mod error;
mod explain;
mod expression;
mod labeller;
mod matcher;
mod names;
mod outcome;
mod predicate;
mod program;
mod question;
mod realise;
mod record;
mod tally;
mod warning;
mod yaml;

pub use boundary::Side;
pub use compile::compile;
pub use document::Source;
pub use error::{Error, Result, meant};
pub use explain::Explanation;
pub use labeller::{Asked, Context, Labeller, Labels, Row, Sample, Scattered};
pub use names::{ANY_EVENT, RECORD_END, RECORD_START};
pub use program::{Mode, Ontology, Program};
pub use question::{Counts, Indirect, Question, ValueRange};
pub use record::{Cell, Number};
pub use tally::Tally;
pub use warning::Warning;
pub use yaml::Place;
