//! Lookups from their files into memory, before the rows that need them.

use super::Mapping;
use super::claim::Part;
use super::lookup::{Loaded, Loader};
use super::row::Cells;
use crate::files::SourceFile;
use crate::table::{self, Header, Row};
use crate::{Error, Options};
use std::sync::atomic::{AtomicBool, Ordering};

impl Cells for Row<'_> {
    fn cell(&self, place: usize) -> &str {
        self.get(place)
    }
}

/// Loads the lookups that tables with files use; the others stay empty.
pub(super) fn lookups(
    mapping: &Mapping,
    files: &[&SourceFile],
    options: &Options,
    stop: &AtomicBool,
) -> Result<Vec<Loaded>, Error> {
    let language = &mapping.language;
    let used = |number: usize| {
        files.iter().any(|file| match mapping.part(&file.name) {
            Some(Part::Table(table)) => language.tables[table]
                .joins
                .iter()
                .any(|(lookup, _)| *lookup == number),
            Some(Part::Lookup) | None => false,
        })
    };
    let mut all = Vec::with_capacity(language.lookups.len());
    for (number, rule) in language.lookups.iter().enumerate() {
        let mut loader = Loader::new(rule);
        if used(number) {
            for file in files.iter().filter(|file| rule.files.fits(&file.name)) {
                loader.opened();
                let mut places = None;
                // What is the matter with the file is told when its rows are read.
                let _fault = table::each(file, options, stop, |header, _row, cells| {
                    let places: &Vec<_> =
                        places.get_or_insert_with(|| places_of(header, &rule.columns));
                    if let Ok(cells) = cells {
                        loader.add(places, cells);
                    }
                });
                if stop.load(Ordering::Relaxed) {
                    return Err(Error::Stopped);
                }
            }
        }
        all.push(loader.finish());
    }
    Ok(all)
}

/// The header's places of a rule's columns.
pub(super) fn places_of(
    header: &Header,
    columns: &[super::language::Column],
) -> Vec<Option<usize>> {
    columns
        .iter()
        .map(|column| header.find(&column.name))
        .collect()
}
