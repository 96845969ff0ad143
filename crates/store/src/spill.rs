//! Runs of sorted rows on disk, for more events than memory holds, and their merge.
//!
//! A run is a temporary file of blocks: a 4-byte length, the first 8 bytes of the SHA-256 of the
//! content, the content; an empty block ends it. The content is [`crate::packed`] rows. The format
//! never leaves one run of the program.

use crate::error::{Error, Result};
use crate::files;
use crate::packed::{self, Key};
use longitude_core::Digest;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Bytes after which a block is closed.
const BLOCK_BYTES: usize = 64 * 1024;

/// A run in the making.
pub(crate) struct RunWriter {
    path: PathBuf,
    out: BufWriter<File>,
    block: Vec<u8>,
}

impl RunWriter {
    /// Creates the file.
    pub(crate) fn create(path: PathBuf) -> Result<Self> {
        let out = BufWriter::new(files::create(&path)?);
        let block = Vec::with_capacity(2 * BLOCK_BYTES);
        Ok(Self { path, out, block })
    }

    /// Adds a row; rows come sorted.
    pub(crate) fn push(&mut self, row: &[u8]) -> Result<()> {
        self.block.extend(row);
        if self.block.len() >= BLOCK_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        let length = u32::try_from(self.block.len()).unwrap_or(u32::MAX);
        let digest = Digest::of(&self.block);
        let mut write = || {
            self.out.write_all(&length.to_le_bytes())?;
            self.out.write_all(&digest.0[..8])?;
            self.out.write_all(&self.block)
        };
        write().map_err(Error::write(&self.path))?;
        self.block.clear();
        Ok(())
    }

    /// Ends the run.
    pub(crate) fn finish(mut self) -> Result<PathBuf> {
        if !self.block.is_empty() {
            self.flush()?;
        }
        self.flush()?;
        self.out.flush().map_err(Error::write(&self.path))?;
        Ok(self.path)
    }
}

/// Reads a run back.
struct Run {
    path: PathBuf,
    input: BufReader<File>,
    offset: u64,
    block: Vec<u8>,
    /// The row that is at hand, in the block.
    row: Range<usize>,
}

impl Run {
    fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(Error::read(path))?;
        Ok(Self {
            path: path.to_owned(),
            input: BufReader::with_capacity(BLOCK_BYTES, file),
            offset: 0,
            block: Vec::new(),
            row: 0..0,
        })
    }

    fn damaged(&self) -> Error {
        Error::Damaged {
            path: self.path.clone(),
            offset: self.offset,
        }
    }

    fn next_block(&mut self) -> Result<()> {
        self.offset += if self.block.is_empty() {
            0
        } else {
            12 + self.block.len() as u64
        };
        let mut head = [0; 12];
        let read = self.input.read_exact(&mut head);
        read.map_err(|_error| self.damaged())?;
        let length = u32::from_le_bytes([head[0], head[1], head[2], head[3]]);
        self.block.clear();
        let mut content = self.input.by_ref().take(u64::from(length));
        let read = content.read_to_end(&mut self.block);
        let whole = read.map_err(Error::read(&self.path))? == length as usize;
        if !whole || Digest::of(&self.block).0[..8] != head[4..] {
            return Err(self.damaged());
        }
        self.row = 0..0;
        Ok(())
    }

    /// Goes to the next row, if there is one.
    fn advance(&mut self) -> Result<bool> {
        if self.row.end >= self.block.len() {
            self.next_block()?;
            if self.block.is_empty() {
                return Ok(false);
            }
        }
        let start = self.row.end;
        let length = packed::length(&self.block[start..]);
        let end = start + length.ok_or_else(|| self.damaged())?;
        self.row = start..end;
        Ok(true)
    }

    fn row(&self) -> &[u8] {
        &self.block[self.row.clone()]
    }
}

/// The rows of several runs in one order; equal keys in the order of the runs.
pub(crate) struct Merge {
    runs: Vec<Run>,
    queue: BinaryHeap<Reverse<Key>>,
    /// The run whose row was given last.
    given: Option<usize>,
}

impl Merge {
    /// Opens the runs, which must be in the order in which they were made.
    pub(crate) fn open(paths: &[PathBuf]) -> Result<Self> {
        let runs: Result<Vec<_>> = paths.iter().map(|path| Run::open(path)).collect();
        let mut merge = Self {
            runs: runs?,
            queue: BinaryHeap::new(),
            given: None,
        };
        for run in 0..merge.runs.len() {
            merge.advance(run)?;
        }
        Ok(merge)
    }

    fn advance(&mut self, run: usize) -> Result<()> {
        if self.runs[run].advance()? {
            let key = Key::of(self.runs[run].row(), run as u64);
            self.queue.push(Reverse(key));
        }
        Ok(())
    }

    /// The next row.
    pub(crate) fn next(&mut self) -> Result<Option<&[u8]>> {
        if let Some(run) = self.given.take() {
            self.advance(run)?;
        }
        let Some(Reverse(key)) = self.queue.pop() else {
            return Ok(None);
        };
        let run = usize::try_from(key.place()).unwrap_or(usize::MAX);
        self.given = Some(run);
        Ok(Some(self.runs[run].row()))
    }
}
