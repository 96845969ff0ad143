//! What must hold for any rows: nothing depends on their order, ranks know only the order of
//! scores, a subject counted twice is a weight of two, guarantees hold where the truth is known.

use longitude_eval::survival::{self, FollowUp};
use longitude_eval::uncertainty::{
    Acts, CalibrationRange, Conformal, Decision, Defer, IntervalConformal, MonteCarloError,
    PredictionSet, VennAbers, act_or_defer, risk_coverage,
};
use longitude_eval::{
    Undefined, at_sensitivity, at_threshold, auroc, auroc_standard_error, compare_auroc,
    decision_curve, gaps, population_stability, smooth_calibration,
};
use proptest::prelude::*;

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

    /// Labels and risks, calibrated.
    fn rows(&mut self, count: usize) -> (Vec<bool>, Vec<f64>) {
        (0..count)
            .map(|_| {
                let risk = self.uniform().powi(2);
                (self.uniform() < risk, risk)
            })
            .unzip()
    }
}

fn close(a: Result<f64, Undefined>, b: Result<f64, Undefined>) -> bool {
    match (a, b) {
        (Ok(a), Ok(b)) => (a - b).abs() <= 1e-9 * a.abs().max(1.0),
        (a, b) => a == b,
    }
}

/// Isotonic regression by its min-max formula (Ayer et al. 1955): the value at one row.
fn isotonic_by_definition(rows: &[(f64, f64)], at: f64) -> f64 {
    let mean = |low: f64, high: f64| {
        let inside = rows.iter().filter(|row| low <= row.0 && row.0 <= high);
        let (sum, n) = inside.fold((0.0, 0.0), |(sum, n), row| (sum + row.1, n + 1.0));
        sum / n
    };
    let below = rows.iter().filter(|row| row.0 <= at);
    let largest = below.map(|low| {
        let above = rows.iter().filter(|row| row.0 >= at);
        above
            .map(|high| mean(low.0, high.0))
            .fold(f64::INFINITY, f64::min)
    });
    largest.fold(f64::NEG_INFINITY, f64::max)
}

type Row = (f64, u8, f64);

