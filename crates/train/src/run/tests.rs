//! Tests of the loop on a world of known law: it learns the law, resumes bit by bit, and refuses.

use super::*;
use crate::evaluate::{EvaluateOptions, evaluate};
use crate::world::{World, truth, world};
use expect_test::{Expect, expect};
use std::fs;

fn quiet(_: &Progress) -> Control {
    Control::Continue
}

fn judge(world: &World, model: &Model) -> Nats {
    let options = EvaluateOptions {
        batch_tokens: 1024,
        overlap_positions: 16,
        kernels: world.options(1).kernels,
        threads: 1,
    };
    let sums = evaluate(model, &world.held_out_tokens(), &options).unwrap();
    sums.per_event().unwrap()
}

#[test]
fn it_learns_the_law_and_beats_the_marginal_model() {
    let world = world(400, 200);
    let mut options = world.options(250);
    options.threads = 2;
    options.patience = 0;
    let trained = train(&world.data, &options, &mut quiet).unwrap();
    let truth = truth(&world.vocabulary, &world.held_out);
    let start = marginal_model(&world.data, &options).unwrap();
    let (found, marginal) = (judge(&world, &trained.model), judge(&world, &start));
    let truth = truth.per_event().unwrap();
    println!("truth {truth:?}\nfound {found:?}\nmarginal {marginal:?}");
    // The margins are a tenth of what there is to learn, or more.
    for (truth, found, marginal) in [
        (truth.wait, found.wait, marginal.wait),
        (truth.code, found.code, marginal.code),
        (truth.value_bin, found.value_bin, marginal.value_bin),
    ] {
        assert!(
            marginal - truth > 0.03,
            "nothing to learn: {marginal} and {truth}"
        );
        assert!(
            found > truth - 0.02,
            "better than the truth: {found} and {truth}"
        );
        assert!(
            found - truth < 0.02 + 0.1 * (marginal - truth),
            "{found} and {truth}"
        );
    }
    // The account agrees: step 0 is the marginal model.
    let first = trained.record.tuning[0].nats;
    assert!((first.learnt() - marginal.learnt()).abs() < 0.1);
    assert!(trained.record.best_step > 0);
    assert_eq!(trained.record.stop, StopCause::Steps);
}

#[test]
fn step_zero_is_the_marginal_law() {
    let world = world(40, 60);
    let options = world.options(1);
    let model = marginal_model(&world.data, &options).unwrap();
    let sums = losses(
        &model,
        &mut Workspace::new(&options.config, 1024, device(&options.kernels, 1).unwrap()).unwrap(),
        &world.data.learn,
        &windows(&world.data.learn, 64, 16),
    );
    let sums = sums.unwrap();
    // Counted here without the loader and the model: the entropy of the codes' shares.
    let mut counts = std::collections::BTreeMap::new();
    for sequence in world.data.learn.iter() {
        for position in sequence.targets() {
            if matches!(
                sequence.next(position),
                longitude_tokens::Next::Event { .. }
            ) {
                *counts.entry(sequence.code[position + 1]).or_insert(0.0f64) += 1.0;
            }
        }
    }
    let total: f64 = counts.values().sum();
    let entropy: f64 = counts.values().map(|n| -n / total * (n / total).ln()).sum();
    let nats = sums.per_event().unwrap();
    assert!(
        (nats.code - entropy).abs() < 0.01,
        "{} {entropy}",
        nats.code
    );
    assert!((sums.events as f64 - total).abs() < 0.5);
}

#[test]
fn resumed_is_the_same_to_the_byte() {
    let world = world(60, 60);
    let dir = tempfile::tempdir().unwrap();
    let options = |name: &str| Options {
        checkpoints: Some(dir.path().join(name)),
        tuning_every: 3,
        checkpoint_every: 10,
        ..world.options(10)
    };
    let straight = train(&world.data, &options("straight"), &mut quiet).unwrap();
    let mut stop_at_4 = |progress: &Progress| {
        if progress.step == 4 {
            Control::Stop
        } else {
            Control::Continue
        }
    };
    let stopped = train(&world.data, &options("broken"), &mut stop_at_4).unwrap();
    assert_eq!(stopped.record.stop, StopCause::Observer);
    assert_eq!(stopped.record.steps_done, 4);
    // The threads do not matter either.
    let resumed = Options {
        threads: 2,
        ..options("broken")
    };
    let resumed = resume(&world.data, &resumed, &mut quiet).unwrap();
    assert_eq!(straight.record, resumed.record);
    let bits = |model: &Model| {
        model
            .weights()
            .iter()
            .map(|w| w.to_bits())
            .collect::<Vec<_>>()
    };
    assert!(bits(&straight.model) == bits(&resumed.model));
    for file in ["checkpoint.safetensors", "state.json"] {
        let read = |name: &str| fs::read(dir.path().join(name).join("step-0000000010").join(file));
        assert!(
            read("straight").unwrap() == read("broken").unwrap(),
            "{file}"
        );
    }
}

