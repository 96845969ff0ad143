//! Repairs on simulated rows whose truth is known.

use super::*;
use crate::task::Options;

/// A stream of numbers from 0 to 1.
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

struct World {
    labels: Vec<bool>,
    risks: Vec<f64>,
    groups: Vec<String>,
    weights: Vec<f64>,
    truth: Vec<f64>,
}

/// Rows of four groups; the risks are right but for an offset on the logit of each group.
fn world(rows: usize, offsets: [f64; 4], seed: u64) -> World {
    let mut draw = Draw(seed);
    let mut world = World {
        labels: Vec::new(),
        risks: Vec::new(),
        groups: Vec::new(),
        weights: vec![1.0; rows],
        truth: Vec::new(),
    };
    for row in 0..rows {
        let group = if row % 10 == 0 { 3 } else { row % 3 };
        let x = 4.0 * draw.next() - 4.0;
        let truth = 1.0 / (1.0 + (-x - offsets[group]).exp());
        world.risks.push(1.0 / (1.0 + (-x).exp()));
        world.labels.push(draw.next() < truth);
        world.groups.push(format!("g{group}"));
        world.truth.push(truth);
    }
    world
}

impl World {
    fn rows(&self) -> RepairRows<'_> {
        RepairRows {
            labels: &self.labels,
            risks: &self.risks,
            weights: &self.weights,
        }
    }

    fn dimensions(&self) -> Vec<(String, Vec<String>)> {
        vec![("group".to_owned(), self.groups.clone())]
    }

    fn error(&self, risks: &[f64], group: &str) -> f64 {
        let own = self.groups.iter().zip(self.truth.iter().zip(risks));
        let own: Vec<f64> = own
            .filter(|(g, _)| *g == group)
            .map(|(_, (t, r))| t - r)
            .collect();
        own.iter().sum::<f64>() / own.len() as f64
    }
}

#[test]
fn a_planted_offset_is_found_and_shrunk() {
    let planted = world(20_000, [0.0, 0.0, 0.0, 0.8], 5);
    let fit = GroupRecalibration::fit(&planted.rows(), &planted.groups).unwrap();
    let between = fit.offsets["g3"] - fit.offsets["g1"];
    assert!((between - 0.8).abs() < 0.15, "{fit:?}");
    let fresh = world(20_000, [0.0, 0.0, 0.0, 0.8], 6);
    let repaired: Vec<f64> = fresh
        .risks
        .iter()
        .zip(&fresh.groups)
        .map(|(&risk, group)| fit.apply(risk, group))
        .collect();
    assert!(fresh.error(&fresh.risks, "g3") > 0.08);
    for group in ["g0", "g1", "g2", "g3"] {
        assert!(fresh.error(&repaired, group).abs() < 0.02, "{group}");
    }
    // The same planted in few rows is believed less.
    let few = world(150, [0.0, 0.0, 0.0, 0.8], 11);
    let shy = GroupRecalibration::fit(&few.rows(), &few.groups).unwrap();
    let found = shy.offsets.get("g3").copied().unwrap_or(0.0);
    assert!(found.abs() < 0.8, "{shy:?}");
}

#[test]
fn where_groups_do_not_differ_nothing_is_added() {
    let mut deviations: Vec<f64> = (0..20)
        .map(|seed| {
            let even = world(4000, [0.0; 4], 100 + seed);
            GroupRecalibration::fit(&even.rows(), &even.groups)
                .unwrap()
                .deviation
        })
        .collect();
    deviations.sort_by(f64::total_cmp);
    assert!(
        deviations[10] < 0.05 && deviations[19] < 0.25,
        "{deviations:?}"
    );
    let moves: usize = (0..20)
        .map(|seed| {
            let even = world(4000, [0.0; 4], 100 + seed);
            Multicalibration::fit(&even.rows(), &even.dimensions())
                .steps
                .len()
        })
        .sum();
    assert!(moves <= 10, "{moves} moves in 20 fits on noise alone");
}

