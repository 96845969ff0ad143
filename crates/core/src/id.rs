//! Identifiers that cannot be mixed up: one type for each kind of thing that is identified.
//!
//! They are 64-bit because MEDS asks it. A textual source identifier becomes one by hashing; the
//! step that hashes keeps the map, so that nothing is lost.

use crate::receipt::Digest;
use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl $name {
            /// The identifier of a textual source id: the first 8 bytes, big-endian and without
            /// their highest bit, of SHA-256 over the name of the identifying authority, a zero
            /// byte and the id. Never negative.
            pub fn from_source(authority: &str, id: &str) -> Self {
                let digest = Digest::of_parts(&[authority.as_bytes(), &[0], id.as_bytes()]);
                Self(digest.leading_i63())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        /// Redacted: an identifier is a patient's value.
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    };
}

identifier! {
    /// One person whose care is recorded (MEDS `subject_id`).
    SubjectId
}
identifier! {
    /// One encounter between a subject and the health system (FHIR `Encounter`, OMOP visit).
    EncounterId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_id_keeps_its_authority() {
        let a = SubjectId::from_source("Patient", "1");
        assert_eq!(a, SubjectId::from_source("Patient", "1"));
        assert_ne!(a, SubjectId::from_source("Person", "1"));
        assert_ne!(a, SubjectId::from_source("Patien", "t1"));
        assert!(a.0 >= 0);
    }

    #[test]
    fn debug_shows_no_value() {
        assert_eq!(format!("{:?}", SubjectId(42)), "SubjectId(..)");
    }
}
