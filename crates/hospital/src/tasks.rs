//! The outcomes that the hospital knows the truth of, as tasks in the words of `core`.

use crate::concepts::Concept;
use longitude_core::{Code, CodeMatch, Days, Predicate, Task};
use std::sync::LazyLock;

/// The tasks. Horizons are whole days, for index dates are starts of days.
pub fn tasks() -> Vec<Task> {
    let death = || Predicate::code(Code::death());
    let admission = || Predicate::code(Code::new("ENCOUNTER", "IMP//START"));
    vec![
        task(("death_1y", "Death within 1 year"), death(), 365.0, false),
        task(("death_5y", "Death within 5 years"), death(), 1825.0, false),
        task(
            ("admission_1y", "Admission to hospital within 1 year"),
            admission(),
            365.0,
            false,
        ),
        task(
            (
                "diabetes_3y",
                "First diagnosis of type 2 diabetes within 3 years",
            ),
            icd(&["E11"]),
            1095.0,
            true,
        ),
        task(
            (
                "kidney_disease_3y",
                "First diagnosis of chronic kidney disease within 3 years",
            ),
            icd(&["N18"]),
            1095.0,
            true,
        ),
        task(
            (
                "heart_failure_3y",
                "First diagnosis of heart failure within 3 years",
            ),
            icd(&["I50"]),
            1095.0,
            true,
        ),
        task(
            (
                "infarction_stroke_5y",
                "First acute myocardial infarction or ischemic stroke within 5 years",
            ),
            icd(&["I21", "I63"]),
            1825.0,
            true,
        ),
        task(
            ("sepsis_1y", "Sepsis within 1 year"),
            icd(&["A41"]),
            365.0,
            false,
        ),
        task(
            (
                "amyloidosis_5y",
                "First diagnosis of amyloidosis (rare) within 5 years",
            ),
            icd(&["E85"]),
            1825.0,
            true,
        ),
    ]
}

fn task((id, title): (&str, &str), outcome: Predicate, days: f64, incident: bool) -> Task {
    Task {
        id: id.to_owned(),
        title: title.to_owned(),
        outcome,
        horizon: Days(days),
        incident,
    }
}

fn icd(prefixes: &[&str]) -> Predicate {
    let prefix = |prefix: &&str| CodeMatch::Prefix {
        system: "ICD10CM".into(),
        prefix: (*prefix).into(),
    };
    Predicate {
        any_of: prefixes.iter().map(prefix).collect(),
    }
}

/// The tasks with what the simulator needs to see them: which recorded things count for which.
pub(crate) struct Outcomes {
    /// The tasks, interned.
    pub(crate) tasks: Vec<Task>,
    /// By the number of a concept, the bits of the tasks that its code counts for.
    pub(crate) concepts: Vec<u32>,
    /// The bits of the tasks that an admission counts for.
    pub(crate) admission: u32,
    /// The bits of the tasks that death counts for.
    pub(crate) death: u32,
    /// The longest horizon in days.
    pub(crate) horizon_max: f64,
}

/// Made of the same predicates that label the record, so that the two cannot differ.
pub(crate) static OUTCOMES: LazyLock<Outcomes> = LazyLock::new(|| {
    let tasks = tasks();
    let bits = |code: &Code| {
        let matching = tasks
            .iter()
            .enumerate()
            .filter(|(_, t)| t.outcome.matches(code));
        matching.fold(0, |bits, (at, _)| bits | 1 << at)
    };
    Outcomes {
        concepts: Concept::ALL
            .iter()
            .map(|concept| bits(&concept.code()))
            .collect(),
        admission: bits(&Code::new("ENCOUNTER", "IMP//START")),
        death: bits(&Code::death()),
        horizon_max: tasks.iter().map(|task| task.horizon.0).fold(0.0, f64::max),
        tasks,
    }
});
