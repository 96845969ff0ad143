//! `longitude evaluate`: a good table is judged, every kind of bad one is refused with its row and
//! mend, and what is undefined is null with a reason.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use arrow_array::{
    ArrayRef, BooleanArray, Float32Array, Float64Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use parquet::arrow::ArrowWriter;
use serde_json::Value;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

fn longitude(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_longitude"))
        .arg("evaluate")
        .args(arguments)
        .output()
        .unwrap()
}

/// A small table that every test changes in one place.
struct Table {
    subjects: Vec<i64>,
    times: Vec<i64>,
    labels: Vec<Option<bool>>,
    risks: Vec<Option<f32>>,
    further: Vec<(&'static str, ArrayRef)>,
}

impl Table {
    fn new(rows: i64) -> Self {
        let odd = |row: i64| (row * 7919) % 101;
        Self {
            subjects: (0..rows).map(|row| row / 2).collect(),
            times: (0..rows).map(|row| row * 86_400_000_000).collect(),
            labels: (0..rows).map(|row| Some(odd(row) > 60)).collect(),
            risks: (0..rows)
                .map(|row| Some((odd(row + 3) + odd(row)) as f32 / 210.0))
                .collect(),
            further: Vec::new(),
        }
    }

    fn write(self, folder: &Path, name: &str) -> PathBuf {
        let mut columns: Vec<(&str, ArrayRef)> = vec![
            ("subject_id", Arc::new(Int64Array::from(self.subjects))),
            (
                "prediction_time",
                Arc::new(TimestampMicrosecondArray::from(self.times)),
            ),
            ("boolean_value", Arc::new(BooleanArray::from(self.labels))),
            (
                "predicted_boolean_probability",
                Arc::new(Float32Array::from(self.risks)),
            ),
        ];
        columns.extend(self.further);
        write(folder, name, columns)
    }
}

fn write(folder: &Path, name: &str, columns: Vec<(&str, ArrayRef)>) -> PathBuf {
    let path = folder.join(name);
    let columns = columns.into_iter().map(|(name, array)| (name, array, true));
    let batch = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
    let mut writer =
        ArrowWriter::try_new(File::create(&path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    path
}

fn json(path: &Path, more: &[&str]) -> Value {
    let mut arguments = vec![path.to_str().unwrap(), "--json", "--resamples", "40"];
    arguments.extend(more);
    let output = longitude(&arguments);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{error}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[track_caller]
fn refused(path: &Path, more: &[&str], wanted: &[&str]) {
    let mut arguments = vec![path.to_str().unwrap()];
    arguments.extend(more);
    let output = longitude(&arguments);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{error}");
    for wanted in wanted {
        assert!(error.contains(wanted), "{wanted}: {error}");
    }
}

#[test]
fn a_table_is_judged_by_group_and_beside_another() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let mut ours = Table::new(400);
    ours.risks[5] = None;
    let sexes: Vec<&str> = (0..400)
        .map(|row| if row % 3 == 0 { "f" } else { "m" })
        .collect();
    ours.further = vec![("sex", Arc::new(StringArray::from(sexes)))];
    let ours = ours.write(folder, "ours.parquet");
    let mut theirs = Table::new(390);
    theirs.risks = theirs
        .risks
        .iter()
        .map(|r| r.map(|r| (r * 0.5 + 0.2).fract()))
        .collect();
    theirs.risks.reverse();
    let theirs = theirs.write(folder, "theirs.parquet");
    let page = folder.join("report.html");
    let against = [
        "--against",
        theirs.to_str().unwrap(),
        "--html",
        page.to_str().unwrap(),
    ];
    let judged = json(&ours, &against);
    assert_eq!(judged["task"]["n"], 389);
    assert_eq!(judged["task"]["left_out"]["not in theirs"], 10);
    assert_eq!(judged["task"]["left_out"]["abstained"], 1);
    assert_eq!(judged["task"]["models"].as_array().unwrap().len(), 2);
    assert!(judged["compared"][0]["p_holm"].as_f64().unwrap() < 0.05);
    assert_eq!(
        judged["task"]["models"][0]["groups"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    assert!(judged["beyond"]["gaps"]["sex"]["value"]["equalised_odds"].is_number());
    let html = std::fs::read_to_string(&page).unwrap();
    assert!(html.contains("Decision curve") && html.len() < 2_000_000);
    assert!(!html.contains("NaN") && !html.contains("http://") && !html.contains("https://"));
}

#[test]
fn the_figures_of_meds_evaluation_are_printed_as_its_json() {
    let place = tempfile::tempdir().unwrap();
    let path = Table::new(60).write(place.path(), "p.parquet");
    let output = longitude(&[path.to_str().unwrap(), "--meds-compat"]);
    let judged: Value = serde_json::from_slice(&output.stdout).unwrap();
    let block = judged["subjects_equally_weighted"].as_object().unwrap();
    assert_eq!(block.len(), 4, "{judged}");
    assert!(block["calibration_error"].is_number());
}

#[test]
fn bad_rows_are_named_with_their_mend() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let mut table = Table::new(20);
    table.risks[6] = Some(1.5);
    table.risks[9] = Some(-0.1);
    let wanted = [
        "outside.parquet: row 7 has",
        "outside 0 to 1",
        "1 others: 10",
        "mend:",
    ];
    let path = table.write(folder, "outside.parquet");
    refused(&path, &[], &wanted);
    refused(&path, &["--meds-compat"], &wanted);
    let mut table = Table::new(20);
    table.risks[2] = Some(f32::NAN);
    let path = table.write(folder, "nan.parquet");
    refused(&path, &[], &["row 3 has", "not a number", "mend:"]);
    let mut table = Table::new(20);
    (table.subjects[11], table.times[11]) = (table.subjects[4], table.times[4]);
    let path = table.write(folder, "twice.parquet");
    refused(
        &path,
        &[],
        &["row 12 has", "of an earlier row", "mend: keep one row"],
    );
    let mut table = Table::new(20);
    table.labels[3] = None;
    let path = table.write(folder, "unlabelled.parquet");
    refused(&path, &[], &["row 4 has no `boolean_value`", "mend:"]);
}

#[test]
fn a_table_that_is_none_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let path = Table::new(0).write(folder, "empty.parquet");
    refused(&path, &[], &["empty.parquet", "no rows", "mend:"]);
    refused(&folder.join("absent.parquet"), &[], &["absent.parquet"]);
    let path = folder.join("text.parquet");
    std::fs::write(&path, "subject_id,prediction_time").unwrap();
    refused(&path, &[], &["cannot decode", "text.parquet"]);
    let subjects = || -> ArrayRef { Arc::new(Int64Array::from(vec![1])) };
    let path = write(folder, "untimed.parquet", vec![("subject_id", subjects())]);
    refused(&path, &[], &["`prediction_time`"]);
    let times: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![1]));
    let label: ArrayRef = Arc::new(StringArray::from(vec!["yes"]));
    let columns = vec![
        ("subject_id", subjects()),
        ("prediction_time", times),
        ("boolean_value", label),
    ];
    let path = write(folder, "words.parquet", columns);
    refused(&path, &[], &["`boolean_value` is not a column of booleans"]);
    let mut table = Table::new(10);
    table.risks = vec![None; 10];
    let path = table.write(folder, "silent.parquet");
    refused(
        &path,
        &[],
        &[
            "no column `predicted_boolean_probability` with values",
            "mend:",
        ],
    );
}

#[test]
fn one_class_is_null_with_a_reason() {
    let place = tempfile::tempdir().unwrap();
    let mut table = Table::new(40);
    table.labels = vec![Some(false); 40];
    let judged = json(&table.write(place.path(), "p.parquet"), &[]);
    let auroc = &judged["task"]["models"][0]["metrics"]["auroc"];
    assert!(auroc["estimate"].is_null() && auroc["reason"] == "no row has the outcome");
    assert!(judged["curves"][0]["smooth"]["value"].is_null());
    assert!(judged["task"]["models"][0]["metrics"]["brier"]["estimate"].is_object());
}

#[test]
fn follow_up_is_used_and_its_faults_are_named() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let with = |days: Vec<f64>, causes: Vec<i64>, name: &str| {
        let mut table = Table::new(days.len().try_into().unwrap());
        table.further = vec![
            ("followup_days", Arc::new(Float64Array::from(days))),
            ("event_cause", Arc::new(Int64Array::from(causes))),
        ];
        table.write(folder, name)
    };
    let days: Vec<f64> = (0..200)
        .map(|row| f64::from((row * 37) % 400 + 1))
        .collect();
    let causes: Vec<i64> = (0..200).map(|row| row % 3).collect();
    let path = with(days.clone(), causes.clone(), "followed.parquet");
    let judged = json(&path, &["--horizon", "180"]);
    let numbers = judged["beyond"]["followed"]["numbers"].as_object().unwrap();
    assert_eq!(numbers.len(), 6);
    assert!(
        numbers["auc"]["estimate"]["value"].is_number(),
        "{numbers:?}"
    );
    let beyond = json(&path, &["--horizon", "5000"]);
    let observed = &beyond["beyond"]["followed"]["numbers"]["observed_by_horizon"];
    assert!(
        observed["estimate"].is_null() && observed["reason"].is_string(),
        "{observed}"
    );
    let path = with(days.clone(), vec![0; 200], "censored.parquet");
    refused(
        &path,
        &["--horizon", "180"],
        &["every row is censored", "mend:"],
    );
    let mut bad = days.clone();
    bad[8] = -1.0;
    let path = with(bad, causes.clone(), "before.parquet");
    refused(
        &path,
        &["--horizon", "180"],
        &["row 9 has", "negative", "mend:"],
    );
    let mut bad = causes;
    bad[1] = -4;
    let path = with(days, bad, "cause.parquet");
    refused(
        &path,
        &["--horizon", "180"],
        &["row 2 has", "`event_cause`", "mend:"],
    );
    let path = Table::new(10).write(folder, "plain.parquet");
    refused(&path, &["--horizon", "180"], &["no column `followup_days`"]);
}

