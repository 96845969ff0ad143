//! Where a code stands in its own hierarchy: read from the code's own spelling, then from the
//! blocks and chapters of ICD, then from what the data set says of its codes.
//!
//! A code whose spelling shows no hierarchy (SNOMED, RxNorm, LOINC) has the ancestors that the data
//! set names, if it names any. The rules of spelling, each from the code system's own
//! documentation:
//!
//! - ICD-9-CM, ICD-10, ICD-10-CM: characters are dropped from the end down to the category, the
//!   first three characters (four for the external causes `E...` of ICD-9-CM); the dot falls with
//!   the last character after it. Codes written without the dot are treated alike.
//! - ICD-10-PCS: seven characters, dropped down to the first three (section, body system,
//!   operation).
//! - ATC: seven characters, its levels have 5, 4, 3 and 1.
//! - `A//B//C` shaped values: parts are dropped from the end. A part after `ICD//9` or `ICD//10` is
//!   an ICD code and follows that rule first.
//! - a variant `code=text` of the vocabulary falls to `code`.
//!
//! A category of ICD-10-CM or ICD-9-CM, however it is spelled, falls to its block and chapter in
//! the system's own spelling (`ICD10CM//E08-E13`), where sources that spell otherwise meet.

use longitude_core::{Code, CodeMatch, Predicate};
use longitude_terminology::Coded;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How the last part of a value is cut.
#[derive(Clone, Copy, PartialEq)]
enum Spelling {
    Icd9,
    Icd10,
    Atc,
    Opaque,
}

/// The code one step up, or `None` at the top.
pub fn parent(code: &Code) -> Option<Code> {
    let is_variant = code.value.contains('=');
    match Coded::of(code).filter(|_| !is_variant) {
        Some(coded) => shortened(code).or_else(|| longitude_terminology::parent(&coded.to_code())),
        None => spelled(code),
    }
}

/// The same by the code's own spelling alone.
fn spelled(code: &Code) -> Option<Code> {
    let value = &*code.value;
    let up = |shorter: &str| Some(Code::new(code.system.clone(), shorter));
    if let Some((stem, _text)) = value.rsplit_once('=').filter(|(stem, _)| !stem.is_empty()) {
        return up(stem);
    }
    let head = value.rsplit_once("//").map(|(head, _)| head);
    if let Some(shorter) = shortened(code) {
        return Some(shorter);
    }
    let head = head?;
    // `ICD//10` alone, what would be left of a category, names no clinical thing.
    let bare = head.rsplit("//").next().unwrap_or(head);
    let names_a_version = matches!(bare, "9" | "10") && head.contains("ICD");
    if head.is_empty() || names_a_version {
        None
    } else {
        up(head)
    }
}

/// The code less its last letter or level, where its spelling has such.
fn shortened(code: &Code) -> Option<Code> {
    let (head, last) = match code.value.rsplit_once("//") {
        Some((head, last)) => (Some(head), last),
        None => (None, &*code.value),
    };
    let shorter = shorten(last, spelling(&code.system, head))?;
    let value = match head {
        Some(head) => format!("{head}//{shorter}"),
        None => shorter.to_owned(),
    };
    Some(Code::new(code.system.clone(), value))
}

/// All ancestors by spelling and classification, nearest first.
pub fn ancestors(code: &Code) -> Vec<Code> {
    std::iter::successors(parent(code), parent).collect()
}

/// The highest ancestor by spelling, or the code itself where it has none: of ICD the category,
/// for a chapter says too little.
pub(crate) fn root(code: &Code) -> Code {
    let all = std::iter::successors(Some(code.clone()), spelled);
    all.last().unwrap_or_else(|| code.clone())
}

/// Whether a code counts for a predicate. A block or a chapter counts where all that it spans does:
/// `E08-E13` begins with `E08` and is above it.
pub(crate) fn counts(predicate: &Predicate, code: &Code) -> bool {
    let span = Coded::of(code).filter(Coded::is_span);
    match span.and(code.value.split_once('-')) {
        None => predicate.matches(code),
        Some((first, last)) => {
            let ends = [first, last].map(|end| Code::new(code.system.clone(), end));
            let all = |one: &CodeMatch| ends.iter().all(|end| one.matches(end));
            predicate.any_of.iter().any(all)
        }
    }
}

/// The parents that a data set names for codes of which [`parent`] knows none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Hierarchy(Vec<(Code, Code)>);

impl Hierarchy {
    /// Of the parents of each code the first that leads to no circle.
    pub fn new(codes: impl IntoIterator<Item = (Code, Vec<Code>)>) -> Self {
        let mut chosen: BTreeMap<Code, Code> = BTreeMap::new();
        for (code, parents) in codes {
            if parent(&code).is_some() {
                continue;
            }
            let leads_back = |first: &Code| {
                let next = |at: &Code| parent(at).or_else(|| chosen.get(at).cloned());
                std::iter::successors(Some(first.clone()), next).any(|at| at == code)
            };
            if let Some(first) = parents.into_iter().find(|first| !leads_back(first)) {
                chosen.insert(code, first);
            }
        }
        Self(chosen.into_iter().collect())
    }

    /// Whether it adds nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The code one step up, or `None` at the top.
    pub fn parent(&self, code: &Code) -> Option<Code> {
        parent(code).or_else(|| {
            let found = self.0.binary_search_by(|(below, _)| below.cmp(code));
            found.ok().map(|at| self.0[at].1.clone())
        })
    }

