//! Tests of the value bins: the law of the masses, atoms, rounding and sampling.

use super::*;
use expect_test::{Expect, expect};
use proptest::prelude::*;

fn fit(values: &[f64], bins_max: u16) -> Bins {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    Bins::fit(&sorted, None, bins_max).unwrap()
}

fn check(values: &[f64], bins_max: u16, expected: &Expect) {
    let bins = fit(values, bins_max);
    let shown: Vec<String> = bins
        .bins
        .iter()
        .map(|bin| format!("[{:.4} {:.4}] {:.3}", bin.low, bin.high, bin.share))
        .collect();
    expected.assert_eq(&format!(
        "step {} median {:.3} scale {:.3}: {}",
        bins.step,
        bins.median,
        bins.scale,
        shown.join(" ")
    ));
}

#[test]
fn quantile_bins_end_between_recorded_values() {
    let values: Vec<f64> = (0..100).map(|i| f64::from(i) / 10.0).collect();
    check(
        &values,
        4,
        &expect![
            "step 0.1 median 4.950 scale 3.669: [-0.0500 2.4500] 0.250 [2.4500 4.9500] 0.250 [4.9500 7.4500] 0.250 [7.4500 9.9500] 0.250"
        ],
    );
}

#[test]
fn frequent_values_become_atoms() {
    let mut values = vec![0.0; 60];
    values.extend((1..=40).map(f64::from));
    check(
        &values,
        4,
        &expect![
            "step 1 median 0.000 scale 11.305: [0.0000 0.0000] 0.600 [0.5000 25.5000] 0.250 [25.5000 40.5000] 0.150"
        ],
    );
    let scores: Vec<f64> = (0..90).map(|i| f64::from(i % 3) + 1.0).collect();
    check(
        &scores,
        16,
        &expect![
            "step 1 median 2.000 scale 1.483: [1.0000 1.0000] 0.333 [2.0000 2.0000] 0.333 [3.0000 3.0000] 0.333"
        ],
    );
}

#[test]
fn one_value_and_wide_steps() {
    check(
        &[0.0; 9],
        16,
        &expect!["step 1 median 0.000 scale 1.000: [0.0000 0.0000] 1.000"],
    );
    let doses: Vec<f64> = (1..=16).map(|i| f64::from(i) * 500.0).collect();
    check(
        &doses,
        2,
        &expect![
            "step 100 median 4250.000 scale 2779.837: [450.0000 4450.0000] 0.500 [4450.0000 8050.0000] 0.500"
        ],
    );
    assert_eq!(Bins::fit(&[1.0; 7], None, 16), None);
}

#[test]
fn nats_of_an_atom_a_grid_value_and_an_outlier() {
    let values: Vec<f64> = (0..100).map(|i| f64::from(i) / 10.0).collect();
    let bins = fit(&values, 4);
    // An inner bin holds 25 tenths: ln 25.
    assert!((bins.nats(3.3) - 25f64.ln()).abs() < 1e-9);
    // The outermost bins keep 1/1024 for their tails.
    let body = 1.0 - OUTSIDE_SHARE;
    assert!((bins.nats(9.0) + (body / 25.0).ln()).abs() < 1e-9);
    assert!(bins.nats(20.0) > bins.nats(12.0) && bins.nats(12.0) > bins.nats(9.0) + 5.0);
    // A typing error costs more the farther out it is, but not in proportion.
    assert!(bins.nats(1e6) > bins.nats(1e3) && bins.nats(1e6) < 50.0);
    assert!(bins.nats(1e300).is_finite() && bins.nats(-1e300).is_finite());
    let atoms = fit(&[1.0, 2.0].repeat(20), 16);
    assert!(atoms.nats(1.0) < 2e-3);
    assert!(atoms.nats(1.0) > 0.0);
}

/// Values on a grid of tenths, with repeats, so that atoms and intervals both arise.
fn grid_values() -> impl Strategy<Value = Vec<f64>> {
    let value = prop_oneof![Just(0i32), Just(25), -200..200i32, 0..20i32];
    proptest::collection::vec(value, 8..400)
        .prop_map(|tenths| tenths.into_iter().map(|t| f64::from(t) / 10.0).collect())
}

proptest! {
    #[test]
    fn bins_are_few_ordered_and_hold_their_values(values in grid_values(), k in 1u16..20) {
        let bins = fit(&values, k);
        prop_assert!(!bins.is_empty() && bins.len() <= k);
        let total: f64 = bins.bins.iter().map(|bin| bin.share).sum();
        prop_assert!((total - 1.0).abs() < 1e-9);
        for pair in bins.bins.windows(2) {
            prop_assert!(pair[0].high <= pair[1].low);
        }
        let mut counts = vec![0usize; usize::from(bins.len())];
        for value in &values {
            counts[usize::from(bins.bin(*value)) - 1] += 1;
            prop_assert!(bins.nats(*value) >= 0.0);
        }
        for (count, bin) in counts.iter().zip(&bins.bins) {
            prop_assert!((*count as f64 / values.len() as f64 - bin.share).abs() < 1e-9);
        }
    }

    #[test]
    fn the_masses_of_a_bin_sum_to_at_most_one(values in grid_values(), k in 1u16..8) {
        let bins = fit(&values, k);
        let mut mass = vec![0.0; usize::from(bins.len())];
        for grid in -4_000..4_000 {
            let value = f64::from(grid) * bins.step;
            mass[usize::from(bins.bin(value)) - 1] += (-bins.nats(value)).exp();
        }
        for (mass, bin) in mass.iter().zip(&bins.bins) {
            prop_assert!(*mass <= 1.0 + 1e-6, "{mass} in {bin:?}");
            prop_assert!(*mass >= 1.0 - OUTSIDE_SHARE - 1e-6, "{mass} in {bin:?}");
        }
    }

    #[test]
    fn samples_stay_in_their_bin_and_on_the_grid(
        values in grid_values(), k in 1u16..20, u in 0.0..1.0f64
    ) {
        let bins = fit(&values, k);
        for bin in 1..=bins.len() {
            let sampled = bins.sample(bin, u);
            prop_assert_eq!(bins.bin(sampled), bin, "{} of {:?}", sampled, bins);
            let ratio = sampled / bins.step;
            prop_assert!((ratio - ratio.round()).abs() < 1e-6);
        }
    }
}

#[test]
fn values_closer_than_a_step_keep_their_bins_in_order() {
    // A dose written once as 2.4 and often as the float next to it.
    let mut values = vec![2.399_999_9; 40];
    values.extend((0..20).map(|i| 2.4 + f64::from(i) * 0.000_1));
    values.extend((0..60).map(|i| 3.0 + f64::from(i) * 0.013_7));
    values.sort_by(f64::total_cmp);
    let bins = Bins::fit(&values, None, 16).unwrap();
    assert!(bins.bins.iter().all(|bin| bin.low <= bin.high));
    assert!(
        bins.bins.windows(2).all(|pair| pair[0].high <= pair[1].low),
        "{:?}",
        bins.bins
    );
}
