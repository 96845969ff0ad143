//! What is written comes back, whatever the memory, and the same events make the same bytes.
#![expect(
    clippy::unwrap_used,
    reason = "a test stops at what it does not expect"
)]

use longitude_core::{
    AsWritten, Code, Comparator, Days, EncounterId, Event, Instant, Observation, ObservationSource,
    Origin, Precision, Split, SubjectId, Timeline,
};
use longitude_store::{
    Dataset, DatasetInfo, Describe, Error, RowEvent, WriteOptions, Writer, validate,
    write_timelines,
};
use proptest::prelude::*;
use std::fs;
use std::path::Path;

fn options(memory_bytes_max: usize) -> WriteOptions {
    WriteOptions {
        memory_bytes_max,
        describe: Describe::nothing(),
        shard_events_max: 300,
        info: DatasetInfo {
            dataset_name: "test".into(),
            created_at: Some("2026-01-02T03:04:05".into()),
            ..DatasetInfo::default()
        },
    }
}

fn event(code: &str, time: Option<i64>) -> Event {
    let origin = Origin {
        file: "Observation.ndjson".into(),
        record: "Observation/1".into(),
        element: "Observation.valueQuantity".into(),
        row: 7,
        rule: "fhir/Observation@1".into(),
    };
    Event::new(Code::from_meds(code), time.map(Instant), origin)
}

/// An event with every field filled.
fn full() -> Event {
    let mut full = event("LOINC//2160-0", Some(1_500_000_000_000_001));
    full.precision = Precision::Day;
    full.numeric_value = Some(7.1);
    full.text_value = Some("µ".into());
    full.unit = Some("mg/dL".into());
    full.end_time = Some(Instant(1_500_000_000_000_777));
    full.encounter = Some(EncounterId(99));
    full.utc_offset_minutes = Some(-300);
    full.recorded_time = Some(Instant(1_500_000_000_000_999));
    full.as_written = Some(Box::new(AsWritten {
        code: Some(Code::new("LOCAL", "creat")),
        numeric_value: Some(627.64),
        unit: Some("umol/l".into()),
        comparator: Some(Comparator::Less),
        range_low: Some(0.5),
        range_high: Some(1.2),
        flag: Some("H".into()),
        conversion: Some("umol/L -> mg/dL".into()),
        extension: Some("{\"ward\":7}".into()),
    }));
    full
}

#[test]
fn every_field_comes_back() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("meds");
    let span = Observation {
        start: Some(Instant(5)),
        end: None,
        source: ObservationSource::ExportDate,
    };
    let mut bare = event("MEDS_DEATH", None);
    bare.origin = Origin::derived("");
    let timeline = Timeline::new(SubjectId(42), vec![full(), bare], span);
    let summary =
        write_timelines(&dir, options(1 << 20), std::iter::once(timeline.clone())).unwrap();
    let dataset = Dataset::open(&dir).unwrap();
    assert_eq!(
        dataset.subjects(),
        [(SubjectId(42), Split::of(SubjectId(42)))]
    );
    assert!(dataset.timeline(SubjectId(42)).unwrap().as_ref() == Some(&timeline));
    assert!(dataset.timeline(SubjectId(43)).unwrap().is_none());
    assert_eq!(dataset.digest().unwrap(), summary.digest);
    assert_eq!((summary.subjects, summary.events, summary.codes), (1, 2, 2));
    assert_eq!(dataset.info().meds_version, "0.4.1");
    assert_eq!(validate(&dir).unwrap().findings, []);
}

#[test]
fn an_existing_data_set_is_not_overwritten() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("meds");
    let one = || Timeline::new(SubjectId(1), vec![full()], Observation::UNKNOWN);
    let first = write_timelines(&dir, options(1 << 20), std::iter::once(one())).unwrap();
    let again = Writer::create(&dir, options(1 << 20));
    assert!(matches!(again, Err(Error::Exists(_))));
    let mut writer = Writer::replace(&dir, options(1 << 20)).unwrap();
    writer.push(SubjectId(2), &full()).unwrap();
    drop(writer);
    assert_eq!(Dataset::open(&dir).unwrap().digest().unwrap(), first.digest);
    let mut writer = Writer::replace(&dir, options(1 << 20)).unwrap();
    writer.push(SubjectId(2), &full()).unwrap();
    writer.finish().unwrap();
    assert_eq!(Dataset::open(&dir).unwrap().subjects()[0].0, SubjectId(2));
    let left: Vec<_> = fs::read_dir(place.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "no folder is left beside the data set");
}

