//! OMOP in: a small hospital of every table, damage of every kind, real exports row by row.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{ingest, render, shared_data};
use expect_test::expect_file;
use longitude_core::{IssueKind, ObservationSource, SubjectId};
use longitude_ingest::{Format, Omop, Options, Prefer, Units, detect};
use std::fs;
use std::path::Path;

const CONCEPT: &str = "\
concept_id,concept_name,domain_id,vocabulary_id,concept_class_id,standard_concept,concept_code\n\
8507,MALE,Gender,Gender,Gender,S,M\n\
8527,White,Race,Race,Race,S,5\n\
9201,Inpatient Visit,Visit,Visit,Visit,S,IP\n\
201826,Type 2 diabetes,Condition,SNOMED,Clinical Finding,S,44054006\n\
1567956,T2DM,Condition,ICD10CM,4-char billing code,,E11.9\n\
3004501,Glucose,Measurement,LOINC,Lab Test,S,2345-7\n\
3013682,Culture,Measurement,LOINC,Lab Test,S,600-7\n\
8840,mg/dL,Unit,UCUM,Unit,S,mg/dL\n\
9191,Positive,Meas Value,SNOMED,Qualifier Value,S,10828004\n\
2000000001,Local drug,Drug,site,Drug,,LD 1\n";

const PERSON: &str = "\
PERSON_ID,GENDER_CONCEPT_ID,YEAR_OF_BIRTH,MONTH_OF_BIRTH,DAY_OF_BIRTH,BIRTH_DATETIME,\
RACE_CONCEPT_ID,ETHNICITY_CONCEPT_ID,LOCATION_ID,PERSON_SOURCE_VALUE,GENDER_SOURCE_VALUE,\
GENDER_SOURCE_CONCEPT_ID,RACE_SOURCE_VALUE,RACE_SOURCE_CONCEPT_ID,ETHNICITY_SOURCE_VALUE,\
ETHNICITY_SOURCE_CONCEPT_ID\n\
1,8507,1970,3,,1970-03-01 00:00:00,8527,0,7,MRN-1,,0,,0,,0\n\
-2,0,1980,1,2,1980-01-02 03:04:00,0,38003564,,MRN-2,F,0,Martian,0,,0\n\
x,0,1980,,,,0,0,,,,0,,0,,0\n";

const VISIT: &str = "\
visit_occurrence_id,person_id,visit_concept_id,visit_start_date,visit_start_datetime,\
visit_end_date,visit_end_datetime,visit_source_concept_id,admitting_source_concept_id,\
discharge_to_concept_id,visit_source_value\n\
10,1,9201,2020-01-01,2020-01-01 10:00:00+00:00,2020-01-05,2020-01-05 12:30:00+00:00,0,0,8536,\
secret\n\
11,-2,0,2020-02-01,,2020-02-01,,0,0,0,\n";

const CONDITION: &str = "\
condition_occurrence_id,person_id,condition_concept_id,condition_start_date,\
condition_start_datetime,condition_end_date,condition_source_value,condition_source_concept_id,\
visit_occurrence_id\n\
100,1,201826,2020-01-01,2020-01-01 11:00:00,2020-01-04,E119,1567956,10\n\
101,1,0,2020-01-02,,,\"odd, code\",0,10\n\
102,1,0,2020-01-02,,,,0,10\n\
103,99,201826,2020-01-02,,,,0,10\n\
100,1,201826,2020-01-01,,,,0,10\n\
104,1,201826,2020-13-02,,,,0,10\n\
105,-2,201826,2020-02-01,2020-02-01,2019-01-01,,0,11\n";

