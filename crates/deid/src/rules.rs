//! The rules of a policy for codes, texts, columns and postal codes, applied to one event.
//!
//! They act before and after the fixed treatment of [`crate::timeline`]; none can switch it off.
//! They are read from a file by [`crate::policy_file`].

use crate::identifying;
use crate::policy::{Changes, Identifier};
use crate::zip::{self, SMALL_AREAS, ZipAction};
use longitude_core::{Code, Event};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Which codes a rule is for: a MEDS code (`ICD10CM//E11.9`), or the start of one followed by `*`.
/// The case of ASCII letters does not matter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Pattern(String);

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// With the reason, when it is empty or has a `*` elsewhere than at its end.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let start = text.strip_suffix('*').unwrap_or(text);
        if text.trim().is_empty() {
            return Err("a pattern may not be empty");
        }
        if start.contains('*') {
            return Err("a pattern may have one `*`, at its end");
        }
        Ok(Self(text.to_owned()))
    }

    /// Whether a MEDS code falls under it.
    pub fn matches(&self, joined: &str) -> bool {
        match self.0.strip_suffix('*') {
            Some(start) => joined
                .get(..start.len())
                .is_some_and(|head| head.eq_ignore_ascii_case(start)),
            None => joined.eq_ignore_ascii_case(&self.0),
        }
    }
}

/// What becomes of the events of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CodeAction {
    /// The code stays; later rules are not asked.
    Keep,
    /// The event is left out, and counted.
    Drop,
    /// The code's value is cut to so many letters; a point at the end goes too.
    Generalise(usize),
}

/// What becomes of the text of an event that is no note.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextAction {
    /// It stays only when it is a short coded result.
    Coded,
    /// It is scrubbed like a note.
    Scrub,
    /// It goes.
    Drop,
    /// It stays as it is; an expert answers for it, Safe Harbor does not know it.
    Keep,
}

/// A column that a policy can empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Column {
    /// The measured number.
    NumericValue,
    /// The text, notes too.
    TextValue,
    /// The unit.
    Unit,
    /// When it ended.
    EndTime,
    /// The pseudonym of the encounter.
    EncounterId,
    /// When it was written down.
    RecordedTime,
    /// The source's own code, number, unit and reference range.
    AsWritten,
    /// The origin's pseudonym, element and rule: without it no answer can be walked back.
    Origin,
}

/// The rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rules {
    /// For codes, the first that matches counts.
    pub codes: Vec<(Pattern, CodeAction)>,
    /// For texts, the first that matches counts.
    pub texts: Vec<(Pattern, TextAction)>,
    /// For texts that no rule names.
    pub text_default: TextAction,
    /// Columns that are emptied.
    pub columns: BTreeSet<Column>,
    /// Codes whose value is a postal code.
    pub zip_codes: Vec<Pattern>,
    /// What is left of one.
    pub zip_action: ZipAction,
    /// Areas of three digits that become `000`.
    pub zip_small: BTreeSet<String>,
}

impl Rules {
    /// What holds without a policy file: coded results stay, postal codes are cut to three digits.
    pub fn standard() -> Self {
        let zip = ["ZIP*", "POSTAL_CODE*", "LOINC//52539-4"];
        Self {
            codes: Vec::new(),
            texts: Vec::new(),
            text_default: TextAction::Coded,
            columns: BTreeSet::new(),
            zip_codes: zip.map(|text| Pattern(text.to_owned())).into(),
            zip_action: ZipAction::Zip3,
            zip_small: SMALL_AREAS.map(str::to_owned).into(),
        }
    }

    /// What becomes of the text of a code.
    pub(crate) fn text_action(&self, code: &Code) -> TextAction {
        if self.texts.is_empty() {
            return self.text_default;
        }
        let joined = code.to_meds();
        let rule = self.texts.iter().find(|(p, _)| p.matches(&joined));
        rule.map_or(self.text_default, |(_, action)| *action)
    }

    /// Treats code and value of an event; `None` when the event is left out.
    pub(crate) fn apply(&self, event: &mut Event, changes: &mut Changes) -> Option<()> {
        let code = event.code.clone();
        let joined = code.to_meds();
        if code.is_birth() || code.is_death() {
            return Some(());
        }
        let is_zip = |joined: &str| self.zip_codes.iter().any(|p| p.matches(joined));
        let written = event.as_written.as_ref().and_then(|w| w.code.as_ref());
        if written.is_some_and(|w| identifying::of(w).is_some() || is_zip(&w.to_meds())) {
            forget_written_code(event);
        }
        if let Some(identifier) = identifying::of(&code) {
            blank(event, identifier);
            changes.add(identifier);
        } else if is_zip(&joined) {
            self.zip(event);
            changes.add(Identifier::Zip);
        }
        match self.codes.iter().find(|(p, _)| p.matches(&joined)) {
            Some((_, CodeAction::Drop)) => {
                changes.events_dropped += 1;
                return None;
            }
            Some((_, CodeAction::Generalise(letters))) => {
                event.code.value = cut(&event.code.value, *letters).into();
                changes.codes_generalised += 1;
                forget_written_code(event);
            }
            Some((_, CodeAction::Keep)) | None => {}
        }
        Some(())
    }

