//! Tests of the loader: every target once an epoch, with a past, and never more than fits.

use super::*;
use longitude_model::{Batch, Target};
use longitude_tokens::{Next, Tokens};
use proptest::prelude::*;

/// A timeline of this length with so many leading positions, events an hour apart.
fn tokens(len: usize, lead: usize, scored: (usize, usize), end: bool) -> Tokens {
    let hour = 3_600_000_000i64;
    let lead = lead.min(len);
    let time_us: Vec<i64> = (0i64..)
        .take(len)
        .map(|i| hour * (i - i64::try_from(lead).unwrap()).max(0))
        .collect();
    Tokens {
        code: (0u32..).take(len).map(|i| 2 + i % 7).collect(),
        value_bin: vec![0; len],
        value: vec![0.0; len],
        value_nats: vec![0.5; len],
        age_days: vec![0.0; len],
        event: (0u32..).take(len).collect(),
        entry_us: 0,
        scored_from: scored.0.min(len),
        scored_until: scored.1.min(len),
        end_us: end.then(|| time_us.last().copied().unwrap_or(0) + hour),
        died: false,
        age_known: false,
        birth_us: None,
        lead,
        time_us,
    }
}

fn any_tokens() -> impl Strategy<Value = Tokens> {
    (
        0..90usize,
        0..12usize,
        (0..20usize, 0..100usize),
        any::<bool>(),
    )
        .prop_map(|(len, lead, scored, end)| tokens(len, lead, scored, end))
}

proptest! {
    #[test]
    fn every_target_is_scored_once(
        all in proptest::collection::vec(any_tokens(), 1..8),
        context in 1..40usize,
        overlap in 0..40usize
    ) {
        let mut sequences = Sequences::default();
        for one in &all {
            sequences.push(one);
        }
        let windows = windows(&sequences, context, overlap.min(context - 1));
        let mut scored: Vec<Vec<u32>> = all.iter().map(|one| vec![0; one.len()]).collect();
        for window in &windows {
            prop_assert!(window.positions() <= context);
            prop_assert!(window.begin <= window.scored_from && window.scored_from < window.end);
            let sequence = sequences.get(window.subject).unwrap();
            let mut batch = Batch::new();
            sequence.fill(window, &mut batch).unwrap();
            prop_assert_eq!(batch.positions(), window.positions());
            let targets = batch.targets().iter().filter(|t| !matches!(t, Target::None)).count();
            prop_assert_eq!(targets, (window.end - window.scored_from) as usize);
            for position in window.scored_from..window.end {
                scored[window.subject as usize][position as usize] += 1;
            }
        }
        for (one, scored) in all.iter().zip(&scored) {
            for (position, times) in scored.iter().enumerate() {
                prop_assert_eq!(*times, u32::from(one.next(position) != Next::None));
            }
        }
    }

    #[test]
    fn an_epoch_takes_every_window_once(
        lens in proptest::collection::vec(2..60usize, 1..30),
        seed in any::<u64>(),
    ) {
        let mut sequences = Sequences::default();
        for len in &lens {
            sequences.push(&tokens(*len, 1, (0, 1000), true));
        }
        let windows = windows(&sequences, 16, 4);
        let mut order = Order::new(windows.clone(), seed);
        let mut place = Place::default();
        let mut taken = Vec::new();
        while taken.len() < 2 * windows.len() {
            let batch = order.take(&mut place, 64);
            prop_assert!(!batch.is_empty());
            prop_assert!(batch.iter().map(Window::positions).sum::<usize>() <= 64);
            for (i, window) in batch.iter().enumerate() {
                prop_assert!(!batch[..i].contains(window), "twice in one batch");
            }
            taken.extend(batch);
        }
        for epoch in taken[..2 * windows.len()].chunks(windows.len()) {
            let key = |w: &Window| (w.subject, w.begin, w.end);
            let mut sorted = epoch.to_vec();
            sorted.sort_by_key(key);
            let mut expected = windows.clone();
            expected.sort_by_key(key);
            prop_assert_eq!(sorted, expected);
        }
    }
}

