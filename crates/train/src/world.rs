//! A world of known law for this crate's tests: a two-state Markov renewal process.
//!
//! After a state the next event is a tie with probability [`TIE`], else it comes after an
//! exponential wait of the state's own rate; the next state depends on the present one and on
//! nothing else. State A carries a value that is uniform on 100 whole numbers after A and after B
//! lies in their upper half: so that wait, code and value all depend on history.

use crate::data::{Part, TrainData};
use crate::evaluate::Losses;
use crate::loader::SplitMix;
use crate::options::{Options, sizes};
use longitude_core::{
    Code, Days, Event, Instant, Observation, ObservationSource, Origin, SubjectId, Timeline,
};
use longitude_model::{Config, Input};
use longitude_tokens::{Tokens, Vocabulary, VocabularyBuilder, VocabularyOptions, encode};

/// The probability that the next event is a tie.
pub(crate) const TIE: f64 = 0.2;

/// Events a day after each state, and the probability of A after it.
const RATE: [f64; 2] = [2.0, 0.05];
const NEXT_A: [f64; 2] = [0.85, 0.3];

/// Days of observation.
const SPAN: f64 = 60.0;

fn uniform(random: &mut SplitMix) -> f64 {
    ((random.next() >> 11) as f64 + 0.5) / (1u64 << 53) as f64
}

/// One subject: a static fact, birth, the state at entry, then the process up to the end.
pub(crate) fn timeline(subject: i64, events_max: usize) -> Timeline {
    let mut random = SplitMix(subject.cast_unsigned().wrapping_mul(0x1234_5678_9abc_def1));
    let origin = || Origin::derived("test");
    let mut events = vec![
        Event::new(Code::new("GENDER", "female"), None, origin()),
        Event::new(
            Code::birth(),
            Some(Instant(0).plus(Days(-15_000.0))),
            origin(),
        ),
        Event::new(Code::new("", "B"), Some(Instant(0)), origin()),
    ];
    let (mut now, mut state) = (Instant(0), 1);
    let mut end = Instant(0).plus(Days(SPAN));
    let mut last = now;
    loop {
        if uniform(&mut random) >= TIE {
            now = now.plus(Days(-uniform(&mut random).ln() / RATE[state]));
        }
        let next = usize::from(uniform(&mut random) >= NEXT_A[state]);
        if now > end {
            break;
        }
        if events.len() >= events_max + 3 {
            // Stopping by count: nothing is known of the wait after the last event.
            end = last;
            break;
        }
        last = now;
        let mut event = Event::new(Code::new("", ["A", "B"][next]), Some(now), origin());
        if next == 0 {
            let share = uniform(&mut random);
            let share = if state == 1 {
                f64::midpoint(share, 1.0)
            } else {
                share
            };
            event.numeric_value = Some((share * 100.0).floor().min(99.0));
        }
        events.push(event);
        state = next;
    }
    let observation = Observation {
        start: Some(Instant(0)),
        end: (end > last).then_some(end),
        source: ObservationSource::Stated,
    };
    Timeline::new(SubjectId(subject), events, observation)
}

/// The nats of the true law on some timelines, value bins at their exact shares.
pub(crate) fn truth(vocabulary: &Vocabulary, timelines: &[Timeline]) -> Losses {
    let mut sum = Losses::default();
    for timeline in timelines {
        let events = &timeline.events()[2..];
        let state = |event: &Event| usize::from(&*event.code.value == "B");
        for pair in events.windows(2) {
            let (from, to) = (state(&pair[0]), state(&pair[1]));
            let (Some(t0), Some(t1)) = (pair[0].time, pair[1].time) else {
                continue;
            };
            let Days(wait) = t1 - t0;
            let tie = t0 == t1;
            sum.wait += if tie {
                -TIE.ln()
            } else {
                -(1.0 - TIE).ln() - RATE[from].ln() + RATE[from] * wait
            };
            let a = if to == 0 {
                NEXT_A[from]
            } else {
                1.0 - NEXT_A[from]
            };
            sum.code -= a.ln();
            sum.events += 1;
            if let Some(value) = pair[1].numeric_value {
                sum.value_bin -= share(vocabulary, value, from).ln();
                sum.values += 1;
            }
        }
        let Some(last) = events.last() else { continue };
        if let (Some(end), Some(time)) = (timeline.observation().end, last.time) {
            let Days(wait) = end - time;
            sum.wait += -(1.0 - TIE).ln() + RATE[state(last)] * wait;
            sum.censored += 1;
        }
    }
    sum
}

