//! The reader of a data set, this crate's own or another tool's (MEDS 0.3 and 0.4).
//!
//! Opening reads the footers, the column of subjects and the small tables; events are read when
//! they are asked for.

use crate::decode::DataFile;
use crate::error::{Error, Result};
use crate::files;
use crate::info::DatasetInfo;
use crate::report::{self, ReadReport};
use crate::stream::{FileIndex, Stream, row_event, subject_events};
use crate::tables::{self, CodeEntry};
use longitude_core::{Code, Digest, Event, Observation, Split, SubjectId, Timeline};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An opened data set.
pub struct Dataset {
    dir: PathBuf,
    info: DatasetInfo,
    files: Vec<(Arc<DataFile>, Arc<FileIndex>)>,
    subjects: Vec<(SubjectId, Split)>,
    observations: BTreeMap<SubjectId, Observation>,
}

impl Dataset {
    /// Opens the data set in `dir`.
    ///
    /// A subject's split is the one of `subject_splits.parquet`; where it names none, the folder
    /// under `data/` that holds the subject; where that is none of MEDS's, core's [`Split::of`].
    /// The names `validation`, `val`, `dev` and `test` that other tools use count as tuning and
    /// held out.
    ///
    /// # Errors
    /// When there is no data set, or a file of it cannot be read.
    pub fn open(dir: &Path) -> Result<Self> {
        let mut files = Vec::new();
        for name in files::data_files(dir)? {
            let file = DataFile::open(dir, &name)?;
            let index = FileIndex::read(&file)?;
            files.push((Arc::new(file), Arc::new(index)));
        }
        let stated = tables::read_splits(dir)?;
        let mut splits = BTreeMap::new();
        for (file, index) in &files {
            let folder = file.name.split('/').nth(1).and_then(split_of_name);
            for (subject, _ranges) in &index.subjects {
                let named = stated.get(subject).and_then(Option::as_deref);
                let split = named.and_then(split_of_name).or(folder);
                splits
                    .entry(*subject)
                    .or_insert_with(|| split.unwrap_or_else(|| Split::of(*subject)));
            }
        }
        Ok(Self {
            info: read_info(dir)?,
            observations: tables::read_observations(dir)?,
            dir: dir.to_owned(),
            files,
            subjects: splits.into_iter().collect(),
        })
    }

    /// The subjects that have events, sorted, with their splits.
    pub fn subjects(&self) -> &[(SubjectId, Split)] {
        &self.subjects
    }

    /// What the data set says of itself.
    pub fn info(&self) -> &DatasetInfo {
        &self.info
    }

    /// Rows in the data files.
    pub fn rows(&self) -> u64 {
        self.files.iter().map(|(file, _)| file.rows()).sum()
    }

    /// The digest of the data set's files: SHA-256 over their sorted relative paths and digests.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn digest(&self) -> Result<Digest> {
        files::digest(&self.dir)
    }

    /// What `codes.parquet` says, in the order of codes.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub fn codes(&self) -> Result<Vec<(Code, CodeEntry)>> {
        let codes = tables::read_codes(&self.dir)?.into_iter();
        Ok(codes
            .map(|(name, entry)| (Code::from_meds(&name), entry))
            .collect())
    }

    /// Accounts for every row: how many become events, which do not and why, and which columns
    /// are not read.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn read_report(&self) -> Result<ReadReport> {
        report::read_report(self.files.iter().map(|(file, _)| &**file))
    }

    /// The timelines of a split, or of all, in the order of subjects. Memory holds one batch of
    /// rows a data file whose subjects interleave with others', and one subject.
    pub fn timelines(&self, split: Option<Split>) -> impl Iterator<Item = Result<Timeline>> + '_ {
        let mut streams = Vec::new();
        let mut queue = BinaryHeap::new();
        for (file, index) in &self.files {
            let chosen = (0..index.subjects.len())
                .filter(|&at| split.is_none_or(|s| self.split(index.subjects[at].0) == Some(s)));
            let stream = Stream::new(Arc::clone(file), Arc::clone(index), chosen.collect());
            queue.extend(
                stream
                    .peek()
                    .map(|subject| Reverse((subject, streams.len()))),
            );
            streams.push(stream);
        }
        Timelines {
            dataset: self,
            streams,
            queue,
        }
    }

    /// The timeline of one subject.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn timeline(&self, subject: SubjectId) -> Result<Option<Timeline>> {
        if self.split(subject).is_none() {
            return Ok(None);
        }
        let mut events = Vec::new();
        for (file, index) in &self.files {
            events.extend(subject_events(file, index, subject)?);
        }
        Ok(Some(Timeline::new(
            subject,
            events,
            self.observation(subject),
        )))
    }

    /// The event in a row of a data file, counted from 1, with its subject.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn event(&self, file: &str, row: u64) -> Result<Option<(SubjectId, Event)>> {
        let found = self.files.iter().find(|(one, _)| &*one.name == file);
        let Some((file, _)) = found.filter(|(one, _)| (1..=one.rows()).contains(&row)) else {
            return Ok(None);
        };
        row_event(file, row - 1)
    }

    /// The split of a subject that has events.
    pub fn split(&self, subject: SubjectId) -> Option<Split> {
        let found = self.subjects.binary_search_by_key(&subject, |(s, _)| *s);
        found.ok().map(|at| self.subjects[at].1)
    }

    /// The data files in order, each with the rows of its subjects.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&DataFile, &FileIndex)> {
        self.files.iter().map(|(file, index)| (&**file, &**index))
    }

    fn observation(&self, subject: SubjectId) -> Observation {
        let span = self.observations.get(&subject).copied();
        span.unwrap_or(Observation::UNKNOWN)
    }
}

impl fmt::Debug for Dataset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dataset({} subjects)", self.subjects.len())
    }
}

struct Timelines<'a> {
    dataset: &'a Dataset,
    streams: Vec<Stream>,
    queue: BinaryHeap<Reverse<(SubjectId, usize)>>,
}

impl Iterator for Timelines<'_> {
    type Item = Result<Timeline>;

    fn next(&mut self) -> Option<Self::Item> {
        let Reverse((subject, _)) = *self.queue.peek()?;
        let mut events = Vec::new();
        while let Some(&Reverse((next, at))) = self.queue.peek() {
            if next != subject {
                break;
            }
            self.queue.pop();
            let stream = &mut self.streams[at];
            match stream.next() {
                Ok(more) if events.is_empty() => events = more,
                Ok(more) => events.extend(more),
                Err(error) => {
                    self.queue.clear();
                    return Some(Err(error));
                }
            }
            self.queue
                .extend(stream.peek().map(|subject| Reverse((subject, at))));
        }
        let observation = self.dataset.observation(subject);
        Some(Ok(Timeline::new(subject, events, observation)))
    }
}

/// The split that a name stands for, MEDS's or another tool's.
fn split_of_name(name: &str) -> Option<Split> {
    Split::from_name(name).or(match name {
        "validation" | "val" | "valid" | "dev" | "tune" => Some(Split::Tuning),
        "test" | "held-out" | "heldout" => Some(Split::HeldOut),
        _ => None,
    })
}

fn read_info(dir: &Path) -> Result<DatasetInfo> {
    let path = dir.join(files::INFO);
    if !path.is_file() {
        return Ok(DatasetInfo::default());
    }
    let bytes = fs::read(&path).map_err(Error::read(&path))?;
    serde_json::from_slice(&bytes).map_err(|source| Error::Json { path, source })
}
