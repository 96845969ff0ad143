//! The columns of a data table, in one list: MEDS's own and the declared extension columns.
//!
//! Schema, `dataset.json`, reader and validator render from it. Source of the first five: MEDS
//! 0.4.1, `DataSchema`.

use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use std::sync::Arc;

/// MEDS's version that this crate writes.
pub const MEDS_VERSION: &str = "0.4.1";

/// What a column is for, in the words of `dataset.json`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// One of MEDS's own columns, which are not declared.
    Core,
    /// An identifier of the raw source.
    RawSourceId,
    /// A modifier of the code.
    CodeModifier,
    /// Any other extension.
    Other,
}

/// One column of a data table.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What it is for.
    pub role: Role,
    /// Whether a row may lack it.
    pub nullable: bool,
    kind: Kind,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Int16,
    Int64,
    Float32,
    Float64,
    Time,
    Text,
    LargeText,
}

const fn column(name: &'static str, role: Role, nullable: bool, kind: Kind) -> Column {
    Column {
        name,
        role,
        nullable,
        kind,
    }
}

/// All columns, in the order in which they are written. `precision` is `year`, `month`, `day` or
/// `time`: how much of `time` the source wrote down. Times are UTC; `utc_offset_minutes` is the
/// offset that the source wrote. `origin_*` say which element of which source record, in which
/// row of which file, an event came from, and `origin_rule` which mapping made it. `recorded_time`
/// is when the source says that the event was written down, where that is later. `written_*` are
/// the source's own words where the event says otherwise: its code, the number and unit before
/// `conversion`; `comparator` is FHIR's sign (`<`, `<=`, `>=`, `>`, `~`), `range_low` and
/// `range_high` the reference range in `unit`, `flag` what source or ingest says of the value.
/// `extension` is a JSON object of what a foreign set had in further columns.
pub const COLUMNS: [Column; 25] = [
    column("subject_id", Role::Core, false, Kind::Int64),
    column("time", Role::Core, true, Kind::Time),
    column("code", Role::Core, false, Kind::Text),
    column("numeric_value", Role::Core, true, Kind::Float32),
    column("text_value", Role::Core, true, Kind::LargeText),
    column("unit", Role::CodeModifier, true, Kind::Text),
    column("end_time", Role::Other, true, Kind::Time),
    column("encounter_id", Role::Other, true, Kind::Int64),
    column("precision", Role::Other, true, Kind::Text),
    column("utc_offset_minutes", Role::Other, true, Kind::Int16),
    column("origin_file", Role::RawSourceId, true, Kind::Text),
    column("origin_record", Role::RawSourceId, true, Kind::Text),
    column("origin_element", Role::RawSourceId, true, Kind::Text),
    column("origin_row", Role::RawSourceId, true, Kind::Int64),
    column("origin_rule", Role::RawSourceId, true, Kind::Text),
    column("recorded_time", Role::Other, true, Kind::Time),
    column("written_code", Role::RawSourceId, true, Kind::Text),
    column("written_value", Role::Other, true, Kind::Float64),
    column("written_unit", Role::Other, true, Kind::Text),
    column("comparator", Role::Other, true, Kind::Text),
    column("range_low", Role::Other, true, Kind::Float64),
    column("range_high", Role::Other, true, Kind::Float64),
    column("flag", Role::Other, true, Kind::Text),
    column("conversion", Role::Other, true, Kind::Text),
    column("extension", Role::Other, true, Kind::LargeText),
];

/// MEDS's time: microseconds, no zone.
pub(crate) const TIME: DataType = DataType::Timestamp(TimeUnit::Microsecond, None);

impl Column {
    /// The column's Arrow type.
    pub fn data_type(&self) -> DataType {
        match self.kind {
            Kind::Int16 => DataType::Int16,
            Kind::Int64 => DataType::Int64,
            Kind::Float32 => DataType::Float32,
            Kind::Float64 => DataType::Float64,
            Kind::Time => TIME,
            Kind::Text => DataType::Utf8,
            Kind::LargeText => DataType::LargeUtf8,
        }
    }
}

/// The Arrow schema of a data table.
pub fn data_schema() -> SchemaRef {
    let fields: Vec<_> = COLUMNS
        .iter()
        .map(|column| Field::new(column.name, column.data_type(), column.nullable))
        .collect();
    Arc::new(Schema::new(fields))
}

/// The names of the columns with a role.
pub(crate) fn names(role: Role) -> Vec<String> {
    let with_role = COLUMNS.iter().filter(|column| column.role == role);
    with_role.map(|column| column.name.to_owned()).collect()
}
