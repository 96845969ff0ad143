//! What a person sees while a long step runs: one line a step, a bar where the end is known.

use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressStyle};
use std::io::{IsTerminal as _, Write};
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

/// How far the reading is: bytes of the files that were read of all bytes, events, their rate and
/// the time that is left. A bar on standard error where that is a terminal, else a line now and
/// then.
#[derive(Debug)]
pub(crate) struct Counter {
    bar: ProgressBar,
    count: u64,
    read: u64,
    total: u64,
    started: Instant,
    /// When the next plain line is due; none where a bar is drawn, or nothing is to be said.
    line_due: Option<Instant>,
}

impl Counter {
    /// Events between two looks.
    const EVERY: u64 = 1 << 14;
    /// Between two plain lines.
    const LINE_EVERY: Duration = Duration::from_secs(30);

    /// Starts at nothing of `total` bytes.
    pub(crate) fn start(total: u64) -> Self {
        let is_terminal = std::io::stderr().is_terminal();
        let bar = if is_terminal {
            ProgressBar::new(total)
        } else {
            ProgressBar::hidden()
        };
        let style = "      {bar:30} {bytes} of {total_bytes}, {msg}, {eta} left";
        if let Ok(style) = ProgressStyle::with_template(style) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(500));
        let line_due = (!is_terminal).then(|| Instant::now() + Self::LINE_EVERY);
        Self::new(bar, total, line_due)
    }

    /// Says nothing.
    pub(crate) fn quiet() -> Self {
        Self::new(ProgressBar::hidden(), 0, None)
    }

    fn new(bar: ProgressBar, total: u64, line_due: Option<Instant>) -> Self {
        Self {
            bar,
            count: 0,
            read: 0,
            total,
            started: Instant::now(),
            line_due,
        }
    }

    /// Counts events.
    pub(crate) fn add(&mut self, more: u64) {
        self.count += more;
        if self.count.is_multiple_of(Self::EVERY) {
            self.show(Instant::now());
        }
    }

    /// Counts the bytes of a file that was read.
    pub(crate) fn file(&mut self, bytes: u64) {
        self.read += bytes;
        self.bar.set_position(self.read);
    }

    fn show(&mut self, now: Instant) {
        let said = told(self.count, now.duration_since(self.started));
        if self.line_due.is_some_and(|due| now >= due) {
            self.line_due = Some(now + Self::LINE_EVERY);
            let (read, total) = (HumanBytes(self.read), HumanBytes(self.total));
            eprintln!("      {read} of {total}, {said}");
        }
        self.bar.set_message(said);
    }
}

/// Events and their rate.
fn told(count: u64, spent: Duration) -> String {
    let seconds = spent.as_secs_f64().max(1e-3);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rate is positive and far below the limit"
    )]
    let rate = (count as f64 / seconds) as u64;
    format!(
        "{} events, {} a second",
        HumanCount(count),
        HumanCount(rate)
    )
}

impl Drop for Counter {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Prints to standard output; an error (a closed pipe) is handed on.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_line_is_due_now_and_then_and_counts_bytes_of_files() {
        let mut counter = Counter::new(ProgressBar::hidden(), 4_000, Some(Instant::now()));
        counter.file(1_000);
        counter.add(Counter::EVERY);
        let due = counter.line_due.unwrap();
        assert!(due > Instant::now() + Duration::from_secs(20));
        counter.add(Counter::EVERY);
        assert_eq!(counter.line_due, Some(due), "the next one is not due yet");
        assert_eq!((counter.read, counter.total), (1_000, 4_000));
        let said = told(32_768, Duration::from_secs(2));
        assert_eq!(said, "32,768 events, 16,384 a second");
        assert_eq!(Counter::quiet().line_due, None);
    }
}
