//! Which drug a record means: by its own code, by a Medication that it refers to, contains or
//! stands with in a bundle, or by the ingredients of that Medication.

use crate::batch::Note;
use crate::fhir::codes;
use crate::fhir::index::{self, Drug, Index, Ingredient};
use crate::fhir::json::{CodeableConcept, Reference};
use crate::fhir::reference::{Target, urn_id};
use crate::fhir::rows::Mapper;
use crate::hash::hash64;
use longitude_core::{Code, IssueKind};
use serde_json::value::RawValue;

/// The elements that say which drug.
pub(super) struct Which<'m, 'a> {
    pub(super) concept: Option<&'m CodeableConcept<'a>>,
    pub(super) reference: Option<&'m Reference<'a>>,
    pub(super) contained: &'m [&'a RawValue],
}

/// The codes of the drug. A reference that leads nowhere falls back to its display text.
pub(super) fn resolve(mapper: &mut Mapper<'_>, which: &Which<'_, '_>) -> Result<Vec<Code>, Note> {
    if which.concept.is_some() {
        let code = mapper.coded(which.concept, "medicationCodeableConcept");
        let code = code.map_err(|note| {
            Note::new(
                note.kind,
                note.element,
                mapper.path("medicationCodeableConcept"),
            )
        })?;
        return Ok(vec![code]);
    }
    let path = mapper.path("medicationReference");
    let Some(reference) = which.reference else {
        return Err(Note::at(
            IssueKind::MissingCode,
            mapper.path("medication[x]"),
        ));
    };
    let found = look_up(mapper, reference, which.contained);
    let kind = match found {
        Some(codes) if !codes.is_empty() => return Ok(codes),
        Some(_) => IssueKind::MissingCode,
        None => IssueKind::MissingReference,
    };
    let display = reference.display.as_ref();
    let text = display.and_then(|text| codes::text_code(text.as_str()));
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Err(Note::at(kind, path));
    };
    mapper.warn(Note::at(kind, path));
    Ok(vec![mapper.code(codes::TEXT, &text)])
}

/// The codes of a referenced Medication: `None` when it is not there, empty when it has no code.
fn look_up(
    mapper: &Mapper<'_>,
    reference: &Reference<'_>,
    contained: &[&RawValue],
) -> Option<Vec<Code>> {
    let (kind, id) = match Target::parse(reference.reference.as_ref()?.as_str()) {
        Target::Record { kind, id } => (kind, id),
        Target::Urn(urn) => mapper
            .local_target(urn)
            .unwrap_or(("Medication", urn_id(urn))),
        Target::Contained(id) => {
            let inside = contained.iter().find_map(|resource| {
                let drug: index::Medication<'_> = serde_json::from_str(resource.get()).ok()?;
                (drug.id.as_ref()?.as_str() == id).then(|| drug.drug())
            });
            return Some(codes_of(mapper, &inside?));
        }
        Target::Unresolvable => return None,
    };
    let key = hash64(kind, id);
    let drug = mapper.indexes().find_map(|index| index.medication(key))?;
    Some(codes_of(mapper, drug))
}

/// The codes of a drug; ingredients are followed one step, so that no cycle can hold us.
fn codes_of(mapper: &Mapper<'_>, drug: &Drug) -> Vec<Code> {
    let code = |ingredient: &Ingredient| match ingredient {
        Ingredient::Code(code) => Some(code.clone()),
        Ingredient::Medication(key) => {
            let known = |index: &'_ Index| match index.medication(*key) {
                Some(Drug::Code(code)) => Some(code.clone()),
                Some(Drug::Mix(_) | Drug::Uncoded) | None => None,
            };
            mapper.indexes().find_map(known)
        }
    };
    match drug {
        Drug::Code(code) => vec![code.clone()],
        Drug::Mix(ingredients) => ingredients.iter().filter_map(code).collect(),
        Drug::Uncoded => Vec::new(),
    }
}
