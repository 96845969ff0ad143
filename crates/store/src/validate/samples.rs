//! Tables of samples: labels (MEDS 0.4.1, `LabelSchema`) and predictions (meds-evaluation 0.0.6,
//! `PredictionSchema`). Which of the two a table is, its columns tell.

use super::{Check, Rule, Validation};
use crate::arrays::{as_numbers, is_text};
use crate::columns::TIME;
use crate::decode::{DataFile, integers, times};
use crate::error::{Error, Result};
use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The columns of labels: name, type, whether required.
const LABELS: [(&str, DataType, bool); 6] = [
    ("subject_id", DataType::Int64, true),
    ("prediction_time", TIME, true),
    ("boolean_value", DataType::Boolean, false),
    ("integer_value", DataType::Int64, false),
    ("float_value", DataType::Float32, false),
    ("categorical_value", DataType::Utf8, false),
];
/// What predictions have besides.
const PREDICTED: [(&str, DataType, bool); 2] = [
    ("predicted_boolean_value", DataType::Boolean, false),
    ("predicted_boolean_probability", DataType::Float32, false),
];

/// Checks a file of labels or predictions, or a folder of them.
///
/// # Errors
/// When there is no Parquet file, or the folder cannot be listed. What is wrong with the tables is
/// a finding.
pub fn validate_samples(path: &Path) -> Result<Validation> {
    let mut check = Check::default();
    let (dir, names) = tables_below(path)?;
    let mut seen = Seen::default();
    for name in names {
        check.name.clone_from(&name);
        check.validation.files += 1;
        if check.samples(&dir, &mut seen).is_err() {
            check.find(Rule::Readable, 0, "");
        }
    }
    check.validation.subjects = seen.subjects.len() as u64;
    Ok(check.finish())
}

#[derive(Default)]
struct Seen {
    subjects: BTreeSet<i64>,
    samples: BTreeSet<(i64, i64)>,
}

/// The folder and the names of the Parquet files in it, sorted.
pub(crate) fn tables_below(path: &Path) -> Result<(PathBuf, Vec<String>)> {
    if path.is_file() {
        let dir = path.parent().unwrap_or(Path::new(".")).to_owned();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        return Ok((dir, vec![name.into_owned()]));
    }
    let mut names = Vec::new();
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        let place = path.join(&folder);
        for entry in fs::read_dir(&place).map_err(Error::read(&place))? {
            let entry = entry.map_err(Error::read(&place))?;
            let own = entry.file_name().to_string_lossy().into_owned();
            let name = if folder.is_empty() {
                own
            } else {
                format!("{folder}/{own}")
            };
            if entry.path().is_dir() {
                folders.push(name);
            } else if Path::new(&name)
                .extension()
                .is_some_and(|end| end == "parquet")
            {
                names.push(name);
            }
        }
    }
    names.sort();
    if names.is_empty() {
        return Err(Error::NotADataset(path.to_owned()));
    }
    Ok((path.to_owned(), names))
}

impl Check {
    fn samples(&mut self, dir: &Path, seen: &mut Seen) -> Result<()> {
        let file = DataFile::open(dir, &self.name.clone())?;
        self.validation.rows += file.rows();
        let has = |name: &str| file.stated.index_of(name).is_ok();
        let are_predictions = PREDICTED.iter().any(|(name, _, _)| has(name));
        self.types(&file.stated, &LABELS);
        self.types(&file.stated, &PREDICTED);
        for field in file.stated.fields() {
            let mut known = LABELS.iter().chain(&PREDICTED).map(|(name, _, _)| *name);
            if !known.any(|name| name == field.name()) {
                let rule = if are_predictions {
                    Rule::FurtherColumn
                } else {
                    Rule::LabelColumns
                };
                self.find(rule, 0, field.name());
            }
        }
        let columns: Vec<_> = LABELS
            .iter()
            .chain(&PREDICTED)
            .map(|(name, _, _)| *name)
            .collect();
        let nulls = self.null_columns(&file, &columns)?;
        let is_filled = |(name, _, _): &(&str, DataType, bool)| has(name) && !nulls.contains(*name);
        if are_predictions && !PREDICTED.iter().any(is_filled) {
            self.find(Rule::NoPrediction, 0, "");
        }
        let mut row = 0;
        for batch in file.read(&columns, None)? {
            let batch = batch.map_err(|e| Error::decode(&file.path)(e.into()))?;
            self.sample_rows(&file, &batch, row, seen)?;
            self.sample_values(&batch, row, &nulls);
            row += batch.num_rows() as u64;
        }
        Ok(())
    }

    /// Optional columns without a single value, as ACES writes them: told, and not looked into.
    fn null_columns(&mut self, file: &DataFile, columns: &[&str]) -> Result<BTreeSet<String>> {
        let mut filled = BTreeSet::new();
        let mut rows = 0;
        for batch in file.read(columns, None)? {
            let batch = batch.map_err(|e| Error::decode(&file.path)(e.into()))?;
            rows += batch.num_rows();
            let schema = batch.schema();
            let names = schema.fields().iter().zip(batch.columns());
            let with_value = names.filter(|(_, column)| column.null_count() < column.len());
            filled.extend(with_value.map(|(field, _)| field.name().clone()));
        }
        let mut nulls = BTreeSet::new();
        for name in &columns[2..] {
            if rows > 0 && file.stated.index_of(name).is_ok() && !filled.contains(*name) {
                self.find(Rule::ColumnEmpty, 0, name);
                nulls.insert((*name).to_owned());
            }
        }
        Ok(nulls)
    }

    fn sample_rows(
        &mut self,
        file: &DataFile,
        batch: &RecordBatch,
        first: u64,
        seen: &mut Seen,
    ) -> Result<()> {
        let subjects = integers(&file.path, batch, "subject_id")?;
        let times = times(&file.path, batch, "prediction_time")?;
        for (at, (subject, time)) in subjects.iter().zip(&times).enumerate() {
            let row = first + at as u64 + 1;
            let (Some(subject), Some(time)) = (subject, time) else {
                let column = if subject.is_none() {
                    "subject_id"
                } else {
                    "prediction_time"
                };
                self.find(Rule::NullValue, row, column);
                continue;
            };
            seen.subjects.insert(subject);
            if !seen.samples.insert((subject, time)) {
                self.find(Rule::SampleOnce, row, "");
            }
        }
        Ok(())
    }

    fn sample_values(&mut self, batch: &RecordBatch, first: u64, nulls: &BTreeSet<String>) {
        let schema = batch.schema();
        for (field, column) in schema.fields().iter().zip(batch.columns()) {
            let name = field.name().as_str();
            if nulls.contains(name) || ["subject_id", "prediction_time"].contains(&name) {
                continue;
            }
            for row in (0..column.len()).filter(|&row| column.is_null(row)) {
                self.find(Rule::NullValue, first + row as u64 + 1, name);
            }
            if name == "predicted_boolean_probability"
                && !is_text(column.data_type())
                && let Some(numbers) = as_numbers(column)
            {
                for row in 0..column.len() {
                    let inside = numbers.get(row).is_none_or(|p| (0.0..=1.0).contains(&p));
                    if !inside {
                        self.find(Rule::Probability, first + row as u64 + 1, name);
                    }
                }
            }
        }
    }
}
