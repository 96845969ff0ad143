//! Which clinical statements there are: by template (C-CDA R2.1), else by the section and by the
//! element. One list; the mappings ask here.

use super::tree::Element;

/// What a statement is, as far as mappings differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Problem,
    Allergy,
    Drug,
    Vaccine,
    Observation,
    Procedure,
    Encounter,
    Family,
    Supply,
    Note,
    /// A statement about its neighbours or an instruction to people: no event.
    Aside,
}

/// The root of C-CDA's templates of entries.
const ENTRY: &str = "2.16.840.1.113883.10.20.22.4.";

/// Templates by the number behind [`ENTRY`], sorted, with the name under which rows are counted.
/// Source: HL7 Implementation Guide for CDA Release 2: Consolidated CDA Templates, R2.1.
const TEMPLATES: &[(u16, Kind, &str)] = &[
    (2, Kind::Observation, "result"),
    (4, Kind::Problem, "problem"),
    (7, Kind::Allergy, "allergy"),
    (12, Kind::Procedure, "procedure"),
    (13, Kind::Procedure, "procedure"),
    (14, Kind::Procedure, "procedure"),
    (16, Kind::Drug, "medication"),
    (17, Kind::Supply, "supply_order"),
    (18, Kind::Supply, "dispense"),
    (20, Kind::Aside, "instruction"),
    (27, Kind::Observation, "vital_sign"),
    (38, Kind::Observation, "social_history"),
    (39, Kind::Procedure, "planned_act"),
    (40, Kind::Encounter, "planned_encounter"),
    (41, Kind::Procedure, "planned_procedure"),
    (42, Kind::Drug, "planned_medication"),
    (43, Kind::Supply, "planned_supply"),
    (44, Kind::Observation, "planned_observation"),
    (46, Kind::Family, "family_history"),
    (48, Kind::Observation, "advance_directive"),
    (49, Kind::Encounter, "encounter"),
    (50, Kind::Supply, "equipment"),
    (52, Kind::Vaccine, "immunization"),
    (64, Kind::Note, "comment"),
    (67, Kind::Observation, "functional_status"),
    (72, Kind::Observation, "caregiver"),
    (74, Kind::Observation, "mental_status"),
    (78, Kind::Observation, "smoking_status"),
    (85, Kind::Observation, "tobacco_use"),
    (120, Kind::Vaccine, "planned_immunization"),
    (121, Kind::Observation, "goal"),
    (122, Kind::Aside, "reference"),
    (131, Kind::Aside, "intervention"),
    (202, Kind::Note, "note"),
];

/// Templates of acts that hold the statements meant: concerns and diagnoses.
const CONTAINERS: &[u16] = &[3, 30, 33, 34, 35, 36, 65, 80, 132, 136];

/// Whether an element is a clinical statement.
pub(super) fn is_statement(name: &str) -> bool {
    matches!(
        name,
        "act"
            | "encounter"
            | "observation"
            | "organizer"
            | "procedure"
            | "substanceAdministration"
            | "supply"
    )
}

/// Whether a statement only holds others.
pub(super) fn is_container(statement: Element<'_, '_>) -> bool {
    let code = statement
        .child("code")
        .and_then(|code| code.attribute("code"));
    let is_named = templates(statement).any(|number| CONTAINERS.contains(&number));
    match statement.name() {
        "organizer" => true,
        "act" => is_named || code == Some("CONC"),
        _ => false,
    }
}

/// What a statement is.
pub(super) fn of(statement: Element<'_, '_>, section: &str) -> Kind {
    if let Some((_, kind, _)) = known(statement) {
        return *kind;
    }
    match (statement.name(), section) {
        ("observation", "11450-4" | "11348-0" | "46241-6" | "11535-2") => Kind::Problem,
        ("observation", "48765-2") => Kind::Allergy,
        ("substanceAdministration", "11369-6") => Kind::Vaccine,
        ("substanceAdministration", _) => Kind::Drug,
        ("supply", _) => Kind::Supply,
        ("encounter", _) => Kind::Encounter,
        ("procedure" | "act", _) => Kind::Procedure,
        _ => Kind::Observation,
    }
}

/// Under what a statement's row is counted.
pub(super) fn name(kind: Kind, statement: Element<'_, '_>) -> &'static str {
    if let Some((_, _, name)) = known(statement) {
        return name;
    }
    match kind {
        Kind::Problem => "problem",
        Kind::Allergy => "allergy",
        Kind::Drug => "medication",
        Kind::Vaccine => "immunization",
        Kind::Observation => "observation",
        Kind::Procedure => "procedure",
        Kind::Encounter => "encounter",
        Kind::Family => "family_history",
        Kind::Supply => "supply",
        Kind::Note => "note",
        Kind::Aside => "aside",
    }
}

/// The version of a rule: it grows with every change of what a row becomes.
pub(super) fn version(name: &str) -> &'static str {
    match name {
        // Reaction, severity and criticality.
        "allergy" => "@2",
        _ => "@1",
    }
}

/// Whether a statement within one of this kind is a row of its own: what was dispensed of a drug,
/// and the diagnoses of an encounter. Anything else within says more about the statement itself.
pub(super) fn has_rows_within(kind: Kind, relationship: Element<'_, '_>) -> bool {
    relationship.children().any(|one| {
        let happened = one.attribute("moodCode") == Some("EVN");
        (kind == Kind::Drug && one.name() == "supply" && happened)
            || (kind == Kind::Encounter && one.name() == "act" && is_container(one))
    })
}

fn known(statement: Element<'_, '_>) -> Option<&'static (u16, Kind, &'static str)> {
    // The first that is known: R2.1's own come before those of its predecessors.
    templates(statement).find_map(|number| {
        let place = TEMPLATES.binary_search_by_key(&number, |(known, _, _)| *known);
        place.ok().map(|place| &TEMPLATES[place])
    })
}

fn templates<'t>(statement: Element<'t, 't>) -> impl Iterator<Item = u16> {
    let roots = statement
        .all("templateId")
        .filter_map(|id| id.attribute("root"));
    roots.filter_map(|root| root.strip_prefix(ENTRY)?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted() {
        assert!(TEMPLATES.is_sorted_by_key(|(number, _, _)| *number));
        assert!(CONTAINERS.is_sorted());
    }
}
