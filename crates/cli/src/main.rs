//! `longitude`: this page is the program's table of contents; each command is one file.
//!
//! Only this crate reads configuration, the clock and the environment. Errors end here: one clear
//! message with the place and the mend, and an exit code by kind (see [`failure`]).
#![forbid(unsafe_code)]

mod commands;
mod config;
mod failure;
mod institution;
mod interrupt;
mod journal;
mod lock;
mod machine;
mod pipeline;
mod progress;
mod reading;
mod steps;
mod training;

use clap::{Parser, Subcommand};
use failure::Failure;
use std::process::ExitCode;

/// Memory for many small strings from several threads: measured faster than the system's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Train, own, validate, serve and answer for a clinical foundation model inside your own walls.
#[derive(Debug, Parser)]
#[command(
    name = "longitude",
    version,
    propagate_version = true,
    max_term_width = 100
)]
#[command(after_help = failure::EXIT_CODES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The main job on a synthetic hospital, from records to a served console
    Demo(commands::demo::Arguments),
    /// The main job on your own FHIR or MEDS export
    Run(commands::run::Arguments),
    /// A base model continued on a site's own data, whole or by adapters; adapters merged
    Adapt(commands::adapt::Arguments),
    /// Records into an identified MEDS data set with the origin of every event
    Ingest(commands::ingest::Arguments),
    /// What came in, what did not, and why; writes nothing
    Inspect(commands::inspect::Arguments),
    /// Mapping files for tables: the shipped ones, and the check of your own
    Mapping(commands::mapping::Arguments),
    /// What a code means, what stands above it, and which codes of a data set nobody knows
    Terminology(commands::terminology::Arguments),
    /// From an event back to the bytes of the source it was made from
    Trace(commands::trace::Arguments),
    /// A MEDS data set in the form of another standard, and what that cannot hold
    Export(commands::export::Arguments),
    /// What a data set is worth: counts, units, faults, population, and what changed between loads
    Quality(commands::quality::Arguments),
    /// Check a MEDS data set against every rule of the standard
    Validate(commands::validate::Arguments),
    /// De-identify a MEDS data set by a policy, and report the risk that is left
    Deid(commands::deid::Arguments),
    /// Whose record a pseudonym stands for: with the key and a logged reason only
    Reidentify(commands::reidentify::Arguments),
    /// The keys of de-identification: epochs, passphrase, shares for custodians
    Keys(commands::keys::Arguments),
    /// Find what identifies in notes, and write them without it
    Scrub(commands::scrub::Arguments),
    /// Train a model on a de-identified MEDS data set, or plan it
    Train(commands::train::Arguments),
    /// Serve a run's console and API on this machine
    Serve(commands::serve::Arguments),
    /// Re-check a run's ledger, signature and digests offline
    Verify(commands::verify::Arguments),
    /// Make the institution's keys, once
    Init(commands::init::Arguments),
    /// Write the synthetic hospital's export and its truth
    Hospital(commands::hospital::Arguments),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    interrupt::install();
    let outcome = match arguments.command {
        Command::Demo(arguments) => commands::demo::run(&arguments),
        Command::Run(arguments) => commands::run::run(&arguments),
        Command::Adapt(arguments) => commands::adapt::run(&arguments),
        Command::Ingest(arguments) => commands::ingest::run(&arguments),
        Command::Inspect(arguments) => commands::inspect::run(&arguments),
        Command::Mapping(arguments) => commands::mapping::run(&arguments),
        Command::Terminology(arguments) => commands::terminology::run(&arguments),
        Command::Trace(arguments) => commands::trace::run(&arguments),
        Command::Export(arguments) => commands::export::run(&arguments),
        Command::Quality(arguments) => commands::quality::run(&arguments),
        Command::Validate(arguments) => commands::validate::run(&arguments),
        Command::Deid(arguments) => commands::deid::run(&arguments),
        Command::Reidentify(arguments) => commands::reidentify::run(&arguments),
        Command::Keys(arguments) => commands::keys::run(&arguments),
        Command::Scrub(arguments) => commands::scrub::run(&arguments),
        Command::Train(arguments) => commands::train::run(&arguments),
        Command::Serve(arguments) => commands::serve::run(&arguments),
        Command::Verify(arguments) => commands::verify::run(&arguments),
        Command::Init(arguments) => commands::init::run(&arguments),
        Command::Hospital(arguments) => commands::hospital::run(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        // What stopped because of Ctrl-C says so, whatever error it came back with.
        Err(_) if interrupt::requested() => failure::report(&Failure::interrupted().into()),
        Err(error) => failure::report(&error),
    }
}
