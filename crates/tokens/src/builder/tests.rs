//! Tests of the fit: what is kept, what falls where, and that order does not matter.

use super::*;
use crate::vocabulary::UNKNOWN;
use expect_test::expect;
use longitude_core::{
    CodeMatch, Event, Instant, Observation, ObservationSource, Origin, Predicate, SubjectId,
};
use std::fmt::Write as _;

const DAY: i64 = 86_400_000_000;

pub(crate) fn event(joined: &str, day: Option<i64>) -> Event {
    let time = day.map(|day| Instant(day * DAY));
    Event::new(Code::from_meds(joined), time, Origin::derived("test"))
}

fn number(joined: &str, day: i64, value: f64, unit: Option<&str>) -> Event {
    Event {
        numeric_value: Some(value),
        unit: unit.map(Into::into),
        ..event(joined, Some(day))
    }
}

fn text(joined: &str, day: i64, text: &str) -> Event {
    Event {
        text_value: Some(text.into()),
        ..event(joined, Some(day))
    }
}

fn timeline(subject: i64, events: Vec<Event>) -> Timeline {
    let observation = Observation {
        start: Some(Instant(0)),
        end: Some(Instant(100 * DAY)),
        source: ObservationSource::Stated,
    };
    Timeline::new(SubjectId(subject), events, observation)
}

/// Twenty subjects with every kind of code.
fn subjects() -> Vec<Timeline> {
    (0..20i64)
        .map(|i| {
            let mut events = vec![
                event("GENDER//female", None),
                event("MEDS_BIRTH", Some(-20_000)),
                event("ICD10CM//I10", Some(1)),
                event(&format!("ICD10CM//E11.{}", i % 10), Some(2)),
                event(&format!("SNOMED//{i}"), Some(3)),
                number("LOINC//2160-0", 4, i as f64 / 10.0, Some("mg/dL")),
                number("LOINC//2160-0", 4, i as f64, Some("umol/L")),
                text(
                    "LOINC//5778-6",
                    5,
                    if i % 2 == 0 { "Yellow " } else { "yellow" },
                ),
                text("NOTE//11488-4", 6, "short"),
            ];
            if i < 6 {
                events.push(number("LOINC//2160-0", 7, 1.0, Some("mg/dL")));
                events.push(text("LOINC//5778-6", 8, &format!("free {i}")));
            }
            timeline(i + 1, events)
        })
        .collect()
}

fn fit_all<'t>(timelines: impl Iterator<Item = &'t Timeline>) -> Vocabulary {
    let options = VocabularyOptions {
        once_only_subjects_min: 10,
        ..VocabularyOptions::with_subjects_min(5)
    };
    let mut builder = VocabularyBuilder::new(options);
    for timeline in timelines {
        builder.observe(timeline);
    }
    builder.finish().unwrap()
}

