//! The writer of a table of predictions: MEDS's prediction schema (labels of MEDS 0.4.1 with the
//! columns of meds-evaluation 0.0.6), and declared columns beside it, each with its meaning in the
//! file's own metadata.
//!
//! The same rows make the same bytes.

use crate::columns::TIME;
use crate::error::{Error, Result};
use arrow_array::{
    ArrayRef, BooleanArray, FixedSizeBinaryArray, Float32Array, Float64Array, Int8Array,
    Int64Array, RecordBatch, TimestampMicrosecondArray,
};
use arrow_schema::{DataType, Field, Schema};
use longitude_core::{Digest, Instant, SubjectId};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use std::path::Path;
use std::sync::Arc;

/// Rows that are encoded at once.
const BATCH_ROWS: usize = 65_536;
/// Under which key of the table's metadata the meaning of the further columns stands.
pub const COLUMNS_KEY: &str = "longitude.columns";

/// One prediction.
///
/// `Debug` shows no value.
#[derive(Clone, PartialEq)]
pub struct PredictionRow {
    /// Who is asked about.
    pub subject: SubjectId,
    /// When.
    pub prediction_time: Instant,
    /// Whether the outcome happened, where the data know it.
    pub label: Option<bool>,
    /// The risk; none where there is no answer.
    pub risk: Option<f64>,
    /// The lower and the upper end of the calibration interval.
    pub interval: Option<(f64, f64)>,
    /// The Monte Carlo standard error of the sampled member.
    pub standard_error: Option<f64>,
    /// Why there is no answer, as a number whose meaning the metadata say; 0 where there is one.
    pub abstention: i8,
    /// Whether to act, where that could be decided.
    pub act: Option<bool>,
    /// The risk of each member, in the order of [`PredictionTable::members`].
    pub members: Vec<Option<f64>>,
    /// The digest of the prediction's line with all that it rests on.
    pub receipt: Digest,
}

impl std::fmt::Debug for PredictionRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PredictionRow").finish_non_exhaustive()
    }
}

/// A table of predictions.
#[derive(Clone, Debug)]
pub struct PredictionTable {
    /// The names of members; each has a column `member_NAME`.
    pub members: Vec<String>,
    /// What the table is of, by key: kept in the file's metadata.
    pub metadata: Vec<(String, String)>,
    /// From which risk on `predicted_boolean_value` is true.
    pub threshold: f64,
    /// The rows in their order.
    pub rows: Vec<PredictionRow>,
}

/// The table as the bytes of a Parquet file.
///
/// # Errors
/// When it cannot be encoded.
pub fn encode_predictions(table: &PredictionTable) -> Result<Vec<u8>> {
    let name = Path::new("the table of predictions");
    encode(table).map_err(Error::encode(name))
}

