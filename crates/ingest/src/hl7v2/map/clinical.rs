//! DG1, AL1, IAM, PRB, PR1 and FT1: diagnoses, allergies, problems, procedures and charges.
//!
//! A message that updates repeats them all; of equal statements the first stands, and of unequal
//! ones about one code of one visit the last.

use super::{Mapper, content, text_of};
use crate::batch::Note;
use crate::hl7v2::message::{Field, Segment};
use crate::options::EncounterEdge;
use crate::when::When;
use longitude_core::{Code, IssueKind};

pub(super) fn diagnosis(mapper: &mut Mapper<'_>, dg1: Segment<'_, '_>) -> Result<(), Note> {
    let method = dg1.text(2).into_owned();
    let code = match mapper.coded(dg1.field(3), &method, "DG1-3") {
        Ok(code) => code,
        // Versions before 2.4 write the text alone in DG1-4.
        Err(note) if dg1.field(3).is_empty() => described(mapper, dg1.field(4)).ok_or(note)?,
        Err(note) => return Err(note),
    };
    let key = mapper.key_of_visit("DG1", &code.to_meds());
    if dg1.text(21) == "D" {
        return Err(mapper.withdraw(key, "DG1-21"));
    }
    let when = match mapper.time(dg1.field(5), "DG1-5") {
        Some(when) => when,
        None => known(mapper, "DG1-5")?,
    };
    mapper.claim(key, content(dg1, &[5]), "DG1")?;
    mapper.rows.event(code, Some(when), "DG1-3");
    Ok(())
}

/// A description that stands for a code.
fn described(mapper: &mut Mapper<'_>, field: Field<'_>) -> Option<Code> {
    let text = crate::systems::text_code(&field.text()).filter(|text| !text.is_empty())?;
    Some(mapper.rows.code(crate::systems::TEXT, &text))
}

/// When a diagnosis without a time was known: with the message that tells it, or by the option at
/// the start of the visit.
fn known(mapper: &mut Mapper<'_>, element: &'static str) -> Result<When, Note> {
    let start = mapper.here.visit.start;
    match (mapper.world.time_from_encounter, start) {
        (EncounterEdge::Start, Some(start)) => {
            let detail = [element, ": dated by the start of the visit"].concat();
            let note = Note::new(IssueKind::MissingTime, element, detail);
            mapper.rows.warn(note);
            Ok(start)
        }
        (EncounterEdge::Start | EncounterEdge::End, _) => mapper.told(element),
    }
}

pub(super) fn allergy(mapper: &mut Mapper<'_>, al1: Segment<'_, '_>) -> Result<(), Note> {
    allergic(mapper, (al1, 3, "AL1-3"), (6, "AL1-6"), None)
}

pub(super) fn adverse_reaction(mapper: &mut Mapper<'_>, iam: Segment<'_, '_>) -> Result<(), Note> {
    // IAM-6 action, IAM-11 onset, IAM-17 clinical status.
    let is_wrong = matches!(&*iam.text(17), "E" | "D");
    let withdrawn = (iam.text(6) == "D" || is_wrong).then_some("IAM-6");
    allergic(mapper, (iam, 3, "IAM-3"), (11, "IAM-11"), withdrawn)
}