/// A checkpoint of two steps, and what resuming it says after a change.
fn refusal(change: impl FnOnce(&Path, &mut Options), expected: &Expect) {
    let world = world(20, 30);
    let dir = tempfile::tempdir().unwrap();
    let mut options = Options {
        checkpoints: Some(dir.path().to_owned()),
        checkpoint_every: 1,
        ..world.options(2)
    };
    train(&world.data, &options, &mut quiet).unwrap();
    change(dir.path(), &mut options);
    let error = resume(&world.data, &options, &mut quiet).unwrap_err();
    let shown = error
        .to_string()
        .replace(&*dir.path().to_string_lossy(), "DIR");
    let digits = |word: &str| word.starts_with("(sha256:");
    let shown: Vec<&str> = shown
        .split(' ')
        .map(|word| if digits(word) { "(..)" } else { word })
        .collect();
    expected.assert_eq(&shown.join(" "));
}

#[test]
fn foreign_and_damaged_checkpoints_are_refused() {
    refusal(
        |_, options| options.learning_rate *= 2.0,
        &expect!["the checkpoint was made with other options (..) not with these (..)"],
    );
    let newest = "step-0000000002";
    refusal(
        |dir, _| {
            let path = dir.join(newest).join("checkpoint.safetensors");
            let mut bytes = fs::read(&path).unwrap();
            let last = bytes.len() - 1;
            bytes[last] ^= 1;
            fs::write(path, bytes).unwrap();
        },
        &expect![
            "the checkpoint DIR/step-0000000002/checkpoint.safetensors cannot be used: its digest is not the one in state.json"
        ],
    );
    refusal(
        |dir, _| {
            let path = dir.join(newest).join("state.json");
            let json = fs::read(&path).unwrap();
            fs::write(path, &json[..json.len() / 2]).unwrap();
        },
        &expect![
            "the checkpoint DIR/step-0000000002/state.json cannot be used: it is no training state"
        ],
    );
    refusal(
        |dir, _| {
            fs::remove_dir_all(dir.join(newest)).unwrap();
            fs::remove_dir_all(dir.join("step-0000000001")).unwrap();
            // What a crash in the middle of writing leaves.
            fs::create_dir(dir.join(".step-0000000003.partial")).unwrap();
        },
        &expect!["DIR holds no whole checkpoint to resume from"],
    );
}

#[test]
fn other_data_and_a_folder_in_use_are_refused() {
    let (one, other) = (world(20, 30), world(24, 30));
    let dir = tempfile::tempdir().unwrap();
    let options = |world: &World| Options {
        checkpoints: Some(dir.path().to_owned()),
        checkpoint_every: 1,
        ..world.options(2)
    };
    train(&one.data, &options(&one), &mut quiet).unwrap();
    let again = train(&one.data, &options(&one), &mut quiet).unwrap_err();
    assert!(matches!(again, Error::CheckpointsExist { .. }), "{again}");
    let foreign = resume(&other.data, &options(&other), &mut quiet).unwrap_err();
    let vocabulary = matches!(
        foreign,
        Error::Mismatch {
            what: "vocabulary",
            ..
        }
    );
    assert!(vocabulary, "{foreign}");
    let shape = train(&other.data, &one.options(2), &mut quiet).unwrap_err();
    assert!(matches!(shape, Error::Shape { .. }), "{shape}");
}

