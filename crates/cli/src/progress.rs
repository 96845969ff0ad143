//! What a person sees while a long step runs: one line a step, a bar where the end is known.

use indicatif::{ProgressBar, ProgressStyle};
use std::io::Write;
use std::time::{Duration, Instant};

/// Announces a step, and its time at its end.
#[derive(Debug)]
pub(crate) struct Step {
    started: Instant,
    quiet: bool,
}

impl Step {
    /// Starts a step: `3/9 De-identify`.
    pub(crate) fn start(number: usize, of: usize, title: &str, quiet: bool) -> Self {
        if !quiet {
            eprintln!("[{number}/{of}] {title}");
        }
        Self {
            started: Instant::now(),
            quiet,
        }
    }

    /// Says something about the step.
    pub(crate) fn say(&self, text: &str) {
        if !self.quiet {
            eprintln!("      {text}");
        }
    }

    /// Seconds since the start.
    pub(crate) fn seconds(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }
}

/// A bar over `total` units, drawn on standard error when it is a terminal.
pub(crate) fn bar(total: u64) -> ProgressBar {
    let bar = ProgressBar::new(total);
    let style = ProgressStyle::with_template("      {bar:30} {pos}/{len} {msg} {eta} left");
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(500));
    bar
}

/// A running count on standard error, where that is a terminal.
#[derive(Debug)]
pub(crate) struct Counter {
    spinner: ProgressBar,
    count: u64,
}

impl Counter {
    /// Events between two looks of the spinner.
    const EVERY: u64 = 1 << 14;

    /// Starts at zero.
    pub(crate) fn start() -> Self {
        let spinner = ProgressBar::new_spinner();
        let style = "      {spinner} {human_pos} events {per_sec} {elapsed}";
        if let Ok(style) = ProgressStyle::with_template(style) {
            spinner.set_style(style);
        }
        spinner.enable_steady_tick(Duration::from_millis(500));
        Self { spinner, count: 0 }
    }

    /// Counts further.
    pub(crate) fn add(&mut self, more: u64) {
        self.count += more;
        if self.count.is_multiple_of(Self::EVERY) {
            self.spinner.set_position(self.count);
        }
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        self.spinner.finish_and_clear();
    }
}

/// Prints to standard output; an error (a closed pipe) is handed on.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(())
}
