//! Rows of a Parquet file to events, from this crate's files and from other tools'.
//!
//! Strings may be plain, large, view or dictionary; times of any unit; numbers of 32 or 64 bits.
//! What is not there is empty. Texts that repeat are read as dictionaries and made only once.

use crate::arrays::{Numbers, as_integers, as_micros, as_numbers, is_text, strings};
use crate::columns::COLUMNS;
use crate::encode::precision_of;
use crate::error::{Error, Result};
use crate::foreign::{self, Extension};
use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef, DictionaryArray, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use longitude_core::{
    AsWritten, Code, Comparator, EncounterId, Event, Instant, Origin, Precision, SubjectId,
};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder, RowSelection,
};
use parquet::file::metadata::PageIndexPolicy;
use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Rows that are decoded at once.
pub(crate) const BATCH_ROWS: usize = 8_192;

/// Columns of texts that repeat.
const REPEATING: [&str; 11] = [
    "code",
    "unit",
    "precision",
    "origin_file",
    "origin_element",
    "origin_rule",
    "written_code",
    "written_unit",
    "comparator",
    "flag",
    "conversion",
];
/// Columns of texts that do not.
const UNIQUE: [&str; 3] = ["text_value", "origin_record", "extension"];

/// Columns of [`AsWritten`].
const WRITTEN: [&str; 9] = [
    "written_code",
    "written_value",
    "written_unit",
    "comparator",
    "range_low",
    "range_high",
    "flag",
    "conversion",
    "extension",
];

/// An opened Parquet file: its footer, not its rows.
pub(crate) struct DataFile {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// Its name relative to the data set.
    pub(crate) name: Arc<str>,
    /// The columns' types as the file states them.
    pub(crate) stated: Arc<Schema>,
    metadata: ArrowReaderMetadata,
}

impl DataFile {
    /// Reads the footer.
    pub(crate) fn open(dir: &Path, name: &str) -> Result<Self> {
        let path = dir.join(name);
        let file = File::open(&path).map_err(Error::read(&path))?;
        let options =
            || ArrowReaderOptions::new().with_offset_index_policy(PageIndexPolicy::Optional);
        let load = || {
            let stated = ArrowReaderMetadata::load(&file, options())?;
            let wanted = options().with_schema(Arc::new(wanted(stated.schema())));
            let metadata = ArrowReaderMetadata::try_new(Arc::clone(stated.metadata()), wanted)?;
            Ok((Arc::clone(stated.schema()), metadata))
        };
        let (stated, metadata) = load().map_err(Error::decode(&path))?;
        Ok(Self {
            name: name.into(),
            stated,
            metadata,
            path,
        })
    }

    /// Rows in the file.
    pub(crate) fn rows(&self) -> u64 {
        let rows = self.metadata.metadata().file_metadata().num_rows();
        u64::try_from(rows).unwrap_or(0)
    }

    /// Reads some columns, all rows or only those of ascending, disjoint ranges.
    pub(crate) fn read(
        &self,
        columns: &[impl AsRef<str>],
        ranges: Option<&[Range<u64>]>,
    ) -> Result<ParquetRecordBatchReader> {
        let file = File::open(&self.path).map_err(Error::read(&self.path))?;
        let mut builder =
            ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone())
                .with_batch_size(BATCH_ROWS);
        let schema = self.metadata.parquet_schema();
        let wanted = columns
            .iter()
            .filter_map(|name| self.stated.index_of(name.as_ref()).ok());
        let mask = ProjectionMask::roots(schema, wanted);
        builder = builder.with_projection(mask);
        if let Some(ranges) = ranges {
            let (groups, selection) = self.selection(ranges);
            builder = builder
                .with_row_groups(groups)
                .with_row_selection(selection);
        }
        builder.build().map_err(Error::decode(&self.path))
    }

    /// The row groups that hold rows of `ranges`, and those rows counted within these groups.
    fn selection(&self, ranges: &[Range<u64>]) -> (Vec<usize>, RowSelection) {
        let mut groups = Vec::new();
        let mut chosen = Vec::new();
        let (mut start, mut before) = (0_u64, 0_u64);
        let mut first = 0;
        for (group, meta) in self.metadata.metadata().row_groups().iter().enumerate() {
            let rows = u64::try_from(meta.num_rows()).unwrap_or(0);
            let end = start + rows;
            while ranges.get(first).is_some_and(|range| range.end <= start) {
                first += 1;
            }
            let inside = ranges[first..].iter().take_while(|range| range.start < end);
            let mut touched = false;
            for range in inside {
                let from = before + range.start.max(start) - start;
                let to = before + range.end.min(end) - start;
                chosen.push(to_usize(from)..to_usize(to));
                touched = true;
            }
            if touched {
                groups.push(group);
                before += rows;
            }
            start = end;
        }
        let total = to_usize(before);
        (
            groups,
            RowSelection::from_consecutive_ranges(chosen.into_iter(), total),
        )
    }
}

