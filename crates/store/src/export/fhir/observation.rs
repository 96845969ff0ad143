//! Observation: what was measured or found, and every event that no other resource holds.

use super::Export;
use super::beside;
use super::clinical::Draft;
use super::concept::{clean, coding, hl7, listed, quantity};
use super::report::Losses;
use longitude_core::{AsWritten, Code, Event, systems};
use longitude_units as units;
use longitude_units::reading::{Decimal, measured};
use serde_json::{Value, json};

/// HL7 v3 ObservationInterpretation, those that records use.
const FLAGS: &[&str] = &[
    "<", ">", "A", "AA", "B", "D", "DET", "E", "H", "HH", "HU", "HX", "I", "IE", "IND", "L", "LL",
    "LU", "LX", "MS", "N", "NCL", "ND", "NEG", "NR", "NS", "POS", "R", "RR", "S", "SDD", "SYN-R",
    "SYN-S", "U", "VS", "W", "WR",
];
/// FHIR data-absent-reason.
const REASONS: &[&str] = &[
    "as-text",
    "asked-declined",
    "asked-unknown",
    "error",
    "masked",
    "negative-infinity",
    "not-a-number",
    "not-applicable",
    "not-asked",
    "not-performed",
    "not-permitted",
    "positive-infinity",
    "temp-unknown",
    "unknown",
    "unsupported",
];
/// Reasons by which a reader takes the observation for not made.
const NOT_MADE: &[&str] = &["not-asked", "not-performed"];
/// What stands between a code and the reason why it has no value.
const ABSENT: &str = "//ABSENT//";
/// Terminologies whose codes hold no `//`: what stands behind it is a coded value.
const TERMINOLOGIES: &[&str] = &["LOINC", "SNOMED", "LOCAL"];

/// Fills a resource; `None` for a code without a value.
pub(super) fn fill(draft: &mut Draft<'_>, export: &Export) -> Option<()> {
    let event = draft.event;
    draft
        .resource
        .set("status", "final")
        .set("effectiveDateTime", draft.when.clone());
    if let Some(recorded) = draft.recorded() {
        draft.resource.set("issued", recorded);
    }
    draft.no_end();
    match parts(event) {
        Parts::Coded(code, value) => {
            draft.code("code", &code, export)?;
            let coding = coding(&value, &mut draft.losses)?;
            draft
                .resource
                .set("valueCodeableConcept", json!({"coding": [coding]}));
        }
        Parts::Absent(code, reason) => {
            draft.code("code", &code, export)?;
            let hl7 = ("data-absent-reason", REASONS);
            let reason = listed(reason, hl7, "ABSENT", &mut draft.losses);
            draft
                .resource
                .set("dataAbsentReason", json!({"coding": [reason]}));
        }
        Parts::Whole => {
            draft.code("code", &event.code, export)?;
            value(draft);
        }
    }
    if let Some(written) = &event.as_written {
        said(draft, written);
    }
    Some(())
}

/// A code and what stands behind it.
enum Parts<'e> {
    Coded(Code, Code),
    Absent(Code, &'e str),
    Whole,
}

fn parts(event: &Event) -> Parts<'_> {
    let (system, value) = (&event.code.system, &*event.code.value);
    if !beside::is_bare(event) {
        return Parts::Whole;
    }
    if let Some((code, reason)) = value.rsplit_once(ABSENT)
        && !code.is_empty()
        && !NOT_MADE.contains(&reason)
        && !reason.trim().is_empty()
    {
        return Parts::Absent(Code::new(system.clone(), code), reason);
    }
    let Some((code, behind)) = value.split_once("//") else {
        return Parts::Whole;
    };
    let element = &*event.origin.element;
    let is_told =
        element.ends_with("valueCodeableConcept") || element.ends_with("value_as_concept_id");
    let is_coded = behind.contains("//") && TERMINOLOGIES.contains(&&**system);
    let value = Code::from_meds(behind);
    if (is_told || is_coded) && !code.trim().is_empty() && !value.value.trim().is_empty() {
        return Parts::Coded(Code::new(system.clone(), code), value);
    }
    Parts::Whole
}

/// The number, the text, or both.
fn value(draft: &mut Draft<'_>) {
    let event = draft.event;
    let text = event.text_value.as_deref();
    if text == Some("") {
        draft.losses.push("an empty text");
    }
    let text = text.filter(|text| !text.is_empty());
    match (event.numeric_value, text) {
        (None, None) => {
            if let Some(unit) = draft.amount() {
                draft.resource.set("valueQuantity", unit);
            }
        }
        (Some(number), None) => number_alone(draft, number),
        (Some(number), Some(text)) => both(draft, number, text),
        (None, Some(text)) => text_alone(draft, text),
    }
}

fn number_alone(draft: &mut Draft<'_>, number: f64) {
    if let Some(amount) = amount(draft) {
        draft.resource.set("valueQuantity", amount);
        return;
    }
    let reason = if number == f64::INFINITY {
        "positive-infinity"
    } else if number == f64::NEG_INFINITY {
        "negative-infinity"
    } else {
        "not-a-number"
    };
    let coding = json!({"system": hl7("data-absent-reason"), "code": reason});
    draft
        .resource
        .set("dataAbsentReason", json!({"coding": [coding]}));
}

