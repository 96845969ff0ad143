//! The journal: the entries of the bundle that is not full yet, each durable before it counts.
//!
//! A record is the entry's index (8 bytes), its length (2 bytes), the entry, and its leaf hash by
//! which a torn record is known. The journal is the only file of a log that is changed in place; it
//! stands beside the tiles and is not published.

use crate::disk::Disk;
use crate::error::{Error, Result};
use crate::hash::{Hash, leaf_hash};
use crate::tile::WIDTH;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

/// The journal's file name.
pub(crate) const JOURNAL: &str = "journal";
/// Index and length before the entry.
const HEAD: usize = 10;

/// An entry with its index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) index: u64,
    pub(crate) entry: Vec<u8>,
}

/// The open journal, locked against other writers while it is open.
#[derive(Debug)]
pub(crate) struct Journal {
    file: File,
    /// Bytes that hold whole records; what lies behind them was never acknowledged.
    length: u64,
    /// Whether a failed write may have left bytes behind `length`.
    dirty: bool,
}

impl Journal {
    /// Opens and locks the journal, takes a torn tail off and gives the records before it and the
    /// number of bytes taken off.
    pub(crate) fn open(disk: &Disk) -> Result<(Self, Vec<Record>, u64)> {
        let path = disk.path(JOURNAL);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(&path).map_err(Error::file("open", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Error::InUse(disk.dir().to_owned())),
            Err(TryLockError::Error(error)) => return Err(Error::file("lock", &path)(error)),
        }
        disk.sync_folder(disk.dir())?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)
            .map_err(Error::file("read", &path))?;
        let (records, length) = parse(&bytes, &path)?;
        let torn = bytes.len() - length;
        let mut journal = Self {
            file,
            length: length as u64,
            dirty: torn > 0,
        };
        journal.clean(disk)?;
        Ok((journal, records, torn as u64))
    }

    /// Writes records with one wait until the disk has them all.
    pub(crate) fn append(&mut self, disk: &Disk, records: &[Record]) -> Result<()> {
        self.clean(disk)?;
        let path = disk.path(JOURNAL);
        let bytes: Vec<u8> = records.iter().flat_map(encode).collect();
        self.dirty = true;
        self.file
            .seek(SeekFrom::Start(self.length))
            .and_then(|_at| disk.write_all(&mut self.file, &bytes))
            .and_then(|()| disk.sync(&self.file))
            .map_err(Error::file("append to", &path))?;
        self.length += bytes.len() as u64;
        self.dirty = false;
        Ok(())
    }

    /// Empties the journal: its entries stand in a full bundle.
    pub(crate) fn reset(&mut self, disk: &Disk) -> Result<()> {
        self.length = 0;
        self.dirty = true;
        self.clean(disk)
    }

    fn clean(&mut self, disk: &Disk) -> Result<()> {
        if self.dirty {
            disk.step()
                .and_then(|()| self.file.set_len(self.length))
                .and_then(|()| disk.sync(&self.file))
                .map_err(Error::file("truncate", &disk.path(JOURNAL)))?;
            self.dirty = false;
        }
        Ok(())
    }
}

fn encode(record: &Record) -> Vec<u8> {
    let length = u16::try_from(record.entry.len()).unwrap_or(u16::MAX);
    assert!(
        usize::from(length) == record.entry.len(),
        "an entry was accepted that is too long for its length field"
    );
    let mut bytes = Vec::with_capacity(HEAD + record.entry.len() + Hash::LEN);
    bytes.extend(record.index.to_be_bytes());
    bytes.extend(length.to_be_bytes());
    bytes.extend(&record.entry);
    bytes.extend(leaf_hash(&record.entry).0);
    bytes
}

/// The whole records from the start, and how many bytes they take. A record that is not whole ends
/// them if nothing acknowledged can stand behind it; otherwise the journal is damaged.
pub(crate) fn parse(bytes: &[u8], path: &Path) -> Result<(Vec<Record>, usize)> {
    let mut records = Vec::<Record>::new();
    let mut at = 0;
    while let Some((record, length)) = first(&bytes[at..]) {
        let follows = records.last().is_none_or(|r| r.index + 1 == record.index);
        if !follows || records.len() as u64 == WIDTH {
            return Err(Error::damaged(path, "its entries are out of order"));
        }
        records.push(record);
        at += length;
    }
    // A crash can tear only the last record, so a whole record behind a torn one means that
    // somebody changed an acknowledged entry.
    let lost = records.last().map(|record| record.index + 1);
    let later = |index: u64| match lost {
        Some(lost) => index > lost && index <= lost + WIDTH,
        None => !index.is_multiple_of(WIDTH),
    };
    let torn = bytes.get(at + 1..).unwrap_or_default();
    if torn
        .windows(HEAD + Hash::LEN)
        .enumerate()
        .any(|(offset, window)| {
            let index = window
                .first_chunk()
                .map_or(0, |head| u64::from_be_bytes(*head));
            later(index) && first(&torn[offset..]).is_some()
        })
    {
        let what = match lost {
            Some(lost) => format!("entry {lost} was altered"),
            None => "its first entry was altered".to_owned(),
        };
        return Err(Error::damaged(path, what));
    }
    Ok((records, at))
}

/// The record at the start of the bytes, if a whole one stands there, and its length.
fn first(bytes: &[u8]) -> Option<(Record, usize)> {
    let (index, rest) = bytes.split_first_chunk::<8>()?;
    let (length, rest) = rest.split_first_chunk::<2>()?;
    let (entry, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
    let hash = rest.first_chunk::<{ Hash::LEN }>()?;
    let record = Record {
        index: u64::from_be_bytes(*index),
        entry: entry.to_vec(),
    };
    let whole = leaf_hash(entry).0 == *hash;
    whole.then_some((record, HEAD + entry.len() + Hash::LEN))
}