/// Many events of subjects in mixed order, with ties.
fn push_many(writer: &mut Writer) {
    for i in 0..4_000_u16 {
        let i = i64::from(i);
        let subject = SubjectId(i * 7_919 % 97);
        let code = [
            "LOINC//2160-0",
            "ICD10CM//E11.9",
            "MEDS_BIRTH",
            "MEDS_DEATH",
        ][usize::try_from(i % 4).unwrap()];
        let time = (i % 11 != 0).then_some(i * 31 % 50 * 86_400_000_000);
        let mut event = event(code, time);
        event.numeric_value = Some(i as f64);
        event.origin.row = i.unsigned_abs();
        writer.push(subject, &event).unwrap();
    }
}

fn bytes_of(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(bytes_of(&path));
        } else {
            found.push((
                path.file_name().unwrap().to_str().unwrap().into(),
                fs::read(&path).unwrap(),
            ));
        }
    }
    found.sort();
    found
}

#[test]
fn memory_does_not_show_in_the_bytes() {
    let place = tempfile::tempdir().unwrap();
    let mut sets = Vec::new();
    // The last bound makes more runs than are merged at once.
    for (name, memory) in [("a", 1 << 30), ("b", 100_000), ("c", 4_000)] {
        let dir = place.path().join(name);
        let mut writer = Writer::create(&dir, options(memory)).unwrap();
        push_many(&mut writer);
        let summary = writer.finish().unwrap();
        assert_eq!(summary.events, 4_000);
        assert_eq!(validate(&dir).unwrap().findings, []);
        sets.push(bytes_of(&dir));
    }
    assert!(sets[0].len() > 10, "several shards");
    assert!(sets[0] == sets[1] && sets[0] == sets[2]);
    let dataset = Dataset::open(&place.path().join("a")).unwrap();
    let all: Vec<_> = dataset.timelines(None).map(Result::unwrap).collect();
    assert_eq!(all.len(), 97);
    assert!(
        all.windows(2)
            .all(|pair| pair[0].subject() < pair[1].subject())
    );
    for timeline in &all {
        let alone = dataset.timeline(timeline.subject()).unwrap();
        assert!(alone.as_ref() == Some(timeline));
        let ties_kept = timeline.events().windows(2).all(|pair| {
            pair[0].time != pair[1].time
                || pair[0].code != pair[1].code
                || pair[0].origin.row < pair[1].origin.row
        });
        assert!(ties_kept);
    }
    let train = dataset.timelines(Some(Split::Train)).count();
    let others = [Split::Tuning, Split::HeldOut].map(|s| dataset.timelines(Some(s)).count());
    assert_eq!(train + others[0] + others[1], 97);
}

#[test]
fn an_empty_set_is_one() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("meds");
    let summary = write_timelines(&dir, options(1 << 20), std::iter::empty()).unwrap();
    assert_eq!(summary.events, 0);
    assert_eq!(Dataset::open(&dir).unwrap().timelines(None).count(), 0);
    assert!(validate(&dir).unwrap().is_valid());
    let nothing = Dataset::open(place.path().join("nothing").as_path());
    assert!(matches!(nothing, Err(Error::NotADataset(_))));
}

/// A full disk: the first shard leads to a device that takes nothing.
#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_leaves_nothing() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("meds");
    let mut writer = Writer::create(&dir, options(1 << 20)).unwrap();
    for split in Split::ALL {
        let shard = place
            .path()
            .join(format!("meds.partial/data/{split}/0.parquet"));
        fs::create_dir_all(shard.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink("/dev/full", shard).unwrap();
    }
    push_many(&mut writer);
    let failed = writer.finish();
    assert!(
        matches!(failed, Err(Error::Encode { .. } | Error::Write { .. })),
        "{failed:?}"
    );
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
}

