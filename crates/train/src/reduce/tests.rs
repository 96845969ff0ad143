//! Ranks as threads: several do what one does, share the windows out, and stop together.

use super::*;
use crate::loader::windows;
use crate::run::{Progress, With, resume_with, train, train_with};
use crate::world::world;
use std::sync::{Arc, Barrier, Mutex, PoisonError};

/// Ranks that are threads of this process; every sum is added in the order of ranks.
#[derive(Debug)]
struct Threads {
    rank: Rank,
    barrier: Arc<Barrier>,
    parts: Arc<Mutex<Vec<Vec<f64>>>>,
}

impl Reduce for Threads {
    fn rank(&self) -> Rank {
        self.rank
    }

    fn sum(&self, numbers: &mut [f32]) -> Result<()> {
        let parts = self.exchange(numbers.iter().map(|x| f64::from(*x)).collect());
        for (i, number) in numbers.iter_mut().enumerate() {
            let single = |part: &Vec<f64>| crate::sequences::single(part[i]);
            *number = parts.iter().map(single).sum();
        }
        Ok(())
    }

    fn sum64(&self, numbers: &mut [f64]) -> Result<()> {
        let parts = self.exchange(numbers.to_vec());
        for (i, number) in numbers.iter_mut().enumerate() {
            *number = parts.iter().map(|part| part[i]).sum();
        }
        Ok(())
    }
}

impl Threads {
    fn exchange(&self, own: Vec<f64>) -> Vec<Vec<f64>> {
        let lock = || self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        lock()[self.rank.number] = own;
        self.barrier.wait();
        let all = lock().clone();
        self.barrier.wait();
        all
    }
}

/// Runs the same work on each of some ranks.
fn ranks<T: Send>(of: usize, work: impl Fn(&dyn Reduce) -> T + Sync) -> Vec<T> {
    let barrier = Arc::new(Barrier::new(of));
    let parts = Arc::new(Mutex::new(vec![Vec::new(); of]));
    std::thread::scope(|scope| {
        let start = |number| {
            let reduce = Threads {
                rank: Rank { number, of },
                barrier: Arc::clone(&barrier),
                parts: Arc::clone(&parts),
            };
            let work = &work;
            scope.spawn(move || work(&reduce))
        };
        let running: Vec<_> = (0..of).map(start).collect();
        running.into_iter().map(|one| one.join().unwrap()).collect()
    })
}

fn bits(weights: &[f32]) -> Vec<u32> {
    weights.iter().map(|weight| weight.to_bits()).collect()
}

#[test]
fn shares_are_whole_disjoint_and_level() {
    let world = world(60, 60);
    let windows = windows(&world.data.learn, 64, 16);
    let batch = &windows[..40];
    let total: usize = batch.iter().map(Window::positions).sum();
    for of in 1..5 {
        let shares: Vec<_> = (0..of)
            .map(|number| share(batch, Rank { number, of }))
            .collect();
        let mut all: Vec<Window> = shares.concat();
        all.sort_by_key(|window| (window.subject, window.begin));
        assert_eq!(all, batch);
        for one in &shares {
            let positions: usize = one.iter().map(Window::positions).sum();
            assert!(
                positions <= share_positions(total, 64, of),
                "{positions} of {total}"
            );
        }
    }
}

#[test]
fn several_ranks_learn_as_one_with_the_whole_batch() {
    let world = world(80, 80);
    let options = crate::Options {
        tuning_every: 5,
        ..world.options(30)
    };
    let curve = |reduce: &dyn Reduce| {
        let mut curve = Vec::new();
        let with = With {
            reduce,
            ..With::PLAIN
        };
        let mut observe = |progress: &Progress| {
            curve.extend(progress.losses.map(|nats| nats.learnt()));
            Control::Continue
        };
        let trained = train_with(&world.data, &options, with, &mut observe).unwrap();
        (curve, trained)
    };
    let (alone, one) = curve(&Alone);
    for of in [2, 3] {
        let found = ranks(of, curve);
        for (curve, trained) in &found {
            assert_eq!(
                bits(trained.model.weights()),
                bits(found[0].1.model.weights())
            );
            assert_eq!(trained.record.tokens, one.record.tokens);
            assert_eq!(trained.record.best_step, one.record.best_step);
            // Gradients are f32 sums in another order: each differs by some 1e-7 of its size, and
            // AdamW's division by the root of its own square makes of it as much of a step.
            for (a, b) in alone.iter().zip(curve) {
                assert!((a - b).abs() < 1e-4 * a.abs(), "{a} and {b}");
            }
        }
    }
}

#[test]
fn a_stop_on_one_rank_stops_all_and_another_number_of_ranks_goes_on() {
    let world = world(60, 60);
    let dir = tempfile::tempdir().unwrap();
    let options = crate::Options {
        checkpoints: Some(dir.path().to_owned()),
        ..world.options(12)
    };
    let stopped = ranks(2, |reduce| {
        let with = With {
            reduce,
            ..With::PLAIN
        };
        let mut observe = |progress: &Progress| {
            if reduce.rank().number == 1 && progress.step == 5 {
                Control::Stop
            } else {
                Control::Continue
            }
        };
        train_with(&world.data, &options, with, &mut observe).unwrap()
    });
    assert!(stopped.iter().all(|one| one.record.steps_done == 5));
    let mut quiet = |_: &Progress| Control::Continue;
    let resumed = resume_with(&world.data, &options, With::PLAIN, &mut quiet).unwrap();
    let straight = crate::Options {
        checkpoints: None,
        ..options
    };
    let straight = train(&world.data, &straight, &mut quiet).unwrap();
    let nats = |record: &crate::Record| record.tuning.last().map(|point| point.nats.learnt());
    let (a, b) = (
        nats(&resumed.record).unwrap(),
        nats(&straight.record).unwrap(),
    );
    assert_eq!(resumed.record.steps_done, 12);
    assert!((a - b).abs() < 1e-4 * b, "{a} and {b}");
}

#[test]
fn ranks_with_other_work_are_told_what_differs() {
    let world = world(60, 60);
    let found = ranks(3, |reduce| {
        let number = reduce.rank().number as u64;
        let mut options = world.options(12);
        options.seed += number / 2;
        let with = With {
            reduce,
            ..With::PLAIN
        };
        train_with(&world.data, &options, with, &mut |_| Control::Continue)
            .unwrap_err()
            .to_string()
    });
    let seed = world.options(12).seed;
    for message in found {
        let named = format!("options.seed is {seed} on rank 0, {} on rank 2", seed + 1);
        assert!(message.contains(&named), "{message}");
        assert!(!message.contains("options.steps"), "{message}");
    }
}

#[test]
fn documents_of_unequal_lengths_are_compared_key_by_key() {
    let found = ranks(2, |reduce| {
        let own = match reduce.rank().number {
            0 => serde_json::json!({"same": 1, "only": "here", "in": {"deep": [1, 2]}}),
            _ => serde_json::json!({"same": 1, "in": {"deep": [1, 3]}}),
        };
        alike(reduce, own.as_object().unwrap())
            .unwrap_err()
            .to_string()
    });
    for message in found {
        let all = "in.deep is [1,2] on rank 0, [1,3] on rank 1; \
                   only is \"here\" on rank 0, not given on rank 1";
        assert!(message.ends_with(all), "{message}");
    }
}
