//! Who answers for a run, and how anyone can check it: the institution's keys, the signed model
//! folder, the ledger of receipts, the check of a whole run, and contests.
//!
//! ```text
//! Institution --signs--> model/model.sig           (OpenSSF Model Signing 1.0, P-256)
//!      |------signs--> institution.keys.json  --vouches for--> the log's Ed25519 key
//! Receipt --append--> RunLedger --checkpoint--> ledger/   --verify_run--> Verdict
//! Contest --file, transition--> contests/<id>.json, a commitment in the ledger
//! Occurrence --Health::after--> monitor/<id>.json, a commitment in the ledger
//! People --sign--> ReleaseBook --Stage::after--> release/<id>.json, a commitment in the ledger
//! ```
//!
//! What it is not: it does not decide who may sign in, talks to no network, and reads no clock; a
//! time enters as a value. Randomness is drawn in one place, [`random_bytes`].
#![forbid(unsafe_code)]

mod answer;
mod bundle;
mod committed;
mod contest;
mod dsse;
mod error;
mod escrow;
mod files;
mod institution;
mod key;
mod keyring;
mod layout;
mod model;
mod monitor;
mod person;
mod release;
mod run;
mod tree;
mod verify;

pub use bundle::CaseBundle;
pub use contest::{
    Action, Cause, Contest, ContestBook, ContestId, ContestKind, Determination, Filer, Finding,
    Ground, Independence, NewContest, Remedy, State, Step, Transition,
};
pub use error::{Error, Fault, Result};
pub use escrow::{Escrow, Share};
pub use institution::{Institution, random_bytes};
pub use key::{PublicKey, TrustedKey};
pub use keyring::{Epoch, Keyring};
pub use layout::Layout;
pub use model::{
    LoadGuard, MODEL_SIGNATURE, Manifest, load_guard, model_root, sign_model, verify_model,
};
pub use monitor::{
    Approved, Decision, Evidence, Health, MonitorBook, MonitorRecord, Occurrence, Part, RecordId,
    Recorded, Seen, Standing, standing,
};
pub use person::{Certificate, Entry, People, Person, PersonKey, Revoked, Role};
pub use release::{
    Act, Approval, Boundary, Criterion, Dossier, Drill, Given, Judged, Limit, Owner, Position,
    Release, ReleaseBook, ReleaseRecord, ReleaseRecordId, Scope, Signed, Stage, releases,
};
pub use run::{EntryId, Leaf, RunLedger, commitment};
pub use tree::{Tree, tree_digest};
pub use verify::{Check, Outcome, Verdict, verify_run};

#[cfg(test)]
mod tests;
