//! Columns that other tools put beside MEDS's: some are ours under another name, the rest is kept
//! as JSON in `extension`, so that nothing of a foreign set is lost.
//!
//! It knows columns and batches, not files.

use crate::arrays::{as_integers, as_micros, as_numbers, is_text, strings};
use crate::columns::COLUMNS;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BooleanArray, Int64Array, RecordBatch};
use arrow_schema::{DataType, Schema};
use longitude_core::Instant;
use serde_json::{Map, Value};
use std::sync::Arc;

/// Our columns under the names of other tools, tried in order where ours is absent: `end` and
/// `visit_id` of meds_etl, `hadm_id` of the MIMIC-IV ETLs, `visit_occurrence_id` of OMOP's.
const ALIASES: &[(&str, &[&str])] = &[
    ("end_time", &["end"]),
    (
        "encounter_id",
        &["visit_id", "hadm_id", "visit_occurrence_id"],
    ),
];

/// The name under which a file has one of our columns.
pub(crate) fn name_in(stated: &Schema, ours: &'static str) -> &'static str {
    let has = |name: &str| stated.index_of(name).is_ok();
    let others = ALIASES.iter().find(|(name, _)| *name == ours);
    let others = others.map_or(&[][..], |(_, others)| others);
    if has(ours) {
        return ours;
    }
    let other = others.iter().find(|name| {
        let field = stated.field_with_name(name);
        field.is_ok_and(|field| fits(ours, field.data_type()))
    });
    other.copied().unwrap_or(ours)
}

fn fits(ours: &str, data_type: &DataType) -> bool {
    if ours == "end_time" {
        matches!(data_type, DataType::Timestamp(_, _) | DataType::Date32)
    } else {
        data_type.is_integer()
    }
}

/// The columns of a file that are kept as JSON.
pub(crate) fn kept(stated: &Schema) -> Vec<String> {
    further(stated)
        .filter(|(_, is_kept)| *is_kept)
        .map(|(name, _)| name)
        .collect()
}

/// The columns of a file that nobody reads: lists, structs and other nested types.
pub(crate) fn not_kept(stated: &Schema) -> Vec<String> {
    further(stated)
        .filter(|(_, is_kept)| !*is_kept)
        .map(|(name, _)| name)
        .collect()
}

/// Columns that are not ours under any name, with whether their type can be kept.
fn further(stated: &Schema) -> impl Iterator<Item = (String, bool)> {
    let is_ours = |name: &str| {
        COLUMNS.iter().any(|column| column.name == name)
            || ALIASES
                .iter()
                .any(|(ours, _)| name_in(stated, ours) == name)
    };
    let fields = stated
        .fields()
        .iter()
        .filter(move |field| !is_ours(field.name()));
    fields.map(|field| (field.name().clone(), is_scalar(field.data_type())))
}

fn is_scalar(data_type: &DataType) -> bool {
    is_text(data_type)
        || data_type.is_integer()
        || matches!(
            data_type,
            DataType::Null
                | DataType::Boolean
                | DataType::Float32
                | DataType::Float64
                | DataType::Timestamp(_, _)
                | DataType::Date32
        )
}

/// The further columns of one batch.
#[derive(Default)]
pub(crate) struct Extension(Vec<(String, Cells)>);

enum Cells {
    Texts(Vec<Option<String>>),
    Flags(BooleanArray),
    Integers(Int64Array),
    Times(Int64Array),
    Numbers(crate::arrays::Numbers),
}

impl Extension {
    /// Takes the columns named.
    pub(crate) fn load(&mut self, names: &[String], batch: &RecordBatch) {
        let columns = names.iter().filter_map(|name| {
            let cells = cells(batch.column_by_name(name)?)?;
            Some((name.clone(), cells))
        });
        self.0 = columns.collect();
    }

    /// The cells of a row that hold something, as the text of a JSON object.
    pub(crate) fn get(&self, row: usize) -> Option<Arc<str>> {
        let filled = self.0.iter().filter_map(|(name, cells)| {
            let value = cells.get(row)?;
            Some((name.clone(), value))
        });
        let object: Map<String, Value> = filled.collect();
        (!object.is_empty()).then(|| Value::Object(object).to_string().into())
    }
}

fn cells(column: &ArrayRef) -> Option<Cells> {
    let data_type = column.data_type();
    if is_text(data_type) {
        return strings(column).map(Cells::Texts);
    }
    if let DataType::Boolean = data_type {
        return Some(Cells::Flags(column.as_boolean().clone()));
    }
    if data_type.is_integer() {
        return as_integers(column).map(Cells::Integers);
    }
    if matches!(data_type, DataType::Float32 | DataType::Float64) {
        return as_numbers(column).map(Cells::Numbers);
    }
    as_micros(column).map(Cells::Times)
}

impl Cells {
    fn get(&self, row: usize) -> Option<Value> {
        match self {
            Self::Texts(texts) => texts[row].clone().map(Value::from),
            Self::Flags(flags) => flags.is_valid(row).then(|| flags.value(row).into()),
            Self::Integers(values) => values.is_valid(row).then(|| values.value(row).into()),
            Self::Times(values) => {
                let time = values.is_valid(row).then(|| Instant(values.value(row)))?;
                Some(time.to_string().into())
            }
            // NaN has no form in JSON; as a text it is not lost.
            Self::Numbers(values) => values.get(row).map(|number| {
                serde_json::Number::from_f64(number)
                    .map_or_else(|| number.to_string().into(), Value::Number)
            }),
        }
    }
}
