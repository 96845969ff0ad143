//! OMOP into MEDS, out again and in again: what OMOP can hold comes back, and what it cannot is in
//! the account.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use longitude_core::{
    AsWritten, Code, Event, Instant, Issue, Observation, ObservationSource, Origin, Precision,
    SubjectId, Timeline,
};
use longitude_ingest::{Options, Sink, Units, ingest};
use longitude_store::export::omop;
use longitude_store::{Dataset, DatasetInfo, Describe, WriteOptions, Writer, write_timelines};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::atomic::AtomicBool;

struct Into(Writer);

impl Sink for Into {
    fn event(&mut self, subject: SubjectId, event: Event) -> io::Result<()> {
        self.0.push(subject, &event).map_err(io::Error::other)
    }

    fn issue(&mut self, _issue: Issue) -> io::Result<()> {
        Ok(())
    }

    fn span(&mut self, subject: SubjectId, span: Observation) -> io::Result<()> {
        self.0.observe(subject, span).map_err(io::Error::other)
    }
}

fn write_options() -> WriteOptions {
    WriteOptions {
        memory_bytes_max: 64 << 20,
        describe: Describe::nothing(),
        shard_events_max: 1_000_000,
        info: DatasetInfo::default(),
    }
}

fn to_meds(omop: &Path, meds: &Path) -> Dataset {
    let options = Options {
        units: Units::AsWritten,
        ..Options::standard(2)
    };
    let mut sink = Into(Writer::create(meds, write_options()).unwrap());
    ingest(&[omop], &options, &AtomicBool::new(false), &mut sink).unwrap();
    sink.0.finish().unwrap();
    Dataset::open(meds).unwrap()
}

const TODAY: Instant = Instant(1_700_000_000_000_000);

/// An event in words, without its origin and without what its table has no column for.
fn shown(subject: SubjectId, event: &Event) -> String {
    let mut line = format!(
        "{subject} {:?} {:?} {} {:?} {:?} {:?} {:?} {:?}",
        event.time.map(|time| time.0),
        event.precision,
        event.code.to_meds(),
        event.numeric_value,
        event.text_value,
        event.unit,
        event.end_time.map(|time| time.0),
        event.encounter.map(|encounter| encounter.0),
    );
    if let Some(written) = &event.as_written {
        let code = written
            .code
            .as_ref()
            .map(|code| code.to_meds().into_owned());
        write!(
            line,
            " {code:?} {:?} {:?} {:?} {:?} {:?}",
            written.unit, written.comparator, written.range_low, written.range_high, written.flag
        )
        .unwrap();
    }
    line
}

/// Events by what they say, with their number.
fn events(dataset: &Dataset, keep: impl Fn(&Event) -> bool) -> BTreeMap<String, usize> {
    let mut all = BTreeMap::new();
    for timeline in dataset.timelines(None) {
        let timeline = timeline.unwrap();
        let kept = timeline.events().iter().filter(|event| keep(event));
        for event in kept {
            *all.entry(shown(timeline.subject(), event)).or_default() += 1;
        }
    }
    all
}

fn spans(dataset: &Dataset) -> Vec<(SubjectId, Observation)> {
    let timelines = dataset.timelines(None).map(Result::unwrap);
    timelines
        .map(|one| (one.subject(), one.observation()))
        .collect()
}

/// In, out and in again; gives the account, and the lines that are only before or only after.
fn round(
    source: &Path,
    place: &Path,
    keep: impl Fn(&Event) -> bool,
) -> (omop::Account, Vec<String>) {
    let first = to_meds(source, &place.join("first"));
    let account = omop::write(&first, &place.join("omop"), TODAY).unwrap();
    assert!(account.balanced());
    let second = to_meds(&place.join("omop"), &place.join("second"));
    let (before, after) = (events(&first, keep), events(&second, |_| true));
    let mut differing = Vec::new();
    for (line, count) in &before {
        if after.get(line) != Some(count) {
            differing.push(format!("- {line}"));
        }
    }
    let new = after
        .iter()
        .filter(|(line, count)| before.get(*line) != Some(count));
    differing.extend(new.map(|(line, _)| format!("+ {line}")));
    let stated = |all: Vec<(SubjectId, Observation)>| {
        let stated = |one: &(SubjectId, Observation)| one.1.source == ObservationSource::Stated;
        all.into_iter().filter(stated).collect::<Vec<_>>()
    };
    let (before, after) = (stated(spans(&first)), stated(spans(&second)));
    assert!(before.iter().all(|span| after.contains(span)));
    (account, differing)
}

