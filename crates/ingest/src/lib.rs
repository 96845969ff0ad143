//! Records of a hospital into events and issues: the first arrow of the data's way.
//!
//! [`detect`] says what a folder holds, [`ingest`] reads every format but MEDS and hands every
//! event to a [`Sink`]. Every row becomes an event or an issue, and [`Report`] proves it.
//! This crate writes no file, joins no timeline and de-identifies nothing; MEDS folders are read by
//! `store`.
//!
//! ```text
//! paths -> files by format -> pieces -> rows -> Batch { events, issues, warnings }
//!       -> Account -> Sink, Report
//! ```
//!
//! A format is a module with a `read` that takes its files and the account. A piece of a file is
//! mapped by a pure function into a `Batch`; the account takes batches in the order of the files.
#![forbid(unsafe_code)]

mod account;
mod batch;
mod ccda;
mod clock;
mod cut;
mod detect;
mod document;
mod error;
mod fhir;
mod files;
mod hash;
mod hl7v2;
mod latest;
mod linkage;
mod mapped;
mod names;
mod omop;
mod options;
pub mod parts;
mod person;
mod pipeline;
mod read;
mod report;
mod rows;
mod standardise;
mod table;
mod trace;
mod update;
mod when;

pub use clock::{Clock, ClockError};
pub use detect::{Format, detect, detect_with};
pub use error::Error;
pub use linkage::{Decision, Field, LinkOptions, Linkage, Outcome, Reason, Statement, link};
pub use mapped::{Fault, Mapping, MappingError, MappingFile};
pub use options::{EncounterEdge, Omop, Options, Prefer, Units};
pub use person::{Link, LinkKind, Person, PersonAddress, PersonIdentifier, PersonName};
pub use report::{FileReport, Finding, Report, by_kind};
pub use trace::{SourceRow, source_row};
pub use update::{Listed, affected, bytes_of, ingest_some, list};

use account::Account;
use longitude_core::{Event, Issue, Observation, SubjectId, systems};
use std::io;
use std::path::Path;
use std::sync::atomic::AtomicBool;

/// Reads the records under `paths` (folders, searched recursively, or files), whatever their
/// format, and hands every event and issue to `sink`: by format, then file name, then row, then
/// element.
///
/// `stop` is looked at between pieces of work; once it is set, ingest returns [`Error::Stopped`]
/// and what the sink has taken so far is a prefix of the whole.
///
/// # Errors
/// When a path cannot be read or holds no known format, when two paths hold files of one name, when
/// the sink refuses, or when stopped. Bad rows and bad files are issues, never errors.
pub fn ingest(
    paths: &[&Path],
    options: &Options,
    stop: &AtomicBool,
    sink: &mut dyn Sink,
) -> Result<Report, Error> {
    let given = mapped::given(options)?;
    let sorted = detect::sort(files::find_all(paths)?, &given);
    for path in paths.iter().take(1) {
        detect::check(&sorted, path)?;
    }
    let mut account = Account::new(options, sink)?;
    for name in &sorted.unreadable {
        account.unreadable(name)?;
    }
    for (format, files) in &sorted.files {
        account.format(*format);
        read(*format, files, (options, stop), &mut account)?;
    }
    Ok(account.finish(sorted.ignored))
}

/// The files of one format.
fn read(
    format: Format,
    files: &[files::SourceFile],
    (options, stop): (&Options, &AtomicBool),
    account: &mut Account<'_>,
) -> Result<(), Error> {
    match format {
        Format::Fhir => fhir::read(files, options, stop, account),
        Format::Omop => omop::read(files, options, stop, account),
        Format::Ccda => ccda::read(files, options, stop, account),
        Format::Hl7v2 => hl7v2::read(files, options, stop, account),
        Format::Table => mapped::read(files, options, stop, account),
        Format::Meds => {
            let path = files.first().map(|file| file.path.clone());
            Err(Error::Unrecognised {
                path: path.unwrap_or_default(),
            })
        }
    }
}

/// Where events and issues go. Calls come in one documented order, whatever the number of threads:
/// formats in their order, files by name, then row, then element.
pub trait Sink {
    /// Takes one event of one subject.
    ///
    /// # Errors
    /// When the event cannot be kept; ingest stops and returns [`Error::Sink`].
    fn event(&mut self, subject: SubjectId, event: Event) -> io::Result<()>;

    /// Takes one issue: a row that made no event, or a file that could not be read to its end.
    ///
    /// # Errors
    /// When the issue cannot be kept; ingest stops and returns [`Error::Sink`].
    fn issue(&mut self, issue: Issue) -> io::Result<()>;

    /// Takes one string that identifies a person: a name, a number, an address. `None` means that
    /// it may stand in the record of any subject (a clinician's). Calls come before the events and
    /// issues of the same row; the same string may come again. Left alone, strings are dropped.
    ///
    /// # Errors
    /// When the string cannot be kept; ingest stops and returns [`Error::Sink`].
    #[expect(unused_variables, reason = "the names document the parameters")]
    fn identifier(&mut self, subject: Option<SubjectId>, text: &str) -> io::Result<()> {
        Ok(())
    }

    /// Takes the facts by which linkage finds the other records of a person, one record of a source
    /// at a time; a subject may come again. Only of rows that were mapped, before their events.
    /// Left alone, they are dropped.
    ///
    /// # Errors
    /// When the record cannot be kept; ingest stops and returns [`Error::Sink`].
    #[expect(unused_variables, reason = "the names document the parameters")]
    fn person(&mut self, subject: SubjectId, person: Person) -> io::Result<()> {
        Ok(())
    }

    /// Takes what a source says about two records of persons. Only of rows that were mapped, before
    /// their events. Left alone, statements are dropped.
    ///
    /// # Errors
    /// When the statement cannot be kept; ingest stops and returns [`Error::Sink`].
    fn link(&mut self, link: Link) -> io::Result<()> {
        drop(link);
        Ok(())
    }

    /// Takes a span over which the source says that a subject was observed. A subject may have
    /// several, in any order. Only of rows that were mapped. Left alone, spans are dropped.
    ///
    /// # Errors
    /// When the span cannot be kept; ingest stops and returns [`Error::Sink`].
    #[expect(unused_variables, reason = "the names document the parameters")]
    fn span(&mut self, subject: SubjectId, span: Observation) -> io::Result<()> {
        Ok(())
    }

    /// Takes that a file has been read to its end, with its bytes as stored: for whoever shows how
    /// far the work is. Left alone, it is dropped.
    #[expect(unused_variables, reason = "the names document the parameters")]
    fn file_read(&mut self, bytes: u64) {}

    /// Takes one warning about a row that was mapped all the same. Left alone, warnings are counted
    /// in the report only.
    ///
    /// # Errors
    /// When the warning cannot be kept; ingest stops and returns [`Error::Sink`].
    fn warning(&mut self, warning: Issue) -> io::Result<()> {
        drop(warning);
        Ok(())
    }
}