fn to_usize(rows: u64) -> usize {
    usize::try_from(rows).unwrap_or(usize::MAX)
}

/// The types to decode into: dictionaries for texts that repeat, plain texts for the others.
fn wanted(stated: &Schema) -> Schema {
    let fields = stated.fields().iter().map(|field| {
        let name = field.name().as_str();
        let text = is_text(field.data_type());
        let data_type = if text && REPEATING.contains(&name) {
            DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
        } else if text && UNIQUE.contains(&name) {
            DataType::Utf8
        } else {
            return Arc::clone(field);
        };
        Arc::new(Field::new(name, data_type, field.is_nullable()))
    });
    Schema::new(fields.collect::<Vec<_>>())
}

/// A required column of integers.
pub(crate) fn integers(path: &Path, batch: &RecordBatch, name: &str) -> Result<Int64Array> {
    batch
        .column_by_name(name)
        .and_then(as_integers)
        .ok_or_else(|| Error::column(path, name, "a column of integers"))
}

/// A required column of times.
pub(crate) fn times(path: &Path, batch: &RecordBatch, name: &str) -> Result<Int64Array> {
    batch
        .column_by_name(name)
        .and_then(as_micros)
        .ok_or_else(|| Error::column(path, name, "a column of times"))
}

/// A required column of texts.
pub(crate) fn texts(path: &Path, batch: &RecordBatch, name: &str) -> Result<Vec<Option<String>>> {
    batch
        .column_by_name(name)
        .and_then(strings)
        .ok_or_else(|| Error::column(path, name, "a column of texts"))
}

/// Turns batches of one file into events.
pub(crate) struct Decoder {
    file: Arc<str>,
    has_origin: bool,
    /// Of columns that other tools name otherwise: the name in this file.
    end: &'static str,
    encounter: &'static str,
    foreign: Vec<String>,
    columns: Columns,
    codes: Once<Code>,
    units: Once<Arc<str>>,
    precisions: Once<Precision>,
    files: Once<Arc<str>>,
    elements: Once<Arc<str>>,
    rules: Once<Arc<str>>,
    written: Written,
    empty: Arc<str>,
}

/// The columns of [`AsWritten`], which most events and most sets lack.
struct Written {
    codes: Once<Code>,
    units: Once<Arc<str>>,
    signs: Once<Option<Comparator>>,
    flags: Once<Arc<str>>,
    conversions: Once<Arc<str>>,
    extensions: Option<StringArray>,
    foreign: Extension,
    /// Whether the batch holds nothing of all this, as most do.
    empty: bool,
    value: Option<Numbers>,
    low: Option<Numbers>,
    high: Option<Numbers>,
}

impl Written {
    fn new() -> Self {
        Self {
            codes: Once::new(),
            units: Once::new(),
            signs: Once::new(),
            flags: Once::new(),
            conversions: Once::new(),
            extensions: None,
            foreign: Extension::default(),
            empty: true,
            value: None,
            low: None,
            high: None,
        }
    }

    /// Takes the next batch, or says which column is of a wrong type.
    fn load(
        &mut self,
        batch: &RecordBatch,
        foreign: &[String],
    ) -> std::result::Result<(), &'static str> {
        let filled = |name: &str| {
            let column = batch.column_by_name(name);
            column.is_some_and(|column| column.null_count() < column.len())
        };
        self.empty = foreign.is_empty() && !WRITTEN.into_iter().any(filled);
        if self.empty {
            return Ok(());
        }
        self.foreign.load(foreign, batch);
        self.extensions = text_column(batch, "extension")?;
        let column = |name: &str| batch.column_by_name(name);
        let number = |name: &'static str| {
            let column = column(name).map(|column| as_numbers(column).ok_or(name));
            column.transpose()
        };
        (self.value, self.low, self.high) = (
            number("written_value")?,
            number("range_low")?,
            number("range_high")?,
        );
        self.codes
            .load(column("written_code"))
            .ok_or("written_code")?;
        self.units
            .load(column("written_unit"))
            .ok_or("written_unit")?;
        self.signs.load(column("comparator")).ok_or("comparator")?;
        self.flags.load(column("flag")).ok_or("flag")?;
        self.conversions
            .load(column("conversion"))
            .ok_or("conversion")
    }

    fn get(&mut self, row: usize) -> Option<Box<AsWritten>> {
        if self.empty {
            return None;
        }
        let number = |column: &Option<Numbers>| column.as_ref().and_then(|all| all.get(row));
        let written = AsWritten {
            code: self.codes.get(row, Code::from_meds),
            numeric_value: number(&self.value),
            unit: self.units.get(row, shared),
            comparator: self.signs.get(row, Comparator::from_sign).flatten(),
            range_low: number(&self.low),
            range_high: number(&self.high),
            flag: self.flags.get(row, shared),
            conversion: self.conversions.get(row, shared),
            extension: text_at(self.extensions.as_ref(), row)
                .map(Arc::from)
                .or_else(|| self.foreign.get(row)),
        };
        (written != AsWritten::default()).then(|| Box::new(written))
    }
}

