//! One patient: the person, the record over the observed span, and the latent state at the index
//! date from which futures are rolled out.

use crate::Options;
use crate::calendar::{Seconds, seconds};
use crate::chronicle::{Chronicle, Entry, Visit};
use crate::concepts::Concept;
use crate::course::{Class, Sink, advance};
use crate::effects::Factor;
use crate::entry;
use crate::identity::Identity;
use crate::person::{Person, Site, floor};
use crate::physiology::{DISEASES, State};
use crate::random::{Purpose, Random, identifier};
use crate::timeline::gender;
use longitude_core::{Instant, SubjectId};
use std::fmt;

/// A patient with the record and what stands behind it. `Debug` shows sizes only.
pub struct Patient {
    pub(crate) id: String,
    pub(crate) person: Person,
    pub(crate) identity: Identity,
    pub(crate) visits: Vec<Visit>,
    pub(crate) entries: Vec<Entry>,
    /// Death, where it was observed.
    pub(crate) death: Option<Seconds>,
    /// Observation ends here: at death, at a move, or at the export.
    pub(crate) end: Seconds,
    /// The state at the index date, where there is one.
    pub(crate) at_index: Option<Box<State>>,
    /// When each chronic disease began, seen or not.
    pub(crate) onset: [f64; DISEASES],
    /// Whether the record states the site and the deprivation.
    pub(crate) social: bool,
}

/// Makes the patient with this index. It depends on the seed and the index alone.
pub fn patient(options: &Options, index: u32) -> Patient {
    let person = Person::draw(options, index);
    let (identity, wording) = Identity::draw(options.seed, index, &person);
    let mut random = Random::stream(options.seed, index, Purpose::Course);
    let mut state = entry::enter(&person, &mut random);
    let mut chronicle = Chronicle::new((options.seed, index), &person, (&identity, wording));
    entry::register(&mut state, &mut chronicle);
    let at_index = go_to_index(&person, &mut state, &mut random, &mut chronicle);
    advance(&mut state, &mut random, person.end, &mut chronicle);
    let death = chronicle.death.filter(|at| *at <= person.end).map(seconds);
    let end = death.unwrap_or_else(|| seconds(person.end));
    let (mut visits, mut entries) = (chronicle.visits, chronicle.entries);
    visits.retain(|visit| visit.start <= end);
    entries.retain(|entry| entry.at <= end);
    entries.sort_by_key(|entry| entry.at);
    Patient {
        id: format!("{:016x}", identifier(options.seed, index)),
        person,
        identity,
        visits,
        entries,
        death,
        end,
        at_index,
        onset: state.onset,
        social: options.social,
    }
}

/// Lets time go by until the index date: the first start of a day from the planned one on at which
/// the patient is not in the hospital. `None` when death or the end of observation comes before.
fn go_to_index(
    person: &Person,
    state: &mut State,
    random: &mut Random,
    sink: &mut impl Sink,
) -> Option<Box<State>> {
    let mut day = person.index_day?;
    loop {
        advance(state, random, day as f64, sink);
        if state.died.is_some() || state.now >= person.end {
            return None;
        }
        if state.now <= day as f64 {
            return Some(Box::new(state.clone()));
        }
        day = floor(state.now) + 1;
    }
}

impl Patient {
    /// The id of the FHIR resource.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Where the patient is cared for.
    pub fn site(&self) -> Site {
        self.person.site
    }

    /// Whether the patient is of the group that the inequity is planted on, whether or not it acts.
    pub fn is_of_the_group(&self) -> bool {
        self.person.is_of_the_group()
    }

    /// The quintile of deprivation, 5 the most deprived.
    pub fn deprivation(&self) -> u8 {
        self.person.deprivation
    }

    /// FHIR's administrative gender.
    pub fn sex(&self) -> &'static str {
        gender(self.person.male)
    }

    /// When a chronic disease began, seen or not; `None` where it did not within observation, and
    /// for factors that are no chronic disease.
    pub fn onset(&self, disease: Factor) -> Option<Instant> {
        let at = self.onset.get(disease as usize)?;
        let at = at.is_finite().then(|| seconds(*at))?;
        (at <= self.end).then(|| instant(at))
    }

    /// The subject that ingest makes of the FHIR id.
    pub fn subject(&self) -> SubjectId {
        SubjectId::from_source("Patient", &self.id)
    }

    /// The date at whose start risks are asked for, where observation reaches it.
    pub fn index(&self) -> Option<Instant> {
        self.index_at().map(instant)
    }

    /// Where observation would have ended without death: at the move or the export.
    pub fn end_planned(&self) -> Instant {
        instant(seconds(self.person.end))
    }

    /// The id of the FHIR encounter with this number.
    pub(crate) fn visit_id(&self, number: usize) -> String {
        format!("{}-e{number}", self.id)
    }

    /// The id of the FHIR resource of the entry with this number.
    pub(crate) fn entry_id(&self, number: usize) -> String {
        format!("{}-r{number}", self.id)
    }

    /// When observation starts.
    pub(crate) fn start(&self) -> Seconds {
        seconds(self.person.entry)
    }

    /// The index date.
    pub(crate) fn index_at(&self) -> Option<Seconds> {
        self.at_index.as_ref().map(|state| seconds(state.now))
    }

    /// Whether a visit was still going on when observation ended.
    pub(crate) fn is_open(&self, visit: &Visit) -> bool {
        visit.end > self.end
    }
}

impl fmt::Debug for Patient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Patient({} visits, {} entries)",
            self.visits.len(),
            self.entries.len()
        )
    }
}

/// An instant of a second.
pub(crate) fn instant(seconds: Seconds) -> Instant {
    Instant(seconds * 1_000_000)
}

impl Visit {
    /// FHIR's class: code and display (HL7 v3 ActCode).
    pub(crate) fn class(&self) -> (&'static str, &'static str) {
        match self.class {
            Class::Ambulatory => ("AMB", "ambulatory"),
            Class::Emergency => ("EMER", "emergency"),
            Class::Inpatient => ("IMP", "inpatient encounter"),
        }
    }

    /// The type of encounter.
    pub(crate) fn kind(&self) -> Concept {
        match self.class {
            Class::Ambulatory => Concept::OutpatientVisit,
            Class::Emergency => Concept::EmergencyVisit,
            Class::Inpatient => Concept::Admission,
        }
    }
}
