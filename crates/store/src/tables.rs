//! The small tables under `metadata/`: codes, splits and observation spans.

use crate::arrays;
use crate::columns::TIME;
use crate::decode::{self, DataFile};
use crate::encode::close;
use crate::error::{Error, Result};
use crate::files;
use arrow_array::builder::{ListBuilder, StringBuilder};
use arrow_array::cast::AsArray;
use arrow_array::{
    Array, ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow_schema::{DataType, Field, Schema};
use longitude_core::{Code, Instant, Observation, ObservationSource, Split, SubjectId};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// What `codes.parquet` says of a code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CodeEntry {
    /// What the code means.
    pub description: Option<String>,
    /// The codes above it.
    pub parents: Vec<Code>,
}

/// Writes `codes.parquet`, sorted by the MEDS string.
pub(crate) fn write_codes(path: &Path, codes: &BTreeMap<String, CodeEntry>) -> Result<()> {
    let names = StringArray::from_iter_values(codes.keys());
    let descriptions: StringArray = codes.values().map(|e| e.description.as_deref()).collect();
    let mut parents = ListBuilder::new(StringBuilder::new());
    for entry in codes.values() {
        for parent in &entry.parents {
            parents.values().append_value(parent.to_meds());
        }
        parents.append(!entry.parents.is_empty());
    }
    let parents = parents.finish();
    let fields = vec![
        Field::new("code", DataType::Utf8, false),
        Field::new("description", DataType::Utf8, true),
        Field::new("parent_codes", parents.data_type().clone(), true),
    ];
    let columns: Vec<ArrayRef> = vec![Arc::new(names), Arc::new(descriptions), Arc::new(parents)];
    write(path, fields, columns)
}

/// Writes `subject_splits.parquet`, sorted by subject.
pub(crate) fn write_splits(path: &Path, splits: &[(SubjectId, Split)]) -> Result<()> {
    let subjects = Int64Array::from_iter_values(splits.iter().map(|(subject, _)| subject.0));
    let names = StringArray::from_iter_values(splits.iter().map(|(_, split)| split.name()));
    let fields = vec![
        Field::new("subject_id", DataType::Int64, false),
        Field::new("split", DataType::Utf8, false),
    ];
    write(path, fields, vec![Arc::new(subjects), Arc::new(names)])
}

/// Writes `observation.parquet`, sorted by subject. MEDS has no such table; it allows others.
pub(crate) fn write_observations(
    path: &Path,
    spans: &BTreeMap<SubjectId, Observation>,
) -> Result<()> {
    let micros = |time: Option<Instant>| time.map(|t| t.0);
    let subjects = Int64Array::from_iter_values(spans.keys().map(|subject| subject.0));
    let starts: TimestampMicrosecondArray = spans.values().map(|s| micros(s.start)).collect();
    let ends: TimestampMicrosecondArray = spans.values().map(|s| micros(s.end)).collect();
    let sources = StringArray::from_iter_values(spans.values().map(|s| source_name(s.source)));
    let fields = vec![
        Field::new("subject_id", DataType::Int64, false),
        Field::new("start", TIME, true),
        Field::new("end", TIME, true),
        Field::new("source", DataType::Utf8, false),
    ];
    let columns: Vec<ArrayRef> = vec![
        Arc::new(subjects),
        Arc::new(starts),
        Arc::new(ends),
        Arc::new(sources),
    ];
    write(path, fields, columns)
}

fn source_name(source: ObservationSource) -> &'static str {
    match source {
        ObservationSource::Stated => "stated",
        ObservationSource::ExportDate => "export_date",
        ObservationSource::Unknown => "unknown",
    }
}

fn write(path: &Path, fields: Vec<Field>, columns: Vec<ArrayRef>) -> Result<()> {
    let schema = Arc::new(Schema::new(fields));
    let file = files::create(path)?;
    let table = || -> std::result::Result<_, ParquetError> {
        let properties = WriterProperties::builder()
            .set_created_by(concat!("longitude ", env!("CARGO_PKG_VERSION")).to_owned())
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
            .build();
        let batch = RecordBatch::try_new(Arc::clone(&schema), columns)?;
        let mut writer = ArrowWriter::try_new(file, schema, Some(properties))?;
        writer.write(&batch)?;
        Ok(writer)
    };
    close(table().map_err(Error::encode(path))?, path)
}

