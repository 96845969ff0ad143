//! An append-only Merkle log: it knows nothing of patients.
#![forbid(unsafe_code)]
