//! States after patients' histories, kept in a run between two answers so that a later question
//! about the same patient runs only the events that are new. They hold patients' events: the folder
//! `pasts` of a run stays inside the walls, as `identified` does (folder 0700, files 0600). A file
//! that is foreign, damaged or too large is left aside with a warning and made again; no answer
//! depends on one.

use longitude_core::SubjectId;
use longitude_govern::Layout;
use longitude_predict::{Engine, Past, Unusable};
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The largest file: a history of 4,096 events in the preset `medium` takes 300 MB.
const FILE_BYTES_MAX: u64 = 512 << 20;
/// The largest folder: some thousand histories of the preset `tiny`. The oldest make room.
const FOLDER_BYTES_MAX: u64 = 2 << 30;

/// The folder of one run.
#[derive(Debug)]
pub(crate) struct Pasts {
    folder: PathBuf,
}

impl Pasts {
    pub(crate) fn new(layout: &Layout) -> Self {
        Self {
            folder: layout.root().join("pasts"),
        }
    }

    fn path(&self, subject: SubjectId) -> PathBuf {
        self.folder.join(format!("{}.past", subject.0))
    }

    /// The kept state of a patient, where there is one that can be used.
    pub(crate) fn read(&self, engine: &Engine, subject: SubjectId) -> Option<Past> {
        let path = self.path(subject);
        let large = fs::metadata(&path).ok()?.len() > FILE_BYTES_MAX;
        let reason = if large {
            "is too large"
        } else {
            match engine.past_from_bytes(subject, &fs::read(&path).ok()?) {
                Ok(past) => return Some(past),
                Err(Unusable::Foreign) => "belongs to another model or to other options",
                Err(Unusable::Damaged) => "is damaged",
            }
        };
        let path = path.display();
        eprintln!("warning: {path} {reason}: the history is run again and the file replaced");
        None
    }

    /// Keeps a patient's state in the place of an earlier one. What cannot be kept is said, and
    /// changes nothing else.
    pub(crate) fn keep(&self, engine: &Engine, subject: SubjectId, past: &Past) {
        let written = engine.past_to_bytes(past).map_err(io::Error::other);
        let written = written.and_then(|bytes| self.write(subject, &bytes));
        if let Err(error) = written {
            let folder = self.folder.display();
            eprintln!("warning: the state after the history is not kept in {folder}: {error}");
        }
    }

    /// Takes away what is kept of a patient whom the data set no longer holds.
    pub(crate) fn forget(&self, subject: SubjectId) -> io::Result<()> {
        match fs::remove_file(self.path(subject)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn write(&self, subject: SubjectId, bytes: &[u8]) -> io::Result<()> {
        if bytes.len() as u64 > FILE_BYTES_MAX {
            return Ok(());
        }
        let mut folder = fs::DirBuilder::new();
        folder.recursive(true).mode(0o700).create(&self.folder)?;
        let path = self.path(subject);
        let partial = path.with_extension(format!("{}.partial", std::process::id()));
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        options.open(&partial)?.write_all(bytes)?;
        fs::rename(&partial, &path)?;
        self.make_room(&path)
    }

    /// Deletes the oldest files until the folder is small enough; the newest stays.
    fn make_room(&self, newest: &Path) -> io::Result<()> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let about = entry.metadata()?;
            files.push((about.modified()?, about.len(), entry.path()));
        }
        files.sort();
        let mut total: u64 = files.iter().map(|(_, bytes, _)| bytes).sum();
        for (_, bytes, path) in files {
            if total > FOLDER_BYTES_MAX && path != newest {
                fs::remove_file(path)?;
                total -= bytes;
            }
        }
        Ok(())
    }
}
