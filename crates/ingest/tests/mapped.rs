//! Mapping files: the language's faults, the worked example, and tables that are not as they
//! should be.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{ingest, render};
use expect_test::{expect, expect_file};
use longitude_core::IssueKind;
use longitude_ingest::{Error, Mapping, MappingFile, Options};
use proptest::prelude::*;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

fn cases() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cases/mapping");
    folder.canonicalize().unwrap()
}

fn with(text: &str) -> Options {
    let file = MappingFile {
        file: "m.toml".to_owned(),
        text: text.to_owned(),
    };
    Options {
        mappings: vec![file],
        ..Options::standard(2)
    }
}

#[test]
fn the_shipped_mappings_are_without_fault() {
    let wanted = [
        "mimic-iv",
        "eicu",
        "clif",
        "physionet-2012",
        "uci-diabetes-130",
    ];
    for name in wanted {
        let path = format!("{}/mappings/{name}.toml", env!("CARGO_MANIFEST_DIR"));
        let faults = Mapping::parse(name, &fs::read_to_string(path).unwrap());
        assert!(faults.is_ok(), "{}", faults.unwrap_err());
    }
    let names: Vec<_> = Mapping::shipped().iter().map(Mapping::name).collect();
    assert_eq!(names, wanted);
}

#[test]
fn the_worked_example_of_the_documentation() {
    let toml = fs::read_to_string(cases().join("clinic.toml")).unwrap();
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/mapping.md");
    assert!(
        fs::read_to_string(page).unwrap().contains(toml.trim()),
        "the page shows the file"
    );
    let (report, kept) = ingest(&cases().join("clinic"), &with(&toml)).unwrap();
    expect_file![cases().join("clinic.events.txt")].assert_eq(&render(&report, &kept));
    let rules: Vec<_> = kept
        .events
        .iter()
        .map(|(_, event)| &*event.origin.rule)
        .collect();
    assert!(
        rules[0].starts_with("clinic/diagnoses.diagnosis@2026-03+"),
        "{}",
        rules[0]
    );
    let late = kept
        .events
        .iter()
        .filter(|(_, event)| event.recorded_time.is_some())
        .count();
    assert_eq!(late, 4);
    let of = |record: &str| {
        let found = kept
            .events
            .iter()
            .find(|(_, event)| &*event.origin.record == record);
        found.unwrap().1.as_written.clone().unwrap()
    };
    let range = (of("results/1").range_low, of("results/1").range_high);
    assert_eq!(range, (Some(0.5), Some(0.9)));
    assert_eq!(
        of("results/2").comparator,
        Some(longitude_core::Comparator::Less)
    );
}

#[test]
fn faults_are_told_with_their_place_and_mend() {
    let folder = cases().join("faults");
    for name in ["broken", "names", "times"] {
        let text = fs::read_to_string(folder.join(format!("{name}.toml"))).unwrap();
        let error = Mapping::parse(&format!("{name}.toml"), &text).unwrap_err();
        expect_file![folder.join(format!("{name}.txt"))].assert_eq(&format!("{error}\n"));
    }
}

const SMALL: &str = r#"
[mapping]
name = "small"
version = "1"
time_zone = "naive"
subject = "integer"

[tables.labs]
files = "labs"
key = "id"
subject = "patient"

[[tables.labs.events]]
rule = "result"
code = "LAB//{test}"
time = "drawn"
number = "value"
"#;

fn labs(files: &[(&str, &[u8])]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, bytes) in files {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}

fn shown(files: &[(&str, &[u8])]) -> String {
    let folder = labs(files);
    match ingest(folder.path(), &with(SMALL)) {
        Ok((report, kept)) => render(&report, &kept),
        Err(Error::Mapping { source }) => format!("{source}\n"),
        Err(error) => format!("{error}\n"),
    }
}

