//! What nobody in a real hospital could know, to judge answers by: true risks, latent onsets,
//! planted identifiers, which events matter, and the effects that made it all.

use crate::care::UNDERSERVED_DIAGNOSIS;
use crate::chronicle::{UNDERSERVED_MEASURED, What};
use crate::effects::{BASES, Base, EFFECTS, Effect, Factor, Process, SHIFTS, Shift};
use crate::export::pool;
use crate::notes::PlantedIdentifier;
use crate::patient::{Patient, instant};
use crate::physiology::{DISEASES, State};
use crate::random::identifier;
use crate::tasks::OUTCOMES;
use crate::timeline::gender;
use crate::{Error, Options, calendar, causes, patient, rollout, timeline};
use longitude_core::{Instant, Split, SubjectId, Task};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The truth of a hospital.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Truth {
    /// The options, seed among them.
    pub options: Options,
    /// The outcomes.
    pub tasks: Vec<Task>,
    /// The planted inequity.
    pub inequity: Inequity,
    /// Hazards at the reference.
    pub bases: Vec<Base>,
    /// What acts on hazards.
    pub effects: Vec<Effect>,
    /// What acts on true quantities.
    pub shifts: Vec<Shift>,
    /// One entry a patient, in the order of their numbers.
    pub subjects: Vec<SubjectTruth>,
}

/// Who is served worse than their illness warrants, and by how much.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Inequity {
    /// The group's name, as it stands in [`SubjectTruth::groups`].
    pub group: String,
    /// Who and how, in words.
    pub description: String,
    /// Ratio of the hazard of an outpatient visit.
    pub visit_hazard_ratio: f64,
    /// Share of the chance that a contact finds a disease.
    pub diagnosis_share: f64,
    /// Share of the chance that something is measured.
    pub measurement_share: f64,
}

/// The truth of one patient. `Debug` shows sizes only.
#[derive(Clone, Serialize, Deserialize)]
pub struct SubjectTruth {
    /// The subject that ingest makes of the patient.
    pub subject: SubjectId,
    /// The id of the FHIR Patient.
    pub patient: String,
    /// Observation starts.
    pub start: Instant,
    /// Observation ends.
    pub end: Instant,
    /// Where observation would have ended without death: at the move or the export. Labels of
    /// subjects for whom it lies before the horizon are known only if the outcome came early, so
    /// that a fair comparison with true risks leaves them all out.
    pub end_planned: Instant,
    /// Whether it ends by moving away.
    pub moved: bool,
    /// The site, `A`, `B` or `C`.
    pub site: String,
    /// FHIR's administrative gender.
    pub sex: String,
    /// Quintile of deprivation, 5 the most deprived.
    pub deprivation: u8,
    /// Named groups, the one of the planted inequity among them.
    pub groups: Vec<String>,
    /// The date at whose start risks are asked for.
    pub index: Option<Instant>,
    /// The true risk by the task's id; `None` where the task is not asked, for the outcome is in
    /// the record already. Empty where no rollouts were made.
    pub risk: BTreeMap<String, Option<f64>>,
    /// When each chronic disease began, whether or not anybody saw it.
    pub onset: BTreeMap<String, Instant>,
    /// Notes with their planted identifiers.
    pub notes: Vec<NoteTruth>,
    /// Events of the history that matter for the outcomes; of the first patients with risks only.
    pub causes: Vec<CausalEvent>,
}

/// The planted identifiers of one note.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NoteTruth {
    /// The id of the FHIR DocumentReference.
    pub note: String,
    /// When it was written.
    pub time: Instant,
    /// The identifiers, in the order of the text.
    pub planted: Vec<PlantedIdentifier>,
}

/// A recorded event that stands for something acting on an outcome.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CausalEvent {
    /// The task's id.
    pub task: String,
    /// When the event was recorded.
    pub time: Instant,
    /// Its code in MEDS's form.
    pub code: String,
    /// What it stands for.
    pub factor: Factor,
    /// On which process of the outcome that acts most; `None` for chronic kidney disease, which is
    /// no process but a fall of the filtration rate, and for signs.
    pub process: Option<Process>,
    /// The logarithm of the hazard ratio there (of one unit, for a quantity); `None` for a sign: an
    /// event that the latent disease brings about and that has no effect of its own.
    pub log_hazard_ratio: Option<f64>,
}

impl std::fmt::Debug for SubjectTruth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "SubjectTruth({} notes, {} risks)",
            self.notes.len(),
            self.risk.len()
        )
    }
}

/// The patients with risks whose causal events are listed.
const CAUSES_MAX: usize = 200;

/// Computes the truth. The threads change nothing but the time it takes.
///
/// # Errors
/// When threads cannot be started.
pub fn truth(options: &Options, threads: usize) -> Result<Truth, Error> {
    let chosen = chosen(options);
    let pool = pool(threads)?;
    let subjects = pool.install(|| {
        let all = (0..options.patients).into_par_iter();
        all.map(|index| subject(options, index, chosen[index as usize]))
            .collect()
    });
    Ok(Truth {
        options: options.clone(),
        tasks: OUTCOMES.tasks.clone(),
        inequity: inequity(),
        bases: BASES.to_vec(),
        effects: EFFECTS.to_vec(),
        shifts: SHIFTS.to_vec(),
        subjects,
    })
}

/// How much of the truth of a patient is computed.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Depth {
    risks: bool,
    causes: bool,
}

