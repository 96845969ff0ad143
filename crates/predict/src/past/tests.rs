//! States between answers: the same bytes with them and without, and nothing but their own.

use super::*;
use crate::engine::tests::{at, engine, sampling, tasks};
use crate::fixture;
use longitude_core::Days;
use longitude_model::Precision;

#[test]
fn an_answer_after_one_more_event_runs_one_event_and_is_the_same() {
    let engine = engine(2);
    let timeline = fixture::patient(2, 30);
    let options = sampling(16, 8);
    let early = Asked {
        timeline: &timeline,
        at: at(40.0),
    };
    let late = Asked {
        timeline: &timeline,
        at: at(44.0),
    };
    let first = engine.past(&early, &options, None).unwrap();
    let bytes = engine.past_to_bytes(&first).unwrap();
    let kept = engine.past_from_bytes(timeline.subject(), &bytes).unwrap();
    let second = engine.past(&late, &options, Some(&kept)).unwrap();
    assert!(second.events() > first.events());
    let whole = engine.past(&late, &options, None).unwrap();
    let of = |past| engine.past_to_bytes(past).unwrap();
    assert!(of(&second) == of(&whole) && of(&second) != bytes);
    // An earlier time goes back along the kept events; the same one is the same state.
    let back = engine.past(&early, &options, Some(&second)).unwrap();
    assert!(of(&back) == bytes);
    let same = engine.past(&early, &options, Some(&first)).unwrap();
    assert!(Arc::ptr_eq(&same.prefix, &first.prefix));
    let pool = |past| {
        let pool = engine.pool_after(&late, Days(60.0), &[], (&options, past));
        pool.unwrap().0
    };
    assert!(pool(Some(&second)) == pool(None) && pool(Some(&kept)) == pool(None));
    assert_eq!(
        format!("{second:?}"),
        format!("Past({} events)", second.events())
    );
}

#[test]
fn foreign_and_damaged_states_are_told_apart_and_refused() {
    let one = engine(1);
    let timeline = fixture::patient(2, 30);
    let asked = Asked {
        timeline: &timeline,
        at: at(40.0),
    };
    let past = one.past(&asked, &sampling(4, 4), None).unwrap();
    let bytes = one.past_to_bytes(&past).unwrap();
    let read = |engine: &Engine, subject, bytes: &[u8]| {
        engine.past_from_bytes(SubjectId(subject), bytes).err()
    };
    assert_eq!(read(&one, 2, &bytes), None);
    assert_eq!(read(&one, 3, &bytes), Some(Unusable::Foreign));
    let other = engine(1).with_precision(Precision::Bf16).unwrap();
    assert_eq!(read(&other, 2, &bytes), Some(Unusable::Foreign));
    for place in [0, 20, 200, 3000, bytes.len() - 1] {
        let mut altered = bytes.clone();
        altered[place] ^= 1;
        assert!(read(&one, 2, &altered).is_some(), "{place}");
    }
    for cut in [0, 10, 300, bytes.len() - 4] {
        assert_eq!(
            read(&one, 2, &bytes[..cut]),
            Some(Unusable::Damaged),
            "{cut}"
        );
    }
    // Another subject's state is not gone on from.
    let stranger = fixture::patient(3, 30);
    let asked = Asked {
        timeline: &stranger,
        at: at(40.0),
    };
    let options = sampling(4, 4);
    let alone = one.past(&asked, &options, None).unwrap();
    let after = one.past(&asked, &options, Some(&past)).unwrap();
    let of = |past| one.past_to_bytes(past).unwrap();
    assert!(of(&alone) == of(&after));
}

/// Precisions answer nearly alike: the fixture's random weights are a hard case, so that only gross
/// faults show here; what a trained model loses is measured by a benchmark.
#[test]
fn other_precisions_answer_nearly_the_same_and_say_so() {
    let timeline = fixture::patient(2, 30);
    let asked = [Asked {
        timeline: &timeline,
        at: at(70.0),
    }];
    let exact = engine(1);
    let expected = exact
        .raw_many(&asked, &tasks(), &sampling(400, 64))
        .unwrap();
    for precision in [Precision::Bf16, Precision::Int8] {
        let other = engine(2).with_precision(precision).unwrap();
        let got = other
            .raw_many(&asked, &tasks(), &sampling(400, 64))
            .unwrap();
        for (ours, theirs) in got[0].iter().zip(&expected[0]) {
            let off = (ours.estimate - theirs.estimate).abs();
            let error = ours.standard_error.hypot(theirs.standard_error);
            assert!(
                off < 4.0 * error,
                "{}: {ours:?} {theirs:?}",
                precision.name()
            );
        }
        assert!(got != expected);
    }
}
