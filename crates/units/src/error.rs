//! The errors of this crate. None holds a value of a patient.

/// What can go wrong with a table of analytes.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The text is no TOML, or has a field that the table does not have.
    #[error("the table of analytes cannot be read")]
    Table(#[from] toml::de::Error),
    /// An entry contradicts itself.
    #[error("analyte `{name}`: {fault}")]
    Entry {
        /// The entry's name.
        name: String,
        /// What is the matter with it.
        fault: String,
    },
}

/// A result of this crate.
pub type Result<T> = std::result::Result<T, Error>;
