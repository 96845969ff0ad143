//! Fans of known futures, and of the transformer's.

use super::*;
use crate::engine::Asked;
use crate::engine::tests::{at, engine, sampling};
use crate::fixture;
use crate::sample::Step;
use longitude_core::{Days, StopReason};

/// A future with one lab value a day from day 1 to `days`, all `value`.
fn future(lab: u32, value: f64, days: i32) -> Future {
    let step = |day| Step {
        time: at(f64::from(day)),
        code: lab,
        value_bin: 1,
        value: Some(value),
    };
    Future {
        steps: (1..=days).map(step).collect(),
        stop: StopReason::Horizon,
    }
}

#[test]
fn quantiles_are_those_of_the_futures() {
    let vocabulary = fixture::vocabulary();
    let code = Code::from_meds("LAB//1");
    let lab = vocabulary.exact(&code).unwrap();
    let pool = Pool {
        at: at(0.0),
        end: at(20.0),
        // Eleven futures with values 0 to 10; those above 5 end after ten days.
        futures: (0..=10)
            .map(|i| future(lab, f64::from(i), if i > 5 { 10 } else { 20 }))
            .collect(),
    };
    let fan = fan(&pool, &vocabulary, &code, 4).unwrap();
    let show = |p: &FanPoint| {
        let days = (p.time - pool.at).0;
        format!("{days}: {} {} {} of {}", p.low, p.median, p.high, p.futures)
    };
    let shown: Vec<String> = fan.points.iter().map(show).collect();
    expect_test::expect![[r"
        5: 1 5 9 of 11
        10: 1 5 9 of 11
        15: 0.5 2.5 4.5 of 6
        20: 0.5 2.5 4.5 of 6"]]
    .assert_eq(&shown.join("\n"));
    assert_eq!(fan.unit.as_deref(), Some("mg/dL"));
    assert_eq!(
        super::fan(&pool, &vocabulary, &Code::from_meds("A"), 4),
        None
    );
    assert_eq!(
        super::fan(&pool, &vocabulary, &Code::from_meds("Q"), 4),
        None
    );
}

#[test]
fn a_fan_of_the_transformer_has_values_in_range() {
    let engine = engine(1);
    let timeline = fixture::patient(2, 30);
    let asked = Asked {
        timeline: &timeline,
        at: at(70.0),
    };
    let pool = engine.pool(&asked, Days(30.0), &sampling(64, 64)).unwrap();
    let fan = fan(&pool, engine.vocabulary(), &Code::from_meds("LAB//1"), 6).unwrap();
    assert!(fan.points.len() >= 3);
    for point in &fan.points {
        assert!(point.low <= point.median && point.median <= point.high);
        assert!(point.low > 90.0 && point.high < 120.0);
    }
}
