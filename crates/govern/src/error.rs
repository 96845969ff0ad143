//! What can go wrong in governing a run, by the operation that failed. No variant holds a
//! patient's value: narratives and subjects are never in a message.

use longitude_core::Digest;
use std::fmt;
use std::path::{Path, PathBuf};

/// The result of an operation of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An operation that failed.
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
    /// A file does not have the form that it must have.
    #[error("{path} cannot be used: {what}")]
    Form {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// A value could not be written as JSON.
    #[error("could not write {what} as JSON")]
    Json {
        /// What was written.
        what: &'static str,
        /// Why not.
        source: serde_json::Error,
    },
    /// The ledger refused.
    #[error("the ledger failed")]
    Ledger(#[from] longitude_ledger::Error),
    /// The operating system gave no random bytes.
    #[error("the operating system gave no random bytes")]
    Random(getrandom::Error),
    /// The institution's folder is there already: keys are never overwritten.
    #[error("{0} exists already: keys are never overwritten; choose another folder")]
    InstitutionExists(PathBuf),
    /// A private key can be read by others.
    #[error("{0} can be read by other users: run `chmod 600` on it, or make a new institution")]
    KeyExposed(PathBuf),
    /// A key is protected by a passphrase that was not given.
    #[error("the key of de-identification, epoch {0}, is locked by a passphrase")]
    Locked(u32),
    /// The passphrase does not open the key.
    #[error("the passphrase does not open {0}")]
    Passphrase(PathBuf),
    /// Shares of an escrow that make no key.
    #[error("the shares make no key: {0}")]
    Shares(String),
    /// A text that is neither a fingerprint nor a public key.
    #[error("not a key: {0}")]
    Key(String),
    /// A key that is there is not the one that was pinned.
    #[error("{path} holds the key {found}, but the trusted key is {trusted}")]
    OtherKey {
        /// The file with the key.
        path: PathBuf,
        /// Its fingerprint.
        found: Digest,
        /// The fingerprint that was pinned.
        trusted: Digest,
    },
    /// The run belongs to another institution.
    #[error("{path} was signed by another institution than {fingerprint}")]
    OtherInstitution {
        /// The file that was signed.
        path: PathBuf,
        /// The fingerprint of the institution that was asked to go on.
        fingerprint: Digest,
    },
    /// A signature does not fit what it is of.
    #[error("the signature of {path} is refused: {what}")]
    Signature {
        /// The signed file.
        path: PathBuf,
        /// Why.
        what: &'static str,
    },
    /// The model folder is not the one that was signed.
    #[error("the model in {dir} is not the one that was signed: {}", Fault::list(.faults))]
    Model {
        /// The model folder.
        dir: PathBuf,
        /// What differs.
        faults: Vec<Fault>,
    },
    /// There is no answer and no contest of this name.
    #[error("there is no answer and no contest {0}")]
    NoCase(String),
    /// A contest does not exist.
    #[error("there is no contest {0}")]
    NoContest(String),
    /// A step of the monitoring that its state does not allow, or that lacks what it needs.
    #[error("the step is refused: {0}")]
    Monitor(String),
    /// A person who cannot be enrolled so, or whose key does not count.
    #[error("{0}")]
    Person(String),
    /// A step of a release that its stage, its gate or its people do not allow.
    #[error("the release is refused: {0}")]
    Release(String),
    /// A contest cannot be filed so, or cannot make this step.
    #[error("the contest is refused: {0}")]
    Contest(String),
}

/// How one file of a folder differs from what was signed or receipted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The file has other bytes.
    Altered(String),
    /// The file is not there.
    Missing(String),
    /// The file is there and not on the list.
    Unlisted(String),
}

impl Fault {
    /// The file's name inside the folder.
    pub fn file(&self) -> &str {
        match self {
            Self::Altered(file) | Self::Missing(file) | Self::Unlisted(file) => file,
        }
    }

    fn list(faults: &[Self]) -> String {
        let shown: Vec<String> = faults.iter().take(5).map(ToString::to_string).collect();
        match faults.len().saturating_sub(5) {
            0 => shown.join(", "),
            more => format!("{} and {more} more", shown.join(", ")),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Altered(file) => write!(f, "{file} was altered"),
            Self::Missing(file) => write!(f, "{file} is missing"),
            Self::Unlisted(file) => write!(f, "{file} does not belong to it"),
        }
    }
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

    /// The message with its causes in one line.
    pub(crate) fn told(&self) -> String {
        let mut text = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            text = format!("{text}: {cause}");
            source = cause.source();
        }
        text
    }

    pub(crate) fn form(path: &Path, what: impl Into<String>) -> Self {
        Self::Form {
            path: path.to_owned(),
            what: what.into(),
        }
    }

    pub(crate) fn json(what: &'static str) -> impl FnOnce(serde_json::Error) -> Self {
        move |source| Self::Json { what, source }
    }
}
