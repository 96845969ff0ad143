//! Designs on a world whose effect and confounding are known, and what is refused.

use super::*;
use crate::fixture;
use crate::rng::unit;
use longitude_core::{Observation, ObservationSource};

const DAY: f64 = 1.0;

fn list(codes: &[&str]) -> Vec<String> {
    codes.iter().map(|code| (*code).to_owned()).collect()
}

fn design() -> Design {
    Design {
        name: "test".to_owned(),
        eligible: list(&["ICD10CM//E11"]),
        observed_before_days: 0.0,
        treatment: list(&["RxNorm//1"]),
        grace_days: 30.0,
        outcome: list(&["ICD10CM//I21"]),
        incident: true,
        horizon_days: 365.0,
        adjustment: vec![
            Adjustment::Age,
            Adjustment::Sex,
            Adjustment::Code {
                codes: list(&["ICD10CM//I25"]),
                until: Until::TimeZero,
            },
        ],
        negative_outcome: list(&["ICD10CM//S52"]),
        negative_treatment: Vec::new(),
        propensity_min: 0.02,
        trimmed_max: 0.2,
    }
}

/// How the world is made: the chances of treatment and of both outcomes by whether coronary disease
/// is there, and of the outcome by treatment.
struct World {
    /// Coronary disease is recorded, or is hidden.
    recorded: bool,
    treated: [f64; 2],
    outcome: [[f64; 2]; 2],
}

/// Coronary disease triples the outcome and makes treatment likely; the treatment lowers the
/// outcome by a third. The true difference of risks is the mean of -0.05 and -0.10: -0.075.
const CONFOUNDED: World = World {
    recorded: true,
    treated: [0.2, 0.8],
    outcome: [[0.15, 0.10], [0.35, 0.25]],
};
const TRUTH: f64 = -0.075;

fn cohort(world: &World, design: &Design, people: u32, seed: u64) -> Cohort {
    let mut cohort = Cohort::new(design).unwrap();
    for person in 0..people {
        let draw = |purpose: u32| unit(seed, person, purpose);
        let coronary = draw(0) < 0.5;
        let treated = draw(1) < world.treated[usize::from(coronary)];
        let outcome = draw(2) < world.outcome[usize::from(coronary)][usize::from(treated)];
        let fracture = draw(3) < if coronary { 0.3 } else { 0.1 };
        let sex = if draw(4) < 0.5 {
            "GENDER//male"
        } else {
            "GENDER//female"
        };
        let birth = -365.0 * (40.0 + 30.0 * draw(5));
        let mut rows = vec![(sex, f64::NAN), ("MEDS_BIRTH", birth), ("A", 1.0)];
        let mut add = |yes: bool, code, day| rows.extend(yes.then_some((code, day)));
        add(coronary && world.recorded, "ICD10CM//I25.10", 50.0);
        add(true, "ICD10CM//E11.9", 100.0);
        add(treated, "RxNorm//1", 110.0);
        add(outcome, "ICD10CM//I21.4", 140.0 + 300.0 * draw(6));
        add(fracture, "ICD10CM//S52.5", 140.0 + 300.0 * draw(7));
        // A third leaves early, whatever happens to them.
        let end = if draw(8) < 0.3 {
            140.0 + 300.0 * draw(9)
        } else {
            800.0
        };
        let rows: Vec<_> = rows
            .into_iter()
            .filter(|(_, day)| day.is_nan() || *day <= end)
            .collect();
        let timeline = fixture::timeline(i64::from(person), &rows, fixture::until(end * DAY));
        let end = timeline.observation().end.unwrap();
        cohort.observe(&timeline, end);
    }
    cohort
}

#[test]
fn the_effect_is_found_where_the_naive_difference_misses_it() {
    let cohort = cohort(&CONFOUNDED, &design(), 3000, 2);
    let found = cohort.estimate(60, 7).unwrap();
    // Of the treated four in five have coronary disease, of the untreated one: about +0.03.
    assert!(found.naive.low > TRUTH, "confounded: {:?}", found.naive);
    for one in [found.g_computation, found.aipw] {
        assert!((one.value - TRUTH).abs() < 0.035, "{one:?}");
        assert!(one.holds(TRUTH) && !one.holds(found.naive.value), "{one:?}");
    }
    assert_eq!(found.treated + found.untreated, 3000);
    let [before, after] = found.overlap.difference_max;
    assert!(before > 1.0 && after < 0.1, "{before} {after}");
    // The fracture follows from coronary disease alone, which is adjusted for.
    let control = &found.negative_controls[0];
    assert!(!control.alarm, "{control:?}");
    assert_eq!(found, cohort.estimate(60, 7).unwrap(), "the same bytes");
}

