//! The numbers that one history gives.

use super::*;
use expect_test::expect;
use longitude_core::{Days, EncounterId, Instant, Observation, Origin, SubjectId};

fn event(code: &str, days: Option<f64>) -> Event {
    let time = days.map(|days| Instant(0).plus(Days(days)));
    Event::new(Code::from_meds(code), time, Origin::derived("test"))
}

fn lab(value: f64, unit: &str, days: f64) -> Event {
    let mut event = event("LOINC//1", Some(days));
    event.numeric_value = Some(value);
    event.unit = Some(unit.into());
    event
}

fn in_encounter(mut event: Event, encounter: i64) -> Event {
    event.encounter = Some(EncounterId(encounter));
    event
}

fn shown(events: Vec<Event>) -> String {
    let mut table = CodeTable::default();
    for (code, unit) in [
        ("GENDER//female", None),
        ("ICD10CM//A", None),
        ("LOINC//1", Some("g")),
    ] {
        table.push(Code::from_meds(code), unit.map(Into::into));
    }
    let slots = crate::select::slot_features(&table);
    let timeline = Timeline::new(SubjectId(1), events, Observation::UNKNOWN);
    let example = Example {
        timeline: &timeline,
        time: Instant(0),
    };
    let row = Extractor::new(&table).row(&example);
    let lines = row.iter().map(|&(slot, value)| {
        let name = serde_json::to_value(&slots[slot as usize]).unwrap();
        let text = |key: &str| name[key].as_str().unwrap_or("").to_owned();
        let code = name["code"]["value"].as_str().unwrap_or("");
        let [feature, window, statistic] = ["feature", "window", "statistic"].map(text);
        format!("{feature} {code} {window} {statistic} = {value:.2}\n")
    });
    lines.collect()
}

#[test]
fn windows_are_nested_and_closed_and_the_future_is_not_seen() {
    let events = vec![
        event("GENDER//female", None),
        event("MEDS_BIRTH", Some(-36_525.0)),
        in_encounter(event("ENCOUNTER//IMP//START", Some(-400.0)), 1),
        in_encounter(event("ICD10CM//A", Some(-366.0)), 1),
        in_encounter(event("ICD10CM//A", Some(-365.0)), 2),
        event("ICD10CM//A", Some(-30.0)),
        event("ICD10CM//A", Some(0.0)),
        event("ICD10CM//A", Some(0.1)),
        event("ICD10CM//unknown", Some(-0.5)),
        lab(7.0, "g", -20.0),
        lab(9.0, "g", -2.0),
        lab(700.0, "mg", -1.0),
        lab(f64::NAN, "g", -0.5),
        lab(99.0, "g", 1.0),
    ];
    expect![[r"
        age_years    = 90.00
        days_since_last    = 0.00
        days_since_first    = 400.00
        distinct_codes    = 4.00
        events  hours24  = 4.00
        events  days30  = 7.00
        events  days365  = 8.00
        events  ever  = 10.00
        encounters  hours24  = 0.00
        encounters  days30  = 0.00
        encounters  days365  = 1.00
        encounters  ever  = 2.00
        static female   = 1.00
        count A hours24  = 1.00
        count A days30  = 2.00
        count A days365  = 3.00
        count A ever  = 4.00
        count 1 hours24  = 2.00
        count 1 days30  = 4.00
        count 1 days365  = 4.00
        count 1 ever  = 4.00
        latest 1   = 9.00
        latest_days 1   = 2.00
        numbers 1 days30 mean = 8.00
        numbers 1 days30 least = 7.00
        numbers 1 days30 greatest = 9.00
        numbers 1 days365 mean = 8.00
        numbers 1 days365 least = 7.00
        numbers 1 days365 greatest = 9.00
        numbers 1 ever mean = 8.00
        numbers 1 ever least = 7.00
        numbers 1 ever greatest = 9.00
        numbers 1 ever deviation = 1.41
        numbers 1 ever first = 7.00
        numbers 1 ever slope = 0.11
    "]]
    .assert_eq(&shown(events));
}

#[test]
fn an_empty_history_has_totals_of_nothing_and_unknown_times() {
    expect![[r"
        distinct_codes    = 0.00
        events  hours24  = 0.00
        events  days30  = 0.00
        events  days365  = 0.00
        events  ever  = 0.00
        encounters  hours24  = 0.00
        encounters  days30  = 0.00
        encounters  days365  = 0.00
        encounters  ever  = 0.00
    "]]
    .assert_eq(&shown(vec![event("ICD10CM//A", Some(5.0))]));
}
