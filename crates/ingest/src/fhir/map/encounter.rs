//! Encounter: its start, its end, its type and reason, the places it went through, and where the
//! subject came from and went to. The diagnoses that it refers to are Conditions of their own.

use super::{record, refuse};
use crate::batch::Note;
use crate::fhir::json::{CodeableConcept, Coding, OneOrMany, Period, Present, Reference, Text};
use crate::fhir::rows::Mapper;
use crate::fhir::time::When;
use crate::fhir::types::Release;
use longitude_core::{EncounterId, IssueKind};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Encounter<'a> {
    #[serde(default)]
    resource_type: Present,
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    status: Option<Text<'a>>,
    #[serde(borrow)]
    class: Option<OneOrMany<Class<'a>>>,
    #[serde(borrow, default)]
    class_history: Vec<ClassHistory<'a>>,
    #[serde(borrow, default, rename = "type")]
    types: Vec<CodeableConcept<'a>>,
    #[serde(borrow)]
    service_type: Option<OneOrMany<CodeableConcept<'a>>>,
    #[serde(borrow)]
    priority: Option<CodeableConcept<'a>>,
    #[serde(borrow)]
    subject: Option<Reference<'a>>,
    #[serde(borrow)]
    period: Option<Period<'a>>,
    #[serde(borrow)]
    actual_period: Option<Period<'a>>,
    #[serde(borrow, default)]
    reason_code: Vec<CodeableConcept<'a>>,
    #[serde(borrow, default)]
    reason: Vec<Reason<'a>>,
    #[serde(borrow)]
    hospitalization: Option<Hospitalization<'a>>,
    #[serde(borrow)]
    admission: Option<Hospitalization<'a>>,
    #[serde(borrow, default)]
    location: Vec<Stay<'a>>,
    #[serde(default)]
    modifier_extension: Present,
}

/// R4's Coding or R5's CodeableConcept.
#[derive(Deserialize)]
struct Class<'a> {
    #[serde(borrow)]
    code: Option<Text<'a>>,
    #[serde(borrow, default)]
    coding: Vec<Coding<'a>>,
}

impl Class<'_> {
    fn code(&self) -> Option<&str> {
        let inner = self.coding.iter().find_map(|coding| coding.code.as_ref());
        let code = self
            .code
            .as_ref()
            .or(inner)
            .map(|code| code.as_str().trim());
        code.filter(|code| !code.is_empty())
    }
}

#[derive(Deserialize)]
struct ClassHistory<'a> {
    #[serde(borrow)]
    class: Option<Class<'a>>,
    #[serde(borrow)]
    period: Option<Period<'a>>,
}

/// R5's reason.
#[derive(Deserialize)]
struct Reason<'a> {
    #[serde(borrow, default)]
    value: Vec<CodeableConcept<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Hospitalization<'a> {
    #[serde(borrow)]
    admit_source: Option<OneOrMany<CodeableConcept<'a>>>,
    #[serde(borrow)]
    discharge_disposition: Option<OneOrMany<CodeableConcept<'a>>>,
}

/// A place, and from when to when.
#[derive(Deserialize)]
struct Stay<'a> {
    #[serde(borrow)]
    location: Option<Reference<'a>>,
    #[serde(borrow)]
    status: Option<Text<'a>>,
    #[serde(borrow)]
    period: Option<Period<'a>>,
}

record!(Encounter, map);

fn map(encounter: &Encounter<'_>, mapper: &mut Mapper<'_>, id: Option<&str>) -> Result<(), Note> {
    let refused = ["entered-in-error", "cancelled", "planned"];
    refuse(encounter.status.as_ref(), &refused, "Encounter.status")?;
    if encounter.modifier_extension.0 {
        mapper.modified();
    }
    if encounter.actual_period.is_some() {
        mapper.speaks(Release::R5, "actualPeriod");
    }
    mapper.subject(encounter.subject.as_ref())?;
    mapper.set_encounter(id.map(|id| EncounterId::from_source("Encounter", id)));
    let period = encounter
        .period
        .as_ref()
        .or(encounter.actual_period.as_ref());
    let start = mapper.time(
        "Encounter.period.start",
        period.and_then(|p| p.start.as_ref()),
    );
    let end = mapper.time("Encounter.period.end", period.and_then(|p| p.end.as_ref()));
    if start.is_none() && end.is_none() {
        return Err(Note::at(IssueKind::MissingTime, "Encounter.period"));
    }
    let class = encounter.class.as_ref().and_then(OneOrMany::first);
    let class = class.and_then(Class::code).unwrap_or("UNKNOWN");
    let stay = encounter
        .hospitalization
        .as_ref()
        .or(encounter.admission.as_ref());
    if let Some(start) = start {
        starts(mapper, class, (start, end));
        let came = stay.and_then(|stay| stay.admit_source.as_ref()?.first());
        let element = "Encounter.hospitalization.admitSource";
        place(mapper, ("ADMIT_SOURCE", element), came, start);
        about(encounter, mapper, start);
        reasons(encounter, mapper, (start, end));
    }
    let last = start.or(end);
    for stay in &encounter.location {
        stays(stay, mapper, last);
    }
    for earlier in &encounter.class_history {
        classed(earlier, mapper);
    }
    if let Some(end) = end {
        let code = mapper.code("ENCOUNTER", &[class, "//END"].concat());
        mapper.event(code, Some(end), "Encounter.period.end");
        let left = stay.and_then(|stay| stay.discharge_disposition.as_ref()?.first());
        let element = "Encounter.hospitalization.dischargeDisposition";
        place(mapper, ("DISCHARGE_DISPOSITION", element), left, end);
    }
    Ok(())
}

