//! Epochs, locks and shares of the keys of de-identification.

use super::{NOW, institution};
use crate::{Error, Escrow, Institution, Share};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

const PHRASE: &str = "correct horse battery staple";

#[test]
fn a_rotation_adds_an_epoch_and_keeps_the_old_one() {
    let dir = tempfile::tempdir().unwrap();
    let mut made = institution(dir.path(), 1);
    let folder = dir.path().join("institution-1");
    assert_eq!(
        made.deid_keys_mut().rotate(&folder, [8; 32], NOW).unwrap(),
        2
    );
    let opened = Institution::open(&folder).unwrap();
    let keys = opened.deid_keys();
    assert_eq!(keys.current(), 2);
    assert_eq!(keys.current_key().unwrap(), [8; 32]);
    assert_eq!(keys.key(1).unwrap(), Some([1; 32]));
    assert_eq!(keys.key(3).unwrap(), None);
    assert_eq!(
        keys.epochs()[1].created.as_deref(),
        Some("2023-11-14T22:13:20Z")
    );
    let mode = fs::metadata(folder.join("deid.2.key"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(!format!("{keys:?} {:?}", keys.epochs()).contains("0808"));
}

#[test]
fn a_locked_key_is_opened_by_its_passphrase_only() {
    let dir = tempfile::tempdir().unwrap();
    let mut made = institution(dir.path(), 1);
    let folder = dir.path().join("institution-1");
    made.deid_keys_mut().rotate(&folder, [8; 32], NOW).unwrap();
    made.deid_keys_mut().lock(&folder, PHRASE).unwrap();
    for file in ["deid.key", "deid.2.key"] {
        let text = fs::read_to_string(folder.join(file)).unwrap();
        assert!(text.starts_with("locked argon2id") && !text.contains("0101010101"));
    }
    let mut opened = Institution::open(&folder).unwrap();
    assert!(opened.deid_keys().is_locked());
    let refused = opened.deid_keys().current_key();
    assert!(matches!(refused, Err(Error::Locked(2))));
    let wrong = opened.deid_keys_mut().unlock(&folder, "another");
    assert!(matches!(wrong, Err(Error::Passphrase(_))));
    opened.deid_keys_mut().unlock(&folder, PHRASE).unwrap();
    assert_eq!(opened.deid_keys().current_key().unwrap(), [8; 32]);
    opened.deid_keys_mut().expose(&folder).unwrap();
    let again = Institution::open(&folder).unwrap();
    assert_eq!(again.deid_keys().key(1).unwrap(), Some([1; 32]));
    // One epoch's file cannot stand for another's.
    opened.deid_keys_mut().lock(&folder, PHRASE).unwrap();
    fs::copy(folder.join("deid.2.key"), folder.join("deid.key")).unwrap();
    let mut swapped = Institution::open(&folder).unwrap();
    assert!(swapped.deid_keys_mut().unlock(&folder, PHRASE).is_err());
}

fn shares(threshold: u8, shares: u8) -> (Vec<Share>, crate::Keyring) {
    let dir = tempfile::tempdir().unwrap();
    let mut made = institution(dir.path(), 1);
    let folder = dir.path().join("institution-1");
    made.deid_keys_mut().rotate(&folder, [8; 32], NOW).unwrap();
    let escrow = Escrow { threshold, shares };
    let split = escrow.split(made.deid_keys(), made.fingerprint()).unwrap();
    (split, made.deid_keys().clone())
}

#[test]
fn enough_custodians_make_the_keys_again_and_fewer_do_not() {
    let (all, keys) = shares(3, 5);
    assert_eq!(all.len(), 5);
    for a in 0..5 {
        for b in a + 1..5 {
            let two = [all[a].clone(), all[b].clone()];
            assert!(Share::join(&two).is_err());
            for c in b + 1..5 {
                let three = [all[a].clone(), all[b].clone(), all[c].clone()];
                let joined = Share::join(&three).unwrap();
                for epoch in keys.epochs() {
                    let key = joined.key(epoch.number).unwrap();
                    assert_eq!(key, Some(epoch.key().unwrap()));
                }
            }
        }
    }
    let twice = [all[0].clone(), all[0].clone(), all[1].clone()];
    let error = Share::join(&twice).unwrap_err().to_string();
    assert_eq!(error, "the shares make no key: 2 of 3 needed are here");
    let dir = tempfile::tempdir().unwrap();
    Share::restore(&Share::join(&all).unwrap(), dir.path()).unwrap();
    assert!(dir.path().join("deid.2.key").is_file());
    assert!(
        Share::restore(&keys, dir.path()).is_err(),
        "never overwritten"
    );
}

#[test]
fn a_share_survives_paper_and_tells_its_faults() {
    let (all, _) = shares(2, 3);
    let (other, _) = shares(2, 3);
    let text = all[0].to_text();
    assert_eq!(Share::parse(&text).unwrap(), all[0]);
    let line = text
        .lines()
        .find(|line| line.starts_with("share "))
        .unwrap();
    let last = line.chars().last().unwrap();
    let slip = if last == '0' { '1' } else { '0' };
    let slipped = text.replace(line, &format!("{}{slip}", &line[..line.len() - 1]));
    let error = Share::parse(&slipped).unwrap_err().to_string();
    assert!(error.contains("share 1 does not fit its check"), "{error}");
    for bad in ["", "longitude key share v1\n", &text[..text.len() / 2]] {
        assert!(Share::parse(bad).is_err());
    }
    let mixed = [all[0].clone(), other[1].clone()];
    let error = Share::join(&mixed).unwrap_err().to_string();
    assert!(error.contains("share 2 is of another set"), "{error}");
    for escrow in [(1, 3), (4, 3)] {
        let (threshold, shares) = escrow;
        let keys = crate::Keyring::new([1; 32]);
        let escrow = Escrow { threshold, shares };
        assert!(escrow.split(&keys, all[0].institution()).is_err());
    }
}
