//! Timelines as tokens: the vocabulary, the value bins and the alignment of tokens with events.
//!
//! One event is one token: the identifier of its code, the bin of its value and its time. The
//! vocabulary is fitted on training timelines alone, in one pass and bounded memory, and everything
//! that reads or writes tokens names it by its digest. Not here: the model that predicts tokens,
//! and any file (the vocabulary becomes JSON, the shell writes it).
//!
//! ```text
//! Deidentified<Timeline> --observe--> VocabularyBuilder --finish--> Vocabulary
//!               Timeline --encode(&Vocabulary)--> Tokens --event[i]--> Timeline.events()[i]
//! ```
#![forbid(unsafe_code)]

mod bins;
mod builder;
mod density;
mod encode;
mod hierarchy;
mod span;
mod vocabulary;
mod waits;

pub use bins::{BIN_VALUES_MIN, Bin, Bins, NORMALISED_MAX, OUTSIDE_SHARE};
pub use builder::{VocabularyBuilder, VocabularyOptions};
pub use density::Density;
pub use encode::{
    AGE_DAYS_MAX, AGE_UNKNOWN_DAYS, Next, Scored, Token, Tokens, age_days, encode, encode_history,
    lead_kept,
};
pub use hierarchy::{Hierarchy, ancestors, parent};
pub use vocabulary::{FitReport, Marginals, PAD, UNKNOWN, Vocabulary, WaitMarginal};

/// What can go wrong with a vocabulary.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There was nothing to fit on.
    #[error("no training timeline was observed, so no vocabulary can be fitted")]
    NothingObserved,
    /// An option makes no sense.
    #[error("the vocabulary option `{option}` must be {must}")]
    Option {
        /// The option.
        option: &'static str,
        /// What it must be.
        must: &'static str,
    },
    /// The vocabulary's JSON cannot be read.
    #[error("the vocabulary cannot be read from JSON")]
    Read(#[source] serde_json::Error),
    /// The vocabulary cannot be written as JSON.
    #[error("the vocabulary cannot be written as JSON")]
    Write(#[source] serde_json::Error),
    /// The JSON is a vocabulary that breaks its own rules.
    #[error("the vocabulary is damaged: {what}")]
    Damaged {
        /// Which rule is broken.
        what: &'static str,
    },
}

/// This crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;
