//! Witnesses: they cosign what grew at its end, and nothing else.

use super::{ORIGIN, entry, log_of, open, signer};
use crate::{
    Checkpoint, Hash, Policy, Reader, Refusal, Signer, Witness, WitnessBook,
    add_checkpoint_request, leaf_hash,
};
use std::path::Path;

const TIME: u64 = 1_780_000_000;

fn witness_signer() -> Signer {
    Signer::new("witness.example/w1", &[9; 32]).unwrap()
}

fn book(dir: &Path) -> WitnessBook {
    WitnessBook::open(dir, witness_signer(), vec![signer().verifying_key()]).unwrap()
}

fn request(dir: &Path, old: u64) -> String {
    add_checkpoint_request(&Reader::open(dir).unwrap(), old).unwrap()
}

fn ask(book: &mut WitnessBook, request: &str) -> Result<String, Refusal> {
    book.add_checkpoint(request, TIME).unwrap()
}

/// The example of C2SP tlog-cosignature has a key of nobody here; what is checked is the form of
/// the message, byte for byte.
#[test]
fn a_cosignature_signs_header_time_and_text() {
    use ed25519_dalek::Verifier as _;
    let checkpoint = Checkpoint {
        origin: ORIGIN.to_owned(),
        size: 1,
        root: leaf_hash(b"entry 0"),
    };
    let note = checkpoint.sign(&signer());
    let line = witness_signer().cosign(&note, TIME).unwrap();
    let coded = line.trim_end().rsplit(' ').next().unwrap();
    let bytes = {
        use base64::Engine as _;
        let engine = base64::engine::general_purpose::STANDARD;
        engine.decode(coded).unwrap()
    };
    assert_eq!(bytes.len(), 4 + 8 + 64);
    assert_eq!(bytes[4..12], TIME.to_be_bytes());
    let message = format!("cosignature/v1\ntime {TIME}\n{}", checkpoint.to_text());
    let signed = ed25519_dalek::Signature::from_slice(&bytes[12..]).unwrap();
    let key = ed25519_dalek::SigningKey::from_bytes(&[9; 32]).verifying_key();
    key.verify(message.as_bytes(), &signed).unwrap();
}

#[test]
fn a_key_of_a_witness_comes_back_and_is_no_key_of_a_log() {
    let witness = witness_signer().witness();
    let text = witness.to_string();
    assert_eq!(Witness::from_text(&text).unwrap(), witness);
    assert!(crate::VerifyingKey::from_text(&text).is_err());
    assert!(Witness::from_text(&signer().verifying_key().to_string()).is_err());
    assert!(Witness::from_text(&text.replace("w1", "w2")).is_err());
}

#[test]
fn a_log_that_grows_is_cosigned_and_the_proof_carries_it() {
    let (dir, held) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut book = book(held.path());
    let mut log = log_of(dir.path(), 1);
    let mut old = 0;
    for size in [1, 2, 255, 256, 300] {
        for index in log.size()..size {
            log.append(&entry(index)).unwrap();
        }
        log.publish(&signer()).unwrap();
        let request = request(dir.path(), old);
        let line = ask(&mut book, &request).unwrap();
        log.add_cosignature(&line, &witness_signer().witness())
            .unwrap();
        old = size;
    }
    let policy = format!(
        "# one log, one witness\nlog {}\nwitness W {}\nquorum W\n",
        signer().verifying_key(),
        witness_signer().witness()
    );
    let policy = Policy::from_text(&policy).unwrap();
    let proof = log.proof_file(299).unwrap();
    proof
        .verify(&entry(299), &signer().verifying_key())
        .unwrap();
    let cosigned = policy.open(&proof.checkpoint).unwrap();
    assert_eq!(cosigned.checkpoint.size, 300);
    assert_eq!(cosigned.witnesses.get("W"), Some(&TIME));
    // The witness remembers after it was closed.
    drop(book);
    let mut book = self::book(held.path());
    let again = request(dir.path(), 0);
    assert_eq!(ask(&mut book, &again).unwrap_err().body, "300\n");
}

#[test]
fn a_fork_and_a_rollback_get_no_cosignature() {
    let (dir, held) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut book = book(held.path());
    drop(log_of(dir.path(), 5));
    let first = request(dir.path(), 0);
    ask(&mut book, &first).unwrap();
    // The same head again is cosigned again: a new time, nothing else.
    assert!(ask(&mut book, &request(dir.path(), 5)).is_ok());
    // Another history of the same length, signed by the same key.
    let other = tempfile::tempdir().unwrap();
    let mut fork = open(other.path()).unwrap();
    for index in 0..8 {
        fork.append(&entry(index + u64::from(index == 2))).unwrap();
        if index == 4 {
            fork.publish(&signer()).unwrap();
            let same_size = request(other.path(), 5);
            let refusal = ask(&mut book, &same_size).unwrap_err();
            assert_eq!((refusal.status, refusal.body.as_str()), (409, "5\n"));
            assert_eq!(refusal.content_type, "text/x.tlog.size");
        }
    }
    fork.publish(&signer()).unwrap();
    let longer = request(other.path(), 5);
    assert_eq!(ask(&mut book, &longer).unwrap_err().status, 422);
    // An older, shorter log.
    let old = tempfile::tempdir().unwrap();
    drop(log_of(old.path(), 3));
    let shorter = request(old.path(), 3);
    assert_eq!(ask(&mut book, &shorter).unwrap_err().status, 409);
    let larger_old = shorter.replace("old 3", "old 5");
    assert_eq!(ask(&mut book, &larger_old).unwrap_err().status, 400);
}

