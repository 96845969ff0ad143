//! Keys: made once, kept from others, known by their fingerprint.

use super::{NOW, institution};
use crate::{Error, Institution, PublicKey, Tree, TrustedKey, random_bytes, tree_digest};
use longitude_core::Digest;
use proptest::prelude::*;
use std::fs;

#[test]
fn an_institution_comes_back_from_its_folder() {
    let dir = tempfile::tempdir().unwrap();
    let made = institution(dir.path(), 1);
    let folder = dir.path().join("institution-1");
    let opened = Institution::open(&folder).unwrap();
    assert_eq!(opened.fingerprint(), made.fingerprint());
    assert_eq!(opened.deid_keys().current_key().unwrap(), [1; 32]);
    assert_eq!(opened.name(), "Example Hospital");
    assert_eq!(opened.sign(b"text"), made.sign(b"text"));
    assert_ne!(institution(dir.path(), 2).fingerprint(), made.fingerprint());
    let about = fs::read_to_string(folder.join("institution.json")).unwrap();
    expect_test::expect![[r#"
        {
          "v": 1,
          "name": "Example Hospital",
          "created": "2023-11-14T22:13:20Z",
          "signing_key": "sha256:e1150cf65ab5c43d3b6afd71c152c0ba67a5752fd66c8dcd8643f0e626d026fc",
          "log_key": "longitude/e1150cf65ab5c43d+57bbd04a+..."
        }
    "#]]
    .assert_eq(&about.replace("AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c", "..."));
    let shown = format!("{made:?}");
    assert_eq!(shown, format!("Institution({}, ..)", made.fingerprint()));
}

#[test]
fn keys_are_never_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let made = institution(dir.path(), 1);
    let folder = dir.path().join("institution-1");
    let again = Institution::create(&folder, "Another", NOW, &[2; 96]);
    assert!(matches!(again, Err(Error::InstitutionExists(_))));
    let opened = Institution::open(&folder).unwrap();
    assert_eq!(opened.fingerprint(), made.fingerprint());
    // An empty folder may be taken, and what an interrupted creation left is swept away.
    let folder = dir.path().join("deep/er/");
    fs::create_dir_all(&folder).unwrap();
    fs::create_dir_all(dir.path().join("deep/er.partial/left")).unwrap();
    Institution::create(&folder, "Another", NOW, &[2; 96]).unwrap();
    assert!(!dir.path().join("deep/er.partial").exists());
}

#[test]
#[cfg(unix)]
fn private_keys_are_their_owners() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    drop(institution(dir.path(), 1));
    let folder = dir.path().join("institution-1");
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    for name in ["signing.key.pem", "log.key", "deid.key"] {
        let path = folder.join(name);
        assert_eq!(mode(&path), 0o600, "{name}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let refused = Institution::open(&folder);
        assert!(
            matches!(refused, Err(Error::KeyExposed(_))),
            "{name}: {refused:?}"
        );
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    Institution::open(&folder).unwrap();
}

#[test]
fn keys_that_do_not_belong_together_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    drop((institution(dir.path(), 1), institution(dir.path(), 2)));
    for name in ["signing.key.pem", "log.key"] {
        let (one, two) = ("institution-1", "institution-2");
        let path = dir.path().join(one).join(name);
        let kept = fs::read(&path).unwrap();
        let other = fs::read(dir.path().join(two).join(name)).unwrap();
        fs::write(&path, other).unwrap();
        let refused = Institution::open(&dir.path().join(one)).unwrap_err();
        assert!(refused.to_string().contains(name), "{refused}");
        fs::write(&path, kept).unwrap();
    }
    fs::write(dir.path().join("institution-1/deid.key"), "short").unwrap();
    assert!(Institution::open(&dir.path().join("institution-1")).is_err());
}

#[test]
fn a_trusted_key_is_a_file_or_a_fingerprint() {
    let dir = tempfile::tempdir().unwrap();
    let made = institution(dir.path(), 1);
    let pem = dir.path().join("institution-1/institution.pub.pem");
    let other = dir.path().join("other.pem");
    fs::write(&other, institution(dir.path(), 2).public_key().pem()).unwrap();
    let by_file = TrustedKey::parse(pem.to_str().unwrap()).unwrap();
    let by_print = TrustedKey::parse(&made.fingerprint().to_string()).unwrap();
    assert_eq!(by_file.fingerprint(), by_print.fingerprint());
    assert_eq!(&by_file.public_key(&other).unwrap(), made.public_key());
    assert_eq!(&by_print.public_key(&pem).unwrap(), made.public_key());
    let refused = by_print.public_key(&other);
    assert!(matches!(refused, Err(Error::OtherKey { .. })));
    assert!(TrustedKey::parse("sha256:12").is_err());
    assert!(TrustedKey::parse("/no/such/file").is_err());
    assert!(TrustedKey::from_pem("-----BEGIN PUBLIC KEY-----").is_err());
}

/// The fingerprint is what OpenSSL says of the same key: SHA-256 of the SPKI DER.
#[test]
fn the_fingerprint_is_of_the_public_key_info() {
    use base64::Engine as _;
    let dir = tempfile::tempdir().unwrap();
    let key = institution(dir.path(), 1).public_key().clone();
    let body: String = key.pem().lines().filter(|l| !l.starts_with("--")).collect();
    let der = base64::engine::general_purpose::STANDARD
        .decode(body)
        .unwrap();
    assert_eq!(key.fingerprint(), Digest::of(&der));
    assert_eq!(der.len(), 91);
    assert_eq!(PublicKey::from_pem(key.pem()).unwrap(), key);
}

#[test]
fn random_bytes_differ() {
    assert_ne!(random_bytes::<32>().unwrap(), random_bytes::<32>().unwrap());
}

#[test]
fn the_digest_of_a_folder_is_of_a_list_that_sha256sum_can_check() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("folder");
    super::put(&root.join("b/c.txt"), "two");
    super::put(&root.join("a.txt"), "one");
    super::put(&root.join("b.txt"), "three");
    let tree = Tree::read(&root).unwrap();
    expect_test::expect![[r"
        7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed  a.txt
        8b5b9db0c13db24256c829aa364aa90c6d2eba318b9232a4ab9313b954d3555f  b.txt
        3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3  b/c.txt
    "]]
    .assert_eq(&tree.text());
    assert_eq!(Tree::from_text(&tree.text()).unwrap(), tree);
    assert_eq!(
        tree_digest(&root).unwrap(),
        Digest::of(tree.text().as_bytes())
    );
    assert_eq!(
        tree_digest(&root.join("a.txt")).unwrap(),
        Digest::of(b"one")
    );
    assert!(tree_digest(&root.join("none")).is_err());
}

#[test]
#[cfg(unix)]
fn links_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    super::put(&dir.path().join("folder/a"), "one");
    let link = dir.path().join("folder/link");
    std::os::unix::fs::symlink("a", &link).unwrap();
    for path in [dir.path().join("folder"), link] {
        let refused = tree_digest(&path).unwrap_err();
        assert!(refused.to_string().contains("symbolic link"), "{refused}");
    }
}

proptest! {
    #[test]
    fn readers_of_keys_and_lists_take_any_text(text in "\\PC{0,200}") {
        prop_assert!(PublicKey::from_pem(&text).is_err());
        prop_assert!(TrustedKey::from_fingerprint(&text).is_err());
        if let Some(tree) = Tree::from_text(&text) {
            prop_assert_eq!(tree.text(), text);
        }
    }
}
