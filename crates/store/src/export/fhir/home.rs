//! Which type of resource an event belongs in: told by the mapping that made it, else by its code
//! system and by what stands behind its code.

use super::beside;
use longitude_core::Event;

/// A home for events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Home {
    Allergy,
    Condition,
    DeviceUse,
    Drug(Act),
    Imaging,
    Immunization,
    Note,
    Observation,
    Procedure,
    Report,
    Request,
    Specimen,
}

/// What was done with a drug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Ordered,
    Administered,
    Dispensed,
    Stated,
}

impl Act {
    /// What stands behind the code.
    pub(super) fn suffix(self) -> &'static str {
        match self {
            Self::Ordered => "",
            Self::Administered => "//ADMINISTERED",
            Self::Dispensed => "//DISPENSED",
            Self::Stated => "//STATED",
        }
    }
}

/// What stands behind the code of something asked for.
pub(super) const REQUESTED: &str = "//REQUESTED";

/// What stands behind the code of a device in use.
pub(super) const USED: &str = "//USED";

/// Systems of ours whose codes may end like those of drugs and requests.
const OURS: &[&str] = &["COMMUNICATION", "DEVICE", "NUTRITION", "SUPPLY"];

/// By the mapping that made the event.
const BY_RULE: &[(&str, Home)] = &[
    ("fhir/Condition@", Home::Condition),
    ("fhir/Immunization@", Home::Immunization),
    ("fhir/MedicationRequest@", Home::Drug(Act::Ordered)),
    ("fhir/Observation@", Home::Observation),
    ("fhir/Procedure@", Home::Procedure),
    ("omop/condition_occurrence@", Home::Condition),
    ("omop/drug_exposure@", Home::Drug(Act::Ordered)),
    ("omop/measurement@", Home::Observation),
    ("omop/observation@", Home::Observation),
    ("omop/procedure_occurrence@", Home::Procedure),
];

/// By the system of the code.
const BY_SYSTEM: &[(&str, Home)] = &[
    ("ATC", Home::Drug(Act::Ordered)),
    ("CPT", Home::Procedure),
    ("CVX", Home::Immunization),
    ("HCPCS", Home::Procedure),
    ("ICD10", Home::Condition),
    ("ICD10CM", Home::Condition),
    ("ICD10PCS", Home::Procedure),
    ("ICD9CM", Home::Condition),
    ("ICD9PCS", Home::Procedure),
    ("NDC", Home::Drug(Act::Ordered)),
    ("RxNorm", Home::Drug(Act::Ordered)),
];

/// Where an event belongs.
pub(super) fn of(event: &Event) -> Home {
    let (system, value) = (&*event.code.system, &*event.code.value);
    match system {
        "ALLERGY" => return Home::Allergy,
        "DEVICE" if value.ends_with(USED) => return Home::DeviceUse,
        "IMAGING" => return Home::Imaging,
        "SPECIMEN" => return Home::Specimen,
        "NOTE" => return Home::Note,
        _ => {}
    }
    if !OURS.contains(&system) {
        for act in [Act::Administered, Act::Dispensed, Act::Stated] {
            if value.ends_with(act.suffix()) {
                return Home::Drug(act);
            }
        }
        if value.ends_with(REQUESTED) {
            return Home::Request;
        }
    }
    let rule = &*event.origin.rule;
    let is_report = rule.starts_with("fhir/DiagnosticReport@")
        && event.origin.element.starts_with("DiagnosticReport.")
        && system != "REPORT_CONCLUSION";
    if is_report && beside::is_bare(event) {
        return Home::Report;
    }
    let by_rule = BY_RULE.iter().find(|(name, _)| rule.starts_with(name));
    if let Some((_, home)) = by_rule {
        return *home;
    }
    // What stands behind a code says something else than the code alone.
    let by_system = BY_SYSTEM.iter().find(|(name, _)| *name == system);
    match by_system {
        Some((_, home)) if !value.contains("//") => *home,
        _ => Home::Observation,
    }
}
