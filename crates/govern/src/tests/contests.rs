//! Contests: every pair of state and action, the guards, and the ledger's part.

use super::{NOW, contest, institution, run_of};
use crate::{
    Action, Cause, Contest, ContestBook, ContestKind, Determination, Error, Filer, Finding, Ground,
    Independence, Institution, Layout, NewContest, Remedy, RunLedger, State, Transition,
    TrustedKey, verify_run,
};
use longitude_core::Digest;
use std::fs;
use std::path::Path;

fn opened(dir: &Path) -> (Layout, Institution, RunLedger, ContestBook) {
    let institution = institution(dir, 1);
    let layout = run_of(dir, &institution);
    let ledger = RunLedger::open(&layout, &institution).unwrap();
    let book = ContestBook::open(&layout, &ledger).unwrap();
    (layout, institution, ledger, book)
}

fn actions() -> Vec<Action> {
    vec![
        Action::Acknowledge,
        Action::Triage,
        Action::Review {
            independence: Independence::declare(true, true, true).unwrap(),
        },
        Action::Determine(Determination {
            finding: Finding::Overturned,
            cause: Cause::Data,
            rationale: "The record was another person's.".to_owned(),
            evidence: vec![Digest::of(b"entry")],
        }),
        Action::Notify {
            told: vec!["filer".to_owned(), "ward 3".to_owned()],
        },
        Action::Close,
        Action::Withdraw,
    ]
}

fn step(action: Action) -> Transition {
    Transition {
        action,
        note: "a note on Mrs Example".to_owned(),
        by: "quality_officer".to_owned(),
        at: NOW,
    }
}

#[test]
fn a_contest_goes_from_filing_to_closing() {
    let dir = tempfile::tempdir().unwrap();
    let (layout, institution, mut ledger, book) = opened(dir.path());
    let id = book.file(&mut ledger, contest()).unwrap();
    assert_eq!(id.to_string(), "C-000001");
    for action in actions().into_iter().take(6) {
        book.transition(&mut ledger, id, step(action)).unwrap();
    }
    let second = book.file(&mut ledger, contest()).unwrap();
    let listed = book.list().unwrap();
    let ids: Vec<_> = listed.iter().map(|contest| contest.id).collect();
    assert_eq!(ids, [id, second]);
    let closed = book.get(id).unwrap();
    assert_eq!(closed.state, State::Closed);
    assert_eq!(closed.history.len(), 6);
    assert_eq!(closed.narrative, contest().narrative);
    assert_eq!(closed.told, ["filer", "ward 3"]);
    assert!(closed.determination.is_some() && closed.independence.is_some());
    let kinds: Vec<_> = ledger.leaves().unwrap().split_off(4);
    let kinds: Vec<_> = kinds.iter().map(|leaf| leaf.kind.as_str()).collect();
    let expected = [
        "contest.submitted",
        "contest.acknowledged",
        "contest.triaged",
        "contest.under_review",
        "contest.determined",
        "contest.notified",
        "contest.closed",
        "contest.submitted",
    ];
    assert_eq!(kinds, expected);
    drop(ledger);
    let trusted = TrustedKey::from_pem(institution.public_key().pem()).unwrap();
    let verdict = verify_run(layout.root(), Some(&trusted));
    assert!(verdict.passed(), "{verdict}");
}

/// Nothing of the case is in the ledger, in a message or in what a debugger prints.
#[test]
fn the_ledger_holds_no_word_of_the_case() {
    let dir = tempfile::tempdir().unwrap();
    let (layout, _, mut ledger, book) = opened(dir.path());
    let id = book.file(&mut ledger, contest()).unwrap();
    let entry = book
        .transition(&mut ledger, id, step(Action::Acknowledge))
        .unwrap();
    let leaf = serde_json::to_string(&ledger.leaf(entry).unwrap()).unwrap();
    let keys = ["case", "contest", "state"];
    let leaf_keys = ledger.leaf(entry).unwrap().receipt;
    assert!(leaf_keys.as_object().unwrap().keys().eq(keys), "{leaf}");
    for name in super::files_below(&layout.ledger()) {
        let bytes = fs::read(layout.ledger().join(&name)).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        for word in ["Example", "smoking", "answer-7", "death_1y", "clinician"] {
            assert!(!text.contains(word), "{name} holds {word}");
        }
    }
    let case = book.get(id).unwrap();
    let shown = format!("{case:?} {:?} {:?}", contest(), actions());
    assert!(!shown.contains("Example") && !shown.contains("another person"));
    // Two equal cases have different commitments: the salt is new each time.
    let again = book.file(&mut ledger, contest()).unwrap();
    let leaves = ledger.leaves().unwrap();
    assert_ne!(leaves[4].receipt["case"], leaves[6].receipt["case"]);
    assert_ne!(again, id);
}

