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
        let file = file_in(folder)?;
        if is_taken(&file)? {
            return Ok(Self(file));
        }
        let message = format!("another run is at work in {}", folder.display());
        let mend = "wait until it ends, or choose another folder with --to";
        Err(Failure::new(Kind::Busy, message, mend).into())
    }

    /// The same, where others hold the lock for a moment only: waits for them, and says so.
    pub(crate) fn wait(folder: &Path) -> Result<Self> {
        let file = file_in(folder)?;
        if !is_taken(&file)? {
            eprintln!(
                "waiting for another process that writes to {}",
                folder.display()
            );
            file.lock().context("cannot lock")?;
        }
        Ok(Self(file))
    }
}

fn file_in(folder: &Path) -> Result<File> {
    let path = folder.join("run.lock");
    let file = OpenOptions::new().create(true).append(true).open(&path);
    file.with_context(|| format!("cannot open {}", path.display()))
}

/// Whether the lock could be taken now.
fn is_taken(file: &File) -> Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error).context("cannot lock"),
    }
}
