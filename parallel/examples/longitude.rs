//! The program `longitude` out of this workspace: tests and the benchmark make their data with it
//! and train beside it.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    longitude_cli::program()
}
