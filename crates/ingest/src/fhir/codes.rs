//! The code of a CodeableConcept: the preferred of its codings in our spelling, else its text.

use super::json::{CodeableConcept, Coding, Text};
use crate::systems;
pub(crate) use crate::systems::{TEXT, text_code};
use std::borrow::Cow;

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
    let concept = concept.inner();
    let coded = |coding: &&Coding<'_>| code_of(coding).is_some();
    let mut best: Option<(usize, &Coding<'_>)> = None;
    let mut count = 0;
    for coding in concept.coding.iter().filter(coded) {
        count += 1;
        let rank = systems::rank_of_uri(coding.system.as_ref().map(Text::as_str));
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
    let uri = coding.system.as_ref().map_or("", Text::as_str);
    Some(systems::of_uri(uri, value))
}

fn code_of<'c>(coding: &'c Coding<'_>) -> Option<&'c str> {
    let code = coding.code.as_ref().map(|code| code.as_str().trim())?;
    (!code.is_empty()).then_some(code)
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