#[test]
fn requests_of_strangers_and_of_wrong_form_are_refused_by_status() {
    let (dir, held) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut book = book(held.path());
    let log = log_of(dir.path(), 3);
    let good = request(dir.path(), 0);
    let head = log.head().unwrap();
    let stranger = Signer::new(ORIGIN, &[1; 32]).unwrap();
    let unknown = Checkpoint {
        origin: "example.org/another".to_owned(),
        ..head.clone()
    };
    let another = Signer::new("example.org/another", &[1; 32]).unwrap();
    let line = Hash([0; 32]).to_string();
    let long = format!(
        "old 0\n{}\n{}",
        format!("{line}\n").repeat(64),
        head.sign(&signer())
    );
    let cases = [
        (400, String::new()),
        (400, good.replace("old 0", "old 00")),
        (400, good.replace("old 0", "new 0")),
        (400, good.replace("\n\n", "\n")),
        (400, good.replace("old 0\n", "old 0\nnot a hash\n")),
        (400, long),
        (400, "x".repeat(70_000)),
        (403, format!("old 0\n\n{}", head.sign(&stranger))),
        (404, format!("old 0\n\n{}", unknown.sign(&another))),
        (422, good.replace("old 0\n", &format!("old 0\n{line}\n"))),
    ];
    for (status, request) in cases {
        assert_eq!(
            ask(&mut book, &request).unwrap_err().status,
            status,
            "{request}"
        );
    }
    assert!(ask(&mut book, &good).is_ok());
}

#[test]
fn a_second_witness_process_is_kept_out() {
    let held = tempfile::tempdir().unwrap();
    let _first = book(held.path());
    let second = WitnessBook::open(held.path(), witness_signer(), Vec::new());
    assert!(matches!(second, Err(crate::Error::InUse(_))));
}

#[test]
fn a_quorum_of_groups_holds_as_the_file_says() {
    let names = ["x1", "x2", "x3", "y1", "y2"];
    let keys: Vec<Signer> = (20..25)
        .zip(names)
        .map(|(seed, name)| Signer::new(name, &[seed; 32]).unwrap())
        .collect();
    let mut text = format!("log {} https://log.example\n", signer().verifying_key());
    for (name, key) in names.iter().zip(&keys) {
        text += &format!("witness {name}\t{}\n", key.witness());
    }
    text += "group X 2 x1 x2 x3\ngroup Y any y1 y2\ngroup both all X Y\nquorum both\n";
    let policy = Policy::from_text(&text).unwrap();
    let checkpoint = Checkpoint {
        origin: ORIGIN.to_owned(),
        size: 0,
        root: crate::empty_root(),
    };
    let accepted = |who: &[usize]| {
        let mut note = checkpoint.sign(&signer());
        for place in who {
            note += &keys[*place].cosign(&note, TIME).unwrap();
        }
        policy.open(&note).is_ok()
    };
    assert!(accepted(&[0, 2, 3]) && accepted(&[0, 1, 2, 3, 4]));
    for too_few in [&[][..], &[0, 3], &[0, 1, 2], &[3, 4], &[0, 0, 3]] {
        assert!(!accepted(too_few), "{too_few:?}");
    }
    // A known witness whose line was altered is an alarm, not an absent witness.
    let note = checkpoint.sign(&signer());
    let line = keys[0].cosign(&note, TIME).unwrap();
    let other = Checkpoint {
        size: 1,
        ..checkpoint.clone()
    }
    .sign(&signer());
    assert!(
        keys[0]
            .witness()
            .cosigned(&format!("{other}{line}"))
            .is_err()
    );
}

#[test]
fn policies_that_mean_nothing_are_refused_with_their_line() {
    let witness = witness_signer().witness();
    let same = Signer::new("other", &[9; 32]).unwrap().witness();
    let cases = [
        (1, String::new()),
        (1, "quorum W\n".to_owned()),
        (2, "quorum none\nquorum none\n".to_owned()),
        (1, "witness W nokey\n".to_owned()),
        (2, format!("witness W {witness}\nwitness V {same}\n")),
        (2, format!("witness W {witness}\ngroup G 2 W\n")),
        (2, format!("witness W {witness}\ngroup G 0 W\n")),
        (2, format!("witness W {witness}\ngroup W any W\n")),
        (
            3,
            format!("witness W {witness}\ngroup G any W\ngroup H any W\n"),
        ),
        (1, "group none any W\n".to_owned()),
        (1, format!("witness none {witness}\n")),
        (1, "log a b c d\n".to_owned()),
    ];
    for (line, text) in cases {
        let error = Policy::from_text(&text).unwrap_err();
        let at = matches!(error, crate::Error::Policy { line: found, .. } if found == line);
        assert!(at, "{text:?}: {error}");
    }
}
