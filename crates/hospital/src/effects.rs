//! The known truth as data: what can happen, how often, and what acts on it by how much.
//!
//! Every hazard is `base * product(hazard ratio ^ factor)`, with the base per year at the reference
//! (a woman of 60 who never smoked, of the middle deprivation quintile, without disease or
//! treatment, every measured quantity at its reference). A source names where the size of an effect
//! comes from; "assumed" means that it was chosen to be plausible and no more.

use serde::{Deserialize, Serialize};
use std::borrow::Cow;

macro_rules! listed {
    ($(#[$meta:meta])* $type:ident { $($(#[doc = $doc:literal])* $name:ident),* $(,)? }) => {
        $(#[$meta])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize,
        )]
        #[serde(rename_all = "snake_case")]
        pub enum $type { $($(#[doc = $doc])* $name),* }

        impl $type {
            /// All of them, in the order of their numbers.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Its name in lower case with underscores, as it is serialised.
            pub fn name(self) -> String {
                let mut name = String::new();
                for letter in format!("{self:?}").chars() {
                    if letter.is_ascii_uppercase() && !name.is_empty() {
                        name.push('_');
                    }
                    name.push(letter.to_ascii_lowercase());
                }
                name
            }
        }
    };
}

listed! {
    /// What can happen next. The chronic diseases come first; CKD is not among them, for it begins
    /// when the filtration rate falls below 60.
    Process {
        /// Onset of hypertension.
        Hypertension,
        /// Onset of type 2 diabetes.
        Diabetes,
        /// Onset of chronic obstructive pulmonary disease.
        Copd,
        /// Onset of heart failure.
        HeartFailure,
        /// Onset of coronary disease.
        CoronaryDisease,
        /// Onset of atrial fibrillation.
        AtrialFibrillation,
        /// Onset of depression.
        Depression,
        /// Onset of cancer of the colon.
        Cancer,
        /// Onset of amyloidosis, the rare disease.
        Amyloidosis,
        /// Acute myocardial infarction.
        Infarction,
        /// Ischaemic stroke.
        Stroke,
        /// Pneumonia.
        Pneumonia,
        /// Sepsis.
        Sepsis,
        /// Acute kidney injury.
        KidneyInjury,
        /// Fracture of the hip or the wrist.
        Fracture,
        /// Infection of the urinary tract.
        UrinaryInfection,
        /// Exacerbation of heart failure (only with heart failure).
        HeartFailureExacerbation,
        /// Exacerbation of COPD (only with COPD).
        CopdExacerbation,
        /// Giving up smoking (only while smoking).
        Quitting,
        /// Death outside the acute events above (which have a case fatality of their own).
        Death,
        /// An outpatient visit.
        Visit,
        /// A visit to the emergency department for a minor complaint.
        Emergency,
        /// A planned admission for a knee replacement.
        Elective,
    }
}

listed! {
    /// What acts on hazards. The first 32 at most are present or absent; the rest are quantities.
    Factor {
        /// Hypertension, known or not.
        Hypertension,
        /// Type 2 diabetes, known or not.
        Diabetes,
        /// COPD, known or not.
        Copd,
        /// Heart failure, known or not.
        HeartFailure,
        /// Coronary disease, known or not.
        CoronaryDisease,
        /// Atrial fibrillation, known or not.
        AtrialFibrillation,
        /// Depression, known or not.
        Depression,
        /// Cancer of the colon, known or not.
        Cancer,
        /// Amyloidosis, known or not.
        Amyloidosis,
        /// Chronic kidney disease, known or not.
        KidneyDisease,
        /// A myocardial infarction in the past.
        PastInfarction,
        /// A stroke in the past.
        PastStroke,
        /// Male sex.
        Male,
        /// Smoked once, smokes no more.
        ExSmoker,
        /// Smokes.
        Smoker,
        /// Discharged within the last 90 days.
        RecentStay,
        /// Belongs to the group of the planted inequity.
        Underserved,
        /// Amlodipine.
        Amlodipine,
        /// An ACE inhibitor.
        AceInhibitor,
        /// Metformin.
        Metformin,
        /// Insulin.
        Insulin,
        /// A statin.
        Statin,
        /// An anticoagulant.
        Anticoagulant,
        /// An inhaler.
        Inhaler,
        /// A serotonin reuptake inhibitor.
        Antidepressant,
        /// A loop diuretic.
        Diuretic,
        /// A beta blocker.
        BetaBlocker,
        /// Resection of the cancer.
        Resected,
        /// Age in decades from 60.
        Age,
        /// Frailty, in standard deviations (latent).
        Frailty,
        /// Deprivation quintile minus 3.
        Deprivation,
        /// Readiness to seek care, in standard deviations (latent).
        CareSeeking,
        /// Metabolic liability, in standard deviations (latent).
        Metabolic,
        /// Vascular liability, in standard deviations (latent).
        Vascular,
        /// Pulmonary liability, in standard deviations (latent).
        Pulmonary,
        /// Liability to depression, in standard deviations (latent).
        Mood,
        /// True systolic pressure, in 10 mmHg from 130.
        SystolicPressure,
        /// True HbA1c, in % from 5.6, between -0.8 and 4.
        HbA1c,
        /// True LDL cholesterol, in mmol/L from 3 (115 mg/dL).
        Ldl,
        /// True filtration rate below 90, in 10 mL/min/1.73 m2.
        FiltrationLoss,
        /// True body-mass index, in 5 kg/m2 from 27.
        BodyMass,
        /// True haemoglobin below 13.5, in g/dL.
        Anemia,
    }
}

/// How many factors are present or absent.
pub(crate) const SWITCHES: usize = Factor::Age as usize;

/// A hazard at the reference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Base {
    /// What happens.
    pub process: Process,
    /// How often a year at the reference.
    pub per_year: f64,
}

/// What one factor does to one hazard.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    /// What acts.
    pub factor: Factor,
    /// What it acts on.
    pub process: Process,
    /// The ratio of the hazards with and without it, or for one unit of a quantity.
    pub hazard_ratio: f64,
    /// Where the size comes from.
    pub source: Cow<'static, str>,
}

/// What a treatment or a disease does to a true quantity (applied in `physiology`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shift {
    /// What acts.
    pub factor: Factor,
    /// The quantity that it moves.
    pub quantity: Factor,
    /// By how much, in `unit`.
    pub by: f64,
    /// The unit, or `ratio` for a factor that multiplies.
    pub unit: Cow<'static, str>,
    /// Where the size comes from.
    pub source: Cow<'static, str>,
}

