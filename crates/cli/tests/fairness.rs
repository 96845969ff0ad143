//! `longitude fairness`: the planted inequity of the synthetic hospital is seen, small groups are
//! hidden, and what is asked for wrongly is refused.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use arrow_array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use parquet::arrow::ArrowWriter;
use serde_json::Value;
use std::fs::File;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

fn longitude(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_longitude"))
        .args(arguments)
        .output()
        .unwrap()
}

#[track_caller]
fn done(arguments: &[&str]) -> Vec<u8> {
    let output = longitude(arguments);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{error}");
    output.stdout
}

fn hospital(folder: &Path, patients: &str) -> String {
    let meds = folder.join("meds").display().to_string();
    let size = ["--patients", patients, "--seed", "3"];
    let fixed = [
        "hospital",
        "--to",
        &meds,
        "--meds",
        "--social",
        "--no-truth",
    ];
    done(&[&fixed[..], &size].concat());
    meds
}

#[test]
fn the_planted_inequity_is_on_the_map() {
    let place = tempfile::tempdir().unwrap();
    let meds = hospital(place.path(), "1500");
    let page = place.path().join("map.html").display().to_string();
    let cross = [
        "--cross",
        "sex,deprivation,site",
        "--labels",
        "--json",
        "--to",
        &page,
    ];
    let map = done(&[&["fairness", "map", &meds][..], &cross].concat());
    let map: Value = serde_json::from_slice(&map).unwrap();
    assert_eq!(map["subjects"], 1500);
    let dimensions = map["dimensions"].as_array().unwrap();
    let crossed = dimensions
        .iter()
        .find(|one| one["name"] == "sex x deprivation x site")
        .unwrap();
    let groups = crossed["groups"].as_array().unwrap();
    let group = |name: &str| groups.iter().find(|one| one["group"] == name).unwrap();
    let of = |group: &Value, what: &str| {
        let recorded = group["recorded"].as_array().unwrap();
        let one = recorded.iter().find(|one| one["what"] == what).unwrap();
        one["to_others"]["value"].as_f64().unwrap()
    };
    let planted = group("female, 5, C");
    // Rates over 0.55 of the visits, and stays and emergencies as everybody's.
    assert!(of(planted, "encounters") < 0.85);
    assert!(of(planted, "events") < 0.85);
    let a1c = of(planted, "hemoglobin A1c");
    assert!(a1c < 0.7, "{a1c}");
    assert!(of(group("male, 5, C"), "events") > 0.9);
    for one in groups {
        let count = one["subjects"].as_u64();
        assert!(count.is_none_or(|count| count == 0 || count > 10), "{one}");
        assert_eq!(count.is_none(), one["suppressed"].is_string());
    }
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.contains("Who falls short") && page.contains("female, 5, C"));
}

