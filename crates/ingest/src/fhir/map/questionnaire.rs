//! QuestionnaireResponse: each answer as a measured or coded value under its question.

use super::value::{Value, observe, valued};
use super::{record, refuse};
use crate::batch::Note;
use crate::fhir::json::{CodeableConcept, Coding, Number, Present, Quantity, Reference, Text};
use crate::fhir::rows::Mapper;
use crate::fhir::time::When;
use longitude_core::{Code, IssueKind};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct QuestionnaireResponse<'a> {
    #[serde(default)]
    resource_type: Present,
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    status: Option<Text<'a>>,
    #[serde(borrow)]
    questionnaire: Option<Text<'a>>,
    #[serde(borrow)]
    subject: Option<Reference<'a>>,
    #[serde(borrow)]
    encounter: Option<Reference<'a>>,
    #[serde(borrow)]
    authored: Option<Text<'a>>,
    #[serde(borrow, default)]
    item: Vec<Item<'a>>,
}

/// A question or a group of them.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item<'a> {
    #[serde(borrow)]
    link_id: Option<Text<'a>>,
    #[serde(borrow, default)]
    answer: Vec<Answer<'a>>,
    #[serde(borrow, default, rename = "item")]
    inner: Vec<Item<'a>>,
}

valued! {
    pub(crate) struct Answer<'a> {
        #[serde(borrow)]
        value_coding: Option<Coding<'a>>,
        value_decimal: Option<Number>,
        #[serde(borrow)]
        value_date: Option<Text<'a>>,
        #[serde(borrow)]
        value_uri: Option<Text<'a>>,
        #[serde(default)]
        value_attachment: Present,
        #[serde(default)]
        value_reference: Present,
        #[serde(borrow, default)]
        item: Vec<Item<'a>>,
    }
}

record!(QuestionnaireResponse, map);

fn map(
    response: &QuestionnaireResponse<'_>,
    mapper: &mut Mapper<'_>,
    _id: Option<&str>,
) -> Result<(), Note> {
    let status = response.status.as_ref();
    refuse(
        status,
        &["entered-in-error"],
        "QuestionnaireResponse.status",
    )?;
    mapper.subject(response.subject.as_ref())?;
    mapper.encounter(response.encounter.as_ref());
    let authored = response.authored.as_ref();
    let when = mapper.place(&[("QuestionnaireResponse.authored", authored)])?;
    let form = response.questionnaire.as_ref().map_or("", Text::as_str);
    let before = mapper.batch.events.len();
    let mut form = Form {
        mapper,
        name: short(form),
        when,
        fault: None,
    };
    form.items(&response.item);
    let fault = form.fault.take();
    match fault {
        None if mapper.batch.events.len() > before => Ok(()),
        Some(fault) if mapper.batch.events.len() > before => {
            mapper.warn(fault);
            Ok(())
        }
        Some(fault) => Err(fault),
        None => Err(Note::at(
            IssueKind::MissingCode,
            "QuestionnaireResponse.item.answer",
        )),
    }
}

/// The last segment of a form's address, without its version.
fn short(canonical: &str) -> &str {
    let bare = canonical.split('|').next().unwrap_or_default();
    bare.rsplit('/').next().unwrap_or_default()
}

/// A form while its answers are mapped.
struct Form<'m, 'w, 'n> {
    mapper: &'m mut Mapper<'w>,
    name: &'n str,
    when: When,
    fault: Option<Note>,
}

impl Form<'_, '_, '_> {
    /// Items hold items; the parser bounds how deep.
    fn items(&mut self, items: &[Item<'_>]) {
        for item in items {
            for answer in &item.answer {
                if let Err(note) = self.answer(item, answer) {
                    self.fault.get_or_insert(note);
                }
                self.items(&answer.item);
            }
            self.items(&item.inner);
        }
    }

    fn answer(&mut self, item: &Item<'_>, answer: &Answer<'_>) -> Result<(), Note> {
        const ELEMENT: &str = "QuestionnaireResponse.item.answer";
        let Some(link) = item.link_id.as_ref().map(Text::as_str) else {
            let element = "QuestionnaireResponse.item.linkId";
            return Err(Note::at(IssueKind::MissingCode, element));
        };
        let code = self.question(link);
        if answer.value_attachment.0 || answer.value_reference.0 {
            return Err(Note::at(IssueKind::NotSupported, ELEMENT));
        }
        let concept = answer.value_coding.as_ref().map(|coding| CodeableConcept {
            coding: vec![Coding {
                system: coding.system.clone(),
                code: coding.code.clone(),
                display: coding.display.clone(),
            }],
            text: None,
            concept: None,
        });
        let quantity = answer.value_decimal.map(|value| Quantity {
            value: Some(value),
            comparator: None,
            unit: None,
            system: None,
            code: None,
        });
        let own = concept.as_ref().map(Value::Concept);
        let value = own
            .or_else(|| quantity.as_ref().map(Value::Quantity))
            .or_else(|| answer.value_date.as_ref().map(Value::DateTime))
            .or_else(|| answer.value_uri.as_ref().map(Value::Text))
            .or_else(|| answer.value());
        if value.is_none() {
            // An answer may hold nothing but the questions that follow from it.
            return Ok(());
        }
        let told = (value, answer.said());
        observe(self.mapper, (code, self.when), told, ELEMENT)
    }

    /// A question's code: LOINC's where the identifier is one (`/44249-1/44250-9`), as forms of
    /// the US National Library of Medicine write it; else the form and the identifier.
    fn question(&mut self, link: &str) -> Code {
        let last = link.rsplit('/').next().unwrap_or(link);
        if is_loinc(last) {
            return self.mapper.code("LOINC", last);
        }
        let value = [self.name, "//", link].concat();
        let value = value.trim_start_matches('/');
        self.mapper.code("QUESTIONNAIRE", value)
    }
}

/// Digits, a hyphen and a check digit.
fn is_loinc(text: &str) -> bool {
    let Some((number, check)) = text.split_once('-') else {
        return false;
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    (3..=7).contains(&number.len()) && check.len() == 1 && digits(number) && digits(check)
}
