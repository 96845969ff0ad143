//! The tests of faithfulness on a little transformer with random weights, and against evidence
//! that is not true.

use super::*;
use crate::engine::tests::{at, sampling, tasks};
use crate::fixture;
use crate::query::tests::{engine, with_head};
use longitude_core::Timeline;

/// A patient with every code of the fixture's vocabulary, and codes that it does not know.
fn patient(subject: i64) -> Timeline {
    let codes = ["A", "LAB//1", "B", "X", "U1", "U2", "U3", "U4"];
    let mut rows = vec![("GENDER//female", f64::NAN), ("MEDS_BIRTH", -14_000.0)];
    for day in 0..32 {
        let code = codes[usize::try_from(subject + day * day).unwrap() % 8];
        rows.push((code, day as f64 * 2.0));
    }
    rows.extend(codes.map(|code| (code, 65.0)));
    fixture::timeline(subject, &rows, fixture::until(400.0))
}

fn options() -> FaithfulOptions {
    FaithfulOptions {
        cited: 2,
        candidates_max: 9,
        controls: 4,
        seed: 5,
    }
}

#[test]
fn curves_are_those_of_the_histories_they_name() {
    let engine = engine(&with_head(), 1);
    let timeline = patient(3);
    let asked = Asked {
        timeline: &timeline,
        at: at(70.0),
    };
    let tests = engine.faithfulness(&asked, (&tasks(), Way::QueryHead), &options());
    let tests = tests.unwrap();
    let answer = |timeline: &Timeline, task: usize| {
        let asked = Asked { timeline, ..asked };
        let answer = engine.query_many(&[asked], &tasks()).unwrap();
        crate::asking::logit(answer[0][task].as_ref().unwrap().risk).unwrap()
    };
    for (task, test) in tests.iter().enumerate() {
        let test = test.as_ref().unwrap();
        assert_eq!((test.cited.len(), test.codes), (2, 9));
        let keep = |wanted: &dyn Fn(&str) -> bool| {
            let events = timeline.events().iter().cloned();
            let kept = events.filter(|event| wanted(&event.code.to_meds()));
            Timeline::new(timeline.subject(), kept.collect(), timeline.observation())
        };
        let full = answer(&timeline, task);
        let is_cited = |code: &str| test.cited.iter().any(|cited| cited == code);
        let without = answer(&keep(&|code| !is_cited(code)), task);
        assert!((test.deletion[1] - (full - without).abs()).abs() < 1e-9);
        let alone = answer(&keep(&|code| is_cited(code) || code == "MEDS_BIRTH"), task);
        let insertion = test.insertion.as_ref().unwrap();
        assert!((insertion[1] - (full - alone).abs()).abs() < 1e-9);
        assert_eq!(test.deletion_controls.len(), 4);
    }
}

#[test]
fn what_is_cited_moves_the_answer_further_than_what_is_not() {
    let engine = engine(&with_head(), 2);
    let mut tests = Vec::new();
    for subject in 0..12 {
        let timeline = patient(subject);
        let asked = Asked {
            timeline: &timeline,
            at: at(70.0),
        };
        let found = engine.faithfulness(&asked, (&tasks(), Way::QueryHead), &options());
        tests.extend(found.unwrap());
    }
    let found = Faithfulness::of(&tests);
    assert_eq!((found.tested, found.left_out), (36, 0));
    let share = found.joint_beats_mean.unwrap();
    assert!(share.share > 0.9, "{share:?}");
    let [cited, controls, ..] = &found.curves;
    assert!(
        cited
            .iter()
            .zip(controls)
            .all(|(own, control)| own > control)
    );
    // Evidence that names the weakest instead would be found out.
    let swapped = tests.iter().flatten().map(|test| {
        Some(Faithful {
            deletion: test.deletion_controls[0].clone(),
            deletion_controls: vec![test.deletion.clone()],
            ..test.clone()
        })
    });
    let swapped = Faithfulness::of(&swapped.collect::<Vec<_>>());
    let share = swapped.joint_beats_mean.unwrap();
    assert!(share.share < 0.5, "{share:?}");
}

#[test]
fn histories_with_too_few_codes_are_left_out_and_counted() {
    let engine = engine(&with_head(), 1);
    let timeline = patient(3);
    let asked = Asked {
        timeline: &timeline,
        at: at(70.0),
    };
    let many = FaithfulOptions {
        cited: 5,
        ..options()
    };
    let tests = engine.faithfulness(&asked, (&tasks(), Way::QueryHead), &many);
    let found = Faithfulness::of(&tests.unwrap());
    assert_eq!((found.tested, found.left_out), (0, 3));
    assert!(found.joint_beats_mean.is_none());
}

#[test]
fn rankings_agree_with_themselves_and_less_with_other_seeds() {
    let engine = engine(&with_head(), 2);
    let task = &tasks()[..1];
    let stability = |subject, samples, seeds| {
        let timeline = patient(subject);
        let asked = Asked {
            timeline: &timeline,
            at: at(70.0),
        };
        let found = engine.stability(&asked, task, (&sampling(samples, 32), seeds), 3);
        found.unwrap().remove(0).unwrap()
    };
    let same = stability(3, 8, [1, 1]);
    assert!((same.correlation - 1.0).abs() < 1e-12 && same.overlap > 0.999);
    let others = (0..4).map(|subject| stability(subject, 8, [1, 2]));
    let others: Vec<Stability> = others.collect();
    assert!(others.iter().all(|one| one.correlation.abs() <= 1.0));
    assert!(others.iter().any(|one| one.correlation < 0.999));
    let reversed = agreement(&[1, 2, 3], &[3, 2, 1], 1).unwrap();
    assert!((reversed.correlation + 1.0).abs() < 1e-12);
    assert!(agreement(&[1, 2], &[1, 2], 1).is_none());
}
