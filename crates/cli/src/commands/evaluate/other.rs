//! Predictions of values and of several classes: the other columns of MEDS's label schema, each
//! with its prediction. They are judged with intervals over resampled subjects, and have no page.

use super::Arguments;
use super::checks::{not_empty, once, present, refuse, rows_where};
use crate::failure::{Failure, Kind};
use crate::progress::print;
use anyhow::Result;
use longitude_eval::values::{
    coverage, mean_absolute_error, mean_error, r_squared, rank_correlation, root_mean_squared_error,
};
use longitude_eval::{Classes, Metric, Options, Undefined, bootstrap};
use longitude_store::{Predictions, read_predictions};
use serde_json::json;
use std::collections::BTreeMap;

/// Observed values and their predictions.
const VALUES: [(&str, &str); 2] = [
    ("float_value", "predicted_float_value"),
    ("integer_value", "predicted_integer_value"),
];
/// The ends of a predicted interval.
const ENDS: [&str; 2] = ["predicted_low", "predicted_high"];
const CLASS: &str = "categorical_value";
/// Before the name of a class: its probability.
const CLASS_PROBABILITY: &str = "predicted_categorical_probability//";

/// Numbers by name, and in what order they are shown.
struct Judged {
    kind: &'static str,
    numbers: Vec<(&'static str, Metric)>,
    notes: Vec<String>,
}

/// Judges a table of values or classes; false where it is neither, which leaves it to the others.
pub(super) fn run(arguments: &Arguments, intervals: &Options) -> Result<bool> {
    present(&arguments.predictions)?;
    let read = read_predictions(&arguments.predictions, true)?;
    let asks = |name: &&String| name.starts_with(CLASS_PROBABILITY);
    let value = VALUES
        .iter()
        .find(|(_, predicted)| read.numbers.contains_key(*predicted));
    let classes = read.numbers.keys().any(|name| asks(&name));
    if value.is_none() && !classes {
        return Ok(false);
    }
    if !arguments.against.is_empty() || arguments.html.is_some() || arguments.horizon.is_some() {
        let what = "--against, --html and --horizon are for predictions of yes and no";
        let mend = "leave them out, or give `predicted_boolean_probability`";
        return Err(Failure::new(Kind::Input, what, mend).into());
    }
    not_empty(&read, &arguments.predictions)?;
    once(&read)?;
    let judged = match value {
        Some((observed, predicted)) => values(&read, (observed, predicted), arguments, intervals)?,
        None => several(&read, intervals)?,
    };
    print(&if arguments.json {
        let numbers: BTreeMap<&str, &Metric> = judged
            .numbers
            .iter()
            .map(|(name, metric)| (*name, metric))
            .collect();
        let rows = read.subjects.len();
        let whole = json!({
            "kind": judged.kind,
            "rows": rows,
            "options": intervals,
            "numbers": numbers,
            "notes": judged.notes,
        });
        format!("{whole:#}\n")
    } else {
        told(&judged, read.subjects.len())
    })?;
    Ok(true)
}

fn told(judged: &Judged, rows: usize) -> String {
    let mut text = format!("{} of {rows} rows\n", judged.kind);
    for note in &judged.notes {
        text.push_str(&format!("note: {note}\n"));
    }
    for (name, metric) in &judged.numbers {
        text.push_str(&format!("  {name:<28} {}\n", super::text::shown(metric)));
    }
    text
}

fn absent(read: &Predictions, column: &str, mend: &str) -> Failure {
    let message = format!(
        "{}: no column `{column}` with values",
        read.place(0).0.display()
    );
    Failure::new(Kind::Input, message, mend)
}

/// A column of numbers, one in each row.
fn every_number(read: &Predictions, name: &str) -> Result<Vec<f64>, Failure> {
    let column = read.numbers.get(name);
    let column = column.ok_or_else(|| absent(read, name, "give each row its number"))?;
    let bad = |value: &Option<f64>| !value.is_some_and(f64::is_finite);
    let what = format!("no `{name}` that is a number");
    refuse(
        read,
        &rows_where(column, bad),
        &what,
        "give each row its number, or leave it out",
    )?;
    Ok(column.iter().flatten().copied().collect())
}

fn subjects(read: &Predictions) -> Vec<u64> {
    read.subjects
        .iter()
        .map(|subject| subject.cast_unsigned())
        .collect()
}

fn values(
    read: &Predictions,
    (observed, predicted): (&str, &str),
    arguments: &Arguments,
    intervals: &Options,
) -> Result<Judged> {
    let (seen, said) = (
        every_number(read, observed)?,
        every_number(read, predicted)?,
    );
    let names = [
        "mean_absolute_error",
        "root_mean_squared_error",
        "mean_error",
        "r_squared",
        "rank_correlation",
    ];
    let pick = |values: &[f64], rows: &[usize]| -> Vec<f64> {
        rows.iter().map(|&row| values[row]).collect()
    };
    let subjects = subjects(read);
    let metrics = bootstrap(&subjects, intervals, |rows| {
        let (seen, said) = (pick(&seen, rows), pick(&said, rows));
        [
            mean_absolute_error(&seen, &said),
            root_mean_squared_error(&seen, &said),
            mean_error(&seen, &said),
            r_squared(&seen, &said),
            rank_correlation(&seen, &said),
        ]
    });
    let mut judged = Judged {
        kind: "values",
        numbers: names.into_iter().zip(metrics).collect(),
        notes: vec![format!("`{predicted}` beside `{observed}`, in its unit")],
    };
    if ENDS.iter().all(|name| read.numbers.contains_key(*name)) {
        let [low, high] = [every_number(read, ENDS[0])?, every_number(read, ENDS[1])?];
        let level = arguments.coverage;
        let crossed: Vec<usize> = (0..low.len()).filter(|&row| low[row] > high[row]).collect();
        let what = "`predicted_low` above `predicted_high`";
        refuse(read, &crossed, what, "give the lower end first")?;
        let metrics = bootstrap(&subjects, intervals, |rows| {
            let ends = (pick(&low, rows), pick(&high, rows));
            let found = coverage(&pick(&seen, rows), &ends.0, &ends.1, level);
            [
                found.map(|found| found.coverage),
                found.map(|found| found.width),
                found.map(|found| found.score),
            ]
        });
        let names = ["interval_coverage", "interval_width", "interval_score"];
        judged.numbers.extend(names.into_iter().zip(metrics));
        judged.notes.push(format!(
            "intervals should hold {level} of the values (--coverage)"
        ));
    }
    Ok(judged)
}

fn several(read: &Predictions, intervals: &Options) -> Result<Judged> {
    let mend = "give each row its class, and each class a column \
                `predicted_categorical_probability//CLASS`";
    let column = read
        .texts
        .get(CLASS)
        .ok_or_else(|| absent(read, CLASS, mend))?;
    let none = rows_where(column, Option::is_none);
    refuse(read, &none, &format!("no `{CLASS}`"), mend)?;
    let columns = read
        .numbers
        .keys()
        .filter(|name| name.starts_with(CLASS_PROBABILITY));
    let columns: Vec<&String> = columns.collect();
    let names: Vec<&str> = columns
        .iter()
        .map(|name| &name[CLASS_PROBABILITY.len()..])
        .collect();
    if names.len() < 2 {
        return Err(absent(read, "predicted_categorical_probability//..", mend).into());
    }
    let place = |class: &Option<String>| {
        names
            .iter()
            .position(|name| Some(*name) == class.as_deref())
    };
    let unknown = rows_where(column, |class| place(class).is_none());
    refuse(
        read,
        &unknown,
        "a class without a column of probabilities",
        mend,
    )?;
    let labels: Vec<usize> = column.iter().filter_map(place).collect();
    let each: Result<Vec<Vec<f64>>, Failure> = columns
        .iter()
        .map(|name| every_number(read, name))
        .collect();
    let each = each?;
    let row = |row: usize| each.iter().map(move |column| column[row]);
    let probabilities: Vec<f64> = (0..labels.len()).flat_map(row).collect();
    let whole = Classes {
        labels: &labels,
        probabilities: &probabilities,
        classes: names.len(),
    };
    let fault: Vec<usize> = whole.first_fault().into_iter().collect();
    let mend = "write probabilities from 0 to 1 whose sum in each row is 1";
    refuse(
        read,
        &fault,
        "probabilities of classes that are none or do not sum to 1",
        mend,
    )?;
    let size = names.len();
    let metrics = bootstrap(&subjects(read), intervals, |rows| {
        let own: Vec<usize> = rows.iter().map(|&row| labels[row]).collect();
        let of = |&row: &usize| probabilities[row * size..(row + 1) * size].iter().copied();
        let drawn: Vec<f64> = rows.iter().flat_map(of).collect();
        of_classes(&Classes {
            labels: &own,
            probabilities: &drawn,
            classes: size,
        })
    });
    Ok(Judged {
        kind: "classes",
        numbers: CLASS_NUMBERS.into_iter().zip(metrics).collect(),
        notes: vec![format!("{} classes", names.len())],
    })
}

const CLASS_NUMBERS: [&str; 8] = [
    "accuracy",
    "balanced_accuracy",
    "macro_f1",
    "auroc_one_against_rest",
    "auroc_one_against_one",
    "log_loss",
    "brier",
    "classwise_calibration_error",
];

/// The numbers in the order of [`CLASS_NUMBERS`].
fn of_classes(classes: &Classes<'_>) -> [Result<f64, Undefined>; 8] {
    [
        classes.accuracy(),
        classes.balanced_accuracy(),
        classes.macro_f1(),
        classes.auroc_one_against_rest(),
        classes.auroc_one_against_one(),
        classes.log_loss(),
        classes.brier(),
        classes.classwise_calibration_error(),
    ]
}