/// The hazards at the reference; all are assumed, and set so that outcomes are neither rare nor
/// common over the horizons asked about. Amyloidosis is far more common here than in the world, so
/// that 20,000 patients hold cases to learn from.
pub const BASES: &[Base] = &[
    base(Process::Hypertension, 0.045),
    base(Process::Diabetes, 0.020),
    base(Process::Copd, 0.0028),
    base(Process::HeartFailure, 0.0034),
    base(Process::CoronaryDisease, 0.006),
    base(Process::AtrialFibrillation, 0.0055),
    base(Process::Depression, 0.014),
    base(Process::Cancer, 0.0022),
    base(Process::Amyloidosis, 0.0016),
    base(Process::Infarction, 0.0026),
    base(Process::Stroke, 0.0030),
    base(Process::Pneumonia, 0.009),
    base(Process::Sepsis, 0.0048),
    base(Process::KidneyInjury, 0.0025),
    base(Process::Fracture, 0.006),
    base(Process::UrinaryInfection, 0.04),
    base(Process::HeartFailureExacerbation, 0.22),
    base(Process::CopdExacerbation, 0.20),
    base(Process::Quitting, 0.045),
    base(Process::Death, 0.0036),
    base(Process::Visit, 1.5),
    base(Process::Emergency, 0.11),
    base(Process::Elective, 0.016),
];

const fn base(process: Process, per_year: f64) -> Base {
    Base { process, per_year }
}

const ASSUMED: &str = "assumed";
const ETTEHAD: &str =
    "Ettehad et al., Lancet 2016: relative risks for 10 mmHg of systolic pressure";
const CTT: &str = "CTT Collaboration, Lancet 2010: relative risks for 1 mmol/L of LDL cholesterol";
const EMERGING: &str = "Emerging Risk Factors Collaboration, Lancet 2010: diabetes";
const WOLF: &str = "Wolf et al., Stroke 1991 (Framingham); lowered for hazards acting together";
const HART: &str = "Hart et al., Ann Intern Med 2007: anticoagulation in atrial fibrillation";
const DOLL: &str = "after Doll et al., BMJ 2004";
const SOLVD: &str = "after SOLVD, N Engl J Med 1991";
const MERIT: &str = "after MERIT-HF, Lancet 1999";
const TORCH: &str = "after TORCH, N Engl J Med 2007";
const UKPDS34: &str = "after UKPDS 34, Lancet 1998; weakened";
const CKD_PC: &str = "after CKD Prognosis Consortium, Lancet 2010";

