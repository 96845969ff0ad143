//! Points against the published tables, units, and what a history lacks.

use super::*;
use longitude_core::{Code, Event, Instant, Observation, Origin, SubjectId, Timeline};

const NOW: Instant = Instant(1_000 * 86_400_000_000);

fn hours_ago(hours: f64) -> Instant {
    NOW.plus(longitude_core::Days(-hours / 24.0))
}

fn event(code: &str, hours: f64, value: f64, unit: &str) -> Event {
    let origin = Origin::derived("test");
    let mut event = Event::new(Code::from_meds(code), Some(hours_ago(hours)), origin);
    event.numeric_value = Some(value);
    event.unit = (!unit.is_empty()).then(|| unit.into());
    event
}

fn timeline(events: Vec<Event>) -> Timeline {
    Timeline::new(SubjectId(1), events, Observation::UNKNOWN)
}

fn scores(events: Vec<Event>) -> BTreeMap<Score, Result<Counted, NoScore>> {
    let timeline = timeline(events);
    let example = Example {
        timeline: &timeline,
        time: NOW,
    };
    let scorer = Scorer::new(Analytes::shipped());
    scorer.count(&[example]).into_iter().collect()
}

fn points(events: Vec<Event>, score: Score) -> f64 {
    scores(events)[&score].as_ref().unwrap().points[0].unwrap()
}

/// Vital signs that bring no points.
fn healthy() -> Vec<Event> {
    vec![
        event("LOINC//8867-4", 3.0, 70.0, "/min"),
        event("LOINC//9279-1", 3.0, 16.0, "/min"),
        event("LOINC//8480-6", 3.0, 120.0, "mm[Hg]"),
        event("LOINC//8310-5", 3.0, 37.0, "Cel"),
        event("LOINC//2708-6", 3.0, 97.0, "%"),
        event("LOINC//9269-2", 3.0, 15.0, "{score}"),
        event("LOINC//6690-2", 3.0, 8.0, "10*3/uL"),
        event("LOINC//3094-0", 3.0, 15.0, "mg/dL"),
        event("LOINC//2823-3", 3.0, 4.2, "mmol/L"),
        event("LOINC//2951-2", 3.0, 140.0, "mmol/L"),
        event("LOINC//1963-8", 3.0, 25.0, "mmol/L"),
    ]
}

#[test]
fn the_healthy_have_no_points() {
    for score in [
        Score::News2,
        Score::Qsofa,
        Score::Sirs,
        Score::SapsIiPhysiology,
    ] {
        assert!(points(healthy(), score).abs() < 1e-12, "{score}");
    }
}

#[test]
fn points_are_those_of_the_published_tables() {
    let with = |code: &str, value: f64, unit: &str| {
        let mut events = healthy();
        events.push(event(code, 1.0, value, unit));
        events
    };
    for (code, value, unit, wanted) in [
        ("LOINC//9279-1", 8.0, "/min", 3.0),
        ("LOINC//9279-1", 9.0, "/min", 1.0),
        ("LOINC//9279-1", 25.0, "/min", 3.0),
        ("LOINC//2708-6", 91.0, "%", 3.0),
        ("LOINC//2708-6", 95.0, "%", 1.0),
        ("LOINC//8480-6", 90.0, "mm[Hg]", 3.0),
        ("LOINC//8480-6", 220.0, "mm[Hg]", 3.0),
        ("LOINC//8867-4", 131.0, "/min", 3.0),
        ("LOINC//8867-4", 50.0, "/min", 1.0),
        ("LOINC//8310-5", 35.0, "Cel", 3.0),
        ("LOINC//8310-5", 100.4, "[degF]", 0.0),
        ("LOINC//8310-5", 102.6, "[degF]", 2.0),
        ("LOINC//9269-2", 14.0, "", 3.0),
        ("LOINC//3150-6", 40.0, "%", 2.0),
    ] {
        let found = points(with(code, value, unit), Score::News2);
        assert!((found - wanted).abs() < 1e-12, "{code} {value}: {found}");
    }
    for (code, value, unit, wanted) in [
        ("LOINC//8867-4", 39.0, "/min", 11.0),
        ("LOINC//8480-6", 69.0, "mm[Hg]", 13.0),
        ("LOINC//3094-0", 84.0, "mg/dL", 10.0),
        ("LOINC//3094-0", 30.0, "mmol/L", 10.0),
        ("LOINC//2823-3", 5.0, "mmol/L", 3.0),
        ("LOINC//2951-2", 124.0, "mmol/L", 5.0),
        ("LOINC//1963-8", 14.9, "mmol/L", 6.0),
        ("LOINC//9269-2", 5.0, "", 26.0),
        ("LOINC//1975-2", 6.0, "mg/dL", 9.0),
        ("Urine", 400.0, "mL", 11.0),
    ] {
        let found = points(with(code, value, unit), Score::SapsIiPhysiology);
        assert!((found - wanted).abs() < 1e-12, "{code} {value}: {found}");
    }
    let shock = with("LOINC//8480-6", 100.0, "mm[Hg]");
    assert!((points(shock, Score::Qsofa) - 1.0).abs() < 1e-12);
    let fever = with("LOINC//6690-2", 3.0, "10*3/uL");
    assert!((points(fever, Score::Sirs) - 1.0).abs() < 1e-12);
}

