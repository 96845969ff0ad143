//! One pass over the rows of a data file, with only the columns that are asked for.
//!
//! Unlike [`crate::Dataset`] it reads no index of subjects and no small tables: a pass costs what
//! its columns cost, and files can be passed over in parallel. Rows are lent as they stand: codes
//! as MEDS's strings, numbers in the file's own width.

use crate::arrays::{Numbers, as_integers, as_micros, as_numbers, strings};
use crate::decode::{DataFile, integers, same_values, times};
use crate::error::{Error, Result};
use crate::{files, tables};
use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef, BooleanArray, DictionaryArray, Int64Array, RecordBatch};
use arrow_schema::DataType;
use longitude_core::{Instant, Observation, SubjectId};
use std::collections::BTreeMap;
use std::path::Path;

/// A data file, opened for a pass.
pub struct Shard {
    file: DataFile,
}

impl std::fmt::Debug for Shard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Shard({})", self.file.name)
    }
}

/// A number in the width of its column.
#[derive(Clone, Copy, PartialEq)]
pub enum Width {
    /// 32 bits, as MEDS has it.
    Short(f32),
    /// Any other.
    Long(f64),
}

impl std::fmt::Debug for Width {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Width")
    }
}

/// Which columns a pass reads beside subject, time and code.
#[derive(Clone, Debug, Default)]
pub struct PassColumns {
    /// Whether `numeric_value`.
    pub numbers: bool,
    /// Whether `unit`, where the file has it.
    pub units: bool,
    /// Whether `recorded_time`, where the file has it.
    pub recorded: bool,
    /// Any others, by name.
    pub others: Vec<String>,
}

/// Rows that are decoded at once.
pub struct PassRows {
    subjects: Int64Array,
    times: Int64Array,
    keys: DictionaryArray<Int32Type>,
    numbers: Option<Numbers>,
    units: Option<DictionaryArray<Int32Type>>,
    recorded: Option<Int64Array>,
    others: Vec<Other>,
    /// Whether the codes are those of the rows before.
    same_codes: bool,
}

impl std::fmt::Debug for PassRows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PassRows({})", self.len())
    }
}

enum Other {
    Absent,
    Texts(Vec<Option<String>>),
    Whole(Int64Array),
    Numbers(Numbers),
    Flags(BooleanArray),
}

/// The value of a further column in a row.
#[derive(Clone, Copy, PartialEq)]
pub enum OtherValue<'a> {
    /// None.
    Null,
    /// A text.
    Text(&'a str),
    /// A whole number.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// True or false.
    Bool(bool),
}

impl std::fmt::Debug for OtherValue<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OtherValue")
    }
}

/// The data files of a data set, or the one file that `path` is, in order.
///
/// # Errors
/// When there is no data, or a footer cannot be read.
pub fn shards(path: &Path) -> Result<Vec<Shard>> {
    let (dir, names) = if path.is_file() {
        let dir = path.parent().unwrap_or(Path::new("")).to_owned();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        (dir, vec![name.into_owned()])
    } else {
        (path.to_owned(), files::data_files(path)?)
    };
    let open = |name: &String| DataFile::open(&dir, name).map(|file| Shard { file });
    names.iter().map(open).collect()
}

/// When subjects were observed, as `metadata/observation.parquet` says; empty without that file.
///
/// # Errors
/// When the table cannot be read.
pub fn observations(dir: &Path) -> Result<BTreeMap<SubjectId, Observation>> {
    tables::read_observations(dir)
}

/// Codes with the codes above them, as `metadata/codes.parquet` says; empty without that file.
///
/// # Errors
/// When the table cannot be read.
pub fn code_parents(dir: &Path) -> Result<Vec<(String, Vec<String>)>> {
    if !dir.join(files::CODES).is_file() {
        return Ok(Vec::new());
    }
    let codes = tables::read_codes(dir)?.into_iter();
    let parents = |entry: tables::CodeEntry| {
        let parents = entry.parents.iter();
        parents.map(|one| one.to_meds().into_owned()).collect()
    };
    Ok(codes.map(|(name, entry)| (name, parents(entry))).collect())
}

impl Shard {
    /// Its name relative to the data set, with `/`.
    pub fn name(&self) -> &str {
        &self.file.name
    }

    /// Rows in it.
    pub fn rows(&self) -> u64 {
        self.file.rows()
    }

    /// The names of its columns.
    pub fn columns(&self) -> impl Iterator<Item = &str> + Clone {
        self.file
            .stated
            .fields()
            .iter()
            .map(|field| field.name().as_str())
    }

    /// Lends the rows, batch after batch, in the file's order.
    ///
    /// # Errors
    /// When the file cannot be read, a column is absent or of a type that MEDS has not, or
    /// whatever `each` returns.
    pub fn pass<E: From<Error>>(
        &self,
        columns: &PassColumns,
        mut each: impl FnMut(&PassRows) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        let mut names = vec!["subject_id", "time", "code"];
        names.extend(columns.numbers.then_some("numeric_value"));
        names.extend(columns.units.then_some("unit"));
        names.extend(columns.recorded.then_some("recorded_time"));
        names.extend(columns.others.iter().map(String::as_str));
        let path = &self.file.path;
        let mut last: Option<DictionaryArray<Int32Type>> = None;
        for batch in self.file.read(&names, None)? {
            let batch = batch.map_err(|error| Error::decode(path)(error.into()))?;
            let rows = PassRows::load(path, &batch, columns, last.as_ref())?;
            each(&rows)?;
            last = Some(rows.keys);
        }
        Ok(())
    }
}

