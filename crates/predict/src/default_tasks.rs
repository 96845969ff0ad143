//! What to ask, for data that come with no questions of their own. A starting point and no clinical
//! judgement: whoever answers for the model chooses the tasks.
//!
//! # The rules
//!
//! - The horizons are the longest of 1 year, 90, 30 and 7 days for which at least half of the
//!   training subjects with a prediction time were observed, or died, before its end ("long"), and
//!   30 days where that is shorter ("short").
//! - Death within the long horizon.
//! - The start of an inpatient encounter within the long and the short horizon, where the data have
//!   one: `ENCOUNTER//IMP//START` and its kin (HL7 v3 ActCode: IMP, ACUTE, NONAC), or MEDS codes
//!   that begin with `HOSPITAL_ADMISSION`.
//! - The first diagnosis of each of the most frequent categories within the long horizon.
//!   Categories: the first three characters of ICD-10 and ICD-9 codes (four for the external causes
//!   of ICD-9), and SNOMED codes whose source element is a FHIR Condition. Frequent: by the number
//!   of training subjects at risk who had their first within the horizon. A category that more than
//!   half of those at risk get is left out: it describes how the data were written, not who falls
//!   ill.
//! - A question of which fewer than `subjects_min` training subjects had the outcome within the
//!   horizon is not asked.

use crate::index::{IndexOptions, index_time, last_observed};
use longitude_core::{Code, CodeMatch, Days, Event, Predicate, Task, Timeline};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The horizons that may be chosen, the longest first.
const HORIZONS: [f64; 4] = [365.0, 90.0, 30.0, 7.0];
const SHORT: f64 = 30.0;

/// How many questions, and how well founded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DefaultTasksOptions {
    /// The most diagnosis categories.
    pub diagnoses_max: u32,
    /// Training subjects who must have had an outcome within its horizon.
    pub subjects_min: u32,
}

impl DefaultTasksOptions {
    /// Four diagnoses; 20 subjects, what abstention asks of an outcome.
    pub fn research() -> Self {
        Self {
            diagnoses_max: 4,
            subjects_min: 20,
        }
    }
}

/// Counts of training subjects from which the default tasks are chosen.
#[derive(Clone, Debug)]
pub struct Census {
    index: IndexOptions,
    subjects: u32,
    /// For each horizon, how many subjects were observed to its end or died before.
    followed: [u32; HORIZONS.len()],
    /// For each outcome, what was counted.
    outcomes: BTreeMap<CodeMatch, Count>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    /// Subjects who had it up to the prediction time.
    before: u32,
    /// Subjects with it, or a first one where they had none before, within each horizon.
    within: [u32; HORIZONS.len()],
    /// The same whether they had it before or not.
    any_within: [u32; HORIZONS.len()],
}

impl Census {
    /// Starts with no subjects; prediction times are chosen by `index`.
    pub fn new(index: IndexOptions) -> Self {
        Self {
            index,
            subjects: 0,
            followed: [0; HORIZONS.len()],
            outcomes: BTreeMap::new(),
        }
    }

    /// Takes in one training subject; one without a prediction time does not count.
    pub fn observe(&mut self, timeline: &Timeline) {
        let Some(at) = index_time(timeline, &self.index) else {
            return;
        };
        self.subjects += 1;
        let died = timeline.death().is_some();
        let observed = last_observed(timeline).map_or(0.0, |last| (last - at).0);
        for (count, horizon) in self.followed.iter_mut().zip(HORIZONS) {
            *count += u32::from(died || observed >= horizon);
        }
        let before: BTreeSet<CodeMatch> = timeline.history(at).iter().filter_map(outcome).collect();
        let mut first: BTreeMap<CodeMatch, f64> = BTreeMap::new();
        for event in &timeline.events()[timeline.history(at).len()..] {
            if let (Some(outcome), Some(time)) = (outcome(event), event.time) {
                first.entry(outcome).or_insert((time - at).0);
            }
        }
        for outcome in &before {
            self.outcomes.entry(outcome.clone()).or_default().before += 1;
        }
        for (outcome, days) in first {
            let incident = !before.contains(&outcome);
            let count = self.outcomes.entry(outcome).or_default();
            for (index, horizon) in HORIZONS.into_iter().enumerate() {
                let within = u32::from(days <= horizon);
                count.any_within[index] += within;
                count.within[index] += within * u32::from(incident);
            }
        }
    }
}

/// The default tasks by the rules above; none where no training subject has a prediction time.
pub fn default_tasks(census: &Census, options: &DefaultTasksOptions) -> Vec<Task> {
    let half = |count: &u32| u64::from(*count) * 2 >= u64::from(census.subjects.max(1));
    let long = census.followed.iter().position(half);
    let long = long.unwrap_or(HORIZONS.len() - 1);
    let mut horizons = vec![long];
    horizons.extend((long + 1..HORIZONS.len()).find(|i| HORIZONS[*i] <= SHORT));
    let mut tasks = Vec::new();
    let death = Predicate::code(Code::death());
    if census.any_within(&death, long) >= options.subjects_min {
        tasks.push(task("death", "Death", death, long));
    }
    let inpatient = Predicate {
        any_of: inpatient_matches(),
    };
    for horizon in horizons {
        if census.any_within(&inpatient, horizon) >= options.subjects_min {
            let title = "Inpatient admission";
            tasks.push(task("admission", title, inpatient.clone(), horizon));
        }
    }
    tasks.extend(census.diagnoses(long, *options));
    tasks
}

