//! Events to rows of a Parquet file, in the columns of [`crate::columns`].
//!
//! The bytes depend on the events and their order alone.

use crate::columns::{COLUMNS, data_schema};
use crate::error::{Error, Result};
use crate::files;
use arrow_array::builder::{
    ArrayBuilder, Float32Builder, Float64Builder, Int16Builder, Int64Builder, LargeStringBuilder,
    StringBuilder, TimestampMicrosecondBuilder,
};
use arrow_array::{ArrayRef, RecordBatch};
use longitude_core::{AsWritten, Code, Comparator, Event, Instant, Precision, SubjectId};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Rows that are turned into columns at once.
pub const BATCH_ROWS: usize = 8_192;
/// Rows in a row group: the unit that random access reads, so it is kept small.
const GROUP_ROWS: usize = 131_072;

/// One data file in the making.
pub(crate) struct Shard {
    path: PathBuf,
    parquet: ArrowWriter<File>,
    rows: Rows,
}

impl Shard {
    /// Creates the file.
    pub(crate) fn create(path: PathBuf) -> Result<Self> {
        let parquet = parquet(&path)?;
        Ok(Self {
            path,
            parquet,
            rows: Rows::default(),
        })
    }

    /// Adds a row.
    pub(crate) fn push(&mut self, subject: SubjectId, event: &Event) -> Result<()> {
        self.rows.push(subject, event);
        if self.rows.subject.len() >= BATCH_ROWS {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        let batch = batch(&mut self.rows, &self.path)?;
        self.parquet
            .write(&batch)
            .map_err(Error::encode(&self.path))
    }

    /// Ends the file and waits until it is on the disk.
    pub(crate) fn close(mut self) -> Result<()> {
        self.flush()?;
        close(self.parquet, &self.path)
    }
}

/// Creates a data file that takes batches.
pub(crate) fn parquet(path: &Path) -> Result<ArrowWriter<File>> {
    let file = files::create(path)?;
    let properties = properties().map_err(Error::encode(path))?;
    ArrowWriter::try_new(file, data_schema(), Some(properties)).map_err(Error::encode(path))
}

/// The rows so far as a batch; they start anew.
pub(crate) fn batch(rows: &mut Rows, path: &Path) -> Result<RecordBatch> {
    RecordBatch::try_new(data_schema(), rows.finish())
        .map_err(ParquetError::from)
        .map_err(Error::encode(path))
}

/// Ends a Parquet file and waits until it is on the disk.
pub(crate) fn close(mut parquet: ArrowWriter<File>, path: &Path) -> Result<()> {
    parquet.finish().map_err(Error::encode(path))?;
    parquet.inner().sync_all().map_err(Error::write(path))
}

/// Times are sorted, so differences pack them best; record identifiers and texts seldom repeat, so
/// a dictionary and bounds of them cost time and serve nobody.
fn properties() -> std::result::Result<WriterProperties, ParquetError> {
    let column = |name: &str| ColumnPath::from(name);
    let mut builder = WriterProperties::builder()
        .set_created_by(concat!("longitude ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_max_row_group_row_count(Some(GROUP_ROWS));
    for packed in ["time", "end_time", "recorded_time", "origin_row"] {
        builder = builder
            .set_column_dictionary_enabled(column(packed), false)
            .set_column_encoding(column(packed), Encoding::DELTA_BINARY_PACKED);
    }
    for unique in ["origin_record", "text_value", "extension"] {
        builder = builder
            .set_column_dictionary_enabled(column(unique), false)
            .set_column_statistics_enabled(column(unique), EnabledStatistics::None);
    }
    Ok(builder.build())
}

/// Rows in the making.
#[derive(Default)]
pub(crate) struct Rows {
    subject: Int64Builder,
    time: TimestampMicrosecondBuilder,
    code: StringBuilder,
    numeric: Float32Builder,
    text: LargeStringBuilder,
    unit: StringBuilder,
    end: TimestampMicrosecondBuilder,
    encounter: Int64Builder,
    precision: StringBuilder,
    offset: Int16Builder,
    file: StringBuilder,
    record: StringBuilder,
    element: StringBuilder,
    row: Int64Builder,
    rule: StringBuilder,
    recorded: TimestampMicrosecondBuilder,
    written: WrittenRows,
}

/// The columns of [`AsWritten`], which most events lack.
#[derive(Default)]
struct WrittenRows {
    code: StringBuilder,
    value: Float64Builder,
    unit: StringBuilder,
    comparator: StringBuilder,
    low: Float64Builder,
    high: Float64Builder,
    flag: StringBuilder,
    conversion: StringBuilder,
    extension: LargeStringBuilder,
}

impl WrittenRows {
    fn push(&mut self, written: Option<&AsWritten>) {
        let code = written.and_then(|w| w.code.as_ref()).map(Code::to_meds);
        self.code.append_option(code.as_deref());
        self.value
            .append_option(written.and_then(|w| w.numeric_value));
        self.unit
            .append_option(written.and_then(|w| w.unit.as_deref()));
        let sign = written.and_then(|w| w.comparator).map(Comparator::sign);
        self.comparator.append_option(sign);
        self.low.append_option(written.and_then(|w| w.range_low));
        self.high.append_option(written.and_then(|w| w.range_high));
        self.flag
            .append_option(written.and_then(|w| w.flag.as_deref()));
        self.conversion
            .append_option(written.and_then(|w| w.conversion.as_deref()));
        self.extension
            .append_option(written.and_then(|w| w.extension.as_deref()));
    }
}

impl Rows {
    /// Adds an event.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "MEDS's numeric_value is a 32-bit float; the crate's documentation says so"
    )]
    pub(crate) fn push(&mut self, subject: SubjectId, event: &Event) {
        let micros = |time: Option<Instant>| time.map(|t| t.0);
        self.subject.append_value(subject.0);
        self.time.append_option(micros(event.time));
        self.code.append_value(event.code.to_meds());
        self.numeric
            .append_option(event.numeric_value.map(|value| value as f32));
        self.text.append_option(event.text_value.as_deref());
        self.unit.append_option(event.unit.as_deref());
        self.end.append_option(micros(event.end_time));
        self.encounter.append_option(event.encounter.map(|e| e.0));
        self.precision.append_value(precision_name(event.precision));
        self.offset.append_option(event.utc_offset_minutes);
        let origin = &event.origin;
        self.file.append_option(filled(&origin.file));
        self.record.append_option(filled(&origin.record));
        self.element.append_option(filled(&origin.element));
        let row = i64::try_from(origin.row).ok().filter(|row| *row > 0);
        self.row.append_option(row);
        self.rule.append_option(filled(&origin.rule));
        self.recorded.append_option(micros(event.recorded_time));
        self.written.push(event.as_written.as_deref());
    }

    fn finish(&mut self) -> Vec<ArrayRef> {
        let builders: [&mut dyn ArrayBuilder; COLUMNS.len()] = [
            &mut self.subject,
            &mut self.time,
            &mut self.code,
            &mut self.numeric,
            &mut self.text,
            &mut self.unit,
            &mut self.end,
            &mut self.encounter,
            &mut self.precision,
            &mut self.offset,
            &mut self.file,
            &mut self.record,
            &mut self.element,
            &mut self.row,
            &mut self.rule,
            &mut self.recorded,
            &mut self.written.code,
            &mut self.written.value,
            &mut self.written.unit,
            &mut self.written.comparator,
            &mut self.written.low,
            &mut self.written.high,
            &mut self.written.flag,
            &mut self.written.conversion,
            &mut self.written.extension,
        ];
        builders
            .into_iter()
            .map(|b| Arc::clone(&b.finish()))
            .collect()
    }
}

fn filled(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

/// The name of a precision in the data table.
pub(crate) fn precision_name(precision: Precision) -> &'static str {
    match precision {
        Precision::Year => "year",
        Precision::Month => "month",
        Precision::Day => "day",
        Precision::Time => "time",
    }
}

/// The precision with a name; other names, which only foreign sets have, say nothing.
pub(crate) fn precision_of(name: &str) -> Precision {
    match name {
        "year" => Precision::Year,
        "month" => Precision::Month,
        "day" => Precision::Day,
        _ => Precision::Time,
    }
}
