//! The estimators against answers known on paper and against each other.

use super::*;
use crate::fixture::{self, chain};
use crate::sample::{Run, Start};
use longitude_core::SubjectId;
use longitude_tokens::Vocabulary;

const AT: f64 = 100.0;

/// Estimates of X and of death within 30 days, and of X within 5, from futures of a chain.
fn raws(chain: &chain::Chain, vocabulary: &Vocabulary, (n, events_max): (u32, u32)) -> Vec<Raw> {
    let at = Instant(0).plus(Days(AT));
    let of = |code, days| Outcome::within(&[chain::id(vocabulary, code)], None, Days(days));
    let outcomes = Outcomes::new(&[of("X", 30.0), of("MEDS_DEATH", 30.0), of("X", 5.0)], at);
    let run = Run {
        start: Start {
            subject: SubjectId(1),
            at,
            first_us: 0,
            last_us: Instant(0).plus(Days(AT - 7.0)).0,
            birth: None,
        },
        vocabulary,
        outcomes,
        seed: 5,
        events_max,
        end: at.plus(Days(30.0)),
        to_the_end: false,
    };
    let futures = chain::sampled(run, (&mut chain.clone(), ()), 512, 0..n);
    (0..3)
        .map(|k| Scores::new(futures.iter().map(|f| f.tallies[k]).collect()).raw())
        .collect()
}

fn near(estimate: f64, standard_error: f64, truth: f64) {
    assert!(
        (estimate - truth).abs() < 4.0 * standard_error,
        "{estimate} +- {standard_error} is not {truth}"
    );
}

/// P(the first of a rate's events within `days`, before death).
fn competing(rate: f64, death: f64, days: f64) -> f64 {
    rate / (rate + death) * (1.0 - (-(rate + death) * days).exp())
}

#[test]
fn constant_hazards_give_the_textbook_incidence() {
    let vocabulary = fixture::vocabulary();
    for (x, death) in [(0.002, 0.004), (0.03, 0.02), (0.2, 0.01)] {
        let rates = [("A", 0.4), ("X", x), ("MEDS_DEATH", death)];
        let chain = chain::Chain::new(&vocabulary, &rates);
        let found = raws(&chain, &vocabulary, (4000, 200));
        let truths = [
            competing(x, death, 30.0),
            1.0 - (-death * 30.0_f64).exp(),
            competing(x, death, 5.0),
        ];
        for (raw, truth) in found.iter().zip(truths) {
            near(raw.estimate, raw.standard_error, truth);
            near(raw.scope, raw.scope_standard_error, truth);
            near(raw.hit_share, raw.hit_standard_error, truth);
            assert!(raw.censored_share.abs() < f64::EPSILON);
            // Never worse than the better of the two, but for the noise of its own weight.
            let better = raw.scope_standard_error.min(raw.hit_standard_error);
            assert!(raw.standard_error < 1.03 * better, "{raw:?}");
        }
    }
}

#[test]
fn the_estimators_agree_where_the_past_matters() {
    let vocabulary = fixture::vocabulary();
    let rates = [("A", 0.2), ("B", 0.1), ("X", 0.02), ("MEDS_DEATH", 0.005)];
    let mut chain = chain::Chain::new(&vocabulary, &rates);
    chain.worse = chain::id(&vocabulary, "B");
    chain.grows = vec![
        chain::id(&vocabulary, "X"),
        chain::id(&vocabulary, "MEDS_DEATH"),
    ];
    chain.factor = 2.5;
    for raw in raws(&chain, &vocabulary, (8_000, 200)) {
        let together = raw.standard_error.hypot(raw.hit_standard_error);
        near(raw.estimate, together, raw.hit_share);
        near(
            raw.scope,
            raw.scope_standard_error.hypot(raw.hit_standard_error),
            raw.hit_share,
        );
        assert!(raw.standard_error < raw.hit_standard_error);
    }
}

#[test]
fn the_stated_error_is_the_spread_over_seeds() {
    let vocabulary = fixture::vocabulary();
    let rates = [("A", 0.2), ("X", 0.05), ("MEDS_DEATH", 0.01)];
    let chain = chain::Chain::new(&vocabulary, &rates);
    let at = Instant(0);
    let outcome = Outcome::within(&[chain::id(&vocabulary, "X")], None, Days(30.0));
    let outcomes = Outcomes::new(&[outcome], at);
    let run = Run {
        start: Start {
            subject: SubjectId(2),
            at,
            first_us: 0,
            last_us: 0,
            birth: None,
        },
        vocabulary: &vocabulary,
        outcomes,
        seed: 8,
        events_max: 100,
        end: at.plus(Days(30.0)),
        to_the_end: false,
    };
    let all = chain::sampled(run, (&mut chain.clone(), ()), 512, 0..6400);
    let pools: Vec<Raw> = all
        .chunks(64)
        .map(|pool| Scores::new(pool.iter().map(|f| f.tallies[0]).collect()).raw())
        .collect();
    let estimates: Vec<f64> = pools.iter().map(|raw| raw.estimate).collect();
    let spread = standard_error_of(&estimates) * (estimates.len() as f64).sqrt();
    let stated = mean(
        &pools
            .iter()
            .map(|raw| raw.standard_error)
            .collect::<Vec<_>>(),
    );
    assert!(
        (0.75..1.33).contains(&(stated / spread)),
        "{stated} {spread}"
    );
}

#[test]
fn futures_cut_short_are_counted() {
    let vocabulary = fixture::vocabulary();
    let rates = [("A", 3.0), ("X", 0.01), ("MEDS_DEATH", 0.001)];
    let chain = chain::Chain::new(&vocabulary, &rates);
    let found = raws(&chain, &vocabulary, (200, 30));
    assert!(found[0].censored_share > 0.8, "{:?}", found[0]);
    assert!(found[2].censored_share < 0.01, "{:?}", found[2]);
}

#[test]
fn a_certain_outcome_has_no_error() {
    let vocabulary = fixture::vocabulary();
    let chain = chain::Chain::new(&vocabulary, &[("X", 50.0)]);
    let raw = raws(&chain, &vocabulary, (64, 10))[0];
    assert!((raw.estimate - 1.0).abs() < 1e-6, "{raw:?}");
    assert!(raw.standard_error < 1e-6);
}
