//! Signing, registry and contest over the ledger.
#![forbid(unsafe_code)]
