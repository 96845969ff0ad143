//! One pass over the rows of a data set, each lent and none made into an [`longitude_core::Event`]:
//! for counting and labelling, which look at MEDS's own five columns and keep little.

use crate::arrays::{Numbers, as_numbers};
use crate::dataset::Dataset;
use crate::decode::{DataFile, integers, same_values, text_at, text_column, times};
use crate::error::{Error, Result};
use crate::stream::{FileIndex, ranges_of};
use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{Array, DictionaryArray, Int64Array, RecordBatch, StringArray};
use longitude_core::{Code, Instant, Split, SubjectId};
use std::collections::VecDeque;

/// MEDS's own columns.
const COLUMNS: [&str; 5] = ["subject_id", "time", "code", "numeric_value", "text_value"];

/// An event of a row, lent.
///
/// `Debug` shows no value.
pub struct RowEvent<'a> {
    batch: &'a Batch,
    row: usize,
    code: usize,
}

impl<'a> RowEvent<'a> {
    /// Whose it is.
    pub fn subject(&self) -> SubjectId {
        SubjectId(self.batch.subjects.value(self.row))
    }

    /// When it happened, or `None` for a static fact.
    pub fn time(&self) -> Option<Instant> {
        let times = &self.batch.times;
        times
            .is_valid(self.row)
            .then(|| Instant(times.value(self.row)))
    }

    /// What happened.
    pub fn code(&self) -> &'a Code {
        &self.batch.codes[self.code]
    }

    /// The codes of the rows lent at the time, and which of them this row has. The slice is the
    /// same in memory for many rows, so that something can be kept beside each code of it.
    pub fn dictionary(&self) -> (&'a [Code], usize) {
        (&self.batch.codes, self.code)
    }

    /// The measured number, as [`longitude_core::Event`] has it.
    pub fn numeric_value(&self) -> Option<f64> {
        self.batch.numbers.as_ref()?.get(self.row)
    }

    /// The measured or written text.
    pub fn text_value(&self) -> Option<&'a str> {
        text_at(self.batch.texts.as_ref(), self.row)
    }
}

impl std::fmt::Debug for RowEvent<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RowEvent")
            .field("code", self.code())
            .finish_non_exhaustive()
    }
}

/// Rows that are decoded at once.
struct Batch {
    subjects: Int64Array,
    times: Int64Array,
    keys: DictionaryArray<Int32Type>,
    /// The codes of the dictionary, by its keys.
    codes: Vec<Code>,
    numbers: Option<Numbers>,
    texts: Option<StringArray>,
}

impl Dataset {
    /// Lends every event of a split, or of all, to `each`: file by file in their order, the rows
    /// of a file in theirs, so a subject's rows lie together where the set is a valid one. Rows
    /// without a subject or a code, which are no events, are passed over, as by
    /// [`Dataset::timelines`]. Memory holds one batch of rows.
    ///
    /// # Errors
    /// When a file cannot be read, or whatever `each` returns.
    pub fn scan<E: From<Error>>(
        &self,
        split: Option<Split>,
        mut each: impl FnMut(&RowEvent<'_>) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        for (file, index) in self.files() {
            let of_split = |subject| split.is_none_or(|one| self.split(subject) == Some(one));
            scan_file(file, index, of_split, &mut each)?;
        }
        Ok(())
    }
}

fn scan_file<E: From<Error>>(
    file: &DataFile,
    index: &FileIndex,
    of_split: impl Fn(SubjectId) -> bool,
    each: &mut impl FnMut(&RowEvent<'_>) -> std::result::Result<(), E>,
) -> std::result::Result<(), E> {
    let all = 0..index.subjects.len();
    let chosen: VecDeque<usize> = all.filter(|&at| of_split(index.subjects[at].0)).collect();
    let ranges = ranges_of(index, &chosen);
    let mut last: Option<Batch> = None;
    for rows in file.read(&COLUMNS, Some(&ranges))? {
        let rows = rows.map_err(|error| Error::decode(&file.path)(error.into()))?;
        let loaded = Batch::load(file, &rows, last.take())?;
        let batch = &*last.insert(loaded);
        for row in 0..rows.num_rows() {
            if let Some(code) = batch.keys.key(row)
                && batch.subjects.is_valid(row)
            {
                each(&RowEvent { batch, row, code })?;
            }
        }
    }
    Ok(())
}

impl Batch {
    /// Takes rows of a file; the codes of `last` are kept while the dictionary is the same.
    fn load(file: &DataFile, rows: &RecordBatch, last: Option<Self>) -> Result<Self> {
        let path = &file.path;
        let bad = |name| Error::column(path, name, "of a type that MEDS or Longitude writes");
        let column = rows.column_by_name("code");
        let keys = column.and_then(|codes| codes.as_dictionary_opt::<Int32Type>());
        let keys = keys.ok_or_else(|| bad("code"))?.clone();
        let codes = match last {
            Some(last) if same_values(&last.keys, &keys) => last.codes,
            _ => {
                let texts = keys.values().as_string_opt::<i32>();
                let texts = texts.ok_or_else(|| bad("code"))?.iter();
                texts
                    .map(|text| Code::from_meds(text.unwrap_or_default()))
                    .collect()
            }
        };
        let numbers = rows.column_by_name("numeric_value");
        let numbers = numbers.map(|column| as_numbers(column).ok_or_else(|| bad("numeric_value")));
        Ok(Self {
            subjects: integers(path, rows, "subject_id")?,
            times: times(path, rows, "time")?,
            keys,
            codes,
            numbers: numbers.transpose()?,
            texts: text_column(rows, "text_value").map_err(bad)?,
        })
    }
}
