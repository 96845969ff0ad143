//! The value of an Observation or of one of its components, on its way into an event.
//!
//! A number stands in `numeric_value` with its unit; a comparator, the reference range and what the
//! source says of the value stand in `as_written`. A text that is a number (`<0.01`) is read as one
//! and stays a text beside it. A coded value becomes part of the code
//! (`72166-2//SNOMED//8517006`), because it is one of a few and a model reads codes. A date becomes
//! the days from the observation to it, which survive a shift of all dates.

mod amount;

pub(crate) use amount::{Amount, amount, quotient};

use crate::batch::Note;
use crate::fhir::json::{CodeableConcept, Number, Quantity, Range, Ratio, Text};
use crate::fhir::rows::Mapper;
use crate::fhir::time::{self, When};
use amount::{read, spelled};
use longitude_core::{AsWritten, Code, IssueKind};
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
            #[serde(borrow, default)]
            interpretation: Vec<$crate::fhir::json::CodeableConcept<'a>>,
            #[serde(borrow, default)]
            reference_range: Vec<$crate::fhir::map::value::ReferenceRange<'a>>,
            $($own)*
        }

        impl<'a> $name<'a> {
            /// What is said of the value.
            fn said(&self) -> $crate::fhir::map::value::Said<'_, 'a> {
                $crate::fhir::map::value::Said {
                    interpretation: &self.interpretation,
                    ranges: &self.reference_range,
                }
            }

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

/// One `referenceRange`.
#[derive(serde::Deserialize)]
pub(crate) struct ReferenceRange<'a> {
    #[serde(borrow)]
    low: Option<Quantity<'a>>,
    #[serde(borrow)]
    high: Option<Quantity<'a>>,
    #[serde(borrow, rename = "type")]
    kind: Option<CodeableConcept<'a>>,
}

/// What a record says of a value beside the value.
#[derive(Clone, Copy)]
pub(crate) struct Said<'v, 'a> {
    pub(crate) interpretation: &'v [CodeableConcept<'a>],
    pub(crate) ranges: &'v [ReferenceRange<'a>],
}

/// What of a value goes into an event beside its code.
#[derive(Default)]
struct Measured {
    amount: Amount,
    text: Option<Arc<str>>,
}

/// Adds the event of one code and its value, if any. `element` is the path of the value.
pub(crate) fn observe(
    mapper: &mut Mapper<'_>,
    (code, when): (Code, When),
    (value, said): (Option<Value<'_, '_>>, Said<'_, '_>),
    element: &str,
) -> Result<(), Note> {
    let Some(value) = value else {
        let flag = flag(mapper, said.interpretation);
        let event = mapper.event(code, Some(when), element);
        if flag.is_some() {
            event.as_written_mut().flag = flag;
        }
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
    let flag = flag(mapper, said.interpretation);
    let (low, high) = range(mapper, said.ranges, &measured.amount, element);
    let event = mapper.event(code, Some(when), element);
    event.text_value = measured.text;
    measured.amount.put(event);
    if flag.is_some() || low.is_some() || high.is_some() {
        let written = event.as_written_mut();
        *written = AsWritten {
            flag,
            range_low: low,
            range_high: high,
            ..std::mem::take(written)
        };
    }
    Ok(())
}

/// The first interpretation that has a code, else a short text.
fn flag(mapper: &mut Mapper<'_>, interpretation: &[CodeableConcept<'_>]) -> Option<Arc<str>> {
    /// Longer texts are sentences.
    const CHARS_MAX: usize = 20;
    let concept = interpretation.first()?.inner();
    let code = concept
        .coding
        .iter()
        .find_map(|coding| coding.code.as_ref());
    let text = code.or(concept.text.as_ref())?.as_str().trim();
    let is_short = !text.is_empty() && text.chars().count() <= CHARS_MAX;
    is_short.then(|| mapper.name(text))
}

