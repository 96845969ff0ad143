//! `longitude train --plan`: what a training will need and give, before it starts.

use super::Settings;
use anyhow::Result;
use longitude_train::{Budget, Options, Reduce, Size, TrainData};
use serde::Serialize;
use std::time::Instant;

/// Steps of the timed probe; one more, untimed, warms caches up.
const PROBE_STEPS: u64 = 4;
/// Evaluations take a fifth of the training's own work at most.
const EVALUATIONS: f64 = 1.2;

/// The plan of a training.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Plan {
    /// The preset.
    pub(crate) preset: String,
    /// Why.
    pub(crate) preset_reason: String,
    /// Subjects, events, windows, weights, memory.
    pub(crate) size: Size,
    /// All bytes of the memory.
    pub(crate) memory_bytes: usize,
    /// Steps.
    pub(crate) steps: u64,
    /// Positions of a step.
    pub(crate) step_tokens: usize,
    /// Passes over the data.
    pub(crate) epochs: f64,
    /// Positions a second, by the probe.
    pub(crate) tokens_per_second: f64,
    /// Seconds, evaluations in them.
    pub(crate) seconds: f64,
    /// The kernels.
    pub(crate) kernels: String,
    /// Threads.
    pub(crate) threads: usize,
}

/// Positions a second of a few steps, thrown away: of all ranks together, by the first one's clock.
pub(crate) fn tokens_per_second(
    data: &TrainData,
    options: &Options,
    reduce: &dyn Reduce,
) -> Result<f64> {
    longitude_train::probe_with(data, options, reduce, 1)?;
    let started = Instant::now();
    let tokens = longitude_train::probe_with(data, options, reduce, PROBE_STEPS)?;
    let rate = tokens as f64 / started.elapsed().as_secs_f64().max(1e-9);
    Ok(longitude_train::first(reduce, rate)?)
}

/// The plan; the probe is run only where the time decides or is asked for.
pub(crate) fn plan(
    settings: &Settings,
    (data, reduce): (&TrainData, &dyn Reduce),
    probe: bool,
) -> Result<(Plan, Options)> {
    let chosen = settings.chosen(data)?;
    let first = settings.options(data, chosen.preset, 1)?;
    let size = longitude_train::size(data, &first)?;
    let probed = probe || (settings.steps.is_none() && settings.seconds.is_some());
    let rate = if probed {
        tokens_per_second(data, &first, reduce)?
    } else {
        0.0
    };
    let steps = steps(settings, (data, &first), rate, size.positions);
    let options = settings.options(data, chosen.preset, steps)?;
    let tokens = steps as f64 * options.step_tokens() as f64;
    let plan = Plan {
        preset: chosen.preset.name().to_owned(),
        preset_reason: chosen.reason,
        memory_bytes: size.memory.total(),
        steps,
        step_tokens: options.step_tokens(),
        epochs: tokens / size.positions.max(1) as f64,
        tokens_per_second: rate,
        seconds: if rate > 0.0 {
            tokens * EVALUATIONS / rate
        } else {
            0.0
        },
        kernels: options.kernels.clone(),
        threads: options.threads,
        size,
    };
    Ok((plan, options))
}

/// The number of steps: as asked for, else as many as fit into the seconds and the epochs.
fn steps(
    settings: &Settings,
    (data, options): (&TrainData, &Options),
    rate: f64,
    positions: usize,
) -> u64 {
    if let Some(steps) = settings.steps {
        return steps;
    }
    let Some(seconds) = settings.seconds else {
        return whole(settings.epochs * positions as f64 / options.step_tokens().max(1) as f64);
    };
    let budget = Budget {
        tokens_per_second: rate,
        // A tenth is left for what the probe does not see: checkpoints, other load.
        seconds: seconds * 0.9,
        epochs_max: settings.epochs,
    };
    longitude_train::plan_steps(data, options, budget)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float-to-int cast saturates"
)]
fn whole(steps: f64) -> u64 {
    (steps.ceil() as u64).max(1)
}

impl Plan {
    /// The plan for a person.
    pub(crate) fn text(&self) -> String {
        let (s, m) = (&self.size, &self.size.memory);
        let mib = |bytes: usize| bytes as f64 / f64::from(1 << 20);
        let time = if self.seconds > 0.0 {
            format!(
                "{:.0} s at {:.0} events a second by a probe, evaluations in it",
                self.seconds, self.tokens_per_second
            )
        } else {
            "not probed".to_owned()
        };
        format!(
            "subjects    {} to learn from, {} to stop early on\n\
             events      {} and {}\n\
             windows     {} with {} positions\n\
             preset      {}: {}\n\
             weights     {}\n\
             steps       {} of {} positions, {:.1} passes over the data\n\
             time        {time}, {} threads, kernels {}\n\
             memory      {:.0} MiB beside the program: weights {:.1}, gradients {:.1}, moments \
             {:.1}, best {:.1}, workspace {:.1}, data {:.1}, checkpoint {:.1}\n",
            s.subjects[0],
            s.subjects[1],
            s.events[0],
            s.events[1],
            s.windows,
            s.positions,
            self.preset,
            self.preset_reason,
            s.parameters,
            self.steps,
            self.step_tokens,
            self.epochs,
            self.threads,
            self.kernels,
            mib(self.memory_bytes),
            mib(m.weights),
            mib(m.gradients),
            mib(m.moments),
            mib(m.best),
            mib(m.workspace),
            mib(m.data),
            mib(m.checkpoint),
        )
    }
}
