//! The record as it is written while a patient's course is simulated: what care does, with
//! measurements, repeated codes, administrations, procedures and notes around it.
//!
//! Nothing here acts on the course: all numbers come from streams of their own, so that a rollout
//! without a chronicle follows the same law. Sicker patients are measured more; the group of the
//! planted inequity is measured less.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the lists name what differs; all else is ordinary, also what is added later"
)]

use crate::calendar::{LocalDays, Seconds, seconds};
use crate::care::{concept_of, drug_of};
use crate::concepts::Concept;
use crate::course::{Class, Sink, Stay};
use crate::effects::{Factor, Process};
use crate::identity::Identity;
use crate::measure::{Body, Illness, Value};
use crate::notes::{self, Facts, Note};
use crate::person::{Person, Site};
use crate::physiology::{DISEASES, State};
use crate::random::{Purpose, Random};

/// The share of the ordinary chance to be measured that the planted inequity leaves.
pub(crate) const UNDERSERVED_MEASURED: f64 = 0.5;

/// How often each site measures, against site A.
pub(crate) const SITE_MEASURED: [f64; 3] = [1.0, 0.7, 1.2];

/// One encounter of the record.
#[derive(Clone, Debug)]
pub(crate) struct Visit {
    pub(crate) class: Class,
    pub(crate) start: Seconds,
    pub(crate) end: Seconds,
}

/// One entry of the record.
pub(crate) struct Entry {
    pub(crate) at: Seconds,
    /// The number of the encounter.
    pub(crate) visit: usize,
    pub(crate) what: What,
}

/// What an entry says.
pub(crate) enum What {
    Diagnosis(Concept),
    Result(Concept, Value),
    Pressure(Value, Value),
    Request(Concept),
    Administration(Concept),
    Procedure(Concept),
    Allergy(Concept),
    Note(Box<Note>),
}

/// The record in the making.
pub(crate) struct Chronicle<'a> {
    person: &'a Person,
    identity: &'a Identity,
    random: Random,
    wording: Random,
    height_m: f64,
    /// What was known when the current encounter began: what is found in it is not coded twice.
    known_before: u32,
    pub(crate) visits: Vec<Visit>,
    pub(crate) entries: Vec<Entry>,
    pub(crate) death: Option<LocalDays>,
}

