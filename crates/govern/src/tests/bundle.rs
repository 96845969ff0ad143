//! A case in one file: what a stranger can check with it, and what tampering is found, by this
//! program and by the second verifier.

use super::{NOW, contest, institution, put, run_of};
use crate::{
    CaseBundle, ContestBook, Error, Given, Institution, Layout, NewContest, Outcome, People,
    PersonKey, ReleaseBook, Role, RunLedger, TrustedKey, Verdict, commitment, model_root,
};
use std::path::Path;
use std::process::Command;

const ANSWER: &str = "00112233445566778899aabbccddeeff";

/// A run with an answer and a contest of it.
fn case(dir: &Path) -> (Layout, Institution, TrustedKey) {
    let institution = institution(dir, 7);
    let layout = run_of(dir, &institution);
    let model = model_root(&layout.model()).unwrap();
    let prediction = r#"{"task":"death_1y","risk":0.1,"time":1700000000000000}"#;
    let mut ledger = RunLedger::open(&layout, &institution).unwrap();
    let out = commitment(&[0xab; 16], prediction.as_bytes());
    let leaf = serde_json::json!({ "answer": ANSWER, "model_root": model, "out": out });
    let entry = ledger.append("inference.served", &leaf).unwrap();
    let salt = "ab".repeat(16);
    let text = format!(
        "{{\"id\":\"{ANSWER}\",\"prediction\":{prediction},\"entry\":{entry},\"salt\":\"{salt}\"}}"
    );
    put(&layout.answers().join(format!("{ANSWER}.json")), &text);
    let book = ContestBook::open(&layout, &ledger).unwrap();
    let about = NewContest {
        answer: Some(ANSWER.to_owned()),
        filed_at: NOW,
        ..contest()
    };
    book.file(&mut ledger, about).unwrap();
    let trusted = TrustedKey::from_pem(institution.public_key().pem()).unwrap();
    (layout, institution, trusted)
}

fn failed(verdict: &Verdict) -> Vec<&str> {
    verdict
        .failures()
        .map(|check| check.name.as_str())
        .collect()
}

#[test]
fn a_stranger_checks_an_answer_or_a_contest_with_one_file() {
    let dir = tempfile::tempdir().unwrap();
    let (layout, _institution, trusted) = case(dir.path());
    for id in [ANSWER, "C-000001"] {
        let bundle = CaseBundle::collect(&layout, id).unwrap();
        let text = bundle.to_text().unwrap();
        let read = CaseBundle::from_text(Path::new("case.json"), &text).unwrap();
        let verdict = read.verify(Some(&trusted));
        assert!(verdict.passed(), "{verdict}");
        for name in [
            &format!("answers/{ANSWER}.json"),
            "contests/C-000001.json",
            "ledger",
        ] {
            assert!(
                verdict.checks.iter().any(|check| check.name == *name),
                "{verdict}"
            );
        }
        let unpinned = read.verify(None);
        assert!(unpinned.intact() && !unpinned.passed());
        assert_eq!(unpinned.checks[0].outcome, Outcome::NotProven);
    }
    for id in ["", "C-000002", "../run", "a/b", "00"] {
        assert!(
            matches!(CaseBundle::collect(&layout, id), Err(Error::NoCase(_))),
            "{id}"
        );
    }
}

/// Each alteration with the check that must name it.
fn alterations(text: &str) -> Vec<(String, &'static str)> {
    let change = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    };
    let mut parsed: serde_json::Value = serde_json::from_str(text).unwrap();
    parsed["files"]["notes.txt"] = "nobody vouches for this".into();
    let added = parsed.to_string();
    parsed = serde_json::from_str(text).unwrap();
    parsed["leaves"].as_array_mut().unwrap().pop();
    let fewer = parsed.to_string();
    vec![
        (
            change("\\\"risk\\\":0.1", "\\\"risk\\\":0.9"),
            "answers/00112233445566778899aabbccddeeff.json",
        ),
        (
            change("smoking status", "drinking status"),
            "contests/C-000001.json",
        ),
        (change("inference.served", "inference.viewed"), "ledger"),
        (change("index ", "index 1"), "ledger"),
        (added, "notes.txt"),
        (fewer, "contests/C-000001.json"),
    ]
}

