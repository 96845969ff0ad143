//! The task builder: intervals that cover, subjects that stay together, small groups that are not
//! shown, models that abstain.

#![expect(clippy::panic, reason = "a test may stop where it stands")]

use expect_test::expect;
use longitude_eval::{
    CELL_MIN, Error, Estimate, Metric, Options, TaskInput, TaskReport, auroc, task_report,
};
use std::collections::BTreeMap;
use std::fmt::Write;

/// A small linear congruential generator, independent of the crate's own.
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

#[derive(Default)]
struct Rows {
    clusters: Vec<u64>,
    labels: Vec<bool>,
    groups: Vec<(String, Vec<String>)>,
    models: Vec<(String, Vec<Option<f64>>)>,
    truth: Vec<f64>,
}

impl Rows {
    /// Subjects with a true risk, a good model with noise on it and a model that ignores it.
    fn draw(count: u64, seed: u64) -> Self {
        let mut draws = Draws(seed);
        let mut rows = Self::default();
        let (mut good, mut poor, mut sex) = (Vec::new(), Vec::new(), Vec::new());
        for subject in 0..count {
            let logit = -1.5 + 3.0 * (draws.uniform() - 0.5) + 3.0 * (draws.uniform() - 0.5);
            let risk = 1.0 / (1.0 + f64::exp(-logit));
            let noisy = 1.0 / (1.0 + f64::exp(-(logit + draws.uniform() - 0.5)));
            rows.clusters.push(subject * 7 + 3);
            rows.labels.push(draws.uniform() < risk);
            rows.truth.push(risk);
            good.push(Some(noisy));
            poor.push(Some(0.1 + 0.2 * draws.uniform()));
            sex.push(
                if draws.uniform() < 0.5 {
                    "female"
                } else {
                    "male"
                }
                .to_owned(),
            );
        }
        rows.models = vec![("longitude".into(), good), ("age_sex".into(), poor)];
        rows.groups = vec![("sex".into(), sex)];
        rows
    }

    fn report(&self, resamples: u32) -> Result<TaskReport, Error> {
        let input = TaskInput {
            id: "death_365",
            title: "Death within a year",
            horizon_days: 365.0,
            clusters: &self.clusters,
            labels: &self.labels,
            groups: &self.groups,
            models: &self.models,
            truth: (!self.truth.is_empty()).then_some(&self.truth),
            left_out: BTreeMap::from([("censored".to_owned(), 4)]),
        };
        task_report(&input, &Options { seed: 5, resamples })
    }
}

fn bounds(metric: &Metric) -> (f64, f64, f64) {
    match metric.estimate {
        Some(Estimate {
            value,
            low: Some(low),
            high: Some(high),
        }) => (low, value, high),
        _ => panic!("no interval: {:?}", metric.reason),
    }
}

#[test]
fn the_same_input_gives_the_same_bytes_and_they_read_back() {
    let rows = Rows::draw(300, 1);
    let report = rows.report(200).unwrap();
    let text = serde_json::to_string(&report).unwrap();
    assert_eq!(
        text,
        serde_json::to_string(&rows.report(200).unwrap()).unwrap()
    );
    assert!(!text.contains("NaN"));
    let back: TaskReport = serde_json::from_str(&text).unwrap();
    assert_eq!(back.models.len(), 3);
    let names: Vec<_> = report
        .models
        .iter()
        .map(|model| model.name.as_str())
        .collect();
    assert_eq!(names, ["longitude", "age_sex", "truth"]);
}

