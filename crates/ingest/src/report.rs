//! The account of an ingest: how many rows came in, what became of them and why, file by file.

use crate::detect::Format;
use longitude_core::{Digest, Instant, IssueKind, Location, RowCounts};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Distinct findings kept apart; the rest of a kind is counted under [`REST`]. Bounds the memory
/// where a source writes a different unit on every row.
const FINDINGS_MAX: usize = 2_000;
const REST: &str = "(others)";
const EXAMPLES_MAX: usize = 3;

/// Issues or warnings of one kind and detail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What is the matter.
    pub kind: IssueKind,
    /// About what: a resource type, an element path, a unit; never a patient's value.
    pub detail: String,
    /// How many.
    pub count: u64,
    /// The first three places.
    pub examples: Vec<Location>,
}

/// The account of one file. Those of all files add up to the whole [`Report`], so that a file that
/// did not change need not be read again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileReport {
    /// Its name, relative to the folder that was ingested.
    pub file: String,
    /// Its format.
    pub format: Format,
    /// Its size as stored.
    pub bytes: u64,
    /// The SHA-256 of its bytes as stored, taken while reading; none where it cannot be opened.
    pub digest: Option<Digest>,
    /// What became of its rows.
    pub counts: RowCounts,
    /// The same by type of record.
    pub by_type: BTreeMap<String, RowCounts>,
    /// Why rows made no event, and what was the matter with the file itself (row 0).
    pub issues: Vec<Finding>,
    /// What was noted about rows that were mapped.
    pub warnings: Vec<Finding>,
    /// The issues that concern the file or a part of it and no row.
    pub file_issues: u64,
    /// Mapped rows that made no event.
    pub reference_rows: u64,
    /// References to records that the source does not hold.
    pub unresolved_references: u64,
    /// Codings left aside because another of the same concept was preferred.
    pub other_codings: u64,
    /// Rows that speak another release of the format than the one expected, by release and element
    /// (`FHIR R5: Encounter.actualPeriod`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub other_releases: BTreeMap<String, u64>,
    /// Values brought into the canonical unit of their analyte, by conversion; those of rows that
    /// were passed over as duplicates among them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub conversions: BTreeMap<String, u64>,
    /// The time of the export, where the file states it.
    pub export_time: Option<Instant>,
}

impl FileReport {
    /// The account of a file before its first row.
    pub fn new(file: &str, format: Format) -> Self {
        Self {
            file: file.to_owned(),
            format,
            bytes: 0,
            digest: None,
            counts: RowCounts::default(),
            by_type: BTreeMap::new(),
            issues: Vec::new(),
            warnings: Vec::new(),
            file_issues: 0,
            reference_rows: 0,
            unresolved_references: 0,
            other_codings: 0,
            other_releases: BTreeMap::new(),
            conversions: BTreeMap::new(),
            export_time: None,
        }
    }
}

/// How often each kind stands in a list of findings.
pub fn by_kind(findings: &[Finding]) -> BTreeMap<IssueKind, u64> {
    let mut kinds = BTreeMap::new();
    for finding in findings {
        *kinds.entry(finding.kind).or_default() += finding.count;
    }
    kinds
}

/// The account of one ingest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// All rows; `rows_read == rows_mapped + rows_with_issue`.
    pub counts: RowCounts,
    /// The same by type of record (FHIR resource, table, segment, section); rows whose type cannot
    /// be told stand under `unknown`.
    pub by_type: BTreeMap<String, RowCounts>,
    /// Why rows made no event, and what was the matter with whole files (row 0).
    pub issues: Vec<Finding>,
    /// What was noted about rows that were mapped.
    pub warnings: Vec<Finding>,
    /// The issues that concern a file or a part of it and no row:
    /// the counts of `issues` sum to `rows_with_issue + file_issues`.
    pub file_issues: u64,
    /// The files read, by name.
    pub files: Vec<FileReport>,
    /// The files left alone because no format claims them.
    pub files_ignored: Vec<String>,
    /// Distinct subjects with at least one event.
    pub subjects: u64,
    /// Mapped rows that made no event and were there for others to resolve through (Medication).
    pub reference_rows: u64,
    /// References to records that the source does not hold.
    pub unresolved_references: u64,
    /// Codings left aside because another of the same concept was preferred.
    pub other_codings: u64,
    /// Rows mapped without a check for duplicates, once `identifiers_max` was reached.
    pub duplicates_unchecked: u64,
    /// Rows that speak another release of the format than the one expected, by release and element
    /// (`FHIR R5: Encounter.actualPeriod`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub other_releases: BTreeMap<String, u64>,
    /// Values brought into the canonical unit of their analyte, by conversion.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub conversions: BTreeMap<String, u64>,
    /// The time of the export, where a manifest, a bundle or an export log states it.
    pub export_time: Option<Instant>,
}

