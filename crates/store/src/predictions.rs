//! Tables of predictions: the MEDS prediction schema (labels of MEDS 0.4.1 with the columns of
//! meds-evaluation 0.0.6) and whatever further columns of numbers and texts a table has.
//!
//! It reads, writes and judges nothing: numbers outside 0 to 1 come through as they are.
//! `validate_samples` checks a table against the schema.

use crate::arrays::{as_numbers, is_text, strings};
use crate::decode::{DataFile, integers, times};
use crate::encode::close;
use crate::error::{Error, Result};
use crate::files;
use crate::labels::{Unfinished, properties};
use crate::validate::tables_below;
use arrow_array::cast::AsArray;
use arrow_array::types::Float32Type;
use arrow_array::{
    Array, ArrayRef, BooleanArray, Float32Array, Float64Array, Int64Array, RecordBatch,
    StringArray, TimestampMicrosecondArray,
};
use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const SUBJECT: &str = "subject_id";
const TIME: &str = "prediction_time";
/// Columns of booleans.
const BOOLEANS: [&str; 2] = ["boolean_value", "predicted_boolean_value"];
/// The columns of the schema in its order.
const SCHEMA: [&str; 8] = [
    SUBJECT,
    TIME,
    "boolean_value",
    "integer_value",
    "float_value",
    "categorical_value",
    "predicted_boolean_value",
    "predicted_boolean_probability",
];
/// What one must hold of.
const EXPECTED: &str = "a column of booleans";

/// Rows of one or several files, one after the other.
#[derive(Clone, Default)]
pub struct Predictions {
    /// The subject of each row.
    pub subjects: Vec<i64>,
    /// The time up to which the record was known, in microseconds since 1970 UTC.
    pub times: Vec<i64>,
    /// Columns of booleans by name: `boolean_value` and `predicted_boolean_value` where present,
    /// and further ones.
    pub booleans: BTreeMap<String, Vec<Option<bool>>>,
    /// Columns of numbers by name: `predicted_boolean_probability`, `integer_value`, `float_value`
    /// where present, and further ones. 32-bit floats are widened exactly.
    pub numbers: BTreeMap<String, Vec<Option<f64>>>,
    /// Columns of texts by name: `categorical_value` where present, and further ones.
    pub texts: BTreeMap<String, Vec<Option<String>>>,
    /// Columns that are neither of these, and are not read.
    pub unread: Vec<String>,
    /// Which rows of the files are left, where not all.
    rows: Option<Vec<usize>>,
    /// Each file with the place of its first row.
    files: Vec<(PathBuf, usize)>,
}

/// Redacted: the shape only.
impl fmt::Debug for Predictions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Predictions({} rows)", self.subjects.len())
    }
}

impl Predictions {
    /// A table of these subjects and times (microseconds since 1970 UTC), without columns yet.
    pub fn of(subjects: Vec<i64>, times: Vec<i64>) -> Self {
        Self {
            subjects,
            times,
            ..Self::default()
        }
    }

    /// Leaves these rows, by their ascending places, and keeps the way back to the files.
    pub fn keep(&mut self, rows: &[usize]) {
        fn at<T: Clone>(column: &[T], rows: &[usize]) -> Vec<T> {
            let kept = rows.iter().filter_map(|row| column.get(*row));
            kept.cloned().collect()
        }
        self.subjects = at(&self.subjects, rows);
        self.times = at(&self.times, rows);
        for column in self.booleans.values_mut() {
            *column = at(column, rows);
        }
        for column in self.numbers.values_mut() {
            *column = at(column, rows);
        }
        for column in self.texts.values_mut() {
            *column = at(column, rows);
        }
        self.rows = Some(match &self.rows {
            Some(before) => at(before, rows),
            None => rows.to_vec(),
        });
    }

    /// The file of a row, and its number there, from 1.
    pub fn place(&self, row: usize) -> (&Path, usize) {
        let kept = self.rows.as_ref();
        let row = kept.and_then(|rows| rows.get(row)).copied().unwrap_or(row);
        let after = self.files.partition_point(|(_, first)| *first <= row);
        match after.checked_sub(1).map(|file| &self.files[file]) {
            Some((path, first)) => (path, row - first + 1),
            None => (Path::new(""), row + 1),
        }
    }
}

