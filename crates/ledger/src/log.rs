//! The log itself: append, publish, prove, and come back after a crash.
//!
//! An entry goes into the journal and is synced; that is when it counts. When 256 entries are
//! there, they become a full bundle and a full tile and the journal starts anew. Publishing writes
//! the partial tiles of the present size and then the signed checkpoint. Every file but the
//! journal is written whole and never changed, so a crash leaves at worst a file too many.

use crate::cosignature::Witness;
use crate::disk::Disk;
use crate::error::{Error, Result};
use crate::hash::{Hash, leaf_hash};
use crate::journal::{Journal, Record};
use crate::note::{Checkpoint, Signer, check_name};
use crate::proof::ProofFile;
use crate::tile::{self, HEIGHT, WIDTH, bundle_name, hashes_at, perfect_root, tile_name};
use crate::tree;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::Path;

/// The longest entry: its length is written as 16 bits (C2SP tlog-tiles).
pub const ENTRY_BYTES_MAX: usize = 65_535;
/// The checkpoint's file name.
pub(crate) const CHECKPOINT: &str = "checkpoint";

/// A log that is open for writing. One handle at a time: the journal is locked.
#[derive(Debug)]
pub struct Log {
    disk: Disk,
    origin: String,
    journal: Journal,
    size: u64,
    /// The entries of the bundle that is not full.
    open: Vec<Vec<u8>>,
    /// The hashes of the last tile of each level that is not full.
    edge: Vec<Vec<Hash>>,
    /// Full bundle and tiles that are not on the disk yet.
    unwritten: Vec<Unwritten>,
    recovery: Recovery,
}

/// Full tiles by level and number.
type Tiles = BTreeMap<(u32, u64), Vec<Hash>>;

/// What opening a log had to mend.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Bytes of an append that was never acknowledged, which were taken off.
    pub torn_bytes: u64,
}

/// A full tile of hashes, or the bundle of entries below it, that waits for the disk.
#[derive(Debug)]
enum Unwritten {
    Bundle(u64, Vec<Vec<u8>>),
    Tile(u32, u64, Vec<Hash>),
}

impl Log {
    /// Opens the log in a folder, or begins one, under a name such as `example.org/log`. What an
    /// interrupted append left is taken off; what was acknowledged is there.
    ///
    /// # Errors
    /// When the folder cannot be used, another handle has the log, the log has another name, or
    /// its files are damaged.
    pub fn open(dir: &Path, origin: &str) -> Result<Self> {
        Self::open_on(Disk::new(dir), origin)
    }

    pub(crate) fn open_on(disk: Disk, origin: &str) -> Result<Self> {
        check_name(origin)?;
        disk.create_folders(disk.dir())?;
        let (journal, records, torn_bytes) = Journal::open(&disk)?;
        let mut log = Self {
            disk,
            origin: origin.to_owned(),
            journal,
            size: 0,
            open: Vec::new(),
            edge: Vec::new(),
            unwritten: Vec::new(),
            recovery: Recovery { torn_bytes },
        };
        let checkpoint = log.read_checkpoint()?;
        let bundles = log.count_bundles(checkpoint.as_ref())?;
        log.mend_tiles(bundles)?;
        log.load_edge(bundles)?;
        log.replay(records)?;
        if let Some(checkpoint) = checkpoint {
            log.check_covered(&checkpoint)?;
        }
        Ok(log)
    }

    /// The log's name.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// How many entries it holds.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// What opening it had to mend.
    pub fn recovery(&self) -> Recovery {
        self.recovery
    }

    /// Adds an entry and gives its index. The entry is on the disk when this returns.
    ///
    /// # Errors
    /// When the entry is longer than [`ENTRY_BYTES_MAX`] or the disk refuses; the log then holds
    /// what it held before.
    pub fn append(&mut self, entry: &[u8]) -> Result<u64> {
        self.append_group(vec![entry.to_vec()])
    }

