//! `longitude ledger` from outside: a proof that stands without the run, and what proves nothing.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use longitude_ledger::{Log, Reader, Signer, WitnessBook, add_checkpoint_request};
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const ORIGIN: &str = "example.org/run";

fn longitude(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_longitude"))
        .args(arguments)
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    let bytes = [output.stdout.as_slice(), &output.stderr].concat();
    String::from_utf8(bytes).unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn signer() -> Signer {
    Signer::new(ORIGIN, &[42; 32]).unwrap()
}

/// A run folder that holds a ledger of three leaves and nothing else.
fn run(folder: &Path) -> Log {
    let mut log = Log::open(&folder.join("ledger"), ORIGIN).unwrap();
    for seq in 0..3 {
        let leaf = format!("{{\"v\":1,\"seq\":{seq},\"kind\":\"receipt\",\"receipt\":{{}}}}");
        log.append(leaf.as_bytes()).unwrap();
    }
    log.publish(&signer()).unwrap();
    log
}

#[test]
fn a_proof_stands_without_the_run_and_an_altered_entry_does_not() {
    let (folder, away) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    // The writer stays open: whoever serves the run need not stop for a proof.
    let _log = run(folder.path());
    let (proof, entry) = (away.path().join("1.tlog-proof"), away.path().join("1.json"));
    let run = text(folder.path());
    let made = longitude(&[
        "ledger",
        "prove",
        "1",
        "--run",
        run,
        "--to",
        text(&proof),
        "--entry",
        text(&entry),
    ]);
    assert_eq!(made.status.code(), Some(0), "{}", said(&made));
    assert!(fs::read_to_string(&entry).unwrap().contains("\"seq\":1"));
    let key = signer().verifying_key().to_string();
    let check = || {
        longitude(&[
            "ledger",
            "check",
            text(&proof),
            "--entry",
            text(&entry),
            "--key",
            &key,
        ])
    };
    assert_eq!(check().status.code(), Some(0), "{}", said(&check()));
    assert!(said(&check()).contains("verified: entry 1 is in the log"));
    fs::write(&entry, "another").unwrap();
    assert_eq!(check().status.code(), Some(4));
    assert!(
        said(&check()).contains("proves nothing"),
        "{}",
        said(&check())
    );
}

#[test]
fn witnesses_are_asked_for_by_a_policy() {
    let (folder, away) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut log = run(folder.path());
    let witness = Signer::new("witness.example/w1", &[9; 32]).unwrap();
    let policy = away.path().join("policy");
    let rules = format!(
        "log {}\nwitness W {}\nquorum W\n",
        signer().verifying_key(),
        witness.witness()
    );
    fs::write(&policy, rules).unwrap();
    let (proof, entry) = (away.path().join("p"), away.path().join("e"));
    let run = text(folder.path());
    let prove = || {
        longitude(&[
            "ledger",
            "prove",
            "0",
            "--run",
            run,
            "--to",
            text(&proof),
            "--entry",
            text(&entry),
        ])
    };
    let check = || {
        longitude(&[
            "ledger",
            "check",
            text(&proof),
            "--entry",
            text(&entry),
            "--policy",
            text(&policy),
        ])
    };
    prove();
    assert_eq!(check().status.code(), Some(4));
    assert!(
        said(&check()).contains("too few witnesses"),
        "{}",
        said(&check())
    );
    let held = away.path().join("witness");
    let keys = vec![signer().verifying_key()];
    let mut book = WitnessBook::open(&held, witness.clone(), keys).unwrap();
    let request = Reader::open(&folder.path().join("ledger")).unwrap();
    let request = add_checkpoint_request(&request, 0).unwrap();
    let line = book
        .add_checkpoint(&request, 1_780_000_000)
        .unwrap()
        .unwrap();
    log.add_cosignature(&line, &witness.witness()).unwrap();
    prove();
    assert_eq!(check().status.code(), Some(0), "{}", said(&check()));
    assert!(said(&check()).contains("cosigned by W"));
    fs::write(&policy, "quorum W\n").unwrap();
    assert_eq!(check().status.code(), Some(3));
    assert!(
        said(&check()).contains("line 1 of the policy"),
        "{}",
        said(&check())
    );
}

#[test]
fn entries_are_shown_and_what_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    drop(run(folder.path()));
    let run = text(folder.path());
    let all = said(&longitude(&["ledger", "show", "--run", run]));
    assert_eq!(
        all.lines().filter(|line| line.contains("receipt")).count(),
        3,
        "{all}"
    );
    assert!(all.contains(ORIGIN));
    let none = longitude(&["ledger", "show", "3", "--run", run]);
    assert_eq!(none.status.code(), Some(3));
    assert!(
        said(&none).contains("name an entry from 0 to 2"),
        "{}",
        said(&none)
    );
    let empty = tempfile::tempdir().unwrap();
    let nowhere = longitude(&["ledger", "show", "--run", text(empty.path())]);
    assert_eq!(nowhere.status.code(), Some(3));
    assert!(said(&nowhere).contains("has no ledger"));
}
