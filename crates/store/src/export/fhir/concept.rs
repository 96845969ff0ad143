//! Codes as FHIR's Coding and CodeableConcept, so that a reader gives the code again; texts without
//! what FHIR forbids; numbers with their units as Quantity.

use super::report::Losses;
use longitude_core::{Code, systems};
use longitude_units as units;
use serde_json::{Number, Value, json};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Why an element that must be there has no value.
pub(super) const ABSENT: &str = "http://hl7.org/fhir/StructureDefinition/data-absent-reason";

/// The URI of one of HL7's own code systems.
pub(super) fn hl7(name: &str) -> String {
    format!("http://terminology.hl7.org/CodeSystem/{name}")
}

/// What codes are called.
#[derive(Default)]
pub(super) struct Terms {
    names: BTreeMap<Code, String>,
}

impl Terms {
    pub(super) fn new(names: BTreeMap<Code, String>) -> Self {
        Self { names }
    }

    /// A code as a concept with its name; `other` is the source's own code of the same, which
    /// stands beside it where no reader would prefer it. `None` for a code without a value.
    pub(super) fn concept(
        &self,
        code: &Code,
        other: Option<&Code>,
        losses: &mut Losses,
    ) -> Option<Value> {
        let is_text = &*code.system == systems::TEXT
            && systems::text_code(&code.value).as_deref() == Some(&*code.value);
        let mut concept = if is_text && !code.value.is_empty() {
            json!({"text": clean(&code.value, losses)})
        } else {
            json!({"coding": [coding(code, losses)?]})
        };
        if let Some(other) = other {
            let is_behind = systems::rank(&other.system) >= systems::rank(&code.system);
            match concept.get_mut("coding").and_then(Value::as_array_mut) {
                Some(codings) if is_behind => codings.extend(coding(other, losses)),
                _ => losses.push("the source's own code, which a reader would prefer"),
            }
        }
        if let Some(name) = self.names.get(code).filter(|name| !name.trim().is_empty())
            && concept.get("text").is_none()
        {
            concept["text"] = clean(name, &mut Losses::new()).into();
        }
        Some(concept)
    }
}

/// Whether a reader gives a code again as it is.
pub(super) fn is_exact(code: &Code) -> bool {
    let mut losses = Losses::new();
    coding(code, &mut losses).is_some() && losses.is_empty()
}

/// A code as a coding. `None` for a code without a value.
pub(super) fn coding(code: &Code, losses: &mut Losses) -> Option<Value> {
    let value = lawful(&code.value, losses);
    if value.is_empty() {
        return None;
    }
    let uri = systems::uri_of(&code.system);
    let Some(uri) = uri else {
        return Some(json!({"code": value}));
    };
    let (system, read) = systems::of_uri(&uri, &value);
    if system != *code.system || read != value {
        losses.push("a code's spelling, which is not that of its system");
    }
    Some(json!({"system": uri, "code": value}))
}

/// A coding of one of HL7's systems where it lists the value, else of a system of ours.
pub(super) fn listed(value: &str, list: (&str, &[&str]), own: &str, losses: &mut Losses) -> Value {
    if list.1.contains(&value) {
        return json!({"system": hl7(list.0), "code": value});
    }
    let code = Code::new(own, value);
    coding(&code, losses).unwrap_or_else(|| absent("unknown"))
}

/// An element of which is only told why it is not there.
pub(super) fn absent(reason: &str) -> Value {
    json!({"extension": [{"url": ABSENT, "valueCode": reason}]})
}

/// A code as FHIR's `code` may be: no white space at its ends and none doubled.
fn lawful<'t>(text: &'t str, losses: &mut Losses) -> Cow<'t, str> {
    let text = clean(text, losses);
    let blank = |byte: u8| byte.is_ascii_whitespace();
    let doubled = text
        .as_bytes()
        .windows(2)
        .any(|two| blank(two[0]) && blank(two[1]));
    if text.trim() == text && !doubled {
        return text;
    }
    losses.push("white space of a code");
    let words: Vec<_> = text.split_whitespace().collect();
    Cow::Owned(words.join(" "))
}

/// A text without the control characters that FHIR's `string` may not hold.
pub(super) fn clean<'t>(text: &'t str, losses: &mut Losses) -> Cow<'t, str> {
    let is_forbidden = |sign: char| sign < ' ' && !matches!(sign, '\t' | '\n' | '\r');
    if !text.contains(is_forbidden) {
        return Cow::Borrowed(text);
    }
    losses.push("control characters of a text");
    Cow::Owned(text.replace(is_forbidden, "\u{FFFD}"))
}

/// A number as JSON writes it; whole ones without a point. `None` where it is none.
pub(super) fn number(value: f64) -> Option<Number> {
    const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;
    let is_whole = value.fract() == 0.0 && value.abs() < WHOLE_MAX;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "whole and in the range of i64"
    )]
    if is_whole && !(value == 0.0 && value.is_sign_negative()) {
        return Some(Number::from(value as i64));
    }
    Number::from_f64(value)
}

/// A number in a unit, or the unit alone: with UCUM's code where it is UCUM's, else with the unit
/// as a text. `None` where FHIR has no such number.
pub(super) fn quantity(
    value: Option<f64>,
    (unit, written): (Option<&str>, Option<&str>),
    losses: &mut Losses,
) -> Option<Value> {
    let mut quantity = json!({});
    if let Some(value) = value {
        quantity["value"] = number(value)?.into();
    }
    let Some(unit) = unit else {
        return Some(quantity);
    };
    if unit.trim() != unit || unit.is_empty() {
        losses.push("white space of a unit");
    }
    let unit = unit.trim();
    if unit.is_empty() {
        return Some(quantity);
    }
    let ucum = match units::Unit::parse(unit) {
        Ok(_) => Some(unit),
        Err(_) => units::to_ucum(unit),
    };
    let Some(ucum) = ucum else {
        // Without a code of UCUM the text is the unit.
        quantity["unit"] = clean(unit, losses).into();
        return Some(quantity);
    };
    if ucum != unit {
        losses.push("a unit's spelling, which is not UCUM's");
    }
    let shown = written.filter(|written| !written.trim().is_empty());
    quantity["unit"] = clean(shown.unwrap_or(unit), losses).into();
    quantity["system"] = units::UCUM.into();
    quantity["code"] = ucum.into();
    Some(quantity)
}
