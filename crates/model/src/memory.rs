//! Buffers that begin on a cache line, and the threads and scratch that operations share.

use crate::error::{Error, Result};
use crate::kernels::Level;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A zeroed buffer of fixed length whose first float begins a 64-byte line: loads of whole lines
/// are twice as fast when they do not straddle two.
pub(crate) struct Buffer {
    data: Vec<f32>,
    offset: usize,
    len: usize,
}

impl Buffer {
    pub(crate) fn zeros(len: usize) -> Self {
        let data = vec![0.0; len + 15];
        let offset = data.as_ptr().align_offset(64).min(15);
        Self { data, offset, len }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.data.len() * size_of::<f32>()
    }
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.data[self.offset..self.offset + self.len]
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.data[self.offset..self.offset + self.len]
    }
}

/// How the work is done: kernel level and threads. The results do not depend on the threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device {
    /// The kernels.
    pub level: Level,
    /// How many threads work on one operation.
    pub threads: usize,
}

impl Device {
    /// The best kernels of this processor with that many threads.
    pub fn cpu(threads: usize) -> Self {
        Self {
            level: Level::best(),
            threads,
        }
    }
}

/// A device's threads with a scratch buffer each, and one shared buffer for packed matrices.
pub(crate) struct Cpu {
    pub level: Level,
    pub threads: usize,
    pool: Arc<rayon::ThreadPool>,
    scratch: Vec<Mutex<Buffer>>,
    packed: Mutex<Buffer>,
}

impl Cpu {
    /// Starts the threads. `scratch` and `packed` are lengths in floats; both grow when an
    /// operation asks for more.
    pub(crate) fn start(device: Device, scratch: usize, packed: usize) -> Result<Self> {
        let threads = device.threads.clamp(1, 1024);
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|i| format!("model-{i}"))
            .build()
            .map(Arc::new)
            .map_err(|source| Error::Threads { threads, source })?;
        let scratch = (0..threads)
            .map(|_| Mutex::new(Buffer::zeros(scratch)))
            .collect();
        let packed = Mutex::new(Buffer::zeros(packed));
        Ok(Self {
            level: device.level,
            threads,
            pool,
            scratch,
            packed,
        })
    }

    /// The threads: work installed on them shares its operations out among them.
    pub(crate) fn pool(&self) -> Arc<rayon::ThreadPool> {
        Arc::clone(&self.pool)
    }

    /// The calling thread's scratch of at least `len` floats; holds what was left in it.
    pub(crate) fn scratch(&self, len: usize) -> MutexGuard<'_, Buffer> {
        let thread = rayon::current_thread_index().unwrap_or(0) % self.threads;
        grown(&self.scratch[thread], len)
    }

    /// The shared buffer of at least `len` floats.
    pub(crate) fn packed(&self, len: usize) -> MutexGuard<'_, Buffer> {
        grown(&self.packed, len)
    }

    pub(crate) fn bytes(&self) -> usize {
        let scratch = self.scratch.iter().chain([&self.packed]);
        scratch.map(|one| grown(one, 0).bytes()).sum()
    }
}

fn grown(buffer: &Mutex<Buffer>, len: usize) -> MutexGuard<'_, Buffer> {
    let mut guard = buffer.lock().unwrap_or_else(PoisonError::into_inner);
    if guard.len() < len {
        *guard = Buffer::zeros(len);
    }
    guard
}
