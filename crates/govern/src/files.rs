//! Files that are whole or absent, and JSON in them.

use crate::error::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Writes a file so that after a crash it has its old content or all of the new one.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let beside = beside(path, ".tmp");
    let mut file = File::create(&beside).map_err(Error::file("create", &beside))?;
    file.write_all(bytes)
        .and_then(|()| file.sync_all())
        .map_err(Error::file("write", &beside))?;
    rename(&beside, path)
}

/// Renames a file and waits until the disk has the name.
pub(crate) fn rename(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to).map_err(Error::file("rename into place", to))?;
    sync_folder_of(to)
}

/// Waits until the disk has the names in a file's folder.
pub(crate) fn sync_folder_of(path: &Path) -> Result<()> {
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    File::open(parent)
        .and_then(|folder| folder.sync_all())
        .map_err(Error::file("sync the folder", parent))
}

/// Writes a new file that only its owner may read.
pub(crate) fn write_secret(path: &Path, text: &str) -> Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(Error::file("create", path))?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(Error::file("write", path))
}

/// Reads a file that only its owner may read.
pub(crate) fn read_secret(path: &Path) -> Result<String> {
    #[cfg(unix)]
    {
        let about = fs::metadata(path).map_err(Error::file("read", path))?;
        if std::os::unix::fs::MetadataExt::mode(&about) & 0o077 != 0 {
            return Err(Error::KeyExposed(path.to_owned()));
        }
    }
    read_text(path)
}

pub(crate) fn read_text(path: &Path) -> Result<String> {
    fs::read_to_string(path).map_err(Error::file("read", path))
}

/// Reads a text; none where there is no file.
pub(crate) fn read_text_if_there(path: &Path) -> Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::file("read", path)(error)),
    }
}

pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    parse_json(path, &read_text(path)?)
}

/// Reads JSON that came from a file. The message tells the place, not the content.
pub(crate) fn parse_json<T: DeserializeOwned>(path: &Path, text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| {
        let place = format!("line {}, column {}", error.line(), error.column());
        Error::form(path, format!("not the expected JSON at {place}"))
    })
}

/// The JSON of a value, indented, with a newline at its end.
pub(crate) fn to_json<T: Serialize>(what: &'static str, value: &T) -> Result<String> {
    let text = serde_json::to_string_pretty(value).map_err(Error::json(what))?;
    Ok(text + "\n")
}

/// The path with an ending behind its whole name.
pub(crate) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}
