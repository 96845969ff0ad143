//! The bootstrap over subjects: whole subjects are drawn with replacement, so that rows of one
//! subject stay together (Field and Welsh 2007, "Bootstrapping clustered data"), and intervals are
//! percentiles (Efron and Tibshirani 1993, chapter 13).

use crate::random::Stream;
use crate::report::{Estimate, Metric};
use crate::task::Options;
use crate::undefined::Undefined;
use std::collections::BTreeMap;

/// The level of every interval.
pub const LEVEL: f64 = 0.95;

/// An interval is left out when more than this share of the resamples has no value.
const UNDEFINED_SHARE_MAX: f64 = 0.05;

/// Subjects numbered from 0 in ascending order of their identifiers.
pub(crate) struct Clusters {
    /// The subject's number, for each row.
    pub(crate) of_row: Vec<u32>,
    /// How many subjects there are.
    pub(crate) count: u32,
}

impl Clusters {
    pub(crate) fn new(ids: &[u64]) -> Self {
        let mut numbers: BTreeMap<u64, u32> = ids.iter().map(|&id| (id, 0)).collect();
        let mut count = 0;
        for number in numbers.values_mut() {
            *number = count;
            count += 1;
        }
        let of_row = ids.iter().map(|id| numbers[id]).collect();
        Self { of_row, count }
    }
}

/// How resamples are drawn: the options, and the threads that share the work. Every resample has a
/// stream of its own, so that the threads change no result.
#[derive(Clone, Copy)]
pub(crate) struct Draws<'a> {
    pub(crate) options: &'a Options,
    pub(crate) threads: usize,
}

impl Draws<'_> {
    /// What `each` makes of the weights of every resample (how often each subject was drawn), in
    /// the order of the resamples.
    pub(crate) fn each<T: Send>(&self, clusters: u32, each: impl Fn(&[u32]) -> T + Sync) -> Vec<T> {
        let resamples = if clusters == 0 {
            0
        } else {
            self.options.resamples
        };
        let share = resamples.div_ceil(u32::try_from(self.threads.max(1)).unwrap_or(u32::MAX));
        let run = |numbers: std::ops::Range<u32>| -> Vec<T> {
            let mut weights = vec![0_u32; clusters as usize];
            let one = |number: u32| {
                weights.fill(0);
                let mut stream = Stream::new(self.options.seed, u64::from(number));
                for _ in 0..clusters {
                    weights[stream.below(clusters) as usize] += 1;
                }
                each(&weights)
            };
            numbers.map(one).collect()
        };
        if share >= resamples {
            return run(0..resamples);
        }
        let run = &run;
        std::thread::scope(|scope| {
            let starts = (0..resamples).step_by(share as usize);
            let parts = starts.map(|start| {
                let end = (start + share).min(resamples);
                scope.spawn(move || run(start..end))
            });
            let parts: Vec<_> = parts.collect();
            let joined = parts.into_iter().flat_map(|part| match part.join() {
                Ok(values) => values,
                Err(panic) => std::panic::resume_unwind(panic),
            });
            joined.collect()
        })
    }

    /// Any statistics with intervals, as [`bootstrap`].
    pub(crate) fn bootstrap<const N: usize>(
        &self,
        subjects: &[u64],
        statistics: impl Fn(&[usize]) -> [Result<f64, Undefined>; N] + Sync,
    ) -> [Metric; N] {
        let clusters = Clusters::new(subjects);
        let mut rows_of = vec![Vec::new(); clusters.count as usize];
        for (row, cluster) in clusters.of_row.iter().enumerate() {
            rows_of[*cluster as usize].push(row);
        }
        let all: Vec<usize> = (0..subjects.len()).collect();
        let on_all = statistics(&all);
        let drawn = self.each(clusters.count, |weights| {
            let mut rows = Vec::with_capacity(subjects.len());
            for (of_subject, &weight) in rows_of.iter().zip(weights) {
                for _ in 0..weight {
                    rows.extend_from_slice(of_subject);
                }
            }
            statistics(&rows)
        });
        metrics(on_all, &drawn)
    }
}

/// Metrics from their values on all rows and on each resample.
pub(crate) fn metrics<const N: usize>(
    on_all: [Result<f64, Undefined>; N],
    drawn: &[[Result<f64, Undefined>; N]],
) -> [Metric; N] {
    std::array::from_fn(|place| {
        let drawn: Vec<Option<f64>> = drawn.iter().map(|values| values[place].ok()).collect();
        metric(on_all[place], &drawn)
    })
}

/// Any statistics with intervals: `statistics` gets row numbers, all of them once and then those of
/// each resample of whole subjects, rows of a subject drawn twice standing there twice. Slower than
/// the weights of [`crate::task_report`], and for everything that knows no weights.
pub fn bootstrap<const N: usize>(
    subjects: &[u64],
    options: &Options,
    statistics: impl Fn(&[usize]) -> [Result<f64, Undefined>; N] + Sync,
) -> [Metric; N] {
    let threads = 1;
    Draws { options, threads }.bootstrap(subjects, statistics)
}

/// A metric from its value on all rows and its values on the resamples.
pub(crate) fn metric(on_all: Result<f64, Undefined>, drawn: &[Option<f64>]) -> Metric {
    let value = match on_all {
        Ok(value) => value,
        Err(reason) => return Metric::undefined(reason.to_string()),
    };
    let mut metric = Metric::of(value);
    match interval(drawn) {
        Ok((low, high)) => {
            metric.estimate = Some(Estimate {
                value,
                low: Some(low),
                high: Some(high),
            });
        }
        Err(reason) => metric.reason = Some(reason),
    }
    metric
}

fn interval(drawn: &[Option<f64>]) -> Result<(f64, f64), String> {
    let mut defined: Vec<f64> = drawn.iter().flatten().copied().collect();
    if drawn.is_empty() {
        return Err("no interval: no resamples were asked for".into());
    }
    let undefined = drawn.len() - defined.len();
    if undefined as f64 > UNDEFINED_SHARE_MAX * drawn.len() as f64 {
        let all = drawn.len();
        return Err(format!(
            "no interval: undefined in {undefined} of {all} resamples"
        ));
    }
    defined.sort_by(f64::total_cmp);
    let tail = (1.0 - LEVEL) / 2.0;
    Ok((quantile(&defined, tail), quantile(&defined, 1.0 - tail)))
}

/// The quantile by linear interpolation (Hyndman and Fan 1996, type 7). `sorted` is not empty.
pub(crate) fn quantile(sorted: &[f64], level: f64) -> f64 {
    let place = level * (sorted.len() - 1) as f64;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the place lies between 0 and the length"
    )]
    let below = place.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (place - place.floor()) * (sorted[above] - sorted[below])
}
