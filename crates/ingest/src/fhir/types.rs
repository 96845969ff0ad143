//! The resource types of FHIR and what becomes of each, and a quick way to tell the type of a line
//! before it is parsed. `list` is the table.

mod list;

use super::json::Head;
use super::map::rule::Rule;
use list::TYPES;
use std::borrow::Cow;

/// A resource type.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Type {
    pub(crate) name: &'static str,
    /// The release of FHIR that has it first.
    pub(crate) since: Release,
    pub(crate) treatment: Treatment,
    /// What it gives, for people; empty for a type that carries no event.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "the documentation is made of it")
    )]
    pub(crate) gives: &'static str,
}

/// A release of FHIR. R4 is what is expected; of the others, what has the same shape is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Release {
    R4,
    R4B,
    R5,
}

/// What becomes of a resource type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Treatment {
    /// It is mapped by a program.
    Mapped(Kind),
    /// It is mapped by a rule.
    Ruled(&'static Rule),
    /// It tells something clinical and is not mapped.
    NotSupported,
    /// It tells nothing of a course of care: administration, definitions, provenance.
    NotClinical,
}

/// The types that are mapped by a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    AllergyIntolerance,
    Composition,
    Condition,
    Device,
    DiagnosticReport,
    DocumentReference,
    Encounter,
    ImagingStudy,
    Immunization,
    Linkage,
    Location,
    Medication,
    MedicationAdministration,
    MedicationDispense,
    MedicationRequest,
    MedicationStatement,
    Observation,
    Patient,
    Person,
    Procedure,
    QuestionnaireResponse,
    ServiceRequest,
    Specimen,
}

/// The type of a name.
pub(crate) fn find(name: &str) -> Option<&'static Type> {
    let at = TYPES.binary_search_by(|known| known.name.cmp(name)).ok()?;
    TYPES.get(at)
}

const KEY: &[u8] = b"\"resourceType\"";

/// Whether the type is the resource's first key, so that it is surely the resource's own.
pub(crate) fn is_stated_first(text: &str) -> bool {
    first_key(text.as_bytes()).starts_with(KEY)
}

fn first_key(text: &[u8]) -> &[u8] {
    let inner = text.trim_ascii_start();
    inner.strip_prefix(b"{").unwrap_or(inner).trim_ascii_start()
}

