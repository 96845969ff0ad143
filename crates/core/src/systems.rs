//! Code systems of every format: their short names, which one is preferred where a concept has
//! several codings, and how a value is written. All of it is data in this file; what a coding looks
//! like in a format is that format's own. Readers go from the names of others to ours
//! ([`of_uri`], [`of_oid`], [`of_v2`]), writers of FHIR the other way ([`uri_of`]).

use std::borrow::Cow;
use std::fmt::Write as _;

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
    ("http://fdasis.nlm.nih.gov", "UNII", Kept),
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
    (
        "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl",
        "NCIT",
        Kept,
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
];

/// Code system OIDs, sorted, with the same short names. CDA names systems by OID, FHIR may.
const OIDS: &[(&str, &str, Spelling)] = &[
    ("2.16.840.1.113883.12.292", "CVX", Kept),
    ("2.16.840.1.113883.3.26.1.1", "NCIT", Kept),
    ("2.16.840.1.113883.3.26.1.5", "ndfrt", Kept),
    ("2.16.840.1.113883.4.9", "UNII", Kept),
    ("2.16.840.1.113883.5.111", "v3-RoleCode", Kept),
    ("2.16.840.1.113883.5.4", "v3-ActCode", Kept),
    ("2.16.840.1.113883.6.1", "LOINC", Kept),
    ("2.16.840.1.113883.6.103", "ICD9CM", DotIcd9),
    ("2.16.840.1.113883.6.104", "ICD9PCS", DotAfter2),
    ("2.16.840.1.113883.6.12", "CPT", Kept),
    ("2.16.840.1.113883.6.13", "CDT", Kept),
    ("2.16.840.1.113883.6.14", "HCPCS", Kept),
    ("2.16.840.1.113883.6.2", "ICD9CM", DotIcd9),
    ("2.16.840.1.113883.6.238", "CDCREC", Kept),
    ("2.16.840.1.113883.6.259", "HSLOC", Kept),
    ("2.16.840.1.113883.6.285", "HCPCS", Kept),
    ("2.16.840.1.113883.6.3", "ICD10", DotAfter3),
    ("2.16.840.1.113883.6.345", "MED-RT", Kept),
    ("2.16.840.1.113883.6.4", "ICD10PCS", Kept),
    ("2.16.840.1.113883.6.59", "CVX", Kept),
    ("2.16.840.1.113883.6.69", "NDC", Kept),
    ("2.16.840.1.113883.6.73", "ATC", Kept),
    ("2.16.840.1.113883.6.88", "RxNorm", Kept),
    ("2.16.840.1.113883.6.90", "ICD10CM", DotAfter3),
    ("2.16.840.1.113883.6.96", "SNOMED", Kept),
];

/// Names of code systems in HL7 v2 messages, sorted, in capitals. Source: HL7 table 0396, and the
/// spellings that senders use in its stead.
const V2_NAMES: &[(&str, &str, Spelling)] = &[
    ("ATC", "ATC", Kept),
    ("C4", "CPT", Kept),
    ("C5", "CPT", Kept),
    ("CDCREC", "CDCREC", Kept),
    ("CPT", "CPT", Kept),
    ("CPT-4", "CPT", Kept),
    ("CPT4", "CPT", Kept),
    ("CPTM", "CPT", Kept),
    ("CVX", "CVX", Kept),
    ("HCPCS", "HCPCS", Kept),
    ("HPC", "HCPCS", Kept),
    ("I10", "ICD10", DotAfter3),
    ("I10C", "ICD10CM", DotAfter3),
    ("I10CDX", "ICD10CM", DotAfter3),
    ("I10P", "ICD10PCS", Kept),
    ("I9", "ICD9CM", DotIcd9),
    ("I9C", "ICD9CM", DotIcd9),
    ("I9CDX", "ICD9CM", DotIcd9),
    ("I9CP", "ICD9PCS", DotAfter2),
    ("ICD-10", "ICD10", DotAfter3),
    ("ICD-10-CM", "ICD10CM", DotAfter3),
    ("ICD-10-PCS", "ICD10PCS", Kept),
    ("ICD-9", "ICD9CM", DotIcd9),
    ("ICD-9-CM", "ICD9CM", DotIcd9),
    ("ICD10", "ICD10", DotAfter3),
    ("ICD10CM", "ICD10CM", DotAfter3),
    ("ICD10PCS", "ICD10PCS", Kept),
    ("ICD9", "ICD9CM", DotIcd9),
    ("ICD9CM", "ICD9CM", DotIcd9),
    ("ICD9PCS", "ICD9PCS", DotAfter2),
    ("LN", "LOINC", Kept),
    ("LOINC", "LOINC", Kept),
    ("NCIT", "NCIT", Kept),
    ("NDC", "NDC", Kept),
    ("RXN", "RxNorm", Kept),
    ("RXNORM", "RxNorm", Kept),
    ("SCT", "SNOMED", Kept),
    ("SNOMED", "SNOMED", Kept),
    ("SNOMED CT", "SNOMED", Kept),
    ("SNOMED-CT", "SNOMED", Kept),
    ("SNOMEDCT", "SNOMED", Kept),
    ("UNII", "UNII", Kept),
    ("WC", "ATC", Kept),
];

