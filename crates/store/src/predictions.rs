//! Tables of predictions: the MEDS prediction schema (labels of MEDS 0.4.1 with the columns of
//! meds-evaluation 0.0.6) and whatever further columns of numbers and texts a table has.
//!
//! It reads and judges nothing: numbers outside 0 to 1 come through as they are. `validate_samples`
//! checks a table against the schema.

use crate::arrays::{as_numbers, is_text, strings};
use crate::decode::{DataFile, integers, times};
use crate::error::{Error, Result};
use crate::validate::tables_below;
use arrow_array::cast::AsArray;
use arrow_array::types::Float32Type;
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

const SUBJECT: &str = "subject_id";
const TIME: &str = "prediction_time";
/// Columns of booleans.
const BOOLEANS: [&str; 2] = ["boolean_value", "predicted_boolean_value"];
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
    /// The file of a row, and its number there, from 1.
    pub fn place(&self, row: usize) -> (&Path, usize) {
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