/// The type that a resource's text states: a quick guess where the type is the first key or the
/// only one of its name, else by parsing. Contained resources have types too, and the guess may be
/// theirs where the outer resource has none; the typed parse finds that out.
pub(crate) fn of_resource(text: &str) -> Option<Cow<'_, str>> {
    let bytes = text.as_bytes();
    let inner = first_key(bytes);
    let at = if inner.starts_with(KEY) {
        bytes.len() - inner.len()
    } else {
        let at = memchr::memmem::find(bytes, KEY)?;
        if memchr::memmem::find(&bytes[at + KEY.len()..], KEY).is_some() {
            let head = serde_json::from_str::<Head<'_>>(text).ok()?;
            return head
                .resource_type
                .map(|kind| Cow::Owned(kind.as_str().to_owned()));
        }
        at
    };
    let rest = text.get(at + KEY.len()..)?;
    let rest = rest.trim_ascii_start().strip_prefix(':')?;
    let rest = rest.trim_ascii_start().strip_prefix('"')?;
    rest.split_once('"').map(|(name, _)| Cow::Borrowed(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_and_whole() {
        assert!(TYPES.is_sorted_by(|a, b| a.name < b.name));
        // FHIR R4 4.0.1 has 148 resource types, of which 146 are concrete names in instances
        // (DomainResource and Resource are abstract and not counted).
        let of = |release| TYPES.iter().filter(|one| one.since == release).count();
        assert_eq!(of(Release::R4), 146);
        assert!(of(Release::R4B) > 0 && of(Release::R5) > 0);
        let is_told =
            |one: &Type| one.gives.is_empty() == (one.treatment == Treatment::NotClinical);
        assert!(TYPES.iter().all(is_told));
    }

    /// Paths are written in full, and a wrong name would never be found.
    #[test]
    fn the_paths_of_a_rule_are_of_its_type() {
        for one in TYPES {
            let Treatment::Ruled(rule) = one.treatment else {
                continue;
            };
            let mut paths: Vec<&str> = Vec::new();
            for list in [
                rule.subject,
                rule.encounter,
                rule.times,
                rule.ends,
                rule.recorded,
            ] {
                paths.extend(list);
            }
            paths.extend(rule.refused.iter().map(|(path, _)| *path));
            assert!(!rule.subject.is_empty() && !rule.times.is_empty() && !rule.parts.is_empty());
            for part in rule.parts {
                for list in [part.codes, part.suffix_from, part.times, part.values] {
                    paths.extend(list);
                }
                paths.extend(part.refused.iter().map(|(path, _)| *path));
                paths.extend([part.at, part.text].iter().filter(|path| !path.is_empty()));
                assert!(
                    part.codes.is_empty() <= !part.otherwise.is_empty(),
                    "{}",
                    one.name
                );
                let is_inside = |path: &&str| path.starts_with(part.at);
                assert!(part.codes.iter().all(is_inside), "{}", one.name);
            }
            let own = [one.name, "."].concat();
            let strange = paths.iter().find(|path| !path.starts_with(&own));
            assert_eq!(strange, None, "{}", one.name);
        }
    }

    /// The table of the documentation is this list.
    #[test]
    fn the_documentation_has_the_list() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/fhir.md");
        let table = rendered();
        let (start, end) = ("<!-- types -->\n", "<!-- end -->");
        let text = std::fs::read_to_string(page).unwrap();
        let (before, rest) = text.split_once(start).unwrap();
        let (now, after) = rest.split_once(end).unwrap();
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            std::fs::write(page, [before, start, &table, end, after].concat()).unwrap();
        } else {
            assert!(
                now == table,
                "docs/fhir.md is old: run with UPDATE_EXPECT=1"
            );
        }
    }

    fn rendered() -> String {
        let mut table = "| resource | since | gives |\n|---|---|---|\n".to_owned();
        for one in TYPES
            .iter()
            .filter(|one| one.treatment != Treatment::NotClinical)
        {
            let is_left = one.treatment == Treatment::NotSupported;
            let gives = [if is_left { "not mapped: " } else { "" }, one.gives].concat();
            table += &format!("| {} | {:?} | {gives} |\n", one.name, one.since);
        }
        let left: Vec<_> = TYPES
            .iter()
            .filter(|one| one.treatment == Treatment::NotClinical)
            .collect();
        let names: Vec<_> = left.iter().map(|one| one.name).collect();
        table
            + &format!(
                "\nNo event ({} types): {}.\n",
                names.len(),
                names.join(", ")
            )
    }

    #[test]
    fn a_type_is_told_wherever_it_stands() {
        let told = |text| of_resource(text).map(Cow::into_owned);
        let is = |text, name: &str| assert_eq!(told(text).as_deref(), Some(name), "{text}");
        is(r#"{"resourceType":"Patient","id":"1"}"#, "Patient");
        is("{\n  \"resourceType\" : \"Patient\"}", "Patient");
        is(
            r#"{"contained":[{"resourceType":"A"}],"resourceType":"B"}"#,
            "B",
        );
        is(
            r#"{"id":"1","resourceType":"B","contained":[{"resourceType":"A"}]}"#,
            "B",
        );
        is(r#"{"id":"1","resourceType":"B"}"#, "B");
        assert_eq!(told(r#"{"id":"1"}"#), None);
        assert_eq!(told(r#"{"resourceType":5}"#), None);
        assert_eq!(
            told(r#"{"a":[{"resourceType":"A"},{"resourceType":"B"}]}"#),
            None
        );
    }
}
