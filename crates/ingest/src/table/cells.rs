//! Cells of Arrow columns as text, so that a table means the same whether it came as CSV or as
//! Parquet: whole numbers and shortest decimals, `YYYY-MM-DD`, `YYYY-MM-DD hh:mm:ss[.f]`.

use super::{Field, Row, RowFault};
use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Date64Type, Decimal128Type, Float32Type, Float64Type, Int8Type,
    Int16Type, Int32Type, Int64Type, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, TimeUnit};
use longitude_core::Instant;
use std::fmt::{Display, Write as _};

const MICROS_PER_DAY: i64 = 86_400_000_000;

/// Appends the text of one cell.
type Write<'a> = Box<dyn Fn(usize, &mut String) + 'a>;

/// Whether columns of this type have a text.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "types that are not read have no text, those to come among them"
)]
pub(super) fn is_read(kind: &DataType) -> bool {
    match kind {
        DataType::Dictionary(_, values) => is_read(values),
        DataType::Null
        | DataType::Boolean
        | DataType::Utf8
        | DataType::LargeUtf8
        | DataType::Utf8View
        | DataType::Binary
        | DataType::LargeBinary
        | DataType::Date32
        | DataType::Date64
        | DataType::Timestamp(_, _)
        | DataType::Decimal128(_, _) => true,
        other => other.is_integer() || matches!(other, DataType::Float32 | DataType::Float64),
    }
}

/// Hands every row of a batch to `take`.
pub(super) fn each(
    batch: &RecordBatch,
    first_row: u64,
    mut take: impl FnMut(u64, Result<&Row<'_>, RowFault>),
) {
    let writers: Vec<_> = batch
        .columns()
        .iter()
        .map(|column| (column, writer(column)))
        .collect();
    let mut scratch = String::new();
    let mut fields = Vec::with_capacity(writers.len());
    for (place, number) in (0..batch.num_rows()).zip(first_row..) {
        scratch.clear();
        fields.clear();
        for (column, write) in &writers {
            let start = end_of(&scratch);
            if column.is_valid(place) {
                write(place, &mut scratch);
            }
            fields.push(Field {
                start,
                end: end_of(&scratch),
                in_scratch: true,
            });
        }
        let row = Row {
            text: "",
            scratch: &scratch,
            fields: &fields,
        };
        take(number, Ok(&row));
    }
}

fn end_of(text: &str) -> u32 {
    u32::try_from(text.len()).unwrap_or(u32::MAX)
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "types that are not read have no text, those to come among them"
)]
fn writer(column: &dyn Array) -> Write<'_> {
    match column.data_type() {
        DataType::Utf8 => {
            let texts = column.as_string::<i32>();
            Box::new(|place, out| out.push_str(texts.value(place)))
        }
        DataType::LargeUtf8 => {
            let texts = column.as_string::<i64>();
            Box::new(|place, out| out.push_str(texts.value(place)))
        }
        DataType::Utf8View => {
            let texts = column.as_string_view();
            Box::new(|place, out| out.push_str(texts.value(place)))
        }
        DataType::Binary => {
            let bytes = column.as_binary::<i32>();
            Box::new(|place, out| push_utf8(bytes.value(place), out))
        }
        DataType::LargeBinary => {
            let bytes = column.as_binary::<i64>();
            Box::new(|place, out| push_utf8(bytes.value(place), out))
        }
        DataType::Boolean => {
            let flags = column.as_boolean();
            Box::new(|place, out| push(flags.value(place), out))
        }
        DataType::Dictionary(_, _) => {
            let dictionary = column.as_any_dictionary();
            let keys = dictionary.normalized_keys();
            let values = dictionary.values();
            let write = writer(values);
            Box::new(move |place, out| {
                let key = keys.get(place).copied().unwrap_or_default();
                if key < values.len() && values.is_valid(key) {
                    write(key, out);
                }
            })
        }
        DataType::Date32 => number::<Date32Type>(column, |days, out| day(i64::from(days), out)),
        DataType::Date64 => number::<Date64Type>(column, |millis, out| {
            day(millis.div_euclid(86_400_000), out);
        }),
        DataType::Timestamp(unit, zone) => timestamp(column, *unit, zone.is_some()),
        DataType::Decimal128(_, scale) => {
            let scale = usize::try_from(*scale).unwrap_or(0);
            let values = column.as_primitive::<Decimal128Type>();
            Box::new(move |place, out| decimal(values.value(place), scale, out))
        }
        other => plain(column, other),
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "types that are not read have no text, those to come among them"
)]
fn plain<'a>(column: &'a dyn Array, kind: &DataType) -> Write<'a> {
    match kind {
        DataType::Int8 => number::<Int8Type>(column, push),
        DataType::Int16 => number::<Int16Type>(column, push),
        DataType::Int32 => number::<Int32Type>(column, push),
        DataType::Int64 => number::<Int64Type>(column, push),
        DataType::UInt8 => number::<UInt8Type>(column, push),
        DataType::UInt16 => number::<UInt16Type>(column, push),
        DataType::UInt32 => number::<UInt32Type>(column, push),
        DataType::UInt64 => number::<UInt64Type>(column, push),
        DataType::Float32 => number::<Float32Type>(column, push),
        DataType::Float64 => number::<Float64Type>(column, push),
        _ => Box::new(|_place, _out| {}),
    }
}

