//! What a caller may choose about ingest. Every field changes the output or the memory; none is
//! read from the environment.

use crate::clock::Clock;
use crate::mapped::MappingFile;
use serde::{Deserialize, Serialize};

/// Options of [`crate::ingest`]. `threads` never changes the events; the other fields may.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// Threads that parse and map; one more reads and unpacks. At least 1.
    pub threads: usize,
    /// Bytes of whole lines that one thread takes at a time.
    pub chunk_bytes_max: usize,
    /// The longest line that is read; a longer one becomes an issue.
    pub line_bytes_max: usize,
    /// The largest bundle or single-resource file (unpacked) that is read; a larger one becomes an
    /// issue. A bundle is held in memory whole, one of the largest size at a time; a Parquet file
    /// inside an archive too.
    pub bundle_bytes_max: usize,
    /// Records whose identifiers are remembered to find duplicates: up to 11 bytes each. Records
    /// beyond it are mapped unchecked and counted in the report.
    pub identifiers_max: usize,
    /// The clock that wrote times which say nothing of it: those of OMOP and of tables whose
    /// mapping says `naive`, and those of messages and documents that say nothing of it either.
    /// `None`: they are read as UTC; messages and documents warn of it. FHIR's times have offsets
    /// of their own.
    #[serde(default)]
    pub clock: Option<Clock>,
    /// When a record without a time of its own is taken to have been known.
    pub time_from_encounter: EncounterEdge,
    /// Whether FHIR's `meta.lastUpdated` counts as the time at which a record was written down,
    /// where no element of its own says so. Off where servers touch records for other reasons.
    pub recorded_from_meta: bool,
    /// Whether Claims make events. Off where their answers (ExplanationOfBenefit), which always do,
    /// would tell the same a second time.
    pub claims: bool,
    /// Whether values are brought into the unit that their analyte is kept in.
    pub units: Units,
    /// How tables of OMOP are read.
    pub omop: Omop,
    /// Mapping files for tables. With any given, the shipped ones are left aside.
    #[serde(default)]
    pub mappings: Vec<MappingFile>,
}

/// How tables of OMOP are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Omop {
    /// Which of a row's two concepts gives the event's code; the other stands in `as_written`.
    pub prefer: Prefer,
    /// Whether the tables of eras, which are derived from the others, make events too.
    pub eras: bool,
}

/// One of the two concepts of a row of OMOP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Prefer {
    /// The standard concept, which sites share (`condition_concept_id`).
    Standard,
    /// The source's own (`condition_source_concept_id`), which is finer.
    Source,
}

/// In which unit values are written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Units {
    /// As the source wrote them; impossible values are not flagged either.
    AsWritten,
    /// In the canonical unit of the analyte, where the table of `units` has it. The number and unit
    /// as written and the conversion stand on the event.
    Canonical,
    /// The same with a site's own table of analytes beside the shipped one: its text, in TOML.
    CanonicalWith(String),
}

/// Which end of an encounter dates the records that have no time of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EncounterEdge {
    /// The start. Discharge diagnoses then stand before the stay that they sum up, and a model
    /// that predicts within the stay has seen its outcome.
    Start,
    /// The end (the start of an encounter that has no end): the first moment at which such a record
    /// is sure to be known. MEDS's own mapping of MIMIC-IV dates discharge diagnoses so.
    End,
}

impl Options {
    /// The limits that keep ingest under 1 GiB on two cores, with records without a time dated by
    /// the end of their encounter.
    pub fn standard(threads: usize) -> Self {
        Self {
            threads,
            chunk_bytes_max: 256 << 10,
            line_bytes_max: 64 << 20,
            bundle_bytes_max: 256 << 20,
            identifiers_max: 24_000_000,
            clock: None,
            time_from_encounter: EncounterEdge::End,
            recorded_from_meta: false,
            claims: false,
            units: Units::Canonical,
            omop: Omop {
                prefer: Prefer::Standard,
                eras: false,
            },
            mappings: Vec::new(),
        }
    }
}
