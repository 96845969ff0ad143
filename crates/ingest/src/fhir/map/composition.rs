//! Composition: the sections of a document, each a text under its own code. What the sections refer
//! to are records of their own.

use super::{document, record, refuse};
use crate::batch::Note;
use crate::fhir::json::{CodeableConcept, OneOrMany, Present, Reference, Text};
use crate::fhir::rows::Mapper;
use crate::fhir::time::When;
use longitude_core::{Code, IssueKind};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Composition<'a> {
    #[serde(default)]
    resource_type: Present,
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    status: Option<Text<'a>>,
    #[serde(borrow, rename = "type")]
    kind: Option<CodeableConcept<'a>>,
    #[serde(borrow)]
    subject: Option<OneOrMany<Reference<'a>>>,
    #[serde(borrow)]
    encounter: Option<Reference<'a>>,
    #[serde(borrow)]
    date: Option<Text<'a>>,
    #[serde(borrow, default)]
    section: Vec<Section<'a>>,
}

#[derive(Deserialize)]
struct Section<'a> {
    #[serde(borrow)]
    code: Option<CodeableConcept<'a>>,
    #[serde(borrow)]
    text: Option<Narrative<'a>>,
    #[serde(borrow, default, rename = "section")]
    inner: Vec<Section<'a>>,
}

#[derive(Deserialize)]
struct Narrative<'a> {
    #[serde(borrow)]
    div: Option<Text<'a>>,
}

record!(Composition, map);

fn map(written: &Composition<'_>, mapper: &mut Mapper<'_>, _id: Option<&str>) -> Result<(), Note> {
    let refused = ["entered-in-error", "cancelled", "deprecated"];
    refuse(written.status.as_ref(), &refused, "Composition.status")?;
    let subject = written.subject.as_ref().and_then(OneOrMany::first);
    mapper.subject(subject)?;
    mapper.encounter(written.encounter.as_ref());
    let when = mapper.place(&[("Composition.date", written.date.as_ref())])?;
    let code = mapper.coded(written.kind.as_ref(), "Composition.type")?;
    let before = mapper.batch.events.len();
    sections(&written.section, mapper, &(code, when));
    if mapper.batch.events.len() == before {
        return Err(Note::at(IssueKind::NotSupported, "Composition.section"));
    }
    Ok(())
}

/// Sections hold sections; the parser bounds how deep.
fn sections(list: &[Section<'_>], mapper: &mut Mapper<'_>, whole: &(Code, When)) {
    for section in list {
        let own = section.code.as_ref();
        let own = own.and_then(|code| mapper.coded(Some(code), "Composition.section.code").ok());
        let code = own.unwrap_or_else(|| whole.0.clone());
        let div = section.text.as_ref().and_then(|text| text.div.as_ref());
        let text = div.map(|div| plain(div.as_str())).unwrap_or_default();
        if !text.is_empty() {
            document::add(mapper, &code, (whole.1, &text), "Composition.section.text");
        }
        sections(&section.inner, mapper, &(code, whole.1));
    }
}

/// The words of XHTML: tags become breaks, the five entities of XML and numbered ones their
/// characters. Other entities stay as they are written.
fn plain(html: &str) -> String {
    let mut text = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(at) = rest.find(['<', '&']) {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        let closing = if rest.starts_with('<') { '>' } else { ';' };
        let Some(end) = rest.find(closing) else { break };
        let inside = &rest[1..end];
        if closing == '>' {
            text.push(if is_inline(inside) { ' ' } else { '\n' });
        } else if let Some(sign) = entity(inside) {
            text.push(sign);
        } else {
            text.push('&');
            rest = &rest[1..];
            continue;
        }
        rest = &rest[end + 1..];
    }
    text.push_str(rest);
    let lines = text.lines().map(|line| {
        let words: Vec<_> = line.split_whitespace().collect();
        words.join(" ")
    });
    let lines: Vec<_> = lines.filter(|line| !line.is_empty()).collect();
    lines.join("\n")
}

fn is_inline(tag: &str) -> bool {
    let name = tag.trim_start_matches('/');
    let name = name.split(|c: char| !c.is_ascii_alphanumeric()).next();
    matches!(
        name,
        Some("b" | "i" | "em" | "strong" | "span" | "a" | "td" | "th" | "sub" | "sup" | "small")
    )
}

fn entity(name: &str) -> Option<char> {
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => ' ',
        _ => {
            let number = name.strip_prefix('#')?;
            let hexadecimal = number.strip_prefix(['x', 'X']);
            let number = match hexadecimal {
                Some(digits) => u32::from_str_radix(digits, 16),
                None => number.parse(),
            };
            char::from_u32(number.ok()?)?
        }
    })
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn the_words_of_xhtml() {
        let html = "<div xmlns=\"x\"><p>Pain &lt;1&#160;week, <b>left</b> knee</p><ul><li>A &amp; B\
            </li><li>C&copy;</li></ul></div>";
        assert_eq!(plain(html), "Pain <1 week, left knee\nA & B\nC&copy;");
        assert_eq!(plain("a < b"), "a < b");
        assert_eq!(plain("&#xD800;&;&"), "&#xD800;&;&");
        assert_eq!(plain(""), "");
    }
}