fn encode(table: &PredictionTable) -> std::result::Result<Vec<u8>, ParquetError> {
    let schema = Arc::new(schema(table));
    let metadata = table.metadata.iter();
    let metadata = metadata.map(|(key, value)| KeyValue::new(key.clone(), value.clone()));
    let properties = WriterProperties::builder()
        .set_key_value_metadata(Some(metadata.collect()))
        .set_created_by(concat!("longitude ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
        .build();
    let mut writer = ArrowWriter::try_new(Vec::new(), Arc::clone(&schema), Some(properties))?;
    for rows in table.rows.chunks(BATCH_ROWS) {
        let columns = columns(table, rows)?;
        writer.write(&RecordBatch::try_new(Arc::clone(&schema), columns)?)?;
    }
    writer.into_inner()
}

fn columns(
    table: &PredictionTable,
    rows: &[PredictionRow],
) -> std::result::Result<Vec<ArrayRef>, arrow_schema::ArrowError> {
    let numbers = |of: &dyn Fn(&PredictionRow) -> Option<f64>| -> ArrayRef {
        Arc::new(rows.iter().map(of).collect::<Float64Array>())
    };
    let flags = |of: &dyn Fn(&PredictionRow) -> Option<bool>| -> ArrayRef {
        Arc::new(rows.iter().map(of).collect::<BooleanArray>())
    };
    let subjects = Int64Array::from_iter_values(rows.iter().map(|row| row.subject.0));
    let times = rows.iter().map(|row| row.prediction_time.0);
    let reasons = Int8Array::from_iter_values(rows.iter().map(|row| row.abstention));
    let receipts = rows.iter().map(|row| row.receipt.0);
    let mut columns: Vec<ArrayRef> = vec![
        Arc::new(subjects),
        Arc::new(TimestampMicrosecondArray::from_iter_values(times)),
        flags(&|row| row.label),
        flags(&|row| row.risk.map(|risk| risk >= table.threshold)),
        Arc::new(
            rows.iter()
                .map(|row| row.risk.map(short))
                .collect::<Float32Array>(),
        ),
        numbers(&|row| row.interval.map(|ends| ends.0)),
        numbers(&|row| row.interval.map(|ends| ends.1)),
        numbers(&|row| row.standard_error),
        Arc::new(reasons),
        flags(&|row| row.act),
        Arc::new(FixedSizeBinaryArray::try_from_iter(receipts)?),
    ];
    for at in 0..table.members.len() {
        columns.push(numbers(&|row| row.members.get(at).copied().flatten()));
    }
    Ok(columns)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "MEDS's prediction schema has 32 bits"
)]
fn short(risk: f64) -> f32 {
    risk as f32
}

fn schema(table: &PredictionTable) -> Schema {
    let field = |name: &str, kind: DataType, nullable| Field::new(name, kind, nullable);
    let mut fields = vec![
        field("subject_id", DataType::Int64, false),
        field("prediction_time", TIME, false),
        field("boolean_value", DataType::Boolean, true),
        field("predicted_boolean_value", DataType::Boolean, true),
        field("predicted_boolean_probability", DataType::Float32, true),
        field("interval_low", DataType::Float64, true),
        field("interval_high", DataType::Float64, true),
        field("monte_carlo_error", DataType::Float64, true),
        field("abstention", DataType::Int8, false),
        field("act", DataType::Boolean, true),
        field("receipt", DataType::FixedSizeBinary(32), false),
    ];
    let own = |name: &String| field(&format!("member_{name}"), DataType::Float64, true);
    fields.extend(table.members.iter().map(own));
    Schema::new(fields)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read_predictions;

    fn table() -> PredictionTable {
        let row = |subject: i64, risk: Option<f64>| PredictionRow {
            subject: SubjectId(subject),
            prediction_time: Instant(subject * 1_000_000),
            label: (subject != 2).then_some(subject == 1),
            risk,
            interval: risk.map(|risk| (risk / 2.0, risk)),
            standard_error: None,
            abstention: i8::from(risk.is_none()),
            act: None,
            members: vec![risk],
            receipt: Digest::of(&subject.to_le_bytes()),
        };
        let metadata = ["a", "b", "c", "d", "e"].map(|key| (key.to_owned(), format!("of {key}")));
        PredictionTable {
            members: vec!["sampled".to_owned()],
            metadata: metadata.to_vec(),
            threshold: 0.5,
            rows: vec![row(1, Some(0.75)), row(2, Some(0.25)), row(3, None)],
        }
    }

    #[test]
    fn what_is_encoded_is_read_and_is_the_same_twice() {
        let folder = tempfile::tempdir().unwrap();
        let one = folder.path().join("one.parquet");
        let bytes = encode_predictions(&table()).unwrap();
        assert!(encode_predictions(&table()).unwrap() == bytes);
        std::fs::write(&one, &bytes).unwrap();
        let read = read_predictions(&one, true).unwrap();
        assert_eq!(read.subjects, [1, 2, 3]);
        let labels = [Some(true), None, Some(false)];
        assert_eq!(read.booleans["boolean_value"], labels);
        let called = [Some(true), Some(false), None];
        assert_eq!(read.booleans["predicted_boolean_value"], called);
        let risks = [Some(0.75), Some(0.25), None];
        assert_eq!(read.numbers["predicted_boolean_probability"], risks);
        assert_eq!(read.numbers["member_sampled"], risks);
        assert_eq!(read.numbers["interval_high"], risks);
        assert!(read.texts.is_empty(), "texts would be taken for groups");
    }
}
