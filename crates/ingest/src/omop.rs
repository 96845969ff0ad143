//! OMOP CDM 5.3 and 5.4 from files to events: first the vocabulary and who stands in PERSON, then
//! every table, streamed.
//!
//! Memory is bounded by bytes in flight, by the vocabulary (16 bytes a concept and its code), by 12
//! bytes a person and by the identifiers remembered against duplicates. `SubjectId` is `person_id`
//! and `EncounterId` is `visit_occurrence_id`, as they stand. Nothing is written here.

mod clinical;
mod columns;
mod concepts;
mod known;
mod person;
mod pieces;
mod place;
mod rows;
mod tables;
mod time;
mod visit;
mod world;

pub(crate) use tables::{locate, of_file, telling_folder};

use crate::account::Account;
use crate::batch::Note;
use crate::files::SourceFile;
use crate::hash::Table;
use crate::pipeline::Pipeline;
use crate::{Error, Options, table};
use concepts::Concepts;
use longitude_core::IssueKind;
use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use tables::{Kind, Reference};
use world::World;

/// Reads the tables of OMOP and hands every event and issue to the account: first CONCEPT, then by
/// file name, then row, then column.
pub(crate) fn read(
    files: &[SourceFile],
    options: &Options,
    stop: &AtomicBool,
    account: &mut Account<'_>,
) -> Result<(), Error> {
    let held = |name: &str| {
        files
            .iter()
            .any(|file| is(file, |table| table.name == name))
    };
    for table in tables::expected_tables().filter(|table| !held(table.name)) {
        account.absent(table.name)?;
    }
    let mut concepts = Concepts::default();
    let (vocabulary, rest): (Vec<_>, Vec<_>) = files
        .iter()
        .partition(|file| is(file, |table| is_concept(table.kind)));
    pipeline(&vocabulary, options, stop).run(pieces::concepts, |file, (batch, more)| {
        concepts.append(&more);
        account.add(file, batch)
    })?;
    concepts.sort();
    let world = world(files, concepts, (options, stop))?;
    let chosen = pipeline(&rest, options, stop);
    chosen.run(
        |file, payload| pieces::map(file, payload, &world),
        |file, batch| account.add(file, batch),
    )
}

fn is(file: &SourceFile, told: impl Fn(&tables::Table) -> bool) -> bool {
    of_file(&file.name).is_some_and(told)
}

fn is_concept(kind: Kind) -> bool {
    matches!(kind, Kind::Reference(Reference::Concept))
}

fn pipeline<'p>(
    files: &'p [&'p SourceFile],
    options: &'p Options,
    stop: &'p AtomicBool,
) -> Pipeline<'p> {
    Pipeline {
        files,
        options,
        stop,
    }
}

/// Looks through PERSON and LOCATION; what is the matter with their rows is told when they are
/// mapped.
fn world<'o>(
    files: &[SourceFile],
    concepts: Concepts,
    (options, stop): (&'o Options, &AtomicBool),
) -> Result<World<'o>, Error> {
    let mut world = World {
        options: &options.omop,
        clock: options.clock.as_ref(),
        concepts,
        persons: None,
        locations: BTreeMap::new(),
    };
    for file in files {
        let Some(table) = of_file(&file.name) else {
            continue;
        };
        match table.kind {
            Kind::Person => {
                let persons = world.persons.get_or_insert_with(Table::new);
                table::each(file, options, stop, |header, _number, row| {
                    if let Some(id) = row.ok().and_then(|row| person::id_of(header, row)) {
                        persons.insert(world::person_key(id), ());
                    }
                });
            }
            Kind::Reference(Reference::Location) => {
                table::each(file, options, stop, |header, _number, row| {
                    let address = row.ok().and_then(|row| place::Address::read(header, row));
                    world.locations.extend(address);
                });
            }
            Kind::Period
            | Kind::Visit
            | Kind::Death
            | Kind::Clinical(_)
            | Kind::Era(_)
            | Kind::Reference(_)
            | Kind::NotClinical => {}
        }
        if stop.load(std::sync::atomic::Ordering::Relaxed) {
            return Err(Error::Stopped);
        }
    }
    Ok(world)
}

/// The note about a table that the folder lacks.
pub(crate) fn absent(table: &str) -> Note {
    Note::at(IssueKind::MissingTable, table.to_owned())
}
