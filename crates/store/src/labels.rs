//! The writer and the reader of a table of labels (MEDS 0.4.1, `LabelSchema`).
//!
//! Rows are written as they come. The table stands at its place when it is whole and on the disk.

use crate::arrays::{Numbers, as_integers, as_numbers, strings};
use crate::columns::TIME;
use crate::decode::{DataFile, integers, times};
use crate::encode::close;
use crate::error::{Error, Result};
use crate::files;
use arrow_array::builder::{
    BooleanBuilder, Float32Builder, Int64Builder, StringBuilder, TimestampMicrosecondBuilder,
};
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use longitude_core::{Instant, SubjectId};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Rows that are encoded at once.
const BATCH_ROWS: usize = 65_536;

/// Which columns of values a table of labels has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LabelColumns {
    /// Whether `boolean_value`, `integer_value`, `float_value` and `categorical_value`.
    pub values: [bool; 4],
    /// Whether a row may lack a prediction time or a value, which MEDS does not allow.
    pub nullable: bool,
}

/// A row of a table of labels.
///
/// `Debug` shows no value.
#[derive(Clone, Copy, PartialEq)]
pub struct LabelRow<'a> {
    /// Who is asked about.
    pub subject: SubjectId,
    /// When the prediction is made.
    pub prediction_time: Option<Instant>,
    /// Whether the outcome happened.
    pub boolean: Option<bool>,
    /// How often.
    pub integer: Option<i64>,
    /// A value.
    pub float: Option<f32>,
    /// A class.
    pub category: Option<&'a str>,
}

impl std::fmt::Debug for LabelRow<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LabelRow").finish_non_exhaustive()
    }
}

/// A table of labels that is being written.
pub struct LabelWriter {
    target: PathBuf,
    partial: Unfinished,
    columns: LabelColumns,
    schema: SchemaRef,
    writer: ArrowWriter<File>,
    rows: usize,
    subjects: Int64Builder,
    times: TimestampMicrosecondBuilder,
    booleans: BooleanBuilder,
    integers: Int64Builder,
    floats: Float32Builder,
    categories: StringBuilder,
}

/// A file that is removed unless it was put at its place.
pub(crate) struct Unfinished {
    pub(crate) path: PathBuf,
    placed: bool,
}

impl Unfinished {
    /// The unfinished file of a table.
    pub(crate) fn beside(target: &Path) -> Self {
        Self {
            path: target.with_extension("parquet.partial"),
            placed: false,
        }
    }

    /// Puts the finished file at its place.
    pub(crate) fn place(mut self, target: &Path) -> Result<()> {
        fs::rename(&self.path, target).map_err(Error::write(target))?;
        self.placed = true;
        Ok(())
    }
}

/// How tables of labels and predictions are packed.
pub(crate) fn properties() -> std::result::Result<WriterProperties, ParquetError> {
    Ok(WriterProperties::builder()
        .set_created_by(concat!("longitude ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
        .build())
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.placed {
            // Its name says that it is unfinished, so a failure here harms nothing.
            drop(fs::remove_file(&self.path));
        }
    }
}

impl std::fmt::Debug for LabelWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LabelWriter({})", self.target.display())
    }
}

impl LabelWriter {
    /// Starts a table beside `target`.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub fn create(target: &Path, columns: LabelColumns) -> Result<Self> {
        let partial = Unfinished::beside(target);
        let schema = schema(columns);
        let file = files::create(&partial.path)?;
        let open = || ArrowWriter::try_new(file, Arc::clone(&schema), Some(properties()?));
        Ok(Self {
            writer: open().map_err(Error::encode(&partial.path))?,
            target: target.to_owned(),
            partial,
            columns,
            schema,
            rows: 0,
            subjects: Int64Builder::new(),
            times: TimestampMicrosecondBuilder::new(),
            booleans: BooleanBuilder::new(),
            integers: Int64Builder::new(),
            floats: Float32Builder::new(),
            categories: StringBuilder::new(),
        })
    }

    /// Adds a row.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn push(&mut self, row: &LabelRow<'_>) -> Result<()> {
        self.subjects.append_value(row.subject.0);
        self.times
            .append_option(row.prediction_time.map(|time| time.0));
        if self.columns.values[0] {
            self.booleans.append_option(row.boolean);
        }
        if self.columns.values[1] {
            self.integers.append_option(row.integer);
        }
        if self.columns.values[2] {
            self.floats.append_option(row.float);
        }
        if self.columns.values[3] {
            self.categories.append_option(row.category);
        }
        self.rows += 1;
        if self.rows == BATCH_ROWS {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        let mut arrays: Vec<ArrayRef> = vec![
            Arc::new(self.subjects.finish()),
            Arc::new(self.times.finish()),
        ];
        if self.columns.values[0] {
            arrays.push(Arc::new(self.booleans.finish()));
        }
        if self.columns.values[1] {
            arrays.push(Arc::new(self.integers.finish()));
        }
        if self.columns.values[2] {
            arrays.push(Arc::new(self.floats.finish()));
        }
        if self.columns.values[3] {
            arrays.push(Arc::new(self.categories.finish()));
        }
        self.rows = 0;
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), arrays);
        let batch = batch.map_err(|error| Error::encode(&self.partial.path)(error.into()))?;
        self.writer
            .write(&batch)
            .map_err(Error::encode(&self.partial.path))
    }

    /// Ends the table and puts it at its place.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn finish(mut self) -> Result<()> {
        self.flush()?;
        close(self.writer, &self.partial.path)?;
        self.partial.place(&self.target)
    }
}