impl<'a> Chronicle<'a> {
    /// An empty record.
    pub(crate) fn new(
        (seed, index): (u64, u32),
        person: &'a Person,
        (identity, wording): (&'a Identity, Random),
    ) -> Self {
        let mut random = Random::stream(seed, index, Purpose::Detail);
        let mean = if person.male { 1.76 } else { 1.63 };
        let height_m = mean + 0.065 * random.normal();
        Self {
            person,
            identity,
            random,
            wording,
            height_m,
            known_before: 0,
            visits: Vec::with_capacity(48),
            entries: Vec::with_capacity(320),
            death: None,
        }
    }

    fn push(&mut self, at: LocalDays, what: What) {
        self.entries.push(Entry {
            at: seconds(at),
            visit: self.visits.len() - 1,
            what,
        });
    }

    fn measure(&mut self, body: &Body<'_>, ill: &Illness, at: LocalDays, concept: Concept) {
        let value = body.measure(concept, ill, &mut self.random);
        self.push(at, What::Result(concept, value));
    }

    fn pressure(&mut self, body: &Body<'_>, ill: &Illness, at: LocalDays) {
        let systolic = body.measure(Concept::Systolic, ill, &mut self.random);
        let diastolic = body.measure(Concept::Diastolic, ill, &mut self.random);
        self.push(at, What::Pressure(systolic, diastolic));
    }

    /// How readily this patient is measured at all.
    fn readiness(&self) -> f64 {
        let site = SITE_MEASURED[self.person.site as usize];
        if self.person.underserved() {
            site * UNDERSERVED_MEASURED
        } else {
            site
        }
    }

    fn body<'s>(&self, state: &'s State) -> Body<'s> {
        Body {
            state,
            levels: state.levels(),
            height_m: self.height_m,
        }
    }

    /// Vital signs and laboratory results of an outpatient or emergency visit.
    fn measure_visit(&mut self, state: &State, start: LocalDays) {
        let body = self.body(state);
        let ready = self.readiness();
        let burden = f64::from(state.known.count_ones());
        let ill = Illness::NONE;
        let vitals = start + 3.0 / 1440.0;
        let lung = state.knows(Factor::Copd) || state.has(Factor::HeartFailure);
        if self.random.chance((0.75 * ready.min(1.0)).min(0.95)) {
            self.pressure(&body, &ill, vitals);
        }
        for (concept, p) in [
            (Concept::HeartRate, 0.30),
            (Concept::Weight, 0.30),
            (Concept::Bmi, 0.12),
            (Concept::Saturation, if lung { 0.5 } else { 0.08 }),
            (Concept::Temperature, 0.06),
        ] {
            if self.random.chance(p * ready.min(1.0)) {
                self.measure(&body, &ill, vitals, concept);
            }
        }
        let drawn = start + 11.0 / 1440.0;
        let sick = 0.6 + 0.2 * burden;
        let diabetic = state.knows(Factor::Diabetes) || state.vague;
        let elderly = if body.levels.age > 45.0 { 0.13 } else { 0.06 };
        let lipids = state.has(Factor::Statin) || state.knows(Factor::CoronaryDisease);
        if self.random.chance((0.26 * sick * ready).min(0.85)) {
            for (concept, p) in [
                (Concept::Creatinine, 1.0),
                (Concept::Potassium, 0.7),
                (Concept::Sodium, 0.5),
                (Concept::Glucose, 0.6),
            ] {
                if self.random.chance(p) {
                    self.measure(&body, &ill, drawn, concept);
                }
            }
        }
        for (concept, p) in [
            (Concept::HbA1c, if diabetic { 0.55 } else { elderly }),
            (Concept::Ldl, if lipids { 0.3 } else { 0.09 }),
            (Concept::Hemoglobin, 0.16 * sick),
            (Concept::Leukocytes, 0.10 * sick),
            (Concept::Crp, 0.06 * sick),
            (
                Concept::Bnp,
                if state.knows(Factor::HeartFailure) {
                    0.3
                } else {
                    0.02 * sick
                },
            ),
        ] {
            if self.random.chance((p * ready).min(0.9)) {
                self.measure(&body, &ill, drawn, concept);
            }
        }
    }

    /// Symptoms of what is not known yet, known diseases coded again, and what is written in
    /// passing.
    fn code_visit(&mut self, state: &State, at: LocalDays, complaint: Option<Concept>) {
        let before = self.entries.len();
        if let Some(complaint) = complaint {
            self.push(at, What::Diagnosis(complaint));
        }
        for (disease, symptoms, p) in SYMPTOMS {
            if state.has(disease) && !state.knows(disease) && self.random.chance(p) {
                let symptom = *self.random.pick(symptoms);
                self.push(at, What::Diagnosis(symptom));
            }
        }
        for &disease in &Factor::ALL[..DISEASES] {
            if self.known_before >> disease as u32 & 1 == 1 && self.random.chance(0.30) {
                self.push(at, What::Diagnosis(concept_of(state, disease)));
            }
        }
        let levels = state.levels();
        let again = [
            (
                state.has(Factor::PastInfarction),
                Concept::OldInfarction,
                0.2,
            ),
            (state.has(Factor::PastStroke), Concept::OldStroke, 0.25),
            (state.has(Factor::Smoker), Concept::Smoker, 0.12),
            (state.has(Factor::ExSmoker), Concept::ExSmoker, 0.05),
            (levels.ldl > 140.0, Concept::Hyperlipidemia, 0.15),
            (levels.hb < 11.5, Concept::Anemia, 0.12),
            (
                levels.a1c > 5.8 && !state.has(Factor::Diabetes) && state.site != Site::B,
                Concept::Prediabetes,
                0.07,
            ),
        ];
        for (present, concept, p) in again {
            if present && self.random.chance(p) {
                self.push(at, What::Diagnosis(concept));
            }
        }
        if self.entries.len() == before && self.random.chance(0.6) {
            let common = [
                Concept::CheckUp,
                Concept::CheckUp,
                Concept::BackPain,
                Concept::UpperInfection,
                Concept::Fatigue,
            ];
            let concept = *self.random.pick(&common);
            self.push(at, What::Diagnosis(concept));
        }
    }

    /// Renewed prescriptions and tests that a visit orders.
    fn order_visit(&mut self, state: &State, at: LocalDays, complaint: Option<Concept>) {
        for &treatment in &Factor::ALL[Factor::Amlodipine as usize..Factor::Resected as usize] {
            if let Some(drug) = drug_of(treatment).filter(|_| state.has(treatment))
                && self.random.chance(0.28)
            {
                self.push(at, What::Request(drug));
            }
        }
        let infected = matches!(
            complaint,
            Some(Concept::UrinaryInfection | Concept::Pneumonia | Concept::CopdExacerbation)
        );
        if infected && self.random.chance(0.8) {
            self.push(at, What::Request(Concept::Azithromycin));
        }
        let suspicious = state.levels().hb < 11.0;
        for (present, procedure, p) in [
            (true, Concept::Electrocardiogram, 0.03),
            (
                state.has(Factor::HeartFailure),
                Concept::Echocardiography,
                0.06,
            ),
            (state.knows(Factor::Copd), Concept::Spirometry, 0.08),
            (suspicious, Concept::Colonoscopy, 0.06),
        ] {
            if present && self.random.chance(p) {
                self.push(at, What::Procedure(procedure));
            }
        }
    }

    /// The days of a stay: measurements, drugs, and what was done.
    fn live_stay(&mut self, state: &State, stay: &Stay) {
        let body = self.body(state);
        let ready = self.readiness();
        let drugs = drugs_of(stay);
        let days = stay.end - stay.start;
        if let Some(arrival) = stay.arrival {
            let ill = illness(stay, 0.0);
            self.measure_ward(&body, &ill, (arrival + 10.0 / 1440.0, ready.max(0.8)));
            self.visits_back(stay.start);
        }
        let mut day = 0.0;
        while day < days {
            let at = stay.start + (day + 0.2 + 0.1 * self.random.uniform()).min(0.95 * days);
            let ill = illness(stay, day / days);
            let often = if day < 4.0 { ready } else { 0.5 * ready };
            self.measure_ward(&body, &ill, (at, often));
            for &drug in drugs {
                if day < 6.0 && self.random.chance(0.85) {
                    self.push(at + 0.4 / 24.0, What::Administration(drug));
                }
            }
            day += 1.0;
        }
        for (procedure, p) in procedures_of(stay.cause) {
            if self.random.chance(*p) {
                let at = stay.start + days * self.random.between(0.05, 0.5);
                self.push(at, What::Procedure(*procedure));
            }
        }
        if stay.septic && self.random.chance(0.15) {
            self.push(
                stay.start + 0.1 * days,
                What::Procedure(Concept::Intubation),
            );
        }
        if self.random.chance(0.9) {
            let note = self.note(state, (stay.start, stay.end), stay);
            self.push(stay.end - 0.5 / 24.0, What::Note(Box::new(note)));
        }
    }

    /// The entries pushed last belong to the emergency visit that stands before the admission.
    fn visits_back(&mut self, admitted: LocalDays) {
        let emergency = self.visits.len().saturating_sub(2);
        let admitted = seconds(admitted);
        for entry in self.entries.iter_mut().rev() {
            if entry.visit <= emergency {
                break;
            }
            if entry.at < admitted {
                entry.visit = emergency;
            }
        }
    }

    /// One round of measurements on a ward.
    fn measure_ward(&mut self, body: &Body<'_>, ill: &Illness, (at, often): (LocalDays, f64)) {
        self.pressure(body, ill, at);
        let infected = ill.septic || ill.cause == Some(Process::Pneumonia);
        for (concept, p) in [
            (Concept::HeartRate, 0.9),
            (Concept::Saturation, 0.6),
            (Concept::Temperature, 0.5),
            (Concept::Respiration, 0.4),
        ] {
            if self.random.chance(p) {
                self.measure(body, ill, at, concept);
            }
        }
        let drawn = at + 20.0 / 1440.0;
        let cardiac = ill.cause == Some(Process::HeartFailureExacerbation);
        for (concept, p) in [
            (Concept::Creatinine, 0.75),
            (Concept::Potassium, 0.65),
            (Concept::Sodium, 0.55),
            (Concept::Glucose, 0.35),
            (Concept::Hemoglobin, 0.50),
            (Concept::Leukocytes, 0.45),
            (Concept::Crp, if infected { 0.5 } else { 0.12 }),
            (Concept::Lactate, if infected { 0.35 } else { 0.03 }),
            (Concept::Bnp, if cardiac { 0.35 } else { 0.03 }),
        ] {
            if self.random.chance((p * often).min(0.95)) {
                self.measure(body, ill, drawn, concept);
            }
        }
    }

    fn note(&mut self, state: &State, span: (LocalDays, LocalDays), stay: &Stay) -> Note {
        let reason = reason_of(stay.cause);
        let facts = self.facts(state, span, (reason, stay.died));
        let results = self.latest_results();
        let (known, drugs) = lists(state);
        let facts = Facts {
            known: &known,
            drugs: &drugs,
            results: &results,
            ..facts
        };
        notes::discharge(self.identity, &facts, &mut self.wording)
    }

    fn facts(
        &self,
        state: &State,
        (start, end): (LocalDays, LocalDays),
        (reason, died): (&'static str, bool),
    ) -> Facts<'static> {
        Facts {
            male: self.person.male,
            age: (start - state.birth) / crate::calendar::YEAR,
            start: seconds(start),
            end: seconds(end),
            reason,
            died,
            known: &[],
            drugs: &[],
            results: &[],
        }
    }

    /// Up to three results of the current encounter, the latest first.
    fn latest_results(&self) -> Vec<(Concept, Value)> {
        let current = self.visits.len() - 1;
        let mut results: Vec<(Concept, Value)> = Vec::with_capacity(3);
        for entry in self.entries.iter().rev().take_while(|e| e.visit == current) {
            if let What::Result(concept, value) = entry.what
                && results.len() < 3
                && results.iter().all(|(had, _)| *had != concept)
            {
                results.push((concept, value));
            }
        }
        results
    }
}

