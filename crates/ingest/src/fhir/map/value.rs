//! The value of an Observation or of one of its components, on its way into an event.
//!
//! A number stands in `numeric_value` with its unit, a comparator in `text_value`. A coded value
//! becomes part of the code (`72166-2//SNOMED//8517006`), because it is one of a few and a model
//! reads codes. A date becomes the days from the observation to it, which survive a shift of all
//! dates.

use crate::batch::Note;
use crate::fhir::json::{CodeableConcept, Number, Quantity, Range, Ratio, Text};
use crate::fhir::rows::Mapper;
use crate::fhir::time::{self, When};
use longitude_core::{Code, IssueKind};
use longitude_units as units;
use std::sync::Arc;

/// A struct with the elements of `value[x]` beside its own.
macro_rules! valued {
    ($(#[$meta:meta])* pub(crate) struct $name:ident<'a> { $($own:tt)* }) => {
        $(#[$meta])*
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "camelCase")]
        pub(crate) struct $name<'a> {
            #[serde(borrow)]
            value_quantity: Option<$crate::fhir::json::Quantity<'a>>,
            #[serde(borrow)]
            value_codeable_concept: Option<$crate::fhir::json::CodeableConcept<'a>>,
            #[serde(borrow)]
            value_string: Option<$crate::fhir::json::Text<'a>>,
            value_boolean: Option<bool>,
            value_integer: Option<i64>,
            #[serde(borrow)]
            value_date_time: Option<$crate::fhir::json::Text<'a>>,
            #[serde(borrow)]
            value_time: Option<$crate::fhir::json::Text<'a>>,
            #[serde(default)]
            value_period: $crate::fhir::json::Present,
            #[serde(borrow)]
            value_range: Option<$crate::fhir::json::Range<'a>>,
            #[serde(borrow)]
            value_ratio: Option<$crate::fhir::json::Ratio<'a>>,
            #[serde(default)]
            value_sampled_data: $crate::fhir::json::Present,
            #[serde(borrow)]
            data_absent_reason: Option<$crate::fhir::json::CodeableConcept<'a>>,
            $($own)*
        }

        impl<'a> $name<'a> {
            /// The value that is there.
            fn value(&self) -> Option<$crate::fhir::map::value::Value<'_, 'a>> {
                use $crate::fhir::map::value::Value;
                let quantity = self.value_quantity.as_ref().map(Value::Quantity);
                quantity
                    .or_else(|| self.value_codeable_concept.as_ref().map(Value::Concept))
                    .or_else(|| self.value_string.as_ref().map(Value::Text))
                    .or_else(|| self.value_boolean.map(Value::Boolean))
                    .or_else(|| self.value_integer.map(Value::Integer))
                    .or_else(|| self.value_date_time.as_ref().map(Value::DateTime))
                    .or_else(|| self.value_time.as_ref().map(Value::Time))
                    .or_else(|| self.value_period.0.then_some(Value::Period))
                    .or_else(|| self.value_range.as_ref().map(Value::Range))
                    .or_else(|| self.value_ratio.as_ref().map(Value::Ratio))
                    .or_else(|| self.value_sampled_data.0.then_some(Value::Sampled))
                    .or_else(|| self.data_absent_reason.as_ref().map(Value::Absent))
            }
        }
    };
}
pub(super) use valued;

/// One `value[x]`, or the reason for its absence.
#[derive(Clone, Copy)]
pub(crate) enum Value<'v, 'a> {
    Quantity(&'v Quantity<'a>),
    Concept(&'v CodeableConcept<'a>),
    Text(&'v Text<'a>),
    Boolean(bool),
    Integer(i64),
    DateTime(&'v Text<'a>),
    Time(&'v Text<'a>),
    Period,
    Range(&'v Range<'a>),
    Ratio(&'v Ratio<'a>),
    Sampled,
    Absent(&'v CodeableConcept<'a>),
}

impl Value<'_, '_> {
    /// The element's own name.
    pub(crate) fn element(self) -> &'static str {
        match self {
            Self::Quantity(_) => "valueQuantity",
            Self::Concept(_) => "valueCodeableConcept",
            Self::Text(_) => "valueString",
            Self::Boolean(_) => "valueBoolean",
            Self::Integer(_) => "valueInteger",
            Self::DateTime(_) => "valueDateTime",
            Self::Time(_) => "valueTime",
            Self::Period => "valuePeriod",
            Self::Range(_) => "valueRange",
            Self::Ratio(_) => "valueRatio",
            Self::Sampled => "valueSampledData",
            Self::Absent(_) => "dataAbsentReason",
        }
    }
}

