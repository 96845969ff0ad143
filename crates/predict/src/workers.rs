//! Work shared among threads, each with a decoder of its own. Not a general thread pool: it hands
//! out numbered jobs and gives their results back in order, so that the number of threads changes
//! the speed and nothing else.

use crate::neural::{History, Neural};
use crate::risk::Outcomes;
use crate::sample::{Run, SampleOptions, Sampled, sample};
use crate::{Error, Result};
use longitude_core::Instant;
use longitude_model::{Decoder, Device, Model, Prefix, Rows};
use longitude_tokens::Vocabulary;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// One decoder a thread, each of one thread: whole subjects run side by side with no barrier
/// between the small matrices of one step.
#[derive(Debug)]
pub(crate) struct Workers {
    model: Arc<Model>,
    decoders: Vec<Decoder>,
}

/// What one thread works with; the rows are kept from job to job.
pub(crate) struct Worker<'a> {
    pub(crate) decoder: &'a Decoder,
    rows: Option<Rows>,
}

/// The futures to be sampled of one past.
#[derive(Clone, Copy)]
pub(crate) struct Job<'a> {
    pub(crate) vocabulary: &'a Vocabulary,
    pub(crate) history: &'a History,
    pub(crate) prefix: &'a Arc<Prefix>,
    pub(crate) outcomes: &'a Outcomes,
    pub(crate) options: &'a SampleOptions,
    pub(crate) end: Instant,
    pub(crate) to_the_end: bool,
}

impl Workers {
    pub(crate) fn new(model: &Arc<Model>, device: Device) -> Result<Self> {
        let one = Device {
            threads: 1,
            ..device
        };
        let decoder = |_| Decoder::new(Arc::clone(model), one);
        let decoders: Result<Vec<_>, _> = (0..device.threads.max(1)).map(decoder).collect();
        Ok(Self {
            model: Arc::clone(model),
            decoders: decoders?,
        })
    }

    pub(crate) fn model(&self) -> &Model {
        &self.model
    }

    pub(crate) fn len(&self) -> usize {
        self.decoders.len()
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
        let work = |decoder| {
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
        let threads = self.decoders.len().min(n).max(1);
        let mut done = if threads == 1 {
            self.decoders.first().map(work).unwrap_or_default()
        } else {
            std::thread::scope(|scope| {
                let work = &work;
                let spawn = |decoder| scope.spawn(move || work(decoder));
                let running: Vec<_> = self.decoders[..threads].iter().map(spawn).collect();
                let joined = running.into_iter().map(|thread| {
                    thread
                        .join()
                        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
                });
                joined.flatten().collect::<Vec<_>>()
            })
        };
        done.sort_by_key(|(index, _)| *index);
        done.into_iter().map(|(_, result)| result).collect()
    }
}

impl Worker<'_> {
    /// The futures of these numbers, in their order.
    pub(crate) fn sample(&mut self, job: &Job<'_>, samples: Range<u32>) -> Result<Vec<Sampled>> {
        let run = Run {
            start: job.history.start,
            vocabulary: job.vocabulary,
            outcomes: job.outcomes,
            seed: job.options.seed,
            events_max: job.options.events_max,
            end: job.end,
            to_the_end: job.to_the_end,
        };
        let (rows, steps) = (job.options.rows as usize, job.options.events_max as usize);
        let fits = |held: &Rows| held.rows() == rows && held.steps_max() == steps;
        let mut held = self
            .rows
            .take()
            .filter(fits)
            .unwrap_or_else(|| self.decoder.rows(rows, steps));
        let mut all = Vec::with_capacity(samples.len());
        for from in samples.clone().step_by(rows.max(1)) {
            let part = from..samples.end.min(from.saturating_add(job.options.rows));
            let width = part.end - part.start;
            let mut process = Neural::new(self.decoder, job.prefix, &mut held, width)?;
            all.append(&mut sample(&run, &mut process, part)?);
        }
        self.rows = Some(held);
        Ok(all)
    }

    /// The state after a history.
    pub(crate) fn prefill(&self, history: &History) -> Result<Arc<Prefix>> {
        self.decoder
            .prefill(&history.inputs)
            .map(Arc::new)
            .map_err(|source| Error::Prefill {
                positions: history.inputs.len(),
                source,
            })
    }
}
