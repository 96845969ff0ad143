//! Strict labels against the synthetic hospital: row by row what its own tasks say, and in sum what
//! its known risks foretell.
#![expect(
    clippy::unwrap_used,
    reason = "a test stops at what it does not expect"
)]

use longitude_core::{Code, CodeMatch, Event, Instant, Label, Origin, SubjectId, Task, Timeline};
use longitude_hospital::{Options, SubjectTruth, patient, tasks, timeline, truth};
use longitude_store::{WriteOptions, read_labels, write_timelines};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// The code at whose time the task's trigger holds.
const INDEX: &str = "INDEX//1";

/// The hospital's task in the task language.
fn yaml(task: &Task) -> String {
    let codes = task.outcome.any_of.iter().map(|one| match one {
        CodeMatch::Exact(code) => format!("^{}$", code.to_meds()),
        CodeMatch::Prefix { system, prefix } => format!("^{system}//{prefix}"),
    });
    let codes: Vec<String> = codes.collect();
    let (first, competes) = (
        if task.incident {
            ", has: { outcome: \"(None, 0)\" }"
        } else {
            ""
        },
        if task.outcome.is_death() {
            ""
        } else {
            ", competing: death"
        },
    );
    format!(
        "predicates:\n  index: {{ code: {INDEX} }}\n  outcome: {{ code: {{ regex: \"{}\" }} }}\n  \
         death: {{ code: MEDS_DEATH }}\ntrigger: index\nwindows:\n  \
         history: {{ start: null, end: trigger, start_inclusive: true, end_inclusive: true,\n    \
         index_timestamp: end{first} }}\n  \
         target: {{ start: trigger, end: start + {} days, start_inclusive: false,\n    \
         end_inclusive: true, label: outcome{competes} }}\n",
        codes.join("|"),
        task.horizon.0
    )
}

/// A record with one event more, at its index date.
fn with_index(timeline: &Timeline, at: Instant) -> Timeline {
    let index = Event::new(Code::from_meds(INDEX), Some(at), Origin::derived("index"));
    let mut events = timeline.events().to_vec();
    events.push(index);
    Timeline::new(timeline.subject(), events, timeline.observation())
}

fn labels(folder: &Path, task: &Task) -> BTreeMap<SubjectId, bool> {
    let (file, to) = (
        folder.join(format!("{}.yaml", task.id)),
        folder
            .join("made/on/the/way")
            .join(format!("{}.parquet", task.id)),
    );
    std::fs::write(&file, yaml(task)).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_longitude"))
        .arg("label")
        .args([&*file, Path::new("--data"), &folder.join("meds")])
        .args([Path::new("--to"), &to])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{}: {said}", task.id);
    let rows = read_labels(&to).unwrap().into_iter();
    rows.map(|row| (row.subject, row.boolean.unwrap()))
        .collect()
}

/// The outcomes among those who would have been followed to the horizon are as many as their risks
/// say, within four standard errors: of outcomes given risks, and of risks given rollouts.
fn foretold(
    task: &Task,
    found: &BTreeMap<SubjectId, bool>,
    (subjects, rollouts): (&[SubjectTruth], u32),
) -> bool {
    let (mut with, mut expected, mut variance) = (0.0, 0.0, 0.0);
    for one in subjects {
        let risk = one.risk.get(&task.id).copied().flatten();
        let (Some(at), Some(risk), Some(label)) = (one.index, risk, found.get(&one.subject)) else {
            continue;
        };
        if one.end_planned < at.plus(task.horizon) {
            continue;
        }
        with += f64::from(u8::from(*label));
        expected += risk;
        variance += risk * (1.0 - risk) * (1.0 + 1.0 / f64::from(rollouts));
    }
    assert!(expected > 0.0, "{}: nobody is at risk", task.id);
    (with - expected).abs() <= 4.0 * f64::sqrt(variance + 0.25)
}

#[test]
fn strict_labels_are_the_hospitals_outcomes() {
    let options = Options {
        patients: 1500,
        rollouts: 32,
        ..Options::standard()
    };
    let truth = truth(&options, 2).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let index: BTreeMap<SubjectId, Instant> = truth
        .subjects
        .iter()
        .filter_map(|one| Some((one.subject, one.index?)))
        .collect();
    let records: Vec<Timeline> = (0..options.patients)
        .map(|number| timeline(&patient(&options, number)))
        .collect();
    let marked = records
        .iter()
        .map(|record| match index.get(&record.subject()) {
            Some(at) => with_index(record, *at),
            None => record.clone(),
        });
    write_timelines(
        &folder.path().join("meds"),
        WriteOptions::standard("hospital"),
        marked,
    )
    .unwrap();
    for task in tasks() {
        let found = labels(folder.path(), &task);
        let known = records.iter().filter_map(|record| {
            let at = *index.get(&record.subject())?;
            match task.label(record, at) {
                Label::Yes => Some((record.subject(), true)),
                Label::No => Some((record.subject(), false)),
                Label::Before | Label::Dead | Label::Censored => None,
            }
        });
        let known: BTreeMap<SubjectId, bool> = known.collect();
        assert!(known.len() > 200, "{}: {} rows", task.id, known.len());
        assert!(found == known, "{}: other labels than its own", task.id);
        let judged = (&*truth.subjects, options.rollouts);
        assert!(foretold(&task, &found, judged), "{}", task.id);
    }
}
