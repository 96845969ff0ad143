//! Concepts whose meaning the mapping itself needs, so that sex, race, the kind of a stay and the
//! sign of a measurement are known also where no vocabulary was exported.
//!
//! Source: the OHDSI Standardized Vocabularies (<https://athena.ohdsi.org>), the concept
//! identifiers given, which never change; right-hand sides are FHIR R4's codes for the same (HL7
//! administrative-gender, CDC race and ethnicity of US Core, v3-ActCode), so that a person who
//! comes through both formats has the same codes.

use longitude_core::Comparator;

/// GENDER.
const GENDERS: &[(i64, &str)] = &[
    (8507, "male"),
    (8532, "female"),
    (8521, "other"),
    (8551, "unknown"),
];

/// RACE: the five categories of the OMB.
const RACES: &[(i64, &str)] = &[
    (8515, "2028-9"),
    (8516, "2054-5"),
    (8527, "2106-3"),
    (8557, "2076-8"),
    (8657, "1002-5"),
];

/// ETHNICITY.
const ETHNICITIES: &[(i64, &str)] = &[(38_003_563, "2135-2"), (38_003_564, "2186-5")];

/// Kinds of visits, by HL7's act code.
const VISITS: &[(i64, &str)] = &[
    (262, "IMP"),          // Emergency Room and Inpatient Visit
    (5083, "VR"),          // Telehealth
    (8717, "IMP"),         // Inpatient Hospital
    (8756, "AMB"),         // Outpatient Hospital
    (8870, "EMER"),        // Emergency Room - Hospital
    (8940, "AMB"),         // Office
    (9201, "IMP"),         // Inpatient Visit
    (9202, "AMB"),         // Outpatient Visit
    (9203, "EMER"),        // Emergency Room Visit
    (32_037, "ACUTE"),     // Intensive Care
    (32_036, "AMB"),       // Laboratory Visit
    (38_004_207, "AMB"),   // Ambulatory Clinic / Center
    (42_898_160, "NONAC"), // Non-hospital institution Visit
    (581_385, "OBSENC"),   // Observation Room
    (581_476, "HH"),       // Home Visit
    (581_477, "AMB"),      // Office Visit
    (581_478, "FLD"),      // Ambulance Visit
];

/// OPERATOR.
const OPERATORS: &[(i64, Option<Comparator>)] = &[
    (4_171_754, Some(Comparator::LessOrEqual)),
    (4_171_755, Some(Comparator::GreaterOrEqual)),
    (4_171_756, Some(Comparator::Less)),
    (4_172_703, None), // =
    (4_172_704, Some(Comparator::Greater)),
];

fn of<T: Copy>(list: &[(i64, T)], id: i64) -> Option<T> {
    let found = list.iter().find(|(known, _)| *known == id);
    found.map(|(_, value)| *value)
}

/// A fact that a person table states by a concept: its system and its known values.
#[derive(Clone, Copy)]
pub(super) enum Fact {
    Gender,
    Race,
    Ethnicity,
}

impl Fact {
    pub(super) fn system(self) -> &'static str {
        match self {
            Self::Gender => "GENDER",
            Self::Race => "RACE",
            Self::Ethnicity => "ETHNICITY",
        }
    }

    pub(super) fn of(self, id: i64) -> Option<&'static str> {
        match self {
            Self::Gender => of(GENDERS, id),
            Self::Race => of(RACES, id),
            Self::Ethnicity => of(ETHNICITIES, id),
        }
    }

    /// What a source's own word says without a doubt.
    pub(super) fn of_word(self, word: &str) -> Option<&'static str> {
        match (self, word.to_ascii_lowercase().as_str()) {
            (Self::Gender, "m" | "male") => Some("male"),
            (Self::Gender, "f" | "female") => Some("female"),
            _ => None,
        }
    }
}

/// The act code of a visit.
pub(super) fn visit_class(id: i64) -> Option<&'static str> {
    of(VISITS, id)
}

/// An operator that is none of OMOP's.
pub(super) struct UnknownOperator;

/// What an operator says; `None` for "equals".
pub(super) fn operator(id: i64) -> Result<Option<Comparator>, UnknownOperator> {
    of(OPERATORS, id).ok_or(UnknownOperator)
}
