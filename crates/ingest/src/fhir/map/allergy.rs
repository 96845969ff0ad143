//! AllergyIntolerance: what the subject does not bear, from when it was known.

use super::record;
use crate::batch::Note;
use crate::fhir::json::{CodeableConcept, Present, Reference, Text};
use crate::fhir::rows::Mapper;
use longitude_core::IssueKind;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AllergyIntolerance<'a> {
    #[serde(default)]
    resource_type: Present,
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    verification_status: Option<CodeableConcept<'a>>,
    #[serde(borrow)]
    code: Option<CodeableConcept<'a>>,
    #[serde(borrow)]
    patient: Option<Reference<'a>>,
    #[serde(borrow)]
    encounter: Option<Reference<'a>>,
    #[serde(borrow)]
    onset_date_time: Option<Text<'a>>,
    #[serde(borrow)]
    recorded_date: Option<Text<'a>>,
    #[serde(borrow)]
    last_occurrence: Option<Text<'a>>,
    #[serde(borrow, default)]
    reaction: Vec<Reaction<'a>>,
}

#[derive(Deserialize)]
struct Reaction<'a> {
    #[serde(borrow, default)]
    manifestation: Vec<CodeableConcept<'a>>,
}

record!(AllergyIntolerance, map);

fn map(
    allergy: &AllergyIntolerance<'_>,
    mapper: &mut Mapper<'_>,
    _id: Option<&str>,
) -> Result<(), Note> {
    let verified = allergy.verification_status.as_ref();
    if verified.is_some_and(|status| status.has_code(&["entered-in-error", "refuted"])) {
        return Err(Note::at(
            IssueKind::NotDone,
            "AllergyIntolerance.verificationStatus",
        ));
    }
    mapper.owned_by("patient");
    mapper.subject(allergy.patient.as_ref())?;
    mapper.encounter(allergy.encounter.as_ref());
    let code = mapper.coded(allergy.code.as_ref(), "AllergyIntolerance.code")?;
    mapper.recorded(&[(
        "AllergyIntolerance.recordedDate",
        allergy.recorded_date.as_ref(),
    )]);
    let when = mapper.place(&[
        (
            "AllergyIntolerance.onsetDateTime",
            allergy.onset_date_time.as_ref(),
        ),
        (
            "AllergyIntolerance.recordedDate",
            allergy.recorded_date.as_ref(),
        ),
        (
            "AllergyIntolerance.lastOccurrence",
            allergy.last_occurrence.as_ref(),
        ),
    ])?;
    let code = mapper.within("ALLERGY", &code);
    mapper.event(code, Some(when), "AllergyIntolerance.code");
    let shown = allergy
        .reaction
        .iter()
        .flat_map(|reaction| &reaction.manifestation);
    for concept in shown {
        let element = "AllergyIntolerance.reaction.manifestation";
        match mapper.coded(Some(concept), element) {
            Ok(code) => {
                let code = mapper.within("ALLERGY_REACTION", &code);
                mapper.event(code, Some(when), element);
            }
            Err(note) => mapper.warn(note),
        }
    }
    Ok(())
}
