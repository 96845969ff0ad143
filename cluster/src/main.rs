//! `longitude-cluster`: the same ingest as `longitude ingest`, on machines that Apache DataFusion
//! Ballista holds together. This file is the table of contents; docs/cluster.md is the manual.
//!
//! The package stands in a workspace of its own, with its own lock, so that DataFusion and Ballista
//! stay out of everybody else's build.
#![forbid(unsafe_code)]

mod codec;
mod exec;
mod ingest;
mod job;
mod logger;
mod nodes;
mod store;
mod submit;
mod work;

use clap::{Parser, Subcommand};
use log::LevelFilter;
use std::process::ExitCode;

/// Ingest of hospital records on a cluster.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Say more of what Ballista does, on standard error
    #[arg(long, short, global = true)]
    verbose: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Hand out tasks: one of these
    Scheduler(nodes::SchedulerArguments),
    /// Work on tasks: as many of these as there are machines
    Executor(nodes::ExecutorArguments),
    /// Read records with the cluster and write a MEDS data set, byte for byte what `longitude
    /// ingest` writes
    Ingest(ingest::Arguments),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // What fails is told once, by this process; the nodes say what they meet.
    let quiet = match arguments.command {
        Command::Ingest(_) => LevelFilter::Off,
        Command::Scheduler(_) | Command::Executor(_) => LevelFilter::Error,
    };
    logger::install(arguments.verbose, quiet);
    // Plans nest; the planner's recursion wants more than the default stack.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_stack_size(16 << 20)
        .build();
    let done = runtime.map_err(anyhow::Error::new).and_then(|runtime| {
        runtime.block_on(async {
            match arguments.command {
                Command::Scheduler(arguments) => nodes::scheduler(&arguments).await,
                Command::Executor(arguments) => nodes::executor(&arguments).await,
                Command::Ingest(arguments) => ingest::run(&arguments).await,
            }
        })
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("longitude-cluster: {error:#}");
            ExitCode::FAILURE
        }
    }
}