const MEASUREMENT: &str = "\
measurement_id\tperson_id\tmeasurement_concept_id\tmeasurement_date\tmeasurement_datetime\t\
operator_concept_id\tvalue_as_number\tvalue_as_concept_id\tunit_concept_id\trange_low\trange_high\t\
measurement_source_value\tmeasurement_source_concept_id\tunit_source_value\tvalue_source_value\t\
visit_occurrence_id\n\
1\t1\t3004501\t2020-01-02\t2020-01-02 08:00:00\t4171756\t5.5\t0\t8840\t70\t99\tGLU\t0\tmg/dl\t\
<5.5\t10\n\
2\t1\t3013682\t2020-01-02\t\t0\t\t9191\t0\t\t\t\t0\t\t\t10\n\
3\t1\t3004501\t2020-01-02\t\t0\thigh\t0\t0\t\t\t\t0\t\t\t10\n\
4\t1\t3004501\t2020-01-02\t\t0\t\t0\t0\t\t\t\t0\t\tHEMOLYZED\t10\n\
5\t1\n";

fn write(folder: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        fs::write(folder.join(name), text).unwrap();
    }
}

fn as_written(omop: Omop) -> Options {
    Options {
        units: Units::AsWritten,
        omop,
        ..Options::standard(2)
    }
}

const STANDARD: Omop = Omop {
    prefer: Prefer::Standard,
    eras: false,
};

/// Checks against `cases/omop/NAME.txt`; `UPDATE_EXPECT=1` rewrites it, and the difference is to be
/// reviewed.
fn check(files: &[(&str, &str)], omop: Omop, name: &str) {
    check_with(files, &as_written(omop), name);
}

fn check_with(files: &[(&str, &str)], options: &Options, name: &str) {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), files);
    let (report, kept) = ingest(folder.path(), options).unwrap();
    let mut shown = render(&report, &kept);
    for (_, event) in &kept.events {
        if let Some(written) = &event.as_written {
            shown.push_str(&format!(
                "{} written {:?} {:?} {:?} {:?}-{:?} {:?}\n",
                event.origin.record,
                written.code,
                written.unit,
                written.comparator,
                written.range_low,
                written.range_high,
                written.flag
            ));
        }
    }
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cases/omop");
    let expected = cases.canonicalize().unwrap().join(format!("{name}.txt"));
    expect_file![expected].assert_eq(&shown);
}

#[test]
fn persons_and_visits() {
    check(
        &[
            ("concept.csv", CONCEPT),
            ("PERSON.csv", PERSON),
            ("visit_occurrence.csv", VISIT),
        ],
        STANDARD,
        "persons_and_visits",
    );
}

#[test]
fn clinical_rows() {
    check(
        &[
            ("2b_concept.csv", CONCEPT),
            ("person.csv", PERSON),
            ("condition_occurrence.csv", CONDITION),
            ("measurement_01.tsv", MEASUREMENT),
        ],
        STANDARD,
        "clinical_rows",
    );
}

#[test]
fn the_source_concept_by_option_and_a_clock_elsewhere() {
    let offset = Omop {
        prefer: Prefer::Source,
        ..STANDARD
    };
    let options = Options {
        clock: Some("-05:00".parse().unwrap()),
        ..as_written(offset)
    };
    check_with(
        &[
            ("concept.csv", CONCEPT),
            (
                "condition_occurrence.csv",
                CONDITION
                    .split_inclusive('\n')
                    .take(2)
                    .collect::<String>()
                    .as_str(),
            ),
        ],
        &options,
        "source_concepts",
    );
}