fn starts(mapper: &mut Mapper<'_>, class: &str, (start, end): (When, Option<When>)) {
    let end = end.map(|end| end.instant);
    let is_reversed = end.is_some_and(|end| end < start.instant);
    if is_reversed {
        let detail = "Encounter.period: ends before it starts";
        mapper.warn(Note::new(
            IssueKind::InvalidTime,
            "Encounter.period",
            detail,
        ));
    }
    let code = mapper.code("ENCOUNTER", &[class, "//START"].concat());
    let event = mapper.event(code, Some(start), "Encounter.period.start");
    event.end_time = end.filter(|_| !is_reversed);
}

/// What is known of the encounter when it starts.
fn about(encounter: &Encounter<'_>, mapper: &mut Mapper<'_>, start: When) {
    let services = encounter.service_type.iter().flat_map(OneOrMany::iter);
    let kinds = encounter
        .types
        .iter()
        .map(|kind| ("ENCOUNTER_TYPE", "Encounter.type", kind));
    let services = services.map(|kind| ("ENCOUNTER_SERVICE", "Encounter.serviceType", kind));
    let priority = encounter.priority.iter();
    let priority = priority.map(|kind| ("ENCOUNTER_PRIORITY", "Encounter.priority", kind));
    for (system, element, concept) in kinds.chain(services).chain(priority) {
        if let Ok(code) = mapper.coded(Some(concept), element) {
            let code = mapper.within(system, &code);
            mapper.event(code, Some(start), element);
        }
    }
}

/// Why it took place. Encounters are often coded when they end: the reason is taken to be recorded
/// then, under the option that dates other things of an encounter so.
fn reasons(encounter: &Encounter<'_>, mapper: &mut Mapper<'_>, (start, end): (When, Option<When>)) {
    let newer = encounter.reason.iter().flat_map(|reason| &reason.value);
    let coded_at_end = mapper.world.options.time_from_encounter == crate::EncounterEdge::End;
    let recorded = end.filter(|end| coded_at_end && end.instant > start.instant);
    for concept in encounter.reason_code.iter().chain(newer) {
        if let Ok(code) = mapper.coded(Some(concept), "Encounter.reasonCode") {
            let code = mapper.within("ENCOUNTER_REASON", &code);
            let event = mapper.event(code, Some(start), "Encounter.reasonCode");
            event.recorded_time = event.recorded_time.max(recorded.map(|end| end.instant));
        }
    }
}

/// A place that the encounter went through.
fn stays(stay: &Stay<'_>, mapper: &mut Mapper<'_>, otherwise: Option<When>) {
    let status = stay.status.as_ref().map(Text::as_str);
    if matches!(status, Some("planned" | "reserved")) {
        return;
    }
    let Some(reference) = &stay.location else {
        return;
    };
    let Some(code) = mapper.located(reference) else {
        return;
    };
    let period = stay.period.as_ref();
    let start = period.and_then(|period| period.start.as_ref());
    let start = mapper.time("Encounter.location.period.start", start);
    let Some(start) = start.or(otherwise) else {
        return;
    };
    let end = period.and_then(|period| period.end.as_ref());
    let end = mapper.end(start, "Encounter.location.period.end", end);
    let code = mapper.within("LOCATION", &code);
    mapper
        .event(code, Some(start), "Encounter.location")
        .end_time = end;
}

/// A class that the encounter had for a while.
fn classed(earlier: &ClassHistory<'_>, mapper: &mut Mapper<'_>) {
    let period = earlier.period.as_ref();
    let start = period.and_then(|period| period.start.as_ref());
    let start = mapper.time("Encounter.classHistory.period.start", start);
    let class = earlier.class.as_ref().and_then(Class::code);
    let (Some(start), Some(class)) = (start, class) else {
        return;
    };
    let end = period.and_then(|period| period.end.as_ref());
    let end = mapper.end(start, "Encounter.classHistory.period.end", end);
    let code = mapper.code("ENCOUNTER", &[class, "//CLASS"].concat());
    mapper
        .event(code, Some(start), "Encounter.classHistory")
        .end_time = end;
}

/// Where the subject came from or went to, by the code alone.
fn place(
    mapper: &mut Mapper<'_>,
    (system, element): (&str, &'static str),
    concept: Option<&CodeableConcept<'_>>,
    when: When,
) {
    let Some(concept) = concept else { return };
    if let Ok(code) = mapper.coded(Some(concept), element) {
        let code = mapper.code(system, &code.value);
        mapper.event(code, Some(when), element);
    }
}
