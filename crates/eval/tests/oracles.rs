//! Every shared metric against the values in `cases/eval/oracles`: scikit-learn, scikit-survival,
//! lifelines, statsmodels, scipy and meds-evaluation, ties and one-class cases among them. Where no
//! program has the definition, the values are the definition's own double loop.

#![expect(clippy::unwrap_used, reason = "a test may stop where it stands")]

use longitude_eval::survival::{self, FollowUp};
use longitude_eval::values;
use longitude_eval::{
    Classes, CompatInput, Undefined, auroc_standard_error, benjamini_hochberg, benjamini_yekutieli,
    compare_auroc, holm, kolmogorov_smirnov, mcnemar, meds_compat, privacy, smooth_calibration,
};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

const TOLERANCE: f64 = 1e-9;

type Expected = BTreeMap<String, Value>;

fn read<T: serde::de::DeserializeOwned>(name: &str) -> T {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cases/eval/oracles");
    let text = std::fs::read_to_string(folder.join(name)).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[track_caller]
fn agree(case: &str, metric: &str, got: Result<f64, Undefined>, wanted: &Value) {
    let agree = match (got, wanted.as_f64()) {
        (Ok(got), Some(wanted)) => (got - wanted).abs() <= TOLERANCE * wanted.abs().max(1.0),
        (Err(_), None) => true,
        (Ok(_), None) | (Err(_), Some(_)) => false,
    };
    assert!(
        agree,
        "{case} {metric}: {got:?}, the reference has {wanted}"
    );
}

#[derive(Deserialize)]
struct Meds {
    subjects: Vec<i64>,
    labels: Vec<bool>,
    predicted: Option<Vec<bool>>,
    probabilities: Option<Vec<f32>>,
    samples: u32,
    seed: u32,
    expected: Value,
}

#[test]
fn meds_evaluation_is_reproduced() {
    let cases: Vec<Meds> = read("meds_evaluation.json");
    assert_eq!(cases.len(), 27);
    for (number, case) in cases.iter().enumerate() {
        let input = CompatInput {
            subjects: &case.subjects,
            labels: &case.labels,
            predicted: case.predicted.as_deref(),
            probabilities: case.probabilities.as_deref(),
        };
        let judged = meds_compat(&input, case.samples, case.seed);
        let blocks = [
            ("samples_equally_weighted", &judged.samples_equally_weighted),
            (
                "subjects_equally_weighted",
                &judged.subjects_equally_weighted,
            ),
        ];
        for (name, block) in blocks {
            let wanted = case.expected[name].as_object().unwrap();
            assert_eq!(wanted.len(), block.metrics.len(), "{number} {name}");
            for (metric, wanted) in wanted {
                let got = block.metrics[metric.as_str()].ok_or(Undefined::NoRows);
                agree(&format!("case {number} {name}"), metric, got, wanted);
            }
        }
    }
}

#[test]
fn one_class_is_null_with_a_reason_where_meds_evaluation_writes_nan() {
    let input = CompatInput {
        subjects: &[1, 1, 2],
        labels: &[false; 3],
        predicted: Some(&[false; 3]),
        probabilities: Some(&[0.1, 0.2, 0.3]),
    };
    let judged = meds_compat(&input, 4, 0);
    let text = serde_json::to_string(&judged).unwrap();
    assert!(text.contains("\"roc_auc_score\":null") && !text.contains("NaN"));
    let block = &judged.samples_equally_weighted;
    assert_eq!(block.undefined["roc_auc_score"], "no row has the outcome");
    assert!(block.undefined.contains_key("f1_score"));
    assert_eq!(block.metrics["binary_accuracy"], Some(1.0));
}

#[derive(Deserialize)]
struct Survival {
    name: String,
    competing: bool,
    times: Vec<f64>,
    causes: Vec<u8>,
    scores: Vec<f64>,
    horizons: Vec<f64>,
    risks: Vec<Vec<f64>>,
    expected: Expected,
}

/// A metric at a horizon by its place and time.
type AtHorizon<'a> = Box<dyn Fn(usize, f64) -> Result<f64, Undefined> + 'a>;

#[test]
fn survival_agrees_with_scikit_survival_lifelines_and_statsmodels() {
    let cases: Vec<Survival> = read("survival.json");
    assert_eq!(cases.len(), 10);
    for case in &cases {
        let followed = FollowUp {
            times: &case.times,
            causes: &case.causes,
        };
        let censoring = survival::censoring(&followed).unwrap();
        let alive = survival::kaplan_meier(&followed).unwrap();
        let incidence = survival::aalen_johansen(&followed, 1).unwrap();
        let by_horizon: [(&str, AtHorizon<'_>); 7] = [
            ("km", Box::new(|_, h| Ok(alive.at(h)))),
            ("km_variance", Box::new(|_, h| Ok(alive.variance_at(h)))),
            ("censoring", Box::new(|_, h| Ok(censoring.at(h)))),
            ("aj", Box::new(|_, h| Ok(incidence.at(h)))),
            ("aj_variance", Box::new(|_, h| Ok(incidence.variance_at(h)))),
            (
                "auc",
                Box::new(|_, h| survival::dynamic_auc(&followed, &case.scores, &censoring, h)),
            ),
            (
                "brier",
                Box::new(|k, h| survival::brier_censored(&followed, &case.risks[k], &censoring, h)),
            ),
        ];
        let name = format!("{} competing {}", case.name, case.competing);
        for (metric, got) in by_horizon {
            let Some(wanted) = case.expected.get(metric).and_then(Value::as_array) else {
                continue;
            };
            for (place, (&horizon, wanted)) in case.horizons.iter().zip(wanted).enumerate() {
                agree(&name, metric, got(place, horizon), wanted);
            }
        }
        let scores = &case.scores;
        let risks: Vec<&[f64]> = case.risks.iter().map(|risks| &risks[..]).collect();
        let single = [
            ("harrell", survival::concordance(&followed, scores)),
            (
                "uno",
                survival::concordance_ipcw(&followed, scores, &censoring, None),
            ),
            (
                "uno_until",
                survival::concordance_ipcw(&followed, scores, &censoring, Some(2.0)),
            ),
            (
                "ibs",
                survival::integrated_brier(&followed, &risks, &censoring, &case.horizons),
            ),
        ];
        for (metric, got) in single {
            if let Some(wanted) = case.expected.get(metric) {
                agree(&name, metric, got, wanted);
            }
        }
    }
}

#[derive(Deserialize)]
struct Multiclass {
    name: String,
    labels: Vec<usize>,
    probabilities: Vec<f64>,
    classes: usize,
    expected: Expected,
}

#[test]
fn several_classes_agree_with_scikit_learn() {
    for case in read::<Vec<Multiclass>>("multiclass.json") {
        let classes = Classes {
            labels: &case.labels,
            probabilities: &case.probabilities,
            classes: case.classes,
        };
        assert_eq!(classes.first_fault(), None);
        let got = [
            ("accuracy", classes.accuracy()),
            ("top_2", classes.top(2)),
            ("log_loss", classes.log_loss()),
            ("brier", classes.brier()),
            ("balanced", classes.balanced_accuracy()),
            ("macro_f1", classes.macro_f1()),
            ("ovr", classes.auroc_one_against_rest()),
            ("ovo", classes.auroc_one_against_one()),
            ("classwise_ece", classes.classwise_calibration_error()),
        ];
        for (metric, got) in got {
            agree(&case.name, metric, got, &case.expected[metric]);
        }
        let confusion: Vec<u64> =
            serde_json::from_value(case.expected["confusion"].clone()).unwrap();
        assert_eq!(classes.confusion(), confusion);
    }
}

#[derive(Deserialize)]
struct Values {
    observed: Vec<f64>,
    predicted: Vec<f64>,
    low: Vec<f64>,
    high: Vec<f64>,
    samples: Vec<Vec<f64>>,
    expected: Expected,
}

#[test]
fn values_agree_with_scikit_learn_and_scipy() {
    let case: Values = read("values.json");
    let (y, p) = (&case.observed[..], &case.predicted[..]);
    let coverage = values::coverage(y, &case.low, &case.high, 0.9).unwrap();
    let round = |values: &[f64]| {
        values
            .iter()
            .map(|v| v.round_ties_even())
            .collect::<Vec<_>>()
    };
    let got = [
        ("mae", values::mean_absolute_error(y, p)),
        ("rmse", values::root_mean_squared_error(y, p)),
        ("bias", values::mean_error(y, p)),
        ("r2", values::r_squared(y, p)),
        ("spearman", values::rank_correlation(&round(y), &round(p))),
        ("pinball", values::pinball(y, &case.low, 0.1)),
        ("crps", values::crps(y, &case.samples)),
        ("coverage", Ok(coverage.coverage)),
        ("width", Ok(coverage.width)),
        ("interval_score", Ok(coverage.score)),
    ];
    for (metric, got) in got {
        agree("values", metric, got, &case.expected[metric]);
    }
}

#[derive(Deserialize)]
struct Smooth {
    name: String,
    labels: Vec<bool>,
    risks: Vec<f64>,
    expected: Expected,
}

#[test]
fn smooth_calibration_agrees_with_statsmodels_lowess() {
    for case in read::<Vec<Smooth>>("smooth.json") {
        let smooth = smooth_calibration(&case.labels, &case.risks).unwrap();
        let got = [
            ("ici", smooth.ici),
            ("e50", smooth.e50),
            ("e90", smooth.e90),
            ("e_max", smooth.e_max),
        ];
        for (metric, got) in got {
            agree(&case.name, metric, Ok(got), &case.expected[metric]);
        }
    }
}

#[derive(Deserialize)]
struct Compared {
    pairs: Vec<Pair>,
    p: Vec<f64>,
    corrected: BTreeMap<String, Vec<f64>>,
}

#[derive(Deserialize)]
struct Pair {
    name: String,
    labels: Vec<bool>,
    first: Vec<f64>,
    second: Vec<f64>,
    subjects: Vec<u64>,
    expected: Expected,
}

#[test]
fn comparisons_agree_with_statsmodels_scipy_and_pairwise_sums() {
    let case: Compared = read("compare.json");
    for pair in &case.pairs {
        let (labels, a, b) = (&pair.labels, &pair.first, &pair.second);
        let test = compare_auroc(labels, a, b, &pair.subjects).unwrap();
        let above = |risks: &[f64]| risks.iter().map(|&r| r > 0.5).collect::<Vec<bool>>();
        let side = |wanted: bool| -> Vec<f64> {
            let rows = labels.iter().zip(a).filter(|(l, _)| **l == wanted);
            rows.map(|(_, &risk)| risk).collect()
        };
        let got = [
            ("difference", Ok(test.difference)),
            ("standard_error", Ok(test.standard_error)),
            ("p", Ok(test.p)),
            (
                "auroc_error",
                auroc_standard_error(labels, a, &pair.subjects),
            ),
            (
                "mcnemar",
                mcnemar(labels, &above(a), &above(b)).map(|test| test.p),
            ),
            (
                "mann_whitney",
                privacy::mann_whitney(&side(true), &side(false)),
            ),
            ("ks", kolmogorov_smirnov(a, b)),
        ];
        for (metric, got) in got {
            agree(&pair.name, metric, got, &pair.expected[metric]);
        }
    }
    let corrected = [
        ("holm", holm(&case.p)),
        ("fdr_bh", benjamini_hochberg(&case.p)),
        ("fdr_by", benjamini_yekutieli(&case.p)),
    ];
    for (method, got) in corrected {
        for (got, wanted) in got.iter().zip(&case.corrected[method]) {
            assert!((got - wanted).abs() < 1e-12, "{method}: {got} {wanted}");
        }
    }
}