impl Sink for Chronicle<'_> {
    fn encounter(&mut self, state: &State, class: Class, start: LocalDays, end: LocalDays) {
        self.known_before = state.known;
        self.visits.push(Visit {
            class,
            start: seconds(start),
            end: seconds(end),
        });
    }

    fn stay(&mut self, state: &State, stay: &Stay) {
        self.live_stay(state, stay);
    }

    fn diagnosis(&mut self, at: LocalDays, concept: Concept) {
        self.push(at, What::Diagnosis(concept));
    }

    fn treatment(&mut self, at: LocalDays, treatment: Factor) {
        match drug_of(treatment) {
            Some(drug) => self.push(at, What::Request(drug)),
            None => self.push(at, What::Procedure(Concept::Colectomy)),
        }
    }

    fn registered(&mut self, _state: &State, at: LocalDays) {
        self.known_before = 0;
        for (allergen, p) in [
            (Concept::PenicillinAllergen, 0.08),
            (Concept::CodeineAllergen, 0.03),
            (Concept::AspirinAllergen, 0.02),
        ] {
            if self.random.chance(p) {
                self.push(at, What::Allergy(allergen));
            }
        }
    }

    fn visit_over(&mut self, state: &State, at: LocalDays, complaint: Option<Concept>) {
        self.measure_visit(state, at);
        let said = at + 12.0 / 1440.0;
        self.code_visit(state, said, complaint);
        self.order_visit(state, said, complaint);
        if self.random.chance(0.05) {
            let reason = complaint.map_or("a scheduled review", Concept::display);
            let facts = self.facts(state, (at, said), (reason, false));
            let results = self.latest_results();
            let (known, drugs) = lists(state);
            let facts = Facts {
                known: &known,
                drugs: &drugs,
                results: &results,
                ..facts
            };
            let note = notes::progress(self.identity, &facts, &mut self.wording);
            self.push(said, What::Note(Box::new(note)));
        }
    }

    fn death(&mut self, at: LocalDays) {
        self.death = Some(at);
    }
}

