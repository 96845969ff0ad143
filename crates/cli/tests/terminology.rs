//! What codes mean, from outside: shown, checked, and written beside the codes of a data set.
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

fn told(arguments: &[&str]) -> String {
    let output = longitude(arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    String::from_utf8(output.stdout).unwrap()
}

fn condition(id: &str, system: &str, code: &str) -> String {
    format!(
        r#"{{"resourceType":"Condition","id":"{id}","subject":{{"reference":"Patient/a"}},{}{}"#,
        r#""recordedDate":"2020-01-01","#,
        format_args!(r#""code":{{"coding":[{{"system":"{system}","code":"{code}"}}]}}}}"#)
    )
}

/// A patient with three diagnoses, one of which does not exist, and a substance of ATC's.
fn export(folder: &Path) {
    let icd = "http://hl7.org/fhir/sid/icd-10-cm";
    let lines = [
        r#"{"resourceType":"Patient","id":"a","gender":"female"}"#.to_owned(),
        condition("1", icd, "E11.9"),
        condition("2", icd, "E11.999"),
        condition("3", icd, "no code at all"),
        condition("4", "http://www.whocc.no/atc", "A10BA02"),
    ];
    fs::create_dir(folder).unwrap();
    fs::write(folder.join("all.ndjson"), lines.join("\n")).unwrap();
}

#[test]
fn a_code_is_shown_with_what_it_maps_to() {
    let shown = told(&["terminology", "show", "DIAGNOSIS//ICD//10//E1165"]);
    for part in [
        "Type 2 diabetes mellitus with hyperglycemia  (known)",
        "ICD10CM//E08-E13  Diabetes mellitus",
        "about   ICD9CM//250.80",
        "CCSR    END003",
        "chronic condition: yes",
    ] {
        assert!(shown.contains(part), "{shown}");
    }
    let output = longitude(&["terminology", "show", "ICD10CM//what is this"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).contains("mend: "));
}

#[test]
fn a_vocabulary_of_ones_own_describes_codes() {
    let place = tempfile::tempdir().unwrap();
    let path = |name: &str| place.path().join(name).display().to_string();
    let (source, atc, to) = (path("export"), path("atc.csv"), path("meds"));
    export(Path::new(&source));
    fs::write(
        &atc,
        "atc_code,atc_name\nA10BA02,metformin\nA10BA,Biguanides\n",
    )
    .unwrap();

    // What is no vocabulary is refused before anything is read.
    let ingest = ["ingest", &source, "--to", &to, "--vocabulary"];
    let refused = longitude(&[&ingest[..], &[&source]].concat());
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(3), "{said}");
    assert!(said.contains("--vocabulary"), "{said}");
    assert!(!Path::new(&to).exists());

    let account = told(&[&ingest[..], &[&*atc, "--json"]].concat());
    let account: Value = serde_json::from_str(&account).unwrap();
    let icd = &account["codes"]["ICD10CM"];
    assert_eq!(
        [&icd["codes"], &icd["unknown"], &icd["malformed"]],
        [3, 1, 1]
    );
    assert_eq!(account["codes"]["ATC"]["held"], true);

    // What one person alone has in the place of a code is counted and not shown.
    let check = told(&["terminology", "check", &to, "--vocabulary", &atc]);
    assert!(check.contains("ICD10CM//E11.999"), "{check}");
    assert!(!check.contains("no code at all"), "{check}");
    told(&["validate", &to]);

    let data = longitude_store::Dataset::open(Path::new(&to)).unwrap();
    let codes = data.codes().unwrap();
    let of = |code: &str| {
        let found = codes.iter().find(|(one, _)| one.to_meds() == code);
        let entry = found.map(|(_, entry)| entry).unwrap();
        let parents: Vec<_> = entry.parents.iter().map(|one| one.to_meds()).collect();
        (
            entry.description.clone().unwrap_or_default(),
            parents.join(" "),
        )
    };
    assert_eq!(
        of("ATC//A10BA02"),
        ("metformin".into(), "ATC//A10BA".into())
    );
    assert_eq!(of("ATC//A10BA").0, "Biguanides");
    assert_eq!(of("ICD10CM//E11.9").1, "ICD10CM//E11");
    assert_eq!(of("ICD10CM//E08-E13").0, "Diabetes mellitus");
}
