//! The intervals against simulated rare codes whose ratios are known, the strength they are made
//! with, and what neighbours are worth.

use super::*;

/// Uniform numbers by SplitMix64, and draws made of them.
struct Random(u64);

impl Random {
    #[expect(clippy::cast_precision_loss, reason = "53 bits")]
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    fn gamma(&mut self, shape: f64, rate: f64) -> f64 {
        let share = self.unit();
        quantile(
            &|x| regularised_gamma(shape, rate * x),
            share,
            1e3 * (shape / rate).max(1.0),
        )
    }

    fn poisson(&mut self, mean: f64) -> f64 {
        let (mut left, mut count) = (mean, 0.0);
        loop {
            left += self.unit().max(1e-300).ln();
            if left < 0.0 {
                return count;
            }
            count += 1.0;
        }
    }
}

/// Families of codes with ratios drawn around a family's mean, and the ratios.
fn simulated(seed: u64, strength: f64, families: usize) -> (Vec<Family>, Vec<Vec<f64>>) {
    let mut random = Random(seed);
    let (mut made, mut truth) = (Vec::new(), Vec::new());
    for family in 0..families {
        let mean = 0.02 + 0.2 * random.unit();
        let (mut children, mut ratios) = (Vec::new(), Vec::new());
        for _ in 0..8 {
            let expected = 20.0 + 180.0 * random.unit();
            let ratio = random.gamma(strength, strength / mean);
            let cases = random.poisson(ratio * expected);
            children.push(RareCounts { cases, expected });
            ratios.push(ratio);
        }
        made.push(Family {
            parent: family.to_string(),
            children,
        });
        truth.push(ratios);
    }
    (made, truth)
}

/// How often the interval holds the truth, its mean width in logarithms, and the mean squared
/// error of the ratio beside that of the code's own cases over expected.
fn judged(strength: f64, families: usize, seeds: u64) -> (f64, f64, f64) {
    let (mut held, mut all, mut error, mut alone) = (0.0, 0.0, 0.0, 0.0);
    for seed in 0..seeds {
        let (made, truth) = simulated(seed, strength, families);
        let pooling = Pooling::fit(&made);
        for (family, ratios) in made.iter().zip(&truth) {
            for (child, ratio) in ratios.iter().enumerate() {
                let Some(found) = pooling.ratio(family, child, None) else {
                    continue;
                };
                let [low, high] = found.interval;
                held += f64::from(u8::from((low..=high).contains(ratio)));
                let own = family.children[child];
                error += (found.mean - ratio).powi(2);
                alone += (own.cases / own.expected - ratio).powi(2);
                all += 1.0;
            }
        }
    }
    (held / all, error / all, alone / all)
}

#[test]
fn intervals_of_rare_codes_hold_the_truth() {
    // With few families the strength itself is hardly known, and the intervals still hold.
    for (strength, families, seeds) in [(2.0, 12, 6), (16.0, 12, 6), (4.0, 2, 30)] {
        let (held, error, alone) = judged(strength, families, seeds);
        assert!(
            (0.925..=0.985).contains(&held),
            "{strength}, {families}: {held}"
        );
        assert!(
            error < alone,
            "{strength}: pooling is no worse, {error} against {alone}"
        );
    }
}

#[test]
fn the_interval_widens_where_there_is_less_to_go_by() {
    let (made, _) = simulated(7, 4.0, 12);
    let pooling = Pooling::fit(&made);
    let width = |cases: f64, expected: f64| {
        let mut family = made[0].clone();
        family.children[0] = RareCounts { cases, expected };
        let found = pooling.ratio(&family, 0, None).unwrap();
        (found.interval[1] / found.interval[0], found.borrowed)
    };
    let (many, some, few) = (width(60.0, 600.0), width(6.0, 60.0), width(0.0, 1.0));
    assert!(
        many.0 < some.0 && some.0 < few.0,
        "{many:?} {some:?} {few:?}"
    );
    assert!(
        many.1 < some.1 && some.1 < few.1,
        "the less there is the more is borrowed"
    );
    let lonely = Family {
        parent: "alone".to_owned(),
        children: vec![RareCounts {
            cases: 3.0,
            expected: 10.0,
        }],
    };
    assert_eq!(
        pooling.ratio(&lonely, 0, None),
        None,
        "there is nobody to borrow from"
    );
}

#[test]
fn the_strength_is_found() {
    let common = |strength: f64| {
        let (made, _) = simulated(11, strength, 60);
        let pooling = Pooling::fit(&made);
        let mean: f64 = pooling
            .strengths()
            .map(|(one, weight)| weight * one.log2())
            .sum();
        mean.exp2()
    };
    let (loose, tight) = (common(1.0), common(32.0));
    assert!((0.5..=2.0).contains(&loose), "{loose}");
    assert!(tight > 12.0, "{tight}");
}

/// Tuning rows of kinds of people whose risks differ from the pooled one by a factor that their
/// neighbours' outcomes show, or by none.
fn lived(seed: u64, spread: Option<f64>) -> Vec<Lived> {
    let mut random = Random(seed);
    let row = |_| {
        let factor = spread.map_or(1.0, |belief| random.gamma(belief, belief));
        let (risk, expected) = (0.004, 0.004 * 300.0);
        let cases = random.poisson(expected * factor);
        Lived {
            risk,
            near: Near { cases, expected },
            outcome: random.unit() < risk * factor,
        }
    };
    (0..20_000).map(row).collect()
}

