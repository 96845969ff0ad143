//! TXA with the OBX segments behind it (MDM messages), and NTE: prose.

use super::observation::{is_prose, text_run};
use super::{Mapper, content};
use crate::batch::Note;
use crate::hash::hash64;
use crate::hl7v2::message::{Message, Segment};
use longitude_core::{Code, IssueKind};

/// The document that OBX segments belong to.
#[derive(Default)]
pub(super) struct Context {
    /// The document did not come to stand: what belongs to it makes no event either.
    pub(super) is_refused: bool,
}

/// TXA: the document's text is that of all prose behind it, and its event stands here.
pub(super) fn document(
    mapper: &mut Mapper<'_>,
    message: &Message<'_>,
    place: usize,
) -> Result<(), Note> {
    let Some(txa) = message.segment(place) else {
        return Ok(());
    };
    super::person::clinicians(mapper, txa.field(9));
    let result = written(mapper, message, (place, txa));
    mapper.here.document.is_refused = result.is_err();
    result
}

fn written(
    mapper: &mut Mapper<'_>,
    message: &Message<'_>,
    (place, txa): (usize, Segment<'_, '_>),
) -> Result<(), Note> {
    let number = txa.field(12).first().component(1).text().into_owned();
    let key = mapper.key_of("document", &number);
    // TXA-19: cancelled or obsolete; T11: cancelled.
    let is_withdrawn = matches!(&*txa.text(19), "CA" | "OB") || mapper.here.trigger == "T11";
    if is_withdrawn {
        return Err(mapper.withdraw(key, "TXA-19"));
    }
    let code = match mapper.coded(txa.field(2), "HL70270", "TXA-2") {
        Ok(code) => code,
        Err(_) => Code::new("", "UNKNOWN"),
    };
    // The activity, else origination, transcription, edit.
    let when = mapper.place(&[
        ("TXA-4", txa.field(4)),
        ("TXA-6", txa.field(6)),
        ("TXA-7", txa.field(7)),
    ])?;
    let text = prose_behind(message, place);
    if text.is_empty() {
        let detail = "TXA: no text with it";
        return Err(Note::new(IssueKind::NotSupported, "OBX-5", detail));
    }
    let said = hash64(&content(txa, &[2]).to_string(), &text).max(1);
    if !number.is_empty() {
        mapper.claim(key, said, "TXA")?;
    }
    let code = mapper.rows.note_code(&code);
    let event = mapper.rows.event(code, Some(when), "OBX-5");
    event.text_value = Some(text.into());
    Ok(())
}

/// The prose of all OBX segments behind a TXA.
fn prose_behind(message: &Message<'_>, place: usize) -> String {
    let mut texts = Vec::new();
    for at in place + 1..message.len() {
        let Some(segment) = message.segment(at) else {
            break;
        };
        if segment.name() == "TXA" {
            break;
        }
        if segment.name() == "OBX" && is_prose(segment) {
            texts.push(text_run(segment));
        }
    }
    texts.join("\n").trim().to_owned()
}

/// NTE: a comment on the segment before it. The NTE segments that follow belong to it.
pub(super) fn comment(
    mapper: &mut Mapper<'_>,
    message: &Message<'_>,
    place: usize,
) -> Result<(), Note> {
    let mut lines = Vec::new();
    let mut end = place;
    while let Some(segment) = message.segment(end).filter(|one| one.name() == "NTE") {
        lines.push(segment.field(3).prose());
        end += 1;
    }
    mapper.here.taken = end;
    let text = lines.join("\n").trim().to_owned();
    if text.is_empty() {
        return Err(Note::new(IssueKind::NotDone, "NTE-3", "NTE-3: no text"));
    }
    let (about, when) = if let Some(last) = mapper.here.order.last {
        last
    } else {
        let observed = mapper.here.order.observed;
        let Some(when) = observed.or(mapper.here.occurred).or(mapper.here.sent) else {
            return Err(Note::at(IssueKind::MissingTime, "NTE"));
        };
        (hash64("order", mapper.here.order.id()), when)
    };
    let key = mapper.key_of("comment", &format!("{about} {}", when.instant.0));
    let ordinal = mapper.here.ordinals.next(key);
    let key = hash64(&key.to_string(), &ordinal.to_string());
    mapper.claim(key, hash64("text", &text).max(1), "NTE")?;
    let code = mapper.rows.code("NOTE", "COMMENT");
    let event = mapper.rows.event(code, Some(when), "NTE-3");
    event.text_value = Some(text.into());
    Ok(())
}