/// Reads `subject_splits.parquet`: each subject with the name of its split, where there is one.
pub(crate) fn read_splits(dir: &Path) -> Result<BTreeMap<SubjectId, Option<String>>> {
    let mut splits = BTreeMap::new();
    if !dir.join(files::SPLITS).is_file() {
        return Ok(splits);
    }
    let file = DataFile::open(dir, files::SPLITS)?;
    for batch in file.read(&["subject_id", "split"], None)? {
        let batch = batch.map_err(|e| Error::decode(&file.path)(e.into()))?;
        let subjects = decode::integers(&file.path, &batch, "subject_id")?;
        let names = decode::texts(&file.path, &batch, "split")?;
        for (subject, name) in subjects.iter().zip(names) {
            if let Some(subject) = subject {
                splits.insert(SubjectId(subject), name);
            }
        }
    }
    Ok(splits)
}

/// Reads `observation.parquet`; a set without it knows nothing of spans.
pub(crate) fn read_observations(dir: &Path) -> Result<BTreeMap<SubjectId, Observation>> {
    let mut spans = BTreeMap::new();
    if !dir.join(files::OBSERVATION).is_file() {
        return Ok(spans);
    }
    let file = DataFile::open(dir, files::OBSERVATION)?;
    for batch in file.read(&["subject_id", "start", "end", "source"], None)? {
        let batch = batch.map_err(|e| Error::decode(&file.path)(e.into()))?;
        let subjects = decode::integers(&file.path, &batch, "subject_id")?;
        let starts = decode::times(&file.path, &batch, "start")?;
        let ends = decode::times(&file.path, &batch, "end")?;
        let sources = decode::texts(&file.path, &batch, "source")?;
        for (row, source) in sources.iter().enumerate() {
            let time = |column: &Int64Array| column.is_valid(row).then(|| column.value(row));
            let source = match source.as_deref() {
                Some("stated") => ObservationSource::Stated,
                Some("export_date") => ObservationSource::ExportDate,
                _ => ObservationSource::Unknown,
            };
            let span = Observation {
                start: time(&starts).map(Instant),
                end: time(&ends).map(Instant),
                source,
            };
            spans.insert(SubjectId(subjects.value(row)), span);
        }
    }
    Ok(spans)
}

/// Reads `codes.parquet`, where there is one.
pub(crate) fn read_codes(dir: &Path) -> Result<BTreeMap<String, CodeEntry>> {
    let mut codes = BTreeMap::new();
    if !dir.join(files::CODES).is_file() {
        return Ok(codes);
    }
    let file = DataFile::open(dir, files::CODES)?;
    for batch in file.read(&["code", "description", "parent_codes"], None)? {
        let batch = batch.map_err(|e| Error::decode(&file.path)(e.into()))?;
        let names = decode::texts(&file.path, &batch, "code")?;
        let descriptions = match batch.column_by_name("description") {
            Some(_) => decode::texts(&file.path, &batch, "description")?,
            None => vec![None; names.len()],
        };
        for (row, (name, description)) in names.into_iter().zip(descriptions).enumerate() {
            let parents = batch
                .column_by_name("parent_codes")
                .map_or_else(Vec::new, |column| parents(column, row));
            if let Some(name) = name {
                let entry = CodeEntry {
                    description,
                    parents,
                };
                codes.insert(name, entry);
            }
        }
    }
    Ok(codes)
}

fn parents(column: &ArrayRef, row: usize) -> Vec<Code> {
    let Some(list) = column.as_list_opt::<i32>().filter(|l| l.is_valid(row)) else {
        return Vec::new();
    };
    let values = list.value(row);
    let Some(texts) = arrays::strings(&values) else {
        return Vec::new();
    };
    texts.iter().flatten().map(|t| Code::from_meds(t)).collect()
}
