//! The institution's journal: an append-only, signed ledger in its folder, for what is done with
//! its keys outside a run: data sets de-identified, epochs begun, shares made, pseudonyms resolved.
//!
//! `longitude verify` does not read it; [`Journal::entries`] checks each entry's place as it reads,
//! and the log's own checkpoint is checked when it is opened.

use crate::institution::Opened;
use crate::lock::Lock;
use anyhow::{Context, Result};
use longitude_core::Receipt;
use longitude_govern::{Layout, Leaf, RunLedger};
use serde::Serialize;
use std::path::{Path, PathBuf};

const FOLDER: &str = "journal";

/// The journal, open for writing; one process at a time, for the others wait.
#[derive(Debug)]
pub(crate) struct Journal {
    ledger: RunLedger,
    folder: PathBuf,
    _lock: Lock,
}

impl Journal {
    /// Opens the journal of an institution, or begins it.
    pub(crate) fn open(institution: &Opened) -> Result<Self> {
        let folder = institution.folder.join(FOLDER);
        std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        let lock = Lock::wait(&folder)?;
        let ledger = RunLedger::open(&Layout::new(&folder), &institution.keys);
        Ok(Self {
            ledger: ledger.context("the institution's journal")?,
            folder,
            _lock: lock,
        })
    }

    /// Its folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Appends an entry; its number. What it says happened must not happen when this fails.
    pub(crate) fn append<T: Serialize>(&mut self, kind: &str, entry: &T) -> Result<u64> {
        let entry = self.ledger.append(kind, entry);
        Ok(entry.context("the institution's journal")?.index)
    }

    /// Appends the receipt of a step.
    pub(crate) fn receipt(&mut self, receipt: &Receipt) -> Result<u64> {
        let entry = self.ledger.append_receipt(receipt);
        Ok(entry.context("the institution's journal")?.index)
    }

    /// All entries, oldest first.
    pub(crate) fn entries(&self) -> Result<Vec<Leaf>> {
        self.ledger.leaves().context("the institution's journal")
    }
}
