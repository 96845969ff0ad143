//! Changes of a history: what they do to it, what is refused, and that the answers are paired.

use super::*;
use crate::engine::tests::{at, engine, sampling, tasks};
use crate::fixture;
use crate::query::tests::{engine as engine_of, with_head};

fn asked(timeline: &Timeline) -> Asked<'_> {
    Asked {
        timeline,
        at: at(70.0),
    }
}

fn make(text: &[Edit]) -> std::result::Result<(Timeline, Vec<Touched>), EditError> {
    edited(
        &fixture::vocabulary(),
        &asked(&fixture::patient(2, 30)),
        text,
    )
}

#[test]
fn changes_are_read_from_text() {
    assert!(Edit::remove("12") == Edit::Remove(Which::Event(12)));
    let day = "1970-02-01".parse::<Instant>().unwrap();
    let lab = Code::from_meds("LAB//1");
    let wanted = Edit::Add {
        code: lab.clone(),
        value: Some(7.5),
        time: Some(day),
    };
    assert!(Edit::add("LAB//1=7.5@1970-02-01") == wanted);
    let odd = Edit::Add {
        code: Code::from_meds("LOCAL//a=b@c"),
        value: None,
        time: None,
    };
    assert!(Edit::add("LOCAL//a=b@c") == odd);
    let wanted = Edit::Change(Which::Code(lab, None), 9.0);
    assert!(Edit::change("LAB//1=9").unwrap() == wanted);
    assert_eq!(Edit::change("LAB//1").err(), Some(EditError::NoNumber));
    assert_eq!(Edit::change("LAB//1=NaN").err(), Some(EditError::NoNumber));
    assert_eq!(format!("{:?}", Edit::add("LAB//1=7.5")), "Add(..)");
}

#[test]
fn changes_do_what_they_say_and_name_their_records() {
    let patient = fixture::patient(2, 30);
    let history = patient.history(at(70.0));
    let labs = history.iter().filter(|event| &*event.code.system == "LAB");
    let labs = labs.count();
    let edits = [
        Edit::add("LAB//1=103"),
        Edit::remove("A"),
        Edit::change("LAB//1=101").unwrap(),
    ];
    let (changed, touched) = make(&edits).unwrap();
    let deeds: Vec<Deed> = touched.iter().map(|one| one.deed).collect();
    assert_eq!(deeds, [Deed::Added, Deed::Removed, Deed::Changed]);
    assert!(touched[0].sources.is_empty());
    let removed = touched[1].sources.len();
    assert!(removed > 1);
    assert_eq!(changed.events().len(), history.len() - removed + 1);
    assert!(
        changed
            .events()
            .iter()
            .all(|event| event.code.to_meds() != "A")
    );
    let after = changed.events().iter();
    let after: Vec<&Event> = after.filter(|e| &*e.code.system == "LAB").collect();
    assert_eq!(after.len(), labs + 1);
    assert_eq!(after[labs].numeric_value, Some(103.0));
    assert_eq!(after[labs].time, Some(at(70.0)));
    // The latest was changed, and its record is named.
    assert_eq!(after[labs - 1].numeric_value, Some(101.0));
    assert_eq!(touched[2].sources[0].record, *after[labs - 1].origin.record);
    assert_eq!(touched[2].sources.len(), 1);
}

#[test]
fn what_cannot_be_changed_is_refused() {
    let refused = |edit: Edit| make(&[Edit::remove("A"), edit]).err().unwrap();
    let number = 2;
    assert_eq!(
        refused(Edit::remove("NOWHERE")),
        EditError::NoSuchEvent { number }
    );
    assert_eq!(
        refused(Edit::remove("9999")),
        EditError::NoSuchEvent { number }
    );
    assert_eq!(
        refused(Edit::remove("MEDS_BIRTH")),
        EditError::Life { number }
    );
    assert_eq!(refused(Edit::add("MEDS_DEATH")), EditError::Life { number });
    assert_eq!(
        refused(Edit::add("A@1990-01-01")),
        EditError::Later { number }
    );
    let code = Code::from_meds("NOWHERE");
    assert_eq!(
        refused(Edit::add("NOWHERE")),
        EditError::UnknownCode { number, code }
    );
    let code = Code::from_meds("B");
    let wanted = EditError::NoNumbers { number, code };
    assert_eq!(refused(Edit::add("B=3")), wanted);
    assert_eq!(refused(Edit::change("B=3").unwrap()), wanted);
}

#[test]
fn answers_are_paired_and_nothing_changed_changes_nothing() {
    let patient = fixture::patient(2, 30);
    let asked = asked(&patient);
    let (changed, _) = make(&[Edit::remove("LAB//1")]).unwrap();
    let (same, _) = make(&[]).unwrap();
    for (engine, way) in [
        (engine(1), Way::Sampled(sampling(32, 32))),
        (engine_of(&with_head(), 1), Way::QueryHead),
    ] {
        let all = tasks();
        let still = engine.what_if(&asked, &same, (&all, way)).unwrap();
        for one in &still {
            let change = one.change.unwrap();
            assert!(change.risk.abs() < f64::EPSILON);
            assert!(change.standard_error.abs() < f64::EPSILON);
        }
        let found = engine.what_if(&asked, &changed, (&all, way)).unwrap();
        for one in &found {
            let change = one.change.unwrap();
            assert!((change.risk - (one.after.unwrap() - one.before)).abs() < 1e-12);
        }
        assert!(
            found
                .iter()
                .any(|one| one.change.unwrap().risk.abs() > 1e-6)
        );
        if let Way::Sampled(_) = way {
            let paired = found[0].change.unwrap().standard_error;
            let apart = found[0].before_error.hypot(found[0].after_error.unwrap());
            assert!(paired > 0.0 && paired < apart, "{paired} {apart}");
        }
    }
}
