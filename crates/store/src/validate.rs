//! Whether a folder is a MEDS 0.4 data set, by every rule of the standard, also those that no
//! schema can state: one file a subject, contiguous, sorted, static rows first, codes complete.
//!
//! Findings name file and row, never a subject or a value.

mod samples;

pub(crate) use samples::tables_below;
pub use samples::validate_samples;

use crate::arrays::{is_text, is_text_list};
use crate::columns::{COLUMNS, Role};
use crate::decode::{self, DataFile, integers, times};
use crate::error::{Error, Result};
use crate::files;
use crate::info::DatasetInfo;
use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, Schema};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::Path;
use std::sync::Arc;

/// A rule of MEDS 0.4.1, or of good order where MEDS is silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// A file can be read as Parquet, or as JSON.
    Readable,
    /// The columns that MEDS requires are there.
    ColumnMissing,
    /// A column has the type that MEDS gives it.
    ColumnType,
    /// `subject_id` and `code` are never null.
    NullValue,
    /// A subject is in one file only.
    OneFile,
    /// The rows of a subject stand together.
    Contiguous,
    /// The rows of a subject are sorted by time, those without time first.
    Sorted,
    /// Every code of the data is in `codes.parquet`.
    CodesComplete,
    /// `codes.parquet` names a code once.
    CodesUnique,
    /// Every subject has a split, and one only.
    SplitsCover,
    /// `subject_splits.parquet` has its two columns and no other.
    SplitsColumns,
    /// The split's name is one of MEDS's three (a recommendation).
    SplitName,
    /// A subject's file is in the folder of its split (a convention).
    SplitFolder,
    /// Columns beyond MEDS's are declared in `dataset.json` (a recommendation).
    Declared,
    /// `dataset.json`, `codes.parquet` and `subject_splits.parquet` are there.
    Metadata,
    /// A table of labels has MEDS's columns and no other.
    LabelColumns,
    /// A table of predictions has further columns (ours declare interval, abstention and receipt).
    FurtherColumn,
    /// An optional column holds no value at all (as ACES writes it).
    ColumnEmpty,
    /// A prediction states a value or a probability.
    NoPrediction,
    /// A probability lies within 0 and 1.
    Probability,
    /// A subject has one sample at a time.
    SampleOnce,
}

impl Rule {
    /// Whether a breach makes the set invalid; the others are warnings.
    pub fn is_required(self) -> bool {
        !matches!(
            self,
            Self::SplitName
                | Self::SplitFolder
                | Self::Declared
                | Self::FurtherColumn
                | Self::ColumnEmpty
                | Self::SampleOnce
        )
    }

    /// What is wrong where the rule is broken.
    pub fn explanation(self) -> &'static str {
        match self {
            Self::Readable => "the file cannot be read",
            Self::ColumnMissing => "a required column is missing",
            Self::ColumnType => "a column has another type than MEDS gives it",
            Self::NullValue => "a value that must not be null is null",
            Self::OneFile => "the subject is in an earlier file too",
            Self::Contiguous => "the subject's rows do not stand together",
            Self::Sorted => "the subject's rows are not sorted by time, static first",
            Self::CodesComplete => "the code is not in metadata/codes.parquet",
            Self::CodesUnique => "the code stands twice in metadata/codes.parquet",
            Self::SplitsCover => "the subject has no split, or two",
            Self::SplitsColumns => "the table may have subject_id and split only",
            Self::SplitName => "the split is none of train, tuning, held_out",
            Self::SplitFolder => "the subject's file is in another split's folder",
            Self::Declared => "a further column is not declared in metadata/dataset.json",
            Self::Metadata => "the file is missing",
            Self::LabelColumns => "a table of labels may have MEDS's columns only",
            Self::FurtherColumn => "a column that the prediction schema does not have",
            Self::ColumnEmpty => "the column holds no value; leave it out",
            Self::NoPrediction => "neither predicted value nor probability is given",
            Self::Probability => "the probability is not between 0 and 1",
            Self::SampleOnce => "the subject has an earlier sample at the same time",
        }
    }
}

/// A broken rule in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule.
    pub rule: Rule,
    /// The file, relative to the data set.
    pub file: String,
    /// The first row that breaks it, from 1; 0 when the whole file is meant.
    pub row: u64,
    /// The column, where one is to blame.
    pub column: String,
    /// How often the rule is broken in the file.
    pub count: u64,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = if self.rule.is_required() {
            "error"
        } else {
            "warning"
        };
        write!(f, "{level}: {}", self.file)?;
        if self.row > 0 {
            write!(f, " row {}", self.row)?;
        }
        if !self.column.is_empty() {
            write!(f, " column {}", self.column)?;
        }
        write!(f, ": {} ({} times)", self.rule.explanation(), self.count)
    }
}

