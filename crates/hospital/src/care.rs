//! What care does: visits, diagnoses with their delays, treatments, stays and deaths.
//!
//! A chronic disease begins unseen. Each contact finds it with a probability that grows with the
//! years since onset and depends on the disease, the site and the planted inequity; only then is a
//! code recorded and treatment considered. All probabilities are assumed.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the lists name what differs; all else is ordinary, also what is added later"
)]

use crate::concepts::Concept;
use crate::course::{Class, Sink, Stay};
use crate::effects::{Factor, Process};
use crate::person::{Site, floor};
use crate::physiology::{DISEASES, State};
use crate::random::Random;

/// How easily an unknown disease is found at an outpatient visit, by the number of the disease.
const FOUND: [f64; DISEASES] = [0.35, 0.22, 0.16, 0.42, 0.25, 0.42, 0.22, 0.10, 0.05, 0.09];

/// The share of the ordinary chance to be diagnosed that the planted inequity leaves.
pub(crate) const UNDERSERVED_DIAGNOSIS: f64 = 0.45;

/// The share of the ordinary chance to be diagnosed with diabetes that site B has at a visit.
pub(crate) const SITE_B_DIABETES: f64 = 0.45;

/// How a treatment is begun: for which known disease, which treatment, how likely at each contact.
const STARTS: [(Factor, Factor, f64); 16] = [
    (Factor::Hypertension, Factor::Amlodipine, 0.30),
    (Factor::Hypertension, Factor::AceInhibitor, 0.25),
    (Factor::Diabetes, Factor::Metformin, 0.55),
    (Factor::Diabetes, Factor::Statin, 0.25),
    (Factor::Diabetes, Factor::AceInhibitor, 0.12),
    (Factor::Copd, Factor::Inhaler, 0.5),
    (Factor::HeartFailure, Factor::Diuretic, 0.6),
    (Factor::HeartFailure, Factor::AceInhibitor, 0.4),
    (Factor::HeartFailure, Factor::BetaBlocker, 0.4),
    (Factor::CoronaryDisease, Factor::Statin, 0.5),
    (Factor::CoronaryDisease, Factor::BetaBlocker, 0.3),
    (Factor::AtrialFibrillation, Factor::Anticoagulant, 0.35),
    (Factor::AtrialFibrillation, Factor::BetaBlocker, 0.3),
    (Factor::Depression, Factor::Antidepressant, 0.35),
    (Factor::KidneyDisease, Factor::AceInhibitor, 0.2),
    (Factor::PastStroke, Factor::Statin, 0.5),
];

/// An acute event: whether it leads to a stay, for how long, and how deadly it is.
struct Acute {
    process: Process,
    admitted: f64,
    median_days: f64,
    /// The log odds of death in the stay for a person of 65 with nothing else.
    fatality: f64,
}

const fn acute_row(process: Process, admitted: f64, median_days: f64, fatality: f64) -> Acute {
    Acute {
        process,
        admitted,
        median_days,
        fatality,
    }
}

const ACUTE: [Acute; 10] = [
    acute_row(Process::Infarction, 1.0, 4.0, -3.0),
    acute_row(Process::Stroke, 1.0, 6.0, -2.5),
    acute_row(Process::Pneumonia, 0.5, 4.5, -3.0),
    acute_row(Process::Sepsis, 1.0, 7.0, -2.0),
    acute_row(Process::KidneyInjury, 0.9, 4.0, -3.2),
    acute_row(Process::Fracture, 0.55, 5.0, -4.5),
    acute_row(Process::UrinaryInfection, 0.12, 3.0, -5.0),
    acute_row(Process::HeartFailureExacerbation, 0.75, 5.0, -3.3),
    acute_row(Process::CopdExacerbation, 0.55, 4.0, -3.5),
    acute_row(Process::Elective, 1.0, 2.5, -7.0),
];

/// An outpatient visit, moved into office hours where that does not overtake the record.
pub(crate) fn visit(
    state: &mut State,
    random: &mut Random,
    complaint: Option<Concept>,
    sink: &mut impl Sink,
) {
    let day = floor(state.now) as f64;
    let office = day + (8.0 + 9.0 * (state.now - day)) / 24.0;
    if office >= state.recorded {
        state.now = office;
    }
    let start = state.now;
    let end = start + (12.0 + 30.0 * random.uniform()) / 1440.0;
    sink.encounter(state, Class::Ambulatory, start, end);
    state.now = end;
    find_and_treat(state, random, 1.0, sink);
    state.recorded = end;
    sink.visit_over(state, start, complaint);
}

