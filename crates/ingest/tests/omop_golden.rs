//! OMOP in, against what the field's own tools make of the same 1,000 synthetic persons: events
//! translated to their conventions are compared as multisets, exactly.
//!
//! What differs by choice, and is translated here: they join a code by `/` (`meds_etl`), time sex
//! and race at birth, and have one event a visit where we have its start, its kind and its end.
//! What they lose is stated as an assertion of its own.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, RecordBatch};
use common::{Kept, ingest};
use longitude_core::{Event, Instant, Precision, SubjectId};
use longitude_ingest::{Options, Units};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};

/// A row in words that both sides have: subject, time, code, value (bits or text), unit, end,
/// table, visit.
type Row = (
    i64,
    Option<i64>,
    String,
    String,
    String,
    Option<i64>,
    String,
    String,
);

fn golden() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/golden/omop");
    if path.is_dir() {
        return Some(path);
    }
    eprintln!("LEFT OUT: 1 tests need shared/golden");
    None
}

fn ours(golden: &Path) -> Kept {
    let options = Options {
        units: Units::AsWritten,
        ..Options::standard(2)
    };
    let (report, kept) = ingest(&golden.join("src1k"), &options).unwrap();
    assert_eq!(report.counts.rows_read, 84_652);
    assert_eq!(report.counts.rows_with_issue, 1, "the row of CDM_SOURCE");
    kept
}

fn table(event: &Event) -> String {
    event.origin.record.split('/').next().unwrap().to_owned()
}

/// A day of death stands at the end of the day; theirs at its start.
fn death_time(event: &Event) -> Option<i64> {
    const LATEST_MICROS: i64 = 36 * 3_600_000_000 - 1;
    let moved = event.code.is_death() && event.precision == Precision::Day;
    event
        .time
        .map(|time| time.0 - if moved { LATEST_MICROS } else { 0 })
}

fn value(event: &Event) -> String {
    let text = event.text_value.as_deref().unwrap_or_default();
    #[expect(clippy::cast_possible_truncation, reason = "MEDS keeps 32-bit floats")]
    let number = event.numeric_value.map(|number| number as f32);
    number.or_else(|| text.parse().ok()).map_or_else(
        || text.to_owned(),
        |number| format!("{:08x}", number.to_bits()),
    )
}

fn unit(event: &Event) -> String {
    let written = event
        .as_written
        .as_ref()
        .and_then(|written| written.unit.clone());
    written
        .or_else(|| event.unit.clone())
        .unwrap_or_default()
        .to_string()
}

fn visit(event: &Event) -> String {
    event
        .encounter
        .map_or_else(String::new, |visit| visit.to_string())
}

/// When each stay ended, by its record.
fn stay_ends(kept: &Kept) -> BTreeMap<&str, Option<Instant>> {
    let starts = kept.events.iter();
    let starts = starts.filter(|(_, event)| event.code.value.ends_with("//START"));
    starts
        .map(|(_, event)| (&*event.origin.record, event.end_time))
        .collect()
}

/// Our events as `meds_etl_omop` would have written them.
fn as_meds_etl(kept: &Kept) -> Vec<Row> {
    let births: BTreeMap<SubjectId, Instant> = kept
        .events
        .iter()
        .filter(|(_, event)| event.code.is_birth())
        .map(|(subject, event)| (*subject, event.time.unwrap()))
        .collect();
    let ends = stay_ends(kept);
    let row = |(subject, event): &(SubjectId, Event)| {
        let table = table(event);
        let written = event
            .as_written
            .as_ref()
            .and_then(|written| written.code.as_ref());
        let (time, code, end) = match (&*event.code.system, &*table) {
            // The start and the end of a stay are told by its kind.
            ("ENCOUNTER", _) => return None,
            ("ENCOUNTER_TYPE", _) => {
                let code = event.code.value.replacen("//", "/", 1);
                (event.time.map(|t| t.0), code, ends[&*event.origin.record])
            }
            ("GENDER" | "RACE" | "ETHNICITY", _) => {
                let code = written.unwrap().to_meds().replacen("//", "/", 1);
                (births.get(subject).map(|birth| birth.0), code, None)
            }
            _ => {
                let code = event.code.to_meds().replacen("//", "/", 1);
                (death_time(event), code, event.end_time)
            }
        };
        let table = match &*table {
            "condition_occurrence" => "condition".to_owned(),
            "visit_occurrence" => "visit".to_owned(),
            _ => table,
        };
        let end = end.map(|end| end.0);
        Some((
            subject.0,
            time,
            code,
            value(event),
            unit(event),
            end,
            table,
            visit(event),
        ))
    };
    let mut rows: Vec<_> = kept.events.iter().filter_map(row).collect();
    rows.sort();
    rows
}

