//! The metrics against scikit-learn's and statsmodels' values in `cases/eval`, and against a
//! second implementation that counts pairs.

#![expect(clippy::unwrap_used, reason = "a test may stop where it stands")]

use longitude_eval::{
    Undefined, auroc, average_precision, brier, calibration_in_the_large,
    expected_calibration_error, log_loss, observed_expected, recalibrate, roc,
};
use proptest::prelude::*;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

#[derive(Deserialize)]
struct Case {
    labels: Vec<u8>,
    risks: Vec<f64>,
    expected: BTreeMap<String, Option<serde_json::Value>>,
}

fn cases() -> Vec<(String, Case)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cases/eval");
    let mut cases = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|end| end == "json") {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            let text = std::fs::read_to_string(&path).unwrap();
            cases.push((name, serde_json::from_str(&text).unwrap()));
        }
    }
    cases.sort_by(|a: &(String, Case), b| a.0.cmp(&b.0));
    cases
}

fn close(got: f64, wanted: f64, tolerance: f64) -> bool {
    (got - wanted).abs() <= tolerance * wanted.abs().max(1.0)
}

#[test]
fn the_metrics_agree_with_the_reference() {
    let cases = cases();
    assert!(cases.len() >= 13, "{} cases", cases.len());
    for (name, case) in cases {
        let labels: Vec<bool> = case.labels.iter().map(|&l| l == 1).collect();
        let (labels, risks) = (&labels[..], &case.risks[..]);
        let fit = recalibrate(labels, risks);
        let values: [(&str, Result<f64, Undefined>, f64); 9] = [
            ("auroc", auroc(labels, risks), 1e-9),
            ("auprc", average_precision(labels, risks), 1e-9),
            ("brier", brier(labels, risks), 1e-9),
            ("log_loss", log_loss(labels, risks), 1e-9),
            ("ece", expected_calibration_error(labels, risks), 1e-9),
            ("observed_expected", observed_expected(labels, risks), 1e-9),
            (
                "calibration_intercept",
                calibration_in_the_large(labels, risks),
                1e-6,
            ),
            ("calibration_slope", fit.map(|fit| fit.slope), 1e-6),
            (
                "calibration_intercept_joint",
                fit.map(|fit| fit.intercept),
                1e-6,
            ),
        ];
        for (metric, got, tolerance) in values {
            let wanted = case.expected[metric].as_ref().map(|v| v.as_f64().unwrap());
            let agree = match (got, wanted) {
                (Ok(got), Some(wanted)) => close(got, wanted, tolerance),
                (Err(_), None) => true,
                (Ok(_), None) | (Err(_), Some(_)) => false,
            };
            assert!(
                agree,
                "{name} {metric}: {got:?}, the reference has {wanted:?}"
            );
        }
    }
}

#[test]
fn the_thinned_roc_lies_on_the_reference_roc() {
    let mut points = 0;
    for (name, case) in cases() {
        let labels: Vec<bool> = case.labels.iter().map(|&l| l == 1).collect();
        let Some(curve) = &case.expected["roc"] else {
            assert!(roc(&labels, &case.risks).is_empty());
            continue;
        };
        let curve: Vec<(f64, f64)> = serde_json::from_value(curve.clone()).unwrap();
        for point in roc(&labels, &case.risks) {
            let on = |&(x, y): &(f64, f64)| close(point.x, x, 1e-12) && close(point.y, y, 1e-12);
            assert!(curve.iter().any(on), "{name}: ({}, {})", point.x, point.y);
            points += 1;
        }
    }
    assert!(points > 50, "{points}");
}

/// AUROC by its definition: every pair, one at a time.
fn auroc_by_pairs(labels: &[bool], scores: &[f64]) -> Option<f64> {
    let (mut won, mut pairs) = (0.0, 0.0);
    for (&a, &with) in labels.iter().zip(scores) {
        for (&b, &without) in labels.iter().zip(scores) {
            if a && !b {
                pairs += 1.0;
                won += match with.total_cmp(&without) {
                    std::cmp::Ordering::Greater => 1.0,
                    std::cmp::Ordering::Equal => 0.5,
                    std::cmp::Ordering::Less => 0.0,
                };
            }
        }
    }
    (pairs > 0.0).then(|| won / pairs)
}

/// Average precision by its definition: for each row with the outcome, the precision among the
/// rows scored no lower.
fn precision_by_rows(labels: &[bool], scores: &[f64]) -> f64 {
    let at = |score: f64| {
        let above = labels.iter().zip(scores).filter(|&(_, &s)| s >= score);
        let (hits, all) = above.fold((0.0, 0.0), |(hits, all), (&l, _)| {
            (hits + f64::from(u8::from(l)), all + 1.0)
        });
        hits / all
    };
    let with: Vec<f64> = labels
        .iter()
        .zip(scores)
        .filter(|(l, _)| **l)
        .map(|(_, &s)| s)
        .collect();
    with.iter().map(|&score| at(score)).sum::<f64>() / with.len() as f64
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn two_implementations_agree(
        rows in prop::collection::vec((any::<bool>(), 0_u8..12), 0..60),
    ) {
        let labels: Vec<bool> = rows.iter().map(|row| row.0).collect();
        let scores: Vec<f64> = rows.iter().map(|row| f64::from(row.1) / 7.0).collect();
        match (auroc(&labels, &scores), auroc_by_pairs(&labels, &scores)) {
            (Ok(fast), Some(slow)) => {
                prop_assert!((fast - slow).abs() < 1e-12);
                let precision = average_precision(&labels, &scores).unwrap();
                prop_assert!((precision - precision_by_rows(&labels, &scores)).abs() < 1e-12);
            }
            (Err(_), None) => {}
            (fast, slow) => prop_assert!(false, "{:?} {:?}", fast, slow),
        }
    }

    #[test]
    fn ranking_knows_only_the_order(
        rows in prop::collection::vec((any::<bool>(), -5.0_f64..5.0), 2..60),
    ) {
        let labels: Vec<bool> = rows.iter().map(|row| row.0).collect();
        let scores: Vec<f64> = rows.iter().map(|row| row.1).collect();
        let turned: Vec<f64> = scores.iter().map(|score| -score).collect();
        let stretched: Vec<f64> = scores.iter().map(|score| score * 8.0).collect();
        prop_assert_eq!(auroc(&labels, &scores), auroc(&labels, &stretched));
        if let (Ok(a), Ok(b)) = (auroc(&labels, &scores), auroc(&labels, &turned)) {
            prop_assert!((a + b - 1.0).abs() < 1e-12);
        }
    }
}
