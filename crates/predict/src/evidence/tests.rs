//! Occlusion is exact: an effect is the difference of two answers that anybody can ask for.

use super::*;
use crate::engine::AnswerOptions;
use crate::engine::tests::{at, engine, sampling, tasks};
use crate::fixture;

fn options(groups_max: u32) -> EvidenceOptions {
    EvidenceOptions {
        samples: 16,
        groups_max,
        ..EvidenceOptions::research()
    }
}

fn answers(threads: usize, groups_max: u32) -> Vec<longitude_core::Prediction> {
    let timeline = fixture::patient(2, 30);
    let asked = Asked {
        timeline: &timeline,
        at: at(70.0),
    };
    let options = AnswerOptions {
        sample: sampling(16, 16),
        evidence: Some(options(groups_max)),
    };
    engine(threads).predict(&asked, &tasks(), &options).unwrap()
}

#[test]
fn an_effect_is_the_answer_less_the_answer_without() {
    let engine = engine(1);
    let timeline = fixture::patient(2, 30);
    let asked = Asked {
        timeline: &timeline,
        at: at(70.0),
    };
    let options = AnswerOptions {
        sample: sampling(16, 16),
        evidence: None,
    };
    let mut checked = 0;
    for (index, answer) in answers(1, 8).iter().enumerate() {
        assert!(!answer.evidence.is_empty());
        for item in &answer.evidence {
            let removed: Vec<u32> = item.sources.iter().map(|s| s.event).collect();
            let kept = (0_u32..).zip(timeline.events());
            let kept = kept
                .filter(|(i, _)| !removed.contains(i))
                .map(|(_, e)| e.clone());
            let changed = Timeline::new(timeline.subject(), kept.collect(), timeline.observation());
            let changed = Asked {
                timeline: &changed,
                at: asked.at,
            };
            let without = &engine.predict(&changed, &tasks(), &options).unwrap()[index];
            let with = answer.risk.unwrap().get();
            let effect = with - without.risk.unwrap().get();
            assert!((item.effect - effect).abs() < 1e-12, "{item:?} {effect}");
            checked += 1;
        }
    }
    assert!(checked >= 12, "{checked}");
}

#[test]
fn items_are_ordered_and_lead_back_to_their_records() {
    let timeline = fixture::patient(2, 30);
    let found = answers(1, 8);
    for answer in &found {
        let sizes: Vec<f64> = answer.evidence.iter().map(|e| e.effect.abs()).collect();
        assert!(sizes.is_sorted_by(|a, b| a >= b), "{sizes:?}");
        for item in &answer.evidence {
            assert!(item.standard_error.is_finite() && !item.sources.is_empty());
            for source in &item.sources {
                let event = &timeline.events()[source.event as usize];
                assert_eq!(event.code, item.code);
                assert_eq!(event.time, source.time);
                assert_eq!(*event.origin.record, *source.record);
                assert!(event.time.is_none_or(|time| time <= at(70.0)));
                assert!(!event.code.is_birth());
            }
        }
    }
    let signs = found
        .iter()
        .flat_map(|a| &a.evidence)
        .map(|e| e.effect > 0.0);
    let signs: std::collections::BTreeSet<bool> = signs.collect();
    assert_eq!(signs.len(), 2, "some raise the risk and some lower it");
    let single = |e: &Evidence| e.sources.len() == 1;
    assert!(found.iter().any(|a| a.evidence.iter().any(single)));
}

#[test]
fn threads_change_no_evidence_and_the_screen_bounds_the_cost() {
    let json = |threads, groups| serde_json::to_string(&answers(threads, groups)).unwrap();
    assert_eq!(json(1, 8), json(2, 8));
    let few = answers(1, 2);
    // Two codes and at most three single events of one of them.
    assert!(few.iter().all(|a| a.evidence.len() <= 5));
    let codes = few[0].evidence.iter().map(|e| &e.code);
    let codes: std::collections::BTreeSet<_> = codes.collect();
    assert_eq!(codes.len(), 2);
    // What the screen keeps has the same effect as without a screen.
    for item in &few[0].evidence {
        let full = answers(1, 8);
        let same = full[0].evidence.iter().find(|e| e.sources == item.sources);
        assert!(same.is_none_or(|same| same == item));
    }
}

#[test]
fn the_calibrated_scale_carries_the_error() {
    use crate::calibration::{Calibration, CalibrationOptions};
    let estimates: Vec<f64> = (0..400).map(|i| f64::from(i) / 400.0).collect();
    let labels: Vec<bool> = (0..400).map(|i| i % 4 == 0 && i > 90).collect();
    let halving = Calibration::fit(&estimates, &labels, &CalibrationOptions::research(1));
    let engine = engine(1);
    let timeline = fixture::patient(2, 30);
    let asked = Asked {
        timeline: &timeline,
        at: at(70.0),
    };
    let all = tasks();
    let question = Question::of(&all[0], engine.vocabulary());
    let score = |asked: &Asked<'_>| {
        let scored = engine.workers().each(1, |worker, _| {
            engine.scores(worker, asked, &[&question], &sampling(64, 64))
        });
        scored.unwrap().remove(0).remove(0)
    };
    let base = score(&asked);
    let labs: Vec<usize> = (0..timeline.history(asked.at).len())
        .filter(|i| &*timeline.events()[*i].code.system == "LAB")
        .collect();
    let changed = without(&asked, &labs);
    let gone = score(&Asked {
        timeline: &changed,
        at: asked.at,
    });
    let (plain, plain_error) = effect(&base, &gone, &Calibration::identity());
    let (shrunk, shrunk_error) = effect(&base, &gone, &halving);
    assert!((plain - (base.raw().estimate - gone.raw().estimate)).abs() < 1e-9);
    assert!(plain_error > 0.0);
    assert!(shrunk.abs() < plain.abs() && shrunk_error < plain_error);
    // Common random numbers: steadier than two answers with numbers of their own.
    let apart = base.raw().standard_error.hypot(gone.raw().standard_error);
    assert!(plain_error < apart, "{plain_error} {apart}");
    assert_eq!(effect(&base, &base, &halving), (0.0, 0.0));
}
