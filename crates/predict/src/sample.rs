//! Futures sampled from pasts: wait, then code, then value, step after step until the horizon,
//! death or the limit of events. Not here: what is read from them (`risk`, `fan`) and the law of
//! the next event (`process`).
//!
//! One batch of rows holds futures of several pasts: where one ends, the next one that waits takes
//! its place at the same step (continuous batching: Yu et al. 2022, "Orca", section 3).
//!
//! Times are integer microseconds. The first wait is given that nothing happened between the last
//! event and the prediction time; a later wait of zero is a tie, in the order that the model
//! learnt. Every draw depends on (seed, subject, sample, step, purpose) alone (`rng`), and rows of
//! a batch do not see each other, so a future is the same in any batch and on any number of
//! threads.

use crate::process::Process;
use crate::risk::{Drawn, Outcomes, Tally};
use crate::rng::{Draws, Stream};
use crate::{Error, Result};
use longitude_core::{Code, Days, Instant, SampledEvent, StopReason, SubjectId, Trajectory};
use longitude_model::Input;
use longitude_tokens::{Bins, PAD, Vocabulary, age_days};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// How to sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SampleOptions {
    /// N: how many futures.
    pub samples: u32,
    /// The seed; with the subject it fixes every draw.
    pub seed: u64,
    /// The most events of one future: one that needs more is cut, and counted as cut.
    pub events_max: u32,
    /// How many futures run side by side: speed only, it changes no answer.
    pub rows: u32,
}

impl SampleOptions {
    /// Settings for research runs: 64 futures side by side (the Monte Carlo error of a rare
    /// outcome's estimate is then small beside the calibration's), at most 128 events each.
    pub fn research(seed: u64) -> Self {
        Self {
            samples: 64,
            seed,
            events_max: 128,
            rows: 64,
        }
    }

    pub(crate) fn check(&self) -> Result<()> {
        for (what, value) in [
            ("samples", self.samples),
            ("events_max", self.events_max),
            ("rows", self.rows),
        ] {
            if value == 0 {
                return Err(Error::Option { what });
            }
        }
        Ok(())
    }
}

/// One event of a sampled future.
#[derive(Clone, Copy, PartialEq)]
pub struct Step {
    /// When.
    pub time: Instant,
    /// The id of its code.
    pub code: u32,
    /// The value bin, 0 for none.
    pub value_bin: u16,
    /// The value in the unit of the code's bins.
    pub value: Option<f64>,
}

/// Redacted: a future that is close to a patient's own is a patient's value.
impl std::fmt::Debug for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Step(..)")
    }
}

/// One sampled future.
#[derive(Clone, Debug, PartialEq)]
pub struct Future {
    /// Its events in order.
    pub steps: Vec<Step>,
    /// Why it ends.
    pub stop: StopReason,
}

impl Future {
    /// The future in codes. An event of a code that the vocabulary does not know is `UNKNOWN`.
    pub fn trajectory(&self, vocabulary: &Vocabulary) -> Trajectory {
        let unknown = || Code::new("", "UNKNOWN");
        let event = |step: &Step| SampledEvent {
            time: step.time,
            code: vocabulary.base(step.code).cloned().unwrap_or_else(unknown),
            numeric_value: step.value,
        };
        Trajectory {
            events: self.steps.iter().map(event).collect(),
            stop: self.stop,
        }
    }
}

/// The past as the sampler needs it: not what happened, only when.
#[derive(Clone, Copy)]
pub(crate) struct Start {
    pub(crate) subject: SubjectId,
    pub(crate) at: Instant,
    /// The first event that the model sees, from which its clock counts.
    pub(crate) first_us: i64,
    /// The last event before the prediction time.
    pub(crate) last_us: i64,
    pub(crate) birth: Option<Instant>,
}

/// Everything but the process that the futures of one past need.
pub(crate) struct Run<'a> {
    pub(crate) start: Start,
    pub(crate) vocabulary: &'a Vocabulary,
    pub(crate) outcomes: Outcomes,
    pub(crate) seed: u64,
    pub(crate) events_max: u32,
    /// No event after it counts.
    pub(crate) end: Instant,
    /// Whether futures go on to the end although every outcome is settled.
    pub(crate) to_the_end: bool,
}

