//! `longitude predict`: a task that nobody trained for, from the run to judged predictions, made
//! again to the same bytes; and what is refused.

use super::{key, longitude, made, spoilt, text, verify};
use std::fs;
use std::path::Path;
use std::process::Output;

/// Admission within a year of an outpatient visit.
const TASK: &str = "\
predicates:
  visit: {code: {regex: '^ENCOUNTER//AMB//START'}}
  admission: {code: {regex: '^ENCOUNTER//IMP//START'}}
trigger: visit
windows:
  input:
    {start: null, end: trigger, start_inclusive: True, end_inclusive: True, index_timestamp: end}
  target:
    start: input.end
    end: start + 365d
    start_inclusive: False
    end_inclusive: True
    label: admission
";

fn predict(run: &Path, (task, to): (&Path, &Path), more: &[&str]) -> Output {
    let fixed = [
        "predict",
        "--run",
        run.to_str().unwrap(),
        "--task",
        task.to_str().unwrap(),
    ];
    let institution = made().institution.to_str().unwrap();
    let rest = ["--to", to.to_str().unwrap(), "--institution", institution];
    longitude(&[&fixed[..], &rest, more].concat())
}

#[test]
fn a_task_that_nobody_trained_for_is_answered_judged_and_made_again() {
    let (keep, run) = spoilt(|_| ());
    let (task, to) = (
        keep.path().join("task.yaml"),
        keep.path().join("out.parquet"),
    );
    fs::write(&task, TASK).unwrap();
    let few = ["--split", "held_out", "--samples", "8", "--evidence", "3"];
    let output = predict(&run, (&task, &to), &few);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let lines = fs::read_to_string(to.with_extension("jsonl")).unwrap();
    let rows: Vec<serde_json::Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let answered = rows.iter().filter(|row| row["risk"].is_number()).count();
    let abstained = rows
        .iter()
        .filter(|row| row["abstention"].is_object())
        .count();
    assert!(answered > 0 && answered + abstained == rows.len());
    let said = format!(
        "{} rows asked, {answered} answered, {abstained} abstained",
        rows.len()
    );
    assert!(text(&output).contains(&said), "{said}: {}", text(&output));
    for row in rows.iter().filter(|row| row["risk"].is_number()) {
        assert!((0.0..=1.0).contains(&row["risk"].as_f64().unwrap()));
        assert!(!row["members"].as_array().unwrap().is_empty());
    }
    let cited = rows.iter().filter_map(|row| row["evidence"].as_array());
    let sources: Vec<_> = cited
        .flatten()
        .map(|item| &item["sources"][0]["record"])
        .collect();
    assert!(!sources.is_empty() && sources.iter().all(|record| record.is_string()));
    // Anybody's evaluation reads the table, and the run still verifies.
    let judged = longitude(&["evaluate", to.to_str().unwrap(), "--json"]);
    assert_eq!(judged.status.code(), Some(0), "{}", text(&judged));
    let verified = verify(&run, &key());
    assert_eq!(verified.status.code(), Some(0), "{}", text(&verified));
    // The same bytes again; other bytes are told.
    let again = predict(&run, (&task, &to), &[&few[..], &["--check"]].concat());
    assert_eq!(again.status.code(), Some(0), "{}", text(&again));
    assert!(text(&again).contains("the same bytes"), "{}", text(&again));
    let path = to.with_extension("jsonl");
    fs::write(&path, lines.replacen("\"risk\":0.", "\"risk\":0.1", 1)).unwrap();
    let other = predict(&run, (&task, &to), &[&few[..], &["--check"]].concat());
    assert_eq!(other.status.code(), Some(4), "{}", text(&other));
}

#[test]
fn tasks_and_files_that_cannot_be_meant_are_refused() {
    let (keep, run) = spoilt(|_| ());
    let (task, to) = (
        keep.path().join("task.yaml"),
        keep.path().join("out.parquet"),
    );
    let cases: [(&str, String, &[&str]); 5] = [
        (
            "task.yaml:5",
            TASK.replace("trigger: visit", "trigger: visits"),
            &[],
        ),
        ("IMP", TASK.replace("//IMP//", "//NOWHERE//"), &[]),
        ("samples", TASK.to_owned(), &["--samples", "1"]),
        ("act-level", TASK.to_owned(), &["--act-level", "1.5"]),
        ("table", TASK.to_owned(), &["--jsonl", to.to_str().unwrap()]),
    ];
    for (what, task_text, more) in &cases[..] {
        fs::write(&task, task_text).unwrap();
        let output = predict(&run, (&task, &to), more);
        assert_eq!(output.status.code(), Some(3), "{what}: {}", text(&output));
        assert!(!to.exists(), "{what}");
    }
    fs::write(&task, TASK).unwrap();
    let over = predict(&run, (&task, &task), &[]);
    assert_eq!(over.status.code(), Some(5), "{}", text(&over));
    assert_eq!(
        fs::read_to_string(&task).unwrap(),
        TASK,
        "an input was written over"
    );
}
