//! Patient: birth, death, and what is known from the start and does not change.

use super::record;
use crate::batch::Note;
use crate::fhir::json::{CodeableConcept, Coding, Present, Reference, Text};
use crate::fhir::rows::Mapper;
use crate::fhir::time::When;
use crate::fhir::{codes, json};
use crate::person::LinkKind;
use longitude_core::{Code, IssueKind, systems};
use serde::Deserialize;

const RACE: &str = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race";
const BIRTH_TIME: &str = "http://hl7.org/fhir/StructureDefinition/patient-birthTime";
const ETHNICITY: &str = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-ethnicity";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Patient<'a> {
    #[serde(default)]
    resource_type: Present,
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    gender: Option<Text<'a>>,
    #[serde(borrow)]
    birth_date: Option<Text<'a>>,
    /// What stands on the date of birth beside it.
    #[serde(borrow, rename = "_birthDate")]
    born: Option<Born<'a>>,
    #[serde(borrow)]
    deceased_date_time: Option<Text<'a>>,
    deceased_boolean: Option<bool>,
    #[serde(borrow)]
    marital_status: Option<CodeableConcept<'a>>,
    #[serde(borrow, default)]
    communication: Vec<Communication<'a>>,
    #[serde(borrow, default)]
    extension: Vec<Extension<'a>>,
    #[serde(borrow, default)]
    link: Vec<Link<'a>>,
}

#[derive(Deserialize)]
struct Born<'a> {
    #[serde(borrow, default)]
    extension: Vec<Extension<'a>>,
}

#[derive(Deserialize)]
struct Communication<'a> {
    #[serde(borrow)]
    language: Option<CodeableConcept<'a>>,
    preferred: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Extension<'a> {
    #[serde(borrow)]
    url: Option<Text<'a>>,
    #[serde(borrow, default, rename = "extension")]
    parts: Vec<Part<'a>>,
    #[serde(borrow)]
    value_date_time: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Part<'a> {
    #[serde(borrow)]
    url: Option<Text<'a>>,
    #[serde(borrow)]
    value_coding: Option<Coding<'a>>,
    #[serde(borrow)]
    value_string: Option<Text<'a>>,
    value_decimal: Option<f64>,
}

impl Part<'_> {
    fn is(&self, url: &str) -> bool {
        self.url.as_ref().map(Text::as_str) == Some(url)
    }
}

#[derive(Deserialize)]
struct Link<'a> {
    #[serde(borrow)]
    other: Option<Reference<'a>>,
    #[serde(borrow, rename = "type")]
    kind: Option<Text<'a>>,
}

record!(Patient, map);

fn map(patient: &Patient<'_>, mapper: &mut Mapper<'_>, id: Option<&str>) -> Result<(), Note> {
    let Some(id) = id else {
        return Err(Note::at(IssueKind::MissingSubject, "Patient.id"));
    };
    mapper.set_subject(id);
    if let Some(gender) = filled(patient.gender.as_ref()) {
        let code = mapper.code("GENDER", gender);
        mapper.event(code, None, "Patient.gender");
    }
    groups(patient, mapper);
    if let Some(concept) = &patient.marital_status {
        fixed(mapper, "MARITAL_STATUS", concept, "Patient.maritalStatus");
    }
    // The preferred language, else the first.
    let spoken = &patient.communication;
    let preferred = spoken
        .iter()
        .find(|language| language.preferred == Some(true));
    let language = preferred.or(spoken.first());
    if let Some(concept) = language.and_then(|language| language.language.as_ref()) {
        fixed(mapper, "LANGUAGE", concept, "Patient.communication");
    }
    life(patient, mapper);
    for link in &patient.link {
        linked(link, mapper);
    }
    Ok(())
}

/// What the source says about this Patient and another record; deciding is for linkage.
fn linked(link: &Link<'_>, mapper: &mut Mapper<'_>) {
    let kind = match link.kind.as_ref().map(Text::as_str) {
        Some("replaced-by") => LinkKind::ReplacedBy,
        Some("replaces") => LinkKind::Replaces,
        Some("refer") => LinkKind::Refer,
        Some("seealso") => LinkKind::SeeAlso,
        _ => {
            mapper.warn(Note::at(IssueKind::InvalidField, "Patient.link.type"));
            return;
        }
    };
    // A link to a RelatedPerson says that the patient is somebody's relative: no second record.
    let other = link
        .other
        .as_ref()
        .and_then(|other| mapper.other_subject(other));
    match other {
        Some(other) => mapper.link(kind, other, "Patient.link"),
        None => mapper.warn(Note::at(IssueKind::NotSupported, "Patient.link.other")),
    }
}

