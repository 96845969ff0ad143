//! A job as all machines know it: what stands in its folder, a place that all of them reach.
//!
//! The folder's name is the digest of the job: source, listing, options, program. Whatever a task
//! leaves there is a function of the job and the item, so two machines that do one item twice leave
//! the same bytes, and a job that is started again goes on from what it finds.
//!
//! | name | what |
//! |---|---|
//! | `job.json` | [`Description`] |
//! | `parts.json` | the parts, from the survey of every file |
//! | `index/N` | what other records are resolved through, of part N |
//! | `events/N`, `subjects/N`, `told/N` | part N mapped: its events, their subjects, its account |
//! | `dropped/N` | ranges of events of part N that do not stay (duplicates) |
//! | `shards.json` | which subjects go to which shard |
//! | `data/SPLIT/N.parquet` | the shards |

use crate::store::Place;
use anyhow::{Context as _, Result};
use longitude_core::{Digest, Split, SubjectId};
use longitude_ingest::Options;
use longitude_ingest::parts::{Indexed, Part, Shared, Source};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use tokio::sync::OnceCell;

pub(crate) const DESCRIPTION: &str = "job.json";
pub(crate) const PARTS: &str = "parts.json";
pub(crate) const SHARDS: &str = "shards.json";

/// Jobs that an executor remembers: each holds an index of encounters and medications.
const JOBS_KEPT: usize = 2;

/// What is to be done, and from what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Description {
    /// Where the records are.
    pub(crate) source: String,
    pub(crate) listing: Source,
    /// The version of every file, so that a source that changes is another job.
    pub(crate) versions: Vec<String>,
    pub(crate) options: Options,
    /// Bytes after which a file of lines is cut.
    pub(crate) part_bytes: u64,
    /// Events after which a shard is closed.
    pub(crate) shard_events: usize,
    /// Of this program.
    pub(crate) version: String,
}

impl Description {
    /// The name of the job's folder.
    pub(crate) fn name(&self) -> Result<String> {
        let digest = Digest::of_json(self)?.to_string();
        let hex = digest.rsplit(':').next().unwrap_or_default();
        Ok(format!("ingest-{}", &hex[..hex.len().min(16)]))
    }
}

/// Which subjects of a split a shard holds: from this one to the next shard's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ShardRange {
    pub(crate) split: Split,
    pub(crate) number: usize,
    pub(crate) first: SubjectId,
}

impl ShardRange {
    pub(crate) fn object(&self) -> String {
        format!("data/{}/{}.parquet", self.split.name(), self.number)
    }
}

/// Finds the shard of a subject.
#[derive(Debug)]
pub(crate) struct ShardMap {
    pub(crate) ranges: Vec<ShardRange>,
    /// By split: first subjects with the place in `ranges`.
    starts: BTreeMap<Split, Vec<(SubjectId, u32)>>,
}

impl ShardMap {
    pub(crate) fn new(ranges: Vec<ShardRange>) -> Self {
        let mut starts: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (place, range) in (0..).zip(&ranges) {
            starts
                .entry(range.split)
                .or_default()
                .push((range.first, place));
        }
        Self { ranges, starts }
    }

    /// The place in `ranges` of a subject's shard.
    pub(crate) fn shard_of(&self, subject: SubjectId) -> Option<u32> {
        let starts = self.starts.get(&Split::of(subject))?;
        let after = starts.partition_point(|(first, _)| *first <= subject);
        Some(starts.get(after.checked_sub(1)?)?.1)
    }
}

/// A job that this process works on, with what it has read of it.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) folder: Place,
    pub(crate) source: Place,
    pub(crate) description: Description,
    parts: OnceCell<Arc<Vec<Part>>>,
    shared: OnceCell<Arc<Shared>>,
    shards: OnceCell<Arc<ShardMap>>,
}

type Known = Vec<(String, Arc<OnceCell<Arc<Job>>>)>;