/// What a validation found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validation {
    /// Broken rules, in the order of rules and files.
    pub findings: Vec<Finding>,
    /// Data files.
    pub files: u64,
    /// Rows in them.
    pub rows: u64,
    /// Different subjects.
    pub subjects: u64,
    /// Different codes.
    pub codes: u64,
}

impl Validation {
    /// Whether no required rule is broken.
    pub fn is_valid(&self) -> bool {
        self.findings
            .iter()
            .all(|finding| !finding.rule.is_required())
    }
}

/// Checks a data set.
///
/// # Errors
/// When the folder holds no data at all, or cannot be listed. What is wrong with the data is a
/// finding.
pub fn validate(dir: &Path) -> Result<Validation> {
    let mut check = Check::default();
    let names = files::data_files(dir)?;
    check.info(dir);
    check.code_table(dir);
    check.split_table(dir);
    for (number, name) in names.iter().enumerate() {
        check.file_number = number;
        check.name.clone_from(name);
        check.validation.files += 1;
        if check.data_file(dir).is_err() {
            check.find(Rule::Readable, 0, "");
        }
    }
    check.validation.subjects = check.seen.len() as u64;
    check.validation.codes = check.codes_seen.len() as u64;
    Ok(check.finish())
}

#[derive(Default)]
struct Check {
    validation: Validation,
    findings: BTreeMap<(Rule, String, String), Finding>,
    name: String,
    file_number: usize,
    declared: BTreeSet<String>,
    codes: Option<BTreeSet<String>>,
    codes_seen: BTreeSet<String>,
    splits: Option<BTreeMap<i64, String>>,
    /// The file in which each subject was last seen.
    seen: BTreeMap<i64, usize>,
    last: Option<(i64, Option<i64>)>,
}

impl Check {
    fn finish(self) -> Validation {
        Validation {
            findings: self.findings.into_values().collect(),
            ..self.validation
        }
    }

    fn find(&mut self, rule: Rule, row: u64, column: &str) {
        let key = (rule, self.name.clone(), column.to_owned());
        let finding = self.findings.entry(key).or_insert_with(|| Finding {
            rule,
            file: self.name.clone(),
            row,
            column: column.to_owned(),
            count: 0,
        });
        finding.count += 1;
    }

    fn info(&mut self, dir: &Path) {
        files::INFO.clone_into(&mut self.name);
        let Ok(bytes) = fs::read(dir.join(files::INFO)) else {
            return self.find(Rule::Metadata, 0, "");
        };
        match serde_json::from_slice::<DatasetInfo>(&bytes) {
            Ok(info) => self.declared = info.declared_columns().map(str::to_owned).collect(),
            Err(_error) => self.find(Rule::Readable, 0, ""),
        }
    }

    fn code_table(&mut self, dir: &Path) {
        files::CODES.clone_into(&mut self.name);
        if !dir.join(files::CODES).is_file() {
            return self.find(Rule::Metadata, 0, "");
        }
        if self.read_codes(dir).is_err() {
            self.find(Rule::Readable, 0, "");
        }
    }

    fn read_codes(&mut self, dir: &Path) -> Result<()> {
        let file = DataFile::open(dir, files::CODES)?;
        self.types(&file.stated, &[("code", DataType::Utf8, true)]);
        self.types(&file.stated, &[("description", DataType::Utf8, false)]);
        if let Ok(parents) = file.stated.field_with_name("parent_codes")
            && !is_text_list(parents.data_type())
        {
            self.find(Rule::ColumnType, 0, "parent_codes");
        }
        let mut codes = BTreeSet::new();
        let mut row = 0;
        for batch in file.read(&["code"], None)? {
            let batch = batch.map_err(|e| Error::decode(&file.path)(e.into()))?;
            for code in decode::texts(&file.path, &batch, "code")? {
                row += 1;
                match code {
                    None => self.find(Rule::NullValue, row, "code"),
                    Some(code) => {
                        if !codes.insert(code) {
                            self.find(Rule::CodesUnique, row, "code");
                        }
                    }
                }
            }
        }
        self.codes = Some(codes);
        Ok(())
    }

    fn split_table(&mut self, dir: &Path) {
        files::SPLITS.clone_into(&mut self.name);
        if !dir.join(files::SPLITS).is_file() {
            return self.find(Rule::Metadata, 0, "");
        }
        if self.read_splits(dir).is_err() {
            self.find(Rule::Readable, 0, "");
        }
    }

