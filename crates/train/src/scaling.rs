//! The loss that more data would give, from small runs on nested parts of the user's own data.
//!
//! The law is `L(D) = E + B / D^b` (Hestness et al. 2017, section 3; Hoffmann et al. 2022, equation
//! 2, at one model size). `b` is searched on a grid, `E` and `B` by least squares at each `b`. With
//! a handful of runs the law is a weak witness, so that the interval carries both what the fit
//! leaves over and how much it depends on each single run (jackknife).

use serde::{Deserialize, Serialize};

/// What one run found.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScalingPoint {
    /// Events to learn from.
    pub events: f64,
    /// Learnt nats an event on subjects that nobody learns from.
    pub nats: f64,
}

/// The law and how sure it is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScalingLaw {
    /// E: the loss that no amount of data goes below, at this model size.
    pub floor: f64,
    /// B.
    pub scale: f64,
    /// b.
    pub exponent: f64,
    /// The deviation of what the fit leaves over, in nats.
    pub residual: f64,
}

/// An extrapolated loss.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Expected {
    /// Events to learn from.
    pub events: f64,
    /// Learnt nats an event.
    pub nats: f64,
    /// The interval that should hold it nine times in ten, if the law holds.
    pub interval: (f64, f64),
    /// How many times larger it is than the largest run.
    pub beyond: f64,
}

/// Quantiles of Student's t at 0.95 by degrees of freedom, from 1.
const T95: [f64; 6] = [6.314, 2.920, 2.353, 2.132, 2.015, 1.943];
const PARAMETERS: usize = 3;
/// The smallest noise that is believed between two runs of one size, in nats.
const NOISE_MIN: f64 = 0.002;

impl ScalingLaw {
    /// Fits the law; none with fewer than four runs or without different sizes.
    pub fn fit(points: &[ScalingPoint]) -> Option<Self> {
        let usable = |point: &ScalingPoint| point.events > 0.0 && point.nats.is_finite();
        if points.len() <= PARAMETERS || !points.iter().all(usable) {
            return None;
        }
        fit(points)
    }

    /// The loss at a number of events.
    pub fn at(&self, events: f64) -> f64 {
        self.floor + self.scale * events.powf(-self.exponent)
    }

    /// The loss at a number of events with its interval, from the same runs that the law was fitted
    /// to.
    pub fn expected(&self, points: &[ScalingPoint], events: f64) -> Expected {
        let (nats, n) = (self.at(events), points.len() as f64);
        let left_out: Vec<f64> = (0..points.len())
            .filter_map(|out| {
                let rest = points.iter().enumerate().filter(|(i, _)| *i != out);
                let rest: Vec<ScalingPoint> = rest.map(|(_, point)| *point).collect();
                Some(fit(&rest)?.at(events))
            })
            .collect();
        let mean = left_out.iter().sum::<f64>() / left_out.len().max(1) as f64;
        let spread: f64 = left_out.iter().map(|one| (one - mean).powi(2)).sum();
        let jackknife = (n - 1.0) / n * spread;
        let deviation = (jackknife + self.residual.powi(2)).sqrt();
        let freedom = points.len().saturating_sub(PARAMETERS).max(1);
        let t = T95[(freedom - 1).min(T95.len() - 1)];
        let largest = points.iter().map(|point| point.events).fold(0.0, f64::max);
        Expected {
            events,
            nats,
            interval: (nats - t * deviation, nats + t * deviation),
            beyond: events / largest.max(1.0),
        }
    }
}

/// Least squares, the exponent on a grid; `E` and `B` are not negative.
fn fit(points: &[ScalingPoint]) -> Option<ScalingLaw> {
    let exponents = (5..=150).map(|hundredths| f64::from(hundredths) / 100.0);
    let laws = exponents.filter_map(|exponent| line(points, exponent));
    let squares = |law: &ScalingLaw| -> f64 {
        let errors = points.iter().map(|point| point.nats - law.at(point.events));
        errors.map(|error| error * error).sum()
    };
    let best = laws.min_by(|a, b| squares(a).total_cmp(&squares(b)))?;
    let freedom = points.len().saturating_sub(PARAMETERS).max(1) as f64;
    Some(ScalingLaw {
        residual: (squares(&best) / freedom).sqrt().max(NOISE_MIN),
        ..best
    })
}

