//! Ingest of the shared data sets: every resource is accounted for, and the figures that were
//! counted by other means come out. Left out, loudly, where the data are absent.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{shared_data, unpack};
use longitude_core::{Event, Issue, IssueKind, Precision, SubjectId};
use longitude_ingest::{Options, Report, Sink};
use std::io;
use std::path::Path;
use std::sync::atomic::AtomicBool;

/// A running digest of everything that comes out, so that two runs can be compared in little
/// memory.
#[derive(Default)]
struct Trace {
    state: u64,
    offsets: u64,
    late: u64,
}

impl Trace {
    fn mix(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.state = (self.state ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

impl Sink for Trace {
    fn event(&mut self, subject: SubjectId, event: Event) -> io::Result<()> {
        self.mix(&subject.0.to_le_bytes());
        self.mix(event.code.to_meds().as_bytes());
        self.mix(&event.time.map_or(0, |time| time.0).to_le_bytes());
        self.mix(&event.numeric_value.unwrap_or(-1.0).to_le_bytes());
        self.mix(event.origin.record.as_bytes());
        self.mix(event.origin.element.as_bytes());
        self.offsets += u64::from(event.utc_offset_minutes.is_some_and(|minutes| minutes != 0));
        let text = event.time.map(|time| time.to_string()).unwrap_or_default();
        self.late += u64::from(event.precision == Precision::Day && text.contains("23:59"));
        Ok(())
    }

    fn issue(&mut self, issue: Issue) -> io::Result<()> {
        self.mix(format!("{issue:?}").as_bytes());
        Ok(())
    }
}

fn trace(path: &Path, threads: usize) -> (Report, Trace) {
    let mut trace = Trace::default();
    let mut options = Options::standard(threads);
    options.chunk_bytes_max = 300_000 * threads;
    let report =
        longitude_ingest::ingest(&[path], &options, &AtomicBool::new(false), &mut trace).unwrap();
    assert!(report.balanced());
    (report, trace)
}

fn issues_of(report: &Report, kind: IssueKind) -> u64 {
    let of_kind = report.issues.iter().filter(|finding| finding.kind == kind);
    of_kind.map(|finding| finding.count).sum()
}

#[test]
fn mimic_is_accounted_for() {
    let Some(data) = shared_data(1) else { return };
    let path = data.join("mimic-iv-demo/fhir");
    let (report, one) = trace(&path, 1);
    let (again, three) = trace(&path, 3);
    assert_eq!((one.state, &report), (three.state, &again));
    // 89,772 official resources and 51,645 derived laboratory results, by the folder's README.
    assert_eq!(report.counts.rows_read, 89_772 + 51_645);
    assert_eq!(report.subjects, 60);
    assert_eq!(report.by_type["Condition"].rows_mapped, 2_629);
    assert_eq!(report.by_type["MedicationRequest"].rows_with_issue, 0);
    assert_eq!(report.unresolved_references, 0);
    // What is left are the hospital, specimens without a time, and doses whose method says that
    // they were not given.
    assert_eq!(issues_of(&report, IssueKind::NotClinical), 1);
    assert_eq!(issues_of(&report, IssueKind::MissingTime), 28);
    assert_eq!(issues_of(&report, IssueKind::NotDone), 93);
    assert_eq!(report.counts.rows_with_issue, 122);
    assert!(one.offsets > 100_000, "offsets are kept: {}", one.offsets);
    assert_eq!(one.late, 0);
}

#[test]
fn synthea_bulk_and_bundles_are_accounted_for() {
    let Some(data) = shared_data(1) else { return };
    let (report, _) = trace(&data.join("synthea-uscore/bulk-ndjson"), 2);
    assert_eq!((report.counts.rows_read, report.subjects), (17_646, 12));
    let notes = report.by_type["DocumentReference"];
    assert_eq!((notes.rows_mapped, notes.events), (1_082, 1_082));
    assert_eq!(report.unresolved_references, 0);

    let Some(bundles) = unpack(&data.join("synthea-smart-r4/bundles.tar.zst")) else {
        return;
    };
    let (report, one) = trace(bundles.path(), 1);
    let (_, two) = trace(bundles.path(), 2);
    assert_eq!(one.state, two.state);
    assert_eq!((report.files.len(), report.subjects), (223, 223));
    assert_eq!(report.unresolved_references, 0);
    assert_eq!(issues_of(&report, IssueKind::DuplicateRecord), 0);
    let claims = report.by_type["Claim"].rows_with_issue;
    assert_eq!(claims, report.by_type["Claim"].rows_read);
}
