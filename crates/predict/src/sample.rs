//! Futures sampled from one past: wait, then code, then value, step after step until the horizon,
//! death or the limit of events. Not here: what is read from them (`risk`, `fan`) and the law of
//! the next event (`process`).
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

/// Everything but the process that a run of futures needs.
#[derive(Clone, Copy)]
pub(crate) struct Run<'a> {
    pub(crate) start: Start,
    pub(crate) vocabulary: &'a Vocabulary,
    pub(crate) outcomes: &'a Outcomes,
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

struct Row {
    sample: u32,
    stream: Stream,
    last_us: i64,
    steps: Vec<Step>,
    tallies: Vec<Tally>,
}

/// The buffers of one run, reused at every step.
#[derive(Default)]
struct Buffers {
    draws: Vec<Draws>,
    uniform: Vec<f64>,
    waits: Vec<f64>,
    codes: Vec<f32>,
    marks: Vec<(f64, u32)>,
    bins: Vec<f32>,
    q: Vec<f64>,
    keep: Vec<usize>,
    events: Vec<Input>,
}

/// Samples the futures of these numbers, in their order. `process` has one row for each.
pub(crate) fn sample(
    run: &Run<'_>,
    process: &mut dyn Process,
    samples: std::ops::Range<u32>,
) -> Result<Vec<Sampled>> {
    let first = samples.start;
    let mut done: Vec<Option<Sampled>> = samples.clone().map(|_| None).collect();
    let mut rows: Vec<Row> = samples
        .map(|sample| Row {
            sample,
            stream: Stream::new(run.seed, run.start.subject, sample),
            last_us: run.start.last_us,
            steps: Vec::new(),
            tallies: run.outcomes.tallies(),
        })
        .collect();
    let mut buffers = Buffers::default();
    let mut step = 0;
    while !rows.is_empty() {
        draw(run, process, (&mut rows, step), &mut buffers)?;
        let mut kept = Vec::with_capacity(rows.len());
        buffers.keep.clear();
        buffers.events.clear();
        for (index, mut row) in rows.into_iter().enumerate() {
            match run.take_step(&mut row, index, &mut buffers) {
                None => {
                    buffers.keep.push(index);
                    kept.push(row);
                }
                Some(stop) => {
                    done[(row.sample - first) as usize] = Some(Sampled {
                        future: Future {
                            steps: row.steps,
                            stop,
                        },
                        tallies: row.tallies,
                    });
                }
            }
        }
        rows = kept;
        step += 1;
        if !rows.is_empty() {
            process.advance(&buffers.keep, &buffers.events)?;
        }
    }
    Ok(done.into_iter().flatten().collect())
}

/// Draws the wait and the code of every row; the waits become whole microseconds first, so that
/// the code is drawn given the wait that is recorded.
fn draw(
    run: &Run<'_>,
    process: &mut dyn Process,
    (rows, step): (&mut [Row], u32),
    buffers: &mut Buffers,
) -> Result<()> {
    buffers.draws.clear();
    buffers
        .draws
        .extend(rows.iter().map(|row| row.stream.draws(step)));
    buffers.uniform.clear();
    buffers.uniform.extend(buffers.draws.iter().map(|d| d.wait));
    let after = (step == 0).then(|| run.elapsed_days());
    process.waits(after, &buffers.uniform, &mut buffers.waits)?;
    for (wait, row) in buffers.waits.iter_mut().zip(rows.iter()) {
        let time = run.time_after(row.last_us, *wait, step == 0);
        *wait = Days::from_micros(time.saturating_sub(row.last_us)).0;
    }
    process.codes(&buffers.waits, &mut buffers.codes)?;
    let width = run.vocabulary.len();
    buffers.marks.clear();
    for (row, draws) in buffers.draws.iter().enumerate() {
        let codes = &mut buffers.codes[row * width..(row + 1) * width];
        codes[PAD as usize] = 0.0;
        let time = rows[row]
            .last_us
            .saturating_add(Days(buffers.waits[row]).to_micros());
        run.outcomes
            .avoid_codes(&mut rows[row].tallies, time, codes);
        let code = u32::try_from(choose(codes, draws.code)).unwrap_or(PAD);
        buffers.marks.push((buffers.waits[row], code));
    }
    process.bins(&buffers.marks, &mut buffers.bins)
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
    fn take_step(&self, row: &mut Row, index: usize, buffers: &mut Buffers) -> Option<StopReason> {
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

/// The index that a uniform draw meets on the running sum of weights; the last index with a weight
/// where rounding would pass the end.
fn choose(weights: &[f32], draw: f64) -> usize {
    let total: f64 = weights.iter().map(|w| f64::from(*w)).sum();
    let target = draw * total;
    let mut sum = 0.0;
    let mut last = 0;
    for (index, weight) in weights.iter().enumerate() {
        if *weight > 0.0 {
            sum += f64::from(*weight);
            last = index;
            if target < sum {
                return index;
            }
        }
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