#[test]
fn what_is_kept_and_how() {
    let subjects = subjects();
    let vocabulary = fit_all(subjects.iter());
    let mut shown = String::new();
    for (id, entry) in (2..).zip(&vocabulary.entries) {
        let [system, category] = entry.groups;
        let name = |group| vocabulary.group_name(group).unwrap_or("-");
        writeln!(
            shown,
            "{id} {} | {} subjects {} events{}{} | {}, {}",
            entry.code,
            entry.subjects,
            entry.events,
            if entry.once_only { " once" } else { "" },
            entry.bins.as_ref().map_or(String::new(), |bins| format!(
                " {} bins of {:?} step {}",
                bins.len(),
                bins.unit,
                bins.step
            )),
            name(system),
            name(category),
        )
        .unwrap();
    }
    expect![[r#"
        2 MEDS_BIRTH | 20 subjects 0 events once | system MEDS, -
        3 MEDS_DEATH | 0 subjects 0 events once | system MEDS, -
        4 GENDER female | 20 subjects 0 events once | system GENDER, -
        5 ICD10CM E11 | 20 subjects 20 events | system ICD10CM, -
        6 ICD10CM I10 | 20 subjects 20 events once | system ICD10CM, -
        7 LOINC 2160-0 | 20 subjects 26 events 3 bins of Some("mg/dL") step 0.1 | system LOINC, category LOINC 2160-0
        8 LOINC 2160-0//umol/L | 20 subjects 20 events once 2 bins of Some("umol/L") step 1 | system LOINC, category LOINC 2160-0
        9 LOINC 5778-6 | 20 subjects 6 events | system LOINC, category LOINC 5778-6
        10 LOINC 5778-6=yellow | 20 subjects 20 events once | system LOINC, category LOINC 5778-6
        11 NOTE 11488-4 | 20 subjects 20 events once | system NOTE, -
    "#]].assert_eq(&shown);
    let report = serde_json::to_string_pretty(vocabulary.report()).unwrap();
    expect![[r#"
        {
          "subjects": 20,
          "events": 192,
          "events_scored": 152,
          "events_at_ancestor": 20,
          "events_unknown": 20,
          "codes_seen": 36,
          "codes_kept": 10,
          "categories_added": 1,
          "codes_with_bins": 2,
          "codes_with_several_units": 1,
          "unit_variants": 1,
          "text_variants": 1,
          "codes_with_free_text": 0,
          "codes_once_only": 7,
          "subjects_without_birth": 0,
          "subjects_without_end": 0
        }"#]]
    .assert_eq(&report);
}

#[test]
fn rare_codes_fall_to_their_nearest_kept_ancestor() {
    let subjects = subjects();
    let vocabulary = fit_all(subjects.iter());
    let falls = |joined: &str| {
        let id = vocabulary.id(&Code::from_meds(joined));
        vocabulary.code(id).map(|code| code.to_meds().into_owned())
    };
    assert_eq!(falls("ICD10CM//E11.9").as_deref(), Some("ICD10CM//E11"));
    assert_eq!(falls("ICD10CM//E11.329").as_deref(), Some("ICD10CM//E11"));
    assert_eq!(falls("ICD10CM//I10.0").as_deref(), Some("ICD10CM//I10"));
    assert_eq!(falls("ICD10CM//Z99"), None);
    assert_eq!(vocabulary.id(&Code::from_meds("SNOMED//3")), UNKNOWN);
}

#[test]
fn variants_need_their_unit_or_text_and_count_for_their_code() {
    let subjects = subjects();
    let vocabulary = fit_all(subjects.iter());
    let of = |event: &Event| {
        let token = vocabulary.token(event);
        let code = vocabulary.code(token.code).unwrap().to_meds().into_owned();
        (code, token.value_bin > 0)
    };
    let creatinine = "LOINC//2160-0";
    assert_eq!(
        of(&number(creatinine, 1, 1.0, Some("mg/dL"))),
        (creatinine.into(), true)
    );
    assert_eq!(
        of(&number(creatinine, 1, 88.0, Some("umol/L"))),
        ("LOINC//2160-0//umol/L".into(), true)
    );
    // A unit that was never seen has no bins, and the number is not compared with another unit's.
    assert_eq!(
        of(&number(creatinine, 1, 1.0, None)),
        (creatinine.into(), false)
    );
    assert_eq!(
        of(&number(creatinine, 1, f64::NAN, Some("mg/dL"))),
        (creatinine.into(), false)
    );
    assert_eq!(
        of(&text("LOINC//5778-6", 1, " YELLOW")),
        ("LOINC//5778-6=yellow".into(), false)
    );
    assert_eq!(
        of(&text("LOINC//5778-6", 1, "free 1")),
        ("LOINC//5778-6".into(), false)
    );
    let matching = |joined| {
        let code = Code::from_meds(joined);
        vocabulary.ids_matching(&Predicate::code(code)).len()
    };
    assert_eq!(matching("LOINC//5778-6"), 2);
    assert_eq!(matching(creatinine), 2);
    assert_eq!(matching("ICD10CM//E11.9"), 0);
    let prefix = |prefix: &str| {
        vocabulary.ids_matching(&Predicate {
            any_of: vec![CodeMatch::Prefix {
                system: "ICD10CM".into(),
                prefix: prefix.into(),
            }],
        })
    };
    assert_eq!(prefix("E11").len(), 1);
    assert_eq!(prefix("").len(), 2);
    assert_eq!(prefix("E11.9").len(), 0);
}

#[test]
fn the_order_of_subjects_does_not_matter() {
    let subjects = subjects();
    let forward = fit_all(subjects.iter());
    let backward = fit_all(subjects.iter().rev());
    assert_eq!(forward.to_json().unwrap(), backward.to_json().unwrap());
    assert_eq!(forward.digest().unwrap(), backward.digest().unwrap());
}

#[test]
fn json_survives_and_damage_is_named() {
    let subjects = subjects();
    let vocabulary = fit_all(subjects.iter());
    let json = vocabulary.to_json().unwrap();
    let again = Vocabulary::from_json(&json).unwrap();
    assert_eq!(again, vocabulary);
    assert_eq!(again.digest().unwrap(), vocabulary.digest().unwrap());
    let swapped = String::from_utf8(json)
        .unwrap()
        .replace("\"I10\"", "\"A00\"");
    let error = Vocabulary::from_json(swapped.as_bytes()).unwrap_err();
    expect!["the vocabulary is damaged: its codes are not in order"].assert_eq(&error.to_string());
}

#[test]
fn marginals_are_those_of_the_scored_events() {
    let subjects = subjects();
    let vocabulary = fit_all(subjects.iter());
    let marginals = vocabulary.marginals();
    assert_eq!(marginals.code_log_share.len(), vocabulary.len());
    let total: f32 = marginals.code_log_share[1..].iter().map(|l| l.exp()).sum();
    assert!((total - 1.0).abs() < 1e-4, "{total}");
    let scored: usize = subjects
        .iter()
        .map(|timeline| {
            let tokens = crate::encode(&vocabulary, timeline);
            (0..tokens.len())
                .filter(|p| matches!(tokens.next(*p), Next::Event { .. }))
                .count()
        })
        .sum();
    assert_eq!(vocabulary.report().events_scored, scored as u64);
    let waits: u64 = marginals.wait.events.iter().sum();
    assert_eq!(waits + marginals.wait.zero, scored as u64);
    // Everyone is alive at the end: one censored wait each.
    assert_eq!(marginals.wait.chances, scored as u64 + 20);
    let days: f64 = marginals.wait.exposure_days.iter().sum();
    assert!((days - 20.0 * 100.0).abs() < 1e-6, "{days}");
}

#[test]
fn nothing_and_nonsense_are_refused() {
    let options = VocabularyOptions::with_subjects_min(5);
    let error = VocabularyBuilder::new(options.clone())
        .finish()
        .unwrap_err();
    assert!(matches!(error, Error::NothingObserved));
    let options = VocabularyOptions {
        value_bins: 0,
        ..options
    };
    let error = VocabularyBuilder::new(options).finish().unwrap_err();
    expect!["the vocabulary option `value_bins` must be from 1 to 255"]
        .assert_eq(&error.to_string());
}

/// Rare codes of other systems fall to what the data set says is above them, to blocks and chapters
/// where they are of ICD; a circle in what it says is cut.
#[test]
fn rare_codes_fall_to_the_ancestors_that_the_data_set_names() {
    let snomed = |value: &str| Code::new("SNOMED", value);
    let named = |below: &str, above: &[&str]| {
        let above = above.iter().map(|value| snomed(value)).collect();
        (snomed(below), above)
    };
    let mut said: Vec<_> = (0..20).map(|i| named(&i.to_string(), &["up"])).collect();
    said.extend([named("up", &["0", "top"]), named("top", &["up"])]);
    let hierarchy = Hierarchy::new(said);
    assert!(hierarchy.is_sound());
    let options = VocabularyOptions::with_subjects_min(5);
    let mut builder = VocabularyBuilder::new(options).with_hierarchy(hierarchy);
    for one in subjects() {
        let (subject, mut events, span) = one.into_parts();
        let injury = format!("DIAGNOSIS//ICD//10//S5{}0", subject.0 % 10);
        events.push(event(&injury, Some(9)));
        builder.observe(&Timeline::new(subject, events, span));
    }
    let vocabulary = builder.finish().unwrap();
    let id = vocabulary.id(&snomed("7"));
    assert_eq!(vocabulary.code(id), Some(&snomed("up")));
    assert_eq!(vocabulary.subjects_with(id), 20);
    let block = Code::new("ICD10CM", "S50-S59");
    let id = vocabulary.id(&Code::from_meds("ICD10CM//S59.009A"));
    assert_eq!(vocabulary.code(id), Some(&block));
    let counts = |prefix: &str| {
        let prefix = CodeMatch::Prefix {
            system: "ICD10CM".into(),
            prefix: prefix.into(),
        };
        let predicate = Predicate {
            any_of: vec![prefix],
        };
        vocabulary.ids_matching(&predicate).contains(&id)
    };
    assert!(counts("") && counts("S") && counts("S5"));
    assert!(!counts("S50") && !counts("S59") && !counts("T"));
    let json = vocabulary.to_json().unwrap();
    assert_eq!(Vocabulary::from_json(&json).unwrap(), vocabulary);
}