    /// How many ancestors a code has.
    pub(crate) fn depth(&self, code: &Code) -> usize {
        std::iter::successors(self.parent(code), |at| self.parent(at)).count()
    }

    /// Whether its pairs are in order, as look-ups need, and lead to no circle.
    pub(crate) fn is_sound(&self) -> bool {
        let ordered = self.0.windows(2).all(|pair| pair[0].0 < pair[1].0);
        let ends = |(code, _): &(Code, Code)| {
            let chain = std::iter::successors(self.parent(code), |at| self.parent(at));
            chain.take(DEPTH_MAX + 1).count() <= DEPTH_MAX
        };
        ordered && self.0.iter().all(ends)
    }
}

/// Deeper than any terminology: SNOMED CT has some 20 levels.
const DEPTH_MAX: usize = 256;

fn spelling(system: &str, head: Option<&str>) -> Spelling {
    if let Some(head) = head {
        let mut parts = head.rsplit("//");
        let version = parts.next();
        let family = parts.next().unwrap_or(system);
        return match (family, version) {
            ("ICD", Some("9")) => Spelling::Icd9,
            ("ICD", Some("10")) => Spelling::Icd10,
            _ => Spelling::Opaque,
        };
    }
    match system {
        "ICD9CM" | "ICD9" | "ICD9PROC" => Spelling::Icd9,
        "ICD10CM" | "ICD10" | "ICD10PCS" | "ICD10WHO" => Spelling::Icd10,
        "ATC" => Spelling::Atc,
        _ if system.contains("diagnosis-icd9") || system.contains("procedure-icd9") => {
            Spelling::Icd9
        }
        _ if system.contains("diagnosis-icd10") || system.contains("procedure-icd10") => {
            Spelling::Icd10
        }
        _ => Spelling::Opaque,
    }
}

/// The value less its last character or level, down to the category.
fn shorten(value: &str, spelling: Spelling) -> Option<&str> {
    // A span of categories (`E08-E13`) is not spelled by its letters.
    if !value.is_ascii() || value.contains('-') {
        return None;
    }
    let category = match spelling {
        Spelling::Opaque => return None,
        Spelling::Atc => {
            let shorter = [5, 4, 3, 1].into_iter().find(|len| *len < value.len())?;
            return Some(&value[..shorter]);
        }
        Spelling::Icd9 if value.starts_with(['E', 'e']) => 4,
        Spelling::Icd9 | Spelling::Icd10 => 3,
    };
    if value.len() <= category {
        return None;
    }
    let shorter = &value[..value.len() - 1];
    Some(shorter.strip_suffix('.').unwrap_or(shorter))
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn check(joined: &str, expected: &Expect) {
        let chain: Vec<_> = ancestors(&Code::from_meds(joined))
            .iter()
            .map(|code| code.to_meds().into_owned())
            .collect();
        expected.assert_eq(&chain.join("\n"));
    }

    #[test]
    fn each_system_falls_by_its_own_rule() {
        check(
            "ICD10CM//E11.329",
            &expect![[r"
            ICD10CM//E11.32
            ICD10CM//E11.3
            ICD10CM//E11
            ICD10CM//E08-E13
            ICD10CM//E00-E89"]],
        );
        check(
            "ICD10CM//I10",
            &expect![[r"
            ICD10CM//I10-I1A
            ICD10CM//I00-I99"]],
        );
        check("ICD10CM//E08-E13", &expect!["ICD10CM//E00-E89"]);
        check(
            "ICD9CM//250.01",
            &expect![[r"
            ICD9CM//250.0
            ICD9CM//250
            ICD9CM//240-279"]],
        );
        check(
            "ICD9CM//E850.3",
            &expect![[r"
            ICD9CM//E850
            ICD9CM//E000-E999"]],
        );
        check(
            "DIAGNOSIS//ICD//10//E1165",
            &expect![[r"
            DIAGNOSIS//ICD//10//E116
            DIAGNOSIS//ICD//10//E11
            ICD10CM//E08-E13
            ICD10CM//E00-E89"]],
        );
        check(
            "ICD//10//E1165",
            &expect![[r"
            ICD//10//E116
            ICD//10//E11
            ICD10CM//E08-E13
            ICD10CM//E00-E89"]],
        );
        check(
            "ICD10PCS//0DTN0ZZ",
            &expect![[r"
            ICD10PCS//0DTN0Z
            ICD10PCS//0DTN0
            ICD10PCS//0DTN
            ICD10PCS//0DT"]],
        );
        check(
            "ATC//A10BA02",
            &expect![[r"
            ATC//A10BA
            ATC//A10B
            ATC//A10
            ATC//A"]],
        );
        check("LAB//51237//UNK", &expect!["LAB//51237"]);
        check("LOINC//5778-6=dark yellow", &expect!["LOINC//5778-6"]);
        check("SNOMED//44054006", &expect![]);
        check("MEDS_DEATH", &expect![]);
        check("ICD10CM//Ä11.9", &expect![]);
    }

    #[test]
    fn every_chain_ends() {
        for odd in [
            "",
            "=",
            "//",
            "//=//",
            "a//",
            "//a",
            "ICD10CM//....",
            "a=b=c",
        ] {
            let code = Code::from_meds(odd);
            assert!(ancestors(&code).len() < 16, "{odd}");
            assert!(!ancestors(&code).contains(&code), "{odd}");
        }
    }
}