/// Reads a Parquet file of predictions, or a folder of them, with all columns or only those of the
/// prediction schema.
///
/// # Errors
/// When there is no Parquet file, one cannot be read, `subject_id` or `prediction_time` is absent,
/// of another type or null in a row, or a column of the schema has another type.
pub fn read_predictions(path: &Path, all_columns: bool) -> Result<Predictions> {
    let (dir, names) = tables_below(path)?;
    let mut read = Predictions::default();
    for name in &names {
        let file = DataFile::open(&dir, name)?;
        let first = read.subjects.len();
        read.files.push((file.path.clone(), first));
        read.file(&file, all_columns)?;
    }
    for column in read.booleans.values_mut() {
        column.resize(read.subjects.len(), None);
    }
    for column in read.numbers.values_mut() {
        column.resize(read.subjects.len(), None);
    }
    for column in read.texts.values_mut() {
        column.resize(read.subjects.len(), None);
    }
    Ok(read)
}

impl Predictions {
    /// Writes the table as one Parquet file, whole or not at all: the columns of the schema first,
    /// in its types (32-bit floats, 64-bit integers), then the others by kind and name.
    ///
    /// # Errors
    /// When a column has another length than `subjects`, or the file cannot be written.
    pub fn write(&self, target: &Path) -> Result<()> {
        let partial = Unfinished::beside(target);
        let failed = |error| Error::encode(&partial.path)(error);
        let (fields, arrays): (Vec<Field>, Vec<ArrayRef>) = self.arrays().into_iter().unzip();
        let schema = Arc::new(Schema::new(fields));
        let batch = RecordBatch::try_new(Arc::clone(&schema), arrays);
        let batch = batch.map_err(|error| failed(error.into()))?;
        let file = files::create(&partial.path)?;
        let open = || ArrowWriter::try_new(file, schema, Some(properties()?));
        let mut writer = open().map_err(failed)?;
        writer.write(&batch).map_err(failed)?;
        close(writer, &partial.path)?;
        partial.place(target)
    }

    fn arrays(&self) -> Vec<(Field, ArrayRef)> {
        let times = TimestampMicrosecondArray::from(self.times.clone());
        let mut columns: Vec<(&str, ArrayRef)> = vec![
            (SUBJECT, Arc::new(Int64Array::from(self.subjects.clone()))),
            (TIME, Arc::new(times)),
        ];
        for (name, values) in &self.booleans {
            columns.push((name, Arc::new(BooleanArray::from(values.clone()))));
        }
        for (name, values) in &self.numbers {
            columns.push((name, number_array(name, values)));
        }
        for (name, values) in &self.texts {
            columns.push((name, Arc::new(StringArray::from(values.clone()))));
        }
        let place = |name: &str| SCHEMA.iter().position(|known| *known == name);
        columns.sort_by_key(|(name, _)| place(name).unwrap_or(SCHEMA.len()));
        let field = |(name, array): (&str, ArrayRef)| {
            let kind = array.data_type().clone();
            (Field::new(name, kind, array.null_count() > 0), array)
        };
        columns.into_iter().map(field).collect()
    }

