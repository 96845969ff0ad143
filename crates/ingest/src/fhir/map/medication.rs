//! Medications ordered, given, dispensed and stated. The drug's own code is the event's code; what
//! was done with it stands behind the code, except for an order, which is the plain code.

use super::drug::{Which, resolve};
use super::value::{Amount, amount, quotient};
use super::{record, refuse};
use crate::batch::Note;
use crate::fhir::index::Span;
use crate::fhir::json::{
    CodeableConcept, CodeableReference, OneOrMany, Period, Present, Quantity, Ratio, Reference,
    Text,
};
use crate::fhir::reference::Target;
use crate::fhir::rows::Mapper;
use crate::fhir::time::When;
use crate::fhir::types::Release;
use crate::hash::hash64;
use longitude_core::{Instant, IssueKind};
use serde::Deserialize;
use serde_json::value::RawValue;

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
    #[serde(borrow)]
    medication: Option<CodeableReference<'a>>,
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
    let newer = order.medication.as_ref();
    let which = which(
        mapper,
        order.medication_codeable_concept.as_ref(),
        order.medication_reference.as_ref(),
        (newer, &order.contained),
    );
    let end = valid.and_then(|period| period.end.as_ref());
    let end = mapper.end(
        when,
        "MedicationRequest.dispenseRequest.validityPeriod.end",
        end,
    );
    let first = order.dosage_instruction.first();
    let dose = first.and_then(|dosage| dosage.dose_and_rate.as_ref()?.first());
    let dose = dose.and_then(|dose| dose.dose_quantity.as_ref());
    let taken = Taken {
        when,
        end,
        suffix: "",
        dose,
        rate: None,
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
    #[serde(borrow)]
    medication: Option<CodeableReference<'a>>,
    #[serde(borrow, default)]
    contained: Vec<&'a RawValue>,
    #[serde(borrow)]
    subject: Option<Reference<'a>>,
    #[serde(borrow)]
    context: Option<Reference<'a>>,
    /// R5's name of it.
    #[serde(borrow)]
    encounter: Option<Reference<'a>>,
    #[serde(borrow)]
    effective_date_time: Option<Text<'a>>,
    #[serde(borrow)]
    effective_period: Option<Period<'a>>,
    /// R5's name of it, in R5's own spelling.
    #[serde(borrow)]
    occurence_date_time: Option<Text<'a>>,
    #[serde(borrow)]
    occurence_period: Option<Period<'a>>,
    #[serde(borrow)]
    recorded: Option<Text<'a>>,
    #[serde(borrow)]
    dosage: Option<GivenDosage<'a>>,
    #[serde(default)]
    modifier_extension: Present,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GivenDosage<'a> {
    #[serde(borrow)]
    dose: Option<Quantity<'a>>,
    #[serde(borrow)]
    method: Option<CodeableConcept<'a>>,
    #[serde(borrow)]
    rate_quantity: Option<Quantity<'a>>,
    #[serde(borrow)]
    rate_ratio: Option<Ratio<'a>>,
}

/// Methods that say that nothing was given, as MIMIC-IV's medication record does while its status
/// says `completed`.
const NOT_GIVEN: &[&str] = &[
    "Not Given",
    "Not Given per Sliding Scale",
    "Not Flushed",
    "Not Applied",
    "Not Confirmed",
    "Not Started",
    "Not Stopped per Sliding Scale",
    "Delayed Not Confirmed",
    "Delayed Not Started",
    "Hold Dose",
];

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
    let dosage = given.dosage.as_ref();
    let method = dosage.and_then(|dosage| dosage.method.as_ref());
    if method.is_some_and(|method| method.has_code(NOT_GIVEN)) {
        let element = "MedicationAdministration.dosage.method";
        return Err(Note::at(IssueKind::NotDone, element));
    }
    if given.modifier_extension.0 {
        mapper.modified();
    }
    mapper.subject(given.subject.as_ref())?;
    mapper.encounter(given.context.as_ref().or(given.encounter.as_ref()));
    let recorded = given.recorded.as_ref();
    mapper.recorded(&[("MedicationAdministration.recorded", recorded)]);
    let newer = given.occurence_period.as_ref();
    if newer.is_some() || given.occurence_date_time.is_some() {
        mapper.speaks(Release::R5, "occurence[x]");
    }
    let period = given.effective_period.as_ref().or(newer);
    let start = period.and_then(|period| period.start.as_ref());
    let when = mapper.place(&[
        (
            "MedicationAdministration.effectiveDateTime",
            given.effective_date_time.as_ref(),
        ),
        (
            "MedicationAdministration.occurenceDateTime",
            given.occurence_date_time.as_ref(),
        ),
        ("MedicationAdministration.effectivePeriod.start", start),
    ])?;
    let end = period.and_then(|period| period.end.as_ref());
    let end = mapper.end(when, "MedicationAdministration.effectivePeriod.end", end);
    let newer = given.medication.as_ref();
    let which = which(
        mapper,
        given.medication_codeable_concept.as_ref(),
        given.medication_reference.as_ref(),
        (newer, &given.contained),
    );
    let taken = Taken {
        when,
        end,
        suffix: "ADMINISTERED",
        dose: dosage.and_then(|dosage| dosage.dose.as_ref()),
        rate: dosage.and_then(|dosage| rate(mapper, dosage)),
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
    #[serde(borrow)]
    medication: Option<CodeableReference<'a>>,
    #[serde(borrow, default)]
    contained: Vec<&'a RawValue>,
    #[serde(borrow)]
    subject: Option<Reference<'a>>,
    #[serde(borrow)]
    context: Option<Reference<'a>>,
    /// R5's name of it.
    #[serde(borrow)]
    encounter: Option<Reference<'a>>,
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
    mapper.encounter(dispensed.context.as_ref().or(dispensed.encounter.as_ref()));
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
    let prescribed = prescribed.and_then(|reference| prescription(mapper, reference));
    let (when, end) = match prescribed.and_then(|span| Some((span.start.when()?, span.end.when())))
    {
        Some((when, end)) => {
            mapper.date_by("MedicationDispense.authorizingPrescription");
            let end = end
                .map(|end| end.instant)
                .filter(|end| *end >= when.instant);
            (when, end)
        }
        None => (mapper.place(&own)?, None),
    };
    let newer = dispensed.medication.as_ref();
    let which = which(
        mapper,
        dispensed.medication_codeable_concept.as_ref(),
        dispensed.medication_reference.as_ref(),
        (newer, &dispensed.contained),
    );
    let taken = Taken {
        when,
        end,
        suffix: "DISPENSED",
        dose: dispensed.quantity.as_ref(),
        rate: None,
    };
    take(mapper, &which, &taken)
}

