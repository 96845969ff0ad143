//! VISIT_OCCURRENCE: the events of an encounter into one row.

use super::Export;
use super::concepts;
use super::tables::VISIT_OCCURRENCE;
use super::write::{Row, date, datetime};
use crate::error::Result;
use longitude_core::{Code, EncounterId, Event, Instant, Precision, SubjectId};
use std::collections::BTreeMap;

/// The visits of one subject.
#[derive(Default)]
pub(super) struct Visits(BTreeMap<EncounterId, Visit>);

struct Visit {
    row: Row,
    start: Instant,
    end: Option<(Instant, Precision)>,
    class: String,
    kind_seen: bool,
    admitted_seen: bool,
    discharged_seen: bool,
}

impl Visits {
    /// Finds the starts of visits, so that all other events know theirs.
    pub(super) fn of(subject: SubjectId, events: &[Event]) -> Self {
        let mut visits = BTreeMap::new();
        for event in events {
            let class = event.code.value.strip_suffix("//START");
            let (Some(class), Some(id), Some(start)) = (class, event.encounter, event.time) else {
                continue;
            };
            if &*event.code.system != "ENCOUNTER" || visits.contains_key(&id) {
                continue;
            }
            let mut row = Row::new(VISIT_OCCURRENCE);
            row.set("visit_occurrence_id", id)
                .set("person_id", subject)
                .set("visit_type_concept_id", super::clinical::TYPE)
                .set("visit_source_concept_id", 0)
                .set("admitted_from_concept_id", 0)
                .set("discharged_to_concept_id", 0)
                .set("visit_start_date", date(start));
            if event.precision == Precision::Time {
                row.set("visit_start_datetime", datetime(start));
            }
            let visit = Visit {
                row,
                start,
                // Where no event tells the end, the start's own end does.
                end: event.end_time.map(|end| (end, Precision::Time)),
                class: class.to_owned(),
                kind_seen: false,
                admitted_seen: false,
                discharged_seen: false,
            };
            visits.insert(id, visit);
        }
        Self(visits)
    }

    pub(super) fn has(&self, id: EncounterId) -> bool {
        self.0.contains_key(&id)
    }

    /// Takes an event that belongs here; false where it does not.
    pub(super) fn take(&mut self, event: &Event, export: &mut Export) -> bool {
        let system = &*event.code.system;
        let is_of_visit = matches!(
            system,
            "ENCOUNTER" | "ENCOUNTER_TYPE" | "ADMIT_SOURCE" | "DISCHARGE_DISPOSITION"
        );
        if !is_of_visit {
            return false;
        }
        let visit = event.encounter.and_then(|id| self.0.get_mut(&id));
        let Some(visit) = visit else {
            export
                .account
                .not_held("an event of a visit without its start or identifier");
            return true;
        };
        let is_taken = match system {
            "ENCOUNTER" => visit.edge(event),
            "ENCOUNTER_TYPE" => visit.kind(event, export),
            "ADMIT_SOURCE" if !visit.admitted_seen => {
                visit.admitted_seen = true;
                visit.place("admitted_from_concept_id", event, export)
            }
            "DISCHARGE_DISPOSITION" if !visit.discharged_seen => {
                visit.discharged_seen = true;
                visit.place("discharged_to_concept_id", event, export)
            }
            _ => false,
        };
        if is_taken {
            export.time_parts(event);
            export.account.events_written += 1;
        } else {
            export
                .account
                .not_held("a second kind, start, source or disposition of a visit");
        }
        true
    }

    pub(super) fn finish(self, export: &mut Export) -> Result<()> {
        self.0
            .into_values()
            .try_for_each(|visit| visit.finish(export))
    }
}

impl Visit {
    fn edge(&mut self, event: &Event) -> bool {
        let is_start = event.code.value.ends_with("//START");
        match (is_start, event.time) {
            (true, time) => time == Some(self.start),
            (false, Some(time)) => {
                self.end = Some((time, event.precision));
                true
            }
            (false, None) => false,
        }
    }

    fn kind(&mut self, event: &Event, export: &mut Export) -> bool {
        if std::mem::replace(&mut self.kind_seen, true) {
            return false;
        }
        let code = Code::from_meds(&event.code.value);
        let of_class = concepts::known("ENCOUNTER", &self.class);
        let id = export.concepts.id(&code, "Visit");
        let other = event
            .as_written
            .as_ref()
            .and_then(|written| written.code.as_ref());
        let own = concepts::standard(&code).is_some() || &*code.system == "OMOP";
        match of_class {
            // The class is what questions are asked by; a finer kind is the source's own.
            Some(class) if !own => {
                let class = export.concepts.used(class);
                self.row
                    .set("visit_concept_id", class)
                    .set("visit_source_concept_id", id);
                export
                    .account
                    .part("kind of visit kept as visit_source_concept_id");
            }
            _ => {
                self.row.set("visit_concept_id", id);
                if let Some(other) = other {
                    let other = export.concepts.id(other, "Visit");
                    self.row.set("visit_source_concept_id", other);
                }
            }
        }
        true
    }

    fn place(&mut self, column: &str, event: &Event, export: &mut Export) -> bool {
        let code = Code::from_meds(&event.code.value);
        self.row.set(column, export.concepts.id(&code, "Visit"));
        true
    }

    fn finish(mut self, export: &mut Export) -> Result<()> {
        if !self.kind_seen {
            match concepts::known("ENCOUNTER", &self.class) {
                Some(id) => {
                    let id = export.concepts.used(id);
                    self.row.set("visit_concept_id", id);
                }
                None => {
                    self.row.set("visit_concept_id", 0);
                }
            }
        }
        let (end, precision) = self.end.unwrap_or_else(|| {
            export
                .account
                .filled("visit_end_date is its start: no end is recorded");
            (self.start, Precision::Day)
        });
        self.row.set("visit_end_date", date(end));
        if precision == Precision::Time {
            self.row.set("visit_end_datetime", datetime(end));
        }
        export.files.write(&self.row)
    }
}
