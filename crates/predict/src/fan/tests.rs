//! Fans of known futures, and an outlook that agrees with the tasks' own answers.

use super::*;
use crate::engine::tests::{at, engine, sampling, task};
use crate::fixture;
use crate::sample::Step;
use longitude_core::StopReason;

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
fn an_outlook_is_ranked_and_agrees_with_the_tasks() {
    let engine = engine(1);
    let timeline = fixture::patient(2, 30);
    let asked = Asked {
        timeline: &timeline,
        at: at(70.0),
    };
    let options = OutlookOptions {
        horizons: vec![Days(20.0), Days(5.0)],
        subjects_min: 5,
        groups_max: 50,
    };
    let (pool, outlook) = engine.outlook(&asked, &sampling(32, 32), &options).unwrap();
    assert_eq!(pool.futures.len(), 32);
    assert!(pool.censored_share() < 0.2);
    let firsts: Vec<f64> = outlook.iter().map(|o| o.risks[0].estimate).collect();
    assert!(firsts.is_sorted_by(|a, b| a >= b));
    for one in &outlook {
        assert!(one.risks[1].scope <= one.risks[0].scope, "{one:?}");
        let group = [task("one", &one.code.to_meds(), 20.0)];
        let raws = engine
            .raw_many(&[asked], &group, &sampling(32, 32))
            .unwrap();
        if one.group == one.code.to_meds() {
            assert_eq!(raws[0][0], one.risks[0]);
        }
    }
    let before = |code: &str| outlook.iter().find(|o| o.group == code).map(|o| o.before);
    assert_eq!((before("X"), before("MEDS_DEATH")), (Some(true), None));
    let none = OutlookOptions {
        horizons: vec![],
        ..options
    };
    assert!(engine.outlook(&asked, &sampling(4, 4), &none).is_err());
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