/// When the prescription was written and until when it is valid, for a dispense that has no time
/// of its own.
fn prescription(mapper: &Mapper<'_>, reference: &Reference<'_>) -> Option<Span> {
    let (kind, id) = match Target::parse(reference.reference.as_ref()?.as_str()) {
        Target::Record { kind, id } => (kind, id),
        Target::Urn(urn) => mapper.local_target(urn)?,
        Target::Contained(_) | Target::Unresolvable => return None,
    };
    let key = hash64(kind, id);
    mapper.indexes().find_map(|index| index.request(key))
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
    #[serde(borrow)]
    medication: Option<CodeableReference<'a>>,
    #[serde(borrow, default)]
    contained: Vec<&'a RawValue>,
    #[serde(borrow)]
    subject: Option<Reference<'a>>,
    #[serde(borrow)]
    context: Option<Reference<'a>>,
    /// R5's name of it.
    #[serde(borrow)]
    encounter: Option<Reference<'a>>,
    #[serde(borrow)]
    effective_date_time: Option<Text<'a>>,
    #[serde(borrow)]
    effective_period: Option<Period<'a>>,
    #[serde(borrow)]
    date_asserted: Option<Text<'a>>,
    /// R5's place of what R4's status says.
    #[serde(borrow)]
    adherence: Option<Adherence<'a>>,
}

#[derive(Deserialize)]
struct Adherence<'a> {
    #[serde(borrow)]
    code: Option<CodeableConcept<'a>>,
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
    if let Some(adherence) = &stated.adherence {
        mapper.speaks(Release::R5, "adherence");
        let code = adherence.code.as_ref();
        if code.is_some_and(|code| code.has_code(&["not-taking"])) {
            let element = "MedicationStatement.adherence";
            return Err(Note::at(IssueKind::NotDone, element));
        }
    }
    mapper.subject(stated.subject.as_ref())?;
    mapper.encounter(stated.context.as_ref().or(stated.encounter.as_ref()));
    mapper.recorded(&[(
        "MedicationStatement.dateAsserted",
        stated.date_asserted.as_ref(),
    )]);
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
    let newer = stated.medication.as_ref();
    let which = which(
        mapper,
        stated.medication_codeable_concept.as_ref(),
        stated.medication_reference.as_ref(),
        (newer, &stated.contained),
    );
    let taken = Taken {
        when,
        end,
        suffix: "STATED",
        dose: None,
        rate: None,
    };
    take(mapper, &which, &taken)
}

/// The drug of R4's two elements or of R5's one.
fn which<'m, 'a>(
    mapper: &mut Mapper<'_>,
    concept: Option<&'m CodeableConcept<'a>>,
    reference: Option<&'m Reference<'a>>,
    (newer, contained): (Option<&'m CodeableReference<'a>>, &'m [&'a RawValue]),
) -> Which<'m, 'a> {
    if newer.is_some() {
        mapper.speaks(Release::R5, "medication");
    }
    Which {
        concept: concept.or(newer.and_then(|newer| newer.concept.as_ref())),
        reference: reference.or(newer.and_then(|newer| newer.reference.as_ref())),
        contained,
    }
}

/// How fast it was given.
fn rate(mapper: &mut Mapper<'_>, dosage: &GivenDosage<'_>) -> Option<Amount> {
    let element = "MedicationAdministration.dosage.rateQuantity";
    if let Some(rate) = &dosage.rate_quantity {
        return Some(amount(mapper, rate, element));
    }
    let ratio = dosage.rate_ratio.as_ref()?;
    let element = "MedicationAdministration.dosage.rateRatio";
    quotient(mapper, ratio, element).map(|(rate, _)| rate)
}

/// What was done with a drug.
struct Taken<'t, 'a> {
    when: When,
    end: Option<Instant>,
    suffix: &'static str,
    dose: Option<&'t Quantity<'a>>,
    rate: Option<Amount>,
}

/// One event for the drug, or one for each ingredient of a mix; one more for its rate.
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
    let dose = dose.map(|dose| {
        let path = mapper.path("dose");
        amount(mapper, dose, &path)
    });
    for drug in drugs {
        let code = if taken.suffix.is_empty() {
            drug.clone()
        } else {
            mapper.suffixed(&drug, taken.suffix)
        };
        let event = mapper.event(code, Some(taken.when), &element);
        event.end_time = taken.end;
        if let Some(dose) = dose.clone() {
            dose.put(event);
        }
        if let Some(rate) = taken.rate.clone().filter(|_| !is_mix) {
            let code = mapper.suffixed(&drug, "RATE");
            let element = "MedicationAdministration.dosage.rate";
            let event = mapper.event(code, Some(taken.when), element);
            event.end_time = taken.end;
            rate.put(event);
        }
    }
    Ok(())
}
