//! Inference with kept keys and values against the full forward pass.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::float_cmp,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, its numbers are small, and equal bits are what it asks"
)]

mod support;

use longitude_model::{
    Batch, Choices, Decoder, Device, Error, Input, Level, Losses, Model, Precision, Prefix, Target,
    Workspace,
};
use std::sync::Arc;
use support::{Random, choices, model, model_of, segment};

fn close(a: &[f32], b: &[f32]) -> bool {
    a.len() == b.len()
        && a.iter()
            .zip(b)
            .all(|(a, b)| (a - b).abs() < 2e-4 * (1.0 + b.abs()))
}

#[test]
fn steps_after_a_prefix_equal_the_full_pass() {
    let all = Level::available().into_iter();
    let of = |choices| Arc::new(model_of(choices, 11));
    let models = all.map(|level| (level, of(Choices::default())));
    let others = choices().into_iter().skip(1);
    let others = others.map(|choices| (Level::best(), of(choices)));
    for (level, model) in models.chain(others) {
        let device = Device { level, threads: 2 };
        let decoder = Decoder::new(Arc::clone(&model), device).unwrap();
        let mut random = Random(23);
        let histories: Vec<Vec<Input>> = [5, 17, 1]
            .iter()
            .map(|n| segment(&model, *n, &mut random).0)
            .collect();
        let futures: Vec<Vec<Input>> = [3, 9, 6, 0]
            .iter()
            .map(|n| segment(&model, *n, &mut random).0)
            .collect();
        let views: Vec<&[Input]> = histories.iter().map(|one| &one[..]).collect();
        let prefixes = decoder.prefill_many(&views).unwrap();
        let mut space = Workspace::new(model.config(), 64, device).unwrap();
        for (history, prefix) in histories.iter().zip(prefixes) {
            let prefix = Arc::new(prefix);
            let mut rows = decoder.rows(4, 9);
            (0..4).for_each(|row| rows.begin(row, &prefix).unwrap());
            for step in 0..9 {
                let active: Vec<u32> = (0..4u32)
                    .filter(|row| futures[*row as usize].len() > step)
                    .collect();
                let inputs: Vec<Input> = active
                    .iter()
                    .map(|row| futures[*row as usize][step])
                    .collect();
                let hidden = decoder.step(&mut rows, &active, &inputs).unwrap().to_vec();
                for (i, row) in active.iter().enumerate() {
                    let mut all = history.clone();
                    all.extend_from_slice(&futures[*row as usize][..=step]);
                    let mut whole = Batch::new();
                    whole.push(&all, &vec![Target::None; all.len()]).unwrap();
                    let full = space.hidden(&model, &whole).unwrap();
                    let d = model.config().dim;
                    let last = &full[full.len() - d..];
                    assert!(
                        close(&hidden[i * d..(i + 1) * d], last),
                        "{} step {step}",
                        level.name()
                    );
                }
            }
        }
    }
}

/// The heads of the decoder say of a target what the loss says.
#[test]
fn heads_say_what_the_loss_says() {
    for choices in choices() {
        heads_and_loss(&Arc::new(model_of(choices, 12)));
    }
}