#[test]
fn a_column_that_is_not_there_is_told_before_the_run() {
    let shown = shown(&[(
        "labs.csv",
        b"id,patient,test,drawn,val\n1,2,K,2020-01-01,4\n",
    )]);
    expect![[r"
        m.toml:17:11: `value` is no column of labs.csv; did you mean `val`?
    "]]
    .assert_eq(&shown);
}

#[test]
fn tables_that_are_not_as_they_should_be() {
    let mut out = String::new();
    let cases: [(&str, &[u8]); 7] = [
        ("wrong delimiter in a row", b"id,patient,test,drawn,value\n1;2;K;2020-01-01;4\n2,2,K,2020-01-01,4\n"),
        ("header named twice", b"id,patient,test,drawn,value,value\n1,2,K,2020-01-01,4,5\n"),
        ("mixed line ends", b"id,patient,test,drawn,value\r\n1,2,K,2020-01-01,4\n2,2,K,2020-01-01,4\r\n"),
        ("a row with too many fields", b"id,patient,test,drawn,value\n1,2,K,2020-01-01,4,9\n2,2,K,2020-01-01,4\n"),
        ("NUL", b"id,patient,test,drawn,value\n1,2,K,2020-01-01,\x004\n2,2,K,2020-01-01,4\n"),
        (
            "identifiers and numbers out of range",
            b"id,patient,test,drawn,value\n1,99999999999999999999,K,2020-01-01,4\n2,2,K,2020-01-01,1e999\n3,abc,K,2020-01-01,4\n4,,K,2020-01-01,4\n5,2.0,K,2020-01-01,4\n",
        ),
        (
            "times out of the calendar",
            b"id,patient,test,drawn,value\n1,2,K,2020-02-30,4\n2,2,K,9999-12-31,4\n3,2,K,2020-01-01 10:00+99:00,4\n4,2,K,2020-01-01 10:00 Mars/Base,4\n5,2,K,,4\n6,2,,2020-01-01,4\n",
        ),
    ];
    for (name, bytes) in cases {
        write!(out, "{name}\n{}\n", shown(&[("labs.csv", bytes)])).unwrap();
    }
    expect_file![cases_file("bad.txt")].assert_eq(&out);
}

fn cases_file(name: &str) -> PathBuf {
    cases().join(name)
}

#[test]
fn a_duplicate_is_one_across_files_and_a_lookup_may_be_missing() {
    let row = b"id,patient,test,drawn,value\n1,2,K,2020-01-01,4\n";
    let folder = labs(&[("labs.csv", row)]);
    fs::create_dir(folder.path().join("again")).unwrap();
    fs::write(folder.path().join("again/labs.csv"), row).unwrap();
    let (report, _) = ingest(folder.path(), &with(SMALL)).unwrap();
    assert_eq!(
        (report.counts.rows_mapped, report.counts.rows_with_issue),
        (1, 1)
    );

    let joined = SMALL.replace(
        "subject = \"patient\"",
        "subject = \"stay.who\"\njoin = { stay = \"patient\" }",
    ) + "[lookups.stay]\nfiles = \"stays\"\nkey = \"stay\"\ncolumns = [\"who\"]\n";
    let folder = labs(&[("labs.csv", row)]);
    let (report, kept) = ingest(folder.path(), &with(&joined)).unwrap();
    assert_eq!(report.counts.rows_with_issue, 1);
    let told: Vec<_> = kept
        .issues
        .iter()
        .map(|issue| (issue.kind, &*issue.detail))
        .collect();
    let wanted = [
        (IssueKind::MissingTable, "labs: lookup stay"),
        (IssueKind::MissingReference, "labs.stay.who"),
    ];
    assert_eq!(told, wanted);
}

#[test]
fn without_a_mapping_tables_are_not_recognised() {
    let folder = labs(&[("labs.csv", b"id,patient\n1,2\n")]);
    let error = ingest(folder.path(), &Options::standard(1))
        .map(drop)
        .unwrap_err();
    assert!(matches!(error, Error::Unrecognised { .. }), "{error}");
    assert!(error.to_string().contains("--mapping"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever stands in a mapping file, the check ends, and its faults stand in the file.
    #[test]
    fn any_text_is_checked(cut in 0usize..4000, with in "[\\PC\n]{0,12}") {
        let text = fs::read_to_string(cases().join("clinic.toml")).unwrap();
        let mut cut = cut.min(text.len());
        while !text.is_char_boundary(cut) {
            cut -= 1;
        }
        let broken = [&text[..cut], &with, &text[cut..]].concat();
        if let Err(error) = Mapping::parse("m", &broken) {
            let lines = broken.matches('\n').count() + 1;
            prop_assert!(error.faults.iter().all(|fault| fault.line <= lines));
        }
    }

    /// Whatever stands in a table, every row is accounted for (asserted where rows are kept).
    #[test]
    fn any_rows_are_accounted_for(rows in proptest::collection::vec("[\\PC,;\"\n]{0,40}", 0..6)) {
        let text = format!("id,patient,test,drawn,value\n{}\n", rows.join("\n"));
        let folder = labs(&[("labs.csv", text.as_bytes())]);
        let (report, _) = ingest(folder.path(), &with(SMALL)).unwrap();
        prop_assert!(report.balanced());
    }
}

#[test]
fn an_event_that_a_subject_has_once_is_made_of_the_first_row() {
    let mapping = SMALL.replace("time = \"drawn\"", "time = \"drawn\"\nonce = true");
    let folder = labs(&[(
        "labs.csv",
        b"id,patient,test,drawn,value\n1,2,K,2020-01-01,4\n2,2,K,2020-01-02,5\n\
          3,3,K,2020-01-03,6\n",
    )]);
    let (report, kept) = ingest(folder.path(), &with(&mapping)).unwrap();
    let values = kept
        .events
        .iter()
        .map(|(_, event)| event.numeric_value.unwrap());
    assert_eq!(values.collect::<Vec<_>>(), [4.0, 6.0]);
    let issues = kept
        .issues
        .iter()
        .map(|issue| (issue.kind, issue.location.row));
    let issues: Vec<_> = issues.collect();
    assert_eq!(issues, [(IssueKind::DuplicateRecord, 3)]);
    assert_eq!(report.counts.rows_mapped, 2);
}

#[test]
fn a_table_that_states_no_zone_takes_the_clock_of_the_options() {
    let folder = labs(&[(
        "labs.csv",
        b"id,patient,test,drawn,value\n1,2,K,2024-07-01 12:00,4\n2,2,K,2024-10-27 02:30,4\n",
    )]);
    let options = Options {
        clock: Some("Europe/Berlin".parse().unwrap()),
        ..with(SMALL)
    };
    let (report, kept) = ingest(folder.path(), &options).unwrap();
    let times = kept.events.iter().map(|(_, event)| event.time.unwrap());
    let times: Vec<_> = times.map(|time| time.to_string()).collect();
    assert_eq!(times, ["2024-07-01T10:00:00Z", "2024-10-27T00:30:00Z"]);
    let warnings = &report.files[0].warnings;
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].detail.contains("twice"), "{warnings:?}");
}
