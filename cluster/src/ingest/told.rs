//! The account as it is printed: the counts that `longitude ingest --json` prints too, and the
//! whole report.

use longitude_core::IssueKind;
use longitude_ingest::{Report, by_kind};
use serde::Serialize;
use std::collections::BTreeMap;

/// What came in, what did not, and why.
#[derive(Debug, Serialize)]
pub(crate) struct Told {
    rows_read: u64,
    rows_mapped: u64,
    rows_with_issue: u64,
    events: u64,
    subjects: u64,
    issues_by_kind: BTreeMap<IssueKind, u64>,
    warnings_by_kind: BTreeMap<IssueKind, u64>,
    details: Report,
}

impl Told {
    pub(crate) fn new(details: Report, subjects: u64) -> Self {
        let counts = details.counts;
        Self {
            rows_read: counts.rows_read,
            rows_mapped: counts.rows_mapped,
            rows_with_issue: counts.rows_with_issue,
            events: counts.events,
            subjects,
            issues_by_kind: by_kind(&details.issues),
            warnings_by_kind: by_kind(&details.warnings),
            details,
        }
    }

    /// For a person.
    pub(crate) fn to_text(&self) -> String {
        let mut text = format!(
            "{} rows read = {} mapped + {} with an issue\n{} events of {} subjects\n",
            self.rows_read, self.rows_mapped, self.rows_with_issue, self.events, self.subjects
        );
        for (kind, count) in &self.issues_by_kind {
            let (what, mend) = kind.explanation();
            text.push_str(&format!("{count:>10}  {kind}: {what}; {mend}\n"));
        }
        text
    }
}