fn heads_and_loss(model: &Arc<Model>) {
    let mut random = Random(5);
    let (inputs, targets) = segment(model, 20, &mut random);
    let device = Device::cpu(2);
    let decoder = Decoder::new(Arc::clone(model), device).unwrap();
    let mut batch = Batch::new();
    batch.push(&inputs, &targets).unwrap();
    let mut space = Workspace::new(model.config(), 20, device).unwrap();
    let expected = space.loss(model, &batch).unwrap();
    let mut sum = Losses::default();
    let (mut z, mut codes, mut values) = (vec![], vec![], vec![]);
    for (t, target) in targets.iter().enumerate() {
        let hidden = decoder.hidden_last(&[&inputs[..=t]]).unwrap();
        let prefix = decoder.prefill(&inputs[..=t]).unwrap();
        assert_eq!(hidden, prefix.hidden());
        decoder.wait(&hidden, &mut z);
        match *target {
            Target::None => {}
            Target::Censored { wait_days } => {
                sum.wait += decoder.wait_law(&z).survival_nll(wait_days);
            }
            Target::Event {
                wait_days,
                code,
                value_bin,
            } => {
                sum.wait += decoder.wait_law(&z).nll(wait_days);
                decoder.codes(&hidden, &[wait_days], &mut codes);
                decoder.damp(&[prefix.seen(), &[]], &mut codes);
                assert!((codes.iter().sum::<f32>() - 1.0).abs() < 1e-5);
                sum.code -= f64::from(codes[code as usize]).ln();
                decoder
                    .values(
                        &hidden,
                        &[(wait_days, code)],
                        &[prefix.recall()],
                        &mut values,
                    )
                    .unwrap();
                sum.value -= f64::from(values[usize::from(value_bin)]).ln();
                let bins = usize::from(model.codes().value_bins[code as usize]);
                assert!(values[1 + bins..].iter().all(|p| *p == 0.0));
            }
        }
    }
    for (ours, theirs) in [
        (sum.wait, expected.wait),
        (sum.code, expected.code),
        (sum.value, expected.value),
    ] {
        assert!(
            (ours - theirs).abs() < 1e-3 * theirs.abs(),
            "{ours} is not {theirs}"
        );
    }
}

/// A future's values are told of those before it, its own and the past's, as a longer past is.
#[test]
fn a_future_recalls_as_the_past_it_becomes() {
    let model = Arc::new(model(15));
    let decoder = Decoder::new(Arc::clone(&model), Device::cpu(1)).unwrap();
    let (inputs, _) = segment(&model, 60, &mut Random(9));
    let prefix = decoder.prefill(&inputs[..30]).unwrap();
    let mut recall = prefix.recall().clone();
    for t in 30..60 {
        decoder.note(&mut recall, &inputs[t]);
        assert!(recall == *decoder.prefill(&inputs[..=t]).unwrap().recall());
    }
    let hidden = prefix.hidden().repeat(2);
    let [mut both, mut one] = [vec![], vec![]];
    let marks = [(3.0, 3), (3.0, 3)];
    let recalls = [prefix.recall(), &recall];
    decoder
        .values(&hidden, &marks, &recalls, &mut both)
        .unwrap();
    decoder
        .values(prefix.hidden(), &marks[1..], &recalls[1..], &mut one)
        .unwrap();
    let (first, second) = both.split_at(one.len());
    assert!(second == one && first != second);
    for recalls in [&recalls[..1], &[]] {
        let refused = decoder.values(&hidden, &marks, recalls, &mut both);
        assert!(refused.is_err());
    }
    let beyond = [(3.0, 29), (3.0, 3)];
    assert!(
        decoder
            .values(&hidden, &beyond, &recalls, &mut both)
            .is_err()
    );
}

#[test]
fn threads_do_not_change_a_future() {
    let model = Arc::new(model(13));
    let run = |threads| {
        let decoder = Decoder::new(Arc::clone(&model), Device::cpu(threads)).unwrap();
        let mut random = Random(3);
        let (history, _) = segment(&model, 40, &mut random);
        let prefix = Arc::new(decoder.prefill(&history).unwrap());
        let mut rows = decoder.rows(33, 40);
        (0..33).for_each(|row| rows.begin(row, &prefix).unwrap());
        let mut hidden = vec![];
        for _ in 0..40 {
            let (inputs, _) = segment(&model, 33, &mut random);
            let active: Vec<u32> = (0..33).collect();
            hidden = decoder.step(&mut rows, &active, &inputs).unwrap().to_vec();
        }
        hidden
    };
    let one = run(1);
    assert!(one.iter().all(|h| h.is_finite()));
    assert!(run(2) == one && run(3) == one);
}

