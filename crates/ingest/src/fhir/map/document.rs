//! DocumentReference: clinical notes. The text of an attachment that stands in the record becomes
//! the event's text; one that stands elsewhere is an issue, for nothing is fetched.

use super::{record, refuse};
use crate::batch::Note;
use crate::fhir::json::{Attachment, CodeableConcept, OneOrMany, Period, Present, Reference, Text};
use crate::fhir::rows::Mapper;
use crate::fhir::time::When;
use crate::fhir::types::Release;
use base64::Engine as _;
use longitude_core::{Code, IssueKind};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DocumentReference<'a> {
    #[serde(default)]
    resource_type: Present,
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    status: Option<Text<'a>>,
    #[serde(borrow, rename = "type")]
    kind: Option<CodeableConcept<'a>>,
    #[serde(borrow)]
    subject: Option<Reference<'a>>,
    #[serde(borrow)]
    date: Option<Text<'a>>,
    #[serde(borrow, default)]
    content: Vec<Content<'a>>,
    #[serde(borrow)]
    context: Option<OneOrMany<Context<'a>>>,
    /// R5's place of it.
    #[serde(borrow)]
    period: Option<Period<'a>>,
}

#[derive(Deserialize)]
struct Content<'a> {
    #[serde(borrow)]
    attachment: Option<Attachment<'a>>,
}

/// R4's context, or one of R5's references to it.
#[derive(Deserialize)]
struct Context<'a> {
    #[serde(borrow)]
    encounter: Option<OneOrMany<Reference<'a>>>,
    #[serde(borrow)]
    period: Option<Period<'a>>,
    #[serde(borrow)]
    reference: Option<Text<'a>>,
}

record!(DocumentReference, map);

fn map(
    document: &DocumentReference<'_>,
    mapper: &mut Mapper<'_>,
    _id: Option<&str>,
) -> Result<(), Note> {
    let refused = ["entered-in-error", "superseded"];
    refuse(
        document.status.as_ref(),
        &refused,
        "DocumentReference.status",
    )?;
    mapper.subject(document.subject.as_ref())?;
    let context = document.context.as_ref().and_then(OneOrMany::first);
    let encounter = context.and_then(|context| context.encounter.as_ref());
    mapper.encounter(encounter.and_then(OneOrMany::first));
    if let Some(newer) = document.context.as_ref().and_then(newer_encounter) {
        mapper.speaks(Release::R5, "context");
        mapper.encounter(Some(&newer));
    }
    let period = context.and_then(|context| context.period.as_ref());
    let period = period.or(document.period.as_ref());
    let when = mapper.place(&[
        ("DocumentReference.date", document.date.as_ref()),
        (
            "DocumentReference.context.period.end",
            period.and_then(|period| period.end.as_ref()),
        ),
    ])?;
    let code = mapper.coded(document.kind.as_ref(), "DocumentReference.type")?;
    let before = mapper.batch.events.len();
    let mut fault = None;
    for (place, content) in document.content.iter().enumerate() {
        let element = format!("DocumentReference.content[{place}].attachment");
        let attachment = content.attachment.as_ref();
        let result = attachment.map(|attachment| note(mapper, &code, (when, attachment), &element));
        if let Some(Err(found)) = result {
            fault.get_or_insert(found);
        }
    }
    if mapper.batch.events.len() > before {
        if let Some(fault) = fault {
            mapper.warn(fault);
        }
        return Ok(());
    }
    Err(fault.unwrap_or_else(|| Note::at(IssueKind::NotSupported, "DocumentReference.content")))
}

/// The first Encounter among R5's contexts.
fn newer_encounter<'a>(context: &OneOrMany<Context<'a>>) -> Option<Reference<'a>> {
    let references = context
        .iter()
        .filter_map(|context| context.reference.clone());
    let is_encounter = |text: &Text<'_>| text.as_str().contains("Encounter/");
    let reference = references.into_iter().find(is_encounter)?;
    Some(Reference {
        reference: Some(reference),
        display: None,
        identifier: None,
    })
}

/// Adds the event of one attachment that holds a text.
pub(super) fn note(
    mapper: &mut Mapper<'_>,
    code: &Code,
    (when, attachment): (When, &Attachment<'_>),
    element: &str,
) -> Result<(), Note> {
    let text = text_of(attachment).map_err(|(kind, why)| {
        let detail = mapper.path(&["attachment: ", why].concat());
        Note::new(kind, element.to_owned(), detail)
    })?;
    add(mapper, code, (when, &text), element);
    Ok(())
}

/// Adds the event of a text: `NOTE//<LOINC type>`.
pub(super) fn add(mapper: &mut Mapper<'_>, code: &Code, (when, text): (When, &str), element: &str) {
    let code = if &*code.system == "LOINC" {
        mapper.code("NOTE", &code.value)
    } else {
        mapper.within("NOTE", code)
    };
    mapper.event(code, Some(when), element).text_value = Some(text.into());
}

/// The text of an attachment, or the reason why there is none.
fn text_of(attachment: &Attachment<'_>) -> Result<String, (IssueKind, &'static str)> {
    let Some(data) = &attachment.data else {
        return Err(match attachment.url {
            Some(_) => (
                IssueKind::NotSupported,
                "by URL only, and nothing is fetched",
            ),
            None => (IssueKind::MissingReference, "neither data nor URL"),
        });
    };
    let content_type = attachment
        .content_type
        .as_ref()
        .map_or("text/plain", Text::as_str);
    let is_text = content_type
        .get(..5)
        .is_some_and(|start| start.eq_ignore_ascii_case("text/"));
    if !is_text {
        return Err((IssueKind::NotSupported, "not a text"));
    }
    // White space is allowed inside base64 by FHIR's own regular expression.
    let packed: Vec<u8> = data
        .as_str()
        .bytes()
        .filter(|b| !b.is_ascii_whitespace())
        .collect();
    let bytes = base64::engine::general_purpose::STANDARD.decode(&packed);
    let bytes = bytes.map_err(|_error| (IssueKind::InvalidField, "not base64"))?;
    String::from_utf8(bytes).map_err(|_error| (IssueKind::InvalidEncoding, "text not in UTF-8"))
}
