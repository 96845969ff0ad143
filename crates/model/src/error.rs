//! Everything that can go wrong here. No message holds a patient's value: batches are named by
//! position, weights by their name.

use std::path::PathBuf;

/// An operation of this crate that failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The shape of a model cannot be built.
    #[error("the model's configuration is impossible: {0}")]
    Config(String),
    /// A batch that the model cannot take.
    #[error("the batch is invalid at position {position}: {reason}")]
    Batch {
        /// The first position at fault.
        position: usize,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A batch, or one of its segments, larger than the workspace.
    #[error("a batch or segment has {positions} positions, the workspace takes {positions_max}")]
    Workspace {
        /// Positions of the batch or segment.
        positions: usize,
        /// Positions that the workspace can take of it.
        positions_max: usize,
    },
    /// More rows or steps than a decoder was made for.
    #[error("row {row} of the decoder is full or absent")]
    Rows {
        /// The row at fault.
        row: usize,
    },
    /// A thread pool could not be started.
    #[error("starting {threads} threads failed")]
    Threads {
        /// How many were wanted.
        threads: usize,
        /// Why.
        source: rayon::ThreadPoolBuildError,
    },
    /// A file could not be read or written.
    #[error("{action} {path} failed")]
    File {
        /// `reading` or `writing`.
        action: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A checkpoint that is cut short, altered or not ours.
    #[error("the checkpoint {path} cannot be used: {reason}")]
    Checkpoint {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A checkpoint that was trained with another vocabulary.
    #[error("the checkpoint belongs to vocabulary {found}, not to {expected}")]
    Vocabulary {
        /// The digest that the caller holds.
        expected: String,
        /// The digest in the checkpoint.
        found: String,
    },
    /// Serialised optimiser state that does not fit the model.
    #[error("the optimiser's state cannot be used: {0}")]
    Optimiser(String),
}

/// What the operations of this crate return.
pub type Result<T> = std::result::Result<T, Error>;
