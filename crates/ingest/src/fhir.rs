//! FHIR R4 from files to events in two passes: a light one over the files that hold Patients,
//! Encounters and Medications, for what the other records point to, and a full one that streams.
//!
//! Memory is bounded by bytes in flight, by the index (40 bytes an encounter, 8 a patient) and by
//! the identifiers remembered against duplicates. MEDS and the other formats are not read here.

mod account;
mod bundle;
mod codes;
pub(crate) mod files;
mod hash;
mod index;
mod json;
mod map;
mod people;
mod pieces;
mod pipeline;
mod read;
mod reference;
mod rows;
mod sniff;
mod time;
mod types;
mod units;

use crate::{Error, Options, Report, Sink};
use account::Account;
use files::{Found, SourceFile};
use index::Index;
use pipeline::Pipeline;
use rows::World;
use std::path::Path;
use std::sync::atomic::AtomicBool;

/// Reads FHIR R4 under `path` (a folder, searched recursively, or one file) and hands every event
/// and issue to `sink`, by file name, then row, then element.
///
/// `stop` is looked at between pieces of work; once it is set, ingest returns [`Error::Stopped`]
/// and what the sink has taken so far is a prefix of the whole.
///
/// # Errors
/// When the path cannot be read or holds no FHIR file, when the sink refuses, or when stopped. Bad
/// rows and bad files are issues, never errors.
pub fn fhir(
    path: &Path,
    options: &Options,
    stop: &AtomicBool,
    sink: &mut dyn Sink,
) -> Result<Report, Error> {
    let found = files::find(path)?;
    if found.files.is_empty() && found.unreadable.is_empty() {
        let path = path.to_owned();
        return Err(if found.ignored.is_empty() {
            Error::Empty { path }
        } else {
            Error::Unrecognised { path }
        });
    }
    let index = first_pass(&found, options, stop)?;
    second_pass(&found, &index, (options, stop), sink)
}

/// The index of what other records are resolved through.
fn first_pass(found: &Found, options: &Options, stop: &AtomicBool) -> Result<Index, Error> {
    let hints: Vec<_> = found.files.iter().map(sniff::sniff).collect();
    let with_requests = hints.iter().any(|hint| hint.dispenses_without_time);
    let chosen = found.files.iter().zip(&hints);
    let chosen = chosen.filter(|(_, hint)| hint.indexed || (with_requests && hint.requests));
    let files: Vec<&SourceFile> = chosen.map(|(file, _)| file).collect();
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

/// Every row into events or an issue.
fn second_pass(
    found: &Found,
    index: &Index,
    (options, stop): (&Options, &AtomicBool),
    sink: &mut dyn Sink,
) -> Result<Report, Error> {
    let files: Vec<&SourceFile> = found.files.iter().collect();
    let world = World {
        index,
        local: None,
        time_from_encounter: options.time_from_encounter,
    };
    let mut account = Account::new(options, sink);
    for name in &found.unreadable {
        account.unreadable(name)?;
    }
    let pipeline = Pipeline {
        files: &files,
        options,
        stop,
    };
    pipeline.run(
        |file, payload| pieces::map(file, payload, world, options),
        |file, batch| account.add(file, batch),
    )?;
    Ok(account.finish(found.ignored.clone()))
}
