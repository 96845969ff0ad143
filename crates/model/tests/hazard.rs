//! The law of a wait: its mass is 1, its samples follow it, and its marginal is that of the data.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::float_cmp,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, its numbers are small, and equal bits are what it asks"
)]

use longitude_model::{Config, WaitLaw, WaitMarginal, wait_nll};
use proptest::prelude::*;

fn law<'a>(zero_logit: f32, log_hazards: &'a [f32], edges: &'a [f32]) -> WaitLaw<'a> {
    WaitLaw {
        zero_logit,
        log_hazards,
        edges,
    }
}

proptest! {
    /// The mass at zero, the density over each bin (by Simpson's rule on both sides of every edge)
    /// and the survival beyond make 1.
    #[test]
    fn the_law_integrates_to_one(
        zero in -4.0f32..4.0,
        logs in prop::collection::vec(-3.0f32..1.0, 5),
    ) {
        let edges = [0.01, 0.5, 2.0, 7.5];
        let law = law(zero, &logs, &edges);
        let mut mass = (-law.nll(0.0)).exp();
        let mut from = 0.0f64;
        for end in edges.iter().map(|e| f64::from(*e)).chain([20.0]) {
            let n = 200;
            let step = (end - from) / f64::from(n);
            for i in 0..n {
                let at = from + f64::from(i) * step;
                let nudge = step * 1e-6;
                let density = |w: f64| (-law.nll(w)).exp();
                mass += step / 6.0
                    * (density(at + nudge) + 4.0 * density(at + step / 2.0)
                        + density(at + step - nudge));
            }
            from = end;
        }
        mass += (-law.survival_nll(20.0)).exp();
        prop_assert!((mass - 1.0).abs() < 1e-6, "{}", mass);
    }

    /// The distribution function of a sample is its uniform number, also when time has passed.
    #[test]
    fn samples_invert_the_distribution(
        zero in -4.0f32..4.0,
        logs in prop::collection::vec(-6.0f32..4.0, 5),
        u in 0.0f64..0.999,
        elapsed in prop::option::of(0.0f64..40.0),
    ) {
        let edges = [0.01, 0.5, 2.0, 7.5];
        let law = law(zero, &logs, &edges);
        let wait = law.sample(u, elapsed);
        match elapsed {
            None if wait == 0.0 => prop_assert!(u <= law.zero_probability()),
            None => {
                let below = law.probability_within(wait, None);
                prop_assert!((below - u).abs() < 1e-9, "{} {}", below, u);
            }
            Some(elapsed) => {
                prop_assert!(wait >= elapsed);
                let below = law.probability_within(wait - elapsed, Some(elapsed));
                prop_assert!((below - u).abs() < 1e-7, "{} {}", below, u);
            }
        }
    }

    #[test]
    fn likelihoods_are_finite(
        zero in -30.0f32..30.0,
        logs in prop::collection::vec(-30.0f32..20.0, 25),
        wait in 0.0f64..100_000.0,
    ) {
        let edges = Config::wait_edges(24);
        let nats = wait_nll(zero, &logs, &edges, wait);
        prop_assert!(nats.is_finite());
        prop_assert!(law(zero, &logs, &edges).survival_nll(wait) >= 0.0);
    }
}

/// Many samples against the survival function, by Kolmogorov's distance.
#[test]
fn samples_follow_the_law() {
    let edges = [0.1, 1.0, 30.0];
    let logs = [0.5, -1.0, -2.0, -4.0];
    let law = law(-0.4, &logs, &edges);
    for elapsed in [None, Some(0.6)] {
        let n = 20_000;
        // The golden ratio's multiples are evenly spread.
        let u = (0..n).map(|i| (f64::from(i) * 0.618_033_988_749_895).fract());
        let mut waits: Vec<f64> = u.map(|u| law.sample(u, elapsed)).collect();
        waits.sort_by(f64::total_cmp);
        let after = elapsed.unwrap_or(0.0);
        let worst = waits
            .iter()
            .enumerate()
            .filter(|(_, wait)| **wait > 0.0)
            .map(|(i, wait)| {
                let below = law.probability_within(wait - after, elapsed);
                (below - i as f64 / f64::from(n)).abs()
            });
        let worst = worst.fold(0.0, f64::max);
        assert!(worst < 0.002, "{worst}");
    }
}

/// A marginal fitted to samples of a law is that law, censored waits included.
#[test]
fn the_marginal_recovers_the_law() {
    let edges = [0.1, 1.0, 30.0];
    let logs = [0.5, -1.0, -2.0, -4.0];
    let law = law(-0.4, &logs, &edges);
    let mut marginal = WaitMarginal::new(&edges);
    for i in 0..200_000 {
        let wait = law.sample((f64::from(i) * 0.618_033_988_749_895).fract(), None);
        if wait > 60.0 {
            marginal.censored(60.0);
        } else {
            marginal.event(wait);
        }
    }
    let (zero, hazards) = marginal.finish();
    assert!((zero - law.zero_probability()).abs() < 1e-3);
    for (hazard, log) in hazards.iter().zip(logs) {
        assert!(
            (hazard.ln() - f64::from(log)).abs() < 0.03,
            "{hazard} {log}"
        );
    }
}

#[test]
fn an_empty_marginal_is_still_a_law() {
    let (zero, hazards) = WaitMarginal::new(&[1.0, 2.0]).finish();
    assert!(zero > 0.0 && zero < 1.0);
    assert!(hazards.iter().all(|h| *h > 0.0 && h.is_finite()));
}