#[test]
fn full_absent_and_twofold_rows_are_refused() {
    let model = Arc::new(model(14));
    let decoder = Decoder::new(Arc::clone(&model), Device::cpu(1)).unwrap();
    let (inputs, _) = segment(&model, 2, &mut Random(1));
    let prefix = Arc::new(decoder.prefill(&inputs).unwrap());
    assert!(decoder.prefill(&[]).is_err());
    let mut rows = decoder.rows(3, 1);
    (0..2).for_each(|row| rows.begin(row, &prefix).unwrap());
    assert!(rows.begin(3, &prefix).is_err());
    // Absent, not begun, named twice.
    for active in [[0, 3], [0, 2], [1, 1]] {
        let refused = decoder.step(&mut rows, &active, &inputs);
        assert!(matches!(refused, Err(Error::Rows { .. })), "{active:?}");
    }
    assert!(decoder.step(&mut rows, &[0, 1], &inputs[..1]).is_err());
    let first = decoder.step(&mut rows, &[0, 1], &inputs).unwrap().to_vec();
    assert!(decoder.step(&mut rows, &[1], &inputs[..1]).is_err());
    rows.begin(1, &prefix).unwrap();
    let again = decoder.step(&mut rows, &[1], &inputs[1..]).unwrap();
    assert_eq!(first[model.config().dim..], *again);
    rows.end(1);
    assert!(decoder.step(&mut rows, &[1], &inputs[..1]).is_err());
}

/// Rows of several histories side by side, in any order and in rows that were used before, at all
/// precisions: the same bits as each alone.
#[test]
fn a_row_does_not_see_the_others() {
    let model = Arc::new(model(16));
    let mut random = Random(4);
    // The second history passes a block of 384 events.
    let histories = [7, 700, 40].map(|n| segment(&model, n, &mut random).0);
    let futures: Vec<Vec<Input>> = (0..9).map(|_| segment(&model, 37, &mut random).0).collect();
    for precision in Precision::ALL {
        let decoder =
            Decoder::with_precision(Arc::clone(&model), Device::cpu(1), precision).unwrap();
        let prefixes = histories
            .each_ref()
            .map(|one| Arc::new(decoder.prefill(one).unwrap()));
        let alone: Vec<Vec<f32>> = futures
            .iter()
            .enumerate()
            .map(|(i, future)| {
                let mut rows = decoder.rows(1, 37);
                rows.begin(0, &prefixes[i % 3]).unwrap();
                let step =
                    |input: &Input| decoder.step(&mut rows, &[0], &[*input]).unwrap().to_vec();
                future.iter().flat_map(step).collect()
            })
            .collect();
        let device = Device::cpu(2);
        let decoder = Decoder::with_precision(Arc::clone(&model), device, precision).unwrap();
        let mut rows = decoder.rows(4, 37);
        let mut got = vec![Vec::new(); futures.len()];
        // Four rows take the nine futures one after another, each from where another one ended.
        let mut held: [Option<usize>; 4] = [None; 4];
        let mut next = 0;
        loop {
            for (row, held) in held.iter_mut().enumerate() {
                let full = held.is_some_and(|i: usize| got[i].len() == alone[i].len());
                if (held.is_none() || full) && next < futures.len() {
                    *held = Some(next);
                    rows.begin(row, &prefixes[next % 3]).unwrap();
                    next += 1;
                } else if full {
                    *held = None;
                }
            }
            let d = model.config().dim;
            // Not every row at every step, and not in order.
            let active: Vec<u32> = [2u32, 0, 3, 1]
                .into_iter()
                .filter(|row| held[*row as usize].is_some() && random.below(4) > 0)
                .collect();
            let of = |row: &u32| held[*row as usize].unwrap();
            let inputs: Vec<Input> = active
                .iter()
                .map(|row| futures[of(row)][got[of(row)].len() / d])
                .collect();
            let hidden = decoder.step(&mut rows, &active, &inputs).unwrap();
            for (row, hidden) in active.iter().zip(hidden.chunks_exact(d)) {
                got[of(row)].extend_from_slice(hidden);
            }
            if held.iter().all(Option::is_none) {
                break;
            }
        }
        assert!(got == alone, "{}", precision.name());
    }
}

