//! How much of a training step is spent on its batch: built in the step itself, and built ahead.
//!
//! ```text
//! cargo xtask bench loader [SUBJECTS] [STEPS]
//! ```
#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]

use longitude_core::{
    Code, Days, Event, Instant, Observation, ObservationSource, Origin, SubjectId, Timeline,
};
use longitude_deid::{Deidentified, Deidentifier, Key, Options as Rule};
use longitude_model::{Config, Preset};
use longitude_tokens::{VocabularyBuilder, VocabularyOptions};
use longitude_train::{Control, Options, Part, TrainData, build_batches, sizes, train};
use std::time::Instant as Clock;

type Failed = Box<dyn std::error::Error>;

/// A subject with some two hundred events of fifty codes, hours to days apart.
fn timeline(subject: i64) -> Timeline {
    let start = Instant(1_500_000_000_000_000);
    let birth = Event::new(
        Code::birth(),
        Some(start.plus(Days(-20_000.0))),
        Origin::derived("bench"),
    );
    let mut now = start;
    let mut state = subject.cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let events = (0..150 + subject % 100).map(|_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        now = now.plus(Days((state % 97) as f64 / 20.0));
        let code = Code::new("X", format!("C{}", state % 50));
        let mut event = Event::new(code, Some(now), Origin::derived("bench"));
        event.numeric_value = state.is_multiple_of(3).then_some((state % 31) as f64);
        event
    });
    let events: Vec<Event> = std::iter::once(birth).chain(events).collect();
    let observation = Observation {
        start: Some(start),
        end: Some(start.plus(Days(2_000.0))),
        source: ObservationSource::Stated,
    };
    Timeline::new(SubjectId(subject), events, observation)
}

fn main() -> Result<(), Failed> {
    let mut arguments = std::env::args().skip(1);
    let mut number = |standard: i64| arguments.next().map_or(Ok(standard), |text| text.parse());
    let (subjects, steps) = (number(2000)?, number(60)?.unsigned_abs());
    let boundary = Deidentifier::new(&Key::from_bytes([7; 32]), &Rule::expert_determination(180));
    let sealed: Vec<Deidentified<Timeline>> = (0..subjects)
        .map(|one| boundary.timeline(timeline(one)).0)
        .collect();
    let mut builder = VocabularyBuilder::new(VocabularyOptions::with_subjects_min(2));
    for one in &sealed {
        builder.observe(one.get());
    }
    let mut data = TrainData::new(&builder.finish()?)?;
    for one in &sealed {
        data.push(Part::Learn, one);
    }
    println!("preset  batch   build, ms   step, ms   share in the step   steps that waited");
    for (preset, threads) in [(Preset::Tiny, 1), (Preset::Tiny, 2), (Preset::Small, 2)] {
        let config = Config::preset(preset, sizes(data.vocabulary())?);
        let options = Options {
            threads,
            tuning_every: u64::MAX,
            patience: 0,
            ..Options::for_shape(config, steps, 1)
        };
        let started = Clock::now();
        build_batches(&data, &options, 20 * steps)?;
        let build = started.elapsed().as_secs_f64() / (20 * steps) as f64;
        let (mut waited, mut first) = (0, None);
        train(&data, &options, &mut |progress| {
            // The first step has nothing to build ahead of, and warms caches up.
            if first.is_some() {
                waited += u64::from(progress.waited);
            } else {
                first = Some(Clock::now());
            }
            Control::Continue
        })?;
        let spent = first.map_or(0.0, |first| first.elapsed().as_secs_f64());
        let step = spent / (steps - 1).max(1) as f64;
        println!(
            "{:<6} {:>6} {:>11.3} {:>10.2} {:>18.2} % {waited:>9} of {}",
            format!("{}/{threads}", preset.name()),
            options.batch_tokens,
            1e3 * build,
            1e3 * step,
            100.0 * build / (build + step),
            steps - 1
        );
    }
    Ok(())
}