#[derive(Default)]
struct Columns {
    subject: Option<Int64Array>,
    time: Option<Int64Array>,
    numeric: Option<Numbers>,
    text: Option<StringArray>,
    end: Option<Int64Array>,
    encounter: Option<Int64Array>,
    offset: Option<Int64Array>,
    recorded: Option<Int64Array>,
    record: Option<StringArray>,
    row: Option<Int64Array>,
}

/// The values of a dictionary column, each made when it is first seen.
struct Once<T> {
    keys: Option<DictionaryArray<Int32Type>>,
    made: Vec<Option<T>>,
}

impl<T: Clone> Once<T> {
    const fn new() -> Self {
        Self {
            keys: None,
            made: Vec::new(),
        }
    }

    /// Takes the column of the next batch; what was made is kept while the dictionary is the same.
    fn load(&mut self, column: Option<&ArrayRef>) -> Option<()> {
        let next = match column {
            Some(column) if column.data_type() != &DataType::Null => {
                Some(column.as_dictionary_opt::<Int32Type>()?.clone())
            }
            _ => None,
        };
        let same = match (&self.keys, &next) {
            (Some(old), Some(new)) => same_values(old, new),
            _ => false,
        };
        if !same {
            let values = next.as_ref().map_or(0, |keys| keys.values().len());
            self.made.clear();
            self.made.resize(values, None);
        }
        self.keys = next;
        Some(())
    }

    fn get(&mut self, row: usize, make: impl FnOnce(&str) -> T) -> Option<T> {
        let keys = self.keys.as_ref()?;
        let key = keys.key(row)?;
        if self.made[key].is_none() {
            let values = keys.values().as_string_opt::<i32>()?;
            self.made[key] = Some(make(values.value(key)));
        }
        self.made[key].clone()
    }
}

/// Whether two columns share one dictionary in memory.
pub(crate) fn same_values(a: &DictionaryArray<Int32Type>, b: &DictionaryArray<Int32Type>) -> bool {
    let (Some(a), Some(b)) = (
        a.values().as_string_opt::<i32>(),
        b.values().as_string_opt::<i32>(),
    ) else {
        return false;
    };
    a.len() == b.len() && a.value_data().as_ptr() == b.value_data().as_ptr()
}

impl Decoder {
    /// The columns that events are made of.
    pub(crate) fn columns(file: &DataFile) -> Vec<String> {
        let ours = COLUMNS
            .iter()
            .map(|column| foreign::name_in(&file.stated, column.name));
        let ours = ours.map(str::to_owned);
        ours.chain(foreign::kept(&file.stated)).collect()
    }

    /// A decoder for the batches of a file.
    pub(crate) fn new(file: &DataFile) -> Self {
        Self {
            file: Arc::clone(&file.name),
            has_origin: file.stated.index_of("origin_record").is_ok(),
            end: foreign::name_in(&file.stated, "end_time"),
            encounter: foreign::name_in(&file.stated, "encounter_id"),
            foreign: foreign::kept(&file.stated),
            columns: Columns::default(),
            codes: Once::new(),
            units: Once::new(),
            precisions: Once::new(),
            files: Once::new(),
            elements: Once::new(),
            rules: Once::new(),
            written: Written::new(),
            empty: "".into(),
        }
    }

