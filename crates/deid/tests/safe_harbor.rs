//! The 18 identifiers of 45 CFR 164.514(b)(2)(i), each planted wherever an event can hold it, and
//! none left by any mode. `docs/deidentification.md` has the table in words.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use longitude_core::{
    Code, EncounterId, Event, Instant, Observation, ObservationSource, Origin, SubjectId, Timeline,
};
use longitude_deid::{Deidentifier, Key, Options, TextPolicy};

/// Where an identifier stands.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// In a note, after these words.
    Note(&'static str),
    /// As the value of a code of this system.
    CodeOf(&'static str),
    /// As the text of an event of this code.
    TextOf(&'static str),
    /// As the number of an event of this code.
    NumberOf(&'static str),
    /// As the source's own code of an event.
    WrittenCode(&'static str),
    /// In unit, source unit, flag and conversion.
    Units,
    /// In a foreign column of a MEDS source.
    Foreign,
    /// In file, record and element of the origin.
    Origin,
    /// As the number by which subject and encounter are known.
    Ids,
    /// As the day of every time of an event, and of the span.
    Times,
}

use Place::{
    CodeOf, Foreign, Ids, Note, NumberOf, Origin as InOrigin, TextOf, Times, Units, WrittenCode,
};

/// The identifiers, in the order of the rule: its letter, the string planted, whether the caller
/// knows it from the patient's record, and the places.
const TABLE: &[(&str, &str, bool, &[Place])] = &[
    (
        "A names",
        "Quillfeather",
        false,
        &[
            Note("Patient: Zebulon "),
            CodeOf("SURNAME"),
            TextOf("PATIENT_NAME"),
            TextOf("LOINC//45394-4"),
            TextOf("LAB//comment"),
            WrittenCode("LAST_NAME"),
        ],
    ),
    (
        "A names, known from the record",
        "Quillfeather",
        true,
        &[
            Note("please call "),
            CodeOf("LOCAL"),
            TextOf("LOCAL//1"),
            WrittenCode("LOCAL"),
            Units,
            InOrigin,
        ],
    ),
    (
        "B addresses",
        "18 North Thistle Lane",
        false,
        &[
            Note("He lives at "),
            CodeOf("ADDRESS"),
            TextOf("STREET"),
            TextOf("LOCAL//1"),
        ],
    ),
    (
        "B towns and counties",
        "Dunmarrow, OR 97214",
        false,
        &[
            Note("He lives at 18 North Thistle Lane, "),
            CodeOf("CITY"),
            TextOf("COUNTY"),
            TextOf("LOCAL//1"),
        ],
    ),
    (
        "B postal codes",
        "97214",
        false,
        &[
            Note("18 North Thistle Lane, Dunmarrow, OR "),
            CodeOf("ZIP"),
            TextOf("ZIP"),
            NumberOf("ZIP_CODE"),
            TextOf("LOINC//52539-4"),
            WrittenCode("ZIP"),
        ],
    ),
    (
        "C dates",
        "2019-03-04",
        false,
        &[
            Note("Seen on "),
            CodeOf("ADMITTED"),
            TextOf("DATE_OF_BIRTH"),
            TextOf("LOCAL//1"),
            WrittenCode("ADMITTED"),
            Times,
        ],
    ),
    (
        "C dates as numbers",
        "20190304",
        false,
        &[NumberOf("LOCAL//1"), NumberOf("DOB")],
    ),
    (
        "C ages over 89",
        "97",
        false,
        &[Note("Her mother is aged "), NumberOf("LOINC//30525-0")],
    ),
    (
        "D telephone numbers",
        "421-274-2180",
        false,
        &[
            Note("Call "),
            CodeOf("PHONE"),
            CodeOf("LOCAL"),
            TextOf("MOBILE"),
            TextOf("LOCAL//1"),
        ],
    ),
    (
        "E fax numbers",
        "503-555-0199",
        false,
        &[
            Note("fax "),
            CodeOf("FAX"),
            TextOf("FAX_NUMBER"),
            TextOf("LOCAL//1"),
        ],
    ),
    (
        "F electronic mail addresses",
        "zq@example.org",
        false,
        &[
            Note("Write to "),
            CodeOf("LOCAL"),
            TextOf("EMAIL"),
            TextOf("LOCAL//1"),
            Units,
        ],
    ),
    (
        "G social security numbers",
        "464-72-7630",
        false,
        &[
            Note("SSN "),
            CodeOf("SSN"),
            CodeOf("LOCAL"),
            TextOf("LOINC//45396-9"),
            TextOf("LOCAL//1"),
            WrittenCode("LOCAL"),
        ],
    ),
    (
        "G as a number",
        "464727630",
        false,
        &[NumberOf("SSN"), NumberOf("LOINC//45396-9")],
    ),
    (
        "H medical record numbers",
        "88123456",
        false,
        &[
            Note("MRN: "),
            CodeOf("MRN"),
            NumberOf("MRN"),
            TextOf("LOINC//46106-1"),
            InOrigin,
            Ids,
        ],
    ),
    (
        "H record numbers known from the record",
        "88123456",
        true,
        &[
            CodeOf("LOCAL"),
            NumberOf("LOCAL//1"),
            TextOf("LOCAL//1"),
            WrittenCode("LOCAL"),
            Units,
        ],
    ),
    (
        "I health plan beneficiary numbers",
        "1EG4-TE5-MK72",
        false,
        &[
            Note("Medicare number: "),
            CodeOf("MEDICARE_ID"),
            TextOf("LOINC//45397-7"),
            TextOf("LOCAL//1"),
        ],
    ),
    (
        "J account numbers",
        "77-203941",
        false,
        &[
            Note("Account No. "),
            CodeOf("ACCOUNT_NUMBER"),
            TextOf("ACCOUNT"),
            TextOf("LOCAL//1"),
        ],
    ),
    (
        "K certificate and licence numbers",
        "D1234567",
        false,
        &[
            Note("Driver's license "),
            CodeOf("DRIVERS_LICENSE"),
            TextOf("LICENSE_NUMBER"),
        ],
    ),
    (
        "L vehicle identifiers and plates",
        "1HGCM82633A004352",
        false,
        &[
            Note("VIN "),
            CodeOf("VIN"),
            TextOf("VEHICLE_ID"),
            TextOf("LOCAL//1"),
        ],
    ),
    (
        "M device identifiers and serial numbers",
        "PX-99812",
        false,
        &[
            Note("Pacemaker serial no. "),
            CodeOf("DEVICE_SERIAL"),
            TextOf("UDI"),
            TextOf("LOCAL//1"),
        ],
    ),
    (
        "N web addresses",
        "https://portal.example.org/p/00412",
        false,
        &[
            Note("See "),
            CodeOf("URL"),
            TextOf("WEBSITE"),
            TextOf("LOCAL//1"),
        ],
    ),
    (
        "O internet protocol addresses",
        "192.168.14.7",
        false,
        &[
            Note("from "),
            CodeOf("IP_ADDRESS"),
            TextOf("IP_ADDRESS"),
            TextOf("LOCAL//1"),
        ],
    ),
    (
        "P biometric identifiers",
        "F7A9-minutiae",
        false,
        &[
            CodeOf("FINGERPRINT"),
            TextOf("VOICE_PRINT"),
            TextOf("BIOMETRIC"),
            TextOf("LOCAL//1"),
        ],
    ),
    (
        "Q photographs",
        "portrait-0412.jpg",
        false,
        &[CodeOf("PHOTO"), TextOf("PHOTO"), TextOf("LOCAL//1")],
    ),
    (
        "R any other unique number",
        "A5352401",
        false,
        &[
            Note("Accession # "),
            CodeOf("NATIONAL_ID"),
            TextOf("PASSPORT"),
            TextOf("LOCAL//1"),
            InOrigin,
            Foreign,
        ],
    ),
];

fn day() -> Instant {
    Instant::from_civil((2019, 3, 4), (13, 45, 7, 0), 0).unwrap()
}

fn base(code: &str) -> Event {
    Event::new(Code::from_meds(code), Some(day()), Origin::derived("test"))
}

fn planted(what: &str, place: Place) -> Event {
    match place {
        Note(before) => {
            let mut event = base("NOTE//34117-2");
            event.text_value = Some(format!("{before}{what} and creatinine was 1.4 mg/dL.").into());
            event
        }
        CodeOf(system) => base(&format!("{system}//{what}")),
        TextOf(code) => {
            let mut event = base(code);
            event.text_value = Some(what.into());
            event
        }
        NumberOf(code) => {
            let mut event = base(code);
            event.numeric_value = Some(what.parse().unwrap());
            event.as_written_mut().numeric_value = event.numeric_value;
            event
        }
        WrittenCode(system) => {
            let mut event = base("LAB//1");
            event.as_written_mut().code = Some(Code::new(system, what));
            event
        }
        Units => {
            let mut event = base("LAB//1");
            event.unit = Some(format!("per {what}").into());
            let written = event.as_written_mut();
            written.unit = Some(format!("per {what}").into());
            written.flag = Some(what.into());
            written.conversion = Some(format!("from {what}").into());
            event
        }
        Foreign => {
            let mut event = base("LAB//1");
            event.as_written_mut().extension = Some(format!("{{\"ward\":\"{what}\"}}").into());
            event
        }
        InOrigin => {
            let mut event = base("LAB//1");
            event.origin.file = format!("{what}.ndjson").into();
            event.origin.record = format!("Patient/{what}").into();
            event
        }
        Ids => {
            let mut event = base("LAB//1");
            event.encounter = Some(EncounterId(what.parse().unwrap()));
            event
        }
        Times => {
            let mut event = base("LAB//1");
            event.end_time = Some(day());
            event.recorded_time = Some(day());
            event
        }
    }
}

fn timeline(what: &str, place: Place) -> Timeline {
    let subject = if matches!(place, Ids) {
        what.parse().unwrap()
    } else {
        7
    };
    let span = Observation {
        start: Some(day()),
        end: Some(day()),
        source: ObservationSource::Stated,
    };
    Timeline::new(SubjectId(subject), vec![planted(what, place)], span)
}

/// Every field as text; times only where the place is times, for the base event has one.
fn shown(timeline: &Timeline, place: Place) -> String {
    let mut out = format!("{}\n", timeline.subject().0);
    for event in timeline.events() {
        let e = event;
        out.push_str(&format!(
            "{}|{:?}|{:?}|{:?}|{:?}|{:?}\n",
            e.code.to_meds(),
            e.numeric_value,
            e.text_value,
            e.unit,
            e.encounter.map(|id| id.0),
            (
                &e.origin.file,
                &e.origin.record,
                &e.origin.element,
                &e.origin.rule
            )
        ));
        if let Some(w) = &e.as_written {
            let code = w.code.as_ref().map(|code| code.to_meds().into_owned());
            out.push_str(&format!(
                "{code:?}|{:?}|{:?}|{:?}|{:?}|{:?}\n",
                w.numeric_value, w.unit, w.flag, w.conversion, w.extension
            ));
        }
        if matches!(place, Times) {
            let times = [e.time, e.end_time, e.recorded_time];
            let span = timeline.observation();
            for time in times.into_iter().chain([span.start, span.end]).flatten() {
                out.push_str(&format!("{time}\n"));
            }
        }
    }
    out
}

#[test]
fn none_of_the_eighteen_is_left_anywhere() {
    let letters: std::collections::BTreeSet<_> = TABLE
        .iter()
        .filter_map(|(name, ..)| name.chars().next())
        .collect();
    assert_eq!(letters, ('A'..='R').collect(), "every letter of the rule");
    let scrubbed = Options {
        notes: TextPolicy::Scrub,
        ..Options::safe_harbor()
    };
    let modes = [
        Options::safe_harbor(),
        scrubbed,
        Options::expert_determination(365),
    ];
    let key = Key::from_bytes([9; 32]);
    let mut left = Vec::new();
    for options in modes {
        let deidentifier = Deidentifier::new(&key, &options);
        for (name, what, known, places) in TABLE {
            let identifiers: Vec<String> = known.then(|| (*what).to_owned()).into_iter().collect();
            for place in *places {
                let before = timeline(what, *place);
                assert!(
                    shown(&before, *place).contains(what),
                    "{name} {place:?} is planted"
                );
                let (out, _) = deidentifier.timeline_with(before, &identifiers);
                if shown(out.get(), *place).contains(what) {
                    left.push(format!("{name}: {place:?} in {:?}", options.mode));
                }
            }
        }
    }
    assert!(left.is_empty(), "{}", left.join("\n"));
}

/// What is planted beside must stay: an identifier's removal takes no finding with it.
#[test]
fn findings_are_left() {
    let key = Key::from_bytes([9; 32]);
    let deidentifier = Deidentifier::new(&key, &Options::expert_determination(365));
    let mut lab = base("LOINC//2160-0");
    lab.numeric_value = Some(1.4);
    lab.unit = Some("mg/dL".into());
    lab.as_written_mut().code = Some(Code::new("LOCAL", "CREA"));
    let mut viral = base("LOINC//20447-9");
    viral.numeric_value = Some(19_991_231.0);
    viral.unit = Some("{copies}/mL".into());
    let rx = base("RxNorm//20190304");
    let mut coded = base("LOINC//5778-6");
    coded.text_value = Some("yellow".into());
    let events = vec![lab, viral, rx, coded];
    let before = Timeline::new(SubjectId(7), events.clone(), Observation::UNKNOWN);
    let (out, _) = deidentifier.timeline(before);
    for (a, b) in events.iter().zip(out.get().events()) {
        assert_eq!(a.code, b.code);
        assert_eq!(a.numeric_value, b.numeric_value);
        assert_eq!((&a.text_value, &a.unit), (&b.text_value, &b.unit));
        assert_eq!(a.as_written, b.as_written);
    }
}

/// A birth that is moved because its subject reached 90 is told by no other time.
#[test]
fn an_old_birth_is_told_by_no_other_time() {
    let born = Instant::from_civil((1920, 6, 1), (0, 0, 0, 0), 0).unwrap();
    let mut birth = Event::new(Code::birth(), Some(born), Origin::derived("test"));
    birth.recorded_time = Some(born);
    birth.end_time = Some(born);
    let events = vec![birth, base("LAB//1")];
    for options in [Options::safe_harbor(), Options::expert_determination(30)] {
        let deidentifier = Deidentifier::new(&Key::from_bytes([9; 32]), &options);
        let timeline = Timeline::new(SubjectId(7), events.clone(), Observation::UNKNOWN);
        let (out, _) = deidentifier.timeline(timeline);
        let events = out.get().events();
        let last = events[1].time.unwrap();
        let told = [events[0].time, events[0].end_time, events[0].recorded_time];
        for time in told.into_iter().flatten() {
            assert!((last - time).years() <= 90.1, "{options:?}");
        }
    }
}
