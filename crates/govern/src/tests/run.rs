//! The ledger of a run: small leaves without values, proofs for strangers, one institution.

use super::{institution, put, run_of};
use crate::{EntryId, Error, Layout, RunLedger, commitment};
use longitude_core::Digest;
use longitude_ledger::{Error as LedgerError, ProofFile};
use std::fs;

#[test]
fn every_receipt_is_a_small_leaf_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let institution = institution(dir.path(), 1);
    let layout = run_of(dir.path(), &institution);
    let ledger = RunLedger::open(&layout, &institution).unwrap();
    let leaves = ledger.leaves().unwrap();
    assert_eq!(ledger.head().unwrap().size, 4);
    let steps: Vec<_> = leaves.iter().map(|leaf| &leaf.receipt["step"]).collect();
    assert_eq!(steps, ["ingest", "deid", "train", "evaluate"]);
    let first = serde_json::to_string(&leaves[0]).unwrap();
    assert!(
        first.starts_with(r#"{"v":1,"seq":0,"kind":"receipt","receipt":{"#),
        "{first}"
    );
    for leaf in leaves {
        assert!(serde_json::to_vec(&leaf).unwrap().len() <= 2_048);
    }
    assert!(ledger.leaf(EntryId { index: 4 }).is_err());
}

#[test]
fn a_stranger_checks_an_entry_with_one_file() {
    let dir = tempfile::tempdir().unwrap();
    let institution = institution(dir.path(), 1);
    let layout = run_of(dir.path(), &institution);
    let mut ledger = RunLedger::open(&layout, &institution).unwrap();
    let salt = [9; 16];
    let answer = serde_json::json!({ "answer": commitment(&salt, b"risk 0.23") });
    let entry = ledger.append("inference.served", &answer).unwrap();
    assert_eq!(entry, EntryId { index: 4 });
    let proof = ProofFile::from_text(&ledger.proof(entry).unwrap()).unwrap();
    let leaf = serde_json::to_vec(&ledger.leaf(entry).unwrap()).unwrap();
    let head = proof.verify(&leaf, &ledger.log_key()).unwrap();
    assert_eq!(head, ledger.head().unwrap());
    assert!(proof.verify(b"another", &ledger.log_key()).is_err());
    let other = commitment(&[8; 16], b"risk 0.23");
    assert_ne!(answer["answer"], other.to_string());
    let expected = Digest::of_parts(&[&salt, b"risk 0.23"]);
    assert_eq!(answer["answer"], expected.to_string());
}

#[test]
fn a_run_belongs_to_one_institution_and_one_writer() {
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = (institution(dir.path(), 1), institution(dir.path(), 2));
    let layout = run_of(dir.path(), &one);
    let refused = RunLedger::open(&layout, &two);
    assert!(matches!(refused, Err(Error::OtherInstitution { .. })));
    let open = RunLedger::open(&layout, &one).unwrap();
    let refused = RunLedger::open(&layout, &one);
    assert!(matches!(refused, Err(Error::Ledger(LedgerError::InUse(_)))));
    drop(open);
    fs::remove_file(layout.institution_keys()).unwrap();
    assert!(RunLedger::open(&layout, &one).is_err());
    let fresh = Layout::new(dir.path().join("fresh"));
    put(&fresh.institution_public_key(), one.public_key().pem());
    let refused = RunLedger::open(&fresh, &two);
    assert!(matches!(refused, Err(Error::OtherInstitution { .. })));
}

/// Another run's ledger has another name, so it cannot stand in for this one's.
#[test]
fn ledgers_of_two_runs_cannot_be_exchanged() {
    let dir = tempfile::tempdir().unwrap();
    let institution = institution(dir.path(), 1);
    let layout = run_of(dir.path(), &institution);
    let other = run_of(&dir.path().join("other"), &institution);
    fs::remove_dir_all(layout.ledger()).unwrap();
    super::copy(&other.ledger(), &layout.ledger());
    let refused = RunLedger::open(&layout, &institution);
    assert!(matches!(
        refused,
        Err(Error::Ledger(LedgerError::Origin { .. }))
    ));
}

#[test]
fn an_append_that_was_not_published_is_published_at_the_next_opening() {
    let dir = tempfile::tempdir().unwrap();
    let institution = institution(dir.path(), 1);
    let layout = run_of(dir.path(), &institution);
    let origin = RunLedger::open(&layout, &institution)
        .unwrap()
        .log_key()
        .name()
        .to_owned();
    let mut log = longitude_ledger::Log::open(&layout.ledger(), &origin).unwrap();
    let leaf = r#"{"v":1,"seq":4,"kind":"note","receipt":{}}"#;
    log.append(leaf.as_bytes()).unwrap();
    drop(log);
    let ledger = RunLedger::open(&layout, &institution).unwrap();
    assert!(ledger.proof(EntryId { index: 4 }).is_ok());
}

#[test]
fn outputs_are_plain_paths_inside_the_run() {
    let dir = tempfile::tempdir().unwrap();
    let institution = institution(dir.path(), 1);
    let layout = run_of(dir.path(), &institution);
    let ledger = RunLedger::open(&layout, &institution).unwrap();
    for name in ["../run", "/etc", "", "meds/", "meds//data", "./meds"] {
        assert!(ledger.output(name).is_err(), "{name}");
    }
    let meds = ledger.output("meds").unwrap();
    assert_eq!(meds.digest, crate::tree_digest(&layout.meds()).unwrap());
    assert!(layout.trees().join(meds.digest.hex()).is_file());
    let model = ledger.output("model").unwrap();
    assert_eq!(model.digest, crate::model_root(&layout.model()).unwrap());
}
