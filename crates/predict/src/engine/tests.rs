//! Answers of a little transformer with random weights: the same whatever the threads and the
//! batches, blind to the future, and unbiased.

use super::*;
use crate::fixture;
use crate::sample::Future;
use longitude_core::{Code, Days, Observation, Predicate, SubjectId};

pub(crate) fn task(id: &str, code: &str, days: f64) -> Task {
    Task {
        id: id.into(),
        title: id.into(),
        outcome: Predicate::code(Code::from_meds(code)),
        horizon: Days(days),
        incident: false,
    }
}

pub(crate) fn tasks() -> Vec<Task> {
    vec![
        task("x", "X", 20.0),
        task("death", "MEDS_DEATH", 30.0),
        task("b", "B", 2.0),
    ]
}

pub(crate) fn engine(threads: usize) -> Engine {
    let vocabulary = fixture::vocabulary();
    let model = Arc::new(fixture::model(&vocabulary));
    let mut builder = crate::PopulationBuilder::new(&vocabulary, &[]);
    for subject in 0..20 {
        builder.observe(&fixture::patient(subject, 24));
    }
    let fitted = Fitted {
        calibrations: BTreeMap::new(),
        population: builder.finish(),
        abstain: AbstainOptions::research(),
        pooled: BTreeMap::new(),
    };
    let root = Digest::of(b"model");
    Engine::new(
        &model,
        Arc::new(vocabulary),
        fitted,
        root,
        Device::cpu(threads),
    )
    .unwrap()
}

pub(crate) fn sampling(samples: u32, rows: u32) -> SampleOptions {
    SampleOptions {
        samples,
        seed: 4,
        events_max: 40,
        rows,
    }
}

fn answer(samples: u32, rows: u32) -> AnswerOptions {
    AnswerOptions {
        sample: sampling(samples, rows),
        evidence: None,
    }
}

pub(crate) fn at(day: f64) -> Instant {
    Instant(0).plus(Days(day))
}

fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap()
}

#[test]
fn threads_and_batches_change_no_byte() {
    let patients: Vec<_> = (1..6).map(|s| fixture::patient(s, 30)).collect();
    let asked: Vec<Asked<'_>> = patients
        .iter()
        .map(|timeline| Asked {
            timeline,
            at: at(70.0),
        })
        .collect();
    let one = engine(1);
    let base = json(&one.predict_many(&asked, &tasks(), &answer(24, 24)).unwrap());
    for (threads, rows) in [(1, 1), (1, 7), (2, 24), (3, 5)] {
        let other = engine(threads);
        let many = other
            .predict_many(&asked, &tasks(), &answer(24, rows))
            .unwrap();
        assert_eq!(json(&many), base, "{threads} threads, {rows} rows");
        let alone: Vec<_> = asked
            .iter()
            .map(|one| other.predict(one, &tasks(), &answer(24, rows)).unwrap())
            .collect();
        assert_eq!(
            json(&alone),
            base,
            "{threads} threads, {rows} rows, one by one"
        );
    }
    // The futures themselves, whatever rows they had and whoever sat beside them.
    let fates: Vec<Vec<Raw>> = one.raw_many(&asked, &tasks(), &sampling(24, 24)).unwrap();
    for round in 0..12_u32 {
        let draw = |what: u32, n: usize| crate::rng::below(crate::rng::unit(5, round, what), n);
        let mut order: Vec<usize> = (0..asked.len()).collect();
        (1..order.len()).for_each(|i| order.swap(i, draw(10 + u32::try_from(i).unwrap(), i + 1)));
        let some = order[..=draw(0, asked.len())].to_vec();
        let shuffled: Vec<Asked<'_>> = some.iter().map(|i| asked[*i]).collect();
        let rows = 1 + u32::try_from(draw(1, 40)).unwrap();
        let other = engine(1 + draw(2, 3));
        let got = other
            .raw_many(&shuffled, &tasks(), &sampling(24, rows))
            .unwrap();
        let expected: Vec<Vec<Raw>> = some.iter().map(|i| fates[*i].clone()).collect();
        assert!(got == expected, "round {round}: {rows} rows, {some:?}");
    }
    // Another seed is another answer.
    let mut seeded = answer(24, 24);
    seeded.sample.seed = 5;
    assert_ne!(
        json(&one.predict_many(&asked, &tasks(), &seeded).unwrap()),
        base
    );
}