/// An emergency visit for a minor complaint; some are kept for a short stay.
pub(crate) fn emergency(state: &mut State, random: &mut Random, sink: &mut impl Sink) {
    if random.chance(0.15) {
        let days = random.lognormal(1.5, 0.4);
        admit(state, random, (Process::Emergency, days, -5.0), sink);
        return;
    }
    let complaint = *random.pick(&[
        Concept::BackPain,
        Concept::ChestPain,
        Concept::UpperInfection,
        Concept::Fatigue,
    ]);
    emergency_visit(state, random, complaint, sink);
}

fn emergency_visit(
    state: &mut State,
    random: &mut Random,
    complaint: Concept,
    sink: &mut impl Sink,
) {
    let start = state.now;
    let end = start + random.between(1.5, 7.0) / 24.0;
    sink.encounter(state, Class::Emergency, start, end);
    state.now = end;
    find_and_treat(state, random, 0.4, sink);
    state.recorded = end;
    sink.visit_over(state, start, Some(complaint));
}

/// An acute event or a planned admission.
pub(crate) fn acute(
    state: &mut State,
    random: &mut Random,
    process: Process,
    sink: &mut impl Sink,
) {
    let Some(row) = ACUTE.iter().find(|row| row.process == process) else {
        return;
    };
    if process == Process::Infarction && random.chance(0.10) {
        // Sudden cardiac death outside the hospital leaves no code but death.
        state.begin(Factor::CoronaryDisease, state.now);
        die(state, state.now, sink);
        return;
    }
    let frail = 0.12 * (state.traits.frailty + (state.levels().age - 65.0) / 15.0);
    if random.chance(row.admitted + if row.admitted < 1.0 { frail } else { 0.0 }) {
        let days = random.lognormal(row.median_days, 0.55).min(60.0);
        admit(state, random, (process, days, row.fatality), sink);
        return;
    }
    match process {
        Process::UrinaryInfection => visit(state, random, Some(Concept::UrinaryInfection), sink),
        Process::Pneumonia => visit(state, random, Some(Concept::Pneumonia), sink),
        Process::CopdExacerbation => {
            visit(state, random, Some(Concept::CopdExacerbation), sink);
        }
        Process::Fracture => emergency_visit(state, random, Concept::WristFracture, sink),
        Process::HeartFailureExacerbation => visit(state, random, Some(Concept::Edema), sink),
        _ => emergency_visit(state, random, Concept::Fatigue, sink),
    }
}

/// Death outside the acute events: at home, or in a last stay.
pub(crate) fn death(state: &mut State, random: &mut Random, sink: &mut impl Sink) {
    if random.chance(0.4) {
        let days = random.lognormal(5.0, 0.7).min(40.0);
        admit(state, random, (Process::Death, days, 50.0), sink);
    } else {
        die(state, state.now, sink);
    }
}

fn die(state: &mut State, at: f64, sink: &mut impl Sink) {
    // Death never comes before what is recorded already.
    let at = at.max(state.recorded + 1.0 / 1440.0);
    state.now = at;
    state.died = Some(at);
    sink.death(at);
}

/// A stay for a cause, of a length in days, with a log odds of death.
fn admit(
    state: &mut State,
    random: &mut Random,
    (cause, days, fatality): (Process, f64, f64),
    sink: &mut impl Sink,
) {
    let planned = cause == Process::Elective;
    let arrival = state.now.max(state.recorded);
    let start = if planned {
        arrival
    } else {
        arrival + random.between(2.0, 9.0) / 24.0
    };
    let complication = |cause_of_it: Process, p: f64, random: &mut Random| {
        cause == cause_of_it || (!planned && random.chance(p))
    };
    let pneumonia = cause == Process::Pneumonia;
    let septic = complication(
        Process::Sepsis,
        if pneumonia { 0.10 } else { 0.015 },
        random,
    );
    let loss = (90.0 - state.levels().egfr).max(0.0) / 100.0;
    let kidney_p = (if septic { 0.22 } else { 0.05 }) * (0.5 + loss);
    let kidney_injury = complication(Process::KidneyInjury, kidney_p, random);
    let died = random.chance(fatality_of(
        state,
        fatality,
        septic && cause != Process::Sepsis,
    ));
    let stay = Stay {
        cause,
        arrival: (!planned).then_some(arrival),
        start,
        end: start + days.max(0.6) + 0.2 * random.uniform(),
        died,
        septic,
        kidney_injury,
    };
    if let Some(arrival) = stay.arrival {
        sink.encounter(state, Class::Emergency, arrival, start);
    }
    sink.encounter(state, Class::Inpatient, start, stay.end);
    sink.stay(state, &stay);
    code_stay(state, random, &stay, sink);
    state.now = stay.start + 0.5 * (stay.end - stay.start);
    find_and_treat(state, random, 1.6, sink);
    state.now = stay.end;
    state.recorded = stay.end;
    if stay.kidney_injury {
        state.filtration_lost += random.between(1.0, 8.0);
        state.check_kidneys();
    }
    if stay.died {
        die(state, stay.end, sink);
    } else {
        state.set(Factor::RecentStay, true);
        state.recent_until = state.now + 90.0;
    }
}

