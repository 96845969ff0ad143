//! The program `longitude-parallel`: what `longitude train` does, by several processes on one or
//! more machines, which an MPI launcher starts.
//!
//! Each rank reads the same data and options, computes its share of every batch, and takes the same
//! steps from the summed gradient; the first one writes. Not here: the training (`crates/train`)
//! and what a command does around it (`crates/cli`).
#![forbid(unsafe_code)]

mod bench;
#[cfg(feature = "nccl")]
mod nccl;
mod order;
mod watch;
mod wire;

use anyhow::{Context, Result, ensure};
use clap::{Parser, Subcommand};
use longitude_cli::{Ended, TrainArguments, train_rank};
use longitude_train::Reduce;
use mpi::Threading;
use mpi::environment::Universe;
use mpi::traits::Communicator;
use std::process::ExitCode;
use std::time::Duration;
use watch::Watch;
use wire::Mpi;

/// Trains a model by several processes; start it by `mpirun -n RANKS longitude-parallel ..`.
#[derive(Debug, Parser)]
#[command(name = "longitude-parallel", version, max_term_width = 100)]
struct Arguments {
    /// Seconds that a rank waits for the others before it ends the training
    #[arg(long, global = true, default_value_t = 600)]
    wait_seconds: u64,
    /// Move gradients by NCCL, from GPU to GPU; each rank takes the GPU of its number on its
    /// machine. Untested
    #[cfg(feature = "nccl")]
    #[arg(long, global = true)]
    nccl: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// What `longitude train` does, with its options; a batch is that of all ranks together
    Train(Box<TrainArguments>),
    /// Time the sum of a gradient between the ranks
    Bench {
        /// Sums of each size
        #[arg(long, default_value_t = 20)]
        sums: usize,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let ended = start().and_then(|universe| run(&arguments, &universe));
    match ended {
        Ok(code) => code,
        Err(error) => {
            eprintln!("longitude-parallel: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Joins the other processes. Only the main thread ever calls MPI.
fn start() -> Result<Universe> {
    let (universe, threading) = mpi::initialize_with_threading(Threading::Funneled)
        .context("the MPI library was initialised twice")?;
    ensure!(
        threading >= Threading::Funneled,
        "the MPI library does not allow for threads: build it with MPI_THREAD_FUNNELED"
    );
    Ok(universe)
}

fn run(arguments: &Arguments, universe: &Universe) -> Result<ExitCode> {
    let world = universe.world();
    let rank = wire::rank(&world);
    let who = format!("longitude, rank {} of {}", rank.number, rank.of);
    let watch = Watch::start(Duration::from_secs(arguments.wait_seconds), who)
        .context("starting the watch failed")?;
    let mpi = Mpi::new(universe.world(), watch);
    #[cfg(feature = "nccl")]
    if arguments.nccl {
        let neighbours = world.split_shared(world.rank());
        let gpu = wire::rank(&neighbours).number;
        let ranks = nccl::Nccl::new(mpi, gpu)?;
        return work(&arguments.command, universe, &ranks);
    }
    work(&arguments.command, universe, &mpi)
}

fn work(command: &Command, universe: &Universe, reduce: &dyn Reduce) -> Result<ExitCode> {
    let world = universe.world();
    let arguments = match command {
        Command::Train(arguments) => arguments,
        Command::Bench { sums } => {
            bench::run(reduce, &world, *sums)?;
            return Ok(ExitCode::SUCCESS);
        }
    };
    match train_rank(arguments, reduce) {
        Ended::Done => Ok(ExitCode::SUCCESS),
        Ended::Together(code) => Ok(ExitCode::from(code)),
        // The others wait for this rank: they end with it.
        Ended::Alone(code) => world.abort(i32::from(code)),
    }
}
