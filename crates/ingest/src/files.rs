//! Which files a path holds, told from names. Their order here is the order of the events within a
//! format; [`crate::detect`] says which format a file is of.

mod zip;

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
    /// Rows of one header: delimited text or Parquet (`.csv`, `.tsv`, `.psv`, `.parquet`).
    Table,
    /// HL7 v2 messages, one after the other. No name tells it; the format's reader sets it.
    Messages,
    /// Anything else: the worker opens it and reads it whole or as a stream.
    Document,
}

/// A file to be read.
#[derive(Clone, Debug)]
pub(crate) struct SourceFile {
    pub(crate) path: PathBuf,
    /// Relative to the root, with `/` between folders. Where several roots are read at once, the
    /// root's own name stands before it.
    pub(crate) name: Arc<str>,
    pub(crate) shape: Shape,
    /// As stored.
    pub(crate) bytes: u64,
    /// Where in `path` the file stands, if that is an archive.
    pub(crate) member: Option<Member>,
}

/// How a member of an archive is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    Stored,
    Deflated,
    /// Encrypted, or packed in a way that is not read.
    Unreadable,
}

/// A file inside a zip archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    /// The place of its first byte in the archive.
    pub(crate) start: u64,
    /// As stored.
    pub(crate) bytes: u64,
    pub(crate) unpacked_bytes: u64,
    pub(crate) crc: u32,
    pub(crate) packing: Packing,
}

impl SourceFile {
    /// One of which nothing but the name is known here.
    pub(crate) fn named(name: &Arc<str>) -> Self {
        Self {
            path: PathBuf::new(),
            name: Arc::clone(name),
            shape: Shape::Document,
            bytes: 0,
            member: None,
        }
    }
}

/// What a path holds.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Sorted by name, byte by byte.
    pub(crate) files: Vec<SourceFile>,
    /// Hidden files, and links and depths that are not followed, sorted.
    pub(crate) ignored: Vec<String>,
    /// Files and folders that the system refuses, sorted.
    pub(crate) unreadable: Vec<String>,
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
    found.sort();
    Ok(found)
}

/// Lists several roots as one: each file's name begins with its root's.
pub(crate) fn find_all(roots: &[&Path]) -> Result<Found, Error> {
    if let [root] = roots {
        return find(root);
    }
    let mut all = Found::default();
    for root in roots {
        let found = find(root)?;
        let own = root.file_name().unwrap_or_default().to_string_lossy();
        let is_file = root.is_file();
        let named = |name: &str| {
            if is_file {
                name.to_owned()
            } else {
                format!("{own}/{name}")
            }
        };
        all.files
            .extend(found.files.into_iter().map(|file| SourceFile {
                name: named(&file.name).into(),
                ..file
            }));
        all.ignored
            .extend(found.ignored.iter().map(|name| named(name)));
        all.unreadable
            .extend(found.unreadable.iter().map(|name| named(name)));
    }
    all.sort();
    match all.files.windows(2).find(|two| two[0].name == two[1].name) {
        Some(two) => Err(Error::SameName {
            path: two[1].path.clone(),
        }),
        None => Ok(all),
    }
}

impl Found {
    /// What a store holds, from the names and sizes of its objects, each with a file that holds
    /// its start, or an empty path.
    pub(crate) fn of_names(names: impl IntoIterator<Item = (String, u64, PathBuf)>) -> Self {
        let mut found = Self::default();
        for (name, bytes, path) in names {
            add_file(&path, &name, bytes, &mut found);
        }
        found.sort();
        found
    }

    fn sort(&mut self) {
        self.files.sort_by(|a, b| a.name.cmp(&b.name));
        self.ignored.sort();
        self.unreadable.sort();
    }
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
    let own = name.rsplit('/').next();
    if own.is_some_and(|own| own.starts_with('.')) {
        found.ignored.push(name.to_owned());
        return;
    }
    if extension(name) == "zip" {
        match zip::members(path) {
            Ok(members) => add_members(path, name, members, found),
            Err(_) => found.unreadable.push(name.to_owned()),
        }
        return;
    }
    push(path, name, (bytes, None), found);
}

/// The files inside an archive, each under the archive's name.
fn add_members(path: &Path, name: &str, members: Vec<(String, Member)>, found: &mut Found) {
    for (own, member) in members {
        let inner = format!("{name}/{own}");
        let last = own.rsplit('/').next().unwrap_or_default();
        // Folders of resource forks that macOS puts beside the files hold no records.
        if last.starts_with('.') || own.starts_with("__MACOSX/") || extension(&own) == "zip" {
            found.ignored.push(inner);
        } else {
            push(path, &inner, (member.bytes, Some(member)), found);
        }
    }
}

fn push(path: &Path, name: &str, (bytes, member): (u64, Option<Member>), found: &mut Found) {
    found.files.push(SourceFile {
        path: path.to_owned(),
        name: name.into(),
        shape: shape(name),
        bytes,
        member,
    });
}

/// How a file of this name is laid out.
pub(crate) fn shape(name: &str) -> Shape {
    match extension(name).as_str() {
        "ndjson" | "jsonl" => Shape::Lines,
        "csv" | "tsv" | "psv" | "parquet" => Shape::Table,
        _ => Shape::Document,
    }
}

/// The extension of a file's name in lower case, the one before `.gz` where that is the last.
pub(crate) fn extension(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    let plain = lower.strip_suffix(".gz").unwrap_or(&lower);
    let own = plain.rsplit('/').next().unwrap_or_default();
    own.rsplit_once('.')
        .map_or_else(String::new, |(_, end)| end.to_owned())
}
