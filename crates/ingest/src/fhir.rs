//! FHIR R4 from files to events in two passes: a light one over the files that hold Patients,
//! Encounters and Medications, for what the other records point to, and a full one that streams.
//!
//! Memory is bounded by bytes in flight, by the index (40 bytes an encounter, 8 a patient) and by
//! the identifiers remembered against duplicates. MEDS and the other formats are not read here.

mod bundle;
mod codes;
mod fields;
mod index;
mod json;
mod map;
mod part;
mod people;
mod pieces;
mod reference;
mod rows;
mod sniff;
mod time;
mod types;

use crate::account::Account;
use crate::files::SourceFile;
use crate::pipeline::Pipeline;
use crate::{Error, Options};
pub(crate) use index::{Entry, Index};
pub(crate) use part::{PartOf, index_part, map_part};
use rows::World;
pub(crate) use sniff::{Hint, hint};
use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;

/// Reads FHIR R4 files and hands every event and issue to the account, by file name, then row, then
/// element.
pub(crate) fn read(
    files: &[SourceFile],
    options: &Options,
    stop: &AtomicBool,
    account: &mut Account<'_>,
) -> Result<(), Error> {
    let index = first_pass(files, options, stop)?;
    second_pass(
        &files.iter().collect::<Vec<_>>(),
        &index,
        (options, stop),
        account,
    )
}

/// Reads some of the files; all are looked at for what these are resolved through.
pub(crate) fn read_some(
    files: &[SourceFile],
    only: &BTreeSet<String>,
    (options, stop): (&Options, &AtomicBool),
    account: &mut Account<'_>,
) -> Result<(), Error> {
    let some = files.iter().filter(|file| only.contains(&*file.name));
    let some: Vec<&SourceFile> = some.collect();
    if some.is_empty() {
        return Ok(());
    }
    let index = first_pass(files, options, stop)?;
    second_pass(&some, &index, (options, stop), account)
}

/// Whether other files are resolved through one of those chosen.
pub(crate) fn resolves_others(files: &[SourceFile], chosen: impl Fn(&SourceFile) -> bool) -> bool {
    let indexed = indexed(files.iter().map(sniff::sniff));
    let mut both = files.iter().zip(indexed);
    both.any(|(file, is_indexed)| is_indexed && chosen(file))
}

/// The row of a document: a bundle's entry, a single resource, or a line.
pub(crate) fn row_of(document: &[u8], row: u64) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(document).ok()?;
    let at = usize::try_from(row.checked_sub(1)?).ok()?;
    match serde_json::from_str::<bundle::Bundle<'_>>(text) {
        Ok(bundle) if !bundle.entry.is_empty() => {
            let resource = bundle.entry.get(at)?.resource?;
            Some(resource.get().as_bytes().to_vec())
        }
        Ok(_) => (at == 0).then(|| document.to_vec()),
        Err(_) => text.lines().nth(at).map(|line| line.as_bytes().to_vec()),
    }
}

/// The index of what other records are resolved through.
fn first_pass(found: &[SourceFile], options: &Options, stop: &AtomicBool) -> Result<Index, Error> {
    let chosen = indexed(found.iter().map(sniff::sniff));
    let files = found.iter().zip(chosen);
    let files: Vec<&SourceFile> = files.filter_map(|(file, is)| is.then_some(file)).collect();
    let mut index = Index::new();
    let pipeline = Pipeline {
        files: &files,
        options,
        stop,
    };
    pipeline.run(
        |file, payload| pieces::index(file, payload, options),
        |_, entries| {
            index.add_all(entries);
            Ok(())
        },
    )?;
    Ok(index)
}

/// Which files the first pass reads.
pub(crate) fn indexed(hints: impl Iterator<Item = Hint>) -> Vec<bool> {
    let hints: Vec<_> = hints.collect();
    let with_requests = hints.iter().any(|hint| hint.dispenses_without_time);
    let is_indexed = |hint: &Hint| hint.indexed || (with_requests && hint.requests);
    hints.iter().map(is_indexed).collect()
}

/// Every row into events or an issue.
fn second_pass(
    files: &[&SourceFile],
    index: &Index,
    (options, stop): (&Options, &AtomicBool),
    account: &mut Account<'_>,
) -> Result<(), Error> {
    let world = World {
        index,
        local: None,
        options,
    };
    let pipeline = Pipeline {
        files,
        options,
        stop,
    };
    pipeline.run(
        |file, payload| pieces::map(file, payload, world, options),
        |file, batch| account.add(file, batch),
    )
}
