//! The grammar, and every unit of the table against an implementation that carries UCUM's own.

use super::*;
use proptest::prelude::*;

/// UCUM counts particles: this many in a mole (the CODATA 2018 value, which is exact).
const AVOGADRO: f64 = 6.022_140_76e23;

#[test]
fn every_unit_of_the_table_is_what_ucum_says() {
    let mut compared = 0;
    for (code, metric, meaning) in ATOMS {
        // The second implementation refuses to say how large an arbitrary unit is; it must know it.
        assert!(ucum::validate(code).is_ok(), "{code} is no UCUM");
        if matches!(meaning, Meaning::Arbitrary(_) | Meaning::Degree(..)) {
            continue;
        }
        for prefix in if *metric {
            &["", "k", "m", "u"][..]
        } else {
            &[""]
        } {
            let code = format!("{prefix}{code}");
            let ours = Unit::parse(&code).unwrap();
            let theirs = ucum::analyze(&code).unwrap();
            let particles: i32 = ours.dimension.0[Dimension::AMOUNT..]
                .iter()
                .map(|p| i32::from(*p))
                .sum();
            let size = ours.scale.0 * 10f64.powi(ours.scale.1) * AVOGADRO.powi(particles);
            assert!(
                (size / theirs.factor - 1.0).abs() < 1e-6,
                "{code}: {size} {}",
                theirs.factor
            );
            compared += 1;
        }
    }
    assert!(compared > 150, "{compared}");
}

#[test]
fn expressions_are_what_ucum_says() {
    for text in [
        "mg/dL",
        "10*3/uL",
        "kg/m2",
        "mL/min/kg",
        "meq/L",
        "U/L",
        "mm[Hg]",
        "cm[H2O]",
        "mg/(24.h)",
        "ug/kg/min",
        "/min",
        "g/(8.h)",
        "mosm/kg",
        "10*-3",
        "m/s2",
        "kg.m.s-2",
        "4.[pi]",
        "L/L",
        "dyn.s/(cm5.m2)",
    ] {
        let ours = Unit::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
        let theirs = ucum::analyze(text).unwrap();
        let particles: i32 = ours.dimension.0[Dimension::AMOUNT..]
            .iter()
            .map(|p| i32::from(*p))
            .sum();
        let size = ours.scale.0 * 10f64.powi(ours.scale.1) * AVOGADRO.powi(particles);
        assert!(
            (size / theirs.factor - 1.0).abs() < 1e-6,
            "{text}: {size} {}",
            theirs.factor
        );
    }
}

#[test]
fn faults_are_told_apart() {
    use UnitError::{Degree, Grammar, Unknown};
    for (text, expected) in [
        ("", Grammar),
        ("/", Grammar),
        ("mg//dL", Grammar),
        ("{", Grammar),
        ("mg/(dL", Grammar),
        ("mg dL", Grammar),
        ("m²", Grammar),
        ("0", Grammar),
        ("m0", Grammar),
        ("[in_i", Grammar),
        ("units", Unknown),
        ("bpm", Unknown),
        ("mgdl", Unknown),
        ("Mmin", Unknown),
        ("Cel/h", Degree),
        ("Cel2", Degree),
        ("/[degF]", Degree),
        ("((((((((((m))))))))))", Grammar),
    ] {
        assert_eq!(Unit::parse(text), Err(expected), "{text}");
    }
}

#[test]
fn what_must_stay_apart_stays_apart() {
    let unit = |text: &str| Unit::parse(text).unwrap();
    let same = |a: &str, b: &str| {
        let (a, b) = (unit(a), unit(b));
        (a.dimension, a.arbitrary, a.quantity) == (b.dimension, b.arbitrary, b.quantity)
    };
    assert!(same("[IU]/L", "m[iU]/mL"));
    assert!(same("10*3{cells}/uL", "10*9/L"));
    assert!(same("mL/min/{1.73_m2}", "mL/min/{1.73}"));
    for (a, b) in [
        ("[IU]/L", "U/L"),
        ("mmol/L", "meq/L"),
        ("mmol/L", "10*3/uL"),
        ("/[HPF]", "/[LPF]"),
        ("ng/mL{FEU}", "ng/mL{DDU}"),
        ("mL/min", "mL/min/{1.73_m2}"),
        ("mosm/kg", "mmol/kg"),
    ] {
        assert!(!same(a, b), "{a} {b}");
    }
    assert!(unit("{score}").is_dimensionless() && unit("%").is_dimensionless());
    assert!(!unit("mg").is_dimensionless());
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "[ -~µ°]{0,60}") {
        let _outcome = Unit::parse(&text);
    }

    #[test]
    fn what_is_read_here_is_ucum(text in r"(m|u|k)?(g|mol|L|m|s|U|\[IU\])(-?[1-3])?(/(d|u|m)?(L|g|s|m)){0,2}") {
        prop_assert!(Unit::parse(&text).is_ok() == ucum::validate(&text).is_ok(), "{}", text);
    }
}
