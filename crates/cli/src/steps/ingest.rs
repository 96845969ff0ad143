//! Step: records into the identified data set. Every row becomes an event or an issue; the account
//! must balance, or the program is at fault and says so.

use crate::failure::{Failure, Kind};
use crate::pipeline::{Left, Run, Source, code_version, write_atomically};
use crate::progress::Step;
use crate::{interrupt, machine};
use anyhow::{Context, Result, ensure};
use longitude_core::{
    Digest, Event, Issue, NamedDigest, Observation, ObservationSource, RowCounts, SubjectId,
};
use longitude_ingest::{Format, Report, Sink};
use longitude_store::{Dataset, DatasetInfo, Summary, WriteOptions, Writer};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::Path;

/// Memory that grouping events by subject may take before it spills to disk.
const MEMORY_BYTES_MAX: usize = 384 << 20;
const SHARD_EVENTS_MAX: usize = 2_000_000;

/// What came in, what did not, and why.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Account {
    /// `fhir` or `meds`.
    pub(crate) format: String,
    /// Rows read: resources or table rows.
    pub(crate) rows_read: u64,
    /// Rows that became events, or that others were resolved through.
    pub(crate) rows_mapped: u64,
    /// Rows that became an issue instead.
    pub(crate) rows_with_issue: u64,
    /// Events made.
    pub(crate) events: u64,
    /// Subjects with an event.
    pub(crate) subjects: u64,
    /// The reader's whole report.
    pub(crate) details: serde_json::Value,
}

/// Options for writing a data set of events.
pub(crate) fn write_options(name: &str) -> WriteOptions {
    let info = DatasetInfo {
        dataset_name: name.to_owned(),
        etl_name: "longitude".to_owned(),
        etl_version: env!("CARGO_PKG_VERSION").to_owned(),
        ..DatasetInfo::default()
    };
    WriteOptions {
        memory_bytes_max: MEMORY_BYTES_MAX,
        shard_events_max: SHARD_EVENTS_MAX,
        info,
    }
}

/// The step of the pipeline.
pub(crate) fn run(run: &Run<'_>, step: &Step) -> Result<Left> {
    let from = match &run.job.source {
        Source::Hospital { .. } => run.layout.root().join("source").join("fhir"),
        Source::Records { path } => path.clone(),
    };
    let identified = run.layout.identified();
    if identified.exists() {
        fs::remove_dir_all(&identified)?;
    }
    let beside = Beside {
        spans: spans(run)?,
        identifiers: true,
    };
    let account = read_into(&from, &identified, run.threads(), &beside)?;
    private(&identified)?;
    interrupt::check()?;
    ensure!(
        account.subjects > 0,
        Failure::new(
            Kind::Input,
            format!("{} holds no event of any subject", from.display()),
            "look at `longitude inspect` for what was read and why nothing came of it",
        )
    );
    write_atomically(
        &run.layout.root().join("ingest.json"),
        &serde_json::to_vec_pretty(&account)?,
    )?;
    let issues = identified.join("issues.jsonl");
    if issues.exists() {
        fs::rename(&issues, run.layout.root().join("issues.jsonl"))?;
    }
    step.say(&format!(
        "{} rows: {} mapped, {} with an issue; {} events of {} subjects",
        account.rows_read,
        account.rows_mapped,
        account.rows_with_issue,
        account.events,
        account.subjects
    ));
    let input = NamedDigest {
        name: "source:records".to_owned(),
        digest: source_digest(&account)?,
    };
    let mut outputs = vec![run.output("identified")?, run.output("ingest.json")?];
    if run.layout.root().join("issues.jsonl").exists() {
        outputs.push(run.output("issues.jsonl")?);
    }
    Ok(Left {
        inputs: vec![input],
        outputs,
        seed: None,
    })
}

/// The source as the reader's own account of its files: names, sizes and digests.
fn source_digest(account: &Account) -> Result<Digest> {
    Ok(Digest::of_json(&account.details)?)
}

