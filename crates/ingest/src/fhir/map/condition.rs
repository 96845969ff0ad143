//! Condition: a diagnosis or problem, from its onset or recording to its abatement. It is known
//! when it was recorded, which may be long after its onset.

use super::record;
use crate::batch::Note;
use crate::fhir::json::{CodeableConcept, Period, Present, Reference, Text};
use crate::fhir::rows::Mapper;
use longitude_core::IssueKind;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Condition<'a> {
    #[serde(default)]
    resource_type: Present,
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    code: Option<CodeableConcept<'a>>,
    #[serde(borrow)]
    subject: Option<Reference<'a>>,
    #[serde(borrow)]
    encounter: Option<Reference<'a>>,
    #[serde(borrow)]
    verification_status: Option<CodeableConcept<'a>>,
    #[serde(borrow)]
    onset_date_time: Option<Text<'a>>,
    #[serde(borrow)]
    onset_period: Option<Period<'a>>,
    #[serde(borrow)]
    recorded_date: Option<Text<'a>>,
    #[serde(borrow)]
    abatement_date_time: Option<Text<'a>>,
    #[serde(borrow)]
    abatement_period: Option<Period<'a>>,
    #[serde(default)]
    onset_age: Present,
    #[serde(default)]
    modifier_extension: Present,
}

record!(Condition, map);

fn map(condition: &Condition<'_>, mapper: &mut Mapper<'_>, _id: Option<&str>) -> Result<(), Note> {
    let verified = condition.verification_status.as_ref();
    if verified.is_some_and(|status| status.has_code(&["entered-in-error", "refuted"])) {
        return Err(Note::at(IssueKind::NotDone, "Condition.verificationStatus"));
    }
    mapper.subject(condition.subject.as_ref())?;
    mapper.encounter(condition.encounter.as_ref());
    let code = mapper.coded(condition.code.as_ref(), "Condition.code")?;
    if condition.modifier_extension.0 {
        mapper.modified();
    }
    mapper.recorded(&[("Condition.recordedDate", condition.recorded_date.as_ref())]);
    mapper.recorded_with_encounter();
    if condition.onset_age.0 {
        // An age needs the birth, which stands in another record.
        mapper.warn(Note::at(IssueKind::NotSupported, "Condition.onsetAge"));
    }
    let onset = condition.onset_period.as_ref();
    let when = mapper.place(&[
        (
            "Condition.onsetDateTime",
            condition.onset_date_time.as_ref(),
        ),
        (
            "Condition.onsetPeriod.start",
            onset.and_then(|period| period.start.as_ref()),
        ),
        ("Condition.recordedDate", condition.recorded_date.as_ref()),
    ])?;
    let period = condition.abatement_period.as_ref();
    let ends = [
        (
            "Condition.abatementDateTime",
            condition.abatement_date_time.as_ref(),
        ),
        (
            "Condition.abatementPeriod.end",
            period.and_then(|period| period.end.as_ref()),
        ),
    ];
    let mut end = None;
    for (element, text) in ends {
        end = end.or_else(|| mapper.end(when, element, text));
    }
    mapper.event(code, Some(when), "Condition.code").end_time = end;
    Ok(())
}
