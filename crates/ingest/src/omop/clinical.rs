//! A row that is one event: its code, its time and its value.
//!
//! A number stands in `numeric_value` with its unit; a coded value becomes part of the code, as in
//! the other formats, unless there is a number beside it; a text stands in `text_value`.

use super::columns::Columns;
use super::known;
use super::rows::{Coded, Mapper};
use super::tables::Clinical;
use crate::batch::Note;
use crate::table::Row;
use longitude_core::{AsWritten, Code, IssueKind};
use std::sync::Arc;

pub(super) fn map(
    mapper: &mut Mapper<'_>,
    row: &Row<'_>,
    (table, columns): (&'static Clinical, &Columns),
) -> Result<(), Note> {
    mapper.identify(row, columns.id);
    mapper.person(row, columns.person)?;
    mapper.visit(row, columns.visit);
    let when = mapper.must_have_time(row, columns.start, table.start)?;
    let coded = Coded {
        concept: columns.concept,
        source_concept: columns.source_concept,
        fallback: columns.fallback,
        source_value: columns.source_value,
        element: table.concept,
        source_element: table.source_value,
    };
    let (code, other) = mapper.coded(row, &coded)?;
    let mut code = if table.within.is_empty() {
        code
    } else if table.within == "NOTE" && &*code.system == "LOINC" {
        mapper.named("NOTE", &code.value)
    } else {
        mapper.within(table.within, &code)
    };
    let value = value(mapper, row, (table, columns));
    let mut written = AsWritten {
        code: other,
        ..AsWritten::default()
    };
    if let Some(concept) = value.concept {
        if value.number.is_none() {
            code = mapper.suffixed(&code, &concept.to_meds());
        } else {
            written.flag = Some(mapper.name(&concept.to_meds()));
        }
    }
    let unit = unit(mapper, row, columns, &mut written);
    bounds(mapper, row, (table, columns), &mut written);
    let end = end(mapper, row, (table, columns), when);
    let event = mapper.event(code, Some(when), value.column.unwrap_or(table.concept));
    event.end_time = end;
    event.numeric_value = value.number;
    event.unit = unit;
    event.text_value = value.text.map(Arc::from);
    if written != AsWritten::default() {
        event.as_written = Some(Box::new(written));
    }
    Ok(())
}

/// What a row says beside its code.
struct Value<'r> {
    number: Option<f64>,
    text: Option<&'r str>,
    concept: Option<Code>,
    /// The column that says it.
    column: Option<&'static str>,
}

fn value<'r>(
    mapper: &mut Mapper<'_>,
    row: &Row<'r>,
    (table, columns): (&'static Clinical, &Columns),
) -> Value<'r> {
    let written = row.filled(columns.number);
    let number = mapper.number(row, columns.number, table.number);
    let mut texts = columns.text.into_iter().zip(table.text);
    let mut text = texts
        .find_map(|(column, name)| Some((row.filled(column)?, name)))
        // MEASUREMENT repeats its number in `value_source_value`.
        .filter(|(text, _)| number.is_none() || text.parse::<f64>().is_err());
    if number.is_none() && text.is_none() {
        // What is no number is a text all the same; the warning has been given.
        text = written.map(|written| (written, table.number));
    }
    let concept = mapper.concept_id(row, columns.value_concept);
    let concept = concept.map(|id| mapper.code(id));
    let column = match (number, &concept, text) {
        (Some(_), _, _) => Some(table.number),
        (None, Some(_), _) => Some(table.value_concept),
        (None, None, Some((_, column))) => Some(column),
        (None, None, None) => None,
    };
    Value {
        number,
        text: text.map(|(text, _)| text),
        concept,
        column,
    }
}

/// When the event ended. An end before the start is left out and told.
fn end(
    mapper: &mut Mapper<'_>,
    row: &Row<'_>,
    (table, columns): (&'static Clinical, &Columns),
    start: crate::when::When,
) -> Option<longitude_core::Instant> {
    let end = mapper.time(row, columns.end, table.end)?;
    // A day that began before the start's time of day may still end after it.
    if end.precision.end_of(end.instant) < start.instant {
        let detail = [mapper.table.name, ": ends before it starts"].concat();
        mapper.batch.warnings.push(Note::new(
            IssueKind::InvalidTime,
            mapper.path(table.end[1]),
            detail,
        ));
        return None;
    }
    Some(end.instant.max(start.instant))
}

/// The unit in UCUM: the unit concept's own code if it is one, else what the source wrote.
fn unit(
    mapper: &mut Mapper<'_>,
    row: &Row<'_>,
    columns: &Columns,
    written: &mut AsWritten,
) -> Option<Arc<str>> {
    let source = row.filled(columns.unit_source);
    let concept = mapper.concept_id(row, columns.unit_concept);
    let concept = concept.map(|id| mapper.code(id));
    let ucum = match &concept {
        Some(Code { system, value }) if &**system == "UCUM" => Some(Arc::clone(value)),
        _ => None,
    };
    let unit = ucum.or_else(|| mapper.ucum(source?));
    let unit = unit.or_else(|| {
        let text = source.map(str::to_owned);
        let text = text.or_else(|| Some(concept?.to_meds().into_owned()))?;
        let detail = if text.chars().count() <= 20 {
            text.clone()
        } else {
            "(longer than 20 characters)".to_owned()
        };
        let element = mapper.path("unit_source_value");
        let note = Note::new(IssueKind::UnknownUnit, element, detail);
        mapper.batch.warnings.push(note);
        Some(mapper.name(&text))
    })?;
    if let Some(source) = source.filter(|source| **source != *unit) {
        written.unit = Some(mapper.name(source));
    }
    Some(unit)
}

/// The sign before the number and the reference range.
fn bounds(
    mapper: &mut Mapper<'_>,
    row: &Row<'_>,
    (table, columns): (&'static Clinical, &Columns),
    written: &mut AsWritten,
) {
    if let Some(id) = mapper.concept_id(row, columns.operator) {
        match known::operator(id) {
            Ok(comparator) => written.comparator = comparator,
            Err(known::UnknownOperator) => {
                mapper.warn(IssueKind::UnknownCode, mapper.path(table.operator));
            }
        }
    }
    let [low, high] = [0, 1].map(|end| mapper.number(row, columns.range[end], table.range[end]));
    written.range_low = low;
    written.range_high = high;
}
