//! Sampling with a process known on paper; the transformer has its own tests in `engine`.

use super::*;
use crate::fixture::{self, chain};
use crate::risk::Outcome;

fn sampled(last_day: f64, rows: usize, samples: Range<u32>) -> Vec<Sampled> {
    let vocabulary = fixture::vocabulary();
    let at = Instant(0).plus(Days(50.0));
    let outcome = Outcome::within(&[chain::id(&vocabulary, "X")], None, Days(40.0));
    let run = Run {
        start: Start {
            subject: SubjectId(4),
            at,
            first_us: 0,
            last_us: Instant(0).plus(Days(last_day)).0,
            birth: Some(Instant(0)),
        },
        vocabulary: &vocabulary,
        outcomes: Outcomes::new(&[outcome], at),
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
    let mut chain = chain::Chain::new(&vocabulary, &rates);
    chain::sampled(run, (&mut chain, ()), rows, samples)
}

#[test]
fn a_future_does_not_depend_on_its_batch() {
    let whole = sampled(50.0, 40, 0..40);
    for rows in [1, 3, 39] {
        assert!(whole == sampled(50.0, rows, 0..40), "{rows} rows");
    }
    let parts = [0..1, 1..17, 17..40].map(|part| sampled(50.0, 16, part));
    assert!(whole == parts.concat());
    assert!(whole[0].future != whole[1].future);
}

#[test]
fn futures_keep_the_laws_of_time() {
    let at = Instant(0).plus(Days(50.0));
    let futures = sampled(20.0, 64, 0..300);
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
        let futures = sampled(last, 50, 0..50);
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
    let futures = sampled(50.0, 100, 0..100);
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

/// As the plain running sum, but for its rounding; at the ends of stretches too.
#[test]
fn choosing_passes_stretches_as_a_running_sum_does() {
    let weights: Vec<f32> = (0..1003u32)
        .map(|i| {
            if i % 3 == 0 {
                0.0
            } else {
                (i % 17) as f32 / 16.0
            }
        })
        .collect();
    let total: f64 = weights.iter().map(|w| f64::from(*w)).sum();
    for i in 0..2000 {
        let draw = (f64::from(i) + 0.5) / 2000.0;
        let mut left = draw * total;
        let plain = weights.iter().position(|weight| {
            left -= f64::from(*weight);
            left < 0.0
        });
        assert_eq!(Some(choose(&weights, draw)), plain, "{draw}");
    }
    assert_eq!(choose(&weights, 1.0), 1001);
    let mut sparse = vec![0.0; 640];
    sparse[70] = 0.5;
    assert_eq!((choose(&sparse, 0.0), choose(&sparse, 1.0)), (70, 70));
}
