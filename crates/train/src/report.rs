//! The report of a training for people and programs: curves, speed, energy, warnings.
//!
//! Pure: seconds, processor time and peak rates come in as numbers; only the caller reads clocks.
//! No patient's value is in it.

use crate::evaluate::Nats;
use crate::run::{Progress, Record, StopCause, TuningPoint};
use serde::{Deserialize, Serialize};

/// Watts that one busy core is assumed to draw, its share of memory, fans and power supply in it.
/// An assumption of the size of a server processor's rated power over its cores, not a measurement:
/// hosts differ by a factor of three either way, so that the caller may state its own.
pub const WATTS_PER_CORE: f64 = 10.0;

/// The most points of a curve; longer ones are thinned to means of runs of steps.
pub const CURVE_POINTS: usize = 400;

/// Means over some steps.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// The last of the steps, counted from 1.
    pub step: u64,
    /// How many steps.
    pub steps: u64,
    /// Positions trained on since the first step, context among them.
    pub tokens: u64,
    /// Seconds of work since the first step, interruptions left out.
    pub seconds: f64,
    /// Seconds of the processor, over all cores.
    pub processor_seconds: f64,
    /// Nats an event of the batches.
    pub nats: Option<Nats>,
    /// The learning rate.
    pub learning_rate: f64,
    /// The norm of the gradient before it was clipped.
    pub gradient_norm: f64,
    /// Steps that waited for their batch.
    pub waited: u64,
}

/// The curve of a training, one point a step until it grows too long.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    points: Vec<CurvePoint>,
}

impl Curve {
    /// Adds a step, at a time that the caller measured.
    pub fn push(&mut self, progress: &Progress, seconds: f64, processor_seconds: f64) {
        self.points.push(CurvePoint {
            step: progress.step,
            steps: 1,
            tokens: progress.tokens,
            seconds,
            processor_seconds,
            nats: progress.losses,
            learning_rate: progress.learning_rate,
            gradient_norm: progress.gradient_norm,
            waited: u64::from(progress.waited),
        });
        if self.points.len() >= 2 * CURVE_POINTS {
            self.points = self.points.chunks(2).map(mean).collect();
        }
    }

    /// Forgets steps after this one: a resumed training does them again.
    pub fn back_to(&mut self, step: u64) {
        self.points.retain(|point| point.step <= step);
    }

    /// The points, oldest first.
    pub fn points(&self) -> &[CurvePoint] {
        &self.points
    }

    /// Seconds and processor seconds of all its steps.
    pub fn spent(&self) -> (f64, f64) {
        let last = self.points.last();
        last.map_or((0.0, 0.0), |point| (point.seconds, point.processor_seconds))
    }
}

/// The mean of some points: losses by steps, for batches hold much the same number of events.
fn mean(points: &[CurvePoint]) -> CurvePoint {
    let steps: u64 = points.iter().map(|point| point.steps).sum();
    let over = |of: &dyn Fn(&CurvePoint) -> f64| {
        let sum: f64 = points.iter().map(|one| of(one) * one.steps as f64).sum();
        sum / steps.max(1) as f64
    };
    let nats = points.iter().all(|point| point.nats.is_some()).then(|| {
        let part = |of: &dyn Fn(Nats) -> f64| over(&|point| point.nats.map_or(0.0, of));
        Nats {
            wait: part(&|nats| nats.wait),
            code: part(&|nats| nats.code),
            value_bin: part(&|nats| nats.value_bin),
            value_within: part(&|nats| nats.value_within),
            query: None,
        }
    });
    let last = points[points.len() - 1];
    CurvePoint {
        steps,
        nats,
        learning_rate: over(&|point| point.learning_rate),
        gradient_norm: over(&|point| point.gradient_norm),
        waited: points.iter().map(|point| point.waited).sum(),
        ..last
    }
}

/// What the machine is, as the caller measured it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// Threads of the training.
    pub threads: usize,
    /// What one core can do at best with these kernels, in GFLOP/s; none where nobody measured.
    pub peak_gflops_per_core: Option<f64>,
    /// The floating-point operations of training on one position.
    pub flops_per_token: Option<f64>,
    /// The largest memory that the process held, in bytes.
    pub peak_memory_bytes: Option<u64>,
    /// Watts that one busy core is assumed to draw.
    pub watts_per_core: f64,
}

/// How fast it went.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Speed {
    /// Seconds of work.
    pub seconds: f64,
    /// Positions a second.
    pub tokens_per_second: f64,
    /// Positions a second of one core.
    pub tokens_per_processor_second: f64,
    /// The share of the cores' measured peak that the steps used, by the second of a processor.
    pub share_of_peak: Option<f64>,
    /// The share of steps that waited for their batch.
    pub share_waited: f64,
}

/// What it cost, under a stated assumption.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Energy {
    /// Seconds of the processor, over all cores.
    pub processor_seconds: f64,
    /// Watts that one busy core is assumed to draw.
    pub watts_per_core: f64,
    /// The product.
    pub kilowatt_hours: f64,
    /// What that rests on.
    pub assumption: String,
}

