//! Results written as text: numbers with comparators, ranges, titres, words; reference ranges.
//!
//! A text becomes what it says and nothing more. Where two readings are possible (`1,234`) the
//! caller's [`Decimal`] decides, and the reading says that it was assumed. A text that fits
//! nothing stays a text; it is the caller's to keep.

mod number;
mod words;

pub use number::{Decimal, Number};
pub use words::{CODED, Coded};

use longitude_core::Comparator;

/// The spellings of comparators, the longer ones first.
const COMPARATORS: &[(&str, Comparator)] = &[
    ("greater than or equal to ", Comparator::GreaterOrEqual),
    ("less than or equal to ", Comparator::LessOrEqual),
    ("greater than ", Comparator::Greater),
    ("more than ", Comparator::Greater),
    ("less than ", Comparator::Less),
    ("at least ", Comparator::GreaterOrEqual),
    ("at most ", Comparator::LessOrEqual),
    ("up to ", Comparator::LessOrEqual),
    ("above ", Comparator::Greater),
    ("below ", Comparator::Less),
    ("over ", Comparator::Greater),
    ("under ", Comparator::Less),
    (">=", Comparator::GreaterOrEqual),
    ("=>", Comparator::GreaterOrEqual),
    ("<=", Comparator::LessOrEqual),
    ("=<", Comparator::LessOrEqual),
    ("≥", Comparator::GreaterOrEqual),
    ("≤", Comparator::LessOrEqual),
    (">", Comparator::Greater),
    ("<", Comparator::Less),
    ("~", Comparator::About),
    ("approximately ", Comparator::About),
    ("about ", Comparator::About),
];

/// What a text says.
#[derive(Clone, Debug, PartialEq)]
pub enum Reading<'a> {
    /// A number, perhaps with a comparator and a unit behind it.
    Number {
        /// How the value relates to the number, where it is not equal.
        comparator: Option<Comparator>,
        /// The number.
        number: Number,
        /// What stands behind it; not checked to be a unit.
        unit: Option<&'a str>,
    },
    /// From one number to another.
    Range {
        /// The lower end.
        low: f64,
        /// The upper end, not below the lower.
        high: f64,
    },
    /// A dilution of one in so many, perhaps the highest or lowest that was tried.
    Titre {
        /// How the value relates to the dilution.
        comparator: Option<Comparator>,
        /// The 80 of `1:80`.
        reciprocal: f64,
    },
    /// A word of the table [`CODED`].
    Coded(Coded),
    /// Any other text.
    Text,
}

/// A number with its sign and its unit, as a text says it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured<'t> {
    /// How the value relates to the number.
    pub comparator: Option<Comparator>,
    /// The number.
    pub value: f64,
    /// The unit in UCUM and as written.
    pub unit: Option<(&'t str, &'t str)>,
}

/// The number that a text says; `None` where it says more, or says it in a unit that UCUM does not
/// know.
pub fn measured(text: &str, decimal: Decimal) -> Option<Measured<'_>> {
    let Reading::Number {
        comparator,
        number,
        unit,
    } = read(text, decimal)
    else {
        return None;
    };
    let unit = match unit {
        Some(written) => Some((crate::to_ucum(written)?, written)),
        None => None,
    };
    Some(Measured {
        comparator,
        value: number.value,
        unit,
    })
}

/// Reads a result. Source of the forms: HL7 v2.5.1 section 2.A.75 (structured numeric), and the
/// texts of MIMIC-IV's laboratory table.
pub fn read(text: &str, decimal: Decimal) -> Reading<'_> {
    let text = text.trim();
    if let Some(coded) = words::coded(text) {
        return Reading::Coded(coded);
    }
    let (comparator, rest) = comparator(text);
    if let Some(reciprocal) = titre(rest) {
        return Reading::Titre {
            comparator,
            reciprocal,
        };
    }
    if comparator.is_none()
        && let Some((low, high)) = range(rest, decimal)
    {
        return Reading::Range { low, high };
    }
    let Some((number, behind)) = number::leading(rest, decimal) else {
        return Reading::Text;
    };
    // A date, a time or a sentence that begins with a number is no number.
    let unit = if behind == "." { "" } else { behind.trim() };
    let per_number = unit
        .strip_prefix('/')
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let looks_like_unit = unit.is_empty()
        || unit.len() <= 24
            && !per_number
            && !unit.starts_with(['-', ':', '.', ','])
            && unit.split_whitespace().count() <= 2
            && (behind.starts_with(' ') || !unit.starts_with(|c: char| c.is_ascii_digit()));
    if !looks_like_unit {
        return Reading::Text;
    }
    Reading::Number {
        comparator,
        number,
        unit: (!unit.is_empty()).then_some(unit),
    }
}

/// The comparator in front of a text, and the text behind it.
fn comparator(text: &str) -> (Option<Comparator>, &str) {
    let text = text.trim_start();
    for (spelling, comparator) in COMPARATORS {
        let head = text.get(..spelling.len());
        if head.is_some_and(|head| head.eq_ignore_ascii_case(spelling)) {
            return (Some(*comparator), text[spelling.len()..].trim_start());
        }
    }
    (None, text)
}

/// The 80 of `1:80` and `1/80`: a dilution of one part.
fn titre(text: &str) -> Option<f64> {
    let rest = text
        .strip_prefix("1:")
        .or_else(|| text.strip_prefix("1 :"))?;
    let digits = rest.trim();
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let reciprocal: f64 = if plain {
        digits.parse().ok()?
    } else {
        return None;
    };
    (reciprocal >= 1.0).then_some(reciprocal)
}

/// `3.5-5.0`, `3.5 - 5.0`, `3.5 to 5.0`, `3.5–5.0`.
fn range(text: &str, decimal: Decimal) -> Option<(f64, f64)> {
    let (low, behind) = number::leading(text, decimal)?;
    let behind = behind.trim_start();
    let separators = ["--", "-", "–", "—", "to ", "TO "];
    let rest = separators.iter().find_map(|s| behind.strip_prefix(s))?;
    let (high, end) = number::leading(rest.trim_start(), decimal)?;
    (end.trim().is_empty() && low.value <= high.value).then_some((low.value, high.value))
}

/// A reference range: the ends that it states, in the unit of the result.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReferenceRange {
    /// The lower end, where there is one.
    pub low: Option<f64>,
    /// The upper end, where there is one.
    pub high: Option<f64>,
}

/// Reads a reference range such as `3.5-5.0`, `<200`, `>= 60` or `[3,5 - 5,0]`. Ranges that depend
/// on sex or age, and words, are `None`: they are kept as text.
pub fn reference_range(text: &str, decimal: Decimal) -> Option<ReferenceRange> {
    let text = text
        .trim()
        .trim_start_matches(['[', '('])
        .trim_end_matches([']', ')'])
        .trim();
    let (comparator, rest) = comparator(text);
    let Some(comparator) = comparator else {
        let (low, high) = range(rest, decimal)?;
        return Some(ReferenceRange {
            low: Some(low),
            high: Some(high),
        });
    };
    let (number, behind) = number::leading(rest, decimal)?;
    if !behind.trim().is_empty() {
        return None;
    }
    let number = Some(number.value);
    Some(match comparator {
        Comparator::About => return None,
        Comparator::Less | Comparator::LessOrEqual => ReferenceRange {
            low: None,
            high: number,
        },
        Comparator::GreaterOrEqual | Comparator::Greater => ReferenceRange {
            low: number,
            high: None,
        },
    })
}

#[cfg(test)]
mod tests;
