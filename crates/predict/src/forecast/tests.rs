//! A forecast agrees with the answers to single questions, is ranked as it says, and says nothing
//! of what comes later.

use super::*;
use crate::engine::tests::{at, engine, sampling, task};
use crate::fixture;
use crate::reference::ReferenceBuilder;
use crate::targets::targets;
use longitude_core::Timeline;

const HORIZONS: [Days; 2] = [Days(20.0), Days(5.0)];

fn reference(engine: &Engine, targets: &[Target]) -> Reference {
    let mut builder = ReferenceBuilder::new(engine.vocabulary(), targets, &HORIZONS);
    for subject in 0..40 {
        let timeline = fixture::patient(subject, 24);
        builder.observe(&timeline, at(30.0), timeline.observation().end.unwrap());
    }
    builder.finish()
}

fn all(engine: &Engine) -> Vec<Target> {
    let mut all = targets(engine.vocabulary(), 5);
    let own = ["A", "B", "X"].map(|code| Target {
        name: code.to_owned(),
        kind: Kind::Diagnosis,
        ids: vec![crate::fixture::chain::id(engine.vocabulary(), code)],
        code: longitude_core::Code::from_meds(code),
        limit: None,
    });
    all.extend(own);
    all
}

fn forecast(timeline: &Timeline, since: Option<f64>) -> Forecast {
    let engine = engine(1);
    let targets = all(&engine);
    let options = ForecastOptions {
        targets: &targets,
        reference: &reference(&engine, &targets),
        calibration: None,
        since: since.map(at),
        sampling: sampling(32, 32),
        before: None,
    };
    let asked = Asked {
        timeline,
        at: at(70.0),
    };
    engine.forecast(&asked, &options).unwrap()
}

#[test]
fn a_forecast_agrees_with_single_questions_and_ranks_as_it_says() {
    let timeline = fixture::patient(2, 30);
    let found = forecast(&timeline, Some(40.0));
    let engine = engine(1);
    for item in found
        .items
        .iter()
        .filter(|item| item.target.limit.is_none())
    {
        let asked = Asked {
            timeline: &timeline,
            at: at(70.0),
        };
        let one = [task("one", &item.target.code.to_meds(), 20.0)];
        let raws = engine.raw_many(&[asked], &one, &sampling(32, 32)).unwrap();
        if item.target.ids.len() == 1 {
            assert_eq!(
                raws[0][0].monte_carlo(),
                item.rows[0].risk,
                "{}",
                item.target.name
            );
        }
        assert_eq!(
            (item.rows[1].horizon, item.rows[0].direct),
            (Days(5.0), None)
        );
        assert!(item.rows[0].change.is_some());
    }
    let risks: Vec<f64> = found
        .by_risk
        .iter()
        .map(|i| found.items[*i].rows[0].risk.estimate)
        .collect();
    assert!(
        risks.len() > 2 && risks.is_sorted_by(|a, b| a >= b),
        "{risks:?}"
    );
    let excess = |i: &usize| found.items[*i].rows[0].excess().unwrap();
    assert!(found.by_excess.iter().all(|i| excess(i) > 0.0));
    let x = found
        .items
        .iter()
        .find(|item| item.target.name == "X")
        .unwrap();
    assert!(x.before > 0 && x.last.is_some());
    assert!(found.unnoticed.iter().all(|i| found.items[*i].before == 0));
}

#[test]
fn what_comes_later_is_not_looked_at() {
    let long = fixture::patient(2, 30);
    let history = long.history(at(70.0)).to_vec();
    let short = Timeline::new(long.subject(), history, long.observation());
    assert_eq!(forecast(&long, None), forecast(&short, None));
    assert_eq!(
        forecast(&long, Some(90.0)).since,
        None,
        "an earlier time lies before"
    );
}

#[test]
fn a_limit_is_met_less_often_than_its_code() {
    let engine = engine(1);
    let timeline = fixture::patient(2, 30);
    let id = crate::fixture::chain::id(engine.vocabulary(), "LAB//1");
    let bins = engine.vocabulary().bins_of(id).unwrap();
    let target = |name: &str, range: Option<(u16, u16)>| Target {
        name: name.to_owned(),
        kind: Kind::Laboratory,
        code: longitude_core::Code::from_meds("LAB//1"),
        limit: range.map(|bins| crate::targets::Limit {
            side: crate::targets::Side::Above,
            value: 0.0,
            unit: None,
            share: 0.1,
            bins,
        }),
        ids: vec![id],
    };
    let last = bins.len();
    let targets = [
        target("any", None),
        target("some", Some((1, last))),
        target("high", Some((last, last))),
        target("others", Some((1, last - 1))),
    ];
    let options = ForecastOptions {
        targets: &targets,
        reference: &reference(&engine, &targets),
        calibration: None,
        since: None,
        sampling: sampling(256, 64),
        before: None,
    };
    let asked = Asked {
        timeline: &timeline,
        at: at(70.0),
    };
    let found = engine.forecast(&asked, &options).unwrap();
    let [any, some, high, others] = [0, 1, 2, 3].map(|i| found.items[i].rows[1].risk);
    assert!(
        high.estimate < some.estimate && some.estimate <= any.estimate + 3.0 * any.standard_error
    );
    // First occurrences: together they are more often than either, and no less than any value.
    let margin = 3.0 * (high.standard_error + others.standard_error + some.standard_error);
    assert!(high.estimate + others.estimate > some.estimate - margin);
}
