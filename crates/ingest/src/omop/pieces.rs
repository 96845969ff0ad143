//! One piece of a table into a batch: its header, or some of its rows, or its end.

use super::clinical;
use super::columns::{self, Columns};
use super::concepts::{self, Concepts};
use super::person;
use super::place;
use super::rows::Mapper;
use super::tables::{self, Kind, Reference, Table};
use super::visit;
use super::world::World;
use crate::batch::{Batch, Note, Outcome};
use crate::files::SourceFile;
use crate::pipeline::Payload;
use crate::table::{Header, Piece, Row, RowFault, Rows};
use longitude_core::IssueKind;
use std::borrow::Cow;

/// A piece of CONCEPT: its concepts, and its rows for the account.
pub(super) fn concepts(file: &SourceFile, payload: Payload) -> (Batch, Concepts) {
    let mut found = Concepts::default();
    let Some(table) = tables::of_file(&file.name) else {
        return (Batch::default(), found);
    };
    let batch = piece(table, payload, |rows, batch| {
        let columns = concepts::Columns::of(&rows.header);
        rows.each(|number, row| {
            let issue = match row {
                Ok(row) if found.add(row, &columns) => None,
                Ok(_) => Some(Note::at(IssueKind::InvalidField, "concept")),
                Err(fault) => Some(fault.note()),
            };
            batch.rows.push(outcome(table, number, issue));
        });
    });
    (batch, found)
}

/// A piece of any other table.
pub(super) fn map(file: &SourceFile, payload: Payload, world: &World<'_>) -> Batch {
    let Some(table) = tables::of_file(&file.name) else {
        return Batch::default();
    };
    piece(table, payload, |rows, batch| {
        let mut mapper = Mapper::new(world, table, &file.name);
        mapper.batch = std::mem::take(batch);
        each(&mut mapper, rows, (table, world));
        *batch = mapper.batch;
    })
}

fn piece(table: &Table, payload: Payload, rows: impl FnOnce(&Rows, &mut Batch)) -> Batch {
    let mut batch = Batch::default();
    match payload {
        Payload::Table(Piece::Header(header)) => {
            let notes = header.notes().into_iter();
            let notes = notes.chain(columns::missing(&header, table));
            batch.file_issues.extend(notes.map(|note| (0, note)));
        }
        Payload::Table(Piece::Rows(own)) => rows(&own, &mut batch),
        Payload::LongLine { row } => {
            let issue = Some(RowFault::TooLong.note());
            batch.rows.push(outcome(table, row, issue));
        }
        Payload::End {
            digest,
            bytes,
            fault,
        } => {
            batch.stored = Some((digest, bytes));
            let fault = fault.map(|(fault, row)| (row, fault.note()));
            batch.file_issues.extend(fault);
        }
        Payload::Unopened => batch.file_issues.push((0, Note::unopened())),
        // Every file of OMOP is a table.
        Payload::Lines { .. } | Payload::Document => {}
    }
    batch
}

fn outcome(table: &Table, row: u64, issue: Option<Note>) -> Outcome {
    Outcome {
        row,
        kind: Cow::Borrowed(table.name),
        key: 0,
        events: 0,
        warnings: 0,
        identifiers: 0,
        other_codings: 0,
        issue,
    }
}

fn each(mapper: &mut Mapper<'_>, rows: &Rows, (table, world): (&'static Table, &World<'_>)) {
    let header = &*rows.header;
    match table.kind {
        Kind::Clinical(own) => {
            let columns = Columns::of(header, own);
            with(mapper, rows, |mapper, row| {
                clinical::map(mapper, row, (own, &columns))
            });
        }
        Kind::Era(own) if world.options.eras => {
            let columns = Columns::of(header, own);
            with(mapper, rows, |mapper, row| {
                clinical::map(mapper, row, (own, &columns))
            });
        }
        Kind::Era(_) => refuse(mapper, rows, (table, IssueKind::Filtered)),
        Kind::NotClinical => refuse(mapper, rows, (table, IssueKind::NotClinical)),
        Kind::Person => {
            let columns = person::Columns::of(header);
            with(mapper, rows, |mapper, row| {
                person::map(mapper, row, &columns)
            });
        }
        Kind::Period => {
            let columns = person::Period::of(header);
            with(mapper, rows, |mapper, row| columns.map(mapper, row));
        }
        Kind::Death => {
            let columns = person::Death::of(header);
            with(mapper, rows, |mapper, row| columns.map(mapper, row));
        }
        Kind::Visit => {
            let columns = visit::Columns::of(header);
            with(mapper, rows, |mapper, row| {
                visit::map(mapper, row, &columns)
            });
        }
        Kind::Reference(kind) => reference(mapper, rows, (header, kind)),
    }
}

/// Rows through which others are resolved; they make no event.
fn reference(mapper: &mut Mapper<'_>, rows: &Rows, (header, kind): (&Header, Reference)) {
    match kind {
        Reference::Provider => {
            let columns = place::Provider::of(header);
            with(mapper, rows, |mapper, row| columns.map(mapper, row));
        }
        Reference::Location => with(mapper, rows, |mapper, row| {
            let read = place::Address::read(header, row);
            let element = mapper.path("location_id");
            read.map(|_| ())
                .ok_or_else(|| Note::at(IssueKind::InvalidField, element))
        }),
        Reference::Concept | Reference::Other => with(mapper, rows, |_mapper, _row| Ok(())),
    }
}

fn with(
    mapper: &mut Mapper<'_>,
    rows: &Rows,
    mut map: impl FnMut(&mut Mapper<'_>, &Row<'_>) -> Result<(), Note>,
) {
    rows.each(|number, row| {
        mapper.row(number, |mapper| match row {
            Ok(row) => map(mapper, row),
            Err(fault) => Err(fault.note()),
        });
    });
}

/// Rows that make no event on purpose.
fn refuse(mapper: &mut Mapper<'_>, rows: &Rows, (table, kind): (&Table, IssueKind)) {
    with(mapper, rows, |_mapper, _row| {
        Err(Note::at(kind, table.name))
    });
}