/// Those held out first, then those for tuning, then those to train on, by number within each.
/// Only patients with an index date are chosen.
fn chosen(options: &Options) -> Vec<Depth> {
    let none = Depth {
        risks: false,
        causes: false,
    };
    let mut depths = vec![none; options.patients as usize];
    let mut order: Vec<(u8, u32)> = (0..options.patients)
        .filter(|index| {
            crate::person::Person::draw(options, *index)
                .index_day
                .is_some()
        })
        .map(|index| {
            let id = format!("{:016x}", identifier(options.seed, index));
            let rank = match Split::of(SubjectId::from_source("Patient", &id)) {
                Split::HeldOut => 0,
                Split::Tuning => 1,
                Split::Train => 2,
            };
            (rank, index)
        })
        .collect();
    order.sort_unstable();
    let count = options.truth_patients_max as usize;
    for (at, (_, index)) in order.into_iter().take(count).enumerate() {
        depths[index as usize] = Depth {
            risks: true,
            causes: at < CAUSES_MAX,
        };
    }
    depths
}

fn subject(options: &Options, index: u32, depth: Depth) -> SubjectTruth {
    let patient = patient(options, index);
    let person = &patient.person;
    let of_the_group = person.is_of_the_group();
    SubjectTruth {
        subject: patient.subject(),
        start: instant(patient.start()),
        end: instant(patient.end),
        end_planned: instant(calendar::seconds(person.end)),
        moved: person.moved && patient.death.is_none(),
        site: person.site.name().to_owned(),
        sex: gender(person.male).to_owned(),
        deprivation: person.deprivation,
        groups: of_the_group.then(|| GROUP.to_owned()).into_iter().collect(),
        index: patient.index_at().map(instant),
        risk: if depth.risks {
            risks(options, index, &patient)
        } else {
            BTreeMap::new()
        },
        onset: onsets(&patient),
        notes: notes(&patient),
        causes: match patient.index_at() {
            Some(at) if depth.causes => causes::of(&timeline(&patient), instant(at)),
            _ => Vec::new(),
        },
        patient: patient.id,
    }
}

/// The true risks of the tasks that are asked of the patient with this index at the index date, by
/// `options.rollouts` rollouts from the latent state: `None` where the outcome is in the record
/// already; empty without an index date.
pub fn risks(options: &Options, index: u32, patient: &Patient) -> BTreeMap<String, Option<f64>> {
    match &patient.at_index {
        Some(state) => risks_from(options, index, (patient, state)),
        None => BTreeMap::new(),
    }
}

/// The same risks under an intervention at the index date: a treatment that the course of care may
/// begin is given or withheld then, and care neither begins nor ends it afterwards. The rollouts
/// use the same random numbers as [`risks`]. Insulin and resection are begun by rules of their own
/// and are not held.
pub fn risks_under(
    options: &Options,
    index: u32,
    patient: &Patient,
    (treatment, is_given): (Factor, bool),
) -> BTreeMap<String, Option<f64>> {
    let Some(state) = &patient.at_index else {
        return BTreeMap::new();
    };
    let mut state = (**state).clone();
    state.set(treatment, is_given);
    state.held |= 1 << treatment as u32;
    risks_from(options, index, (patient, &state))
}

fn risks_from(
    options: &Options,
    index: u32,
    (patient, state): (&Patient, &State),
) -> BTreeMap<String, Option<f64>> {
    let Some(at) = patient.index_at() else {
        return BTreeMap::new();
    };
    let earlier = patient.entries.iter().take_while(|entry| entry.at <= at);
    let seen = earlier.fold(0, |bits, entry| {
        if let What::Diagnosis(concept) = entry.what {
            bits | OUTCOMES.concepts[concept as usize]
        } else {
            bits
        }
    });
    let risks = rollout::risks(options, index, state);
    let tasks = OUTCOMES.tasks.iter().zip(risks).enumerate();
    tasks
        .map(|(number, (task, risk))| {
            let before = task.incident && seen >> number & 1 == 1;
            (task.id.clone(), (!before).then_some(risk))
        })
        .collect()
}

fn onsets(patient: &Patient) -> BTreeMap<String, Instant> {
    let began = patient.onset.iter().zip(&Factor::ALL[..DISEASES]);
    began
        .filter(|(onset, _)| onset.is_finite())
        .map(|(onset, disease)| (disease.name(), instant(calendar::seconds(*onset))))
        .filter(|(_, at)| *at <= instant(patient.end))
        .collect()
}

fn notes(patient: &Patient) -> Vec<NoteTruth> {
    let entries = patient.entries.iter().enumerate();
    entries
        .filter_map(|(number, entry)| {
            let What::Note(note) = &entry.what else {
                return None;
            };
            Some(NoteTruth {
                note: patient.entry_id(number),
                time: instant(entry.at),
                planted: note.planted.clone(),
            })
        })
        .collect()
}

/// The name of the group of the planted inequity.
const GROUP: &str = "underserved";

fn inequity() -> Inequity {
    let visits = EFFECTS
        .iter()
        .find(|effect| effect.factor == Factor::Underserved && effect.process == Process::Visit);
    Inequity {
        group: GROUP.to_owned(),
        description: "Women of the most deprived quintile at site C. Their hazards of disease and \
                      death are those of everybody else in their state, but they are seen, \
                      diagnosed, measured and treated less often than their illness warrants."
            .to_owned(),
        visit_hazard_ratio: visits.map_or(1.0, |effect| effect.hazard_ratio),
        diagnosis_share: UNDERSERVED_DIAGNOSIS,
        measurement_share: UNDERSERVED_MEASURED,
    }
}