/// Every state with every action: eight by seven, and only these steps.
#[test]
fn only_the_steps_of_the_machine_are_possible() {
    let states = [
        State::Submitted,
        State::Acknowledged,
        State::Triaged,
        State::UnderReview,
        State::Determined,
        State::Notified,
        State::Closed,
        State::WithdrawnByFiler,
    ];
    let mut possible = Vec::new();
    for state in states {
        for action in actions() {
            if let Ok(to) = state.after(&action) {
                possible.push(format!("{state} -> {to}"));
            }
        }
    }
    expect_test::expect![[r"
        submitted -> acknowledged
        submitted -> withdrawn_by_filer
        acknowledged -> triaged
        acknowledged -> withdrawn_by_filer
        triaged -> under_review
        triaged -> withdrawn_by_filer
        under_review -> determined
        under_review -> withdrawn_by_filer
        determined -> notified
        determined -> withdrawn_by_filer
        notified -> closed
        notified -> withdrawn_by_filer"]]
    .assert_eq(&possible.join("\n"));
}

#[test]
fn a_step_that_the_state_does_not_allow_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (_, _, mut ledger, book) = opened(dir.path());
    let id = book.file(&mut ledger, contest()).unwrap();
    let size = ledger.head().unwrap().size;
    let refused = book.transition(&mut ledger, id, step(Action::Close));
    assert!(matches!(refused, Err(Error::Contest(_))));
    let mut nobody = step(Action::Acknowledge);
    nobody.by = " ".to_owned();
    assert!(book.transition(&mut ledger, id, nobody).is_err());
    let none = "C-000009".parse().unwrap();
    let refused = book.transition(&mut ledger, none, step(Action::Acknowledge));
    assert!(matches!(refused, Err(Error::NoContest(_))));
    assert_eq!(ledger.head().unwrap().size, size);
    assert_eq!(book.get(id).unwrap().state, State::Submitted);
}

#[test]
fn steps_need_what_they_need() {
    assert!(Independence::declare(true, true, false).is_err());
    assert!(Independence::declare(false, true, true).is_err());
    let json = r#"{"not_model_owner":true,"not_original_decider":false,"not_prior_reviewer":true}"#;
    assert!(serde_json::from_str::<Independence>(json).is_err());
    let determination = |rationale: &str, evidence: Vec<Digest>| {
        Action::Determine(Determination {
            finding: Finding::Upheld,
            cause: Cause::Unknown,
            rationale: rationale.to_owned(),
            evidence,
        })
    };
    let evidence = vec![Digest::of(b"entry")];
    let review = State::UnderReview;
    assert!(review.after(&determination(" ", evidence.clone())).is_err());
    assert!(review.after(&determination("why", Vec::new())).is_err());
    assert!(review.after(&determination("why", evidence)).is_ok());
    let nobody = Action::Notify { told: Vec::new() };
    assert!(State::Determined.after(&nobody).is_err());
}

#[test]
fn a_contest_says_what_its_kind_needs() {
    let dir = tempfile::tempdir().unwrap();
    let (_, _, mut ledger, book) = opened(dir.path());
    let refused = [
        NewContest {
            grounds: Vec::new(),
            ..contest()
        },
        NewContest {
            answer: None,
            ..contest()
        },
        NewContest {
            kind: ContestKind::Omission,
            task: None,
            ..contest()
        },
        NewContest {
            kind: ContestKind::Omission,
            subject: None,
            ..contest()
        },
        NewContest {
            narrative: "x".repeat(40_000),
            ..contest()
        },
    ];
    for new in refused {
        let refused = book.file(&mut ledger, new);
        assert!(matches!(refused, Err(Error::Contest(_))));
    }
    // A missing warning has no answer to point to, and a use of data no subject either.
    let omission = NewContest {
        kind: ContestKind::Omission,
        answer: None,
        ..contest()
    };
    book.file(&mut ledger, omission).unwrap();
    let data_use = NewContest {
        kind: ContestKind::DataUse,
        answer: None,
        subject: None,
        task: None,
        ..contest()
    };
    book.file(&mut ledger, data_use).unwrap();
    assert_eq!(book.list().unwrap().len(), 2);
}

/// The process dies between the ledger and the exchange of the files, and before the ledger.
#[test]
fn a_crash_between_ledger_and_file_is_finished_or_undone() {
    let dir = tempfile::tempdir().unwrap();
    let (layout, institution, mut ledger, book) = opened(dir.path());
    let trusted = TrustedKey::from_pem(institution.public_key().pem()).unwrap();
    let id = book.file(&mut ledger, contest()).unwrap();
    let place = layout.contests().join("C-000001.json");
    let pending = layout.contests().join("C-000001.json.pending");
    let old = fs::read(&place).unwrap();
    book.transition(&mut ledger, id, step(Action::Acknowledge))
        .unwrap();
    fs::rename(&place, &pending).unwrap();
    fs::write(&place, &old).unwrap();
    assert!(verify_run(layout.root(), Some(&trusted)).passed());
    let book = ContestBook::open(&layout, &ledger).unwrap();
    assert_eq!(book.get(id).unwrap().state, State::Acknowledged);
    assert!(!pending.exists());
    // A step that the ledger does not know never happened.
    let text = String::from_utf8(fs::read(&place).unwrap()).unwrap();
    fs::write(&pending, text.replace("acknowledged", "triaged")).unwrap();
    let book = ContestBook::open(&layout, &ledger).unwrap();
    assert_eq!(book.get(id).unwrap().state, State::Acknowledged);
    assert!(!pending.exists());
    drop(ledger);
    assert!(verify_run(layout.root(), Some(&trusted)).passed());
}

#[test]
fn an_altered_case_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let (layout, institution, mut ledger, book) = opened(dir.path());
    let trusted = TrustedKey::from_pem(institution.public_key().pem()).unwrap();
    book.file(&mut ledger, contest()).unwrap();
    drop(ledger);
    let path = layout.contests().join("C-000001.json");
    let text = fs::read_to_string(&path).unwrap();
    let mut case: Contest = serde_json::from_str(&text).unwrap();
    case.narrative = "Nothing is wrong.".to_owned();
    fs::write(&path, serde_json::to_string_pretty(&case).unwrap()).unwrap();
    let verdict = verify_run(layout.root(), Some(&trusted));
    let failed: Vec<_> = verdict.failures().map(|c| c.name.as_str()).collect();
    assert_eq!(failed, ["contests/C-000001.json"]);
}

