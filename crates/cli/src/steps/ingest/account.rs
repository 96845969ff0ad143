//! The account of an ingest as the program tells it: what came in, what did not, and why, in total
//! and file by file.

use super::linkage::LinkageAccount;
use crate::reading::Reading;
use crate::steps::terminology::SystemCodes;
use anyhow::{Result, ensure};
use longitude_core::{Digest, Issue, IssueKind, RowCounts};
use longitude_ingest::{FileReport, Finding, Report, by_kind};
use longitude_store::ReadReport;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

/// Issues and warnings listed for a person; the JSON has them all.
const LISTED_MAX: usize = 40;

/// What came in, what did not, and why.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Account {
    /// The formats read, such as `fhir` or `omop`.
    pub(crate) format: String,
    /// Rows read: resources, table rows, segments.
    pub(crate) rows_read: u64,
    /// Rows that became events, or that others were resolved through.
    pub(crate) rows_mapped: u64,
    /// Rows that became an issue instead.
    pub(crate) rows_with_issue: u64,
    /// Events made.
    pub(crate) events: u64,
    /// Subjects with an event.
    pub(crate) subjects: u64,
    /// Issues by kind; those of rows sum to `rows_with_issue`, with those of whole files on top.
    pub(crate) issues_by_kind: BTreeMap<IssueKind, u64>,
    /// Remarks on rows that were mapped.
    pub(crate) warnings_by_kind: BTreeMap<IssueKind, u64>,
    /// The same for each file.
    pub(crate) files: Vec<FileAccount>,
    /// The version of the program.
    #[serde(default)]
    pub(crate) code: String,
    /// The digest of the reader's options.
    #[serde(default)]
    pub(crate) options: Option<Digest>,
    /// What was asked of the reading.
    #[serde(default)]
    pub(crate) reading: Option<Reading>,
    /// Who was found to be who, where there was anything to decide.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) linkage: Option<LinkageAccount>,
    /// How the codes stand to the terminologies at hand, by code system.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) codes: BTreeMap<String, SystemCodes>,
    /// The paths that were read.
    pub(crate) sources: Vec<PathBuf>,
    /// The reader's whole report: findings with their details and first places.
    pub(crate) details: Report,
    /// Columns of MEDS data that are not kept, with the number of files that have them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) columns_not_kept: BTreeMap<String, u64>,
}

/// What became of one file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct FileAccount {
    file: String,
    format: String,
    bytes: u64,
    #[serde(flatten)]
    counts: RowCounts,
    issues_by_kind: BTreeMap<IssueKind, u64>,
    warnings_by_kind: BTreeMap<IssueKind, u64>,
}

impl From<&FileReport> for FileAccount {
    fn from(report: &FileReport) -> Self {
        Self {
            file: report.file.clone(),
            format: report.format.name().to_owned(),
            bytes: report.bytes,
            counts: report.counts,
            issues_by_kind: by_kind(&report.issues),
            warnings_by_kind: by_kind(&report.warnings),
        }
    }
}

impl Account {
    /// The account of a reader's report.
    ///
    /// # Errors
    /// When the report does not balance: a defect of the program.
    pub(crate) fn new(details: Report, subjects: u64) -> Result<Self> {
        let counts = details.counts;
        ensure!(
            counts.balanced(),
            "the reader lost rows: {} read, {} mapped, {} with an issue",
            counts.rows_read,
            counts.rows_mapped,
            counts.rows_with_issue
        );
        let mut formats: Vec<_> = details.files.iter().map(|file| file.format).collect();
        formats.sort();
        formats.dedup();
        let names: Vec<_> = formats.iter().map(|format| format.name()).collect();
        Ok(Self {
            format: names.join(" "),
            rows_read: counts.rows_read,
            rows_mapped: counts.rows_mapped,
            rows_with_issue: counts.rows_with_issue,
            events: counts.events,
            subjects,
            issues_by_kind: by_kind(&details.issues),
            warnings_by_kind: by_kind(&details.warnings),
            files: details.files.iter().map(FileAccount::from).collect(),
            code: String::new(),
            options: None,
            reading: None,
            linkage: None,
            codes: BTreeMap::new(),
            sources: Vec::new(),
            details,
            columns_not_kept: BTreeMap::new(),
        })
    }
}

/// The accounts of the files of a MEDS data set, in the form of the other formats'.
pub(crate) fn of_meds(
    report: &ReadReport,
    digests: &mut dyn FnMut(&str) -> Stored,
) -> Vec<FileReport> {
    let file = |(name, counts, _): &(String, RowCounts, BTreeMap<IssueKind, u64>)| {
        let (bytes, digest) = digests(name);
        let issues = findings(report, name);
        FileReport {
            bytes,
            digest,
            by_type: BTreeMap::from([("row".to_owned(), *counts)]),
            counts: *counts,
            issues,
            ..FileReport::new(name, longitude_ingest::Format::Meds)
        }
    };
    report.files.iter().map(file).collect()
}

/// The size and digest of a file as stored.
pub(crate) type Stored = (u64, Option<longitude_core::Digest>);