#[test]
fn a_report_reads_as_expected() {
    let report = Rows::draw(400, 9).report(200).unwrap();
    let mut lines = format!("{} of {}\n", report.positives, report.n);
    for model in &report.models {
        for (name, metric) in model.metrics.named() {
            let (low, value, high) = bounds(metric);
            let model = &model.name;
            writeln!(lines, "{model} {name} {value:.3} ({low:.3} to {high:.3})").unwrap();
        }
    }
    expect![[r"
        94 of 400
        longitude auroc 0.771 (0.719 to 0.821)
        longitude auprc 0.530 (0.426 to 0.625)
        longitude brier 0.148 (0.127 to 0.168)
        longitude log_loss 0.458 (0.399 to 0.509)
        longitude calibration_slope 0.914 (0.683 to 1.227)
        longitude calibration_intercept 0.012 (-0.275 to 0.235)
        longitude calibration_intercept_joint -0.068 (-0.373 to 0.290)
        longitude ece 0.029 (0.026 to 0.078)
        longitude observed_expected 1.007 (0.840 to 1.146)
        age_sex auroc 0.441 (0.372 to 0.507)
        age_sex auprc 0.212 (0.172 to 0.273)
        age_sex brier 0.189 (0.161 to 0.219)
        age_sex log_loss 0.580 (0.510 to 0.651)
        age_sex calibration_slope -0.567 (-1.156 to 0.055)
        age_sex calibration_intercept 0.248 (-0.014 to 0.505)
        age_sex calibration_intercept_joint -2.026 (-2.971 to -1.192)
        age_sex ece 0.086 (0.049 to 0.125)
        age_sex observed_expected 1.209 (0.989 to 1.457)
        truth auroc 0.793 (0.741 to 0.842)
        truth auprc 0.536 (0.446 to 0.631)
        truth brier 0.143 (0.122 to 0.162)
        truth log_loss 0.443 (0.387 to 0.493)
        truth calibration_slope 1.037 (0.801 to 1.347)
        truth calibration_intercept 0.030 (-0.244 to 0.248)
        truth calibration_intercept_joint 0.064 (-0.276 to 0.439)
        truth ece 0.027 (0.027 to 0.077)
        truth observed_expected 1.019 (0.856 to 1.160)
    "]]
    .assert_eq(&lines);
}

#[test]
fn the_paired_difference_is_narrower_than_two_intervals_suggest() {
    let report = Rows::draw(600, 2).report(400).unwrap();
    let model = report.model("longitude").unwrap();
    let (low, value, high) = bounds(&model.difference_from["truth"].auroc);
    let (own_low, own, own_high) = bounds(&model.metrics.auroc);
    let truth = report
        .model("truth")
        .unwrap()
        .metrics
        .auroc
        .value()
        .unwrap();
    assert!((own - truth - value).abs() < 1e-12);
    assert!(high - low < 0.5 * (own_high - own_low), "{low} {high}");
    let (low, _, _) = bounds(&model.difference_from["age_sex"].auroc);
    assert!(low > 0.1, "{low}");
    let turned = bounds(&report.model("truth").unwrap().difference_from["longitude"].auroc);
    assert!((turned.1 + value).abs() < 1e-12);
}

#[test]
fn the_interval_has_the_width_that_delong_gives() {
    let rows = Rows::draw(500, 3);
    let report = rows.report(1_000).unwrap();
    let (low, _, high) = bounds(&report.model("truth").unwrap().metrics.auroc);
    let by_bootstrap = (high - low) / (2.0 * 1.96);
    let by_delong = delong(&rows.labels, &rows.truth).sqrt();
    assert!(
        (by_bootstrap / by_delong - 1.0).abs() < 0.1,
        "{by_bootstrap} {by_delong}"
    );
}

/// The variance of AUROC by DeLong, DeLong and Clarke-Pearson 1988, equation 5.
fn delong(labels: &[bool], scores: &[f64]) -> f64 {
    let side = |wanted: bool| -> Vec<f64> {
        let rows = labels.iter().zip(scores);
        rows.filter(|(l, _)| **l == wanted)
            .map(|(_, &s)| s)
            .collect()
    };
    let (with, without) = (side(true), side(false));
    let share = |score: f64, others: &[f64], sign: f64| {
        let won: f64 = others
            .iter()
            .map(|o| 0.5 + 0.5 * (sign * (score - o)).signum())
            .sum();
        won / others.len() as f64
    };
    let variance = |values: Vec<f64>| {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
        squares / (values.len() - 1) as f64 / values.len() as f64
    };
    variance(with.iter().map(|&s| share(s, &without, 1.0)).collect())
        + variance(without.iter().map(|&s| share(s, &with, -1.0)).collect())
}

#[test]
fn nine_intervals_in_ten_and_more_cover_the_truth() {
    let big = Rows::draw(60_000, 77);
    let truth = auroc(&big.labels, &big.truth).unwrap();
    let covered = (0..100)
        .filter(|&seed| {
            let mut rows = Rows::draw(150, 1_000 + seed);
            rows.models.clear();
            rows.groups.clear();
            let report = rows.report(200).unwrap();
            let (low, _, high) = bounds(&report.models[0].metrics.auroc);
            (low..=high).contains(&truth)
        })
        .count();
    assert!((88..=100).contains(&covered), "{covered} of 100");
}

#[test]
fn rows_of_one_subject_count_as_one() {
    let once = Rows::draw(200, 4);
    let mut five = Rows::draw(200, 4);
    let mut apart = Rows::draw(200, 4);
    for rows in [&mut five, &mut apart] {
        rows.labels = rows.labels.repeat(5);
        rows.clusters = rows.clusters.repeat(5);
        rows.truth = rows.truth.repeat(5);
        rows.groups.clear();
        for (_, risks) in &mut rows.models {
            *risks = risks.repeat(5);
        }
    }
    apart.clusters = (0..1_000).collect();
    let width = |rows: &Rows| {
        let report = rows.report(500).unwrap();
        let (low, _, high) = bounds(&report.model("longitude").unwrap().metrics.auroc);
        high - low
    };
    assert!((width(&five) - width(&once)).abs() < 1e-12);
    assert!(width(&apart) < 0.6 * width(&once));
}

#[test]
fn who_abstains_is_counted_and_all_are_judged_on_the_rest() {
    let mut rows = Rows::draw(300, 5);
    for risk in rows.models[0].1.iter_mut().take(40) {
        *risk = None;
    }
    rows.models.push(("boosted".into(), vec![None; 300]));
    let report = rows.report(200).unwrap();
    assert_eq!(
        (
            report.n,
            report.left_out["abstained"],
            report.left_out["censored"]
        ),
        (260, 40, 4)
    );
    assert_eq!(report.model("longitude").unwrap().abstained, 40);
    let silent = report.model("boosted").unwrap();
    assert_eq!(
        (silent.abstained, silent.metrics.auroc.value()),
        (300, None)
    );
    assert_eq!(
        silent.metrics.auroc.reason.as_deref(),
        Some("the model gave no answer")
    );
    let alone = auroc(&rows.labels[40..], &rows.truth[40..]).unwrap();
    assert_eq!(
        report.model("truth").unwrap().metrics.auroc.value(),
        Some(alone)
    );
    assert!(
        !report
            .model("longitude")
            .unwrap()
            .difference_from
            .contains_key("boosted")
    );
}

#[test]
fn small_groups_are_not_shown_and_do_not_follow() {
    let mut rows = Rows::draw(300, 6);
    let site = |row: usize| match row {
        0..9 => "a",
        9..60 => "b",
        _ => "c",
    };
    let sites = (0..300).map(|row| site(row).to_owned()).collect();
    rows.groups = vec![("site".into(), sites)];
    let report = rows.report(200).unwrap();
    let groups = &report.models[0].groups;
    assert_eq!(groups.iter().map(|g| g.n).collect::<Vec<_>>(), [0, 0, 240]);
    assert_eq!(
        groups[0].suppressed.as_deref(),
        Some("fewer than 11 subjects")
    );
    assert!(
        groups[1]
            .suppressed
            .as_ref()
            .unwrap()
            .contains("follow from the total")
    );
    assert!(groups[2].metrics.is_some() && groups[0].metrics.is_none());

    // Nine subjects with forty rows each are a small group all the same.
    rows.clusters = (0..300).map(|row| row / 40).collect();
    rows.groups[0].1 = vec!["a".into(); 300];
    let report = rows.report(200).unwrap();
    assert!(report.models[0].groups[0].metrics.is_none());
    assert_eq!(CELL_MIN, 11);
}

#[test]
fn a_small_count_of_positives_is_hidden() {
    let mut rows = Rows::draw(300, 7);
    rows.labels = (0..300).map(|row| row % 50 == 0 || row > 250).collect();
    rows.groups[0].1 = (0..300)
        .map(|row| if row < 200 { "f" } else { "m" }.into())
        .collect();
    let groups = &rows.report(200).unwrap().models[0].groups;
    assert_eq!(groups[0].positives, None);
    assert_eq!(groups[1].positives, None, "it would follow from the total");
    assert!(groups[0].metrics.is_some() && groups[0].suppressed.is_some());
}

#[test]
fn one_class_has_reasons_and_no_chance_level() {
    let mut rows = Rows::draw(50, 8);
    rows.labels = vec![false; 50];
    let report = rows.report(200).unwrap();
    let metrics = &report.models[0].metrics;
    for metric in [&metrics.auroc, &metrics.auprc, &metrics.calibration_slope] {
        assert_eq!(metric.estimate, None);
        assert_eq!(metric.reason.as_deref(), Some("no row has the outcome"));
    }
    assert!(metrics.brier.estimate.is_some() && report.models[0].roc.is_empty());
}

#[test]
fn few_events_leave_the_interval_out_with_a_reason() {
    let mut rows = Rows::draw(40, 8);
    rows.labels = (0..40).map(|row| row == 3).collect();
    let auroc = &rows.report(200).unwrap().models[0].metrics.auroc;
    assert_eq!(auroc.estimate.unwrap().low, None);
    assert!(
        auroc
            .reason
            .as_ref()
            .unwrap()
            .starts_with("no interval: undefined in")
    );
}

#[test]
fn no_rows_are_a_report_too() {
    let report = Rows::draw(0, 8).report(200).unwrap();
    assert_eq!((report.n, report.positives), (0, 0));
    assert!(report.truth.is_none() && !serde_json::to_string(&report).unwrap().contains("NaN"));
    assert!(
        report
            .models
            .iter()
            .all(|model| model.metrics.brier.estimate.is_none())
    );
}

#[test]
fn what_does_not_fit_is_refused_with_its_place() {
    let mut rows = Rows::draw(20, 8);
    rows.models[1].1[7] = Some(f64::NAN);
    let error = rows.report(0).unwrap_err().to_string();
    assert_eq!(
        error,
        "task death_365: row 7 of age_sex is not a risk between 0 and 1"
    );
    rows.models[1].1[7] = Some(1.5);
    assert!(matches!(
        rows.report(0),
        Err(Error::NotARisk { row: 7, .. })
    ));
    rows.models[1].1.pop();
    assert!(matches!(
        rows.report(0),
        Err(Error::Length {
            found: 19,
            expected: 20,
            ..
        })
    ));
    rows.models[1].0 = "truth".into();
    assert!(matches!(rows.report(0), Err(Error::DuplicateName { .. })));
}

#[test]
fn the_truth_agrees_with_itself_and_less_with_noise() {
    let report = Rows::draw(400, 11).report(200).unwrap();
    let truth = report.truth.unwrap();
    let good = &truth.models["longitude"];
    let poor = &truth.models["age_sex"];
    assert!(!truth.models.contains_key("truth"));
    assert!(good.correlation.value().unwrap() > 0.95, "{good:?}");
    assert!(good.mean_absolute_error.value() < poor.mean_absolute_error.value());
    let (low, value, high) = bounds(&good.mean_difference);
    assert!(low <= value && value <= high && value.abs() < 0.03);
    assert_eq!(good.calibration.iter().map(|p| p.n).sum::<u64>(), 400);
}
