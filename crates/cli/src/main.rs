//! The program `longitude`; what it does stands in the library beside it.
#![forbid(unsafe_code)]

use std::process::ExitCode;

/// Memory for many small strings from several threads: measured faster than the system's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    longitude_cli::program()
}