#[test]
fn a_zone_has_a_clock_time_twice_or_never() {
    let conditions = "condition_occurrence_id,person_id,condition_concept_id,\
        condition_start_date,condition_start_datetime\n\
        1,1,201826,2024-07-01,2024-07-01 12:00:00\n\
        2,1,201826,2024-10-27,2024-10-27 02:30:00\n\
        3,1,201826,2024-03-31,2024-03-31 02:30:00\n\
        4,1,201826,2024-10-27,2024-10-27 02:30:00+01:00\n";
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &[("condition_occurrence.csv", conditions)]);
    let options = Options {
        clock: Some("Europe/Berlin".parse().unwrap()),
        ..as_written(STANDARD)
    };
    let (_, kept) = ingest(folder.path(), &options).unwrap();
    let shown = |event: &longitude_core::Event| {
        format!("{} {:?}", event.time.unwrap(), event.utc_offset_minutes)
    };
    let times: Vec<_> = kept.events.iter().map(|(_, event)| shown(event)).collect();
    let expected = [
        "2024-07-01T10:00:00Z Some(120)",
        "2024-10-27T00:30:00Z Some(120)",
        "2024-03-31T01:30:00Z Some(120)",
        "2024-10-27T01:30:00Z Some(60)",
    ];
    assert_eq!(times, expected);
    let odd = kept
        .warnings
        .iter()
        .filter(|one| one.detail.contains("the zone"));
    let odd: Vec<_> = odd
        .map(|one| (one.location.row, one.detail.as_str()))
        .collect();
    let expected = [
        (
            3,
            "the zone has this clock time twice; the earlier is taken",
        ),
        (4, "the zone skips this clock time"),
    ];
    assert_eq!(odd, expected);
}

#[test]
fn without_a_vocabulary_and_with_eras() {
    let era = "condition_era_id,person_id,condition_concept_id,condition_era_start_date,\
        condition_era_end_date,condition_occurrence_count\n1,1,201826,2020-01-01,2020-01-04,2\n";
    check(
        &[
            ("person.csv", PERSON),
            ("condition_era.csv", era),
            (
                "death.csv",
                "person_id,death_date,cause_concept_id\n1,2021-05-06,201826\n",
            ),
            (
                "note.csv",
                "note_id,person_id,note_date,note_type_concept_id,note_class_concept_id,note_text\n\
                 1,1,2020-01-03,32831,0,\"first line\nsecond, \"\"quoted\"\"\"\n",
            ),
        ],
        Omop {
            eras: true,
            ..STANDARD
        },
        "no_vocabulary",
    );
}

#[test]
fn damage_is_told() {
    check(
        &[
            (
                "person.csv",
                "person_id;year_of_birth;person_id\n1;1970;2\n",
            ),
            ("drug_exposure.csv", "drug_concept_id\n5\n"),
            ("observation.csv", ""),
            ("procedure_occurrence.csv", "\u{0}x\n"),
            ("measurement.parquet", "not parquet"),
        ],
        STANDARD,
        "damage",
    );
}

#[derive(Default)]
struct Apart {
    identifiers: Vec<(Option<i64>, String)>,
    spans: Vec<String>,
    persons: usize,
}
impl longitude_ingest::Sink for Apart {
    fn event(&mut self, _: SubjectId, _: longitude_core::Event) -> std::io::Result<()> {
        Ok(())
    }
    fn issue(&mut self, _: longitude_core::Issue) -> std::io::Result<()> {
        Ok(())
    }
    fn identifier(&mut self, subject: Option<SubjectId>, text: &str) -> std::io::Result<()> {
        self.identifiers
            .push((subject.map(|one| one.0), text.to_owned()));
        Ok(())
    }
    fn span(
        &mut self,
        subject: SubjectId,
        span: longitude_core::Observation,
    ) -> std::io::Result<()> {
        assert_eq!(span.source, ObservationSource::Stated);
        let (start, end) = (span.start.unwrap(), span.end.unwrap());
        self.spans.push(format!("{subject} {start} {end}"));
        Ok(())
    }
    fn person(&mut self, _: SubjectId, person: longitude_ingest::Person) -> std::io::Result<()> {
        self.persons += 1;
        assert!(person.birth.is_some());
        Ok(())
    }
}