impl Census {
    /// Subjects with any of a predicate's matches within a horizon, an upper bound where it has
    /// several.
    fn any_within(&self, predicate: &Predicate, horizon: usize) -> u32 {
        let counts = predicate.any_of.iter().map(|one| self.outcomes.get(one));
        counts.flatten().map(|c| c.any_within[horizon]).sum()
    }

    fn diagnoses(&self, horizon: usize, options: DefaultTasksOptions) -> Vec<Task> {
        let mut frequent: Vec<(u32, &CodeMatch)> = self
            .outcomes
            .iter()
            .filter(|(outcome, _)| is_diagnosis(outcome))
            .filter(|(_, count)| {
                let at_risk = self.subjects.saturating_sub(count.before);
                let first = count.within[horizon];
                first >= options.subjects_min.max(1) && first.saturating_mul(2) <= at_risk
            })
            .map(|(outcome, count)| (count.within[horizon], outcome))
            .collect();
        frequent.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(b.1)));
        frequent.truncate(options.diagnoses_max as usize);
        let diagnosis = |(_, outcome): (u32, &CodeMatch)| {
            let name = match outcome {
                CodeMatch::Exact(code) => code.to_string(),
                CodeMatch::Prefix { system, prefix } => format!("{system} {prefix}"),
            };
            let predicate = Predicate {
                any_of: vec![outcome.clone()],
            };
            let title = format!("First diagnosis of {name}");
            Task {
                incident: true,
                ..task(&format!("first_{name}"), &title, predicate, horizon)
            }
        };
        frequent.into_iter().map(diagnosis).collect()
    }
}

/// A task with the horizon in its id and title.
fn task(name: &str, title: &str, outcome: Predicate, horizon: usize) -> Task {
    let days = HORIZONS[horizon];
    let span = if days >= 365.0 {
        ("1y".to_owned(), "1 year".to_owned())
    } else {
        (format!("{days}d"), format!("{days} days"))
    };
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '_'
        }
    };
    Task {
        id: format!("{}_{}", name.chars().map(plain).collect::<String>(), span.0),
        title: format!("{title} within {}", span.1),
        outcome,
        horizon: Days(days),
        incident: false,
    }
}

fn inpatient_matches() -> Vec<CodeMatch> {
    let start = |class| CodeMatch::Exact(Code::new("ENCOUNTER", format!("{class}//START")));
    let mut matches: Vec<CodeMatch> = ["IMP", "ACUTE", "NONAC"].map(start).into();
    matches.push(admission());
    matches
}

fn admission() -> CodeMatch {
    CodeMatch::Prefix {
        system: "HOSPITAL_ADMISSION".into(),
        prefix: "".into(),
    }
}

/// The outcome that an event counts for, if any.
fn outcome(event: &Event) -> Option<CodeMatch> {
    let code = &event.code;
    if code.is_death() {
        return Some(CodeMatch::Exact(code.clone()));
    }
    match &*code.system {
        "ENCOUNTER" => inpatient_matches().into_iter().find(|m| m.matches(code)),
        "HOSPITAL_ADMISSION" => Some(admission()),
        "SNOMED" if event.origin.element.starts_with("Condition") => {
            Some(CodeMatch::Exact(code.clone()))
        }
        "DIAGNOSIS" | "ICD10CM" | "ICD10" | "ICD9CM" => category(code),
        _ => None,
    }
}

/// The ICD category of a code, also of MEDS's `DIAGNOSIS//ICD//10//I10` form.
fn category(code: &Code) -> Option<CodeMatch> {
    let (head, bare) = match code.value.rfind("//") {
        Some(end) => code.value.split_at(end + 2),
        None => ("", &*code.value),
    };
    let ninth = &*code.system == "ICD9CM" || head.ends_with("ICD//9//");
    let length = if ninth && bare.starts_with(['E', 'e']) {
        4
    } else {
        3
    };
    let known = head.is_empty() != (&*code.system == "DIAGNOSIS");
    let bare = bare.get(..length).filter(|_| known)?;
    Some(CodeMatch::Prefix {
        system: code.system.clone(),
        prefix: format!("{head}{bare}").into(),
    })
}

fn is_diagnosis(outcome: &CodeMatch) -> bool {
    match outcome {
        CodeMatch::Exact(code) => &*code.system == "SNOMED",
        CodeMatch::Prefix { system, .. } => &**system != "HOSPITAL_ADMISSION",
    }
}

#[cfg(test)]
mod tests;