/// A spill file that the disk gives back otherwise is noticed.
#[test]
fn a_damaged_spill_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("meds");
    for damage in [
        |bytes: &mut Vec<u8>| bytes[40] ^= 1,
        |bytes: &mut Vec<u8>| bytes.truncate(99),
    ] {
        let mut writer = Writer::create(&dir, options(50_000)).unwrap();
        push_many(&mut writer);
        let run = place.path().join("meds.partial/spill/000001.run");
        let mut bytes = fs::read(&run).unwrap();
        damage(&mut bytes);
        fs::write(&run, bytes).unwrap();
        assert!(matches!(writer.finish(), Err(Error::Damaged { .. })));
        assert!(!dir.exists());
    }
}

fn any_event() -> impl Strategy<Value = (i64, Event)> {
    let core = (0..5_i64, proptest::option::of(0..4_i64), 0..4_usize);
    let more = (
        proptest::option::of(-1e6_f32..1e6),
        proptest::option::of("[a-zA-Zµ é]{0,20}"),
        proptest::option::of(any::<i64>()),
        proptest::option::of(any::<i16>()),
        any::<u32>(),
    );
    (core, more).prop_map(
        |((subject, day, code), (value, text, number, offset, row))| {
            let code = ["A//1", "MEDS_BIRTH", "MEDS_DEATH", "//x//y"][code];
            let time = day.map(|day| Instant(0).plus(Days(day as f64)).0);
            let mut event = event(code, time);
            event.numeric_value = value.map(|v| f64::from(v.round()));
            event.text_value = text.clone().map(Into::into);
            event.unit = text.map(Into::into);
            event.end_time = number.map(Instant);
            event.encounter = number.map(EncounterId);
            event.utc_offset_minutes = offset;
            event.origin.row = row.into();
            (subject, event)
        },
    )
}

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// What a scan lends of an event.
type Lent = (
    SubjectId,
    Option<Instant>,
    Code,
    Option<u64>,
    Option<String>,
);

fn scanned(dataset: &Dataset, split: Option<Split>) -> Vec<Lent> {
    let mut lent = Vec::new();
    let each = |event: &RowEvent<'_>| {
        let text = event.text_value().map(str::to_owned);
        let number = event.numeric_value().map(f64::to_bits);
        lent.push((
            event.subject(),
            event.time(),
            event.code().clone(),
            number,
            text,
        ));
        Ok::<(), Error>(())
    };
    dataset.scan(split, each).unwrap();
    lent.sort();
    lent
}

/// The same of whole timelines.
fn of_timelines(dataset: &Dataset, split: Option<Split>) -> Vec<Lent> {
    let mut all = Vec::new();
    for timeline in dataset.timelines(split) {
        let timeline = timeline.unwrap();
        all.extend(timeline.events().iter().map(|event| {
            let text = event.text_value.as_deref().map(str::to_owned);
            let number = event.numeric_value.map(f64::to_bits);
            (
                timeline.subject(),
                event.time,
                event.code.clone(),
                number,
                text,
            )
        }));
    }
    all.sort();
    all
}

proptest! {
    #![proptest_config(cases(24))]

    #[test]
    fn any_events_come_back(events in proptest::collection::vec(any_event(), 1..60), small: bool) {
        let place = tempfile::tempdir().unwrap();
        let dir = place.path().join("meds");
        let memory = if small { 2_000 } else { 1 << 20 };
        let mut writer = Writer::create(&dir, options(memory)).unwrap();
        for (subject, event) in events.clone() {
            writer.push(SubjectId(subject), &event).unwrap();
        }
        writer.finish().unwrap();
        prop_assert_eq!(validate(&dir).unwrap().findings, []);
        let dataset = Dataset::open(&dir).unwrap();
        for split in [None, Some(Split::Train), Some(Split::HeldOut)] {
            prop_assert_eq!(scanned(&dataset, split), of_timelines(&dataset, split));
        }
        for timeline in dataset.timelines(None) {
            let timeline = timeline.unwrap();
            let own = events.iter().filter(|(s, _)| *s == timeline.subject().0);
            let own = own.map(|(_, event)| event.clone()).collect();
            let expected = Timeline::new(timeline.subject(), own, Observation::UNKNOWN);
            prop_assert!(timeline == expected);
        }
    }
}
