//! Files that are whole or absent: written beside their name, synced, renamed, folder synced.
//!
//! The tests give a disk a budget of steps after which every operation fails, half-way through a
//! write if it must be: that is how a crash at any byte is tried.

use crate::error::{Error, Result};
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// The folder of a log.
#[derive(Debug)]
pub(crate) struct Disk {
    dir: PathBuf,
    #[cfg(test)]
    pub(crate) steps_left: Option<std::sync::atomic::AtomicUsize>,
    /// How much of the budget was left before each operation that is not a write.
    #[cfg(test)]
    pub(crate) marks: std::sync::Mutex<Vec<usize>>,
}

impl Disk {
    pub(crate) fn new(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
            #[cfg(test)]
            steps_left: None,
            #[cfg(test)]
            marks: std::sync::Mutex::default(),
        }
    }

    /// A disk that fails after so many steps: bytes written, renames and syncs.
    #[cfg(test)]
    pub(crate) fn failing_after(dir: &Path, steps: usize) -> Self {
        let mut disk = Self::new(dir);
        disk.steps_left = Some(steps.into());
        disk
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Reads a file; none where there is none.
    pub(crate) fn read(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let path = self.path(name);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::file("read", &path)(error)),
        }
    }

    /// Writes a file so that after a crash it has its old content or all of the new one.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let path = self.path(name);
        let parent = path.parent().unwrap_or(&self.dir);
        self.create_folders(parent)?;
        let mut beside = path.clone().into_os_string();
        beside.push(".tmp");
        let beside = PathBuf::from(beside);
        let mut file = File::create(&beside).map_err(Error::file("create", &beside))?;
        self.write_all(&mut file, bytes)
            .and_then(|()| self.sync(&file))
            .map_err(Error::file("write", &beside))?;
        self.step()
            .and_then(|()| fs::rename(&beside, &path))
            .map_err(Error::file("rename into place", &path))?;
        self.sync_folder(parent)
    }

    /// Removes a folder with what is in it, if it is there.
    pub(crate) fn remove_folder(&self, name: &str) -> Result<()> {
        let path = self.path(name);
        match self.step().and_then(|()| fs::remove_dir_all(&path)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Error::file("remove", &path)(error))
            }
            _ => Ok(()),
        }
    }

    /// Creates a folder and its parents, each synced into its own parent.
    pub(crate) fn create_folders(&self, path: &Path) -> Result<()> {
        if path.is_dir() {
            return Ok(());
        }
        if let Some(parent) = path.parent() {
            self.create_folders(parent)?;
        }
        let made = self.step().and_then(|()| fs::create_dir(path));
        match made {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                Err(Error::file("create the folder", path)(error))
            }
            _ => path
                .parent()
                .map_or(Ok(()), |parent| self.sync_folder(parent)),
        }
    }

    /// Makes a folder's list of names durable.
    pub(crate) fn sync_folder(&self, path: &Path) -> Result<()> {
        // A relative path of one element has the empty path as its parent.
        let path = if path.as_os_str().is_empty() {
            Path::new(".")
        } else {
            path
        };
        File::open(path)
            .and_then(|folder| self.sync(&folder))
            .map_err(Error::file("sync the folder", path))
    }

    #[cfg(not(test))]
    #[expect(
        clippy::unused_self,
        reason = "the disk of the tests counts these calls"
    )]
    pub(crate) fn write_all(&self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        file.write_all(bytes)
    }

    #[cfg(not(test))]
    #[expect(
        clippy::unused_self,
        reason = "the disk of the tests counts these calls"
    )]
    pub(crate) fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_all()
    }

    #[cfg(not(test))]
    #[expect(
        clippy::unused_self,
        clippy::unnecessary_wraps,
        reason = "the disk of the tests counts these calls"
    )]
    pub(crate) fn step(&self) -> io::Result<()> {
        Ok(())
    }

    /// Writes as many bytes as the budget allows, then fails.
    #[cfg(test)]
    pub(crate) fn write_all(&self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        let allowed = self.spend(bytes.len());
        file.write_all(&bytes[..allowed])?;
        if allowed < bytes.len() {
            return Err(io::Error::other("the budget of steps is spent"));
        }
        Ok(())
    }

    /// A process that is killed loses nothing that it wrote, so the tests need not wait for the
    /// disk where a budget is set.
    #[cfg(test)]
    pub(crate) fn sync(&self, file: &File) -> io::Result<()> {
        if self.steps_left.is_some() {
            return self.step();
        }
        file.sync_all()
    }

    #[cfg(test)]
    pub(crate) fn step(&self) -> io::Result<()> {
        if let Some(left) = &self.steps_left {
            let left = left.load(std::sync::atomic::Ordering::Relaxed);
            self.marks.lock().unwrap().push(left);
        }
        if self.spend(1) < 1 {
            return Err(io::Error::other("the budget of steps is spent"));
        }
        Ok(())
    }

    #[cfg(test)]
    fn spend(&self, wanted: usize) -> usize {
        use std::sync::atomic::Ordering::Relaxed;
        let Some(left) = &self.steps_left else {
            return wanted;
        };
        let allowed = wanted.min(left.load(Relaxed));
        left.fetch_sub(allowed, Relaxed);
        allowed
    }
}
