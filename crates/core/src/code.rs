//! Codes: a value within a code system, never a joined string.
//!
//! The joined form with `//` is MEDS's and stands only at the MEDS edge, in
//! [`Code::from_meds`] and [`Code::to_meds`].

use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// A concept: a value in a code system. `Debug` and `Display` show it, for a code alone names no
/// patient.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Code {
    /// The short name of the system (`ICD10CM`, `LOINC`, `RxNorm`), its URI where no short
    /// name is known, or empty for MEDS's own codes.
    pub system: Arc<str>,
    /// The value as the system writes it.
    pub value: Arc<str>,
}

impl Code {
    /// A code from its two parts.
    pub fn new(system: impl Into<Arc<str>>, value: impl Into<Arc<str>>) -> Self {
        Self {
            system: system.into(),
            value: value.into(),
        }
    }

    /// MEDS's code for the start of life.
    pub fn birth() -> Self {
        Self::new("", "MEDS_BIRTH")
    }

    /// MEDS's code for death.
    pub fn death() -> Self {
        Self::new("", "MEDS_DEATH")
    }

    /// Whether this is MEDS's code for the start of life.
    pub fn is_birth(&self) -> bool {
        self.system.is_empty() && &*self.value == "MEDS_BIRTH"
    }

    /// Whether this is MEDS's code for death.
    pub fn is_death(&self) -> bool {
        self.system.is_empty() && &*self.value == "MEDS_DEATH"
    }

    /// The code that a MEDS string stands for: the part before the first `//` is the system. A
    /// string without `//`, or with nothing before it, is all value.
    pub fn from_meds(joined: &str) -> Self {
        match joined.split_once("//") {
            Some((system, value)) if !system.is_empty() => Self::new(system, value),
            _ => Self::new("", joined),
        }
    }

    /// The MEDS string of this code; [`Code::from_meds`] of it makes an equal string again.
    pub fn to_meds(&self) -> Cow<'_, str> {
        if self.system.is_empty() {
            Cow::Borrowed(&self.value)
        } else {
            Cow::Owned(format!("{}//{}", self.system, self.value))
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.system.is_empty() {
            f.write_str(&self.value)
        } else {
            write!(f, "{} {}", self.system, self.value)
        }
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Code({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meds_strings_survive() {
        for joined in [
            "MEDS_BIRTH",
            "LAB//51237//UNK",
            "//odd",
            "ICD10CM//E11.9",
            "",
            "DIAGNOSIS//ICD//10//I10",
        ] {
            assert_eq!(Code::from_meds(joined).to_meds(), joined);
        }
        assert_eq!(&*Code::from_meds("LAB//51237//UNK").value, "51237//UNK");
        assert!(Code::from_meds("MEDS_DEATH").is_death());
    }
}