fn allergic(
    mapper: &mut Mapper<'_>,
    (segment, number, element): (Segment<'_, '_>, usize, &'static str),
    (time, time_element): (usize, &'static str),
    withdrawn: Option<&'static str>,
) -> Result<(), Note> {
    let code = mapper.coded(segment.field(number), "", element)?;
    if says_none(segment.field(number)) {
        let detail = [element, ": no known allergy"].concat();
        return Err(Note::new(IssueKind::NotDone, element, detail));
    }
    let key = mapper.key_of("allergy", &code.to_meds());
    if let Some(element) = withdrawn {
        return Err(mapper.withdraw(key, element));
    }
    let when = mapper.place(&[(time_element, segment.field(time))])?;
    mapper.claim(key, content(segment, &[time]), "allergy")?;
    let code = mapper.rows.within("ALLERGY", &code);
    mapper.rows.event(code, Some(when), element);
    let elements = match segment.name() {
        "AL1" => ["AL1-4", "AL1-5"],
        _ => ["IAM-4", "IAM-5"],
    };
    let [severity, reaction] = elements;
    for (number, element, system) in [
        (4, severity, "ALLERGY_SEVERITY"),
        (5, reaction, "ALLERGY_REACTION"),
    ] {
        for said in segment.field(number).repetitions() {
            // U of table 0128: unknown.
            if said.is_empty() || (number == 4 && said.component(1).text() == "U") {
                continue;
            }
            match mapper.coded(said, "", element) {
                Ok(code) => {
                    let code = mapper.rows.within(system, &code);
                    mapper.rows.event(code, Some(when), element);
                }
                Err(note) => mapper.rows.warn(note),
            }
        }
    }
    Ok(())
}

/// Whether an allergy says that there is none: SNOMED's negations, and the words for them.
fn says_none(field: Field<'_>) -> bool {
    let field = field.first();
    let code = field.component(1).text();
    let negations = [
        "716186003",
        "409137002",
        "428607008",
        "429625007",
        "NKA",
        "NKDA",
    ];
    let text = text_of(field).to_lowercase();
    negations.contains(&&*code) || text.starts_with("no known") || text == "nka" || text == "nkda"
}

pub(super) fn problem(mapper: &mut Mapper<'_>, prb: Segment<'_, '_>) -> Result<(), Note> {
    let code = mapper.coded(prb.field(3), "", "PRB-3")?;
    let key = mapper.key_of("PRB", &code.to_meds());
    if matches!(&*prb.text(1), "DE" | "CO") {
        return Err(mapper.withdraw(key, "PRB-1"));
    }
    // PRB-16 onset, PRB-7 established, PRB-2 action, PRB-9 resolved.
    let when = mapper.place(&[
        ("PRB-16", prb.field(16)),
        ("PRB-7", prb.field(7)),
        ("PRB-2", prb.field(2)),
    ])?;
    let end = mapper.time(prb.field(9), "PRB-9");
    mapper.claim(key, content(prb, &[7, 9, 16]), "PRB")?;
    let event = mapper.rows.event(code, Some(when), "PRB-3");
    event.end_time = end
        .map(|end| end.instant)
        .filter(|end| *end >= when.instant);
    Ok(())
}

pub(super) fn procedure(mapper: &mut Mapper<'_>, pr1: Segment<'_, '_>) -> Result<(), Note> {
    let method = pr1.text(2).into_owned();
    let code = match mapper.coded(pr1.field(3), &method, "PR1-3") {
        Ok(code) => code,
        Err(note) if pr1.field(3).is_empty() => described(mapper, pr1.field(4)).ok_or(note)?,
        Err(note) => return Err(note),
    };
    let id = format!("{} {}", code.to_meds(), pr1.field(5).raw());
    let key = mapper.key_of_visit("PR1", &id);
    if pr1.text(20) == "D" {
        return Err(mapper.withdraw(key, "PR1-20"));
    }
    let when = mapper.place(&[("PR1-5", pr1.field(5))])?;
    mapper.claim(key, content(pr1, &[5]), "PR1")?;
    mapper.rows.event(code, Some(when), "PR1-3");
    Ok(())
}

/// FT1: a charge's diagnoses and procedure; what it costs is no event.
pub(super) fn charge(mapper: &mut Mapper<'_>, ft1: Segment<'_, '_>) -> Result<(), Note> {
    if ft1.text(6) == "CR" {
        return Err(Note::new(IssueKind::NotDone, "FT1-6", "FT1-6: credit"));
    }
    let mut codes = Vec::new();
    for repetition in ft1.field(19).repetitions() {
        codes.push((mapper.coded(repetition, "", "FT1-19")?, "FT1-19"));
    }
    if !ft1.field(25).is_empty() {
        codes.push((mapper.coded(ft1.field(25), "", "FT1-25")?, "FT1-25"));
    }
    if codes.is_empty() {
        let detail = "FT1: neither diagnosis nor procedure";
        return Err(Note::new(IssueKind::NotClinical, "FT1", detail));
    }
    let when = mapper.place(&[("FT1-4", ft1.field(4))])?;
    for (code, element) in codes {
        let key = mapper.key_of_visit(element, &format!("{} {}", code.to_meds(), when.instant.0));
        if mapper.stands(key, 1) {
            mapper.rows.event(code, Some(when), element);
        }
    }
    Ok(())
}