/// One finished future and what it contributes to each outcome.
#[derive(Clone, PartialEq)]
pub(crate) struct Sampled {
    pub(crate) future: Future,
    pub(crate) tallies: Vec<Tally>,
}

/// Futures of one past that are to be sampled: those of a stretch of numbers.
pub(crate) struct Part<'a, P> {
    pub(crate) run: Arc<Run<'a>>,
    pub(crate) past: P,
    pub(crate) samples: Range<u32>,
}

/// A part of which some futures are begun and some are done.
struct Open<'a, P> {
    part: Part<'a, P>,
    /// The number of the next future to begin.
    next: u32,
    left: usize,
    done: Vec<Option<Sampled>>,
}

struct Row<'a> {
    /// The number of its part.
    part: usize,
    run: Arc<Run<'a>>,
    sample: u32,
    stream: Stream,
    last_us: i64,
    steps: Vec<Step>,
    tallies: Vec<Tally>,
}

/// The buffers of a batch, reused at every step.
#[derive(Default)]
struct Buffers {
    draws: Vec<Draws>,
    uniform: Vec<f64>,
    after: Vec<Option<f64>>,
    waits: Vec<f64>,
    codes: Vec<f32>,
    marks: Vec<(f64, u32)>,
    bins: Vec<f32>,
    q: Vec<f64>,
    keep: Vec<usize>,
    events: Vec<Input>,
}

/// Samples the futures of parts, at most `rows_max` side by side. `next` gives the parts, asked for
/// when there is room and nothing else waits; `finish` takes a part's number, counted from 0 in
/// their order, and its futures in theirs, as soon as all are done.
pub(crate) fn sample<'a, P: Process>(
    process: &mut P,
    rows_max: usize,
    next: &mut dyn FnMut() -> Result<Option<Part<'a, P::Past>>>,
    finish: &mut dyn FnMut(usize, Vec<Sampled>) -> Result<()>,
) -> Result<()> {
    let mut parts: BTreeMap<usize, Open<'a, P::Past>> = BTreeMap::new();
    let (mut begun, mut dry) = (0, false);
    let mut rows: Vec<Row<'a>> = Vec::new();
    let mut buffers = Buffers::default();
    loop {
        while rows.len() < rows_max.max(1) {
            let newest = begun - usize::from(begun > 0);
            let waiting = parts.get_mut(&newest).filter(|open| open.waits());
            if let Some(open) = waiting {
                process.admit(&open.part.past)?;
                rows.push(open.begin(newest));
            } else if dry {
                break;
            } else if let Some(part) = next()? {
                if part.samples.is_empty() {
                    finish(begun, Vec::new())?;
                } else {
                    parts.insert(begun, Open::new(part));
                }
                begun += 1;
            } else {
                dry = true;
            }
        }
        if rows.is_empty() {
            return Ok(());
        }
        draw(process, &mut rows, &mut buffers)?;
        for (row, sampled) in take_steps(&mut rows, &mut buffers) {
            let part = row.part;
            if parts
                .get_mut(&part)
                .is_some_and(|open| open.end(&row, sampled))
            {
                let done = parts.remove(&part).map(|open| open.done);
                finish(part, done.into_iter().flatten().flatten().collect())?;
            }
        }
        process.advance(&buffers.keep, &buffers.events)?;
    }
}

impl<'a, P> Open<'a, P> {
    fn new(part: Part<'a, P>) -> Self {
        let left = part.samples.len();
        Self {
            next: part.samples.start,
            left,
            done: (0..left).map(|_| None).collect(),
            part,
        }
    }

    /// Whether a future is not begun.
    fn waits(&self) -> bool {
        self.next < self.part.samples.end
    }

    /// The next future, with nothing in it.
    fn begin(&mut self, part: usize) -> Row<'a> {
        let (run, sample) = (Arc::clone(&self.part.run), self.next);
        self.next += 1;
        Row {
            part,
            sample,
            stream: Stream::new(run.seed, run.start.subject, sample),
            last_us: run.start.last_us,
            steps: Vec::new(),
            tallies: run.outcomes.tallies(),
            run,
        }
    }

    /// Takes a future that is done, and says whether it is the last.
    fn end(&mut self, row: &Row<'_>, sampled: Sampled) -> bool {
        let place = (row.sample - self.part.samples.start) as usize;
        self.done[place] = Some(sampled);
        self.left -= 1;
        self.left == 0
    }
}

