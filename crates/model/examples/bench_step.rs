//! Times training steps of the shapes A and D and sampling of 64 rows, with one thread and two.
//!
//! `cargo run --release -p longitude-model --example bench_step -- [seconds] [part] [level]`, where
//! part is one of `A1 A2 D1 D2 T1 T2 S1 S2`; T is the preset `tiny` with 1,000 codes. Each line
//! gives the median of the repetitions in wall time and the processor time a token, which counts on
//! a shared machine, and the share of the level's peak. `cases/model/bench_torch.py` is the
//! counterpart, and `cases/model/bench_compare.py` runs both in turn.
#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![allow(
    clippy::cast_possible_truncation,
    reason = "the ids of a benchmark are small"
)]

use longitude_model::{
    AdamW, AdamWOptions, Batch, Codes, Config, Decoder, Device, Grads, Input, Level, Model, Preset,
    Result, Sizes, Target, Workspace, flops_per_token, peak_gflops,
};
use std::sync::Arc;
use std::time::Instant;

fn main() -> Result<()> {
    let seconds = argument(1)
        .and_then(|text| text.parse().ok())
        .unwrap_or(8.0);
    let part = argument(2);
    let wanted = |name: &str| part.as_deref().is_none_or(|part| part == name);
    for threads in [1, 2] {
        if wanted(&format!("A{threads}")) {
            train(
                &format!("A{threads}"),
                Config::shape_a(),
                (512, 8),
                threads,
                seconds,
            )?;
        }
        if wanted(&format!("D{threads}")) {
            train(
                &format!("D{threads}"),
                Config::shape_d(),
                (48, 128),
                threads,
                seconds,
            )?;
        }
        if wanted(&format!("T{threads}")) {
            let sizes = Sizes {
                vocab: 1000,
                groups: 64,
                value_bins: 16,
                vocabulary: String::new(),
            };
            let config = Config::preset(Preset::Tiny, sizes);
            train(&format!("T{threads}"), config, (256, 32), threads, seconds)?;
        }
        if wanted(&format!("S{threads}")) {
            sample(&format!("S{threads}"), threads, seconds)?;
        }
    }
    Ok(())
}

fn argument(index: usize) -> Option<String> {
    std::env::args().nth(index)
}

fn model(config: Config) -> Result<Model> {
    let vocab = config.vocab as u32;
    let codes = Codes {
        groups: (0..vocab)
            .map(|code| [1 + code % 31, 32 + code % 31])
            .collect(),
        value_bins: (0..vocab)
            .map(|code| if code.is_multiple_of(3) { 16 } else { 0 })
            .collect(),
    };
    Model::new(config, codes, 1)
}

fn input(index: usize, vocab: usize) -> Input {
    let code = (index * 7919 + 13) % vocab;
    Input {
        code: code as u32,
        value_bin: if code.is_multiple_of(3) {
            1 + (index % 16) as u16
        } else {
            0
        },
        value: if code.is_multiple_of(3) { 0.5 } else { 0.0 },
        age_days: 20_000.0,
        time_days: index as f64 * 0.7,
        wait_days_prev: 0.7,
    }
}

fn train(
    name: &str,
    config: Config,
    (length, segments): (usize, usize),
    threads: usize,
    seconds: f64,
) -> Result<()> {
    let mut model = model(config)?;
    let vocab = model.config().vocab;
    let mut batch = Batch::new();
    for segment in 0..segments {
        let inputs: Vec<Input> = (0..length)
            .map(|t| input(t + 31 * segment, vocab))
            .collect();
        let targets = inputs.iter().map(|input| Target::Event {
            wait_days: 0.7,
            code: input.code,
            value_bin: input.value_bin,
        });
        batch.push(&inputs, &targets.collect::<Vec<_>>())?;
    }
    let level = argument(3).and_then(|name| Level::named(&name));
    let level = level.unwrap_or(Level::best());
    let device = Device { level, threads };
    let mut space = Workspace::new(model.config(), batch.positions(), device)?;
    let mut grads = Grads::new(&model);
    let mut adam = AdamW::new(&model, AdamWOptions::default(), device.level);
    let tokens = batch.positions() as f64;
    let flops = flops_per_token(&model, length) * tokens;
    let mut step = || -> Result<()> {
        grads.zero();
        let losses = space.forward_backward(&model, &batch, &mut grads)?;
        grads.scale(1.0 / losses.events as f32);
        grads.clip(1.0);
        adam.step(&mut model, &grads, 1e-4);
        Ok(())
    };
    step()?;
    let (wall, cpu) = repeat(seconds, &mut step)?;
    let peak = peak_gflops(level, 0.2) * threads as f64;
    println!(
        "{name} train: {:8.0} tokens/s  {:6.1} GFLOP/s  {:4.1} % of peak  {:7.1} cpu-us/token  {}  {} MB",
        tokens / wall,
        flops / wall / 1e9,
        100.0 * flops / wall / 1e9 / peak,
        cpu / tokens * 1e6,
        device.level.name(),
        space.bytes() >> 20
    );
    Ok(())
}

fn sample(name: &str, threads: usize, seconds: f64) -> Result<()> {
    let (rows, past, new) = (64usize, 256usize, 256usize);
    let model = Arc::new(model(Config::shape_a())?);
    let vocab = model.config().vocab;
    let decoder = Decoder::new(Arc::clone(&model), Device::cpu(threads))?;
    let history: Vec<Input> = (0..past).map(|t| input(t, vocab)).collect();
    let prefix = decoder.prefill(&history)?;
    let mut futures = decoder.rows(rows, new);
    let active: Vec<u32> = (0..rows as u32).collect();
    let (mut waits, mut codes) = (vec![], vec![]);
    let mut once = || -> Result<()> {
        futures.clear_all();
        for step in 0..new {
            let inputs: Vec<Input> = (0..rows)
                .map(|row| input(past + step + row, vocab))
                .collect();
            let hidden = decoder.step(&prefix, &mut futures, &active, &inputs)?;
            decoder.wait(hidden, &mut waits);
            decoder.codes(hidden, &[0.7; 64], &mut codes);
        }
        Ok(())
    };
    let (wall, cpu) = repeat(seconds, &mut once)?;
    let tokens = (rows * new) as f64;
    println!(
        "{name} sample: {:7.0} tokens/s  {:7.1} cpu-us/token (64 rows, shared 256 events, 256 new)",
        tokens / wall,
        cpu / tokens * 1e6
    );
    Ok(())
}

/// Median wall seconds and mean processor seconds of one call.
fn repeat(seconds: f64, work: &mut dyn FnMut() -> Result<()>) -> Result<(f64, f64)> {
    let (begun, cpu) = (Instant::now(), cpu_seconds());
    let mut walls = vec![];
    while walls.len() < 3 || begun.elapsed().as_secs_f64() < seconds {
        let start = Instant::now();
        work()?;
        walls.push(start.elapsed().as_secs_f64());
    }
    let cpu = (cpu_seconds() - cpu) / walls.len() as f64;
    walls.sort_by(f64::total_cmp);
    Ok((walls[walls.len() / 2], cpu))
}

/// User and system time of this process from Linux's accounts; 0 elsewhere.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after = stat.rsplit(')').next().unwrap_or_default();
    let fields: Vec<&str> = after.split_whitespace().collect();
    let ticks = |i: usize| {
        fields
            .get(i)
            .and_then(|f| f.parse::<f64>().ok())
            .unwrap_or(0.0)
    };
    (ticks(11) + ticks(12)) / 100.0
}
