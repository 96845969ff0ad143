//! Checking a log that somebody hands over: every hash is made anew from the entries.
//!
//! Either the entries or the tiles may have been altered. Whichever of the two leads to the signed
//! root is the truth, and the other one is named.

use crate::disk::Disk;
use crate::error::{Error, Result};
use crate::hash::{Hash, empty_root, leaf_hash, node_hash};
use crate::journal::{self, JOURNAL};
use crate::log::CHECKPOINT;
use crate::note::{Checkpoint, VerifyingKey};
use crate::reader::{read_bundle, read_either, read_tile};
use crate::tile::{self, WIDTH, bundle_name, perfect_root, tile_name, tiles_of};
use std::collections::BTreeMap;
use std::path::Path;

/// What checking a log found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// The checkpoint, if one could be read; trust it only where `findings` is empty.
    pub checkpoint: Option<Checkpoint>,
    /// What is wrong, by file.
    pub findings: Vec<Finding>,
}

/// A file of the log that is not what it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The file's name inside the log's folder.
    pub file: String,
    /// What is wrong with it.
    pub what: String,
}

impl Audit {
    /// Whether nothing was found.
    pub fn is_intact(&self) -> bool {
        self.findings.is_empty()
    }

    fn find(&mut self, file: impl Into<String>, what: impl Into<String>) {
        self.findings.push(Finding {
            file: file.into(),
            what: what.into(),
        });
    }
}

/// Recomputes every hash of a log from its entries and compares tiles, checkpoint and signature.
/// What is wrong is told in the [`Audit`], not as an error.
///
/// # Errors
/// When a file is there and cannot be read.
pub fn verify_log(dir: &Path, key: &VerifyingKey) -> Result<Audit> {
    let disk = Disk::new(dir);
    let mut audit = Audit {
        checkpoint: None,
        findings: Vec::new(),
    };
    let Some(note) = disk.read(CHECKPOINT)? else {
        audit.find(CHECKPOINT, "it is missing");
        return Ok(audit);
    };
    let note = String::from_utf8_lossy(&note);
    if let Err(error) = Checkpoint::open(&note, key) {
        audit.find(CHECKPOINT, error.to_string());
    }
    let Ok(checkpoint) = Checkpoint::parse(&note) else {
        return Ok(audit);
    };
    if let Some(root) = compare(&disk, &checkpoint, &mut audit)?
        && root != checkpoint.root
    {
        audit.find(
            CHECKPOINT,
            "neither entries nor tiles lead to the root that it states",
        );
    }
    // What is found from here on is measured by the files that were checked above.
    if audit.is_intact() {
        compare_journal(&disk, checkpoint.size, &mut audit)?;
        compare_older(&disk, checkpoint.size, &mut audit)?;
    }
    audit.checkpoint = Some(checkpoint);
    Ok(audit)
}

/// Compares entries and tiles, names which of them is wrong, and gives the root that they agree on
/// or, where they do not agree and neither has the signed root, that of the tiles.
fn compare(disk: &Disk, checkpoint: &Checkpoint, audit: &mut Audit) -> Result<Option<Hash>> {
    let size = checkpoint.size;
    let from_entries = rebuild(size, &mut |index, width| leaves_of(disk, index, width))?;
    let truth = if from_entries
        .as_ref()
        .is_some_and(|built| built.root == checkpoint.root)
    {
        from_entries
    } else {
        let stored = rebuild(size, &mut |index, width| {
            Ok(read_tile(disk, 0, index, width)?.1)
        })?;
        if stored.is_some() && stored.as_ref().map(|b| b.root) == from_entries.map(|b| b.root) {
            return Ok(stored.map(|built| built.root));
        }
        name_altered_entries(disk, size, audit)?;
        stored
    };
    let Some(truth) = truth else {
        return Ok(None);
    };
    compare_tiles(disk, size, &truth, audit)?;
    Ok(Some(truth.root))
}

/// A tree made anew: its root and the digest of each of its tiles.
struct Rebuilt {
    root: Hash,
    tiles: BTreeMap<(u32, u64), Hash>,
}

/// Makes the tree of `size` leaves; none where some leaves are not there.
fn rebuild(
    size: u64,
    leaves: &mut dyn FnMut(u64, u64) -> Result<Option<Vec<Hash>>>,
) -> Result<Option<Rebuilt>> {
    let mut levels = vec![Vec::<Hash>::new()];
    let mut tiles = BTreeMap::new();
    let mut counts = vec![0_u64];
    for index in 0..size.div_ceil(WIDTH) {
        let width = WIDTH.min(size - index * WIDTH);
        let Some(hashes) = leaves(index, width)? else {
            return Ok(None);
        };
        levels[0] = hashes;
        let mut level = 0;
        while levels[level].len() as u64 == WIDTH {
            let full = std::mem::take(&mut levels[level]);
            tiles.insert((number(level), counts[level]), tile_digest(&full));
            counts[level] += 1;
            level += 1;
            if levels.len() == level {
                levels.push(Vec::new());
                counts.push(0);
            }
            levels[level].push(perfect_root(&full));
        }
    }
    let mut root = None;
    for (level, hashes) in levels.iter().enumerate() {
        if !hashes.is_empty() {
            tiles.insert((number(level), counts[level]), tile_digest(hashes));
        }
        root = fold_right(hashes, root);
    }
    let root = root.unwrap_or_else(empty_root);
    Ok(Some(Rebuilt { root, tiles }))
}