/// What of a value goes into an event beside its code.
#[derive(Default)]
struct Measured {
    number: Option<f64>,
    text: Option<Arc<str>>,
    unit: Option<Arc<str>>,
}

/// Adds the event of one code and its value, if any. `element` is the path of the value.
pub(crate) fn observe(
    mapper: &mut Mapper<'_>,
    code: Code,
    when: When,
    value: Option<Value<'_, '_>>,
    element: &str,
) -> Result<(), Note> {
    let Some(value) = value else {
        mapper.event(code, Some(when), element);
        return Ok(());
    };
    let (code, measured) = match value {
        Value::Concept(concept) => coded(mapper, code, concept)?,
        Value::Absent(reason) => {
            let chosen = mapper.coded(Some(reason), "Observation.dataAbsentReason");
            let reason = chosen.map_or_else(|_| "unknown".into(), |reason| reason.value);
            if matches!(&*reason, "not-performed" | "not-asked") {
                return Err(Note::at(IssueKind::NotDone, element.to_owned()));
            }
            let suffix = ["ABSENT//", &reason].concat();
            (mapper.suffixed(&code, &suffix), Measured::default())
        }
        Value::Period | Value::Sampled => {
            return Err(Note::at(IssueKind::NotSupported, element.to_owned()));
        }
        Value::Quantity(_)
        | Value::Text(_)
        | Value::Boolean(_)
        | Value::Integer(_)
        | Value::DateTime(_)
        | Value::Time(_)
        | Value::Range(_)
        | Value::Ratio(_) => (code, measure(mapper, value, when, element)),
    };
    let event = mapper.event(code, Some(when), element);
    event.numeric_value = measured.number;
    event.text_value = measured.text;
    event.unit = measured.unit;
    Ok(())
}

/// A coded value goes behind the code; a value that is only a text stays a text.
fn coded(
    mapper: &mut Mapper<'_>,
    code: Code,
    concept: &CodeableConcept<'_>,
) -> Result<(Code, Measured), Note> {
    if concept.coding.iter().any(|coding| coding.code.is_some()) {
        let value = mapper.coded(Some(concept), "Observation.valueCodeableConcept")?;
        let code = mapper.suffixed(&code, &value.to_meds());
        return Ok((code, Measured::default()));
    }
    let displays = concept
        .coding
        .iter()
        .filter_map(|coding| coding.display.as_ref());
    let text = concept.text.iter().chain(displays).next();
    let measured = Measured {
        text: text.map(|text| text.as_str().into()),
        ..Measured::default()
    };
    Ok((code, measured))
}

fn measure(mapper: &mut Mapper<'_>, value: Value<'_, '_>, when: When, element: &str) -> Measured {
    match value {
        Value::Quantity(quantity) => quantified(mapper, quantity, element),
        Value::Text(text) | Value::Time(text) => Measured {
            number: plain_decimal(text.as_str()),
            text: Some(text.as_str().into()),
            unit: None,
        },
        Value::Boolean(yes) => Measured {
            number: Some(f64::from(u8::from(yes))),
            text: Some(mapper.name(if yes { "true" } else { "false" })),
            unit: None,
        },
        Value::Integer(number) => Measured {
            number: Some(number as f64),
            ..Measured::default()
        },
        Value::DateTime(text) => {
            let other = time::parse(text.as_str());
            if other.is_none() {
                mapper.warn(Note::at(IssueKind::InvalidTime, element.to_owned()));
            }
            Measured {
                number: other.map(|other| (other.instant - when.instant).0),
                text: None,
                unit: other.map(|_| mapper.name("d")),
            }
        }
        Value::Range(range) => ranged(mapper, range, element),
        Value::Ratio(ratio) => divided(mapper, ratio, element),
        Value::Concept(_) | Value::Period | Value::Sampled | Value::Absent(_) => {
            Measured::default()
        }
    }
}

