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
    Batch, Choices, Decoder, Device, Error, Input, Level, Losses, Model, Target, Workspace,
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
        for (history, prefix) in histories.iter().zip(&prefixes) {
            let mut rows = decoder.rows(4, 9);
            for step in 0..9 {
                let active: Vec<u32> = (0..4u32)
                    .filter(|row| futures[*row as usize].len() > step)
                    .collect();
                let inputs: Vec<Input> = active
                    .iter()
                    .map(|row| futures[*row as usize][step])
                    .collect();
                let hidden = decoder
                    .step(prefix, &mut rows, &active, &inputs)
                    .unwrap()
                    .to_vec();
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
        let prefix = decoder.prefill(&history).unwrap();
        let mut rows = decoder.rows(33, 40);
        let mut hidden = vec![];
        for _ in 0..40 {
            let (inputs, _) = segment(&model, 33, &mut random);
            let active: Vec<u32> = (0..33).collect();
            hidden = decoder
                .step(&prefix, &mut rows, &active, &inputs)
                .unwrap()
                .to_vec();
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
    let prefix = decoder.prefill(&inputs).unwrap();
    assert!(decoder.prefill(&[]).is_err());
    let mut rows = decoder.rows(2, 1);
    for active in [[0, 2], [1, 0], [1, 1]] {
        let refused = decoder.step(&prefix, &mut rows, &active, &inputs);
        assert!(matches!(refused, Err(Error::Rows { .. })), "{active:?}");
    }
    assert!(
        decoder
            .step(&prefix, &mut rows, &[0, 1], &inputs[..1])
            .is_err()
    );
    let first = decoder
        .step(&prefix, &mut rows, &[0, 1], &inputs)
        .unwrap()
        .to_vec();
    assert!(
        decoder
            .step(&prefix, &mut rows, &[1], &inputs[..1])
            .is_err()
    );
    rows.clear(1);
    let again = decoder
        .step(&prefix, &mut rows, &[1], &inputs[1..])
        .unwrap();
    assert_eq!(first[model.config().dim..], *again);
}
