//! What identifies persons in Patient, RelatedPerson and Practitioner: names, numbers, addresses.
//!
//! It is handed on for the de-identifier, which takes it out of free text, and a Patient's facts
//! are handed on for linkage; nothing here becomes an event. Elements of an odd shape are passed
//! over: whether the row is good is not decided here.

mod facts;

use super::bundle::entry_id;
use super::reference::{Target, urn_id};
use super::rows::Mapper;
use crate::person::Told;
use longitude_core::SubjectId;
use serde_json::Value;

/// US Core and base extensions whose texts are names or places.
const EXTENSIONS: [&str; 2] = ["patient-mothersMaidenName", "patient-birthPlace"];

/// Adds what a row tells of a person to the batch; nothing for other types.
pub(crate) fn collect(text: &str, kind: &str, full_url: Option<&str>, mapper: &mut Mapper<'_>) {
    if !matches!(kind, "Patient" | "RelatedPerson" | "Practitioner") {
        return;
    }
    let Ok(person) = serde_json::from_str::<Value>(text) else {
        return;
    };
    let subject = match kind {
        "Patient" => {
            let id = person["id"].as_str().or_else(|| entry_id(full_url));
            id.map(|id| SubjectId::from_source("Patient", id))
        }
        "RelatedPerson" => related_to(&person["patient"]["reference"], mapper),
        _ => None,
    };
    if subject.is_none() && kind != "Practitioner" {
        return;
    }
    if let (Some(subject), "Patient") = (subject, kind) {
        // The row under way is the next to be closed.
        let row = mapper.batch.rows.len();
        let facts = Box::new(facts::of(&person));
        mapper.batch.told.push((row, Told::Person(subject, facts)));
    }
    let mut texts = Vec::new();
    if subject.is_some() {
        person_of_a_record(&person, &mut texts);
        each(&person["contact"], |contact| {
            person_of_a_record(contact, &mut texts);
        });
    } else {
        // The parts of a clinician's name are everyday words too often to take them from the notes
        // of everybody.
        each(&person["name"], |name| whole_names(name, &mut texts));
        numbers(&person, &mut texts);
    }
    let texts = texts.into_iter().filter(|text| !text.trim().is_empty());
    let texts = texts.map(|text| (subject, text));
    mapper.batch.identifiers.extend(texts);
}

fn related_to(reference: &Value, mapper: &Mapper<'_>) -> Option<SubjectId> {
    let id = match Target::parse(reference.as_str()?) {
        Target::Record {
            kind: "Patient",
            id,
        } => id,
        Target::Urn(urn) => {
            let known = mapper.world.local.and_then(|index| index.target(urn));
            known.map_or_else(|| urn_id(urn), |(_, id)| id)
        }
        Target::Record { .. } | Target::Contained(_) | Target::Unresolvable => return None,
    };
    Some(SubjectId::from_source("Patient", id))
}

/// The one value or each of a list.
fn each<'v>(value: &'v Value, mut take: impl FnMut(&'v Value)) {
    if let Some(items) = value.as_array() {
        items.iter().for_each(take);
    } else if !value.is_null() {
        take(value);
    }
}

fn push(value: &Value, texts: &mut Vec<String>) {
    texts.extend(value.as_str().map(str::to_owned));
}

fn person_of_a_record(person: &Value, texts: &mut Vec<String>) {
    each(&person["name"], |name| {
        push(&name["family"], texts);
        each(&name["given"], |given| push(given, texts));
        whole_names(name, texts);
    });
    numbers(person, texts);
    each(&person["address"], |address| places(address, texts));
    each(&person["extension"], |extension| {
        let url = extension["url"].as_str().unwrap_or_default();
        if EXTENSIONS.iter().any(|name| url.ends_with(name)) {
            push(&extension["valueString"], texts);
            places(&extension["valueAddress"], texts);
        }
    });
}

/// A name as it is read and as it is filed, with all given names and with the first.
fn whole_names(name: &Value, texts: &mut Vec<String>) {
    push(&name["text"], texts);
    let Some(family) = name["family"].as_str() else {
        return;
    };
    let mut given = Vec::new();
    each(&name["given"], |one| given.extend(one.as_str()));
    let Some(first) = given.first() else {
        texts.push(family.to_owned());
        return;
    };
    let mut ways = vec![given.join(" ")];
    if given.len() > 1 {
        ways.push((*first).to_owned());
    }
    for given in ways {
        texts.push(format!("{given} {family}"));
        texts.push(format!("{family}, {given}"));
    }
}

fn numbers(person: &Value, texts: &mut Vec<String>) {
    for element in ["telecom", "identifier"] {
        each(&person[element], |one| push(&one["value"], texts));
    }
}

fn places(address: &Value, texts: &mut Vec<String>) {
    push(&address["text"], texts);
    each(&address["line"], |line| push(line, texts));
    for element in ["city", "district", "postalCode"] {
        push(&address[element], texts);
    }
}
