//! The ways in which ingest as a whole can fail. Bad rows are not among them: they are issues.

use std::io;
use std::path::PathBuf;

/// An ingest that could not be done. No variant holds a patient's value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The path names nothing.
    #[error("{path} does not exist; check the path")]
    NotFound {
        /// The path given.
        path: PathBuf,
    },
    /// The path is there and cannot be opened.
    #[error("{path} cannot be read; check its permissions")]
    Unreadable {
        /// The path given.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A folder without a file.
    #[error("{path} holds no file; export the records into it first")]
    Empty {
        /// The path given.
        path: PathBuf,
    },
    /// Files, but none of a kind that is read.
    #[error(
        "{path} holds neither FHIR R4 (.ndjson, .jsonl or .json, plain or .gz), \
         nor OMOP (tables as .csv, .tsv or .parquet), nor C-CDA documents, \
         nor HL7 v2 messages, nor MEDS (data/**/*.parquet), \
         nor tables that a mapping is shipped for; \
         give --mapping FILE for other tables"
    )]
    Unrecognised {
        /// The path given.
        path: PathBuf,
    },
    /// Two of the paths hold files that would have one name in the origins of events.
    #[error("{path} has the name of another file; give folders of different names")]
    SameName {
        /// The second of the two.
        path: PathBuf,
    },
    /// The site's table of analytes cannot be used.
    #[error("the table of analytes given with the units cannot be used")]
    Units {
        /// What is the matter with it.
        source: longitude_units::Error,
    },
    /// A mapping file has faults, or names columns that the tables do not have.
    #[error("the mapping cannot be used")]
    Mapping {
        /// The faults, with line and column.
        #[from]
        source: crate::MappingError,
    },
    /// The sink refused an event or an issue.
    #[error("the events could not be stored")]
    Sink {
        /// What the sink said.
        source: io::Error,
    },
    /// The caller's stop flag was raised.
    #[error("ingest was stopped before its end; start it again to do the whole")]
    Stopped,
    /// A mapping panicked: a defect of this program, never of the data.
    #[error("the mapping of {file} failed; please report it as a defect")]
    Defect {
        /// The file, relative to the folder.
        file: String,
    },
}
