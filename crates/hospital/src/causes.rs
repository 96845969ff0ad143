//! Which events of a history matter for an outcome: those that stand for a factor with an effect on
//! it, and the signs of its latent disease. What is not listed has no effect in the simulation,
//! though it may still be informative (repeated codes, visits).

use crate::care::drug_of;
use crate::chronicle::SYMPTOMS;
use crate::concepts::Concept;
use crate::effects::{EFFECTS, Factor, Process, SHIFTS};
use crate::truth::CausalEvent;
use longitude_core::{Code, Event, Instant, Timeline};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// What an outcome's record follows from.
struct Outcome {
    task: &'static str,
    processes: &'static [Process],
    /// The latent disease whose signs point to it.
    disease: Option<Factor>,
}

const OUTCOMES: [Outcome; 9] = [
    outcome("death_1y", &[Process::Death], None),
    outcome("death_5y", &[Process::Death], None),
    outcome(
        "admission_1y",
        &[
            Process::Infarction,
            Process::Stroke,
            Process::Pneumonia,
            Process::Sepsis,
            Process::KidneyInjury,
            Process::Fracture,
            Process::HeartFailureExacerbation,
            Process::CopdExacerbation,
            Process::Elective,
        ],
        None,
    ),
    outcome("diabetes_3y", &[Process::Diabetes], Some(Factor::Diabetes)),
    outcome("kidney_disease_3y", &[], Some(Factor::KidneyDisease)),
    outcome(
        "heart_failure_3y",
        &[Process::HeartFailure],
        Some(Factor::HeartFailure),
    ),
    outcome(
        "infarction_stroke_5y",
        &[Process::Infarction, Process::Stroke],
        None,
    ),
    outcome("sepsis_1y", &[Process::Sepsis], None),
    outcome(
        "amyloidosis_5y",
        &[Process::Amyloidosis],
        Some(Factor::Amyloidosis),
    ),
];

const fn outcome(
    task: &'static str,
    processes: &'static [Process],
    disease: Option<Factor>,
) -> Outcome {
    Outcome {
        task,
        processes,
        disease,
    }
}

/// The factor that a code stands for.
static FACTORS: LazyLock<BTreeMap<Code, Factor>> = LazyLock::new(|| {
    use Concept as C;
    let coded: [(&[Concept], Factor); 20] = [
        (&[C::Hypertension], Factor::Hypertension),
        (
            &[
                C::Diabetes,
                C::DiabetesHyperglycemia,
                C::DiabetesKidney,
                C::Hyperglycemia,
            ],
            Factor::Diabetes,
        ),
        (&[C::Copd, C::CopdExacerbation], Factor::Copd),
        (
            &[
                C::HeartFailure,
                C::HeartFailureSystolic,
                C::HeartFailureDiastolic,
            ],
            Factor::HeartFailure,
        ),
        (&[C::HeartFailureAcute], Factor::HeartFailure),
        (
            &[C::CoronaryDisease, C::CoronaryUnspecified],
            Factor::CoronaryDisease,
        ),
        (
            &[C::AtrialFibrillation, C::AtrialFibrillationParoxysmal],
            Factor::AtrialFibrillation,
        ),
        (&[C::Depression, C::DepressionRecurrent], Factor::Depression),
        (&[C::ColonCancer], Factor::Cancer),
        (&[C::Amyloidosis, C::AmyloidosisOrgan], Factor::Amyloidosis),
        (
            &[
                C::Kidney3,
                C::Kidney3a,
                C::Kidney3b,
                C::Kidney4,
                C::Kidney5,
                C::KidneyUnspecified,
            ],
            Factor::KidneyDisease,
        ),
        (
            &[C::Infarction, C::InfarctionNstemi, C::OldInfarction],
            Factor::PastInfarction,
        ),
        (
            &[C::Stroke, C::StrokeEmbolic, C::OldStroke],
            Factor::PastStroke,
        ),
        (&[C::Smoker], Factor::Smoker),
        (&[C::ExSmoker], Factor::ExSmoker),
        (&[C::Systolic], Factor::SystolicPressure),
        (&[C::HbA1c, C::Glucose, C::Prediabetes], Factor::HbA1c),
        (&[C::Ldl, C::Hyperlipidemia], Factor::Ldl),
        (&[C::Creatinine], Factor::FiltrationLoss),
        (&[C::Bmi, C::Weight], Factor::BodyMass),
    ];
    let mut factors = BTreeMap::new();
    for (concepts, factor) in coded {
        factors.extend(concepts.iter().map(|concept| (concept.code(), factor)));
    }
    factors.insert(C::Hemoglobin.code(), Factor::Anemia);
    factors.insert(C::Colectomy.code(), Factor::Resected);
    factors.insert(Code::new("GENDER", "male"), Factor::Male);
    for treatment in Factor::ALL {
        if let Some(drug) = drug_of(*treatment) {
            factors.insert(drug.code(), *treatment);
        }
    }
    factors
});

/// The events of the history at `at` that matter, the last of each code, by outcome.
pub(crate) fn of(timeline: &Timeline, at: Instant) -> Vec<CausalEvent> {
    let mut last: BTreeMap<&Code, (&Event, Instant)> = BTreeMap::new();
    for event in timeline.history(at) {
        if let Some(time) = event.time {
            last.insert(&event.code, (event, time));
        }
    }
    let mut found = Vec::new();
    for outcome in &OUTCOMES {
        for (code, (_, time)) in &last {
            let matters = effect(outcome, code).or_else(|| sign(outcome, code));
            if let Some((factor, process, log_hazard_ratio)) = matters {
                found.push(CausalEvent {
                    task: outcome.task.to_owned(),
                    time: *time,
                    code: code.to_meds().into_owned(),
                    factor,
                    process,
                    log_hazard_ratio,
                });
            }
        }
    }
    found
}

type Matters = (Factor, Option<Process>, Option<f64>);

/// The strongest listed effect of what a code stands for on an outcome.
fn effect(outcome: &Outcome, code: &Code) -> Option<Matters> {
    let factor = *FACTORS.get(code)?;
    let listed = EFFECTS
        .iter()
        .filter(|e| e.factor == factor && outcome.processes.contains(&e.process))
        .map(|e| (e.process, libm::log(e.hazard_ratio)))
        .max_by(|a, b| a.1.abs().total_cmp(&b.1.abs()));
    if let Some((process, log)) = listed {
        // Four decimals are enough, and read back from JSON as they were written.
        return Some((factor, Some(process), Some((log * 1e4).round() / 1e4)));
    }
    let kidney = outcome.disease == Some(Factor::KidneyDisease)
        && (factor == Factor::FiltrationLoss
            || SHIFTS
                .iter()
                .any(|s| s.factor == factor && s.quantity == Factor::FiltrationLoss));
    kidney.then_some((factor, None, None))
}

/// Whether a code is a symptom of the outcome's latent disease.
fn sign(outcome: &Outcome, code: &Code) -> Option<Matters> {
    let disease = outcome.disease?;
    let (_, symptoms, _) = SYMPTOMS.iter().find(|(of, _, _)| *of == disease)?;
    let is_sign = symptoms.iter().any(|concept| concept.code() == *code);
    is_sign.then_some((disease, None, None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outcomes_are_the_tasks() {
        let tasks: Vec<String> = crate::tasks().into_iter().map(|task| task.id).collect();
        assert_eq!(tasks, OUTCOMES.map(|outcome| outcome.task));
    }
}
