//! Records that others name their drug, device or place through, and those that only say who is
//! who: they make no event.

use super::record;
use crate::batch::Note;
use crate::fhir::json::{Present, Reference, Text};
use crate::fhir::rows::Mapper;
use crate::person::LinkKind;
use longitude_core::{IssueKind, SubjectId};
use serde::Deserialize;

/// A Medication, a Device or a Location.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Known<'a> {
    #[serde(default)]
    resource_type: Present,
    #[serde(borrow)]
    id: Option<Text<'a>>,
    /// Whose device it is; it does not say since when.
    #[serde(default)]
    patient: Present,
}

record!(Known, known);

#[expect(clippy::unnecessary_wraps, reason = "the shape of every mapping")]
fn known(record: &Known<'_>, mapper: &mut Mapper<'_>, _id: Option<&str>) -> Result<(), Note> {
    if record.patient.0 {
        mapper.warn(Note::at(IssueKind::MissingTime, "Device.patient"));
    }
    Ok(())
}

/// A Person: the Patients that are one human being.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Person<'a> {
    #[serde(default)]
    resource_type: Present,
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow, default)]
    link: Vec<PersonLink<'a>>,
}

#[derive(Deserialize)]
struct PersonLink<'a> {
    #[serde(borrow)]
    target: Option<Reference<'a>>,
}

record!(Person, person);

fn person(person: &Person<'_>, mapper: &mut Mapper<'_>, _id: Option<&str>) -> Result<(), Note> {
    let targets = person.link.iter().filter_map(|link| link.target.as_ref());
    let patients = targets.filter_map(|target| mapper.other_subject(target));
    let patients: Vec<_> = patients.collect();
    linked(mapper, &patients, LinkKind::SeeAlso, "Person.link")
}

/// A Linkage: one record is the source of truth, the others are its alternates.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Linkage<'a> {
    #[serde(default)]
    resource_type: Present,
    #[serde(borrow)]
    id: Option<Text<'a>>,
    active: Option<bool>,
    #[serde(borrow, default)]
    item: Vec<LinkageItem<'a>>,
}

#[derive(Deserialize)]
struct LinkageItem<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Text<'a>>,
    #[serde(borrow)]
    resource: Option<Reference<'a>>,
}

record!(Linkage, linkage);

fn linkage(linkage: &Linkage<'_>, mapper: &mut Mapper<'_>, _id: Option<&str>) -> Result<(), Note> {
    if linkage.active == Some(false) {
        return Err(Note::at(IssueKind::NotDone, "Linkage.active"));
    }
    let is_source =
        |item: &&LinkageItem<'_>| item.kind.as_ref().map(Text::as_str) == Some("source");
    let sources = linkage.item.iter().filter(is_source);
    let others = linkage.item.iter().filter(|item| !is_source(item));
    let items = sources
        .chain(others)
        .filter_map(|item| item.resource.as_ref());
    let patients: Vec<_> = items
        .filter_map(|item| mapper.other_subject(item))
        .collect();
    linked(mapper, &patients, LinkKind::Refer, "Linkage.item")
}

/// The first with each of the rest.
fn linked(
    mapper: &mut Mapper<'_>,
    patients: &[SubjectId],
    kind: LinkKind,
    element: &'static str,
) -> Result<(), Note> {
    let [first, rest @ ..] = patients else {
        return Err(Note::at(IssueKind::NotClinical, element));
    };
    if rest.is_empty() {
        return Err(Note::at(IssueKind::NotClinical, element));
    }
    mapper.set_subject_id(*first);
    for other in rest {
        mapper.link(kind, *other, element);
    }
    Ok(())
}