const CONCEPT: &str = "concept_id,vocabulary_id,concept_code\n8507,Gender,M\n8532,Gender,F\n\
    8527,Race,5\n9201,Visit,IP\n9202,Visit,OP\n201826,SNOMED,44054006\n1567956,ICD10CM,E11.9\n\
    3004501,LOINC,2345-7\n8840,UCUM,mg/dL\n9191,SNOMED,10828004\n1127433,RxNorm,313782\n\
    2211414,CPT4,71046\n2000000050,site,\"odd, \"\"code\"\"\"\n";

/// One row of some table, in what OMOP can hold.
#[derive(Clone, Debug)]
enum Given {
    Visit(i64, bool, Option<u8>),
    Condition(i64, bool, Option<u8>),
    Measurement(i64, Option<i32>, bool, Option<String>),
    Drug(i64, u8, Option<String>),
    Procedure(i64, Option<u8>),
    Observation(i64, Option<String>),
    Note(i64, String),
}

/// A minute of the years 2000 to 2030 that is no midnight.
fn minute() -> impl Strategy<Value = i64> {
    (0_i64..10_957, 1_i64..1_440).prop_map(|(day, minute)| day * 1_440 + minute)
}

fn word() -> impl Strategy<Value = String> {
    "[a-z][a-z ,\"']{0,20}[a-z]"
}

fn given() -> impl Strategy<Value = Given> {
    use prop::option::of;
    prop_oneof![
        (minute(), any::<bool>(), of(0_u8..9)).prop_map(|(a, b, c)| Given::Visit(a, b, c)),
        (minute(), any::<bool>(), of(0_u8..9)).prop_map(|(a, b, c)| Given::Condition(a, b, c)),
        (minute(), of(-9_999..9_999), any::<bool>(), of(word()))
            .prop_map(|(a, b, c, d)| Given::Measurement(a, b, c, d)),
        (minute(), 0_u8..9, of(word())).prop_map(|(a, b, c)| Given::Drug(a, b, c)),
        (minute(), of(1_u8..9)).prop_map(|(a, b)| Given::Procedure(a, b)),
        (minute(), of(word())).prop_map(|(a, b)| Given::Observation(a, b)),
        (minute(), word()).prop_map(|(a, b)| Given::Note(a, b)),
    ]
}

fn at(minute: i64) -> String {
    let instant = Instant(946_684_800_000_000 + minute * 60_000_000);
    instant.to_string().trim_end_matches('Z').replace('T', " ")
}

fn quoted(text: Option<&String>) -> String {
    text.map_or_else(String::new, |text| {
        format!("\"{}\"", text.replace('"', "\"\""))
    })
}

/// The headers, by table.
const HEADERS: [(&str, &str); 8] = [
    (
        "person",
        "person_id,gender_concept_id,year_of_birth,month_of_birth,day_of_birth,\
      race_concept_id,ethnicity_source_value",
    ),
    (
        "visit_occurrence",
        "visit_occurrence_id,person_id,visit_concept_id,visit_start_datetime,\
      visit_end_datetime",
    ),
    (
        "condition_occurrence",
        "condition_occurrence_id,person_id,condition_concept_id,\
      condition_source_concept_id,condition_source_value,condition_start_datetime,\
      condition_end_datetime,visit_occurrence_id",
    ),
    (
        "measurement",
        "measurement_id,person_id,measurement_concept_id,measurement_datetime,\
      operator_concept_id,value_as_number,value_as_concept_id,unit_concept_id,unit_source_value,\
      range_low,value_source_value",
    ),
    (
        "drug_exposure",
        "drug_exposure_id,person_id,drug_concept_id,drug_exposure_start_datetime,\
      drug_exposure_end_datetime,quantity,dose_unit_source_value,sig",
    ),
    (
        "procedure_occurrence",
        "procedure_occurrence_id,person_id,procedure_concept_id,\
      procedure_datetime,quantity",
    ),
    (
        "observation",
        "observation_id,person_id,observation_concept_id,observation_source_value,\
      observation_datetime,value_as_string,value_as_concept_id",
    ),
    (
        "note",
        "note_id,person_id,note_class_concept_id,note_datetime,note_text",
    ),
];

