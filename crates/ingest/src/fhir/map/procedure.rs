//! Procedure, what was done; ServiceRequest, what was asked for.

use super::{record, refuse};
use crate::batch::Note;
use crate::fhir::json::{CodeableConcept, Period, Present, Reference, Text};
use crate::fhir::rows::Mapper;
use crate::fhir::types::Release;
use longitude_core::IssueKind;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Procedure<'a> {
    #[serde(default)]
    resource_type: Present,
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    status: Option<Text<'a>>,
    #[serde(borrow)]
    code: Option<CodeableConcept<'a>>,
    #[serde(borrow)]
    subject: Option<Reference<'a>>,
    #[serde(borrow)]
    encounter: Option<Reference<'a>>,
    #[serde(borrow)]
    performed_date_time: Option<Text<'a>>,
    #[serde(borrow)]
    performed_period: Option<Period<'a>>,
    #[serde(borrow)]
    occurrence_date_time: Option<Text<'a>>,
    #[serde(borrow)]
    occurrence_period: Option<Period<'a>>,
    #[serde(borrow)]
    recorded: Option<Text<'a>>,
    #[serde(default)]
    modifier_extension: Present,
}

record!(Procedure, map);

fn map(done: &Procedure<'_>, mapper: &mut Mapper<'_>, _id: Option<&str>) -> Result<(), Note> {
    let refused = ["entered-in-error", "not-done", "preparation"];
    refuse(done.status.as_ref(), &refused, "Procedure.status")?;
    mapper.subject(done.subject.as_ref())?;
    mapper.encounter(done.encounter.as_ref());
    let code = mapper.coded(done.code.as_ref(), "Procedure.code")?;
    if done.modifier_extension.0 {
        mapper.modified();
    }
    if done.occurrence_date_time.is_some() || done.occurrence_period.is_some() {
        mapper.speaks(Release::R5, "occurrence[x]");
    }
    mapper.recorded(&[("Procedure.recorded", done.recorded.as_ref())]);
    let period = done.performed_period.as_ref();
    let period = period.or(done.occurrence_period.as_ref());
    let start = period.and_then(|period| period.start.as_ref());
    let when = mapper.place(&[
        (
            "Procedure.performedDateTime",
            done.performed_date_time.as_ref(),
        ),
        (
            "Procedure.occurrenceDateTime",
            done.occurrence_date_time.as_ref(),
        ),
        ("Procedure.performedPeriod.start", start),
        ("Procedure.recorded", done.recorded.as_ref()),
    ])?;
    let end = period.and_then(|period| period.end.as_ref());
    let end = mapper.end(when, "Procedure.performedPeriod.end", end);
    mapper.event(code, Some(when), "Procedure.code").end_time = end;
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ServiceRequest<'a> {
    #[serde(default)]
    resource_type: Present,
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    status: Option<Text<'a>>,
    #[serde(default)]
    do_not_perform: bool,
    #[serde(borrow)]
    code: Option<CodeableConcept<'a>>,
    #[serde(borrow)]
    subject: Option<Reference<'a>>,
    #[serde(borrow)]
    encounter: Option<Reference<'a>>,
    #[serde(borrow)]
    authored_on: Option<Text<'a>>,
    #[serde(borrow)]
    occurrence_date_time: Option<Text<'a>>,
    #[serde(borrow)]
    occurrence_period: Option<Period<'a>>,
}

record!(ServiceRequest, ask);

fn ask(asked: &ServiceRequest<'_>, mapper: &mut Mapper<'_>, _id: Option<&str>) -> Result<(), Note> {
    let refused = ["entered-in-error", "draft", "revoked"];
    refuse(asked.status.as_ref(), &refused, "ServiceRequest.status")?;
    if asked.do_not_perform {
        return Err(Note::at(IssueKind::NotDone, "ServiceRequest.doNotPerform"));
    }
    mapper.subject(asked.subject.as_ref())?;
    mapper.encounter(asked.encounter.as_ref());
    let code = mapper.coded(asked.code.as_ref(), "ServiceRequest.code")?;
    let period = asked.occurrence_period.as_ref();
    let when = mapper.place(&[
        ("ServiceRequest.authoredOn", asked.authored_on.as_ref()),
        (
            "ServiceRequest.occurrenceDateTime",
            asked.occurrence_date_time.as_ref(),
        ),
        (
            "ServiceRequest.occurrencePeriod.start",
            period.and_then(|period| period.start.as_ref()),
        ),
    ])?;
    let code = mapper.suffixed(&code, "REQUESTED");
    mapper.event(code, Some(when), "ServiceRequest.code");
    Ok(())
}