#[test]
fn a_task_is_answered_the_same_alone_and_among_others() {
    let engine = engine(1);
    let timeline = fixture::patient(2, 30);
    let asked = Asked {
        timeline: &timeline,
        at: at(70.0),
    };
    let all = engine.predict(&asked, &tasks(), &answer(16, 16)).unwrap();
    for (task, together) in tasks().iter().zip(&all) {
        let alone = engine
            .predict(&asked, std::slice::from_ref(task), &answer(16, 16))
            .unwrap();
        assert_eq!(&alone[0], together);
    }
}

#[test]
fn nothing_after_the_prediction_time_matters() {
    let engine = engine(1);
    let full = fixture::patient(3, 40);
    let when = at(70.0);
    assert!(full.history(when).len() < full.events().len());
    let cut = Timeline::new(
        full.subject(),
        full.history(when).to_vec(),
        Observation {
            end: None,
            ..full.observation()
        },
    );
    let of = |timeline: &Timeline| {
        let asked = Asked { timeline, at: when };
        json(&engine.predict(&asked, &tasks(), &answer(16, 16)).unwrap())
    };
    assert_eq!(of(&full), of(&cut));
}

#[test]
fn the_first_wait_is_given_that_nothing_happened_yet() {
    let engine = engine(1);
    let timeline = fixture::patient(3, 12);
    let last = timeline.events().last().and_then(|e| e.time).unwrap();
    for days in [0.0, 0.5, 40.0] {
        let asked = Asked {
            timeline: &timeline,
            at: last.plus(Days(days)),
        };
        let pool = engine.pool(&asked, Days(60.0), &sampling(64, 64)).unwrap();
        let firsts = pool.futures.iter().filter_map(|f| f.steps.first());
        let firsts: Vec<f64> = firsts.map(|step| (step.time - asked.at).0).collect();
        assert!(firsts.len() > 50);
        assert!(firsts.iter().all(|wait| *wait > 0.0), "{days}");
        // Later steps tie; a first step at the prediction time itself cannot.
        let ties = |f: &Future| f.steps.windows(2).any(|w| w[0].time == w[1].time);
        assert!(pool.futures.iter().any(ties));
    }
    // The law of the transformer's first wait: the share of futures without an event within two
    // days is the survival from the elapsed time on.
    let asked = Asked {
        timeline: &timeline,
        at: last.plus(Days(0.7)),
    };
    let options = sampling(2000, 100);
    let pool = engine.pool(&asked, Days(2.0), &options).unwrap();
    let none = pool.futures.iter().filter(|f| f.steps.is_empty()).count() as f64 / 2000.0;
    let history = engine.history(&asked, &options).unwrap();
    let survival = engine
        .workers
        .each(1, |worker, _| {
            let hidden = worker.decoder.hidden_last(&[&history.inputs])?;
            let mut law = Vec::new();
            worker.decoder.wait(&hidden, &mut law);
            let law = worker.decoder.wait_law(&law);
            Ok(1.0 - law.probability_within(2.0, Some(0.7)))
        })
        .unwrap()[0];
    let error = (survival * (1.0 - survival) / 2000.0).sqrt();
    assert!((none - survival).abs() < 4.0 * error, "{none} {survival}");
}

