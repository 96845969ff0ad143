//! What de-identification keeps and what it takes away, on timelines with planted identifiers.

use longitude_core::{
    Code, Days, EncounterId, Event, Instant, Observation, ObservationSource, Origin, Precision,
    SubjectId, Timeline,
};
use longitude_deid::{Deidentifier, Identifier, Key, Mode, Options, TextPolicy};
use proptest::prelude::*;
use std::sync::LazyLock;

const PLANTED: [&str; 6] = [
    "Quillfeather",
    "Zebulon",
    "88123456",
    "421-274-2180",
    "zq@example.org",
    "464-72-7630",
];
const NOTE: &str = "Patient: Zebulon Quillfeather\nMRN: 88123456\nSSN: 464-72-7630\n\
    Seen on Monday, March 4th, 2019 and 04/17/24.\n ZEBULON can be reached at 421-274-2180 or \
    zq@example.org. Mr. Quillfeather's creatinine was 1.4 mg/dL.\n";

fn day(days: f64) -> Instant {
    Instant(0).plus(Days(days))
}

#[expect(clippy::unwrap_used, reason = "a test's own dates exist")]
fn at(year: i16, month: i8, day: i8) -> Instant {
    Instant::from_civil((year, month, day), (13, 45, 7, 8_000), 0).unwrap()
}

fn event(code: &str, time: Option<Instant>, text: Option<&str>) -> Event {
    let origin = Origin {
        file: "Zebulon.ndjson".into(),
        record: "Observation/88123456".into(),
        element: "Observation.value".into(),
        row: 3,
        rule: "fhir/Observation@1".into(),
    };
    let mut event = Event::new(Code::from_meds(code), time, origin);
    event.text_value = text.map(Into::into);
    event.utc_offset_minutes = Some(-300);
    event.encounter = Some(EncounterId(88_123_456));
    event
}

fn deidentifier(options: Options) -> Deidentifier {
    Deidentifier::new(&Key::from_bytes([9; 32]), &options)
}

fn scrubbed_safe_harbor() -> Options {
    Options {
        notes: TextPolicy::Scrub,
        ..Options::safe_harbor()
    }
}

fn both() -> [Options; 3] {
    [
        Options::safe_harbor(),
        scrubbed_safe_harbor(),
        Options::expert_determination(30),
    ]
}

/// Every field of a timeline as text.
fn shown(timeline: &Timeline) -> String {
    let mut all = vec![format!(
        "{} {:?}",
        timeline.subject().0,
        timeline.observation()
    )];
    for e in timeline.events() {
        all.push(format!(
            "{:?} {:?} {} {:?} {:?} {:?} {:?} {:?} {:?} {} {} {} {}",
            e.time,
            e.precision,
            e.code.to_meds(),
            e.numeric_value,
            e.text_value,
            e.unit,
            e.end_time,
            e.encounter.map(|id| id.0),
            e.utc_offset_minutes,
            e.origin.file,
            e.origin.record,
            e.origin.element,
            e.origin.row
        ));
    }
    all.join("\n")
}

fn planted() -> Timeline {
    let mut odd = event(
        "LAB//Zebulon Quillfeather level",
        Some(at(2019, 3, 5)),
        Some("Zebulon"),
    );
    odd.unit = Some("per 88123456".into());
    odd.origin.element = "Patient.name[Quillfeather]".into();
    let events = vec![
        event("MEDS_BIRTH", Some(at(1969, 12, 21)), None),
        event("NOTE//34117-2", Some(at(2019, 3, 4)), Some(NOTE)),
        event("LOINC//5778-6", Some(at(2019, 3, 4)), Some("yellow")),
        odd,
    ];
    let span = Observation {
        start: Some(at(2018, 5, 6)),
        end: Some(at(2020, 7, 8)),
        source: ObservationSource::Stated,
    };
    Timeline::new(SubjectId(88_123_456), events, span)
}

