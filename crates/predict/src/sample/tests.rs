//! Sampling with a process known on paper; the transformer has its own tests in `engine`.

use super::*;
use crate::fixture::{self, chain};
use crate::risk::Outcome;

fn sampled(last_day: f64, parts: &[(u32, u32)]) -> Vec<Sampled> {
    let vocabulary = fixture::vocabulary();
    let at = Instant(0).plus(Days(50.0));
    let outcome = Outcome::within(&[chain::id(&vocabulary, "X")], None, Days(40.0));
    let outcomes = Outcomes::new(&[outcome], at);
    let run = Run {
        start: Start {
            subject: SubjectId(4),
            at,
            first_us: 0,
            last_us: Instant(0).plus(Days(last_day)).0,
            birth: Some(Instant(0)),
        },
        vocabulary: &vocabulary,
        outcomes: &outcomes,
        seed: 21,
        events_max: 12,
        end: at.plus(Days(40.0)),
        to_the_end: true,
    };
    let rates = [
        ("A", 0.1),
        ("LAB//1", 0.1),
        ("X", 0.03),
        ("MEDS_DEATH", 0.02),
    ];
    let each = |(from, to): &(u32, u32)| {
        let mut chain = chain::Chain::new(&vocabulary, &rates, (to - from) as usize);
        sample(&run, &mut chain, *from..*to).unwrap()
    };
    parts.iter().flat_map(each).collect()
}

#[test]
fn a_future_does_not_depend_on_its_batch() {
    let whole = sampled(50.0, &[(0, 40)]);
    let parts = sampled(50.0, &[(0, 1), (1, 17), (17, 40)]);
    assert!(whole == parts);
    assert!(whole[0].future != whole[1].future);
}

#[test]
fn futures_keep_the_laws_of_time() {
    let at = Instant(0).plus(Days(50.0));
    let futures = sampled(20.0, &[(0, 300)]);
    let mut stops = std::collections::BTreeSet::new();
    for Sampled { future, .. } in &futures {
        stops.insert(format!("{:?}", future.stop));
        assert!(future.steps.first().is_none_or(|step| step.time > at));
        assert!(future.steps.is_sorted_by_key(|step| step.time));
        assert!(future.steps.len() <= 12);
        assert!(future.steps.iter().all(|s| s.time <= at.plus(Days(40.0))));
    }
    assert_eq!(stops.len(), 3, "{stops:?}");
}

#[test]
fn waiting_long_without_an_event_moves_a_memoryless_future_not_at_all() {
    // The chain has no memory, so the law of what follows does not depend on the time since the
    // last event: with the same draws the futures are the same to the microsecond.
    let times = |last| -> Vec<Vec<i64>> {
        let futures = sampled(last, &[(0, 50)]);
        let of = |s: &Sampled| s.future.steps.iter().map(|step| step.time.0).collect();
        futures.iter().map(of).collect()
    };
    for (near, far) in times(49.5).iter().zip(&times(3.0)) {
        assert_eq!(near.len(), far.len());
        assert!(near.iter().zip(far).all(|(a, b)| (a - b).abs() <= 2));
    }
}

#[test]
fn values_come_from_the_codes_own_bins() {
    let vocabulary = fixture::vocabulary();
    let lab = chain::id(&vocabulary, "LAB//1");
    let futures = sampled(50.0, &[(0, 100)]);
    let steps = futures.iter().flat_map(|s| &s.future.steps);
    let (labs, others): (Vec<&Step>, Vec<&Step>) = steps.partition(|step| step.code == lab);
    assert!(labs.len() > 50);
    assert!(others.iter().all(|step| step.value.is_none()));
    let values: Vec<f64> = labs.iter().filter_map(|step| step.value).collect();
    assert!(values.len() > 40);
    assert!(values.iter().all(|v| (90.0..=120.0).contains(v)));
    let trajectory = futures[0].future.trajectory(&vocabulary);
    assert_eq!(trajectory.events.len(), futures[0].future.steps.len());
}

#[test]
fn choosing_follows_the_weights() {
    assert_eq!(choose(&[0.0, 1.0, 3.0], 0.2), 1);
    assert_eq!(choose(&[0.0, 1.0, 3.0], 0.3), 2);
    assert_eq!(choose(&[0.0, 1.0, 0.0], 0.999_999), 1);
    assert_eq!(choose(&[], 0.5), 0);
}
