//! The whole way of a planted identifier: export, ingest, de-identification by expert
//! determination. None may be left in its note, and what a note is for must be.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use longitude_core::{Event, Instant, Issue, Observation, SubjectId, Timeline};
use longitude_deid::{Deidentifier, Key, Options as DeidOptions};
use longitude_hospital::{
    IdentifierKind, NoteTruth, Options, PlantedIdentifier, truth, write_fhir,
};
use longitude_ingest::{Options as IngestOptions, Sink, ingest};
use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::AtomicBool;

const DAY: i64 = 86_400_000_000;

#[derive(Default)]
struct Kept {
    events: BTreeMap<SubjectId, Vec<Event>>,
    known: BTreeMap<Option<SubjectId>, Vec<String>>,
}

impl Sink for Kept {
    fn event(&mut self, subject: SubjectId, event: Event) -> io::Result<()> {
        self.events.entry(subject).or_default().push(event);
        Ok(())
    }

    fn issue(&mut self, _issue: Issue) -> io::Result<()> {
        Ok(())
    }

    fn identifier(&mut self, subject: Option<SubjectId>, text: &str) -> io::Result<()> {
        let texts = self.known.entry(subject).or_default();
        texts.push(text.to_owned());
        Ok(())
    }
}

fn options() -> Options {
    Options {
        patients: 400,
        truth_patients_max: 0,
        ..Options::standard()
    }
}

fn ingested() -> Kept {
    let folder = tempfile::tempdir().unwrap();
    let stop = AtomicBool::new(false);
    write_fhir(folder.path(), &options(), 2, &stop).unwrap();
    let mut kept = Kept::default();
    ingest(
        &[folder.path()],
        &IngestOptions::standard(2),
        &stop,
        &mut kept,
    )
    .unwrap();
    kept
}

/// The date of a text in one of the five forms that notes use.
fn date_of(text: &str) -> (i16, i8, i8) {
    let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let month = months.iter().position(|month| text.contains(month));
    let numbers: Vec<i16> = text
        .split(|c: char| !c.is_ascii_digit())
        .filter_map(|digits| digits.parse().ok())
        .collect();
    let small = |number: i16| i8::try_from(number).unwrap();
    match (month, numbers.as_slice()) {
        (Some(month), [day, year]) => (*year, i8::try_from(month).unwrap() + 1, small(*day)),
        (None, [year, month, day]) if *year > 31 => (*year, small(*month), small(*day)),
        (None, [month, day, year]) if *year < 100 => (2000 + *year, small(*month), small(*day)),
        (None, [month, day, year]) => (*year, small(*month), small(*day)),
        _ => panic!("a date of no known form"),
    }
}

fn midnight(text: &str) -> Instant {
    Instant::from_civil(date_of(text), (0, 0, 0, 0), 0).unwrap()
}

/// Whether another date of the note, moved, is written as this one was before.
fn is_moved_other(one: &PlantedIdentifier, note: &NoteTruth, days: i64) -> bool {
    let dates = note.planted.iter();
    let mut others = dates.filter(|other| other.kind == IdentifierKind::Date && *other != one);
    others.any(|other| midnight(&other.text).shifted(days * DAY) == midnight(&one.text))
}

/// Whether a text stands in a note as words of its own.
fn stands_in(text: &str, note: &str) -> bool {
    let joined = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    note.match_indices(text).any(|(at, _)| {
        let after = &note[at + text.len()..];
        !joined(note[..at].chars().next_back()) && !joined(after.chars().next())
    })
}

/// Of each kind, how many were taken away of how many; and those that were not.
#[derive(Default)]
struct Recall(BTreeMap<IdentifierKind, (u64, u64)>, Vec<String>);

