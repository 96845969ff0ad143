//! One run, one process: an advisory lock on `run.lock`, freed by the system however the process
//! ends.

use crate::failure::{Failure, Kind};
use anyhow::{Context, Result};
use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

/// Holds the lock while it lives.
#[derive(Debug)]
pub(crate) struct Lock(#[expect(dead_code, reason = "held, not read")] File);

impl Lock {
    /// Takes the lock of a run folder, which must exist.
    pub(crate) fn take(folder: &Path) -> Result<Self> {
        let path = folder.join("run.lock");
        let file = OpenOptions::new().create(true).append(true).open(&path);
        let file = file.with_context(|| format!("cannot open {}", path.display()))?;
        match file.try_lock() {
            Ok(()) => return Ok(Self(file)),
            Err(TryLockError::Error(error)) => return Err(error).context("cannot lock"),
            Err(TryLockError::WouldBlock) => {}
        }
        let message = format!("another run is at work in {}", folder.display());
        let mend = "wait until it ends, or choose another folder with --to";
        Err(Failure::new(Kind::Busy, message, mend).into())
    }
}