#[test]
fn the_estimate_agrees_with_plain_counting() {
    let engine = engine(2);
    for subject in [1, 2, 8] {
        let timeline = fixture::patient(subject, 30);
        let asked = [Asked {
            timeline: &timeline,
            at: at(60.0),
        }];
        let raws = engine
            .raw_many(&asked, &tasks(), &sampling(3000, 250))
            .unwrap();
        for raw in &raws[0] {
            let error = raw.standard_error.hypot(raw.hit_standard_error);
            assert!(
                (raw.estimate - raw.hit_share).abs() < 4.0 * error,
                "{raw:?}"
            );
            let error = raw.scope_standard_error.hypot(raw.hit_standard_error);
            assert!((raw.scope - raw.hit_share).abs() < 4.0 * error, "{raw:?}");
            assert!(raw.standard_error < raw.hit_standard_error, "{raw:?}");
        }
    }
}

#[test]
fn futures_that_avoid_the_outcome_give_the_same_risk() {
    let (engine, one) = (engine(2), engine(1));
    let vocabulary = engine.vocabulary();
    let mut questions: Vec<Question> = tasks()
        .iter()
        .map(|task| Question::of(task, vocabulary))
        .collect();
    // A window that opens late, a competing event, and the upper values of a laboratory code.
    let [x, b] = [&questions[0], &questions[2]].map(|one| one.outcome.marks.clone());
    questions[0].outcome.from = Days(3.0);
    questions[0].outcome.competing = b;
    let lab = vocabulary.id(&Code::from_meds("LAB//1"));
    let range = (std::ops::Bound::Excluded(103.2), std::ops::Bound::Unbounded);
    let high = crate::Mark::ranged(lab, vocabulary.bins_of(lab), false, &[range]).unwrap();
    questions[2].outcome.marks = vec![high];
    questions[2].outcome.competing = x;
    let timeline = fixture::patient(2, 30);
    let asked = [Asked {
        timeline: &timeline,
        at: at(60.0),
    }];
    let raws = engine
        .estimate_many(&asked, &questions, &sampling(3000, 250))
        .unwrap();
    for (question, raw) in questions.iter().zip(&raws[0]) {
        let reached = engine
            .reach_many(&asked, question, &sampling(2000, 250))
            .unwrap()[0];
        let error = reached.standard_error.hypot(raw.hit_standard_error);
        assert!(
            (reached.estimate - raw.hit_share).abs() < 4.0 * error,
            "{reached:?} {raw:?}"
        );
        let error = raw.standard_error.hypot(raw.hit_standard_error);
        assert!(
            (raw.estimate - raw.hit_share).abs() < 4.0 * error,
            "{raw:?}"
        );
        assert!((0.01..0.99).contains(&raw.hit_share), "{raw:?}");
        assert!(
            reached.standard_error < raw.hit_standard_error,
            "{reached:?} {raw:?}"
        );
        let alone = one
            .reach_many(&asked, question, &sampling(2000, 17))
            .unwrap()[0];
        assert_eq!(json(&alone), json(&reached));
    }
}

#[test]
fn a_retired_future_changes_no_other() {
    // Futures of one batch end at different steps; each is what it is alone.
    let engine = engine(1);
    let timeline = fixture::patient(6, 30);
    let asked = Asked {
        timeline: &timeline,
        at: at(60.0),
    };
    let together = engine.pool(&asked, Days(25.0), &sampling(32, 32)).unwrap();
    let alone = engine.pool(&asked, Days(25.0), &sampling(32, 1)).unwrap();
    let lengths: std::collections::BTreeSet<_> =
        together.futures.iter().map(|f| f.steps.len()).collect();
    assert!(lengths.len() > 5);
    assert_eq!(together, alone);
    let fewer = engine.pool(&asked, Days(25.0), &sampling(9, 32)).unwrap();
    assert_eq!(fewer.futures, together.futures[..9]);
}

