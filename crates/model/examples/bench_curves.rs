//! The cost of training against depth, width, context and batch, one line each way from one shape,
//! and the memory of one process: linear in parameters and in positions.
//!
//! `cargo run --release -p longitude-model --example bench_curves -- [seconds] [level]` runs each
//! shape in a process of its own, one thread, and prints a Markdown table. Processor time a token
//! counts on a shared machine; the peak is the process's largest resident memory.
#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]

mod support;

use longitude_model::{Config, Device, Level, Result, Sizes, flops_per_token, peak_gflops};
use support::{argument, batch, model, steps};

/// What varies, (dim, layers, heads), positions of a segment, segments, and whether activations are
/// made again.
type Shape = (&'static str, (usize, usize, usize), usize, usize, bool);

const BASE: (usize, usize, usize) = (256, 6, 8);
/// Between the presets `small` and `base`: 20 million weights and the code table.
const TWENTY: (usize, usize, usize) = (448, 8, 8);

const SHAPES: &[Shape] = &[
    ("depth", (256, 1, 8), 512, 4, false),
    ("depth", (256, 3, 8), 512, 4, false),
    ("depth", BASE, 512, 4, false),
    ("depth", (256, 12, 8), 512, 4, false),
    ("width", (64, 6, 2), 512, 4, false),
    ("width", (128, 6, 4), 512, 4, false),
    ("width", (512, 6, 16), 512, 4, false),
    ("context", BASE, 64, 32, false),
    ("context", BASE, 1024, 2, false),
    ("context", BASE, 4096, 1, false),
    ("context, checkpointed", BASE, 4096, 1, true),
    ("batch", BASE, 512, 1, false),
    ("batch", BASE, 512, 16, false),
    ("batch", BASE, 512, 64, false),
    ("20 M", TWENTY, 1024, 8, false),
    ("20 M, checkpointed", TWENTY, 1024, 8, true),
];

fn main() -> Result<()> {
    let seconds = argument(1)
        .and_then(|text| text.parse().ok())
        .unwrap_or(2.0);
    let level = argument(2).and_then(|name| Level::named(&name));
    let level = level.unwrap_or(Level::best());
    if let Some(shape) = argument(3).and_then(|text| text.parse::<usize>().ok()) {
        return one(&SHAPES[shape], level, seconds);
    }
    println!(
        "| varies | dim, layers, heads | context | batch | million weights | CPU us/token | \
         GFLOP/s | of peak | workspace MB | process peak MB |\n|---|---|---|---|---|---|---|---|---|---|"
    );
    for (shape, (what, ..)) in SHAPES.iter().enumerate() {
        let arguments = [
            seconds.to_string(),
            level.name().to_owned(),
            shape.to_string(),
        ];
        let program = std::env::current_exe().unwrap_or_default();
        let output = std::process::Command::new(program).args(arguments).output();
        match output {
            Ok(output) => print!("{}", String::from_utf8_lossy(&output.stdout)),
            Err(fault) => println!("| {what} | {fault} |"),
        }
    }
    Ok(())
}

fn one(shape: &Shape, level: Level, seconds: f64) -> Result<()> {
    let (what, (dim, layers, heads), context, segments, checkpointed) = *shape;
    let sizes = Sizes {
        vocab: 4096,
        groups: 64,
        value_bins: 16,
        vocabulary: "bench".to_owned(),
    };
    let mut model = model(Config::shaped((dim, layers, heads), context, sizes))?;
    let batch = batch(4096, (context, segments))?;
    let device = Device { level, threads: 1 };
    let (_, cpu, bytes) = steps(&mut model, &batch, device, checkpointed, seconds)?;
    let a_token = cpu / batch.positions() as f64;
    let rate = flops_per_token(&model, context) / a_token / 1e9;
    println!(
        "| {what} | {dim}, {layers}, {heads} | {context} | {segments} | {:.2} | {:.1} | {rate:.0} | \
         {:.0} % | {} | {} |",
        model.parameters() as f64 / 1e6,
        a_token * 1e6,
        100.0 * rate / peak_gflops(level, 0.2),
        bytes >> 20,
        peak_kib() >> 10,
    );
    Ok(())
}

/// The largest resident memory of this process from Linux's accounts, in KiB; 0 elsewhere.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number.and_then(|text| text.parse().ok()).unwrap_or(0)
}
