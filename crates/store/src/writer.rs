//! The writer of a data set: events of subjects in any order in, a whole MEDS data set out.
//!
//! Memory is bounded: what exceeds it is sorted and spilled, and the sorted runs are merged at the
//! end. The shards of a split are in the order of subjects, so that readers stream them.

use crate::describe::Describe;
use crate::error::{Error, Result};
use crate::files::{self, Partial};
use crate::info::DatasetInfo;
use crate::packed::{Held, Texts};
use crate::shards::Shards;
use crate::spill::{Merge, RunWriter};
use crate::tables::{self, CodeEntry};
use longitude_core::{Code, Digest, Event, Observation, Split, SubjectId, Timeline};
use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

/// Runs that are merged at once: each has a file open and a buffer.
const MERGED_RUNS_MAX: usize = 64;

/// How a data set is written.
#[derive(Clone, Debug)]
pub struct WriteOptions {
    /// Bytes of events held before they are spilled. The encoder's own buffers (three row groups,
    /// some tens of megabytes) and 32 bytes a subject come on top.
    pub memory_bytes_max: usize,
    /// Events after which a shard is closed, once its last subject is whole.
    pub shard_events_max: usize,
    /// What the data set says of itself.
    pub info: DatasetInfo,
    /// Where descriptions and parents of codes come from.
    pub describe: Describe,
}

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Subjects with at least one event.
    pub subjects: u64,
    /// Events.
    pub events: u64,
    /// Different codes.
    pub codes: u64,
    /// The digest of the data set, as [`crate::Dataset::digest`] gives it.
    pub digest: Digest,
}

impl WriteOptions {
    /// How `longitude` writes a data set of this name: under half a gigabyte of events in memory,
    /// shards that a reader can hold, and codes described by the shipped terminologies.
    pub fn standard(name: &str) -> Self {
        let info = DatasetInfo {
            dataset_name: name.to_owned(),
            etl_name: "longitude".to_owned(),
            etl_version: env!("CARGO_PKG_VERSION").to_owned(),
            ..DatasetInfo::default()
        };
        Self {
            memory_bytes_max: 384 << 20,
            shard_events_max: 2_000_000,
            info,
            describe: Describe::shipped(),
        }
    }
}

/// A data set in the making. Unless [`Writer::finish`] returns `Ok`, nothing stands at the final
/// place. The same events in the same order make the same bytes, whatever the memory.
pub struct Writer {
    partial: Partial,
    options: WriteOptions,
    texts: Texts,
    held: Held,
    runs: Vec<PathBuf>,
    runs_made: usize,
    observations: BTreeMap<SubjectId, Observation>,
    splits: BTreeMap<SubjectId, Split>,
    codes: BTreeMap<String, CodeEntry>,
}

impl Writer {
    /// Starts a data set at `dir`, where nothing but an empty folder may stand.
    ///
    /// # Errors
    /// When something stands there, or nothing can be written there.
    pub fn create(dir: &Path, options: WriteOptions) -> Result<Self> {
        Self::start(dir, options, false)
    }

    /// Starts a data set that takes the place of one at `dir`; the old one stands until
    /// [`Writer::finish`].
    ///
    /// # Errors
    /// When nothing can be written there.
    pub fn replace(dir: &Path, options: WriteOptions) -> Result<Self> {
        Self::start(dir, options, true)
    }

    fn start(dir: &Path, options: WriteOptions, replace: bool) -> Result<Self> {
        Ok(Self {
            partial: Partial::create(dir, replace)?,
            options,
            texts: Texts::new(),
            held: Held::default(),
            runs: Vec::new(),
            runs_made: 0,
            observations: BTreeMap::new(),
            splits: BTreeMap::new(),
            codes: BTreeMap::new(),
        })
    }

    /// Adds an event. Ties of one subject keep the order in which they are pushed.
    ///
    /// # Errors
    /// When the events cannot be spilled.
    pub fn push(&mut self, subject: SubjectId, event: &Event) -> Result<()> {
        self.held.push(&mut self.texts, subject, event);
        if self.held.bytes() >= self.options.memory_bytes_max {
            self.spill()?;
        }
        Ok(())
    }

    /// Adds a whole timeline with its observation span.
    ///
    /// # Errors
    /// When the events cannot be spilled.
    pub fn push_timeline(&mut self, timeline: Timeline) -> Result<()> {
        let (subject, events, observation) = timeline.into_parts();
        if observation != Observation::UNKNOWN {
            self.observe(subject, observation)?;
        }
        events
            .iter()
            .try_for_each(|event| self.push(subject, event))
    }

    /// States the span over which a subject was observed; a later statement takes the place of an
    /// earlier one.
    ///
    /// # Errors
    /// None today; the signature leaves room for spans that are spilled.
    pub fn observe(&mut self, subject: SubjectId, observation: Observation) -> Result<()> {
        self.observations.insert(subject, observation);
        Ok(())
    }