/// Only the owner may enter the folder of identified records.
fn private(folder: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    Ok(())
}

/// Observation spans that a source states beside its records.
type Spans = BTreeMap<SubjectId, Observation>;

/// What comes and goes beside the records.
#[derive(Default)]
struct Beside {
    spans: Spans,
    /// Whether the strings that identify are kept for the de-identifier. A data set converted for
    /// others holds none.
    identifiers: bool,
}

/// The synthetic hospital's registration office knows who moved away when; FHIR has no place for
/// it.
fn spans(run: &Run<'_>) -> Result<Spans> {
    if !matches!(run.job.source, Source::Hospital { .. }) {
        return Ok(Spans::new());
    }
    let path = run.layout.source().join("truth.json");
    let truth: longitude_hospital::Truth = serde_json::from_slice(&fs::read(path)?)?;
    let span = |start, end| Observation {
        start: Some(start),
        end: Some(end),
        source: ObservationSource::Stated,
    };
    Ok(truth
        .subjects
        .iter()
        .map(|one| (one.subject, span(one.start, one.end)))
        .collect())
}

/// Reads records of any known format and writes them as an identified MEDS data set, with
/// `issues.jsonl` beside its folders.
pub(crate) fn into_meds(from: &Path, to: &Path, threads: usize) -> Result<Account> {
    read_into(from, to, threads, &Beside::default())
}

fn read_into(from: &Path, to: &Path, threads: usize, beside: &Beside) -> Result<Account> {
    if to.exists() && fs::read_dir(to).is_ok_and(|mut entries| entries.next().is_some()) {
        let message = format!("{} is not empty", to.display());
        return Err(Failure::new(Kind::Busy, message, "name a new folder with --to").into());
    }
    if detect(from)?.contains(&Format::Meds) {
        return meds_into_meds(from, to);
    }
    records_into_meds(from, to, threads, beside)
}

fn detect(from: &Path) -> Result<BTreeSet<Format>> {
    longitude_ingest::detect(from).map_err(|error| {
        let io = std::error::Error::source(&error).and_then(|e| e.downcast_ref::<io::Error>());
        if io.is_some_and(|e| e.kind() == io::ErrorKind::PermissionDenied) {
            return anyhow::Error::new(error).context("the records cannot be read");
        }
        let mend = "give a folder or file of FHIR R4 (NDJSON, bundles) or a MEDS data set";
        Failure::new(Kind::Input, error.to_string(), mend).into()
    })
}

/// Hands events to the writer and issues to their file.
struct IntoMeds {
    writer: Writer,
    issues: BufWriter<File>,
    subjects: BTreeSet<SubjectId>,
    known: BTreeSet<Known>,
    export: Option<longitude_core::Instant>,
}

/// A string that identifies a person: a line of `identifiers.jsonl`, which stays inside the walls.
#[derive(PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Known {
    /// In whose record it may stand; none for everybody's.
    pub(crate) subject: Option<SubjectId>,
    /// The string.
    pub(crate) text: String,
}

/// The file of identifying strings, beside the identified data set.
pub(crate) const IDENTIFIERS: &str = "identifiers.jsonl";
/// Shorter strings are initials and states: they would take words from notes, and tell little.
const IDENTIFIER_LETTERS_MIN: usize = 3;

impl Sink for IntoMeds {
    fn event(&mut self, subject: SubjectId, event: Event) -> io::Result<()> {
        self.subjects.insert(subject);
        self.writer.push(subject, event).map_err(io::Error::other)
    }

    fn identifier(&mut self, subject: Option<SubjectId>, text: &str) -> io::Result<()> {
        let text = text.trim();
        if text.chars().count() >= IDENTIFIER_LETTERS_MIN {
            let text = text.to_owned();
            self.known.insert(Known { subject, text });
        }
        Ok(())
    }

