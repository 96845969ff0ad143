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
    assert!(
        traced["rule"]
            .as_str()
            .unwrap()
            .starts_with("fhir/Observation@")
    );
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

/// Every file below a folder with its bytes, but for the account, which names its own folder.
fn bytes_of(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(place) = folders.pop() {
        for entry in fs::read_dir(&place).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if !path.ends_with("ingest.json") {
                let name = path.strip_prefix(folder).unwrap().to_str().unwrap();
                found.push((name.to_owned(), fs::read(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

/// Updates the data set at `to` and compares it with one made anew from the same source.
fn updated(source: &str, to: &Path, place: &Path) -> String {
    let output = longitude(&[
        "ingest",
        source,
        "--to",
        to.to_str().unwrap(),
        "--update",
        "--json",
    ]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");
    let account: Value = serde_json::from_slice(&output.stdout).unwrap();
    let anew = place.join("anew");
    let whole = json(&["ingest", source, "--to", anew.to_str().unwrap(), "--json"]);
    assert!(account == whole, "the accounts differ");
    assert!(bytes_of(to) == bytes_of(&anew), "the data sets differ");
    fs::remove_dir_all(anew).unwrap();
    said.lines().last().unwrap_or_default().to_owned()
}

#[test]
fn an_update_reads_what_changed_and_gives_what_reading_everything_gives() {
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    let output = place.join("export");
    let hospital = ["hospital", "--patients", "40", "--no-truth", "--to"];
    let arguments = [&hospital[..], &[output.to_str().unwrap()]].concat();
    assert_eq!(longitude(&arguments).status.code(), Some(0));
    let source = output.join("fhir");
    let (folder, to) = (source.to_str().unwrap(), place.join("meds"));
    assert_eq!(updated(folder, &to, place), "everything read");
    assert_eq!(
        updated(folder, &to, place),
        "up to date: no file has changed"
    );
    // A file through which none is resolved is read alone, whether its rows change or break.
    let path = source.join("Condition.ndjson");
    let text = fs::read_to_string(&path).unwrap();
    let half: Vec<_> = text.lines().take(text.lines().count() / 2).collect();
    fs::write(&path, half.join("\n") + "\n{broken\n").unwrap();
    assert_eq!(updated(folder, &to, place), "1 files read, the others kept");
    write(
        &source,
        "Later.ndjson",
        &CREATININE.replace("Patient/p", "Patient/nobody"),
    );
    assert_eq!(updated(folder, &to, place), "1 files read, the others kept");
    // A record that stands in a file that is kept too: only reading everything tells which counts.
    let twice = half[0].to_owned() + "\n";
    write(&source, "Again.ndjson", &twice);
    assert_eq!(updated(folder, &to, place), "everything read");
    // Encounters date other records; a file that is gone may have done so.
    let path = source.join("Encounter.ndjson");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.lines().skip(1).collect::<Vec<_>>().join("\n")).unwrap();
    assert!(updated(folder, &to, place).ends_with("files read, the others kept"));
    fs::remove_file(source.join("Later.ndjson")).unwrap();
    assert!(updated(folder, &to, place).ends_with("files read, the others kept"));
}

#[test]
fn records_of_one_person_are_merged_and_the_merge_can_be_undone() {
    let place = tempfile::tempdir().unwrap();
    let source = place.path().join("fhir");
    let replaced = r#"{"resourceType":"Patient","id":"old","active":false,"birthDate":"1950","link":[{"type":"replaced-by","other":{"reference":"Patient/p"}}]}"#;
    write(
        &source,
        "Patient.ndjson",
        &format!("{PATIENT}\n{replaced}\n"),
    );
    write(
        &source,
        "Observation.ndjson",
        &CREATININE.replace("Patient/p", "Patient/old"),
    );
    let source = source.to_str().unwrap();
    let merged = place.path().join("merged");
    let merged = merged.to_str().unwrap();
    let account = json(&["ingest", source, "--to", merged, "--json"]);
    assert_eq!(
        (&account["subjects"], &account["linkage"]["merged"]),
        (&1.into(), &1.into())
    );
    assert_eq!(longitude(&["validate", merged]).status.code(), Some(0));
    let births = json(&["trace", merged, "--code", "MEDS_BIRTH", "--json"]);
    assert_eq!(births.as_array().unwrap().len(), 1);
    let decisions = fs::read_to_string(Path::new(merged).join("linkage.jsonl")).unwrap();
    assert!(
        decisions.contains("\"source\"") && decisions.contains("\"linked\""),
        "{decisions}"
    );
    // The institution says otherwise, and the two are two again.
    let map = place.path().join("map.csv");
    fs::write(&map, "a,b,decision\nPatient/p,Patient/old,different\n").unwrap();
    let apart = place.path().join("apart");
    let (map, apart) = (map.to_str().unwrap(), apart.to_str().unwrap());
    let account = json(&["ingest", source, "--to", apart, "--id-map", map, "--json"]);
    assert_eq!(
        (&account["subjects"], &account["linkage"]["merged"]),
        (&2.into(), &0.into())
    );
    fs::write(map, "Patient/p,Patient/old,perhaps\n").unwrap();
    let again = place.path().join("again");
    let output = longitude(&[
        "ingest",
        source,
        "--to",
        again.to_str().unwrap(),
        "--id-map",
        map,
    ]);
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).contains("map.csv:1"));
}
