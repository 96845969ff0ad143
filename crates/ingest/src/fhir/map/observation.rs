//! Observation: what was measured, found or asked. One event for its own value and one for each
//! component; a panel without a value of its own stands only for its components. A member of a
//! culture, whose organism stands in another Observation, makes one more.

use super::value::{Value, observe, valued};
use super::{record, refuse};
use crate::batch::Note;
use crate::fhir::codes;
use crate::fhir::index::Index;
use crate::fhir::json::{CodeableConcept, Period, Present, Reference, Text};
use crate::fhir::reference::Target;
use crate::fhir::rows::Mapper;
use crate::fhir::time::When;
use crate::hash::hash64;
use longitude_core::systems;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::sync::Arc;

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
        #[serde(borrow, default)]
        derived_from: Vec<Reference<'a>>,
        #[serde(default)]
        has_member: Present,
        #[serde(borrow)]
        extension: Option<&'a RawValue>,
        #[serde(default)]
        modifier_extension: Present,
    }
}

valued! {
    pub(crate) struct Component<'a> {
        #[serde(borrow)]
        code: Option<CodeableConcept<'a>>,
    }
}

record!(Observation, map);

fn map(seen: &Observation<'_>, mapper: &mut Mapper<'_>, id: Option<&str>) -> Result<(), Note> {
    refuse(
        seen.status.as_ref(),
        &["entered-in-error", "cancelled"],
        "Observation.status",
    )?;
    mapper.subject(seen.subject.as_ref())?;
    mapper.encounter(seen.encounter.as_ref());
    let when = place(seen, mapper)?;
    events(seen, mapper, when)?;
    if mapper.indexes().any(Index::has_organisms) {
        susceptible(seen, mapper, (when, id));
    }
    Ok(())
}

/// An Observation contained in another record, of the subject of that record and, where it has no
/// time, of that record's time.
pub(super) fn contained(
    seen: &Observation<'_>,
    mapper: &mut Mapper<'_>,
    otherwise: When,
) -> Result<(), Note> {
    let refused = ["entered-in-error", "cancelled"];
    refuse(seen.status.as_ref(), &refused, "Observation.status")?;
    let when = match &seen.effective_date_time {
        Some(_) => place(seen, mapper)?,
        None => otherwise,
    };
    events(seen, mapper, when)
}

fn place(seen: &Observation<'_>, mapper: &mut Mapper<'_>) -> Result<When, Note> {
    if seen.modifier_extension.0 {
        mapper.modified();
    }
    mapper.recorded(&[("Observation.issued", seen.issued.as_ref())]);
    let period = seen.effective_period.as_ref();
    // What was observed over a period is known at its end.
    mapper.place(&[
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
    ])
}

fn events(seen: &Observation<'_>, mapper: &mut Mapper<'_>, when: When) -> Result<(), Note> {
    let before = mapper.batch.events.len();
    let own = seen.value();
    let stands_for_parts = !seen.component.is_empty() || seen.has_member.0 && seen.code.is_none();
    let is_panel = own.is_none() && stands_for_parts;
    let mut fault = None;
    if !is_panel {
        fault = mapper
            .coded(seen.code.as_ref(), "Observation.code")
            .and_then(|code| {
                let element = own.map_or("Observation.code".into(), |value| {
                    ["Observation.", value.element()].concat()
                });
                observe(mapper, (code, when), (own, seen.said()), &element)?;
                let last = mapper.batch.events.last_mut();
                if let (Some(text), Some((_, event))) = (seen.text_beside(), last) {
                    event.text_value.get_or_insert(text);
                }
                Ok(())
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

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Extension<'a> {
    #[serde(borrow)]
    url: Option<Text<'a>>,
    #[serde(borrow)]
    value_string: Option<Text<'a>>,
}

impl Observation<'_> {
    /// The text that our own export puts beside the value. Other extensions may hold anything and
    /// are not looked into.
    fn text_beside(&self) -> Option<Arc<str>> {
        let written = self.extension?.get();
        memchr::memmem::find(written.as_bytes(), systems::TEXT_VALUE.as_bytes())?;
        let all: Vec<Extension<'_>> = serde_json::from_str(written).ok()?;
        let is_own =
            |one: &&Extension<'_>| one.url.as_ref().map(Text::as_str) == Some(systems::TEXT_VALUE);
        let text = all.iter().find(is_own)?.value_string.as_ref();
        text.map(|text| text.as_str().into())
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
    let told = (value, component.said());
    observe(mapper, (code, when), told, &element).map_err(|note| {
        let detail = ["Observation.component.", name].concat();
        Note::new(note.kind, note.element, detail)
    })
}

/// How an organism bears an antibiotic: the codes of HL7's ObservationInterpretation for
/// susceptibility, and SNOMED's for the same.
const BORNE: &[(&str, &str)] = &[
    ("S", "S"),
    ("I", "I"),
    ("R", "R"),
    ("NS", "NS"),
    ("SDD", "SDD"),
    ("SYN-S", "SYN-S"),
    ("SYN-R", "SYN-R"),
    ("131196009", "S"),
    ("11896004", "I"),
    ("30714006", "R"),
];

/// The event of an organism, an antibiotic and how the one bears the other.
fn susceptible(seen: &Observation<'_>, mapper: &mut Mapper<'_>, (when, id): (When, Option<&str>)) {
    let result = match seen.value() {
        Some(Value::Concept(concept)) => borne(concept),
        _ => None,
    };
    let result = result.or_else(|| seen.interpretation.iter().find_map(borne));
    let Some(result) = result else { return };
    let organism = id.and_then(|id| mapper.organism(hash64("Observation", id)));
    let parents = seen
        .derived_from
        .iter()
        .filter_map(|reference| reference.reference.as_ref());
    let mut parents = parents.filter_map(|text| match Target::parse(text.as_str()) {
        Target::Record { kind, id } => Some(hash64(kind, id)),
        Target::Urn(_) | Target::Contained(_) | Target::Unresolvable => None,
    });
    let organism = organism.or_else(|| parents.find_map(|key| mapper.organism(key)));
    let chosen = seen.code.as_ref().and_then(|code| codes::choose(code).ok());
    let (Some(organism), Some(chosen)) = (organism, chosen) else {
        return;
    };
    let antibiotic = mapper.code(&chosen.system, &chosen.value);
    let pair = mapper.within("SUSCEPTIBILITY", &organism);
    let pair = mapper.suffixed(&pair, &antibiotic.to_meds());
    let code = mapper.suffixed(&pair, result);
    mapper.event(code, Some(when), "Observation.derivedFrom");
}

fn borne(concept: &CodeableConcept<'_>) -> Option<&'static str> {
    let said = |(code, _): &&(&str, &str)| concept.has_code(&[*code]);
    BORNE.iter().find(said).map(|(_, result)| *result)
}