#[test]
fn other_labels_and_other_subjects_are_not_compared() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let ours = Table::new(20).write(folder, "ours.parquet");
    let mut other = Table::new(20);
    other.labels[13] = other.labels[13].map(|label| !label);
    let other = other.write(folder, "other.parquet");
    refused(
        &ours,
        &["--against", other.to_str().unwrap()],
        &["row 14 has another", "mend:"],
    );
    let mut far = Table::new(20);
    far.subjects = (500..520).collect();
    let far = far.write(folder, "far.parquet");
    refused(
        &ours,
        &["--against", far.to_str().unwrap()],
        &["in common", "mend:"],
    );
    refused(&ours, &["--threshold", "1.2"], &["--threshold", "mend:"]);
    refused(
        &ours,
        &["--group", "ward"],
        &["no column of texts `ward`", "mend:"],
    );
}

/// A table of a file's subjects from `first` on, with a column of sexes.
fn of_both_sexes(rows: i64, first: i64) -> Table {
    let mut table = Table::new(rows);
    for subject in &mut table.subjects {
        *subject += first;
    }
    let sexes: Vec<&str> = (0..rows)
        .map(|row| if row % 3 == 0 { "f" } else { "m" })
        .collect();
    table.further = vec![("sex", Arc::new(StringArray::from(sexes)))];
    table
}