fn row(id: usize, person: i64, given: &Given) -> (&'static str, String) {
    match given {
        Given::Visit(start, inpatient, length) => {
            let (kind, end) = (if *inpatient { 9201 } else { 9202 }, start + 1);
            let end = length.map_or(end, |length| end + i64::from(length) * 601);
            (
                "visit_occurrence",
                format!("{id},{person},{kind},{},{}", at(*start), at(end)),
            )
        }
        Given::Condition(start, is_mapped, length) => {
            let coded = if *is_mapped {
                "201826,1567956,"
            } else {
                "0,0,E119 old"
            };
            let end = length.map(|length| at(start + i64::from(length) * 601 + 1));
            let end = end.unwrap_or_default();
            let start = at(*start);
            (
                "condition_occurrence",
                format!("{id},{person},{coded},{start},{end},"),
            )
        }
        Given::Measurement(start, number, bounded, text) => {
            let number = number.map(|number| f64::from(number) / 8.0);
            let shown = number.map_or_else(String::new, |number| number.to_string());
            let operator = if *bounded { "4171756" } else { "0" };
            let value = if number.is_none() && text.is_none() {
                9191
            } else {
                0
            };
            let text = quoted(text.as_ref());
            let start = at(*start);
            let more = format!("{operator},{shown},{value},8840,mg/dl,1.5,{text}");
            (
                "measurement",
                format!("{id},{person},3004501,{start},{more}"),
            )
        }
        Given::Drug(start, length, sig) => {
            let (from, to) = (at(*start), at(start + i64::from(*length)));
            let sig = quoted(sig.as_ref());
            (
                "drug_exposure",
                format!("{id},{person},1127433,{from},{to},0.5,VIAL,{sig}"),
            )
        }
        Given::Procedure(start, quantity) => {
            let quantity = quantity.map_or_else(String::new, |number| number.to_string());
            let start = at(*start);
            (
                "procedure_occurrence",
                format!("{id},{person},2211414,{start},{quantity}"),
            )
        }
        Given::Observation(start, text) => {
            let (start, text) = (at(*start), quoted(text.as_ref()));
            (
                "observation",
                format!("{id},{person},2000000050,,{start},{text},0"),
            )
        }
        Given::Note(start, text) => {
            let (start, text) = (at(*start), quoted(Some(text)));
            ("note", format!("{id},{person},3004501,{start},{text}"))
        }
    }
}

fn write_source(folder: &Path, persons: &[Vec<Given>]) {
    let mut tables: BTreeMap<&str, String> = HEADERS
        .iter()
        .map(|(name, header)| (*name, format!("{header}\n")))
        .collect();
    let mut id = 0;
    for (person, rows) in (1..).zip(persons) {
        let sex = if person % 2 == 0 { 8507 } else { 8532 };
        let parts = ["1970,3,4", "1970,3,", "1970,,"][usize::try_from(person).unwrap() % 3];
        let line = format!("{person},{sex},{parts},8527,Martian\n");
        tables.get_mut("person").unwrap().push_str(&line);
        for given in rows {
            id += 1;
            let (table, line) = row(id, person, given);
            writeln!(tables.get_mut(table).unwrap(), "{line}").unwrap();
        }
    }
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join("concept.csv"), CONCEPT).unwrap();
    for (name, text) in tables {
        fs::write(folder.join(format!("{name}.csv")), text).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// What OMOP can hold comes back as it was, and nothing is told as lost.
    #[test]
    fn what_omop_holds_comes_back(
        persons in prop::collection::vec(prop::collection::vec(given(), 0..12), 1..4),
    ) {
        let place = tempfile::tempdir().unwrap();
        let source = place.path().join("source");
        write_source(&source, &persons);
        let (account, differing) = round(&source, place.path(), |_| true);
        prop_assert_eq!(differing, Vec::<String>::new());
        prop_assert!(account.not_held.is_empty(), "{:?}", account.not_held);
        prop_assert!(account.parts_not_held.is_empty(), "{:?}", account.parts_not_held);
    }
}

