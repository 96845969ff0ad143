//! Medications ordered, given, dispensed and stated. The drug's own code is the event's code; what
//! was done with it stands behind the code, except for an order, which is the plain code.

use super::drug::{Which, resolve};
use super::value::amount;
use super::{record, refuse};
use crate::batch::Note;
use crate::fhir::json::{CodeableConcept, OneOrMany, Period, Present, Quantity, Reference, Text};
use crate::fhir::reference::Target;
use crate::fhir::rows::Mapper;
use crate::fhir::time::When;
use crate::hash::hash64;
use longitude_core::{Instant, IssueKind};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::sync::Arc;

/// A Medication record: others resolve through it, and it makes no event.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Medication<'a> {
    #[serde(default)]
    resource_type: Present,
    #[serde(borrow)]
    id: Option<Text<'a>>,
}

record!(Medication, known);

#[expect(clippy::unnecessary_wraps, reason = "the shape of every mapping")]
fn known(_drug: &Medication<'_>, _mapper: &mut Mapper<'_>, _id: Option<&str>) -> Result<(), Note> {
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MedicationRequest<'a> {
    #[serde(default)]
    resource_type: Present,
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    status: Option<Text<'a>>,
    #[serde(default)]
    do_not_perform: bool,
    #[serde(borrow)]
    medication_codeable_concept: Option<CodeableConcept<'a>>,
    #[serde(borrow)]
    medication_reference: Option<Reference<'a>>,
    #[serde(borrow, default)]
    contained: Vec<&'a RawValue>,
    #[serde(borrow)]
    subject: Option<Reference<'a>>,
    #[serde(borrow)]
    encounter: Option<Reference<'a>>,
    #[serde(borrow)]
    authored_on: Option<Text<'a>>,
    #[serde(borrow)]
    dispense_request: Option<DispenseRequest<'a>>,
    #[serde(borrow, default)]
    dosage_instruction: Vec<Dosage<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DispenseRequest<'a> {
    #[serde(borrow)]
    validity_period: Option<Period<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Dosage<'a> {
    #[serde(borrow)]
    dose_and_rate: Option<OneOrMany<DoseAndRate<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DoseAndRate<'a> {
    #[serde(borrow)]
    dose_quantity: Option<Quantity<'a>>,
}

record!(MedicationRequest, order);

fn order(
    order: &MedicationRequest<'_>,
    mapper: &mut Mapper<'_>,
    _: Option<&str>,
) -> Result<(), Note> {
    let refused = ["entered-in-error", "cancelled", "draft"];
    refuse(order.status.as_ref(), &refused, "MedicationRequest.status")?;
    if order.do_not_perform {
        return Err(Note::at(
            IssueKind::NotDone,
            "MedicationRequest.doNotPerform",
        ));
    }
    mapper.subject(order.subject.as_ref())?;
    mapper.encounter(order.encounter.as_ref());
    let valid = order.dispense_request.as_ref();
    let valid = valid.and_then(|request| request.validity_period.as_ref());
    let when = mapper.place(&[
        ("MedicationRequest.authoredOn", order.authored_on.as_ref()),
        (
            "MedicationRequest.dispenseRequest.validityPeriod.start",
            valid.and_then(|period| period.start.as_ref()),
        ),
    ])?;
    let which = Which {
        concept: order.medication_codeable_concept.as_ref(),
        reference: order.medication_reference.as_ref(),
        contained: &order.contained,
    };
    let first = order.dosage_instruction.first();
    let dose = first.and_then(|dosage| dosage.dose_and_rate.as_ref()?.first());
    let dose = dose.and_then(|dose| dose.dose_quantity.as_ref());
    let taken = Taken {
        when,
        end: None,
        suffix: "",
        dose,
    };
    take(mapper, &which, &taken)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MedicationAdministration<'a> {
    #[serde(default)]
    resource_type: Present,
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    status: Option<Text<'a>>,
    #[serde(borrow)]
    medication_codeable_concept: Option<CodeableConcept<'a>>,
    #[serde(borrow)]
    medication_reference: Option<Reference<'a>>,
    #[serde(borrow, default)]
    contained: Vec<&'a RawValue>,
    #[serde(borrow)]
    subject: Option<Reference<'a>>,
    #[serde(borrow)]
    context: Option<Reference<'a>>,
    #[serde(borrow)]
    effective_date_time: Option<Text<'a>>,
    #[serde(borrow)]
    effective_period: Option<Period<'a>>,
    #[serde(borrow)]
    dosage: Option<GivenDosage<'a>>,
}

