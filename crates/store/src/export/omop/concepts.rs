//! Concept identifiers of the codes that occur: those of the standard vocabularies that are known
//! here, and custom ones from two billion on for all others, as OHDSI reserves them.

use super::report::Account;
use super::tables::{CONCEPT, VOCABULARY};
use super::write::{Files, Row};
use crate::error::Result;
use longitude_core::{Code, Comparator, Digest};
use std::collections::{BTreeMap, BTreeSet};

/// The first identifier that is free for a site's own concepts.
const CUSTOM_START: i64 = 2_000_000_001;

/// Codes of the standard vocabularies whose concepts are written with their own identifiers.
const STANDARD: &[(&str, &str, i64, &str)] = &[
    ("Gender", "M", 8507, "MALE"),
    ("Gender", "F", 8532, "FEMALE"),
    ("Gender", "O", 8521, "OTHER"),
    ("Gender", "U", 8551, "UNKNOWN"),
    ("Race", "2", 8515, "Asian"),
    ("Race", "3", 8516, "Black or African American"),
    ("Race", "5", 8527, "White"),
    (
        "Race",
        "4",
        8557,
        "Native Hawaiian or Other Pacific Islander",
    ),
    ("Race", "1", 8657, "American Indian or Alaska Native"),
    ("Ethnicity", "Hispanic", 38_003_563, "Hispanic or Latino"),
    (
        "Ethnicity",
        "Not Hispanic",
        38_003_564,
        "Not Hispanic or Latino",
    ),
    ("Visit", "IP", 9201, "Inpatient Visit"),
    ("Visit", "OP", 9202, "Outpatient Visit"),
    ("Visit", "ER", 9203, "Emergency Room Visit"),
    ("Visit", "ERIP", 262, "Emergency Room and Inpatient Visit"),
];

/// Codes of the data set that have a well-known concept (OHDSI Standardized Vocabularies).
/// They are the codes that readers of FHIR, OMOP and MEDS give to the facts of a person.
const KNOWN: &[(&str, &str, i64)] = &[
    ("GENDER", "male", 8507),
    ("GENDER", "M", 8507),
    ("GENDER", "Male", 8507),
    ("GENDER", "female", 8532),
    ("GENDER", "F", 8532),
    ("GENDER", "Female", 8532),
    ("GENDER", "other", 8521),
    ("GENDER", "unknown", 8551),
    ("RACE", "2028-9", 8515),
    ("RACE", "2054-5", 8516),
    ("RACE", "2106-3", 8527),
    ("RACE", "2076-8", 8557),
    ("RACE", "1002-5", 8657),
    ("ETHNICITY", "2135-2", 38_003_563),
    ("ETHNICITY", "2186-5", 38_003_564),
    ("ENCOUNTER", "IMP", 9201),
    ("ENCOUNTER", "AMB", 9202),
    ("ENCOUNTER", "EMER", 9203),
    ("ENCOUNTER", "VR", 5083),
    ("ENCOUNTER", "HH", 581_476),
    ("ENCOUNTER", "ACUTE", 32_037),
    ("ENCOUNTER", "NONAC", 42_898_160),
    ("ENCOUNTER", "OBSENC", 581_385),
    ("ENCOUNTER", "FLD", 581_478),
];

/// What of an identifier a table of the CDM holds.
const VOCABULARY_CHARS_MAX: usize = 20;
const CODE_CHARS_MAX: usize = 50;
const NAME_CHARS_MAX: usize = 255;

/// The well-known concept of a fact, if there is one.
pub(super) fn known(system: &str, value: &str) -> Option<i64> {
    let found = KNOWN
        .iter()
        .find(|(known, code, _)| *known == system && *code == value);
    found.map(|(_, _, id)| *id)
}

/// The identifier of a code of [`STANDARD`].
pub(super) fn standard(code: &Code) -> Option<i64> {
    let same = |(system, value, _, _): &&(&str, &str, i64, &str)| {
        *system == &*code.system && *value == &*code.value
    };
    STANDARD.iter().find(same).map(|(_, _, id, _)| *id)
}

/// The concept of a sign before a number.
pub(super) fn operator(sign: Comparator) -> Option<i64> {
    match sign {
        Comparator::Less => Some(4_171_756),
        Comparator::LessOrEqual => Some(4_171_754),
        Comparator::GreaterOrEqual => Some(4_171_755),
        Comparator::Greater => Some(4_172_704),
        Comparator::About => None,
    }
}

