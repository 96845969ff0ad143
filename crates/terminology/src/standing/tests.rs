//! Codes as they stand in data sets, and all that is said of each.

use super::*;
use crate::maps::{ccsr, chronic, equivalents};
use crate::spelling::Held;
use crate::{groups, tables};
use expect_test::{Expect, expect};
use proptest::prelude::*;

/// The start of the description, so that a line holds it.
fn short(entry: &Entry) -> String {
    let whole = entry.description.as_deref().unwrap_or("-");
    whole.chars().take(60).collect()
}

fn check(joined: &str, expected: &Expect) {
    let code = Code::from_meds(joined);
    let standing = match Terminology::shipped().look_up(&code) {
        Standing::Known(entry) if entry.is_header => format!("header {:?}", entry.description),
        Standing::Known(entry) => format!("known {}", short(&entry)),
        Standing::Unknown(_) => "unknown".to_owned(),
        Standing::Malformed => "malformed".to_owned(),
        Standing::NotHeld => "not held".to_owned(),
    };
    let mut lines = vec![standing];
    let above = std::iter::successors(parent(&code), parent);
    let above: Vec<_> = above.map(|code| code.value.to_string()).collect();
    lines.push(above.join(" < "));
    if let Some(coded) = Coded::of(&code) {
        let maps = equivalents(&coded).map(|all| {
            let shown = all.iter().map(|one| {
                let sign = if one.is_approximate { "~" } else { "=" };
                format!("{sign}{} {:?}", one.code, one.combination)
            });
            shown.collect::<Vec<_>>()
        });
        lines.push(format!("{maps:?}"));
        let category = ccsr(&coded).map(|one| one.category);
        lines.push(format!("{category:?} {:?}", chronic(&coded)));
    }
    expected.assert_eq(&lines.join("\n"));
}

