//! `longitude mapping` and `--mapping` from outside: the worked example of docs/mapping.md goes in,
//! and a mapping with faults is refused with every one of them.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use serde_json::Value;
use std::fs;
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

/// A run as far as one subject carries it: records are read and de-identified, and nothing can be
/// learnt from them.
fn run_of_one(place: &Path, more: &[&str]) -> Output {
    let folder = |name: &str| place.join(name).to_str().unwrap().to_owned();
    let (from, to, keys) = (folder("from"), folder("to"), folder("keys"));
    let mut arguments = vec!["run", "--from", &from, "--to", &to, "--institution", &keys];
    arguments.extend(more);
    longitude(&arguments)
}

#[test]
fn a_run_takes_a_mapping_a_clock_and_a_policy_and_holds_to_their_content() {
    let keep = tempfile::tempdir().unwrap();
    let place = keep.path();
    let write = |name: &str, text: &str| fs::write(place.join(name), text).unwrap();
    let mapping = "[mapping]\nname = \"small\"\nversion = \"1\"\ntime_zone = \"naive\"\n\
        subject = \"integer\"\n[tables.labs]\nfiles = \"labs\"\nkey = \"id\"\n\
        subject = \"patient\"\n[[tables.labs.events]]\nrule = \"result\"\n\
        code = \"LAB//{test}\"\ntime = \"drawn\"\nnumber = \"value\"\n";
    fs::create_dir(place.join("from")).unwrap();
    write(
        "from/labs.csv",
        "id,patient,test,drawn,value\n1,7,K,2020-07-01 12:00,4\n",
    );
    write("m.toml", mapping);
    let policy = out(&longitude(&["deid", "--example", "safe_harbor"]));
    write("p.toml", &policy);
    let named = |name: &str| place.join(name).to_str().unwrap().to_owned();
    let (m, p, config) = (named("m.toml"), named("p.toml"), named("c.toml"));
    write(
        "c.toml",
        &format!("seed = 3\npolicy = {p:?}\n[reading]\nmapping = [{m:?}]\n"),
    );
    let flags = ["--config", &config, "--utc-offset", "Europe/Berlin"];
    let told_first = told(&run_of_one(place, &flags));
    let read = |name: &str| -> Value {
        serde_json::from_slice(&fs::read(place.join("to").join(name)).unwrap())
            .unwrap_or_else(|_| panic!("{told_first}"))
    };
    let options = &read("run.json")["options"];
    assert_eq!(options["deidentification"], "safe_harbor");
    assert_eq!(options["reading"]["utc_offset"], "Europe/Berlin");
    assert_eq!(options["files"].as_object().unwrap().len(), 2);
    assert_eq!(read("ingest.json")["reading"], options["reading"]);
    assert_eq!(read("deid-report.json")["mode"], "safe_harbor");
    assert_eq!(
        fs::read_to_string(place.join("to/policy.toml")).unwrap(),
        policy
    );
    let again = run_of_one(place, &flags);
    assert!(
        told(&again).contains("De-identify: done before"),
        "{}",
        told(&again)
    );
    write("m.toml", &mapping.replace("LAB//", "L//"));
    let other = run_of_one(place, &flags);
    assert_eq!(other.status.code(), Some(5), "{}", told(&other));
    let nonsense = run_of_one(place, &["--utc-offset", "Mars/Base"]);
    assert_eq!(nonsense.status.code(), Some(2), "{}", told(&nonsense));
    assert!(told(&nonsense).contains("no zone of the IANA database"));
}
