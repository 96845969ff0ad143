//! OBX: what was measured, found or written. One event for each value; a run of text segments is
//! one text. Of several reports of one result the last stands (preliminary, final, corrected).

use super::value::{Valued, value};
use super::{Mapper, WITHDRAWN};
use crate::batch::Note;
use crate::hash::hash64;
use crate::hl7v2::message::{Field, Message, Segment};
use crate::hl7v2::types::Topic;
use crate::when::When;
use longitude_core::{Code, IssueKind};
use longitude_units::reading::{Decimal, reference_range};

/// A text of one line up to this length is a result; anything longer is prose.
const RESULT_CHARS_MAX: usize = 80;

pub(super) fn observed(
    mapper: &mut Mapper<'_>,
    message: &Message<'_>,
    place: usize,
) -> Result<(), Note> {
    let Some(obx) = message.segment(place) else {
        return Ok(());
    };
    let is_document = mapper.here.topic == Some(Topic::Document);
    if is_document && is_prose(obx) {
        // The document's own row has the text, or is the issue.
        return if mapper.here.document.is_refused {
            let detail = "OBX: of a document that is not there";
            Err(Note::new(IssueKind::Filtered, "OBX", detail))
        } else {
            Ok(())
        };
    }
    super::person::clinicians(mapper, obx.field(16));
    let end = if is_prose(obx) {
        run_end(message, place)
    } else {
        place + 1
    };
    mapper.here.taken = end;
    let code = code_of(mapper, obx)?;
    let when = when_of(mapper, obx)?;
    mapper.rows.set_recorded(
        mapper
            .here
            .order
            .reported
            .or(mapper.here.sent.map(|sent| sent.instant)),
    );
    let result = report(mapper, (message, place, end), code, when);
    let sent = mapper.here.sent.map(|sent| sent.instant);
    mapper.rows.set_recorded(sent);
    result
}