/// A history that goes on where another ended gives the bytes of one that is run whole: from any
/// event on, past a block of keys, and where the histories part; futures of it too.
#[test]
fn going_on_from_a_prefix_changes_no_bit() {
    for precision in Precision::ALL {
        let all = if precision == Precision::F32 {
            Level::available()
        } else {
            vec![Level::best()]
        };
        for level in all {
            let model = Arc::new(model(17));
            let device = Device { level, threads: 2 };
            let decoder = Decoder::with_precision(Arc::clone(&model), device, precision).unwrap();
            let mut random = Random(8);
            let (long, _) = segment(&model, 460, &mut random);
            let mut other = long[..200].to_vec();
            other.extend(segment(&model, 30, &mut random).0);
            let before = decoder.prefill(&long[..399]).unwrap();
            let same = |history: &[Input]| {
                let whole = Arc::new(decoder.prefill(history).unwrap());
                let after = Arc::new(decoder.prefill_after(&before, history).unwrap());
                let step = |prefix: &Arc<Prefix>| {
                    let mut rows = decoder.rows(2, 1);
                    (0..2).for_each(|row| rows.begin(row, prefix).unwrap());
                    decoder
                        .step(&mut rows, &[0, 1], &long[..2])
                        .unwrap()
                        .to_vec()
                };
                assert_eq!(whole.hidden(), after.hidden(), "{} events", history.len());
                assert!(step(&whole) == step(&after) && whole.recall() == after.recall());
                assert!(whole.inputs() == after.inputs() && whole.seen() == after.seen());
            };
            same(&long[..400]);
            same(&long);
            same(&long[..399]);
            same(&long[..10]);
            same(&other);
            same(&other[200..]);
            assert_eq!(before.common(&other), 200);
        }
    }
}

/// A prefix comes back from its bytes as it was; what was altered does not come back.
#[test]
fn a_prefix_survives_its_bytes_and_nothing_else_does() {
    let model = Arc::new(model(18));
    let decoder = Decoder::new(Arc::clone(&model), Device::cpu(1)).unwrap();
    let (history, _) = segment(&model, 50, &mut Random(2));
    let prefix = decoder.prefill(&history[..40]).unwrap();
    let bytes = decoder.prefix_to_bytes(&prefix).unwrap();
    let back = decoder.prefix_from_bytes(&bytes).unwrap();
    assert!(back.inputs() == prefix.inputs() && back.hidden() == prefix.hidden());
    assert_eq!(decoder.prefix_to_bytes(&back).unwrap(), bytes);
    let goes_on = decoder.prefill_after(&back, &history).unwrap();
    assert_eq!(
        goes_on.hidden(),
        decoder.prefill(&history).unwrap().hidden()
    );
    for cut in [0, 7, 8, 100, bytes.len() - 1] {
        assert!(decoder.prefix_from_bytes(&bytes[..cut]).is_err(), "{cut}");
    }
    // Data that are no numbers; the last tensors in the file are keys and values or events.
    let mut infinite = bytes.clone();
    let end = infinite.len();
    infinite[end - 4..].copy_from_slice(&f32::INFINITY.to_le_bytes());
    assert!(decoder.prefix_from_bytes(&infinite).is_err());
    // A decoder of a deeper model.
    let mut config = model.config().clone();
    config.layers += 1;
    let deeper = Model::new(config, model.codes().clone(), 1).unwrap();
    let deeper = Decoder::new(Arc::new(deeper), Device::cpu(1)).unwrap();
    assert!(deeper.prefix_from_bytes(&bytes).is_err());
}
