//! What is looked for: a task of the run, or a target of its forecasts.

use super::Arguments;
use crate::failure::{Failure, Kind};
use crate::steps::calibrate::TARGET_SUBJECTS_MIN;
use anyhow::Result;
use longitude_core::{CodeMatch, Days, Predicate, Task};
use longitude_predict::{Benefit, Engine, Kind as TargetKind, Target, targets};
use longitude_server::Questions;

/// The task of a screen. A target is asked for its first occurrence: what is in the record already
/// needs no look.
pub(super) fn task(
    arguments: &Arguments,
    (engine, questions): (&Engine, &Questions),
    benefit: &Benefit,
) -> Result<Task> {
    let name = arguments.target.as_deref().unwrap_or_default();
    let horizon = arguments.horizon.unwrap_or(benefit.findable_days);
    if !(horizon.is_finite() && horizon > 0.0) {
        let mend = "give the days as a number above 0";
        return Err(Failure::new(Kind::Input, "--horizon is not above 0", mend).into());
    }
    if let Some(task) = questions.tasks.iter().find(|task| task.id == name) {
        return Ok(Task {
            horizon: arguments.horizon.map_or(task.horizon, Days),
            ..task.clone()
        });
    }
    let all = targets(engine.vocabulary(), TARGET_SUBJECTS_MIN);
    let found: Vec<&Target> = all
        .iter()
        .filter(|target| target.name.eq_ignore_ascii_case(name))
        .collect();
    match found.as_slice() {
        [target] if target.limit.is_some() => {
            let message = format!("`{name}` is a value, and a screen looks for an event");
            let mend = "name a diagnosis, a drug or an event of care";
            Err(Failure::new(Kind::Input, message, mend).into())
        }
        [target] => Ok(of_target(engine, target, horizon)),
        [] => Err(unknown(name, (questions, &all)).into()),
        _ => {
            let message = format!("`{name}` is the name of {} targets", found.len());
            let mend = "write a task, or the code that is meant";
            Err(Failure::new(Kind::Input, message, mend).into())
        }
    }
}

fn of_target(engine: &Engine, target: &Target, horizon: f64) -> Task {
    let codes = target
        .ids
        .iter()
        .filter_map(|id| engine.vocabulary().code(*id));
    Task {
        id: target.name.clone(),
        title: target.name.clone(),
        outcome: Predicate {
            any_of: codes.cloned().map(CodeMatch::Exact).collect(),
        },
        horizon: Days(horizon),
        incident: matches!(target.kind, TargetKind::Diagnosis),
    }
}

fn unknown(name: &str, (questions, all): (&Questions, &[Target])) -> Failure {
    let tasks: Vec<&str> = questions.tasks.iter().map(|task| &*task.id).collect();
    let part = name.to_lowercase();
    let near = all
        .iter()
        .filter(|target| target.limit.is_none() && target.name.to_lowercase().contains(&part));
    let near: Vec<&str> = near.map(|target| &*target.name).take(5).collect();
    let mend = if near.is_empty() || part.is_empty() {
        format!(
            "the run's tasks are {}; forecasts' names are in `longitude forecast --json`",
            tasks.join(", ")
        )
    } else {
        format!("is one of these meant: {}?", near.join("; "))
    };
    Failure::new(
        Kind::Input,
        format!("the run has no task or target `{name}`"),
        mend,
    )
}
