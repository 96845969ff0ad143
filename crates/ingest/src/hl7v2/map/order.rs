//! ORC, OBR, SPM and SCH: orders, which results belong to, specimens and appointments.

use super::{Mapper, content};
use crate::batch::Note;
use crate::hl7v2::message::{Field, Message, Segment};
use crate::hl7v2::types::Topic;
use crate::when::When;
use longitude_core::{Code, Instant, IssueKind};

/// The order that the segments after it belong to.
#[derive(Default)]
pub(super) struct Order {
    control: String,
    placer: String,
    filler: String,
    /// ORC-9 or ORC-15: when it was ordered.
    pub(super) asked: Option<When>,
    /// OBR-4.
    pub(super) code: Option<Code>,
    /// OBR-7, else OBR-8: when what it is about was observed or collected.
    pub(super) observed: Option<When>,
    /// OBR-22: when the result was reported.
    pub(super) reported: Option<Instant>,
    /// The last observation, which comments belong to.
    pub(super) last: Option<(u64, When)>,
}

impl Order {
    /// The filler's number, else the placer's; empty where there is none.
    pub(super) fn id(&self) -> &str {
        if self.filler.is_empty() {
            &self.placer
        } else {
            &self.filler
        }
    }

    /// Whether ORC-1 takes the order back as if it had never been (HL7 table 0119).
    pub(super) fn is_cancelled(&self) -> bool {
        matches!(self.control.as_str(), "CA" | "CR" | "OC")
    }

    /// What stands behind the code of an order: nothing, or that it ends here.
    pub(super) fn suffix(&self) -> &'static str {
        match self.control.as_str() {
            "DC" | "DR" | "OD" => "DISCONTINUED",
            _ => "",
        }
    }
}

/// ORC: who ordered, when, and whether it stands.
pub(super) fn common(mapper: &mut Mapper<'_>, orc: Segment<'_, '_>) {
    super::person::clinicians(mapper, orc.field(12));
    let asked = mapper.time(orc.field(9), "ORC-9");
    let asked = asked.or_else(|| mapper.time(orc.field(15), "ORC-15"));
    mapper.here.order = Order {
        control: orc.text(1).into_owned(),
        placer: entity(orc.field(2)),
        filler: entity(orc.field(3)),
        asked,
        ..Order::default()
    };
    mapper.here.drug = super::drug::Context::default();
}

/// An entity identifier: number and namespace.
fn entity(field: Field<'_>) -> String {
    let field = field.first();
    let number = field.component(1).text();
    if number.is_empty() {
        return String::new();
    }
    [&number, " ", &field.component(2).text()].concat()
}

/// OBR: with results, what they belong to; in an order, what is asked for.
pub(super) fn order(mapper: &mut Mapper<'_>, obr: Segment<'_, '_>) -> Result<(), Note> {
    super::person::clinicians(mapper, obr.field(16));
    let (placer, filler) = (entity(obr.field(2)), entity(obr.field(3)));
    let observed = mapper.time(obr.field(7), "OBR-7");
    let observed = observed.or_else(|| mapper.time(obr.field(8), "OBR-8"));
    let reported = mapper.time(obr.field(22), "OBR-22");
    let code = mapper.coded(obr.field(4), "", "OBR-4");
    let order = &mut mapper.here.order;
    if !placer.is_empty() {
        order.placer = placer;
    }
    if !filler.is_empty() || order.code.is_some() {
        order.filler = filler;
    }
    order.observed = observed;
    order.reported = reported.map(|when| when.instant);
    order.code = code.as_ref().ok().cloned();
    order.last = None;
    if mapper.here.topic != Some(Topic::Order) {
        return Ok(());
    }
    let code = code?;
    let id = mapper.here.order.placer.clone();
    let suffix = match mapper.here.order.suffix() {
        "" => "REQUESTED",
        ends => ends,
    };
    let key = mapper.key_of("order", &format!("{id} {suffix} {}", code.to_meds()));
    if mapper.here.order.is_cancelled() {
        return Err(mapper.withdraw(key, "ORC-1"));
    }
    let when = match mapper.here.order.asked {
        Some(when) => when,
        None => mapper.place(&[("OBR-6", obr.field(6))])?,
    };
    if !id.is_empty() {
        mapper.claim(key, content(obr, &[4]), "order")?;
    }
    let code = mapper.rows.suffixed(&code, suffix);
    mapper.rows.event(code, Some(when), "OBR-4");
    Ok(())
}

/// SPM: the specimen and when it was collected.
pub(super) fn specimen(mapper: &mut Mapper<'_>, spm: Segment<'_, '_>) -> Result<(), Note> {
    let code = mapper.coded(spm.field(4), "", "SPM-4")?;
    let own = mapper.time(spm.field(17), "SPM-17");
    let when = match own.or(mapper.here.order.observed) {
        Some(when) => when,
        None => mapper.place(&[("SPM-18", spm.field(18))])?,
    };
    let id = format!("{} {}", spm.field(2).raw(), when.instant.0);
    let key = mapper.key_of("specimen", &id);
    mapper.claim(key, content(spm, &[4]), "SPM")?;
    let code = mapper.rows.within("SPECIMEN", &code);
    mapper.rows.event(code, Some(when), "SPM-4");
    Ok(())
}

/// SCH: an appointment made or cancelled, at the moment when that became known; the days until the
/// appointment are its value. That it was kept is told by other messages.
pub(super) fn appointment(
    mapper: &mut Mapper<'_>,
    message: &Message<'_>,
    sch: Segment<'_, '_>,
) -> Result<(), Note> {
    super::person::look_ahead(mapper, message)?;
    let what = match mapper.here.trigger.as_str() {
        "S12" => "BOOKED",
        "S13" | "S14" => "CHANGED",
        "S15" | "S16" | "S17" => "CANCELLED",
        "S26" => "NO_SHOW",
        _ => return Err(Note::at(IssueKind::NotSupported, "SCH")),
    };
    let Some(when) = mapper.here.sent else {
        return Err(Note::at(IssueKind::MissingTime, "MSH-7"));
    };
    let element = if sch.field(8).is_empty() {
        "SCH-7"
    } else {
        "SCH-8"
    };
    let number = if sch.field(8).is_empty() { 7 } else { 8 };
    let code = mapper.coded(sch.field(number), "", element);
    let code = code.map_or_else(|_| "UNKNOWN".to_owned(), |code| code.to_meds().into_owned());
    let code = mapper
        .rows
        .code("APPOINTMENT", &[&code, "//", what].concat());
    // The start: SCH-11.4, a TQ; its component 4 is a time.
    let start = sch.field(11).first().component(4);
    let start = mapper.time(start, "SCH-11");
    let unit = mapper.rows.name("d");
    let event = mapper.rows.event(code, Some(when), element);
    if let Some(start) = start {
        event.numeric_value = Some((start.instant - when.instant).0);
        event.unit = Some(unit);
    }
    Ok(())
}
