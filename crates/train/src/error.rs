//! Everything that can go wrong in training. No message holds a patient's value.

use longitude_core::{Digest, SubjectId};
use std::fmt;
use std::path::PathBuf;

/// Some subjects by their pseudonyms: the first of them and the number of all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subjects {
    /// At most [`Subjects::NAMED`] pseudonyms, ascending.
    pub named: Vec<SubjectId>,
    /// How many there are.
    pub count: usize,
}

impl Subjects {
    /// The most pseudonyms that a message names.
    pub const NAMED: usize = 20;
}

impl fmt::Display for Subjects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named: Vec<String> = self.named.iter().map(ToString::to_string).collect();
        write!(f, "{} subjects ({}", self.count, named.join(", "))?;
        f.write_str(if self.count > named.len() {
            ", ..)"
        } else {
            ")"
        })
    }
}

/// An operation of this crate that failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No training subject has an event after its entry.
    #[error("there is nothing to train on: no training subject has an event after its entry")]
    NoTargets,
    /// An option makes no sense.
    #[error("the training option `{option}` must be {must}")]
    Option {
        /// The option.
        option: &'static str,
        /// What it must be.
        must: &'static str,
    },
    /// The model's shape was made for another vocabulary.
    #[error("the model's configuration does not fit the vocabulary: `{what}` differs")]
    Shape {
        /// Which number.
        what: &'static str,
    },
    /// The loss, a gradient or a weight is not finite.
    #[error(
        "step {step}: `{tensor}` is no longer finite, on a batch of {subjects}; the last \
         checkpoint is kept: resume it with a lower learning rate"
    )]
    NotFinite {
        /// The step, counted from 0.
        step: u64,
        /// The first tensor at fault, or the part of the loss.
        tensor: String,
        /// Whose records are in the batch.
        subjects: Subjects,
    },
    /// A fresh training was asked for where checkpoints of another lie.
    #[error("{path} holds checkpoints already: resume them, or choose another folder")]
    CheckpointsExist {
        /// The folder.
        path: PathBuf,
    },
    /// There is nothing to resume.
    #[error("{path} holds no whole checkpoint to resume from")]
    NoCheckpoint {
        /// The folder.
        path: PathBuf,
    },
    /// A checkpoint that belongs to another training.
    #[error("the checkpoint was made with other {what} ({found}), not with these ({expected})")]
    Mismatch {
        /// `options`, `vocabulary` or `data`.
        what: &'static str,
        /// The digest of what the caller gave.
        expected: Digest,
        /// The digest in the checkpoint.
        found: Digest,
    },
    /// A checkpoint that is cut short or altered.
    #[error("the checkpoint {path} cannot be used: {what}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// The thread that builds batches could not be started.
    #[error("starting the loader's thread failed")]
    Thread {
        /// Why.
        source: std::io::Error,
    },
    /// A file could not be read or written.
    #[error("{action} {path} failed")]
    File {
        /// `reading`, `writing` and so on.
        action: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Another rank of a data-parallel training cannot be reached.
    #[error("the ranks of the training lost each other: {reason}")]
    Reduce {
        /// What the communication library says.
        reason: String,
    },
    /// The ranks of a data-parallel training were not given the same, or came apart.
    #[error("the ranks do not do the same work: {what}")]
    RanksDiffer {
        /// Which options or digests, and what each rank has.
        what: String,
    },
    /// An adapter that is cut short, altered, or not one.
    #[error("the adapter {path} cannot be used: {what}")]
    Adapter {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// An adapter that was trained beside another base model or vocabulary.
    #[error("the adapter belongs to {what} {found}, not to {expected}")]
    AdapterOf {
        /// `base model` or `vocabulary`.
        what: &'static str,
        /// The digest of what the caller gave.
        expected: Digest,
        /// The digest in the adapter.
        found: Digest,
    },
    /// A state that cannot be written as JSON.
    #[error("the training state cannot be written as JSON")]
    Json(#[source] serde_json::Error),
    /// The model refused.
    #[error("the model cannot take the step")]
    Model(#[from] longitude_model::Error),
    /// The vocabulary refused.
    #[error("the vocabulary cannot be used")]
    Vocabulary(#[from] longitude_tokens::Error),
}

/// What the operations of this crate return.
pub type Result<T, E = Error> = std::result::Result<T, E>;