    /// Takes the next batch.
    pub(crate) fn load(&mut self, path: &Path, batch: &RecordBatch) -> Result<()> {
        let bad = |name| Error::column(path, name, "of a type that MEDS or Longitude writes");
        let find = |name: &'static str, read: fn(&ArrayRef) -> Option<Int64Array>| {
            let column = batch.column_by_name(name);
            column
                .map(|column| read(column).ok_or_else(|| bad(name)))
                .transpose()
        };
        let text = |name| text_column(batch, name).map_err(bad);
        let numeric = batch
            .column_by_name("numeric_value")
            .map(|column| as_numbers(column).ok_or_else(|| bad("numeric_value")));
        self.columns = Columns {
            subject: Some(integers(path, batch, "subject_id")?),
            time: Some(times(path, batch, "time")?),
            numeric: numeric.transpose()?,
            text: text("text_value")?,
            end: find(self.end, as_micros)?,
            encounter: find(self.encounter, as_integers)?,
            offset: find("utc_offset_minutes", as_integers)?,
            recorded: find("recorded_time", as_micros)?,
            record: text("origin_record")?,
            row: find("origin_row", as_integers)?,
        };
        let column = |name: &str| batch.column_by_name(name);
        if column("code").is_none() {
            return Err(bad("code"));
        }
        self.codes.load(column("code")).ok_or_else(|| bad("code"))?;
        self.units.load(column("unit")).ok_or_else(|| bad("unit"))?;
        let loaded = self.precisions.load(column("precision"));
        loaded.ok_or_else(|| bad("precision"))?;
        let loaded = self.files.load(column("origin_file"));
        loaded.ok_or_else(|| bad("origin_file"))?;
        let loaded = self.elements.load(column("origin_element"));
        loaded.ok_or_else(|| bad("origin_element"))?;
        let loaded = self.rules.load(column("origin_rule"));
        loaded.ok_or_else(|| bad("origin_rule"))?;
        self.written.load(batch, &self.foreign).map_err(bad)
    }

    /// The event in a row of the batch, which is row `number` (from 0) of the file; none where the
    /// row has no subject or no code.
    pub(crate) fn event(&mut self, row: usize, number: u64) -> Option<(SubjectId, Event)> {
        let subject = SubjectId(integer(self.columns.subject.as_ref(), row)?);
        let code = self.codes.get(row, Code::from_meds)?;
        let time = integer(self.columns.time.as_ref(), row).map(Instant);
        let origin = self.origin(row, number);
        let mut event = Event::new(code, time, origin);
        event.unit = self.units.get(row, shared);
        event.precision = self.precisions.get(row, precision_of).unwrap_or_default();
        let columns = &self.columns;
        event.numeric_value = columns
            .numeric
            .as_ref()
            .and_then(|numbers| numbers.get(row));
        event.text_value = text_at(columns.text.as_ref(), row).map(Arc::from);
        event.end_time = integer(columns.end.as_ref(), row).map(Instant);
        event.encounter = integer(columns.encounter.as_ref(), row).map(EncounterId);
        event.utc_offset_minutes =
            integer(columns.offset.as_ref(), row).and_then(|minutes| i16::try_from(minutes).ok());
        event.recorded_time = integer(columns.recorded.as_ref(), row).map(Instant);
        event.as_written = self.written.get(row);
        Some((subject, event))
    }

    /// A set without origins is itself the source: its file and row are where the event is from.
    fn origin(&mut self, row: usize, number: u64) -> Origin {
        if !self.has_origin {
            return Origin {
                file: Arc::clone(&self.file),
                record: Arc::clone(&self.empty),
                element: Arc::clone(&self.empty),
                row: number + 1,
                rule: Arc::clone(&self.empty),
            };
        }
        let empty = || Arc::clone(&self.empty);
        let record = text_at(self.columns.record.as_ref(), row).map_or_else(empty, Arc::from);
        let row_of_source = integer(self.columns.row.as_ref(), row);
        let (file, element) = (self.files.get(row, shared), self.elements.get(row, shared));
        let rule = self.rules.get(row, shared);
        Origin {
            file: file.unwrap_or_else(empty),
            record,
            element: element.unwrap_or_else(empty),
            row: row_of_source
                .and_then(|r| u64::try_from(r).ok())
                .unwrap_or(0),
            rule: rule.unwrap_or_else(empty),
        }
    }
}

/// A column of texts that do not repeat, where there is one; its name where it is of another type.
pub(crate) fn text_column(
    batch: &RecordBatch,
    name: &'static str,
) -> std::result::Result<Option<StringArray>, &'static str> {
    match batch.column_by_name(name) {
        Some(column) if column.data_type() != &DataType::Null => {
            let texts = column.as_string_opt::<i32>().cloned();
            texts.map(Some).ok_or(name)
        }
        _ => Ok(None),
    }
}

fn shared(text: &str) -> Arc<str> {
    text.into()
}

fn integer(column: Option<&Int64Array>, row: usize) -> Option<i64> {
    column.and_then(|values| values.is_valid(row).then(|| values.value(row)))
}

/// The text in a row.
pub(crate) fn text_at(column: Option<&StringArray>, row: usize) -> Option<&str> {
    column.and_then(|values| values.is_valid(row).then(|| values.value(row)))
}
