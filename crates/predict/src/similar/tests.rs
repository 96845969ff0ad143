//! Neighbours of a little transformer with random weights, and what small cells hide.

use super::*;
use crate::engine::tests::{at, engine, task};
use crate::fixture;
use longitude_core::{Observation, Timeline};

fn index() -> (SimilarIndex, Vec<State>) {
    let engine = engine(1);
    let patients: Vec<Timeline> = (0..30).map(|s| fixture::patient(s, 30)).collect();
    let times = patients
        .iter()
        .flat_map(|timeline| [40.0, 60.0].map(|day| (timeline, at(day))));
    let asked: Vec<Asked<'_>> = times.map(|(timeline, at)| Asked { timeline, at }).collect();
    let states: Vec<State> = engine
        .states(&asked)
        .unwrap()
        .into_iter()
        .flatten()
        .collect();
    let index = SimilarIndex::new(states.clone(), Digest::of(b"m"), Digest::of(b"d"));
    (index, states)
}

#[test]
fn neighbours_are_other_subjects_the_nearest_first() {
    let (index, states) = index();
    assert_eq!(index.len(), 60);
    let like = Like::state_alone();
    let near = index.nearest(&states[0], like, 12);
    assert_eq!(near.len(), 12);
    assert!(near.is_sorted_by(|a, b| a.distance <= b.distance));
    let subjects: BTreeSet<_> = near.iter().map(|n| n.subject).collect();
    assert_eq!(subjects.len(), 12);
    assert!(!subjects.contains(&states[0].subject));
    // The same state under another name lies at distance 0.
    let other = State {
        subject: SubjectId(999),
        ..states[0].clone()
    };
    let same = index.nearest(&other, like, 1)[0];
    assert!(same.distance < 1e-6 && same.subject == states[0].subject);
    // Over all pairs the mean square distance is 2, by the standardisation.
    let of = |state: &State| {
        let vectors = index.vectors.chunks(state.hidden.len());
        let own: Vec<f32> = index.header.standardised(&state.hidden).collect();
        let squares = vectors.map(|v| {
            let pairs = v.iter().zip(&own);
            pairs.map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>() / own.len() as f64
        });
        squares.sum::<f64>() / 60.0
    };
    let mean = states.iter().map(of).sum::<f64>() / 60.0;
    assert!((mean - 2.0).abs() < 1e-3, "{mean}");
    let nobody = Like {
        age_years: Some(5.0),
        sex: true,
    };
    let male = State {
        sex: "male".to_owned(),
        ..states[0].clone()
    };
    assert!(index.nearest(&male, nobody, 12).is_empty());
}

#[test]
fn an_index_is_read_as_it_was_written_or_refused() {
    let (index, states) = index();
    let bytes = index.to_bytes().unwrap();
    let read = |bytes: &[u8], model: &[u8]| {
        SimilarIndex::from_bytes(bytes, Digest::of(model), Digest::of(b"d"))
    };
    let same = read(&bytes, b"m").unwrap();
    let like = Like::state_alone();
    assert_eq!(
        same.nearest(&states[3], like, 20),
        index.nearest(&states[3], like, 20)
    );
    assert_eq!(read(&bytes, b"other").err(), Some(SimilarError::Foreign));
    let mut bad = bytes.clone();
    *bad.last_mut().unwrap() ^= 1;
    assert_eq!(read(&bad, b"m").err(), Some(SimilarError::Altered));
    let cut = &bytes[..bytes.len() - 4];
    assert_eq!(read(cut, b"m").err(), Some(SimilarError::Form));
    assert_eq!(read(b"", b"m").err(), Some(SimilarError::Form));
}

/// `events` of `people` with X after 5 days, the others observed for 30.
fn people(people: i64, events: i64) -> Vec<Timeline> {
    let one = |subject: i64| {
        let mut rows = vec![("A", 1.0)];
        rows.extend((subject < events).then_some(("X", 15.0)));
        fixture::timeline(subject, &rows, fixture::until(40.0))
    };
    (0..people).map(one).collect()
}

fn observed(timelines: &[Timeline], tasks: &[Task]) -> Vec<OutcomeOfSimilar> {
    let at = at(10.0);
    let pair = |timeline| {
        (
            Asked { timeline, at },
            crate::last_observed(timeline).unwrap(),
        )
    };
    let people: Vec<_> = timelines.iter().map(pair).collect();
    outcomes_of(&people, tasks)
}

#[test]
fn shares_are_given_with_their_interval_and_small_cells_are_not() {
    let tasks = [task("x", "X", 20.0)];
    let given = &observed(&people(60, 15), &tasks)[0];
    assert_eq!((given.people, given.held_back), (Some(60), None));
    let [low, high] = given.interval.unwrap();
    assert!((given.incidence.unwrap() - 0.25).abs() < 1e-12);
    // Without censoring it is Wilson's of 15 in 60, but for the n - 1 of Aalen's variance.
    let (wilson_low, wilson_high) = longitude_eval::wilson(15, 60);
    assert!((low - wilson_low).abs() < 0.002 && (high - wilson_high).abs() < 0.002);
    for (n, events) in [(60, 5), (60, 10), (60, 55), (60, 1)] {
        let held = &observed(&people(n, events), &tasks)[0];
        assert_eq!(held.held_back, Some(HeldBack::FewEvents), "{events} of {n}");
        assert!(held.incidence.is_none() && held.interval.is_none());
    }
    let few = &observed(&people(10, 0), &tasks)[0];
    assert_eq!(
        (few.people, few.held_back),
        (None, Some(HeldBack::FewPeople))
    );
    let none = &observed(&people(60, 0), &tasks)[0];
    assert!(none.incidence.unwrap().abs() < 1e-12 && none.interval.unwrap()[1] > 0.0);
    let long = &observed(&people(60, 15), &[task("x", "X", 90.0)])[0];
    assert_eq!(long.held_back, Some(HeldBack::FollowUp));
}

#[test]
fn horizons_give_no_small_difference_away() {
    // 15 events at day 5 and 4 more at day 25.
    let mut timelines = people(60, 15);
    for (subject, timeline) in (0..).zip(&mut timelines).skip(50).take(4) {
        let rows = [("A", 1.0), ("X", 35.0)];
        *timeline = fixture::timeline(subject, &rows, fixture::until(40.0));
    }
    let tasks = [task("long", "X", 28.0), task("short", "X", 10.0)];
    let found = observed(&timelines, &tasks);
    assert_eq!(found[0].held_back, Some(HeldBack::FewEvents));
    assert_eq!(found[1].held_back, None);
    assert_eq!(found[0].task, "long");
}

#[test]
fn measurements_of_many_are_named_and_of_few_are_not() {
    let one = |subject: i64| {
        let mut rows = vec![("A", 1.0)];
        rows.extend((subject < 30).then_some(("LAB//1", 8.0)));
        fixture::timeline(subject, &rows, Observation::UNKNOWN)
    };
    let timelines: Vec<Timeline> = (0..60).map(one).collect();
    let at = at(10.0);
    let pair = |timeline| (Asked { timeline, at }, at);
    let people: Vec<_> = timelines.iter().map(pair).collect();
    let found = measured_of(&people, Days(30.0), 0.2);
    assert_eq!(found.len(), 1);
    assert!((found[0].share - 0.5).abs() < 1e-12);
    assert!(measured_of(&people, Days(1.0), 0.2).is_empty());
    assert!(measured_of(&people[..35], Days(30.0), 0.2).is_empty());
}
