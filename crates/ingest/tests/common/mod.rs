//! What the integration tests share: a sink that keeps everything, and its rendering as text.

use longitude_core::{Event, Issue, Precision, SubjectId};
use longitude_ingest::{Error, Options, Report, Sink};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::AtomicBool;
use tempfile::TempDir;

#[derive(Default)]
pub(crate) struct Kept {
    pub(crate) events: Vec<(SubjectId, Event)>,
    pub(crate) issues: Vec<Issue>,
    pub(crate) warnings: Vec<Issue>,
}

impl Sink for Kept {
    fn event(&mut self, subject: SubjectId, event: Event) -> io::Result<()> {
        self.events.push((subject, event));
        Ok(())
    }

    fn issue(&mut self, issue: Issue) -> io::Result<()> {
        self.issues.push(issue);
        Ok(())
    }

    fn warning(&mut self, warning: Issue) -> io::Result<()> {
        self.warnings.push(warning);
        Ok(())
    }
}

#[allow(dead_code, reason = "each test file uses its own part")]
pub(crate) fn ingest(path: &Path, options: &Options) -> Result<(Report, Kept), Error> {
    let mut kept = Kept::default();
    let report = longitude_ingest::ingest(&[path], options, &AtomicBool::new(false), &mut kept)?;
    assert!(report.balanced());
    let issued = report.counts.rows_with_issue + report.file_issues;
    assert_eq!(kept.issues.len() as u64, issued);
    assert_eq!(kept.events.len() as u64, report.counts.events);
    Ok((report, kept))
}

/// Events, issues, warnings and counts, with subjects and encounters numbered as they come.
#[allow(dead_code, reason = "each test file uses its own part")]
pub(crate) fn render(report: &Report, kept: &Kept) -> String {
    let mut out = String::new();
    let (mut subjects, mut encounters) = (BTreeMap::new(), BTreeMap::new());
    for (subject, event) in &kept.events {
        let count = subjects.len() + 1;
        let subject = *subjects.entry(*subject).or_insert(count);
        let origin = &event.origin;
        write!(out, "{}:{} s{subject} ", origin.file, origin.row).unwrap();
        match event.time {
            None => out.push_str("static"),
            Some(time) => {
                write!(out, "{time}").unwrap();
            }
        }
        if event.precision != Precision::Time {
            write!(out, " ({:?})", event.precision).unwrap();
        }
        if let Some(minutes) = event.utc_offset_minutes {
            write!(out, " {minutes:+}").unwrap();
        }
        if let Some(end) = event.end_time {
            write!(out, " until {end}").unwrap();
        }
        if let Some(recorded) = event.recorded_time {
            write!(out, " known {recorded}").unwrap();
        }
        write!(out, " [{}]", event.code).unwrap();
        if let Some(number) = event.numeric_value {
            write!(out, " = {number}").unwrap();
        }
        if let Some(unit) = &event.unit {
            write!(out, " {unit}").unwrap();
        }
        if let Some(text) = &event.text_value {
            write!(out, " {text:?}").unwrap();
        }
        out.push_str(&written(event));
        if let Some(encounter) = event.encounter {
            let count = encounters.len() + 1;
            write!(out, " e{}", *encounters.entry(encounter).or_insert(count)).unwrap();
        }
        writeln!(out, " <- {} {}", origin.record, origin.element).unwrap();
    }
    for (name, notes) in [("issue", &kept.issues), ("warning", &kept.warnings)] {
        for note in notes {
            let (place, kind) = (&note.location, note.kind);
            let (file, row, element) = (&place.file, place.row, &place.element);
            writeln!(
                out,
                "{name} {file}:{row} {kind} | {} | {element}",
                note.detail
            )
            .unwrap();
        }
    }
    out.push_str(&totals(report));
    out
}

/// What the source wrote otherwise than the event says.
fn written(event: &Event) -> String {
    let Some(written) = &event.as_written else {
        return String::new();
    };
    let mut parts = Vec::new();
    if let Some(comparator) = written.comparator {
        parts.push(comparator.sign().to_owned());
    }
    if let Some(number) = written.numeric_value {
        parts.push(format!("was {number}"));
    }
    if let Some(unit) = &written.unit {
        parts.push(format!("in {unit}"));
    }
    if written.range_low.is_some() || written.range_high.is_some() {
        let end = |end: Option<f64>| end.map_or("?".to_owned(), |end| end.to_string());
        let (low, high) = (end(written.range_low), end(written.range_high));
        parts.push(format!("{low}..{high}"));
    }
    parts.extend(written.flag.iter().map(|flag| format!("flag {flag}")));
    if parts.is_empty() {
        return String::new();
    }
    format!(" ({})", parts.join(", "))
}

#[allow(dead_code, reason = "each test file uses its own part")]
fn totals(report: &Report) -> String {
    let mut out = String::new();
    let counts = report.counts;
    let types = report.by_type.len();
    write!(
        out,
        "rows {} = mapped {}",
        counts.rows_read, counts.rows_mapped
    )
    .unwrap();
    write!(
        out,
        " + issue {}; events {}",
        counts.rows_with_issue, counts.events
    )
    .unwrap();
    write!(out, "; types {types}; file issues {}", report.file_issues).unwrap();
    write!(out, "; subjects {}", report.subjects).unwrap();
    write!(out, "; reference rows {}", report.reference_rows).unwrap();
    write!(out, "; unresolved {}", report.unresolved_references).unwrap();
    write!(out, "; other codings {}", report.other_codings).unwrap();
    for (element, count) in &report.other_releases {
        write!(out, "; {count} {element}").unwrap();
    }
    let export = report.export_time.map(|time| time.to_string());
    writeln!(
        out,
        "; ignored {:?}; export {export:?}",
        report.files_ignored
    )
    .unwrap();
    out
}

/// The shared data, or a loud word that tests are left out.
#[allow(dead_code, reason = "each test file uses its own part")]
pub(crate) fn shared_data(tests: usize) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    if path.is_dir() {
        return Some(path);
    }
    eprintln!("LEFT OUT: {tests} tests need shared/data");
    None
}

/// Unpacks `F.tar.zst` into a folder of its own, or says why not.
#[allow(dead_code, reason = "each test file uses its own part")]
pub(crate) fn unpack(archive: &Path) -> Option<TempDir> {
    let folder = TempDir::new().unwrap();
    unpack_into(archive, folder.path()).then_some(folder)
}

/// The same into a folder that is there.
#[allow(dead_code, reason = "each test file uses its own part")]
pub(crate) fn unpack_into(archive: &Path, folder: &Path) -> bool {
    let Ok(archive) = File::open(archive) else {
        return false;
    };
    let zstd = Command::new("zstd")
        .args(["-d", "--long=27", "-q", "-c"])
        .stdin(archive)
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut zstd) = zstd else {
        eprintln!("LEFT OUT: 1 test needs the zstd program");
        return false;
    };
    let tar = Command::new("tar")
        .arg("x")
        .arg("-C")
        .arg(folder)
        .stdin(zstd.stdout.take().unwrap())
        .status();
    assert!(zstd.wait().unwrap().success() && tar.unwrap().success());
    true
}
