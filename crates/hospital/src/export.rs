//! The FHIR bulk export: one NDJSON file a resource type, written by several threads in one order.
//!
//! Files bear `.partial` until all are complete; a stopped or failed export leaves none.

use crate::fhir::{Pages, TYPES};
use crate::identity::{FullName, Identity};
use crate::person::Person;
use crate::{Error, Options, patient};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// One file of an export.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSummary {
    /// Its name.
    pub name: String,
    /// Its lines, one resource each.
    pub resources: u64,
    /// Its size.
    pub bytes: u64,
}

/// What an export holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Patients.
    pub patients: u64,
    /// Resources in all files.
    pub resources: u64,
    /// Bytes in all files.
    pub bytes: u64,
    /// The files.
    pub files: Vec<FileSummary>,
}

/// Patients that one thread renders at a time: about 10 MB of text.
const CHUNK: u32 = 64;

/// Writes the export of all patients into `dir`, which is created. The bytes do not depend on the
/// threads.
///
/// # Errors
/// When a file cannot be written, threads cannot be started, or `stop` was set.
pub fn write_fhir(
    dir: &Path,
    options: &Options,
    threads: usize,
    stop: &AtomicBool,
) -> Result<Summary, Error> {
    std::fs::create_dir_all(dir).map_err(|source| failed(dir, source))?;
    let mut files = Files::create(dir)?;
    let written = files.fill(options, threads, stop);
    match written {
        Ok(()) => files.keep(options),
        Err(error) => {
            files.discard();
            Err(error)
        }
    }
}

/// A pool of threads for the order-free parts.
pub(crate) fn pool(threads: usize) -> Result<rayon::ThreadPool, Error> {
    let builder = rayon::ThreadPoolBuilder::new().num_threads(threads.max(1));
    builder
        .build()
        .map_err(|source| Error::Threads { threads, source })
}

fn failed(path: &Path, source: std::io::Error) -> Error {
    Error::Write {
        path: path.to_owned(),
        source,
    }
}

struct Files {
    dir: PathBuf,
    open: Vec<File>,
    rows: [u64; TYPES.len()],
    bytes: [u64; TYPES.len()],
}

impl Files {
    fn create(dir: &Path) -> Result<Self, Error> {
        let mut files = Self {
            dir: dir.to_owned(),
            open: Vec::new(),
            rows: [0; TYPES.len()],
            bytes: [0; TYPES.len()],
        };
        for at in 0..TYPES.len() {
            let path = files.partial(at);
            match File::create(&path) {
                Ok(file) => files.open.push(file),
                Err(error) => {
                    files.discard();
                    return Err(failed(&path, error));
                }
            }
        }
        Ok(files)
    }

    fn partial(&self, at: usize) -> PathBuf {
        self.dir.join([TYPES[at], ".ndjson.partial"].concat())
    }

    fn fill(&mut self, options: &Options, threads: usize, stop: &AtomicBool) -> Result<(), Error> {
        let mut organizations = Pages::default();
        organizations.organizations();
        for name in practitioners(options) {
            organizations.practitioner(name);
        }
        self.append(&organizations)?;
        let pool = pool(threads)?;
        let starts: Vec<u32> = (0..options.patients).step_by(CHUNK as usize).collect();
        // A wave is what is in memory at a time.
        for wave in starts.chunks(2 * threads.max(1)) {
            if stop.load(Ordering::Relaxed) {
                return Err(Error::Stopped);
            }
            let pages: Vec<Pages> = pool.install(|| {
                let chunks = wave.par_iter().map(|start| render(options, *start));
                chunks.collect()
            });
            for page in &pages {
                self.append(page)?;
            }
        }
        Ok(())
    }

    fn append(&mut self, pages: &Pages) -> Result<(), Error> {
        for at in 0..TYPES.len() {
            let written = self.open[at].write_all(&pages.text[at]);
            written.map_err(|source| failed(&self.partial(at), source))?;
            self.rows[at] += pages.rows[at];
            self.bytes[at] += pages.text[at].len() as u64;
        }
        Ok(())
    }

    fn keep(self, options: &Options) -> Result<Summary, Error> {
        let mut files = Vec::with_capacity(TYPES.len());
        for (at, file) in self.open.iter().enumerate() {
            let name = [TYPES[at], ".ndjson"].concat();
            let path = self.dir.join(&name);
            let kept = file
                .sync_all()
                .and_then(|()| std::fs::rename(self.partial(at), &path));
            if let Err(error) = kept {
                self.discard();
                return Err(failed(&path, error));
            }
            files.push(FileSummary {
                name,
                resources: self.rows[at],
                bytes: self.bytes[at],
            });
        }
        Ok(Summary {
            patients: u64::from(options.patients),
            resources: self.rows.iter().sum(),
            bytes: self.bytes.iter().sum(),
            files,
        })
    }

    fn discard(&self) {
        for at in 0..TYPES.len() {
            // The error that led here is the one to report.
            drop(std::fs::remove_file(self.partial(at)));
        }
    }
}

/// The clinicians of all patients, each once.
fn practitioners(options: &Options) -> BTreeSet<FullName> {
    let all = (0..options.patients).map(|index| {
        let person = Person::draw(options, index);
        Identity::draw(options.seed, index, &person).0.physician
    });
    all.collect()
}

fn render(options: &Options, start: u32) -> Pages {
    let mut pages = Pages::default();
    for index in start..start.saturating_add(CHUNK).min(options.patients) {
        pages.patient(&patient(options, index));
    }
    pages
}