#[test]
fn predictions_are_recalibrated_and_their_sets_checked() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let tuning = of_both_sexes(600, 10_000).write(folder, "tuning.parquet");
    let mut table = of_both_sexes(600, 0);
    table.risks[4] = None;
    let path = table.write(folder, "held_out.parquet");
    let out = folder.join("new.parquet");
    let calibrate = ["--calibrate-on", tuning.to_str().unwrap()];
    let more = ["--calibrate-by", "sex", "--to", out.to_str().unwrap()];
    let judged = json(&path, &[&calibrate[..], &more].concat());
    let told = &judged["calibration"];
    // The rows to judge are like those that calibrate: two classes of all, and of each sex.
    let groups = told["sets"]["groups"].as_array().unwrap();
    assert_eq!(groups.len(), 6, "{told}");
    for group in groups {
        let share = group["coverage"]["value"].as_f64().unwrap();
        assert!(share >= 0.89, "{group}");
    }
    assert_eq!(told["sets"]["without_set"], 1);
    let models = judged["task"]["models"].as_array().unwrap();
    assert_eq!(models[1]["name"], "recalibrated");
    let ratio = |model: &Value| {
        let estimate = &model["metrics"]["observed_expected"]["estimate"];
        estimate["value"].as_f64().unwrap()
    };
    let (given, new) = (ratio(&models[0]), ratio(&models[1]));
    assert!(
        (new - 1.0).abs() < 0.05 && (given - 1.0).abs() > 0.1,
        "{given} {new}"
    );
    // The file that was written is judged as the recalibrated model was.
    let again = json(&out, &[]);
    assert!((ratio(&again["task"]["models"][0]) - new).abs() < 1e-6);
    refused(
        &path,
        &[&calibrate[..], &["--calibrate-by", "ward"]].concat(),
        &["no column of texts `ward`", "mend:"],
    );
    let same = [
        "--calibrate-on",
        path.to_str().unwrap(),
        "--json",
        "--resamples",
        "0",
    ];
    let judged = json(&path, &same[..2]);
    let notes = judged["notes"].to_string();
    assert!(
        notes.contains("300 subjects stand in both files"),
        "{notes}"
    );
}

#[test]
fn threads_change_no_byte() {
    let place = tempfile::tempdir().unwrap();
    let path = of_both_sexes(300, 0).write(place.path(), "p.parquet");
    let one = json(&path, &["--threads", "1"]);
    assert_eq!(one, json(&path, &["--threads", "2"]));
}

