//! Immunization: a vaccine given.

use super::{record, refuse};
use crate::batch::Note;
use crate::fhir::json::{CodeableConcept, Present, Reference, Text};
use crate::fhir::rows::Mapper;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Immunization<'a> {
    #[serde(default)]
    resource_type: Present,
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    status: Option<Text<'a>>,
    #[serde(borrow)]
    vaccine_code: Option<CodeableConcept<'a>>,
    #[serde(borrow)]
    patient: Option<Reference<'a>>,
    #[serde(borrow)]
    encounter: Option<Reference<'a>>,
    #[serde(borrow)]
    occurrence_date_time: Option<Text<'a>>,
    #[serde(borrow)]
    recorded: Option<Text<'a>>,
}

record!(Immunization, map);

fn map(given: &Immunization<'_>, mapper: &mut Mapper<'_>, _id: Option<&str>) -> Result<(), Note> {
    refuse(
        given.status.as_ref(),
        &["entered-in-error", "not-done"],
        "Immunization.status",
    )?;
    mapper.subject(given.patient.as_ref())?;
    mapper.encounter(given.encounter.as_ref());
    let code = mapper.coded(given.vaccine_code.as_ref(), "Immunization.vaccineCode")?;
    let when = mapper.place(&[
        (
            "Immunization.occurrenceDateTime",
            given.occurrence_date_time.as_ref(),
        ),
        ("Immunization.recorded", given.recorded.as_ref()),
    ])?;
    mapper.event(code, Some(when), "Immunization.vaccineCode");
    Ok(())
}
