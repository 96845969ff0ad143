//! What a table of predictions must hold before it is judged. Every fault is counted, the first
//! are named by file and row, and the message says how to mend them. Values are never shown.

use crate::failure::{Failure, Kind};
use longitude_store::Predictions;
use std::collections::BTreeMap;
use std::path::Path;

/// The probability of the outcome.
pub(crate) const PROBABILITY: &str = "predicted_boolean_probability";
/// Whether the outcome happened.
pub(crate) const LABEL: &str = "boolean_value";

/// How many faulty rows a message names.
const NAMED: usize = 5;

/// A file or folder that is there.
pub(crate) fn present(path: &Path) -> Result<(), Failure> {
    if path.exists() {
        return Ok(());
    }
    Err(Failure::new(
        Kind::Input,
        format!("{}: there is no such file or folder", path.display()),
        "name a Parquet file of predictions, or a folder of them",
    ))
}

/// At least one row.
pub(crate) fn not_empty(read: &Predictions, path: &Path) -> Result<(), Failure> {
    if read.subjects.is_empty() {
        return Err(Failure::new(
            Kind::Input,
            format!("{}: there are no rows of predictions", path.display()),
            "write one row for each prediction, then evaluate",
        ));
    }
    Ok(())
}

/// The labels, one for each row.
pub(crate) fn every_label(read: &Predictions) -> Result<Vec<bool>, Failure> {
    let column = read
        .booleans
        .get(LABEL)
        .ok_or_else(|| absent(read, LABEL))?;
    let missing = rows_where(column, Option::is_none);
    refuse(
        read,
        &missing,
        &format!("no `{LABEL}`"),
        "give each row its outcome, or leave rows without one (censored, unknown) out and say so",
    )?;
    Ok(column.iter().flatten().copied().collect())
}

/// The probabilities as 32-bit floats: none where the table has none, every row's otherwise.
pub(crate) fn every_probability(
    read: &Predictions,
    has_classes: bool,
) -> Result<Option<Vec<f32>>, Failure> {
    let column = read.numbers.get(PROBABILITY);
    let Some(column) = column.filter(|column| column.iter().any(Option::is_some)) else {
        return if has_classes {
            Ok(None)
        } else {
            Err(absent(read, PROBABILITY))
        };
    };
    let missing = rows_where(column, Option::is_none);
    refuse(
        read,
        &missing,
        &format!("no `{PROBABILITY}`"),
        "give every row a probability, or none; without --meds-compat an empty one is an abstention",
    )?;
    risks(read, column)?;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the schema's width; 64-bit columns are narrowed as it does"
    )]
    Ok(Some(
        column.iter().flatten().map(|&wide| wide as f32).collect(),
    ))
}

/// Every probability that is there lies between 0 and 1.
pub(crate) fn risks(read: &Predictions, column: &[Option<f64>]) -> Result<(), Failure> {
    let outside = |value: &Option<f64>| value.is_some_and(|v| !(0.0..=1.0).contains(&v));
    let not_numbers = rows_where(column, |value| value.is_some_and(f64::is_nan));
    let mend = "write probabilities from 0 to 1 (not percent, not logits), and an empty value \
                where the model abstains";
    refuse(
        read,
        &not_numbers,
        &format!("`{PROBABILITY}` that is not a number"),
        mend,
    )?;
    let outside = rows_where(column, outside);
    let what = format!("`{PROBABILITY}` outside 0 to 1");
    refuse(read, &outside, &what, mend)
}

/// No subject is asked about twice at one time.
pub(crate) fn once(read: &Predictions) -> Result<(), Failure> {
    let mut first: BTreeMap<(i64, i64), usize> = BTreeMap::new();
    let mut again = Vec::new();
    for (row, key) in read.subjects.iter().zip(&read.times).enumerate() {
        let key = (*key.0, *key.1);
        if first.insert(key, row).is_some() {
            again.push(row);
        }
    }
    refuse(
        read,
        &again,
        "subject and prediction time of an earlier row",
        "keep one row for each subject and prediction time; counted twice, it would narrow intervals",
    )
}

/// The rows whose value is at fault.
pub(crate) fn rows_where<T>(column: &[T], fault: impl Fn(&T) -> bool) -> Vec<usize> {
    let numbered = column.iter().enumerate();
    numbered
        .filter(|(_, value)| fault(value))
        .map(|(row, _)| row)
        .collect()
}

/// A failure that names the rows, unless there are none.
pub(crate) fn refuse(
    read: &Predictions,
    rows: &[usize],
    what: &str,
    mend: &str,
) -> Result<(), Failure> {
    let Some(&row) = rows.first() else {
        return Ok(());
    };
    let (path, number) = read.place(row);
    let mut message = format!("{}: row {number} has {what}", path.display());
    if rows.len() > 1 {
        let others: Vec<String> = rows[1..]
            .iter()
            .take(NAMED - 1)
            .map(|&row| read.place(row).1.to_string())
            .collect();
        let more = if rows.len() > NAMED { ", ..." } else { "" };
        message.push_str(&format!(
            "; so have {} others: {}{more}",
            rows.len() - 1,
            others.join(", ")
        ));
    }
    Err(Failure::new(Kind::Input, message, mend))
}

/// A column that is not there, or empty.
pub(crate) fn absent(read: &Predictions, column: &str) -> Failure {
    Failure::new(
        Kind::Input,
        format!(
            "{}: no column `{column}` with values",
            read.place(0).0.display()
        ),
        "the MEDS prediction schema: subject_id, prediction_time, boolean_value, and \
         predicted_boolean_probability or predicted_boolean_value",
    )
}
