//! How long the fits take: `cargo run --release -p longitude-baseline --example baseline_speed`.

use longitude_baseline::{Error, Example, Kind, fit};
use longitude_core::{
    Code, Days, Event, Instant, Observation, Origin, Predicate, SubjectId, Task, Timeline,
};
use std::time::Instant as Clock;

const AT: Instant = Instant(0);

/// A subject with 250 events of 200 codes, half of them with numbers, and an outcome that some of
/// them drive.
fn timeline(subject: u64) -> (Timeline, bool) {
    let mut state = subject.wrapping_mul(0xd134_2543_de82_ef95);
    let mut uniform = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let bits = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        ((bits ^ (bits >> 27)) >> 11) as f64 / (1_u64 << 53) as f64
    };
    let code = |value: u64| Code::new("C", value.to_string());
    let birth = AT.plus(Days(-30_000.0 * uniform()));
    let mut events = vec![Event::new(
        Code::birth(),
        Some(birth),
        Origin::derived("speed"),
    )];
    let mut logit = -2.0;
    for number in 0..250 {
        let value = (number * 7919 + (uniform() * 60.0).round().to_bits() % 97) % 200;
        let time = AT.plus(Days(-1_500.0 * uniform()));
        let mut event = Event::new(code(value), Some(time), Origin::derived("speed"));
        event.numeric_value = (value % 2 == 0).then(|| uniform() * 10.0);
        logit += if value % 17 == 0 {
            event.numeric_value.unwrap_or(0.8) - 4.0
        } else {
            0.0
        } / 8.0;
        events.push(event);
    }
    let label = uniform() < 1.0 / (1.0 + f64::exp(-logit));
    if label {
        let outcome = Some(AT.plus(Days(100.0)));
        events.push(Event::new(
            Code::new("C", "X"),
            outcome,
            Origin::derived("speed"),
        ));
    }
    let subject = SubjectId(i64::try_from(subject).unwrap_or(0));
    (Timeline::new(subject, events, Observation::UNKNOWN), label)
}

#[expect(clippy::print_stdout, reason = "the example's purpose")]
fn main() -> Result<(), Error> {
    let subjects: Vec<(Timeline, bool)> = (0..18_000).map(timeline).collect();
    let labelled = subjects
        .iter()
        .map(|(timeline, label)| (Example { timeline, time: AT }, *label));
    let examples: Vec<(Example<'_>, bool)> = labelled.collect();
    let (train, tuning) = examples.split_at(16_000);
    let task = Task {
        id: "speed".into(),
        title: "Speed".into(),
        outcome: Predicate::code(Code::new("C", "X")),
        horizon: Days(365.0),
        incident: true,
    };
    for kind in Kind::ALL {
        let start = Clock::now();
        let fitted = fit(kind, train, tuning, &task, 1)?;
        let fit_seconds = start.elapsed().as_secs_f64();
        let start = Clock::now();
        let asked: Vec<Example<'_>> = tuning.iter().map(|(example, _)| *example).collect();
        let risks = fitted.predict(&asked);
        let mean = risks.iter().sum::<f64>() / risks.len() as f64;
        let chosen = fitted.describe();
        let asking = start.elapsed().as_secs_f64();
        println!("{kind}: fit {fit_seconds:.2} s, 2,000 answers {asking:.2} s");
        println!("  mean risk {mean:.3}, {chosen:?}");
    }
    Ok(())
}
