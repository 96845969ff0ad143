//! `longitude mapping` and `--mapping` from outside: the worked example of docs/mapping.md goes in,
//! and a mapping with faults is refused with every one of them.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn longitude(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_longitude"))
        .args(arguments)
        .output()
        .unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn case(name: &str) -> String {
    let folder: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cases/mapping");
    folder.join(name).to_string_lossy().into_owned()
}

#[test]
fn the_shipped_mappings_are_listed_shown_and_without_fault() {
    let listed = out(&longitude(&["mapping", "list"]));
    assert_eq!(listed.lines().count(), 5, "{listed}");
    assert!(listed.contains("mimic-iv") && listed.contains("uci-diabetes-130"));
    let shown = out(&longitude(&["mapping", "show", "clif"]));
    assert!(shown.contains("[tables.hospitalization]"));
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("ours.toml");
    std::fs::write(&copy, shown).unwrap();
    let checked = longitude(&["mapping", "check", copy.to_str().unwrap()]);
    assert!(checked.status.success(), "{}", told(&checked));
    let unknown = longitude(&["mapping", "show", "clip"]);
    assert_eq!(unknown.status.code(), Some(3));
    assert!(told(&unknown).contains("clif"), "{}", told(&unknown));
}

#[test]
fn a_mapping_with_faults_is_refused_with_their_places() {
    let checked = longitude(&["mapping", "check", &case("faults/names.toml")]);
    assert_eq!(checked.status.code(), Some(3));
    let told = told(&checked);
    assert!(told.contains("names.toml:4:14: `Europe/Berln`"), "{told}");
    assert!(told.contains("did you mean `Europe/Berlin`?"), "{told}");
    // The columns are looked for before any row is read.
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("to");
    std::fs::write(folder.path().join("stays.csv"), "stay;patient\n1;2\n").unwrap();
    let source = folder.path().to_str().unwrap();
    let output = longitude(&[
        "ingest",
        source,
        "--mapping",
        &case("clinic.toml"),
        "--to",
        to.to_str().unwrap(),
    ]);
    assert_eq!(output.status.code(), Some(3));
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("`left` is no column of stays.csv"), "{told}");
}

#[test]
fn the_worked_example_goes_in_and_validates() {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("to");
    let (source, mapping) = (case("clinic"), case("clinic.toml"));
    let to = to.to_str().unwrap();
    let checked = longitude(&["mapping", "check", &mapping, &source]);
    assert!(checked.status.success(), "{}", told(&checked));
    let ingested = longitude(&[
        "ingest",
        &source,
        "--mapping",
        &mapping,
        "--to",
        to,
        "--json",
    ]);
    assert!(ingested.status.success(), "{}", told(&ingested));
    let account: serde_json::Value = serde_json::from_slice(&ingested.stdout).unwrap();
    let sums = [
        "rows_read",
        "rows_mapped",
        "rows_with_issue",
        "events",
        "subjects",
    ];
    let sums = sums.map(|key| account[key].as_u64().unwrap());
    assert_eq!(sums, [17, 12, 5, 13, 3]);
    let valid = longitude(&["validate", to]);
    assert!(valid.status.success(), "{}{}", out(&valid), told(&valid));
}
