//! A data set as OMOP CDM 5.4: one CSV file a table, with the concepts and vocabularies that occur.
//!
//! Codes without a well-known concept get custom concepts from two billion on, in the order in
//! which they come. What OMOP cannot hold is told in the [`Account`]. Times are written in UTC.

mod clinical;
mod concepts;
mod person;
mod report;
mod tables;
mod visit;
mod write;

pub use report::Account;

use crate::dataset::Dataset;
use crate::error::Result;
use crate::files::Partial;
use concepts::Concepts;
use longitude_core::{Code, Instant, Timeline};
use person::Person;
use std::collections::BTreeMap;
use std::path::Path;
use tables::CDM_SOURCE;
use visit::Visits;
use write::{Files, Row, date};

/// OMOP CDM 5.4 (OHDSI, vocabulary CDM).
const VERSION_CONCEPT: i64 = 756_265;

/// An export in the making.
struct Export {
    files: Files,
    concepts: Concepts,
    account: Account,
    ids: BTreeMap<&'static str, u64>,
    periods: u64,
    notes: u64,
}

impl Export {
    fn next_id(&mut self, table: &'static str) -> u64 {
        let id = self.ids.entry(table).or_default();
        *id += 1;
        *id
    }
}

/// Writes a data set into the folder `to`, which must not exist. `today` is the date of release,
/// for this crate reads no clock.
///
/// # Errors
/// When the data set cannot be read or the folder cannot be written; then nothing stands there.
///
/// # Panics
/// When an event was lost, which is a defect of this program.
pub fn write(dataset: &Dataset, to: &Path, today: Instant) -> Result<Account> {
    let partial = Partial::create(to, false)?;
    let mut export = Export {
        files: Files::create(partial.path())?,
        concepts: Concepts::default(),
        account: Account::default(),
        ids: BTreeMap::new(),
        periods: 0,
        notes: 0,
    };
    for timeline in dataset.timelines(None) {
        subject(&timeline?, &mut export)?;
    }
    source(dataset, today, &mut export)?;
    let named = dataset.codes()?.into_iter();
    let names: BTreeMap<Code, String> = named
        .filter_map(|(code, entry)| Some((code, entry.description?)))
        .collect();
    let Export {
        mut files,
        concepts,
        mut account,
        ..
    } = export;
    concepts.write(&mut files, &names, &mut account)?;
    account.rows = files.finish()?;
    assert!(
        account.balanced(),
        "events read = events written + events not held"
    );
    partial.commit()?;
    Ok(account)
}

fn subject(timeline: &Timeline, export: &mut Export) -> Result<()> {
    let subject = timeline.subject();
    export.account.subjects += 1;
    let mut person = Person::new(timeline);
    let mut visits = Visits::of(subject, timeline.events());
    // The death comes last in a tie, and its cause before it: the cause is looked at again.
    let mut causes = Vec::new();
    for event in timeline.events() {
        export.account.events_read += 1;
        if &*event.code.system == "CAUSE_OF_DEATH" {
            causes.push(event);
        } else if !person.take(event, export) && !visits.take(event, export) {
            clinical::write(event, (subject, &visits), export)?;
        }
    }
    for cause in causes {
        person.take(cause, export);
    }
    visits.finish(export)?;
    person.finish(timeline, export)
}

fn source(dataset: &Dataset, today: Instant, export: &mut Export) -> Result<()> {
    let name = &dataset.info().dataset_name;
    let name = if name.is_empty() { "MEDS" } else { name };
    let mut row = Row::new(CDM_SOURCE);
    row.set("cdm_source_name", concepts::cut(name, 255))
        .set("cdm_source_abbreviation", concepts::cut(name, 25))
        .set("cdm_holder", "not stated")
        .set("source_description", "a MEDS data set")
        .set("cdm_etl_reference", "longitude export")
        .set("source_release_date", date(today))
        .set("cdm_release_date", date(today))
        .set("cdm_version", "5.4")
        .set("cdm_version_concept_id", VERSION_CONCEPT)
        .set("vocabulary_version", "custom");
    export.files.write(&row)
}