/// The number with its unit and its sign.
fn amount(draft: &mut Draft<'_>) -> Option<Value> {
    let mut amount = draft.amount()?;
    let written = draft.event.as_written.as_ref();
    match written.and_then(|written| written.comparator) {
        Some(longitude_core::Comparator::About) => draft.losses.push("sign `about`"),
        Some(sign) => amount["comparator"] = sign.sign().into(),
        None => {}
    }
    Some(amount)
}

/// A text that says the number is written as the text; another stands beside it.
fn both(draft: &mut Draft<'_>, number: f64, text: &str) {
    let event = draft.event;
    let is_yes = (text, same(number, 1.0)) == ("true", true);
    let is_no = (text, same(number, 0.0)) == ("false", true);
    if (is_yes || is_no) && event.unit.is_none() {
        draft.resource.set("valueBoolean", is_yes);
    } else if says(text, event, number) {
        let text = clean(text, &mut draft.losses);
        draft.resource.set("valueString", text);
    } else if let Some(ratio) = ratio(text, event, number, &mut draft.losses) {
        draft.resource.set("valueRatio", ratio);
    } else {
        number_alone(draft, number);
        text_beside(draft, text);
    }
}

fn text_beside(draft: &mut Draft<'_>, text: &str) {
    let text = clean(text, &mut draft.losses);
    let extension = json!({"url": systems::TEXT_VALUE, "valueString": text});
    draft.resource.add("extension", extension);
}

/// A text that a reader would take for a number is the text of a concept.
fn text_alone(draft: &mut Draft<'_>, text: &str) {
    let event = draft.event;
    if let Some(range) = range(text, event.unit.as_deref(), &mut draft.losses) {
        draft.resource.set("valueRange", range);
        return;
    }
    if let Some(unit) = draft.amount() {
        draft.resource.set("valueQuantity", unit);
        text_beside(draft, text);
        return;
    }
    let text = clean(text, &mut draft.losses);
    if measured(&text, Decimal::Point).is_some() {
        draft
            .resource
            .set("valueCodeableConcept", json!({"text": text}));
    } else {
        draft.resource.set("valueString", text);
    }
}

/// Whether two numbers are one in MEDS, which keeps 32 bits.
#[expect(
    clippy::cast_possible_truncation,
    clippy::float_cmp,
    reason = "MEDS's numeric_value is a 32-bit float"
)]
fn same(a: f64, b: f64) -> bool {
    a as f32 == b as f32
}

/// Whether a reader of the text finds the event's number, unit and sign.
fn says(text: &str, event: &Event, number: f64) -> bool {
    let sign = event.as_written.as_ref().and_then(|one| one.comparator);
    measured(text, Decimal::Point).is_some_and(|read| {
        let unit = read.unit.map(|(ucum, _)| ucum);
        same(read.value, number) && unit == event.unit.as_deref() && read.comparator == sign
    })
}

/// `a:b` as a ratio.
fn ratio(text: &str, event: &Event, number: f64, losses: &mut Losses) -> Option<Value> {
    let (over, under) = text.split_once(':')?;
    let (a, b) = (spoken(over)?, spoken(under)?);
    if !same(a / b, number) {
        return None;
    }
    let unit = event.unit.as_deref();
    let over = quantity(Some(a), (unit, None), losses)?;
    let under = quantity(Some(b), (None, None), losses)?;
    Some(json!({"numerator": over, "denominator": under}))
}

/// `low to high` as a range.
fn range(text: &str, unit: Option<&str>, losses: &mut Losses) -> Option<Value> {
    let (low, high) = text.split_once(" to ")?;
    let (low, high) = (spoken(low)?, spoken(high)?);
    if low > high {
        return None;
    }
    let low = quantity(Some(low), (unit, None), losses)?;
    let high = quantity(Some(high), (unit, None), &mut Losses::new())?;
    Some(json!({"low": low, "high": high}))
}

/// A number in the spelling that a reader gives it again.
fn spoken(text: &str) -> Option<f64> {
    let number: f64 = text.parse().ok()?;
    (number.is_finite() && number.to_string() == text).then_some(number)
}

/// What the source says of the value beside it.
fn said(draft: &mut Draft<'_>, written: &AsWritten) {
    if let Some(flag) = written.flag.as_deref().map(str::trim)
        && !flag.is_empty()
    {
        let system = hl7("v3-ObservationInterpretation");
        let said = if FLAGS.contains(&flag) {
            json!({"coding": [{"system": system, "code": flag}]})
        } else {
            json!({"text": clean(flag, &mut draft.losses)})
        };
        draft.resource.add("interpretation", said);
    }
    // A reader converts the ends of a range only between units of UCUM.
    let unit = draft.event.unit.as_deref();
    let unit = unit.filter(|unit| units::Unit::parse(unit).is_ok());
    let mut range = json!({});
    for (name, end) in [("low", written.range_low), ("high", written.range_high)] {
        let Some(end) = end else { continue };
        match quantity(Some(end), (unit, None), &mut draft.losses) {
            Some(end) => range[name] = end,
            None => draft.losses.push("an end of a range that is no number"),
        }
    }
    if range != json!({}) {
        draft.resource.add("referenceRange", range);
    }
}