#[test]
fn weights_speak_for_rows_that_are_not_there() {
    // Of the group's rows without the outcome half are lost; weights of 2 stand for them.
    let whole = world(40_000, [0.0; 4], 9);
    let mut kept = world(0, [0.0; 4], 9);
    for row in 0..whole.labels.len() {
        let lossy = whole.groups[row] == "g3" && !whole.labels[row];
        if lossy && row % 20 == 0 {
            continue;
        }
        kept.labels.push(whole.labels[row]);
        kept.risks.push(whole.risks[row]);
        kept.groups.push(whole.groups[row].clone());
        kept.weights.push(if lossy { 2.0 } else { 1.0 });
    }
    let weighted = GroupRecalibration::fit(&kept.rows(), &kept.groups).unwrap();
    let offset = |fit: &GroupRecalibration| fit.offsets.get("g3").copied().unwrap_or(0.0);
    assert!(offset(&weighted).abs() < 0.1, "{weighted:?}");
    kept.weights.fill(1.0);
    let naive = GroupRecalibration::fit(&kept.rows(), &kept.groups).unwrap();
    assert!(offset(&naive) > 0.4, "{naive:?}");
}

#[test]
fn multicalibration_mends_a_group_within_a_bin() {
    let planted = world(20_000, [0.0, -0.6, 0.0, 0.8], 7);
    let fit = Multicalibration::fit(&planted.rows(), &planted.dimensions());
    assert!(!fit.steps.is_empty());
    let fresh = world(20_000, [0.0, -0.6, 0.0, 0.8], 8);
    let repaired = fit.apply(&fresh.risks, &fresh.dimensions());
    for group in ["g0", "g1", "g2", "g3"] {
        let error = fresh.error(&repaired, group);
        assert!(error.abs() < 0.025, "{group}: {error}");
    }
}

#[test]
fn the_cost_is_counted_on_both_sides() {
    let rows = world(4000, [0.0, 0.0, 0.0, 0.8], 3);
    let alerts =
        |threshold: f64| -> Vec<bool> { rows.risks.iter().map(|&r| r >= threshold).collect() };
    let policy = ThresholdPolicy {
        threshold: 0.3,
        decided_by: "the board".into(),
        decided_on: "2026-01-01".into(),
        group: vec![GroupThreshold {
            dimension: "group".into(),
            value: "g3".into(),
            threshold: 0.15,
            reason: "measured half as often".into(),
        }],
    };
    let (before, after) = (alerts(0.3), policy.alerts(&rows.risks, &rows.dimensions()));
    let side = |alerts| Side {
        risks: &rows.risks,
        alerts,
    };
    let subjects: Vec<u64> = (0..4000).collect();
    let options = Options {
        seed: 1,
        resamples: 50,
    };
    let cost = repair_cost(
        (&rows.labels, &subjects),
        (side(&before), side(&after)),
        &rows.dimensions(),
        0.3,
        &options,
    );
    let group = |name: &str| cost.groups.iter().find(|one| one.group == name).unwrap();
    let difference = |paired: &Paired| paired.difference.estimate.unwrap();
    let g3 = group("g3");
    assert!(difference(&g3.missed).high.unwrap() < 0.0);
    assert!(difference(&g3.alert_rate).low.unwrap() > 0.0);
    assert!(difference(&group("g0").missed).value.abs() < 1e-12);
    assert_eq!(cost.groups[0].rows, Some(4000));
    let missed = g3.missed.before.estimate.unwrap().value;
    let own = |row: &usize| rows.groups[*row] == "g3" && rows.labels[*row];
    let cases: Vec<usize> = (0..4000).filter(own).collect();
    let by_hand = cases.iter().filter(|row| !before[**row]).count() as f64 / cases.len() as f64;
    assert!((missed - by_hand).abs() < 1e-12);
}

#[test]
fn a_threshold_keeps_to_what_a_team_can_look_at() {
    let risks = [0.9, 0.8, 0.8, 0.5, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1];
    let at = |share: f64| threshold_for_alerts(&risks, share);
    assert_eq!(at(0.1), Ok(0.9));
    assert_eq!(at(0.2), Ok(0.9), "two rows share the second place");
    assert_eq!(at(0.3), Ok(0.8));
    assert_eq!(at(0.05), Err(Undefined::NoRows));
    assert_eq!(
        threshold_for_alerts(&[0.4; 5], 0.5),
        Err(Undefined::NotReached)
    );
    assert_eq!(at(1.0), Ok(0.1));
}
