//! Times training steps of the shapes A and D and sampling of 64 rows, with one thread and two.
//!
//! `cargo run --release -p longitude-model --example bench_step -- [seconds] [part] [level]`, where
//! part is one of `A1 A2 D1 D2 T1 T2 S1 S2 U1 U2`; T is the preset `tiny` with 1,000 codes; S and U
//! sample with a shared history and without, and take a precision in place of a level. Each line
//! gives the median of the repetitions in wall time and the processor time a token, which counts on
//! a shared machine, and the share of the level's peak. `cases/model/bench_torch.py` is the
//! counterpart, and `cases/model/bench_compare.py` runs both in turn.
#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![allow(
    clippy::cast_possible_truncation,
    reason = "the ids of a benchmark are small"
)]

mod support;

use longitude_model::{
    Config, Decoder, Device, Input, Level, Precision, Preset, Result, Sizes, flops_per_token,
    peak_gflops,
};
use std::sync::Arc;
use support::{argument, input, model, repeat};

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
        for (part, shared) in [("S", true), ("U", false)] {
            let name = format!("{part}{threads}");
            let precision = argument(3).and_then(|name| Precision::named(&name));
            if wanted(&name) {
                let how = (shared, precision.unwrap_or_default());
                sample(&name, threads, seconds, how)?;
            }
        }
    }
    Ok(())
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
    let batch = support::batch(vocab, (length, segments))?;
    let level = argument(3).and_then(|name| Level::named(&name));
    let level = level.unwrap_or(Level::best());
    let device = Device { level, threads };
    let tokens = batch.positions() as f64;
    let flops = flops_per_token(&model, length) * tokens;
    let (wall, cpu, bytes) = support::steps(&mut model, &batch, device, false, seconds)?;
    let peak = peak_gflops(level, 0.2) * threads as f64;
    println!(
        "{name} train: {:8.0} tokens/s  {:6.1} GFLOP/s  {:4.1} % of peak  {:7.1} cpu-us/token  \
         {}  {} MB",
        tokens / wall,
        flops / wall / 1e9,
        100.0 * flops / wall / 1e9 / peak,
        cpu / tokens * 1e6,
        device.level.name(),
        bytes >> 20
    );
    Ok(())
}

/// 64 rows of 256 events each after 256 others: one history of all of them, or one of each row.
fn sample(
    name: &str,
    threads: usize,
    seconds: f64,
    (shared, precision): (bool, Precision),
) -> Result<()> {
    let (rows, past, new) = (64usize, 256usize, 256usize);
    let model = Arc::new(model(Config::shape_a())?);
    let vocab = model.config().vocab;
    let device = Device::cpu(threads);
    let decoder = Decoder::with_precision(Arc::clone(&model), device, precision)?;
    let histories = if shared { 1 } else { rows };
    let prefixes: Result<Vec<_>> = (0..histories)
        .map(|i| {
            let history: Vec<Input> = (0..past).map(|t| input(31 * i + t, vocab)).collect();
            Ok(Arc::new(decoder.prefill(&history)?))
        })
        .collect();
    let prefixes = prefixes?;
    let mut futures = decoder.rows(rows, new);
    let active: Vec<u32> = (0..rows as u32).collect();
    let (mut waits, mut codes) = (vec![], vec![]);
    let mut once = || -> Result<()> {
        for row in 0..rows {
            futures.begin(row, &prefixes[row % histories])?;
        }
        for step in 0..new {
            let inputs: Vec<Input> = (0..rows)
                .map(|row| input(past + step + row, vocab))
                .collect();
            let hidden = decoder.step(&mut futures, &active, &inputs)?;
            decoder.wait(hidden, &mut waits);
            decoder.codes(hidden, &[0.7; 64], &mut codes);
        }
        Ok(())
    };
    let (wall, cpu) = repeat(seconds, &mut once)?;
    let tokens = (rows * new) as f64;
    println!(
        "{name} sample: {:7.0} tokens/s  {:7.1} cpu-us/token  {} (64 rows, {} 256 events, 256 new)",
        tokens / wall,
        cpu / tokens * 1e6,
        precision.name(),
        if shared { "shared" } else { "each its own" }
    );
    Ok(())
}
