//! The monitoring: every state with every occurrence, the records and the ledger's part.

use super::{NOW, institution, run_of};
use crate::{
    Approved, Decision, Error, Evidence, Health, MonitorBook, Occurrence, Part, Recorded,
    RunLedger, Seen, TrustedKey, standing, verify_run,
};
use expect_test::expect;
use std::fs;

fn decision(by: &[&str], reason: &str) -> Decision {
    Decision {
        by: by.iter().map(|&name| name.to_owned()).collect(),
        reason: reason.to_owned(),
    }
}

fn occurrences() -> Vec<(&'static str, Occurrence)> {
    let evidence = [
        ("quiet", Evidence::Quiet),
        ("watch", Evidence::Watch),
        ("alarm", Evidence::Alarm { suspends: false }),
        ("alarm that suspends", Evidence::Alarm { suspends: true }),
    ];
    let mut all: Vec<_> = evidence
        .into_iter()
        .map(|(name, one)| (name, Occurrence::Evidence(one)))
        .collect();
    let decisions = [
        ("by nobody", decision(&[" "], "seen")),
        ("without a reason", decision(&["Ann"], " ")),
        ("by one", decision(&["Ann", "ann "], "seen")),
        ("by two", decision(&["Ann", "Ben"], "seen")),
    ];
    for (name, one) in decisions {
        all.push((name, Occurrence::Suspend(one.clone())));
        all.push((name, Occurrence::Release(one)));
    }
    all
}

#[test]
fn every_state_with_every_occurrence() {
    let mut table = String::new();
    for state in Health::ALL {
        for (name, occurrence) in occurrences() {
            let what = match &occurrence {
                Occurrence::Evidence(_) => "evidence",
                Occurrence::Suspend(_) => "suspend",
                Occurrence::Release(_) => "release",
            };
            let after = match state.after(&occurrence) {
                Ok(after) => after.to_string(),
                Err(error) => error.to_string(),
            };
            table.push_str(&format!("{state}, {what} {name}: {after}\n"));
        }
    }
    expect![[r"
        healthy, evidence quiet: healthy
        healthy, evidence watch: watch
        healthy, evidence alarm: watch
        healthy, evidence alarm that suspends: suspended
        healthy, suspend by nobody: the step is refused: it needs the name of who decides
        healthy, release by nobody: the step is refused: it needs the name of who decides
        healthy, suspend without a reason: the step is refused: it needs a reason
        healthy, release without a reason: the step is refused: it needs a reason
        healthy, suspend by one: suspended
        healthy, release by one: the step is refused: it is healthy: there is nothing to release
        healthy, suspend by two: suspended
        healthy, release by two: the step is refused: it is healthy: there is nothing to release
        watch, evidence quiet: watch
        watch, evidence watch: watch
        watch, evidence alarm: watch
        watch, evidence alarm that suspends: suspended
        watch, suspend by nobody: the step is refused: it needs the name of who decides
        watch, release by nobody: the step is refused: it needs the name of who decides
        watch, suspend without a reason: the step is refused: it needs a reason
        watch, release without a reason: the step is refused: it needs a reason
        watch, suspend by one: suspended
        watch, release by one: healthy
        watch, suspend by two: suspended
        watch, release by two: healthy
        suspended, evidence quiet: suspended
        suspended, evidence watch: suspended
        suspended, evidence alarm: suspended
        suspended, evidence alarm that suspends: suspended
        suspended, suspend by nobody: the step is refused: it needs the name of who decides
        suspended, release by nobody: the step is refused: it needs the name of who decides
        suspended, suspend without a reason: the step is refused: it needs a reason
        suspended, release without a reason: the step is refused: it needs a reason
        suspended, suspend by one: the step is refused: it is suspended already
        suspended, release by one: the step is refused: a suspension is ended by two people or more
        suspended, suspend by two: the step is refused: it is suspended already
        suspended, release by two: watch
    "]]
    .assert_eq(&table);
}

#[test]
fn changes_stand_in_the_ledger_and_names_do_not() {
    let dir = tempfile::tempdir().unwrap();
    let institution = institution(dir.path(), 1);
    let layout = run_of(dir.path(), &institution);
    let mut ledger = RunLedger::open(&layout, &institution).unwrap();
    let book = MonitorBook::open(&layout, &ledger).unwrap();
    let part = Part::whole("death_1y");
    let seen = || Seen {
        at: NOW,
        evidence: None,
        streams: vec!["calibration".to_owned()],
    };
    let mut occur = |one: &Occurrence| book.occur(&mut ledger, &part, one, seen());
    let alarm = Occurrence::Evidence(Evidence::Alarm { suspends: true });
    assert_eq!(occur(&alarm).unwrap(), Health::Suspended);
    // The same evidence again changes nothing and enters nothing.
    assert_eq!(occur(&alarm).unwrap(), Health::Suspended);
    let alone = Occurrence::Release(decision(&["Ann"], "mended at Mrs Example's"));
    assert!(matches!(occur(&alone), Err(Error::Monitor(_))));
    let both = Occurrence::Release(decision(&["Ann", "Ben"], "mended at Mrs Example's"));
    assert_eq!(occur(&both).unwrap(), Health::Watch);
    let known = standing(&ledger.leaves().unwrap());
    assert_eq!(
        (known[&part].health, known[&part].released),
        (Health::Watch, Some(NOW))
    );
    let records = book.list().unwrap();
    assert_eq!(records.len(), 2);
    assert_eq!(format!("{records:?}").find("Example"), None);
    let leaves: String = ledger
        .leaves()
        .unwrap()
        .iter()
        .map(|leaf| leaf.receipt.to_string())
        .collect();
    assert!(!leaves.contains("Ann") && !leaves.contains("Example"));
    let approved = Approved {
        proposal: serde_json::json!({ "map": "identity" }),
        decision: decision(&["Ann"], "better"),
        overridden: None,
        at: NOW,
    };
    book.recalibrate(&mut ledger, &part, approved).unwrap();
    assert!(matches!(
        book.list().unwrap()[2].what,
        Recorded::Recalibration { .. }
    ));
    // A recalibration changes no state.
    assert_eq!(
        standing(&ledger.leaves().unwrap())[&part].health,
        Health::Watch
    );
    drop(ledger);
    let trusted = TrustedKey::parse(&institution.fingerprint().to_string()).unwrap();
    let verdict = verify_run(layout.root(), Some(&trusted));
    assert!(verdict.passed(), "{verdict}");
    let path = layout.monitor().join("M-000001.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("\"suspended\"", "\"watch\"")).unwrap();
    fs::write(layout.monitor().join("M-000009.json"), text).unwrap();
    let verdict = verify_run(layout.root(), Some(&trusted));
    let failed: Vec<&str> = verdict
        .failures()
        .map(|check| check.name.as_str())
        .collect();
    assert_eq!(failed, ["monitor/M-000001.json", "monitor/M-000009.json"]);
}