/// The systems preferred among the codings of one concept, best first: the terminologies of US Core
/// for each domain before the billing ones and the local ones. A concept with none of them keeps
/// its first coding.
pub const PREFERRED: &[&str] = &[
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
pub const TEXT_CODE_CHARS_MAX: usize = 80;

/// The system of a code that has none.
pub const LOCAL: &str = "LOCAL";
/// A text that stands for a code.
pub const TEXT: &str = "TEXT";

/// A system and a value in our spelling.
pub type Spelled<'c> = (Cow<'c, str>, Cow<'c, str>);

/// What stands before a system's name where FHIR knows no URI of it: our own systems
/// (`CARE_PLAN`), a site's, and, with nothing behind it, the codes of MEDS that have no system.
pub const OWN: &str = "urn:longitude:code-system:";

/// The system of the number of an encounter of which a data set tells neither start nor end.
pub const ENCOUNTER_ID: &str = "urn:longitude:encounter-id";

/// The extension of an Observation under which a text stands beside the number or the unit that is
/// its value, for FHIR has one value.
pub const TEXT_VALUE: &str = "http://longitude.example/fhir/StructureDefinition/text-value";

/// The extension under which a Patient's fact without a time stands where FHIR has no element for
/// it: inside it `code` with the coding, and `number`, `unit` and `text` where they are told.
pub const FACT: &str = "http://longitude.example/fhir/StructureDefinition/static-fact";

/// The URIs that FHIR has for the systems of [`SYSTEMS`] that have several, for those of [`OIDS`]
/// that have none there, and for one whose name is its URI without the scheme.
const WRITTEN: &[(&str, &str)] = &[
    ("CDCREC", "urn:oid:2.16.840.1.113883.6.238"),
    ("CDT", "urn:oid:2.16.840.1.113883.6.13"),
    ("HSLOC", "urn:oid:2.16.840.1.113883.6.259"),
    ("ICD10PCS", "http://www.cms.gov/Medicare/Coding/ICD10"),
    ("MED-RT", "urn:oid:2.16.840.1.113883.6.345"),
    (
        "dicom.nema.org/resources/ontology/DCM",
        "http://dicom.nema.org/resources/ontology/DCM",
    ),
    ("ndfrt", "urn:oid:2.16.840.1.113883.3.26.1.5"),
];

/// The URI of a system by its short name, so that [`of_uri`] gives the name again; `None` for
/// [`LOCAL`], which has no system.
pub fn uri_of(short: &str) -> Option<Cow<'static, str>> {
    if short == LOCAL {
        return None;
    }
    let written = WRITTEN.iter().find(|(name, _)| *name == short);
    let known = SYSTEMS.iter().find(|(_, name, _)| *name == short);
    let known = written
        .map(|(_, uri)| *uri)
        .or(known.map(|(uri, _, _)| *uri));
    if let Some(uri) = known {
        return Some(Cow::Borrowed(uri));
    }
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let is_bare = short.bytes().all(is_plain);
    let uri = if short.starts_with("urn:") && !short.contains(char::is_whitespace) {
        short.to_owned()
    } else if is_bare && (short.starts_with("v3-") || short.starts_with("v2-")) {
        [SHORTENED[0], short].concat()
    } else if is_bare && short.starts_with("mimic-") {
        [SHORTENED[1], short].concat()
    } else {
        own(short)
    };
    Some(Cow::Owned(uri))
}

/// A name behind [`OWN`]; what a URI may not hold is written as `%` and two hexadecimal digits.
fn own(name: &str) -> String {
    let mut uri = OWN.to_owned();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._/:".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            let written = write!(uri, "%{byte:02X}");
            debug_assert!(written.is_ok(), "a String takes every text");
        }
    }
    uri
}

/// The name that [`own`] wrote; a text that it did not write stays as it is.
fn named(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let digits = behind.get(..2).filter(|_| *first == b'%');
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &behind[2..] } else { behind };
    }
    String::from_utf8(bytes).map_or(Cow::Borrowed(text), Cow::Owned)
}

/// The code of a system named by a URI; an empty one is [`LOCAL`].
pub fn of_uri<'c>(uri: &'c str, value: &'c str) -> Spelled<'c> {
    if uri.is_empty() {
        return (Cow::Borrowed(LOCAL), Cow::Borrowed(value));
    }
    if let Some(name) = uri.strip_prefix(OWN) {
        return (named(name), Cow::Borrowed(value));
    }
    match known(uri) {
        Some((short, spelling)) => (Cow::Borrowed(short), spelled(value, spelling)),
        None => (short_uri(uri), Cow::Borrowed(value)),
    }
}

