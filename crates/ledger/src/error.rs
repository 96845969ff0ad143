//! What can go wrong in the log, by the operation that failed. No variant holds an entry's bytes.

use std::path::{Path, PathBuf};

/// The result of an operation on the log.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An operation on the log that failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file system refused.
    #[error("could not {operation} {path}")]
    File {
        /// What was tried, as a verb.
        operation: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Another process (or another handle) writes to this log.
    #[error("the log in {0} is in use by another process: wait for it or stop it")]
    InUse(PathBuf),
    /// An entry is longer than its 16-bit length can say.
    #[error("an entry of {0} bytes: a log entry holds at most 65,535")]
    EntryTooLong(usize),
    /// A group of entries would pass the end of the bundle that is not full.
    #[error("a group of {count} entries: the log takes at most {room} at once here")]
    GroupTooLarge {
        /// Entries given.
        count: usize,
        /// Entries that can be taken.
        room: usize,
    },
    /// The group that an entry was committed with was refused.
    #[error("the log did not take the entry with its group: {0}")]
    GroupRefused(String),
    /// The thread that writes the log has ended.
    #[error("the log's writer has ended, because {0}")]
    WriterEnded(String),
    /// A file of the log does not have the form that it must have.
    #[error("{path} is damaged: {what}")]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The checkpoint covers entries that are not there.
    #[error(
        "the log in {dir} was cut: its checkpoint covers {promised} entries, {found} are there"
    )]
    Truncated {
        /// The log's folder.
        dir: PathBuf,
        /// The checkpoint's size.
        promised: u64,
        /// Entries found.
        found: u64,
    },
    /// The log in this folder has another name.
    #[error("the log in {dir} is called `{found}`, not `{expected}`")]
    Origin {
        /// The log's folder.
        dir: PathBuf,
        /// The name asked for.
        expected: String,
        /// The name in the checkpoint.
        found: String,
    },
    /// A name that a signed note cannot carry.
    #[error("`{0}` cannot name a log: names have no spaces, plus signs or control characters")]
    Name(String),
    /// An index or size outside the log.
    #[error("no entry or tree at {asked}: the log holds {size} entries")]
    OutOfRange {
        /// The index or size asked for.
        asked: u64,
        /// The log's size.
        size: u64,
    },
    /// A key that is not one.
    #[error("not a log key: {0}")]
    Key(&'static str),
    /// A checkpoint that is not one, or not signed by the expected key.
    #[error("the checkpoint is refused: {0}")]
    Checkpoint(&'static str),
    /// A policy file that cannot be used.
    #[error("line {line} of the policy: {what}")]
    Policy {
        /// The line, from 1.
        line: usize,
        /// What is wrong and what was expected.
        what: String,
    },
    /// A proof that does not prove.
    #[error("the proof is refused: {0}")]
    Proof(&'static str),
}

impl Error {
    /// Names the file and the operation of an I/O error.
    pub(crate) fn file<'a>(
        operation: &'static str,
        path: &'a Path,
    ) -> impl FnOnce(std::io::Error) -> Self + 'a {
        move |source| Self::File {
            operation,
            path: path.to_owned(),
            source,
        }
    }

    pub(crate) fn damaged(path: &Path, what: impl Into<String>) -> Self {
        Self::Damaged {
            path: path.to_owned(),
            what: what.into(),
        }
    }
}
