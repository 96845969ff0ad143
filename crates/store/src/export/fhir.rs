//! A data set as FHIR R4 in the layout of Bulk Data: NDJSON files by resource type and a manifest.
//!
//! Every event becomes a resource, or a part of one, of the type that it came from or belongs in;
//! what no other type holds is an Observation under its own code. What a resource cannot hold is
//! told in the [`Account`]. Our own reader of FHIR gives the events again
//! (`crates/store/tests/fhir_export.rs`).

mod beside;
mod clinical;
mod concept;
mod device;
mod drug;
mod encounter;
mod files;
mod groups;
mod home;
mod moment;
mod observation;
mod patient;
mod report;
mod things;

pub use report::Account;

use crate::dataset::Dataset;
use crate::error::Result;
use crate::files::Partial;
use clinical::Place;
use concept::Terms;
use encounter::Encounters;
use files::Files;
use groups::Groups;
use longitude_core::{Code, Instant, SubjectId, Timeline};
use patient::Patient;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;
use things::Things;

/// How a data set is written.
#[derive(Clone, Debug)]
pub struct Options {
    /// When the export is made, for this crate reads no clock. Data of later times move the
    /// manifest's time to their last, for an export holds nothing of its future.
    pub transaction_time: Instant,
    /// Bytes after which a file is followed by the next of its type; a longer line has a file of
    /// its own.
    pub file_bytes_max: u64,
    /// What stands before the names of files in the manifest, with its last `/`; empty for paths
    /// relative to the manifest.
    pub base_url: String,
}

/// An export in the making.
struct Export {
    files: Files,
    terms: Terms,
    things: Things,
    account: Account,
    /// The last time that was written.
    last: Instant,
}

/// Writes a data set into the folder `to`, which must not exist. Memory holds one subject, and the
/// codes of the set.
///
/// # Errors
/// When the data set cannot be read or the folder cannot be written; then nothing stands there.
///
/// # Panics
/// When an event was lost, which is a defect of this program.
pub fn write(dataset: &Dataset, to: &Path, options: &Options) -> Result<Account> {
    let partial = Partial::create(to, false)?;
    let named = dataset.codes()?.into_iter();
    let names: BTreeMap<Code, String> = named
        .filter_map(|(code, entry)| Some((code, entry.description?)))
        .collect();
    let mut export = Export {
        files: Files::create(partial.path(), options.file_bytes_max),
        terms: Terms::new(names),
        things: Things::default(),
        account: Account::default(),
        last: options.transaction_time,
    };
    for timeline in dataset.timelines(None) {
        subject(dataset, &timeline?, &mut export)?;
    }
    let Export {
        mut files,
        terms,
        things,
        mut account,
        last,
    } = export;
    things.finish(&terms, &mut files)?;
    let time = moment::instant(last, None);
    account.resources = files.finish(&options.base_url, &time)?;
    assert!(
        account.balanced(),
        "events read = events carried + events not carried"
    );
    partial.commit()?;
    Ok(account)
}

fn subject(dataset: &Dataset, timeline: &Timeline, export: &mut Export) -> Result<()> {
    let subject = timeline.subject();
    let known = dataset.subjects();
    let is_taken = |id: SubjectId| known.binary_search_by_key(&id, |(one, _)| *one).is_ok();
    let id = patient::logical_id(timeline, is_taken);
    let reference = json!({"reference": format!("Patient/{id}")});
    let mut patient = Patient::new(id);
    let events = timeline.events();
    let mut encounters = Encounters::of(events, subject);
    let groups = Groups::of(events);
    export.account.subjects += 1;
    let mut rest = Vec::new();
    for (place, event) in events.iter().enumerate() {
        export.account.events_read += 1;
        let times = [event.time, event.end_time, event.recorded_time];
        let last = times.into_iter().flatten().max();
        if let Some(last) = last.filter(|last| moment::is_writable(*last)) {
            export.last = export.last.max(last);
        }
        // Those inside another's resource are told with it.
        let is_taken = groups.is_part(place)
            || !groups.is_whole(place)
                && (patient.take(event, &mut export.account) || encounters.take(event, export));
        if !is_taken {
            rest.push(place);
        }
    }
    export.files.write(&patient.finish())?;
    let mut place = Place {
        subject,
        reference: &reference,
        encounters: &encounters,
        resources: 0,
    };
    for at in rest {
        let parts = groups.parts(at, events);
        clinical::write(&events[at], &parts, &mut place, export)?;
    }
    encounters.finish(&reference, export)
}

/// Whether an identifier has the form that FHIR gives it: 1 to 64 letters, digits, `-` and `.`.
fn is_id(id: &str) -> bool {
    let is_lawful = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    (1..=64).contains(&id.len()) && id.bytes().all(is_lawful)
}
