//! Specimen: that something was collected for the laboratory, which tells of an order before its
//! result is there.

use super::{record, refuse};
use crate::batch::Note;
use crate::fhir::json::{CodeableConcept, Period, Present, Reference, Text};
use crate::fhir::rows::Mapper;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Specimen<'a> {
    #[serde(default)]
    resource_type: Present,
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    status: Option<Text<'a>>,
    #[serde(borrow, rename = "type")]
    kind: Option<CodeableConcept<'a>>,
    #[serde(borrow)]
    subject: Option<Reference<'a>>,
    #[serde(borrow)]
    collection: Option<Collection<'a>>,
    #[serde(borrow)]
    received_time: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Collection<'a> {
    #[serde(borrow)]
    collected_date_time: Option<Text<'a>>,
    #[serde(borrow)]
    collected_period: Option<Period<'a>>,
}

record!(Specimen, map);

fn map(specimen: &Specimen<'_>, mapper: &mut Mapper<'_>, _id: Option<&str>) -> Result<(), Note> {
    let refused = ["entered-in-error", "unavailable"];
    refuse(specimen.status.as_ref(), &refused, "Specimen.status")?;
    mapper.subject(specimen.subject.as_ref())?;
    let code = mapper.coded(specimen.kind.as_ref(), "Specimen.type")?;
    let collected = specimen.collection.as_ref();
    let period = collected.and_then(|collected| collected.collected_period.as_ref());
    let when = mapper.place(&[
        (
            "Specimen.collection.collectedDateTime",
            collected.and_then(|collected| collected.collected_date_time.as_ref()),
        ),
        (
            "Specimen.collection.collectedPeriod.start",
            period.and_then(|period| period.start.as_ref()),
        ),
        ("Specimen.receivedTime", specimen.received_time.as_ref()),
    ])?;
    let code = mapper.within("SPECIMEN", &code);
    mapper.event(code, Some(when), "Specimen.type");
    Ok(())
}
