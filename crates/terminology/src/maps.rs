//! Maps from code to code and from code to category.

use crate::spelling::{Coded, Held};
use crate::tables;
use longitude_core::Code;

/// A code of the other revision of ICD-CM that the general equivalence mappings (GEMs) of CMS and
/// NCHS give for a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Equivalent {
    /// The code.
    pub code: Code,
    /// Whether the two do not mean quite the same.
    pub is_approximate: bool,
    /// For a code that only several codes together stand for: which of the alternatives (scenario)
    /// this belongs to, and its place in it (choice list); one code of each place makes the whole.
    pub combination: Option<(u8, u8)>,
}

/// The equivalents of a diagnosis of ICD-9-CM in ICD-10-CM, or the other way, in the order of the
/// mapping. None where the mapping lists no such code; empty where it says that there is no
/// equivalent. Source: GEMs of 2018, the last that were published.
pub fn equivalents(coded: &Coded) -> Option<Vec<Equivalent>> {
    let (table, to) = match coded.system {
        Held::Icd9Cm => (tables::gem_9_10(), Held::Icd10Cm),
        Held::Icd10Cm => (tables::gem_10_9(), Held::Icd9Cm),
        Held::Icd10Pcs => return None,
    };
    let mut lines = table.all(&coded.plain).peekable();
    lines.peek()?;
    let equivalent = |mut fields: Box<dyn Iterator<Item = &'static str>>| {
        let target = fields.next()?;
        // Approximate, no map, combination, scenario, choice list: a digit each.
        let flags = fields.next()?.as_bytes();
        let [approximate, none, combination, scenario, choice] = flags else {
            return None;
        };
        (*none == b'0').then(|| Equivalent {
            code: Coded::new(to, target).to_code(),
            is_approximate: *approximate == b'1',
            combination: (*combination == b'1').then_some((scenario - b'0', choice - b'0')),
        })
    };
    Some(
        lines
            .filter_map(|fields| equivalent(Box::new(fields)))
            .collect(),
    )
}

/// The category of a diagnosis in the Clinical Classifications Software Refined of AHRQ, the one of
/// the default for inpatient data (category 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ccsr {
    /// The category, three letters and three digits: `END003`.
    pub category: &'static str,
    /// The body system that its letters stand for.
    pub body_system: &'static str,
}

/// The body systems of CCSR for diagnoses. Source: AHRQ, CCSR for ICD-10-CM diagnoses, user guide,
/// table 1.
const BODY_SYSTEMS: [(&str, &str); 22] = [
    (
        "BLD",
        "Diseases of the blood and blood-forming organs and certain disorders involving the \
         immune mechanism",
    ),
    ("CIR", "Diseases of the circulatory system"),
    ("DEN", "Dental diseases"),
    ("DIG", "Diseases of the digestive system"),
    ("EAR", "Diseases of the ear and mastoid process"),
    ("END", "Endocrine, nutritional and metabolic diseases"),
    ("EXT", "External causes of morbidity"),
    ("EYE", "Diseases of the eye and adnexa"),
    (
        "FAC",
        "Factors influencing health status and contact with health services",
    ),
    ("GEN", "Diseases of the genitourinary system"),
    ("INF", "Certain infectious and parasitic diseases"),
    (
        "INJ",
        "Injury, poisoning and certain other consequences of external causes",
    ),
    (
        "MAL",
        "Congenital malformations, deformations and chromosomal abnormalities",
    ),
    ("MBD", "Mental, behavioral and neurodevelopmental disorders"),
    (
        "MUS",
        "Diseases of the musculoskeletal system and connective tissue",
    ),
    ("NEO", "Neoplasms"),
    ("NVS", "Diseases of the nervous system"),
    (
        "PNL",
        "Certain conditions originating in the perinatal period",
    ),
    ("PRG", "Pregnancy, childbirth and the puerperium"),
    ("RSP", "Diseases of the respiratory system"),
    ("SKN", "Diseases of the skin and subcutaneous tissue"),
    (
        "SYM",
        "Symptoms, signs and abnormal clinical and laboratory findings, not elsewhere classified",
    ),
];

/// The category of a diagnosis of ICD-10-CM; none for headers and codes that it does not list.
pub fn ccsr(coded: &Coded) -> Option<Ccsr> {
    let category = field(coded, 1)?;
    let letters = category.get(..3)?;
    let system = BODY_SYSTEMS.iter().find(|(known, _)| *known == letters);
    let (_, body_system) = system?;
    Some(Ccsr {
        category,
        body_system,
    })
}

/// What the Chronic Condition Indicator Refined of AHRQ (v2023.1) says of a diagnosis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chronic {
    /// It is no chronic condition.
    No,
    /// It is one.
    Yes,
    /// The indicator says that it cannot be told.
    Undetermined,
}

/// Whether a diagnosis of ICD-10-CM is chronic; none where the indicator does not list it.
pub fn chronic(coded: &Coded) -> Option<Chronic> {
    match field(coded, 2)? {
        "0" => Some(Chronic::No),
        "1" => Some(Chronic::Yes),
        "9" => Some(Chronic::Undetermined),
        _ => None,
    }
}

fn field(coded: &Coded, number: usize) -> Option<&'static str> {
    if coded.system != Held::Icd10Cm {
        return None;
    }
    let mut fields = tables::icd10cm().find(&coded.plain)?;
    fields.nth(number).filter(|text| !text.is_empty())
}