macro_rules! effects {
    ($($process:ident { $($factor:ident $ratio:literal $source:ident),* $(,)? })*) => {
        /// What acts on what, by how much.
        pub const EFFECTS: &[Effect] = &[$($(Effect {
            factor: Factor::$factor,
            process: Process::$process,
            hazard_ratio: $ratio,
            source: Cow::Borrowed($source),
        },)*)*];
    };
}

effects! {
    Hypertension {
        Age 1.25 ASSUMED, SystolicPressure 1.6 ASSUMED, BodyMass 1.3 ASSUMED, Vascular 1.15 ASSUMED,
        Deprivation 1.05 ASSUMED,
    }
    Diabetes {
        Age 1.05 ASSUMED, HbA1c 4.0 ASSUMED, BodyMass 1.4 ASSUMED, Metabolic 1.4 ASSUMED,
        Deprivation 1.12 ASSUMED, Statin 1.09 ASSUMED, Male 1.15 ASSUMED,
    }
    Copd {
        Age 1.5 ASSUMED, ExSmoker 4.0 ASSUMED, Smoker 9.0 ASSUMED, Pulmonary 1.9 ASSUMED,
        Deprivation 1.2 ASSUMED,
    }
    HeartFailure {
        Age 1.9 ASSUMED, CoronaryDisease 2.0 ASSUMED, PastInfarction 2.0 ASSUMED,
        Hypertension 1.3 ASSUMED, AtrialFibrillation 2.0 ASSUMED, Diabetes 1.6 ASSUMED,
        SystolicPressure 1.35 ETTEHAD, FiltrationLoss 1.12 ASSUMED, Amyloidosis 5.0 ASSUMED,
        BodyMass 1.25 ASSUMED, AceInhibitor 0.8 SOLVD, Frailty 1.2 ASSUMED, Smoker 1.3 ASSUMED,
        Male 1.3 ASSUMED, BetaBlocker 0.9 ASSUMED,
    }
    CoronaryDisease {
        Age 1.55 ASSUMED, Male 1.8 ASSUMED, Smoker 1.9 DOLL, ExSmoker 1.25 DOLL, Ldl 1.4 ASSUMED,
        SystolicPressure 1.2 ETTEHAD, Diabetes 1.9 EMERGING, Vascular 1.4 ASSUMED,
        Deprivation 1.1 ASSUMED,
    }
    AtrialFibrillation {
        Age 2.0 ASSUMED, Male 1.4 ASSUMED, HeartFailure 2.5 ASSUMED, Hypertension 1.3 ASSUMED,
        BodyMass 1.3 ASSUMED, Amyloidosis 3.0 ASSUMED,
    }
    Depression {
        Age 0.92 ASSUMED, Male 0.55 ASSUMED, Deprivation 1.2 ASSUMED, Mood 2.2 ASSUMED,
        HeartFailure 1.5 ASSUMED, Copd 1.5 ASSUMED, Cancer 1.8 ASSUMED, PastStroke 1.8 ASSUMED,
    }
    Cancer {
        Age 1.75 ASSUMED, Male 1.25 ASSUMED, Smoker 1.3 ASSUMED, BodyMass 1.15 ASSUMED,
    }
    Amyloidosis { Age 2.1 ASSUMED, Male 2.5 ASSUMED }
    Infarction {
        Age 1.45 ASSUMED, Male 1.6 ASSUMED, CoronaryDisease 3.2 ASSUMED, PastInfarction 1.6 ASSUMED,
        Smoker 2.1 DOLL, ExSmoker 1.2 DOLL, Ldl 1.35 CTT, SystolicPressure 1.2 ETTEHAD,
        Diabetes 1.8 EMERGING, HbA1c 1.1 ASSUMED, FiltrationLoss 1.08 CKD_PC, Statin 0.87 CTT,
        Metformin 0.8 UKPDS34, Vascular 1.5 ASSUMED, Deprivation 1.1 ASSUMED,
    }
    Stroke {
        Age 1.75 ASSUMED, AtrialFibrillation 4.0 WOLF, Anticoagulant 0.36 HART,
        SystolicPressure 1.37 ETTEHAD, Diabetes 1.7 EMERGING, Smoker 1.8 DOLL,
        PastStroke 2.5 ASSUMED, Vascular 1.4 ASSUMED, Statin 0.85 CTT, Male 1.15 ASSUMED,
    }
    Pneumonia {
        Age 1.5 ASSUMED, Copd 2.5 ASSUMED, Smoker 1.5 ASSUMED, HeartFailure 1.6 ASSUMED,
        PastStroke 1.6 ASSUMED, Frailty 1.5 ASSUMED, Cancer 2.0 ASSUMED, Deprivation 1.1 ASSUMED,
        RecentStay 1.8 ASSUMED,
    }
    Sepsis {
        Age 1.75 ASSUMED, Diabetes 1.7 EMERGING, FiltrationLoss 1.15 ASSUMED, Cancer 3.0 ASSUMED,
        Frailty 1.9 ASSUMED, RecentStay 2.8 ASSUMED, HeartFailure 1.4 ASSUMED, Copd 1.4 ASSUMED,
        Deprivation 1.12 ASSUMED, Male 1.2 ASSUMED,
    }
    KidneyInjury {
        Age 1.4 ASSUMED, FiltrationLoss 1.35 ASSUMED, HeartFailure 2.0 ASSUMED,
        Diabetes 1.4 ASSUMED, AceInhibitor 1.15 ASSUMED, Diuretic 1.3 ASSUMED,
        RecentStay 1.8 ASSUMED,
    }
    Fracture {
        Age 1.8 ASSUMED, Male 0.5 ASSUMED, Frailty 1.6 ASSUMED, PastStroke 1.5 ASSUMED,
        Antidepressant 1.3 ASSUMED, BodyMass 0.85 ASSUMED,
    }
    UrinaryInfection {
        Age 1.25 ASSUMED, Male 0.4 ASSUMED, Diabetes 1.3 ASSUMED, Frailty 1.2 ASSUMED,
    }
    HeartFailureExacerbation {
        Age 1.15 ASSUMED, FiltrationLoss 1.1 ASSUMED, AtrialFibrillation 1.3 ASSUMED,
        RecentStay 2.2 ASSUMED, AceInhibitor 0.75 SOLVD, BetaBlocker 0.75 MERIT,
        Diuretic 0.8 ASSUMED, Amyloidosis 1.5 ASSUMED, Frailty 1.2 ASSUMED,
        Deprivation 1.08 ASSUMED,
    }
    CopdExacerbation {
        Smoker 1.4 ASSUMED, Pulmonary 1.25 ASSUMED, Inhaler 0.75 TORCH, RecentStay 2.0 ASSUMED,
        Frailty 1.2 ASSUMED,
    }
    Quitting { CoronaryDisease 2.0 ASSUMED, Copd 1.5 ASSUMED, Deprivation 0.85 ASSUMED }
    Death {
        Age 2.25 ASSUMED, Male 1.35 ASSUMED, Smoker 2.0 DOLL, ExSmoker 1.25 DOLL,
        Frailty 1.7 ASSUMED, Cancer 7.0 ASSUMED, Resected 0.35 ASSUMED, HeartFailure 2.2 ASSUMED,
        CoronaryDisease 1.3 ASSUMED, Copd 1.7 ASSUMED, Diabetes 1.4 EMERGING,
        PastStroke 1.6 ASSUMED, FiltrationLoss 1.1 CKD_PC, Amyloidosis 2.5 ASSUMED,
        RecentStay 2.5 ASSUMED, Anemia 1.2 ASSUMED, Deprivation 1.1 ASSUMED,
        Depression 1.2 ASSUMED, AceInhibitor 0.95 ASSUMED,
    }
    Visit {
        Age 1.1 ASSUMED, Hypertension 1.2 ASSUMED, Diabetes 1.3 ASSUMED,
        CoronaryDisease 1.2 ASSUMED, KidneyDisease 1.15 ASSUMED, Copd 1.25 ASSUMED,
        HeartFailure 1.4 ASSUMED, Depression 1.3 ASSUMED, Cancer 1.6 ASSUMED,
        Amyloidosis 1.2 ASSUMED, RecentStay 1.6 ASSUMED, CareSeeking 1.35 ASSUMED,
        Male 0.85 ASSUMED, Frailty 1.1 ASSUMED, Underserved 0.55 ASSUMED,
    }
    Emergency {
        Age 0.98 ASSUMED, Deprivation 1.2 ASSUMED, Frailty 1.25 ASSUMED, Depression 1.4 ASSUMED,
        Copd 1.3 ASSUMED, HeartFailure 1.3 ASSUMED, RecentStay 1.8 ASSUMED,
    }
    Elective { Age 1.3 ASSUMED, BodyMass 1.3 ASSUMED, Deprivation 0.9 ASSUMED }
}

