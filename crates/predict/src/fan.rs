//! What a pool of futures shows besides risks: the spread of a measurement over time. A view of the
//! model, uncalibrated, with no interval but the spread itself.

use crate::calibration::percentile;
use crate::engine::Pool;
use crate::sample::Future;
use longitude_core::{Code, Instant};
use longitude_tokens::Vocabulary;
use serde::{Deserialize, Serialize};

/// The spread of one measurement over the time ahead.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fan {
    /// What is measured.
    pub code: Code,
    /// The unit of the values, where there is one.
    pub unit: Option<String>,
    /// Windows of equal length up to the horizon, in order; those in which no future has a value
    /// are left out.
    pub points: Vec<FanPoint>,
}

/// One window of a fan.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FanPoint {
    /// The end of the window.
    pub time: Instant,
    /// The 10th percentile over the futures with a value in the window, of each its last one.
    pub low: f64,
    /// The median.
    pub median: f64,
    /// The 90th percentile.
    pub high: f64,
    /// How many futures have a value in the window: few of many says that it is seldom measured, or
    /// that few live to see it.
    pub futures: u32,
}

/// The fan of a code over `windows` windows, or `None` where the vocabulary has no values of it or
/// no future has one. Values in the code's commonest unit only: variants in other units are other
/// measurements.
pub fn fan(pool: &Pool, vocabulary: &Vocabulary, code: &Code, windows: u32) -> Option<Fan> {
    let id = vocabulary.exact(code)?;
    let bins = vocabulary.bins_of(id)?;
    let span = pool.end.0.saturating_sub(pool.at.0).max(1);
    let windows = i64::from(windows.max(1));
    let edge = |k: i64| Instant(pool.at.0.saturating_add(span / windows * k));
    let window = |k: i64| {
        let (from, to) = (
            edge(k),
            if k + 1 == windows {
                pool.end
            } else {
                edge(k + 1)
            },
        );
        let last = |future: &Future| {
            let inside = future.steps.iter().rev();
            let mut inside = inside.filter(|s| s.code == id && s.time > from && s.time <= to);
            inside.find_map(|step| step.value)
        };
        let mut values: Vec<f64> = pool.futures.iter().filter_map(last).collect();
        values.sort_by(f64::total_cmp);
        Some(FanPoint {
            time: to,
            low: percentile(&values, 0.1)?,
            median: percentile(&values, 0.5)?,
            high: percentile(&values, 0.9)?,
            futures: u32::try_from(values.len()).unwrap_or(u32::MAX),
        })
    };
    let points: Vec<FanPoint> = (0..windows).filter_map(window).collect();
    (!points.is_empty()).then(|| Fan {
        code: code.clone(),
        unit: bins.unit.clone(),
        points,
    })
}

#[cfg(test)]
mod tests;