fn survival_values(rows: &[Row]) -> Vec<Result<f64, Undefined>> {
    let (times, rest): (Vec<f64>, Vec<(u8, f64)>) =
        rows.iter().map(|row| (row.0, (row.1, row.2))).unzip();
    let (causes, scores): (Vec<u8>, Vec<f64>) = rest.into_iter().unzip();
    let followed = FollowUp {
        times: &times,
        causes: &causes,
    };
    let Ok(censoring) = survival::censoring(&followed) else {
        return Vec::new();
    };
    vec![
        survival::kaplan_meier(&followed).map(|curve| curve.at(3.0)),
        survival::aalen_johansen(&followed, 1).map(|curve| curve.at(3.0)),
        survival::concordance(&followed, &scores),
        survival::concordance_ipcw(&followed, &scores, &censoring, Some(4.0)),
        survival::dynamic_auc(&followed, &scores, &censoring, 3.0),
        survival::brier_censored(&followed, &scores, &censoring, 3.0),
        survival::observed_by(&followed, 3.0),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn survival_metrics_do_not_depend_on_the_order_of_rows(
        rows in prop::collection::vec((0_u8..8, 0_u8..3, 0_u8..9), 1..40),
        turn in 0_usize..40,
    ) {
        let row = |&(t, cause, score): &(u8, u8, u8)| {
            (f64::from(t), cause, f64::from(score) / 10.0)
        };
        let rows: Vec<Row> = rows.iter().map(row).collect();
        let mut turned = rows.clone();
        turned.rotate_left(turn % rows.len());
        turned.reverse();
        for (a, b) in survival_values(&rows).into_iter().zip(survival_values(&turned)) {
            prop_assert!(close(a, b), "{:?} {:?}", a, b);
        }
    }

    #[test]
    fn incidences_of_all_causes_and_survival_sum_to_one(
        rows in prop::collection::vec((0_u8..12, 0_u8..4), 1..60),
    ) {
        let times: Vec<f64> = rows.iter().map(|row| f64::from(row.0)).collect();
        let causes: Vec<u8> = rows.iter().map(|row| row.1).collect();
        let followed = FollowUp { times: &times, causes: &causes };
        let alive = survival::kaplan_meier(&followed).unwrap();
        for time in 0..13 {
            let time = f64::from(time);
            let of = |cause| survival::aalen_johansen(&followed, cause).unwrap().at(time);
            let sum = alive.at(time) + of(1) + of(2) + of(3);
            prop_assert!((sum - 1.0).abs() < 1e-12, "{}", sum);
        }
    }

    #[test]
    fn venn_abers_is_isotonic_regression_with_the_row_added(
        rows in prop::collection::vec((0_u8..10, any::<bool>()), 1..40),
        asked in 0_u8..12,
    ) {
        let scores: Vec<f64> = rows.iter().map(|row| f64::from(row.0)).collect();
        let labels: Vec<bool> = rows.iter().map(|row| row.1).collect();
        let asked = f64::from(asked) - 0.5 * f64::from(asked % 2);
        let (low, high) = VennAbers::new(&labels, &scores).unwrap().range(asked).ends();
        for (label, got) in [(0.0, low), (1.0, high)] {
            let mut all: Vec<(f64, f64)> =
                scores.iter().zip(&labels).map(|(&s, &l)| (s, f64::from(u8::from(l)))).collect();
            all.push((asked, label));
            let wanted = isotonic_by_definition(&all, asked);
            prop_assert!((got - wanted).abs() < 1e-12, "{} {}", got, wanted);
        }
        prop_assert!(low <= high);
    }

    #[test]
    fn doubling_every_row_changes_no_rate(
        rows in prop::collection::vec((any::<bool>(), 0_u8..12), 1..60),
        threshold in 0.0_f64..1.0,
    ) {
        let labels: Vec<bool> = rows.iter().map(|row| row.0).collect();
        let risks: Vec<f64> = rows.iter().map(|row| f64::from(row.1) / 12.0).collect();
        let once = at_threshold(&labels, &risks, threshold);
        let twice = at_threshold(&labels.repeat(2), &risks.repeat(2), threshold);
        for (a, b) in [
            (once.net_benefit(), twice.net_benefit()),
            (once.ppv(), twice.ppv()),
            (once.sensitivity(), twice.sensitivity()),
            (once.number_needed_to_evaluate(), twice.number_needed_to_evaluate()),
        ] {
            prop_assert!(close(a, b));
        }
        let curve = decision_curve(&labels, &risks, &[threshold]);
        prop_assert_eq!(curve[0], once);
    }

    #[test]
    fn the_test_of_two_aurocs_knows_only_the_order_and_turns_with_the_models(
        rows in prop::collection::vec((any::<bool>(), 0_u8..20, 0_u8..20, 0_u64..15), 4..60),
    ) {
        let labels: Vec<bool> = rows.iter().map(|row| row.0).collect();
        let a: Vec<f64> = rows.iter().map(|row| f64::from(row.1)).collect();
        let b: Vec<f64> = rows.iter().map(|row| f64::from(row.2)).collect();
        let subjects: Vec<u64> = rows.iter().map(|row| row.3).collect();
        let stretched: Vec<f64> = a.iter().map(|score| score.exp()).collect();
        let first = compare_auroc(&labels, &a, &b, &subjects);
        let turned = compare_auroc(&labels, &b, &stretched, &subjects);
        match (first, turned) {
            (Ok(first), Ok(turned)) => {
                prop_assert!((first.difference + turned.difference).abs() < 1e-12);
                prop_assert!((first.p - turned.p).abs() < 1e-12);
                let gap = auroc(&labels, &a).unwrap() - auroc(&labels, &b).unwrap();
                prop_assert!((first.difference - gap).abs() < 1e-12);
            }
            (first, turned) => prop_assert_eq!(first.is_err(), turned.is_err()),
        }
    }
}

#[test]
fn acts_keep_the_false_discovery_rate_within_each_group() {
    let level = 0.2;
    let mut draws = Draws(11);
    // Two groups; in the second the risks say twice as much as is true.
    let (mut rates, mut acted) = ([0.0; 2], [0_u32; 2]);
    let trials = 300;
    for _ in 0..trials {
        let mut sample = |count: usize| {
            let (mut labels, mut risks, mut groups) = (Vec::new(), Vec::new(), Vec::new());
            for row in 0..count {
                let risk = draws.uniform();
                let second = row % 2 == 1;
                let true_risk = if second { risk * 0.5 } else { risk };
                labels.push(draws.uniform() < true_risk);
                risks.push(risk);
                groups.push(if second { "b" } else { "a" }.to_owned());
            }
            (labels, risks, groups)
        };
        let (labels, risks, groups) = sample(200);
        let (later_labels, later, later_groups) = sample(100);
        let decisions = act_or_defer(
            &Acts {
                labels: &labels,
                risks: &risks,
                groups: &groups,
                later: &later,
                later_groups: &later_groups,
            },
            level,
        );
        for (place, group) in ["a", "b"].iter().enumerate() {
            let acts: Vec<usize> = (0..later.len())
                .filter(|&row| later_groups[row] == *group && decisions[row] == Decision::Act)
                .collect();
            let wrong = acts.iter().filter(|&&row| !later_labels[row]).count();
            rates[place] += wrong as f64 / acts.len().max(1) as f64 / f64::from(trials);
            acted[place] += u32::from(!acts.is_empty());
        }
    }
    assert!(
        rates[0] <= level + 0.02 && rates[1] <= level + 0.02,
        "{rates:?}"
    );
    assert!(acted[0] > 200, "{acted:?}");
}

#[test]
fn who_is_in_no_calibrated_group_is_deferred() {
    let group = |name: &str| vec![name.to_owned()];
    let acts = Acts {
        labels: &[true],
        risks: &[0.9],
        groups: &group("a"),
        later: &[0.99],
        later_groups: &group("b"),
    };
    let decisions = act_or_defer(&acts, 0.5);
    assert_eq!(decisions, [Decision::Defer(Defer::GroupNotCalibrated)]);
}

#[test]
fn prediction_sets_cover_each_class_of_each_group() {
    let mut draws = Draws(5);
    let (labels, risks) = draws.rows(2_000);
    let groups: Vec<String> = (0..2_000).map(|row| format!("g{}", row % 2)).collect();
    let conformal = Conformal::new(&labels, &risks, &groups);
    let (later_labels, later) = draws.rows(20_000);
    for class in [false, true] {
        let rows = later_labels.iter().zip(&later);
        let rows: Vec<f64> = rows
            .filter(|(l, _)| **l == class)
            .map(|(_, &r)| r)
            .collect();
        let missed = rows.iter().filter(|&&risk| {
            let set = conformal.set(risk, "g1", 0.1).unwrap();
            let other = if class {
                PredictionSet::Without
            } else {
                PredictionSet::With
            };
            set == other || set == PredictionSet::Neither
        });
        let share = missed.count() as f64 / rows.len() as f64;
        assert!((0.05..0.14).contains(&share), "{class} {share}");
    }
    assert_eq!(conformal.p_values(0.5, "elsewhere"), Err(Undefined::NoRows));
}

#[test]
fn intervals_of_values_cover_by_group() {
    let mut draws = Draws(6);
    let mut sample = |count: usize| -> (Vec<f64>, Vec<f64>) {
        (0..count)
            .map(|_| (draws.uniform() + draws.uniform(), 1.0))
            .unzip()
    };
    let (observed, predicted) = sample(999);
    let conformal = IntervalConformal::new(&observed, &predicted, &vec!["all".to_owned(); 999]);
    let half = conformal.half_width("all", 0.1).unwrap();
    let (later, _) = sample(20_000);
    let inside = later.iter().filter(|&&y| (y - 1.0).abs() <= half).count();
    assert!(
        (0.88..0.93).contains(&(inside as f64 / 20_000.0)),
        "{inside}"
    );
    assert_eq!(conformal.half_width("all", 1e-6), Err(Undefined::TooFew));
}

#[test]
fn calibrated_rows_have_small_distances_and_a_curve_that_rises() {
    let (labels, risks) = Draws(3).rows(8_000);
    let smooth = smooth_calibration(&labels, &risks).unwrap();
    assert!(smooth.ici < 0.015, "{}", smooth.ici);
    assert!(smooth.e50 <= smooth.e90 && smooth.e90 <= smooth.e_max);
    let halved: Vec<f64> = risks.iter().map(|risk| risk / 2.0).collect();
    assert!(smooth_calibration(&labels, &halved).unwrap().ici > 0.1);
    let constant = smooth_calibration(&[true, false], &[0.3; 2]);
    assert_eq!(constant.unwrap_err(), Undefined::ConstantScores);
    // Many rows on one risk: the curve there is their share.
    let heavy: Vec<f64> = (0..1_000)
        .map(|row| if row < 900 { 0.1 } else { 0.5 })
        .collect();
    let labels: Vec<bool> = (0..1_000).map(|row| row % 5 == 0).collect();
    let smooth = smooth_calibration(&labels, &heavy).unwrap();
    assert!(
        (smooth.curve[0].1 - 0.2).abs() < 1e-12,
        "{:?}",
        smooth.curve
    );
}

#[test]
fn the_threshold_of_a_sensitivity_reaches_it_and_no_higher_one_does() {
    let (labels, risks) = Draws(9).rows(500);
    for wanted in [0.1, 0.5, 0.8, 1.0] {
        let point = at_sensitivity(&labels, &risks, wanted).unwrap();
        assert!(point.sensitivity().unwrap() >= wanted);
        let next = risks.iter().filter(|&&r| r > point.threshold);
        let next = next.fold(f64::INFINITY, |a, &b| a.min(b));
        assert!(at_threshold(&labels, &risks, next).sensitivity().unwrap() < wanted);
    }
    assert_eq!(at_sensitivity(&[], &[], 0.5), Err(Undefined::NoRows));
    assert_eq!(
        at_sensitivity(&[false], &[0.5], 0.5),
        Err(Undefined::NoPositives)
    );
    assert!(at_threshold(&labels, &risks, 1.0).net_benefit().is_err());
    assert_eq!(
        at_threshold(&labels, &risks, 2.0).ppv(),
        Err(Undefined::NobodyAlerted)
    );
}

#[test]
fn groups_alike_have_no_gap_and_a_blind_group_has_one() {
    let (labels, risks) = Draws(21).rows(4_000);
    let groups: Vec<String> = (0..4_000).map(|row| format!("{}", row % 2)).collect();
    let alike = gaps(&labels, &risks, &groups, 0.3).unwrap();
    assert!(
        alike.equalised_odds < 0.08 && alike.calibration < 0.04,
        "{alike:?}"
    );
    let blind = |(row, &risk): (usize, &f64)| if row % 2 == 0 { 0.1 } else { risk };
    let blind: Vec<f64> = risks.iter().enumerate().map(blind).collect();
    let apart = gaps(&labels, &blind, &groups, 0.3).unwrap();
    assert!(
        apart.equal_opportunity > 0.8 && apart.calibration > 0.1,
        "{apart:?}"
    );
    // Ten rows with the outcome are too few to compare.
    let few: Vec<bool> = (0..4_000)
        .map(|row| row % 2 == 0 && row < 2_000 || row == 1)
        .collect();
    assert_eq!(gaps(&few, &risks, &groups, 0.3), Err(Undefined::TooFew));
}

#[test]
fn sampling_error_and_calibration_range_are_what_they_say() {
    let error = MonteCarloError::of(&[0.0, 1.0, 1.0, 0.0]).unwrap();
    assert!((error.estimate - 0.5).abs() < 1e-15);
    assert!((error.standard_error - (1.0_f64 / 3.0 / 4.0).sqrt()).abs() < 1e-12);
    assert_eq!(MonteCarloError::of(&[0.5]), Err(Undefined::TooFew));
    assert_eq!(
        CalibrationRange::bootstrap(&[0.5; 39]),
        Err(Undefined::TooFew)
    );
    let values: Vec<f64> = (0..=100).map(|i| f64::from(i) / 100.0).collect();
    let (low, high) = CalibrationRange::bootstrap(&values).unwrap().ends();
    assert!((low - 0.025).abs() < 1e-12 && (high - 0.975).abs() < 1e-12);
}

#[test]
fn leaving_out_the_unsure_lowers_the_error() {
    let (labels, risks) = Draws(8).rows(5_000);
    let losses: Vec<f64> = labels
        .iter()
        .zip(&risks)
        .map(|(&l, &r)| f64::from(u8::from((r >= 0.5) != l)))
        .collect();
    let sure: Vec<f64> = risks.iter().map(|risk| (risk - 0.5).abs()).collect();
    let curve = risk_coverage(&losses, &sure).unwrap();
    let last = curve.curve[curve.curve.len() - 1];
    assert!((last.coverage - 1.0).abs() < 1e-12 && curve.area < 0.7 * last.loss);
    // Without any order the curve is flat.
    let flat = risk_coverage(&losses, &vec![1.0; 5_000]).unwrap();
    assert!((flat.area - last.loss).abs() < 1e-12 && flat.curve.len() == 1);
}

#[test]
fn the_standard_error_of_an_auroc_is_the_spread_of_aurocs() {
    let mut draws = Draws(2);
    let mut values = Vec::new();
    let mut errors = Vec::new();
    for _ in 0..400 {
        let (labels, risks) = draws.rows(150);
        let subjects: Vec<u64> = (0..150).collect();
        values.push(auroc(&labels, &risks).unwrap());
        errors.push(auroc_standard_error(&labels, &risks, &subjects).unwrap());
    }
    let mean = values.iter().sum::<f64>() / 400.0;
    let spread = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 399.0).sqrt();
    let told = errors.iter().sum::<f64>() / 400.0;
    assert!((told / spread - 1.0).abs() < 0.12, "{told} {spread}");
}