impl PassRows {
    fn load(
        path: &Path,
        batch: &RecordBatch,
        columns: &PassColumns,
        last: Option<&DictionaryArray<Int32Type>>,
    ) -> Result<Self> {
        let bad = |name: &str| Error::column(path, name, "of a type that MEDS or Longitude writes");
        let dictionary = |name: &str| {
            let column = batch.column_by_name(name)?;
            Some(column.as_dictionary_opt::<Int32Type>()?.clone())
        };
        let keys = dictionary("code").ok_or_else(|| bad("code"))?;
        let numbers = batch.column_by_name("numeric_value");
        let numbers = numbers.filter(|_| columns.numbers);
        let recorded = batch.column_by_name("recorded_time");
        let recorded = recorded.filter(|_| columns.recorded).and_then(as_micros);
        let mut others = Vec::new();
        for name in &columns.others {
            let column = batch.column_by_name(name);
            others
                .push(column.map_or(Ok(Other::Absent), |one| other(one).ok_or_else(|| bad(name)))?);
        }
        Ok(Self {
            subjects: integers(path, batch, "subject_id")?,
            times: times(path, batch, "time")?,
            numbers: numbers
                .map(|column| as_numbers(column).ok_or_else(|| bad("numeric_value")))
                .transpose()?,
            units: dictionary("unit").filter(|_| columns.units),
            recorded,
            others,
            same_codes: last.is_some_and(|last| same_values(last, &keys)),
            keys,
        })
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.subjects.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The codes that the rows' keys stand for, or `None` where they are those of the rows before.
    pub fn new_codes(&self) -> Option<impl Iterator<Item = &str>> {
        let values = self.keys.values().as_string_opt::<i32>();
        let values = values.filter(|_| !self.same_codes)?;
        Some(values.iter().map(Option::unwrap_or_default))
    }

    /// Whose a row is; `None` where the file does not say.
    pub fn subject(&self, row: usize) -> Option<SubjectId> {
        let valid = self.subjects.is_valid(row);
        valid.then(|| SubjectId(self.subjects.value(row)))
    }

    /// When it happened.
    pub fn time(&self, row: usize) -> Option<Instant> {
        self.times
            .is_valid(row)
            .then(|| Instant(self.times.value(row)))
    }

    /// Which of the codes it has.
    pub fn code(&self, row: usize) -> Option<usize> {
        self.keys.key(row)
    }

    /// Its number.
    pub fn number(&self, row: usize) -> Option<Width> {
        match self.numbers.as_ref()? {
            Numbers::Short(values) => values
                .is_valid(row)
                .then(|| Width::Short(values.value(row))),
            Numbers::Long(values) => values.is_valid(row).then(|| Width::Long(values.value(row))),
        }
    }

    /// The unit of its number.
    pub fn unit(&self, row: usize) -> Option<&str> {
        let units = self.units.as_ref()?;
        let values = units.values().as_string_opt::<i32>()?;
        units.key(row).map(|key| values.value(key))
    }

    /// When it was written down.
    pub fn recorded(&self, row: usize) -> Option<Instant> {
        let recorded = self.recorded.as_ref()?;
        recorded.is_valid(row).then(|| Instant(recorded.value(row)))
    }

    /// The value of one of the further columns.
    pub fn other(&self, column: usize, row: usize) -> OtherValue<'_> {
        let found = match self.others.get(column) {
            None | Some(Other::Absent) => None,
            Some(Other::Texts(texts)) => texts[row].as_deref().map(OtherValue::Text),
            Some(Other::Whole(values)) => values
                .is_valid(row)
                .then(|| OtherValue::Int(values.value(row))),
            Some(Other::Flags(values)) => values
                .is_valid(row)
                .then(|| OtherValue::Bool(values.value(row))),
            Some(Other::Numbers(Numbers::Short(values))) => values
                .is_valid(row)
                .then(|| OtherValue::Float(f64::from(values.value(row)))),
            Some(Other::Numbers(Numbers::Long(values))) => values
                .is_valid(row)
                .then(|| OtherValue::Float(values.value(row))),
        };
        found.unwrap_or(OtherValue::Null)
    }
}

fn other(column: &ArrayRef) -> Option<Other> {
    let float = matches!(column.data_type(), DataType::Float32 | DataType::Float64);
    if let Some(flags) = column.as_boolean_opt() {
        return Some(Other::Flags(flags.clone()));
    }
    if float {
        return as_numbers(column).map(Other::Numbers);
    }
    let whole = as_integers(column).map(Other::Whole);
    whole.or_else(|| strings(column).map(Other::Texts))
}