fn schema(columns: LabelColumns) -> SchemaRef {
    let mut fields = vec![
        Field::new("subject_id", DataType::Int64, false),
        Field::new("prediction_time", TIME, columns.nullable),
    ];
    let values = [
        ("boolean_value", DataType::Boolean, columns.values[0]),
        ("integer_value", DataType::Int64, columns.values[1]),
        ("float_value", DataType::Float32, columns.values[2]),
        ("categorical_value", DataType::Utf8, columns.values[3]),
    ];
    for (name, data_type, there) in values {
        if there {
            fields.push(Field::new(name, data_type, columns.nullable));
        }
    }
    Arc::new(Schema::new(fields))
}

/// A label that was read.
#[derive(Clone, PartialEq)]
pub struct Label {
    /// Who is asked about.
    pub subject: SubjectId,
    /// When the prediction is made.
    pub prediction_time: Option<Instant>,
    /// Whether the outcome happened.
    pub boolean: Option<bool>,
    /// How often.
    pub integer: Option<i64>,
    /// A value.
    pub float: Option<f32>,
    /// A class.
    pub category: Option<String>,
}

impl std::fmt::Debug for Label {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Label").finish_non_exhaustive()
    }
}

/// Reads a table of labels, this crate's own or another tool's, in its order.
///
/// # Errors
/// When the file cannot be read or has other columns than MEDS's.
pub fn read_labels(path: &Path) -> Result<Vec<Label>> {
    let dir = path.parent().unwrap_or(Path::new(""));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let file = DataFile::open(dir, &name)?;
    let mut labels = Vec::new();
    let names = [
        "subject_id",
        "prediction_time",
        "boolean_value",
        "integer_value",
        "float_value",
        "categorical_value",
    ];
    for batch in file.read(&names, None)? {
        let batch = batch.map_err(|error| Error::decode(path)(error.into()))?;
        let subjects = integers(path, &batch, "subject_id")?;
        let times = times(path, &batch, "prediction_time")?;
        let column = |name| batch.column_by_name(name);
        let booleans = column("boolean_value").and_then(|one| one.as_boolean_opt());
        let whole = column("integer_value").and_then(as_integers);
        let floats = column("float_value").and_then(as_numbers);
        let categories = column("categorical_value").and_then(strings);
        for row in 0..batch.num_rows() {
            labels.push(Label {
                subject: SubjectId(subjects.value(row)),
                prediction_time: times.is_valid(row).then(|| Instant(times.value(row))),
                boolean: booleans.and_then(|one| one.is_valid(row).then(|| one.value(row))),
                integer: whole
                    .as_ref()
                    .and_then(|one| one.is_valid(row).then(|| one.value(row))),
                float: floats.as_ref().and_then(|one| short(one, row)),
                category: categories.as_ref().and_then(|one| one[row].clone()),
            });
        }
    }
    Ok(labels)
}

fn short(numbers: &Numbers, row: usize) -> Option<f32> {
    match numbers {
        Numbers::Short(values) => values.is_valid(row).then(|| values.value(row)),
        #[expect(
            clippy::cast_possible_truncation,
            reason = "MEDS's label schema has 32 bits"
        )]
        Numbers::Long(values) => values.is_valid(row).then(|| values.value(row) as f32),
    }
}
