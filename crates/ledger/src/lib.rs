//! An append-only Merkle log on files: it knows nothing of patients.
//!
//! Entries are hashed as RFC 6962 says, laid out as C2SP tlog-tiles says (`tile/<L>/<N>`,
//! `tile/entries/<N>`, `checkpoint`), and the tree's head is a C2SP signed note with Ed25519. An
//! entry is on the disk before [`Log::append`] returns. [`verify_log`] recomputes every hash from
//! the entries and says which file was altered.
//!
//! What it is not: it keeps no secret, reads no clock, talks to no network, and does not know what
//! an entry means. Whoever holds an older checkpoint can prove a rewriting; whoever holds none can
//! only check that the log is whole and signed.
#![forbid(unsafe_code)]

mod audit;
mod commit;
mod cosignature;
mod disk;
mod error;
mod hash;
mod journal;
mod log;
mod note;
mod proof;
mod reader;
mod tile;
mod tree;
mod witness;

pub use audit::{Audit, Finding, verify_log};
pub use commit::{Committer, Pending};
pub use cosignature::{Cosigned, Policy, Witness};
pub use error::{Error, Result};
pub use hash::{Hash, empty_root, leaf_hash, node_hash};
pub use log::{ENTRY_BYTES_MAX, Log, Recovery};
pub use note::{Checkpoint, Signer, VerifyingKey};
pub use proof::{ProofFile, verify_consistency, verify_inclusion};
pub use reader::{Reader, read_entries};
pub use witness::{Refusal, WitnessBook, add_checkpoint_request};

#[cfg(test)]
mod tests;
