//! What the check of a run says after every kind of alteration.

use super::{contest, copy, files_below, institution, model_in, put, run_of, source, step};
use crate::{
    ContestBook, Institution, Layout, Outcome, RunLedger, TrustedKey, Verdict, sign_model,
    verify_run,
};
use std::fs;
use std::path::Path;

/// A run with a contest, and the key to trust.
fn sealed(dir: &Path) -> (Layout, Institution, TrustedKey) {
    let institution = institution(dir, 1);
    let layout = run_of(dir, &institution);
    let mut ledger = RunLedger::open(&layout, &institution).unwrap();
    let book = ContestBook::open(&layout, &ledger).unwrap();
    book.file(&mut ledger, contest()).unwrap();
    let trusted = TrustedKey::from_fingerprint(&institution.fingerprint().to_string()).unwrap();
    (layout, institution, trusted)
}

fn failures(verdict: &Verdict) -> Vec<&str> {
    verdict
        .failures()
        .map(|check| check.name.as_str())
        .collect()
}

#[test]
fn an_untouched_run_passes_with_the_trusted_key() {
    let dir = tempfile::tempdir().unwrap();
    let (layout, institution, trusted) = sealed(dir.path());
    let verdict = verify_run(layout.root(), Some(&trusted));
    assert!(verdict.passed(), "{verdict}");
    let names: Vec<_> = verdict.checks.iter().map(|c| c.name.as_str()).collect();
    let expected = [
        "origin",
        "institution.keys.json",
        "ledger",
        "receipts",
        "model/model.sig",
        "model",
        "identified",
        "issues.jsonl",
        "meds",
        "model",
        "predictions",
        "report.html",
        "report.json",
        "contests",
    ];
    assert_eq!(names, expected);
    let by_pem = TrustedKey::from_pem(institution.public_key().pem()).unwrap();
    assert!(verify_run(layout.root(), Some(&by_pem)).passed());
}

#[test]
fn without_a_trusted_key_the_origin_is_not_proven() {
    let dir = tempfile::tempdir().unwrap();
    let (layout, ..) = sealed(dir.path());
    let verdict = verify_run(layout.root(), None);
    assert!(verdict.intact() && !verdict.passed());
    let unproven: Vec<_> = verdict
        .checks
        .iter()
        .filter(|check| check.outcome == Outcome::NotProven)
        .map(|check| check.name.as_str())
        .collect();
    assert_eq!(unproven, ["origin"]);
}

/// The files of a ledger that are not read for a verdict: older partial tiles are checked by the
/// ledger itself, and a list of a folder is read only where the folder was altered.
fn is_auxiliary(name: &str) -> bool {
    name.starts_with("ledger/trees/")
}

/// One bit of every file of the run, one after the other: the check fails and names the file.
#[test]
fn an_altered_file_of_any_kind_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let (layout, _, trusted) = sealed(dir.path());
    let files = files_below(layout.root());
    assert!(files.len() > 25, "{files:?}");
    for name in files.iter().filter(|name| !is_auxiliary(name)) {
        let path = layout.root().join(name);
        let kept = fs::read(&path).unwrap();
        let mut bytes = kept.clone();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&path, &bytes).unwrap();
        let verdict = verify_run(layout.root(), Some(&trusted));
        let failed = failures(&verdict);
        let named = match name.as_str() {
            // The key beside the run is compared as the origin when it can still be read.
            "institution.pub.pem" => failed.contains(&"origin") || failed.contains(&name.as_str()),
            name => failed.contains(&name),
        };
        assert!(named, "{name}: {failed:?}");
        fs::write(&path, kept).unwrap();
    }
    assert!(verify_run(layout.root(), Some(&trusted)).passed());
}

#[test]
fn a_missing_file_of_any_kind_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let (layout, _, trusted) = sealed(dir.path());
    for name in files_below(layout.root()) {
        // The journal is the writer's own; partial tiles of earlier sizes may be deleted.
        let older = name.contains(".p/") && !name.ends_with(".p/5");
        if is_auxiliary(&name) || name == "ledger/journal" || older {
            continue;
        }
        let path = layout.root().join(&name);
        let kept = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let verdict = verify_run(layout.root(), Some(&trusted));
        assert!(
            failures(&verdict)
                .iter()
                .any(|f| name.starts_with(f) || f.starts_with(&name)),
            "{name}: {verdict}"
        );
        fs::write(&path, kept).unwrap();
    }
}

#[test]
fn an_added_file_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let (layout, _, trusted) = sealed(dir.path());
    for name in [
        "meds/data/train/1.parquet",
        "model/code.py",
        "predictions/more.jsonl",
        "identified/x",
        "contests/C-000002.json",
    ] {
        let path = layout.root().join(name);
        put(&path, "{}");
        let verdict = verify_run(layout.root(), Some(&trusted));
        assert_eq!(failures(&verdict), [name], "{verdict}");
        fs::remove_file(&path).unwrap();
    }
}

