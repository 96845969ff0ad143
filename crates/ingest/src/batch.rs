//! What became of one piece of a file, in the one form that every format's reader hands to the
//! account: rows with their events, warnings and identifiers, or with the issue they became. It
//! depends on nothing but the piece, so that pieces may be mapped in any order and by anybody.

use crate::person::Told;
use longitude_core::{Digest, Event, Instant, IssueKind, SubjectId};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// What is the matter with a row or a part of it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Note {
    pub(crate) kind: IssueKind,
    /// The place inside the record.
    pub(crate) element: Cow<'static, str>,
    /// Under what it is counted.
    pub(crate) detail: Cow<'static, str>,
}

impl Note {
    /// A note about an element, counted under the element's path.
    pub(crate) fn at(kind: IssueKind, element: impl Into<Cow<'static, str>>) -> Self {
        let element = element.into();
        Self {
            kind,
            detail: element.clone(),
            element,
        }
    }

    /// A note counted under a detail of its own.
    pub(crate) fn new(
        kind: IssueKind,
        element: impl Into<Cow<'static, str>>,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            kind,
            element: element.into(),
            detail: detail.into(),
        }
    }
}

impl Note {
    /// A file that the system refuses.
    pub(crate) fn unopened() -> Self {
        Self::new(IssueKind::UnreadableFile, "", "cannot be opened")
    }
}

/// What became of one row.
#[derive(Serialize, Deserialize)]
pub(crate) struct Outcome {
    pub(crate) row: u64,
    /// The type of the record: a resource type, a table, a segment.
    pub(crate) kind: Cow<'static, str>,
    /// The hash of type and identifier, or 0 where the record has none.
    pub(crate) key: u64,
    /// How many of the batch's events are this row's.
    pub(crate) events: usize,
    /// How many of the batch's warnings are this row's.
    pub(crate) warnings: usize,
    /// How many of the batch's identifiers are this row's.
    pub(crate) identifiers: usize,
    pub(crate) other_codings: u64,
    pub(crate) issue: Option<Note>,
}

/// What became of one piece of a file.
#[derive(Default)]
pub(crate) struct Batch {
    pub(crate) rows: Vec<Outcome>,
    pub(crate) events: Vec<(SubjectId, Event)>,
    pub(crate) warnings: Vec<Note>,
    /// What identifies persons, with the subject in whose record it may stand (`None`: any).
    pub(crate) identifiers: Vec<(Option<SubjectId>, String)>,
    /// Persons and links, each with the place in `rows` of the row that tells it, in that order.
    pub(crate) told: Vec<(usize, Told)>,
    /// Matters of the file, each with the row near it.
    pub(crate) file_issues: Vec<(u64, Note)>,
    /// The file as stored, once it has been read to its end.
    pub(crate) stored: Option<(Digest, u64)>,
    pub(crate) export_time: Option<Instant>,
    /// Rows that speak another release of the format than the one expected, by release and element.
    pub(crate) other_releases: BTreeMap<Cow<'static, str>, u64>,
    /// Values brought into their analyte's canonical unit, by conversion.
    pub(crate) conversions: BTreeMap<String, u64>,
}
