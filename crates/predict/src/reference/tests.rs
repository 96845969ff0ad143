//! Incidences of small populations by hand, and what is held back.

use super::*;
use crate::fixture::{timeline, until, vocabulary};
use crate::targets::Kind;
use longitude_core::Code;

fn target(vocabulary: &Vocabulary, code: &str) -> Target {
    let code = Code::from_meds(code);
    Target {
        name: code.to_meds().into_owned(),
        kind: Kind::Diagnosis,
        ids: vec![vocabulary.exact(&code).unwrap()],
        code,
        limit: None,
    }
}

/// Forty people of 45 years at day 10; X comes to the first `events` of them on day 15.
fn people(events: usize, sex: &str) -> Vec<Timeline> {
    let one = |n: usize| {
        let gender = format!("GENDER//{sex}");
        let mut rows = vec![
            (gender.as_str(), f64::NAN),
            ("MEDS_BIRTH", -45.0 * Days::PER_YEAR),
            ("A", 1.0),
        ];
        if n < events {
            rows.push(("X", 15.0));
        } else if n >= 30 {
            // The last ten die on day 12.
            rows.push(("MEDS_DEATH", 12.0));
        }
        timeline(i64::try_from(n).unwrap(), &rows, until(400.0))
    };
    (0..40).map(one).collect()
}

fn reference(vocabulary: &Vocabulary, targets: &[Target], people: &[Timeline]) -> Reference {
    let mut builder = ReferenceBuilder::new(vocabulary, targets, &[Days(3.0), Days(30.0)]);
    for one in people {
        let at = Instant(0).plus(Days(10.0));
        builder.observe(one, at, one.observation().end.unwrap());
    }
    builder.finish()
}

#[test]
fn incidence_counts_events_over_people_with_death_competing() {
    let vocabulary = vocabulary();
    let targets = [target(&vocabulary, "X"), target(&vocabulary, "A")];
    let people = people(12, "female");
    let reference = reference(&vocabulary, &targets, &people);
    let who = Who::of(&people[0], Instant(0).plus(Days(10.0)));
    let risk =
        |target: &Target, before, horizon| reference.expected(&who, (target, before), horizon);
    // Nobody leaves before day 30, so the incidence is a plain share: 12 of 40, none in 3 days.
    let found = risk(&targets[0], false, 1).unwrap();
    assert!((found.risk - 0.3).abs() < 1e-6, "{found:?}");
    assert_eq!(
        (found.times, risk(&targets[0], false, 0).unwrap().risk),
        (40, 0.0)
    );
    // Everybody had A before: there is nobody without it to be held against.
    assert_eq!(risk(&targets[1], false, 1), None);
    assert!(risk(&targets[1], true, 1).unwrap().risk.abs() < 1e-9);
}

#[test]
fn small_cells_are_held_back_and_coarser_ones_stand_for_them() {
    let vocabulary = vocabulary();
    let targets = [target(&vocabulary, "X")];
    let at = Instant(0).plus(Days(10.0));
    let few = people(6, "female");
    let reference_of = |people: &[Timeline]| reference(&vocabulary, &targets, people);
    let held = reference_of(&few).expected(&Who::of(&few[0], at), (&targets[0], false), 1);
    assert_eq!(held, None, "six events");
    let both: Vec<Timeline> = [people(6, "female"), people(12, "male")].concat();
    let of = |one: &Timeline| {
        let who = Who::of(one, at);
        reference_of(&both)
            .expected(&who, (&targets[0], false), 1)
            .unwrap()
    };
    assert!((of(&few[0]).risk - 18.0 / 80.0).abs() < 1e-6);
    // The men's twelve are held back too: with both sexes' they would give the women's away.
    assert!((of(&both[40]).risk - 18.0 / 80.0).abs() < 1e-6);
}

#[test]
fn who_leaves_early_counts_half_an_interval() {
    let vocabulary = vocabulary();
    let targets = [target(&vocabulary, "X")];
    let mut people = people(12, "female");
    // Eighteen of those without X leave on day 14, in the interval from 3 to 7 days that holds X.
    for one in people.iter_mut().skip(12).take(18) {
        *one = Timeline::new(one.subject(), one.events().to_vec(), until(14.0));
    }
    let found = reference(&vocabulary, &targets, &people);
    let who = Who::of(&people[0], Instant(0).plus(Days(10.0)));
    let risk = found.expected(&who, (&targets[0], false), 1).unwrap().risk;
    // Ten die within 3 days; of the 30 left 18 leave: 12 / (30 - 9) of what is left of 40.
    let by_hand = 30.0 / 40.0 * 12.0 / 21.0;
    assert!((risk - by_hand).abs() < 1e-6, "{risk} {by_hand}");
}

#[test]
fn a_horizon_with_few_events_is_held_back_though_longer_ones_are_not() {
    // Up to the four places: 2, 14, 20 and 40 events; the third would give away six.
    let events = [2, 0, 12, 6, 20];
    assert_eq!(shown(&events, &[4, 0, 2, 3]), [2, 4]);
    assert_eq!(shown(&[0, 0, 11], &[0, 1, 2]), [0, 1, 2]);
}

/// What the strata of one age say of a target at the longer horizon, by sex and together, when so
/// many of forty women and forty men have it.
fn told(women: usize, men: usize) -> [Option<f64>; 3] {
    let vocabulary = vocabulary();
    let targets = [target(&vocabulary, "X")];
    let all = [people(women, "female"), people(men, "male")].concat();
    let reference = reference(&vocabulary, &targets, &all);
    ["female 40", "male 40", "all 40"].map(|stratum| {
        let cells = &reference.strata[stratum]["X"];
        cells[1].risks[1]
    })
}

#[test]
fn one_sex_does_not_follow_from_both() {
    // Five of forty women are held back; with the men's share and that of both they would follow.
    let [women, men, both] = told(5, 20);
    assert_eq!((women, men), (None, None));
    assert!(both.is_some(), "both sexes stand for each");
    // Where nothing is held back nothing else is.
    assert!(told(12, 20).iter().all(Option::is_some));
    // None at all is no small cell.
    assert!(told(0, 20).iter().all(Option::is_some));
}
