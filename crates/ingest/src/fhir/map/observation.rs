//! Observation: what was measured, found or asked. One event for its own value and one for each
//! component; a panel without a value of its own stands only for its components.

use super::value::{observe, valued};
use super::{record, refuse};
use crate::batch::Note;
use crate::fhir::json::{CodeableConcept, Period, Present, Reference, Text};
use crate::fhir::rows::Mapper;
use crate::fhir::time::When;

valued! {
    pub(crate) struct Observation<'a> {
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
        effective_date_time: Option<Text<'a>>,
        #[serde(borrow)]
        effective_period: Option<Period<'a>>,
        #[serde(borrow)]
        effective_instant: Option<Text<'a>>,
        #[serde(borrow)]
        issued: Option<Text<'a>>,
        #[serde(borrow, default)]
        component: Vec<Component<'a>>,
    }
}

valued! {
    pub(crate) struct Component<'a> {
        #[serde(borrow)]
        code: Option<CodeableConcept<'a>>,
    }
}

record!(Observation, map);

fn map(seen: &Observation<'_>, mapper: &mut Mapper<'_>, _id: Option<&str>) -> Result<(), Note> {
    refuse(
        seen.status.as_ref(),
        &["entered-in-error", "cancelled"],
        "Observation.status",
    )?;
    mapper.subject(seen.subject.as_ref())?;
    mapper.encounter(seen.encounter.as_ref());
    let period = seen.effective_period.as_ref();
    // What was observed over a period is known at its end.
    let when = mapper.place(&[
        (
            "Observation.effectiveDateTime",
            seen.effective_date_time.as_ref(),
        ),
        (
            "Observation.effectivePeriod.end",
            period.and_then(|period| period.end.as_ref()),
        ),
        (
            "Observation.effectivePeriod.start",
            period.and_then(|period| period.start.as_ref()),
        ),
        (
            "Observation.effectiveInstant",
            seen.effective_instant.as_ref(),
        ),
        ("Observation.issued", seen.issued.as_ref()),
    ])?;
    let before = mapper.batch.events.len();
    let own = seen.value();
    let is_panel = own.is_none() && !seen.component.is_empty();
    let mut fault = None;
    if !is_panel {
        fault = mapper
            .coded(seen.code.as_ref(), "Observation.code")
            .and_then(|code| {
                let element = own.map_or("Observation.code".into(), |value| {
                    ["Observation.", value.element()].concat()
                });
                observe(mapper, code, when, own, &element)
            })
            .err();
    }
    for (place, component) in seen.component.iter().enumerate() {
        if let Err(note) = part(component, mapper, when, place) {
            match fault {
                Some(_) => mapper.warn(note),
                None => fault = Some(note),
            }
        }
    }
    match fault {
        Some(note) if mapper.batch.events.len() == before => Err(note),
        Some(note) => {
            mapper.warn(note);
            Ok(())
        }
        None => Ok(()),
    }
}

/// One component. Its note is counted under the path without the place in the list.
fn part(
    component: &Component<'_>,
    mapper: &mut Mapper<'_>,
    when: When,
    place: usize,
) -> Result<(), Note> {
    let value = component.value();
    let name = value.map_or("code", |value| value.element());
    let element = format!("Observation.component[{place}].{name}");
    let code = mapper.coded(component.code.as_ref(), "Observation.component.code")?;
    observe(mapper, code, when, value, &element).map_err(|note| {
        let detail = ["Observation.component.", name].concat();
        Note::new(note.kind, note.element, detail)
    })
}