/// What treatments and diseases do to true quantities. `physiology` reads these numbers by their
/// constants; the list is what is published with the truth.
pub const SHIFTS: &[Shift] = &[
    shift(
        Factor::Hypertension,
        Factor::SystolicPressure,
        16.0,
        "mm[Hg]",
        ASSUMED,
    ),
    shift(
        Factor::Amlodipine,
        Factor::SystolicPressure,
        -9.0,
        "mm[Hg]",
        LAW,
    ),
    shift(
        Factor::AceInhibitor,
        Factor::SystolicPressure,
        -8.5,
        "mm[Hg]",
        LAW,
    ),
    shift(
        Factor::BetaBlocker,
        Factor::SystolicPressure,
        -5.0,
        "mm[Hg]",
        ASSUMED,
    ),
    shift(
        Factor::Diuretic,
        Factor::SystolicPressure,
        -3.0,
        "mm[Hg]",
        ASSUMED,
    ),
    shift(
        Factor::Diabetes,
        Factor::HbA1c,
        1.0,
        "%",
        "assumed; and 0.15 a year, up to 8 years",
    ),
    shift(
        Factor::Metformin,
        Factor::HbA1c,
        -0.9,
        "%",
        "after Hirst et al., Diabetes Care 2012",
    ),
    shift(Factor::Insulin, Factor::HbA1c, -1.4, "%", ASSUMED),
    shift(
        Factor::Statin,
        Factor::Ldl,
        0.66,
        "ratio",
        "after Law et al., BMJ 2003",
    ),
    shift(
        Factor::Diabetes,
        Factor::FiltrationLoss,
        1.2,
        YEARLY,
        ASSUMED,
    ),
    shift(
        Factor::Hypertension,
        Factor::FiltrationLoss,
        0.4,
        YEARLY,
        ASSUMED,
    ),
    shift(
        Factor::KidneyDisease,
        Factor::FiltrationLoss,
        1.0,
        YEARLY,
        ASSUMED,
    ),
    shift(
        Factor::AceInhibitor,
        Factor::FiltrationLoss,
        0.7,
        "ratio of the yearly loss",
        ASSUMED,
    ),
];

