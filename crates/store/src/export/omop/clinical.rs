//! An event that is one row of a clinical table, and notes.

use super::Export;
use super::concepts::{cut, operator};
use super::tables::{Clinical, NOTE, home};
use super::visit::Visits;
use super::write::{Row, date, datetime};
use crate::error::Result;
use longitude_core::{AsWritten, Code, Event, Instant, Precision, SubjectId};

/// Where the rows come from: "EHR" (OHDSI, vocabulary Type Concept).
pub(super) const TYPE: i64 = 32_817;
/// "UTF-8 (32)" of vocabulary Metadata, which NOTE asks for.
const UTF8: i64 = 32_678;

/// Mappings of OMOP whose tables are not written: derived ones, and those that follow.
const NOT_WRITTEN: &[(&str, &str)] = &[
    (
        "omop/condition_era@",
        "a row of an era, which is derived from the others",
    ),
    (
        "omop/drug_era@",
        "a row of an era, which is derived from the others",
    ),
    (
        "omop/dose_era@",
        "a row of an era, which is derived from the others",
    ),
    (
        "omop/visit_detail@",
        "a row of VISIT_DETAIL, which is not written",
    ),
    ("omop/specimen@", "a row of SPECIMEN, which is not written"),
    ("omop/episode@", "a row of EPISODE, which is not written"),
];

/// Writes an event, or tells why it has no place.
pub(super) fn write(
    event: &Event,
    (subject, visits): (SubjectId, &Visits),
    export: &mut Export,
) -> Result<()> {
    let Some(start) = event.time else {
        export.account.not_held("no time, and no fact of PERSON");
        return Ok(());
    };
    let rule = &*event.origin.rule;
    if let Some((_, why)) = NOT_WRITTEN.iter().find(|(name, _)| rule.starts_with(name)) {
        export.account.not_held(why);
        return Ok(());
    }
    let mut row = if &*event.code.system == "NOTE" {
        note(event, start, export)
    } else {
        let (code, value) = parts(event);
        let has_value = value.is_some() || event.numeric_value.is_some();
        let table = home(rule, &code.system, has_value);
        clinical(table, event, (&code, value.as_ref()), export)
    };
    row.set("person_id", subject);
    match event.encounter {
        Some(visit) if visits.has(visit) => {
            row.set("visit_occurrence_id", visit);
        }
        Some(_) => export.account.part("encounter that is no visit"),
        None => {}
    }
    export.time_parts(event);
    export.account.events_written += 1;
    export.files.write(&row)
}

/// The code and the coded value behind it.
fn parts(event: &Event) -> (Code, Option<Code>) {
    let element = &*event.origin.element;
    let has_value =
        element.ends_with("value_as_concept_id") || element.ends_with("valueCodeableConcept");
    match event.code.value.split_once("//") {
        Some((code, value)) if has_value => {
            let code = Code::new(event.code.system.clone(), code);
            (code, Some(Code::from_meds(value)))
        }
        _ => (event.code.clone(), None),
    }
}

fn note(event: &Event, start: Instant, export: &mut Export) -> Row {
    let value = &*event.code.value;
    let class = if value.contains("//") {
        Code::from_meds(value)
    } else {
        Code::new("LOINC", value)
    };
    let class = export.concepts.id(&class, "Meas Value");
    export.notes += 1;
    let mut row = Row::new(NOTE);
    row.set("note_id", export.notes)
        .set("note_date", date(start))
        .set("note_type_concept_id", TYPE)
        .set("note_class_concept_id", class)
        .set("note_text", event.text_value.as_deref().unwrap_or_default())
        .set("encoding_concept_id", UTF8)
        .set("language_concept_id", 0);
    if event.precision == Precision::Time {
        row.set("note_datetime", datetime(start));
    }
    row
}

fn clinical(
    table: &Clinical,
    event: &Event,
    (code, value): (&Code, Option<&Code>),
    export: &mut Export,
) -> Row {
    let mut row = Row::new(table.table);
    let id = export.next_id(table.table.name);
    row.set(table.id, id)
        .set(table.kind, TYPE)
        .set(table.source_concept, 0);
    let other = event
        .as_written
        .as_ref()
        .and_then(|written| written.code.as_ref());
    let source_system = table
        .source_value
        .strip_suffix("_value")
        .unwrap_or_default();
    for (code, column) in [(Some(code), table.concept), (other, table.source_concept)] {
        match code {
            Some(code) if &*code.system == source_system => {
                export.text(&mut row, table.source_value, &code.value, 50);
                row.set(column, 0);
            }
            Some(code) => {
                row.set(column, export.concepts.id(code, table.domain));
            }
            None => {}
        }
    }
    let empty = AsWritten::default();
    let written = event.as_written.as_deref().unwrap_or(&empty);
    times(table, event, &mut row, export);
    values(table, event, (value, written), (&mut row, export));
    unit(table, event, written, (&mut row, export));
    bounds(table, written, (&mut row, export));
    row
}