fn number<T: ArrowPrimitiveType>(
    column: &dyn Array,
    write: impl Fn(T::Native, &mut String) + 'static,
) -> Write<'_> {
    let values = column.as_primitive::<T>();
    Box::new(move |place, out| write(values.value(place), out))
}

fn timestamp(column: &dyn Array, unit: TimeUnit, has_zone: bool) -> Write<'_> {
    // Arrow keeps UTC where a zone is stated and the wall clock where none is.
    let end = if has_zone { "+00:00" } else { "" };
    match unit {
        TimeUnit::Second => number::<TimestampSecondType>(column, move |seconds, out| {
            moment(seconds.saturating_mul(1_000_000), end, out);
        }),
        TimeUnit::Millisecond => number::<TimestampMillisecondType>(column, move |millis, out| {
            moment(millis.saturating_mul(1_000), end, out);
        }),
        TimeUnit::Microsecond => {
            number::<TimestampMicrosecondType>(column, move |micros, out| moment(micros, end, out))
        }
        TimeUnit::Nanosecond => number::<TimestampNanosecondType>(column, move |nanos, out| {
            moment(nanos.div_euclid(1_000), end, out);
        }),
    }
}

/// Years beyond the calendar's stay out of it: what reads the text then finds no such date.
fn moment(micros: i64, end: &str, out: &mut String) {
    let text = Instant(micros).to_string();
    out.push_str(text.trim_end_matches('Z'));
    out.push_str(end);
}

fn day(days: i64, out: &mut String) {
    let (year, month, day) = Instant(days.saturating_mul(MICROS_PER_DAY)).civil_date();
    write(out, format_args!("{year:04}-{month:02}-{day:02}"));
}

fn decimal(value: i128, scale: usize, out: &mut String) {
    let digits = value.unsigned_abs().to_string();
    let digits = format!("{digits:0>width$}", width = scale + 1);
    let (whole, part) = digits.split_at(digits.len() - scale);
    let sign = if value < 0 { "-" } else { "" };
    write(out, format_args!("{sign}{whole}"));
    if scale > 0 {
        write(out, format_args!(".{part}"));
    }
}

fn push(value: impl Display, out: &mut String) {
    write(out, format_args!("{value}"));
}

fn push_utf8(bytes: &[u8], out: &mut String) {
    out.push_str(std::str::from_utf8(bytes).unwrap_or_default());
}

fn write(out: &mut String, text: std::fmt::Arguments<'_>) {
    let written = out.write_fmt(text);
    debug_assert!(written.is_ok(), "a String takes every text");
}
