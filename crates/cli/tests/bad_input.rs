//! Bad input from outside: one clear message with the place and the mend, an exit code by kind, and
//! nothing half-written.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output};

fn longitude(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_longitude"))
        .args(arguments)
        .output()
        .unwrap()
}

fn text(output: &Output) -> String {
    format!(
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

fn patient(id: u32) -> String {
    format!(
        r#"{{"resourceType":"Patient","id":"p{id}","gender":"female","birthDate":"1950-02-0{}"}}"#,
        id % 9 + 1
    )
}

fn observation(id: u32, patient: u32, value: &str) -> String {
    format!(
        r#"{{"resourceType":"Observation","id":"o{id}","status":"final","code":{{"coding":[{{"system":"http://loinc.org","code":"2160-0"}}]}},"subject":{{"reference":"Patient/p{patient}"}},"effectiveDateTime":"2020-01-02T03:04:05-05:00","valueQuantity":{{"value":{value},"unit":"mg/dL","system":"http://unitsofmeasure.org","code":"mg/dL"}}}}"#
    )
}

fn account(folder: &Path) -> serde_json::Value {
    let output = longitude(&["inspect", folder.to_str().unwrap(), "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let account: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let count = |name: &str| account[name].as_u64().unwrap();
    assert_eq!(
        count("rows_read"),
        count("rows_mapped") + count("rows_with_issue"),
        "{account}"
    );
    account
}

fn kinds(account: &serde_json::Value) -> Vec<String> {
    let issues = account["details"]["issues"].as_array().unwrap();
    issues
        .iter()
        .map(|one| one["kind"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn an_empty_or_foreign_folder_is_refused_with_the_mend() {
    let keep = tempfile::tempdir().unwrap();
    let folder = keep.path().join("empty");
    fs::create_dir(&folder).unwrap();
    for path in [folder.clone(), keep.path().join("absent")] {
        let output = longitude(&["inspect", path.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(3), "{}", text(&output));
        assert!(text(&output).contains("mend:"), "{}", text(&output));
    }
    fs::write(folder.join("notes.txt"), "nothing").unwrap();
    let to = keep.path().join("run");
    let output = longitude(&[
        "run",
        "--from",
        folder.to_str().unwrap(),
        "--to",
        to.to_str().unwrap(),
        "--institution",
        keep.path().join("keys").to_str().unwrap(),
    ]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
    assert!(!to.join("meds").exists() && !to.join("identified").exists());
}

#[test]
fn bad_rows_become_issues_with_their_place() {
    let keep = tempfile::tempdir().unwrap();
    let lines = [
        patient(1),
        "{ not json".to_owned(),
        r#"{"id":"x"}"#.to_owned(),
        r#"{"resourceType":"Spaceship","id":"x"}"#.to_owned(),
        observation(1, 1, "1.1"),
        observation(1, 1, "1.1"),
        observation(2, 1, "1.2").replace("2020-01-02", "2020-02-30"),
        observation(3, 1, "1.3").replace(r#""subject":{"reference":"Patient/p1"},"#, ""),
        r#"{"resourceType":"MedicationRequest","id":"m","status":"active","intent":"order","subject":{"reference":"Patient/p1"},"medicationReference":{"reference":"Medication/absent"},"authoredOn":"2020-01-01"}"#.to_owned(),
    ];
    fs::write(keep.path().join("All.ndjson"), lines.join("\n")).unwrap();
    let account = account(keep.path());
    let kinds = kinds(&account);
    for kind in [
        "invalid_json",
        "unknown_resource_type",
        "duplicate_record",
        "invalid_time",
        "missing_subject",
        "missing_reference",
    ] {
        assert!(
            kinds.iter().any(|one| one == kind),
            "{kind} is not among {kinds:?}"
        );
    }
    let invalid = account["details"]["issues"].as_array().unwrap();
    let invalid = invalid
        .iter()
        .find(|one| one["kind"] == "invalid_json")
        .unwrap();
    assert_eq!(invalid["examples"][0]["row"], 2);
    assert_eq!(invalid["examples"][0]["file"], "All.ndjson");
}

#[test]
fn a_truncated_gzip_keeps_what_stands_before_the_cut() {
    let keep = tempfile::tempdir().unwrap();
    let rows: Vec<String> = (0..2000)
        .map(|i| observation(i, 1, &format!("{}.5", i % 7)))
        .collect();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(rows.join("\n").as_bytes()).unwrap();
    let bytes = encoder.finish().unwrap();
    fs::write(
        keep.path().join("Observation.ndjson.gz"),
        &bytes[..bytes.len() / 2],
    )
    .unwrap();
    fs::write(keep.path().join("Patient.ndjson"), patient(1)).unwrap();
    let account = account(keep.path());
    assert!(
        kinds(&account).contains(&"truncated_file".to_owned()),
        "{account}"
    );
    let mapped = account["rows_mapped"].as_u64().unwrap();
    assert!((100..2000).contains(&mapped), "{mapped}");
}

#[test]
fn mixed_encodings_are_told_apart() {
    let keep = tempfile::tempdir().unwrap();
    let latin = observation(1, 1, "1").into_bytes();
    let mut latin: Vec<u8> = latin.iter().flat_map(|b| [*b]).collect();
    let at = latin.windows(5).position(|w| w == b"mg/dL").unwrap();
    latin[at] = 0xB5;
    let mut bytes = vec![0xEF, 0xBB, 0xBF];
    bytes.extend(patient(1).into_bytes());
    bytes.extend(b"\r\n");
    bytes.extend(latin);
    bytes.extend(b"\r\n");
    bytes.extend(observation(2, 1, "2").into_bytes());
    fs::write(keep.path().join("Mixed.ndjson"), bytes).unwrap();
    let account = account(keep.path());
    assert!(
        kinds(&account).contains(&"invalid_encoding".to_owned()),
        "{account}"
    );
    assert_eq!(account["rows_mapped"], 2);
}

#[test]
fn an_unreadable_folder_is_the_machines_refusal() {
    use std::os::unix::fs::PermissionsExt;
    let keep = tempfile::tempdir().unwrap();
    let folder = keep.path().join("closed");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("Patient.ndjson"), patient(1)).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::read_dir(&folder).is_ok() {
        eprintln!(
            "LEFT OUT: this user may read every folder (root), so permissions cannot be tested"
        );
        return;
    }
    let output = longitude(&["inspect", folder.to_str().unwrap()]);
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(output.status.code(), Some(6), "{}", text(&output));
}

#[test]
fn a_full_disk_is_named_and_leaves_no_half_data_set() {
    let keep = tempfile::tempdir().unwrap();
    let mount = keep.path().join("small");
    fs::create_dir(&mount).unwrap();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=256k", "tmpfs"])
        .arg(&mount)
        .status()
        .is_ok_and(|status| status.success());
    if !mounted {
        eprintln!(
            "LEFT OUT: a small file system cannot be mounted here, so a full disk cannot be tested"
        );
        return;
    }
    let source = keep.path().join("fhir");
    fs::create_dir(&source).unwrap();
    let rows: Vec<String> = (0..60_000)
        .map(|i| observation(i, i % 500, &format!("{}.{}", i % 97, i % 89)))
        .collect();
    fs::write(source.join("Observation.ndjson"), rows.join("\n")).unwrap();
    let to = mount.join("meds");
    let output = longitude(&[
        "ingest",
        source.to_str().unwrap(),
        "--to",
        to.to_str().unwrap(),
    ]);
    let exists = to.exists();
    assert!(
        Command::new("umount")
            .arg(&mount)
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(output.status.code(), Some(6), "{}", text(&output));
    assert!(!exists, "a half-written data set stands at its final place");
}

#[test]
fn a_misspelt_setting_is_an_error_with_its_name() {
    let keep = tempfile::tempdir().unwrap();
    let config = keep.path().join("run.toml");
    fs::write(&config, "sede = 3\n").unwrap();
    let output = longitude(&[
        "run",
        "--from",
        keep.path().to_str().unwrap(),
        "--to",
        keep.path().join("run").to_str().unwrap(),
        "--config",
        config.to_str().unwrap(),
    ]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
    assert!(text(&output).contains("sede"), "{}", text(&output));
}