#[test]
fn overflow_is_named_and_a_lower_rate_goes_on_from_the_last_good_checkpoint() {
    let world = world(20, 30);
    let dir = tempfile::tempdir().unwrap();
    let calm = Options {
        checkpoints: Some(dir.path().to_owned()),
        checkpoint_every: 1,
        warmup_steps: 0,
        ..world.options(8)
    };
    let mut stop_at_4 = |progress: &Progress| match progress.step {
        4 => Control::Stop,
        _ => Control::Continue,
    };
    train(&world.data, &calm, &mut stop_at_4).unwrap();
    let wild = Options {
        learning_rate: 1e38,
        resume_changed: true,
        ..calm.clone()
    };
    let error = resume(&world.data, &wild, &mut quiet).unwrap_err();
    let shown = error.to_string();
    let Error::NotFinite {
        step,
        tensor,
        subjects,
    } = error
    else {
        panic!("{error}");
    };
    assert!(step == 5 && !tensor.is_empty(), "{shown}");
    // The pseudonyms of those in the batch, not the rows: the world's subjects begin at 1.
    assert!(subjects.count > 1 && subjects.count <= 20);
    assert_eq!(subjects.named.len(), subjects.count);
    let known = |subject: &longitude_core::SubjectId| (1..=20).contains(&subject.0);
    assert!(subjects.named.iter().all(known) && subjects.named.is_sorted());
    assert!(
        shown.contains(&format!("{} subjects (1, ", subjects.count)),
        "{shown}"
    );
    // The weights after the wild step are finite but no good: they are not what is gone back to.
    let refused = resume(
        &world.data,
        &Options {
            resume_changed: false,
            ..wild
        },
        &mut quiet,
    );
    assert!(
        matches!(refused, Err(Error::Mismatch { .. })),
        "{refused:?}"
    );
    let lower = Options {
        learning_rate: calm.learning_rate / 2.0,
        resume_changed: true,
        ..calm.clone()
    };
    let resumed = resume(&world.data, &lower, &mut quiet).unwrap().record;
    assert_eq!((resumed.steps_done, resumed.changed), (8, vec![4]));
    let other_stream = Options { seed: 8, ..lower };
    let refused = resume(&world.data, &other_stream, &mut quiet).unwrap_err();
    assert!(
        refused.to_string().contains("stream of batches"),
        "{refused}"
    );
}

#[test]
fn accumulated_batches_are_one_larger_batch() {
    // Timelines of one length, so that both ways take the same windows: 22 positions each.
    let tokens = (1..).map(|subject| crate::world::timeline(subject, 20));
    let world = world(20, 30);
    let tokens = tokens.map(|one| {
        (
            one.subject(),
            longitude_tokens::encode(&world.vocabulary, &one),
        )
    });
    let ends_open = |one: &longitude_tokens::Tokens| {
        one.len() == 23 && one.next(22) == longitude_tokens::Next::None
    };
    let mut data = TrainData::new(&world.vocabulary).unwrap();
    for (subject, tokens) in tokens.filter(|(_, one)| ends_open(one)).take(128) {
        data.take(Part::Learn, subject, &tokens);
    }
    let trained = |batch_tokens, accumulate| {
        let options = Options {
            batch_tokens,
            accumulate,
            ..world.options(6)
        };
        train(&data, &options, &mut quiet).unwrap()
    };
    let (large, parts) = (trained(16 * 22, 1), trained(4 * 22, 4));
    assert_eq!(large.record.tokens, 6 * 16 * 22);
    assert_eq!(large.record.tokens, parts.record.tokens);
    let distance = |a: &Model, b: &Model| {
        let pairs = a.weights().iter().zip(b.weights());
        pairs
            .map(|(a, b)| f64::from(a - b).powi(2))
            .sum::<f64>()
            .sqrt()
    };
    let start = marginal_model(&data, &world.options(6)).unwrap();
    let (moved, apart) = (
        distance(&start, &large.model),
        distance(&large.model, &parts.model),
    );
    println!("{apart} of {moved}");
    assert!(moved > 0.1 && apart < 1e-3 * moved, "{apart} of {moved}");
    let first = |trained: &Trained| trained.record.last_batch.unwrap().learnt();
    assert!((first(&large) - first(&parts)).abs() < 1e-4);
}

