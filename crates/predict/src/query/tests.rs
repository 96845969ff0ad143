//! Answers of the query head of a little transformer with random weights.
#![allow(clippy::float_cmp, reason = "the same bits are what is asked")]

use super::*;
use crate::engine::tests::{at, tasks};
use crate::fixture;
use crate::{AbstainOptions, Fitted, PopulationBuilder};
use longitude_core::{Code, Digest, Predicate};
use longitude_model::{Device, Model};
use std::collections::BTreeMap;

pub(crate) fn engine(model: &Model, threads: usize) -> Engine {
    let vocabulary = Arc::new(fixture::vocabulary());
    let fitted = Fitted {
        calibrations: BTreeMap::new(),
        population: PopulationBuilder::new(&vocabulary, &[]).finish(),
        abstain: AbstainOptions::research(),
        pooled: BTreeMap::new(),
    };
    let (model, device) = (Arc::new(model.clone()), Device::cpu(threads));
    Engine::new(&model, vocabulary, fitted, Digest::of(b"model"), device).unwrap()
}

/// The fixture's model with a query head whose weights are away from their start.
pub(crate) fn with_head() -> Model {
    let plain = fixture::model(&fixture::vocabulary());
    let config = plain.config().clone().with_queries();
    let mut model = Model::new(config, plain.codes().clone(), 5).unwrap();
    for (index, weight) in (0_u32..).zip(model.weights_mut()) {
        *weight += 0.3 * crate::sample::single(crate::rng::unit(2, index, 0) - 0.5);
    }
    model
}

fn unknown() -> Task {
    Task {
        outcome: Predicate::code(Code::from_meds("NOWHERE")),
        ..tasks()[0].clone()
    }
}

#[test]
fn answers_are_risks_that_grow_with_the_horizon_and_know_no_threads() {
    let model = with_head();
    let patients: Vec<_> = (1..6).map(|s| fixture::patient(s, 30)).collect();
    let asked: Vec<Asked<'_>> = patients
        .iter()
        .map(|timeline| Asked {
            timeline,
            at: at(60.5),
        })
        .collect();
    let mut tasks = tasks();
    tasks.push(unknown());
    let answers = engine(&model, 1).query_many(&asked, &tasks).unwrap();
    assert_eq!(
        answers,
        engine(&model, 3).query_many(&asked, &tasks).unwrap()
    );
    for answers in &answers {
        assert!(answers[3].is_none(), "no code, no answer");
        for (answer, task) in answers.iter().flatten().zip(&tasks) {
            let edges = answer.curve.edges_days();
            let curve = answer.curve.predicate();
            assert!(curve.windows(2).all(|pair| pair[0] <= pair[1]));
            let sums = curve.iter().zip(answer.curve.competing());
            assert!(sums.clone().all(|(one, other)| one + other <= 1.0 + 1e-12));
            let bin = edges.partition_point(|edge| f64::from(*edge) < task.horizon.0);
            let below = bin.checked_sub(1).map_or(0.0, |j| curve[j]);
            assert!((below..=curve[bin]).contains(&answer.risk));
            let dies = answer.curve.competing().iter().any(|risk| *risk > 0.0);
            assert_eq!(
                dies,
                !task.outcome.is_death(),
                "death competes with the rest"
            );
        }
    }
    let one = answers
        .iter()
        .map(|answers| answers[0].as_ref().unwrap().risk);
    let one: Vec<f64> = one.collect();
    assert!(
        one.windows(2).any(|pair| pair[0] != pair[1]),
        "histories matter"
    );
}

#[test]
fn what_comes_later_is_not_looked_at() {
    let engine = engine(&with_head(), 1);
    let whole = fixture::patient(2, 30);
    let cut = fixture::patient(2, 12);
    let when = at(30.0);
    assert_eq!(whole.history(when).len(), cut.history(when).len());
    let ask = |timeline, at| {
        engine
            .query_many(&[Asked { timeline, at }], &tasks())
            .unwrap()
    };
    assert_eq!(ask(&whole, when), ask(&cut, when));
    assert_ne!(
        ask(&cut, when),
        ask(&cut, at(33.0)),
        "time that passes matters"
    );
}

#[test]
fn a_model_without_a_head_says_so() {
    let engine = engine(&fixture::model(&fixture::vocabulary()), 1);
    assert!(!engine.has_queries());
    let patient = fixture::patient(1, 9);
    let asked = [Asked {
        timeline: &patient,
        at: at(9.0),
    }];
    let answer = engine.query_many(&asked, &tasks());
    assert!(matches!(answer, Err(Error::NoQueryHead)), "{answer:?}");
}
