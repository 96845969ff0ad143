//! The files of a log are those that C2SP tlog-tiles names, and say what it says.

use super::{ORIGIN, entry, log_of, open, signer};
use crate::{Error, Hash, Log, ProofFile, VerifyingKey, leaf_hash, verify_log};
use expect_test::expect;
use std::fs;
use std::path::Path;

fn files(dir: &Path, prefix: &str, found: &mut Vec<String>) {
    let mut entries: Vec<_> = fs::read_dir(dir).unwrap().map(Result::unwrap).collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            files(&entry.path(), &format!("{name}/"), found);
        } else {
            found.push(format!("{name} {}", entry.metadata().unwrap().len()));
        }
    }
}

#[test]
fn tiles_stand_where_the_specification_says() {
    let dir = tempfile::tempdir().unwrap();
    let log = log_of(dir.path(), 258);
    let mut found = Vec::new();
    files(dir.path(), "", &mut found);
    expect![[r"
        checkpoint 179
        journal 102
        tile/0/000 8192
        tile/0/001.p/2 64
        tile/1/000.p/1 32
        tile/entries/000 2706
        tile/entries/001.p/2 22"]]
    .assert_eq(&found.join("\n"));
    let tile = fs::read(dir.path().join("tile/0/001.p/2")).unwrap();
    let leaves = [leaf_hash(&entry(256)).0, leaf_hash(&entry(257)).0].concat();
    assert_eq!(tile, leaves);
    let tile = fs::read(dir.path().join("tile/1/000.p/1")).unwrap();
    assert_eq!(Hash(tile.try_into().unwrap()), log.root(256).unwrap());
    let bundle = fs::read(dir.path().join("tile/entries/001.p/2")).unwrap();
    assert_eq!(bundle, b"\0\x09entry 256\0\x09entry 257");
}

#[test]
fn tile_numbers_have_groups_of_three_digits() {
    // The example of the specification, and its tree of 70,000 entries.
    assert_eq!(
        crate::tile::tile_name(0, 1_234_067, 256),
        "tile/0/x001/x234/067"
    );
    assert_eq!(crate::tile::bundle_name(0, 5), "tile/entries/000.p/5");
    let tiles = crate::tile::tiles_of(70_000);
    let count = |level, full: bool| {
        let of = |t: &&(u32, u64, u64)| t.0 == level && (t.2 == 256) == full;
        tiles.iter().filter(of).count()
    };
    assert_eq!((count(0, true), count(1, true)), (273, 1));
    let partial: Vec<_> = tiles.iter().filter(|tile| tile.2 < 256).collect();
    assert_eq!(partial, [&(0, 273, 112), &(1, 1, 17), &(2, 0, 1)]);
}

#[test]
fn partial_tiles_of_published_sizes_stay_until_the_tile_is_full() {
    let dir = tempfile::tempdir().unwrap();
    for size in [1, 5, 255] {
        drop(log_of(dir.path(), size));
    }
    let partial = dir.path().join("tile/entries/000.p");
    assert!(partial.join("1").is_file() && partial.join("5").is_file());
    drop(log_of(dir.path(), 256));
    assert!(!partial.exists() && dir.path().join("tile/entries/000").is_file());
    assert!(dir.path().join("tile/1/000.p/1").is_file());
    assert!(!dir.path().join("tile/0/000.p").exists());
}

/// A tree of three levels, built by hand in the oldest bundles' place to stay quick, would test
/// less than the real thing: 66,000 entries without publishing in between.
#[test]
fn a_log_of_three_levels_opens_and_verifies() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path()).unwrap();
    for index in 0..66_000 {
        log.append(&entry(index)).unwrap();
    }
    let head = log.publish(&signer()).unwrap();
    drop(log);
    let log = Log::open(dir.path(), ORIGIN).unwrap();
    assert_eq!(log.head().unwrap(), head);
    assert_eq!(log.entry(65_999).unwrap(), entry(65_999));
    assert_eq!(log.entry(1_000).unwrap(), entry(1_000));
    let proof = log.inclusion_proof(40_000, 66_000).unwrap();
    crate::verify_inclusion(
        &leaf_hash(&entry(40_000)),
        40_000,
        &proof,
        (66_000, head.root),
    )
    .unwrap();
    let proof = log.consistency_proof(65_535, 66_000).unwrap();
    let old = (65_535, log.root(65_535).unwrap());
    crate::verify_consistency(old, (66_000, head.root), &proof).unwrap();
    let audit = verify_log(dir.path(), &signer().verifying_key()).unwrap();
    assert!(audit.is_intact(), "{:?}", audit.findings);
    let tile = dir.path().join("tile/1/000");
    let mut bytes = fs::read(&tile).unwrap();
    bytes[77] ^= 1;
    fs::write(&tile, bytes).unwrap();
    let audit = verify_log(dir.path(), &signer().verifying_key()).unwrap();
    let named: Vec<_> = audit.findings.iter().map(|f| f.file.as_str()).collect();
    assert_eq!(named, ["tile/1/000"]);
}

#[test]
fn what_does_not_fit_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = log_of(dir.path(), 1);
    assert!(matches!(
        log.append(&vec![0; 65_536]),
        Err(Error::EntryTooLong(65_536))
    ));
    log.append(&vec![0; 65_535]).unwrap();
    assert_eq!(log.entry(1).unwrap().len(), 65_535);
    assert!(matches!(
        Log::open(dir.path(), ORIGIN),
        Err(Error::InUse(_))
    ));
    let stranger = crate::Signer::new("example.org/other", &[1; 32]).unwrap();
    assert!(matches!(log.publish(&stranger), Err(Error::Origin { .. })));
    drop(log);
    assert!(matches!(
        Log::open(dir.path(), "example.org/other"),
        Err(Error::Origin { .. })
    ));
    assert!(matches!(
        Log::open(dir.path(), "with space"),
        Err(Error::Name(_))
    ));
}

/// Another C2SP implementation needs only the key's text and the files.
#[test]
fn the_key_as_text_is_enough_to_verify() {
    let dir = tempfile::tempdir().unwrap();
    drop(log_of(dir.path(), 3));
    let text = signer().verifying_key().to_string();
    let key = VerifyingKey::from_text(&text).unwrap();
    assert!(verify_log(dir.path(), &key).unwrap().is_intact());
    let read: Vec<_> = crate::read_entries(dir.path())
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(read, [entry(0), entry(1), entry(2)]);
}

/// Logs that earlier versions wrote still verify, and so do their proofs.
#[test]
fn logs_of_past_versions_verify() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cases/ledger");
    let mut checked = 0;
    for case in fs::read_dir(cases).unwrap().map(Result::unwrap) {
        let read = |name| fs::read_to_string(case.path().join(name)).unwrap();
        let key = VerifyingKey::from_text(&read("log-key.txt")).unwrap();
        let audit = verify_log(&case.path(), &key).unwrap();
        assert!(audit.is_intact(), "{:?}", audit.findings);
        let proof = ProofFile::from_text(&read("entry-1.tlog-proof")).unwrap();
        let entries = crate::read_entries(&case.path()).unwrap();
        let entries: Vec<_> = entries.map(Result::unwrap).collect();
        proof.verify(&entries[1], &key).unwrap();
        assert!(proof.verify(&entries[0], &key).is_err());
        checked += 1;
    }
    assert!(checked > 0);
}
