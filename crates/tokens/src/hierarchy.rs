//! Where a code stands in its own hierarchy, read from the code's own spelling.
//!
//! Not a terminology server: a code whose spelling shows no hierarchy (SNOMED, RxNorm, LOINC) has
//! no ancestors here. The rules, each from the code system's own documentation:
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

use longitude_core::Code;

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
    let value = &*code.value;
    let up = |shorter: &str| Some(Code::new(code.system.clone(), shorter));
    if let Some((stem, _text)) = value.rsplit_once('=').filter(|(stem, _)| !stem.is_empty()) {
        return up(stem);
    }
    let (head, last) = match value.rsplit_once("//") {
        Some((head, last)) => (Some(head), last),
        None => (None, value),
    };
    if let Some(shorter) = shorten(last, spelling(&code.system, head)) {
        return match head {
            Some(head) => up(&format!("{head}//{shorter}")),
            None => up(shorter),
        };
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

/// All ancestors, nearest first.
pub fn ancestors(code: &Code) -> Vec<Code> {
    std::iter::successors(parent(code), parent).collect()
}

/// How many ancestors a code has.
pub(crate) fn depth(code: &Code) -> usize {
    ancestors(code).len()
}

/// The highest ancestor, or the code itself where it has none.
pub(crate) fn root(code: &Code) -> Code {
    ancestors(code).pop().unwrap_or_else(|| code.clone())
}

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
    if !value.is_ascii() {
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
        expected.assert_eq(&chain.join(" < "));
    }

    #[test]
    fn each_system_falls_by_its_own_rule() {
        check(
            "ICD10CM//E11.329",
            &expect!["ICD10CM//E11.32 < ICD10CM//E11.3 < ICD10CM//E11"],
        );
        check("ICD10CM//I10", &expect![""]);
        check("ICD9CM//250.01", &expect!["ICD9CM//250.0 < ICD9CM//250"]);
        check("ICD9CM//E850.3", &expect!["ICD9CM//E850"]);
        check(
            "DIAGNOSIS//ICD//10//E1165",
            &expect!["DIAGNOSIS//ICD//10//E116 < DIAGNOSIS//ICD//10//E11"],
        );
        check(
            "ICD//10//E1165",
            &expect!["ICD//10//E116 < ICD//10//E11 < ICD//10"],
        );
        check(
            "ICD10PCS//0DTN0ZZ",
            &expect!["ICD10PCS//0DTN0Z < ICD10PCS//0DTN0 < ICD10PCS//0DTN < ICD10PCS//0DT"],
        );
        check(
            "ATC//A10BA02",
            &expect!["ATC//A10BA < ATC//A10B < ATC//A10 < ATC//A"],
        );
        check("LAB//51237//UNK", &expect!["LAB//51237"]);
        check("LOINC//5778-6=dark yellow", &expect!["LOINC//5778-6"]);
        check("SNOMED//44054006", &expect![""]);
        check("MEDS_DEATH", &expect![""]);
        check("ICD10CM//Ä11.9", &expect![""]);
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
            assert!(depth(&code) < 16, "{odd}");
            assert!(!ancestors(&code).contains(&code), "{odd}");
        }
    }
}