#[test]
fn an_answer_is_whole() {
    let mut engine = engine(1);
    let estimates: Vec<f64> = (0..200).map(|i| f64::from(i) / 200.0).collect();
    let labels: Vec<bool> = (0..200).map(|i| i % 3 == 0 && i > 50).collect();
    let calibration =
        Calibration::fit(&estimates, &labels, &crate::CalibrationOptions::research(1));
    engine
        .fitted
        .calibrations
        .insert("x".into(), calibration.clone());
    let timeline = fixture::patient(2, 30);
    let asked = Asked {
        timeline: &timeline,
        at: at(70.0),
    };
    let mut asked_of = tasks();
    asked_of.push(task("q", "NEVER", 30.0));
    asked_of[2].incident = true;
    let answers = engine.predict(&asked, &asked_of, &answer(16, 16)).unwrap();
    assert!(
        answers
            .iter()
            .all(|a| a.subject == SubjectId(2) && a.time == at(70.0))
    );
    assert!(answers.iter().all(|a| a.model == Digest::of(b"model")));
    let monte_carlo = answers[0].monte_carlo.unwrap();
    assert_eq!(monte_carlo.samples, 16);
    let applied = calibration.apply(monte_carlo.estimate);
    assert_eq!(
        (answers[0].risk, answers[0].interval),
        (Some(applied.risk), applied.interval)
    );
    assert!(answers[0].interval.is_some() && answers[1].interval.is_none());
    assert_eq!(answers[2].abstention, Some(Abstention::OutcomeBefore));
    assert_eq!(answers[2].risk, None);
    assert!(matches!(
        answers[3].abstention,
        Some(Abstention::OutcomeTooRare { .. })
    ));
}

#[test]
fn refusals_are_answers_and_wrong_models_are_errors() {
    let engine = engine(1);
    let timeline = fixture::timeline(1, &[("A", 80.0)], Observation::UNKNOWN);
    let asked = Asked {
        timeline: &timeline,
        at: at(70.0),
    };
    let answers = engine.predict(&asked, &tasks(), &answer(4, 4)).unwrap();
    let refused =
        |a: &Prediction| matches!(a.abstention, Some(Abstention::TooLittleHistory { .. }));
    assert!(answers.iter().all(refused));
    assert!(matches!(
        engine.raw_many(&[asked], &tasks(), &sampling(4, 4)),
        Err(Error::EmptyHistory)
    ));
    assert!(matches!(
        engine.predict(&asked, &tasks(), &answer(0, 4)),
        Err(Error::Option { what: "samples" })
    ));
    // Futures cut short are refused, not counted as free of the outcome.
    let timeline = fixture::patient(2, 30);
    let asked = Asked {
        timeline: &timeline,
        at: at(70.0),
    };
    let mut short = answer(16, 16);
    short.sample.events_max = 2;
    let cut = engine.predict(&asked, &tasks()[..2], &short).unwrap();
    assert!(
        matches!(cut[1].abstention, Some(Abstention::Censored { .. })),
        "{cut:?}"
    );
    let model = Arc::new(fixture::model(engine.vocabulary()));
    let mut builder =
        longitude_tokens::VocabularyBuilder::new(engine.vocabulary().options().clone());
    builder.observe(&timeline);
    let other = Engine::new(
        &model,
        Arc::new(builder.finish().unwrap()),
        engine.fitted.clone(),
        Digest::of(b"model"),
        Device::cpu(1),
    );
    assert!(matches!(other, Err(Error::Vocabulary { .. })));
}

#[test]
fn long_histories_are_cut_as_in_training() {
    let engine = engine(1);
    let timeline = fixture::patient(2, 400);
    let asked = Asked {
        timeline: &timeline,
        at: at(2000.0),
    };
    let history = engine.history(&asked, &sampling(4, 4)).unwrap();
    assert_eq!(history.inputs.len(), 96 - 40);
    assert_eq!(history.start.subject, SubjectId(2));
    assert_eq!(
        engine
            .predict(&asked, &tasks(), &answer(4, 4))
            .unwrap()
            .len(),
        3
    );
}