#[test]
fn no_planted_identifier_survives() {
    let known: Vec<_> = ["Zebulon Quillfeather", "88123456"]
        .map(String::from)
        .into();
    for options in both() {
        let (out, changes) = deidentifier(options).timeline_with(planted(), &known);
        let all = shown(out.get());
        for identifier in PLANTED {
            let lower = identifier.to_lowercase();
            assert!(
                !all.to_lowercase().contains(&lower),
                "{identifier} in {all}"
            );
        }
        assert!(all.contains("\"yellow\""), "a coded result stays");
        assert_eq!(out.get().events().len(), 4);
        assert!(changes.counts[&Identifier::Known] >= 3);
        assert!(!format!("{out:?}").contains("LAB"));
    }
}

/// The scrubber's patterns alone, without known strings.
#[test]
#[expect(
    clippy::needless_raw_string_hashes,
    reason = "expect-test writes them so"
)]
fn a_note_is_scrubbed() {
    let note = |options| {
        let (out, _changes) = deidentifier(options).timeline(planted());
        let notes = out
            .get()
            .events()
            .iter()
            .filter(|e| &*e.code.system == "NOTE");
        notes
            .map(|e| e.text_value.as_deref().unwrap_or("").to_owned())
            .collect::<String>()
    };
    assert_eq!(note(Options::safe_harbor()), "");
    expect_test::expect![[r#"
        Patient: [NAME]
        MRN: [MRN]
        SSN: [SSN]
        Seen on [DATE] and [DATE].
         [NAME] can be reached at [PHONE] or [EMAIL]. Mr. [NAME] creatinine was 1.4 mg/dL.
    "#]]
    .assert_eq(&note(scrubbed_safe_harbor()));
    expect_test::expect![[r#"
        Patient: [NAME]
        MRN: [MRN]
        SSN: [SSN]
        Seen on February 22nd, 2019 and 04/07/24.
         [NAME] can be reached at [PHONE] or [EMAIL]. Mr. [NAME] creatinine was 1.4 mg/dL.
    "#]]
    .assert_eq(&note(Options::expert_determination(30)));
}

/// The golden note: identifiers of every kind, invented, and findings that must stay.
#[test]
fn the_golden_note_is_scrubbed() {
    let text = include_str!("../../../cases/deid/note.txt");
    let note = event("NOTE//34117-2", Some(at(2019, 3, 5)), Some(text));
    let timeline = Timeline::new(SubjectId(7), vec![note], Observation::UNKNOWN);
    let scrubbed = |options| {
        let (out, _changes) = deidentifier(options).timeline(timeline.clone());
        out.get().events()[0]
            .text_value
            .as_deref()
            .unwrap_or("")
            .to_owned()
    };
    let safe_harbor = scrubbed(scrubbed_safe_harbor());
    expect_test::expect_file!["../../../cases/deid/note.safe_harbor.txt"].assert_eq(&safe_harbor);
    let expert = scrubbed(Options::expert_determination(30));
    expect_test::expect_file!["../../../cases/deid/note.expert.txt"].assert_eq(&expert);
    let findings = text.split("\n\n").last().map_or("", |part| part);
    for line in findings.lines().take(3) {
        assert!(
            safe_harbor.contains(line) && expert.contains(line),
            "{line}"
        );
    }
}

#[test]
fn the_same_key_makes_the_same_and_another_key_another() {
    let one = deidentifier(Options::expert_determination(365));
    let same = deidentifier(Options::expert_determination(365));
    let other = Deidentifier::new(
        &Key::from_bytes([8; 32]),
        &Options::expert_determination(365),
    );
    assert_eq!(
        shown(one.timeline(planted()).0.get()),
        shown(same.timeline(planted()).0.get())
    );
    assert_ne!(one.subject(SubjectId(5)), other.subject(SubjectId(5)));
    assert_ne!(one.subject(SubjectId(5)), SubjectId(5));
    let shift = |d: &Deidentifier, id| d.instant(SubjectId(id), Instant(0)).0 / 86_400_000_000;
    let differ = (0..1000)
        .filter(|&id| shift(&one, id) != shift(&other, id))
        .count();
    assert!(differ > 950, "{differ}");
    let shifts: Vec<_> = (0..5000).map(|id| shift(&one, id)).collect();
    assert!(shifts.iter().all(|s| *s != 0 && s.abs() <= 365));
    assert!(shifts.iter().any(|s| *s > 300) && shifts.iter().any(|s| *s < -300));
}

#[test]
fn no_age_over_89_can_be_told() {
    let old = |last| {
        let mut age = event("LOINC//30525-0", Some(last), None);
        age.numeric_value = Some(97.0);
        let events = vec![
            event("MEDS_BIRTH", Some(at(1920, 6, 1)), None),
            event("A//1", Some(at(2000, 1, 1)), None),
            age,
        ];
        Timeline::new(SubjectId(1), events, Observation::UNKNOWN)
    };
    for options in both() {
        let (out, _changes) = deidentifier(options).timeline(old(at(2017, 6, 2)));
        let (birth, last) = (
            out.get().birth().unwrap(),
            out.get().events()[2].time.unwrap(),
        );
        assert!((last - birth).0 <= 90.0 * 365.25, "{options:?}");
        assert_eq!(out.get().events()[2].numeric_value, Some(90.0));
        if options.mode == Mode::SafeHarbor {
            assert!(last.civil_date().0 - birth.civil_date().0 <= 89);
        } else {
            let between = last - out.get().events()[1].time.unwrap();
            assert_eq!(
                between,
                at(2017, 6, 2) - at(2000, 1, 1),
                "other intervals stay"
            );
        }
    }
    let (out, _changes) =
        deidentifier(Options::expert_determination(30)).timeline(old(at(2009, 6, 2)));
    let age = out.get().events()[2].time.unwrap() - out.get().birth().unwrap();
    let stated = at(2009, 6, 2) - at(1920, 6, 1);
    assert_eq!(age, stated, "89 is told");
}

static SAFE_HARBOR: LazyLock<Deidentifier> = LazyLock::new(|| deidentifier(Options::safe_harbor()));
static EXPERT: LazyLock<[(u32, Deidentifier); 3]> = LazyLock::new(|| {
    [1, 30, 3650].map(|max| (max, deidentifier(Options::expert_determination(max))))
});

fn any_timeline() -> impl Strategy<Value = Timeline> {
    let event = (
        proptest::option::of(0..20_000_i64),
        0..5_usize,
        any::<u32>(),
        0..86_400_000_000_i64,
    );
    let events = proptest::collection::vec(event, 0..40);
    (events, any::<i64>()).prop_map(|(events, subject)| {
        let events = events.into_iter().map(|(day_number, code, row, micros)| {
            let code = ["A//1", "B//2", "MEDS_BIRTH", "MEDS_DEATH", "NOTE//1"][code];
            let time = day_number.map(|d| day(d as f64).shifted(micros));
            let mut event = event_of(code, time);
            event.origin.row = u64::from(row);
            event.end_time = time.map(|t| t.shifted(micros));
            event
        });
        let span = Observation {
            start: Some(day(100.0)),
            end: Some(day(19_000.0)),
            source: ObservationSource::Stated,
        };
        Timeline::new(SubjectId(subject), events.collect(), span)
    })
}

fn event_of(code: &str, time: Option<Instant>) -> Event {
    event(code, time, None)
}

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn expert_mode_keeps_intervals_and_order(timeline in any_timeline(), which in 0..3_usize) {
        let (max, deidentifier) = &EXPERT[which];
        let (out, _changes) = deidentifier.timeline(timeline.clone());
        let (before, after) = (timeline.events(), out.get().events());
        prop_assert_eq!(before.len(), after.len());
        let shift = deidentifier.instant(timeline.subject(), Instant(0)).0;
        prop_assert!(shift != 0 && shift % 86_400_000_000 == 0);
        prop_assert!(shift.abs() <= i64::from(*max) * 86_400_000_000);
        let moved = |time: Option<Instant>| time.map(|t| t.shifted(shift));
        for (a, b) in before.iter().zip(after) {
            prop_assert_eq!(moved(a.time), b.time);
            prop_assert_eq!(moved(a.end_time), b.end_time);
            prop_assert_eq!(&a.code, &b.code);
            prop_assert_eq!(&deidentifier.origin(&a.origin).record, &b.origin.record);
        }
        prop_assert_eq!(moved(timeline.observation().end), out.get().observation().end);
    }

    #[test]
    fn safe_harbor_tells_years_only(timeline in any_timeline()) {
        let (out, _changes) = SAFE_HARBOR.timeline(timeline.clone());
        let first_of_year = |time: Option<Instant>| {
            time.is_none_or(|t| t == t.start_of_year())
        };
        prop_assert_eq!(timeline.events().len(), out.get().events().len());
        for event in out.get().events() {
            prop_assert!(first_of_year(event.time) && first_of_year(event.end_time));
            prop_assert!(event.time.is_none() || event.precision == Precision::Year);
            prop_assert!(event.utc_offset_minutes.is_none());
        }
        let span = out.get().observation();
        prop_assert!(first_of_year(span.start) && first_of_year(span.end));
        let years = |t: &Timeline| -> Vec<_> {
            t.events().iter().map(|e| e.time.map(|t| t.civil_date().0)).collect()
        };
        prop_assert_eq!(years(&timeline), years(out.get()));
    }
}

/// With surrogates a note of a timeline reads as a note: no tag, no planted string, and the dates
/// as far apart as they were; the same subject's note outside the timeline becomes the same.
#[test]
fn notes_of_a_timeline_take_surrogates_where_the_policy_says_so() {
    let options = Options {
        notes: TextPolicy::Surrogate,
        ..Options::expert_determination(365)
    };
    let text = "Mr. Quillfeather was seen on 03/04/2019 and on 03/18/2019. Call 421-274-2180.";
    let scrubbed = |options: Options| {
        let events = vec![event("NOTE//1", Some(at(2019, 3, 18)), Some(text))];
        let timeline = Timeline::new(SubjectId(42), events, Observation::UNKNOWN);
        let (sealed, _) = deidentifier(options).timeline(timeline);
        let timeline = sealed.into_inner();
        timeline.events()[0]
            .text_value
            .as_deref()
            .unwrap()
            .to_owned()
    };
    let shown = scrubbed(options);
    assert!(!shown.contains('['), "{shown}");
    assert!(
        !shown.contains("Quillfeather") && !shown.contains("421-274"),
        "{shown}"
    );
    let days: Vec<Instant> = shown
        .split(' ')
        .filter(|word| word.contains('/'))
        .map(|word| {
            let parts: Vec<i16> = word
                .trim_end_matches('.')
                .split('/')
                .map(|p| p.parse().unwrap())
                .collect();
            at(
                parts[2],
                i8::try_from(parts[0]).unwrap(),
                i8::try_from(parts[1]).unwrap(),
            )
        })
        .collect();
    assert_eq!(days[1].0 - days[0].0, 14 * 86_400_000_000, "{shown}");
    let outside =
        longitude_deid::NoteScrubber::new(&[]).with_surrogates(&Key::from_bytes([9; 32]), 365);
    let note = longitude_deid::NoteText {
        text,
        subject: "42",
        known: &[],
        written: Some(at(2019, 3, 18)),
    };
    assert_eq!(outside.scrub(&note).1, shown);
    // Safe Harbor moves no date: it is taken away.
    let years = Options {
        notes: TextPolicy::Surrogate,
        ..Options::safe_harbor()
    };
    let shown = scrubbed(years);
    assert!(
        shown.contains("[DATE]") && !shown.contains("Quillfeather"),
        "{shown}"
    );
}