/// The concepts that were given out.
#[derive(Default)]
pub(super) struct Concepts {
    ids: BTreeMap<Code, (i64, &'static str)>,
    standard: BTreeSet<i64>,
}

impl Concepts {
    /// The concept of a code. Codes of the system `OMOP` are concept identifiers; all others get
    /// one in the order in which they come.
    pub(super) fn id(&mut self, code: &Code, domain: &'static str) -> i64 {
        if &*code.system == "OMOP"
            && let Ok(id) = code.value.parse()
        {
            // The source had no vocabulary to name it by, so it gets no row of CONCEPT either.
            return id;
        }
        if let Some(id) = standard(code) {
            return self.used(id);
        }
        if let Some((id, _)) = self.ids.get(code) {
            return *id;
        }
        let next = CUSTOM_START + i64::try_from(self.ids.len()).unwrap_or(i64::MAX / 2);
        self.ids.insert(code.clone(), (next, domain));
        next
    }

    /// Notes that a concept with an identifier of its own occurs.
    pub(super) fn used(&mut self, id: i64) -> i64 {
        self.standard.insert(id);
        id
    }

    /// Writes CONCEPT and VOCABULARY. `names` are the descriptions of codes.
    pub(super) fn write(
        &self,
        files: &mut Files,
        names: &BTreeMap<Code, String>,
        account: &mut Account,
    ) -> Result<()> {
        let mut vocabularies = BTreeSet::new();
        for (code, (id, domain)) in &self.ids {
            let (system, value) = fitted(code, account);
            let name = names.get(code).map_or(&*code.value, String::as_str);
            let mut row = Row::new(CONCEPT);
            row.set("concept_id", id)
                .set("concept_name", cut(name, NAME_CHARS_MAX))
                .set("domain_id", domain)
                .set("vocabulary_id", &system)
                .set("concept_class_id", "Undefined")
                .set("concept_code", value)
                .set("valid_start_date", "1970-01-01")
                .set("valid_end_date", "2099-12-31");
            files.write(&row)?;
            vocabularies.insert(system);
        }
        for (system, value, id, name) in STANDARD {
            if self.standard.contains(id) {
                let mut row = Row::new(CONCEPT);
                row.set("concept_id", id)
                    .set("concept_name", name)
                    .set("domain_id", system)
                    .set("vocabulary_id", system)
                    .set("concept_class_id", system)
                    .set("standard_concept", "S")
                    .set("concept_code", value)
                    .set("valid_start_date", "1970-01-01")
                    .set("valid_end_date", "2099-12-31");
                files.write(&row)?;
                vocabularies.insert((*system).to_owned());
            }
        }
        for name in vocabularies {
            let mut row = Row::new(VOCABULARY);
            row.set("vocabulary_id", &name)
                .set("vocabulary_name", &name)
                .set("vocabulary_reference", "codes of a MEDS data set")
                .set("vocabulary_concept_id", 0);
            files.write(&row)?;
        }
        Ok(())
    }
}

/// System and value as CONCEPT can hold them; what is too long keeps its start and a digest.
fn fitted(code: &Code, account: &mut Account) -> (String, String) {
    let mut fit = |text: &str, max: usize, part: &str| {
        if text.chars().count() <= max {
            return text.to_owned();
        }
        account.part(part);
        let digest = Digest::of_parts(&[text.as_bytes()]).to_string();
        let mark: String = digest.chars().rev().take(8).collect();
        format!("{}~{mark}", cut(text, max - 9))
    };
    let system = if code.system.is_empty() {
        "None"
    } else {
        &code.system
    };
    let system = fit(
        system,
        VOCABULARY_CHARS_MAX,
        "code system longer than 20 characters",
    );
    let value = fit(
        &code.value,
        CODE_CHARS_MAX,
        "code longer than 50 characters",
    );
    if code.system.is_empty() {
        account.part("code without a system (kept in the vocabulary `None`)");
    }
    (system, value)
}

/// The first characters of a text.
pub(super) fn cut(text: &str, chars_max: usize) -> &str {
    match text.char_indices().nth(chars_max) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}
