//! Records of a hospital into events and issues: the first arrow of the data's way.
//!
//! [`detect`] says what a folder holds, [`fhir`] reads FHIR R4 and hands every event to a
//! [`Sink`]. Every row becomes an event or an issue, and [`Report`] proves it. This crate writes no
//! file, joins no timeline and de-identifies nothing; MEDS folders are read by `store`.
//!
//! ```text
//! files -> chunks of lines, bundles -> rows -> events + issues + warnings -> Sink, Report
//! ```
#![forbid(unsafe_code)]

mod detect;
mod error;
mod fhir;
mod options;
mod report;

pub use detect::{Format, detect};
pub use error::Error;
pub use fhir::fhir;
pub use options::{EncounterEdge, Options};
pub use report::{FileReport, Finding, Report};

use longitude_core::{Event, Issue, SubjectId};
use std::io;

/// Where events and issues go. Calls come in one documented order, whatever the number of threads:
/// files by name, then row, then element.
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