/// The normal range in the unit of the value.
fn range(
    mapper: &mut Mapper<'_>,
    ranges: &[ReferenceRange<'_>],
    value: &Amount,
    element: &str,
) -> (Option<f64>, Option<f64>) {
    if value.number.is_none() {
        return (None, None);
    }
    let is_normal = |range: &&ReferenceRange<'_>| {
        let kind = range.kind.as_ref();
        kind.is_none_or(|kind| kind.has_code(&["normal"]))
    };
    let Some(range) = ranges.iter().find(is_normal) else {
        return (None, None);
    };
    let mut end = |quantity: &Option<Quantity<'_>>| {
        let quantity = quantity.as_ref()?;
        let Some(Number::Value(number)) = quantity.value else {
            return None;
        };
        in_unit(mapper, (number, quantity), value.unit.as_ref(), element)
    };
    (end(&range.low), end(&range.high))
}

/// An end of a range in another unit than its own, where that is possible.
fn in_unit(
    mapper: &mut Mapper<'_>,
    (number, quantity): (f64, &Quantity<'_>),
    unit: Option<&Arc<str>>,
    element: &str,
) -> Option<f64> {
    let has_unit = quantity.code.is_some() || quantity.unit.is_some();
    let (true, Some(to)) = (has_unit, unit) else {
        return Some(number);
    };
    let (from, _) = spelled(mapper, quantity)?;
    if from == *to {
        return Some(number);
    }
    let Ok(conversion) = units::convert(&from, to) else {
        let detail = mapper.path("referenceRange: in another unit than the value");
        mapper.warn(Note::new(
            IssueKind::UnknownUnit,
            element.to_owned(),
            detail,
        ));
        return None;
    };
    Some(conversion.apply(number))
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
        Value::Quantity(quantity) => Measured {
            amount: amount(mapper, quantity, element),
            text: None,
        },
        Value::Text(text) => Measured {
            amount: read(mapper, text.as_str()),
            text: Some(text.as_str().into()),
        },
        Value::Time(text) => Measured {
            text: Some(text.as_str().into()),
            ..Measured::default()
        },
        Value::Boolean(yes) => Measured {
            amount: Amount::of(f64::from(u8::from(yes))),
            text: Some(mapper.name(if yes { "true" } else { "false" })),
        },
        Value::Integer(number) => Measured {
            amount: Amount::of(number as f64),
            ..Measured::default()
        },
        Value::DateTime(text) => {
            let other = time::parse(text.as_str());
            if other.is_none() {
                mapper.warn(Note::at(IssueKind::InvalidTime, element.to_owned()));
            }
            Measured {
                amount: Amount {
                    number: other.map(|other| (other.instant - when.instant).0),
                    unit: other.map(|_| mapper.name("d")),
                    ..Amount::default()
                },
                text: None,
            }
        }
        Value::Range(range) => ranged(mapper, range, element),
        Value::Ratio(ratio) => divided(mapper, ratio, element),
        Value::Concept(_) | Value::Period | Value::Sampled | Value::Absent(_) => {
            Measured::default()
        }
    }
}

/// `low to high` as a text: no one number stands for a range.
fn ranged(mapper: &mut Mapper<'_>, range: &Range<'_>, element: &str) -> Measured {
    let low = range.low.as_ref().map(|low| amount(mapper, low, element));
    let high = range
        .high
        .as_ref()
        .map(|high| amount(mapper, high, element));
    let number = |end: &Option<Amount>| {
        let number = end.as_ref().and_then(|end| end.number);
        number.map_or_else(|| "?".to_owned(), |number| number.to_string())
    };
    let text = format!("{} to {}", number(&low), number(&high));
    let unit = low
        .and_then(|low| low.unit)
        .or(high.and_then(|high| high.unit));
    Measured {
        amount: Amount {
            unit,
            ..Amount::default()
        },
        text: Some(text.into()),
    }
}

/// The quotient as a number, and `a:b` as the text it was written as.
fn divided(mapper: &mut Mapper<'_>, ratio: &Ratio<'_>, element: &str) -> Measured {
    let Some((amount, text)) = quotient(mapper, ratio, element) else {
        return Measured::default();
    };
    Measured {
        amount,
        text: Some(text.into()),
    }
}
