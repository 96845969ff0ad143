//! What is looked for: a task of the run, a target of its forecasts, or the outcome of a task file.
//! Everybody is asked at the time of the screen, whatever the file's trigger is.

use super::Arguments;
use crate::failure::{Failure, Kind};
use crate::labelling::Texts;
use crate::steps::calibrate::TARGET_SUBJECTS_MIN;
use anyhow::Result;
use longitude_core::{CodeMatch, Days, Predicate, Task};
use longitude_predict::{Benefit, Engine, Kind as TargetKind, Target, targets};
use longitude_server::Questions;
use longitude_store::{Dataset, pass};
use longitude_tasks::{Counts, Mode, Ontology};
use std::path::Path;

/// The task of a screen. A target is asked for its first occurrence: what is in the record already
/// needs no look.
pub(super) fn task(
    arguments: &Arguments,
    (engine, questions): (&Engine, &Questions),
    (benefit, data): (&Benefit, (&Dataset, &Path)),
) -> Result<Task> {
    if let Some(path) = &arguments.task {
        return of_file((path, arguments.predicates.as_deref()), engine, data);
    }
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

/// The outcome of a task file, where it is one in one window that opens at the prediction time.
fn of_file(
    (path, predicates): (&Path, Option<&Path>),
    engine: &Engine,
    (data, folder): (&Dataset, &Path),
) -> Result<Task> {
    let shown = path.display();
    let refuse = |reason: &str| -> anyhow::Error {
        let message = format!("{shown}: a screen cannot ask this: {reason}");
        let mend = "write a label that is one event in a window from the prediction time on";
        Failure::new(Kind::Input, message, mend).into()
    };
    let program = Texts::read(path, predicates)?.compile(Mode::Strict)?;
    let question = program.question().map_err(|why| refuse(&why.to_string()))?;
    let last = question
        .last
        .ok_or_else(|| refuse("the window has no length"))?;
    if question.after != 0 {
        return Err(refuse("the window opens later than the prediction time"));
    }
    let mut ontology = Ontology::default();
    for (code, parents) in pass::code_parents(folder)? {
        for parent in parents {
            ontology.add(&code, &parent);
        }
    }
    let (mut any_of, mut diagnoses) = (Vec::new(), true);
    let known = engine.vocabulary();
    let named = data.codes()?.into_iter().map(|(code, _)| code);
    let learnt = (0..)
        .take(known.len())
        .filter_map(|id| known.code(id).cloned());
    let all: std::collections::BTreeSet<_> = named.chain(learnt).collect();
    for code in all {
        let text = code.to_meds();
        match question.outcome(&ontology, &text, None) {
            Counts::Nothing => {}
            Counts::Whatever => {
                diagnoses &= TargetKind::of(&code, false) == Some(TargetKind::Diagnosis);
                any_of.push(CodeMatch::Exact(code.clone()));
            }
            Counts::Some { .. } => return Err(refuse("its outcome is a value")),
        }
        let ends = question.ending(&ontology, &text, None) != Counts::Nothing;
        if ends && !code.is_death() {
            return Err(refuse("events other than death end its window"));
        }
    }
    let outcome = Predicate { any_of };
    if known.ids_matching(&outcome).is_empty() {
        return Err(refuse("the model knows no code of its outcome"));
    }
    let name = path.file_stem().unwrap_or(path.as_os_str());
    let name = name.to_string_lossy().into_owned();
    Ok(Task {
        id: name.clone(),
        title: name,
        outcome,
        horizon: Days::from_micros(last),
        incident: diagnoses,
    })
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