/// The attacker makes the whole run anew, with another model, and signs all of it.
#[test]
fn a_run_that_another_key_signed_throughout_is_caught() {
    let dir = tempfile::tempdir().unwrap();
    let (layout, honest, trusted) = sealed(dir.path());
    let attacker = institution(dir.path(), 66);
    let forged = run_of(&dir.path().join("forged"), &attacker);
    let pinned = TrustedKey::from_pem(honest.public_key().pem()).unwrap();
    for trusted in [&trusted, &pinned] {
        let verdict = verify_run(forged.root(), Some(trusted));
        assert!(failures(&verdict).contains(&"origin"), "{verdict}");
    }
    assert!(!verify_run(forged.root(), None).passed());
    // With the honest public key put beside it, nothing else fits.
    fs::copy(
        layout.institution_public_key(),
        forged.institution_public_key(),
    )
    .unwrap();
    for trusted in [&trusted, &pinned] {
        let verdict = verify_run(forged.root(), Some(trusted));
        let failed = failures(&verdict);
        assert_eq!(failed, ["institution.keys.json", "model/model.sig"]);
    }
    // With the honest statement too, the ledger is not what the honest log key signed.
    fs::copy(layout.institution_keys(), forged.institution_keys()).unwrap();
    let verdict = verify_run(forged.root(), Some(&trusted));
    let failed = failures(&verdict);
    assert_eq!(failed, ["ledger/checkpoint", "model/model.sig"]);
}

#[test]
fn only_the_model_replaced_and_signed_anew_is_caught() {
    let dir = tempfile::tempdir().unwrap();
    let (layout, honest, trusted) = sealed(dir.path());
    put(&layout.model().join("model.safetensors"), "backdoor");
    sign_model(&layout.model(), &institution(dir.path(), 66)).unwrap();
    let verdict = verify_run(layout.root(), Some(&trusted));
    assert_eq!(failures(&verdict), ["model/model.sig"], "{verdict}");
    // Even the institution's own new signature is not what the ledger's receipt is of.
    sign_model(&layout.model(), &honest).unwrap();
    let verdict = verify_run(layout.root(), Some(&trusted));
    assert_eq!(failures(&verdict), ["model"], "{verdict}");
}

/// The ledger is set back to an earlier state with its genuine checkpoint of that time.
#[test]
fn a_ledger_that_was_cut_is_caught() {
    let dir = tempfile::tempdir().unwrap();
    let institution = institution(dir.path(), 1);
    let trusted = TrustedKey::from_pem(institution.public_key().pem()).unwrap();
    let layout = run_of(dir.path(), &institution);
    let before = dir.path().join("before");
    copy(&layout.ledger(), &before);
    let mut ledger = RunLedger::open(&layout, &institution).unwrap();
    put(&layout.report_json(), "{\"auroc\":0.7}");
    let model = ledger.output("model").unwrap();
    step(&mut ledger, "evaluate", &[model], &["report.json"]);
    let book = ContestBook::open(&layout, &ledger).unwrap();
    book.file(&mut ledger, contest()).unwrap();
    drop(ledger);
    assert!(verify_run(layout.root(), Some(&trusted)).passed());
    fs::remove_dir_all(layout.ledger()).unwrap();
    copy(&before, &layout.ledger());
    let verdict = verify_run(layout.root(), Some(&trusted));
    let expected = ["report.json", "contests/C-000001.json"];
    assert_eq!(failures(&verdict), expected, "{verdict}");
}

#[test]
fn a_result_without_receipt_is_caught() {
    let dir = tempfile::tempdir().unwrap();
    let institution = institution(dir.path(), 1);
    let trusted = TrustedKey::from_pem(institution.public_key().pem()).unwrap();
    let layout = Layout::new(dir.path().join("run"));
    let mut ledger = RunLedger::open(&layout, &institution).unwrap();
    put(&layout.meds().join("data"), "events");
    step(&mut ledger, "ingest", &[source()], &["meds"]);
    drop(ledger);
    assert!(verify_run(layout.root(), Some(&trusted)).passed());
    put(&layout.report_json(), "{}");
    model_in(&layout.model());
    sign_model(&layout.model(), &institution).unwrap();
    let verdict = verify_run(layout.root(), Some(&trusted));
    assert_eq!(failures(&verdict), ["model", "report.json"], "{verdict}");
}

