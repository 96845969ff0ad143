//! `longitude deid`, `keys` and `reidentify` from outside, on a small synthetic hospital.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

struct Place {
    _keep: tempfile::TempDir,
    root: PathBuf,
}

impl Place {
    /// An identified data set of a synthetic hospital, and a policy.
    fn new() -> Self {
        let keep = tempfile::tempdir().unwrap();
        let place = Self {
            root: keep.path().to_owned(),
            _keep: keep,
        };
        place.ok(&["hospital", "--patients", "60", "--to", "source"]);
        place.ok(&[
            "ingest",
            "source/fhir",
            "--to",
            "identified",
            "--identifiers",
        ]);
        let example = place.ok(&["deid", "--example", "expert_determination"]);
        fs::write(place.at("policy.toml"), example).unwrap();
        place
    }

    fn at(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_longitude"));
        command.current_dir(&self.root).args(arguments);
        if !matches!(arguments[0], "hospital" | "ingest" | "validate")
            && !arguments.contains(&"--example")
        {
            command.args(["--institution", "institution"]);
        }
        command.output().unwrap()
    }

    fn ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn refused(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(3), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    fn deid(&self, to: &str, more: &[&str]) -> Value {
        let mut arguments = vec!["deid", "identified", "--to", to, "--policy", "policy.toml"];
        arguments.extend(["--json"]);
        arguments.extend(more);
        serde_json::from_str(&self.ok(&arguments)).unwrap()
    }
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn subjects(path: &Path) -> Vec<i64> {
    let data = longitude_store::Dataset::open(path).unwrap();
    data.subjects()
        .iter()
        .map(|(subject, _)| subject.0)
        .collect()
}

#[test]
fn a_data_set_is_deidentified_and_rekeyed() {
    let place = Place::new();
    let report = place.deid("shared", &[]);
    let known = report["changes"]["counts"]["known"].as_u64();
    assert!(known.unwrap() > 0, "names of the record are found in notes");
    assert_eq!(report["mode"], "expert_determination");
    assert_eq!(report["risk"]["k"], 11);
    assert_eq!(report["risk"]["rare_codes"], 0, "rare codes were treated");
    assert!(report["changes"]["rare_suppressed"].as_u64().unwrap() > 0);
    assert_eq!(json(&place.at("shared/deid-report.json")), report);
    let page = fs::read_to_string(place.at("shared/deid-report.html")).unwrap();
    assert!(page.contains("Residual risk") && page.contains("subjects in a class under k"));
    let receipt = json(&place.at("shared/deid.json"));
    assert_eq!(receipt["outputs"][0]["digest"], report["output"]);
    place.ok(&["validate", "shared"]);
    let old = subjects(&place.at("shared"));
    assert!(
        old.iter()
            .all(|one| !subjects(&place.at("identified")).contains(one))
    );

    // A new epoch: other pseudonyms, the old ones still resolved, the old set made anew.
    place.ok(&["keys", "rotate"]);
    assert!(place.ok(&["keys", "list"]).contains("epoch 2"));
    let more = ["--rekey", "shared", "--crosswalk", "crosswalk.csv"];
    let rekeyed = place.deid("new", &more);
    assert_ne!(rekeyed["key"], report["key"]);
    assert_eq!(rekeyed["risk"]["subjects"], report["risk"]["subjects"]);
    let new = subjects(&place.at("new"));
    let crosswalk = fs::read_to_string(place.at("crosswalk.csv")).unwrap();
    let pairs: Vec<(i64, i64)> = crosswalk
        .lines()
        .skip(1)
        .filter_map(|line| line.split_once(','))
        .map(|(a, b)| (a.parse().unwrap(), b.parse().unwrap()))
        .collect();
    assert_eq!(pairs.iter().map(|pair| pair.0).collect::<Vec<_>>(), old);
    assert!(pairs.iter().all(|pair| new.contains(&pair.1)));
    let mode = fs::metadata(place.at("crosswalk.csv"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_pseudonym_is_resolved_with_a_logged_reason_only() {
    let place = Place::new();
    place.deid("shared", &[]);
    place.ok(&["keys", "rotate"]);
    place.deid("new", &[]);
    let pseudonym = subjects(&place.at("shared"))[0].to_string();
    // Without a reason there is no answer and no entry; with one there are both.

    let ask = |who: &str, reason: &str, set: &str| {
        place.run(&[
            "reidentify",
            &pseudonym,
            "--identified",
            "identified",
            "--deidentified",
            set,
            "--who",
            who,
            "--reason",
            reason,
            "--json",
        ])
    };
    assert_eq!(ask("O. Vance", " ?! ", "shared").status.code(), Some(3));
    assert_eq!(
        ask("", "a critical result must be told", "shared")
            .status
            .code(),
        Some(3)
    );
    let without = place.run(&["reidentify", &pseudonym, "--identified", "identified"]);
    assert_eq!(without.status.code(), Some(2));
    assert!(place.ok(&["reidentify", "--list"]).contains("0 uses"));
    let answer = ask("O. Vance", "a critical result must be told", "shared");
    let answer: Value = serde_json::from_slice(&answer.stdout).unwrap();
    let subject = answer["answers"][0]["subject_id"].as_i64().unwrap();
    assert!(subjects(&place.at("identified")).contains(&subject));
    assert_eq!(answer["answers"][0]["epoch"], 1);
    // The other epoch's set does not know this pseudonym; asking is written down all the same.
    assert_eq!(
        ask("O. Vance", "another look, wrong set", "new")
            .status
            .code(),
        Some(3)
    );
    let uses = place.ok(&["reidentify", "--list"]);
    assert!(
        uses.contains("O. Vance asked for 1: a critical result must be told"),
        "{uses}"
    );
    assert!(uses.contains("2 uses"), "{uses}");
    let mut journal = Vec::new();
    read_all(&place.at("institution/journal/ledger"), &mut journal);
    let journal = String::from_utf8_lossy(&journal).into_owned();
    assert!(!journal.contains(&pseudonym) && !journal.contains(&subject.to_string()));
    assert!(journal.contains("a critical result must be told"));
}

fn read_all(folder: &Path, into: &mut Vec<u8>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_all(&path, into);
        } else {
            into.extend(fs::read(path).unwrap());
        }
    }
}

#[test]
fn keys_are_locked_shared_and_recovered() {
    let place = Place::new();
    place.ok(&["init"]);
    fs::write(place.at("short.txt"), "short\n").unwrap();
    fs::write(place.at("phrase.txt"), "correct horse battery staple\n").unwrap();
    fs::write(place.at("other.txt"), "incorrect horse battery staple\n").unwrap();
    assert!(place.refused(&["keys", "lock"]).contains("no passphrase"));
    let short = place.refused(&["keys", "lock", "--passphrase-file", "short.txt"]);
    assert!(short.contains("too short"), "{short}");
    place.ok(&["keys", "lock", "--passphrase-file", "phrase.txt"]);
    let locked = [
        "deid",
        "identified",
        "--to",
        "shared",
        "--policy",
        "policy.toml",
    ];
    assert!(place.refused(&locked).contains("locked"));
    let wrong = place.run(&["keys", "list", "--passphrase-file", "other.txt"]);
    assert_ne!(wrong.status.code(), Some(0));
    place.deid("shared", &["--passphrase-file", "phrase.txt"]);
    place.ok(&["keys", "rotate", "--passphrase-file", "phrase.txt"]);
    let key = fs::read_to_string(place.at("institution/deid.2.key")).unwrap();
    assert!(
        key.starts_with("locked"),
        "a new key is locked like the old"
    );
    place.ok(&[
        "keys",
        "escrow",
        "--threshold",
        "2",
        "--shares",
        "3",
        "--to",
        "shares",
        "--passphrase-file",
        "phrase.txt",
    ]);
    let few = place.run(&["keys", "recover", "shares/share-1.txt", "--to", "back"]);
    assert_ne!(few.status.code(), Some(0));
    place.ok(&[
        "keys",
        "recover",
        "shares/share-3.txt",
        "shares/share-1.txt",
        "--to",
        "back",
    ]);
    place.ok(&["keys", "unlock", "--passphrase-file", "phrase.txt"]);
    for (file, back) in [("deid.key", "deid.key"), ("deid.2.key", "deid.2.key")] {
        let own = fs::read_to_string(place.at("institution").join(file)).unwrap();
        let back = fs::read_to_string(place.at("back").join(back)).unwrap();
        assert_eq!(own.lines().next(), back.lines().next(), "{file}");
    }
}

#[test]
fn bad_input_is_told_with_its_place() {
    let place = Place::new();
    let text = fs::read_to_string(place.at("policy.toml")).unwrap();
    fs::write(place.at("policy.toml"), text.replace("notes = ", "note = ")).unwrap();
    let policy = place.refused(&[
        "deid",
        "identified",
        "--to",
        "shared",
        "--policy",
        "policy.toml",
    ]);
    assert!(
        policy.contains("policy.toml, line 7, column 1: unknown field `note`"),
        "{policy}"
    );
    assert!(!place.at("shared").exists());
    fs::write(place.at("policy.toml"), text).unwrap();
    let nothing = place.run(&[
        "deid",
        "source",
        "--to",
        "shared",
        "--policy",
        "policy.toml",
    ]);
    assert_ne!(nothing.status.code(), Some(0));
    let lacking = place.refused(&[
        "deid",
        "identified",
        "--to",
        "x",
        "--policy",
        "policy.toml",
        "--identifiers",
        "none.jsonl",
    ]);
    assert!(lacking.contains("none.jsonl is no file"), "{lacking}");
    place.deid("shared", &[]);
    // The epoch of now makes the same pseudonyms: nothing is gained.
    let same = place.refused(&[
        "deid",
        "identified",
        "--to",
        "y",
        "--policy",
        "policy.toml",
        "--rekey",
        "shared",
    ]);
    assert!(same.contains("longitude keys rotate"), "{same}");
    // An altered data set has no receipt.
    let split = place.at("shared/metadata/dataset.json");
    fs::write(
        &split,
        fs::read_to_string(&split)
            .unwrap()
            .replace("deidentified", "other"),
    )
    .unwrap();
    place.ok(&["keys", "rotate"]);
    let altered = place.run(&[
        "deid",
        "identified",
        "--to",
        "y",
        "--policy",
        "policy.toml",
        "--rekey",
        "shared",
    ]);
    assert!(String::from_utf8_lossy(&altered.stderr).contains("altered"));
}

/// A CT slice without pixels, written here byte by byte: explicit, little endian.
fn slice(patient: &str, study: &str) -> Vec<u8> {
    let mut bytes = vec![0; 128];
    bytes.extend(b"DICM");
    let mut put = |group: u16, number: u16, vr: &[u8; 2], value: &str| {
        let padded = value.len().next_multiple_of(2);
        bytes.extend(group.to_le_bytes());
        bytes.extend(number.to_le_bytes());
        bytes.extend(vr);
        bytes.extend(u16::try_from(padded).unwrap().to_le_bytes());
        bytes.extend(value.as_bytes());
        let pad = if vr == b"UI" { 0 } else { b' ' };
        bytes.resize(bytes.len() + padded - value.len(), pad);
    };
    put(2, 0x02, b"UI", "1.2.840.10008.5.1.4.1.1.2");
    put(2, 0x03, b"UI", &format!("{study}.7"));
    put(2, 0x10, b"UI", "1.2.840.10008.1.2.1");
    put(8, 0x16, b"UI", "1.2.840.10008.5.1.4.1.1.2");
    put(8, 0x18, b"UI", &format!("{study}.7"));
    put(8, 0x20, b"DA", "20190304");
    put(8, 0x60, b"CS", "CT");
    put(0x10, 0x10, b"PN", "Quillfeather^Zebulon");
    put(0x10, 0x20, b"LO", patient);
    put(0x20, 0x0D, b"UI", study);
    put(0x20, 0x0E, b"UI", &format!("{study}.2"));
    bytes
}

#[test]
fn images_are_written_under_the_pseudonym_of_the_record() {
    let place = Place::new();
    fs::create_dir_all(place.at("export/Quillfeather_Zebulon")).unwrap();
    let put = |name: &str, bytes: &[u8]| fs::write(place.at("export").join(name), bytes).unwrap();
    put("Quillfeather_Zebulon/1.dcm", &slice("p1", "1.2.3.4.5"));
    put("Quillfeather_Zebulon/again.dcm", &slice("p1", "1.2.3.4.5"));
    put("2.dcm", &slice("p1", "1.2.3.4.6"));
    put("3.dcm", &slice("p2", "1.2.3.4.8"));
    put("readme.txt", b"Zebulon Quillfeather's images");
    put("cut.dcm", &slice("p2", "1.2.3.4.9")[..300]);
    let arguments = [
        "deid",
        "--dicom",
        "export",
        "--to",
        "images",
        "--policy",
        "policy.toml",
    ];
    let account: Value =
        serde_json::from_str(&place.ok(&[&arguments[..], &["--json"]].concat())).unwrap();
    assert_eq!(
        (account["files"].as_u64(), account["written"].as_u64()),
        (Some(6), Some(3))
    );
    assert_eq!(account["subjects"], 2);
    let refused = serde_json::json!({ "not_dicom": 1, "data_set": 1, "duplicate": 1 });
    assert_eq!(account["refused"], refused);
    assert_eq!(account["issues"][1]["file"], "cut.dcm");
    // Same patient, same pseudonym: two studies in one folder, in the record's own name.
    let folders: Vec<_> = fs::read_dir(place.at("images/files")).unwrap().collect();
    assert_eq!(folders.len(), 2);
    let mut all = Vec::new();
    read_all(&place.at("images"), &mut all);
    let names = Command::new("find")
        .arg(place.at("images"))
        .output()
        .unwrap()
        .stdout;
    for planted in ["Zebulon", "Quillfeather", "1.2.3.4.5", "20190304"] {
        let holds = |bytes: &[u8]| {
            bytes
                .windows(planted.len())
                .any(|w| w == planted.as_bytes())
        };
        assert!(!holds(&all) && !holds(&names), "{planted}");
    }
    let receipt = json(&place.at("images/deid.json"));
    assert_eq!(receipt["step"], "deid.dicom");
    assert!(
        place.run(&arguments).status.code() == Some(5),
        "never over another's files"
    );
}
