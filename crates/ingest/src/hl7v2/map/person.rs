//! PID, NK1 and MRG: who the patient is, what is known of the patient from the start, and which
//! records are of one person. Names, numbers and addresses go to the de-identifier and to linkage;
//! none becomes an event.

use super::visit::{authority_of_id, encounter_id};
use super::{Mapper, content};
use crate::batch::Note;
use crate::hl7v2::message::{Field, Message, Segment};
use crate::latest::Standing;
use crate::person::{Link, LinkKind, Person, PersonAddress, PersonIdentifier, PersonName};
use longitude_core::{Code, IssueKind, SubjectId};

pub(super) fn patient(mapper: &mut Mapper<'_>, pid: Segment<'_, '_>) -> Result<(), Note> {
    let numbers = [pid.field(3), pid.field(2), pid.field(4)];
    let subject = numbers.iter().find_map(|field| subject_of(mapper, *field));
    let Some(subject) = subject else {
        mapper.rows.set_subject(None);
        return Err(Note::at(IssueKind::MissingSubject, "PID-3"));
    };
    mapper.rows.set_subject(Some(subject));
    let account = encounter_id(mapper, pid.field(18));
    mapper.rows.set_encounter(account);
    mapper.here.order = super::order::Order::default();
    let linked = mapper.here.first.filter(|first| *first != subject);
    if let (Some(first), "A24" | "A37") = (linked, mapper.here.trigger.as_str()) {
        let kind = if mapper.here.trigger == "A24" {
            LinkKind::SeeAlso
        } else {
            LinkKind::Unlink
        };
        tell_link(mapper, (first, subject), kind, "PID-3");
    }
    mapper.here.first.get_or_insert(subject);
    let all: Vec<usize> = (2..=30).filter(|number| *number != 18).collect();
    let key = mapper.key_of("PID", "");
    if mapper.standing(key, content(pid, &all)) != Standing::Restated {
        identify(mapper, pid);
        let person = person(mapper, pid);
        mapper.rows.tell_person(subject, person);
    }
    facts(mapper, pid);
    Ok(())
}

/// Sets the subject from a PID that comes after the segment that needs it (SCH stands before).
pub(super) fn look_ahead(mapper: &mut Mapper<'_>, message: &Message<'_>) -> Result<(), Note> {
    let mut people = message.segments().filter(|one| one.name() == "PID");
    let subject = people
        .next()
        .and_then(|pid| subject_of(mapper, pid.field(3)));
    mapper.rows.set_subject(subject);
    match subject {
        Some(_) => Ok(()),
        None => Err(Note::at(IssueKind::MissingSubject, "PID-3")),
    }
}

/// The subject of the preferred of several numbers: the medical record number, the internal
/// number, else the first.
fn subject_of(mapper: &Mapper<'_>, field: Field<'_>) -> Option<SubjectId> {
    let rank = |number: &Field<'_>| match &*number.component(5).text() {
        "MR" | "MRN" => 0,
        "PI" => 1,
        "PT" | "PN" | "AN" | "" => 2,
        // Social security, driver's licence and the like.
        _ => 3,
    };
    let numbers = field.repetitions();
    let filled = numbers.filter(|number| !number.component(1).is_empty());
    let best = filled.min_by_key(rank)?;
    let own = authority_of_id(best);
    let of = if own.is_empty() {
        &mapper.here.facility
    } else {
        &own
    };
    Some(SubjectId::from_source(of, &best.component(1).text()))
}

/// Sex, race, ethnicity, marital status, language, birth and death: each the last statement of it.
fn facts(mapper: &mut Mapper<'_>, pid: Segment<'_, '_>) {
    let sex = pid.text(8);
    // A field of escapes alone is written and says nothing.
    if is_news(mapper, pid, 8) && !sex.trim().is_empty() {
        let code = mapper.rows.code("GENDER", administrative(&sex));
        fact(mapper, code, "PID-8");
    }
    for (number, system, element) in [
        (10, "RACE", "PID-10"),
        (22, "ETHNICITY", "PID-22"),
        (16, "MARITAL_STATUS", "PID-16"),
        (15, "LANGUAGE", "PID-15"),
    ] {
        if !is_news(mapper, pid, number) {
            continue;
        }
        let repetitions: Vec<_> = pid.field(number).repetitions().collect();
        for repetition in repetitions {
            if let Ok(code) = mapper.coded(repetition, "", element) {
                let code = mapper.rows.code(system, &code.value);
                fact(mapper, code, element);
            }
        }
    }
    if is_news(mapper, pid, 7)
        && let Some(when) = mapper.time(pid.field(7), "PID-7")
    {
        mapper
            .rows
            .event(Code::birth(), Some(when), "PID-7")
            .encounter = None;
    }
    if is_news(mapper, pid, 29)
        && let Some(when) = mapper.time(pid.field(29), "PID-29")
    {
        let when = when.end_of_day();
        mapper
            .rows
            .event(Code::death(), Some(when), "PID-29")
            .encounter = None;
    } else if pid.text(30) == "Y" && pid.field(29).is_empty() {
        mapper.rows.warn(Note::at(IssueKind::MissingTime, "PID-30"));
    }
}

