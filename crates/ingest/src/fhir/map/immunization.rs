//! Immunization: a vaccine given, with its dose, and a reaction to it.

use super::value::amount;
use super::{record, refuse};
use crate::batch::Note;
use crate::fhir::json::{CodeableConcept, Present, Quantity, Reference, Text};
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
    #[serde(borrow)]
    dose_quantity: Option<Quantity<'a>>,
    #[serde(borrow, default)]
    reaction: Vec<Reaction<'a>>,
}

#[derive(Deserialize)]
struct Reaction<'a> {
    #[serde(borrow)]
    date: Option<Text<'a>>,
}

record!(Immunization, map);

fn map(given: &Immunization<'_>, mapper: &mut Mapper<'_>, _id: Option<&str>) -> Result<(), Note> {
    refuse(
        given.status.as_ref(),
        &["entered-in-error", "not-done"],
        "Immunization.status",
    )?;
    mapper.owned_by("patient");
    mapper.subject(given.patient.as_ref())?;
    mapper.encounter(given.encounter.as_ref());
    let code = mapper.coded(given.vaccine_code.as_ref(), "Immunization.vaccineCode")?;
    mapper.recorded(&[("Immunization.recorded", given.recorded.as_ref())]);
    let when = mapper.place(&[
        (
            "Immunization.occurrenceDateTime",
            given.occurrence_date_time.as_ref(),
        ),
        ("Immunization.recorded", given.recorded.as_ref()),
    ])?;
    let dose = given.dose_quantity.as_ref();
    let dose = dose.map(|dose| amount(mapper, dose, "Immunization.doseQuantity"));
    let event = mapper.event(code.clone(), Some(when), "Immunization.vaccineCode");
    if let Some(dose) = dose {
        dose.put(event);
    }
    for reaction in &given.reaction {
        let date = mapper.time("Immunization.reaction.date", reaction.date.as_ref());
        let code = mapper.suffixed(&code, "REACTION");
        mapper.event(code, date.or(Some(when)), "Immunization.reaction");
    }
    Ok(())
}
