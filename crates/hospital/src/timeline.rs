//! A patient's record as events: what ingest would make of the FHIR export, without the way round.

use crate::calendar::{Seconds, offset_minutes};
use crate::chronicle::What;
use crate::concepts::{Concept, System};
use crate::measure::{Value, analyte};
use crate::patient::{Patient, instant};
use longitude_core::{
    Code, EncounterId, Event, Instant, Observation, ObservationSource, Origin, Precision, Timeline,
};
use std::sync::{Arc, LazyLock};

/// US Core's OMB categories of race: code and display, the last without a category.
pub(crate) const RACES: [(&str, &str); 5] = [
    ("2106-3", "White"),
    ("2054-5", "Black or African American"),
    ("2028-9", "Asian"),
    ("1002-5", "American Indian or Alaska Native"),
    ("2131-1", "Other Race"),
];

/// US Core's OMB categories of ethnicity.
pub(crate) const ETHNICITIES: [(&str, &str); 2] = [
    ("2186-5", "Not Hispanic or Latino"),
    ("2135-2", "Hispanic or Latino"),
];

/// FHIR's administrative gender.
pub(crate) fn gender(male: bool) -> &'static str {
    if male { "male" } else { "female" }
}

/// Strings that many events share.
struct Shared {
    origin: Origin,
    birth: Code,
    death: Code,
    female: Code,
    male: Code,
    races: Vec<Code>,
    ethnicities: Vec<Code>,
    /// By the number of the concept; only those that need it are asked for.
    administered: Vec<Code>,
    allergies: Vec<Code>,
    notes: Vec<Code>,
    kinds: Vec<Code>,
    units: Vec<Option<Arc<str>>>,
    /// Start and end by class.
    encounters: [(&'static str, Code, Code); 3],
}

static SHARED: LazyLock<Shared> = LazyLock::new(|| {
    let each = |make: &dyn Fn(Concept) -> Code| Concept::ALL.iter().map(|c| make(*c)).collect();
    let within = |system: &str, concept: Concept| {
        let inner = concept.system().name();
        Code::new(system, format!("{inner}//{}", concept.value()))
    };
    let unit = |concept: &Concept| {
        let measured = concept.system() == System::Loinc
            && *concept >= Concept::HbA1c
            && *concept <= Concept::Respiration
            && *concept != Concept::PressurePanel;
        measured.then(|| Arc::from(analyte(*concept).unit))
    };
    let edges = |class: &'static str| {
        let edge = |name: &str| Code::new("ENCOUNTER", format!("{class}//{name}"));
        (class, edge("START"), edge("END"))
    };
    Shared {
        origin: Origin::derived("hospital"),
        birth: Code::birth(),
        death: Code::death(),
        female: Code::new("GENDER", gender(false)),
        male: Code::new("GENDER", gender(true)),
        races: RACES
            .iter()
            .map(|(code, _)| Code::new("RACE", *code))
            .collect(),
        ethnicities: ETHNICITIES
            .iter()
            .map(|(code, _)| Code::new("ETHNICITY", *code))
            .collect(),
        administered: each(&|concept| {
            let suffixed = format!("{}//ADMINISTERED", concept.value());
            Code::new(concept.system().name(), suffixed)
        }),
        allergies: each(&|concept| within("ALLERGY", concept)),
        notes: each(&|concept| Code::new("NOTE", concept.value())),
        kinds: each(&|concept| within("ENCOUNTER_TYPE", concept)),
        units: Concept::ALL.iter().map(unit).collect(),
        encounters: [edges("AMB"), edges("EMER"), edges("IMP")],
    }
});

/// The record of a patient as a timeline, observed from registration to death, a move or the
/// export.
pub fn timeline(patient: &Patient) -> Timeline {
    let shared = &*SHARED;
    let count = patient.entries.len() + patient.entries.len() / 4 + 3 * patient.visits.len() + 8;
    let mut events = Vec::with_capacity(count);
    facts(patient, shared, &mut events);
    let visits: Vec<EncounterId> = (0..patient.visits.len())
        .map(|number| EncounterId::from_source("Encounter", &patient.visit_id(number)))
        .collect();
    encounters(patient, shared, &visits, &mut events);
    entries(patient, shared, &visits, &mut events);
    let observation = Observation {
        start: Some(instant(patient.start())),
        end: Some(instant(patient.end)),
        source: ObservationSource::Stated,
    };
    Timeline::new(patient.subject(), events, observation)
}

/// What stands in the Patient resource.
fn facts(patient: &Patient, shared: &Shared, events: &mut Vec<Event>) {
    let person = &patient.person;
    let fixed = [
        if person.male {
            &shared.male
        } else {
            &shared.female
        },
        &shared.races[person.race],
        &shared.ethnicities[person.ethnicity],
    ];
    for code in fixed {
        events.push(Event::new(code.clone(), None, shared.origin.clone()));
    }
    if patient.social {
        let deprivation = person.deprivation.to_string();
        for (system, value) in [("SITE", person.site.name()), ("DEPRIVATION", &deprivation)] {
            let code = Code::new(system, value);
            events.push(Event::new(code, None, shared.origin.clone()));
        }
    }
    let birth = Instant(person.birth_day * 86_400_000_000);
    let mut event = Event::new(shared.birth.clone(), Some(birth), shared.origin.clone());
    event.precision = Precision::Day;
    events.push(event);
    if let Some(death) = patient.death {
        events.push(timed(shared, &shared.death, death, None));
    }
}

fn timed(shared: &Shared, code: &Code, at: Seconds, encounter: Option<EncounterId>) -> Event {
    let mut event = Event::new(code.clone(), Some(instant(at)), shared.origin.clone());
    event.utc_offset_minutes = Some(offset_minutes(at));
    event.encounter = encounter;
    event
}

fn encounters(patient: &Patient, shared: &Shared, ids: &[EncounterId], events: &mut Vec<Event>) {
    for (visit, id) in patient.visits.iter().zip(ids) {
        let (_, start, end) = &shared.encounters[visit.class as usize];
        let mut event = timed(shared, start, visit.start, Some(*id));
        let open = patient.is_open(visit);
        event.end_time = (!open).then_some(instant(visit.end));
        events.push(event);
        let kind = &shared.kinds[visit.kind() as usize];
        events.push(timed(shared, kind, visit.start, Some(*id)));
        if !open {
            events.push(timed(shared, end, visit.end, Some(*id)));
        }
    }
}

fn entries(patient: &Patient, shared: &Shared, ids: &[EncounterId], events: &mut Vec<Event>) {
    for entry in &patient.entries {
        let id = Some(ids[entry.visit]);
        let plain = |code: &Code| timed(shared, code, entry.at, id);
        let measured = |concept: Concept, value: Value| {
            let mut event = plain(&concept.code());
            event.numeric_value = Some(value.number());
            event.unit.clone_from(&shared.units[concept as usize]);
            event
        };
        match &entry.what {
            What::Diagnosis(concept) | What::Request(concept) | What::Procedure(concept) => {
                events.push(plain(&concept.code()));
            }
            What::Result(concept, value) => events.push(measured(*concept, *value)),
            What::Pressure(systolic, diastolic) => {
                events.push(measured(Concept::Systolic, *systolic));
                events.push(measured(Concept::Diastolic, *diastolic));
            }
            What::Administration(drug) => {
                events.push(plain(&shared.administered[*drug as usize]));
            }
            What::Allergy(allergen) => events.push(plain(&shared.allergies[*allergen as usize])),
            What::Note(note) => {
                let mut event = plain(&shared.notes[note.kind as usize]);
                event.text_value = Some(note.text.as_str().into());
                events.push(event);
            }
        }
    }
}
