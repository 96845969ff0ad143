//! Why a vocabulary's file is not read.

use std::io;
use std::path::PathBuf;

/// What is wrong with a file, where it stands, and the mend.
#[derive(Debug, thiserror::Error)]
pub enum SuppliedError {
    /// The file or folder cannot be opened or read; a gzip file may be cut off.
    #[error("{path} cannot be read: check that it is there, whole and readable")]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Nothing in the path is a vocabulary that is read.
    #[error(
        "{path} holds no vocabulary that is read: give a folder or file of OMOP Athena \
         (CONCEPT.csv), LOINC (Loinc.csv), RxNorm (RXNCONSO.RRF), ATC (columns atc_code and \
         atc_name) or PhecodeX (phecodeX_R_map.csv), unpacked or gzip"
    )]
    Unrecognised {
        /// The file or folder.
        path: PathBuf,
    },
    /// A file is named as one that is read and lacks a column of it.
    #[error("{path}, line 1: no column {column}: take the file as its publisher ships it")]
    MissingColumn {
        /// The file.
        path: PathBuf,
        /// The column's name.
        column: &'static str,
    },
    /// A file says nothing without another that was not given.
    #[error("{path} says nothing without {needed}: put both into one folder and give the folder")]
    MissingCompanion {
        /// The file.
        path: PathBuf,
        /// The other file's name.
        needed: &'static str,
    },
    /// A row has another number of fields than its table.
    #[error(
        "{path}, line {line}: {found} fields where {expected} belong: the file is cut off or was \
         written anew by a program; take it as its publisher ships it"
    )]
    Fields {
        /// The file.
        path: PathBuf,
        /// The line, the first being 1.
        line: u64,
        /// Fields that the row has.
        found: usize,
        /// Fields that it should have.
        expected: usize,
    },
    /// A number is none, or too large for its column.
    #[error("{path}, line {line}: {column} is no whole number of 32 bits: mend or remove the row")]
    Number {
        /// The file.
        path: PathBuf,
        /// The line.
        line: u64,
        /// The column's name.
        column: &'static str,
    },
    /// A row is not UTF-8.
    #[error(
        "{path}, line {line}: not UTF-8: convert the file, or take it as its publisher ships it"
    )]
    Encoding {
        /// The file.
        path: PathBuf,
        /// The line.
        line: u64,
    },
    /// A quote does not close, or closes inside a field.
    #[error("{path}, line {line}: a quote that does not close: write quotes in a field twice")]
    Quote {
        /// The file.
        path: PathBuf,
        /// The line on which the row begins.
        line: u64,
    },
    /// A row is longer than any vocabulary's.
    #[error(
        "{path}, line {line}: a row of more than 1 MiB: a quote does not close, or the file is no table"
    )]
    TooLong {
        /// The file.
        path: PathBuf,
        /// The line on which the row begins.
        line: u64,
    },
}
