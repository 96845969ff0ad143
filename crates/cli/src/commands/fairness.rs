//! `longitude fairness`: who is measured how often, and what can be done about it.

mod map;
mod repair;
mod weights;

use anyhow::Result;

/// What `longitude fairness` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Person-time, rates, shares never measured and labels, by group
    Map(map::Arguments),
    /// Weights of subjects by the inverse chance of having been looked at
    Weights(weights::Arguments),
    /// Risks repaired by group, thresholds by policy, and what that costs whom
    Repair(repair::Arguments),
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    match &arguments.command {
        Command::Map(arguments) => map::run(arguments),
        Command::Weights(arguments) => weights::run(arguments),
        Command::Repair(arguments) => repair::run(arguments),
    }
}
