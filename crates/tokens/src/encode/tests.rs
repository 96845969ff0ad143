//! Tests of the walk: alignment, where the likelihood begins and ends, and that nothing leaks.

use super::*;
use crate::builder::{VocabularyBuilder, VocabularyOptions};
use crate::hierarchy;
use longitude_core::{Code, Observation, ObservationSource, Origin, SubjectId};
use proptest::prelude::*;

const HOUR: i64 = 3_600_000_000;

fn event(joined: &str, hour: Option<i64>, value: Option<f64>) -> Event {
    let time = hour.map(|hour| Instant(hour * HOUR));
    Event {
        numeric_value: value,
        ..Event::new(Code::from_meds(joined), time, Origin::derived("test"))
    }
}

fn timeline(events: Vec<Event>, start: Option<i64>, end: Option<i64>) -> Timeline {
    let observation = Observation {
        start: start.map(|hour| Instant(hour * HOUR)),
        end: end.map(|hour| Instant(hour * HOUR)),
        source: ObservationSource::Stated,
    };
    Timeline::new(SubjectId(1), events, observation)
}

fn vocabulary(timelines: &[Timeline], subjects_min: u32) -> Vocabulary {
    let mut builder = VocabularyBuilder::new(VocabularyOptions::with_subjects_min(subjects_min));
    for timeline in timelines {
        builder.observe(timeline);
    }
    builder.finish().unwrap()
}

/// `-` nothing, a number the wait in hours to the next position, `|` and a number the censored
/// wait.
fn targets(events: &[(&str, Option<i64>)], start: Option<i64>, end: Option<i64>) -> String {
    let events = events.iter().map(|(code, hour)| event(code, *hour, None));
    let timeline = timeline(events.collect(), start, end);
    let tokens = encode(&vocabulary(std::slice::from_ref(&timeline), 1), &timeline);
    let shown: Vec<String> = (0..tokens.len())
        .map(|position| match tokens.next(position) {
            Next::None => "-".to_owned(),
            Next::Event { wait_us } => (wait_us / HOUR).to_string(),
            Next::Censored { wait_us } => format!("|{}", wait_us / HOUR),
        })
        .collect();
    shown.join(" ")
}

#[test]
fn the_likelihood_begins_after_entry_and_ends_at_the_end() {
    let stated = [
        ("S", None),
        ("MEDS_BIRTH", Some(-9)),
        ("a", Some(2)),
        ("b", Some(2)),
        ("c", Some(5)),
    ];
    assert_eq!(targets(&stated, Some(0), Some(9)), "- 2 0 3 |4");
    // Unknown start: the first timed event is the entry, and what is tied with it is not scored.
    assert_eq!(targets(&stated, None, Some(9)), "- - - 3 |4");
    // Unknown end: no survival term.
    assert_eq!(targets(&stated, Some(0), None), "- 2 0 3 -");
    // Events before the entry are context, and a wait begun before it is not scored.
    assert_eq!(targets(&stated, Some(3), Some(9)), "- - - - |4");
    // Events after the end are not scored: the wait is censored there.
    assert_eq!(targets(&stated, Some(0), Some(3)), "- 2 0 |1 -");
}

#[test]
fn death_ends_the_likelihood() {
    let died = [
        ("S", None),
        ("a", Some(1)),
        ("MEDS_DEATH", Some(4)),
        ("late", Some(6)),
    ];
    assert_eq!(targets(&died, Some(0), Some(9)), "1 3 - -");
    assert_eq!(targets(&died, Some(0), None), "1 3 - -");
    // A death after the end of observation was not observed.
    assert_eq!(targets(&died, Some(0), Some(2)), "1 |1 - -");
}

#[test]
fn odd_timelines_have_no_targets_and_do_not_fail() {
    assert_eq!(targets(&[], Some(0), Some(9)), "");
    assert_eq!(targets(&[("S", None)], None, None), "-");
    assert_eq!(targets(&[("S", None)], Some(0), Some(9)), "|9");
    // Without any context the first wait is not scored.
    assert_eq!(
        targets(&[("a", Some(1)), ("b", Some(2))], Some(0), None),
        "1 -"
    );
    // An end before the entry.
    assert_eq!(targets(&[("a", Some(1))], Some(5), Some(3)), "-");
}

#[test]
fn ages_saturate_and_unknown_birth_is_marked() {
    let hours_per_year = 8766;
    let old = vec![
        event("MEDS_BIRTH", Some(0), None),
        event("a", Some(95 * hours_per_year), None),
    ];
    let timelines = [
        timeline(old, None, None),
        timeline(vec![event("a", Some(0), None)], None, None),
    ];
    let vocabulary = vocabulary(&timelines, 1);
    let [old, unknown] = timelines.map(|timeline| encode(&vocabulary, &timeline));
    assert!(old.age_known && !unknown.age_known);
    assert_eq!(old.age_days, [AGE_DAYS_MAX, AGE_DAYS_MAX]);
    assert_eq!(unknown.age_days, [AGE_UNKNOWN_DAYS]);
}

