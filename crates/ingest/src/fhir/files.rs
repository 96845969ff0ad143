//! Which files a path holds and how each is to be read, told from names. Their order here is the
//! order of the events.

use crate::Error;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Folders within folders beyond this depth are left alone: exports are a few deep, loops are not.
const DEPTH_MAX: usize = 32;

/// How a file is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// One resource a line (`.ndjson`, `.jsonl`).
    Lines,
    /// One bundle or resource in all (`.json`).
    Document,
}

/// A file to be read.
#[derive(Debug)]
pub(crate) struct SourceFile {
    pub(crate) path: PathBuf,
    /// Relative to the root, with `/` between folders.
    pub(crate) name: Arc<str>,
    pub(crate) shape: Shape,
    /// As stored.
    pub(crate) bytes: u64,
}

/// What a path holds.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Sorted by name, byte by byte.
    pub(crate) files: Vec<SourceFile>,
    /// Files of other kinds, sorted.
    pub(crate) ignored: Vec<String>,
    /// Files and folders that the system refuses, sorted.
    pub(crate) unreadable: Vec<String>,
    /// Whether a Parquet file stands under `data/`.
    pub(crate) has_parquet: bool,
}

/// Lists a folder recursively, or takes a single file.
pub(crate) fn find(root: &Path) -> Result<Found, Error> {
    let unreadable = |source: io::Error| {
        let path = root.to_owned();
        if source.kind() == io::ErrorKind::NotFound {
            Error::NotFound { path }
        } else {
            Error::Unreadable { path, source }
        }
    };
    let metadata = fs::metadata(root).map_err(unreadable)?;
    let mut found = Found::default();
    if metadata.is_dir() {
        fs::read_dir(root).map_err(unreadable)?;
        walk(root, "", 0, &mut found);
    } else {
        fs::File::open(root).map_err(unreadable)?;
        let name = root.file_name().unwrap_or_default().to_string_lossy();
        add_file(root, &name, metadata.len(), &mut found);
    }
    found.files.sort_by(|a, b| a.name.cmp(&b.name));
    found.ignored.sort();
    found.unreadable.sort();
    Ok(found)
}

fn walk(folder: &Path, prefix: &str, depth: usize, found: &mut Found) {
    let Ok(entries) = fs::read_dir(folder) else {
        found.unreadable.push(prefix.to_owned());
        return;
    };
    for entry in entries {
        let Ok(entry) = entry else {
            found.unreadable.push(format!("{prefix}/?"));
            continue;
        };
        let own = entry.file_name();
        let own = own.to_string_lossy();
        let name = if prefix.is_empty() {
            own.into_owned()
        } else {
            format!("{prefix}/{own}")
        };
        let path = entry.path();
        // Links to files are followed; links to folders are not, for they can loop.
        let is_link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_dir() => {
                if is_link || depth >= DEPTH_MAX {
                    found.ignored.push(name);
                } else {
                    walk(&path, &name, depth + 1, found);
                }
            }
            Ok(metadata) if metadata.is_file() => add_file(&path, &name, metadata.len(), found),
            Ok(_) => found.ignored.push(name),
            Err(_) => found.unreadable.push(name),
        }
    }
}

fn add_file(path: &Path, name: &str, bytes: u64, found: &mut Found) {
    let lower = name.to_ascii_lowercase();
    let plain = lower.strip_suffix(".gz").unwrap_or(&lower);
    let ends = |extension: &str| plain.ends_with(extension);
    if ends(".parquet") && (name.starts_with("data/") || name.contains("/data/")) {
        found.has_parquet = true;
    }
    let hidden = name
        .rsplit('/')
        .next()
        .is_some_and(|own| own.starts_with('.'));
    let shape = if ends(".ndjson") || ends(".jsonl") {
        Shape::Lines
    } else if ends(".json") {
        Shape::Document
    } else {
        found.ignored.push(name.to_owned());
        return;
    };
    if hidden {
        found.ignored.push(name.to_owned());
        return;
    }
    found.files.push(SourceFile {
        path: path.to_owned(),
        name: name.into(),
        shape,
        bytes,
    });
}