#[test]
fn a_hidden_common_cause_is_told_by_the_negative_control() {
    let hidden = World {
        recorded: false,
        ..CONFOUNDED
    };
    let found = cohort(&hidden, &design(), 3000, 1).estimate(60, 7).unwrap();
    assert!(!found.aipw.holds(TRUTH), "{:?}", found.aipw);
    assert!(found.negative_controls[0].alarm);
}

#[test]
fn intervals_cover_the_truth_about_as_often_as_they_say() {
    let found = (0..20_u64).map(|seed| {
        let cohort = cohort(&CONFOUNDED, &design(), 800, 100 + seed);
        cohort.estimate(40, seed).unwrap().aipw
    });
    let found: Vec<Interval> = found.collect();
    // Fewer than 15 of 20 has a chance below 1 in 1,000 at 95 %.
    assert!(found.iter().filter(|one| one.holds(TRUTH)).count() >= 15);
    // The standard error of the mean is about 0.008.
    let mean = found.iter().map(|one| one.value).sum::<f64>() / 20.0;
    assert!((mean - TRUTH).abs() < 0.024, "{mean}");
}

#[test]
fn without_overlap_there_is_no_estimate() {
    let world = World {
        treated: [0.004, 0.996],
        ..CONFOUNDED
    };
    let refused = cohort(&world, &design(), 3000, 1).estimate(10, 7);
    assert!(matches!(refused, Err(DesignError::NoOverlap { share, .. }) if share > 0.9));
    let few = cohort(&CONFOUNDED, &design(), 90, 1).estimate(10, 7);
    assert!(
        matches!(few, Err(DesignError::TooFewPeople { .. })),
        "{few:?}"
    );
    let rare = World {
        outcome: [[0.001; 2]; 2],
        ..CONFOUNDED
    };
    let rare = cohort(&rare, &design(), 600, 1).estimate(10, 7);
    assert!(matches!(rare, Err(DesignError::TooFewEvents)), "{rare:?}");
}

#[test]
fn what_follows_the_treatment_is_no_adjustment() {
    let refused = |one: Adjustment| {
        let mut design = design();
        design.adjustment.push(one);
        Cohort::new(&design).err().unwrap()
    };
    let late = Adjustment::Value {
        code: "LOINC//4548-4".to_owned(),
        until: Until::Landmark,
    };
    let treatment = Adjustment::Code {
        codes: list(&["RxNorm//1"]),
        until: Until::TimeZero,
    };
    for one in [late, treatment] {
        let error = refused(one);
        assert!(
            matches!(error, DesignError::PostTreatment { number: 4, .. }),
            "{error}"
        );
    }
    let mut none = design();
    none.adjustment.clear();
    assert!(matches!(
        none.check(),
        Err(DesignError::Field {
            field: "adjustment",
            ..
        })
    ));
    let mut same = design();
    same.outcome = list(&["RxNorm//12"]);
    assert!(matches!(
        same.check(),
        Err(DesignError::Field {
            field: "outcome",
            ..
        })
    ));
}

#[test]
fn people_are_left_out_for_a_reason_that_is_counted() {
    let mut cohort = Cohort::new(&Design {
        observed_before_days: 50.0,
        ..design()
    })
    .unwrap();
    let cases: [(&[(&str, f64)], &str); 5] = [
        (&[("A", 1.0)], "not eligible"),
        (
            &[("A", 90.0), ("ICD10CM//E11.9", 100.0)],
            "not observed long enough before time zero",
        ),
        (
            &[("RxNorm//1", 1.0), ("ICD10CM//E11.9", 100.0)],
            "treated before time zero",
        ),
        (
            &[("A", 1.0), ("ICD10CM//E11.9", 100.0), ("MEDS_DEATH", 120.0)],
            "died or left by the landmark",
        ),
        (
            &[
                ("A", 1.0),
                ("ICD10CM//E11.9", 100.0),
                ("ICD10CM//I21.4", 120.0),
            ],
            "had the outcome by the landmark",
        ),
    ];
    for (rows, reason) in cases {
        let timeline = fixture::timeline(1, rows, fixture::until(800.0));
        cohort.observe(&timeline, timeline.observation().end.unwrap());
        assert_eq!(cohort.left_out().get(reason), Some(&1), "{reason}");
    }
    assert!(cohort.people.is_empty());
    // Treated after the landmark is untreated: the future decides nothing.
    let rows = [("A", 1.0), ("ICD10CM//E11.9", 100.0), ("RxNorm//1", 140.0)];
    let observation = Observation {
        start: None,
        source: ObservationSource::Stated,
        ..fixture::until(800.0)
    };
    let timeline = fixture::timeline(1, &rows, observation);
    cohort.observe(&timeline, timeline.observation().end.unwrap());
    assert!(!cohort.people[0].treated);
}
