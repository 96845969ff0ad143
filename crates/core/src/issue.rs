//! A finding about data. Bad data is data, not an error: a row that makes no event makes an issue.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// What is the matter with a row. Each kind has one sentence that says what happened and one that
/// says how to mend it, so that reports and documentation render from one list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IssueKind {
    /// The line or file is not JSON.
    InvalidJson,
    /// The bytes are not UTF-8.
    InvalidEncoding,
    /// The compressed file ends before its end.
    TruncatedFile,
    /// A resource type that carries no event.
    NotClinical,
    /// A resource type or element that should carry events but is not mapped.
    NotSupported,
    /// The record says it was entered in error or did not happen.
    NotDone,
    /// No `resourceType`, or one that does not exist.
    UnknownResourceType,
    /// The record does not say whose it is.
    MissingSubject,
    /// The record points to a record that the source does not hold.
    MissingReference,
    /// The record has no code.
    MissingCode,
    /// The record has no time, and none can be found through its encounter.
    MissingTime,
    /// A date or time that the calendar does not have.
    InvalidTime,
    /// A number that cannot be read as one.
    InvalidNumber,
    /// A unit that UCUM does not know; the unit is kept as written.
    UnknownUnit,
    /// A unit that does not fit what is measured; it is kept as written.
    UnitMisfit,
    /// A second record with the identifier of an earlier one.
    DuplicateRecord,
    /// A field has a type that the format does not allow.
    InvalidField,
    /// The file cannot be read.
    UnreadableFile,
    /// A row has more or fewer fields than the header, or quotes that do not close.
    InvalidRow,
    /// The document is not well-formed XML.
    InvalidXml,
    /// A message or segment breaks the rules of HL7 v2.
    InvalidSegment,
    /// A table that the format knows is absent.
    MissingTable,
    /// A column that the mapping reads is absent.
    MissingColumn,
    /// A value that no living person has; it is kept and flagged.
    ImplausibleValue,
    /// The values of one unit look like those of another.
    UnitMixUp,
    /// A code that its code system does not have; it is kept as written.
    UnknownCode,
    /// A code that stands for nothing (`No matching concept`).
    UnmappedCode,
    /// An event before its subject's birth, after the death, or after the export.
    TimeOrder,
    /// A link between two records of persons that contradicts another.
    ConflictingLink,
    /// A row that the mapping leaves out on purpose.
    Filtered,
}

impl IssueKind {
    /// What happened and how to mend it, in one line without a patient's value.
    #[expect(clippy::too_many_lines, reason = "one list of all kinds")]
    pub fn explanation(self) -> (&'static str, &'static str) {
        match self {
            Self::InvalidJson => ("the line is not valid JSON", "export the file again"),
            Self::InvalidEncoding => ("the line is not UTF-8", "convert the file to UTF-8"),
            Self::TruncatedFile => (
                "the compressed file ends too early",
                "copy or export the file again",
            ),
            Self::NotClinical => (
                "the resource type carries no clinical event",
                "nothing to mend",
            ),
            Self::NotSupported => ("the content is not mapped yet", "map it, or leave it out"),
            Self::NotDone => ("the record says that it did not happen", "nothing to mend"),
            Self::UnknownResourceType => (
                "the resource type is unknown",
                "check that the file holds FHIR R4",
            ),
            Self::MissingSubject => ("the record names no subject", "export with the subject"),
            Self::MissingReference => (
                "the record points to one that is absent",
                "export the referenced type too",
            ),
            Self::MissingCode => ("the record has no code", "add a coding or a text"),
            Self::MissingTime => ("the record has no time", "add a time or an encounter"),
            Self::InvalidTime => (
                "the date or time does not exist",
                "correct it at the source",
            ),
            Self::InvalidNumber => ("the number cannot be read", "correct it at the source"),
            Self::UnknownUnit => (
                "the unit is not UCUM; it is kept as written",
                "use UCUM units",
            ),
            Self::UnitMisfit => (
                "the unit does not fit what is measured; it is kept as written",
                "check code and unit at the source",
            ),
            Self::DuplicateRecord => (
                "the identifier stands in an earlier record",
                "remove one of the two",
            ),
            Self::InvalidField => ("a field has the wrong type", "correct it at the source"),
            Self::UnreadableFile => ("the file cannot be read", "check its permissions"),
            Self::InvalidRow => (
                "the row does not have the header's fields, or a quote does not close",
                "check delimiter and quotes, and export the table again",
            ),
            Self::InvalidXml => ("the document is not well-formed XML", "export it again"),
            Self::InvalidSegment => (
                "the message breaks the rules of HL7 v2",
                "correct it at the sending system",
            ),
            Self::MissingTable => (
                "a table of the format is absent",
                "export it, or go on without its events",
            ),
            Self::MissingColumn => (
                "a column that the mapping reads is absent",
                "export it, or change the mapping",
            ),
            Self::ImplausibleValue => (
                "no living person has this value; it is kept and flagged",
                "check unit and value at the source",
            ),
            Self::UnitMixUp => (
                "the values look as if they were in another unit",
                "check the unit at the source",
            ),
            Self::UnknownCode => (
                "the code system does not have the code; it is kept as written",
                "check the system and its version",
            ),
            Self::UnmappedCode => (
                "the code stands for nothing",
                "map it, or export the source code too",
            ),
            Self::TimeOrder => (
                "the event stands before birth, after death or after the export",
                "check the time at the source",
            ),
            Self::ConflictingLink => (
                "two statements about who is who contradict each other",
                "decide it by hand and state it in the id map",
            ),
            Self::Filtered => (
                "the mapping leaves the row out on purpose",
                "nothing to mend",
            ),
        }
    }
}

impl fmt::Display for IssueKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = serde_json::to_value(self).ok();
        f.write_str(name.as_ref().and_then(|v| v.as_str()).unwrap_or("issue"))
    }
}

/// The place of a row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Location {
    /// The file, relative to the folder that was ingested.
    pub file: String,
    /// The 1-based line, row or bundle entry; 0 when the whole file is meant.
    pub row: u64,
    /// The element path, where one is to blame.
    pub element: String,
}

/// One finding at one place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issue {
    /// What is the matter.
    pub kind: IssueKind,
    /// Where.
    pub location: Location,
    /// More about it (a resource type, a field's name), never a patient's value.
    pub detail: String,
}

/// How many rows came in and what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowCounts {
    /// Rows read: lines of NDJSON, entries of bundles, rows of tables.
    pub rows_read: u64,
    /// Rows that became events, or that other rows were resolved through.
    pub rows_mapped: u64,
    /// Rows that became an issue instead.
    pub rows_with_issue: u64,
    /// Events made.
    pub events: u64,
}

impl std::ops::AddAssign for RowCounts {
    fn add_assign(&mut self, other: Self) {
        self.rows_read += other.rows_read;
        self.rows_mapped += other.rows_mapped;
        self.rows_with_issue += other.rows_with_issue;
        self.events += other.events;
    }
}

impl RowCounts {
    /// Whether every row is accounted for.
    pub fn balanced(&self) -> bool {
        self.rows_read == self.rows_mapped + self.rows_with_issue
    }
}

/// Issues counted by kind and detail.
pub type IssueCounts = BTreeMap<(IssueKind, String), u64>;
