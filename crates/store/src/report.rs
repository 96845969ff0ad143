//! The account of what a data set's rows became.

use crate::columns::COLUMNS;
use crate::decode::{DataFile, integers};
use crate::error::{Error, Result};
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
    /// Columns that are not read, with the number of files that have them.
    pub columns_unknown: BTreeMap<String, u64>,
}

/// Reads the columns that a row cannot do without.
pub(crate) fn read_report<'a>(files: impl Iterator<Item = &'a DataFile>) -> Result<ReadReport> {
    let mut report = ReadReport::default();
    for file in files {
        for field in file.stated.fields() {
            if COLUMNS.iter().all(|column| column.name != field.name()) {
                *report
                    .columns_unknown
                    .entry(field.name().clone())
                    .or_default() += 1;
            }
        }
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
                report.count(&file.name, row, missing);
            }
        }
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
