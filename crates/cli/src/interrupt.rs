//! Ctrl-C as a flag: long steps look at it between pieces of work and stop cleanly. A second Ctrl-C
//! ends the program at once.

use crate::failure::Failure;
use anyhow::Result;
use std::sync::atomic::{AtomicBool, Ordering};

static STOP: AtomicBool = AtomicBool::new(false);

/// Installs the handler.
pub(crate) fn install() {
    let handler = || {
        if STOP.swap(true, Ordering::SeqCst) {
            end_now();
        }
        eprintln!("\nstopping at the next safe place (Ctrl-C again ends at once)");
    };
    if ctrlc::set_handler(handler).is_err() {
        eprintln!("Ctrl-C cannot be caught here; it will end the program at once");
    }
}

#[expect(
    clippy::exit,
    reason = "the second Ctrl-C asks for an end without clean-up"
)]
fn end_now() {
    std::process::exit(130)
}

/// The flag, for libraries that look at it themselves.
pub(crate) fn flag() -> &'static AtomicBool {
    &STOP
}

/// Whether Ctrl-C was pressed.
pub(crate) fn requested() -> bool {
    STOP.load(Ordering::SeqCst)
}

/// An error when Ctrl-C was pressed.
pub(crate) fn check() -> Result<()> {
    if requested() {
        Err(Failure::interrupted().into())
    } else {
        Ok(())
    }
}