#[test]
fn an_unknown_dimension_is_refused() {
    let output = longitude(&["fairness", "map", "nowhere", "--cross", "sex,shoe"]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{error}");
    assert!(
        error.contains("`shoe`") && error.contains("mend: take two or more"),
        "{error}"
    );
}

/// A table whose group `b` has risks of half what they should be.
fn predictions(folder: &Path, name: &str, rows: i64, seed: i64) -> String {
    let draw = |row: i64, salt: i64| {
        let mixed = (row * 7919 + salt * 104_729 + seed * 31) % 10_007;
        (mixed * mixed % 10_007) as f64 / 10_007.0
    };
    let is_b = |row: i64| row % 4 == 0;
    let risk = |row: i64| 0.02 + 0.4 * draw(row, 1);
    let truth = |row: i64| {
        if is_b(row) {
            2.0 * risk(row)
        } else {
            risk(row)
        }
    };
    let columns: Vec<(&str, ArrayRef)> = vec![
        (
            "subject_id",
            Arc::new(Int64Array::from_iter_values(0..rows)),
        ),
        (
            "prediction_time",
            Arc::new(TimestampMicrosecondArray::from(vec![
                0;
                usize::try_from(rows)
                    .unwrap()
            ])),
        ),
        (
            "boolean_value",
            Arc::new(
                (0..rows)
                    .map(|row| Some(draw(row, 2) < truth(row)))
                    .collect::<BooleanArray>(),
            ),
        ),
        (
            "predicted_boolean_probability",
            Arc::new(Float64Array::from_iter_values((0..rows).map(risk))),
        ),
        (
            "site",
            Arc::new(StringArray::from_iter_values(
                (0..rows).map(|row| if is_b(row) { "b" } else { "a" }),
            )),
        ),
    ];
    let path = folder.join(name);
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let file = File::create(&path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    path.display().to_string()
}

#[test]
fn a_repair_tells_what_it_costs_whom() {
    let place = tempfile::tempdir().unwrap();
    let fit = predictions(place.path(), "fit.parquet", 3000, 1);
    let judged = predictions(place.path(), "judged.parquet", 3000, 2);
    let to = place.path().join("repaired.parquet").display().to_string();
    for method in ["shrinkage", "multicalibration"] {
        let fixed = [
            "fairness", "repair", &judged, "--fit", &fit, "--group", "site",
        ];
        let more = [
            "--method",
            method,
            "--to",
            &to,
            "--json",
            "--resamples",
            "50",
        ];
        let told = done(&[&fixed[..], &more, &["--alerts", "0.3"]].concat());
        let told: Value = serde_json::from_slice(&told).unwrap();
        let group = |name: &str| {
            let groups = told["cost"]["groups"].as_array().unwrap();
            groups
                .iter()
                .find(|one| one["group"] == name)
                .unwrap()
                .clone()
        };
        let value = |of: &Value, side: &str| of[side]["estimate"]["value"].as_f64().unwrap();
        let (a, b) = (group("a"), group("b"));
        assert!(value(&b["observed_less_expected"], "before") > 0.1);
        assert!(
            value(&b["observed_less_expected"], "after").abs() < 0.05,
            "{b}"
        );
        assert!(value(&b["missed"], "difference") < -0.05, "{b}");
        assert!(
            value(&a["missed"], "difference") > 0.0,
            "the alerts are taken from others"
        );
        assert!(std::fs::metadata(&to).is_ok());
        // What was written is a table that can be judged.
        done(&["evaluate", &to, "--resamples", "10"]);
    }
}

#[test]
fn a_policy_without_a_reason_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let fit = predictions(place.path(), "fit.parquet", 400, 1);
    let judged = predictions(place.path(), "judged.parquet", 400, 2);
    let policy = place.path().join("policy.toml");
    let text = |reason: &str| {
        format!(
            "threshold = 0.2\ndecided_by = \"board\"\ndecided_on = \"2026-03-01\"\n[[group]]\n\
             dimension = \"site\"\nvalue = \"b\"\nthreshold = 0.1\nreason = \"{reason}\"\n"
        )
    };
    let shown = policy.display().to_string();
    let fixed = [
        "fairness", "repair", &judged, "--fit", &fit, "--group", "site",
    ];
    let more = ["--method", "none", "--policy", &shown, "--threshold", "0.2"];
    let arguments = [&fixed[..], &more].concat();
    std::fs::write(&policy, text("")).unwrap();
    let output = longitude(&arguments);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{error}");
    assert!(error.contains("reason of a group is empty"), "{error}");
    std::fs::write(&policy, text("measured half as often")).unwrap();
    let said = String::from_utf8(done(&arguments)).unwrap();
    assert!(
        said.contains("thresholds by policy of board (2026-03-01): b 0.1"),
        "{said}"
    );
}

#[test]
fn weights_are_of_those_whom_somebody_looked_at() {
    let place = tempfile::tempdir().unwrap();
    let meds = hospital(place.path(), "700");
    let to = place.path().join("weights.parquet").display().to_string();
    let fixed = [
        "fairness", "weights", &meds, "--within", "1095", "--to", &to,
    ];
    let said = done(&[&fixed[..], &["--looked-at", "LOINC//4548-4"]].concat());
    let said = String::from_utf8(said).unwrap();
    assert!(said.contains("were looked at and count as"), "{said}");
    assert!(std::fs::metadata(&to).is_ok());
    let output = longitude(&[&fixed[..], &["--looked-at", "NOBODY//1"]].concat());
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{error}");
    assert!(error.contains("mend: name codes"), "{error}");
}
