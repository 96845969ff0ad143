//! Files through threads and out again in order, with the bytes in flight bounded: one thread reads
//! and unpacks lines, several work, the caller's thread consumes in the order of the files.

use crate::batch::Note;
use crate::cut::Unit;
use crate::files::{Shape, SourceFile};
use crate::read::{self, Cut, Lines, Reader};
use crate::table::{self, Piece};
use crate::{Error, Options};
use longitude_core::{Digest, IssueKind};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;

/// Compressed JSON unpacks to about this many times its size; used only to bound memory.
const GZIP_RATIO: u64 = 16;

/// A piece of work.
pub(crate) enum Payload {
    /// Whole lines.
    Lines { bytes: Vec<u8>, first_row: u64 },
    /// A line that was passed over for its length.
    LongLine { row: u64 },
    /// A file to be read whole by the worker.
    Document,
    /// Some rows of a table, or its header.
    Table(Piece),
    /// The end of a file of lines, and what was the matter with it.
    End {
        digest: Digest,
        bytes: u64,
        fault: Option<(Fault, u64)>,
    },
    /// The file cannot be opened.
    Unopened,
}

/// What is the matter with a file as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Cut(Cut),
    Utf16,
    Empty,
    /// A table without a header that can be read.
    Header(&'static str),
    /// Parquet that is none.
    Parquet,
    /// Parquet in an archive that is too large to be held in memory.
    LargeParquet,
}

impl Fault {
    /// The file's issue.
    pub(crate) fn note(self) -> Note {
        let (kind, detail) = match self {
            Self::Cut(Cut::Truncated) => (IssueKind::TruncatedFile, "gzip"),
            Self::Cut(Cut::Corrupt) => (IssueKind::UnreadableFile, "damaged gzip"),
            Self::Cut(Cut::Unreadable) => (IssueKind::UnreadableFile, "read error"),
            Self::Utf16 => (IssueKind::InvalidEncoding, "file in UTF-16"),
            Self::Empty => (IssueKind::UnreadableFile, "empty file"),
            Self::Header(what) => (IssueKind::InvalidRow, what),
            Self::Parquet => (IssueKind::UnreadableFile, "not readable as Parquet"),
            Self::LargeParquet => (
                IssueKind::NotSupported,
                "Parquet inside an archive, larger than bundle_bytes_max: unpack the archive",
            ),
        };
        Note::new(kind, "", detail)
    }
}

struct Job {
    order: u64,
    file: usize,
    cost: usize,
    payload: Payload,
}

struct Done<T> {
    order: u64,
    file: usize,
    cost: usize,
    /// `None` when the work panicked.
    output: Option<T>,
}

/// Files to be worked through.
pub(crate) struct Pipeline<'p> {
    pub(crate) files: &'p [&'p SourceFile],
    pub(crate) options: &'p Options,
    pub(crate) stop: &'p AtomicBool,
}

