//! `longitude label` from outside: equal to es-aces on stored goldens, and what it says of a task
//! that is wrong or odd.
#![expect(
    clippy::unwrap_used,
    reason = "a test stops at what it does not expect"
)]

use longitude_store::{Label, read_labels};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn label(arguments: &[&Path], more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_longitude"))
        .arg("label")
        .args(arguments)
        .args(more)
        .output()
        .unwrap()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

type Row = (i64, Option<i64>, Option<bool>);

fn rows(labels: Vec<Label>) -> Vec<Row> {
    let row = |one: Label| (one.subject.0, one.prediction_time.map(|t| t.0), one.boolean);
    let mut rows: Vec<_> = labels.into_iter().map(row).collect();
    rows.sort_unstable();
    rows
}

/// Labels a task as ACES does.
fn as_aces(task: &Path, predicates: Option<&Path>, data: &Path) -> Vec<Row> {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("labels.parquet");
    let mut arguments = vec![task, Path::new("--data"), data, Path::new("--to"), &to];
    if let Some(predicates) = predicates {
        arguments.extend([Path::new("--predicates"), predicates]);
    }
    let output = label(&arguments, &["--aces-compat"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{}: {said}", task.display());
    rows(read_labels(&to).unwrap())
}

/// Random tasks over random records with what es-aces 0.7.3 made of them.
#[test]
fn equal_to_es_aces_on_every_construct() {
    let folder = root().join("cases/tasks/golden");
    let mut tasks = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let task = entry.unwrap().path();
        let name = task.file_name().unwrap().to_string_lossy().into_owned();
        let Some(case) = name.strip_suffix(".task.yaml") else {
            continue;
        };
        let data = folder.join(format!("{case}.data.parquet"));
        let expected = read_labels(&folder.join(format!("{case}.labels.parquet"))).unwrap();
        assert_eq!(as_aces(&task, None, &data), rows(expected), "{case}");
        tasks += 1;
    }
    assert!(tasks >= 30, "{tasks} goldens");
}

/// The tasks of MEDS-DEV and of ACES on 1.8 million events, and the boundary cases by hand.
#[test]
fn equal_to_es_aces_on_public_tasks() {
    let golden = root().join("../shared/golden");
    if !golden.join("aces").is_dir() {
        eprintln!("LEFT OUT: 1 test needs shared/golden");
        return;
    }
    let configs = golden.join("aces/configs");
    let predicates = configs.join("MIMIC-IV_predicates.yaml");
    for entry in fs::read_dir(golden.join("aces/labels")).unwrap() {
        let labels = entry.unwrap().path();
        let name = labels.file_name().unwrap().to_string_lossy().into_owned();
        let task = configs.join(format!("{name}.yaml"));
        let mut expected = Vec::new();
        for split in fs::read_dir(&labels).unwrap() {
            for shard in fs::read_dir(split.unwrap().path()).unwrap() {
                expected.extend(read_labels(&shard.unwrap().path()).unwrap());
            }
        }
        let over = name.ends_with("_24h").then_some(&*predicates);
        let found = as_aces(&task, over, &golden.join("dataset/synth20k"));
        assert!(found == rows(expected), "{name}");
    }
    for name in ["e1_gap", "e3_readmit", "e5_value"] {
        let edge = golden.join("aces/edge");
        let expected = read_labels(&edge.join(format!("{name}.parquet"))).unwrap();
        let task = edge.join(format!("{name}.yaml"));
        let found = as_aces(&task, None, &edge.join("edge.parquet"));
        assert_eq!(found, rows(expected), "{name}");
    }
}

const TASK: &str = "\
predicates:
  adm: { code: { regex: \"^ADM\" } }
  dis: { code: { regex: \"^DIS\" } }
  lost: { code: adm//X }
  high: { code: \"LAB//A\", value_min: 5, bed: 2 }
trigger: adm
windows:
  input: { start: null, end: trigger, start_inclusive: true, end_inclusive: true,
    index_timestamp: end }
  target: { start: trigger, end: start + 7d, start_inclusive: false, end_inclusive: true, label: dis, has: { lost: \"(None, 0)\", high: \"(None, 9)\" } }
";

/// A data file of the goldens.
fn some_data() -> PathBuf {
    let folder = root().join("cases/tasks/golden");
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().ends_with(".data.parquet"))
        .collect();
    files.sort();
    files
        .into_iter()
        .max_by_key(|path| fs::metadata(path).unwrap().len())
        .unwrap()
}

#[test]
fn strict_labels_are_meds_and_explained() {
    let folder = tempfile::tempdir().unwrap();
    let (task, to) = (
        folder.path().join("t.yaml"),
        folder.path().join("l.parquet"),
    );
    fs::write(&task, TASK).unwrap();
    let data = some_data();
    let arguments = [&*task, Path::new("--data"), &data, Path::new("--to"), &to];
    let output = label(&arguments, &["--explain", "1"]);
    let (said, told) = (
        String::from_utf8_lossy(&output.stderr),
        String::from_utf8_lossy(&output.stdout),
    );
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(told.contains("subject 1, trigger at "), "{told}");
    assert!(
        said.contains(
            "t.yaml:4:17: unknown code: no code of the data is `adm//X` (predicate `lost`): is \
             `ADM//x` meant?"
        ),
        "{said}"
    );
    assert!(!read_labels(&to).unwrap().is_empty());
    let checked = longitude_store::validate_samples(&to).unwrap();
    assert!(checked.findings.is_empty(), "{:?}", checked.findings);
}

#[test]
fn labels_are_not_written_over_the_task() {
    let folder = tempfile::tempdir().unwrap();
    let task = folder.path().join("t.yaml");
    fs::write(&task, TASK).unwrap();
    let data = some_data();
    let arguments = [&*task, Path::new("--data"), &data, Path::new("--to"), &task];
    let output = label(&arguments, &[]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(5), "{said}");
    assert!(said.contains("t.yaml is an input"), "{said}");
    assert_eq!(fs::read_to_string(&task).unwrap(), TASK);
}

#[test]
fn a_wrong_task_names_place_and_mend() {
    let folder = tempfile::tempdir().unwrap();
    let (task, to) = (
        folder.path().join("t.yaml"),
        folder.path().join("l.parquet"),
    );
    let data = some_data();
    for (from, into, place, mend) in [
        (
            "trigger: adm",
            "trigger: admm",
            "t.yaml:6:10",
            "is `adm` meant?",
        ),
        (
            "value_min",
            "value_mim",
            "t.yaml:5:27",
            "is `value_min` meant?",
        ),
        (
            "start + 7d",
            "start - 7d",
            "t.yaml:10:34",
            "swap start and end",
        ),
        (
            "label: dis",
            "lable: dis",
            "t.yaml:10:91",
            "is `label` meant?",
        ),
        (
            "windows:",
            "windows: [",
            "t.yaml",
            "look at the indentation",
        ),
    ] {
        fs::write(&task, TASK.replace(from, into)).unwrap();
        let arguments = [&*task, Path::new("--data"), &data, Path::new("--to"), &to];
        let output = label(&arguments, &[]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{into}: {said}");
        assert!(
            said.contains(place) && said.contains(mend),
            "{into}: {said}"
        );
        assert!(!to.exists(), "{into}");
    }
}

/// A reader that has gone away is no failure, on either pipe.
#[test]
fn closed_pipes_are_no_panic() {
    let folder = tempfile::tempdir().unwrap();
    let task = folder.path().join("t.yaml");
    fs::write(&task, TASK).unwrap();
    let to = folder.path().join("new/folders/l.parquet");
    let mut child = Command::new(env!("CARGO_BIN_EXE_longitude"))
        .arg("label")
        .args([&*task, Path::new("--data"), &some_data()])
        .args([Path::new("--to"), &to])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop((child.stdout.take(), child.stderr.take()));
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(to.is_file(), "folders on the way are made");
}
