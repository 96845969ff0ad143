//! HL7's official R4 examples, all of which are read and classed, and the HL7 validator's own test
//! files, of which the invalid ones are to be noticed. How far ingest agrees with the validator is
//! counted, not claimed: ingest looks for what would make a wrong event, not for every rule of a
//! profile. Left out, loudly, where the files are absent.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{ingest, shared_data, unpack};
use longitude_core::IssueKind;
use longitude_ingest::{Error, Options};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;

/// What may be the matter with a valid example: it says that it did not happen, carries no event,
/// or lacks what an event needs.
const LAWFUL: &[IssueKind] = &[
    IssueKind::NotClinical,
    IssueKind::NotSupported,
    IssueKind::NotDone,
    IssueKind::Filtered,
    IssueKind::MissingSubject,
    IssueKind::MissingTime,
    IssueKind::MissingCode,
    IssueKind::MissingReference,
    IssueKind::DuplicateRecord,
];

#[test]
fn official_examples_are_read() {
    let Some(data) = shared_data(1) else { return };
    let Some(folder) = unpack(&data.join("fhir-r4-examples/hl7-r4-examples.tar.zst")) else {
        return;
    };
    let (report, kept) = ingest(folder.path(), &Options::standard(2)).unwrap();
    assert_eq!(report.files.len(), 176);
    assert!(report.files.iter().all(|file| file.counts.rows_read > 0));
    assert_eq!(report.file_issues, 0);
    let odd = kept
        .issues
        .iter()
        .find(|issue| !LAWFUL.contains(&issue.kind));
    assert_eq!(odd, None);
    let other = report.other_releases.keys().next();
    assert_eq!(other, None, "R4's own examples speak R4");
    println!("{:?}", report.counts);
}

#[test]
fn the_validators_own_cases_are_diagnosed() {
    let Some(data) = shared_data(1) else { return };
    let Some(folder) = unpack(&data.join("fhir-edge-cases.tar.zst")) else {
        return;
    };
    let index = fs::read(folder.path().join("_index.json")).unwrap();
    let index: Vec<Value> = serde_json::from_slice(&index).unwrap();
    let (mut invalid, mut noticed, mut told, mut valid, mut quiet) = (0, 0, 0, 0, 0);
    let mut seen = BTreeSet::new();
    for case in &index {
        let name = case["file"].as_str().unwrap();
        if !seen.insert(name) {
            continue;
        }
        let (report, kept) = match ingest(&folder.path().join(name), &Options::standard(1)) {
            Ok(read) => read,
            Err(error) => {
                assert!(
                    matches!(error, Error::Unrecognised { .. }),
                    "{name}: {error}"
                );
                continue;
            }
        };
        let fault = |kind: &IssueKind| {
            let lawful = [
                IssueKind::NotClinical,
                IssueKind::NotDone,
                IssueKind::NotSupported,
            ];
            !lawful.contains(kind)
        };
        let issues = kept
            .issues
            .iter()
            .chain(&kept.warnings)
            .map(|issue| issue.kind);
        let is_noticed = issues.clone().any(|kind| fault(&kind));
        // The list's own parser refuses a byte order mark, which RFC 8259 lets a parser ignore.
        let is_marked = fs::read(folder.path().join(name))
            .unwrap()
            .starts_with(b"\xef\xbb\xbf");
        if case["json_parses"] == Value::Bool(false) && !is_marked {
            assert_eq!(report.counts.rows_mapped, 0, "{name}");
            assert!(is_noticed, "{name} is no JSON");
        }
        match case["hl7_validator_errors"].as_u64() {
            Some(0) => {
                valid += 1;
                quiet += u64::from(!is_noticed);
            }
            Some(_) => {
                invalid += 1;
                noticed += u64::from(is_noticed);
                told += u64::from(issues.count() > 0);
            }
            None => {}
        }
    }
    println!(
        "of {invalid} invalid files {told} with an issue or a warning, {noticed} for a fault;\
         \n of {valid} valid ones {quiet} without a fault"
    );
    // The figures of docs/fhir.md; a change is to be looked at and written down there.
    assert_eq!(
        (told, noticed, invalid, quiet, valid),
        (103, 66, 112, 37, 88)
    );
}