#[derive(Deserialize)]
struct GivenDosage<'a> {
    #[serde(borrow)]
    dose: Option<Quantity<'a>>,
}

record!(MedicationAdministration, given);

fn given(
    given: &MedicationAdministration<'_>,
    mapper: &mut Mapper<'_>,
    _id: Option<&str>,
) -> Result<(), Note> {
    let refused = ["entered-in-error", "not-done"];
    refuse(
        given.status.as_ref(),
        &refused,
        "MedicationAdministration.status",
    )?;
    mapper.subject(given.subject.as_ref())?;
    mapper.encounter(given.context.as_ref());
    let period = given.effective_period.as_ref();
    let start = period.and_then(|period| period.start.as_ref());
    let when = mapper.place(&[
        (
            "MedicationAdministration.effectiveDateTime",
            given.effective_date_time.as_ref(),
        ),
        ("MedicationAdministration.effectivePeriod.start", start),
    ])?;
    let end = period.and_then(|period| period.end.as_ref());
    let end = mapper.end(when, "MedicationAdministration.effectivePeriod.end", end);
    let which = Which {
        concept: given.medication_codeable_concept.as_ref(),
        reference: given.medication_reference.as_ref(),
        contained: &given.contained,
    };
    let taken = Taken {
        when,
        end,
        suffix: "ADMINISTERED",
        dose: given
            .dosage
            .as_ref()
            .and_then(|dosage| dosage.dose.as_ref()),
    };
    take(mapper, &which, &taken)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MedicationDispense<'a> {
    #[serde(default)]
    resource_type: Present,
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    status: Option<Text<'a>>,
    #[serde(borrow)]
    medication_codeable_concept: Option<CodeableConcept<'a>>,
    #[serde(borrow)]
    medication_reference: Option<Reference<'a>>,
    #[serde(borrow, default)]
    contained: Vec<&'a RawValue>,
    #[serde(borrow)]
    subject: Option<Reference<'a>>,
    #[serde(borrow)]
    context: Option<Reference<'a>>,
    #[serde(borrow)]
    when_handed_over: Option<Text<'a>>,
    #[serde(borrow)]
    when_prepared: Option<Text<'a>>,
    #[serde(borrow, default)]
    authorizing_prescription: Vec<Reference<'a>>,
    #[serde(borrow)]
    quantity: Option<Quantity<'a>>,
}

record!(MedicationDispense, dispensed);

fn dispensed(
    dispensed: &MedicationDispense<'_>,
    mapper: &mut Mapper<'_>,
    _id: Option<&str>,
) -> Result<(), Note> {
    let refused = ["entered-in-error", "cancelled", "declined", "preparation"];
    refuse(
        dispensed.status.as_ref(),
        &refused,
        "MedicationDispense.status",
    )?;
    mapper.subject(dispensed.subject.as_ref())?;
    mapper.encounter(dispensed.context.as_ref());
    let own = [
        (
            "MedicationDispense.whenHandedOver",
            dispensed.when_handed_over.as_ref(),
        ),
        (
            "MedicationDispense.whenPrepared",
            dispensed.when_prepared.as_ref(),
        ),
    ];
    let is_timed = own.iter().any(|(_, text)| text.is_some());
    let prescribed = dispensed.authorizing_prescription.first();
    let prescribed = prescribed.filter(|_| !is_timed);
    let when = match prescribed.and_then(|reference| prescription_time(mapper, reference)) {
        Some(when) => {
            mapper.date_by("MedicationDispense.authorizingPrescription");
            when
        }
        None => mapper.place(&own)?,
    };
    let which = Which {
        concept: dispensed.medication_codeable_concept.as_ref(),
        reference: dispensed.medication_reference.as_ref(),
        contained: &dispensed.contained,
    };
    let taken = Taken {
        when,
        end: None,
        suffix: "DISPENSED",
        dose: dispensed.quantity.as_ref(),
    };
    take(mapper, &which, &taken)
}

