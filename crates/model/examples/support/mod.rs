//! What the benchmarks of this crate share: a model, a batch and a clock.
#![allow(
    clippy::cast_possible_truncation,
    reason = "the ids of a benchmark are small"
)]
#![allow(dead_code, reason = "each benchmark uses a part")]

use longitude_model::{
    AdamW, AdamWOptions, Batch, Codes, Config, Device, Grads, Input, Model, Result, Target,
    Workspace,
};
use std::time::Instant;

pub(crate) fn argument(index: usize) -> Option<String> {
    std::env::args().nth(index)
}

pub(crate) fn model(config: Config) -> Result<Model> {
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

pub(crate) fn input(index: usize, vocab: usize) -> Input {
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

/// Segments of one length whose every event is scored.
pub(crate) fn batch(vocab: usize, (length, segments): (usize, usize)) -> Result<Batch> {
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
    Ok(batch)
}

/// Whole training steps for some seconds: median wall seconds and mean processor seconds of one,
/// and the bytes of the workspace.
pub(crate) fn steps(
    model: &mut Model,
    batch: &Batch,
    device: Device,
    checkpointed: bool,
    seconds: f64,
) -> Result<(f64, f64, usize)> {
    let positions = batch.positions();
    let mut space = if checkpointed {
        Workspace::checkpointed(model.config(), positions, device)?
    } else {
        Workspace::new(model.config(), positions, device)?
    };
    let mut grads = Grads::new(model);
    let mut adam = AdamW::new(model, AdamWOptions::default(), device.level);
    let mut step = || -> Result<()> {
        grads.zero();
        let losses = space.forward_backward(model, batch, &mut grads)?;
        grads.scale(1.0 / losses.events as f32);
        grads.clip(1.0);
        adam.step(model, &grads, 1e-4);
        Ok(())
    };
    step()?;
    let (wall, cpu) = repeat(seconds, &mut step)?;
    Ok((wall, cpu, space.bytes()))
}

/// Median wall seconds and mean processor seconds of one call.
pub(crate) fn repeat(seconds: f64, work: &mut dyn FnMut() -> Result<()>) -> Result<(f64, f64)> {
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
pub(crate) fn cpu_seconds() -> f64 {
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