/// The code of a system named by an OID; an unknown one is kept as a URN.
pub fn of_oid<'c>(oid: &'c str, value: &'c str) -> Spelled<'c> {
    let oid = oid.trim();
    if oid.is_empty() {
        return (Cow::Borrowed(LOCAL), Cow::Borrowed(value));
    }
    match find(OIDS, oid) {
        Some((short, spelling)) => (Cow::Borrowed(short), spelled(value, spelling)),
        None => (Cow::Owned(["urn:oid:", oid].concat()), Cow::Borrowed(value)),
    }
}

/// The code of a system named as in HL7 table 0396; `L` and nothing are [`LOCAL`].
pub fn of_v2<'c>(name: &'c str, value: &'c str) -> Spelled<'c> {
    let name = name.trim();
    if name.is_empty() || name == "L" {
        return (Cow::Borrowed(LOCAL), Cow::Borrowed(value));
    }
    match find(V2_NAMES, &name.to_ascii_uppercase()) {
        Some((short, spelling)) => (Cow::Borrowed(short), spelled(value, spelling)),
        None if name.bytes().all(|b| b.is_ascii_digit() || b == b'.') => of_oid(name, value),
        None => (short_uri(name), Cow::Borrowed(value)),
    }
}

/// How much a system is preferred: the place in [`PREFERRED`], or its length.
pub fn rank(short: &str) -> usize {
    let place = PREFERRED.iter().position(|name| *name == short);
    place.unwrap_or(PREFERRED.len())
}

/// A text in the one spelling under which it stands for a code: lower case, single spaces. `None`
/// when it is too long.
pub fn text_code(text: &str) -> Option<String> {
    if text.chars().take(TEXT_CODE_CHARS_MAX * 2).count() == TEXT_CODE_CHARS_MAX * 2 {
        return None;
    }
    let words: Vec<_> = text.split_whitespace().collect();
    let joined = words.join(" ").to_lowercase();
    (joined.chars().count() <= TEXT_CODE_CHARS_MAX).then_some(joined)
}

/// The same for a system named by a URI.
pub fn rank_of_uri(uri: Option<&str>) -> usize {
    let known = uri.and_then(known);
    known.map_or(PREFERRED.len(), |(short, _)| rank(short))
}

fn known(uri: &str) -> Option<(&'static str, Spelling)> {
    let uri = uri.strip_suffix('/').unwrap_or(uri);
    match uri.strip_prefix("urn:oid:") {
        Some(oid) => find(OIDS, oid),
        None => find(SYSTEMS, uri),
    }
}

fn find(table: &[(&str, &'static str, Spelling)], name: &str) -> Option<(&'static str, Spelling)> {
    let at = table
        .binary_search_by(|(known, _, _)| (*known).cmp(name))
        .ok()?;
    Some((table[at].1, table[at].2))
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

    #[test]
    fn the_tables_are_sorted() {
        for table in [SYSTEMS, OIDS, V2_NAMES] {
            assert!(table.is_sorted_by(|a, b| a.0 < b.0));
        }
        let named = |name: &&str| SYSTEMS.iter().any(|(_, short, _)| short == name);
        assert!(PREFERRED.iter().all(named));
    }

    #[test]
    fn a_written_system_is_read_as_the_same() {
        let listed = [SYSTEMS, OIDS]
            .into_iter()
            .flatten()
            .map(|(_, name, _)| *name);
        let others = [
            "",
            "v3-ActCode",
            "mimic-d-items",
            "urn:x",
            "example.org/codes",
            "CARE_PLAN",
            "TEXT",
            "ICD 10 (GM)",
            "100%",
            "%41",
            "a%zz",
            "\u{e9}t\u{e9}",
            "http:/x",
        ];
        for name in listed.chain(others) {
            let uri = uri_of(name).unwrap();
            assert!(!uri.contains(char::is_whitespace), "{uri}");
            assert_eq!(of_uri(&uri, "1234").0, name, "{uri}");
        }
        assert_eq!(uri_of(LOCAL), None);
    }

    #[test]
    fn one_code_whatever_names_its_system() {
        let show = |(system, value): Spelled<'_>| format!("{system} {value}");
        assert_eq!(
            show(of_oid("2.16.840.1.113883.6.90", "E119")),
            "ICD10CM E11.9"
        );
        assert_eq!(show(of_v2("I10C", "E119")), "ICD10CM E11.9");
        assert_eq!(show(of_v2("ln", "2160-0")), "LOINC 2160-0");
        assert_eq!(
            show(of_v2("2.16.840.1.113883.6.1", "2160-0")),
            "LOINC 2160-0"
        );
        assert_eq!(show(of_oid("1.2.3", "x")), "urn:oid:1.2.3 x");
        assert_eq!(show(of_v2("L", "x")), "LOCAL x");
        assert_eq!(show(of_v2("99LAB", "x")), "99LAB x");
        assert_eq!(
            show(of_uri("urn:oid:2.16.840.1.113883.6.96", "1")),
            "SNOMED 1"
        );
    }
}