fn batches(folder: &Path) -> Vec<RecordBatch> {
    let mut paths: Vec<_> = walk(folder);
    paths.sort();
    let read = |path: &PathBuf| {
        let file = File::open(path).unwrap();
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
        builder
            .build()
            .unwrap()
            .map(Result::unwrap)
            .collect::<Vec<_>>()
    };
    paths.iter().flat_map(read).collect()
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .flat_map(|path| {
            if path.is_dir() {
                walk(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

/// A column of texts of either width, or of integers as texts.
fn texts(batch: &RecordBatch, name: &str) -> Vec<String> {
    let column = batch.column_by_name(name).unwrap();
    let at = |row: usize| {
        if column.is_null(row) {
            String::new()
        } else if let Some(texts) = column.as_string_opt::<i32>() {
            texts.value(row).to_owned()
        } else if let Some(texts) = column.as_string_opt::<i64>() {
            texts.value(row).to_owned()
        } else if let Some(texts) = column.as_string_view_opt() {
            texts.value(row).to_owned()
        } else {
            column.as_primitive::<Int64Type>().value(row).to_string()
        }
    };
    (0..batch.num_rows()).map(at).collect()
}

fn times(batch: &RecordBatch, name: &str) -> Vec<Option<i64>> {
    let column = batch.column_by_name(name).unwrap();
    column
        .as_primitive::<TimestampMicrosecondType>()
        .iter()
        .collect()
}

fn values(batch: &RecordBatch) -> Vec<String> {
    let numbers = batch.column_by_name("numeric_value").unwrap();
    let numbers = numbers.as_primitive::<Float32Type>().iter();
    numbers
        .zip(texts(batch, "text_value"))
        .map(|(number, text)| number.map_or(text, |number| format!("{:08x}", number.to_bits())))
        .collect()
}

fn subjects(batch: &RecordBatch) -> Vec<i64> {
    let column = batch.column_by_name("subject_id").unwrap();
    column.as_primitive::<Int64Type>().values().to_vec()
}

fn meds_etl(folder: &Path) -> Vec<Row> {
    let mut rows = Vec::new();
    for batch in batches(&folder.join("data")) {
        let (codes, units) = (texts(&batch, "code"), texts(&batch, "unit"));
        let (tables, visits) = (texts(&batch, "table"), texts(&batch, "visit_id"));
        let (at, ends, values) = (times(&batch, "time"), times(&batch, "end"), values(&batch));
        for (row, subject) in subjects(&batch).into_iter().enumerate() {
            rows.push((
                subject,
                at[row],
                codes[row].clone(),
                values[row].clone(),
                units[row].clone(),
                ends[row],
                tables[row].clone(),
                visits[row].clone(),
            ));
        }
    }
    rows.sort();
    rows
}

#[test]
fn equal_to_meds_etl() {
    let Some(golden) = golden() else { return };
    let ours = as_meds_etl(&ours(&golden));
    assert_eq!(ours.len(), 85_314);
    for theirs in ["out_1k_cpp", "out_1k_polars"] {
        let theirs = meds_etl(&golden.join(theirs));
        assert_eq!(theirs.len(), ours.len());
        let differing = ours
            .iter()
            .zip(&theirs)
            .find(|(ours, theirs)| ours != theirs);
        assert_eq!(differing, None);
    }
}

/// What is compared with OMOP_MEDS, which drops duplicates: subject, time, code, value, visit.
type Short = (i64, Option<i64>, String, String, String);

/// Our events as OMOP_MEDS 0.3.0 would have written them, but for sex, which it loses on this
/// source, and for ethnicity, which the source does not state.
fn as_omop_meds(kept: &Kept, concepts: &BTreeMap<String, String>) -> BTreeSet<Short> {
    let ends = stay_ends(kept);
    let mut rows = BTreeSet::new();
    for (subject, event) in &kept.events {
        let written = event
            .as_written
            .as_ref()
            .and_then(|written| written.code.as_ref());
        let plain = event.code.to_meds().into_owned();
        let codes = match (&*event.code.system, &*table(event)) {
            ("GENDER" | "ETHNICITY" | "ENCOUNTER", _) => vec![],
            ("RACE", _) => {
                let id = &concepts[&*written.unwrap().to_meds()];
                vec![(event.time, format!("RACE//{id}"))]
            }
            ("ENCOUNTER_TYPE", _) => {
                let end = ends[&*event.origin.record];
                let mut codes = vec![(event.time, format!("{}//start", event.code.value))];
                codes.extend(end.map(|end| (Some(end), format!("{}//end", event.code.value))));
                codes
            }
            (_, "drug_exposure") => {
                let id = &concepts[&plain];
                vec![
                    (event.time, format!("RxNorm//{id}//start")),
                    (event.end_time, format!("RxNorm//{id}//end")),
                ]
            }
            (_, "condition_occurrence") => vec![(event.time, format!("{plain}//start"))],
            (_, "death") => vec![(death_time(event).map(Instant), plain)],
            _ => vec![(event.time, plain)],
        };
        let value = event
            .numeric_value
            .map_or_else(String::new, |_| value(event));
        for (time, code) in codes {
            let time = time.map(|time| time.0);
            rows.insert((subject.0, time, code, value.clone(), visit(event)));
        }
    }
    rows
}

/// Concept identifiers by code, as this synthetic source has them.
fn concepts(golden: &Path) -> BTreeMap<String, String> {
    use std::io::Read as _;
    let file = File::open(golden.join("src1k/concept.csv.gz")).unwrap();
    let mut text = String::new();
    flate2::read::MultiGzDecoder::new(file)
        .read_to_string(&mut text)
        .unwrap();
    text.lines()
        .skip(1)
        .map(|line| {
            let fields: Vec<_> = line.split(',').collect();
            (
                format!("{}//{}", fields[3], fields[6]),
                fields[0].to_owned(),
            )
        })
        .collect()
}

#[test]
fn equal_to_omop_meds_but_for_what_it_loses() {
    let Some(golden) = golden() else { return };
    let kept = ours(&golden);
    let ours = as_omop_meds(&kept, &concepts(&golden));
    let mut theirs = BTreeSet::new();
    let mut sexes = BTreeSet::new();
    for batch in batches(&golden.join("out_1k_OMOP_MEDS/data")) {
        let (codes, visits) = (texts(&batch, "code"), texts(&batch, "visit_occurrence_id"));
        let (at, values) = (times(&batch, "time"), values(&batch));
        for (row, subject) in subjects(&batch).into_iter().enumerate() {
            let code = codes[row].clone();
            if code.starts_with("GENDER//") {
                sexes.insert(code);
            } else if code != "ETHNICITY//0" {
                let row = (
                    subject,
                    at[row],
                    code,
                    values[row].clone(),
                    visits[row].clone(),
                );
                theirs.insert(row);
            }
        }
    }
    assert_eq!(ours.symmetric_difference(&theirs).next(), None);
    assert_eq!(
        sexes.into_iter().collect::<Vec<_>>(),
        ["GENDER//0"],
        "theirs"
    );
    let sexes = kept
        .events
        .iter()
        .filter(|(_, event)| &*event.code.system == "GENDER");
    assert_eq!(sexes.count(), 994, "ours");
}