/// The probability to die in a stay.
fn fatality_of(state: &State, base: f64, turned_septic: bool) -> f64 {
    let mut odds = base + 0.045 * (state.levels().age - 65.0) + 0.45 * state.traits.frailty;
    for (factor, log_odds) in [
        (Factor::Cancer, 0.8),
        (Factor::HeartFailure, 0.4),
        (Factor::Copd, 0.3),
        (Factor::KidneyDisease, 0.3),
        (Factor::Amyloidosis, 0.5),
    ] {
        if state.has(factor) {
            odds += log_odds;
        }
    }
    if turned_septic {
        odds += 1.2;
    }
    1.0 / (1.0 + libm::exp(-odds))
}

/// The diagnoses of a stay, and what the event leaves behind.
fn code_stay(state: &mut State, random: &mut Random, stay: &Stay, sink: &mut impl Sink) {
    let early = stay.start + 0.05 * (stay.end - stay.start) * random.uniform();
    let vague = state.site == Site::B;
    let principal = match stay.cause {
        Process::Infarction if vague => Concept::Infarction,
        Process::Infarction => Concept::InfarctionNstemi,
        Process::Stroke if !vague && state.has(Factor::AtrialFibrillation) => {
            Concept::StrokeEmbolic
        }
        Process::Stroke => Concept::Stroke,
        Process::Pneumonia if vague => Concept::Pneumonia,
        Process::Pneumonia => Concept::PneumoniaBacterial,
        Process::Sepsis => Concept::Sepsis,
        Process::KidneyInjury => Concept::KidneyInjury,
        Process::Fracture => Concept::HipFracture,
        Process::UrinaryInfection => Concept::UrinaryInfection,
        Process::HeartFailureExacerbation if vague => Concept::HeartFailure,
        Process::HeartFailureExacerbation => Concept::HeartFailureAcute,
        Process::CopdExacerbation => Concept::CopdExacerbation,
        Process::Elective => Concept::KneeArthrosis,
        Process::Death => Concept::Palliative,
        _ => Concept::ChestPain,
    };
    sink.diagnosis(early, principal);
    let later = stay.start + random.between(0.1, 0.6) * (stay.end - stay.start);
    if stay.septic && stay.cause != Process::Sepsis {
        sink.diagnosis(later, Concept::Sepsis);
    }
    if stay.kidney_injury && stay.cause != Process::KidneyInjury {
        sink.diagnosis(later, Concept::KidneyInjury);
    }
    match stay.cause {
        Process::Infarction => {
            state.begin(Factor::CoronaryDisease, state.now);
            state.known |= 1 << Factor::CoronaryDisease as u32;
            state.set(Factor::PastInfarction, true);
        }
        Process::Stroke => state.set(Factor::PastStroke, true),
        Process::HeartFailureExacerbation => state.known |= 1 << Factor::HeartFailure as u32,
        Process::CopdExacerbation => state.known |= 1 << Factor::Copd as u32,
        _ => {}
    }
}

/// Looks for unknown chronic diseases and considers treatments; `thorough` multiplies the chances.
fn find_and_treat(state: &mut State, random: &mut Random, thorough: f64, sink: &mut impl Sink) {
    let unknown = state.switches & !state.known & ((1 << DISEASES) - 1);
    let share = if state.has(Factor::Underserved) {
        UNDERSERVED_DIAGNOSIS
    } else {
        1.0
    };
    let mut left = unknown;
    while left != 0 {
        let at = left.trailing_zeros() as usize;
        left &= left - 1;
        let disease = Factor::ALL[at];
        let ripe = (0.25 + 0.4 * state.years_with(disease)).min(1.3);
        let habit = match (state.site, disease) {
            (Site::B, Factor::Diabetes) => SITE_B_DIABETES,
            (Site::B, Factor::KidneyDisease) => 0.6,
            _ => 1.0,
        };
        let p = (FOUND[at] * ripe * thorough * share * habit).min(0.95);
        if random.chance(p) {
            diagnose(state, disease, sink);
        }
    }
    treat(state, random, thorough, sink);
}

fn diagnose(state: &mut State, disease: Factor, sink: &mut impl Sink) {
    if disease == Factor::Diabetes && state.site == Site::B && !state.vague {
        state.vague = true;
        sink.diagnosis(state.now, Concept::Hyperglycemia);
        return;
    }
    state.known |= 1 << disease as u32;
    state.stale = true;
    sink.diagnosis(state.now, concept_of(state, disease));
}

