//! The next step's batches, built on a thread of their own while the step before runs.
//!
//! The stream is the same as if each step built its own: which windows a step takes depends on the
//! seed and the place in the stream alone. A load carries the place after it, so that a checkpoint
//! never speaks of windows that were built ahead but not trained on.

use crate::data::TrainData;
use crate::loader::{Order, Place, SplitMix, windows};
use crate::options::Options;
use crate::reduce::{Alone, Rank, Reduce as _, share};
use crate::sequences::{Window, single};
use crate::{Error, Result};
use longitude_model::{Batch, Input};
use longitude_tokens::UNKNOWN;
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
        let epoch = place.epoch;
        let taken = order.take(place, options.batch_tokens);
        for window in &taken {
            load.subjects.push(window.subject);
            load.positions += window.positions() as u64;
        }
        for window in share(&taken, rank) {
            if let Some(sequence) = data.learn.get(window.subject) {
                let base = batch.positions();
                within += sequence.fill(&window, batch)?;
                let lead = sequence.lead.saturating_sub(window.begin as usize);
                let shown = base + lead + window.lead as usize;
                hide(&mut batch.inputs_mut()[shown..], epoch, &window, options);
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

/// Hides the code and value of some events of a window, by chance that depends on the seed, the
/// epoch and the window alone.
fn hide(inputs: &mut [Input], epoch: u64, window: &Window, options: &Options) {
    if options.event_dropout <= 0.0 {
        return;
    }
    let place = u64::from(window.subject) << 32 | u64::from(window.begin);
    let mut random = SplitMix(options.seed ^ epoch.rotate_left(48) ^ place);
    random.0 = random.next();
    for input in inputs {
        let draw = (random.next() >> 11) as f64 / (1u64 << 53) as f64;
        if draw < options.event_dropout {
            (input.code, input.value_bin, input.value) = (UNKNOWN, 0, 0.0);
        }
    }
}

/// Builds the batches of so many steps and throws them away, for the caller to time. Returns their
/// positions.
///
/// # Errors
/// When an option makes no sense.
pub fn build_batches(data: &TrainData, options: &Options, steps: u64) -> Result<u64> {
    options.check(data)?;
    let cut = windows(
        &data.learn,
        options.config.context,
        options.overlap_positions,
    );
    let (mut order, mut place) = (Order::new(cut, options.seed), Place::default());
    let (mut load, mut positions) = (Load::default(), 0);
    for _ in 0..steps {
        load = fill(load, data, &mut order, (&mut place, Alone.rank()), options)?;
        positions += load.positions;
    }
    Ok(positions)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loader::windows;
    use crate::world::{World, world};

    /// The first loads of a world's stream.
    fn loads(world: &World, dropout: f64, count: usize) -> Vec<Load> {
        let mut options = world.options(1);
        options.event_dropout = dropout;
        let windows = windows(&world.data.learn, options.config.context, 16);
        let (mut order, mut place) = (Order::new(windows, options.seed), Place::default());
        let load = |_| {
            let load = Load::default();
            let alone = Rank { number: 0, of: 1 };
            let stream = (&mut place, alone);
            fill(load, &world.data, &mut order, stream, &options).unwrap()
        };
        (0..count).map(load).collect()
    }

    #[test]
    fn hidden_events_are_predicted_all_the_same_and_leading_ones_are_shown() {
        let world = world(40, 60);
        let (plain, hidden) = (loads(&world, 0.0, 3), loads(&world, 0.4, 3));
        let (mut hid, mut seen) = (0, 0);
        for (plain, hidden) in plain.iter().zip(&hidden) {
            let (plain, hidden) = (&plain.batches[0], &hidden.batches[0]);
            assert!(plain.targets() == hidden.targets());
            let starts = plain.starts();
            for (t, (before, after)) in (0u32..).zip(plain.inputs().iter().zip(hidden.inputs())) {
                // A static fact and birth lead each timeline, and each window of it.
                let leads = starts.iter().any(|s| (*s..*s + 2).contains(&t));
                if before == after {
                    seen += u32::from(!leads);
                } else {
                    assert!(!leads && after.code == UNKNOWN && after.value_bin == 0);
                    assert!(after.age_days.to_bits() == before.age_days.to_bits());
                    hid += 1;
                }
            }
        }
        let share = f64::from(hid) / f64::from(hid + seen);
        assert!((share - 0.4).abs() < 0.05, "{share}");
        let again = loads(&world, 0.4, 3);
        assert!(
            again
                .iter()
                .zip(&hidden)
                .all(|(a, b)| a.batches == b.batches)
        );
    }
}
