//! Who a subject is, for linkage: the facts by which two records of one person are found, and what
//! the sources themselves say about who is who. Nothing here becomes an event, and nothing here may
//! leave the walls; every reader of a format fills it from what its source holds.

use longitude_core::{Instant, Observation, Origin, Precision, SubjectId};
use std::fmt;

/// The facts of one record of a person, as written. Empty where the source says nothing.
///
/// `Debug` is redacted: it shows how many of each there are, never a value.
#[derive(Clone, Default, PartialEq)]
pub struct Person {
    /// Whether the record is in use (FHIR `Patient.active`); `Some(false)` of a replaced one.
    pub active: Option<bool>,
    /// Numbers and the authorities that gave them.
    pub identifiers: Vec<PersonIdentifier>,
    /// All names, former ones too.
    pub names: Vec<PersonName>,
    /// The day of birth, or as much of it as is known: the start in UTC, and the precision.
    pub birth: Option<(Instant, Precision)>,
    /// The time of death, or as much of it as is known.
    pub death: Option<(Instant, Precision)>,
    /// The administrative sex as the source codes it (`male`, `F`, `8507`).
    pub sex: Option<String>,
    /// Whether the person is one of twins or more, who share family name, birth date and address.
    pub multiple_birth: Option<bool>,
    /// All addresses.
    pub addresses: Vec<PersonAddress>,
    /// Telephone numbers, as written.
    pub phones: Vec<String>,
    /// Addresses of electronic mail, as written.
    pub emails: Vec<String>,
}

/// A number that identifies a person within an authority.
#[derive(Clone, Default, PartialEq)]
pub struct PersonIdentifier {
    /// The authority: a URI, an OID, an assigning facility; empty where none is stated.
    pub system: String,
    /// The number.
    pub value: String,
    /// What sort of number it is (HL7 v2 table 0203: `MR`, `SS`, `DL`), where stated.
    pub kind: Option<String>,
}

/// A name.
#[derive(Clone, Default, PartialEq)]
pub struct PersonName {
    /// The family name, or the whole name where the parts are not told apart.
    pub family: String,
    /// Given names, the first first.
    pub given: Vec<String>,
    /// What the name is used for (`official`, `maiden`, `old`), where stated.
    pub usage: Option<String>,
}

/// An address.
#[derive(Clone, Default, PartialEq)]
pub struct PersonAddress {
    /// Street lines, or the whole address where the parts are not told apart.
    pub lines: Vec<String>,
    /// The city.
    pub city: String,
    /// The state or region.
    pub state: String,
    /// The postal code.
    pub postal_code: String,
    /// The country.
    pub country: String,
}

/// What a source says about two records of persons (FHIR `Patient.link`, HL7 v2 merges).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LinkKind {
    /// `b` took the place of `a`, which must no longer be used.
    ReplacedBy,
    /// `a` took the place of `b`.
    Replaces,
    /// `a` is to be used, and `b` holds more about the same person.
    Refer,
    /// `a` and `b` are of the same person, neither above the other.
    SeeAlso,
    /// An earlier statement that `a` and `b` are one person is withdrawn (HL7 v2 A37, A24/A37).
    Unlink,
}

/// A statement of a source about two records of persons. Whether to believe it is for linkage.
#[derive(Clone, PartialEq)]
pub struct Link {
    /// The record that states it, or that it is stated of.
    pub a: SubjectId,
    /// The other record.
    pub b: SubjectId,
    /// How they belong together.
    pub kind: LinkKind,
    /// Where it is stated.
    pub origin: Origin,
}

/// A person, a link or a span of observation, on its way from a row to the sink.
pub(crate) enum Told {
    Person(SubjectId, Box<Person>),
    Link(Link),
    Span(SubjectId, Observation),
}

impl fmt::Debug for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Person")
            .field("active", &self.active)
            .field("identifiers", &self.identifiers.len())
            .field("names", &self.names.len())
            .field("has_birth", &self.birth.is_some())
            .field("addresses", &self.addresses.len())
            .finish_non_exhaustive()
    }
}

/// `Debug` that shows the name of the type and no value.
macro_rules! redacted {
    ($($name:ident)*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    )*};
}
redacted!(PersonIdentifier PersonName PersonAddress);

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Link({:?} {:?})", self.kind, self.origin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_value() {
        let person = Person {
            names: vec![PersonName {
                family: "Roe".into(),
                given: vec!["Jane".into()],
                usage: None,
            }],
            phones: vec!["617-555-0101".into()],
            sex: Some("female".into()),
            ..Person::default()
        };
        let shown = format!("{person:?} {:?}", person.names);
        for value in ["Roe", "Jane", "555", "female"] {
            assert!(!shown.contains(value), "{shown}");
        }
    }
}
