//! Drugs ordered, given, handed out and told of.

use super::clinical::{Draft, part_losses};
use super::concept::{clean, quantity};
use super::home::Act;
use super::{Export, beside};
use longitude_core::{Code, Event};
use serde_json::json;

/// The type of resource.
pub(super) fn kind(act: Act) -> &'static str {
    match act {
        Act::Ordered => "MedicationRequest",
        Act::Administered => "MedicationAdministration",
        Act::Dispensed => "MedicationDispense",
        Act::Stated => "MedicationStatement",
    }
}

/// The element of the encounter.
pub(super) fn encounter(act: Act) -> &'static str {
    match act {
        Act::Ordered => "encounter",
        Act::Administered | Act::Dispensed | Act::Stated => "context",
    }
}

/// Fills a resource; `None` where it cannot hold the event.
pub(super) fn fill(
    draft: &mut Draft<'_>,
    act: Act,
    parts: &[&Event],
    export: &mut Export,
) -> Option<()> {
    let event = draft.event;
    let value = event.code.value.strip_suffix(act.suffix())?;
    let has_number = event.numeric_value.is_some() || event.unit.is_some();
    if value.is_empty() || act == Act::Stated && has_number {
        return None;
    }
    let code = Code::new(event.code.system.clone(), value);
    draft.code("medicationCodeableConcept", &code, export)?;
    match act {
        Act::Ordered => ordered(draft),
        Act::Administered => administered(draft, parts)?,
        Act::Dispensed => dispensed(draft),
        Act::Stated => stated(draft),
    }
    if matches!(act, Act::Ordered | Act::Stated) {
        let what = [kind(act), ".status `unknown`"].concat();
        export.account.filled(&what);
    }
    match event.text_value.as_deref() {
        Some("") => draft.losses.push("an empty text"),
        Some(text) => {
            draft
                .losses
                .push("text of a drug: stands in `note`, which a reader passes over");
            let text = clean(text, &mut draft.losses);
            draft.resource.add("note", json!({"text": text}));
        }
        None => {}
    }
    Some(())
}

fn ordered(draft: &mut Draft<'_>) {
    draft
        .resource
        .set("status", "unknown")
        .set("intent", "order")
        .set("authoredOn", draft.when.clone());
    if let Some(end) = draft.end() {
        let valid = json!({"validityPeriod": {"end": end}});
        draft.resource.set("dispenseRequest", valid);
    }
    if let Some(dose) = draft.amount() {
        let dose = json!({"doseAndRate": [{"doseQuantity": dose}]});
        draft.resource.add("dosageInstruction", dose);
    }
    draft.not_recorded();
}

fn administered(draft: &mut Draft<'_>, parts: &[&Event]) -> Option<()> {
    draft.resource.set("status", "completed");
    draft.lasting("effective");
    let mut dosage = json!({});
    if let Some(dose) = draft.amount() {
        dosage["dose"] = dose;
    }
    for part in parts {
        let mut losses = part_losses(part, draft.event);
        let unit = (part.unit.as_deref(), beside::unit(part));
        dosage["rateQuantity"] = quantity(Some(part.numeric_value?), unit, &mut losses)?;
        if beside::other(part).is_some() {
            losses.push("the source's own code of a rate");
        }
        draft.parts.push(losses);
    }
    if dosage != json!({}) {
        draft.resource.set("dosage", dosage);
    }
    draft.not_recorded();
    Some(())
}

fn dispensed(draft: &mut Draft<'_>) {
    draft
        .resource
        .set("status", "completed")
        .set("whenHandedOver", draft.when.clone());
    if let Some(quantity) = draft.amount() {
        draft.resource.set("quantity", quantity);
    }
    draft.no_end();
    draft.not_recorded();
}

fn stated(draft: &mut Draft<'_>) {
    draft.resource.set("status", "unknown");
    draft.lasting("effective");
    if let Some(recorded) = draft.recorded() {
        draft.resource.set("dateAsserted", recorded);
    }
}
