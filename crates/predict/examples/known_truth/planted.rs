//! What is planted in each world and how it stands in the record: which codes mark a factor, which
//! an outcome, who can be asked, and the ratio of the hazards.

use crate::Settings;
use crate::plain::EDGES;
use longitude_core::{Code, CodeMatch, Predicate};
use longitude_hospital::{EFFECTS, Factor, Process, SHIFTS};

/// A planted effect.
pub(crate) struct Planted {
    pub(crate) factor: String,
    pub(crate) process: String,
    pub(crate) treatment: bool,
    /// What marks the factor, and the code that is added in its place.
    pub(crate) marks: Predicate,
    pub(crate) added: String,
    /// One of these must be recorded for the factor to be added; empty for everybody.
    pub(crate) indications: Predicate,
    /// What marks the outcome, whether it is asked of those without it only, and what must be
    /// recorded for it to happen; empty for nothing.
    pub(crate) outcome: Predicate,
    pub(crate) incident: bool,
    pub(crate) needed: Predicate,
    /// Logarithms of the ratio: of the factor itself, and with what it does at once through the
    /// quantities that it moves.
    pub(crate) direct: f64,
    pub(crate) whole: f64,
}

/// The effects of the settings' world, those of one factor together.
pub(crate) fn planted(settings: &Settings) -> Vec<Planted> {
    if settings.world == "plain" {
        plain()
    } else {
        hospital()
    }
}

fn plain() -> Vec<Planted> {
    let code = |name: &str| match name {
        "MEDS_DEATH" => name.to_owned(),
        _ => format!("ICD10CM//{name}"),
    };
    let mut all: Vec<Planted> = EDGES
        .iter()
        .map(|(cause, effect, ratio)| Planted {
            factor: (*cause).to_owned(),
            process: (*effect).to_owned(),
            treatment: false,
            marks: predicate(&[&code(cause)]),
            added: code(cause),
            indications: predicate(&[]),
            outcome: predicate(&[&code(effect)]),
            incident: true,
            needed: predicate(&[]),
            direct: f64::ln(*ratio),
            whole: f64::ln(*ratio),
        })
        .collect();
    all.sort_by(|a, b| a.factor.cmp(&b.factor));
    all
}

fn hospital() -> Vec<Planted> {
    let mut all = Vec::new();
    for marker in MARKERS {
        for (process, codes, incident, needed) in OUTCOMES {
            let effect = EFFECTS
                .iter()
                .find(|effect| effect.factor == marker.factor && effect.process == *process);
            let Some(effect) = effect else { continue };
            all.push(Planted {
                factor: marker.factor.name(),
                process: process.name(),
                treatment: marker.factor >= Factor::Amlodipine,
                marks: predicate(marker.marks),
                added: marker.added.to_owned(),
                indications: predicate(marker.indications),
                outcome: predicate(codes),
                incident: *incident,
                needed: predicate(needed),
                direct: effect.hazard_ratio.ln(),
                whole: whole(marker.factor, *process),
            });
        }
    }
    all
}

/// The logarithm of the hazard's ratio: the direct effect, and the effects of the quantities that
/// the factor moves at once, in the units of [`Factor`].
fn whole(factor: Factor, process: Process) -> f64 {
    let direct = |factor: Factor| {
        let found = EFFECTS
            .iter()
            .find(|e| e.factor == factor && e.process == process);
        found.map_or(0.0, |effect| effect.hazard_ratio.ln())
    };
    let through = SHIFTS
        .iter()
        .filter(|shift| shift.factor == factor)
        .map(|shift| {
            let (quantity, by) = (shift.quantity, shift.by);
            let units = if quantity == Factor::SystolicPressure {
                by / 10.0
            } else if quantity == Factor::HbA1c {
                by
            } else if quantity == Factor::Ldl {
                // A ratio of the mean of about 120 mg/dL, in units of 38.7.
                (by - 1.0) * 120.0 / 38.7
            } else {
                // Losses of filtration come with the years.
                0.0
            };
            units * direct(quantity)
        });
    direct(factor) + through.sum::<f64>()
}

/// How a factor stands in the record: the prefixes that count for it, the code that is added, and
/// for a treatment the prefixes of its indications.
struct Marker {
    factor: Factor,
    marks: &'static [&'static str],
    added: &'static str,
    indications: &'static [&'static str],
}

const fn marker(
    factor: Factor,
    marks: &'static [&'static str],
    added: &'static str,
    indications: &'static [&'static str],
) -> Marker {
    Marker {
        factor,
        marks,
        added,
        indications,
    }
}

const HYPERTENSION: &str = "ICD10CM//I10";
const DIABETES: &str = "ICD10CM//E11";
const COPD: &str = "ICD10CM//J44";
const FAILURE: &str = "ICD10CM//I50";
const CORONARY: &[&str] = &["ICD10CM//I25.1", "ICD10CM//I25.9"];
const FIBRILLATION: &str = "ICD10CM//I48";
const DEPRESSION: &[&str] = &["ICD10CM//F32", "ICD10CM//F33"];
const CANCER: &str = "ICD10CM//C18";
const STROKE: &[&str] = &["ICD10CM//I63", "ICD10CM//Z86.73"];

