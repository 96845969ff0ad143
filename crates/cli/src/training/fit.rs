//! `longitude train --plan --fit`: small trainings on nested parts of the data, and the loss that
//! they say the whole training will reach.

use super::Plan;
use crate::failure::{Failure, Kind};
use crate::interrupt;
use anyhow::Result;
use longitude_train::{
    Control, Expected, Options, Part, ScalingLaw, ScalingPoint, TrainData, train,
};
use serde::Serialize;

/// The parts, in thousandths of the subjects, largest first; each is half the one before.
const PERMILLE: [u16; 6] = [500, 250, 125, 63, 31, 16];
/// Fewer steps than that are mostly warm-up and say little of the law.
const STEPS_MIN: u64 = 40;
/// Fewer runs do not fit a law of three numbers and leave something over.
const RUNS_MIN: usize = 4;

/// What the small runs said.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Fit {
    /// The runs, smallest first.
    pub(crate) runs: Vec<ScalingPoint>,
    /// The law.
    pub(crate) law: ScalingLaw,
    /// What the planned training should reach on the early-stop subjects.
    pub(crate) planned: Expected,
    /// What a training on twice the data should reach.
    pub(crate) doubled: Expected,
}

/// Trains the small runs, each with the plan's model, batches and passes over its part. The largest
/// parts are left out where they would take longer than `seconds` together.
pub(crate) fn fit(
    data: &TrainData,
    (plan, options): (&Plan, &Options),
    seconds: f64,
) -> Result<Fit> {
    if data.events(Part::EarlyStop) == 0 {
        let message = "no early-stop subject has an event: there is nothing to judge small runs by";
        let mend = "bring more subjects, or plan without --fit";
        return Err(Failure::new(Kind::Input, message, mend).into());
    }
    let mut points = Vec::new();
    for permille in parts(plan, seconds) {
        interrupt::check()?;
        let part = data.share(permille);
        let steps = steps(options.steps, permille);
        let small = Options {
            tuning_every: (steps / 20).max(1),
            warmup_steps: (steps / 20).max(1),
            tuning_positions_max: usize::MAX,
            steps,
            checkpoints: None,
            checkpoint_every: 0,
            ..options.clone()
        };
        let trained = train(&part, &small, &mut |_| {
            if interrupt::requested() {
                Control::Stop
            } else {
                Control::Continue
            }
        })?;
        interrupt::check()?;
        let record = trained.record;
        let best = record
            .tuning
            .iter()
            .find(|point| point.step == record.best_step);
        if let Some(best) = best {
            let events = part.events(Part::Learn) as f64;
            let nats = best.nats.learnt();
            eprintln!("      {events:.0} events, {steps} steps: {nats:.4} nats an event");
            points.push(ScalingPoint { events, nats });
        }
    }
    let law = ScalingLaw::fit(&points).ok_or_else(|| too_few(points.len()))?;
    let events = data.events(Part::Learn) as f64;
    Ok(Fit {
        planned: law.expected(&points, events),
        doubled: law.expected(&points, 2.0 * events),
        law,
        runs: points,
    })
}

fn steps(all: u64, permille: u16) -> u64 {
    (all * u64::from(permille)).div_ceil(1000)
}

/// The parts that fit into the time and have steps enough, smallest first.
fn parts(plan: &Plan, seconds: f64) -> Vec<u16> {
    let time = |permille: u16| plan.seconds * f64::from(permille) / 1000.0;
    let long_enough = |permille: &u16| steps(plan.steps, *permille) >= STEPS_MIN;
    let usable: Vec<u16> = PERMILLE.into_iter().filter(long_enough).collect();
    let fits = |from: usize| {
        let all: f64 = usable[from..].iter().map(|one| time(*one)).sum();
        all <= seconds || usable.len() - from <= RUNS_MIN
    };
    let from = (0..usable.len()).find(|from| fits(*from)).unwrap_or(0);
    usable[from..].iter().rev().copied().collect()
}

fn too_few(runs: usize) -> Failure {
    let message = format!("{runs} small runs are too few for a law: {RUNS_MIN} are needed");
    let mend = "plan a training of at least 700 steps, or leave --fit out";
    Failure::new(Kind::Input, message, mend)
}

/// The fit for a person.
pub(crate) fn text(fit: &Fit) -> String {
    let said = |name: &str, one: &Expected| {
        format!(
            "{name} {:.3} nats an event, interval {:.3} to {:.3}, {:.1} times the largest run\n",
            one.nats, one.interval.0, one.interval.1, one.beyond
        )
    };
    let law = &fit.law;
    format!(
        "law         {:.3} + {:.3} / events^{:.2}, {:.4} nats left over, {} runs\n{}{}",
        law.floor,
        law.scale,
        law.exponent,
        law.residual,
        fit.runs.len(),
        said("expected   ", &fit.planned),
        said("twice data ", &fit.doubled),
    )
}
