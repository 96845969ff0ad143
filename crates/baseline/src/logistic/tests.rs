//! The regression against scikit-learn's weights, and its treatment of what is missing.

use super::*;
use serde::Deserialize;
use std::path::Path;

#[derive(Deserialize)]
struct Case {
    rows: Vec<Vec<f64>>,
    labels: Vec<u8>,
    fits: Vec<Fit>,
}

#[derive(Deserialize)]
struct Fit {
    penalty: f64,
    weights: Vec<f64>,
    intercept: f64,
}

/// Zeros of counts and values that are not numbers are left out, as the extractor leaves them out.
fn rows(scales: &[Scale], rows: &[Vec<f64>]) -> Rows {
    let mut sparse = Rows::new(scales.to_vec());
    for row in rows {
        let numbered = (0_u32..).zip(row.iter().copied()).zip(scales);
        sparse.push(numbered.filter_map(|((column, value), scale)| {
            let absent = value.is_nan() || *scale == Scale::Count && value == 0.0;
            (!absent).then_some((column, value))
        }));
    }
    sparse
}

/// The rows, each of weight 1.
fn outcomes<'r>(rows: &'r Rows, labels: &'r [bool]) -> Outcomes<'r> {
    static ONES: [f64; 4096] = [1.0; 4096];
    Outcomes {
        rows,
        labels,
        weights: &ONES[..labels.len()],
    }
}

const SCALES: [Scale; 4] = [Scale::Count, Scale::Count, Scale::Value, Scale::Value];

#[test]
fn the_weights_agree_with_the_reference() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cases/baseline/logistic.json");
    let case: Case = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let labels: Vec<bool> = case.labels.iter().map(|&label| label == 1).collect();
    let rows = rows(&SCALES, &case.rows);
    let columns = columns(&rows);
    assert_eq!(
        columns.len(),
        4,
        "the columns of presence do not vary and are left out"
    );
    let design = Design::new(&rows, &columns);
    let train = outcomes(&rows, &labels);
    for fit in &case.fits {
        let mut at = start(&train, columns.len());
        fit_weights(&design, &train, fit.penalty, &mut at);
        let wanted = fit.weights.iter().chain([&fit.intercept]);
        for (got, wanted) in at.iter().zip(wanted) {
            assert!(
                (got - wanted).abs() < 1e-5,
                "{got} {wanted} at {}",
                fit.penalty
            );
        }
    }
}

#[test]
fn the_gradient_is_the_slope_of_the_loss() {
    let values = [
        [0.0, 2.0, 1.5, f64::NAN],
        [3.0, 0.0, f64::NAN, 0.2],
        [1.0, 1.0, 2.5, 0.4],
    ];
    let rows = rows(&SCALES, &values.map(Vec::from));
    let design = Design::new(&rows, &columns(&rows));
    let labels = [true, false, true];
    let at: Vec<f64> = (0..=design.centres.len())
        .map(|i| 0.1 * i as f64 - 0.2)
        .collect();
    let mut logits = vec![0.0; 3];
    design.logits(&at, &mut logits);
    let residual = |(&logit, &label): (&f64, &bool)| sigmoid(logit) - f64::from(u8::from(label));
    let residuals: Vec<f64> = logits.iter().zip(&labels).map(residual).collect();
    let mut gradient = vec![0.0; at.len()];
    design.gradient(&residuals, &mut gradient);
    for place in 0..at.len() {
        let moved = |by: f64| {
            let mut at = at.clone();
            at[place] += by;
            3.0 * mean_log_loss(&design, &outcomes(&rows, &labels), &at)
        };
        let slope = (moved(1e-6) - moved(-1e-6)) / 2e-6;
        assert!((slope - gradient[place]).abs() < 1e-6, "{place}: {slope}");
    }
}

#[test]
fn a_missing_value_is_the_mean_and_an_outlier_is_held() {
    let values: Vec<Vec<f64>> = (0..60).map(|i| vec![f64::from(i % 10)]).collect();
    let labels: Vec<bool> = (0..60).map(|i| i % 10 > 5 || i == 3).collect();
    let train = rows(&[Scale::Value], &values);
    let train = outcomes(&train, &labels);
    let fit = Logistic::fit(&train, &train);
    let ask = |value: f64| fit.predict(&rows(&[Scale::Value], &[vec![value]]))[0];
    assert!((ask(f64::NAN) - ask(4.5)).abs() < 1e-12);
    assert!(ask(9.0) > ask(0.0));
    assert!((ask(1e9) - ask(1e12)).abs() < 1e-12);
    assert!(ask(-1e300).is_finite());
}

/// A weight of 2 is a row twice.
#[test]
fn a_weight_is_a_repetition() {
    let values: Vec<Vec<f64>> = (0..40).map(|i| vec![f64::from(i % 8)]).collect();
    let labels: Vec<bool> = (0..40).map(|i| i % 8 > 4 || i % 7 == 0).collect();
    let train = rows(&[Scale::Value], &values);
    let weights: Vec<f64> = (0..40).map(|i| f64::from(1 + i % 2)).collect();
    let weighted = Outcomes {
        weights: &weights,
        ..outcomes(&train, &labels)
    };
    let twice = |i: &usize| 1 + i % 2;
    let repeated: Vec<usize> = (0..40).flat_map(|i| vec![i; twice(&i)]).collect();
    let more: Vec<Vec<f64>> = repeated.iter().map(|&i| values[i].clone()).collect();
    let more_labels: Vec<bool> = repeated.iter().map(|&i| labels[i]).collect();
    let more = rows(&[Scale::Value], &more);
    // The columns are standardised without weights, so both walk on the same design.
    let columns = columns(&train);
    let (design, more_design) = (Design::new(&train, &columns), Design::new(&more, &columns));
    let mut at = start(&weighted, columns.len());
    let mut again = start(&outcomes(&more, &more_labels), columns.len());
    fit_weights(&design, &weighted, 0.01, &mut at);
    fit_weights(
        &more_design,
        &outcomes(&more, &more_labels),
        0.01,
        &mut again,
    );
    for (a, b) in at.iter().zip(&again) {
        assert!((a - b).abs() < 1e-6, "{a} {b}");
    }
}