/// Code lists of MEDS strings; each prefix is of a value inside its system.
const MARKERS: &[Marker] = &[
    marker(Factor::Hypertension, &[HYPERTENSION], "ICD10CM//I10", &[]),
    marker(Factor::Diabetes, &[DIABETES], "ICD10CM//E11.9", &[]),
    marker(Factor::Copd, &[COPD], "ICD10CM//J44.9", &[]),
    marker(Factor::HeartFailure, &[FAILURE], "ICD10CM//I50.9", &[]),
    marker(Factor::CoronaryDisease, CORONARY, "ICD10CM//I25.10", &[]),
    marker(
        Factor::AtrialFibrillation,
        &[FIBRILLATION],
        "ICD10CM//I48.91",
        &[],
    ),
    marker(Factor::Depression, DEPRESSION, "ICD10CM//F32.A", &[]),
    marker(Factor::Cancer, &[CANCER], "ICD10CM//C18.9", &[]),
    marker(
        Factor::Amyloidosis,
        &["ICD10CM//E85"],
        "ICD10CM//E85.82",
        &[],
    ),
    marker(
        Factor::PastInfarction,
        &["ICD10CM//I21", "ICD10CM//I25.2"],
        "ICD10CM//I25.2",
        CORONARY,
    ),
    marker(Factor::PastStroke, STROKE, "ICD10CM//Z86.73", &[]),
    marker(Factor::Smoker, &["ICD10CM//F17"], "ICD10CM//F17.210", &[]),
    marker(
        Factor::Amlodipine,
        &["RxNorm//197361"],
        "RxNorm//197361",
        &[HYPERTENSION],
    ),
    marker(
        Factor::AceInhibitor,
        &["RxNorm//314076"],
        "RxNorm//314076",
        &[HYPERTENSION, FAILURE],
    ),
    marker(
        Factor::Metformin,
        &["RxNorm//860975"],
        "RxNorm//860975",
        &[DIABETES],
    ),
    marker(
        Factor::Insulin,
        &["RxNorm//311041"],
        "RxNorm//311041",
        &[DIABETES],
    ),
    marker(
        Factor::Statin,
        &["RxNorm//312961"],
        "RxNorm//312961",
        &[DIABETES, "ICD10CM//I25.1", "ICD10CM//I25.9"],
    ),
    marker(
        Factor::Anticoagulant,
        &["RxNorm//1364445"],
        "RxNorm//1364445",
        &[FIBRILLATION],
    ),
    marker(
        Factor::Inhaler,
        &["RxNorm//896209"],
        "RxNorm//896209",
        &[COPD],
    ),
    marker(
        Factor::Antidepressant,
        &["RxNorm//312938"],
        "RxNorm//312938",
        DEPRESSION,
    ),
    marker(
        Factor::Diuretic,
        &["RxNorm//313988"],
        "RxNorm//313988",
        &[FAILURE],
    ),
    marker(
        Factor::BetaBlocker,
        &["RxNorm//866412"],
        "RxNorm//866412",
        &[FAILURE, "ICD10CM//I25.1", FIBRILLATION],
    ),
    marker(
        Factor::Resected,
        &["SNOMED//23968004"],
        "SNOMED//23968004",
        &[CANCER],
    ),
];

/// What a process leaves in the record, whether it is asked of those without it only, and what must
/// be there for it to happen.
const OUTCOMES: &[(Process, &[&str], bool, &[&str])] = &[
    (Process::Diabetes, &[DIABETES], true, &[]),
    (Process::HeartFailure, &[FAILURE], true, &[]),
    (Process::CoronaryDisease, CORONARY, true, &[]),
    (Process::AtrialFibrillation, &[FIBRILLATION], true, &[]),
    (Process::Depression, DEPRESSION, true, &[]),
    (Process::Infarction, &["ICD10CM//I21"], false, &[]),
    (Process::Stroke, &["ICD10CM//I63"], false, &[]),
    (
        Process::Pneumonia,
        &["ICD10CM//J18", "ICD10CM//J15"],
        false,
        &[],
    ),
    (Process::Sepsis, &["ICD10CM//A41"], false, &[]),
    (Process::KidneyInjury, &["ICD10CM//N17"], false, &[]),
    (
        Process::Fracture,
        &["ICD10CM//S72", "ICD10CM//S52"],
        false,
        &[],
    ),
    (Process::UrinaryInfection, &["ICD10CM//N39"], false, &[]),
    (
        Process::HeartFailureExacerbation,
        &["ICD10CM//I50.33"],
        false,
        &[FAILURE],
    ),
    (
        Process::CopdExacerbation,
        &["ICD10CM//J44.1"],
        false,
        &[COPD],
    ),
    (Process::Death, &["MEDS_DEATH"], false, &[]),
    (Process::Emergency, &["ENCOUNTER//EMER//START"], false, &[]),
];

fn predicate(prefixes: &[&str]) -> Predicate {
    let one = |prefix: &&str| {
        let code = Code::from_meds(prefix);
        if code.is_death() {
            return CodeMatch::Exact(code);
        }
        CodeMatch::Prefix {
            system: code.system.clone(),
            prefix: code.value.clone(),
        }
    };
    Predicate {
        any_of: prefixes.iter().map(one).collect(),
    }
}