#[test]
fn a_receipt_that_rests_on_nothing_is_caught() {
    let dir = tempfile::tempdir().unwrap();
    let (layout, institution, trusted) = sealed(dir.path());
    let mut ledger = RunLedger::open(&layout, &institution).unwrap();
    let mut other = source();
    other.name = "sources".to_owned();
    step(&mut ledger, "train", &[other], &["report.json"]);
    drop(ledger);
    let verdict = verify_run(layout.root(), Some(&trusted));
    assert_eq!(failures(&verdict), ["receipts"], "{verdict}");
    assert!(verdict.to_string().contains("step `train` (entry 5)"));
}

#[test]
fn a_folder_that_is_no_run_fails_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let verdict = verify_run(&dir.path().join("none"), None);
    assert!(!verdict.passed() && !verdict.intact());
    assert_eq!(failures(&verdict), ["institution.pub.pem"]);
}

/// The list of a folder's files was altered too: then the folder is named, and the list.
#[test]
fn an_altered_list_does_not_hide_an_altered_folder() {
    let dir = tempfile::tempdir().unwrap();
    let (layout, institution, trusted) = sealed(dir.path());
    let digest = {
        let ledger = RunLedger::open(&layout, &institution).unwrap();
        ledger.output("meds").unwrap().digest
    };
    put(&layout.meds().join("data/train/0.parquet"), "other");
    put(&layout.trees().join(digest.hex()), "");
    let verdict = verify_run(layout.root(), Some(&trusted));
    let list = format!("ledger/trees/{}", digest.hex());
    assert_eq!(failures(&verdict), [list.as_str(), "meds"], "{verdict}");
}

/// Runs that earlier versions wrote still verify, with their contests.
#[test]
fn runs_of_past_versions_verify() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cases/govern");
    let mut checked = 0;
    for case in fs::read_dir(cases).unwrap().map(Result::unwrap) {
        let trusted = fs::read_to_string(case.path().join("fingerprint.txt")).unwrap();
        let trusted = TrustedKey::from_fingerprint(&trusted).unwrap();
        let verdict = verify_run(&case.path().join("run"), Some(&trusted));
        assert!(verdict.passed(), "{verdict}");
        assert!(verdict.checks.iter().any(|check| check.name == "contests"));
        checked += 1;
    }
    assert!(checked > 0);
}

/// The server shares the ledger between threads.
#[test]
fn a_ledger_can_be_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<RunLedger>();
    shared::<ContestBook>();
    shared::<Institution>();
}

/// A served answer in the form in which the server keeps it.
fn serve(layout: &Layout, institution: &Institution) -> (std::path::PathBuf, String) {
    let mut ledger = RunLedger::open(layout, institution).unwrap();
    let prediction =
        r#"{"task":"death in \"1\" year","risk":0.1,"evidence":[0.30000000000000004]}"#;
    let salt = [0xab; 16];
    let id = "00112233445566778899aabbccddeeff";
    let out = crate::commitment(&salt, prediction.as_bytes());
    let leaf = serde_json::json!({ "answer": id, "task": "death_1y", "out": out });
    let entry = ledger.append("inference.served", &leaf).unwrap();
    let indented = prediction.replace(',', ",\n    ");
    let salt = "ab".repeat(16);
    let head = format!("{{\n  \"id\": \"{id}\",\n  \"prediction\": {indented},\n");
    let text = format!("{head}  \"entry\": {entry},\n  \"salt\": \"{salt}\"\n}}");
    let path = layout.answers().join(format!("{id}.json"));
    put(&path, &text);
    (path, text)
}

#[test]
fn an_altered_answer_is_named_and_an_erased_one_is_not_missed() {
    let dir = tempfile::tempdir().unwrap();
    let (layout, institution, trusted) = sealed(dir.path());
    let (path, text) = serve(&layout, &institution);
    let verdict = verify_run(layout.root(), Some(&trusted));
    assert!(verdict.passed(), "{verdict}");
    assert!(
        verdict.to_string().contains("1 served, 1 kept"),
        "{verdict}"
    );
    let name = format!("answers/{}", path.file_name().unwrap().to_string_lossy());
    for altered in [
        text.replace("0.1,", "0.9,"),
        text.replace("\"entry\": 5", "\"entry\": 4"),
        text.replace("abab", "abaa"),
        text.replace("0011", "1100"),
        "{}".to_owned(),
    ] {
        assert_ne!(altered, text);
        put(&path, &altered);
        let verdict = verify_run(layout.root(), Some(&trusted));
        assert_eq!(failures(&verdict), [name.as_str()], "{verdict}");
    }
    fs::remove_file(&path).unwrap();
    let verdict = verify_run(layout.root(), Some(&trusted));
    assert!(verdict.passed(), "{verdict}");
    assert!(
        verdict.to_string().contains("1 served, 0 kept"),
        "{verdict}"
    );
    put(&layout.answers().join("made-up.json"), &text);
    let verdict = verify_run(layout.root(), Some(&trusted));
    assert_eq!(failures(&verdict), ["answers/made-up.json"], "{verdict}");
}
