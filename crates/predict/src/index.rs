//! When to ask, for data that carry no prediction times of their own. No task language: the rule is
//! one, fixed and blind to the future. What to ask is in `default_tasks`.
//!
//! # The rule
//!
//! A prediction time that is drawn from a subject's whole span makes risks wrong: a span that ends
//! in death soon is short, so its few times are drawn more often, and the labels then say more of
//! the drawing than of the subject. Here the choice at each moment rests on the past alone: with
//! the days on which something was recorded numbered from the one that completes `events_min`
//! events, the hash of seed and subject draws a number J between 1 and `days_max`, and the time is
//! the midnight (UTC) after day J. Subjects who have no day J have no prediction time, whatever the
//! reason. `days_max` comes from the whole data set, never from the subject.

use longitude_core::{Days, Digest, Event, Instant, SubjectId, Timeline};
use serde::{Deserialize, Serialize};

/// How prediction times are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexOptions {
    /// The seed of the draw.
    pub seed: u64,
    /// Timed events, birth aside, that come before.
    pub events_min: u32,
    /// The largest J.
    pub days_max: u32,
}

impl IndexOptions {
    /// At least 5 events before (what abstention asks too), and J up to half of the median number
    /// of recorded days: three subjects in four then have a day J, and half of their record lies
    /// ahead. Pass the training subjects.
    pub fn fit<'t>(seed: u64, timelines: impl Iterator<Item = &'t Timeline>) -> Self {
        let mut fit = IndexFit::new(seed);
        timelines.for_each(|timeline| fit.observe(timeline));
        fit.finish()
    }
}

/// Fits [`IndexOptions`] from subjects that come one at a time.
#[derive(Clone, Debug)]
pub struct IndexFit {
    options: IndexOptions,
    days: Vec<u32>,
}

impl IndexFit {
    /// Starts with no subjects.
    pub fn new(seed: u64) -> Self {
        Self {
            options: IndexOptions {
                seed,
                events_min: 5,
                days_max: 1,
            },
            days: Vec::new(),
        }
    }

    /// Takes in one training subject; one who never has enough events does not count.
    pub fn observe(&mut self, timeline: &Timeline) {
        let days = recorded_days(timeline, self.options.events_min).count();
        if days > 0 {
            self.days.push(u32::try_from(days).unwrap_or(u32::MAX));
        }
    }

    /// The fitted options.
    pub fn finish(mut self) -> IndexOptions {
        self.days.sort_unstable();
        let median = self.days.get(self.days.len() / 2).copied().unwrap_or(1);
        IndexOptions {
            days_max: median.div_ceil(2).max(1),
            ..self.options
        }
    }
}

/// The prediction time of a subject by the rule above, or `None` when the subject has no day J, is
/// dead by then, or nothing more was observed after it.
pub fn index_time(timeline: &Timeline, options: &IndexOptions) -> Option<Instant> {
    let chosen = draw(options, timeline.subject());
    let day = recorded_days(timeline, options.events_min).nth(chosen)?;
    let at = Instant(day.saturating_add(1).saturating_mul(day_us()));
    let alive = timeline.death().is_none_or(|death| death > at);
    (alive && last_observed(timeline)? > at).then_some(at)
}

/// The end of observation where it is stated, else the last event.
pub fn last_observed(timeline: &Timeline) -> Option<Instant> {
    let last = timeline.events().iter().filter_map(|event| event.time);
    timeline.observation().end.or(last.max())
}

/// The days (numbered from the epoch, UTC) with timed events, from the one on which there are
/// `events_min` of them.
fn recorded_days(timeline: &Timeline, events_min: u32) -> impl Iterator<Item = i64> {
    let enough = (events_min as usize).max(1) - 1;
    let mut last = None;
    let times = timeline.events().iter().filter_map(happening).skip(enough);
    times.filter_map(move |time| {
        let day = time.0.div_euclid(day_us());
        let new = last != Some(day);
        last = Some(day);
        new.then_some(day)
    })
}

fn happening(event: &Event) -> Option<Instant> {
    event
        .time
        .filter(|_| !event.code.is_birth() && !event.code.is_death())
}

/// J - 1: uniform from 0 to below `days_max`, by seed and subject.
fn draw(options: &IndexOptions, subject: SubjectId) -> usize {
    let parts: [&[u8]; 3] = [
        b"index-time",
        &options.seed.to_le_bytes(),
        &subject.0.to_le_bytes(),
    ];
    let bits = Digest::of_parts(&parts).leading_i63();
    usize::try_from(bits % i64::from(options.days_max.max(1))).unwrap_or(0)
}

fn day_us() -> i64 {
    Days(1.0).to_micros()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use longitude_core::Observation;

    fn options(days_max: u32) -> IndexOptions {
        IndexOptions {
            seed: 3,
            events_min: 2,
            days_max,
        }
    }

    #[test]
    fn the_first_day_with_enough_events_is_the_first_candidate() {
        let events = [("A", 0.1), ("A", 1.2), ("A", 1.4), ("A", 7.0)];
        let timeline = fixture::timeline(1, &events, Observation::UNKNOWN);
        let days: Vec<_> = recorded_days(&timeline, 2).collect();
        assert_eq!(days, [1, 7]);
        assert_eq!(
            index_time(&timeline, &options(1)),
            Some(Instant(0).plus(Days(2.0)))
        );
    }

    #[test]
    fn the_future_decides_only_whether_there_is_an_answer() {
        let mut long: Vec<(&str, f64)> = (0..40).map(|i| ("A", f64::from(i) * 1.5)).collect();
        let full = fixture::timeline(9, &long, Observation::UNKNOWN);
        let at = index_time(&full, &options(12)).unwrap();
        // Whatever comes after the chosen time, the time stays.
        long.retain(|(_, day)| Instant(0).plus(Days(*day)) <= at);
        long.push(("MEDS_DEATH", (at - Instant(0)).0 + 0.5));
        let cut = fixture::timeline(9, &long, Observation::UNKNOWN);
        assert_eq!(index_time(&cut, &options(12)), Some(at));
        // Dead by then: none.
        long.pop();
        long.push(("MEDS_DEATH", (at - Instant(0)).0));
        let dead = fixture::timeline(9, &long, Observation::UNKNOWN);
        assert_eq!(index_time(&dead, &options(12)), None);
        // Also where the record is known to go on after death.
        let dead = fixture::timeline(9, &long, fixture::until(900.0));
        assert_eq!(index_time(&dead, &options(12)), None);
    }

    #[test]
    fn the_scale_is_the_data_sets() {
        let of_days = |subject: i64, n: i32| {
            let events: Vec<_> = (0..n).map(|i| ("A", f64::from(i))).collect();
            fixture::timeline(subject, &events, Observation::UNKNOWN)
        };
        let data: Vec<_> = (1..=9).map(|i| of_days(i, 4 + 10)).collect();
        let fitted = IndexOptions::fit(1, data.iter());
        assert_eq!(fitted.days_max, 5);
        assert!(index_time(&of_days(1, 3), &fitted).is_none());
        let chosen: Vec<_> = (0..60)
            .filter_map(|i| index_time(&of_days(i, 14), &fitted))
            .collect();
        assert_eq!(chosen.len(), 60);
        let distinct: std::collections::BTreeSet<_> = chosen.into_iter().collect();
        assert_eq!(distinct.len(), 5);
    }
}
