//! What no hospital should send and some hospital does: each gives a trained model or an error that
//! names the fault; nothing panics, and no weight or loss stops being finite.

#![expect(clippy::unwrap_used, reason = "a test may stop where it stands")]
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "indices of a few events"
)]

use longitude_core::{
    Code, Days, Event, Instant, Observation, ObservationSource, Origin, SubjectId, Timeline,
};
use longitude_deid::{Deidentified, Deidentifier, Key, Options as Rule};
use longitude_model::Config;
use longitude_tokens::{VocabularyBuilder, VocabularyOptions};
use longitude_train::{Control, Error, Options, Part, TrainData, Trained, sizes, train};

const START: Instant = Instant(1_500_000_000_000_000);

fn event(code: &str, day: f64, value: Option<f64>) -> Event {
    let mut event = Event::new(
        Code::new("X", code),
        Some(START.plus(Days(day))),
        Origin::derived("test"),
    );
    event.numeric_value = value;
    event
}

fn birth(days_before: f64) -> Event {
    let at = START.plus(Days(-days_before));
    Event::new(Code::birth(), Some(at), Origin::derived("test"))
}

fn timeline(subject: i64, events: Vec<Event>) -> Timeline {
    let last = events.iter().filter_map(|event| event.time).max();
    let observation = Observation {
        start: Some(START),
        end: last.map(|last| last.plus(Days(1.0))),
        source: ObservationSource::Stated,
    };
    Timeline::new(SubjectId(subject), events, observation)
}

/// Twenty subjects with twelve events each, days apart.
fn subjects(event_of: impl Fn(i64, i64) -> Event) -> Vec<Timeline> {
    let one = |subject| {
        let events = (0..12).map(|i| event_of(subject, i));
        timeline(
            subject,
            [birth(15_000.0)].into_iter().chain(events).collect(),
        )
    };
    (0..20).map(one).collect()
}

/// The data of a training, or why no vocabulary can be made of them.
fn data_of(timelines: Vec<Timeline>) -> Result<TrainData, longitude_tokens::Error> {
    let key = Key::from_bytes([7; 32]);
    let boundary = Deidentifier::new(&key, &Rule::expert_determination(180));
    let sealed: Vec<Deidentified<Timeline>> = timelines
        .into_iter()
        .map(|one| boundary.timeline(one).0)
        .collect();
    let mut builder = VocabularyBuilder::new(VocabularyOptions::with_subjects_min(1));
    for one in &sealed {
        builder.observe(one.get());
    }
    let mut data = TrainData::new(&builder.finish()?).unwrap();
    for (i, one) in sealed.iter().enumerate() {
        let part = if i % 5 == 4 {
            Part::EarlyStop
        } else {
            Part::Learn
        };
        data.push(part, one);
    }
    Ok(data)
}

fn trained_on(data: &TrainData, steps: u64) -> Result<Trained, Error> {
    let config = Config::shaped((16, 1, 2), 32, sizes(data.vocabulary()).unwrap());
    let options = Options {
        batch_tokens: 128,
        patience: 0,
        ..Options::for_shape(config, steps, 1)
    };
    train(data, &options, &mut |progress| {
        assert!(progress.gradient_norm.is_finite());
        Control::Continue
    })
}

/// A trained model without a number that is not finite.
fn sound(timelines: Vec<Timeline>) -> Trained {
    let trained = trained_on(&data_of(timelines).unwrap(), 6).unwrap();
    let weights = trained.model.weights();
    assert!(weights.iter().all(|weight| weight.is_finite()));
    for point in &trained.record.tuning {
        assert!(point.nats.total().is_finite(), "{point:?}");
    }
    trained
}

fn refused(timelines: Vec<Timeline>) -> String {
    match data_of(timelines) {
        Ok(data) => trained_on(&data, 6).unwrap_err().to_string(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn nobody_and_nothing() {
    assert!(refused(Vec::new()).contains("no training timeline was observed"));
    let nothing = "no training subject has an event after its entry";
    assert!(refused(vec![timeline(1, Vec::new())]).contains(nothing));
    assert!(refused(vec![timeline(1, vec![birth(9_000.0)])]).contains(nothing));
}

#[test]
fn a_single_patient() {
    let one = subjects(|_, i| event("A", i as f64, None)).swap_remove(0);
    let trained = sound(vec![one]);
    assert_eq!(trained.record.subjects, [1, 0]);
}

#[test]
fn one_code_only() {
    sound(subjects(|_, i| event("A", i as f64, None)));
}

#[test]
fn values_that_are_all_missing_or_all_the_same() {
    sound(subjects(|_, i| {
        event(["A", "B"][(i % 2) as usize], i as f64, None)
    }));
    sound(subjects(|_, i| event("A", i as f64, Some(5.0))));
}

#[test]
fn extreme_values() {
    let values = [
        1e300,
        -1e300,
        5e-324,
        f64::MIN_POSITIVE,
        f64::MAX,
        f64::MIN,
        0.0,
        -0.0,
        1.0,
        3.4e38,
        1e-30,
        7.0,
    ];
    sound(subjects(|_, i| {
        event("A", i as f64, Some(values[i as usize]))
    }));
}

#[test]
fn values_that_are_no_numbers() {
    let values = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1.0];
    sound(subjects(|s, i| {
        event("A", i as f64, Some(values[((s + i) % 4) as usize]))
    }));
    sound(subjects(|_, i| event("A", i as f64, Some(f64::NAN))));
}

#[test]
fn ages_below_zero_and_above_120() {
    let born = |days: f64| {
        move |subject: i64| {
            let events = (0..12).map(|i| event("A", f64::from(i), None));
            timeline(subject, [birth(days)].into_iter().chain(events).collect())
        }
    };
    // Born after everything that is recorded: there is no event after entry.
    assert!(refused((0..20).map(born(-400.0)).collect()).contains("after its entry"));
    sound((0..20).map(born(150.0 * 365.25)).collect());
    sound((0..20).map(born(9_000.0 * 365.25)).collect());
    // A third of the subjects each.
    let mixed = |s: i64| match s % 3 {
        0 => born(-400.0)(s),
        1 => born(150.0 * 365.25)(s),
        _ => timeline(s, (0..12).map(|i| event("A", f64::from(i), None)).collect()),
    };
    sound((0..20).map(mixed).collect());
}

#[test]
fn everything_at_one_instant_and_gaps_of_centuries() {
    sound(subjects(|_, i| {
        event(["A", "B"][(i % 2) as usize], 0.0, Some(i as f64))
    }));
    sound(subjects(|_, i| event("A", i as f64 * 36_525.0, None)));
    sound(subjects(|_, i| event("A", i as f64 * 1e-9, None)));
}

/// Memory is linear in the events, and a step takes what fits into a batch however long the
/// timeline is.
#[test]
fn a_timeline_of_a_million_events() {
    let million = 1_000_000;
    let mut all = subjects(|_, i| event("A", i as f64, Some(i as f64)));
    let codes = ["A", "B", "C", "D"];
    let long = (0..million).map(|i| {
        let value = (i % 3 == 0).then_some((i % 50) as f64);
        event(codes[i % 4], i as f64 / 24.0, value)
    });
    all.push(timeline(
        99,
        [birth(15_000.0)].into_iter().chain(long).collect(),
    ));
    let data = data_of(all).unwrap();
    assert!(data.events(Part::Learn) > million);
    // Columns of 22 bytes an event; a vector that grew may hold twice that.
    assert!(data.bytes() < 50 * million, "{}", data.bytes());
    let trained = trained_on(&data, 3).unwrap();
    assert!(trained.record.tokens <= 3 * 128);
}
