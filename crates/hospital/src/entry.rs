//! What age brought before the hospital first saw a patient.
//!
//! Prevalence at entry is not simulated from birth but drawn from the cumulative hazard of the
//! present state, lowered by a share for what was not yet there in earlier years (assumed).
//! Survival up to entry is not modelled.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the lists name what differs; all else is ordinary, also what is added later"
)]

use crate::calendar::YEAR;
use crate::care::{self, concept_of};
use crate::course::{Class, Sink};
use crate::effects::{EFFECTS, Factor, Process};
use crate::person::Person;
use crate::physiology::{DISEASES, State};
use crate::random::Random;

/// The diseases in the order in which they bring each other about.
const ORDER: [Process; 9] = [
    Process::Hypertension,
    Process::Diabetes,
    Process::Depression,
    Process::Copd,
    Process::CoronaryDisease,
    Process::AtrialFibrillation,
    Process::Amyloidosis,
    Process::HeartFailure,
    Process::Cancer,
];

/// The state of a person at entry.
pub(crate) fn enter(person: &Person, random: &mut Random) -> State {
    let mut state = State::new(person, person.entry, random);
    let age = state.levels().age;
    let lost = 0.6 * state.traits.kidney_loss * (age - 40.0).max(0.0);
    state.filtration_lost = lost + 9.0 * random.normal();
    for process in ORDER {
        acquire(&mut state, random, process, age);
    }
    let diabetes = 1.0 * state.years_with(Factor::Diabetes);
    let hypertension = 0.3 * state.years_with(Factor::Hypertension);
    state.filtration_lost += diabetes + hypertension;
    state.check_kidneys();
    if state.has(Factor::KidneyDisease) {
        state.onset[Factor::KidneyDisease as usize] -= 6.0 * YEAR * random.uniform();
        learn(&mut state, random, Factor::KidneyDisease, 0.35);
    }
    if state.has(Factor::CoronaryDisease) && random.chance(0.18) {
        state.set(Factor::PastInfarction, true);
        state.known |= 1 << Factor::CoronaryDisease as u32;
    }
    let stroke = 0.025
        + if state.has(Factor::AtrialFibrillation) {
            0.07
        } else {
            0.0
        };
    if age > 50.0 && random.chance(stroke) {
        state.set(Factor::PastStroke, true);
    }
    care::treat_before_entry(&mut state, random);
    state
}

/// Perhaps begins a disease in the years before entry.
fn acquire(state: &mut State, random: &mut Random, process: Process, age: f64) {
    state.recompute();
    let ratio = EFFECTS
        .iter()
        .find(|e| e.process == process && e.factor == Factor::Age)
        .map_or(1.0, |e| e.hazard_ratio);
    // A slope of exactly none would divide by it.
    let slope = (libm::log(ratio) / 10.0).abs().max(0.01);
    let grown = 1.0 - libm::exp(-slope * (age - 18.0));
    let share = match process {
        Process::Cancer | Process::Amyloidosis => 0.12,
        _ => 0.6,
    };
    let expected = state.hazards.one(process) * YEAR * share * grown / slope;
    if random.chance(1.0 - libm::exp(-expected)) {
        let years = -libm::log(1.0 - random.uniform() * grown) / slope;
        let disease = Factor::ALL[process as usize];
        state.begin(disease, state.now - years * YEAR);
        let pace = if disease == Factor::Amyloidosis {
            0.1
        } else {
            0.9
        };
        learn(state, random, disease, pace);
    }
}

/// Perhaps an earlier doctor found the disease, at a rate a year.
fn learn(state: &mut State, random: &mut Random, disease: Factor, pace: f64) {
    let years = state.years_with(disease);
    if random.chance(1.0 - libm::exp(-pace * years)) {
        state.known |= 1 << disease as u32;
    }
}

/// The first visit, at which what is known is written down.
pub(crate) fn register(state: &mut State, sink: &mut impl Sink) {
    let start = state.now;
    let end = start + 40.0 / 1440.0;
    sink.encounter(state, Class::Ambulatory, start, end);
    let at = start + 15.0 / 1440.0;
    for &disease in &Factor::ALL[..DISEASES] {
        if state.knows(disease) {
            sink.diagnosis(at, concept_of(state, disease));
        }
    }
    for &treatment in Factor::ALL {
        if care::drug_of(treatment).is_some() && state.has(treatment) {
            sink.treatment(end, treatment);
        }
    }
    sink.registered(state, at);
    state.now = end;
    state.recorded = end;
    sink.visit_over(state, start, None);
}
