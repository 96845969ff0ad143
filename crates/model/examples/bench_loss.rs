//! Whether bf16 products change what is learnt: the same small model on the same stream, from three
//! seeds, with f32 and with bf16 products.
//!
//! `cargo run --release -p longitude-model --example bench_loss -- [steps]`. The stream is a chain
//! of 62 codes whose next code depends on the last two, whose wait depends on the code and whose
//! value on the one before. Prints nats an event of held-out segments at a quarter, half and the
//! end, and the paired differences of the levels beside the spread of the seeds.
#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the ids of a benchmark are small"
)]

mod support;

use longitude_model::{
    AdamW, AdamWOptions, Batch, Codes, Config, Device, Grads, Input, Level, Model, Result, Sizes,
    Target, Workspace,
};
use support::argument;

const VOCAB: usize = 64;
const LENGTH: usize = 128;
const SEEDS: [u64; 3] = [1, 2, 3];

struct Random(u64);

impl Random {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// One segment and what follows each of its events.
fn segment(random: &mut Random) -> (Vec<Input>, Vec<Target>) {
    let mut inputs: Vec<Input> = vec![];
    let (mut before, mut code, mut time) = (2usize, 3usize, 0.0);
    for _ in 0..=LENGTH {
        let bin = 1 + (before * 5 + (random.uniform() * 4.0) as usize) % 8;
        let wait = -(1.0 - random.uniform()).ln() * (1.0 + (code % 7) as f64);
        inputs.push(Input {
            code: code as u32,
            value_bin: bin as u16,
            value: bin as f32 / 4.0 - 1.0,
            age_days: 15_000.0 + time as f32,
            time_days: time,
            wait_days_prev: wait as f32,
        });
        // Three times in four one of four codes that the last two choose, else any.
        let next = if random.uniform() < 0.75 {
            (before * 7 + code * 11 + (random.uniform() * 4.0) as usize) % (VOCAB - 2) + 2
        } else {
            2 + (random.uniform() * (VOCAB - 2) as f64) as usize
        };
        (before, code) = (code, next);
        time += wait;
    }
    let targets = inputs.windows(2).map(|pair| Target::Event {
        wait_days: pair[1].time_days - pair[0].time_days,
        code: pair[1].code,
        value_bin: pair[1].value_bin,
    });
    let targets = targets.collect();
    inputs.pop();
    (inputs, targets)
}

fn batch(random: &mut Random, segments: usize) -> Result<Batch> {
    let mut batch = Batch::new();
    for _ in 0..segments {
        let (inputs, targets) = segment(random);
        batch.push(&inputs, &targets)?;
    }
    Ok(batch)
}

/// Nats an event of held-out segments at a quarter, half and the end of the steps.
fn run(level: Level, seed: u64, steps: usize) -> Result<[f64; 3]> {
    let sizes = Sizes {
        vocab: VOCAB,
        groups: 1,
        value_bins: 8,
        vocabulary: "bench".to_owned(),
    };
    let codes = Codes {
        groups: vec![[0, 0]; VOCAB],
        value_bins: vec![8; VOCAB],
    };
    let mut model = Model::new(Config::shaped((64, 3, 2), LENGTH, sizes), codes, seed)?;
    let held_out = batch(&mut Random(99), 64)?;
    let mut random = Random(1000 + seed);
    let device = Device { level, threads: 1 };
    let mut space = Workspace::new(model.config(), held_out.positions(), device)?;
    let mut grads = Grads::new(&model);
    let mut adam = AdamW::new(&model, AdamWOptions::default(), level);
    let mut curve = vec![];
    for step in 1..=steps {
        let batch = batch(&mut random, 8)?;
        grads.zero();
        let losses = space.forward_backward(&model, &batch, &mut grads)?;
        grads.scale(1.0 / losses.events as f32);
        grads.clip(1.0);
        let rate = 3e-3 * (step as f32 / 50.0).min(1.0) * (1.0 - step as f32 / (steps + 1) as f32);
        adam.step(&mut model, &grads, rate);
        if [steps / 4, steps / 2, steps].contains(&step) {
            let losses = space.loss(&model, &held_out)?;
            curve.push(losses.total() / losses.events as f64);
        }
    }
    Ok([0, 1, 2].map(|i| curve.get(i).copied().unwrap_or(f64::NAN)))
}

fn main() -> Result<()> {
    let steps = argument(1)
        .and_then(|text| text.parse().ok())
        .unwrap_or(1200);
    let rounded = Level::bf16().pop().unwrap_or(Level::portable());
    let mut ends = [vec![], vec![]];
    println!("| products | seed | a quarter | half | end |\n|---|---|---|---|---|");
    for seed in SEEDS {
        for (level, ends) in [Level::best(), rounded].into_iter().zip(&mut ends) {
            let [quarter, half, end] = run(level, seed, steps)?;
            println!(
                "| {} | {seed} | {quarter:.4} | {half:.4} | {end:.4} |",
                level.name()
            );
            ends.push(end);
        }
    }
    let mean = |x: &[f64]| x.iter().sum::<f64>() / x.len() as f64;
    let centre = mean(&ends[0]);
    let spread: Vec<f64> = ends[0].iter().map(|x| (x - centre).powi(2)).collect();
    let spread = (spread.iter().sum::<f64>() / (spread.len() - 1) as f64).sqrt();
    let differences: Vec<f64> = ends[1].iter().zip(&ends[0]).map(|(b, f)| b - f).collect();
    println!(
        "bf16 less f32 at the end, by seed: {differences:+.4?}, mean {:+.4}; \
         standard deviation of the f32 seeds {spread:.4} nats an event",
        mean(&differences)
    );
    Ok(())
}