/// Whether a field is filled and is the statement of it that stands.
fn is_news(mapper: &mut Mapper<'_>, pid: Segment<'_, '_>, number: usize) -> bool {
    let key = mapper.key_of("PID", &number.to_string());
    !pid.field(number).is_empty() && mapper.stands(key, content(pid, &[number]))
}

fn fact(mapper: &mut Mapper<'_>, code: Code, element: &str) {
    mapper.rows.event(code, None, element).encounter = None;
}

/// HL7 table 0001 in FHIR's words.
fn administrative(sex: &str) -> &str {
    match sex {
        "M" => "male",
        "F" => "female",
        "O" | "A" => "other",
        "U" | "N" => "unknown",
        other => other,
    }
}

/// MRG: a record that was merged into another. Merges of accounts and visits are not followed.
pub(super) fn merge(mapper: &mut Mapper<'_>, mrg: Segment<'_, '_>) -> Result<(), Note> {
    let is_of_patients = matches!(
        mapper.here.trigger.as_str(),
        "A18" | "A30" | "A34" | "A36" | "A39" | "A40" | "A46" | "A47"
    );
    if !is_of_patients {
        let detail = ["merge by ", mapper.here.trigger.as_str()].concat();
        return Err(Note::new(IssueKind::NotSupported, "MRG", detail));
    }
    let prior = subject_of(mapper, mrg.field(1)).or_else(|| subject_of(mapper, mrg.field(4)));
    let (Some(prior), Some(subject)) = (prior, mapper.rows.subject()) else {
        return Err(Note::at(IssueKind::MissingSubject, "MRG-1"));
    };
    for number in [1, 4] {
        identify_numbers(mapper, mrg.field(number));
    }
    for name in mrg.field(7).repetitions() {
        identify_name(mapper, Some(subject), name, true);
    }
    tell_link(mapper, (prior, subject), LinkKind::ReplacedBy, "MRG-1");
    Ok(())
}

fn tell_link(
    mapper: &mut Mapper<'_>,
    (a, b): (SubjectId, SubjectId),
    kind: LinkKind,
    element: &str,
) {
    let origin = mapper.rows.origin(element);
    mapper.rows.tell_link(Link { a, b, kind, origin });
}

/// NK1: next of kin, for the de-identifier.
pub(super) fn kin(mapper: &mut Mapper<'_>, nk1: Segment<'_, '_>) {
    contact(mapper, nk1, [2, 4, 5, 6]);
}

/// Names and numbers in guarantor and insurance segments, which make no event.
pub(super) fn payers(mapper: &mut Mapper<'_>, segment: Segment<'_, '_>) {
    match segment.name() {
        "GT1" => contact(mapper, segment, [3, 5, 6, 7]),
        "IN1" => {
            contact(mapper, segment, [16, 19, 7, 7]);
            identify_numbers(mapper, segment.field(36));
            identify_numbers(mapper, segment.field(49));
        }
        _ => {}
    }
}

/// Name, address and two telephone fields of somebody near the patient.
fn contact(mapper: &mut Mapper<'_>, segment: Segment<'_, '_>, fields: [usize; 4]) {
    let subject = mapper.rows.subject();
    if subject.is_none() {
        return;
    }
    for name in segment.field(fields[0]).repetitions() {
        identify_name(mapper, subject, name, true);
    }
    identify_addresses(mapper, segment.field(fields[1]));
    identify_phones(mapper, segment.field(fields[2]));
    identify_phones(mapper, segment.field(fields[3]));
}

/// The whole names of clinicians (XCN), which may stand in anybody's record.
pub(super) fn clinicians(mapper: &mut Mapper<'_>, field: Field<'_>) {
    for person in field.repetitions() {
        let (family, given) = (person.component(2).text(), person.component(3).text());
        if !family.is_empty() && !given.is_empty() {
            mapper.rows.identify(None, format!("{given} {family}"));
            mapper.rows.identify(None, format!("{family}, {given}"));
        }
    }
}

fn identify(mapper: &mut Mapper<'_>, pid: Segment<'_, '_>) {
    let subject = mapper.rows.subject();
    for number in [2, 3, 4, 18, 19, 20, 21] {
        identify_numbers(mapper, pid.field(number));
    }
    for number in [5, 6, 9] {
        for name in pid.field(number).repetitions() {
            identify_name(mapper, subject, name, true);
        }
    }
    identify_addresses(mapper, pid.field(11));
    identify_phones(mapper, pid.field(13));
    identify_phones(mapper, pid.field(14));
    mapper.rows.identify(subject, pid.text(23));
}