/// What OMOP has no place for is told, each by its reason.
#[test]
fn what_omop_cannot_hold_is_told() {
    let origin = || Origin::derived("test");
    let day = |day: i64| Some(Instant(day * 86_400_000_000 + 3_600_000_000));
    let event =
        |system: &str, value: &str, time| Event::new(Code::new(system, value), time, origin());
    let mut long = event("LOINC", "8251-1", day(2));
    long.text_value = Some("x".repeat(80).into());
    let mut lasting = event("LOINC", "8867-4", day(2));
    lasting.end_time = day(3);
    lasting.recorded_time = day(4);
    lasting.utc_offset_minutes = Some(-300);
    lasting.encounter = Some(longitude_core::EncounterId(9));
    let mut month = event("ICD10CM", "E11.9", Some(Instant(0)));
    month.precision = Precision::Month;
    month.numeric_value = Some(1.0);
    month.as_written = Some(Box::new(AsWritten {
        flag: Some("implausible".into()),
        ..AsWritten::default()
    }));
    let all = vec![
        event("MARITAL_STATUS", "M", None),
        event("ENCOUNTER", "IMP//END", day(1)),
        event("", "MEDS_DEATH", None),
        long,
        lasting,
        month,
    ];
    let place = tempfile::tempdir().unwrap();
    let meds = place.path().join("meds");
    let timeline = Timeline::new(SubjectId(7), all, Observation::UNKNOWN);
    write_timelines(&meds, write_options(), std::iter::once(timeline)).unwrap();
    let dataset = Dataset::open(&meds).unwrap();
    let account = omop::write(&dataset, &place.path().join("omop"), TODAY).unwrap();
    assert_eq!((account.events_read, account.events_written), (6, 3));
    let reasons: Vec<_> = account.not_held.keys().map(String::as_str).collect();
    let expected = [
        "a death without a time",
        "an event of a visit without its start or identifier",
        "no time, and no fact of PERSON",
    ];
    assert_eq!(reasons, expected);
    let parts: Vec<_> = account.parts_not_held.keys().map(String::as_str).collect();
    let expected = [
        "encounter that is no visit",
        "end of a measurement or observation",
        "flag of a value",
        "number of a condition",
        "offset from UTC (times are written in UTC)",
        "text beyond 50 characters of measurement",
        "that only a month or year is known",
        "time of recording",
    ];
    assert_eq!(parts, expected);
    assert!(
        account
            .to_text()
            .contains("6 events of 1 subjects read = 3 written + 3")
    );
}

/// Real exports go round; every event that differs is of a kind that the account tells.
#[test]
fn real_exports_go_round() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    if !shared.is_dir() {
        eprintln!("LEFT OUT: 1 tests need shared/data");
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let (account, differing) = round(
        &shared.join("golden/omop/src1k"),
        &place.path().join("a"),
        |_| true,
    );
    assert_eq!((account.subjects, account.events_read), (994, 89_429));
    assert_eq!(account.events_written, 89_429);
    let show = |lines: &[String]| lines.iter().take(6).cloned().collect::<Vec<_>>().join("\n");
    // Fifteen visits have no end, and the CDM demands one: the start stands for it. One code is
    // longer than CONCEPT's column.
    assert_eq!(
        account.filled["visit_end_date is its start: no end is recorded"],
        15
    );
    assert_eq!(account.parts_not_held["code longer than 50 characters"], 1);
    let is_long = |line: &&String| line.contains("//HOSPITAL_ADMISSION_OBSERVATION_ADMIT");
    let rest: Vec<_> = differing.iter().filter(|line| !is_long(line)).collect();
    assert_eq!(rest.len(), 15 * 3, "{}", show(&differing));
    assert!(rest.iter().all(|line| line.contains(" ENCOUNTER//")));
    let without_details = |event: &Event| !event.origin.rule.starts_with("omop/visit_detail@");
    let (account, differing) = round(
        &shared.join("data/omop-synthea27nj"),
        &place.path().join("b"),
        without_details,
    );
    assert_eq!(
        account.not_held.values().sum::<u64>(),
        1_791,
        "VISIT_DETAIL"
    );
    assert!(differing.is_empty(), "{}", show(&differing));
}
