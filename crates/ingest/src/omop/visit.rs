//! VISIT_OCCURRENCE: the start and the end of an encounter, its kind, and where the subject came
//! from and went to, in the codes of the FHIR mapping, so that questions about stays are the same.

use super::columns::{any, find};
use super::known;
use super::rows::{Coded, Mapper, integer};
use crate::batch::Note;
use crate::table::{Header, Row};
use longitude_core::{EncounterId, IssueKind};

/// The columns that are read: for each the names it has.
pub(super) const COLUMNS: &[&[&str]] = &[
    &["visit_occurrence_id"],
    &["person_id"],
    &["visit_concept_id"],
    &["visit_source_concept_id"],
    &["visit_start_datetime", "visit_start_date"],
    &["visit_end_datetime", "visit_end_date"],
    &ADMITTED,
    &DISCHARGED,
];

const ADMITTED: [&str; 2] = ["admitted_from_concept_id", "admitting_source_concept_id"];
const DISCHARGED: [&str; 2] = ["discharged_to_concept_id", "discharge_to_concept_id"];
const START: [&str; 2] = ["visit_start_datetime", "visit_start_date"];
const END: [&str; 2] = ["visit_end_datetime", "visit_end_date"];

/// Where the columns stand.
pub(super) struct Columns {
    id: Option<usize>,
    person: Option<usize>,
    coded: Coded,
    start: [Option<usize>; 2],
    end: [Option<usize>; 2],
    admitted: Option<usize>,
    discharged: Option<usize>,
}

impl Columns {
    pub(super) fn of(header: &Header) -> Self {
        let one = |name: &str| find(header, name);
        Self {
            id: one("visit_occurrence_id"),
            person: one("person_id"),
            coded: Coded {
                concept: one("visit_concept_id"),
                source_concept: one("visit_source_concept_id"),
                fallback: None,
                // It is a number of the stay more often than a kind of stay.
                source_value: None,
                element: "visit_concept_id",
                source_element: "",
            },
            start: START.map(one),
            end: END.map(one),
            admitted: any(header, &ADMITTED),
            discharged: any(header, &DISCHARGED),
        }
    }
}

pub(super) fn map(mapper: &mut Mapper<'_>, row: &Row<'_>, columns: &Columns) -> Result<(), Note> {
    mapper.identify(row, columns.id);
    mapper.person(row, columns.person)?;
    match row.filled(columns.id).map(integer) {
        Some(Some(id)) => mapper.set_encounter(EncounterId(id)),
        Some(None) => {
            let element = mapper.path("visit_occurrence_id");
            return Err(Note::at(IssueKind::InvalidField, element));
        }
        None => {}
    }
    let start = mapper.must_have_time(row, columns.start, START)?;
    let end = mapper.time(row, columns.end, END);
    let is_reversed = end.is_some_and(|end| end.precision.end_of(end.instant) < start.instant);
    if is_reversed {
        mapper.warn(IssueKind::InvalidTime, mapper.path("visit_end_date"));
    }
    let end = end.filter(|_| !is_reversed);
    let concept = row.filled(columns.coded.concept).and_then(integer);
    let class = concept.and_then(known::visit_class).unwrap_or("UNKNOWN");
    let code = mapper.named("ENCOUNTER", &[class, "//START"].concat());
    let event = mapper.event(code, Some(start), START[0]);
    event.end_time = end.map(|end| end.instant.max(start.instant));
    // A stay whose kind nobody mapped is a stay all the same; the warning has been given.
    if let Ok((code, other)) = mapper.coded(row, &columns.coded) {
        let code = mapper.within("ENCOUNTER_TYPE", &code);
        let event = mapper.event(code, Some(start), "visit_concept_id");
        if other.is_some() {
            event.as_written_mut().code = other;
        }
    }
    if let Some(id) = mapper.concept_id(row, columns.admitted) {
        let code = mapper.code(id);
        let code = mapper.within("ADMIT_SOURCE", &code);
        mapper.event(code, Some(start), ADMITTED[0]);
    }
    if let Some(mut end) = end {
        end.instant = end.instant.max(start.instant);
        let code = mapper.named("ENCOUNTER", &[class, "//END"].concat());
        mapper.event(code, Some(end), END[0]);
        if let Some(id) = mapper.concept_id(row, columns.discharged) {
            let code = mapper.code(id);
            let code = mapper.within("DISCHARGE_DISPOSITION", &code);
            mapper.event(code, Some(end), DISCHARGED[0]);
        }
    }
    Ok(())
}
