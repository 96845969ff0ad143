//! Attacks and leaks that are planted are found, and absent ones are not: membership, canaries,
//! extraction, nearest neighbours, leakage, lead time.

use longitude_eval::privacy::{
    canaries, closer_to_training, exposure, extraction, likelihood_ratio, membership,
    true_positives_at,
};
use longitude_eval::{Alerts, LeakageInput, Undefined, lead_time, leakage};
use std::collections::{BTreeMap, BTreeSet};

/// Uniform numbers by a small linear congruential generator.
fn draws(count: usize, seed: u64) -> Vec<f64> {
    let mut state = seed;
    (0..count)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1_u64 << 53) as f64
        })
        .collect()
}

#[test]
fn a_model_that_remembers_fails_and_one_that_does_not_passes() {
    let noise = draws(8_000, 1);
    let members: Vec<bool> = (0..8_000).map(|row| row % 2 == 0).collect();
    let honest = membership(&members, &noise);
    assert!(
        honest.iter().all(|item| item.passed == Some(true)),
        "{honest:?}"
    );
    let remembered: Vec<f64> = noise
        .iter()
        .zip(&members)
        .map(|(noise, &member)| noise + 0.2 * f64::from(u8::from(member)))
        .collect();
    let caught = membership(&members, &remembered);
    assert!(
        caught.iter().all(|item| item.passed == Some(false)),
        "{caught:?}"
    );
    // With 999 others a rate of 1 in 1,000 is less than one of them.
    let few = true_positives_at(&members[..1_998], &noise[..1_998], 0.001);
    assert_eq!(few, Err(Undefined::TooFew));
    assert!(membership(&members[..40], &noise[..40])[1].reason.is_some());
}

#[test]
fn the_likelihood_ratio_finds_the_side() {
    let (learnt, other) = ([2.0, 2.5, 3.0], [-1.0, 0.0, 1.0]);
    assert!(likelihood_ratio(2.4, &learnt, &other).unwrap() > 0.0);
    assert!(likelihood_ratio(-0.5, &learnt, &other).unwrap() < 0.0);
    assert_eq!(
        likelihood_ratio(0.0, &[1.0], &other),
        Err(Undefined::TooFew)
    );
}

#[test]
fn exposure_is_bits_of_rank() {
    let others: Vec<f64> = (0..1_023).map(f64::from).collect();
    assert!((exposure(5_000.0, &others).unwrap() - 10.0).abs() < 1e-12);
    assert!(exposure(-1.0, &others).unwrap().abs() < 1e-12);
    let (inserted, not) = (draws(500, 2), draws(500, 3));
    assert!(
        canaries(&inserted, &not, 0)
            .iter()
            .all(|item| item.passed == Some(true))
    );
    let louder: Vec<f64> = inserted.iter().map(|bits| bits + 0.2).collect();
    let caught = canaries(&louder, &not, 1);
    assert!(
        caught.iter().all(|item| item.passed == Some(false)),
        "{caught:?}"
    );
}

#[test]
fn extraction_is_judged_against_the_control() {
    let control = draws(400, 4);
    assert_eq!(extraction(&control, &control).value, Some(0.0));
    let more: Vec<f64> = control.iter().map(|recall| recall + 0.02).collect();
    assert_eq!(extraction(&more, &control).passed, Some(false));
    assert_eq!(extraction(&[], &[]).passed, None);
    let near = draws(6_000, 5);
    let far = draws(6_000, 6);
    assert_eq!(closer_to_training(&near, &far).passed, Some(true));
    let nearer: Vec<f64> = near.iter().map(|distance| distance * 0.8).collect();
    assert_eq!(closer_to_training(&nearer, &far).passed, Some(false));
    assert_eq!(closer_to_training(&[], &[]).value, None);
}

#[test]
fn planted_leaks_are_found() {
    let labels = [true, false, true, false];
    let input = LeakageInput {
        labels: &labels,
        risks: &[Some(0.9), Some(0.1), Some(0.8), None],
        subjects: &[1, 2, 3, 4],
        learnt_from: Some(&BTreeSet::from([3, 9])),
        newest_used: Some(&[(1.0, 0.5), (1.0, 1.0), (1.0, 1.5), (1.0, 0.0)]),
        outcome_times: Some(&[(1.0, Some(1.0)), (1.0, None), (1.0, Some(2.0)), (1.0, None)]),
    };
    let found: Vec<_> = leakage(&input).iter().map(|one| one.found).collect();
    assert_eq!(found, [Some(1), Some(1), Some(1), Some(1), Some(0)]);
    let unknown = LeakageInput {
        learnt_from: None,
        newest_used: None,
        outcome_times: None,
        risks: &[Some(0.4), Some(0.5), Some(0.6), Some(0.2)],
        ..input
    };
    let checks = leakage(&unknown);
    assert!(
        checks[..3]
            .iter()
            .all(|one| one.passed.is_none() && !one.reason.is_empty())
    );
    assert_eq!(checks[3].passed, Some(true));
    assert_eq!(checks[4].passed, None);
}

#[test]
fn lead_time_is_from_the_first_alert_before_the_outcome() {
    let alerts = Alerts {
        subjects: &[1, 1, 1, 2, 2, 3, 4],
        times: &[0.0, 4.0, 6.0, 1.0, 9.0, 2.0, 1.0],
        risks: &[0.1, 0.7, 0.9, 0.2, 0.9, 0.8, 0.9],
        outcomes: &BTreeMap::from([(1, 10.0), (2, 8.0), (3, 3.0)]),
    };
    let lead = lead_time(&alerts, 0.5).unwrap();
    assert_eq!((lead.subjects, lead.alerted), (3, 2));
    assert!((lead.median - 3.5).abs() < 1e-12, "{lead:?}");
    assert_eq!(lead_time(&alerts, 0.95), Err(Undefined::NobodyAlerted));
}
