//! The shipped table, and conversions against factors that laboratories print.

use super::*;
use std::collections::BTreeSet;

fn named(name: &str) -> &'static Analyte {
    Analytes::shipped().named(name).unwrap()
}

#[test]
fn the_shipped_table_is_whole() {
    let table = Analytes::default()
        .extended(include_str!("../../data/analytes.toml"))
        .unwrap();
    assert_eq!(&table, Analytes::shipped());
    assert!(table.list().len() > 100, "{}", table.list().len());
    let names: BTreeSet<_> = table.list().iter().map(|a| &a.name).collect();
    assert_eq!(names.len(), table.list().len());
    let codes: Vec<Code> = table.list().iter().flat_map(Analyte::every_code).collect();
    assert_eq!(
        codes.iter().collect::<BTreeSet<_>>().len(),
        codes.len(),
        "a code stands twice"
    );
}

#[test]
fn conversions_are_those_that_laboratories_print() {
    // Conventional to SI as the AMA Manual of Style tabulates them, to the digits printed there.
    for (name, si, factor) in [
        ("creatinine", "umol/L", 88.4),
        ("glucose", "mmol/L", 0.0555),
        ("cholesterol", "mmol/L", 0.0259),
        ("triglycerides", "mmol/L", 0.0113),
        ("urea nitrogen", "mmol/L", 0.357),
        ("calcium", "mmol/L", 0.25),
        ("magnesium", "mmol/L", 0.411),
        ("magnesium", "meq/L", 0.823),
        ("phosphate", "mmol/L", 0.323),
        ("bilirubin, total", "umol/L", 17.104),
        ("uric acid", "umol/L", 59.48),
        ("hemoglobin", "mmol/L", 0.6206),
        ("iron", "umol/L", 0.179),
        ("cobalamin", "pmol/L", 0.7378),
        ("folate", "nmol/L", 2.266),
        ("25-hydroxyvitamin D", "nmol/L", 2.496),
        ("thyroxine, free", "pmol/L", 12.87),
        ("cortisol", "nmol/L", 27.588),
        ("digoxin", "nmol/L", 1.281),
        ("natriuretic peptide B", "pmol/L", 0.289),
        ("natriuretic peptide B, N-terminal", "pmol/L", 0.118),
        ("parathyrin", "pmol/L", 0.1061),
        ("testosterone", "nmol/L", 0.0347),
        ("lead", "umol/L", 0.0483),
        ("sodium", "meq/L", 1.0),
        ("leukocytes", "10*9/L", 1.0),
        ("hematocrit", "L/L", 0.01),
        ("alanine aminotransferase", "ukat/L", 0.016_667),
        ("oxygen pressure", "kPa", 0.1333),
        ("body weight", "[lb_av]", 2.2046),
        ("body height", "[in_i]", 0.3937),
        ("albumin to creatinine in urine", "mg/mmol", 0.1131),
    ] {
        let analyte = named(name);
        let back = analyte
            .conversion(si)
            .unwrap_or_else(|e| panic!("{name} {si}: {e}"));
        assert!(
            (1.0 / back.factor() / factor - 1.0).abs() < 6e-3,
            "{name}: {back}"
        );
        let there = analyte.conversion_between(&analyte.unit, si).unwrap();
        let value = there.apply(back.apply(7.3));
        assert!((value - 7.3).abs() < 1e-9, "{name}: {value}");
    }
}

#[test]
fn the_88_fold_creatinine_is_converted_once() {
    let creatinine = Analytes::shipped()
        .of(&Code::new("LOINC", "14682-9"))
        .unwrap();
    let conversion = creatinine.conversion("µmol/L").unwrap();
    assert_eq!(
        conversion.to_string(),
        "umol/L -> mg/dL: * 113.12 / 10000 (113.12 g/mol)"
    );
    assert_eq!(conversion.apply(88.4).to_string(), "0.9999808");
}

