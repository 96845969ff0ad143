//! Reading a published log: entries and proofs as its checkpoint covers them, beside a writer or
//! without one. Nothing is locked and nothing is changed, so a copy on a read-only disk will do.

use crate::disk::Disk;
use crate::error::{Error, Result};
use crate::hash::Hash;
use crate::log::CHECKPOINT;
use crate::note::Checkpoint;
use crate::proof::ProofFile;
use crate::tile::{self, HEIGHT, WIDTH, bundle_name, hashes_at, perfect_root, tile_name};
use crate::tree;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::Path;

/// A log as its checkpoint was when this was opened. What it reads is not verified: a proof is, by
/// whoever gets it.
#[derive(Debug)]
pub struct Reader {
    disk: Disk,
    note: String,
    checkpoint: Checkpoint,
}

impl Reader {
    /// Opens the log in a folder at its published checkpoint.
    ///
    /// # Errors
    /// When there is no readable checkpoint.
    pub fn open(dir: &Path) -> Result<Self> {
        let disk = Disk::new(dir);
        let note = disk.read(CHECKPOINT)?;
        let note = note.ok_or(Error::Checkpoint("nothing is published yet"))?;
        let note = String::from_utf8(note).map_err(|_error| Error::Checkpoint("it is not text"))?;
        let checkpoint = Checkpoint::parse(&note)?;
        Ok(Self {
            disk,
            note,
            checkpoint,
        })
    }

    /// The checkpoint, word for word.
    pub fn note(&self) -> &str {
        &self.note
    }

    /// The checkpoint; who signed it was not asked.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// One entry.
    ///
    /// # Errors
    /// When the checkpoint does not cover it, or its bundle is missing or damaged.
    pub fn entry(&self, index: u64) -> Result<Vec<u8>> {
        let size = self.checkpoint.size;
        if index >= size {
            return Err(Error::OutOfRange { asked: index, size });
        }
        let bundle = index / WIDTH;
        let width = WIDTH.min(size - bundle * WIDTH);
        let (name, entries) = read_bundle(&self.disk, bundle, width)?;
        let at = usize::try_from(index % WIDTH).unwrap_or(usize::MAX);
        entries
            .and_then(|mut entries| (at < entries.len()).then(|| entries.swap_remove(at)))
            .ok_or_else(|| Error::damaged(&self.disk.path(&name), "it does not hold its entries"))
    }

    /// The proof that the checkpoint's tree holds entry `index`, with the checkpoint.
    ///
    /// # Errors
    /// When the checkpoint does not cover it, or a tile is missing or damaged.
    pub fn proof_file(&self, index: u64) -> Result<ProofFile> {
        let size = self.checkpoint.size;
        if index >= size {
            return Err(Error::OutOfRange { asked: index, size });
        }
        let mut tiles = BTreeMap::new();
        let path = tree::inclusion(index, size, &mut |height, at| {
            self.subtree(&mut tiles, height, at)
        })?;
        Ok(ProofFile {
            index,
            path,
            extra: None,
            checkpoint: self.note.clone(),
        })
    }

    /// The proof that the tree of the first `old` entries is the start of the checkpoint's.
    ///
    /// # Errors
    /// When the checkpoint covers fewer, or a tile is missing or damaged.
    pub fn consistency_proof(&self, old: u64) -> Result<Vec<Hash>> {
        let size = self.checkpoint.size;
        if old > size {
            return Err(Error::OutOfRange { asked: old, size });
        }
        let mut tiles = BTreeMap::new();
        tree::consistency(old, size, &mut |height, at| {
            self.subtree(&mut tiles, height, at)
        })
    }

