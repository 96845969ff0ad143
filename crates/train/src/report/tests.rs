//! Tests of the report: thinned curves keep their means, and warnings say what the account does.

use super::*;
use crate::data::Warnings;
use longitude_core::Digest;

fn progress(step: u64) -> Progress {
    let nats = Nats {
        wait: step as f64,
        code: 1.0,
        value_bin: 0.5,
        value_within: 0.1,
        query: None,
    };
    Progress {
        step,
        steps: 3000,
        epoch: 0.0,
        tokens: 10 * step,
        losses: Some(nats),
        tuning: None,
        marginal: None,
        learning_rate: 1e-3,
        gradient_norm: 2.0,
        waited: step == 1,
    }
}

pub(crate) fn record() -> Record {
    let point = |step, wait| TuningPoint {
        step,
        nats: Nats {
            wait,
            code: 1.0,
            value_bin: 0.5,
            value_within: 0.1,
            query: None,
        },
    };
    Record {
        stop: StopCause::Steps,
        steps_done: 3000,
        tokens: 30_000,
        epochs: 1.5,
        tuning: vec![point(0, 3.0), point(1500, 2.0), point(3000, 1.5)],
        best_step: 3000,
        last_batch: None,
        subjects: [200, 10],
        events: [20_000, 1000],
        parameters: 1000,
        warnings: Warnings {
            subjects_without_end: 4,
            ..Warnings::default()
        },
        changed: Vec::new(),
        options: Digest([1; 32]),
        vocabulary: Digest([2; 32]),
        data: Digest([3; 32]),
    }
}

pub(crate) fn report() -> TrainingReport {
    let mut curve = Curve::default();
    for step in 1..=3000 {
        curve.push(&progress(step), step as f64 / 100.0, step as f64 / 50.0);
    }
    let asked = Asked {
        code_version: "longitude 0".to_owned(),
        preset: "tiny".to_owned(),
        preset_reason: "the smallest".to_owned(),
        kernels: "portable".to_owned(),
        seed: 1,
    };
    let machine = Machine {
        threads: 2,
        peak_gflops_per_core: Some(100.0),
        flops_per_token: Some(1e8),
        peak_memory_bytes: Some(1 << 30),
        watts_per_core: 10.0,
    };
    TrainingReport::new(asked, &record(), &curve, machine)
}

#[test]
fn a_long_curve_is_thinned_and_keeps_its_means() {
    let report = report();
    assert!(report.curve.len() <= CURVE_POINTS && report.curve.len() > 100);
    assert_eq!(report.curve.iter().map(|p| p.steps).sum::<u64>(), 3000);
    assert_eq!(report.curve.last().unwrap().tokens, 30_000);
    let mean: f64 = report
        .curve
        .iter()
        .map(|p| p.nats.unwrap().wait * p.steps as f64)
        .sum();
    assert!((mean / 3000.0 - 1500.5).abs() < 1e-6, "{mean}");
    assert!((report.speed.share_waited - 1.0 / 3000.0).abs() < 1e-9);
}

#[test]
fn speed_and_energy_are_the_stated_quotients() {
    let report = report();
    // 30,000 tokens in 30 s of clock and 60 s of processor; 1e8 operations each; peak 1e11.
    assert!((report.speed.tokens_per_second - 1000.0).abs() < 1e-6);
    assert!((report.speed.share_of_peak.unwrap() - 0.5).abs() < 1e-9);
    assert!((report.energy.kilowatt_hours - 600.0 / 3.6e6).abs() < 1e-12);
}

#[test]
fn warnings_say_what_the_account_does() {
    let all = report().warnings.join("\n");
    assert!(all.contains("4 of 210 subjects have no known end"), "{all}");
    assert!(all.contains("still falling"), "{all}");
    let quiet = Record {
        warnings: Warnings::default(),
        best_step: 1500,
        ..record()
    };
    assert!(warnings(&quiet).is_empty(), "{:?}", warnings(&quiet));
}

#[test]
fn a_resumed_curve_goes_back() {
    let mut curve = Curve::default();
    for step in 1..=10 {
        curve.push(&progress(step), step as f64, step as f64);
    }
    curve.back_to(4);
    assert_eq!(curve.points().len(), 4);
    assert_eq!(curve.spent(), (4.0, 4.0));
}