#[test]
fn a_failing_disk_leaves_the_checkpoint_before() {
    let world = world(20, 30);
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        checkpoints: Some(dir.path().to_owned()),
        checkpoint_every: 2,
        ..world.options(6)
    };
    let straight = Options {
        checkpoints: None,
        ..options.clone()
    };
    let straight = train(&world.data, &straight, &mut quiet).unwrap();
    // A file stands where the second checkpoint's folder should be made.
    let blocked = dir.path().join(".step-0000000004.partial");
    let error = train(&world.data, &options, &mut |progress| {
        if progress.step == 3 {
            fs::write(&blocked, "in the way").unwrap();
        }
        Control::Continue
    });
    assert!(matches!(error, Err(Error::File { .. })), "{error:?}");
    fs::remove_file(&blocked).unwrap();
    let resumed = resume(&world.data, &options, &mut quiet).unwrap();
    assert_eq!(resumed.record, straight.record);
    assert_eq!(resumed.model.weights(), straight.model.weights());
}

#[test]
fn patience_ends_a_training_that_does_not_improve() {
    let world = world(20, 30);
    let options = Options {
        learning_rate: 1e-30,
        tuning_every: 2,
        patience: 3,
        ..world.options(100)
    };
    let trained = train(&world.data, &options, &mut quiet).unwrap();
    assert_eq!(trained.record.stop, StopCause::Patience);
    assert_eq!(trained.record.steps_done, 6);
    assert_eq!(trained.record.best_step, 0);
}

#[test]
fn the_best_weights_are_kept_not_the_last() {
    let world = world(40, 60);
    // A rate that destroys what the warm-up has learnt.
    let options = Options {
        learning_rate: 3.0,
        warmup_steps: 30,
        steps: 30,
        tuning_every: 1,
        patience: 0,
        ..world.options(30)
    };
    let trained = train(&world.data, &options, &mut quiet).unwrap();
    let points = &trained.record.tuning;
    let best = points
        .iter()
        .min_by(|a, b| a.nats.learnt().total_cmp(&b.nats.learnt()));
    assert_eq!(best.unwrap().step, trained.record.best_step);
    assert!(trained.record.best_step < 30);
    let device = device(&options.kernels, 1).unwrap();
    let mut workspace = Workspace::new(&options.config, 1024, device).unwrap();
    let tuning = Run::new(&world.data, &options, With::PLAIN).unwrap().tuning;
    let again = losses(
        &trained.model,
        &mut workspace,
        &world.data.early_stop,
        &tuning,
    )
    .unwrap();
    assert_eq!(again.per_event().unwrap(), best.unwrap().nats);
}

#[test]
fn nothing_to_train_on_is_said() {
    let world = world(20, 30);
    let empty = TrainData::new(&world.vocabulary).unwrap();
    let error = train(&empty, &world.options(2), &mut quiet).unwrap_err();
    expect!["there is nothing to train on: no training subject has an event after its entry"]
        .assert_eq(&error.to_string());
    // Without early-stop subjects the last weights are kept.
    let mut learn_only = TrainData::new(&world.vocabulary).unwrap();
    for (tokens, subject) in world.held_out_tokens().iter().zip(1..) {
        learn_only.take(Part::Learn, longitude_core::SubjectId(subject), tokens);
    }
    let trained = train(&learn_only, &world.options(2), &mut quiet).unwrap();
    assert!(trained.record.tuning.is_empty());
    assert_eq!(trained.record.best_step, 2);
    assert!(trained.record.warnings.subjects_without_birth == 0);
}

#[test]
fn a_probe_counts_positions_and_plans_fit_the_budget() {
    let world = world(60, 60);
    let options = world.options(10);
    let tokens = probe(&world.data, &options, 3).unwrap();
    assert!(tokens > 1024 && tokens <= 3 * 1024, "{tokens}");
    let plan = |seconds| {
        let budget = crate::Budget {
            tokens_per_second: 10_240.0,
            seconds,
            epochs_max: 1e9,
        };
        crate::plan_steps(&world.data, &options, budget)
    };
    assert_eq!(plan(0.0), 1);
    assert_eq!(plan(120.0), 1000);
    let tuned = |steps| world.options(steps).tuning_positions();
    // Two contexts at least; a fifth of 1,000 steps of 1,024 positions at most, over 22 times.
    assert_eq!((tuned(1), tuned(200), tuned(1000)), (204, 5585, 8192));
}