/// Appends what was drawn to every row, and takes out those that end with it.
fn take_steps<'a>(rows: &mut Vec<Row<'a>>, buffers: &mut Buffers) -> Vec<(Row<'a>, Sampled)> {
    let mut ended = Vec::new();
    let mut kept = Vec::with_capacity(rows.len());
    buffers.keep.clear();
    buffers.events.clear();
    for (index, mut row) in rows.drain(..).enumerate() {
        let run = Arc::clone(&row.run);
        let Some(stop) = run.take_step(&mut row, index, buffers) else {
            buffers.keep.push(index);
            kept.push(row);
            continue;
        };
        let sampled = Sampled {
            future: Future {
                steps: std::mem::take(&mut row.steps),
                stop,
            },
            tallies: std::mem::take(&mut row.tallies),
        };
        ended.push((row, sampled));
    }
    *rows = kept;
    ended
}

/// Draws the wait and the code of every row; the waits become whole microseconds first, so that
/// the code is drawn given the wait that is recorded.
fn draw<P: Process>(process: &mut P, rows: &mut [Row<'_>], buffers: &mut Buffers) -> Result<()> {
    buffers.draws.clear();
    buffers.uniform.clear();
    buffers.after.clear();
    for row in rows.iter() {
        let draws = row.stream.draws(row.step());
        buffers.draws.push(draws);
        buffers.uniform.push(draws.wait);
        let first = row.steps.is_empty();
        buffers.after.push(first.then(|| row.run.elapsed_days()));
    }
    process.waits(&buffers.after, &buffers.uniform, &mut buffers.waits)?;
    for (wait, row) in buffers.waits.iter_mut().zip(rows.iter()) {
        let first = row.steps.is_empty();
        let time = row.run.time_after(row.last_us, *wait, first);
        *wait = Days::from_micros(time.saturating_sub(row.last_us)).0;
    }
    process.codes(&buffers.waits, &mut buffers.codes)?;
    let width = buffers.codes.len() / rows.len().max(1);
    buffers.marks.clear();
    let codes = buffers.codes.chunks_exact_mut(width.max(1));
    for (index, (row, codes)) in rows.iter_mut().zip(codes).enumerate() {
        codes[PAD as usize] = 0.0;
        let wait = buffers.waits[index];
        let time = row.last_us.saturating_add(Days(wait).to_micros());
        row.run.outcomes.avoid_codes(&mut row.tallies, time, codes);
        let code = u32::try_from(choose(codes, buffers.draws[index].code)).unwrap_or(PAD);
        buffers.marks.push((wait, code));
    }
    process.bins(&buffers.marks, &mut buffers.bins)
}

impl Row<'_> {
    /// How many steps it has taken.
    fn step(&self) -> u32 {
        u32::try_from(self.steps.len()).unwrap_or(u32::MAX)
    }
}

