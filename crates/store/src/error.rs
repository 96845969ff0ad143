//! What can fail when a data set is written or read. No message holds a patient's value.

use std::io;
use std::path::{Path, PathBuf};

/// The result of this crate's operations.
pub type Result<T> = std::result::Result<T, Error>;

/// An operation on a data set that failed, with the file that it failed on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is a data set, or something else, where a new one should be written.
    #[error("{} exists already; name another folder, or ask for it to be replaced", .0.display())]
    Exists(PathBuf),
    /// The folder holds no MEDS data set.
    #[error("{} holds no MEDS data: expected data/**/*.parquet below it", .0.display())]
    NotADataset(PathBuf),
    /// A file or folder could not be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file or folder could not be written. Nothing stands at the final place.
    #[error("cannot write {}", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A Parquet file could not be decoded.
    #[error("cannot decode {}", path.display())]
    Decode {
        /// Which.
        path: PathBuf,
        /// Why.
        source: parquet::errors::ParquetError,
    },
    /// A Parquet file could not be encoded or written. Nothing stands at the final place.
    #[error("cannot write {}", path.display())]
    Encode {
        /// Which.
        path: PathBuf,
        /// Why.
        source: parquet::errors::ParquetError,
    },
    /// A column is absent or has a type that cannot be read as MEDS's.
    #[error("{}: column `{column}` is not {expected}", path.display())]
    Column {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
        /// What it should be.
        expected: &'static str,
    },
    /// A required value is absent.
    #[error("{}: row {row} has no `{column}`; give it one, or leave the row out", path.display())]
    Null {
        /// The file.
        path: PathBuf,
        /// The row, from 1.
        row: usize,
        /// The column.
        column: &'static str,
    },
    /// A JSON file could not be read as what it should be.
    #[error("{} is not valid dataset metadata", path.display())]
    Json {
        /// Which.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// A temporary file came back from the disk otherwise than it was written.
    #[error("temporary file {} is damaged at byte {offset}", path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
        /// Where its block starts.
        offset: u64,
    },
}

impl Error {
    /// For `map_err` on reading.
    pub(crate) fn read(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        |source| Self::Read {
            path: path.to_owned(),
            source,
        }
    }

    /// For `map_err` on writing.
    pub(crate) fn write(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        |source| Self::Write {
            path: path.to_owned(),
            source,
        }
    }

    /// For `map_err` on decoding.
    pub(crate) fn decode(path: &Path) -> impl FnOnce(parquet::errors::ParquetError) -> Self + '_ {
        |source| Self::Decode {
            path: path.to_owned(),
            source,
        }
    }

    /// For `map_err` on encoding.
    pub(crate) fn encode(path: &Path) -> impl FnOnce(parquet::errors::ParquetError) -> Self + '_ {
        |source| Self::Encode {
            path: path.to_owned(),
            source,
        }
    }

    /// A column that cannot be read.
    pub(crate) fn column(path: &Path, column: &str, expected: &'static str) -> Self {
        Self::Column {
            path: path.to_owned(),
            column: column.to_owned(),
            expected,
        }
    }
}
