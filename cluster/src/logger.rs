//! Ballista's log lines on standard error, bare. Its plans hold numbers of items and names of
//! columns, never a record.

use log::{Level, LevelFilter, Log, Metadata, Record};

struct Stderr;

impl Log for Stderr {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= Level::Info
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            eprintln!("{} {}: {}", record.level(), record.target(), record.args());
        }
    }

    fn flush(&self) {}
}

/// Takes log lines down to information, or down to `quiet`.
pub(crate) fn install(verbose: bool, quiet: LevelFilter) {
    let level = if verbose { LevelFilter::Info } else { quiet };
    // A second logger is refused, and there is none.
    if log::set_logger(&Stderr).is_ok() {
        log::set_max_level(level);
    }
}
