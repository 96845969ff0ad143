//! Code systems: their short names, which one is preferred where a concept has several codings, and
//! how a value is written. All of it is data in this file.

use super::json::{CodeableConcept, Coding, Text};
use std::borrow::Cow;

/// How a system's values are brought to its usual spelling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spelling {
    /// As written.
    Kept,
    /// ICD-10-CM and ICD-10: the point after the third character is put back where it is missing.
    DotAfter3,
    /// ICD-9-CM diagnoses: as above, but after the fourth character of an E code.
    DotIcd9,
    /// ICD-9-CM procedures: the point after the second digit.
    DotAfter2,
}

use Spelling::{DotAfter2, DotAfter3, DotIcd9, Kept};

/// Code system URIs, sorted, with the short names used in `Code::system`.
/// Sources: the HL7 terminology registry (<https://terminology.hl7.org>) for URIs and OIDs; the
/// MIMIC-IV on FHIR implementation guide for `mimic.mit.edu`, whose ICD codes are ICD-CM codes
/// without the point.
const SYSTEMS: &[(&str, &str, Spelling)] = &[
    ("http://hl7.org/fhir/sid/cvx", "CVX", Kept),
    ("http://hl7.org/fhir/sid/icd-10", "ICD10", DotAfter3),
    ("http://hl7.org/fhir/sid/icd-10-cm", "ICD10CM", DotAfter3),
    ("http://hl7.org/fhir/sid/icd-10-pcs", "ICD10PCS", Kept),
    ("http://hl7.org/fhir/sid/icd-9-cm", "ICD9CM", DotIcd9),
    (
        "http://hl7.org/fhir/sid/icd-9-cm/diagnosis",
        "ICD9CM",
        DotIcd9,
    ),
    (
        "http://hl7.org/fhir/sid/icd-9-cm/procedure",
        "ICD9PCS",
        DotAfter2,
    ),
    ("http://hl7.org/fhir/sid/ndc", "NDC", Kept),
    ("http://loinc.org", "LOINC", Kept),
    (
        "http://mimic.mit.edu/fhir/mimic/CodeSystem/mimic-diagnosis-icd10",
        "ICD10CM",
        DotAfter3,
    ),
    (
        "http://mimic.mit.edu/fhir/mimic/CodeSystem/mimic-diagnosis-icd9",
        "ICD9CM",
        DotIcd9,
    ),
    (
        "http://mimic.mit.edu/fhir/mimic/CodeSystem/mimic-medication-ndc",
        "NDC",
        Kept,
    ),
    (
        "http://mimic.mit.edu/fhir/mimic/CodeSystem/mimic-procedure-icd10",
        "ICD10PCS",
        Kept,
    ),
    (
        "http://mimic.mit.edu/fhir/mimic/CodeSystem/mimic-procedure-icd9",
        "ICD9PCS",
        DotAfter2,
    ),
    ("http://snomed.info/sct", "SNOMED", Kept),
    ("http://www.ama-assn.org/go/cpt", "CPT", Kept),
    (
        "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets",
        "HCPCS",
        Kept,
    ),
    ("http://www.cms.gov/Medicare/Coding/ICD10", "ICD10PCS", Kept),
    (
        "http://www.nlm.nih.gov/research/umls/rxnorm",
        "RxNorm",
        Kept,
    ),
    ("http://www.whocc.no/atc", "ATC", Kept),
    ("urn:oid:2.16.840.1.113883.12.292", "CVX", Kept),
    ("urn:oid:2.16.840.1.113883.6.1", "LOINC", Kept),
    ("urn:oid:2.16.840.1.113883.6.103", "ICD9CM", DotIcd9),
    ("urn:oid:2.16.840.1.113883.6.104", "ICD9PCS", DotAfter2),
    ("urn:oid:2.16.840.1.113883.6.12", "CPT", Kept),
    ("urn:oid:2.16.840.1.113883.6.4", "ICD10PCS", Kept),
    ("urn:oid:2.16.840.1.113883.6.69", "NDC", Kept),
    ("urn:oid:2.16.840.1.113883.6.88", "RxNorm", Kept),
    ("urn:oid:2.16.840.1.113883.6.90", "ICD10CM", DotAfter3),
    ("urn:oid:2.16.840.1.113883.6.96", "SNOMED", Kept),
];

