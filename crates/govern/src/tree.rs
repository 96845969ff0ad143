//! The digest of a file or of a folder, and the list that a folder's digest is of.

use crate::error::{Error, Fault, Result};
use longitude_core::{Digest, NamedDigest};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;

/// The files of a folder with their digests, sorted by name.
///
/// Its text has a line for each file, digest and name with two spaces between, as `sha256sum`
/// writes it; the digest of a folder is the SHA-256 of that text. So whoever keeps the text can
/// name the file that was altered, and can check it without this program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    files: Vec<NamedDigest>,
}

/// The digest of a file (SHA-256 of its bytes) or of a folder (SHA-256 of its [`Tree`]'s text).
///
/// # Errors
/// When something cannot be read, is a symbolic link, or is neither file nor folder.
pub fn tree_digest(path: &Path) -> Result<Digest> {
    if about(path)?.is_dir() {
        Ok(Tree::read(path)?.digest())
    } else {
        file_digest(path)
    }
}

impl Tree {
    /// Reads and digests every file below a folder.
    ///
    /// # Errors
    /// When something cannot be read, is a symbolic link, is neither file nor folder, or has a
    /// name that is not UTF-8 or holds control characters.
    pub fn read(folder: &Path) -> Result<Self> {
        let mut files = Vec::new();
        walk(folder, "", &mut files)?;
        files.sort();
        Ok(Self { files })
    }

    /// The files, sorted by name.
    pub fn files(&self) -> &[NamedDigest] {
        &self.files
    }

    /// The list as text.
    pub fn text(&self) -> String {
        let line = |file: &NamedDigest| format!("{}  {}\n", file.digest.hex(), file.name);
        self.files.iter().map(line).collect()
    }

    /// Reads the list from its text; none where the text is not one.
    pub fn from_text(text: &str) -> Option<Self> {
        let line = |line: &str| {
            let (hex, name) = line.split_once("  ")?;
            Some(NamedDigest {
                name: name.to_owned(),
                digest: format!("sha256:{hex}").parse().ok()?,
            })
        };
        let files = text.split_terminator('\n').map(line).collect::<Option<_>>();
        let tree = Self { files: files? };
        (tree.text() == text).then_some(tree)
    }

    /// The folder's digest.
    pub fn digest(&self) -> Digest {
        Digest::of(self.text().as_bytes())
    }

    /// How another folder's files differ from these.
    pub fn compare(&self, found: &Self) -> Vec<Fault> {
        let by_name = |tree: &Self| -> BTreeMap<String, Digest> {
            let files = tree.files.iter();
            files.map(|file| (file.name.clone(), file.digest)).collect()
        };
        let mut others = by_name(found);
        let mut faults = Vec::new();
        for (name, digest) in by_name(self) {
            match others.remove(&name) {
                Some(other) if other == digest => {}
                Some(_) => faults.push(Fault::Altered(name)),
                None => faults.push(Fault::Missing(name)),
            }
        }
        faults.extend(others.into_keys().map(Fault::Unlisted));
        faults
    }

    pub(crate) fn from_files(mut files: Vec<NamedDigest>) -> Self {
        files.sort();
        Self { files }
    }

    /// The tree without the files for which the test holds.
    pub(crate) fn without(mut self, leave_out: impl Fn(&str) -> bool) -> Self {
        self.files.retain(|file| !leave_out(&file.name));
        self
    }
}

fn walk(folder: &Path, prefix: &str, files: &mut Vec<NamedDigest>) -> Result<()> {
    for entry in fs::read_dir(folder).map_err(Error::file("list", folder))? {
        let path = entry.map_err(Error::file("list", folder))?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name
            .filter(|name| !name.contains(char::is_control))
            .ok_or_else(|| {
                Error::form(&path, "its name is not UTF-8 or holds control characters")
            })?;
        let name = format!("{prefix}{name}");
        if about(&path)?.is_dir() {
            walk(&path, &format!("{name}/"), files)?;
        } else {
            let digest = file_digest(&path)?;
            files.push(NamedDigest { name, digest });
        }
    }
    Ok(())
}

/// What stands at a path: a file or a folder, never a link to one.
fn about(path: &Path) -> Result<fs::Metadata> {
    let about = fs::symlink_metadata(path).map_err(Error::file("read", path))?;
    if about.is_file() || about.is_dir() {
        return Ok(about);
    }
    let what = if about.is_symlink() {
        "it is a symbolic link, which a digest cannot cover"
    } else {
        "it is neither a file nor a folder"
    };
    Err(Error::form(path, what))
}

pub(crate) fn file_digest(path: &Path) -> Result<Digest> {
    let mut file = File::open(path).map_err(Error::file("read", path))?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = file.read(&mut buffer).map_err(Error::file("read", path))?;
        if read == 0 {
            return Ok(Digest(hasher.finalize().into()));
        }
        hasher.update(&buffer[..read]);
    }
}