fn identify_numbers(mapper: &mut Mapper<'_>, field: Field<'_>) {
    let subject = mapper.rows.subject();
    for number in field.repetitions() {
        mapper.rows.identify(subject, number.component(1).text());
    }
}

/// The parts of a name where they may be told apart, and the name as it is read and filed.
fn identify_name(
    mapper: &mut Mapper<'_>,
    subject: Option<SubjectId>,
    name: Field<'_>,
    parts: bool,
) {
    let name = name_of(name);
    if parts {
        mapper.rows.identify(subject, name.family.as_str());
        for given in &name.given {
            mapper.rows.identify(subject, given.as_str());
        }
    }
    for given in [
        name.given.join(" "),
        name.given.first().cloned().unwrap_or_default(),
    ] {
        if !given.is_empty() && !name.family.is_empty() {
            mapper
                .rows
                .identify(subject, format!("{given} {}", name.family));
            mapper
                .rows
                .identify(subject, format!("{}, {given}", name.family));
        }
    }
}

fn identify_addresses(mapper: &mut Mapper<'_>, field: Field<'_>) {
    let subject = mapper.rows.subject();
    for address in field.repetitions() {
        for number in [1, 2, 3, 5] {
            mapper
                .rows
                .identify(subject, address.component(number).text());
        }
    }
}

fn identify_phones(mapper: &mut Mapper<'_>, field: Field<'_>) {
    let subject = mapper.rows.subject();
    for phone in field.repetitions() {
        for number in [1, 4, 12] {
            mapper
                .rows
                .identify(subject, phone.component(number).text());
        }
        mapper.rows.identify(subject, parted_phone(phone));
    }
}

/// Area code and number, where they stand apart (XTN.6, XTN.7).
fn parted_phone(phone: Field<'_>) -> String {
    let parts = [phone.component(6).text(), phone.component(7).text()];
    if parts[1].is_empty() {
        return String::new();
    }
    parts.join("-").trim_matches('-').to_owned()
}

/// What linkage asks.
fn person(mapper: &mut Mapper<'_>, pid: Segment<'_, '_>) -> Person {
    let text = |field: Field<'_>| field.text().into_owned();
    let mut person = Person::default();
    for number in [3, 2, 4, 19] {
        for id in pid.field(number).repetitions() {
            let kind = text(id.component(5));
            let own = authority_of_id(id);
            let is_ssn = number == 19;
            person.identifiers.push(PersonIdentifier {
                system: match (is_ssn, own.is_empty()) {
                    (true, _) => "2.16.840.1.113883.4.1".to_owned(),
                    (false, true) => mapper.here.facility.clone(),
                    (false, false) => own,
                },
                value: text(id.component(1)),
                kind: if is_ssn {
                    Some("SS".to_owned())
                } else {
                    Some(kind).filter(|kind| !kind.is_empty())
                },
            });
        }
    }
    for number in [5, 9] {
        person
            .names
            .extend(pid.field(number).repetitions().map(name_of));
    }
    let when = |mapper: &Mapper<'_>, number| {
        let text = pid.text(number);
        let when = crate::when::parse_hl7(&text, mapper.here.clock.as_ref())?;
        Some((when.instant, when.precision))
    };
    person.birth = when(mapper, 7);
    person.death = when(mapper, 29);
    person.sex = Some(text(pid.field(8).first())).filter(|sex| !sex.is_empty());
    person.multiple_birth = match &*pid.text(24) {
        "Y" => Some(true),
        "N" => Some(false),
        _ => None,
    };
    person.addresses = pid.field(11).repetitions().map(address_of).collect();
    for number in [13, 14] {
        for phone in pid.field(number).repetitions() {
            let whole = [phone.component(12).text(), phone.component(1).text()];
            let whole = whole.into_iter().find(|text| !text.is_empty());
            person
                .phones
                .push(whole.map_or_else(|| parted_phone(phone), Into::into));
            person.emails.push(text(phone.component(4)));
        }
    }
    person.phones.retain(|phone| !phone.is_empty());
    person.emails.retain(|mail| !mail.is_empty());
    person
}

fn name_of(name: Field<'_>) -> PersonName {
    let given = [name.component(2).text(), name.component(3).text()];
    let given = given.into_iter().filter(|given| !given.is_empty());
    let usage = match &*name.component(7).text() {
        "L" => Some("official"),
        "M" => Some("maiden"),
        "N" => Some("nickname"),
        _ => None,
    };
    PersonName {
        family: name.component(1).text().into_owned(),
        given: given.map(Into::into).collect(),
        usage: usage.map(str::to_owned),
    }
}

fn address_of(address: Field<'_>) -> PersonAddress {
    let text = |number| address.component(number).text().into_owned();
    let lines = [text(1), text(2)];
    PersonAddress {
        lines: lines.into_iter().filter(|line| !line.is_empty()).collect(),
        city: text(3),
        state: text(4),
        postal_code: text(5),
        country: text(6),
    }
}
