//! The next step's batches, built on a thread of their own while the step before runs.
//!
//! The stream is the same as if each step built its own: which windows a step takes depends on the
//! seed and the place in the stream alone. A load carries the place after it, so that a checkpoint
//! never speaks of windows that were built ahead but not trained on.

use crate::data::TrainData;
use crate::loader::{Order, Place};
use crate::options::Options;
use crate::reduce::{Rank, share};
use crate::sequences::single;
use crate::{Error, Result};
use longitude_model::Batch;
use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};
use std::thread;

/// Loads that wait for the steps to come: one is enough while building is faster than training.
const AHEAD: usize = 2;

/// What one step trains on.
#[derive(Default)]
pub(crate) struct Load {
    /// Micro-batches, whose gradients are added up.
    pub(crate) batches: Vec<Batch>,
    /// Nats inside value bins of each micro-batch.
    pub(crate) within: Vec<f64>,
    /// Their positions over all ranks, context among them.
    pub(crate) positions: u64,
    /// The subjects in them over all ranks, ascending.
    pub(crate) subjects: Vec<u32>,
    /// Where the stream stands after them.
    pub(crate) place: Place,
}

/// The receiving end.
pub(crate) struct Feed {
    loads: Receiver<Result<Load>>,
    used: Sender<Load>,
}

impl Feed {
    /// The next load, and whether it had to be waited for.
    pub(crate) fn next(&self) -> Result<(Load, bool)> {
        if let Ok(load) = self.loads.try_recv() {
            return Ok((load?, false));
        }
        let load = self.loads.recv().map_err(|_gone| Error::NoTargets)?;
        Ok((load?, true))
    }

    /// Gives the memory of a load back.
    pub(crate) fn give_back(&self, load: Load) {
        // The other end is gone only where nothing more is to be built.
        self.used.send(load).ok();
    }
}

/// Runs work with a feed of this rank's loads that begin at a place.
pub(crate) fn with_feed<T>(
    data: &TrainData,
    mut order: Order,
    (mut place, rank): (Place, Rank),
    options: &Options,
    work: impl FnOnce(&Feed) -> Result<T>,
) -> Result<T> {
    let (send, loads) = sync_channel(AHEAD);
    let (used, empty) = channel();
    let feed = Feed { loads, used };
    let build = move || {
        loop {
            let load: Load = empty.try_recv().unwrap_or_default();
            let built = fill(load, data, &mut order, (&mut place, rank), options);
            if send.send(built).is_err() {
                return;
            }
        }
    };
    thread::scope(|scope| {
        thread::Builder::new()
            .name("loader".to_owned())
            .spawn_scoped(scope, build)
            .map_err(|source| Error::Thread { source })?;
        let done = work(&feed);
        drop(feed);
        done
    })
}

/// Takes as many micro-batches from the stream as a step has, and of each this rank's share.
pub(crate) fn fill(
    mut load: Load,
    data: &TrainData,
    order: &mut Order,
    (place, rank): (&mut Place, Rank),
    options: &Options,
) -> Result<Load> {
    load.batches.resize_with(options.accumulate, Batch::new);
    load.within.clear();
    load.subjects.clear();
    load.positions = 0;
    for batch in &mut load.batches {
        batch.clear();
        batch.set_query_weight(single(options.queries.weight));
        let mut within = 0.0;
        let taken = order.take(place, options.batch_tokens);
        for window in &taken {
            load.subjects.push(window.subject);
            load.positions += window.positions() as u64;
        }
        for window in share(&taken, rank) {
            if let Some(sequence) = data.learn.get(window.subject) {
                let base = batch.positions();
                within += sequence.fill(&window, batch)?;
                if let Some(asker) = &mut order.asker {
                    let key = (options.seed, place.epoch);
                    asker.ask(key, (&window, &sequence), (base, batch))?;
                }
            }
        }
        load.within.push(within);
    }
    load.subjects.sort_unstable();
    load.subjects.dedup();
    load.place = *place;
    Ok(load)
}
