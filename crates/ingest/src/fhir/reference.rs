//! References between records: what a reference's text points to. Resolving it is `index`'s.

/// What a reference's text points to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target<'a> {
    /// A type and an identifier within it, from a relative or an absolute URL.
    Record { kind: &'a str, id: &'a str },
    /// A URN, which only an entry's `fullUrl` in the same bundle resolves.
    Urn(&'a str),
    /// A resource contained in this one.
    Contained(&'a str),
    /// A search (`Patient?identifier=..`) or something else that names no record.
    Unresolvable,
}

impl<'a> Target<'a> {
    pub(crate) fn parse(reference: &'a str) -> Self {
        let reference = reference.trim();
        if let Some(id) = reference.strip_prefix('#') {
            return Self::Contained(id);
        }
        if reference.starts_with("urn:") {
            return Self::Urn(reference);
        }
        if reference.contains(['?', '|']) {
            return Self::Unresolvable;
        }
        let current = reference
            .split_once("/_history/")
            .map_or(reference, |(head, _)| head);
        let mut segments = current.rsplit('/');
        match (segments.next(), segments.next()) {
            (Some(id), Some(kind)) if !id.is_empty() && !kind.is_empty() => {
                Self::Record { kind, id }
            }
            _ => Self::Unresolvable,
        }
    }
}

/// The identifier that a URN such as `urn:uuid:...` carries.
pub(crate) fn urn_id(urn: &str) -> &str {
    urn.rsplit(':').next().unwrap_or(urn)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form() {
        let record = |kind, id| Target::Record { kind, id };
        assert_eq!(Target::parse("Patient/1"), record("Patient", "1"));
        assert_eq!(
            Target::parse("https://a/fhir/Patient/1"),
            record("Patient", "1")
        );
        assert_eq!(
            Target::parse("Patient/1/_history/2"),
            record("Patient", "1")
        );
        assert_eq!(Target::parse("urn:uuid:x"), Target::Urn("urn:uuid:x"));
        assert_eq!(urn_id("urn:uuid:x"), "x");
        assert_eq!(Target::parse("#med"), Target::Contained("med"));
        for text in ["", "/", "Patient", "Patient/", "Patient?identifier=a|1"] {
            assert_eq!(Target::parse(text), Target::Unresolvable, "{text}");
        }
    }
}
