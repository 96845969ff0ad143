//! Questions and their answers on records small enough to read, and the law of the index times.

use super::*;
use crate::sequences::Sequences;
use crate::world::{World, world};
use longitude_core::{
    Code, Days, Event, Instant, Observation, ObservationSource, Origin, SubjectId, Timeline,
};
use longitude_model::{Batch, Decoder, Device, Input};
use longitude_tokens::{VocabularyBuilder, VocabularyOptions, encode};

const EDGES: [f32; 3] = [1.0, 30.0, 365.0];

fn timeline(events: &[(&str, f64)], end: Option<f64>) -> Timeline {
    let at = |days: f64| Instant(0).plus(Days(days));
    let event = |(code, days): &(&str, f64)| {
        Event::new(
            Code::from_meds(code),
            Some(at(*days)),
            Origin::derived("test"),
        )
    };
    let observation = Observation {
        start: Some(at(0.0)),
        end: end.map(at),
        source: ObservationSource::Stated,
    };
    Timeline::new(
        SubjectId(1),
        events.iter().map(event).collect(),
        observation,
    )
}

struct Case {
    vocabulary: Vocabulary,
    sequences: Sequences,
}

/// The one subject's tokens under the vocabulary of its own events.
fn case(events: &[(&str, f64)], end: Option<f64>) -> Case {
    let timeline = timeline(events, end);
    let mut builder = VocabularyBuilder::new(VocabularyOptions::with_subjects_min(1));
    builder.observe(&timeline);
    let vocabulary = builder.finish().unwrap();
    let mut sequences = Sequences::default();
    sequences.push(&encode(&vocabulary, &timeline));
    Case {
        vocabulary,
        sequences,
    }
}

impl Case {
    fn ids(&self, codes: &[&str]) -> Arc<[Atom]> {
        let id = |code: &&str| self.vocabulary.exact(&Code::from_meds(code)).unwrap();
        let ids: BTreeSet<u32> = codes.iter().map(id).collect();
        ids.into_iter().map(Atom::code).collect()
    }

    fn answer(&self, position: usize, after: f64, sides: [&[&str]; 2]) -> Answer {
        let mut asker = Asker::new(&self.vocabulary, &EDGES, &QueryOptions::default());
        let question = Question {
            elapsed_days: after,
            predicate: self.ids(sides[0]),
            competing: self.ids(sides[1]),
        };
        let sequence = self.sequences.get(0).unwrap();
        let index_us = Instant(sequence.time_us[position]).plus(Days(after)).0;
        let answer = asker.answer(&sequence, (position, index_us), &question);
        let clean = |mark: &Mark| mark.side == Side::Neither;
        assert!(asker.marks.iter().all(clean), "marks are taken away");
        answer
    }
}

#[track_caller]
fn check(answer: Answer, kind: &str, days: f64) {
    let found = match answer {
        Answer::Predicate(_) => "predicate",
        Answer::Competing(_) => "competing",
        Answer::Censored(_) => "censored",
    };
    assert_eq!(found, kind);
    assert!(
        (answer.days() - days).abs() < 1e-9,
        "{} days",
        answer.days()
    );
}

#[test]
fn whatever_comes_first_is_the_answer() {
    let events = [
        ("A", 0.0),
        ("B", 5.0),
        ("C", 9.0),
        ("C", 20.0),
        ("MEDS_DEATH", 40.0),
    ];
    let case = case(&events, Some(60.0));
    check(
        case.answer(0, 0.0, [&["C"], &["MEDS_DEATH"]]),
        "predicate",
        9.0,
    );
    check(
        case.answer(0, 2.0, [&["C"], &["MEDS_DEATH"]]),
        "predicate",
        7.0,
    );
    check(
        case.answer(2, 0.0, [&["C"], &["MEDS_DEATH"]]),
        "predicate",
        11.0,
    );
    check(
        case.answer(0, 0.0, [&["B", "C"], &["MEDS_DEATH"]]),
        "predicate",
        5.0,
    );
    check(
        case.answer(0, 0.0, [&["C"], &["B", "MEDS_DEATH"]]),
        "competing",
        5.0,
    );
    check(
        case.answer(3, 0.0, [&["C"], &["MEDS_DEATH"]]),
        "competing",
        20.0,
    );
    check(
        case.answer(1, 1.0, [&["MEDS_DEATH"], &[]]),
        "predicate",
        34.0,
    );
}

#[test]
fn observation_censors_and_a_tie_is_the_predicates() {
    let case = case(&[("A", 0.0), ("B", 5.0), ("MEDS_DEATH", 5.0)], None);
    check(
        case.answer(0, 0.0, [&["MEDS_DEATH"], &["B"]]),
        "predicate",
        5.0,
    );
    check(
        case.answer(0, 0.0, [&["B"], &["MEDS_DEATH"]]),
        "predicate",
        5.0,
    );
    let case = self::case(&[("A", 0.0), ("B", 5.0)], Some(60.0));
    check(case.answer(1, 10.0, [&["A"], &[]]), "censored", 45.0);
    // Without a known end the last event is the last that is known.
    let case = self::case(&[("A", 0.0), ("B", 5.0), ("C", 8.0)], None);
    check(case.answer(1, 0.0, [&["A"], &[]]), "censored", 3.0);
}