#[test]
fn the_same_population_is_stable_and_another_is_not() {
    let mut draws = Draws(4);
    let (_, before) = draws.rows(5_000);
    let (_, now) = draws.rows(5_000);
    assert!(population_stability(&before, &now).unwrap() < 0.02);
    let later: Vec<f64> = now.iter().map(|risk| risk.sqrt()).collect();
    assert!(population_stability(&before, &later).unwrap() > 0.25);
    assert_eq!(population_stability(&[], &now), Err(Undefined::NoRows));
}

#[test]
fn nobody_followed_long_enough_is_a_reason() {
    let followed = FollowUp {
        times: &[1.0, 2.0, 3.0],
        causes: &[1, 0, 0],
    };
    assert_eq!(
        survival::observed_by(&followed, 5.0),
        Err(Undefined::BeyondFollowUp)
    );
    let censored = FollowUp {
        times: &[1.0, 2.0],
        causes: &[0, 0],
    };
    assert_eq!(
        survival::concordance(&censored, &[0.1, 0.2]),
        Err(Undefined::NoPositives)
    );
    let weights = survival::censoring(&censored).unwrap();
    let auc = survival::dynamic_auc(&censored, &[0.1, 0.2], &weights, 3.0);
    assert_eq!(auc, Err(Undefined::NoPositives));
    let nobody = FollowUp {
        times: &[],
        causes: &[],
    };
    assert!(survival::kaplan_meier(&nobody).is_err());
}
