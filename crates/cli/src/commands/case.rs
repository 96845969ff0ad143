//! `longitude case`: one answer or contest with all that a stranger needs to check it.

use crate::failure::{Failure, Kind};
use crate::pipeline::write_private;
use crate::progress::print;
use anyhow::Result;
use longitude_govern::{CaseBundle, Error, Layout};
use std::path::PathBuf;

/// What `longitude case` takes.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The file holds the answer and the contest word for word, and with them a patient's values: hand it
to whom it concerns. It does not hold the record that the answer was made from. Whoever has it
checks it with `longitude verify FILE --trusted-key ...`, or by cases/verify/verify_case.py.")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Write a case into one file, beside a running server too
    Export {
        /// The answer's id, or the contest's number such as C-000001
        id: String,
        /// The file
        #[arg(long)]
        to: PathBuf,
        /// The run folder
        #[arg(long, default_value = ".")]
        run: PathBuf,
    },
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let Command::Export { id, to, run } = &arguments.command;
    let bundle = CaseBundle::collect(&Layout::new(run), id).map_err(|error| -> anyhow::Error {
        if let Error::NoCase(_) = error {
            let mend = "name an answer of RUN/answers or a contest of RUN/contests, by --run";
            return Failure::new(Kind::Input, error.to_string(), mend).into();
        }
        error.into()
    })?;
    write_private(to, bundle.to_text()?.as_bytes())?;
    print(&format!(
        "{id} written to {}; it holds a patient's values\n",
        to.display()
    ))
}
