//! A map that is right passes and is used; one that does not carry over, or has too few events, is
//! not.

use super::*;

/// Pairs with risks spread over a tenth, of which `rate(risk, judges)` come.
fn pairs(count: u32, rate: impl Fn(f64, bool) -> f64) -> Vec<Pair> {
    let pair = |n: u32| {
        let risk = 0.1 * crate::rng::unit(5, n, 0);
        let judges = n.is_multiple_of(2);
        Pair {
            risk,
            came: crate::rng::unit(5, n, 1) < rate(risk, judges),
            judges,
        }
    };
    (0..count).map(pair).collect()
}

fn of(pairs: &[Pair]) -> (bool, ItemCalibration) {
    let found = cell(Kind::Diagnosis, Days(30.0), pairs);
    (found.calibrated, ItemCalibration { cells: vec![found] })
}

#[test]
fn a_level_that_is_off_is_set_right() {
    let (calibrated, maps) = of(&pairs(40_000, |risk, _| 0.5 * risk));
    assert!(calibrated, "{:?}", maps.cells()[0].observed_expected);
    let risk = maps.apply(Kind::Diagnosis, Days(30.0), 0.08).unwrap();
    assert!((risk - 0.04).abs() < 0.008, "{risk}");
    assert_eq!(maps.apply(Kind::Diagnosis, Days(31.0), 0.08), None);
    assert_eq!(maps.apply(Kind::Drug, Days(30.0), 0.08), None);
}

#[test]
fn what_does_not_carry_over_or_is_too_rare_is_not_used() {
    let apart = |risk: f64, judges| if judges { 2.0 * risk } else { 0.5 * risk };
    let (calibrated, maps) = of(&pairs(40_000, apart));
    assert!(!calibrated);
    assert_eq!(maps.apply(Kind::Diagnosis, Days(30.0), 0.08), None);
    let (calibrated, _) = of(&pairs(2_000, |risk, _| 0.5 * risk));
    assert!(!calibrated, "some twenty-five events judge nothing");
    // No group with one to ten events tells how many.
    let (_, few) = of(&pairs(2_000, |risk, _| risk));
    let told = few.cells()[0].observed_expected.iter().flatten().count();
    assert!(told < GROUPS);
    let text = serde_json::to_string(&maps).unwrap();
    assert_eq!(
        serde_json::from_str::<ItemCalibration>(&text).unwrap(),
        maps
    );
}