    fn subtree(
        &self,
        tiles: &mut BTreeMap<(u32, u64), Vec<Hash>>,
        height: u32,
        index: u64,
    ) -> Result<Hash> {
        let level = height / HEIGHT;
        let first = index << (height % HEIGHT);
        let (number, offset) = (first / WIDTH, first % WIDTH);
        let hashes = match tiles.entry((level, number)) {
            Entry::Occupied(read) => read.into_mut(),
            Entry::Vacant(place) => {
                let stored = hashes_at(level, self.checkpoint.size);
                let width = WIDTH.min(stored.saturating_sub(number * WIDTH));
                let (name, hashes) = read_tile(&self.disk, level, number, width)?;
                let path = self.disk.path(&name);
                let missing = || Error::damaged(&path, "it is missing or has the wrong length");
                place.insert(hashes.ok_or_else(missing)?)
            }
        };
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        let range = offset..offset + (1 << (height % HEIGHT));
        hashes.get(range).map(perfect_root).ok_or_else(|| {
            let path = self.disk.path(&tile_name(level, number, WIDTH));
            Error::damaged(&path, "it does not reach as far as the checkpoint")
        })
    }
}

/// Reads the entries that the log's checkpoint covers, a bundle at a time, oldest first.
///
/// # Errors
/// When there is no readable checkpoint; each item, when its bundle is missing or damaged.
pub fn read_entries(dir: &Path) -> Result<impl Iterator<Item = Result<Vec<u8>>> + use<>> {
    let disk = Disk::new(dir);
    let note = disk.read(CHECKPOINT)?.unwrap_or_default();
    let note = String::from_utf8(note).map_err(|_error| Error::Checkpoint("it is not text"))?;
    let size = Checkpoint::parse(&note)?.size;
    let bundles = (0..size.div_ceil(WIDTH)).flat_map(move |index| {
        let width = WIDTH.min(size - index * WIDTH);
        let (name, entries) = match read_bundle(&disk, index, width) {
            Ok(read) => read,
            Err(error) => return vec![Err(error)],
        };
        match entries {
            Some(entries) => entries.into_iter().map(Ok).collect(),
            None => vec![Err(Error::damaged(
                &disk.path(&name),
                "it does not hold its entries",
            ))],
        }
    });
    Ok(bundles)
}

/// The first `width` hashes of a tile, from the partial tile or else the full one, and the file's
/// name; none where the file is missing or too short.
pub(crate) fn read_tile(
    disk: &Disk,
    level: u32,
    index: u64,
    width: u64,
) -> Result<(String, Option<Vec<Hash>>)> {
    let name = |width| tile_name(level, index, width);
    let (name, bytes) = read_either(disk, name(width), name(WIDTH))?;
    let hashes = bytes.as_deref().and_then(tile::decode);
    Ok((name, hashes.and_then(|hashes| cut(hashes, width))))
}

/// The first `width` entries of a bundle, like [`read_tile`].
pub(crate) fn read_bundle(
    disk: &Disk,
    index: u64,
    width: u64,
) -> Result<(String, Option<Vec<Vec<u8>>>)> {
    let name = |width| bundle_name(index, width);
    let (name, bytes) = read_either(disk, name(width), name(WIDTH))?;
    let entries = bytes.as_deref().and_then(tile::decode_bundle);
    Ok((name, entries.and_then(|entries| cut(entries, width))))
}

pub(crate) fn read_either(
    disk: &Disk,
    exact: String,
    full: String,
) -> Result<(String, Option<Vec<u8>>)> {
    if let Some(bytes) = disk.read(&exact)? {
        return Ok((exact, Some(bytes)));
    }
    match disk.read(&full)? {
        Some(bytes) => Ok((full, Some(bytes))),
        None => Ok((exact, None)),
    }
}

/// The first `width` items. A partial file must hold exactly its width; a full one may be cut.
fn cut<T>(mut items: Vec<T>, width: u64) -> Option<Vec<T>> {
    let length = items.len() as u64;
    if length != width && (length != WIDTH || width > WIDTH) {
        return None;
    }
    items.truncate(usize::try_from(width).unwrap_or(usize::MAX));
    Some(items)
}
