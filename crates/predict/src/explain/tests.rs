//! Explanations of a little transformer with random weights, by both ways.

use super::*;
use crate::engine::tests::{at, engine, sampling, tasks};
use crate::query::tests::{engine as engine_of, with_head};
use crate::{Queried, fixture};

fn options() -> ExplainOptions {
    ExplainOptions::research()
}

fn asked(timeline: &Timeline) -> Asked<'_> {
    Asked {
        timeline,
        at: at(70.0),
    }
}

fn risks(engine: &Engine, timeline: &Timeline) -> Vec<f64> {
    let answers = engine.query_many(&[asked(timeline)], &tasks()).unwrap();
    let risk = |one: &Option<Queried>| one.as_ref().unwrap().risk;
    answers[0].iter().map(risk).collect()
}

#[test]
fn the_query_heads_effects_are_its_answers_less_those_without() {
    let engine = engine_of(&with_head(), 1);
    let timeline = fixture::patient(2, 30);
    let asked = asked(&timeline);
    let found = engine.explain(&asked, (&tasks(), Way::QueryHead), &options());
    let found = found.unwrap();
    let base = risks(&engine, &timeline);
    let mut checked = 0;
    for (task, one) in found.iter().enumerate() {
        assert!((one.risk - base[task]).abs() < 1e-12);
        assert_eq!(one.left_out, 0);
        let mut joint_gone: Vec<usize> = Vec::new();
        let all = one.alone.values().flatten().map(|cited| (cited, false));
        for (cited, is_joint) in all.chain(one.joint.iter().map(|cited| (cited, true))) {
            let own = cited.sources.iter().map(|source| source.event as usize);
            let own: Vec<usize> = own.collect();
            let gone = if is_joint {
                joint_gone = union(&joint_gone, &own);
                joint_gone.clone()
            } else {
                own
            };
            let without = risks(&engine, &without(&asked, &gone))[task];
            assert!((cited.effect.risk - (base[task] - without)).abs() < 1e-12);
            assert!(cited.effect.standard_error.abs() < f64::EPSILON);
            checked += 1;
        }
        assert_eq!(one.joint.len(), 5.min(one.alone[&Unit::Code].len()));
    }
    assert!(checked > 40, "{checked}");
}

#[test]
fn units_are_what_they_say() {
    let engine = engine_of(&with_head(), 1);
    let timeline = fixture::patient(2, 30);
    let asked = asked(&timeline);
    let units = Units::of(&engine, &asked, 512);
    let history = timeline.history(asked.at);
    let count = |unit| units.all.iter().filter(|one| one.unit == unit).count();
    let births = history.iter().filter(|event| event.code.is_birth()).count();
    assert_eq!(count(Unit::Event), history.len() - births);
    for (place, one) in units.all.iter().enumerate() {
        let codes = units
            .events(place)
            .iter()
            .map(|index| &history[*index].code);
        if matches!(one.unit, Unit::Event | Unit::Code) {
            assert!(codes.into_iter().all(|code| code.to_meds() == one.name));
        }
    }
    let few = Units::of(&engine, &asked, 2);
    assert!(few.left_out > 0);
    // The latest events go first.
    let latest = few.all.iter().position(|one| one.unit == Unit::Event);
    let latest = few.events(latest.unwrap())[0];
    assert_eq!(latest, history.len() - 1);
}

#[test]
fn sampled_effects_carry_an_error_and_know_no_threads() {
    let timeline = fixture::patient(2, 30);
    let few = ExplainOptions {
        sampled_max: 3,
        joint_max: 2,
        pairs_max: 3,
        candidates_max: 3,
        ..options()
    };
    let way = Way::Sampled(sampling(16, 16));
    let explain = |threads| {
        let found = engine(threads).explain(&asked(&timeline), (&tasks(), way), &few);
        found.unwrap()
    };
    let found = explain(1);
    assert_eq!(found, explain(2));
    let errors = found.iter().flat_map(|one| one.alone.values().flatten());
    let errors: Vec<f64> = errors.map(|cited| cited.effect.standard_error).collect();
    assert!(errors.iter().any(|error| *error > 0.0));
    assert!(found.iter().all(|one| one.left_out > 0));
    // The same numbers as the evidence of a prediction.
    let evidence = crate::AnswerOptions {
        sample: sampling(16, 16),
        evidence: Some(crate::EvidenceOptions {
            samples: 16,
            ..crate::EvidenceOptions::research()
        }),
    };
    let answers = engine(1)
        .predict(&asked(&timeline), &tasks(), &evidence)
        .unwrap();
    let mut same = 0;
    for (answer, one) in answers.iter().zip(&found) {
        for item in &answer.evidence {
            let code = item.code.to_meds();
            let cited = one.alone[&Unit::Code]
                .iter()
                .find(|cited| cited.name == code && cited.sources.len() == item.sources.len());
            if let Some(cited) = cited {
                assert!((cited.effect.risk - item.effect).abs() < 1e-12);
                assert!((cited.effect.standard_error - item.standard_error).abs() < 1e-12);
                same += 1;
            }
        }
    }
    assert!(same >= 3, "{same}");
}

#[test]
fn targets_are_explained_as_tasks_are() {
    let engine = engine_of(&with_head(), 1);
    let timeline = fixture::patient(2, 30);
    let asked = asked(&timeline);
    let tasks = [tasks().remove(0)];
    let target = Target {
        name: "X".to_owned(),
        kind: crate::Kind::Diagnosis,
        code: Code::from_meds("X"),
        limit: None,
        ids: engine.vocabulary().ids_matching(&tasks[0].outcome),
    };
    let horizon = tasks[0].horizon.0;
    let evidence = engine.target_evidence(&asked, (&[&target], horizon), &options());
    let evidence = evidence.unwrap().remove(0);
    let found = engine.explain(&asked, (&tasks, Way::QueryHead), &options());
    assert_eq!(evidence, found.unwrap()[0].alone[&Unit::Code]);
    assert!(!evidence.is_empty());
}
