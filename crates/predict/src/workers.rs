//! Work shared among threads, each with a decoder of its own. Not a general thread pool: it hands
//! out numbered jobs and gives their results back in order, so that the number of threads changes
//! the speed and nothing else.

use crate::neural::{History, Neural};
use crate::sample::{Part, SampleOptions, Sampled, sample};
use crate::{Error, Result};
use longitude_model::{Decoder, Device, Level, Model, Precision, Prefix, Rows};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One decoder a thread, each of one thread: whole subjects run side by side with no barrier
/// between the small matrices of one step.
#[derive(Debug)]
pub(crate) struct Workers {
    model: Arc<Model>,
    device: Device,
    decoders: Vec<Decoder>,
}

/// What one thread works with; the rows are kept from job to job.
pub(crate) struct Worker<'a> {
    pub(crate) decoder: &'a Decoder,
    rows: Option<Rows>,
}

/// Futures to be sampled of one prefix.
pub(crate) type Futures<'a> = Part<'a, Arc<Prefix>>;

impl Workers {
    pub(crate) fn new(model: &Arc<Model>, device: Device, precision: Precision) -> Result<Self> {
        let one = Device {
            threads: 1,
            ..device
        };
        let decoder = |_| Decoder::with_precision(Arc::clone(model), one, precision);
        let decoders: Result<Vec<_>, _> = (0..device.threads.max(1)).map(decoder).collect();
        Ok(Self {
            model: Arc::clone(model),
            device,
            decoders: decoders?,
        })
    }

    /// The same with decoders of another precision.
    pub(crate) fn with_precision(&self, precision: Precision) -> Result<Self> {
        Self::new(&self.model, self.device, precision)
    }

    /// The kernels of the decoders, and their number format.
    pub(crate) fn arithmetic(&self) -> (Level, Precision) {
        let precision = self.decoders.first().map(Decoder::precision);
        (self.device.level, precision.unwrap_or_default())
    }

    /// The first decoder.
    pub(crate) fn first(&self) -> Option<&Decoder> {
        self.decoders.first()
    }

    pub(crate) fn model(&self) -> &Model {
        &self.model
    }

    /// Does jobs 0 to `n` and returns their results in that order, or the error of the first job
    /// that failed. Plain threads and not a work-stealing pool: while a decoder's own thread
    /// computes, the thread that waits for it must not begin another job on top of its stack.
    pub(crate) fn each<T: Send>(
        &self,
        n: usize,
        job: impl Fn(&mut Worker<'_>, usize) -> Result<T> + Sync,
    ) -> Result<Vec<T>> {
        let next = AtomicUsize::new(0);
        let work = |decoder: &Decoder| {
            let mut worker = Worker {
                decoder,
                rows: None,
            };
            let mut done = Vec::new();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= n {
                    return done;
                }
                done.push((index, job(&mut worker, index)));
            }
        };
        let mut done = self.on_threads(n, work);
        done.sort_by_key(|(index, _)| *index);
        done.into_iter().map(|(_, result)| result).collect()
    }