/// The systems preferred among the codings of one concept, best first: the terminologies of US Core
/// for each domain before the billing ones and the local ones. A concept with none of them keeps
/// its first coding.
pub(crate) const PREFERRED: &[&str] = &[
    "LOINC", "RxNorm", "CVX", "ICD10CM", "ICD10PCS", "ICD10", "ICD9CM", "ICD9PCS", "SNOMED", "CPT",
    "HCPCS", "NDC", "ATC",
];

/// Namespaces whose last path segment names the system by itself.
const SHORTENED: &[&str] = &[
    "http://terminology.hl7.org/CodeSystem/",
    "http://mimic.mit.edu/fhir/mimic/CodeSystem/",
    "http://hl7.org/fhir/",
];

/// The longest text that may stand for a missing code. Longer ones are prose, which may name the
/// patient and repeats nowhere.
pub(crate) const TEXT_CODE_CHARS_MAX: usize = 80;

/// The code systems that are not terminologies: where a code has no system, and where a text stands
/// for a code.
pub(crate) const LOCAL: &str = "LOCAL";
pub(crate) const TEXT: &str = "TEXT";

/// A coding in our spelling.
pub(crate) struct Chosen<'a> {
    pub(crate) system: Cow<'a, str>,
    pub(crate) value: Cow<'a, str>,
    /// The codings that were left aside.
    pub(crate) others: usize,
}

/// Why a concept has no code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Uncoded {
    /// Neither coding nor text.
    Empty,
    /// A text too long to stand for a code.
    LongText,
}

/// The preferred coding of a concept, else its text.
pub(crate) fn choose<'c>(concept: &'c CodeableConcept<'_>) -> Result<Chosen<'c>, Uncoded> {
    let coded = |coding: &&Coding<'_>| code_of(coding).is_some();
    let mut best: Option<(usize, &Coding<'_>)> = None;
    let mut count = 0;
    for coding in concept.coding.iter().filter(coded) {
        count += 1;
        let rank = coding.system.as_ref().map_or(PREFERRED.len(), rank);
        if best.is_none_or(|(least, _)| rank < least) {
            best = Some((rank, coding));
        }
    }
    if let Some((_, coding)) = best
        && let Some((system, value)) = spell(coding)
    {
        return Ok(Chosen {
            system,
            value,
            others: count - 1,
        });
    }
    let displays = concept
        .coding
        .iter()
        .filter_map(|coding| coding.display.as_ref());
    let mut texts = concept.text.iter().chain(displays).map(Text::as_str);
    let text = texts
        .find(|text| !text.trim().is_empty())
        .ok_or(Uncoded::Empty)?;
    Ok(Chosen {
        system: Cow::Borrowed(TEXT),
        value: Cow::Owned(text_code(text).ok_or(Uncoded::LongText)?),
        others: 0,
    })
}

/// A coding in our spelling, unless it has no code.
pub(crate) fn spell<'c>(coding: &'c Coding<'_>) -> Option<(Cow<'c, str>, Cow<'c, str>)> {
    let value = code_of(coding)?;
    let Some(uri) = coding
        .system
        .as_ref()
        .map(Text::as_str)
        .filter(|uri| !uri.is_empty())
    else {
        return Some((Cow::Borrowed(LOCAL), Cow::Borrowed(value)));
    };
    Some(match known(uri) {
        Some((short, spelling)) => (Cow::Borrowed(short), spelled(value, spelling)),
        None => (short_uri(uri), Cow::Borrowed(value)),
    })
}

/// A text in the one spelling under which it stands for a code: lower case, single spaces. `None`
/// when it is too long.
pub(crate) fn text_code(text: &str) -> Option<String> {
    if text.chars().take(TEXT_CODE_CHARS_MAX * 2).count() == TEXT_CODE_CHARS_MAX * 2 {
        return None;
    }
    let words: Vec<_> = text.split_whitespace().collect();
    let joined = words.join(" ").to_lowercase();
    (joined.chars().count() <= TEXT_CODE_CHARS_MAX).then_some(joined)
}

fn code_of<'c>(coding: &'c Coding<'_>) -> Option<&'c str> {
    let code = coding.code.as_ref().map(|code| code.as_str().trim())?;
    (!code.is_empty()).then_some(code)
}

fn known(uri: &str) -> Option<(&'static str, Spelling)> {
    let uri = uri.strip_suffix('/').unwrap_or(uri);
    let at = SYSTEMS
        .binary_search_by(|(known, _, _)| (*known).cmp(uri))
        .ok()?;
    Some((SYSTEMS[at].1, SYSTEMS[at].2))
}

