//! Arrow columns of other types than MEDS's, widened to MEDS's.
//!
//! It knows arrays, not events or files.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "Arrow has forty types and gains more; all that are not named are refused"
)]

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type,
};
use arrow_array::{Array, ArrayRef, Float32Array, Float64Array, Int64Array};
use arrow_schema::{DataType, TimeUnit};

/// Whether a type holds text, whatever its layout.
pub(crate) fn is_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        DataType::Dictionary(_, values) => is_text(values),
        _ => false,
    }
}

/// Whether a type is a list of texts.
pub(crate) fn is_text_list(data_type: &DataType) -> bool {
    match data_type {
        DataType::List(item) | DataType::LargeList(item) => is_text(item.data_type()),
        _ => false,
    }
}

/// Texts of any layout.
pub(crate) fn strings(array: &ArrayRef) -> Option<Vec<Option<String>>> {
    let owned = |text: Option<&str>| text.map(str::to_owned);
    match array.data_type() {
        DataType::Utf8 => Some(array.as_string::<i32>().iter().map(owned).collect()),
        DataType::LargeUtf8 => Some(array.as_string::<i64>().iter().map(owned).collect()),
        DataType::Utf8View => Some(array.as_string_view().iter().map(owned).collect()),
        DataType::Dictionary(_, _) => {
            let dictionary = array.as_any_dictionary_opt()?;
            let values = strings(dictionary.values())?;
            let keys = dictionary.normalized_keys();
            let at = |row: usize| array.is_valid(row).then(|| values[keys[row]].clone())?;
            Some((0..array.len()).map(at).collect())
        }
        DataType::Null => Some(vec![None; array.len()]),
        _ => None,
    }
}

/// Integers of any width.
pub(crate) fn as_integers(array: &ArrayRef) -> Option<Int64Array> {
    let widened = match array.data_type() {
        DataType::Int64 => array.as_primitive::<Int64Type>().clone(),
        DataType::Int32 => array.as_primitive::<Int32Type>().unary(i64::from),
        DataType::Int16 => array.as_primitive::<Int16Type>().unary(i64::from),
        DataType::Int8 => array.as_primitive::<Int8Type>().unary(i64::from),
        DataType::UInt32 => array.as_primitive::<UInt32Type>().unary(i64::from),
        DataType::UInt16 => array.as_primitive::<UInt16Type>().unary(i64::from),
        DataType::UInt8 => array.as_primitive::<UInt8Type>().unary(i64::from),
        DataType::Null => Int64Array::new_null(array.len()),
        _ => return None,
    };
    Some(widened)
}

/// Times of any unit, in microseconds.
pub(crate) fn as_micros(array: &ArrayRef) -> Option<Int64Array> {
    let micros = match array.data_type() {
        DataType::Timestamp(TimeUnit::Microsecond, _) => array
            .as_primitive::<TimestampMicrosecondType>()
            .reinterpret_cast(),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => array
            .as_primitive::<TimestampNanosecondType>()
            .unary(|nanos| nanos.div_euclid(1_000)),
        DataType::Timestamp(TimeUnit::Millisecond, _) => array
            .as_primitive::<TimestampMillisecondType>()
            .unary(|millis| millis.saturating_mul(1_000)),
        DataType::Timestamp(TimeUnit::Second, _) => array
            .as_primitive::<TimestampSecondType>()
            .unary(|seconds| seconds.saturating_mul(1_000_000)),
        DataType::Date32 => array
            .as_primitive::<Date32Type>()
            .unary(|days| i64::from(days) * 86_400_000_000),
        DataType::Null => Int64Array::new_null(array.len()),
        _ => return None,
    };
    Some(micros)
}

/// The shortest decimal that rounds to a 32-bit float, as a 64-bit one: 7.1, not
/// 7.099999904632568. The division of two exact numbers is rounded correctly, so the result is the
/// very number that the decimal's text would be read as.
fn shortest(value: f32) -> f64 {
    let wide = f64::from(value);
    if wide.abs() < 1e6 {
        let mut scale = 1.0;
        for _digits in 0..=8 {
            let decimal = (wide * scale).round() / scale;
            #[expect(
                clippy::cast_possible_truncation,
                reason = "the rounding is the question"
            )]
            if (decimal as f32).to_bits() == value.to_bits() {
                return decimal;
            }
            scale *= 10.0;
        }
    }
    value.to_string().parse().unwrap_or(wide)
}

/// A column of numbers.
pub(crate) enum Numbers {
    /// MEDS's own width.
    Short(Float32Array),
    /// Any other.
    Long(Float64Array),
}

impl Numbers {
    /// The number in a row.
    pub(crate) fn get(&self, row: usize) -> Option<f64> {
        match self {
            Self::Short(values) => values.is_valid(row).then(|| shortest(values.value(row))),
            Self::Long(values) => values.is_valid(row).then(|| values.value(row)),
        }
    }
}

/// Numbers of any width.
pub(crate) fn as_numbers(array: &ArrayRef) -> Option<Numbers> {
    match array.data_type() {
        DataType::Float32 => Some(Numbers::Short(array.as_primitive::<Float32Type>().clone())),
        DataType::Float64 => Some(Numbers::Long(array.as_primitive::<Float64Type>().clone())),
        _ => as_integers(array).map(|whole| Numbers::Long(whole.unary(|value| value as f64))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_value_keeps_its_recorded_digits() {
        assert_eq!(shortest(7.1).to_string(), "7.1");
        assert_eq!(shortest(-0.004).to_string(), "-0.004");
        assert_eq!(shortest(1.0e10).to_string(), "10000000000");
        assert_eq!(shortest(123_456.7).to_string(), "123456.7");
        assert!(shortest(f32::NAN).is_nan());
    }

    proptest! {
        #[test]
        fn shortest_is_the_same_float(bits in any::<u32>()) {
            let value = f32::from_bits(bits);
            prop_assume!(value.is_finite());
            #[expect(clippy::cast_possible_truncation, reason = "the rounding is the question")]
            let back = shortest(value) as f32;
            prop_assert_eq!(back.to_bits(), value.to_bits());
        }
    }
}
