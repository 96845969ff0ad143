//! Encounter: its start, its end, its type, and where the subject came from and went to.

use super::{record, refuse};
use crate::batch::Note;
use crate::fhir::json::{CodeableConcept, Coding, OneOrMany, Period, Present, Reference, Text};
use crate::fhir::rows::Mapper;
use crate::fhir::time::When;
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
    class: Option<Coding<'a>>,
    #[serde(borrow, default, rename = "type")]
    types: Vec<CodeableConcept<'a>>,
    #[serde(borrow)]
    subject: Option<Reference<'a>>,
    #[serde(borrow)]
    period: Option<Period<'a>>,
    #[serde(borrow)]
    hospitalization: Option<Hospitalization<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Hospitalization<'a> {
    #[serde(borrow)]
    admit_source: Option<OneOrMany<CodeableConcept<'a>>>,
    #[serde(borrow)]
    discharge_disposition: Option<OneOrMany<CodeableConcept<'a>>>,
}

record!(Encounter, map);

fn map(encounter: &Encounter<'_>, mapper: &mut Mapper<'_>, id: Option<&str>) -> Result<(), Note> {
    let refused = ["entered-in-error", "cancelled", "planned"];
    refuse(encounter.status.as_ref(), &refused, "Encounter.status")?;
    mapper.subject(encounter.subject.as_ref())?;
    mapper.set_encounter(id.map(|id| EncounterId::from_source("Encounter", id)));
    let period = encounter.period.as_ref();
    let start = mapper.time(
        "Encounter.period.start",
        period.and_then(|p| p.start.as_ref()),
    );
    let end = mapper.time("Encounter.period.end", period.and_then(|p| p.end.as_ref()));
    if start.is_none() && end.is_none() {
        return Err(Note::at(IssueKind::MissingTime, "Encounter.period"));
    }
    let class = encounter
        .class
        .as_ref()
        .and_then(|class| class.code.as_ref());
    let class = class.map_or("UNKNOWN", |code| code.as_str());
    if let Some(start) = start {
        starts(encounter, mapper, class, (start, end));
    }
    if let Some(end) = end {
        let code = mapper.code("ENCOUNTER", &[class, "//END"].concat());
        mapper.event(code, Some(end), "Encounter.period.end");
        let left = encounter.hospitalization.as_ref();
        let left = left.and_then(|stay| stay.discharge_disposition.as_ref()?.first());
        let element = "Encounter.hospitalization.dischargeDisposition";
        place(mapper, ("DISCHARGE_DISPOSITION", element), left, end);
    }
    Ok(())
}

fn starts(
    encounter: &Encounter<'_>,
    mapper: &mut Mapper<'_>,
    class: &str,
    (start, end): (When, Option<When>),
) {
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
    for concept in &encounter.types {
        if let Ok(code) = mapper.coded(Some(concept), "Encounter.type") {
            let code = mapper.within("ENCOUNTER_TYPE", &code);
            mapper.event(code, Some(start), "Encounter.type");
        }
    }
    let came = encounter.hospitalization.as_ref();
    let came = came.and_then(|stay| stay.admit_source.as_ref()?.first());
    let element = "Encounter.hospitalization.admitSource";
    place(mapper, ("ADMIT_SOURCE", element), came, start);
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
