//! What an attacker can do to the files of a log, and what the check says of it.

use super::{ORIGIN, entry, log_of, signer};
use crate::{Error, Log, Signer, verify_log};
use expect_test::{Expect, expect};
use std::fs;
use std::path::Path;

fn check(attack: impl FnOnce(&Path), expected: &Expect) {
    let dir = tempfile::tempdir().unwrap();
    drop(log_of(dir.path(), 256));
    drop(log_of(dir.path(), 258));
    drop(log_of(dir.path(), 260));
    attack(dir.path());
    let audit = verify_log(dir.path(), &signer().verifying_key()).unwrap();
    let found: Vec<_> = audit
        .findings
        .iter()
        .map(|finding| format!("{}: {}", finding.file, finding.what))
        .collect();
    expected.assert_eq(&found.join("\n"));
}

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[test]
fn an_untouched_log_is_intact() {
    check(|_| {}, &expect![""]);
}

#[test]
fn an_altered_entry_is_named() {
    check(
        |dir| flip(&dir.join("tile/entries/000"), 2 + 9 + 4),
        &expect!["tile/entries/000: entry 1 was altered"],
    );
    check(
        |dir| {
            let bundle = dir.join("tile/entries/001.p/4");
            flip(&bundle, 10);
            flip(&bundle, 21);
        },
        &expect!["tile/entries/001.p/4: entries 256 to 257 were altered"],
    );
}

#[test]
fn a_cut_or_missing_bundle_is_named() {
    check(
        |dir| fs::write(dir.join("tile/entries/001.p/4"), b"\0\x09entry 256").unwrap(),
        &expect!["tile/entries/001.p/4: entries 256 to 259 are missing or cut"],
    );
    check(
        |dir| fs::remove_file(dir.join("tile/entries/000")).unwrap(),
        &expect!["tile/entries/000: entries 0 to 255 are missing or cut"],
    );
}

#[test]
fn an_altered_tile_is_named() {
    check(
        |dir| flip(&dir.join("tile/0/000"), 100),
        &expect!["tile/0/000: it was altered: its hashes are not those of the tree"],
    );
    check(
        |dir| flip(&dir.join("tile/1/000.p/1"), 3),
        &expect!["tile/1/000.p/1: it was altered: its hashes are not those of the tree"],
    );
    check(
        |dir| fs::remove_file(dir.join("tile/0/001.p/4")).unwrap(),
        &expect!["tile/0/001.p/4: it is missing or has the wrong length"],
    );
    check(
        |dir| flip(&dir.join("tile/0/001.p/2"), 3),
        &expect!["tile/0/001.p/2: it was altered: it is not the start of the present file"],
    );
}

#[test]
fn an_altered_journal_is_named() {
    check(
        |dir| flip(&dir.join("journal"), 12),
        &expect!["journal: its first entry was altered"],
    );
    check(
        |dir| flip(&dir.join("journal"), 10 + 9 + 32 + 12),
        &expect!["journal: entry 257 was altered"],
    );
}

#[test]
fn an_altered_checkpoint_is_named() {
    check(
        |dir| {
            let path = dir.join("checkpoint");
            let text = fs::read_to_string(&path).unwrap();
            fs::write(&path, text.replace("\n260\n", "\n258\n")).unwrap();
        },
        &expect![[r"
            checkpoint: the checkpoint is refused: its signature does not fit its text
            checkpoint: neither entries nor tiles lead to the root that it states"]],
    );
    check(
        |dir| fs::remove_file(dir.join("checkpoint")).unwrap(),
        &expect!["checkpoint: it is missing"],
    );
    check(
        |dir| fs::write(dir.join("checkpoint"), b"\xff\xfe").unwrap(),
        &expect!["checkpoint: the checkpoint is refused: it is not a signed note"],
    );
}

/// An attacker who rewrites the log throughout and signs it anew has only the wrong key.
#[test]
fn a_rewritten_and_resigned_log_is_refused() {
    check(
        |dir| {
            fs::remove_dir_all(dir).unwrap();
            let mut log = Log::open(dir, ORIGIN).unwrap();
            log.append(b"another story").unwrap();
            log.publish(&Signer::new(ORIGIN, &[66; 32]).unwrap())
                .unwrap();
        },
        &expect!["checkpoint: the checkpoint is refused: it is not signed by the expected key"],
    );
}

#[test]
fn opening_for_writing_refuses_what_contradicts_the_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    drop(log_of(dir.path(), 260));
    let journal = dir.path().join("journal");
    let bytes = fs::read(&journal).unwrap();
    // Cut off whole: without a checkpoint this would be an honest shorter log.
    fs::write(
        &journal,
        &bytes[..bytes.len() - (10 + entry(259).len() + 32)],
    )
    .unwrap();
    let refused = Log::open(dir.path(), ORIGIN);
    assert!(matches!(
        refused,
        Err(Error::Truncated {
            promised: 260,
            found: 259,
            ..
        })
    ));
    fs::write(&journal, &bytes).unwrap();
    flip(&dir.path().join("tile/0/000"), 0);
    let refused = Log::open(dir.path(), ORIGIN);
    assert!(matches!(refused, Err(Error::Damaged { .. })));
}
