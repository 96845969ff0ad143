//! A data set whose data files were written elsewhere, by several machines: the pieces that a
//! [`crate::Writer`] does in one go. The same events make the same bytes.
//!
//! Whoever uses it sorts: a shard's rows come by subject, then time (none first), then
//! [`tie_rank`], then in the order in which a writer would have been given them.

use crate::columns::data_schema;
use crate::encode::{self, Row, Rows, Shard};
use crate::error::{Error, Result};
use crate::files::Partial;
use crate::packed;
use crate::tables::CodeEntry;
use crate::writer::{self, Summary, WriteOptions, Written};
use arrow_array::RecordBatch;
use longitude_core::{Event, Observation, Split, SubjectId};
use parquet::arrow::ArrowWriter;
use parquet::errors::ParquetError;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};

pub use crate::encode::BATCH_ROWS;

/// The place of an event inside a tie of its subject's: birth 0, death 2, all else 1.
pub fn tie_rank(event: &Event) -> u8 {
    packed::rank(event)
}

/// Events as rows of a data table in memory.
#[derive(Default)]
pub struct EventRows(Rows);

impl EventRows {
    /// Adds an event.
    pub fn push(&mut self, subject: SubjectId, event: &Event) {
        self.0.push(&Row::of(subject, event));
    }

    /// The rows so far, in the columns of [`crate::columns::data_schema`]; they start anew.
    ///
    /// # Errors
    /// None that data can cause.
    pub fn take(&mut self) -> Result<RecordBatch> {
        encode::batch(&mut self.0, Path::new("(memory)"))
    }
}

/// One data file, from rows in memory.
pub struct ShardFile {
    path: PathBuf,
    parquet: ArrowWriter<File>,
    /// A short batch came: it was the last.
    is_ended: bool,
}

impl ShardFile {
    /// Creates the file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn create(path: &Path) -> Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            parquet: encode::parquet(path)?,
            is_ended: false,
        })
    }

    /// Adds rows in the columns of [`crate::columns::data_schema`]: [`BATCH_ROWS`] at a time, for
    /// the bytes depend on it; only the last batch is shorter.
    ///
    /// # Errors
    /// When the file cannot be written.
    ///
    /// # Panics
    /// When more rows come, or more at a time.
    pub fn write(&mut self, rows: &RecordBatch) -> Result<()> {
        assert!(
            !self.is_ended && rows.num_rows() <= BATCH_ROWS,
            "rows come {BATCH_ROWS} at a time"
        );
        self.is_ended = rows.num_rows() < BATCH_ROWS;
        let rows = RecordBatch::try_new(data_schema(), rows.columns().to_vec());
        let rows = rows.map_err(|e| Error::encode(&self.path)(ParquetError::from(e)))?;
        let written = self.parquet.write(&rows);
        written.map_err(Error::encode(&self.path))
    }

    /// Ends the file and waits until it is on the disk.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn close(self) -> Result<()> {
        encode::close(self.parquet, &self.path)
    }
}

/// Which shard of its split each subject goes to, subjects coming in their order.
#[derive(Clone, Debug)]
pub struct ShardPlan {
    events_max: usize,
    /// The next number, and the events of the shard that is open.
    splits: BTreeMap<Split, (usize, Option<usize>)>,
}

impl ShardPlan {
    /// Starts; a shard is closed once it has `events_max` events and its last subject is whole.
    pub fn new(events_max: usize) -> Self {
        Self {
            events_max,
            splits: BTreeMap::new(),
        }
    }

    /// The number of the shard for the next subject of a split.
    pub fn place(&mut self, split: Split) -> usize {
        let (next, open) = self.splits.entry(split).or_default();
        if open.is_none_or(|events| events >= self.events_max) {
            *next += 1;
            *open = Some(0);
        }
        *next - 1
    }

    /// Counts events of that subject.
    pub fn add(&mut self, split: Split, events: usize) {
        if let Some((_, Some(open))) = self.splits.get_mut(&split) {
            *open += events;
        }
    }
}

/// A data set in the making: the caller puts the shards at [`Assembly::shard_path`], synced to the
/// disk. Unless [`Assembly::finish`] returns `Ok`, nothing stands at the final place.
pub struct Assembly {
    partial: Partial,
    options: WriteOptions,
}

/// What stands in the tables of an assembled data set.
#[derive(Clone, Debug, Default)]
pub struct Contents {
    /// Every subject with an event, in order.
    pub splits: Vec<(SubjectId, Split)>,
    /// Events in all shards.
    pub events: u64,
    /// Every code that occurs, in MEDS's form.
    pub codes: BTreeSet<String>,
    /// The spans over which subjects were observed.
    pub observations: BTreeMap<SubjectId, Observation>,
}

impl Assembly {
    /// Starts a data set at `dir`, where nothing but an empty folder may stand.
    ///
    /// # Errors
    /// When something stands there, or nothing can be written there.
    pub fn create(dir: &Path, options: WriteOptions) -> Result<Self> {
        Ok(Self {
            partial: Partial::create(dir, false)?,
            options,
        })
    }

    /// Where the file of a shard goes.
    pub fn shard_path(&self, split: Split, number: usize) -> PathBuf {
        let name = format!("data/{}/{number}.parquet", split.name());
        self.partial.path().join(name)
    }

    /// Writes the tables and puts the data set at its place.
    ///
    /// # Errors
    /// When something cannot be written; then nothing stands at the final place.
    pub fn finish(self, contents: Contents) -> Result<Summary> {
        if contents.splits.is_empty() {
            Shard::create(self.shard_path(Split::Train, 0))?.close()?;
        }
        let codes = contents.codes.into_iter();
        let codes: BTreeMap<_, _> = codes.map(|code| (code, CodeEntry::default())).collect();
        let written = Written {
            splits: contents.splits,
            events: contents.events,
        };
        let tables = (codes, &contents.observations);
        writer::finish_tables(self.partial, &self.options, &written, tables)
    }
}

impl fmt::Debug for EventRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EventRows")
    }
}

impl fmt::Debug for ShardFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ShardFile({})", self.path.display())
    }
}

impl fmt::Debug for Assembly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Assembly({})", self.partial.path().display())
    }
}
