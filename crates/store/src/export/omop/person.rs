//! PERSON, OBSERVATION_PERIOD and DEATH of one subject.

use super::Export;
use super::concepts;
use super::tables::{DEATH, OBSERVATION_PERIOD, PERSON};
use super::write::{Row, date, datetime};
use crate::error::Result;
use longitude_core::{Code, Event, Instant, ObservationSource, Precision, Timeline};

/// Period type: 32817 is "EHR", 32880 "Standard algorithm" (OHDSI, vocabulary Type Concept).
const STATED: i64 = 32_817;
const DERIVED: i64 = 32_880;

/// A death of which only the day is known stands this much after the start of the day.
const DEATH_DAY_MICROS: i64 = 36 * 3_600_000_000 - 1;

/// Columns of a fact of PERSON: its system in the data set, concept, source value, source concept.
const FACTS: [[&str; 4]; 3] = [
    [
        "GENDER",
        "gender_concept_id",
        "gender_source_value",
        "gender_source_concept_id",
    ],
    [
        "RACE",
        "race_concept_id",
        "race_source_value",
        "race_source_concept_id",
    ],
    [
        "ETHNICITY",
        "ethnicity_concept_id",
        "ethnicity_source_value",
        "ethnicity_source_concept_id",
    ],
];

/// A person and the end, gathered from the events of a subject.
pub(super) struct Person {
    row: Row,
    facts_seen: [bool; 3],
    birth_seen: bool,
    death: Option<Row>,
    cause_seen: bool,
}

impl Person {
    pub(super) fn new(timeline: &Timeline) -> Self {
        let mut row = Row::new(PERSON);
        row.set("person_id", timeline.subject());
        for [_, concept, _, source_concept] in FACTS {
            row.set(concept, 0).set(source_concept, 0);
        }
        Self {
            row,
            facts_seen: [false; 3],
            birth_seen: false,
            death: None,
            cause_seen: false,
        }
    }

    /// Takes an event that belongs here; false where it does not.
    pub(super) fn take(&mut self, event: &Event, export: &mut Export) -> bool {
        let system = &*event.code.system;
        if event.code.is_birth() {
            self.birth(event, export);
        } else if event.code.is_death() {
            self.death(event, export);
        } else if system == "CAUSE_OF_DEATH" {
            self.cause(event, export);
        } else if let (Some(fact), None) =
            (FACTS.iter().position(|fact| fact[0] == system), event.time)
        {
            self.fact(fact, event, export);
        } else {
            return false;
        }
        true
    }

    fn fact(&mut self, fact: usize, event: &Event, export: &mut Export) {
        if std::mem::replace(&mut self.facts_seen[fact], true) {
            return export
                .account
                .not_held("a second value of a fact of PERSON");
        }
        let [system, concept, source_value, _] = FACTS[fact];
        let value = &*event.code.value;
        let written = event
            .as_written
            .as_ref()
            .and_then(|written| written.code.as_ref());
        if let Some(id) = concepts::known(system, value) {
            let id = match written {
                Some(written) if &*written.system == "OMOP" => id,
                _ => export.concepts.used(id),
            };
            self.row.set(concept, id);
        } else if value.contains("//") {
            let id = export.concepts.id(&Code::from_meds(value), "Metadata");
            self.row.set(concept, id);
        } else {
            export.text(&mut self.row, source_value, value, 50);
        }
        export.account.events_written += 1;
    }

    fn birth(&mut self, event: &Event, export: &mut Export) {
        let Some(time) = event.time else {
            return export.account.not_held("a birth without a time");
        };
        if std::mem::replace(&mut self.birth_seen, true) {
            return export.account.not_held("a second birth");
        }
        let (year, month, day) = time.civil_date();
        self.row.set("year_of_birth", year);
        if event.precision > Precision::Year {
            self.row.set("month_of_birth", month);
        }
        if event.precision > Precision::Month {
            self.row.set("day_of_birth", day);
        }
        if event.precision == Precision::Time {
            self.row.set("birth_datetime", datetime(time));
        }
        export.time_parts(event);
        export.account.events_written += 1;
    }

    fn death(&mut self, event: &Event, export: &mut Export) {
        let Some(time) = event.time else {
            return export.account.not_held("a death without a time");
        };
        if self.death.is_some() {
            return export.account.not_held("a second death");
        }
        let mut row = Row::new(DEATH);
        let is_day = event.precision != Precision::Time;
        let is_moved = is_day && time.shifted(-DEATH_DAY_MICROS).0 % 86_400_000_000 == 0;
        let time = if is_moved {
            time.shifted(-DEATH_DAY_MICROS)
        } else {
            time
        };
        row.set("death_date", date(time))
            .set("death_type_concept_id", STATED);
        if !is_day {
            row.set("death_datetime", datetime(time));
        }
        self.death = Some(row);
        export.time_parts(event);
        export.account.events_written += 1;
    }

    /// The cause follows the death in the order of the events.
    fn cause(&mut self, event: &Event, export: &mut Export) {
        let Some(row) = self.death.as_mut().filter(|_| !self.cause_seen) else {
            return export.account.not_held("a cause of death beyond the first");
        };
        self.cause_seen = true;
        let code = Code::from_meds(&event.code.value);
        row.set("cause_concept_id", export.concepts.id(&code, "Condition"));
        let other = event
            .as_written
            .as_ref()
            .and_then(|written| written.code.as_ref());
        if let Some(other) = other {
            row.set(
                "cause_source_concept_id",
                export.concepts.id(other, "Condition"),
            );
        }
        export.account.events_written += 1;
    }

    /// Writes the rows.
    pub(super) fn finish(mut self, timeline: &Timeline, export: &mut Export) -> Result<()> {
        self.row.set("person_id", timeline.subject());
        if !self.birth_seen {
            export
                .account
                .filled("year_of_birth left empty: no birth is recorded");
        }
        export.files.write(&self.row)?;
        if let Some(mut row) = self.death {
            row.set("person_id", timeline.subject());
            export.files.write(&row)?;
        }
        period(timeline, export)
    }
}

/// The span of observation; where none is stated, from the first to the last event, as the CDM
/// wants one for everybody.
fn period(timeline: &Timeline, export: &mut Export) -> Result<()> {
    let stated = timeline.observation();
    let times = timeline
        .events()
        .iter()
        .filter(|event| !event.code.is_birth());
    let times: Vec<Instant> = times.filter_map(|event| event.time).collect();
    let is_whole = stated.start.is_some() && stated.end.is_some();
    let is_stated = is_whole && stated.source == ObservationSource::Stated;
    let (first, last) = (times.first().copied(), times.iter().max().copied());
    let ends = stated.start.or(first).zip(stated.end.or(last));
    let Some((start, end)) = ends.filter(|(start, end)| start <= end) else {
        export
            .account
            .filled("no OBSERVATION_PERIOD: neither span nor event");
        return Ok(());
    };
    if !is_stated {
        export
            .account
            .filled("OBSERVATION_PERIOD from the events, for no span is stated");
    }
    // The end of a stated span is the first moment after its last day.
    let last = if is_stated {
        end.shifted(-1).max(start)
    } else {
        end
    };
    export.periods += 1;
    let mut row = Row::new(OBSERVATION_PERIOD);
    row.set("observation_period_id", export.periods)
        .set("person_id", timeline.subject())
        .set("observation_period_start_date", date(start))
        .set("observation_period_end_date", date(last))
        .set(
            "period_type_concept_id",
            if is_stated { STATED } else { DERIVED },
        );
    export.files.write(&row)
}
