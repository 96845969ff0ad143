//! Data files written one by one and assembled, against a writer that was given the same events.

use longitude_core::{Code, Event, Instant, Observation, Origin, Split, SubjectId};
use longitude_store::assembly::{
    Assembly, BATCH_ROWS, Contents, EventRows, ShardFile, ShardPlan, tie_rank,
};
use longitude_store::{Dataset, WriteOptions, Writer, validate};
use std::collections::BTreeMap;

/// Events of many subjects in the order of an imagined source, with ties, static facts and a
/// subject larger than a batch.
fn events() -> Vec<(SubjectId, Event)> {
    let mut events = Vec::new();
    for number in 0..30_000_i64 {
        let subject = SubjectId(if number % 3 == 0 {
            7
        } else {
            number * 7919 % 501
        });
        let code = match number % 11 {
            0 => Code::new("", "MEDS_BIRTH"),
            1 => Code::new("", "MEDS_DEATH"),
            other => Code::new("LOINC", format!("{other}-0")),
        };
        let time = (number % 5 != 0).then_some(Instant(number % 97 * 1_000_000));
        let mut event = Event::new(code, time, Origin::derived("test"));
        event.numeric_value = (number % 2 == 0).then_some(0.1 * 7.0);
        event.text_value = (number % 13 == 0).then(|| format!("text {number}").into());
        event.origin.row = number.unsigned_abs() + 1;
        events.push((subject, event));
    }
    events
}

fn options() -> WriteOptions {
    WriteOptions {
        shard_events_max: 3_000,
        ..WriteOptions::standard("test")
    }
}

#[test]
fn assembled_shards_are_the_writers_own_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let span = Observation::until_export(Some(Instant(5)));
    let mut writer = Writer::create(&folder.path().join("written"), options()).unwrap();
    for (subject, event) in events() {
        writer.observe(subject, span).unwrap();
        writer.push(subject, &event).unwrap();
    }
    let written = writer.finish().unwrap();

    let mut sorted = events();
    sorted.sort_by_key(|(subject, event)| (*subject, event.time, tie_rank(event)));
    let assembly = Assembly::create(&folder.path().join("assembled"), options()).unwrap();
    let mut plan = ShardPlan::new(options().shard_events_max);
    let mut shards: BTreeMap<(Split, usize), Vec<(SubjectId, Event)>> = BTreeMap::new();
    let mut contents = Contents::default();
    for own in sorted.chunk_by(|one, other| one.0 == other.0) {
        let split = Split::of(own[0].0);
        contents.splits.push((own[0].0, split));
        contents.observations.insert(own[0].0, span);
        let number = plan.place(split);
        plan.add(split, own.len());
        shards
            .entry((split, number))
            .or_default()
            .extend_from_slice(own);
    }
    assert!(shards.len() > 5, "one shard proves little");
    for ((split, number), events) in shards {
        let mut file = ShardFile::create(&assembly.shard_path(split, number)).unwrap();
        let mut rows = EventRows::default();
        for some in events.chunks(BATCH_ROWS) {
            for (subject, event) in some {
                rows.push(*subject, event);
                contents.codes.insert(event.code.to_meds().into_owned());
            }
            file.write(&rows.take().unwrap()).unwrap();
        }
        file.close().unwrap();
        contents.events += events.len() as u64;
    }
    let assembled = assembly.finish(contents).unwrap();
    assert_eq!(assembled, written);
    let digest = Dataset::open(&folder.path().join("assembled"))
        .unwrap()
        .digest();
    assert_eq!(digest.unwrap(), written.digest);
}

#[test]
fn nothing_assembled_is_a_valid_data_set_and_the_writers_own() {
    let folder = tempfile::tempdir().unwrap();
    let empty = Writer::create(&folder.path().join("written"), options()).unwrap();
    let written = empty.finish().unwrap();
    let assembly = Assembly::create(&folder.path().join("assembled"), options()).unwrap();
    assert_eq!(assembly.finish(Contents::default()).unwrap(), written);
    assert!(
        validate(&folder.path().join("assembled"))
            .unwrap()
            .findings
            .is_empty()
    );
}

#[test]
fn an_assembly_that_is_given_up_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("set");
    let assembly = Assembly::create(&target, options()).unwrap();
    let file = ShardFile::create(&assembly.shard_path(Split::Train, 0)).unwrap();
    file.close().unwrap();
    drop(assembly);
    assert_eq!(folder.path().read_dir().unwrap().count(), 0);
}