/// The best `E` and `B` at one exponent: a straight line over `x = D^-b`, held at zero or above.
fn line(points: &[ScalingPoint], exponent: f64) -> Option<ScalingLaw> {
    let n = points.len() as f64;
    let xs: Vec<f64> = points.iter().map(|p| p.events.powf(-exponent)).collect();
    let (mean_x, mean_y) = (
        xs.iter().sum::<f64>() / n,
        points.iter().map(|p| p.nats).sum::<f64>() / n,
    );
    let pairs = || xs.iter().zip(points);
    let xx: f64 = xs.iter().map(|x| (x - mean_x).powi(2)).sum();
    let xy: f64 = pairs().map(|(x, p)| (x - mean_x) * (p.nats - mean_y)).sum();
    if xx <= 1e-12 * n * mean_x * mean_x {
        return None;
    }
    let mut scale = (xy / xx).max(0.0);
    let mut floor = mean_y - scale * mean_x;
    if floor < 0.0 {
        floor = 0.0;
        let (top, bottom): (f64, f64) = pairs().fold((0.0, 0.0), |(top, bottom), (x, p)| {
            (top + x * p.nats, bottom + x * x)
        });
        scale = (top / bottom).max(0.0);
    }
    Some(ScalingLaw {
        floor,
        scale,
        exponent,
        residual: 0.0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(law: impl Fn(f64) -> f64) -> Vec<ScalingPoint> {
        let sizes = (0..5).map(|i| 1e4 * f64::from(1 << i));
        sizes
            .map(|events| ScalingPoint {
                events,
                nats: law(events),
            })
            .collect()
    }

    #[test]
    fn it_finds_the_law_that_made_the_points() {
        let truth = |events: f64| 1.3 + 40.0 * events.powf(-0.45);
        let points = points(truth);
        let law = ScalingLaw::fit(&points).unwrap();
        assert!((law.floor - 1.3).abs() < 1e-6 && (law.exponent - 0.45).abs() < 1e-9);
        let expected = law.expected(&points, 3.2e5);
        assert!((expected.nats - truth(3.2e5)).abs() < 1e-6);
        assert!((expected.beyond - 2.0).abs() < 1e-9);
        let (low, high) = expected.interval;
        assert!(low < expected.nats && expected.nats < high && high - low < 0.05);
    }

    #[test]
    fn noise_and_distance_widen_the_interval() {
        let noise = [0.01, -0.012, 0.008, -0.006, 0.011];
        let exact = points(|events| 1.3 + 40.0 * events.powf(-0.45));
        let mut noisy = exact.clone();
        for (point, noise) in noisy.iter_mut().zip(noise) {
            point.nats += noise;
        }
        let law = ScalingLaw::fit(&noisy).unwrap();
        let width = |events| {
            let (low, high) = law.expected(&noisy, events).interval;
            high - low
        };
        assert!(width(3.2e5) > 0.05, "{}", width(3.2e5));
        assert!(width(1e8) > width(3.2e5));
        let (low, high) = law.expected(&noisy, 3.2e5).interval;
        let truth = 1.3 + 40.0 * 3.2e5f64.powf(-0.45);
        assert!(low < truth && truth < high);
    }

    #[test]
    fn too_few_points_and_flat_ones() {
        let flat = points(|_| 2.0);
        assert!(ScalingLaw::fit(&flat[..3]).is_none());
        let law = ScalingLaw::fit(&flat).unwrap();
        assert!((law.at(1e9) - 2.0).abs() < 1e-9);
        let one_size = [flat[0]; 5];
        assert!(ScalingLaw::fit(&one_size).is_none());
        // Losses that rise with data have no falling law: the mean is what is left.
        let rising = points(|events| events / 1e5);
        let law = ScalingLaw::fit(&rising).unwrap();
        assert!(law.scale.abs() < 1e-12);
    }
}