impl Report {
    /// The sum of the accounts of files, in their order. What no file knows (subjects, files left
    /// alone) is empty.
    pub fn of_files(files: Vec<FileReport>) -> Self {
        let mut whole = Self::default();
        let (mut issues, mut warnings) = (Tally::default(), Tally::default());
        for file in &files {
            whole.counts += file.counts;
            for (kind, counts) in &file.by_type {
                *whole.by_type.entry(kind.clone()).or_default() += *counts;
            }
            issues.add_all(&file.issues);
            warnings.add_all(&file.warnings);
            whole.file_issues += file.file_issues;
            whole.reference_rows += file.reference_rows;
            whole.unresolved_references += file.unresolved_references;
            whole.other_codings += file.other_codings;
            whole.export_time = whole.export_time.max(file.export_time);
            for (element, count) in &file.other_releases {
                *whole.other_releases.entry(element.clone()).or_default() += count;
            }
            for (conversion, count) in &file.conversions {
                *whole.conversions.entry(conversion.clone()).or_default() += count;
            }
        }
        whole.issues = issues.finish();
        whole.warnings = warnings.finish();
        whole.files = files;
        whole
    }

    /// Whether every row is accounted for, in the whole and in every type.
    pub fn balanced(&self) -> bool {
        let counted: u64 = self.issues.iter().map(|finding| finding.count).sum();
        let sum = |field: fn(&RowCounts) -> u64| self.by_type.values().map(field).sum::<u64>();
        self.counts.balanced()
            && self.by_type.values().all(RowCounts::balanced)
            && self.files.iter().all(|file| file.counts.balanced())
            && sum(|counts| counts.rows_read) == self.counts.rows_read
            && sum(|counts| counts.events) == self.counts.events
            && counted == self.counts.rows_with_issue + self.file_issues
    }
}

/// Findings while they are counted.
#[derive(Default)]
pub(crate) struct Tally {
    findings: BTreeMap<IssueKind, BTreeMap<String, (u64, Vec<Location>)>>,
    distinct: usize,
}

impl Tally {
    /// Counts one finding; `place` is called only for the first three of its kind and detail.
    pub(crate) fn add(&mut self, kind: IssueKind, detail: &str, place: impl FnOnce() -> Location) {
        if let Some((count, examples)) = self.entry(kind, detail) {
            *count += 1;
            if examples.len() < EXAMPLES_MAX {
                examples.push(place());
            }
        }
    }

    /// The sums of a kind and detail; there always are some. The key is made for a newcomer only.
    fn entry(&mut self, kind: IssueKind, detail: &str) -> Option<&mut (u64, Vec<Location>)> {
        let details = self.findings.entry(kind).or_default();
        let known = details.contains_key(detail);
        let name = if known || self.distinct < FINDINGS_MAX {
            detail
        } else {
            REST
        };
        if !details.contains_key(name) {
            self.distinct += 1;
            details.insert(name.to_owned(), (0, Vec::new()));
        }
        details.get_mut(name)
    }

    /// Counts the findings of another tally.
    fn add_all(&mut self, findings: &[Finding]) {
        for finding in findings {
            if let Some((count, examples)) = self.entry(finding.kind, &finding.detail) {
                *count += finding.count;
                let room = EXAMPLES_MAX.saturating_sub(examples.len());
                examples.extend(finding.examples.iter().take(room).cloned());
            }
        }
    }

    /// The findings by kind and detail.
    pub(crate) fn finish(self) -> Vec<Finding> {
        let of_kind = |(kind, details): (IssueKind, BTreeMap<String, (u64, Vec<Location>)>)| {
            details
                .into_iter()
                .map(move |(detail, (count, examples))| Finding {
                    kind,
                    detail,
                    count,
                    examples,
                })
        };
        self.findings.into_iter().flat_map(of_kind).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_details_is_bounded() {
        let mut tally = Tally::default();
        let place = || Location {
            file: "f".into(),
            row: 1,
            element: String::new(),
        };
        for unit in 0..5_000 {
            tally.add(IssueKind::UnknownUnit, &format!("unit {unit}"), place);
        }
        let findings = tally.finish();
        assert_eq!(findings.len(), FINDINGS_MAX + 1);
        assert_eq!(findings.iter().map(|f| f.count).sum::<u64>(), 5_000);
        assert!(findings.iter().all(|f| f.examples.len() <= EXAMPLES_MAX));
    }
}
