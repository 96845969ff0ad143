//! What the integration tests share: a sink that keeps everything, and its rendering as text.

use longitude_core::{Event, Issue, Precision, SubjectId};
use longitude_ingest::{Error, Options, Report, Sink, fhir};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

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

pub(crate) fn ingest(path: &Path, options: &Options) -> Result<(Report, Kept), Error> {
    let mut kept = Kept::default();
    let report = fhir(path, options, &AtomicBool::new(false), &mut kept)?;
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
        let _ = write!(out, "{}:{} s{subject} ", origin.file, origin.row);
        match event.time {
            None => out.push_str("static"),
            Some(time) => {
                let _ = write!(out, "{time}");
            }
        }
        if event.precision != Precision::Time {
            let _ = write!(out, " ({:?})", event.precision);
        }
        if let Some(minutes) = event.utc_offset_minutes {
            let _ = write!(out, " {minutes:+}");
        }
        if let Some(end) = event.end_time {
            let _ = write!(out, " until {end}");
        }
        let _ = write!(out, " [{}]", event.code);
        if let Some(number) = event.numeric_value {
            let _ = write!(out, " = {number}");
        }
        if let Some(unit) = &event.unit {
            let _ = write!(out, " {unit}");
        }
        if let Some(text) = &event.text_value {
            let _ = write!(out, " {text:?}");
        }
        if let Some(encounter) = event.encounter {
            let count = encounters.len() + 1;
            let _ = write!(out, " e{}", *encounters.entry(encounter).or_insert(count));
        }
        let _ = writeln!(out, " <- {} {}", origin.record, origin.element);
    }
    for (name, notes) in [("issue", &kept.issues), ("warning", &kept.warnings)] {
        for note in notes {
            let (place, kind) = (&note.location, note.kind);
            let (file, row, element) = (&place.file, place.row, &place.element);
            let _ = writeln!(
                out,
                "{name} {file}:{row} {kind} | {} | {element}",
                note.detail
            );
        }
    }
    let counts = report.counts;
    let _ = writeln!(
        out,
        "rows {} = mapped {} + issue {}; events {}; file issues {}; subjects {}; reference rows {}; \
         unresolved {}; other codings {}; ignored {:?}; export {:?}",
        counts.rows_read,
        counts.rows_mapped,
        counts.rows_with_issue,
        counts.events,
        report.file_issues,
        report.subjects,
        report.reference_rows,
        report.unresolved_references,
        report.other_codings,
        report.files_ignored,
        report.export_time.map(|time| time.to_string()),
    );
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
