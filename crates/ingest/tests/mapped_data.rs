//! The shipped mappings on the shared data sets: every row is accounted for, and the figures that
//! the sets' own descriptions state come out. Left out, loudly, where the data are absent.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{shared_data, unpack_into};
use longitude_core::{Event, Issue, IssueKind, Precision, SubjectId};
use longitude_ingest::{Options, Report, Sink, ingest};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use tempfile::TempDir;

/// Counts events by the system of their code, and mixes everything into one number.
#[derive(Default)]
struct Tally {
    state: u64,
    by_system: BTreeMap<String, u64>,
    births: u64,
    deaths: u64,
    late: u64,
    dated: u64,
    without_rule: u64,
}

impl Tally {
    fn mix(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.state = (self.state ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

impl Sink for Tally {
    fn event(&mut self, subject: SubjectId, event: Event) -> io::Result<()> {
        self.mix(&subject.0.to_le_bytes());
        self.mix(event.code.to_meds().as_bytes());
        self.mix(&event.time.map_or(0, |time| time.0).to_le_bytes());
        self.mix(&event.numeric_value.unwrap_or(-1.0).to_le_bytes());
        self.mix(event.origin.record.as_bytes());
        self.births += u64::from(event.code.is_birth());
        self.deaths += u64::from(event.code.is_death());
        self.late += u64::from(event.recorded_time.is_some());
        let is_dated = event.time.is_some() && event.precision != Precision::Year;
        self.dated += u64::from(is_dated);
        self.without_rule += u64::from(!event.origin.rule.contains('@') || event.origin.row == 0);
        *self
            .by_system
            .entry(event.code.system.to_string())
            .or_default() += 1;
        Ok(())
    }

    fn issue(&mut self, issue: Issue) -> io::Result<()> {
        self.mix(format!("{issue:?}").as_bytes());
        Ok(())
    }
}

fn tally(path: &Path, threads: usize) -> (Report, Tally) {
    let mut tally = Tally::default();
    let options = Options {
        chunk_bytes_max: 200_000 * threads,
        ..Options::standard(threads)
    };
    let stop = AtomicBool::new(false);
    let report = ingest(&[path], &options, &stop, &mut tally).unwrap();
    assert!(report.balanced());
    assert_eq!(tally.without_rule, 0, "every event knows its rule and row");
    assert_eq!(report.files_ignored, Vec::<String>::new());
    (report, tally)
}

fn issues(report: &Report, kind: IssueKind) -> u64 {
    let of_kind = report.issues.iter().filter(|finding| finding.kind == kind);
    of_kind.map(|finding| finding.count).sum()
}

#[test]
fn mimic_tables_are_accounted_for() {
    let Some(data) = shared_data(1) else { return };
    let path = data.join("mimic-iv-demo/csv");
    let (report, one) = tally(&path, 1);
    let (again, three) = tally(&path, 3);
    assert_eq!((one.state, &report), (three.state, &again));
    assert_eq!((report.counts.rows_read, report.subjects), (62_874, 60));
    // Details of orders, whose times stand in a table that this copy does not have.
    assert_eq!(report.counts.rows_with_issue, 2_103);
    assert_eq!(issues(&report, IssueKind::MissingReference), 2_103);
    assert_eq!(issues(&report, IssueKind::MissingTable), 1);
    assert_eq!((one.births, one.deaths), (60, 15));
    assert_eq!(one.by_system["DIAGNOSIS"], 2_322);
    assert!(one.late > 10_000, "recorded later: {}", one.late);
}

#[test]
fn eicu_is_accounted_for() {
    let Some(data) = shared_data(1) else { return };
    let (report, tally) = tally(&data.join("eicu-demo"), 2);
    assert_eq!((report.counts.rows_read, report.subjects), (30_801, 65));
    // Orders that were cancelled.
    assert_eq!(report.counts.rows_with_issue, 146);
    assert_eq!(issues(&report, IssueKind::Filtered), 146);
    assert_eq!((tally.births, tally.by_system["ICU_ADMISSION"]), (65, 119));
    assert_eq!(tally.dated, 0, "no time of eICU has a date");
}

#[test]
fn clif_is_accounted_for() {
    let Some(data) = shared_data(1) else { return };
    let (report, tally) = tally(&data.join("mimic-iv-demo/clif"), 2);
    assert_eq!((report.counts.rows_read, report.subjects), (135_159, 60));
    // Rows of the respirator without device, mode or setting.
    assert_eq!(report.counts.rows_with_issue, 8);
    assert_eq!((tally.births, tally.deaths), (60, 19));
    assert_eq!(tally.by_system["VITAL"], 61_979);
    assert!(
        tally.late > 20_000,
        "laboratory results are known later: {}",
        tally.late
    );
}

#[test]
fn uci_diabetes_is_accounted_for() {
    let Some(data) = shared_data(1) else { return };
    let (report, tally) = tally(&data.join("uci-diabetes130"), 2);
    assert_eq!((report.counts.rows_read, report.subjects), (61_051, 42_859));
    assert_eq!(report.counts.rows_with_issue, 0);
    assert_eq!(tally.births, 42_859);
    assert_eq!(tally.by_system["READMITTED"], 59_973);
    assert_eq!(tally.dated, 0);
}

#[test]
fn physionet_2012_is_accounted_for() {
    let Some(data) = shared_data(1) else { return };
    let folder = TempDir::new().unwrap();
    for set in ["set-a", "set-b"] {
        let archive = data.join(format!("physionet2012/{set}.tar.zst"));
        if !unpack_into(&archive, folder.path()) {
            return;
        }
    }
    let (report, tally) = tally(folder.path(), 2);
    assert_eq!(
        (report.counts.rows_read, report.subjects),
        (3_377_246, 7_996)
    );
    assert_eq!(report.files.len(), 7_998);
    let skipped = issues(&report, IssueKind::Filtered);
    // Two outcomes say nothing but that the patient survived for 0 days, and lived.
    // 381 stays of this copy of set-a state several ages, and none of them the type of its unit.
    let ages = issues(&report, IssueKind::DuplicateRecord);
    assert_eq!(report.counts.rows_with_issue, skipped + ages + 2);
    let counts = (ages, tally.births, tally.by_system["ICU_TYPE"]);
    assert_eq!(counts, (471, 7_996, 4_000));
    assert_eq!(tally.deaths, 2_986);
}
