//! Where the columns of a mapping stand in a file, and which of them it lacks.

use super::tables::{Clinical, Kind, Reference, Table};
use super::{concepts, person, place, visit};
use crate::batch::Note;
use crate::table::Header;
use longitude_core::IssueKind;

/// The place of a column by its name; a leading `?` is no part of it.
pub(super) fn find(header: &Header, name: &str) -> Option<usize> {
    let name = name.strip_prefix('?').unwrap_or(name);
    if name.is_empty() {
        return None;
    }
    header.find(name)
}

/// The first of several names that the header has.
pub(super) fn any(header: &Header, names: &[&str]) -> Option<usize> {
    names.iter().find_map(|name| find(header, name))
}

/// The columns of a row that is one event.
pub(super) struct Columns {
    pub(super) id: Option<usize>,
    pub(super) person: Option<usize>,
    pub(super) visit: Option<usize>,
    pub(super) concept: Option<usize>,
    pub(super) source_concept: Option<usize>,
    pub(super) fallback: Option<usize>,
    pub(super) source_value: Option<usize>,
    pub(super) start: [Option<usize>; 2],
    pub(super) end: [Option<usize>; 2],
    pub(super) number: Option<usize>,
    pub(super) text: [Option<usize>; 2],
    pub(super) value_concept: Option<usize>,
    pub(super) unit_concept: Option<usize>,
    pub(super) unit_source: Option<usize>,
    pub(super) operator: Option<usize>,
    pub(super) range: [Option<usize>; 2],
}

impl Columns {
    pub(super) fn of(header: &Header, table: &Clinical) -> Self {
        let one = |name: &str| find(header, name);
        Self {
            id: one(table.id),
            person: one("person_id"),
            visit: one("visit_occurrence_id"),
            concept: one(table.concept),
            source_concept: one(table.source_concept),
            fallback: one(table.fallback),
            source_value: one(table.source_value),
            start: table.start.map(one),
            end: table.end.map(one),
            number: one(table.number),
            text: table.text.map(one),
            value_concept: one(table.value_concept),
            unit_concept: one(table.unit_concept),
            unit_source: one(table.unit_source),
            operator: one(table.operator),
            range: table.range.map(one),
        }
    }
}

/// The columns that the mapping of a table reads and the file lacks.
pub(super) fn missing(header: &Header, table: &Table) -> Vec<Note> {
    let groups: Vec<Vec<&'static str>> = match table.kind {
        Kind::Clinical(columns) | Kind::Era(columns) => clinical(columns),
        Kind::Person => person::COLUMNS.iter().map(|names| names.to_vec()).collect(),
        Kind::Period => person::PERIOD.iter().map(|name| vec![*name]).collect(),
        Kind::Visit => visit::COLUMNS.iter().map(|names| names.to_vec()).collect(),
        Kind::Death => person::DEATH.iter().map(|names| names.to_vec()).collect(),
        Kind::Reference(Reference::Concept) => concepts::Columns::NAMES
            .iter()
            .map(|name| vec![*name])
            .collect(),
        Kind::Reference(Reference::Location) => {
            place::LOCATION.iter().map(|name| vec![*name]).collect()
        }
        Kind::Reference(Reference::Provider) => {
            place::PROVIDER.iter().map(|name| vec![*name]).collect()
        }
        Kind::Reference(Reference::Other) | Kind::NotClinical => Vec::new(),
    };
    let lacks = |names: &Vec<&'static str>| {
        let told = names
            .iter()
            .all(|name| !name.is_empty() && !name.starts_with('?'));
        told && any(header, names).is_none()
    };
    let note = |names: Vec<&'static str>| {
        let column = [table.name, ".", names[0]].concat();
        Note::at(IssueKind::MissingColumn, column)
    };
    groups.into_iter().filter(lacks).map(note).collect()
}

fn clinical(table: &Clinical) -> Vec<Vec<&'static str>> {
    let mut groups = vec![vec!["person_id"], table.start.to_vec()];
    let singles = [
        table.id,
        table.concept,
        table.source_concept,
        table.source_value,
        table.number,
        table.value_concept,
        table.unit_concept,
        table.unit_source,
        table.operator,
    ];
    let more = singles.into_iter().chain(table.text).chain(table.range);
    groups.extend(more.filter(|name| !name.is_empty()).map(|name| vec![name]));
    if table.end.iter().all(|name| !name.starts_with('?')) {
        groups.push(table.end.to_vec());
    }
    // The start of an era has a date only.
    if table.start[0].starts_with('?') {
        groups[1] = vec![table.start[1]];
    }
    groups
}