    /// Adds several entries with one wait for the disk and gives the first one's index: all of them
    /// are on the disk when this returns, and none is in the log when it fails.
    ///
    /// # Errors
    /// When there are more than [`Log::room`] of them, one is longer than [`ENTRY_BYTES_MAX`], or
    /// the disk refuses.
    pub fn append_group(&mut self, entries: Vec<Vec<u8>>) -> Result<u64> {
        let room = self.room();
        if entries.len() > room {
            let count = entries.len();
            return Err(Error::GroupTooLarge { count, room });
        }
        for entry in &entries {
            check_length(entry)?;
        }
        self.flush()?;
        let first = self.size;
        let record = |(index, entry)| Record { index, entry };
        let records: Vec<Record> = (first..).zip(entries).map(record).collect();
        self.journal.append(&self.disk, &records)?;
        for record in records {
            self.push(record.entry);
        }
        // The entries count already. A full bundle that the disk refuses is tried again by the next
        // append, which then reports why.
        let _tried_again = self.flush();
        Ok(first)
    }

    /// How many entries the bundle that is not full can still take: the most of one group.
    pub fn room(&self) -> usize {
        usize::try_from(WIDTH - self.size % WIDTH).unwrap_or(usize::MAX)
    }

    /// Writes the tiles of the present size and a signed checkpoint over them.
    ///
    /// # Errors
    /// When the signer has another name than the log, or the disk refuses.
    pub fn publish(&mut self, signer: &Signer) -> Result<Checkpoint> {
        let key = signer.verifying_key();
        if key.name() != self.origin {
            return Err(self.other_name(key.name()));
        }
        self.flush()?;
        for (level, hashes) in self.edge.iter().enumerate() {
            let level = level_number(level);
            let index = hashes_at(level, self.size) / WIDTH;
            let name = tile_name(level, index, hashes.len() as u64);
            self.write_new(&name, hashes, || tile::encode(hashes))?;
        }
        let name = bundle_name(self.size / WIDTH, self.open.len() as u64);
        let entries = self.open.iter().map(Vec::as_slice);
        self.write_new(&name, &self.open, || tile::encode_bundle(entries))?;
        let checkpoint = self.head()?;
        let note = checkpoint.sign(signer);
        self.disk.write(CHECKPOINT, note.as_bytes())?;
        Ok(checkpoint)
    }

