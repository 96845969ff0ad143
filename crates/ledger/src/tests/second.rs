//! The second verifier, in Python and from the specifications alone, on random logs.

use super::{entry, log_of, open, signer};
use crate::{Log, Signer};
use proptest::prelude::*;
use std::fs;
use std::path::Path;
use std::process::Command;

const VERIFIER: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../cases/verify/verify_log.py"
);

/// Whether there is a Python; where there is none, that is said.
fn is_there() -> bool {
    let there = Command::new("python3").arg("--version").output().is_ok();
    if !there {
        eprintln!("LEFT OUT: 1 test, there is no python3 for the second verifier");
    }
    there
}

/// Whether it verifies, and what it says.
fn second(arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new("python3");
    let output = command.arg(VERIFIER).args(arguments).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn of(dir: &Path, lengths: &[usize]) -> Log {
    let mut log = open(dir).unwrap();
    for (index, length) in lengths.iter().enumerate() {
        let byte = u8::try_from(index % 251).unwrap();
        log.append(&vec![byte; *length]).unwrap();
    }
    log.publish(&signer()).unwrap();
    log
}

proptest! {
    // A Python process for each log and each alteration.
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn random_logs_verify_and_their_alterations_do_not(
        lengths in prop::collection::vec(0_usize..300, 1..700),
        which in any::<prop::sample::Index>(),
        byte in any::<prop::sample::Index>(),
    ) {
        if !is_there() {
            return Ok(());
        }
        let dir = tempfile::tempdir().unwrap();
        let log = of(dir.path(), &lengths);
        let key = signer().verifying_key().to_string();
        let (verified, said) = second(&["log", text(dir.path()), &key]);
        prop_assert!(verified, "{}", said);

        let index = which.index(lengths.len());
        let proof = dir.path().join("one.tlog-proof");
        let leaf = dir.path().join("one.entry");
        let proven = log.proof_file(index as u64).unwrap();
        fs::write(&proof, proven.to_text()).unwrap();
        fs::write(&leaf, log.entry(index as u64).unwrap()).unwrap();
        let (verified, said) = second(&["proof", text(&proof), text(&leaf), &key]);
        prop_assert!(verified, "{}", said);
        fs::write(&leaf, b"another entry").unwrap();
        prop_assert!(!second(&["proof", text(&proof), text(&leaf), &key]).0);

        let tiles = dir.path().join("tile/0");
        let tile = fs::read_dir(&tiles).unwrap().map(|one| one.unwrap().path());
        let inside = |path: std::path::PathBuf| fs::read_dir(path).unwrap().next().unwrap();
        let tile = tile.map(|path| {
            if path.is_dir() { inside(path).unwrap().path() } else { path }
        });
        let tile = tile.min().unwrap();
        let mut bytes = fs::read(&tile).unwrap();
        let at = byte.index(bytes.len());
        bytes[at] ^= 1;
        fs::write(&tile, bytes).unwrap();
        prop_assert!(!second(&["log", text(dir.path()), &key]).0);
    }
}

#[test]
fn cosignatures_verify_and_an_absent_one_is_missed() {
    if !is_there() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut log = log_of(dir.path(), 9);
    let witness = Signer::new("witness.example/w1", &[9; 32]).unwrap();
    let note = log.published_note().unwrap();
    let line = witness.cosign(&note, 1_780_000_000).unwrap();
    log.add_cosignature(&line, &witness.witness()).unwrap();
    let (proof, leaf) = (dir.path().join("p"), dir.path().join("e"));
    fs::write(&leaf, entry(4)).unwrap();
    fs::write(&proof, log.proof_file(4).unwrap().to_text()).unwrap();
    let key = signer().verifying_key().to_string();
    let asked = witness.witness().to_string();
    let arguments = ["proof", text(&proof), text(&leaf), &key, &asked];
    let (verified, said) = second(&arguments);
    assert!(verified, "{said}");
    let other = Signer::new("witness.example/w2", &[8; 32]).unwrap();
    let absent = other.witness().to_string();
    assert!(!second(&["proof", text(&proof), text(&leaf), &key, &absent]).0);
}
