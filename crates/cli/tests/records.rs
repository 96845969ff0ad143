//! Records through the program: several sources into one data set, the account of each file, and
//! the way back from an event to the source's bytes.
#![expect(
    clippy::unwrap_used,
    reason = "a test stops at what it does not expect"
)]

use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn longitude(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_longitude"))
        .args(arguments)
        .output()
        .unwrap()
}

fn json(arguments: &[&str]) -> Value {
    let output = longitude(arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn write(folder: &Path, name: &str, text: &str) {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join(name), text).unwrap();
}

const PATIENT: &str = r#"{"resourceType":"Patient","id":"p","gender":"female","birthDate":"1950"}"#;
const CREATININE: &str = r#"{"resourceType":"Observation","id":"o","status":"final","subject":{"reference":"Patient/p"},"effectiveDateTime":"2020-01-02T03:04:05Z","code":{"coding":[{"system":"http://loinc.org","code":"2160-0"}]},"valueQuantity":{"value":1.5,"system":"http://unitsofmeasure.org","code":"mg/dL"}}"#;

/// Two folders: one with a patient and an observation, one with a patient and a broken line.
fn sources(place: &Path) -> (String, String) {
    let (one, two) = (place.join("one"), place.join("two"));
    write(&one, "Patient.ndjson", PATIENT);
    write(&one, "Observation.ndjson", CREATININE);
    let other = PATIENT.replace("\"p\"", "\"q\"");
    write(&two, "Patient.ndjson", &format!("{other}\n{{broken\n"));
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    (text(&one), text(&two))
}

#[test]
fn several_sources_are_one_data_set_and_every_file_has_its_account() {
    let place = tempfile::tempdir().unwrap();
    let (one, two) = sources(place.path());
    let to = place.path().join("meds");
    let to = to.to_str().unwrap();
    let account = json(&["ingest", &one, &two, "--to", to, "--json"]);
    let numbers = ["rows_read", "rows_mapped", "rows_with_issue", "subjects"];
    assert_eq!(
        numbers.map(|name| account[name].as_u64().unwrap()),
        [4, 3, 1, 2]
    );
    assert_eq!(account["issues_by_kind"]["invalid_json"], 1);
    let file = |name: &str| {
        let files = account["files"].as_array().unwrap();
        files.iter().find(|file| file["file"] == name).unwrap()
    };
    let broken = file("two/Patient.ndjson");
    assert_eq!(
        (&broken["rows_read"], &broken["rows_with_issue"]),
        (&2.into(), &1.into())
    );
    assert_eq!(broken["issues_by_kind"]["invalid_json"], 1);
    assert_eq!(file("one/Observation.ndjson")["rows_mapped"], 1);
    let issues = fs::read_to_string(Path::new(to).join("issues.jsonl")).unwrap();
    assert!(
        issues.contains("two/Patient.ndjson") && issues.lines().count() == 1,
        "{issues}"
    );
    let inspected = json(&["inspect", &one, &two, "--json"]);
    assert_eq!(inspected["files"], account["files"]);
    assert_eq!(longitude(&["validate", to]).status.code(), Some(0));
}

#[test]
fn an_event_is_traced_to_the_bytes_it_was_made_from() {
    let place = tempfile::tempdir().unwrap();
    let (one, two) = sources(place.path());
    let to = place.path().join("meds");
    let to = to.to_str().unwrap();
    json(&["ingest", &one, &two, "--to", to, "--json"]);
    let traced = json(&["trace", to, "--code", "LOINC//2160-0", "--json"]);
    let traced = &traced[0];
    assert_eq!(traced["source"], CREATININE);
    assert_eq!(traced["file_unchanged"], true);
    assert_eq!(traced["rule"], "fhir/Observation@1");
    assert_eq!(traced["origin"]["row"], 1);
    assert_eq!(traced["origin"]["record"], "Observation/o");
    // A changed file is told as one.
    let changed = CREATININE.replace("1.5", "2.5");
    write(Path::new(&one), "Observation.ndjson", &changed);
    let traced = json(&["trace", to, "--record", "Observation/o", "--json"]);
    assert_eq!(traced[0]["file_unchanged"], false);
    assert_eq!(traced[0]["source"], changed.as_str());
    // What is not there is an unusable input, with the mend.
    let output = longitude(&["trace", to, "--record", "Observation/none"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).contains("mend:"));
    fs::remove_file(Path::new(&one).join("Observation.ndjson")).unwrap();
    let output = longitude(&["trace", to, "--record", "Observation/o"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("--source"));
}