#[test]
fn neighbours_are_believed_where_they_tell_something() {
    let (made, _) = simulated(3, 4.0, 12);
    let pooling = Pooling::fit(&made);
    assert!(pooling.believed() < 1e-12, "nothing was asked of them yet");
    let near = Near {
        cases: 9.0,
        expected: 1.2,
    };
    let told = pooling.clone().believe(&lived(1, Some(1.0)));
    let silent = pooling.clone().believe(&lived(1, None));
    assert!(told.believed() > 0.99, "{}", told.believed());
    let of = |pooling: &Pooling, near| pooling.ratio(&made[0], 0, near).unwrap();
    let (plain, more) = (of(&told, None), of(&told, Some(near)));
    assert!(more.mean > 2.0 * plain.mean, "{more:?} {plain:?}");
    // What eighty cases cannot rule out is still believed a little.
    let unmoved = of(&silent, Some(near));
    assert!(unmoved.mean < 0.6 * more.mean, "{unmoved:?} {more:?}");
}

#[test]
fn the_gamma_function_is_that_of_scipy() {
    // scipy.special.gammainc 1.17.1.
    for (a, x, value) in [
        (0.5, 0.1, 0.345_279_153_981_423_16),
        (1.0, 1.0, 0.632_120_558_828_557_7),
        (3.5, 2.0, 0.220_222_591_524_284_08),
        (10.0, 25.0, 0.999_778_523_361_751_2),
        (100.0, 90.0, 0.158_220_989_186_430_07),
    ] {
        let found = regularised_gamma(a, x);
        assert!(
            (found - value).abs() < 1e-12,
            "P({a}, {x}) = {found}, not {value}"
        );
    }
    assert!(regularised_gamma(2.0, 0.0).abs() < 1e-300);
}

/// An engine whose task `rare` was refused, answered through X.
fn engine_with(ratio: Ratio) -> crate::Engine {
    let vocabulary = std::sync::Arc::new(crate::fixture::vocabulary());
    let fitted = crate::Fitted {
        calibrations: std::collections::BTreeMap::new(),
        population: crate::PopulationBuilder::new(&vocabulary, &[]).finish(),
        abstain: crate::AbstainOptions {
            events_min: 1,
            ..crate::AbstainOptions::research()
        },
        pooled: std::collections::BTreeMap::from([(
            "rare".to_owned(),
            PooledOutcome {
                parent: "X".to_owned(),
                codes: vec![longitude_core::Code::from_meds("X")],
                ratio,
            },
        )]),
    };
    let model = std::sync::Arc::new(crate::query::tests::with_head());
    let (root, device) = (
        longitude_core::Digest::of(b"model"),
        longitude_model::Device::cpu(1),
    );
    crate::Engine::new(&model, vocabulary, fitted, root, device).unwrap()
}

#[test]
fn what_was_refused_is_answered_and_says_how() {
    use crate::engine::tests::{at, sampling, task};
    let ratio = Ratio {
        mean: 0.1,
        interval: [0.05, 0.2],
        borrowed: 0.7,
    };
    let engine = engine_with(ratio);
    let timeline = crate::fixture::patient(2, 30);
    let asked = crate::Asked {
        timeline: &timeline,
        at: at(60.5),
    };
    let tasks = [
        task("rare", "NOWHERE", 20.0),
        task("x", "X", 20.0),
        task("other", "NOBODY", 5.0),
    ];
    let how = crate::AnswerOptions {
        sample: sampling(8, 8),
        evidence: None,
    };
    let answers = engine.predict(&asked, &tasks, &how).unwrap();
    let above = engine.query_many(&[asked], &tasks[1..2]).unwrap();
    let parent = above[0][0].as_ref().unwrap().risk;
    let rare = &answers[0];
    let pooled = rare.pooled.as_ref().unwrap();
    assert!((rare.risk.unwrap().get() - 0.1 * parent).abs() < 1e-12);
    assert!((pooled.low.get() - 0.05 * parent).abs() < 1e-12);
    assert!((pooled.high.get() - 0.2 * parent).abs() < 1e-12);
    assert_eq!((&*pooled.parent, rare.abstention.as_ref()), ("X", None));
    assert!(answers[1].pooled.is_none(), "it has an answer of its own");
    let refused = answers[2].abstention.as_ref();
    assert!(
        matches!(
            refused,
            Some(longitude_core::Abstention::OutcomeTooRare { .. })
        ),
        "{refused:?}"
    );
    let many = engine.predict_many(&[asked], &tasks, &how).unwrap();
    assert!(many[0] == answers, "one and many are the same");
}

#[test]
fn the_parent_is_the_nearest_that_is_common_enough() {
    let mut census = CodeCensus::default();
    for subject in 0..120 {
        let mut rows = vec![("ICD10CM//E11.9", 1.0)];
        if subject < 60 {
            rows.push(("ICD10CM//E78.5", 2.0));
        }
        if subject < 3 {
            rows.push(("ICD10CM//E85.4", 3.0));
        }
        let until = crate::fixture::until(9.0);
        census.observe(&crate::fixture::timeline(subject, &rows, until));
    }
    let mut task = crate::engine::tests::task("rare", "ICD10CM//E85.4", 365.0);
    let plan = census.family(&task).unwrap();
    // E70-E88 has 63 pairs, its chapter 183; beside the outcome stand two blocks' codes.
    assert_eq!((&*plan.parent, plan.codes.len()), ("ICD10CM//E00-E89", 3));
    assert_eq!(plan.children().len(), 3);
    task.outcome = longitude_core::Predicate::code(longitude_core::Code::from_meds("NEVER//SEEN"));
    assert!(census.family(&task).is_none());
}