#[test]
fn later_windows_repeat_the_lead_and_an_overlap() {
    let mut sequences = Sequences::default();
    sequences.push(&tokens(20, 2, (1, 20), false));
    let shown: Vec<String> = windows(&sequences, 10, 3)
        .iter()
        .map(|w| format!("{}+{}..{} from {}", w.lead, w.begin, w.end, w.scored_from))
        .collect();
    assert_eq!(
        shown,
        ["0+0..10 from 1", "2+7..15 from 10", "2+12..19 from 15"]
    );
    let window = windows(&sequences, 10, 3)[1];
    let mut batch = Batch::new();
    let within = sequences.get(0).unwrap().fill(&window, &mut batch).unwrap();
    assert!((within - 2.5).abs() < 1e-9);
    let times: Vec<f64> = batch
        .inputs()
        .iter()
        .map(|i| (i.time_days * 24.0).round())
        .collect();
    assert_eq!(times, [0.0, 0.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0]);
    // The wait before the first event after the gap is the true one, not the gap.
    assert!((batch.inputs()[2].wait_days_prev - 1.0 / 24.0).abs() < 1e-6);
}

#[test]
fn epochs_differ_and_a_place_is_enough_to_go_on() {
    let mut sequences = Sequences::default();
    for _ in 0..40 {
        sequences.push(&tokens(6, 1, (0, 1000), true));
    }
    let windows = windows(&sequences, 16, 4);
    let mut order = Order::new(windows.clone(), 3);
    let mut place = Place::default();
    let first = order.take(&mut place, 6 * 40);
    let second = order.take(&mut place, 6 * 40);
    assert_ne!(first, second);
    let mut place = Place {
        epoch: 1,
        window: 0,
    };
    assert_eq!(Order::new(windows, 3).take(&mut place, 6 * 40), second);
}

#[test]
fn weights_say_how_often_a_subject_is_drawn() {
    let mut sequences = Sequences::default();
    for _ in 0..3 {
        sequences.push(&tokens(30, 1, (0, 1000), true));
    }
    let windows = windows(&sequences, 16, 4);
    let each = windows.len() / 3;
    let mut order = Order::new(windows.clone(), 5).weighted(&[0.0, 0.7, 2.3]);
    let mut place = Place::default();
    let mut drawn = [0_usize; 3];
    while place.epoch < 400 {
        for window in order.take(&mut place, 16) {
            drawn[window.subject as usize] += 1;
        }
    }
    let mean = drawn.map(|count| count as f64 / 400.0 / each as f64);
    assert!(drawn[0] == 0, "{mean:?}");
    assert!(
        (mean[1] - 0.7).abs() < 0.1 && (mean[2] - 2.3).abs() < 0.1,
        "{mean:?}"
    );
    // A place is enough to go on, and weights of 1 change nothing.
    let mut here = Place {
        epoch: 7,
        window: 0,
    };
    let mut again = here;
    let mut other = Order::new(windows.clone(), 5).weighted(&[0.0, 0.7, 2.3]);
    assert_eq!(order.take(&mut here, 64), other.take(&mut again, 64));
    let (mut plain, mut alike) = (Place::default(), Place::default());
    let mut order = Order::new(windows.clone(), 5);
    let mut weighted = Order::new(windows, 5).weighted(&[1.0; 3]);
    assert_eq!(order.take(&mut plain, 64), weighted.take(&mut alike, 64));
}

/// How three timelines, two of them longer than the context, become the batches of two epochs:
/// `subject lead+begin..end from scored`, one batch a line.
#[test]
fn batches_are_the_golden_ones() {
    let mut sequences = Sequences::default();
    sequences.push(&tokens(5, 1, (0, 1000), true));
    sequences.push(&tokens(23, 2, (1, 1000), true));
    sequences.push(&tokens(40, 3, (12, 30), false));
    let mut order = Order::new(windows(&sequences, 10, 3), 11);
    let mut place = Place::default();
    let mut shown: Vec<String> = Vec::new();
    while place.epoch < 2 {
        let batch = order.take(&mut place, 24);
        let batch: Vec<String> = batch
            .iter()
            .map(|w| {
                let (subject, lead) = (w.subject, w.lead);
                format!(
                    "{subject} {lead}+{}..{} from {}",
                    w.begin, w.end, w.scored_from
                )
            })
            .collect();
        shown.push(format!("epoch {}: {}\n", place.epoch, batch.join(" | ")));
    }
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cases/train");
    expect_test::expect_file![path.join("batches.txt")].assert_eq(&shown.concat());
}
