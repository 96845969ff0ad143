//! The institution's folder of keys: made once, outside every run, private to its owner.

use crate::failure::{Failure, Kind};
use crate::machine;
use anyhow::{Context, Result};
use longitude_govern::{Institution, TrustedKey};
use std::fs;
use std::path::{Path, PathBuf};

/// NIST SP 800-63B asks 8 of a password; a passphrase that guards a data set deserves more.
const PASSPHRASE_LETTERS_MIN: usize = 12;

/// The institution and where its keys are kept.
#[derive(Debug)]
pub(crate) struct Opened {
    /// The keys.
    pub(crate) keys: Institution,
    /// Their folder.
    pub(crate) folder: PathBuf,
}

/// Opens the institution's folder, making the keys when there are none yet.
pub(crate) fn open_or_create(folder: Option<&Path>) -> Result<Opened> {
    let folder = resolve(folder)?;
    let context = || format!("institution folder {}", folder.display());
    if folder.join("institution.json").exists() {
        let keys = Institution::open(&folder).with_context(context)?;
        return Ok(Opened { keys, folder });
    }
    let random = longitude_govern::random_bytes::<96>()?;
    let keys = Institution::create(&folder, "institution", machine::now(), &random)
        .with_context(context)?;
    eprintln!(
        "made the institution's keys in {}\n  fingerprint {}\n  write it down: it proves the origin of every run",
        folder.display(),
        keys.fingerprint()
    );
    Ok(Opened { keys, folder })
}

impl Opened {
    /// Opens locked keys of de-identification with the passphrase in a file.
    pub(crate) fn unlocked(mut self, passphrase_file: Option<&Path>) -> Result<Self> {
        if let Some(path) = passphrase_file {
            let passphrase = passphrase(path)?;
            let keys = self.keys.deid_keys_mut();
            keys.unlock(&self.folder, &passphrase)?;
        }
        if self.keys.deid_keys().is_locked() {
            let message = "the keys of de-identification are locked";
            let mend = "name the file that holds their passphrase with --passphrase-file";
            return Err(Failure::new(Kind::Input, message, mend).into());
        }
        Ok(self)
    }
}

/// The passphrase in a file: its first line.
pub(crate) fn passphrase(path: &Path) -> Result<String> {
    let text = fs::read_to_string(path)
        .with_context(|| format!("cannot read the passphrase in {}", path.display()))?;
    let first = text.lines().next().unwrap_or("").to_owned();
    if first.chars().count() < PASSPHRASE_LETTERS_MIN {
        let message = format!("the passphrase in {} is too short", path.display());
        let mend = format!("give {PASSPHRASE_LETTERS_MIN} letters or more in the first line");
        return Err(Failure::new(Kind::Input, message, mend).into());
    }
    Ok(first)
}

/// The key pinned by the institution's folder, or `None` when there is no such folder.
pub(crate) fn pinned(folder: Option<&Path>) -> Result<Option<TrustedKey>> {
    let folder = match (folder, resolve(None)) {
        (Some(folder), _) => folder.to_path_buf(),
        (None, Ok(folder)) => folder,
        (None, Err(_)) => return Ok(None),
    };
    if !folder.join("institution.json").exists() {
        return Ok(None);
    }
    Ok(Some(TrustedKey::from_file(
        &folder.join("institution.pub.pem"),
    )?))
}

/// Opens the institution's folder, which must exist.
pub(crate) fn open(folder: Option<&Path>) -> Result<Opened> {
    let folder = resolve(folder)?;
    if !folder.join("institution.json").exists() {
        let message = format!("no institution's keys in {}", folder.display());
        let mend = "run `longitude init`, or name the folder with --institution";
        return Err(Failure::new(Kind::Input, message, mend).into());
    }
    let keys = Institution::open(&folder)?;
    Ok(Opened { keys, folder })
}

fn resolve(folder: Option<&Path>) -> Result<PathBuf> {
    folder.map_or_else(machine::institution_folder, |folder| {
        Ok(folder.to_path_buf())
    })
}