fn times(table: &Clinical, event: &Event, row: &mut Row, export: &mut Export) {
    let Some(start) = event.time else { return };
    row.set(table.start[0], date(start));
    if event.precision == Precision::Time {
        row.set(table.start[1], datetime(start));
    }
    match (table.end, event.end_time) {
        (Some(columns), Some(end)) => {
            row.set_time(columns, end);
        }
        (Some([column, _]), None) if table.needs_end => {
            row.set(column, date(start));
            export
                .account
                .filled("drug_exposure_end_date is its start: no end is recorded");
        }
        (None, Some(_)) => export.account.part("end of a measurement or observation"),
        (_, None) => {}
    }
}

fn values(
    table: &Clinical,
    event: &Event,
    (value, written): (Option<&Code>, &AsWritten),
    (row, export): (&mut Row, &mut Export),
) {
    match (table.number, event.numeric_value) {
        (Some((_, true)), Some(number)) if number.fract() != 0.0 => {
            export.account.part("quantity that is not whole");
        }
        (Some((column, _)), Some(number)) => {
            row.set(column, number);
        }
        (None, Some(_)) => export.account.part("number of a condition"),
        (_, None) => {}
    }
    match (table.text, &event.text_value) {
        (Some((column, max)), Some(text)) => export.text(row, column, text, max),
        (None, Some(_)) => export
            .account
            .part("text of a condition, procedure or device"),
        (_, None) => {}
    }
    let flag = written.flag.as_deref().filter(|flag| flag.contains("//"));
    let beside = flag.map(Code::from_meds);
    match (table.value_concept, value.or(beside.as_ref())) {
        (Some(column), Some(value)) => {
            row.set(column, export.concepts.id(value, "Meas Value"));
        }
        (None, Some(_)) => export.account.part("coded value"),
        (_, None) => {}
    }
    if written.flag.is_some() && flag.is_none() {
        export.account.part("flag of a value");
    }
    if written.numeric_value.is_some() || written.conversion.is_some() {
        export.account.part("number before its unit was converted");
    }
}

/// The unit is a concept of UCUM where the source wrote it otherwise.
fn unit(
    table: &Clinical,
    event: &Event,
    written: &AsWritten,
    (row, export): (&mut Row, &mut Export),
) {
    let Some(unit) = &event.unit else { return };
    if let (Some(column), Some(_)) = (table.unit_concept, &written.unit) {
        let code = Code::new("UCUM", unit.clone());
        row.set(column, export.concepts.id(&code, "Unit"));
    }
    match table.unit_source {
        Some(column) => {
            let text = written.unit.as_ref().unwrap_or(unit);
            export.text(row, column, text, 50);
        }
        None => export.account.part("unit of a condition or procedure"),
    }
}

fn bounds(table: &Clinical, written: &AsWritten, (row, export): (&mut Row, &mut Export)) {
    let any =
        written.comparator.is_some() || written.range_low.is_some() || written.range_high.is_some();
    if !table.has_bounds {
        if any {
            export
                .account
                .part("sign or reference range outside MEASUREMENT");
        }
        return;
    }
    match written.comparator.map(operator) {
        Some(Some(id)) => {
            row.set("operator_concept_id", export.concepts.used(id));
        }
        Some(None) => export.account.part("sign `about`"),
        None => {}
    }
    let ends = [
        ("range_low", written.range_low),
        ("range_high", written.range_high),
    ];
    for (column, end) in ends {
        if let Some(end) = end {
            row.set(column, end);
        }
    }
}

impl Export {
    /// Fills a text; what is longer than the column is cut and told.
    pub(super) fn text(&mut self, row: &mut Row, column: &str, text: &str, chars_max: usize) {
        let short = cut(text, chars_max);
        if short.len() < text.len() {
            let part = format!("text beyond {chars_max} characters of {}", row.table.name);
            self.account.part(&part);
        }
        row.set(column, short);
    }

    /// Tells what of a time has no column.
    pub(super) fn time_parts(&mut self, event: &Event) {
        if event.utc_offset_minutes.is_some_and(|minutes| minutes != 0) {
            self.account
                .part("offset from UTC (times are written in UTC)");
        }
        if event.recorded_time.is_some() {
            self.account.part("time of recording");
        }
        let is_coarse = event.precision < Precision::Day && !event.code.is_birth();
        if is_coarse {
            self.account.part("that only a month or year is known");
        }
        let is_midnight = event.time.is_some_and(|time| time.0 % 86_400_000_000 == 0);
        if event.precision == Precision::Time && is_midnight {
            self.account
                .part("that midnight is a time of day and not a day");
        }
    }
}