    /// Samples `n` parts that `begin` makes, each on one thread and all of a thread in one batch of
    /// rows, and gives what `finish` makes of their futures, in order. A part that `begin` has none
    /// of is finished without futures. `samples` are those of a part at most.
    pub(crate) fn flow<'a, E: Send, T: Send>(
        &self,
        (n, samples): (usize, u32),
        options: &SampleOptions,
        begin: impl Fn(&Worker<'_>, usize) -> Result<(Option<Futures<'a>>, E)> + Sync,
        finish: impl Fn(E, &[Sampled]) -> T + Sync,
    ) -> Result<Vec<T>> {
        // No thread takes more rows than its share, so that none stands idle.
        let all = n.saturating_mul(samples as usize);
        let share = all.div_ceil(self.decoders.len().max(1));
        let rows = options.rows.min(u32::try_from(share).unwrap_or(u32::MAX));
        let taken = AtomicUsize::new(0);
        let mut done = self.on_threads(n, |decoder| {
            let (open, done) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
            let mut worker = Worker {
                decoder,
                rows: None,
            };
            let mut next = |worker: &Worker<'_>| loop {
                let index = taken.fetch_add(1, Ordering::Relaxed);
                if index >= n {
                    return Ok(None);
                }
                match begin(worker, index) {
                    Ok((Some(part), extra)) => {
                        locked(&open).push(Some((index, extra)));
                        return Ok(Some(part));
                    }
                    Ok((None, extra)) => locked(&done).push((index, Ok(finish(extra, &[])))),
                    Err(error) => locked(&done).push((index, Err(error))),
                }
            };
            let mut end = |part: usize, sampled: Vec<Sampled>| {
                let begun = locked(&open).get_mut(part).and_then(Option::take);
                if let Some((index, extra)) = begun {
                    locked(&done).push((index, Ok(finish(extra, &sampled))));
                }
                Ok(())
            };
            let flown = worker.flow(options, rows, &mut next, &mut end);
            let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
            if let Err(error) = flown {
                let first = locked(&open)
                    .iter()
                    .flatten()
                    .map(|(index, _)| *index)
                    .min();
                done.push((first.unwrap_or(n), Err(error)));
            }
            done
        });
        done.sort_by_key(|(index, _)| *index);
        done.into_iter().map(|(_, result)| result).collect()
    }

    /// Runs work on a thread for each decoder, at most `n` of them, and gathers what they give.
    fn on_threads<T: Send>(&self, n: usize, work: impl Fn(&Decoder) -> Vec<T> + Sync) -> Vec<T> {
        let threads = self.decoders.len().min(n).max(1);
        if threads == 1 {
            return self.decoders.first().map(work).unwrap_or_default();
        }
        std::thread::scope(|scope| {
            let work = &work;
            let spawn = |decoder| scope.spawn(move || work(decoder));
            let running: Vec<_> = self.decoders[..threads].iter().map(spawn).collect();
            let joined = running.into_iter().map(|thread| {
                thread
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            });
            joined.flatten().collect()
        })
    }
}

impl Worker<'_> {
    /// The futures of one part, in their order.
    pub(crate) fn sample(
        &mut self,
        part: Futures<'_>,
        options: &SampleOptions,
    ) -> Result<Vec<Sampled>> {
        let (mut part, mut all) = (Some(part), Vec::new());
        self.flow(options, options.rows, &mut |_| Ok(part.take()), &mut {
            |_, sampled| {
                all = sampled;
                Ok(())
            }
        })?;
        Ok(all)
    }

    /// The futures of parts as they come, at most `rows` side by side, as [`sample`] does them.
    fn flow<'a>(
        &mut self,
        options: &SampleOptions,
        rows: u32,
        next: &mut (dyn FnMut(&Self) -> Result<Option<Futures<'a>>> + Send),
        finish: &mut (dyn FnMut(usize, Vec<Sampled>) -> Result<()> + Send),
    ) -> Result<()> {
        let (rows, steps) = (rows.max(1) as usize, options.events_max as usize);
        let fits = |held: &Rows| held.rows() >= rows && held.steps_max() == steps;
        let held = self.rows.take().filter(fits);
        let mut held = held.unwrap_or_else(|| self.decoder.rows(rows, steps));
        let this = &*self;
        let sampled = this.decoder.install(|| {
            let mut process = Neural::new(this.decoder, &mut held);
            sample(&mut process, rows, &mut || next(this), finish)
        });
        self.rows = Some(held);
        sampled
    }

    /// The state after a history.
    pub(crate) fn prefill(&self, history: &History) -> Result<Arc<Prefix>> {
        self.prefill_after(history, None)
    }

    /// The same, from where it leaves another history; that of the same history is given back.
    pub(crate) fn prefill_after(
        &self,
        history: &History,
        before: Option<&Arc<Prefix>>,
    ) -> Result<Arc<Prefix>> {
        let inputs = &history.inputs;
        let prefix = match before {
            Some(before) if before.inputs() == inputs => return Ok(Arc::clone(before)),
            Some(before) => self.decoder.prefill_after(before, inputs),
            None => self.decoder.prefill(inputs),
        };
        prefix.map(Arc::new).map_err(|source| Error::Prefill {
            positions: inputs.len(),
            source,
        })
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
