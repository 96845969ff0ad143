//! Data sets of other tools: read in full, accounted for, written again and checked by the public
//! `meds` package.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test stops at what it does not expect, and says what it leaves out"
)]

use arrow_array::{
    ArrayRef, Float64Array, Int32Array, Int64Array, LargeStringArray, RecordBatch,
    TimestampNanosecondArray,
};
use longitude_core::{Event, Instant, IssueKind, Split, SubjectId};
use longitude_store::{
    Dataset, DatasetInfo, Describe, Rule, WriteOptions, Writer, validate, write_timelines,
};
use parquet::arrow::ArrowWriter;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

fn shared(path: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared")
        .join(path);
    if path.exists() {
        return Some(path);
    }
    println!("LEFT OUT: 1 tests need shared/data");
    None
}

fn options(memory_bytes_max: usize) -> WriteOptions {
    WriteOptions {
        describe: Describe::nothing(),
        memory_bytes_max,
        shard_events_max: 100_000,
        info: DatasetInfo {
            dataset_name: "test".into(),
            dataset_version: "1".into(),
            etl_name: "longitude".into(),
            etl_version: "0.1.0".into(),
            created_at: Some("2026-01-02T03:04:05".into()),
            ..DatasetInfo::default()
        },
    }
}

/// Reads a set whole, compares each timeline with its random access, writes it again, and compares.
fn check(dir: &Path, random: usize) -> (Dataset, u64) {
    let dataset = Dataset::open(dir).unwrap();
    let report = dataset.read_report().unwrap();
    assert!(report.rows.balanced());
    let place = tempfile::tempdir().unwrap();
    let again = place.path().join("meds");
    let all = || dataset.timelines(None).map(Result::unwrap);
    let summary = write_timelines(&again, options(64 << 20), all()).unwrap();
    assert_eq!(summary.events, report.rows.events);
    assert_eq!(summary.subjects, dataset.subjects().len() as u64);
    assert_eq!(validate(&again).unwrap().findings, []);
    let copy = Dataset::open(&again).unwrap();
    let mut events = 0;
    for (number, (old, new)) in all().zip(copy.timelines(None)).enumerate() {
        let new = new.unwrap();
        assert!(old == new, "timeline {number} is not the same");
        events += old.events().len() as u64;
        if number % (dataset.subjects().len() / random + 1) == 0 {
            assert!(copy.timeline(old.subject()).unwrap().as_ref() == Some(&old));
            assert!(dataset.timeline(old.subject()).unwrap().as_ref() == Some(&old));
        }
    }
    assert_eq!(events, summary.events);
    (dataset, events)
}

#[test]
fn the_mimic_demo_is_read_in_full() {
    let Some(dir) = shared("data/mimic-iv-demo/meds") else {
        return;
    };
    let (dataset, events) = check(&dir, 5);
    assert_eq!((events, dataset.subjects().len()), (573_923, 60));
    let report = dataset.read_report().unwrap();
    assert_eq!(report.rows.rows_with_issue, 0);
    // Its further columns are ours under another name, or kept as JSON.
    assert!(report.columns_unknown.is_empty());
    let first = dataset.timelines(None).next().unwrap().unwrap();
    assert!(first.events().iter().any(|event| event.encounter.is_some()));
    let statics = |events: &[Event]| events.iter().take_while(|e| e.time.is_none()).count();
    let timelines = dataset.timelines(Some(Split::Train)).map(Result::unwrap);
    assert!(timelines.map(|t| statics(t.events())).sum::<usize>() > 0);
    // Its code table lacks codes, its further columns are not declared: MEDS's own rules say so.
    let validation = validate(&dir).unwrap();
    let broken = |rule| {
        validation
            .findings
            .iter()
            .any(|finding| finding.rule == rule)
    };
    assert!(broken(Rule::CodesComplete) && broken(Rule::Declared));
    assert!(!broken(Rule::Sorted) && !broken(Rule::Contiguous) && !broken(Rule::OneFile));
}

#[test]
fn the_synthetic_sets_are_read_in_full() {
    let Some(dir) = shared("golden/dataset/synth1k") else {
        return;
    };
    let (dataset, events) = check(&dir, 20);
    assert_eq!((events, dataset.subjects().len()), (93_790, 1_000));
}