impl Pipeline<'_> {
    /// Works on every piece of every file and consumes the outputs in order.
    pub(crate) fn run<T: Send>(
        &self,
        work: impl Fn(&SourceFile, Payload) -> T + Sync,
        consume: impl FnMut(&SourceFile, T) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let threads = self.options.threads.max(1);
        let budget = Budget::new(self.options.chunk_bytes_max.max(1) * (2 * threads + 2));
        let (job_sender, job_receiver) = sync_channel(threads);
        let (done_sender, done_receiver) = channel();
        let jobs = Mutex::new(job_receiver);
        thread::scope(|scope| {
            let (budget, work, jobs) = (&budget, &work, &jobs);
            scope.spawn(move || self.read(&job_sender, budget));
            for _ in 0..threads {
                let done = done_sender.clone();
                scope.spawn(move || self.work(jobs, &done, work));
            }
            drop(done_sender);
            let result = self.consume(&done_receiver, budget, consume);
            // Whoever still waits is let go; sends to a dropped receiver fail and end the threads.
            budget.close();
            drop(done_receiver);
            result
        })
    }

    /// The reading thread.
    fn read(&self, jobs: &SyncSender<Job>, budget: &Budget) {
        let mut order = 0;
        for (file, source) in self.files.iter().enumerate() {
            let mut send = |payload: Payload, cost: usize| {
                let open = !self.stopped() && budget.acquire(cost);
                let job = Job {
                    order,
                    file,
                    cost,
                    payload,
                };
                order += 1;
                open && jobs.send(job).is_ok()
            };
            let alive = match source.shape {
                Shape::Document => send(Payload::Document, self.document_cost(source)),
                Shape::Lines => self.read_lines((source, Unit::Line), &mut send),
                Shape::Messages => self.read_lines((source, Unit::Message), &mut send),
                Shape::Table => table::send(source, self.options, &mut send),
            };
            if !alive {
                return;
            }
        }
    }

    fn read_lines(
        &self,
        (source, unit): (&SourceFile, Unit),
        send: &mut impl FnMut(Payload, usize) -> bool,
    ) -> bool {
        let Ok(reader) = Reader::open(source) else {
            return send(Payload::Unopened, 0);
        };
        let (chunk, line) = (self.options.chunk_bytes_max, self.options.line_bytes_max);
        let lines = Lines::new(reader, chunk, line).of(unit);
        cut(lines, send).is_some_and(|end| send(end, 0))
    }

    fn document_cost(&self, source: &SourceFile) -> usize {
        let packed = source.name.to_ascii_lowercase().ends_with(".gz");
        let bytes = source.bytes * if packed { GZIP_RATIO } else { 1 };
        usize::try_from(bytes)
            .unwrap_or(usize::MAX)
            .min(self.options.bundle_bytes_max)
    }

    /// A working thread.
    fn work<T>(
        &self,
        jobs: &Mutex<Receiver<Job>>,
        done: &Sender<Done<T>>,
        work: &impl Fn(&SourceFile, Payload) -> T,
    ) {
        let mut is_wanted = true;
        loop {
            let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok(job) = job else { return };
            // Once nobody consumes, jobs are still taken: the reader may be waiting to send one.
            if !is_wanted {
                continue;
            }
            let source = self.files[job.file];
            // A panic must reach the consumer: it would wait for this output for ever.
            let output = catch_unwind(AssertUnwindSafe(|| work(source, job.payload))).ok();
            let message = Done {
                order: job.order,
                file: job.file,
                cost: job.cost,
                output,
            };
            is_wanted = done.send(message).is_ok();
        }
    }

    fn consume<T>(
        &self,
        done: &Receiver<Done<T>>,
        budget: &Budget,
        mut consume: impl FnMut(&SourceFile, T) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut early = BTreeMap::new();
        let mut next = 0;
        for arrived in done {
            early.insert(arrived.order, arrived);
            while let Some(ready) = early.remove(&next) {
                if self.stopped() {
                    return Err(Error::Stopped);
                }
                let source = self.files[ready.file];
                let output = ready.output.ok_or_else(|| Error::Defect {
                    file: source.name.to_string(),
                })?;
                consume(source, output)?;
                budget.release(ready.cost);
                next += 1;
            }
        }
        if self.stopped() {
            return Err(Error::Stopped);
        }
        Ok(())
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// Sends a file of lines piece by piece and gives its end; `None` when a piece was refused.
pub(crate) fn cut(
    mut lines: Lines,
    send: &mut impl FnMut(Payload, usize) -> bool,
) -> Option<Payload> {
    let (mut fault, mut pieces) = (None, 0);
    while let Some(piece) = lines.next() {
        pieces += 1;
        let alive = match piece {
            read::Piece::Lines { bytes, first_row } => {
                let cost = bytes.len();
                send(Payload::Lines { bytes, first_row }, cost)
            }
            read::Piece::TooLong { row } => send(Payload::LongLine { row }, 0),
            read::Piece::Utf16 => {
                fault = Some((Fault::Utf16, 0));
                true
            }
            read::Piece::Cut { cut, row } => {
                fault = Some((Fault::Cut(cut), row));
                true
            }
        };
        if !alive {
            return None;
        }
    }
    if pieces == 0 {
        fault = Some((Fault::Empty, 0));
    }
    let (digest, bytes) = lines.into_reader().finish();
    Some(Payload::End {
        digest,
        bytes,
        fault,
    })
}

/// A bound on the bytes between reading and consuming. One piece larger than the bound passes when
/// nothing else is in flight.
struct Budget {
    bytes_max: usize,
    state: Mutex<(usize, bool)>,
    changed: Condvar,
}

impl Budget {
    fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            state: Mutex::new((0, false)),
            changed: Condvar::new(),
        }
    }

    /// Waits for room; false once closed.
    fn acquire(&self, bytes: usize) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let full = |state: &mut (usize, bool)| {
            !state.1 && state.0 > 0 && state.0.saturating_add(bytes) > self.bytes_max
        };
        let waited = self.changed.wait_while(state, full);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        state.0 = state.0.saturating_add(bytes);
        !state.1
    }

    fn release(&self, bytes: usize) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.0 = state.0.saturating_sub(bytes);
        self.changed.notify_all();
    }

    fn close(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.1 = true;
        self.changed.notify_all();
    }
}