    /// Puts a subject into a split, whatever core's [`Split::of`] says: that of the data set which
    /// the subject came from.
    pub fn assign(&mut self, subject: SubjectId, split: Split) {
        self.splits.insert(subject, split);
    }

    /// Describes a code in `codes.parquet`. Codes that occur without a description stand there too.
    pub fn describe(&mut self, code: &Code, entry: CodeEntry) {
        self.codes.insert(code.to_meds().into_owned(), entry);
    }

    /// Writes what is left and puts the data set at its place.
    ///
    /// # Errors
    /// When something cannot be written; then nothing stands at the final place.
    pub fn finish(mut self) -> Result<Summary> {
        let data = self.partial.path().join("data");
        let spills = self.partial.path().join("spill");
        let spilled = !self.runs.is_empty();
        if spilled {
            self.spill()?;
            self.held = Held::default();
            while self.runs.len() > MERGED_RUNS_MAX {
                self.merge_some()?;
            }
        }
        self.held.sort();
        let events_max = self.options.shard_events_max;
        let mut shards = Shards::new(&data, &self.texts, &self.splits, events_max);
        let mut merge = Merge::open(&self.runs)?;
        while let Some(row) = merge.next()? {
            shards.push(row)?;
        }
        self.held.rows().try_for_each(|row| shards.push(row))?;
        let (written, codes) = shards.finish()?;
        for code in codes {
            if !self.codes.contains_key(code) {
                self.codes.insert(code.to_owned(), CodeEntry::default());
            }
        }
        if spilled {
            fs::remove_dir_all(&spills).map_err(Error::write(&spills))?;
        }
        let tables = (self.codes, &self.observations);
        finish_tables(self.partial, &self.options, &written, tables)
    }

    fn run(&mut self) -> Result<RunWriter> {
        self.runs_made += 1;
        let name = format!("spill/{:06}.run", self.runs_made);
        RunWriter::create(self.partial.path().join(name))
    }

    fn spill(&mut self) -> Result<()> {
        if self.held.len() == 0 {
            return Ok(());
        }
        self.held.sort();
        let mut run = self.run()?;
        self.held.rows().try_for_each(|row| run.push(row))?;
        self.runs.push(run.finish()?);
        self.held.clear();
        Ok(())
    }

    /// Merges neighbouring runs into one, so that the order of ties stays.
    fn merge_some(&mut self) -> Result<()> {
        let old = std::mem::take(&mut self.runs);
        for some in old.chunks(MERGED_RUNS_MAX) {
            let mut run = self.run()?;
            let mut merge = Merge::open(some)?;
            while let Some(row) = merge.next()? {
                run.push(row)?;
            }
            self.runs.push(run.finish()?);
            for path in some {
                fs::remove_file(path).map_err(Error::write(path))?;
            }
        }
        Ok(())
    }
}

/// What the data files hold.
#[derive(Default)]
pub(crate) struct Written {
    pub(crate) splits: Vec<(SubjectId, Split)>,
    pub(crate) events: u64,
}

/// Writes the tables beside the data files and puts the whole at its place.
pub(crate) fn finish_tables(
    partial: Partial,
    options: &WriteOptions,
    written: &Written,
    (mut codes, spans): (
        BTreeMap<String, CodeEntry>,
        &BTreeMap<SubjectId, Observation>,
    ),
) -> Result<Summary> {
    let dir = partial.path();
    let occurring = codes.len() as u64;
    options.describe.fill(&dir.join(files::CODES), &mut codes)?;
    tables::write_codes(&dir.join(files::CODES), &codes)?;
    tables::write_splits(&dir.join(files::SPLITS), &written.splits)?;
    tables::write_observations(&dir.join(files::OBSERVATION), spans)?;
    let info = options.info.clone().declared();
    let path = dir.join(files::INFO);
    let mut json = serde_json::to_vec_pretty(&info).map_err(|source| Error::Json {
        path: path.clone(),
        source,
    })?;
    json.push(b'\n');
    files::write(&path, &json)?;
    let digest = files::digest(dir)?;
    partial.commit()?;
    Ok(Summary {
        subjects: written.splits.len() as u64,
        events: written.events,
        codes: occurring,
        digest,
    })
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Writer({} events held, {} runs)",
            self.held.len(),
            self.runs.len()
        )
    }
}

/// Writes timelines, in any order of subjects, as a data set at `dir`. A subject's split is core's
/// [`Split::of`].
///
/// # Errors
/// As [`Writer::create`] and [`Writer::finish`].
pub fn write_timelines(
    dir: &Path,
    options: WriteOptions,
    timelines: impl Iterator<Item = Timeline>,
) -> Result<Summary> {
    let mut writer = Writer::create(dir, options)?;
    for timeline in timelines {
        writer.push_timeline(timeline)?;
    }
    writer.finish()
}