/// The root over a level's last hashes with the root of all that stands to their right, which is
/// smaller than any of them: perfect subtrees join from the right (RFC 6962, 2.1).
fn fold_right(hashes: &[Hash], mut right: Option<Hash>) -> Option<Hash> {
    let mut end = hashes.len();
    while end > 0 {
        let length = 1 << end.trailing_zeros();
        let subtree = perfect_root(&hashes[end - length..end]);
        right = Some(right.map_or(subtree, |right| node_hash(&subtree, &right)));
        end -= length;
    }
    right
}

fn tile_digest(hashes: &[Hash]) -> Hash {
    leaf_hash(&tile::encode(hashes))
}

fn compare_tiles(disk: &Disk, size: u64, truth: &Rebuilt, audit: &mut Audit) -> Result<()> {
    for (level, index, width) in tiles_of(size) {
        let (name, hashes) = read_tile(disk, level, index, width)?;
        match hashes {
            None => audit.find(name, "it is missing or has the wrong length"),
            Some(hashes) if truth.tiles.get(&(level, index)) != Some(&tile_digest(&hashes)) => {
                audit.find(name, "it was altered: its hashes are not those of the tree");
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// Names the entries that do not hash to their place in the tiles.
fn name_altered_entries(disk: &Disk, size: u64, audit: &mut Audit) -> Result<()> {
    for index in 0..size.div_ceil(WIDTH) {
        let width = WIDTH.min(size - index * WIDTH);
        let first = index * WIDTH;
        let (name, entries) = read_bundle(disk, index, width)?;
        let (_, hashes) = read_tile(disk, 0, index, width)?;
        match (entries, hashes) {
            (None, _) => {
                let what = format!(
                    "entries {first} to {} are missing or cut",
                    first + width - 1
                );
                audit.find(name, what);
            }
            (Some(entries), Some(hashes)) => {
                let wrong: Vec<u64> = (first..)
                    .zip(entries.iter().zip(&hashes))
                    .filter(|(_, (entry, hash))| leaf_hash(entry) != **hash)
                    .map(|(at, _)| at)
                    .collect();
                if let Some(altered) = ranges(&wrong) {
                    audit.find(name, format!("{altered} altered"));
                }
            }
            (Some(_), None) => {}
        }
    }
    Ok(())
}

/// The journal repeats the entries of the last bundle; it must say the same.
fn compare_journal(disk: &Disk, size: u64, audit: &mut Audit) -> Result<()> {
    let bytes = disk.read(JOURNAL)?.unwrap_or_default();
    let records = match journal::parse(&bytes, &disk.path(JOURNAL)) {
        Ok((records, _torn)) => records,
        Err(Error::Damaged { what, .. }) => {
            audit.find(JOURNAL, what);
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    let Some(first) = records.first().map(|record| record.index) else {
        return Ok(());
    };
    let width = WIDTH.min(size.saturating_sub(first));
    let (_, Some(entries)) = read_bundle(disk, first / WIDTH, width)? else {
        return Ok(());
    };
    let differs = records.iter().zip(&entries).find(|(r, e)| r.entry != **e);
    if let Some((record, _)) = differs {
        let what = format!("entry {} is not that of its bundle", record.index);
        audit.find(JOURNAL, what);
    }
    Ok(())
}

/// Partial tiles of earlier sizes serve earlier checkpoints: each must be the start of the present
/// file, whose bytes only grow.
fn compare_older(disk: &Disk, size: u64, audit: &mut Audit) -> Result<()> {
    let tiles = tiles_of(size).into_iter();
    let names = tiles.flat_map(|(level, index, width)| {
        let bundle = (level == 0).then(|| (bundle_name(index, WIDTH), bundle_name(index, width)));
        let tile = (
            tile_name(level, index, WIDTH),
            tile_name(level, index, width),
        );
        bundle.into_iter().chain([tile])
    });
    for (full, present) in names {
        let folder = format!("{full}.p");
        let Ok(older) = std::fs::read_dir(disk.path(&folder)) else {
            continue;
        };
        let (_, bytes) = read_either(disk, present, full)?;
        let bytes = bytes.unwrap_or_default();
        let mut widths: Vec<u64> = older
            .filter_map(|entry| crate::note::decimal(&entry.ok()?.file_name().to_string_lossy()))
            .collect();
        widths.sort_unstable();
        for width in widths {
            let name = format!("{folder}/{width}");
            let start = disk.read(&name)?.unwrap_or_default();
            // A wider file than the present one belongs to entries that are not published yet.
            if !bytes.starts_with(&start) && !start.starts_with(&bytes) {
                audit.find(
                    name,
                    "it was altered: it is not the start of the present file",
                );
            }
        }
    }
    Ok(())
}

fn leaves_of(disk: &Disk, index: u64, width: u64) -> Result<Option<Vec<Hash>>> {
    let (_, entries) = read_bundle(disk, index, width)?;
    Ok(entries.map(|entries| entries.iter().map(|entry| leaf_hash(entry)).collect()))
}

/// Numbers as text: `entry 3 was`, `entries 3 to 5 and 9 were`; none where there are none.
fn ranges(numbers: &[u64]) -> Option<String> {
    let mut spans = Vec::<(u64, u64)>::new();
    for &number in numbers {
        match spans.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => spans.push((number, number)),
        }
    }
    let shown: Vec<String> = spans
        .iter()
        .map(|&(first, last)| match last - first {
            0 => first.to_string(),
            _ => format!("{first} to {last}"),
        })
        .collect();
    match numbers {
        [] => None,
        [one] => Some(format!("entry {one} was")),
        _ => Some(format!("entries {} were", shown.join(", "))),
    }
}

fn number(level: usize) -> u32 {
    u32::try_from(level).unwrap_or(u32::MAX)
}
