//! Files and folders of a data set: listing, durable writing, the digest, the final rename.
//!
//! A data set is made in `<dir>.partial` and renamed when it is whole and on the disk. Whatever
//! ends the work before that leaves nothing at the final place.

use crate::error::{Error, Result};
use longitude_core::{Digest, DigestWriter};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The data set's own description.
pub(crate) const INFO: &str = "metadata/dataset.json";
/// The table of splits.
pub(crate) const SPLITS: &str = "metadata/subject_splits.parquet";
/// The table of codes.
pub(crate) const CODES: &str = "metadata/codes.parquet";
/// The table of observation spans.
pub(crate) const OBSERVATION: &str = "metadata/observation.parquet";

/// A folder in the making; it is removed unless it was committed.
pub(crate) struct Partial {
    target: PathBuf,
    path: PathBuf,
    replace: bool,
    committed: bool,
}

impl Partial {
    /// Starts anew beside `target`. What a broken run left there is removed.
    pub(crate) fn create(target: &Path, replace: bool) -> Result<Self> {
        let old = beside(target, ".replaced");
        if !occupied(target)? && occupied(&old)? {
            // A run that was replacing the data set broke off between its two renames.
            fs::rename(&old, target).map_err(Error::write(target))?;
        }
        if occupied(target)? && !replace {
            return Err(Error::Exists(target.to_owned()));
        }
        let path = beside(target, ".partial");
        remove(&path)?;
        fs::create_dir_all(&path).map_err(Error::write(&path))?;
        Ok(Self {
            target: target.to_owned(),
            path,
            replace,
            committed: false,
        })
    }

    /// Where to write.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Puts the folder at its final place; all its files must have been synced.
    pub(crate) fn commit(mut self) -> Result<()> {
        sync_folders(&self.path)?;
        let old = beside(&self.target, ".replaced");
        if occupied(&self.target)? {
            if !self.replace {
                return Err(Error::Exists(self.target.clone()));
            }
            remove(&old)?;
            fs::rename(&self.target, &old).map_err(Error::write(&self.target))?;
        }
        fs::rename(&self.path, &self.target).map_err(Error::write(&self.target))?;
        self.committed = true;
        let parent = self.target.parent().filter(|p| !p.as_os_str().is_empty());
        sync(parent.unwrap_or(Path::new(".")))?;
        remove(&old)
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.committed {
            // The folder's name says that it is unfinished, so a failure here harms nothing.
            drop(fs::remove_dir_all(&self.path));
        }
    }
}

/// Whether something stands at `path`; an empty folder counts as nothing.
fn occupied(path: &Path) -> Result<bool> {
    match fs::read_dir(path) {
        Ok(mut entries) => Ok(entries.next().is_some()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Ok(true),
        Err(error) => Err(Error::read(path)(error)),
    }
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::write(path)(error)),
        _ => Ok(()),
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().map_or_else(OsString::new, OsString::from);
    name.push(suffix);
    path.with_file_name(name)
}

/// Creates a file and the folders above it.
pub(crate) fn create(path: &Path) -> Result<File> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(Error::write(parent))?;
    }
    File::create(path).map_err(Error::write(path))
}

/// Writes a whole file and waits until it is on the disk.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = create(path)?;
    file.write_all(bytes).map_err(Error::write(path))?;
    file.sync_all().map_err(Error::write(path))
}

fn sync(path: &Path) -> Result<()> {
    let folder = File::open(path).map_err(Error::write(path))?;
    folder.sync_all().map_err(Error::write(path))
}

fn sync_folders(path: &Path) -> Result<()> {
    for entry in entries(path)? {
        if entry.is_dir() {
            sync_folders(&entry)?;
        }
    }
    sync(path)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let listed = fs::read_dir(folder).map_err(Error::read(folder))?;
    let paths: io::Result<Vec<_>> = listed.map(|entry| entry.map(|e| e.path())).collect();
    let mut paths = paths.map_err(Error::read(folder))?;
    paths.sort();
    Ok(paths)
}

/// The data files of a data set, relative to it and with `/`, in order: shards by number.
pub(crate) fn data_files(dir: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    if dir.join("data").is_dir() {
        walk(&dir.join("data"), "data", &mut found)?;
    }
    if found.is_empty() {
        return Err(Error::NotADataset(dir.to_owned()));
    }
    found.sort_by_key(|path| {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let stem = name.trim_end_matches(".parquet");
        let number = stem.parse::<u64>().unwrap_or(u64::MAX);
        (folder.to_owned(), number, name.to_owned())
    });
    Ok(found)
}

fn walk(folder: &Path, relative: &str, found: &mut Vec<String>) -> Result<()> {
    for path in entries(folder)? {
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            continue;
        };
        let below = format!("{relative}/{name}");
        if path.is_dir() {
            walk(&path, &below, found)?;
        } else if path.extension().is_some_and(|e| e == "parquet") {
            found.push(below);
        }
    }
    Ok(())
}

/// The digest of a data set: SHA-256 over its files' relative paths and digests, sorted by path,
/// each as the path, a zero byte and the 32 bytes. It covers the data files and MEDS's metadata.
pub(crate) fn digest(dir: &Path) -> Result<Digest> {
    let mut names = data_files(dir)?;
    let metadata = [INFO, SPLITS, CODES, OBSERVATION];
    names.extend(metadata.map(str::to_owned));
    names.retain(|name| dir.join(name).is_file());
    names.sort();
    let mut bytes = Vec::new();
    for name in names {
        let path = dir.join(&name);
        let mut file = File::open(&path).map_err(Error::read(&path))?;
        let mut digest = DigestWriter::new(io::sink());
        io::copy(&mut file, &mut digest).map_err(Error::read(&path))?;
        bytes.extend_from_slice(name.as_bytes());
        bytes.push(0);
        bytes.extend_from_slice(&digest.finish().1.0);
    }
    Ok(Digest::of(&bytes))
}
