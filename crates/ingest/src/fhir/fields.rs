//! A resource as named pieces of JSON that are parsed when they are asked for, and paths into it:
//! the ground of the mappings that are data ([`super::map::rule`]). It knows no resource type.

use super::json::{CodeableConcept, Coding, Text};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// The members of a JSON object, in order.
pub(crate) struct Fields<'a> {
    members: Vec<(Text<'a>, &'a RawValue)>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Fields { members })
            }
        }
        deserializer.deserialize_map(Members)
    }
}

impl<'a> Fields<'a> {
    /// The member of a name; of two with one name, the first.
    pub(crate) fn get(&self, name: &str) -> Option<&'a RawValue> {
        let named = |(key, _): &&(Text<'a>, _)| key.as_str() == name;
        let (_, value) = self.members.iter().find(named)?;
        (value.get() != "null").then_some(*value)
    }

    /// A name that stands twice, which JSON leaves undefined.
    pub(crate) fn doubled(&self) -> Option<&str> {
        let is_second = |place: usize| {
            let name = self.members[place].0.as_str();
            let before = &self.members[..place];
            before.iter().any(|(key, _)| key.as_str() == name)
        };
        let place = (0..self.members.len()).find(|place| is_second(*place))?;
        Some(self.members[place].0.as_str())
    }

    /// Every value that a path such as `activity.detail.code` leads to; lists are walked through.
    /// The empty path leads nowhere.
    pub(crate) fn at(&self, path: &str) -> Vec<&'a RawValue> {
        let mut names = path.split('.');
        let first = names.next().and_then(|name| self.get(name));
        let mut found = first.map(items).unwrap_or_default();
        for name in names {
            let inner = found.into_iter().filter_map(fields);
            found = inner
                .filter_map(|inner| inner.get(name))
                .flat_map(items)
                .collect();
        }
        found
    }

    /// The first text that a path leads to.
    pub(crate) fn text(&self, path: &str) -> Option<Text<'a>> {
        self.at(path).into_iter().find_map(text)
    }
}

/// The members of a value that is an object.
pub(crate) fn fields(value: &RawValue) -> Option<Fields<'_>> {
    serde_json::from_str(value.get()).ok()
}

/// The value itself, or the items of a list.
fn items(value: &RawValue) -> Vec<&RawValue> {
    if value.get().starts_with('[') {
        serde_json::from_str(value.get()).unwrap_or_default()
    } else {
        vec![value]
    }
}

/// A value that is a text.
pub(crate) fn text(value: &RawValue) -> Option<Text<'_>> {
    serde_json::from_str(value.get()).ok()
}

/// A code however FHIR writes one: CodeableConcept, Coding, CodeableReference (R5) or a bare code,
/// which has no system of its own.
pub(crate) fn concept(value: &RawValue) -> Option<CodeableConcept<'_>> {
    if value.get().starts_with('"') {
        return Some(CodeableConcept {
            coding: Vec::new(),
            text: Some(text(value)?),
            concept: None,
        });
    }
    let inner = fields(value)?;
    if inner.get("system").is_some() || inner.get("code").is_some() {
        let coding: Coding<'_> = serde_json::from_str(value.get()).ok()?;
        return Some(CodeableConcept {
            coding: vec![coding],
            text: None,
            concept: None,
        });
    }
    serde_json::from_str(value.get()).ok()
}

/// A bare code, or the code of the first coding: what a status or a relationship is told by.
pub(crate) fn bare_code(value: &RawValue) -> Option<Cow<'_, str>> {
    let concept = concept(value)?;
    let concept = concept.concept.map_or_else(
        || (concept.coding, concept.text),
        |inner| (inner.coding, inner.text),
    );
    let code = concept.0.into_iter().find_map(|coding| coding.code);
    let code = code.or(concept.1).map(Text::into_cow);
    code.filter(|code| !code.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_walk_through_lists() {
        let text = r#"{"a":[{"b":{"c":"x"}},{"b":[{"c":"y"},{"d":1}]},{"b":null},7],"e":null}"#;
        let fields: Fields<'_> = serde_json::from_str(text).unwrap();
        let found: Vec<_> = fields.at("a.b.c").into_iter().map(RawValue::get).collect();
        assert_eq!(found, ["\"x\"", "\"y\""]);
        assert!(fields.at("a.x").is_empty() && fields.at("e").is_empty());
        assert!(fields.at("").is_empty());
        assert_eq!(fields.doubled(), None);
        let twice: Fields<'_> = serde_json::from_str(r#"{"a":1,"b":2,"a":3}"#).unwrap();
        assert_eq!(twice.doubled(), Some("a"));
        assert_eq!(twice.get("a").unwrap().get(), "1");
    }

    #[test]
    fn a_code_is_found_in_every_form() {
        let code = |text: &str| {
            let value: &RawValue = serde_json::from_str(text).unwrap();
            bare_code(value).map(Cow::into_owned)
        };
        for form in [
            r#""x""#,
            r#"{"coding":[{"display":"no code"},{"code":"x"}]}"#,
            r#"{"system":"s","code":"x"}"#,
            r#"{"concept":{"coding":[{"code":"x"}]}}"#,
            r#"{"text":"x"}"#,
        ] {
            assert_eq!(code(form).as_deref(), Some("x"), "{form}");
        }
        assert_eq!(code("5"), None);
        assert_eq!(code(r#"{"reference":"Condition/1"}"#), None);
    }
}