#[test]
fn every_alteration_is_found_and_named() {
    let dir = tempfile::tempdir().unwrap();
    let (layout, _institution, trusted) = case(dir.path());
    let text = CaseBundle::collect(&layout, ANSWER)
        .unwrap()
        .to_text()
        .unwrap();
    for (altered, name) in alterations(&text) {
        let bundle = CaseBundle::from_text(Path::new("case.json"), &altered).unwrap();
        let verdict = bundle.verify(Some(&trusted));
        assert!(failed(&verdict).contains(&name), "{name}: {verdict}");
    }
    let path = Path::new("case.json");
    for no_case in [
        "",
        "{}",
        "[]",
        &text.replace("longitude.case", "longitude.run"),
    ] {
        assert!(CaseBundle::from_text(path, no_case).is_err());
    }
    let other = institution(dir.path(), 8);
    let trusted = TrustedKey::from_pem(other.public_key().pem()).unwrap();
    let bundle = CaseBundle::from_text(path, &text).unwrap();
    assert_eq!(failed(&bundle.verify(Some(&trusted))), ["origin"]);
}

#[test]
fn a_release_record_that_was_left_out_is_missed() {
    let dir = tempfile::tempdir().unwrap();
    let (layout, institution, trusted) = case(dir.path());
    let key = institution.public_key();
    let mut people = People::open(dir.path(), key).unwrap();
    let to = dir.path().join("ann.key");
    let who = ("Ann", [Role::SafetyOfficer].into());
    people
        .enrol(&institution, who, (NOW, &[1; 32]), &to)
        .unwrap();
    let person = PersonKey::open(&to, key).unwrap();
    let mut ledger = RunLedger::open(&layout, &institution).unwrap();
    let model = model_root(&layout.model()).unwrap();
    let book = ReleaseBook::open(&layout, &ledger, (key, model)).unwrap();
    let given = Given::Dossier(Box::new(super::release::dossier()));
    let about = (&super::release::scope(), NOW);
    book.enter(&mut ledger, (&person, &people), about, given)
        .unwrap();
    let path = Path::new("case.json");
    let text = CaseBundle::collect(&layout, ANSWER)
        .unwrap()
        .to_text()
        .unwrap();
    let whole = CaseBundle::from_text(path, &text).unwrap();
    assert!(whole.verify(Some(&trusted)).passed());
    let mut parsed: serde_json::Value = serde_json::from_str(&text).unwrap();
    let record = "release/R-000001.json";
    parsed["files"]
        .as_object_mut()
        .unwrap()
        .remove(record)
        .unwrap();
    let fewer = CaseBundle::from_text(path, &parsed.to_string()).unwrap();
    let verdict = fewer.verify(Some(&trusted));
    assert_eq!(failed(&verdict), [record], "{verdict}");
}

/// Any byte of the file: it is then no case, or a check fails, or only white space changed.
#[test]
fn any_altered_byte_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let (layout, _institution, trusted) = case(dir.path());
    let text = CaseBundle::collect(&layout, ANSWER)
        .unwrap()
        .to_text()
        .unwrap();
    let path = Path::new("case.json");
    let whole: serde_json::Value = serde_json::from_str(&text).unwrap();
    for at in (0..text.len()).step_by(101) {
        let mut bytes = text.clone().into_bytes();
        bytes[at] ^= 1;
        let Ok(altered) = String::from_utf8(bytes) else {
            continue;
        };
        let Ok(bundle) = CaseBundle::from_text(path, &altered) else {
            continue;
        };
        let same = serde_json::from_str::<serde_json::Value>(&altered).unwrap() == whole;
        // The id by which the file was asked for is a label that nothing rests on.
        let label = altered.contains(ANSWER) && !altered.contains(&format!("\"id\": \"{ANSWER}\""));
        let passed = bundle.verify(Some(&trusted)).passed();
        assert!(!passed || same || label, "byte {at}");
    }
}

#[test]
fn the_second_verifier_agrees() {
    let verifier = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../cases/verify/verify_case.py"
    );
    if Command::new("python3").arg("--version").output().is_err() {
        eprintln!("LEFT OUT: 1 test, there is no python3 for the second verifier");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (layout, institution, _) = case(dir.path());
    let text = CaseBundle::collect(&layout, ANSWER)
        .unwrap()
        .to_text()
        .unwrap();
    let file = dir.path().join("case.json");
    let key = institution.fingerprint().to_string();
    let second = |text: &str, key: &str| {
        put(&file, text);
        let mut command = Command::new("python3");
        let output = command.arg(verifier).arg(&file).arg(key).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(said).unwrap())
    };
    let (verified, said) = second(&text, &key);
    assert!(verified, "{said}");
    for (altered, name) in alterations(&text) {
        let (verified, said) = second(&altered, &key);
        assert!(!verified, "{name}: {said}");
    }
    let other = super::institution(dir.path(), 8).fingerprint().to_string();
    assert!(!second(&text, &other).0);
}
