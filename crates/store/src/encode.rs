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
use std::borrow::Cow;
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
    pub(crate) fn push(&mut self, row: &Row) -> Result<()> {
        self.rows.push(row);
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

/// A row of a data table, its texts borrowed.
pub(crate) struct Row<'a> {
    pub(crate) subject: i64,
    pub(crate) time: Option<i64>,
    pub(crate) code: Cow<'a, str>,
    pub(crate) numeric: Option<f64>,
    pub(crate) text: Option<&'a str>,
    pub(crate) unit: Option<&'a str>,
    pub(crate) end: Option<i64>,
    pub(crate) encounter: Option<i64>,
    pub(crate) precision: Precision,
    pub(crate) offset: Option<i16>,
    pub(crate) file: Option<&'a str>,
    pub(crate) record: Option<&'a str>,
    pub(crate) element: Option<&'a str>,
    /// `origin_row`.
    pub(crate) line: Option<i64>,
    pub(crate) rule: Option<&'a str>,
    pub(crate) recorded: Option<i64>,
    pub(crate) written: Option<WrittenRow<'a>>,
}

/// The part of a row that tells the source's own words.
pub(crate) struct WrittenRow<'a> {
    pub(crate) code: Option<Cow<'a, str>>,
    pub(crate) value: Option<f64>,
    pub(crate) unit: Option<&'a str>,
    pub(crate) comparator: Option<Comparator>,
    pub(crate) low: Option<f64>,
    pub(crate) high: Option<f64>,
    pub(crate) flag: Option<&'a str>,
    pub(crate) conversion: Option<&'a str>,
    pub(crate) extension: Option<&'a str>,
}

impl<'a> Row<'a> {
    /// The row of an event.
    pub(crate) fn of(subject: SubjectId, event: &'a Event) -> Self {
        let micros = |time: Option<Instant>| time.map(|t| t.0);
        let origin = &event.origin;
        Self {
            subject: subject.0,
            time: micros(event.time),
            code: event.code.to_meds(),
            numeric: event.numeric_value,
            text: event.text_value.as_deref(),
            unit: event.unit.as_deref(),
            end: micros(event.end_time),
            encounter: event.encounter.map(|e| e.0),
            precision: event.precision,
            offset: event.utc_offset_minutes,
            file: filled(&origin.file),
            record: filled(&origin.record),
            element: filled(&origin.element),
            line: i64::try_from(origin.row).ok().filter(|row| *row > 0),
            rule: filled(&origin.rule),
            recorded: micros(event.recorded_time),
            written: event.as_written.as_deref().map(WrittenRow::of),
        }
    }
}

impl<'a> WrittenRow<'a> {
    fn of(written: &'a AsWritten) -> Self {
        Self {
            code: written.code.as_ref().map(Code::to_meds),
            value: written.numeric_value,
            unit: written.unit.as_deref(),
            comparator: written.comparator,
            low: written.range_low,
            high: written.range_high,
            flag: written.flag.as_deref(),
            conversion: written.conversion.as_deref(),
            extension: written.extension.as_deref(),
        }
    }
}

impl WrittenRows {
    fn push(&mut self, written: Option<&WrittenRow>) {
        let code = written.and_then(|w| w.code.as_deref());
        self.code.append_option(code);
        self.value.append_option(written.and_then(|w| w.value));
        self.unit.append_option(written.and_then(|w| w.unit));
        let sign = written.and_then(|w| w.comparator).map(Comparator::sign);
        self.comparator.append_option(sign);
        self.low.append_option(written.and_then(|w| w.low));
        self.high.append_option(written.and_then(|w| w.high));
        self.flag.append_option(written.and_then(|w| w.flag));
        self.conversion
            .append_option(written.and_then(|w| w.conversion));
        self.extension
            .append_option(written.and_then(|w| w.extension));
    }
}

impl Rows {
    /// Adds a row.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "MEDS's numeric_value is a 32-bit float; the crate's documentation says so"
    )]
    pub(crate) fn push(&mut self, row: &Row) {
        self.subject.append_value(row.subject);
        self.time.append_option(row.time);
        self.code.append_value(&row.code);
        self.numeric
            .append_option(row.numeric.map(|value| value as f32));
        self.text.append_option(row.text);
        self.unit.append_option(row.unit);
        self.end.append_option(row.end);
        self.encounter.append_option(row.encounter);
        self.precision.append_value(precision_name(row.precision));
        self.offset.append_option(row.offset);
        self.file.append_option(row.file);
        self.record.append_option(row.record);
        self.element.append_option(row.element);
        self.row.append_option(row.line);
        self.rule.append_option(row.rule);
        self.recorded.append_option(row.recorded);
        self.written.push(row.written.as_ref());
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

/// A text that says something.
pub(crate) fn filled(text: &str) -> Option<&str> {
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