/// Scattered rows, nulls, nanoseconds, large strings, a subject in two files, other split names.
fn write_disorderly(dir: &Path) {
    let write = |name: &str, columns: Vec<(&str, ArrayRef)>| {
        let path = dir.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let file = std::fs::File::create(path).unwrap();
        let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
    };
    let codes =
        |codes: &[Option<&str>]| Arc::new(LargeStringArray::from(codes.to_vec())) as ArrayRef;
    let times =
        |times: Vec<Option<i64>>| Arc::new(TimestampNanosecondArray::from(times)) as ArrayRef;
    write(
        "data/b.parquet",
        vec![
            (
                "subject_id",
                Arc::new(Int64Array::from(vec![
                    Some(7),
                    Some(3),
                    Some(7),
                    None,
                    Some(3),
                ])),
            ),
            (
                "time",
                times(vec![Some(9_000), Some(8_000), Some(2_000), None, None]),
            ),
            (
                "code",
                codes(&[Some("A//1"), Some("B//2"), Some("A//1"), Some("A//1"), None]),
            ),
            (
                "numeric_value",
                Arc::new(Float64Array::from(vec![Some(0.25), None, None, None, None])),
            ),
            ("extra", Arc::new(Int32Array::from(vec![1, 2, 3, 4, 5]))),
        ],
    );
    write(
        "data/c.parquet",
        vec![
            ("subject_id", Arc::new(Int64Array::from(vec![7]))),
            ("time", times(vec![None])),
            ("code", codes(&[Some("C//3")])),
        ],
    );
    write(
        "metadata/subject_splits.parquet",
        vec![
            ("subject_id", Arc::new(Int64Array::from(vec![3]))),
            ("split", codes(&[Some("test")])),
            ("more", codes(&[Some("x")])),
        ],
    );
}

/// A set that breaks the order of rows: scattered subjects, missing subject and code, a subject in
/// two files, nanoseconds, large strings, and splits of other names.
#[test]
fn a_disorderly_set_is_read_and_found_out() {
    let place = tempfile::tempdir().unwrap();
    write_disorderly(place.path());
    let dataset = Dataset::open(place.path()).unwrap();
    assert_eq!(dataset.split(SubjectId(3)), Some(Split::HeldOut));
    assert_eq!(dataset.split(SubjectId(7)), Some(Split::of(SubjectId(7))));
    let timelines: Vec<_> = dataset.timelines(None).map(Result::unwrap).collect();
    let seven: Vec<_> = timelines[1]
        .events()
        .iter()
        .map(|e| (e.time, e.origin.row))
        .collect();
    assert_eq!(
        seven,
        [(None, 1), (Some(Instant(2)), 3), (Some(Instant(9)), 1)]
    );
    assert_eq!(timelines[1].events()[2].numeric_value, Some(0.25));
    assert!(dataset.timeline(SubjectId(7)).unwrap().as_ref() == Some(&timelines[1]));
    let report = dataset.read_report().unwrap();
    assert!(report.rows.balanced());
    assert_eq!((report.rows.rows_read, report.rows.rows_with_issue), (6, 2));
    let kinds: Vec<_> = report
        .issues
        .iter()
        .map(|i| (i.kind, i.location.row))
        .collect();
    assert_eq!(
        kinds,
        [(IssueKind::MissingSubject, 4), (IssueKind::MissingCode, 5)]
    );
    assert!(report.columns_unknown.is_empty());
    let extension = |event: &Event| {
        event
            .as_written
            .as_ref()?
            .extension
            .as_deref()
            .map(str::to_owned)
    };
    let kept: Vec<_> = timelines
        .iter()
        .flat_map(longitude_core::Timeline::events)
        .filter_map(extension)
        .collect();
    assert_eq!(kept, ["{\"extra\":2}", "{\"extra\":3}", "{\"extra\":1}"]);
    let validation = validate(place.path()).unwrap();
    let shown: Vec<_> = validation
        .findings
        .iter()
        .map(ToString::to_string)
        .collect();
    expect_test::expect_file!["../../../cases/store/disorderly.findings.txt"]
        .assert_eq(&(shown.join("\n") + "\n"));
}

/// A python with the `meds` package: of this checkout's neighbour, or on the path.
fn python() -> Option<PathBuf> {
    let neighbour = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../venv-meds/bin/python");
    [neighbour, "python3".into()].into_iter().find(|python| {
        let import = Command::new(python)
            .args(["-c", "import meds, pyarrow"])
            .output();
        import.is_ok_and(|output| output.status.success())
    })
}

#[test]
fn the_public_meds_package_accepts_what_is_written() {
    let Some(python) = python() else {
        println!("LEFT OUT: 1 tests need a python with the meds package");
        return;
    };
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("meds");
    let source = shared("data/mimic-iv-demo/meds");
    let mut writer = Writer::create(&dir, options(16 << 20)).unwrap();
    if let Some(source) = source {
        for timeline in Dataset::open(&source)
            .unwrap()
            .timelines(Some(Split::Tuning))
        {
            writer.push_timeline(timeline.unwrap()).unwrap();
        }
    }
    let origin = longitude_core::Origin::derived("test");
    let code = longitude_core::Code::new("LOINC", "2160-0");
    let entry = longitude_store::CodeEntry {
        description: Some("creatinine".to_owned()),
        parents: vec![longitude_core::Code::new("LOINC", "LP1")],
    };
    writer.describe(&code, entry);
    writer
        .push(SubjectId(1), &Event::new(code, None, origin))
        .unwrap();
    writer.finish().unwrap();
    let script =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cases/store/validate_with_meds.py");
    let output = Command::new(python).arg(script).arg(&dir).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    print!("{}", String::from_utf8_lossy(&output.stdout));
}
