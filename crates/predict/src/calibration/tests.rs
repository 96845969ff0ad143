//! Calibration against an independent reference and against its own promises.

use super::*;
use proptest::prelude::*;

#[derive(Deserialize)]
struct Golden {
    estimates: Vec<f64>,
    labels: Vec<bool>,
    intercept: f64,
    slope: f64,
}

fn golden() -> Vec<Golden> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../cases/predict/calibration.json"
    );
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn options() -> CalibrationOptions {
    CalibrationOptions::research(11)
}

/// Subjects whose true risk is the square of the estimate.
fn subjects(n: u32) -> (Vec<f64>, Vec<bool>) {
    (0..n)
        .map(|i| {
            let estimate = rng::unit(5, i, 0);
            (estimate, rng::unit(5, i, 1) < estimate * estimate)
        })
        .unzip()
}

#[test]
fn the_optimum_is_the_one_of_an_independent_solver() {
    let cases = golden();
    assert!(cases.len() >= 4);
    for case in cases {
        let points: Vec<_> = case.estimates.into_iter().zip(case.labels).collect();
        let fitted = Logistic::fit(&points);
        assert!(
            (fitted.intercept - case.intercept).abs() < 2e-5,
            "{fitted:?}"
        );
        assert!((fitted.slope - case.slope).abs() < 2e-5, "{fitted:?}");
    }
}

#[test]
fn too_few_events_leave_the_estimate_as_it_is() {
    let mut labels = vec![false; 100];
    labels[..7].fill(true);
    let fitted = Calibration::fit(&[0.2; 100], &labels, &options());
    assert!(!fitted.calibrated);
    assert_eq!(
        fitted.refusal,
        Some(Refusal::TooFewEvents {
            positives: 7,
            negatives: 93,
            required: 8
        })
    );
    let applied = fitted.apply(0.37);
    assert_eq!((applied.risk.get(), applied.interval), (0.37, None));
    assert!(!applied.calibrated);
    let broken = Calibration::fit(
        &[f64::NAN; 20],
        &[[true; 10], [false; 10]].concat(),
        &options(),
    );
    assert_eq!(broken.refusal, Some(Refusal::EstimateOutOfRange));
}

#[test]
fn a_wrong_map_is_put_right() {
    let (estimates, labels) = subjects(4000);
    for method in [Method::Logistic, Method::Isotonic] {
        let fitted = Calibration::fit(
            &estimates,
            &labels,
            &CalibrationOptions {
                method,
                ..options()
            },
        );
        assert!(fitted.calibrated);
        let isotonic = matches!(fitted.map, Map::Isotonic(_));
        assert_eq!(isotonic, method == Method::Isotonic);
        for estimate in [0.2, 0.5, 0.8] {
            let truth = estimate * estimate;
            let applied = fitted.apply(estimate);
            let risk = applied.risk.get();
            assert!((risk - truth).abs() < 0.06, "{method:?} {estimate} {risk}");
            let interval = applied.interval.unwrap();
            assert!(interval.low <= applied.risk && applied.risk <= interval.high);
            assert!(interval.high.get() - interval.low.get() < 0.2);
        }
    }
}

#[test]
fn isotonic_asked_for_with_few_events_is_logistic() {
    let (estimates, labels) = subjects(150);
    let asked = CalibrationOptions {
        method: Method::Isotonic,
        ..options()
    };
    let fitted = Calibration::fit(&estimates, &labels, &asked);
    assert!(fitted.calibrated && fitted.positives < 100);
    assert!(matches!(fitted.map, Map::Logistic(_)));
}

#[test]
fn a_ranking_is_never_turned_round() {
    let estimates: Vec<f64> = (0..200).map(|i| f64::from(i) / 200.0).collect();
    let labels: Vec<bool> = (0..200).map(|i| i < 60).collect();
    let fitted = Calibration::fit(&estimates, &labels, &options());
    let (low, high) = (fitted.risk(0.1), fitted.risk(0.9));
    assert!(low <= high, "{low} {high}");
    assert!((fitted.risk(0.5) - 0.3).abs() < 0.05);
}

#[test]
fn a_stored_calibration_answers_the_same_bytes() {
    let (estimates, labels) = subjects(500);
    for method in [Method::Logistic, Method::Isotonic] {
        let fitted = Calibration::fit(
            &estimates,
            &labels,
            &CalibrationOptions {
                method,
                ..options()
            },
        );
        assert_eq!(fitted.resamples.len(), 200);
        let json = serde_json::to_string(&fitted).unwrap();
        let stored: Calibration = serde_json::from_str(&json).unwrap();
        assert_eq!(stored, fitted);
        assert_eq!(stored.apply(0.123), fitted.apply(0.123));
        assert_eq!(
            fitted,
            Calibration::fit(
                &estimates,
                &labels,
                &CalibrationOptions {
                    method,
                    ..options()
                }
            )
        );
    }
}

#[test]
fn the_interval_narrows_with_more_subjects() {
    let width = |n| {
        let (estimates, labels) = subjects(n);
        let interval = Calibration::fit(&estimates, &labels, &options())
            .apply(0.5)
            .interval
            .unwrap();
        interval.high.get() - interval.low.get()
    };
    assert!(
        width(4000) < 0.6 * width(400),
        "{} {}",
        width(4000),
        width(400)
    );
}

proptest! {
    #[test]
    fn a_map_is_monotone_and_inside(
        points in proptest::collection::vec((0.0_f64..=1.0, any::<bool>()), 1..60),
        at in proptest::collection::vec(0.0_f64..1.2, 2..10),
    ) {
        let maps = [
            Map::Isotonic(Isotonic::fit(points.clone())),
            Map::Logistic(Logistic::fit(&points)),
        ];
        let mut at = at;
        at.sort_by(f64::total_cmp);
        for map in maps {
            let risks: Vec<f64> = at.iter().map(|e| map.apply(*e)).collect();
            prop_assert!(risks.iter().all(|r| (0.0..=1.0).contains(r)));
            prop_assert!(risks.windows(2).all(|w| w[0] <= w[1] + 1e-12));
        }
    }
}
