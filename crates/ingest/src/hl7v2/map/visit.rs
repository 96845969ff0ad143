//! PV1 and PV2: in which visit the other segments stand; and, in ADT messages, its start, its end,
//! its class, where the patient came from and went to, and each transfer.
//!
//! Start and end are statements about the visit: every message repeats them, the last one stands.
//! The start says nothing of the end, which is not known then.

use super::{Mapper, authority, content};
use crate::batch::Note;
use crate::hl7v2::message::{Field, Segment};
use crate::hl7v2::types::Topic;
use crate::when::When;
use longitude_core::{Code, EncounterId, IssueKind};

/// What of a visit dates other segments.
#[derive(Default)]
pub(super) struct Visit {
    pub(super) start: Option<When>,
    pub(super) end: Option<When>,
}

pub(super) fn visit(mapper: &mut Mapper<'_>, pv1: Segment<'_, '_>) -> Result<(), Note> {
    for number in [7, 8, 9, 17] {
        super::person::clinicians(mapper, pv1.field(number));
    }
    let own = encounter_id(mapper, pv1.field(19));
    if own.is_some() {
        mapper.rows.set_encounter(own);
    }
    let start = mapper.time(pv1.field(44), "PV1-44");
    let end = mapper.time(pv1.field(45), "PV1-45");
    mapper.here.visit = Visit { start, end };
    if mapper.here.topic != Some(Topic::Visit) {
        return Ok(());
    }
    match mapper.here.trigger.as_str() {
        // Pre-admission, pending and planned moves, and their cancellations: nothing happened.
        "A05" | "A14" | "A15" | "A16" | "A25" | "A26" | "A27" | "A38" => {
            return Err(Note::new(IssueKind::NotDone, "PV1", "PV1: planned visit"));
        }
        "A11" | "A23" | "A29" => {
            let end = mapper.key_of_visit("visit end", "");
            mapper.standing(end, super::WITHDRAWN);
            let start = mapper.key_of_visit("visit start", "");
            return Err(mapper.withdraw(start, "PV1"));
        }
        "A13" => {
            let end = mapper.key_of_visit("visit end", "");
            mapper.standing(end, super::WITHDRAWN);
        }
        "A12" => {
            let note = Note::new(IssueKind::NotSupported, "PV1", "PV1: transfer cancelled");
            mapper.rows.warn(note);
        }
        _ => {}
    }
    starts(mapper, pv1);
    ends(mapper, pv1);
    if mapper.here.trigger == "A02" {
        transfer(mapper, pv1);
    }
    Ok(())
}

/// The visit number (PV1-19) or account (PID-18) with its authority.
pub(super) fn encounter_id(mapper: &Mapper<'_>, field: Field<'_>) -> Option<EncounterId> {
    let field = field.first();
    let id = field.component(1).text();
    if id.is_empty() {
        return None;
    }
    let own = authority_of_id(field);
    let of = if own.is_empty() {
        &mapper.here.facility
    } else {
        &own
    };
    Some(EncounterId::from_source(&["visit ", of].concat(), &id))
}

/// The assigning authority (component 4) of a CX.
pub(super) fn authority_of_id(field: Field<'_>) -> String {
    authority(field.component(4))
}

fn starts(mapper: &mut Mapper<'_>, pv1: Segment<'_, '_>) {
    let admits = matches!(mapper.here.trigger.as_str(), "A01" | "A04" | "A28");
    let told = mapper.here.occurred.or(mapper.here.sent);
    let Some(when) = mapper.here.visit.start.or(told.filter(|_| admits)) else {
        return;
    };
    let visit = no_visit(mapper, when);
    let key = mapper.key_of_visit("visit start", &visit);
    if mapper.stands(key, content(pv1, &[2, 44])) {
        let class = class(&pv1.text(2)).to_owned();
        let code = mapper
            .rows
            .code("ENCOUNTER", &[&*class, "//START"].concat());
        mapper.rows.event(code, Some(when), "PV1-44");
    }
    for (number, system, element) in [
        (4, "HL70007", "PV1-4"),
        (10, "HL70069", "PV1-10"),
        (14, "ADMIT_SOURCE", "PV1-14"),
    ] {
        let value = pv1.text(number);
        let key = mapper.key_of_visit(element, &visit);
        if value.is_empty() || !mapper.stands(key, content(pv1, &[number])) {
            continue;
        }
        let code = if number == 14 {
            mapper.rows.code(system, &value)
        } else {
            mapper
                .rows
                .within("ENCOUNTER_TYPE", &Code::new(system, &*value))
        };
        mapper.rows.event(code, Some(when), element);
    }
}

fn ends(mapper: &mut Mapper<'_>, pv1: Segment<'_, '_>) {
    let discharges = mapper.here.trigger == "A03";
    let told = mapper.here.occurred.or(mapper.here.sent);
    let withdrawn = mapper.here.trigger == "A13";
    let when = mapper.here.visit.end.or(told.filter(|_| discharges));
    let Some(when) = when.filter(|_| !withdrawn) else {
        return;
    };
    let key = mapper.key_of_visit("visit end", &no_visit(mapper, when));
    if !mapper.stands(key, content(pv1, &[2, 36, 45])) {
        return;
    }
    let class = class(&pv1.text(2)).to_owned();
    let code = mapper.rows.code("ENCOUNTER", &[&*class, "//END"].concat());
    mapper.rows.event(code, Some(when), "PV1-45");
    let left = pv1.text(36);
    if !left.is_empty() {
        let code = mapper.rows.code("DISCHARGE_DISPOSITION", &left);
        mapper.rows.event(code, Some(when), "PV1-36");
    }
}

/// Visits without a number are told apart by their time.
fn no_visit(mapper: &Mapper<'_>, when: When) -> String {
    match mapper.rows.encounter() {
        Some(_) => String::new(),
        None => when.instant.0.to_string(),
    }
}

/// A move to another ward, by the point of care alone.
fn transfer(mapper: &mut Mapper<'_>, pv1: Segment<'_, '_>) {
    let ward = pv1.text(3);
    let Some(when) = mapper.here.occurred.or(mapper.here.sent) else {
        return;
    };
    let key = mapper.key_of_visit("transfer", &when.instant.0.to_string());
    if ward.is_empty() || !mapper.stands(key, content(pv1, &[3])) {
        return;
    }
    let code = mapper.rows.code("TRANSFER", &ward);
    mapper.rows.event(code, Some(when), "PV1-3");
}

/// HL7 table 0004 in the codes of the v3 ActCode system, which FHIR and CDA use.
fn class(code: &str) -> &str {
    match code {
        "" => "UNKNOWN",
        "I" => "IMP",
        "O" => "AMB",
        "E" => "EMER",
        "P" => "PRENC",
        other => other,
    }
}

/// PV2: why the patient came.
pub(super) fn more(mapper: &mut Mapper<'_>, pv2: Segment<'_, '_>) -> Result<(), Note> {
    if pv2.field(3).is_empty() || mapper.here.topic != Some(Topic::Visit) {
        return Ok(());
    }
    let code = mapper.coded(pv2.field(3), "", "PV2-3")?;
    let visit = mapper.here.visit.start;
    let Some(when) = visit.or(mapper.here.occurred).or(mapper.here.sent) else {
        return Err(Note::at(IssueKind::MissingTime, "PV2-3"));
    };
    let key = mapper.key_of_visit("visit reason", "");
    if mapper.stands(key, content(pv2, &[3])) {
        let code = mapper.rows.within("ENCOUNTER_REASON", &code);
        mapper.rows.event(code, Some(when), "PV2-3");
    }
    Ok(())
}