impl Energy {
    /// The energy of some seconds of a processor.
    pub fn of(processor_seconds: f64, watts_per_core: f64) -> Self {
        Self {
            processor_seconds,
            watts_per_core,
            kilowatt_hours: processor_seconds * watts_per_core / 3.6e6,
            assumption: format!(
                "{watts_per_core} W a busy core, assumed and not measured; cooling is not in it"
            ),
        }
    }
}

/// The report: the content of `training.json` about the course of the training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainingReport {
    /// The version of the code that made it.
    pub code_version: String,
    /// The name of the preset, or `free`.
    pub preset: String,
    /// Why it was chosen.
    pub preset_reason: String,
    /// The kernels.
    pub kernels: String,
    /// The seed.
    pub seed: u64,
    /// The loop's account.
    pub record: Record,
    /// The course, thinned.
    pub curve: Vec<CurvePoint>,
    /// Its evaluations on the early-stop subjects.
    pub tuning: Vec<TuningPoint>,
    /// How fast.
    pub speed: Speed,
    /// At what cost.
    pub energy: Energy,
    /// The machine.
    pub machine: Machine,
    /// What the reader should know before trusting the model, one sentence each.
    pub warnings: Vec<String>,
}

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The version of the code.
    pub code_version: String,
    /// The name of the preset.
    pub preset: String,
    /// Why it was chosen.
    pub preset_reason: String,
    /// The kernels.
    pub kernels: String,
    /// The seed.
    pub seed: u64,
}

impl TrainingReport {
    /// The report of a finished training.
    pub fn new(asked: Asked, record: &Record, curve: &Curve, machine: Machine) -> Self {
        let (seconds, processor) = curve.spent();
        let tokens = record.tokens as f64;
        let waited: u64 = curve.points.iter().map(|point| point.waited).sum();
        let per_processor = tokens / processor.max(1e-9);
        let share_of_peak = machine
            .flops_per_token
            .zip(machine.peak_gflops_per_core)
            .map(|(flops, peak)| per_processor * flops / (peak * 1e9));
        let mut curve = curve.points.clone();
        while curve.len() > CURVE_POINTS {
            curve = curve.chunks(2).map(mean).collect();
        }
        Self {
            warnings: warnings(record),
            code_version: asked.code_version,
            preset: asked.preset,
            preset_reason: asked.preset_reason,
            kernels: asked.kernels,
            seed: asked.seed,
            tuning: record.tuning.clone(),
            speed: Speed {
                seconds,
                tokens_per_second: tokens / seconds.max(1e-9),
                tokens_per_processor_second: per_processor,
                share_of_peak,
                share_waited: waited as f64 / record.steps_done.max(1) as f64,
            },
            energy: Energy::of(processor, machine.watts_per_core),
            record: record.clone(),
            curve,
            machine,
        }
    }
}

/// What the account warns of. Shares above which it does are starting points, not judgements.
fn warnings(record: &Record) -> Vec<String> {
    let mut out = Vec::new();
    let subjects: usize = record.subjects.iter().sum();
    let events: usize = record.events.iter().sum();
    let mut share = |count: u64, of: usize, above: f64, text: &str| {
        let share = count as f64 / of.max(1) as f64;
        if share > above {
            out.push(format!("{count} of {of} {text}"));
        }
    };
    let w = record.warnings;
    share(
        w.subjects_without_end,
        subjects,
        0.0,
        "subjects have no known end of observation: waits are learnt too short",
    );
    share(
        w.subjects_without_birth,
        subjects,
        0.01,
        "subjects have no recorded birth: their age is a constant",
    );
    share(
        w.subjects_without_targets,
        subjects,
        0.1,
        "subjects have nothing to score",
    );
    share(
        w.events_unknown,
        events,
        0.01,
        "events have a code without a kept ancestor",
    );
    course(record, &mut out);
    out
}

fn course(record: &Record, out: &mut Vec<String>) {
    let subjects = record.subjects[0];
    if subjects < 100 {
        out.push(format!(
            "only {subjects} subjects to learn from: the model knows little beyond frequencies"
        ));
    }
    if record.tuning.is_empty() {
        out.push("no subject to stop early on: the last weights are kept, unjudged".to_owned());
    }
    if record.best_step == 0 && !record.tuning.is_empty() {
        out.push("no step beat the marginal model: nothing was learnt from histories".to_owned());
    }
    if record.stop == StopCause::Observer {
        out.push("training stopped before its schedule ended".to_owned());
    }
    let last = record.tuning.last().map_or(0, |point| point.step);
    if record.stop == StopCause::Steps && record.best_step == last && record.steps_done > 20 {
        out.push("the loss was still falling at the end: more steps would help".to_owned());
    }
    for step in &record.changed {
        out.push(format!(
            "from step {step} on with other options than before"
        ));
    }
}

#[cfg(test)]
pub(crate) mod tests;
