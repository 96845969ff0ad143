//! The learning-rate finder: a short training whose rate rises exponentially from step to step, and
//! what its loss says about the rate to use.
//!
//! Source: Smith 2017 (Cyclical Learning Rates for Training Neural Networks, section 3.3), with the
//! exponential sweep and the bias-corrected running mean that later tools made common.

use crate::data::TrainData;
use crate::options::Options;
use crate::run::{Run, With};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};

/// A sweep.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sweep {
    /// The rate of the first step.
    pub low: f64,
    /// The rate of the last step.
    pub high: f64,
    /// Steps, if the loss does not explode before.
    pub steps: u64,
}

impl Sweep {
    /// From 10^-5 to 1 in 200 steps.
    pub fn standard() -> Self {
        Self {
            low: 1e-5,
            high: 1.0,
            steps: 200,
        }
    }

    /// The rate of a step, counted from 0.
    fn rate(&self, step: u64) -> f64 {
        let share = step as f64 / self.steps.saturating_sub(1).max(1) as f64;
        self.low * (self.high / self.low).powf(share)
    }
}

/// The loss at one rate.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RatePoint {
    /// The rate.
    pub rate: f64,
    /// Learnt nats an event of the step's batch.
    pub nats: f64,
    /// Their running mean.
    pub smooth: f64,
}

/// What a sweep found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RateCurve {
    /// The sweep.
    pub sweep: Sweep,
    /// Its steps, until the loss exploded.
    pub points: Vec<RatePoint>,
    /// The rate to use as the peak of the schedule; none where the loss never fell.
    pub suggestion: Option<f64>,
}

/// The weight of the past in the running mean of losses.
const SMOOTH: f64 = 0.9;
/// The sweep ends where the running mean has risen by this share of what it had fallen at most, or
/// by as many nats.
const EXPLODED: f64 = 1.0;
/// The suggestion is the rate of the lowest running mean divided by this.
const BELOW_LOWEST: f64 = 3.0;

/// Sweeps the rate over a training of its own, which is thrown away. Deterministic: the data,
/// options, kernels and sweep decide the curve.
///
/// # Errors
/// As [`crate::train`]; a number that is no longer finite ends the sweep instead.
pub fn find_rate(data: &TrainData, options: &Options, sweep: Sweep) -> Result<RateCurve> {
    if !(sweep.low > 0.0 && sweep.low < sweep.high && sweep.high.is_finite() && sweep.steps > 1) {
        return Err(Error::Option {
            option: "sweep",
            must: "of two steps or more, from a rate above zero to a higher one",
        });
    }
    let run = Run::new(data, options, With::PLAIN)?;
    let points = run.feed(|mut run, feed| {
        let mut points: Vec<RatePoint> = Vec::new();
        let (mut mean, mut weight, mut low) = (0.0, 0.0, f64::INFINITY);
        for step in 0..sweep.steps {
            let rate = sweep.rate(step);
            let nats = match run.step(feed, rate) {
                Ok(step) => step.losses.per_event().map(|nats| nats.learnt()),
                Err(Error::NotFinite { .. }) => break,
                Err(error) => return Err(error),
            };
            let Some(nats) = nats else { continue };
            mean = SMOOTH * mean + (1.0 - SMOOTH) * nats;
            weight = SMOOTH * weight + (1.0 - SMOOTH);
            let smooth = mean / weight;
            points.push(RatePoint { rate, nats, smooth });
            low = low.min(smooth);
            if smooth > low + EXPLODED {
                break;
            }
        }
        Ok(points)
    })?;
    Ok(RateCurve {
        sweep,
        suggestion: suggestion(&points),
        points,
    })
}

/// A third of the rate at which the running mean is lowest, if it fell there.
fn suggestion(points: &[RatePoint]) -> Option<f64> {
    let lowest = points.iter().min_by(|a, b| a.smooth.total_cmp(&b.smooth))?;
    let fell = points
        .first()
        .is_some_and(|first| lowest.smooth < first.smooth);
    fell.then_some(lowest.rate / BELOW_LOWEST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::world;

    #[test]
    fn the_sweep_is_exponential_and_the_suggestion_below_the_lowest_loss() {
        let sweep = Sweep {
            low: 1e-4,
            high: 1.0,
            steps: 5,
        };
        let rates: Vec<f64> = (0..5).map(|step| sweep.rate(step)).collect();
        for (rate, wanted) in rates.iter().zip([1e-4, 1e-3, 1e-2, 1e-1, 1.0]) {
            assert!((rate / wanted - 1.0).abs() < 1e-9, "{rate} {wanted}");
        }
        let point = |rate, smooth| RatePoint {
            rate,
            nats: smooth,
            smooth,
        };
        let falls = [point(1e-3, 4.0), point(3e-3, 2.0), point(1e-2, 3.0)];
        assert!((suggestion(&falls).unwrap() - 1e-3).abs() < 1e-9);
        assert_eq!(suggestion(&[point(1e-3, 2.0), point(1e-2, 3.0)]), None);
        assert_eq!(suggestion(&[]), None);
    }

    #[test]
    fn it_finds_a_rate_that_learns_and_is_deterministic() {
        let world = world(100, 60);
        let options = world.options(60);
        let sweep = Sweep {
            high: 10.0,
            ..Sweep::standard()
        };
        let curve = find_rate(&world.data, &options, sweep).unwrap();
        let threads = Options {
            threads: 2,
            ..options.clone()
        };
        assert_eq!(curve, find_rate(&world.data, &threads, sweep).unwrap());
        let suggestion = curve.suggestion.unwrap();
        println!("{suggestion}, {} points", curve.points.len());
        assert!(suggestion > 1e-3 && suggestion < 1.0, "{suggestion}");
        assert!(
            curve.points.last().unwrap().rate < 10.0,
            "it never exploded"
        );
        let refused = find_rate(&world.data, &options, Sweep { low: 0.0, ..sweep });
        assert!(matches!(refused, Err(Error::Option { .. })));
    }
}
