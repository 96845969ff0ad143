//! The page: whole, small, silent about few people.

use super::*;
use longitude_core::{Code, Event, Instant, Observation, Origin, SubjectId, Timeline};
use longitude_quality::{Collector, Options, compare};
use longitude_units::Analytes;
use std::collections::BTreeMap;

/// Forty people with a creatinine each, the last ones' in another unit; seven have a rare code.
fn report(factor: f64) -> Report {
    let mut collector = Collector::new(Options::standard(), Analytes::shipped().clone());
    for number in 0..40i32 {
        let mut events = vec![Event::new(
            Code::new("GENDER", "female"),
            None,
            Origin::derived(""),
        )];
        for visit in 0..4 {
            let at = Some(Instant(i64::from(number * 10 + visit) * 86_400_000_000));
            let mut event = Event::new(Code::new("LOINC", "2160-0"), at, Origin::derived("x"));
            event.numeric_value =
                Some((0.7 + f64::from((number * 7 + visit * 3) % 9) / 10.0) * factor);
            event.unit = Some("mg/dL".into());
            events.push(event);
        }
        if number < 7 {
            events.push(Event::new(
                Code::new("HOUSE", "<rare>"),
                None,
                Origin::derived(""),
            ));
        }
        let subject = SubjectId(i64::from(number));
        collector.observe(&Timeline::new(subject, events, Observation::UNKNOWN));
    }
    collector.finish("test", BTreeMap::new(), &BTreeMap::new())
}

#[test]
fn few_people_are_hidden_and_markup_is_escaped() {
    let report = report(1.0);
    let hidden = quality_html(&report, None, SmallCells::Hidden);
    assert!(hidden.contains("HOUSE//&lt;rare&gt;") && !hidden.contains("<rare>"));
    assert!(hidden.contains("&lt;11") && !hidden.contains(">7<"));
    let shown = quality_html(&report, None, SmallCells::Shown);
    assert!(shown.contains(">7<") && !shown.contains("&lt;11"));
    for page in [hidden, shown] {
        assert!(page.len() < 2_000_000 && !page.contains("<script") && !page.contains("http"));
    }
}

#[test]
fn a_mix_up_and_what_changed_stand_on_the_page() {
    let (before, after) = (report(1.0), report(88.4));
    let comparison = compare(&before, &after);
    let page = quality_html(&after, Some((&before, &comparison)), SmallCells::Hidden);
    for text in [
        "Units mixed up",
        "umol/L",
        "What changed",
        "Values moved",
        "stability index",
    ] {
        assert!(page.contains(text), "{text}");
    }
}
