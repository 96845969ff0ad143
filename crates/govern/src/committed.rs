//! Files that the ledger commits to. A file is written beside its place, the commitment to it is
//! appended to the ledger, and then it is put in its place: after a crash the ledger says whether
//! it counts.

use crate::answer::salt_bytes;
use crate::error::{Error, Result};
use crate::files;
use crate::run::{EntryId, RunLedger, commitment};
use longitude_core::Digest;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::Path;

const PENDING: &str = ".pending";

/// Writes a file, commits to it, and puts it in its place. `step` makes the leaf from the
/// commitment.
pub(crate) fn commit<T: Serialize>(
    ledger: &mut RunLedger,
    place: &Path,
    text: &str,
    (kind, step): (&str, impl FnOnce(Digest) -> T),
) -> Result<EntryId> {
    let pending = files::beside(place, PENDING);
    files::write(&pending, text.as_bytes())?;
    let entry = ledger.append(kind, &step(commitment_of(&pending)?))?;
    files::rename(&pending, place)?;
    Ok(entry)
}

/// Finishes or undoes what a crash interrupted: a pending file that the ledger commits to takes its
/// place, another goes. The ledger is asked only where there is one.
pub(crate) fn settle(dir: &Path, commitments: impl FnOnce() -> Result<Vec<Digest>>) -> Result<()> {
    let pending = names_in(dir, &format!(".json{PENDING}"));
    if pending.is_empty() {
        return Ok(());
    }
    let commitments = commitments()?;
    for name in pending {
        let path = dir.join(&name);
        if commitments.contains(&commitment_of(&path)?) {
            files::rename(&path, &dir.join(name.trim_end_matches(PENDING)))?;
        } else {
            fs::remove_file(&path).map_err(Error::file("remove", &path))?;
        }
    }
    Ok(())
}

/// Whether the file is the one that the ledger committed to: in its place, or beside it where a
/// crash came before the exchange.
pub(crate) fn is_committed(place: &Path, commitment: Digest) -> Result<bool> {
    let pending = files::beside(place, PENDING);
    if pending.is_file() && commitment_of(&pending).is_ok_and(|found| found == commitment) {
        return Ok(true);
    }
    Ok(commitment_of(place)? == commitment)
}

/// How the files of a folder differ from what the ledger committed to, by number: the file's name
/// and what is wrong with it.
pub(crate) fn faults(dir: &Path, committed: &[(String, Digest)]) -> Vec<(String, String)> {
    let mut faults = Vec::new();
    for (record, case) in committed {
        let name = format!("{record}.json");
        match is_committed(&dir.join(&name), *case) {
            Ok(true) => {}
            Ok(false) => {
                let what = "it was altered since it was entered in the ledger";
                faults.push((name, what.to_owned()));
            }
            Err(error) => faults.push((name, error.told())),
        }
    }
    for name in files_in(dir) {
        if !committed
            .iter()
            .any(|(record, _)| name == format!("{record}.json"))
        {
            faults.push((name, "the ledger knows nothing of it".to_owned()));
        }
    }
    faults
}

/// The names of the JSON files in a folder, sorted.
pub(crate) fn files_in(dir: &Path) -> Vec<String> {
    names_in(dir, ".json")
}

fn names_in(dir: &Path, ending: &str) -> Vec<String> {
    let Ok(entries) = fs::read_dir(dir) else {
        return Vec::new();
    };
    let name = |entry: std::io::Result<fs::DirEntry>| entry.ok()?.file_name().into_string().ok();
    let mut names: Vec<String> = entries
        .filter_map(name)
        .filter(|name| name.ends_with(ending))
        .collect();
    names.sort();
    names
}

/// What every such file holds besides.
#[derive(Deserialize)]
struct Salted {
    salt: String,
}

/// The commitment to a file: over all its bytes, salted with the salt that it holds.
fn commitment_of(path: &Path) -> Result<Digest> {
    commitment_in(&files::read_text(path)?, path)
}

/// The same of a file's text.
pub(crate) fn commitment_in(text: &str, path: &Path) -> Result<Digest> {
    let salted: Salted = files::parse_json(path, text)?;
    let salt = salt_bytes(&salted.salt).ok_or_else(|| Error::form(path, "it has no salt"))?;
    Ok(commitment(&salt, text.as_bytes()))
}