fn report(
    mapper: &mut Mapper<'_>,
    (message, place, end): (&Message<'_>, usize, usize),
    code: Code,
    when: When,
) -> Result<(), Note> {
    let Some(obx) = message.segment(place) else {
        return Ok(());
    };
    let key = key_of(mapper, obx, &code, when);
    mapper.here.order.last = Some((key, when));
    // HL7 table 0085: deleted, wrong, cannot be obtained; not asked, pending, order detail only.
    match &*obx.text(11) {
        "D" | "W" | "X" => {
            mapper.standing(key, WITHDRAWN);
            return Err(Note::new(IssueKind::NotDone, "OBX-11", "OBX-11: withdrawn"));
        }
        "N" | "I" | "O" => {
            return Err(Note::new(IssueKind::NotDone, "OBX-11", "OBX-11: no result"));
        }
        _ => {}
    }
    if !is_prose(obx) {
        mapper.claim(key, super::content(obx, &[2, 5, 6]), "OBX")?;
        let valued = value(mapper, obx, when)?;
        for valued in valued {
            add(mapper, obx, (code.clone(), when), valued);
        }
        return Ok(());
    }
    let lines = (place..end).filter_map(|at| message.segment(at));
    let lines: Vec<String> = lines.map(text_run).collect();
    let text = lines.join("\n").trim().to_owned();
    if text.is_empty() {
        return Err(Note::new(IssueKind::NotDone, "OBX-5", "OBX-5: no value"));
    }
    let said = hash64("text", &text).max(1);
    mapper.claim(key, said, "OBX")?;
    let valued = Valued::of_text(mapper, obx, &text);
    add(mapper, obx, (code, when), valued);
    Ok(())
}

/// Whether a segment's value is text, a line of which may follow in the next one.
pub(super) fn is_prose(obx: Segment<'_, '_>) -> bool {
    matches!(&*obx.text(2), "TX" | "FT" | "ST" | "")
}

/// The text of a segment's value.
pub(super) fn text_run(obx: Segment<'_, '_>) -> String {
    obx.field(5).prose()
}

/// Where the run of text segments that begins at `place` ends: the same code (or none), and for
/// ST and where sub-ids are told apart the same sub-id.
fn run_end(message: &Message<'_>, place: usize) -> usize {
    let Some(first) = message.segment(place) else {
        return place + 1;
    };
    let kind = first.text(2);
    let code = first.field(3).first().component(1).text();
    let mut end = place + 1;
    while let Some(next) = message.segment(end) {
        let own = next.field(3).first().component(1).text();
        let is_same_code = own == code || next.field(3).is_empty();
        let is_same_part = kind != "ST" || next.field(4).raw() == first.field(4).raw();
        let is_text = next.name() == "OBX" && is_prose(next);
        let is_same_status = next.text(11) == first.text(11);
        if !(is_text && is_same_code && is_same_part && is_same_status) {
            break;
        }
        end += 1;
    }
    end
}

/// OBX-3; in a report whose lines name no code, that of the order.
fn code_of(mapper: &mut Mapper<'_>, obx: Segment<'_, '_>) -> Result<Code, Note> {
    match mapper.coded(obx.field(3), "", "OBX-3") {
        Ok(code) => Ok(code),
        Err(note) => mapper.here.order.code.clone().ok_or(note),
    }
}

/// OBX-14, else the order's time of observation, else when the result was told.
fn when_of(mapper: &mut Mapper<'_>, obx: Segment<'_, '_>) -> Result<When, Note> {
    let own = mapper.time(obx.field(14), "OBX-14");
    match own.or(mapper.here.order.observed) {
        Some(when) => Ok(when),
        None => mapper.told("OBX-14"),
    }
}

/// One result of an order: its code and sub-id, and the how-manieth of these it is. Where the order
/// has no number, the time of the observation tells it.
fn key_of(mapper: &mut Mapper<'_>, obx: Segment<'_, '_>, code: &Code, when: When) -> u64 {
    let order = mapper.here.order.id();
    let order = if order.is_empty() {
        when.instant.0.to_string()
    } else {
        order.to_owned()
    };
    let sub_id = obx.field(4).raw();
    let key = mapper.key_of("OBX", &format!("{order} {sub_id} {}", code.to_meds()));
    let ordinal = mapper.here.ordinals.next(key);
    hash64(&key.to_string(), &ordinal.to_string())
}

/// Adds the event of one value with what the segment says of it.
fn add(mapper: &mut Mapper<'_>, obx: Segment<'_, '_>, (code, when): (Code, When), valued: Valued) {
    let is_long = |text: &str| text.contains('\n') || text.chars().count() > RESULT_CHARS_MAX;
    let is_note = obx.text(2) == "FT" || valued.text.as_deref().is_some_and(is_long);
    let code = match &valued.suffix {
        Some(suffix) => mapper.rows.suffixed(&code, suffix),
        None if is_note => mapper.rows.note_code(&code),
        None => code,
    };
    let flags: Vec<_> = obx.field(8).repetitions().map(Field::text).collect();
    let flags: Vec<&str> = flags
        .iter()
        .map(|flag| &**flag)
        .filter(|flag| !flag.is_empty())
        .collect();
    let flag = (!flags.is_empty()).then(|| mapper.rows.name(&flags.join("~")));
    let range = obx.field(7).first().component(1).text();
    let range = reference_range(&range, Decimal::Point).filter(|_| valued.number.is_some());
    let event = mapper.rows.event(code, Some(when), "OBX-5");
    event.numeric_value = valued.number;
    event.unit = valued.unit;
    event.text_value = valued.text;
    if valued.comparator.is_some() || flag.is_some() || range.is_some() {
        let written = event.as_written_mut();
        written.comparator = valued.comparator;
        written.flag = flag;
        written.range_low = range.and_then(|range| range.low);
        written.range_high = range.and_then(|range| range.high);
    }
}