impl Recall {
    fn add(&mut self, note: &NoteTruth, scrubbed: &str, days: i64) {
        for one in &note.planted {
            // A number alone may be a result's; an age stands before these words.
            let text = if one.kind == IdentifierKind::Age {
                [one.text.as_str(), "-year-old"].concat()
            } else {
                one.text.clone()
            };
            let is_date = one.kind == IdentifierKind::Date;
            let left = stands_in(&text, scrubbed) && !(is_date && is_moved_other(one, note, days));
            let counts = self.0.entry(one.kind).or_default();
            counts.0 += u64::from(!left);
            counts.1 += 1;
            if left {
                let left = format!("{:?} {:?} in {scrubbed}", one.kind, one.text);
                self.1.push(left);
            }
        }
    }
}

/// How many lists that begin with a title stand whole, and how many there were.
struct Lists(&'static str, u32, u32);

impl Lists {
    fn add(&mut self, before: &str, after: &str) {
        let list = |text: &str| {
            let rest = text.split_once(self.0)?.1;
            Some(rest.lines().next()?.to_owned())
        };
        if let Some(told) = list(before) {
            self.1 += u32::from(list(after) == Some(told));
            self.2 += 1;
        }
    }
}

fn texts(timeline: &Timeline) -> Vec<(Instant, String)> {
    let events = timeline.events().iter();
    let notes = events.filter(|event| &*event.code.system == "NOTE");
    let text = |event: &Event| {
        (
            event.time.unwrap(),
            event.text_value.as_deref().unwrap().into(),
        )
    };
    notes.map(text).collect()
}

#[test]
fn no_planted_identifier_is_left() {
    let Kept { mut events, known } = ingested();
    let rule = DeidOptions::expert_determination(365);
    let deid = Deidentifier::new(&Key::from_bytes([7; 32]), &rule).with_known(&known[&None]);
    let alone = Deidentifier::new(&Key::from_bytes([7; 32]), &rule);
    let (mut recall, mut recall_alone) = (Recall::default(), Recall::default());
    let mut lists = [Lists("\nTakes: ", 0, 0), Lists("Latest results: ", 0, 0)];
    let mut notes = 0;
    for subject in truth(&options(), 2).unwrap().subjects {
        let events = events.remove(&subject.subject).unwrap();
        let timeline = Timeline::new(subject.subject, events, Observation::UNKNOWN);
        let before = texts(&timeline);
        let (sealed, _) = alone.timeline(timeline.clone());
        let after_alone = texts(sealed.get());
        let (sealed, _) = deid.timeline_with(timeline, &known[&Some(subject.subject)]);
        let after = texts(sealed.get());
        assert_eq!(before.len(), subject.notes.len());
        for (at, note) in subject.notes.iter().enumerate() {
            let (before, after) = (&before[at], &after[at]);
            assert_eq!(note.time, before.0);
            let planted = |one: &PlantedIdentifier| before.1[one.start..one.end] == one.text;
            assert!(note.planted.iter().all(planted));
            let days = (after.0.0 - before.0.0) / DAY;
            assert_ne!(days, 0);
            recall.add(note, &after.1, days);
            recall_alone.add(note, &after_alone[at].1, days);
            for list in &mut lists {
                list.add(&before.1, &after.1);
            }
            notes += 1;
        }
    }
    for (kind, (hit, all)) in &recall.0 {
        let alone = recall_alone.0[kind].0;
        println!("recall {kind:?}: {hit} of {all}, by rules alone {alone}");
    }
    for Lists(title, whole, all) in &lists {
        println!("{title:?} lists whole: {whole} of {all}; {notes} notes");
        assert!(whole * 100 >= all * 95, "{whole} of {all} lists are whole");
    }
    for left in recall.1.iter().take(20) {
        println!("LEFT {left}");
    }
    assert!(recall.0.len() == 10 && notes > 100, "nothing to judge");
    assert!(
        !recall_alone.1.is_empty(),
        "what is known makes no difference"
    );
    assert!(recall.1.is_empty(), "{} are left", recall.1.len());
}