/// The code that the site uses for a chronic disease at present.
pub(crate) fn concept_of(state: &State, disease: Factor) -> Concept {
    let vague = state.site == Site::B;
    match disease {
        Factor::Diabetes if vague => Concept::Diabetes,
        Factor::Diabetes if state.knows(Factor::KidneyDisease) => Concept::DiabetesKidney,
        Factor::Diabetes if state.levels().a1c > 8.5 => Concept::DiabetesHyperglycemia,
        Factor::Diabetes => Concept::Diabetes,
        Factor::Copd => Concept::Copd,
        Factor::HeartFailure if vague => Concept::HeartFailure,
        Factor::HeartFailure if state.has(Factor::PastInfarction) => Concept::HeartFailureSystolic,
        Factor::HeartFailure => Concept::HeartFailureDiastolic,
        Factor::CoronaryDisease if vague => Concept::CoronaryUnspecified,
        Factor::CoronaryDisease => Concept::CoronaryDisease,
        Factor::AtrialFibrillation if vague => Concept::AtrialFibrillation,
        Factor::AtrialFibrillation => Concept::AtrialFibrillationParoxysmal,
        Factor::Depression if state.years_with(disease) > 3.0 => Concept::DepressionRecurrent,
        Factor::Depression => Concept::Depression,
        Factor::Cancer => Concept::ColonCancer,
        Factor::Amyloidosis if vague => Concept::AmyloidosisOrgan,
        Factor::Amyloidosis => Concept::Amyloidosis,
        Factor::KidneyDisease => kidney_stage(state),
        _ => Concept::Hypertension,
    }
}

/// The stage by the present filtration rate (KDIGO 2012); site B does not stage.
fn kidney_stage(state: &State) -> Concept {
    let egfr = state.levels().egfr;
    if state.site == Site::B {
        return Concept::KidneyUnspecified;
    }
    match egfr {
        e if e < 15.0 => Concept::Kidney5,
        e if e < 30.0 => Concept::Kidney4,
        e if e < 45.0 => Concept::Kidney3b,
        e if e < 60.0 => Concept::Kidney3a,
        _ => Concept::Kidney3,
    }
}

/// Begins treatments of known diseases, each with its chance at this contact.
fn treat(state: &mut State, random: &mut Random, thorough: f64, sink: &mut impl Sink) {
    let share = if state.has(Factor::Underserved) {
        0.7
    } else {
        1.0
    };
    for (disease, treatment, p) in STARTS {
        let indicated = if disease == Factor::PastStroke {
            state.has(disease)
        } else {
            state.knows(disease)
        };
        if !indicated || state.has(treatment) || state.is_held(treatment) {
            continue;
        }
        let unsafe_now = treatment == Factor::Metformin && state.levels().egfr < 30.0;
        if random.chance(p * share * thorough.min(1.0)) && !unsafe_now {
            begin_treatment(state, treatment, sink);
        }
    }
    let diabetic = state.knows(Factor::Diabetes);
    if diabetic && !state.has(Factor::Insulin) && state.levels().a1c > 8.6 && random.chance(0.3) {
        begin_treatment(state, Factor::Insulin, sink);
    }
    if state.knows(Factor::Cancer) && !state.has(Factor::Resected) && random.chance(0.5) {
        begin_treatment(state, Factor::Resected, sink);
    }
}

fn begin_treatment(state: &mut State, treatment: Factor, sink: &mut impl Sink) {
    state.set(treatment, true);
    sink.treatment(state.now, treatment);
}

/// The treatments of what is known at entry, begun before and recorded at the first visit.
pub(crate) fn treat_before_entry(state: &mut State, random: &mut Random) {
    for (disease, treatment, p) in STARTS {
        let indicated =
            state.knows(disease) || disease == Factor::PastStroke && state.has(Factor::PastStroke);
        if indicated && random.chance((1.3 * p).min(0.85)) {
            state.set(treatment, true);
        }
    }
    if state.knows(Factor::Cancer) {
        state.set(Factor::Resected, true);
    }
}

/// The drug that a treatment is prescribed as; resection is no drug.
pub(crate) fn drug_of(treatment: Factor) -> Option<Concept> {
    Some(match treatment {
        Factor::Amlodipine => Concept::Amlodipine,
        Factor::AceInhibitor => Concept::Lisinopril,
        Factor::Metformin => Concept::Metformin,
        Factor::Insulin => Concept::Glargine,
        Factor::Statin => Concept::Simvastatin,
        Factor::Anticoagulant => Concept::Apixaban,
        Factor::Inhaler => Concept::Inhaler,
        Factor::Antidepressant => Concept::Sertraline,
        Factor::Diuretic => Concept::Furosemide,
        Factor::BetaBlocker => Concept::Metoprolol,
        _ => return None,
    })
}
