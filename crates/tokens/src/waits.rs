//! The waits between scored events: how they follow from a timeline, and their histogram.
//!
//! Counts are integers (microseconds, not days), so that sums do not depend on the order of
//! subjects.

use crate::encode::Next;
use crate::span::Span;
use crate::vocabulary::WaitMarginal;
use longitude_core::{Days, Instant};

/// Follows the scored waits along one timeline as [`crate::Tokens::next`] does, without tokens.
pub(crate) struct Waits {
    span: Span,
    before: Option<i64>,
    now: i64,
    dead: bool,
    past_end: bool,
}

impl Waits {
    pub(crate) fn new(span: &Span) -> Self {
        Self {
            span: *span,
            before: None,
            now: i64::MIN,
            dead: false,
            past_end: false,
        }
    }

    /// What the likelihood asks of the step to an event.
    pub(crate) fn step(&mut self, at: Instant, death: bool) -> Next {
        self.now = self.now.max(at.0);
        self.past_end |= self.span.end.is_some_and(|end| self.now > end.0);
        if self.dead || self.past_end {
            return Next::None;
        }
        let entry = self.span.entry.0;
        let from = self.before.filter(|before| *before >= entry);
        self.before = Some(self.now);
        self.dead = death;
        match from {
            Some(from) if self.now > entry => Next::Event {
                wait_us: self.now.saturating_sub(from),
            },
            _ => Next::None,
        }
    }

    /// What it asks of the step from the last event to the end of observation.
    pub(crate) fn end(&self) -> Next {
        let from = self.before.filter(|before| *before >= self.span.entry.0);
        match (from, self.span.end) {
            (Some(from), Some(end)) if !self.dead => Next::Censored {
                wait_us: end.0.saturating_sub(from),
            },
            _ => Next::None,
        }
    }
}

/// The histogram on its way.
#[derive(Clone)]
pub(crate) struct WaitCounts {
    edges_us: Vec<i64>,
    zero: u64,
    chances: u64,
    events: Vec<u64>,
    exposure_us: Vec<u128>,
}

impl WaitCounts {
    /// Bins of waits: from 0, then log-spaced from one minute to 20 years, the last one open.
    pub(crate) fn new(bins: u16) -> Self {
        let bins = bins.max(2);
        let minute: f64 = 1.0 / 1440.0;
        let top = 20.0 * Days::PER_YEAR;
        let step = (top / minute).ln() / (f64::from(bins) - 2.0).max(1.0);
        let edge = |i: u16| Days(minute * (step * f64::from(i)).exp()).to_micros();
        let edges_us: Vec<i64> = std::iter::once(0).chain((0..bins - 1).map(edge)).collect();
        Self {
            zero: 0,
            chances: 0,
            events: vec![0; edges_us.len()],
            exposure_us: vec![0; edges_us.len()],
            edges_us,
        }
    }

    pub(crate) fn add(&mut self, step: Next) {
        let (wait_us, event) = match step {
            Next::None => return,
            Next::Event { wait_us } => (wait_us, true),
            Next::Censored { wait_us } => (wait_us, false),
        };
        self.chances += 1;
        if event && wait_us == 0 {
            self.zero += 1;
            return;
        }
        let above = self.edges_us.partition_point(|edge| *edge <= wait_us);
        let bin = above.max(1) - 1;
        self.events[bin] += u64::from(event);
        for index in 0..=bin {
            let upper = self.edges_us.get(index + 1).copied();
            let end = upper.map_or(wait_us, |upper| upper.min(wait_us));
            self.exposure_us[index] += u128::from(end.abs_diff(self.edges_us[index]));
        }
    }

    pub(crate) fn finish(self) -> WaitMarginal {
        let days = |micros: i64| Days::from_micros(micros).0;
        let per_day = Days(1.0).to_micros() as f64;
        WaitMarginal {
            edges_days: self.edges_us.into_iter().map(days).collect(),
            zero: self.zero,
            chances: self.chances,
            events: self.events,
            exposure_days: self
                .exposure_us
                .into_iter()
                .map(|micros| micros as f64 / per_day)
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exposure_is_shared_among_the_bins_a_wait_crosses() {
        let mut counts = WaitCounts::new(8);
        counts.add(Next::Event { wait_us: 0 });
        counts.add(Next::Event {
            wait_us: Days(2.0).to_micros(),
        });
        counts.add(Next::Censored {
            wait_us: Days(10_000.0).to_micros(),
        });
        counts.add(Next::None);
        let wait = counts.finish();
        assert_eq!((wait.zero, wait.chances), (1, 3));
        assert_eq!(wait.events.iter().sum::<u64>(), 1);
        let total: f64 = wait.exposure_days.iter().sum();
        assert!((total - 10_002.0).abs() < 1e-6, "{total}");
        assert!((wait.edges_days[7] - 7305.0).abs() < 1e-6);
        assert!((wait.exposure_days[7] - 2695.0).abs() < 1e-6);
    }
}