/// The issues of one file. All are counted; the reader keeps the places of the first ones.
fn findings(report: &ReadReport, name: &str) -> Vec<Finding> {
    let of_file = report.files.iter().find(|(file, _, _)| file == name);
    let kinds = of_file.map(|(_, _, kinds)| kinds.iter());
    let finding = |(kind, count): (&IssueKind, &u64)| {
        let same = |issue: &&Issue| issue.kind == *kind && issue.location.file == name;
        let places = report.issues.iter().filter(same).take(3);
        Finding {
            kind: *kind,
            detail: String::new(),
            count: *count,
            examples: places.map(|issue| issue.location.clone()).collect(),
        }
    };
    kinds.into_iter().flatten().map(finding).collect()
}

impl Account {
    /// For a person: the counts, by type and by file, and every kind of issue with what it means
    /// and its mend.
    pub(crate) fn to_text(&self) -> String {
        let mut text = format!(
            "{}: {} rows read = {} mapped + {} with an issue\n{} events of {} subjects\n",
            self.format,
            self.rows_read,
            self.rows_mapped,
            self.rows_with_issue,
            self.events,
            self.subjects
        );
        let types = self.details.by_type.iter();
        table(
            &mut text,
            "type",
            types.map(|(name, counts)| (name.as_str(), counts)),
        );
        if self.files.len() > 1 && self.files.len() <= LISTED_MAX {
            let files = self.files.iter();
            table(
                &mut text,
                "file",
                files.map(|file| (file.file.as_str(), &file.counts)),
            );
        }
        listed(
            &mut text,
            "rows that became no event, and why",
            &self.details.issues,
        );
        listed(&mut text, "mapped with a remark", &self.details.warnings);
        if let Some(linkage) = &self.linkage {
            push(
                &mut text,
                format_args!("\n{} records of persons merged\n", linkage.merged),
            );
            for (reason, outcomes) in &linkage.decisions {
                let told: Vec<_> = outcomes
                    .iter()
                    .map(|(o, count)| format!("{count} {o:?}"))
                    .collect();
                let told = told.join(", ").to_lowercase();
                push(&mut text, format_args!("{told:>10}  by {reason:?}\n"));
            }
        }
        self.odd_codes(&mut text);
        let ignored = self.details.files_ignored.len();
        if ignored > 0 {
            let first = &self.details.files_ignored[0];
            push(
                &mut text,
                format_args!("\n{ignored} files of no known format, first {first}\n"),
            );
        }
        for (column, files) in &self.columns_not_kept {
            push(
                &mut text,
                format_args!("column `{column}` of {files} files is nested and not kept\n"),
            );
        }
        text
    }

    /// A line for each system that has codes which nobody knows.
    fn odd_codes(&self, text: &mut String) {
        for (system, codes) in self.codes.iter().filter(|(_, codes)| codes.held) {
            let (all, unknown, malformed) = (codes.codes, codes.unknown, codes.malformed);
            if unknown + malformed > 0 {
                push(
                    text,
                    format_args!(
                        "\n{system}: {unknown} of {all} codes unknown, {malformed} malformed; \
                         `longitude terminology check` names them\n"
                    ),
                );
            }
        }
    }
}

fn push(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    let written = text.write_fmt(arguments);
    debug_assert!(written.is_ok(), "a String takes every text");
}

fn table<'a>(text: &mut String, title: &str, rows: impl Iterator<Item = (&'a str, &'a RowCounts)>) {
    let rows: Vec<_> = rows.collect();
    let lengths = rows.iter().map(|(name, _)| name.chars().count());
    let width = lengths.max().unwrap_or(0).clamp(28, 60);
    let heads = ["read", "mapped", "issue", "events"];
    push(text, format_args!("\n{title:<width$}"));
    for head in heads {
        push(text, format_args!("{head:>12}"));
    }
    for (name, counts) in rows {
        push(text, format_args!("\n{name:<width$}"));
        let cells = [
            counts.rows_read,
            counts.rows_mapped,
            counts.rows_with_issue,
            counts.events,
        ];
        for cell in cells {
            push(text, format_args!("{cell:>12}"));
        }
    }
    text.push('\n');
}

fn listed(text: &mut String, title: &str, findings: &[Finding]) {
    if findings.is_empty() {
        return;
    }
    push(text, format_args!("\n{title}\n"));
    let mut findings: Vec<_> = findings.iter().collect();
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.count));
    for finding in findings.iter().take(LISTED_MAX) {
        let (what, mend) = finding.kind.explanation();
        push(
            text,
            format_args!(
                "{:>10}  {}: {what}; {mend}\n",
                finding.count, finding.detail
            ),
        );
        if let Some(place) = finding.examples.first() {
            push(
                text,
                format_args!("{:>10}  first at {}:{}\n", "", place.file, place.row),
            );
        }
    }
    let more = findings.len().saturating_sub(LISTED_MAX);
    if more > 0 {
        push(
            text,
            format_args!("{more:>10}  further kinds: see --json or issues.jsonl\n"),
        );
    }
}