impl Run<'_> {
    /// Days from the last event to the prediction time, over which nothing happened.
    fn elapsed_days(&self) -> f64 {
        Days::from_micros(self.start.at.0.saturating_sub(self.start.last_us).max(0)).0
    }

    /// The time of the next event in whole microseconds: a wait above zero is at least one of them,
    /// and the first event comes after the prediction time.
    fn time_after(&self, last_us: i64, wait: f64, first: bool) -> i64 {
        let micros = Days(wait).to_micros().max(i64::from(wait > 0.0));
        let time = last_us.saturating_add(micros);
        if first {
            time.max(self.start.at.0.saturating_add(1))
        } else {
            time
        }
    }

    /// Appends the drawn event to a row, or says why the row ends.
    fn take_step(
        &self,
        row: &mut Row<'_>,
        index: usize,
        buffers: &mut Buffers,
    ) -> Option<StopReason> {
        let (wait, code) = buffers.marks[index];
        let time = row.last_us.saturating_add(Days(wait).to_micros());
        if time > self.end.0 {
            return Some(StopReason::Horizon);
        }
        let width = self.vocabulary.len();
        let own = self.own_bins(code, index);
        let mut place = buffers.draws[index].value;
        let weights = &mut buffers.bins[own.clone()];
        let avoided = self
            .outcomes
            .avoid_values(&mut row.tallies, (time, code), weights);
        let value_bin = u16::try_from(choose(weights, buffers.draws[index].bin)).unwrap_or(0);
        if let Some(mark) = avoided {
            place = mark.outside(value_bin, place);
        }
        let value = self.value(code, value_bin, place);
        let drawn = Drawn {
            codes: &buffers.codes[index * width..(index + 1) * width],
            code,
            bins: &buffers.bins[own],
            bin: value_bin,
            place,
        };
        self.outcomes
            .step(&mut row.tallies, &mut buffers.q, time, &drawn);
        row.steps.push(Step {
            time: Instant(time),
            code,
            value_bin,
            value: value.map(|(raw, _)| raw),
        });
        row.last_us = time;
        if code == self.vocabulary.death_id() {
            return Some(StopReason::Death);
        }
        if row.steps.len() >= self.events_max as usize {
            self.outcomes.cut(&mut row.tallies, time);
            return Some(StopReason::Length);
        }
        if !self.to_the_end && self.outcomes.settled(&row.tallies, time) {
            return Some(StopReason::Horizon);
        }
        buffers.events.push(Input {
            code,
            value_bin,
            value: value.map_or(0.0, |(_, normalised)| normalised),
            age_days: age_days(self.start.birth, Instant(time)),
            time_days: Days::from_micros(time.saturating_sub(self.start.first_us)).0,
            wait_days_prev: single(wait),
        });
        None
    }

    /// Where the weights of a code's own bins lie in the rows of all `[R, K + 1]`; nowhere for one
    /// without.
    fn own_bins(&self, code: u32, index: usize) -> std::ops::Range<usize> {
        let own = self.vocabulary.bins_of(code).map_or(0, Bins::len);
        let width = usize::from(self.vocabulary.value_bins_max()) + 1;
        match own {
            0 => 0..0,
            own => index * width..index * width + width.min(usize::from(own) + 1),
        }
    }

    /// The value at a place of a bin's mass, and what the model sees of it.
    fn value(&self, code: u32, bin: u16, place: f64) -> Option<(f64, f32)> {
        let bins = self.vocabulary.bins_of(code).filter(|_| bin > 0)?;
        let value = bins.sample(bin, place);
        Some((value, single(bins.normalise(value))))
    }
}

/// Weights of a stretch whose sum is kept: long enough that most of a row is passed by the sums.
const STRETCH: usize = 64;

/// The index that a uniform draw meets on the running sum of weights; the last index with a weight
/// where rounding would pass the end. Sums are f64 in one order on every machine: eight lanes a
/// stretch, then the stretches.
fn choose(weights: &[f32], draw: f64) -> usize {
    let sum = |stretch: &[f32]| {
        let mut lanes = [0.0f64; 8];
        let (eights, rest) = stretch.as_chunks::<8>();
        for eight in eights {
            for (lane, weight) in lanes.iter_mut().zip(eight) {
                *lane += f64::from(*weight);
            }
        }
        for (lane, weight) in lanes.iter_mut().zip(rest) {
            *lane += f64::from(*weight);
        }
        lanes.iter().sum::<f64>()
    };
    let total: f64 = weights.chunks(STRETCH).map(sum).sum();
    let target = draw * total;
    let (mut before, mut last) = (0.0, 0);
    for (stretch, weights) in weights.chunks(STRETCH).enumerate() {
        let own = sum(weights);
        let place = stretch * STRETCH;
        let heavy = weights.iter().rposition(|weight| *weight > 0.0);
        last = heavy.map_or(last, |heavy| place + heavy);
        if target < before + own {
            let mut running = before;
            for (index, weight) in weights.iter().enumerate() {
                running += f64::from(*weight);
                if *weight > 0.0 && target < running {
                    return place + index;
                }
            }
            return last;
        }
        before += own;
    }
    last
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the model computes in single precision"
)]
pub(crate) fn single(value: f64) -> f32 {
    value as f32
}

#[cfg(test)]
mod tests;