#[test]
fn temperatures_keep_their_zero() {
    let temperature = named("body temperature");
    for (unit, value, celsius) in [("F", 98.6, "37"), ("°F", -40.0, "-40"), ("K", 310.15, "37")] {
        assert_eq!(
            temperature
                .conversion(unit)
                .unwrap()
                .apply(value)
                .to_string(),
            celsius,
            "{unit}"
        );
    }
    assert!(temperature.conversion("Cel").unwrap().is_identity());
}

#[test]
fn published_lines_and_names_of_the_same_unit() {
    let a1c = named("hemoglobin A1c").conversion("mmol/mol").unwrap();
    assert!((a1c.apply(53.0) - 7.0).abs() < 0.01);
    let enzyme = named("alanine aminotransferase")
        .conversion("IU/L")
        .unwrap();
    assert!(enzyme.is_identity());
    assert_eq!(
        enzyme.to_string(),
        "[IU]/L -> U/L: the same number (written so for this analyte)"
    );
}

#[test]
fn what_does_not_convert_is_refused() {
    for (name, unit, refusal) in [
        ("creatinine", "mmol/mol", Refusal::Incommensurable),
        ("thyrotropin", "U/L", Refusal::Arbitrary),
        ("D-dimer, FEU", "ng/mL{DDU}", Refusal::Arbitrary),
        ("filtration rate, estimated", "mL/min", Refusal::Arbitrary),
        ("C reactive protein", "nmol/L", Refusal::NoMolarMass),
        ("phosphate", "meq/L", Refusal::NoValence),
        ("leukocytes", "mmol/L", Refusal::Incommensurable),
        ("sodium", "units", Refusal::Unit(crate::UnitError::Unknown)),
    ] {
        assert_eq!(
            named(name).conversion(unit).unwrap_err(),
            refusal,
            "{name} {unit}"
        );
    }
}

#[test]
fn codes_with_modifiers_find_their_analyte() {
    let table = Analytes::shipped();
    for joined in [
        "LAB//50912//mg/dL",
        "mimic-d-labitems//50912",
        "LOINC//2160-0",
    ] {
        let found = table.of(&Code::from_meds(joined)).map(|a| a.name.as_str());
        assert_eq!(found, Some("creatinine"), "{joined}");
    }
    for joined in [
        "LOINC//9999-9",
        "2160-0",
        "MEDS_BIRTH",
        "LAB//509120//mg/dL",
    ] {
        assert!(table.of(&Code::from_meds(joined)).is_none(), "{joined}");
    }
}

#[test]
fn a_site_extends_the_table() {
    let own = r#"analyte = [
      { name = "creatinine", unit = "umol/L", molar_mass = 113.12, limits = [0, 7000], codes = ["HOUSE//CREA"] },
      { name = "house score", unit = "{score}", limits = [0, 5], codes = ["HOUSE//S"] },
    ]"#;
    let table = Analytes::shipped().extended(own).unwrap();
    let found = |code: &str| table.of(&Code::from_meds(code)).map(|a| a.unit.as_str());
    assert_eq!(found("HOUSE//CREA"), Some("umol/L"));
    assert_eq!(found("LOINC//2160-0"), Some("umol/L"));
    assert_eq!(found("HOUSE//S"), Some("{score}"));
    for fault in [
        r#"analyte = [{ name = "x", unit = "blobs", limits = [0, 1] }]"#,
        r#"analyte = [{ name = "x", unit = "mg", limits = [2, 1] }]"#,
        r#"analyte = [{ name = "x", unit = "mg", limits = [0, 1], usual = [1, 3] }]"#,
        r#"analyte = [{ name = "x", unit = "mg", limits = [0, 1], molar_mass = 0 }]"#,
        r#"analyte = [{ name = "x", unit = "mg", limits = [0, 1], colour = "red" }]"#,
        "analyte = 3",
    ] {
        assert!(table.extended(fault).is_err(), "{fault}");
    }
}

#[test]
fn impossible_values_are_flagged() {
    let potassium = named("potassium");
    assert_eq!(potassium.implausible(4.1), None);
    assert_eq!(potassium.implausible(-1.0), Some(Implausible::Low));
    assert_eq!(potassium.implausible(140.0), Some(Implausible::High));
    assert_eq!(
        potassium.implausible(f64::NAN),
        Some(Implausible::NotFinite)
    );
}
