//! The spellings under which codes of the shipped systems stand in data sets, read into one.

use longitude_core::Code;
use std::fmt::Write as _;

/// A system that is shipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Held {
    /// Diagnoses of ICD-9-CM.
    Icd9Cm,
    /// Diagnoses of ICD-10-CM.
    Icd10Cm,
    /// Procedures of ICD-10-PCS.
    Icd10Pcs,
}

impl Held {
    /// Its name in [`Code::system`].
    pub fn name(self) -> &'static str {
        match self {
            Self::Icd9Cm => "ICD9CM",
            Self::Icd10Cm => "ICD10CM",
            Self::Icd10Pcs => "ICD10PCS",
        }
    }

    /// After how many characters the point stands, where the system writes one.
    fn point(self, plain: &str) -> Option<usize> {
        match self {
            Self::Icd9Cm if plain.starts_with('E') => Some(4),
            Self::Icd9Cm | Self::Icd10Cm => Some(3),
            Self::Icd10Pcs => None,
        }
    }
}

/// A code of a shipped system, however it was spelled.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Coded {
    /// Its system.
    pub system: Held,
    /// Its characters in capitals, without the point.
    pub plain: String,
}

impl Coded {
    /// A code from its characters in any case, with or without the point.
    pub fn new(system: Held, written: &str) -> Self {
        let kept = written.trim().chars().filter(|letter| *letter != '.');
        Self {
            system,
            plain: kept.map(|letter| letter.to_ascii_uppercase()).collect(),
        }
    }

    /// Reads a code: `ICD10CM//E11.9`, MIMIC-IV's `DIAGNOSIS//ICD//10//E119` and
    /// `PROCEDURE//ICD//10//0DTN0ZZ`, `ICD//9//4019`. None where the system is not shipped; ICD-10
    /// of the WHO (`ICD10`) is another system than ICD-10-CM. Procedures of ICD-9-CM, whose list is
    /// not shipped, are told by `PROCEDURE` or by `ICD9PCS`.
    pub fn of(code: &Code) -> Option<Self> {
        let (head, last) = match code.value.rsplit_once("//") {
            Some((head, last)) => (head, last),
            None => ("", &*code.value),
        };
        let procedure = code.system.starts_with("PROCEDURE") || head.starts_with("PROCEDURE");
        let mut path = code.system.split("//").chain(head.split("//"));
        let system = if head.is_empty() {
            match &*code.system {
                "ICD10CM" => Held::Icd10Cm,
                "ICD9CM" => Held::Icd9Cm,
                "ICD10PCS" => Held::Icd10Pcs,
                _ => return None,
            }
        } else {
            path.find(|part| *part == "ICD")?;
            match (path.next()?, procedure) {
                ("9", false) => Held::Icd9Cm,
                ("10", false) => Held::Icd10Cm,
                ("10", true) => Held::Icd10Pcs,
                _ => return None,
            }
        };
        // A variant by text or by what a data set puts behind a code belongs to the code.
        let bare = last.split('=').next().unwrap_or(last);
        Some(Self::new(system, bare))
    }

    /// The code in its system's own spelling.
    pub fn to_code(&self) -> Code {
        let mut value = self.plain.clone();
        if let Some(point) = self.system.point(&self.plain)
            && self.plain.len() > point
            // A span of categories has none.
            && !self.is_span()
            && self.plain.is_char_boundary(point)
        {
            value.insert(point, '.');
        }
        Code::new(self.system.name(), value)
    }

    /// Whether it is a span of categories: a block or a chapter.
    pub fn is_span(&self) -> bool {
        self.plain.contains('-')
    }

    /// Whether a code of this system can look like this: letters and digits only, and as many as
    /// the system allows (ICD-10-CM and ICD-9-CM by their official guidelines, section I.A;
    /// ICD-10-PCS by its reference manual: seven characters without I and O).
    pub fn is_well_formed(&self) -> bool {
        let bytes = self.plain.as_bytes();
        let digits = |some: &[u8]| some.iter().all(u8::is_ascii_digit);
        let letters = bytes.iter().all(u8::is_ascii_alphanumeric);
        match (self.system, bytes) {
            (Held::Icd10Cm, [first, second, rest @ ..]) => {
                let long = (1..=5).contains(&rest.len());
                // The tabular list of 2026 has one category beyond the guidelines' form: QA0.
                let digit = second.is_ascii_digit() || (*first, *second) == (b'Q', b'A');
                letters && long && first.is_ascii_alphabetic() && digit
            }
            (Held::Icd9Cm, [b'E', rest @ ..]) => (3..=4).contains(&rest.len()) && digits(rest),
            (Held::Icd9Cm, [b'V', rest @ ..]) => (2..=4).contains(&rest.len()) && digits(rest),
            (Held::Icd9Cm, all) => (3..=5).contains(&all.len()) && digits(all),
            (Held::Icd10Pcs, all) => {
                letters && (3..=7).contains(&all.len()) && !all.iter().any(|b| b"IO".contains(b))
            }
            (Held::Icd10Cm, _) => false,
        }
    }
}

impl std::fmt::Display for Coded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(&self.to_code(), f)
    }
}

/// The span `first-last` as a code's value.
pub(crate) fn span(first: &str, last: &str) -> String {
    let mut value = first.to_owned();
    // Writing to a string does not fail.
    let _written = write!(value, "-{last}");
    value
}