fn rank(uri: &Text<'_>) -> usize {
    let short = known(uri.as_str()).map(|(short, _)| short);
    let place = PREFERRED.iter().position(|name| Some(*name) == short);
    place.unwrap_or(PREFERRED.len())
}

/// A URI as a system's name. `//` parts system and value in a MEDS string, so it cannot stay.
fn short_uri(uri: &str) -> Cow<'_, str> {
    let segment = SHORTENED.iter().find_map(|space| uri.strip_prefix(space));
    let bare = segment.unwrap_or_else(|| uri.split_once("://").map_or(uri, |(_, rest)| rest));
    let bare = bare.trim_matches('/');
    if bare.is_empty() {
        Cow::Borrowed(LOCAL)
    } else if bare.contains("//") {
        Cow::Owned(bare.replace("//", "/"))
    } else {
        Cow::Borrowed(bare)
    }
}

fn spelled(value: &str, spelling: Spelling) -> Cow<'_, str> {
    let place = match spelling {
        Kept => return Cow::Borrowed(value),
        DotAfter2 => 2,
        DotIcd9 if value.starts_with(['E', 'e']) => 4,
        DotAfter3 | DotIcd9 => 3,
    };
    if value.contains('.') || value.len() <= place || !value.is_ascii() {
        return Cow::Borrowed(value);
    }
    Cow::Owned(format!("{}.{}", &value[..place], &value[place..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(json: &str) -> String {
        let concept: CodeableConcept<'_> = serde_json::from_str(json).unwrap();
        match choose(&concept) {
            Ok(code) => format!("{} {} +{}", code.system, code.value, code.others),
            Err(uncoded) => format!("{uncoded:?}"),
        }
    }

    #[test]
    fn the_table_is_sorted() {
        assert!(SYSTEMS.is_sorted_by(|a, b| a.0 < b.0));
        let named = |name: &&str| SYSTEMS.iter().any(|(_, short, _)| short == name);
        assert!(PREFERRED.iter().all(named));
    }

    #[test]
    fn the_preferred_coding_wins() {
        let two = r#"{"coding":[{"system":"http://hl7.org/fhir/sid/icd-9-cm","code":"25000"},
            {"system":"http://snomed.info/sct","code":"44054006"}]}"#;
        assert_eq!(chosen(two), "ICD9CM 250.00 +1");
        let local = r#"{"coding":[{"system":"urn:x","code":"a"},{"code":"b"}]}"#;
        assert_eq!(chosen(local), "urn:x a +1");
        assert_eq!(chosen(r#"{"coding":[{"code":"b"}]}"#), "LOCAL b +0");
    }

    #[test]
    fn codes_take_their_usual_spelling() {
        let at = |system: &str, code: &str| {
            chosen(&format!(
                r#"{{"coding":[{{"system":"{system}","code":"{code}"}}]}}"#
            ))
        };
        let icd10 = "http://mimic.mit.edu/fhir/mimic/CodeSystem/mimic-diagnosis-icd10";
        assert_eq!(at(icd10, "E119"), "ICD10CM E11.9 +0");
        assert_eq!(at(icd10, "I10"), "ICD10CM I10 +0");
        let icd9 = "http://hl7.org/fhir/sid/icd-9-cm";
        assert_eq!(at(icd9, "E8859"), "ICD9CM E885.9 +0");
        assert_eq!(at(icd9, "V5861"), "ICD9CM V58.61 +0");
        assert_eq!(
            at("http://hl7.org/fhir/sid/icd-9-cm/procedure", "3893"),
            "ICD9PCS 38.93 +0"
        );
        assert_eq!(
            at("https://example.org//codes/", "x"),
            "example.org/codes x +0"
        );
        let act = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
        assert_eq!(at(act, "IMP"), "v3-ActCode IMP +0");
    }

    #[test]
    fn only_a_short_text_stands_for_a_code() {
        assert_eq!(
            chosen(r#"{"text":" CeftriaXONE \n (Bag) "}"#),
            "TEXT ceftriaxone (bag) +0"
        );
        assert_eq!(
            chosen(r#"{"coding":[{"display":"Fever"}]}"#),
            "TEXT fever +0"
        );
        let long = format!(r#"{{"text":"{}"}}"#, "word ".repeat(30));
        assert_eq!(chosen(&long), "LongText");
        assert_eq!(chosen("{}"), "Empty");
    }
}
