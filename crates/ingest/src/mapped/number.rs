//! Numbers as tables write them. The reading is that of `units`; what is not surely one number is
//! none.

use longitude_core::Comparator;
use longitude_units::reading::{self, Decimal, Reading};

/// A number and how it bounds the true value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Number {
    pub(super) value: f64,
    pub(super) comparator: Option<Comparator>,
    /// Whether another reading of its separators would give another number (`1,234`).
    pub(super) is_assumed: bool,
}

/// Reads a number, with a comparator where one stands before it (`<0.01`).
pub(super) fn number(text: &str, decimal: Decimal) -> Option<Number> {
    let text = text.trim_ascii();
    if decimal == Decimal::Point
        && let Some(value) = plain(text)
    {
        return Some(Number {
            value,
            comparator: None,
            is_assumed: false,
        });
    }
    match reading::read(text, decimal) {
        Reading::Number {
            comparator,
            number,
            unit: None,
        } => Some(Number {
            value: number.value,
            comparator,
            is_assumed: number.assumed,
        }),
        Reading::Number { .. }
        | Reading::Range { .. }
        | Reading::Titre { .. }
        | Reading::Coded(_)
        | Reading::Text => None,
    }
}

/// A finite decimal number with a point; `inf`, `nan` and the like are none.
pub(super) fn plain(text: &str) -> Option<f64> {
    let is_plain =
        |byte: u8| byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E');
    if !text.bytes().all(is_plain) {
        return None;
    }
    text.parse::<f64>().ok().filter(|number| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_what_is_none() {
        let good = [
            ("1.39", 1.39),
            (" -5 ", -5.0),
            ("+.5", 0.5),
            ("1e-3", 0.001),
            ("1,234.5", 1_234.5),
        ];
        for (text, wanted) in good {
            let found = number(text, Decimal::Point).unwrap();
            assert!((found.value - wanted).abs() < 1e-12, "{text}");
            assert!(found.comparator.is_none() && !found.is_assumed, "{text}");
        }
        assert!(number("1,234", Decimal::Point).unwrap().is_assumed);
        assert!((number("3,5", Decimal::Comma).unwrap().value - 3.5).abs() < 1e-12);
        for text in [
            "", "-", "inf", "NaN", "0x10", "1.2.3", "1e999", "e5", "positive", "3-5",
        ] {
            assert_eq!(number(text, Decimal::Point), None, "{text}");
        }
    }

    #[test]
    fn comparators_are_read() {
        let cases = [
            ("<0.01", 0.01, Comparator::Less),
            ("<= 5", 5.0, Comparator::LessOrEqual),
            ("≥90", 90.0, Comparator::GreaterOrEqual),
            ("> 89", 89.0, Comparator::Greater),
        ];
        for (text, wanted, sign) in cases {
            let found = number(text, Decimal::Point).unwrap();
            assert_eq!(
                (found.value, found.comparator),
                (wanted, Some(sign)),
                "{text}"
            );
        }
    }
}
