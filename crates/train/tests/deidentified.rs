//! The whole way of this crate from outside: timelines through the privacy boundary into training.

use longitude_core::{
    Code, Days, Event, Instant, Observation, ObservationSource, Origin, Split, SubjectId, Timeline,
};
use longitude_deid::{Deidentified, Deidentifier, Key, Options as DeidOptions};
use longitude_model::Config;
use longitude_tokens::{VocabularyBuilder, VocabularyOptions};
use longitude_train::{Control, Options, Part, TrainData, sizes, train};

/// A subject whose A is followed by B after a day, and B by A after ten.
fn timeline(subject: i64) -> Timeline {
    let start = Instant(1_500_000_000_000_000).plus(Days((subject % 50) as f64));
    let mut events = vec![Event::new(
        Code::birth(),
        Some(start.plus(Days(-20_000.0))),
        Origin::derived("test"),
    )];
    let mut now = start;
    for i in 0..20 {
        let code = Code::new("X", if i % 2 == 0 { "A" } else { "B" });
        events.push(Event::new(code, Some(now), Origin::derived("test")));
        now = now.plus(Days(if i % 2 == 0 { 1.0 } else { 10.0 }));
    }
    let observation = Observation {
        start: Some(start),
        end: Some(now),
        source: ObservationSource::Stated,
    };
    Timeline::new(SubjectId(subject), events, observation)
}

#[test]
fn deidentified_timelines_train_a_model() {
    let key = Key::from_bytes([7; 32]);
    let boundary = Deidentifier::new(&key, &DeidOptions::expert_determination(180));
    let sealed: Vec<_> = (0..60).map(|i| boundary.timeline(timeline(i)).0).collect();
    let split = |subject| Split::of(subject);
    let mut builder = VocabularyBuilder::new(VocabularyOptions::with_subjects_min(2));
    for one in sealed.iter().map(Deidentified::get) {
        if split(one.subject()) == Split::Train {
            builder.observe(one);
        }
    }
    let vocabulary = builder.finish().unwrap();
    let mut data = TrainData::new(&vocabulary).unwrap();
    for one in &sealed {
        let subject = one.get().subject();
        if let Some(part) = Part::of(subject, split(subject)) {
            data.push(part, one);
        }
    }
    assert!(data.subjects(Part::Learn) > 30 && data.subjects(Part::EarlyStop) > 0);
    let config = Config::shaped((16, 1, 2), 32, sizes(&vocabulary).unwrap());
    let options = Options {
        batch_tokens: 512,
        learning_rate: 1e-2,
        patience: 0,
        ..Options::for_shape(config, 60, 1)
    };
    let mut steps = 0;
    let trained = train(&data, &options, &mut |progress| {
        steps += 1;
        assert_eq!(progress.step, steps);
        Control::Continue
    });
    let record = trained.unwrap().record;
    assert_eq!((steps, record.steps_done), (60, 60));
    let (first, best) = (record.tuning[0].nats, record.tuning.last().unwrap().nats);
    // The code after a code is certain here: the marginal model's ln 2 falls towards 0.
    assert!(
        first.code > 0.6 && best.code < 0.2,
        "{} {}",
        first.code,
        best.code
    );
    assert!(best.wait < first.wait - 0.3, "{} {}", first.wait, best.wait);
    assert_eq!(record.warnings.subjects_without_end, 0);
    assert_eq!(record.data, data.data_digest());
}
