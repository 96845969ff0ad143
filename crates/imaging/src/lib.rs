//! DICOM: the de-identification of headers by the basic profile of PS3.15, Annex E.
//!
//! This crate is the DICOM island: only it knows dicom-rs. It decodes no pixel. It opens no file
//! and holds no key: bytes come in, bytes go out, and pseudonyms and day counts are asked of the
//! caller ([`Keyed`]).
//!
//! ```text
//! bytes of a file -> deidentify (Options, Keyed) -> bytes of a file + Outcome
//!                                               \-> Refusal (what, why, mend)
//! ```
//!
//! `table.txt` is the action table; [`header`](self) applies it, at every depth of sequences.
#![forbid(unsafe_code)]

mod burned_in;
mod dates;
mod dummy;
mod file;
mod header;
mod known;
mod lengths;
mod options;
mod table;

pub use burned_in::BurnedIn;
pub use file::{Outcome, Refusal, deidentify};
pub use header::Counts;
pub use options::{BurnedInRule, Dates, Keyed, Options, Subject};
pub use table::{Action, EDITION, action_of};