/// The job whose folder this is. Tasks of one process share it.
pub(crate) async fn open(folder: &str) -> Result<Arc<Job>> {
    static JOBS: OnceLock<Mutex<Known>> = OnceLock::new();
    let cell = {
        let jobs = JOBS.get_or_init(Mutex::default).lock();
        let mut jobs = jobs.unwrap_or_else(PoisonError::into_inner);
        let known = jobs.iter().find(|(name, _)| name == folder);
        let cell = known.map(|(_, cell)| Arc::clone(cell));
        cell.unwrap_or_else(|| {
            let fresh = Arc::default();
            jobs.push((folder.to_owned(), Arc::clone(&fresh)));
            let over = jobs.len().saturating_sub(JOBS_KEPT);
            drop(jobs.drain(..over));
            fresh
        })
    };
    let job = cell.get_or_try_init(|| async {
        let place = Place::open(folder)?;
        let description: Description = json(&place, DESCRIPTION).await?;
        anyhow::Ok(Arc::new(Job {
            source: Place::open(&description.source)?,
            folder: place,
            description,
            parts: OnceCell::new(),
            shared: OnceCell::new(),
            shards: OnceCell::new(),
        }))
    });
    Ok(Arc::clone(job.await?))
}

impl Job {
    pub(crate) async fn parts(&self) -> Result<Arc<Vec<Part>>> {
        let read = || async { anyhow::Ok(Arc::new(json(&self.folder, PARTS).await?)) };
        Ok(Arc::clone(self.parts.get_or_try_init(read).await?))
    }

    /// The index, read once in a process: parts in order, so that it is the same everywhere.
    pub(crate) async fn shared(&self) -> Result<Arc<Shared>> {
        let read = || async {
            let parts = self.parts().await?;
            let mut shared = Shared::new();
            for number in (0..parts.len()).filter(|number| parts[*number].is_indexed()) {
                for indexed in lines::<Indexed>(&self.folder, &format!("index/{number}")).await? {
                    shared.add(indexed?);
                }
            }
            anyhow::Ok(Arc::new(shared))
        };
        Ok(Arc::clone(self.shared.get_or_try_init(read).await?))
    }

    pub(crate) async fn shards(&self) -> Result<Arc<ShardMap>> {
        let read = || async {
            let ranges = json(&self.folder, SHARDS).await?;
            anyhow::Ok(Arc::new(ShardMap::new(ranges)))
        };
        Ok(Arc::clone(self.shards.get_or_try_init(read).await?))
    }
}

/// A small object of JSON.
pub(crate) async fn json<T: DeserializeOwned>(place: &Place, name: &str) -> Result<T> {
    let bytes = place.need(name).await?;
    serde_json::from_slice(&bytes).with_context(|| format!("{}/{name}", place.url()))
}

/// An object of JSON lines, packed; it is copied to the disk first and read from there.
pub(crate) async fn lines<T: DeserializeOwned>(
    place: &Place,
    name: &str,
) -> Result<impl Iterator<Item = Result<T>> + use<T>> {
    let copy = scratch()?;
    place.download(name, None, copy.path()).await?;
    let shown = format!("{}/{name}", place.url());
    let unpacked = zstd::Decoder::new(copy.into_file())?;
    let lines = BufReader::new(unpacked).lines();
    Ok(lines.map(move |line| {
        let line = line.with_context(|| shown.clone())?;
        serde_json::from_str(&line).with_context(|| shown.clone())
    }))
}

static FOLDER: OnceLock<PathBuf> = OnceLock::new();

/// Names the folder of this process's temporary files, once; else it is the system's.
pub(crate) fn keep_scratch_in(folder: PathBuf) {
    FOLDER.get_or_init(|| folder);
}

/// A temporary file, which goes when it is dropped.
pub(crate) fn scratch() -> Result<tempfile::NamedTempFile> {
    let made = match FOLDER.get() {
        Some(folder) => tempfile::NamedTempFile::new_in(folder),
        None => tempfile::NamedTempFile::new(),
    };
    made.context("no temporary file can be made")
}
