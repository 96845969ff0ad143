//! What a measurement that is not there would change.

use super::*;
use crate::engine::tests::{at, sampling, task};
use crate::fixture;
use crate::query::tests::{engine, with_head};
use longitude_core::Code;

fn wanted() -> Vec<Measured> {
    let one = |(code, share)| Measured {
        code: Code::from_meds(code),
        share,
    };
    [("LAB//1", 0.8), ("NOWHERE", 0.7), ("B", 0.6)]
        .map(one)
        .to_vec()
}

fn options() -> MissingOptions {
    MissingOptions {
        stale: Days(30.0),
        draws: 24,
        ..MissingOptions::research(3)
    }
}

/// A patient of the fixture's world without a measurement.
fn unmeasured() -> Timeline {
    let rows = [("MEDS_BIRTH", -9000.0), ("A", 1.0), ("B", 8.0), ("A", 9.0)];
    fixture::timeline(3, &rows, fixture::until(400.0))
}

#[test]
fn only_what_is_missing_and_has_numbers_is_asked_about() {
    let engine = engine(&with_head(), 1);
    let tasks = [task("x", "X", 20.0), task("death", "MEDS_DEATH", 30.0)];
    let ask = |timeline: &Timeline, day| {
        let at = at(day);
        let asked = Asked { timeline, at };
        engine
            .missing(&asked, (&tasks, Way::QueryHead), &wanted(), &options())
            .unwrap()
    };
    let found = ask(&unmeasured(), 12.0);
    assert_eq!(found.len(), 1);
    assert_eq!((&*found[0].code, found[0].last), ("LAB//1", None));
    for effect in &found[0].effects {
        assert!(effect.spread > 0.0, "values matter to random weights");
        let [low, high] = effect.percentiles;
        assert!(low <= high);
        let expected = effect.spread / f64::from(options().draws).sqrt();
        assert!((effect.standard_error - expected).abs() < 1e-12);
    }
    // Measured of late: nothing is missing; long ago: it is, and when is said.
    let measured = fixture::patient(2, 30);
    assert!(ask(&measured, 70.0).is_empty());
    let stale = ask(&measured, 300.0);
    assert_eq!(stale.len(), 1);
    assert!(stale[0].last.is_some_and(|last| last < at(271.0)));
}

#[test]
fn the_expected_change_is_that_of_the_models_own_values() {
    // Over all bins by their weights, against the mean over draws.
    let engine = engine(&with_head(), 2);
    let tasks = [task("x", "X", 20.0)];
    let timeline = unmeasured();
    let asked = Asked {
        timeline: &timeline,
        at: at(12.0),
    };
    let many = MissingOptions {
        draws: 600,
        ..options()
    };
    let found = engine
        .missing(&asked, (&tasks, Way::QueryHead), &wanted()[..1], &many)
        .unwrap();
    let effect = &found[0].effects[0];
    let id = engine.with_numbers(&wanted()[0]).unwrap();
    let law = engine.laws(&asked, &[id]).unwrap().remove(0);
    let bins = engine.vocabulary().bins_of(id).unwrap();
    let base = engine.query_many(&[asked], &tasks).unwrap();
    let base = base[0][0].as_ref().unwrap().risk;
    let total: f64 = law.iter().sum();
    let mut expected = 0.0;
    for (bin, weight) in (1..=bins.len()).zip(&law) {
        // Within a bin by nine shares of its mass.
        for share in 0..9 {
            let value = bins.sample(bin, (f64::from(share) + 0.5) / 9.0);
            let mut event = Event::new(
                Code::from_meds("LAB//1"),
                Some(at(12.0)),
                Origin::derived("test"),
            );
            event.numeric_value = Some(value);
            event.unit = Some("mg/dL".into());
            let events = timeline.events().iter().cloned().chain([event]).collect();
            let with = Timeline::new(timeline.subject(), events, timeline.observation());
            let with = Asked {
                timeline: &with,
                at: at(12.0),
            };
            let with = engine.query_many(&[with], &tasks).unwrap();
            let risk = with[0][0].as_ref().unwrap().risk;
            expected += weight / total / 9.0 * (risk - base);
        }
    }
    let error = effect.standard_error;
    assert!(
        (effect.change - expected).abs() < 4.0 * error + 1e-9,
        "{expected} {effect:?}"
    );
}

#[test]
fn sampled_futures_answer_too() {
    let engine = engine(&with_head(), 1);
    let tasks = [task("x", "X", 20.0)];
    let timeline = unmeasured();
    let asked = Asked {
        timeline: &timeline,
        at: at(12.0),
    };
    let few = MissingOptions {
        draws: 4,
        ..options()
    };
    let way = Way::Sampled(sampling(16, 16));
    let found = engine
        .missing(&asked, (&tasks, way), &wanted(), &few)
        .unwrap();
    assert!(found[0].effects[0].change.is_finite());
    let none = MissingOptions { draws: 0, ..few };
    assert!(
        engine
            .missing(&asked, (&tasks, way), &wanted(), &none)
            .is_err()
    );
}