const YEARLY: &str = "mL/min/{1.73_m2} a year";
const LAW: &str = "after Law et al., BMJ 2003: blood pressure lowering drugs at standard dose";

const fn shift(
    factor: Factor,
    quantity: Factor,
    by: f64,
    unit: &'static str,
    source: &'static str,
) -> Shift {
    Shift {
        factor,
        quantity,
        by,
        unit: Cow::Borrowed(unit),
        source: Cow::Borrowed(source),
    }
}

/// The shift that a factor makes on a quantity, 0 where none is listed.
pub(crate) const fn shift_by(factor: Factor, quantity: Factor) -> f64 {
    let mut at = 0;
    while at < SHIFTS.len() {
        let one = &SHIFTS[at];
        if one.factor as usize == factor as usize && one.quantity as usize == quantity as usize {
            return one.by;
        }
        at += 1;
    }
    0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_process_has_one_base_and_no_effect_stands_twice() {
        let order: Vec<_> = BASES.iter().map(|b| b.process).collect();
        assert_eq!(order, Process::ALL);
        let mut pairs: Vec<_> = EFFECTS.iter().map(|e| (e.factor, e.process)).collect();
        let all = pairs.len();
        pairs.sort_unstable();
        pairs.dedup();
        assert_eq!(pairs.len(), all);
        assert!(
            EFFECTS
                .iter()
                .all(|e| e.hazard_ratio > 0.0 && !e.source.is_empty())
        );
    }
}