/// Random timelines over a few codes of every kind.
fn any_timeline() -> impl Strategy<Value = Timeline> {
    let code = prop_oneof![
        Just("ICD10CM//E11.9"),
        Just("ICD10CM//E11.2"),
        Just("ICD10CM//I10"),
        Just("LOINC//2160-0"),
        Just("GENDER//male"),
        Just("MEDS_BIRTH"),
        Just("MEDS_DEATH"),
        Just("X"),
    ];
    let hour = prop_oneof![1 => Just(None), 6 => (0..40i64).prop_map(Some)];
    let value = prop_oneof![
        Just(None),
        (0..300i32).prop_map(|t| Some(f64::from(t) / 10.0))
    ];
    let events = proptest::collection::vec((code, hour, value), 0..30);
    let edge = || prop_oneof![Just(None), (-5..45i64).prop_map(Some)];
    (events, edge(), edge()).prop_map(|(events, start, end)| {
        let events = events
            .into_iter()
            .map(|(code, hour, value)| event(code, hour, value));
        timeline(events.collect(), start, end)
    })
}

#[test]
fn a_long_history_keeps_its_static_events_and_its_latest() {
    let mut events = vec![event("S", None, None), event("MEDS_BIRTH", Some(-5), None)];
    events.extend((0..10).map(|hour| event("a", Some(hour), None)));
    let timeline = timeline(events, None, None);
    let tokens = encode(&vocabulary(std::slice::from_ref(&timeline), 1), &timeline);
    assert_eq!(tokens.lead, 2);
    assert_eq!(tokens.recent(5), [0, 1, 9, 10, 11]);
    assert_eq!(tokens.recent(1), [11]);
    assert_eq!(tokens.recent(12).len(), 12);
    assert_eq!(tokens.recent(0), Vec::<usize>::new());
}

proptest! {
    #[test]
    fn every_token_leads_back_to_its_event(
        timelines in proptest::collection::vec(any_timeline(), 1..12), subjects_min in 1u32..5
    ) {
        let vocabulary = vocabulary(&timelines, subjects_min);
        let mut scored = 0;
        for timeline in &timelines {
            let tokens = encode(&vocabulary, timeline);
            prop_assert_eq!(tokens.len(), timeline.events().len());
            prop_assert!(tokens.time_us.is_sorted());
            for position in 0..tokens.len() {
                let event = &timeline.events()[tokens.event[position] as usize];
                let code = vocabulary.code(tokens.code[position]);
                let stands_for = |code: &Code| {
                    *code == event.code || hierarchy::ancestors(&event.code).contains(code)
                };
                prop_assert!(code.is_none_or(stands_for));
                let bins = vocabulary.bins_of(tokens.code[position]);
                match (tokens.value_bin[position], bins, event.numeric_value) {
                    (0, bins, value) => prop_assert!(
                        bins.is_none() || value.is_none() || code != Some(&event.code)
                    ),
                    (bin, Some(bins), Some(value)) => prop_assert_eq!(bins.bin(value), bin),
                    (bin, ..) => prop_assert!(false, "bin {} without a value", bin),
                }
                let next = tokens.next(position);
                if let Next::Event { wait_us } | Next::Censored { wait_us } = next {
                    prop_assert!(wait_us >= 0);
                }
                scored += u64::from(matches!(tokens.next(position), Next::Event { .. }));
            }
        }
        prop_assert_eq!(vocabulary.report().events_scored, scored);
    }

    #[test]
    fn a_history_is_a_prefix_and_nothing_after_leaks(
        timelines in proptest::collection::vec(any_timeline(), 1..6), hour in -2..45i64
    ) {
        let vocabulary = vocabulary(&timelines, 1);
        let at = Instant(hour * HOUR);
        for timeline in &timelines {
            let whole = encode(&vocabulary, timeline);
            let history = encode_history(&vocabulary, timeline, at);
            let n = history.len();
            prop_assert_eq!(&history.code[..], &whole.code[..n]);
            prop_assert_eq!(&history.value_bin[..], &whole.value_bin[..n]);
            prop_assert_eq!(&history.value[..], &whole.value[..n]);
            prop_assert_eq!(&history.event[..], &whole.event[..n]);
            prop_assert_eq!(history.end_us, None);
            let timed = timeline.history(at).iter().any(|e| e.time.is_some() && !e.code.is_birth());
            let start = timeline.observation().start;
            let known = |time: Option<Instant>| time.is_none_or(|time| time <= at);
            if timed && known(start) && known(timeline.birth()) {
                prop_assert_eq!(&history.time_us[..], &whole.time_us[..n]);
                prop_assert_eq!(&history.age_days[..], &whole.age_days[..n]);
            }
            // Cutting the future off the timeline changes nothing.
            let observation = Observation { end: None, ..timeline.observation() };
            let cut = Timeline::new(timeline.subject(), timeline.history(at).to_vec(), observation);
            prop_assert_eq!(history, encode_history(&vocabulary, &cut, at));
        }
    }
}