#[test]
fn values_and_classes_are_judged_and_their_faults_named() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let whole = |rows: i64, more: Vec<(&'static str, ArrayRef)>, name: &str| {
        let subjects: ArrayRef = Arc::new(Int64Array::from_iter_values(0..rows));
        let times: ArrayRef = Arc::new(TimestampMicrosecondArray::from_iter_values(0..rows));
        let own = vec![("subject_id", subjects), ("prediction_time", times)];
        write(folder, name, own.into_iter().chain(more).collect())
    };
    let numbers = |of: &dyn Fn(u8) -> f32| -> ArrayRef {
        Arc::new(Float32Array::from_iter_values((0..40).map(of)))
    };
    let seen = numbers(&|row| f32::from(row));
    let columns = vec![
        ("float_value", Arc::clone(&seen)),
        (
            "predicted_float_value",
            numbers(&|row| f32::from(row) + 2.0),
        ),
        ("predicted_low", numbers(&|row| f32::from(row) - 1.0)),
        (
            "predicted_high",
            numbers(&|row| f32::from(row) + if row < 10 { -0.5 } else { 3.0 }),
        ),
    ];
    let judged = json(&whole(40, columns, "values.parquet"), &[]);
    let of = |name: &str| {
        judged["numbers"][name]["estimate"]["value"]
            .as_f64()
            .unwrap()
    };
    assert!((of("mean_absolute_error") - 2.0).abs() < 1e-6, "{judged}");
    assert!((of("rank_correlation") - 1.0).abs() < 1e-12);
    assert!((of("interval_coverage") - 0.75).abs() < 1e-12);
    let classes = |wrong: f32| {
        let names = (0..30).map(|row| ["died", "home", "stays"][row % 3]);
        let names: ArrayRef = Arc::new(StringArray::from_iter_values(names));
        let own = |class: usize| -> ArrayRef {
            let p = (0..30).map(|row| if row % 3 == class { wrong } else { 0.1 });
            Arc::new(Float64Array::from_iter_values(p.map(f64::from)))
        };
        vec![
            ("categorical_value", names),
            ("predicted_categorical_probability//died", own(0)),
            ("predicted_categorical_probability//home", own(1)),
            ("predicted_categorical_probability//stays", own(2)),
        ]
    };
    let judged = json(&whole(30, classes(0.8), "classes.parquet"), &[]);
    let of = |name: &str| {
        judged["numbers"][name]["estimate"]["value"]
            .as_f64()
            .unwrap()
    };
    assert!((of("accuracy") - 1.0).abs() < 1e-12 && (of("log_loss") + 0.8_f64.ln()).abs() < 1e-6);
    let path = whole(30, classes(0.5), "sums.parquet");
    refused(&path, &[], &["row 1 has", "do not sum to 1", "mend:"]);
    let mut fewer = classes(0.8);
    fewer.pop();
    let path = whole(30, fewer, "fewer.parquet");
    refused(
        &path,
        &[],
        &["row 3 has", "a class without a column", "mend:"],
    );
    let path = whole(40, vec![("predicted_float_value", seen)], "alone.parquet");
    refused(&path, &[], &["no column `float_value`", "mend:"]);
}

#[test]
fn attacks_are_judged_against_the_gate() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let attack = |leaks: bool, name: &str| {
        let rows = 4_000_i64;
        let subjects: ArrayRef = Arc::new(Int64Array::from_iter_values(0..rows));
        let times: ArrayRef = Arc::new(TimestampMicrosecondArray::from_iter_values(0..rows));
        let members: ArrayRef = Arc::new(
            (0..rows)
                .map(|row| Some(row % 2 == 0))
                .collect::<BooleanArray>(),
        );
        let loss = (0..rows).map(|row| {
            let noise = ((row / 2 * 7919) % 1999) as f64 / 1999.0;
            if leaks && row % 2 == 0 {
                noise / 2.0
            } else {
                noise
            }
        });
        let loss: ArrayRef = Arc::new(Float64Array::from_iter_values(loss));
        let columns = vec![
            ("subject_id", subjects),
            ("prediction_time", times),
            ("member", members),
            ("loss", loss),
        ];
        write(folder, name, columns)
    };
    let privacy = |path: &Path, more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_longitude"));
        command
            .arg("privacy")
            .arg(path)
            .args(more)
            .output()
            .unwrap()
    };
    let sound = privacy(&attack(false, "sound.parquet"), &["--gate", "--json"]);
    assert_eq!(sound.status.code(), Some(0), "{sound:?}");
    let told: Value = serde_json::from_slice(&sound.stdout).unwrap();
    assert_eq!(told["passed"], true, "{told}");
    let leaking = attack(true, "leaking.parquet");
    assert_eq!(privacy(&leaking, &[]).status.code(), Some(0));
    let stopped = privacy(&leaking, &["--gate"]);
    assert_eq!(stopped.status.code(), Some(4));
    assert!(String::from_utf8_lossy(&stopped.stdout).contains("FAILED: membership inference"));
    let path = Table::new(20).write(folder, "none.parquet");
    let none = privacy(&path, &[]);
    assert_eq!(none.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&none.stderr).contains("mend:"));
}