/// The questions at a window's positions, with its subject.
fn asked(world: &World, epoch: u64, options: &QueryOptions) -> Vec<(u32, Query)> {
    let mut asker = Asker::new(&world.vocabulary, &EDGES, options);
    let windows = crate::loader::windows(&world.data.learn, 64, 16);
    let mut all = Vec::new();
    for window in &windows {
        let sequence = world.data.learn.get(window.subject).unwrap();
        let mut batch = Batch::new();
        sequence.fill(window, &mut batch).unwrap();
        asker
            .ask((3, epoch), (window, &sequence), (0, &mut batch))
            .unwrap();
        all.extend(
            batch
                .queries()
                .iter()
                .map(|one| (window.subject, one.clone())),
        );
    }
    all
}

#[test]
fn questions_depend_on_the_epoch_alone() {
    let world = world(40, 60);
    let options = QueryOptions::default();
    let first = asked(&world, 0, &options);
    assert!(first.len() > 50, "{}", first.len());
    assert!(first == asked(&world, 0, &options));
    assert!(first != asked(&world, 1, &options));
}

/// Asked after an A that no event has followed for a while, what is left of the wait has the law
/// that it has for everyone: the exponential one of A, of mean half a day. Drawn inside the gap
/// instead, times would favour long waits.
#[test]
fn index_times_say_no_more_than_that_nothing_came() {
    let world = world(2_400, 60);
    let [a, b] = ["A", "B"].map(|code| world.vocabulary.exact(&Code::new("", code)).unwrap());
    let mut random = keyed([1, 2, 3, 4]);
    let (mut left, mut n) = (0.0, 0.0);
    for sequence in world.data.learn.iter() {
        for position in sequence.targets() {
            let Some(index_us) = index_time(&sequence, position, &mut random) else {
                continue;
            };
            let elapsed = days(index_us - sequence.time_us[position]);
            if sequence.code[position] != a || !(0.2..1.0).contains(&elapsed) {
                continue;
            }
            if let Next::Event { wait_us } = sequence.next(position) {
                left += days(wait_us) - elapsed;
                n += 1.0;
            }
        }
    }
    assert!(n > 300.0 && a != b, "{n} index times");
    let mean: f64 = left / n;
    assert!(
        (mean - 0.5).abs() < 4.0 * 0.5 / n.sqrt(),
        "{mean} days are left"
    );
}

/// What the head learns of the world's law: A within a day of the index time, after A and after B,
/// at once and half a day later, against the share of many futures of the law itself; and better
/// than the marginal answers on held-out subjects.
#[test]
fn the_head_learns_the_law() {
    let world = world(300, 60);
    let mut options = world.options(400);
    options.config = options.config.with_queries();
    options.patience = 0;
    options.queries.position_share = 0.25;
    let trained = crate::train(&world.data, &options, &mut |_| crate::Control::Continue).unwrap();
    let how = crate::EvaluateOptions {
        batch_tokens: 1024,
        overlap_positions: 16,
        kernels: options.kernels.clone(),
        threads: 1,
    };
    let tokens = world.held_out_tokens();
    let nats = |model| {
        let losses = crate::evaluate_queries(model, &tokens, &world.vocabulary, &how).unwrap();
        losses.per_event().unwrap().query.unwrap()
    };
    let marginal = crate::marginal_model(&world.data, &options).unwrap();
    let (learnt, usual) = (nats(&trained.model), nats(&marginal));
    assert!(
        learnt < 0.97 * usual,
        "{learnt} nats a question against {usual}"
    );
    let history = trained.record.tuning;
    assert!(history.iter().all(|point| point.nats.query.is_some()));

    let a = world.vocabulary.exact(&Code::new("", "A")).unwrap();
    let decoder = Decoder::new(Arc::new(trained.model), Device::cpu(1)).unwrap();
    let one = &tokens[0];
    for (state, elapsed) in [(0, 0.0), (0, 0.5), (1, 0.0), (1, 0.5)] {
        let code = ["A", "B"][state];
        let id = world.vocabulary.exact(&Code::new("", code)).unwrap();
        let last = (10..one.len()).find(|p| one.code[*p] == id).unwrap();
        let inputs: Vec<Input> = (0..=last).map(|p| crate::world::input(one, p)).collect();
        let question = Question {
            elapsed_days: elapsed,
            predicate: [Atom::code(a)].into(),
            competing: [Atom::code(world.vocabulary.death_id())].into(),
        };
        let curves = decoder.query(&[&inputs], &[&[question]]).unwrap();
        let (risk, truth) = (
            curves[0][0].within(1.0),
            crate::world::risk_of_a(state, 1.0),
        );
        assert!(
            (risk - truth).abs() < 0.06,
            "after {code}, {elapsed}: {risk} is not {truth}"
        );
    }
}