/// Birth and death. A death whose time is not told makes no event, for its time would be invented.
fn life(patient: &Patient<'_>, mapper: &mut Mapper<'_>) {
    let date = patient.birth_date.as_ref();
    if let Some(day) = mapper.time("Patient.birthDate", date) {
        let when = moment_of_birth(patient, mapper, day).unwrap_or(day);
        mapper.event(Code::birth(), Some(when), "Patient.birthDate");
    }
    let died = patient.deceased_date_time.as_ref();
    if let Some(when) = mapper
        .time("Patient.deceasedDateTime", died)
        .map(When::end_of_day)
    {
        mapper.event(Code::death(), Some(when), "Patient.deceasedDateTime");
    } else if patient.deceased_boolean == Some(true) {
        mapper.warn(Note::at(IssueKind::MissingTime, "Patient.deceasedBoolean"));
    }
}

/// The time of day of the birth, where it is told and falls on the date.
fn moment_of_birth(patient: &Patient<'_>, mapper: &mut Mapper<'_>, day: When) -> Option<When> {
    let extensions = &patient.born.as_ref()?.extension;
    let is =
        |extension: &&Extension<'_>| extension.url.as_ref().map(Text::as_str) == Some(BIRTH_TIME);
    let told = extensions.iter().find(is)?.value_date_time.as_ref();
    let when = mapper.time("Patient.birthDate.extension(birthTime)", told)?;
    let apart = (when.instant - day.instant).0;
    (-1.0..2.0).contains(&apart).then_some(when)
}

/// A fact that FHIR has no element for, as our own export writes it.
fn fact(extension: &Extension<'_>, mapper: &mut Mapper<'_>) {
    let element = "Patient.extension(static-fact)";
    let part = |url| extension.parts.iter().find(|part| part.is(url));
    let coding = part("code").and_then(|part| part.value_coding.as_ref());
    let Some((system, value)) = coding.and_then(codes::spell) else {
        mapper.warn(Note::at(IssueKind::MissingCode, element));
        return;
    };
    let text = |url| part(url).and_then(|part| part.value_string.as_ref());
    let unit = text("unit").map(|unit| mapper.name(unit.as_str()));
    let code = mapper.code(&system, &value);
    let event = mapper.event(code, None, element);
    event.numeric_value = part("number").and_then(|part| part.value_decimal);
    event.unit = unit;
    event.text_value = text("text").map(|text| text.as_str().into());
}

/// US Core race and ethnicity: the OMB categories; only where there are none, the text.
fn groups(patient: &Patient<'_>, mapper: &mut Mapper<'_>) {
    for extension in &patient.extension {
        let (system, element) = match extension.url.as_ref().map(Text::as_str) {
            Some(RACE) => ("RACE", "Patient.extension(us-core-race)"),
            Some(ETHNICITY) => ("ETHNICITY", "Patient.extension(us-core-ethnicity)"),
            Some(systems::FACT) => {
                fact(extension, mapper);
                continue;
            }
            _ => continue,
        };
        let is = |part: &&Part<'_>, url| part.is(url);
        let mut is_coded = false;
        for part in extension
            .parts
            .iter()
            .filter(|part| is(part, "ombCategory"))
        {
            let coding = part.value_coding.as_ref();
            if let Some(code) = filled(coding.and_then(|coding| coding.code.as_ref())) {
                let code = mapper.code(system, code);
                mapper.event(code, None, element);
                is_coded = true;
            }
        }
        let text = extension.parts.iter().find(|part| is(part, "text"));
        let text = filled(text.and_then(|part| part.value_string.as_ref()));
        if let (false, Some(text)) = (is_coded, text.and_then(codes::text_code)) {
            let code = mapper.code(system, &text);
            mapper.event(code, None, element);
        }
    }
}

/// A text that is more than white space.
fn filled<'t>(text: Option<&'t Text<'_>>) -> Option<&'t str> {
    let text = text.map(|text| text.as_str().trim());
    text.filter(|text| !text.is_empty())
}

/// A fact without a time, by its code alone.
fn fixed(
    mapper: &mut Mapper<'_>,
    system: &str,
    concept: &json::CodeableConcept<'_>,
    element: &'static str,
) {
    if let Ok(code) = mapper.coded(Some(concept), element) {
        let code = mapper.code(system, &code.value);
        mapper.event(code, None, element);
    }
}
