//! `longitude`: this page is the program's table of contents; each command is one file.
//!
//! A library for one reason: the package `parallel` runs the command `train` as several ranks.
//! Only this crate reads configuration, the clock and the environment. Errors end here: one clear
//! message with the place and the mend, and an exit code by kind (see `failure`).
#![forbid(unsafe_code)]

/// What is said on standard error. Unlike the standard library's macro of this name, which it
/// hides from the modules below, it does not panic where the reader has closed the pipe
/// (`2>&1 | head`): nobody is left to tell.
macro_rules! eprintln {
    ($($said:tt)*) => {
        drop(std::io::Write::write_fmt(
            &mut std::io::stderr(),
            format_args!("{}\n", format_args!($($said)*)),
        ))
    };
}

mod answering;
mod commands;
mod config;
mod failure;
mod institution;
mod interrupt;
mod journal;
mod labelling;
mod lock;
mod machine;
mod pasts;
mod pipeline;
mod progress;
mod reading;
mod similar;
mod steps;
mod training;

pub use commands::train::Arguments as TrainArguments;

use clap::{Parser, Subcommand};
use failure::Failure;
use longitude_train::Reduce;
use std::process::ExitCode;

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
    /// The main job on your own records: FHIR, OMOP, HL7 v2, C-CDA, tables or MEDS
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
    /// Who is asked about, when, and what came: a task of the task language over a data set
    Label(commands::label::Arguments),
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
    /// What simpler models make of a task, judged beside anybody's predictions of it
    Baseline(commands::baseline::Arguments),
    /// Judge a table of predictions, ours or anybody's, by the MEDS prediction schema
    Evaluate(commands::evaluate::Arguments),
    /// Who is measured how often, by group; weights against that, and repairs with their cost
    Fairness(commands::fairness::Arguments),
    /// Watch a released model: evidence of change, false alarms held, states, approvals
    Monitor(commands::monitor::Arguments),
    /// What an attacker's scores give away of those a model learnt from, against the release gate
    Privacy(commands::privacy::Arguments),
    /// Everything that may lie ahead of one patient, ranked, beside people of the same age and sex
    Forecast(commands::forecast::Arguments),
    /// What an answer rests on, what is missing, and what became of people like the patient
    Evidence(commands::evidence::Arguments),
    /// The model's answer to another history of a patient: an association, not an effect
    WhatIf(commands::what_if::Arguments),
    /// Sweep a population for one outcome: whom a look is worth most, and whom the looks go to
    Screen(commands::screen::Arguments),
    /// Any task to calibrated risks with intervals, evidence and receipts, as MEDS predictions
    Predict(commands::predict::Arguments),
    /// An effect over the training subjects under a declared causal design, or why there is none
    Effect(commands::effect::Arguments),
    /// Serve a run's console and API on this machine
    Serve(commands::serve::Arguments),
    /// Re-check a run's ledger, signature and digests offline
    Verify(commands::verify::Arguments),
    /// What is in a run's ledger, and proofs of it for a stranger
    Ledger(commands::ledger::Arguments),
    /// One answer or contest with all that a stranger needs to check it, in one file
    Case(commands::case::Arguments),
    /// What a model may be used for, who decided it, and how it is stopped
    Trust(commands::trust::Arguments),
    /// Make the institution's keys, once
    Init(commands::init::Arguments),
    /// Write the synthetic hospital's export and its truth
    Hospital(commands::hospital::Arguments),
}

/// The program: reads the arguments, runs the command, tells what failed.
pub fn program() -> ExitCode {
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
        Command::Label(arguments) => commands::label::run(&arguments),
        Command::Validate(arguments) => commands::validate::run(&arguments),
        Command::Deid(arguments) => commands::deid::run(&arguments),
        Command::Reidentify(arguments) => commands::reidentify::run(&arguments),
        Command::Keys(arguments) => commands::keys::run(&arguments),
        Command::Scrub(arguments) => commands::scrub::run(&arguments),
        Command::Train(arguments) => commands::train::run(&arguments),
        Command::Baseline(arguments) => commands::baseline::run(&arguments),
        Command::Evaluate(arguments) => commands::evaluate::run(&arguments),
        Command::Fairness(arguments) => commands::fairness::run(&arguments),
        Command::Monitor(arguments) => commands::monitor::run(&arguments),
        Command::Privacy(arguments) => commands::privacy::run(&arguments),
        Command::Forecast(arguments) => commands::forecast::run(&arguments),
        Command::Evidence(arguments) => commands::evidence::run(&arguments),
        Command::WhatIf(arguments) => commands::what_if::run(&arguments),
        Command::Screen(arguments) => commands::screen::run(&arguments),
        Command::Predict(arguments) => commands::predict::run(&arguments),
        Command::Effect(arguments) => commands::effect::run(&arguments),
        Command::Serve(arguments) => commands::serve::run(&arguments),
        Command::Verify(arguments) => commands::verify::run(&arguments),
        Command::Ledger(arguments) => commands::ledger::run(&arguments),
        Command::Case(arguments) => commands::case::run(&arguments),
        Command::Trust(arguments) => commands::trust::run(&arguments),
        Command::Init(arguments) => commands::init::run(&arguments),
        Command::Hospital(arguments) => commands::hospital::run(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        // What stopped because of Ctrl-C says so, whatever error it came back with.
        Err(error) if interrupt::requested() && !failure::is_interruption(&error) => {
            ExitCode::from(failure::report("longitude", &Failure::interrupted().into()))
        }
        Err(error) => ExitCode::from(failure::report("longitude", &error)),
    }
}

/// How a rank of a training ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The training is done; the first rank has written the model.
    Done,
    /// Every rank has failed with this exit code, and the first one has said why.
    Together(u8),
    /// This rank has failed with this exit code and has said why; the others know nothing of it.
    Alone(u8),
}

/// The command `train` as one of several ranks: the first one reads the clock for all, writes the
/// model folder and speaks.
pub fn train_rank(arguments: &TrainArguments, reduce: &dyn Reduce) -> Ended {
    interrupt::install();
    let Err(error) = commands::train::run_rank(arguments, reduce) else {
        return Ended::Done;
    };
    let rank = reduce.rank();
    let is_together = failure::is_of_all_ranks(&error);
    let who = match (rank.of, is_together) {
        (1, _) | (_, true) => "longitude".to_owned(),
        _ => format!("longitude, rank {} of {}", rank.number, rank.of),
    };
    if is_together && rank.number > 0 {
        return Ended::Together(failure::code(&error));
    }
    let code = failure::report(&who, &error);
    if is_together {
        Ended::Together(code)
    } else {
        Ended::Alone(code)
    }
}
