//! The default questions of small data sets.

use super::*;
use crate::fixture;
use longitude_core::{Instant, Observation};

fn ask(timelines: &[Timeline]) -> String {
    let index = IndexOptions {
        seed: 1,
        events_min: 2,
        days_max: 1,
    };
    let mut census = Census::new(index);
    for timeline in timelines {
        census.observe(timeline);
    }
    let tasks = default_tasks(&census, &DefaultTasksOptions::research());
    let show = |task: &Task| {
        let counts = |one: &CodeMatch| match one {
            CodeMatch::Exact(code) => format!("\n    {code}"),
            CodeMatch::Prefix { system, prefix } => format!("\n    {system} {prefix}*"),
        };
        let any_of: String = task.outcome.any_of.iter().map(counts).collect();
        let incident = if task.incident { "first" } else { "any" };
        format!("{} | {incident}\n    {}{any_of}", task.id, task.title)
    };
    tasks.iter().map(show).collect::<Vec<_>>().join("\n")
}

/// Two events before the prediction time (day 2), then these, observed to `end`.
fn subject(number: i64, after: &[(&str, f64)], end: Observation) -> Timeline {
    let mut events = vec![("A", 0.5), ("ICD10CM//Z00.0", 1.0)];
    events.extend_from_slice(after);
    fixture::timeline(number, &events, end)
}

fn cohort(end: Observation, scale: f64) -> Vec<Timeline> {
    let subject = |number: i64| {
        let mut after = vec![("A", 3.0), ("ICD10CM//Z00.0", 4.0 * scale)];
        if number % 3 == 0 {
            after.push(("ICD10CM//E11.9", 20.0 * scale));
            after.push(("ENCOUNTER//IMP//START", 21.0 * scale));
        }
        if number % 4 == 0 {
            after.push(("DIAGNOSIS//ICD//9//E8500", 9.0 * scale));
            after.push(("SNOMED//44054006", 10.0 * scale));
        }
        if number % 5 != 0 {
            after.push(("ICD10CM//R05", 6.0 * scale));
        }
        if number % 5 == 0 {
            after.push(("MEDS_DEATH", 28.0 * scale));
        }
        subject(number, &after, end)
    };
    (0..120).map(subject).collect()
}

#[test]
fn a_year_where_the_data_have_a_year() {
    // Z00 was before in all, R05 comes to more than half: neither is asked.
    let end = fixture::until(500.0);
    expect_test::expect![[r"
        death_1y | any
            Death within 1 year
            MEDS_DEATH
        admission_1y | any
            Inpatient admission within 1 year
            ENCOUNTER IMP//START
            ENCOUNTER ACUTE//START
            ENCOUNTER NONAC//START
            HOSPITAL_ADMISSION *
        admission_30d | any
            Inpatient admission within 30 days
            ENCOUNTER IMP//START
            ENCOUNTER ACUTE//START
            ENCOUNTER NONAC//START
            HOSPITAL_ADMISSION *
        first_icd10cm_e11_1y | first
            First diagnosis of ICD10CM E11 within 1 year
            ICD10CM E11*
        first_snomed_44054006_1y | first
            First diagnosis of SNOMED 44054006 within 1 year
            SNOMED 44054006
        first_diagnosis_icd__9__e850_1y | first
            First diagnosis of DIAGNOSIS ICD//9//E850 within 1 year
            DIAGNOSIS ICD//9//E850*"]]
    .assert_eq(&ask(&cohort(end, 1.0)));
}

#[test]
fn a_month_where_the_data_have_a_month() {
    let shown = ask(&cohort(fixture::until(40.0), 1.0));
    let ids: Vec<&str> = shown
        .lines()
        .filter(|line| !line.starts_with(' '))
        .filter_map(|line| line.split(" | ").next())
        .collect();
    assert_eq!(
        ids,
        [
            "death_30d",
            "admission_30d",
            "first_icd10cm_e11_30d",
            "first_snomed_44054006_30d",
            "first_diagnosis_icd__9__e850_30d"
        ]
    );
}

#[test]
fn nothing_is_asked_of_which_nothing_was_seen() {
    assert_eq!(ask(&[]), "");
    let few: Vec<_> = cohort(fixture::until(500.0), 1.0)
        .into_iter()
        .take(30)
        .collect();
    assert_eq!(ask(&few), "");
}

#[test]
fn categories_follow_their_systems() {
    let shown = |joined: &str| {
        category(&Code::from_meds(joined)).map(|found| serde_json::to_string(&found).unwrap())
    };
    let prefix = |system: &str, prefix: &str| {
        Some(format!(
            r#"{{"prefix":{{"system":"{system}","prefix":"{prefix}"}}}}"#
        ))
    };
    assert_eq!(shown("ICD10CM//I50.9"), prefix("ICD10CM", "I50"));
    assert_eq!(shown("ICD9CM//E850.3"), prefix("ICD9CM", "E850"));
    assert_eq!(shown("ICD9CM//428.0"), prefix("ICD9CM", "428"));
    assert_eq!(
        shown("DIAGNOSIS//ICD//10//I509"),
        prefix("DIAGNOSIS", "ICD//10//I50")
    );
    assert_eq!(
        shown("DIAGNOSIS//ICD//10//E109"),
        prefix("DIAGNOSIS", "ICD//10//E10")
    );
    assert_eq!(shown("DIAGNOSIS//odd"), None);
    assert_eq!(shown("ICD10CM//Z"), None);
    let at = index_time(
        &subject(3, &[("A", 9.0)], Observation::UNKNOWN),
        &IndexOptions {
            seed: 1,
            events_min: 2,
            days_max: 1,
        },
    );
    assert_eq!(at, Some(Instant(0).plus(Days(2.0))));
}
