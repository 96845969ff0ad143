//! The program `longitude-gpu`: which devices there are, whether they compute what the CPU engine
//! computes, and how fast.
#![forbid(unsafe_code)]

use anyhow::{Context, Result, bail, ensure};
use longitude_gpu::parity::{self, Limits, Parity};
use longitude_gpu::{Engine, Found, Kind};
use longitude_model::{AdamWOptions, Config};
use std::process::ExitCode;
use std::time::Instant;

const USAGE: &str = "\
usage: longitude-gpu COMMAND [--device cpu|wgpu|cuda]
  devices             the devices of every kind that this program was built with
  train-step-parity   ten training steps of random small models beside the CPU engine [--cases 4]
  bench               tokens a second of a training step [--shape small|a|d] [--steps 5]";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("longitude-gpu: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<()> {
    let (command, options) = arguments.split_first().context(USAGE)?;
    match command.as_str() {
        "devices" => {
            ensure!(options.is_empty(), "{USAGE}");
            devices();
            Ok(())
        }
        "train-step-parity" => {
            let [device, cases] = named(options, ["--device", "--cases"])?;
            let found = device_named(device)?;
            train_step_parity(&found, cases.unwrap_or("4").parse().context("--cases")?)
        }
        "bench" => {
            let [device, shape, steps] = named(options, ["--device", "--shape", "--steps"])?;
            let found = device_named(device)?;
            let steps = steps.unwrap_or("5").parse().context("--steps")?;
            bench(&found, shape.unwrap_or("small"), steps)
        }
        _ => bail!("{USAGE}"),
    }
}

/// The values of these options; any other word is an error.
fn named<'a, const N: usize>(
    words: &'a [String],
    names: [&str; N],
) -> Result<[Option<&'a str>; N]> {
    let mut values = [None; N];
    for pair in words.chunks(2) {
        let place = names.iter().position(|name| *name == pair[0]);
        let place = place.with_context(|| format!("{} is no option\n{USAGE}", pair[0]))?;
        let value = pair
            .get(1)
            .with_context(|| format!("{} needs a value", pair[0]))?;
        values[place] = Some(value.as_str());
    }
    Ok(values)
}

fn device_named(kind: Option<&str>) -> Result<Found> {
    let found = Kind::named(kind.unwrap_or("wgpu"))?.device()?;
    println!("device: {found}");
    Ok(found)
}

fn devices() {
    for (name, kind) in Kind::NAMES {
        match kind.devices() {
            Ok(devices) if devices.is_empty() => println!("{name}: none"),
            Ok(devices) => devices.iter().for_each(|found| println!("{name}: {found}")),
            Err(error) => println!("{name}: {error}"),
        }
    }
}

fn train_step_parity(found: &Found, cases: u64) -> Result<()> {
    println!("largest differences to the CPU engine; ten steps as a share of their way");
    println!("case   hidden   losses  gradients  ten steps  loss after");
    for seed in 1..=cases {
        let parity = parity::compare(found, seed)?;
        let Parity {
            hidden,
            losses,
            gradients,
            steps,
            last,
        } = &parity;
        println!(
            "{seed:4}  {hidden:.1e}  {:.1e}    {:.1e}    {:.1e}     {:.1e}",
            losses.0, gradients.0, steps.0, last.0
        );
        parity
            .check(Limits::default())
            .with_context(|| format!("case {seed}"))?;
    }
    println!("all within the limits: {:?}", Limits::default());
    Ok(())
}

/// The median step of this device beside that of the CPU engine on one thread, in turn.
fn bench(found: &Found, shape: &str, steps: usize) -> Result<()> {
    let (config, segments) = match shape {
        "small" => (
            Config {
                dim: 64,
                ffn: 192,
                layers: 2,
                heads: 4,
                ..Config::shape_d()
            },
            8,
        ),
        "a" => (Config::shape_a(), 8),
        "d" => (Config::shape_d(), 128),
        _ => bail!("no shape is called {shape}: small, a or d"),
    };
    ensure!(steps > 0, "at least one step");
    let (mut model, batch) = parity::full(config, segments)?;
    let tokens = batch.positions();
    let mut engine = Engine::new(&model, found, AdamWOptions::default(), tokens)?;
    let mut other = parity::Cpu::new(&model, tokens)?;
    let (mut ours, mut theirs) = (vec![], vec![]);
    // The first step compiles kernels and is not counted.
    for step in 0..=steps {
        let start = Instant::now();
        let (_, gradients) = engine.forward_backward(&batch)?;
        engine.step(&gradients, 1e-4);
        engine.wait()?;
        let between = Instant::now();
        let losses = other.forward_backward(&model, &batch)?;
        other.step(&mut model, &losses);
        if step > 0 {
            ours.push((between - start).as_secs_f64());
            theirs.push(between.elapsed().as_secs_f64());
        }
    }
    let rate = |mut seconds: Vec<f64>| {
        seconds.sort_by(f64::total_cmp);
        tokens as f64 / seconds[seconds.len() / 2]
    };
    let (ours, theirs) = (rate(ours), rate(theirs));
    let mark = if found.software {
        ": software on this processor, not a measurement of a GPU"
    } else {
        ""
    };
    println!("shape {shape}, {tokens} positions a step, median of {steps} steps in turn");
    println!("{ours:10.0} tokens a second on {}{mark}", found.name);
    if let Some(bytes) = engine.bytes_reserved() {
        println!(
            "{:10.1} MiB set aside on the device",
            bytes as f64 / f64::from(1 << 20)
        );
    }
    println!("{theirs:10.0} tokens a second of the CPU engine on one thread");
    Ok(())
}
