//! A Patient's facts for linkage: numbers, names, birth, sex, addresses and telephones, as written.

use super::each;
use crate::fhir::time;
use crate::person::{Person, PersonAddress, PersonIdentifier, PersonName};
use longitude_core::{Instant, Precision};
use serde_json::Value;

/// The facts of a Patient. What has an odd shape is passed over.
pub(super) fn of(patient: &Value) -> Person {
    let mut person = Person {
        active: patient["active"].as_bool(),
        birth: date(&patient["birthDate"]),
        death: date(&patient["deceasedDateTime"]),
        sex: patient["gender"].as_str().map(str::to_owned),
        multiple_birth: multiple_birth(patient),
        ..Person::default()
    };
    each(&patient["identifier"], |one| {
        person.identifiers.extend(identifier(one));
    });
    each(&patient["name"], |one| person.names.extend(name(one)));
    each(&patient["address"], |one| {
        person.addresses.extend(address(one));
    });
    each(&patient["telecom"], |one| {
        let Some(value) = some_text(&one["value"]) else {
            return;
        };
        match one["system"].as_str() {
            Some("email") => person.emails.push(value),
            Some("phone" | "sms") | None => person.phones.push(value),
            Some(_) => {}
        }
    });
    person
}

fn date(value: &Value) -> Option<(Instant, Precision)> {
    let when = time::parse(value.as_str()?)?;
    Some((when.instant, when.precision))
}

/// `multipleBirth[x]`: a flag, or the place in the order of births.
fn multiple_birth(patient: &Value) -> Option<bool> {
    let place = patient["multipleBirthInteger"].as_i64();
    patient["multipleBirthBoolean"]
        .as_bool()
        .or(place.map(|place| place > 0))
}

fn some_text(value: &Value) -> Option<String> {
    let text = value.as_str()?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn text(value: &Value) -> String {
    some_text(value).unwrap_or_default()
}

fn texts(value: &Value) -> Vec<String> {
    let mut all = Vec::new();
    each(value, |one| all.extend(some_text(one)));
    all
}

fn identifier(one: &Value) -> Option<PersonIdentifier> {
    let mut kinds = Vec::new();
    each(&one["type"]["coding"], |coding| {
        kinds.extend(some_text(&coding["code"]));
    });
    Some(PersonIdentifier {
        system: text(&one["system"]),
        value: some_text(&one["value"])?,
        kind: kinds.into_iter().next(),
    })
}

fn name(one: &Value) -> Option<PersonName> {
    let given = texts(&one["given"]);
    let whole = || given.is_empty().then(|| some_text(&one["text"])).flatten();
    let family = some_text(&one["family"]).or_else(whole);
    if family.is_none() && given.is_empty() {
        return None;
    }
    Some(PersonName {
        family: family.unwrap_or_default(),
        given,
        usage: some_text(&one["use"]),
    })
}

fn address(one: &Value) -> Option<PersonAddress> {
    let mut lines = texts(&one["line"]);
    if lines.is_empty() {
        lines.extend(some_text(&one["text"]));
    }
    let address = PersonAddress {
        lines,
        city: text(&one["city"]),
        state: text(&one["state"]),
        postal_code: text(&one["postalCode"]),
        country: text(&one["country"]),
    };
    (address != PersonAddress::default()).then_some(address)
}
