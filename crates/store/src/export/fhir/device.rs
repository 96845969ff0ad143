//! Devices in use, images taken and specimens collected. None of these resources names an encounter
//! but the images: an event of an encounter is an Observation.

use super::clinical::Draft;
use super::concept::{coding, is_exact};
use super::home::USED;
use super::{Export, beside};
use longitude_core::Code;
use serde_json::json;

/// The code system of DICOM, whose codes of images are modalities.
const DICOM: &str = "dicom.nema.org/resources/ontology/DCM";

/// A device that was used.
pub(super) fn used(draft: &mut Draft<'_>, export: &mut Export) -> Option<()> {
    let event = draft.event;
    let code = Code::from_meds(event.code.value.strip_suffix(USED)?);
    let is_held = beside::is_bare(event)
        && event.encounter.is_none()
        && beside::other(event).is_none()
        && is_exact(&code);
    if !is_held {
        return None;
    }
    draft.lasting("timing");
    let status = if draft.resource.has("timingPeriod") {
        "completed"
    } else {
        export
            .account
            .filled("DeviceUseStatement.status `active`: no end is recorded");
        "active"
    };
    draft
        .resource
        .set("status", status)
        .set("device", export.things.reference("Device", &code));
    if let Some(recorded) = draft.recorded() {
        draft.resource.set("recordedOn", recorded);
    }
    Some(())
}

/// Images that were taken, by modality or by procedure.
pub(super) fn imaging(draft: &mut Draft<'_>, export: &Export) -> Option<()> {
    let event = draft.event;
    let code = Code::from_meds(&event.code.value);
    if !beside::is_bare(event) {
        return None;
    }
    if &*code.system == DICOM {
        if beside::other(event).is_some() {
            return None;
        }
        let modality = coding(&code, &mut draft.losses)?;
        draft.resource.add("modality", modality);
    } else {
        let other = beside::other(event);
        let concept = export.terms.concept(&code, other, &mut draft.losses)?;
        draft.resource.add("procedureCode", concept);
    }
    draft
        .resource
        .set("status", "available")
        .set("started", draft.when.clone());
    draft.no_end();
    draft.not_recorded();
    Some(())
}

/// What was collected for the laboratory.
pub(super) fn specimen(draft: &mut Draft<'_>, export: &Export) -> Option<()> {
    let event = draft.event;
    if !beside::is_bare(event) || event.encounter.is_some() {
        return None;
    }
    draft.code("type", &Code::from_meds(&event.code.value), export)?;
    let collected = json!({"collectedDateTime": draft.when.clone()});
    draft.resource.set("collection", collected);
    draft.no_end();
    draft.not_recorded();
    Some(())
}
