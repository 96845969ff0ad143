//! What is odd about a task or its labels, though it can be labelled: each with its place.

use crate::yaml::Place;
use std::fmt;

/// One warning, for people. It holds names and counts, never a value of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// What it is of, as a stable word.
    pub kind: &'static str,
    /// Where the task file says it, if it is of one place.
    pub place: Option<Place>,
    /// What is odd, and what to do.
    pub text: String,
}

impl Warning {
    pub(crate) fn new(kind: &'static str, place: Option<&Place>, text: impl Into<String>) -> Self {
        Self {
            kind,
            place: place.cloned(),
            text: text.into(),
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        write!(f, "{}: {}", self.kind, self.text)
    }
}