#[test]
fn the_bedside_score_takes_the_latest_and_the_others_the_worst() {
    let mut events = healthy();
    events.push(event("LOINC//8480-6", 10.0, 80.0, "mm[Hg]"));
    events.push(event("LOINC//8480-6", 30.0, 40.0, "mm[Hg]"));
    assert!(points(events.clone(), Score::News2).abs() < 1e-12);
    assert!((points(events.clone(), Score::SapsIiPhysiology) - 5.0).abs() < 1e-12);
    // Parts of the coma scale make the whole; impossible values and odd units are left out.
    let mut events: Vec<Event> = healthy();
    events.retain(|event| &*event.code.value != "9269-2");
    for (item, value) in [("220739", 3.0), ("223900", 4.0), ("223901", 6.0)] {
        events.push(event(&format!("LAB//{item}//UNK"), 1.0, value, ""));
    }
    events.push(event("LOINC//8867-4", 0.5, 900.0, "/min"));
    events.push(event("LOINC//8867-4", 0.4, 150.0, "kg"));
    let scores = scores(events);
    let news = scores[&Score::News2].as_ref().unwrap();
    assert_eq!(news.points, [Some(3.0)]);
    assert_eq!(news.basis.left_out, 2);
}

#[test]
fn a_score_without_its_inputs_is_none_with_a_reason() {
    let mut events = healthy();
    events.retain(|event| &*event.code.value != "9269-2");
    let scores = scores(events);
    assert!(scores[&Score::News2].is_ok());
    let reason = scores[&Score::Qsofa].as_ref().unwrap_err().to_string();
    assert!(reason.contains("Glasgow coma scale"), "{reason}");
    assert!(scores[&Score::Charlson].is_err());
}

#[test]
fn the_comorbidities_are_weighed_once_and_the_graver_form_counts() {
    let index = |codes: &[&str]| {
        let events = codes
            .iter()
            .map(|code| event(code, 900.0, 0.0, ""))
            .collect();
        points(events, Score::Charlson)
    };
    assert!((index(&["ICD10CM//I50.9", "ICD10CM//I50.1"]) - 1.0).abs() < 1e-12);
    assert!((index(&["DIAGNOSIS//ICD//9//4280"]) - 1.0).abs() < 1e-12);
    assert!((index(&["ICD10CM//E11.9", "ICD10CM//E11.2"]) - 2.0).abs() < 1e-12);
    assert!((index(&["ICD10//C78.0", "ICD10CM//C34.1"]) - 6.0).abs() < 1e-12);
    assert!((index(&["ICD10CM//K74.6", "ICD10CM//K72.1", "ICD10CM//N18.3"]) - 5.0).abs() < 1e-12);
    assert!(index(&["ICD10CM//Z00.0"]).abs() < 1e-12);
}
