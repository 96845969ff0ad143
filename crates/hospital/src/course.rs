//! The course of health and care: the one simulator, which writes records through a [`Sink`] when a
//! patient is made and answers questions through another when a future is rolled out.
//!
//! Competing hazards, constant between changes, by the direct method of Gillespie ("Exact
//! stochastic simulation of coupled chemical reactions", J Phys Chem 1977): an exponential wait by
//! their sum, then one of them in proportion. What care does (visits, diagnoses, treatments, stays)
//! is in `care.rs`; what is measured is in `chronicle.rs` and feeds nothing back.

use crate::calendar::LocalDays;
use crate::care;
use crate::concepts::Concept;
use crate::effects::{Factor, Process};
use crate::physiology::State;
use crate::random::Random;

/// The class of an encounter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Outpatient.
    Ambulatory,
    /// Emergency department.
    Emergency,
    /// Admission.
    Inpatient,
}

/// A stay: an arrival at the emergency department (unless planned) and an admission.
#[derive(Clone, Debug)]
pub(crate) struct Stay {
    /// Why.
    pub(crate) cause: Process,
    /// Arrival at the emergency department.
    pub(crate) arrival: Option<LocalDays>,
    /// Admission.
    pub(crate) start: LocalDays,
    /// Discharge or death.
    pub(crate) end: LocalDays,
    /// Whether it ends in death.
    pub(crate) died: bool,
    /// Whether sepsis is the cause or came on top.
    pub(crate) septic: bool,
    /// Whether an acute kidney injury is the cause or came on top.
    pub(crate) kidney_injury: bool,
}

/// What the simulator tells of: the events that outcomes and records are made of, in order.
pub(crate) trait Sink {
    /// An encounter begins; diagnoses and prescriptions up to the next one belong to it.
    fn encounter(&mut self, state: &State, class: Class, start: LocalDays, end: LocalDays);
    /// A stay, after its encounters began and before its diagnoses.
    fn stay(&mut self, state: &State, stay: &Stay);
    /// A diagnosis is recorded.
    fn diagnosis(&mut self, at: LocalDays, concept: Concept);
    /// A treatment begins.
    fn treatment(&mut self, at: LocalDays, treatment: Factor);
    /// The first visit has written down what was known before.
    fn registered(&mut self, state: &State, at: LocalDays);
    /// An outpatient or emergency visit is over, with the complaint that led to it.
    fn visit_over(&mut self, state: &State, at: LocalDays, complaint: Option<Concept>);
    /// Death.
    fn death(&mut self, at: LocalDays);
}

/// Lets time go by until `until` or death; a stay that reaches beyond it is finished.
pub(crate) fn advance(
    state: &mut State,
    random: &mut Random,
    until: LocalDays,
    sink: &mut impl Sink,
) {
    while state.died.is_none() && state.now < until {
        if state.stale {
            state.recompute();
        }
        let recent = state.has(Factor::RecentStay);
        let mut boundary = until.min(state.refresh_at);
        if recent {
            boundary = boundary.min(state.recent_until);
        }
        let wait = random.exponential() / f64::from(state.hazards.total);
        if state.now + wait < boundary {
            state.now += wait;
            let process = state.hazards.choose(random.uniform());
            happen(state, random, process, sink);
            continue;
        }
        state.now = state.now.max(boundary);
        if recent && state.now >= state.recent_until {
            state.set(Factor::RecentStay, false);
        }
        if state.now >= state.refresh_at {
            state.refresh(random);
        }
    }
}

fn happen(state: &mut State, random: &mut Random, process: Process, sink: &mut impl Sink) {
    match process {
        Process::Hypertension
        | Process::Diabetes
        | Process::Copd
        | Process::HeartFailure
        | Process::CoronaryDisease
        | Process::AtrialFibrillation
        | Process::Depression
        | Process::Cancer
        | Process::Amyloidosis => state.begin(Factor::ALL[process as usize], state.now),
        Process::Quitting => {
            state.set(Factor::Smoker, false);
            state.set(Factor::ExSmoker, true);
        }
        Process::Visit => care::visit(state, random, None, sink),
        Process::Emergency => care::emergency(state, random, sink),
        Process::Death => care::death(state, random, sink),
        Process::Infarction
        | Process::Stroke
        | Process::Pneumonia
        | Process::Sepsis
        | Process::KidneyInjury
        | Process::Fracture
        | Process::UrinaryInfection
        | Process::HeartFailureExacerbation
        | Process::CopdExacerbation
        | Process::Elective => care::acute(state, random, process, sink),
    }
}

/// The first factors and the first processes are the same diseases in the same order.
const _: () = assert!(
    Factor::Amyloidosis as usize == Process::Amyloidosis as usize
        && Factor::Hypertension as usize == Process::Hypertension as usize
);