/// What unknown diseases bring patients to say, and how often a visit hears it (assumed).
pub(crate) const SYMPTOMS: [(Factor, &[Concept], f64); 8] = [
    (
        Factor::Diabetes,
        &[Concept::Polyuria, Concept::Fatigue],
        0.10,
    ),
    (Factor::Copd, &[Concept::Cough, Concept::Breathless], 0.22),
    (
        Factor::HeartFailure,
        &[Concept::Breathless, Concept::Edema],
        0.35,
    ),
    (Factor::CoronaryDisease, &[Concept::ChestPain], 0.15),
    (Factor::AtrialFibrillation, &[Concept::Palpitations], 0.25),
    (Factor::Depression, &[Concept::Fatigue], 0.15),
    (
        Factor::Cancer,
        &[
            Concept::IronDeficiency,
            Concept::WeightLoss,
            Concept::Melena,
        ],
        0.22,
    ),
    (
        Factor::Amyloidosis,
        &[
            Concept::CarpalTunnel,
            Concept::Neuropathy,
            Concept::Breathless,
        ],
        0.28,
    ),
];

/// The codes of known diseases and the drugs taken.
fn lists(state: &State) -> (Vec<Concept>, Vec<Concept>) {
    let known = Factor::ALL[..DISEASES]
        .iter()
        .filter(|disease| state.knows(**disease))
        .map(|disease| concept_of(state, *disease))
        .collect();
    let drugs = Factor::ALL[Factor::Amlodipine as usize..Factor::Resected as usize]
        .iter()
        .filter(|treatment| state.has(**treatment))
        .filter_map(|treatment| drug_of(*treatment))
        .collect();
    (known, drugs)
}