/// The true probability of the bin of a value of A after a state.
fn share(vocabulary: &Vocabulary, value: f64, from: usize) -> f64 {
    let Some(bins) = vocabulary.bins_of(vocabulary.id(&Code::new("", "A"))) else {
        return 1.0;
    };
    let low = if from == 1 { 50 } else { 0 };
    let bin = bins.bin(value);
    let inside = (low..100).filter(|v| bins.bin(f64::from(*v)) == bin);
    inside.count() as f64 / f64::from(100 - low)
}

/// The true probability of an A in the next days when the last event was a state's and no tie
/// follows it, by many futures: waits have no memory, so time that has passed does not matter.
pub(crate) fn risk_of_a(state: usize, within_days: f64) -> f64 {
    let mut random = SplitMix(99);
    let futures = 20_000;
    let mut hits = 0;
    for _ in 0..futures {
        let (mut now, mut state, mut first) = (0.0, state, true);
        loop {
            if first || uniform(&mut random) >= TIE {
                now -= uniform(&mut random).ln() / RATE[state];
            }
            first = false;
            if now > within_days {
                break;
            }
            state = usize::from(uniform(&mut random) >= NEXT_A[state]);
            if state == 0 {
                hits += 1;
                break;
            }
        }
    }
    f64::from(hits) / f64::from(futures)
}

/// What a model sees at a position of tokens that are shorter than its context.
pub(crate) fn input(tokens: &Tokens, position: usize) -> Input {
    let days =
        |from: usize| crate::sequences::days(tokens.time_us[position] - tokens.time_us[from]);
    Input {
        code: tokens.code[position],
        value_bin: tokens.value_bin[position],
        value: tokens.value[position],
        age_days: tokens.age_days[position],
        time_days: days(0),
        wait_days_prev: crate::sequences::single(days(position.saturating_sub(1))),
    }
}

pub(crate) struct World {
    pub(crate) vocabulary: Vocabulary,
    pub(crate) data: TrainData,
    /// Subjects that nobody learns from.
    pub(crate) held_out: Vec<Timeline>,
}

/// Subjects to learn from and a quarter as many each to stop early on and to judge by.
pub(crate) fn world(subjects: i64, events_max: usize) -> World {
    let learn: Vec<Timeline> = (1..=subjects).map(|i| timeline(i, events_max)).collect();
    let other = |base: i64| -> Vec<Timeline> {
        (base..base + subjects / 4)
            .map(|i| timeline(i, events_max))
            .collect()
    };
    let mut builder = VocabularyBuilder::new(VocabularyOptions {
        value_bins: 4,
        ..VocabularyOptions::with_subjects_min(1)
    });
    for one in &learn {
        builder.observe(one);
    }
    let vocabulary = builder.finish().unwrap();
    let mut data = TrainData::new(&vocabulary).unwrap();
    for one in &learn {
        data.take(Part::Learn, one.subject(), &encode(&vocabulary, one));
    }
    for one in other(1_000_000) {
        data.take(Part::EarlyStop, one.subject(), &encode(&vocabulary, &one));
    }
    World {
        vocabulary,
        data,
        held_out: other(2_000_000),
    }
}

impl World {
    pub(crate) fn options(&self, steps: u64) -> Options {
        let sizes = sizes(&self.vocabulary).unwrap();
        let config = Config::shaped((32, 1, 2), 64, sizes);
        Options {
            batch_tokens: 1024,
            learning_rate: 5e-3,
            tuning_positions_max: 8192,
            ..Options::for_shape(config, steps, 7)
        }
    }

    pub(crate) fn held_out_tokens(&self) -> Vec<Tokens> {
        let encode = |one| encode(&self.vocabulary, one);
        self.held_out.iter().map(encode).collect()
    }
}