    fn issue(&mut self, issue: Issue) -> io::Result<()> {
        serde_json::to_writer(&mut self.issues, &issue)?;
        self.issues.write_all(b"\n")
    }
}

fn records_into_meds(from: &Path, to: &Path, threads: usize, beside: &Beside) -> Result<Account> {
    let parent = to
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
    let issues_path = to.with_extension("issues");
    let issues = File::create(&issues_path)
        .with_context(|| format!("cannot write {}", issues_path.display()))?;
    let mut sink = IntoMeds {
        writer: Writer::create(to, write_options("identified"))?,
        issues: BufWriter::new(issues),
        subjects: BTreeSet::new(),
        known: BTreeSet::new(),
        export: None,
    };
    let options = longitude_ingest::Options::standard(threads);
    let report = longitude_ingest::ingest(&[from], &options, interrupt::flag(), &mut sink)?;
    interrupt::check()?;
    sink.export = report.export_time;
    for subject in &sink.subjects {
        let span = beside.spans.get(subject).copied();
        sink.writer
            .observe(*subject, span.unwrap_or_else(|| observation(sink.export)))?;
    }
    sink.issues.flush()?;
    let summary: Summary = sink.writer.finish()?;
    if beside.identifiers {
        write_known(&to.join(IDENTIFIERS), &sink.known)?;
    }
    fs::rename(&issues_path, to.join("issues.jsonl"))?;
    account_of(&detect(from)?, &report, summary.subjects)
}

/// Only the owner may read the strings, wherever the data set was put.
fn write_known(path: &Path, known: &BTreeSet<Known>) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mut lines = Vec::new();
    for one in known {
        serde_json::to_writer(&mut lines, one)?;
        lines.push(b'\n');
    }
    write_atomically(path, &lines)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    Ok(())
}

/// FHIR states no observation span; where the export says when it was made, that is its end.
fn observation(export: Option<longitude_core::Instant>) -> Observation {
    match export {
        Some(end) => Observation {
            start: None,
            end: Some(end),
            source: ObservationSource::ExportDate,
        },
        None => Observation::UNKNOWN,
    }
}

fn account_of(formats: &BTreeSet<Format>, report: &Report, subjects: u64) -> Result<Account> {
    let names: Vec<_> = formats.iter().map(|format| format.name()).collect();
    account(
        &names.join(" "),
        report.counts,
        subjects,
        serde_json::to_value(report)?,
    )
}

fn account(
    format: &str,
    counts: RowCounts,
    subjects: u64,
    details: serde_json::Value,
) -> Result<Account> {
    ensure!(
        counts.balanced(),
        "the reader lost rows: {} read, {} mapped, {} with an issue",
        counts.rows_read,
        counts.rows_mapped,
        counts.rows_with_issue
    );
    Ok(Account {
        format: format.to_owned(),
        rows_read: counts.rows_read,
        rows_mapped: counts.rows_mapped,
        rows_with_issue: counts.rows_with_issue,
        events: counts.events,
        subjects,
        details,
    })
}

fn meds_into_meds(from: &Path, to: &Path) -> Result<Account> {
    let source = Dataset::open(from)?;
    let timelines = source.timelines(None);
    let mut failed = None;
    let readable = timelines.map_while(|one| match one {
        Ok(timeline) if !interrupt::requested() => Some(timeline),
        Ok(_) => None,
        Err(error) => {
            failed = Some(error);
            None
        }
    });
    let summary = longitude_store::write_timelines(to, write_options("identified"), readable)?;
    interrupt::check()?;
    if let Some(error) = failed {
        return Err(anyhow::Error::new(error).context("the data set cannot be read"));
    }
    let report = source.read_report()?;
    account("meds", report.rows, summary.subjects, meds_details(&report))
}