/// How ill a patient is after a share of a stay: it falls, or rises again before a death.
fn illness(stay: &Stay, share: f64) -> Illness {
    let acuity = if stay.died {
        0.8 + 0.6 * share
    } else {
        1.0 - 0.85 * share
    };
    Illness {
        cause: Some(stay.cause),
        septic: stay.septic,
        kidney_injury: stay.kidney_injury,
        acuity: if stay.cause == Process::Elective {
            0.2 * acuity
        } else {
            acuity
        },
    }
}

fn drugs_of(stay: &Stay) -> &'static [Concept] {
    if stay.septic {
        return &[Concept::PiperacillinTazobactam, Concept::Vancomycin];
    }
    match stay.cause {
        Process::Pneumonia | Process::UrinaryInfection => &[Concept::Ceftriaxone],
        Process::CopdExacerbation => &[Concept::Azithromycin, Concept::Inhaler],
        Process::HeartFailureExacerbation => &[Concept::FurosemideInjection],
        Process::Infarction => &[Concept::Heparin, Concept::Metoprolol],
        Process::Stroke | Process::Fracture => &[Concept::Heparin],
        _ => &[Concept::Acetaminophen],
    }
}

fn procedures_of(cause: Process) -> &'static [(Concept, f64)] {
    match cause {
        Process::Infarction => &[
            (Concept::Electrocardiogram, 0.95),
            (Concept::CoronaryIntervention, 0.6),
        ],
        Process::Stroke => &[(Concept::Electrocardiogram, 0.7)],
        Process::HeartFailureExacerbation => {
            &[(Concept::ChestXRay, 0.8), (Concept::Echocardiography, 0.5)]
        }
        Process::Elective => &[(Concept::KneeReplacement, 1.0)],
        Process::Fracture => &[(Concept::Transfusion, 0.15)],
        Process::Pneumonia | Process::CopdExacerbation | Process::Sepsis => {
            &[(Concept::ChestXRay, 0.9)]
        }
        _ => &[(Concept::Electrocardiogram, 0.4)],
    }
}

fn reason_of(cause: Process) -> &'static str {
    match cause {
        Process::Infarction => "an acute myocardial infarction",
        Process::Stroke => "an ischemic stroke",
        Process::Pneumonia => "pneumonia",
        Process::Sepsis => "sepsis",
        Process::KidneyInjury => "an acute kidney injury",
        Process::Fracture => "a fracture of the hip",
        Process::UrinaryInfection => "an infection of the urinary tract",
        Process::HeartFailureExacerbation => "decompensated heart failure",
        Process::CopdExacerbation => "an exacerbation of COPD",
        Process::Elective => "osteoarthritis of the knee for a planned replacement",
        Process::Death => "general decline",
        _ => "pain in the chest that was not cardiac",
    }
}
