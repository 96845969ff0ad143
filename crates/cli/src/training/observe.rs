//! Beside the loop: the clock, the progress line, the curve and the reasons to stop.

use crate::failure::Failure;
use crate::pipeline::write_atomically;
use crate::progress::bar;
use crate::{interrupt, machine};
use anyhow::{Context, Result};
use indicatif::ProgressBar;
use longitude_train::{Control, Curve, Options, Progress, Reduce, TrainData, Trained, With};
use std::fs;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The curve of an interrupted training, among its checkpoints.
const CURVE: &str = "curve.json";
/// Between two lines where no bar is drawn.
const LINE_EVERY: Duration = Duration::from_secs(30);

/// A finished training and what was seen of it.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The model and its account.
    pub(crate) trained: Trained,
    /// Its course.
    pub(crate) curve: Curve,
    /// The preset and why it was chosen.
    pub(crate) preset: (String, String),
    /// Watts that a busy core is assumed to draw.
    pub(crate) watts_per_core: f64,
    /// Positions of a window in the mean: what attention works over.
    pub(crate) mean_window: usize,
    /// The ranks, and the threads of all of them together.
    pub(crate) ranks: (usize, usize),
}

/// Looks at the clock for the loop. Of several ranks the first one keeps the curve and speaks.
pub(crate) struct Observer<'r> {
    curve: Curve,
    /// Seconds and processor seconds of the steps before this start.
    before: (f64, f64),
    started: (Instant, f64),
    tokens_before: Option<u64>,
    bar: ProgressBar,
    line_due: Option<Instant>,
    limit: Option<f64>,
    file: Option<PathBuf>,
    every: u64,
    reduce: &'r dyn Reduce,
}

impl<'r> Observer<'r> {
    /// A training of so many steps; it is stopped after `limit` seconds.
    pub(crate) fn new(options: &Options, limit: Option<f64>, reduce: &'r dyn Reduce) -> Self {
        let speaks = reduce.rank().number == 0;
        let folder = options.checkpoints.as_ref().filter(|_| speaks);
        let file = folder.map(|dir| dir.join(CURVE));
        let is_terminal = std::io::stderr().is_terminal();
        Self {
            reduce,
            curve: file.as_deref().and_then(read).unwrap_or_default(),
            before: (0.0, 0.0),
            started: (Instant::now(), machine::processor_seconds()),
            tokens_before: None,
            bar: if speaks {
                bar(options.steps)
            } else {
                ProgressBar::hidden()
            },
            line_due: (speaks && !is_terminal).then(|| Instant::now() + LINE_EVERY),
            limit,
            file,
            every: options.checkpoint_every,
        }
    }

    /// Trains, or goes on from the last checkpoint. Ctrl-C stops with a checkpoint.
    pub(crate) fn go(mut self, data: &TrainData, options: &Options) -> Result<(Trained, Curve)> {
        let resumes = options
            .checkpoints
            .as_deref()
            .is_some_and(longitude_train::has_checkpoint);
        let reduce = self.reduce;
        let with = With {
            reduce,
            ..With::PLAIN
        };
        let mut failed = None;
        let mut observe = |progress: &Progress| {
            let control = self.step(progress);
            control.unwrap_or_else(|error| {
                failed = Some(error);
                Control::Stop
            })
        };
        let trained = if resumes {
            longitude_train::resume_with(data, options, with, &mut observe)
        } else {
            longitude_train::train_with(data, options, with, &mut observe)
        };
        self.bar.finish_and_clear();
        if let Some(error) = failed {
            return Err(error);
        }
        let trained = trained?;
        let mut interrupted = [f64::from(u8::from(interrupt::requested()))];
        reduce.sum64(&mut interrupted)?;
        if interrupted[0] > 0.0 {
            return Err(Failure::interrupted().of_all_ranks().into());
        }
        Ok((trained, self.curve))
    }

    fn step(&mut self, progress: &Progress) -> Result<Control> {
        if self.tokens_before.is_none() {
            // What a checkpoint did not keep is done again.
            self.curve.back_to(progress.step - 1);
            self.before = self.curve.spent();
            let kept = self.curve.points().last().map_or(0, |point| point.tokens);
            self.tokens_before = Some(kept);
        }
        let seconds = self.started.0.elapsed().as_secs_f64();
        let late = self.limit.is_some_and(|limit| seconds > limit);
        let stop = f64::from(u8::from(interrupt::requested() || late));
        // What one rank wants all do: the first one keeps the curve also where another stops.
        let mut all = [machine::processor_seconds() - self.started.1, stop];
        self.reduce.sum64(&mut all)?;
        let [processor, stop] = all;
        let stop = stop > 0.0;
        let (before, processor_before) = self.before;
        self.curve
            .push(progress, before + seconds, processor_before + processor);
        self.show(progress, seconds);
        let due = self.every > 0 && progress.step.is_multiple_of(self.every);
        if let (Some(file), true) = (&self.file, due || stop) {
            if let Some(folder) = file.parent() {
                fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
            }
            write_atomically(file, &serde_json::to_vec(&self.curve)?)?;
        }
        Ok(if stop {
            Control::Stop
        } else {
            Control::Continue
        })
    }

    fn show(&mut self, progress: &Progress, seconds: f64) {
        let tokens = progress.tokens - self.tokens_before.unwrap_or(0);
        let rate = tokens as f64 / seconds.max(1e-9);
        let nats = |nats: Option<longitude_train::Nats>| {
            nats.map_or_else(|| "-".to_owned(), |nats| format!("{:.3}", nats.learnt()))
        };
        let said = format!(
            "nats {} tuning {} {rate:.0} events/s",
            nats(progress.losses),
            nats(progress.tuning.map(|point| point.nats))
        );
        let now = Instant::now();
        if self.line_due.is_some_and(|due| now >= due) {
            self.line_due = Some(now + LINE_EVERY);
            eprintln!("      step {} of {}, {said}", progress.step, progress.steps);
        }
        self.bar.set_position(progress.step);
        self.bar.set_message(said);
    }
}

/// The steps that an interrupted training has behind it, by the curve among its checkpoints; 0
/// where there is none.
pub(crate) fn steps_done(checkpoints: &Path) -> u64 {
    let curve = read(&checkpoints.join(CURVE));
    let last = curve.and_then(|curve| curve.points().last().map(|point| point.step));
    last.unwrap_or(0)
}

/// A curve that cannot be read is only a shorter one.
fn read(path: &Path) -> Option<Curve> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}