    /// Empties the columns that the policy names.
    pub(crate) fn columns(&self, event: &mut Event) {
        for column in &self.columns {
            match column {
                Column::NumericValue => event.numeric_value = None,
                Column::TextValue => event.text_value = None,
                Column::Unit => event.unit = None,
                Column::EndTime => event.end_time = None,
                Column::EncounterId => event.encounter = None,
                Column::RecordedTime => event.recorded_time = None,
                Column::AsWritten => event.as_written = None,
                Column::Origin => {
                    event.origin.record = "".into();
                    event.origin.rule = "".into();
                    event.origin.element = "".into();
                }
            }
        }
    }

    /// A postal code stands in the code (`ZIP//02139`), in the text or in the number.
    fn zip(&self, event: &mut Event) {
        let left = |text: &str| match self.zip_action {
            ZipAction::Zip3 => Some(zip::zip3(text, &self.zip_small)),
            ZipAction::Drop => None,
        };
        let number = event.numeric_value.take().map(|number| number.to_string());
        let text = event.text_value.take().map(|text| text.to_string());
        if let Some(written) = text.or(number) {
            event.text_value = left(&written).map(Into::into);
        }
        let loinc = &*event.code.system == "LOINC";
        if !loinc && event.code.value.bytes().any(|b| b.is_ascii_digit()) {
            let (before, last) = match event.code.value.rsplit_once("//") {
                Some((before, last)) => (format!("{before}//"), last),
                None => (String::new(), &*event.code.value),
            };
            let area = left(last).unwrap_or_default();
            event.code.value = format!("{before}{area}").into();
        }
        event.as_written = None;
    }
}

/// Leaves of an identifier only its kind.
fn blank(event: &mut Event, identifier: Identifier) {
    event.numeric_value = None;
    event.text_value = None;
    event.unit = None;
    event.as_written = None;
    // LOINC's value is the question; elsewhere it may be the answer. A code without a system is one
    // of the list's own words.
    if !matches!(&*event.code.system, "" | "LOINC") {
        event.code.value = identifier.tag().into();
    }
}

/// The source's own code would tell what the event's no longer does.
pub(crate) fn forget_written_code(event: &mut Event) {
    if let Some(written) = &mut event.as_written {
        written.code = None;
    }
}

/// The first letters of a text, without a point at the end.
pub(crate) fn cut(value: &str, letters: usize) -> String {
    let start: String = value.chars().take(letters).collect();
    start.trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use longitude_core::Origin;

    fn applied(rules: &Rules, code: &str, text: Option<&str>, number: Option<f64>) -> String {
        let mut event = Event::new(Code::from_meds(code), None, Origin::derived("test"));
        event.text_value = text.map(Into::into);
        event.numeric_value = number;
        let mut changes = Changes::default();
        if rules.apply(&mut event, &mut changes).is_none() {
            return "dropped".to_owned();
        }
        format!(
            "{} {} {:?}",
            event.code.to_meds(),
            event.text_value.as_deref().unwrap_or("-"),
            event.numeric_value
        )
    }

    #[test]
    fn identifying_codes_lose_their_value() {
        let rules = Rules::standard();
        let of = |code, text, number| applied(&rules, code, text, number);
        assert_eq!(of("SSN//464-72-7630", None, None), "SSN//[SSN] - None");
        assert_eq!(of("MRN", Some("x"), Some(88_123_456.0)), "MRN - None");
        assert_eq!(of("SURNAME//Roe", None, None), "SURNAME//[NAME] - None");
        assert_eq!(
            of("PATIENT//PHONE//Roe", Some("1"), None),
            "PATIENT//[PHONE] - None"
        );
        assert_eq!(
            of("LOINC//46106-1", Some("88"), None),
            "LOINC//46106-1 - None"
        );
    }

    #[test]
    fn postal_codes_are_cut_wherever_they_stand() {
        let rules = Rules::standard();
        let of = |code, text, number| applied(&rules, code, text, number);
        assert_eq!(of("ZIP//02139", None, None), "ZIP//021 - None");
        assert_eq!(of("ZIP", Some("89301"), None), "ZIP 000 None");
        assert_eq!(of("ZIP_CODE", None, Some(2139.0)), "ZIP_CODE 021 None");
    }

    #[test]
    fn the_first_rule_counts() {
        let pattern = |text| Pattern::parse(text).unwrap();
        let mut rules = Rules::standard();
        rules.codes = vec![
            (pattern("ICD10CM//E11*"), CodeAction::Keep),
            (pattern("icd10cm//*"), CodeAction::Generalise(4)),
            (pattern("LOCAL//*"), CodeAction::Drop),
        ];
        let of = |code| applied(&rules, code, None, None);
        assert_eq!(of("ICD10CM//E11.65"), "ICD10CM//E11.65 - None");
        assert_eq!(of("ICD10CM//Q87.40"), "ICD10CM//Q87 - None");
        assert_eq!(of("LOCAL//7"), "dropped");
        assert!(Pattern::parse("a*b").is_err() && Pattern::parse(" ").is_err());
    }
}
