//! Which targets a vocabulary has, and which events are one of them.

use super::*;
use crate::fixture;
use longitude_core::{Origin, SubjectId, Timeline};
use longitude_tokens::{VocabularyBuilder, VocabularyOptions};

/// Twenty people with two diagnoses of one category, a drug, an admission, a laboratory with values
/// 1 to 100, and death for half of them.
fn hospital() -> Vocabulary {
    let mut builder = VocabularyBuilder::new(VocabularyOptions::with_subjects_min(1));
    for subject in 0..20_u32 {
        let mut events: Vec<Event> = [
            ("GENDER//female", f64::NAN),
            ("MEDS_BIRTH", -9000.0),
            ("ICD10CM//I50.9", 1.0),
            ("ICD10CM//I50.2", 2.0),
            ("RxNorm//29046", 3.0),
            ("ENCOUNTER//IMP//START", 4.0),
            ("ENCOUNTER//IMP//END", 5.0),
        ]
        .map(|(code, day)| {
            fixture::timeline(1, &[(code, day)], fixture::until(9.0)).events()[0].clone()
        })
        .into();
        for n in 0..5 {
            let mut lab = events[3].clone();
            lab.code = Code::from_meds("LOINC//2160-0");
            lab.numeric_value = Some(f64::from(subject * 5 + n + 1));
            lab.unit = Some("mg/dL".into());
            events.push(lab);
        }
        if subject % 2 == 0 {
            let mut death = events[6].clone();
            death.code = Code::death();
            events.push(death);
        }
        builder.observe(&Timeline::new(
            SubjectId(subject.into()),
            events,
            fixture::until(9.0),
        ));
    }
    builder.finish().unwrap()
}

#[test]
fn targets_are_the_groups_and_the_outer_tenths_of_measurements() {
    let vocabulary = hospital();
    let shown: Vec<String> = targets(&vocabulary, 5)
        .iter()
        .map(|target| {
            let limit = target.limit.as_ref();
            let limit = limit.map(|limit| format!("bins {:?} {:.2}", limit.bins, limit.share));
            let codes = target.ids.iter().filter_map(|id| vocabulary.base(*id));
            let codes: Vec<_> = codes.map(|code| code.to_meds().into_owned()).collect();
            let shown = format!("{:?} | {} | {}", target.kind, target.name, codes.join(" "));
            limit.map_or(shown.clone(), |limit| format!("{shown} | {limit}"))
        })
        .collect();
    expect_test::expect![[r"
        Death | MEDS_DEATH | MEDS_DEATH
        Diagnosis | category ICD10CM I50 | ICD10CM//I50.2 ICD10CM//I50.9
        Drug | RxNorm//29046 | RxNorm//29046
        Laboratory | LOINC//2160-0 <= 9.5 mg/dL | LOINC//2160-0 | bins (1, 1) 0.09
        Laboratory | LOINC//2160-0 >= 90.5 mg/dL | LOINC//2160-0 | bins (11, 11) 0.10
        Care | category ENCOUNTER IMP | ENCOUNTER//IMP//START"]]
    .assert_eq(&shown.join("\n"));
    assert!(targets(&vocabulary, 1_000_000).is_empty());
}

#[test]
fn kinds_go_by_code_systems() {
    let kind = |code: &str, valued| Kind::of(&Code::from_meds(code), valued);
    assert_eq!(kind("MEDS_DEATH", false), Some(Kind::Death));
    assert_eq!(kind("MEDS_BIRTH", false), None);
    assert_eq!(kind("GENDER//female", false), None);
    assert_eq!(kind("ICD10CM//I50.9", false), Some(Kind::Diagnosis));
    assert_eq!(kind("RxNorm//29046", false), Some(Kind::Drug));
    assert_eq!(kind("ENCOUNTER//IMP//START", false), Some(Kind::Care));
    assert_eq!(kind("ENCOUNTER//IMP//END", false), None);
    assert_eq!(kind("LOINC//2160-0", true), Some(Kind::Laboratory));
    assert_eq!(kind("LOINC//2160-0", false), None);
}

#[test]
fn a_limit_asks_for_value_and_unit() {
    let vocabulary = fixture::vocabulary();
    let id = vocabulary.exact(&Code::from_meds("LAB//1")).unwrap();
    let bins = vocabulary.bins_of(id).unwrap();
    let target = Target {
        name: "high".to_owned(),
        kind: Kind::Laboratory,
        code: Code::from_meds("LAB//1"),
        limit: Some(Limit {
            side: Side::Above,
            value: 106.0,
            unit: bins.unit.clone(),
            share: 0.1,
            bins: (bins.bin(106.0), bins.len()),
        }),
        ids: vec![id],
    };
    let event = |value: Option<f64>, unit: &str| {
        let origin = Origin {
            file: "".into(),
            record: "".into(),
            element: "".into(),
            row: 0,
            rule: "".into(),
        };
        let mut event = Event::new(Code::from_meds("LAB//1"), None, origin);
        event.numeric_value = value;
        event.unit = Some(unit.into());
        event
    };
    let holds = |value, unit| target.holds(&vocabulary, &event(value, unit));
    assert!(holds(Some(106.0), "mg/dL"));
    assert!(!holds(Some(101.0), "mg/dL"));
    assert!(!holds(Some(106.0), "mmol/L"));
    assert!(!holds(None, "mg/dL"));
}
