//! Buffers that begin on a cache line, and the threads and scratch that operations share.

use crate::error::{Error, Result};
use crate::kernels::Level;
use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A zeroed buffer of fixed length whose first number begins a 64-byte line: loads of whole lines
/// are twice as fast when they do not straddle two.
pub(crate) struct Buffer<T = f32> {
    data: Vec<T>,
    offset: usize,
    len: usize,
}

impl<T: Copy + Default> Buffer<T> {
    pub(crate) fn zeros(len: usize) -> Self {
        let spare = 64 / size_of::<T>() - 1;
        let data = vec![T::default(); len + spare];
        let offset = data.as_ptr().align_offset(64).min(spare);
        Self { data, offset, len }
    }

    /// The first `len` numbers, in a new buffer where this one is too short.
    pub(crate) fn first(&mut self, len: usize) -> &mut [T] {
        if self.len < len {
            *self = Self::zeros(len);
        }
        &mut self[..len]
    }

    pub(crate) fn bytes(&self) -> usize {
        self.data.len() * size_of::<T>()
    }
}

impl<T: Copy + Default> Default for Buffer<T> {
    fn default() -> Self {
        Self::zeros(0)
    }
}

impl<T> Deref for Buffer<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.data[self.offset..self.offset + self.len]
    }
}

impl<T> DerefMut for Buffer<T> {
    fn deref_mut(&mut self) -> &mut [T] {
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
    weights: Mutex<Weights>,
}

/// Weights packed during a pass over a batch of several parts, while they stand still.
#[derive(Default)]
struct Weights {
    kept: bool,
    packs: BTreeMap<Place, Pack>,
}

/// Where a weight begins in memory, its inputs and outputs, and whether it is read transposed.
pub(crate) type Place = (usize, [usize; 2], bool);

#[derive(Default)]
struct Pack {
    data: Option<Arc<Buffer>>,
    fresh: bool,
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
            weights: Mutex::default(),
        })
    }

    /// From here on weights stand still, and each is packed once, or may change and are packed at
    /// each use. What was packed before is forgotten, its memory kept.
    pub(crate) fn keep_weights(&self, kept: bool) {
        let mut weights = locked(&self.weights);
        weights.kept = kept;
        weights
            .packs
            .values_mut()
            .for_each(|pack| pack.fresh = false);
    }

    /// The packed weight of that place, by `pack` into `len` floats at its first use; none where
    /// weights are not kept.
    pub(crate) fn weight(
        &self,
        place: Place,
        len: usize,
        pack: impl FnOnce(&mut [f32]),
    ) -> Option<Arc<Buffer>> {
        let mut weights = locked(&self.weights);
        if !weights.kept {
            return None;
        }
        let entry = weights.packs.entry(place).or_default();
        let mut data = entry.data.take();
        if data.as_ref().is_none_or(|data| data.len() != len) {
            (data, entry.fresh) = (Some(Arc::new(Buffer::zeros(len))), false);
        }
        let mut data = data?;
        if !entry.fresh {
            pack(Arc::get_mut(&mut data)?);
            entry.fresh = true;
        }
        entry.data = Some(Arc::clone(&data));
        Some(data)
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
        let weights = locked(&self.weights);
        let packs = weights.packs.values().flat_map(|pack| &pack.data);
        scratch.map(|one| grown(one, 0).bytes()).sum::<usize>()
            + packs.map(|data| data.bytes()).sum::<usize>()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn grown(buffer: &Mutex<Buffer>, len: usize) -> MutexGuard<'_, Buffer> {
    let mut guard = locked(buffer);
    if guard.len() < len {
        *guard = Buffer::zeros(len);
    }
    guard
}
