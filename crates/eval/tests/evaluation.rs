//! A whole evaluation: planted shift, gaps and differences are found, absent ones are not, and no
//! small cell follows from a crossing.

#![expect(clippy::unwrap_used, reason = "a test may stop where it stands")]

use longitude_eval::survival::FollowUp;
use longitude_eval::{
    Evaluation, EvaluationInput, EvaluationOptions, Options, bootstrap, brier, evaluate,
};
use std::collections::BTreeMap;

/// Uniform numbers by a small linear congruential generator.
struct Draws(u64);

impl Draws {
    fn uniform(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

const ROWS: u32 = 2_000;

/// Rows whose risks are right, but in the later half where `later_blind`.
fn judged(seed: u64, later_blind: bool, groups: &[(String, Vec<String>)]) -> Evaluation {
    let mut draws = Draws(seed);
    let (mut labels, mut ours, mut theirs, mut days) = (vec![], vec![], vec![], vec![]);
    for row in 0..ROWS {
        let risk = draws.uniform().powi(2);
        let label = draws.uniform() < risk;
        let noise = draws.uniform();
        labels.push(label);
        let blind = later_blind && row >= ROWS / 2;
        ours.push(Some(if blind { noise } else { risk }));
        theirs.push(Some(0.5 * risk + 0.5 * noise));
        days.push(if label {
            365.0 * draws.uniform()
        } else {
            400.0
        });
    }
    let causes: Vec<u8> = labels.iter().map(|&label| u8::from(label)).collect();
    let subjects: Vec<u64> = (0..u64::from(ROWS)).map(|row| row / 2).collect();
    let times: Vec<f64> = (0..ROWS).map(f64::from).collect();
    let input = EvaluationInput {
        title: "test",
        subjects: &subjects,
        times: &times,
        labels: &labels,
        models: &[("ours".to_owned(), ours), ("theirs".to_owned(), theirs)],
        groups,
        followed: Some((
            FollowUp {
                times: &days,
                causes: &causes,
            },
            365.0,
        )),
        left_out: &BTreeMap::new(),
    };
    let options = EvaluationOptions {
        intervals: Options {
            seed: 1,
            resamples: 50,
        },
        thresholds: vec![0.3],
        sensitivity: 0.8,
        patient_days: Some(10_000.0),
        threads: 2,
    };
    evaluate(&input, &options).unwrap()
}

#[test]
fn differences_and_shift_are_found_where_they_are() {
    let sound = judged(1, false, &[]);
    assert!(
        sound.compared[0].p_holm.unwrap() < 1e-3,
        "{:?}",
        sound.compared
    );
    assert!(sound.compared[0].difference.unwrap() > 0.0);
    assert!(sound.compared.iter().all(|one| one.p_holm >= one.p));
    assert!(sound.shift[0].p_holm.unwrap() > 0.001, "{:?}", sound.shift);
    let broken = judged(1, true, &[]);
    let change = broken.shift[0].auroc.value.unwrap();
    assert!(change.difference < -0.2 && change.p < 1e-6, "{change:?}");
    assert!(broken.shift[0].stability.value().unwrap() > 0.25);
}

#[test]
fn without_censoring_the_followed_numbers_are_the_plain_ones() {
    let whole = judged(2, false, &[]);
    let metrics = &whole.task.models[0].metrics;
    let followed = whole.beyond.followed.unwrap();
    let same = |name: &str, plain: f64| {
        let value = followed.numbers[name].value().unwrap();
        assert!((value - plain).abs() < 1e-12, "{name} {value} {plain}");
    };
    same("auc", metrics.auroc.value().unwrap());
    same("brier", metrics.brier.value().unwrap());
    same(
        "observed_expected",
        metrics.observed_expected.value().unwrap(),
    );
    assert_eq!((followed.censored, followed.competing), (0, 0));
    let alerts = &whole.beyond.uses[0].numbers["alerts_per_patient_day"];
    assert!(alerts.value().unwrap() > 0.01);
    let lead = whole.beyond.uses[0]
        .lead_time
        .clone()
        .unwrap()
        .value
        .unwrap();
    assert!(lead.alerted <= lead.subjects && lead.median > 0.0 && lead.median <= 366.0);
    assert_eq!(whole.leakage[2].passed, Some(true));
    let coverage = whole.beyond.risk_coverage.value.clone().unwrap();
    assert!(coverage.curve[0].coverage * f64::from(ROWS) > 10.5);
    // A calibrated model is never worse than alerting everybody, chance aside.
    let curve = &whole.curves[0].decision_curve;
    assert!(curve.len() > 50 && curve.iter().all(|point| point.model > point.all - 0.02));
}

#[test]
fn a_small_crossing_hides_enough_others() {
    let sex = |row: u32| if row.is_multiple_of(2) { "f" } else { "m" };
    // Ten subjects of one sex at one site: twenty rows, a small cell all the same.
    let site = |row: u32| match row {
        0..20 if row.is_multiple_of(2) => "b",
        1_000..1_600 => "b",
        _ => "a",
    };
    let column = |of: &dyn Fn(u32) -> &'static str| (0..ROWS).map(|r| of(r).to_owned()).collect();
    let only_men = |row: u32| {
        if (1_000..1_600).contains(&row) {
            "m"
        } else {
            sex(row)
        }
    };
    let groups = [
        ("sex".to_owned(), column(&only_men)),
        ("site".to_owned(), column(&site)),
    ];
    let whole = judged(3, false, &groups);
    let crossed: Vec<_> = whole.task.models[0]
        .groups
        .iter()
        .filter(|group| group.dimension == "sex x site")
        .collect();
    assert_eq!(crossed.len(), 4);
    assert!(
        crossed.iter().all(|group| group.metrics.is_none()),
        "{crossed:?}"
    );
    assert!(whole.beyond.gaps["sex"].value.is_some());
    assert!(
        whole
            .shift
            .iter()
            .any(|part| part.part.starts_with("site b"))
    );
}

#[test]
fn the_general_bootstrap_agrees_with_the_one_by_weights() {
    let mut draws = Draws(9);
    let risks: Vec<f64> = (0..300).map(|_| draws.uniform()).collect();
    let labels: Vec<bool> = risks.iter().map(|&risk| draws.uniform() < risk).collect();
    let subjects: Vec<u64> = (0..300).map(|row| row / 3).collect();
    let options = Options {
        seed: 4,
        resamples: 100,
    };
    let [by_rows] = bootstrap(&subjects, &options, |rows| {
        let labels: Vec<bool> = rows.iter().map(|&row| labels[row]).collect();
        let risks: Vec<f64> = rows.iter().map(|&row| risks[row]).collect();
        [brier(&labels, &risks)]
    });
    let times = vec![0.0; 300];
    let input = EvaluationInput {
        title: "t",
        subjects: &subjects,
        times: &times,
        labels: &labels,
        models: &[(
            "m".to_owned(),
            risks.iter().map(|&risk| Some(risk)).collect(),
        )],
        groups: &[],
        followed: None,
        left_out: &BTreeMap::new(),
    };
    let options = EvaluationOptions {
        intervals: options,
        thresholds: Vec::new(),
        sensitivity: 0.5,
        patient_days: None,
        threads: 1,
    };
    let by_weights = evaluate(&input, &options).unwrap();
    let by_weights = by_weights.task.models[0].metrics.brier.estimate.unwrap();
    let by_rows = by_rows.estimate.unwrap();
    let close = |a: Option<f64>, b: Option<f64>| (a.unwrap() - b.unwrap()).abs() < 1e-12;
    assert!(close(by_rows.low, by_weights.low) && close(by_rows.high, by_weights.high));
}