/// The findings of a MEDS reader in the form of the FHIR reader's.
fn meds_details(report: &longitude_store::ReadReport) -> serde_json::Value {
    let found = |((kind, detail), count): (&(longitude_core::IssueKind, String), &u64)| {
        let same = |issue: &&Issue| issue.kind == *kind && issue.detail == *detail;
        let examples: Vec<_> = report
            .issues
            .iter()
            .filter(same)
            .take(3)
            .map(|issue| &issue.location)
            .collect();
        serde_json::json!({ "kind": kind, "detail": detail, "count": count, "examples": examples })
    };
    let issues: Vec<_> = report.counts.iter().map(found).collect();
    serde_json::json!({ "issues": issues })
}

/// Counts without writing.
pub(crate) fn inspect(from: &Path, threads: usize) -> Result<Account> {
    let formats = detect(from)?;
    if formats.contains(&Format::Meds) {
        let source = Dataset::open(from)?;
        for timeline in source.timelines(None) {
            timeline?;
            interrupt::check()?;
        }
        let report = source.read_report()?;
        let subjects = source.subjects().len() as u64;
        return account("meds", report.rows, subjects, meds_details(&report));
    }
    let mut sink = CountOnly {
        subjects: BTreeSet::new(),
    };
    let options = longitude_ingest::Options::standard(threads);
    let report = longitude_ingest::ingest(&[from], &options, interrupt::flag(), &mut sink)?;
    account_of(&formats, &report, sink.subjects.len() as u64)
}

struct CountOnly {
    subjects: BTreeSet<SubjectId>,
}

impl Sink for CountOnly {
    fn event(&mut self, subject: SubjectId, _event: Event) -> io::Result<()> {
        self.subjects.insert(subject);
        Ok(())
    }

    fn issue(&mut self, _issue: Issue) -> io::Result<()> {
        Ok(())
    }
}

impl Account {
    /// For a person: the counts, by type, and every kind of issue with what it means and its mend.
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
        by_type(&mut text, &self.details);
        listed(
            &mut text,
            "rows that became no event, and why",
            &self.details["issues"],
        );
        listed(&mut text, "mapped with a remark", &self.details["warnings"]);
        text
    }
}

fn by_type(text: &mut String, details: &serde_json::Value) {
    let Some(types) = details["by_type"].as_object() else {
        return;
    };
    let mut out = format!(
        "\n{:<28}{:>10}{:>10}{:>10}{:>10}\n",
        "type", "read", "mapped", "issue", "events"
    );
    for (name, counts) in types {
        let count = |key: &str| counts[key].as_u64().unwrap_or(0);
        let line = writeln!(
            out,
            "{name:<28}{:>10}{:>10}{:>10}{:>10}",
            count("rows_read"),
            count("rows_mapped"),
            count("rows_with_issue"),
            count("events")
        );
        debug_assert!(line.is_ok(), "a String takes every text");
    }
    text.push_str(&out);
}

fn listed(text: &mut String, title: &str, list: &serde_json::Value) {
    let Some(items) = list.as_array().filter(|items| !items.is_empty()) else {
        return;
    };
    text.push_str(&format!("\n{title}\n"));
    for item in items {
        let kind = serde_json::from_value::<longitude_core::IssueKind>(item["kind"].clone());
        let (what, mend) = kind.as_ref().map_or(("", ""), |kind| kind.explanation());
        let example = &item["examples"][0];
        text.push_str(&format!(
            "{:>10}  {}: {what}; {mend}\n{:>10}  first at {}:{}\n",
            item["count"].as_u64().unwrap_or(0),
            item["detail"].as_str().unwrap_or(""),
            "",
            example["file"].as_str().unwrap_or("?"),
            example["row"].as_u64().unwrap_or(0),
        ));
    }
}

/// The program's version and threads, for the report.
pub(crate) fn machine_facts() -> Vec<(String, serde_json::Value)> {
    vec![
        ("code".to_owned(), code_version().into()),
        ("cores".to_owned(), machine::threads(None).into()),
    ]
}