    fn file(&mut self, file: &DataFile, all_columns: bool) -> Result<()> {
        let stated = file.stated.fields().iter();
        let names = stated.map(|field| field.name().as_str());
        let wanted: Vec<&str> = names
            .filter(|name| all_columns || is_of_the_schema(name))
            .collect();
        for required in [SUBJECT, TIME] {
            if !wanted.contains(&required) {
                return Err(Error::column(&file.path, required, "present"));
            }
        }
        let first = self.subjects.len();
        for batch in file.read(&wanted, None)? {
            let batch = batch.map_err(|e| Error::decode(&file.path)(e.into()))?;
            let before = self.subjects.len();
            let subjects = integers(&file.path, &batch, SUBJECT)?;
            let times = times(&file.path, &batch, TIME)?;
            for (name, column) in [(SUBJECT, &subjects), (TIME, &times)] {
                if column.null_count() > 0 {
                    let row = (0..column.len()).find(|&row| column.is_null(row));
                    return Err(Error::Null {
                        path: file.path.clone(),
                        row: before - first + row.unwrap_or(0) + 1,
                        column: name,
                    });
                }
            }
            self.subjects.extend(subjects.values());
            self.times.extend(times.values());
            for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
                if ![SUBJECT, TIME].contains(&field.name().as_str()) {
                    self.column(file, field.name(), column, before)?;
                }
            }
        }
        Ok(())
    }

    fn column(
        &mut self,
        file: &DataFile,
        name: &str,
        column: &ArrayRef,
        before: usize,
    ) -> Result<()> {
        let kind = column.data_type();
        if *kind == DataType::Boolean {
            let values = column.as_boolean().iter();
            let into = entry(&mut self.booleans, name, before);
            into.extend(values);
        } else if BOOLEANS.contains(&name) {
            // A column without a single value may have the null type.
            if *kind != DataType::Null {
                return Err(Error::column(&file.path, name, EXPECTED));
            }
        } else if *kind == DataType::Float32 {
            let values = column.as_primitive::<Float32Type>().iter();
            entry(&mut self.numbers, name, before).extend(values.map(|v| v.map(f64::from)));
        } else if is_text(kind) {
            if name == "predicted_boolean_probability" {
                return Err(Error::column(&file.path, name, "a column of numbers"));
            }
            let values = strings(column).unwrap_or_else(|| vec![None; column.len()]);
            entry(&mut self.texts, name, before).extend(values);
        } else if let Some(values) = as_numbers(column) {
            let rows = (0..column.len()).map(|row| values.get(row));
            entry(&mut self.numbers, name, before).extend(rows);
        } else if !self.unread.iter().any(|known| known == name) {
            self.unread.push(name.to_owned());
        }
        Ok(())
    }
}

/// Columns of numbers in the schema's widths, all others as they are held.
fn number_array(name: &str, values: &[Option<f64>]) -> ArrayRef {
    let values = values.iter().copied();
    #[expect(clippy::cast_possible_truncation, reason = "the schema's widths")]
    match name {
        "predicted_boolean_probability" | "float_value" => {
            let short = values.map(|value| value.map(|wide| wide as f32));
            Arc::new(short.collect::<Float32Array>())
        }
        "integer_value" => {
            let whole = values.map(|value| value.map(|wide| wide as i64));
            Arc::new(whole.collect::<Int64Array>())
        }
        _ => Arc::new(values.collect::<Float64Array>()),
    }
}

/// A column, with nothing in the rows before the file that first has it.
fn entry<'a, T: Clone>(
    columns: &'a mut BTreeMap<String, Vec<Option<T>>>,
    name: &str,
    before: usize,
) -> &'a mut Vec<Option<T>> {
    let column = columns.entry(name.to_owned()).or_default();
    column.resize(before, None);
    column
}

fn is_of_the_schema(name: &str) -> bool {
    let rest = [SUBJECT, TIME, "predicted_boolean_probability"];
    BOOLEANS.contains(&name) || rest.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validate_samples;

    #[test]
    fn a_table_that_was_written_is_read_again_and_keeps_the_schema() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("p.parquet");
        let mut table = Predictions {
            subjects: vec![3, 5],
            times: vec![10, 20],
            ..Predictions::default()
        };
        table
            .booleans
            .insert("boolean_value".into(), vec![Some(true), Some(false)]);
        let risks = vec![Some(0.25), None];
        table
            .numbers
            .insert("predicted_boolean_probability".into(), risks.clone());
        table
            .numbers
            .insert("low".into(), vec![Some(0.1), Some(0.2)]);
        table
            .texts
            .insert("sex".into(), vec![Some("f".into()), None]);
        table.write(&path).unwrap();
        let read = read_predictions(&path, true).unwrap();
        assert_eq!(
            (&read.subjects, &read.times),
            (&table.subjects, &table.times)
        );
        assert_eq!(read.numbers, table.numbers);
        assert_eq!((read.booleans, read.texts), (table.booleans, table.texts));
        assert!(!place.path().join("p.parquet.partial").exists());
        let mut short = Predictions::default();
        short.numbers.insert("low".into(), vec![Some(1.0)]);
        assert!(short.write(&path).is_err());
        assert!(validate_samples(&path).is_ok());
    }
}