    fn read_splits(&mut self, dir: &Path) -> Result<()> {
        let file = DataFile::open(dir, files::SPLITS)?;
        let text = DataType::Utf8;
        self.types(&file.stated, &[("subject_id", DataType::Int64, true)]);
        self.types(&file.stated, &[("split", text, true)]);
        for field in file.stated.fields() {
            if !["subject_id", "split"].contains(&field.name().as_str()) {
                self.find(Rule::SplitsColumns, 0, field.name());
            }
        }
        let mut splits = BTreeMap::new();
        let mut row = 0;
        for batch in file.read(&["subject_id", "split"], None)? {
            let batch = batch.map_err(|e| Error::decode(&file.path)(e.into()))?;
            let subjects = integers(&file.path, &batch, "subject_id")?;
            let names = decode::texts(&file.path, &batch, "split")?;
            for (subject, name) in subjects.iter().zip(names) {
                row += 1;
                let (Some(subject), Some(name)) = (subject, name) else {
                    self.find(Rule::NullValue, row, "");
                    continue;
                };
                if longitude_core::Split::from_name(&name).is_none() {
                    self.find(Rule::SplitName, row, "split");
                }
                if splits.insert(subject, name).is_some() {
                    self.find(Rule::SplitsCover, row, "subject_id");
                }
            }
        }
        self.splits = Some(splits);
        Ok(())
    }

    /// Columns with their types, and whether they are required. `code` and `split` may be large
    /// strings in the files of other tools: the bytes on disk are the same.
    fn types(&mut self, schema: &Schema, columns: &[(&str, DataType, bool)]) {
        for (name, expected, required) in columns {
            match schema.field_with_name(name) {
                Ok(field) => {
                    let text = is_text(expected) && is_text(field.data_type());
                    if field.data_type() != expected && !text {
                        self.find(Rule::ColumnType, 0, name);
                    }
                }
                Err(_absent) if *required => self.find(Rule::ColumnMissing, 0, name),
                Err(_absent) => {}
            }
        }
    }

    fn data_file(&mut self, dir: &Path) -> Result<()> {
        let name = self.name.clone();
        let file = DataFile::open(dir, &name)?;
        self.validation.rows += file.rows();
        self.data_columns(&file.stated);
        self.last = None;
        let mut row = 0;
        for batch in file.read(&["subject_id", "time", "code"], None)? {
            let batch = batch.map_err(|e| Error::decode(&file.path)(e.into()))?;
            self.batch_rows(&file, &batch, row)?;
            self.batch_codes(&batch, row);
            row += batch.num_rows() as u64;
        }
        Ok(())
    }

    fn data_columns(&mut self, schema: &Arc<Schema>) {
        for column in COLUMNS.iter().filter(|column| column.role == Role::Core) {
            let required = ["subject_id", "time", "code"].contains(&column.name);
            self.types(schema, &[(column.name, column.data_type(), required)]);
        }
        for field in schema.fields() {
            let core = COLUMNS
                .iter()
                .any(|column| column.role == Role::Core && column.name == field.name());
            if !core && !self.declared.contains(field.name()) {
                self.find(Rule::Declared, 0, field.name());
            }
        }
    }

    fn batch_rows(&mut self, file: &DataFile, batch: &RecordBatch, first: u64) -> Result<()> {
        let subjects = integers(&file.path, batch, "subject_id")?;
        let times = times(&file.path, batch, "time")?;
        for (at, (subject, time)) in subjects.iter().zip(&times).enumerate() {
            let row = first + at as u64 + 1;
            let Some(subject) = subject else {
                self.find(Rule::NullValue, row, "subject_id");
                continue;
            };
            match self.last {
                Some((last, before)) if last == subject => {
                    if time < before {
                        self.find(Rule::Sorted, row, "time");
                    }
                }
                _ => self.first_row(subject, row),
            }
            self.last = Some((subject, time));
        }
        Ok(())
    }

    fn first_row(&mut self, subject: i64, row: u64) {
        match self.seen.insert(subject, self.file_number) {
            Some(file) if file == self.file_number => self.find(Rule::Contiguous, row, ""),
            Some(_earlier) => self.find(Rule::OneFile, row, ""),
            None => {}
        }
        let Some(splits) = &self.splits else {
            return;
        };
        let folder = self.name.split('/').nth(1).unwrap_or("");
        let known = longitude_core::Split::from_name(folder).is_some();
        match splits.get(&subject) {
            None => self.find(Rule::SplitsCover, row, "subject_id"),
            Some(split) if known && split != folder => self.find(Rule::SplitFolder, row, ""),
            Some(_split) => {}
        }
    }

    fn batch_codes(&mut self, batch: &RecordBatch, first: u64) {
        let Some(codes) = batch.column_by_name("code") else {
            return;
        };
        let Some(codes) = codes.as_dictionary_opt::<Int32Type>() else {
            return;
        };
        let Some(values) = codes.values().as_string_opt::<i32>() else {
            return;
        };
        let mut state = vec![None; values.len()];
        for at in 0..codes.len() {
            let row = first + at as u64 + 1;
            let Some(key) = codes.key(at) else {
                self.find(Rule::NullValue, row, "code");
                continue;
            };
            let absent = *state[key].get_or_insert_with(|| {
                let code = values.value(key);
                if !self.codes_seen.contains(code) {
                    self.codes_seen.insert(code.to_owned());
                }
                self.codes
                    .as_ref()
                    .is_some_and(|codes| !codes.contains(code))
            });
            if absent {
                self.find(Rule::CodesComplete, row, "code");
            }
        }
    }
}