#[test]
fn a_diagnosis_of_icd_10_is_known_in_every_spelling() {
    check(
        "ICD10CM//E11.65",
        &expect![[r#"
            known Type 2 diabetes mellitus with hyperglycemia
            E11.6 < E11 < E08-E13 < E00-E89
            Some(["~ICD9CM 250.80 None"])
            Some("END003") Some(Yes)"#]],
    );
    check(
        "DIAGNOSIS//ICD//10//E1165",
        &expect![[r#"
            known Type 2 diabetes mellitus with hyperglycemia
            E11.65 < E11.6 < E11 < E08-E13 < E00-E89
            Some(["~ICD9CM 250.80 None"])
            Some("END003") Some(Yes)"#]],
    );
    check(
        "ICD10CM//e1165",
        &expect![[r#"
            known Type 2 diabetes mellitus with hyperglycemia
            E11.65 < E11.6 < E11 < E08-E13 < E00-E89
            Some(["~ICD9CM 250.80 None"])
            Some("END003") Some(Yes)"#]],
    );
    check(
        "ICD10CM//S52.521A",
        &expect![[r#"
            known Torus fracture of lower end of right radius, initial encount
            S52.521 < S52.52 < S52.5 < S52 < S50-S59 < S00-T88
            Some(["~ICD9CM 813.45 None"])
            Some("INJ004") Some(No)"#]],
    );
    check(
        "ICD10CM//T36.0X1A",
        &expect![[r#"
            known Poisoning by penicillins, accidental (unintentional), initia
            T36.0X1 < T36.0X < T36.0 < T36 < T36-T50 < S00-T88
            Some(["~ICD9CM 960.0 Some((1, 1))", "~ICD9CM E856 Some((1, 2))"])
            Some("EXT014") Some(No)"#]],
    );
    check(
        "ICD10CM//W00.0XXA",
        &expect![[r#"
            known Fall on same level due to ice and snow, initial encounter
            W00.0 < W00 < W00-W19 < V00-Y99
            Some(["~ICD9CM E885.9 None"])
            Some("EXT003") Some(Undetermined)"#]],
    );
    check(
        "ICD10CM//C4A.9",
        &expect![[r#"
            known Merkel cell carcinoma, unspecified
            C4A < C43-C44 < C00-D49
            Some(["~ICD9CM 209.36 None"])
            Some("NEO028") Some(Yes)"#]],
    );
}

#[test]
fn diagnoses_of_icd_9_and_procedures_are_known() {
    check(
        "ICD9CM//250.00",
        &expect![[r#"
            known Diabetes mellitus without mention of complication, type II o
            250.0 < 250 < 240-279
            Some(["~ICD10CM E11.9 None"])
            None None"#]],
    );
    check(
        "DIAGNOSIS//ICD//9//4019",
        &expect![[r#"
            known Unspecified essential hypertension
            401.9 < 401 < 390-459
            Some(["~ICD10CM I10 None"])
            None None"#]],
    );
    check(
        "ICD9CM//E850.3",
        &expect![[r"
            known Accidental poisoning by salicylates
            E850 < E000-E999
            Some([])
            None None"]],
    );
    check(
        "ICD9CM//V58.67",
        &expect![[r#"
            known Long-term (current) use of insulin
            V58.6 < V58 < V01-V91
            Some(["=ICD10CM Z79.4 None"])
            None None"#]],
    );
    check(
        "PROCEDURE//ICD//10//0DTN0ZZ",
        &expect![[r"
            known Resection of Sigmoid Colon, Open Approach
            0DTN0ZZ < 0DTN0Z < 0DTN0 < 0DTN < 0DT
            None
            None None"]],
    );
}

#[test]
fn headers_are_told_from_codes() {
    check(
        "ICD10CM//E11",
        &expect![[r#"
            header Some("Type 2 diabetes mellitus")
            E08-E13 < E00-E89
            None
            None None"#]],
    );
    check(
        "ICD10CM//E08-E13",
        &expect![[r#"
            header Some("Diabetes mellitus")
            E00-E89
            None
            None None"#]],
    );
    check(
        "ICD9CM//250",
        &expect![[r"
            header None
            240-279
            None
            None None"]],
    );
}

#[test]
fn unknown_malformed_and_foreign_codes_are_told_apart() {
    check(
        "ICD10CM//E11.999",
        &expect![[r"
            unknown
            E11.99 < E11.9 < E11 < E08-E13 < E00-E89
            None
            None None"]],
    );
    check(
        "ICD10CM//diabetes",
        &expect![[r"
        malformed

        None
        None None"]],
    );
    check(
        "ICD10CM//",
        &expect![[r"
        malformed

        None
        None None"]],
    );
    check(
        "ICD10CM//Ä11.9",
        &expect![[r"
        malformed

        None
        None None"]],
    );
    check(
        "PROCEDURE//ICD//9//3893",
        &expect![[r"
        not held
    "]],
    );
    check(
        "LOINC//2160-0",
        &expect![[r"
        not held
    "]],
    );
}

#[test]
fn what_the_institution_supplies_stands_behind_the_classification() {
    let e11 = Code::new("ICD10CM", "E11.9");
    let supplied = |parent: &str| Entry {
        parents: vec![Code::new("PhecodeX", parent)],
        ..Entry::default()
    };
    let terminology = Terminology::shipped().with(
        [
            (e11.clone(), supplied("EM_202.2")),
            (Code::new("PhecodeX", "EM_202.2"), supplied("EM_202")),
            (Code::new("PhecodeX", "EM_202"), supplied("EM_202.2")),
        ],
        [Arc::from("PhecodeX")],
    );
    let lineage = terminology.lineage(&e11);
    let codes: Vec<_> = lineage.keys().map(|code| &*code.value).collect();
    expect!["E00-E89 E08-E13 E11 E11.9 EM_202 EM_202.2"].assert_eq(&codes.join(" "));
    let unknown = terminology.look_up(&Code::new("PhecodeX", "none"));
    assert_eq!(unknown, Standing::Unknown(Entry::default()));
}

proptest! {
    #[test]
    fn every_chain_ends(system in "ICD(9CM|10CM|10PCS|//9|//10)", value in ".{0,9}") {
        let code = Code::from_meds(&format!("{system}//{value}"));
        let above: Vec<_> = std::iter::successors(parent(&code), parent).take(20).collect();
        prop_assert!(above.len() < 16);
        prop_assert!(!above.contains(&code));
        let _standing = Terminology::shipped().look_up(&code);
    }
}

/// The whole lists: each code is known, described, and stands in a chapter.
#[test]
fn every_listed_code_has_its_place() {
    let terminology = Terminology::shipped();
    let mut headings = 0;
    for (table, system) in [
        (tables::icd10cm(), Held::Icd10Cm),
        (tables::icd9cm(), Held::Icd9Cm),
    ] {
        for number in 0..table.len() {
            let plain = table.line(number).next().unwrap();
            let code = Coded::new(system, plain).to_code();
            let Standing::Known(entry) = terminology.look_up(&code) else {
                panic!("{code} is not known");
            };
            assert!(entry.description.is_some(), "{code}");
            headings += usize::from(entry.is_header);
            let top = std::iter::successors(Some(code.clone()), parent).last();
            let top = top.and_then(|top| Coded::of(&top)).unwrap();
            let chapter = groups::find(system == Held::Icd10Cm, &top.plain);
            let chapter = chapter.unwrap_or_else(|| panic!("{code} ends at {top}"));
            assert!(chapter.is_chapter, "{code}");
        }
    }
    assert_eq!(headings, 23_418);
}