fn quantified(mapper: &mut Mapper<'_>, quantity: &Quantity<'_>, element: &str) -> Measured {
    let (number, unit) = amount(mapper, quantity, element);
    let comparator = quantity
        .comparator
        .as_ref()
        .map(|text| mapper.name(text.as_str()));
    Measured {
        number,
        text: comparator,
        unit,
    }
}

/// The number and the unit of a quantity; faults of either are warned of.
pub(crate) fn amount(
    mapper: &mut Mapper<'_>,
    quantity: &Quantity<'_>,
    element: &str,
) -> (Option<f64>, Option<Arc<str>>) {
    let number = match quantity.value {
        Some(Number::Value(number)) => Some(number),
        Some(Number::NotANumber) | None => {
            mapper.warn(Note::at(IssueKind::InvalidNumber, element.to_owned()));
            None
        }
    };
    (number, unit(mapper, quantity, element))
}

/// A UCUM code as it is; else the code or the unit's text by the table of spellings; else as
/// written.
fn unit(mapper: &mut Mapper<'_>, quantity: &Quantity<'_>, element: &str) -> Option<Arc<str>> {
    let text = |text: &'_ Option<Text<'_>>| {
        let text = text.as_ref()?.as_str().trim();
        (!text.is_empty()).then(|| text.to_owned())
    };
    let is_ucum = quantity.system.as_ref().map(Text::as_str) == Some(units::UCUM);
    if is_ucum && let Some(code) = &quantity.code {
        return Some(mapper.name(code.as_str()));
    }
    let written = [&quantity.code, &quantity.unit];
    for spelling in written.into_iter().flatten() {
        if let Some(ucum) = units::to_ucum(spelling.as_str()) {
            return Some(mapper.name(ucum));
        }
    }
    let kept = written.into_iter().rev().find_map(text)?;
    mapper.warn(Note::new(
        IssueKind::UnknownUnit,
        element.to_owned(),
        told(&kept),
    ));
    Some(mapper.name(&kept))
}

/// A unit as a report may show it: a short one, for a long one is a text in the wrong place.
fn told(unit: &str) -> String {
    if unit.chars().count() <= 20 {
        unit.to_owned()
    } else {
        "(longer than 20 characters)".to_owned()
    }
}

/// `low to high` as a text: no one number stands for a range.
fn ranged(mapper: &mut Mapper<'_>, range: &Range<'_>, element: &str) -> Measured {
    let low = range.low.as_ref().map(|low| amount(mapper, low, element));
    let high = range
        .high
        .as_ref()
        .map(|high| amount(mapper, high, element));
    let number = |end: &Option<(Option<f64>, Option<Arc<str>>)>| {
        let number = end.as_ref().and_then(|(number, _)| *number);
        number.map_or_else(|| "?".to_owned(), |number| number.to_string())
    };
    let text = format!("{} to {}", number(&low), number(&high));
    let unit = low
        .and_then(|(_, unit)| unit)
        .or(high.and_then(|(_, unit)| unit));
    Measured {
        number: None,
        text: Some(text.into()),
        unit,
    }
}

/// The quotient as a number, and `a:b` as the text it was written as.
fn divided(mapper: &mut Mapper<'_>, ratio: &Ratio<'_>, element: &str) -> Measured {
    let (Some(over), Some(under)) = (&ratio.numerator, &ratio.denominator) else {
        mapper.warn(Note::at(IssueKind::InvalidNumber, element.to_owned()));
        return Measured::default();
    };
    let (over, under) = (
        amount(mapper, over, element),
        amount(mapper, under, element),
    );
    let (Some(a), Some(b)) = (over.0, under.0) else {
        return Measured::default();
    };
    let unit = match (over.1, under.1) {
        (Some(over), Some(under)) => Some([&*over, "/", &*under].concat().into()),
        (Some(over), None) => Some(over),
        (None, Some(under)) => Some(["/", &*under].concat().into()),
        (None, None) => None,
    };
    Measured {
        number: Some(a / b).filter(|quotient| quotient.is_finite()),
        text: Some(format!("{a}:{b}").into()),
        unit,
    }
}

/// The number of a text that is a plain decimal and nothing else.
fn plain_decimal(text: &str) -> Option<f64> {
    let text = text.trim();
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_plain = digits.starts_with(|c: char| c.is_ascii_digit())
        && digits
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.');
    if is_plain { text.parse().ok() } else { None }
}
