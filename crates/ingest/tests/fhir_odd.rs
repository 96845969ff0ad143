//! FHIR as hostile or careless systems write it: cycles, depth, length, doubled keys, strange
//! bytes, one patient in a thousand files. Nothing panics, nothing good beside it is lost.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{Kept, ingest};
use longitude_core::IssueKind;
use longitude_ingest::{Options, Report};
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use tempfile::TempDir;

fn read(files: &[(&str, &[u8])]) -> (Report, Kept) {
    let folder = TempDir::new().unwrap();
    for (name, bytes) in files {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    ingest(folder.path(), &Options::standard(2)).unwrap()
}

fn lines(text: &str) -> (Report, Kept) {
    read(&[("x.ndjson", text.as_bytes())])
}

fn codes(kept: &Kept) -> Vec<String> {
    let codes = kept.events.iter();
    codes.map(|(_, event)| event.code.to_string()).collect()
}

fn kinds(kept: &Kept) -> Vec<IssueKind> {
    kept.issues.iter().map(|issue| issue.kind).collect()
}

const PATIENT: &str = r#"{"resourceType":"Patient","id":"p","gender":"male"}"#;

#[test]
fn references_that_go_in_circles_end() {
    let text = [
        PATIENT,
        // Two drugs of which each is the other's ingredient, and one that is its own.
        r#"{"resourceType":"Medication","id":"a","ingredient":[{"itemReference":{"reference":"Medication/b"}}]}"#,
        r#"{"resourceType":"Medication","id":"b","ingredient":[{"itemReference":{"reference":"Medication/a"}}]}"#,
        r#"{"resourceType":"Medication","id":"c","ingredient":[{"itemReference":{"reference":"Medication/c"}}]}"#,
        r#"{"resourceType":"MedicationRequest","id":"1","medicationReference":{"reference":"Medication/a"},"subject":{"reference":"Patient/p"},"authoredOn":"2020"}"#,
        r#"{"resourceType":"MedicationRequest","id":"2","medicationReference":{"reference":"Medication/c","display":"Itself"},"subject":{"reference":"Patient/p"},"authoredOn":"2020"}"#,
        // Observations that are each other's members.
        r#"{"resourceType":"Observation","id":"x","code":{"text":"culture"},"valueCodeableConcept":{"text":"coli"},"hasMember":[{"reference":"Observation/y"}],"derivedFrom":[{"reference":"Observation/y"}],"subject":{"reference":"Patient/p"},"effectiveDateTime":"2020"}"#,
        r#"{"resourceType":"Observation","id":"y","code":{"text":"drug"},"valueCodeableConcept":{"coding":[{"code":"R"}]},"hasMember":[{"reference":"Observation/x"}],"derivedFrom":[{"reference":"Observation/x"}],"subject":{"reference":"Patient/p"},"effectiveDateTime":"2020"}"#,
        // A patient that replaces itself, and an encounter that is its own part.
        r#"{"resourceType":"Patient","id":"q","link":[{"other":{"reference":"Patient/q"},"type":"replaces"}]}"#,
        r#"{"resourceType":"Encounter","id":"e","class":{"code":"IMP"},"partOf":{"reference":"Encounter/e"},"subject":{"reference":"Patient/p"},"period":{"start":"2020"}}"#,
    ]
    .join("\n");
    let (report, kept) = lines(&text);
    assert_eq!(report.counts.rows_read, 10);
    assert_eq!(kinds(&kept), [IssueKind::MissingCode]);
    assert!(codes(&kept).contains(&"TEXT itself".to_owned()));
}

#[test]
fn depth_is_bounded_by_the_parser_and_not_by_the_stack() {
    let deep = 200_000;
    let nested = |open: &str, close: &str| open.repeat(deep) + &close.repeat(deep);
    // In an element that is skipped, in one that is read, and in one that holds itself.
    let skipped = format!(
        r#"{{"resourceType":"Patient","id":"a","photo":{}}}"#,
        nested("[", "]")
    );
    let items = nested(r#"{"linkId":"q","item":["#, "]}");
    let held = format!(
        r#"{{"resourceType":"QuestionnaireResponse","id":"b","subject":{{"reference":"Patient/p"}},"authored":"2020","item":[{items}]}}"#
    );
    let concept = nested(r#"{"concept":"#, "}").replace("{}", r#"{"text":"x"}"#);
    let inside = format!(
        r#"{{"resourceType":"Procedure","id":"c","code":{concept},"subject":{{"reference":"Patient/p"}}}}"#
    );
    let ruled = format!(
        r#"{{"resourceType":"Flag","id":"d","code":{},"subject":{{"reference":"Patient/p"}},"period":{{"start":"2020"}}}}"#,
        nested("[", "]")
    );
    let text = [PATIENT, &skipped, &held, &inside, &ruled, PATIENT].join("\n");
    let (report, kept) = lines(&text);
    assert_eq!(report.counts.rows_read, 6);
    assert_eq!(report.by_type["Patient"].rows_with_issue, 1);
    assert_eq!(kinds(&kept).last(), Some(&IssueKind::DuplicateRecord));
    assert_eq!(kept.issues.len(), 4);
    for name in ["x.json", "y.json"] {
        let (report, _) = read(&[(name, nested("[", "]").as_bytes())]);
        assert_eq!(report.counts.rows_mapped, 0);
    }
}

#[test]
fn a_line_of_a_hundred_megabytes_is_passed_over() {
    let folder = TempDir::new().unwrap();
    let mut file = BufWriter::new(File::create(folder.path().join("x.ndjson")).unwrap());
    writeln!(file, "{PATIENT}").unwrap();
    write!(file, r#"{{"resourceType":"Binary","data":""#).unwrap();
    let block = vec![b'A'; 1 << 20];
    for _ in 0..100 {
        file.write_all(&block).unwrap();
    }
    writeln!(file, "\"}}").unwrap();
    writeln!(file, "{}", PATIENT.replace("\"p\"", "\"q\"")).unwrap();
    file.into_inner().unwrap();
    let (report, kept) = ingest(folder.path(), &Options::standard(1)).unwrap();
    assert_eq!((report.counts.rows_read, report.counts.rows_mapped), (3, 2));
    assert_eq!((kept.issues.len(), kept.issues[0].location.row), (1, 2));
    assert_eq!(kept.events.last().unwrap().1.origin.row, 3);
}

#[test]
fn strange_bytes_spoil_only_their_line() {
    let second = PATIENT.replace("\"p\"", "\"q\"");
    let third = PATIENT.replace("\"p\"", "\"r\"");
    // A byte order mark, line ends of three kinds, a NUL inside a text and one alone, white space.
    let text = format!(
        "\u{feff}{PATIENT}\r\n{second}\n\n\0\n{}\n  {third}\t\r\n",
        second.replace("male", "ma\0le")
    );
    let (report, kept) = lines(&text);
    assert_eq!((report.counts.rows_read, report.counts.rows_mapped), (5, 3));
    assert_eq!(kinds(&kept), [IssueKind::InvalidJson; 2]);
    // Line ends of the old Macintosh make one line of two records, which is no JSON.
    let (report, kept) = lines(&format!("{PATIENT}\r{second}"));
    assert_eq!(report.counts.rows_read, 1);
    assert_eq!(kinds(&kept), [IssueKind::InvalidJson]);
}

#[test]
fn a_key_that_stands_twice_is_told() {
    let typed = r#"{"resourceType":"Patient","id":"p","gender":"male","gender":"female"}"#;
    let ruled = r#"{"resourceType":"Flag","id":"f","code":{"text":"a"},"subject":{"reference":"Patient/p"},"subject":{"reference":"Patient/q"},"period":{"start":"2020"}}"#;
    let (_, kept) = lines(&[typed, ruled].join("\n"));
    assert_eq!(kinds(&kept), [IssueKind::InvalidField]);
    let told = kept.warnings.iter().map(|warning| warning.kind);
    assert!(told.clone().any(|kind| kind == IssueKind::InvalidField));
}

#[test]
fn codes_that_differ_by_a_dot_are_one_and_by_case_are_kept() {
    let condition = |id: &str, code: &str| {
        format!(
            r#"{{"resourceType":"Condition","id":"{id}","code":{{"coding":[{{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"{code}"}}]}},"subject":{{"reference":"Patient/p"}},"onsetDateTime":"2020"}}"#
        )
    };
    let text = [
        condition("1", "E11.9"),
        condition("2", "E119"),
        condition("3", " E119 "),
        condition("4", "e119"),
    ];
    let (_, kept) = lines(&text.join("\n"));
    let expected = ["ICD10CM E11.9"; 3].map(str::to_owned);
    assert_eq!(codes(&kept)[..3], expected);
    // A code system decides whether case counts; ICD's printed codes are in capitals, and what is
    // written otherwise is told apart, not mended.
    assert_eq!(codes(&kept)[3], "ICD10CM e11.9");
}

#[test]
fn times_that_no_clock_shows_are_told() {
    let seen = |id: usize, time: &str| {
        format!(
            r#"{{"resourceType":"Observation","id":"{id}","code":{{"text":"x"}},"subject":{{"reference":"Patient/p"}},"effectiveDateTime":"{time}"}}"#
        )
    };
    let wrong = [
        "2020-01-01T10:00:00+25:00",
        "2020-01-01T10:00:00-14:01",
        "2020-01-01T10:00:00+0500",
        "2020-01-01T10:00:00 EST",
        "2020-01-01T24:00:00Z",
        "2020-02-30",
        "01/02/2020",
        "0001-01-01",
        "9999-12-31T23:59:59Z",
        "2020-01-01T10",
        "",
    ];
    let text: Vec<_> = wrong
        .iter()
        .enumerate()
        .map(|(id, time)| seen(id, time))
        .collect();
    let (report, kept) = lines(&text.join("\n"));
    assert_eq!(report.counts.rows_with_issue, wrong.len() as u64);
    assert!(
        kinds(&kept)
            .iter()
            .all(|kind| *kind == IssueKind::InvalidTime)
    );
    let (_, kept) = lines(
        &[
            seen(1, "2020-01-01T10:00:00"),
            seen(2, "2020-01-01T10:00:00-14:00"),
        ]
        .join("\n"),
    );
    assert_eq!(kept.events.len(), 2);
    let told = |kind: IssueKind| kept.warnings.iter().filter(|one| one.kind == kind).count();
    assert_eq!(told(IssueKind::InvalidTime), 1);
}

#[test]
fn a_patient_in_a_thousand_files_is_one() {
    let folder = TempDir::new().unwrap();
    for file in 0..1_000 {
        let line = format!(
            r#"{{"resourceType":"Observation","id":"{file}","code":{{"text":"x"}},"subject":{{"reference":"Patient/p"}},"effectiveDateTime":"2020","valueInteger":{file}}}"#
        );
        fs::write(folder.path().join(format!("{file:04}.ndjson")), line).unwrap();
    }
    fs::write(folder.path().join("zz.json"), PATIENT).unwrap();
    let (report, kept) = ingest(folder.path(), &Options::standard(2)).unwrap();
    assert_eq!(report.files.len(), 1_001);
    assert_eq!((report.subjects, kept.issues.len()), (1, 0));
    assert_eq!((kept.events.len(), kept.warnings.len()), (1_001, 0));
}

#[test]
fn the_same_record_in_two_files_counts_once() {
    let bundle = format!(
        r#"{{"resourceType":"Bundle","type":"collection","entry":[{{"resource":{PATIENT}}},{{"resource":{PATIENT}}}]}}"#
    );
    let (report, kept) = read(&[
        ("a.ndjson", PATIENT.as_bytes()),
        ("b.json", bundle.as_bytes()),
    ]);
    assert_eq!((report.counts.rows_read, report.counts.rows_mapped), (3, 1));
    assert_eq!(kinds(&kept), [IssueKind::DuplicateRecord; 2]);
}

/// Found by fuzzing: a gender of no letters once made a code of none.
#[test]
fn an_empty_code_is_no_code() {
    let race = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race";
    let text = [
        format!(
            r#"{{"resourceType":"Patient","id":"p","gender":" ","extension":[{{"url":"{race}","extension":[{{"url":"ombCategory","valueCoding":{{"code":""}}}},{{"url":"text","valueString":" "}}]}}]}}"#
        ),
        r#"{"resourceType":"Encounter","id":"e","class":{"code":""},"subject":{"reference":"Patient/p"},"period":{"start":"2020"},"location":[{"location":{"reference":"Location/l"}}]}"#.to_owned(),
        r#"{"resourceType":"Location","id":"l","name":" ","physicalType":{"coding":[{"code":"wa"}]}}"#.to_owned(),
        r#"{"resourceType":"DeviceUseStatement","id":"d","subject":{"reference":"Patient/p"},"timingDateTime":"2020","device":{"display":" "}}"#.to_owned(),
        r#"{"resourceType":"Flag","id":"f","code":{"coding":[{"code":" "}],"text":""},"subject":{"reference":"Patient/p"},"period":{"start":"2020"}}"#.to_owned(),
    ];
    let (report, kept) = lines(&text.join("\n"));
    assert_eq!(
        codes(&kept),
        ["ENCOUNTER UNKNOWN//START", "LOCATION LOCAL//wa"]
    );
    assert_eq!(report.counts.rows_with_issue, 2);
}