/// When the prescription was written, for a dispense that has no time of its own.
fn prescription_time(mapper: &Mapper<'_>, reference: &Reference<'_>) -> Option<When> {
    let (kind, id) = match Target::parse(reference.reference.as_ref()?.as_str()) {
        Target::Record { kind, id } => (kind, id),
        Target::Urn(urn) => mapper.local_target(urn)?,
        Target::Contained(_) | Target::Unresolvable => return None,
    };
    let key = hash64(kind, id);
    mapper
        .indexes()
        .find_map(|index| index.request(key))?
        .when()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MedicationStatement<'a> {
    #[serde(default)]
    resource_type: Present,
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    status: Option<Text<'a>>,
    #[serde(borrow)]
    medication_codeable_concept: Option<CodeableConcept<'a>>,
    #[serde(borrow)]
    medication_reference: Option<Reference<'a>>,
    #[serde(borrow, default)]
    contained: Vec<&'a RawValue>,
    #[serde(borrow)]
    subject: Option<Reference<'a>>,
    #[serde(borrow)]
    context: Option<Reference<'a>>,
    #[serde(borrow)]
    effective_date_time: Option<Text<'a>>,
    #[serde(borrow)]
    effective_period: Option<Period<'a>>,
    #[serde(borrow)]
    date_asserted: Option<Text<'a>>,
}

record!(MedicationStatement, stated);

fn stated(
    stated: &MedicationStatement<'_>,
    mapper: &mut Mapper<'_>,
    _id: Option<&str>,
) -> Result<(), Note> {
    let refused = ["entered-in-error", "not-taken"];
    refuse(
        stated.status.as_ref(),
        &refused,
        "MedicationStatement.status",
    )?;
    mapper.subject(stated.subject.as_ref())?;
    mapper.encounter(stated.context.as_ref());
    let period = stated.effective_period.as_ref();
    let start = period.and_then(|period| period.start.as_ref());
    let when = mapper.place(&[
        (
            "MedicationStatement.effectiveDateTime",
            stated.effective_date_time.as_ref(),
        ),
        ("MedicationStatement.effectivePeriod.start", start),
        (
            "MedicationStatement.dateAsserted",
            stated.date_asserted.as_ref(),
        ),
    ])?;
    let end = period.and_then(|period| period.end.as_ref());
    let end = mapper.end(when, "MedicationStatement.effectivePeriod.end", end);
    let which = Which {
        concept: stated.medication_codeable_concept.as_ref(),
        reference: stated.medication_reference.as_ref(),
        contained: &stated.contained,
    };
    let taken = Taken {
        when,
        end,
        suffix: "STATED",
        dose: None,
    };
    take(mapper, &which, &taken)
}

/// What was done with a drug.
struct Taken<'t, 'a> {
    when: When,
    end: Option<Instant>,
    suffix: &'static str,
    dose: Option<&'t Quantity<'a>>,
}

/// One event for the drug, or one for each ingredient of a mix.
fn take(mapper: &mut Mapper<'_>, which: &Which<'_, '_>, taken: &Taken<'_, '_>) -> Result<(), Note> {
    let name = if which.concept.is_some() {
        "medicationCodeableConcept"
    } else {
        "medicationReference"
    };
    let element = mapper.path(name);
    let drugs = resolve(mapper, which)?;
    let is_mix = drugs.len() > 1;
    // The dose of a mix is not the dose of any one ingredient.
    let dose = taken.dose.filter(|_| !is_mix);
    let (number, unit): (_, Option<Arc<str>>) = match dose {
        Some(dose) => {
            let path = mapper.path("dose");
            amount(mapper, dose, &path)
        }
        None => (None, None),
    };
    for drug in drugs {
        let code = if taken.suffix.is_empty() {
            drug
        } else {
            mapper.suffixed(&drug, taken.suffix)
        };
        let event = mapper.event(code, Some(taken.when), &element);
        event.end_time = taken.end;
        event.numeric_value = number;
        event.unit.clone_from(&unit);
    }
    Ok(())
}