/// What identifies goes to the sink apart, and spans come out as stated.
#[test]
fn identifiers_and_spans() {
    let folder = tempfile::tempdir().unwrap();
    write(
        folder.path(),
        &[
            ("person.csv", PERSON),
            (
                "location.csv",
                "location_id,address_1,address_2,city,state,zip\n7,1 Elm St,,Springfield,MA,01101\n",
            ),
            (
                "provider.csv",
                "provider_id,provider_name,npi,dea\n3,Dr Gregory House,123,\n",
            ),
            (
                "observation_period.csv",
                "observation_period_id,person_id,observation_period_start_date,\
                 observation_period_end_date\n1,1,2019-01-01,2020-12-31\n",
            ),
        ],
    );
    let mut apart = Apart::default();
    let stop = std::sync::atomic::AtomicBool::new(false);
    longitude_ingest::ingest(&[folder.path()], &as_written(STANDARD), &stop, &mut apart).unwrap();
    assert_eq!(apart.spans, ["1 2019-01-01T00:00:00Z 2021-01-01T00:00:00Z"]);
    assert_eq!(apart.persons, 2);
    let shown: Vec<_> = apart
        .identifiers
        .iter()
        .map(|(subject, text)| format!("{subject:?} {text}"))
        .collect();
    let expected = [
        "Some(1) MRN-1",
        "Some(1) 1 Elm St",
        "Some(1) Springfield",
        "Some(1) 01101",
        "Some(-2) MRN-2",
        "None Dr Gregory House",
        "None 123",
    ];
    let mut shown = shown;
    shown.sort();
    let mut expected = expected.to_vec();
    expected.sort_unstable();
    assert_eq!(shown, expected);
}

#[test]
fn only_a_folder_with_telling_tables_is_omop() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &[("provider.csv", "provider_id\n1\n")]);
    assert!(detect(folder.path()).is_err());
    write(folder.path(), &[("person.csv", "person_id\n1\n")]);
    let formats: Vec<_> = detect(folder.path()).unwrap().into_iter().collect();
    assert_eq!(formats, [Format::Omop]);
}

/// The number of threads and the size of pieces change nothing.
#[test]
fn the_outcome_does_not_depend_on_threads() {
    let folder = tempfile::tempdir().unwrap();
    write(
        folder.path(),
        &[
            ("concept.csv", CONCEPT),
            ("person.csv", PERSON),
            ("visit_occurrence.csv", VISIT),
            ("condition_occurrence.csv", CONDITION),
            ("measurement.tsv", MEASUREMENT),
        ],
    );
    let shown = |threads, chunk_bytes_max| {
        let options = Options {
            chunk_bytes_max,
            threads,
            ..as_written(STANDARD)
        };
        let (report, kept) = ingest(folder.path(), &options).unwrap();
        render(&report, &kept)
    };
    let whole = shown(1, 1 << 20);
    assert_eq!(shown(3, 40), whole);
    assert_eq!(shown(2, 400), whole);
}

/// Real exports: every row of every table is accounted for, and what is an issue is known.
#[test]
fn real_exports_are_accounted_for() {
    let Some(shared) = shared_data(1) else { return };
    let (report, _) = ingest(&shared.join("omop-synthea27nj"), &Options::standard(2)).unwrap();
    assert_eq!(
        (report.counts.rows_read, report.counts.events),
        (294_203, 28_424)
    );
    let kinds: Vec<_> = report
        .issues
        .iter()
        .map(|found| (found.kind, found.count))
        .collect();
    assert_eq!(
        kinds,
        [(IssueKind::NotClinical, 1), (IssueKind::Filtered, 469)]
    );
    let (report, kept) = ingest(&shared.join("mimic-iv-demo/omop"), &Options::standard(2)).unwrap();
    assert_eq!(
        (report.counts.rows_read, report.counts.events),
        (53_629, 36_658)
    );
    assert!(
        kept.issues
            .iter()
            .all(|issue| issue.kind != IssueKind::InvalidRow)
    );
    // The two-billion concepts are resolved through the site's own vocabulary.
    let of_site = |code: &longitude_core::Code| code.system.starts_with("mimiciv");
    let written = kept.events.iter().filter(|(_, event)| {
        let other = event
            .as_written
            .as_ref()
            .and_then(|written| written.code.as_ref());
        of_site(&event.code) || other.is_some_and(of_site)
    });
    assert!(written.count() > 5_000);
}
