//! ImagingStudy: that images were taken, by procedure where coded, else by modality. The images
//! themselves are `imaging`'s.

use super::{record, refuse};
use crate::batch::Note;
use crate::fhir::codes;
use crate::fhir::json::{CodeableConcept, Coding, Present, Reference, Text};
use crate::fhir::rows::Mapper;
use longitude_core::Code;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ImagingStudy<'a> {
    #[serde(default)]
    resource_type: Present,
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    status: Option<Text<'a>>,
    #[serde(borrow)]
    subject: Option<Reference<'a>>,
    #[serde(borrow)]
    encounter: Option<Reference<'a>>,
    #[serde(borrow)]
    started: Option<Text<'a>>,
    #[serde(borrow, default)]
    procedure_code: Vec<CodeableConcept<'a>>,
    /// R5's name of it.
    #[serde(borrow, default)]
    procedure: Vec<CodeableConcept<'a>>,
    #[serde(borrow, default)]
    modality: Vec<Modality<'a>>,
    #[serde(borrow, default)]
    series: Vec<Series<'a>>,
}

#[derive(Deserialize)]
struct Series<'a> {
    #[serde(borrow)]
    modality: Option<Modality<'a>>,
}

/// R4's Coding or R5's CodeableConcept.
#[derive(Deserialize)]
struct Modality<'a> {
    #[serde(borrow, flatten)]
    bare: Coding<'a>,
    #[serde(borrow, default)]
    coding: Vec<Coding<'a>>,
}

record!(ImagingStudy, map);

fn map(study: &ImagingStudy<'_>, mapper: &mut Mapper<'_>, _id: Option<&str>) -> Result<(), Note> {
    refuse(
        study.status.as_ref(),
        &["entered-in-error", "cancelled"],
        "ImagingStudy.status",
    )?;
    mapper.subject(study.subject.as_ref())?;
    mapper.encounter(study.encounter.as_ref());
    let when = mapper.place(&[("ImagingStudy.started", study.started.as_ref())])?;
    let procedure = study.procedure_code.first().or_else(|| {
        // R4 has references of this name, which are no concepts.
        let mut newer = study.procedure.iter();
        newer.find(|procedure| procedure.concept.is_some())
    });
    let procedure = mapper.coded(procedure, "ImagingStudy.procedureCode");
    let code = procedure.or_else(|note| modality(study, mapper).ok_or(note))?;
    let code = mapper.within("IMAGING", &code);
    mapper.event(code, Some(when), "ImagingStudy");
    Ok(())
}

/// The first modality that is coded, of the study or else of its series.
fn modality(study: &ImagingStudy<'_>, mapper: &mut Mapper<'_>) -> Option<Code> {
    let series = study.series.iter();
    let series = series.filter_map(|series| series.modality.as_ref());
    let mut all = study.modality.iter().chain(series);
    let (system, value) = all.find_map(|modality| {
        let codings = [&modality.bare].into_iter().chain(&modality.coding);
        codings.into_iter().find_map(codes::spell)
    })?;
    Some(mapper.code(&system, &value))
}