#[test]
fn the_words_are_those_of_the_record() {
    let mut lines = Vec::new();
    let mut add = |codes: Vec<&str>| lines.extend(codes.chunks(4).map(|four| four.join(" ")));
    add(ContestKind::ALL.iter().map(|word| word.code()).collect());
    add(Ground::ALL.iter().map(|word| word.code()).collect());
    add(Remedy::ALL.iter().map(|word| word.code()).collect());
    add(Filer::ALL.iter().map(|word| word.code()).collect());
    expect_test::expect![[r"
        commission omission prioritisation data_use
        role
        data_wrong data_missing identity_mismatch data_use_objection
        bias_or_unfair outside_intended_use output_wrong omitted
        mis_prioritised uncertainty_understated explanation_inadequate human_role_unclear
        local_protocol_conflict privacy_leak harm_or_near_miss other
        explain correct_data human_review withdraw
        exclude_my_data apology_other
        clinician patient representative quality_officer
        external_auditor automated_monitor"]]
    .assert_eq(&lines.join("\n"));
    assert_eq!(Ground::from_code("omitted"), Some(Ground::Omitted));
    assert_eq!(Ground::from_code("Omitted"), None);
    let json = serde_json::to_string(&Ground::MisPrioritised).unwrap();
    assert_eq!(json, "\"mis_prioritised\"");
    assert!("C-1".parse::<crate::ContestId>().is_err());
    assert!("../C-000001".parse::<crate::ContestId>().is_err());
}
