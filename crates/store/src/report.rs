//! The account of what a data set's rows became.

use crate::decode::{DataFile, integers};
use crate::error::{Error, Result};
use crate::foreign;
use arrow_array::Array;
use longitude_core::{Issue, IssueCounts, IssueKind, Location, RowCounts};
use std::collections::BTreeMap;

/// Issues kept in full for each kind; all are counted.
const ISSUES_MAX: u64 = 100;

/// The account of what a data set's rows became: every row is an event or an issue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadReport {
    /// How many rows came in and what became of them.
    pub rows: RowCounts,
    /// Issues by kind.
    pub counts: IssueCounts,
    /// The first issues of each kind, with their places.
    pub issues: Vec<Issue>,
    /// The same file by file, in the order of names, with their issues by kind.
    pub files: Vec<(String, RowCounts, BTreeMap<IssueKind, u64>)>,
    /// Columns that are not read, with the number of files that have them. Scalar columns beyond
    /// MEDS's are kept as JSON and do not stand here.
    pub columns_unknown: BTreeMap<String, u64>,
}

/// Reads the columns that a row cannot do without.
pub(crate) fn read_report<'a>(files: impl Iterator<Item = &'a DataFile>) -> Result<ReadReport> {
    let mut report = ReadReport::default();
    for file in files {
        for name in foreign::not_kept(&file.stated) {
            *report.columns_unknown.entry(name).or_default() += 1;
        }
        let before = report.rows;
        let mut kinds = BTreeMap::new();
        let mut row = 0;
        for batch in file.read(&["subject_id", "code"], None)? {
            let batch = batch.map_err(|e| Error::decode(&file.path)(e.into()))?;
            let subjects = integers(&file.path, &batch, "subject_id")?;
            let codes = batch.column_by_name("code");
            let codes = codes.ok_or_else(|| Error::column(&file.path, "code", "there"))?;
            for at in 0..batch.num_rows() {
                row += 1;
                let missing = if subjects.is_null(at) {
                    Some((IssueKind::MissingSubject, "subject_id"))
                } else if codes.is_null(at) {
                    Some((IssueKind::MissingCode, "code"))
                } else {
                    None
                };
                if let Some((kind, _)) = missing {
                    *kinds.entry(kind).or_default() += 1;
                }
                report.count(&file.name, row, missing);
            }
        }
        let own = RowCounts {
            rows_read: report.rows.rows_read - before.rows_read,
            rows_mapped: report.rows.rows_mapped - before.rows_mapped,
            rows_with_issue: report.rows.rows_with_issue - before.rows_with_issue,
            events: report.rows.events - before.events,
        };
        report.files.push((file.name.to_string(), own, kinds));
    }
    Ok(report)
}

impl ReadReport {
    fn count(&mut self, file: &str, row: u64, missing: Option<(IssueKind, &str)>) {
        self.rows.rows_read += 1;
        let Some((kind, column)) = missing else {
            self.rows.rows_mapped += 1;
            self.rows.events += 1;
            return;
        };
        self.rows.rows_with_issue += 1;
        let count = self.counts.entry((kind, column.to_owned())).or_default();
        *count += 1;
        if *count <= ISSUES_MAX {
            self.issues.push(Issue {
                kind,
                location: Location {
                    file: file.to_owned(),
                    row,
                    element: column.to_owned(),
                },
                detail: String::new(),
            });
        }
    }
}
