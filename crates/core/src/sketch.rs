//! A bounded sample of a stream that does not depend on the stream's order.
//!
//! Bottom-k sampling (Cohen and Kaplan 2007): every value gets a pseudo-random priority from what
//! identifies it, and the k smallest priorities are kept. Up to k values the sample is the stream
//! itself; beyond, it is a uniform sample without replacement, the same for every order of subjects
//! and every number of threads. A quantile at share p then has a standard error of
//! sqrt(p (1 - p) / k) in share: 0.8 points at the median for k = 4096.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::fmt;

/// A value with its priority, ordered by priority and then by the value's bits.
#[derive(Clone, Copy)]
struct Kept {
    priority: u64,
    value: f64,
}

impl PartialEq for Kept {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Kept {}
impl PartialOrd for Kept {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Kept {
    fn cmp(&self, other: &Self) -> Ordering {
        self.priority
            .cmp(&other.priority)
            .then(self.value.total_cmp(&other.value))
    }
}

/// The sample. `Debug` is redacted: it holds patients' values.
#[derive(Clone)]
pub struct Sketch {
    kept: BinaryHeap<Kept>,
    values_max: usize,
}

impl Sketch {
    /// An empty sample that keeps at most `values_max` values.
    pub fn new(values_max: usize) -> Self {
        Self {
            kept: BinaryHeap::new(),
            values_max,
        }
    }

    /// Takes a finite value in, identified by its subject and its place in the timeline.
    pub fn push(&mut self, subject: i64, place: u64, value: f64) {
        let kept = Kept {
            priority: priority(subject, place),
            value,
        };
        if self.kept.len() < self.values_max {
            self.kept.push(kept);
        } else if self.kept.peek().is_some_and(|largest| kept < *largest) {
            self.kept.pop();
            self.kept.push(kept);
        }
    }

    /// The sample in ascending order.
    pub fn sorted(&self) -> Vec<f64> {
        let mut values: Vec<f64> = self.kept.iter().map(|kept| kept.value).collect();
        values.sort_by(f64::total_cmp);
        values
    }
}

impl fmt::Debug for Sketch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Sketch({} of at most {})",
            self.kept.len(),
            self.values_max
        )
    }
}

/// Two rounds of the finaliser of SplitMix64 (Steele, Lea and Flood 2014).
fn priority(subject: i64, place: u64) -> u64 {
    mix(mix(subject.cast_unsigned()) ^ place)
}

fn mix(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_does_not_matter_and_quantiles_are_near() {
        let stream: Vec<(i64, u64, f64)> = (0..50_000i64)
            .map(|i| (i / 10, i.cast_unsigned() % 10, i as f64))
            .collect();
        let (mut forward, mut backward) = (Sketch::new(4096), Sketch::new(4096));
        for &(subject, place, value) in &stream {
            forward.push(subject, place, value);
        }
        for &(subject, place, value) in stream.iter().rev() {
            backward.push(subject, place, value);
        }
        let sorted = forward.sorted();
        assert_eq!(sorted, backward.sorted());
        assert_eq!(sorted.len(), 4096);
        // Four standard errors of the median in share are 0.031.
        let median = sorted[2048] / 50_000.0;
        assert!((median - 0.5).abs() < 0.031, "{median}");
    }

    #[test]
    fn a_short_stream_is_kept_whole() {
        let mut sketch = Sketch::new(4);
        for (place, value) in [(0, 3.0), (1, 1.0), (2, 1.0)] {
            sketch.push(7, place, value);
        }
        assert_eq!(sketch.sorted(), [1.0, 1.0, 3.0]);
    }
}