    /// The signed checkpoint that was published last.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn published(&self) -> Result<Option<Checkpoint>> {
        self.read_checkpoint()
    }

    /// The log's present head, unsigned.
    ///
    /// # Errors
    /// When a tile cannot be read.
    pub fn head(&self) -> Result<Checkpoint> {
        Ok(Checkpoint {
            origin: self.origin.clone(),
            size: self.size,
            root: self.root(self.size)?,
        })
    }

    /// The root of the tree of the first `size` entries.
    ///
    /// # Errors
    /// When the log is shorter, or a tile cannot be read.
    pub fn root(&self, size: u64) -> Result<Hash> {
        self.check_size(size)?;
        let mut tiles = Tiles::new();
        tree::range_root(0, size, &mut |height, at| {
            self.subtree(&mut tiles, height, at)
        })
    }

    /// One entry.
    ///
    /// # Errors
    /// When there is no such entry, or its bundle cannot be read.
    pub fn entry(&self, index: u64) -> Result<Vec<u8>> {
        if index >= self.size {
            return Err(self.out_of_range(index));
        }
        let bundle = index / WIDTH;
        let at = usize::try_from(index % WIDTH).unwrap_or(usize::MAX);
        let waiting = self.unwritten.iter().find_map(|unwritten| match unwritten {
            Unwritten::Bundle(number, entries) if *number == bundle => Some(entries),
            Unwritten::Bundle(..) | Unwritten::Tile(..) => None,
        });
        if let Some(entries) = waiting {
            return Ok(entries[at].clone());
        }
        if bundle == self.size / WIDTH {
            return Ok(self.open[at].clone());
        }
        Ok(self.read_bundle(bundle)?.swap_remove(at))
    }

    /// The proof that entry `index` is in the tree of the first `size` entries.
    ///
    /// # Errors
    /// When they are outside the log, or a tile cannot be read.
    pub fn inclusion_proof(&self, index: u64, size: u64) -> Result<Vec<Hash>> {
        self.check_size(size)?;
        if index >= size {
            return Err(self.out_of_range(index));
        }
        let mut tiles = Tiles::new();
        tree::inclusion(index, size, &mut |height, at| {
            self.subtree(&mut tiles, height, at)
        })
    }

    /// The proof that the tree of `old` entries is the start of the tree of `new` entries.
    ///
    /// # Errors
    /// When they are outside the log, or a tile cannot be read.
    pub fn consistency_proof(&self, old: u64, new: u64) -> Result<Vec<Hash>> {
        self.check_size(new)?;
        if old > new {
            return Err(self.out_of_range(old));
        }
        let mut tiles = Tiles::new();
        tree::consistency(old, new, &mut |height, at| {
            self.subtree(&mut tiles, height, at)
        })
    }

    /// The proof of an entry against the published checkpoint, as a file for a stranger.
    ///
    /// # Errors
    /// When nothing is published yet that covers the entry, or a tile cannot be read.
    pub fn proof_file(&self, index: u64) -> Result<ProofFile> {
        let checkpoint = self.published_note()?;
        let size = Checkpoint::parse(&checkpoint)?.size;
        Ok(ProofFile {
            index,
            path: self.inclusion_proof(index, size)?,
            extra: None,
            checkpoint,
        })
    }

    /// The published checkpoint word for word, with whatever cosignatures it has.
    ///
    /// # Errors
    /// When nothing is published, or it cannot be read.
    pub fn published_note(&self) -> Result<String> {
        let note = self.disk.read(CHECKPOINT)?;
        let note = note.ok_or(Error::Checkpoint("nothing is published yet"))?;
        String::from_utf8(note).map_err(|_error| Error::Checkpoint("it is not text"))
    }

    /// Adds a witness's line to the published checkpoint.
    ///
    /// # Errors
    /// When the witness did not cosign that checkpoint, or the disk refuses.
    pub fn add_cosignature(&mut self, line: &str, witness: &Witness) -> Result<()> {
        let note = self.published_note()?;
        if note.contains(line) {
            return Ok(());
        }
        let cosigned = format!("{note}{line}");
        if witness.cosigned(&cosigned)?.is_none() {
            return Err(Error::Checkpoint("the line is not of this witness"));
        }
        self.disk.write(CHECKPOINT, cosigned.as_bytes())
    }

    #[cfg(test)]
    pub(crate) fn disk(&mut self) -> &mut Disk {
        &mut self.disk
    }

    /// Takes an entry into memory: it may fill a bundle, a tile, and tiles above.
    fn push(&mut self, entry: Vec<u8>) {
        let mut hash = leaf_hash(&entry);
        self.open.push(entry);
        self.size += 1;
        if self.size.is_multiple_of(WIDTH) {
            let entries = std::mem::take(&mut self.open);
            let bundle = Unwritten::Bundle(self.size / WIDTH - 1, entries);
            self.unwritten.push(bundle);
        }
        for level in 0.. {
            if self.edge.len() == level {
                self.edge.push(Vec::new());
            }
            self.edge[level].push(hash);
            if (self.edge[level].len() as u64) < WIDTH {
                break;
            }
            let full = std::mem::take(&mut self.edge[level]);
            hash = perfect_root(&full);
            let level = level_number(level);
            let index = hashes_at(level, self.size) / WIDTH - 1;
            self.unwritten.push(Unwritten::Tile(level, index, full));
        }
    }

    /// Writes what is full; the journal is emptied last, so that a crash between repeats this.
    fn flush(&mut self) -> Result<()> {
        if self.unwritten.is_empty() {
            return Ok(());
        }
        for unwritten in &self.unwritten {
            match unwritten {
                Unwritten::Bundle(index, entries) => {
                    let bytes = tile::encode_bundle(entries.iter().map(Vec::as_slice));
                    self.disk.write(&bundle_name(*index, WIDTH), &bytes)?;
                }
                Unwritten::Tile(level, index, hashes) => {
                    let name = tile_name(*level, *index, WIDTH);
                    self.disk.write(&name, &tile::encode(hashes))?;
                }
            }
        }
        self.journal.reset(&self.disk)?;
        // The full tile serves every reader of a partial one (C2SP tlog-tiles, partial tiles).
        for unwritten in std::mem::take(&mut self.unwritten) {
            let full = match unwritten {
                Unwritten::Bundle(index, _) => bundle_name(index, WIDTH),
                Unwritten::Tile(level, index, _) => tile_name(level, index, WIDTH),
            };
            self.disk.remove_folder(&format!("{full}.p"))?;
        }
        Ok(())
    }

    /// Writes a partial tile unless it is empty or there already.
    fn write_new<T>(
        &self,
        name: &str,
        items: &[T],
        encode: impl FnOnce() -> Vec<u8>,
    ) -> Result<()> {
        if items.is_empty() {
            return Ok(());
        }
        let bytes = encode();
        if self.disk.read(name)?.as_deref() == Some(&bytes) {
            return Ok(());
        }
        self.disk.write(name, &bytes)
    }

    fn read_checkpoint(&self) -> Result<Option<Checkpoint>> {
        let Some(bytes) = self.disk.read(CHECKPOINT)? else {
            return Ok(None);
        };
        let text = String::from_utf8(bytes);
        let checkpoint = text
            .ok()
            .and_then(|note| Checkpoint::parse(&note).ok())
            .ok_or_else(|| Error::damaged(&self.disk.path(CHECKPOINT), "it is not a checkpoint"))?;
        if checkpoint.origin == self.origin {
            Ok(Some(checkpoint))
        } else {
            Err(self.other_name(&checkpoint.origin))
        }
    }

    /// How many full bundles stand on the disk. Those that a checkpoint covers must.
    fn count_bundles(&self, checkpoint: Option<&Checkpoint>) -> Result<u64> {
        let there = |index| self.disk.path(&bundle_name(index, WIDTH)).is_file();
        let covered = checkpoint.map_or(0, |checkpoint| checkpoint.size / WIDTH);
        if covered > 0 && !there(covered - 1) {
            let path = self.disk.path(&bundle_name(covered - 1, WIDTH));
            return Err(Error::damaged(&path, "it is missing"));
        }
        let mut bundles = covered;
        while there(bundles) {
            bundles += 1;
        }
        Ok(bundles)
    }

    /// Writes the tiles that a crash kept the last full bundle from getting.
    fn mend_tiles(&self, bundles: u64) -> Result<()> {
        for level in 0.. {
            let hashes = hashes_at(level, bundles * WIDTH);
            if hashes == 0 || !hashes.is_multiple_of(WIDTH) {
                break;
            }
            let index = hashes / WIDTH - 1;
            let name = tile_name(level, index, WIDTH);
            if self.disk.path(&name).is_file() {
                continue;
            }
            let hashes: Vec<Hash> = if level == 0 {
                let entries = self.read_bundle(index)?;
                entries.iter().map(|entry| leaf_hash(entry)).collect()
            } else {
                self.roots_below(level, index * WIDTH..(index + 1) * WIDTH)?
            };
            self.disk.write(&name, &tile::encode(&hashes))?;
        }
        Ok(())
    }

    /// Loads the hashes of every level's last tile that is not full.
    fn load_edge(&mut self, bundles: u64) -> Result<()> {
        self.size = bundles * WIDTH;
        self.edge = vec![Vec::new()];
        for level in 1.. {
            let hashes = hashes_at(level, self.size);
            if hashes == 0 {
                break;
            }
            let last = self.roots_below(level, hashes - hashes % WIDTH..hashes)?;
            self.edge.push(last);
        }
        Ok(())
    }

    /// The hashes of a level, each the root of a full tile of the level below.
    fn roots_below(&self, level: u32, range: std::ops::Range<u64>) -> Result<Vec<Hash>> {
        range
            .map(|index| Ok(perfect_root(&self.read_tile(level - 1, index)?)))
            .collect()
    }

    /// Takes the journal's records in: they follow the bundles, or repeat the last one where a
    /// crash came before the journal was emptied.
    fn replay(&mut self, records: Vec<Record>) -> Result<()> {
        let path = self.disk.path(crate::journal::JOURNAL);
        let Some(first) = records.first().map(|record| record.index) else {
            return Ok(());
        };
        if first + WIDTH == self.size {
            let tile = self.read_tile(0, first / WIDTH)?;
            let same = |(record, hash): (&Record, &Hash)| leaf_hash(&record.entry) == *hash;
            if !records.iter().zip(&tile).all(same) {
                return Err(Error::damaged(&path, "it contradicts the last full tile"));
            }
            return self.journal.reset(&self.disk);
        }
        if first != self.size {
            let what = format!("it begins at entry {first}, the tiles end at {}", self.size);
            return Err(Error::damaged(&path, what));
        }
        for record in records {
            self.push(record.entry);
        }
        self.flush()
    }

    /// Whether the checkpoint's tree is the start of this log's.
    fn check_covered(&self, checkpoint: &Checkpoint) -> Result<()> {
        if checkpoint.size > self.size {
            return Err(Error::Truncated {
                dir: self.disk.dir().to_owned(),
                promised: checkpoint.size,
                found: self.size,
            });
        }
        if self.root(checkpoint.size)? == checkpoint.root {
            return Ok(());
        }
        let what = "it does not describe the entries that are there";
        Err(Error::damaged(&self.disk.path(CHECKPOINT), what))
    }

    /// The hash of a perfect subtree of `2^height` entries, out of the tile that holds its parts.
    /// Full tiles that were read stay in `tiles` for the next subtree of the same proof.
    fn subtree(&self, tiles: &mut Tiles, height: u32, index: u64) -> Result<Hash> {
        let level = height / HEIGHT;
        let first = index << (height % HEIGHT);
        let (number, offset) = (first / WIDTH, first % WIDTH);
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        let range = offset..offset + (1 << (height % HEIGHT));
        if number == hashes_at(level, self.size) / WIDTH {
            let edge = usize::try_from(level).unwrap_or(usize::MAX);
            return Ok(perfect_root(&self.edge[edge][range]));
        }
        let waiting = self.unwritten.iter().find_map(|unwritten| match unwritten {
            Unwritten::Tile(l, n, hashes) if (*l, *n) == (level, number) => Some(hashes),
            Unwritten::Bundle(..) | Unwritten::Tile(..) => None,
        });
        if let Some(hashes) = waiting {
            return Ok(perfect_root(&hashes[range]));
        }
        let hashes = match tiles.entry((level, number)) {
            Entry::Occupied(read) => read.into_mut(),
            Entry::Vacant(place) => place.insert(self.read_tile(level, number)?),
        };
        Ok(perfect_root(&hashes[range]))
    }

    fn read_tile(&self, level: u32, index: u64) -> Result<Vec<Hash>> {
        let name = tile_name(level, index, WIDTH);
        let bytes = self.disk.read(&name)?.unwrap_or_default();
        tile::decode(&bytes)
            .filter(|hashes| hashes.len() as u64 == WIDTH)
            .ok_or_else(|| Error::damaged(&self.disk.path(&name), "it does not hold 256 hashes"))
    }

    fn read_bundle(&self, index: u64) -> Result<Vec<Vec<u8>>> {
        let name = bundle_name(index, WIDTH);
        let bytes = self.disk.read(&name)?.unwrap_or_default();
        tile::decode_bundle(&bytes)
            .filter(|entries| entries.len() as u64 == WIDTH)
            .ok_or_else(|| Error::damaged(&self.disk.path(&name), "it does not hold 256 entries"))
    }

    fn check_size(&self, size: u64) -> Result<()> {
        if size > self.size {
            return Err(self.out_of_range(size));
        }
        Ok(())
    }

    fn out_of_range(&self, asked: u64) -> Error {
        Error::OutOfRange {
            asked,
            size: self.size,
        }
    }

    fn other_name(&self, found: &str) -> Error {
        Error::Origin {
            dir: self.disk.dir().to_owned(),
            expected: self.origin.clone(),
            found: found.to_owned(),
        }
    }
}

pub(crate) fn check_length(entry: &[u8]) -> Result<()> {
    if entry.len() > ENTRY_BYTES_MAX {
        return Err(Error::EntryTooLong(entry.len()));
    }
    Ok(())
}

fn level_number(level: usize) -> u32 {
    u32::try_from(level).unwrap_or(u32::MAX)
}
