//! Tables of labels and predictions held to their schemas, of this project's and of other tools.
#![expect(
    clippy::unwrap_used,
    reason = "a test stops at what it does not expect, and says what it leaves out"
)]

use arrow_array::{
    ArrayRef, BooleanArray, Float32Array, Float64Array, Int64Array, RecordBatch,
    TimestampMicrosecondArray,
};
use parquet::arrow::ArrowWriter;
use std::fs;
use std::path::Path;
use std::sync::Arc;

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, array)| (name, array, true)),
    )
    .unwrap()
}

fn findings_of(table: &RecordBatch) -> (bool, Vec<String>) {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("samples.parquet");
    let file = fs::File::create(&path).unwrap();
    let mut writer = ArrowWriter::try_new(file, table.schema(), None).unwrap();
    writer.write(table).unwrap();
    writer.close().unwrap();
    let validation = longitude_store::validate_samples(&path).unwrap();
    let shown = validation
        .findings
        .iter()
        .map(|one| one.to_string().replace(": ", ":\n  "));
    (validation.is_valid(), shown.collect())
}

#[test]
fn labels_and_predictions_are_held_to_their_schemas() {
    let subjects = || -> ArrayRef { Arc::new(Int64Array::from(vec![1, 1, 2])) };
    let times = || -> ArrayRef { Arc::new(TimestampMicrosecondArray::from(vec![5, 6, 6])) };
    let flags = |values: Vec<Option<bool>>| -> ArrayRef { Arc::new(BooleanArray::from(values)) };
    let good = batch(vec![
        ("subject_id", subjects()),
        ("prediction_time", times()),
        (
            "boolean_value",
            flags(vec![Some(true), Some(false), Some(true)]),
        ),
    ]);
    assert_eq!(findings_of(&good), (true, Vec::new()));
    let bad = batch(vec![
        ("subject_id", subjects()),
        (
            "prediction_time",
            Arc::new(TimestampMicrosecondArray::from(vec![
                Some(5),
                Some(5),
                None,
            ])),
        ),
        ("boolean_value", flags(vec![Some(true), None, Some(true)])),
        (
            "float_value",
            Arc::new(Float64Array::from(vec![None, None, None::<f64>])),
        ),
        ("site", Arc::new(Int64Array::from(vec![1, 2, 3]))),
    ]);
    let (valid, shown) = findings_of(&bad);
    assert!(!valid);
    expect_test::expect![[r"
        error:
          samples.parquet column float_value:
          a column has another type than MEDS gives it (1 times)
        error:
          samples.parquet row 2 column boolean_value:
          a value that must not be null is null (1 times)
        error:
          samples.parquet row 3 column prediction_time:
          a value that must not be null is null (1 times)
        error:
          samples.parquet column site:
          a table of labels may have MEDS's columns only (1 times)
        warning:
          samples.parquet column float_value:
          the column holds no value; leave it out (1 times)
        warning:
          samples.parquet row 2:
          the subject has an earlier sample at the same time (1 times)
    "]]
    .assert_eq(&(shown.join("\n") + "\n"));
}

#[test]
fn a_probability_is_one() {
    let predictions = batch(vec![
        ("subject_id", Arc::new(Int64Array::from(vec![1, 1, 2]))),
        (
            "prediction_time",
            Arc::new(TimestampMicrosecondArray::from(vec![5, 6, 6])),
        ),
        (
            "predicted_boolean_probability",
            Arc::new(Float32Array::from(vec![0.5, 1.5, f32::NAN])),
        ),
        ("receipt", Arc::new(Int64Array::from(vec![1, 2, 3]))),
    ]);
    let (valid, shown) = findings_of(&predictions);
    assert!(!valid);
    expect_test::expect![[r"
        warning:
          samples.parquet column receipt:
          a column that the prediction schema does not have (1 times)
        error:
          samples.parquet row 2 column predicted_boolean_probability:
          the probability is not between 0 and 1 (2 times)
    "]]
    .assert_eq(&(shown.join("\n") + "\n"));
}

#[test]
fn the_labels_of_aces_are_valid() {
    let dir = "../../../shared/golden/aces/labels/inhospital_mortality";
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join(dir);
    if !dir.exists() {
        println!("LEFT OUT: 1 tests need shared/data");
        return;
    }
    let validation = longitude_store::validate_samples(&dir).unwrap();
    assert!(validation.is_valid(), "{:?}", validation.findings);
    assert_eq!(validation.rows, 11_186);
}
