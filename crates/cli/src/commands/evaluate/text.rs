//! The evaluation as lines for a terminal.

use longitude_eval::{Evaluation, Metric, Use};
use std::collections::BTreeMap;

/// A number with its interval, or why there is none.
pub(super) fn shown(metric: &Metric) -> String {
    match (&metric.estimate, &metric.reason) {
        (Some(found), reason) => {
            let ends = found.low.zip(found.high);
            let ends = ends.map_or_else(
                || reason.clone().unwrap_or_default(),
                |(low, high)| format!("{low:.4} to {high:.4}"),
            );
            format!("{:.4}  ({ends})", found.value)
        }
        (None, reason) => format!("undefined: {}", reason.as_deref().unwrap_or("no reason")),
    }
}

/// A p-value; below what four digits can tell it is a bound.
fn chance(p: f64) -> String {
    if p < 1e-4 {
        "below 0.0001".to_owned()
    } else {
        format!("{p:.4}")
    }
}

/// The lines.
pub(crate) fn text(evaluation: &Evaluation, notes: &[String]) -> String {
    let task = &evaluation.task;
    let mut text = format!(
        "{}: {} predictions, {} subjects, {} with the outcome\n",
        task.title, task.n, task.subjects, task.positives
    );
    for (reason, rows) in task.left_out.iter().filter(|(_, rows)| **rows > 0) {
        text.push_str(&format!("left out: {rows} {reason}\n"));
    }
    for note in notes {
        text.push_str(&format!("note: {note}\n"));
    }
    let beyond = &evaluation.beyond;
    if task.models.len() > TOLD_WHOLE {
        table(evaluation, &mut text);
    } else {
        for (model, curves) in task.models.iter().zip(&evaluation.curves) {
            text.push_str(&format!("\n{}\n", model.name));
            for (name, metric) in model.metrics.named() {
                text.push_str(&format!("  {name:<28} {}\n", shown(metric)));
            }
            text.push_str(&format!("  {:<28} {}\n", "ici", shown(&curves.ici)));
        }
    }
    if let (Some(first), 2..) = (task.models.first(), task.models.len()) {
        text.push_str(&format!("\nof {} alone\n", first.name));
    }
    for one in &beyond.uses {
        threshold(one, &mut text);
    }
    if let Some(followed) = &beyond.followed {
        let days = followed.horizon_days;
        text.push_str(&format!("\nwith follow-up to {days} days\n"));
        for (name, metric) in &followed.numbers {
            text.push_str(&format!("  {name:<28} {}\n", shown(metric)));
        }
    }
    groups(evaluation, &mut text);
    for one in &evaluation.compared {
        let line = match (one.difference, one.p, one.p_holm) {
            (Some(difference), Some(p), Some(holm)) => {
                format!(
                    "{difference:+.5}, p {}, after Holm {}",
                    chance(p),
                    chance(holm)
                )
            }
            _ => one.reason.clone().unwrap_or_default(),
        };
        let first = task.models.first().map_or("", |model| &model.name);
        text.push_str(&format!(
            "{first} less {}, {}: {line}\n",
            one.against, one.metric
        ));
    }
    for check in &evaluation.leakage {
        let verdict = match check.passed {
            Some(true) => "passed",
            Some(false) => "FAILED",
            None => "not made",
        };
        text.push_str(&format!(
            "leakage, {verdict}: {} ({})\n",
            check.check, check.reason
        ));
    }
    text
}

/// So many models are told with every number; more are one line each.
const TOLD_WHOLE: usize = 2;

/// One line a model: the numbers that are looked at first.
fn table(evaluation: &Evaluation, text: &mut String) {
    let short = |metric: &Metric, digits: usize| match metric.estimate {
        Some(found) => match found.low.zip(found.high) {
            Some((low, high)) => {
                format!("{:.digits$} ({low:.digits$}-{high:.digits$})", found.value)
            }
            None => format!("{:.digits$}", found.value),
        },
        None => "undefined".to_owned(),
    };
    let head = ["model", "AUROC", "AUPRC", "Brier", "O/E", "slope", "ICI"];
    let mut rows = vec![head.map(str::to_owned)];
    for (model, curves) in evaluation.task.models.iter().zip(&evaluation.curves) {
        let metrics = &model.metrics;
        rows.push([
            model.name.clone(),
            short(&metrics.auroc, 3),
            short(&metrics.auprc, 3),
            short(&metrics.brier, 4),
            short(&metrics.observed_expected, 2),
            short(&metrics.calibration_slope, 2),
            short(&curves.ici, 3),
        ]);
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..head.len()).filter_map(width).collect();
    text.push('\n');
    for row in &rows {
        let cells = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"));
        let line = cells.collect::<Vec<_>>().join("  ");
        text.push_str(&format!("{}\n", line.trim_end()));
    }
}

/// One threshold and what it brings.
fn threshold(one: &Use, text: &mut String) {
    let from = one
        .threshold
        .map_or("none".to_owned(), |t| format!("{t:.4}"));
    text.push_str(&format!("\nthreshold {from} ({})\n", one.from));
    for (name, metric) in &one.numbers {
        text.push_str(&format!("  {name:<28} {}\n", shown(metric)));
    }
    if let Some(told) = &one.lead_time {
        let line = match (&told.value, &told.reason) {
            (Some(lead), _) => format!(
                "{:.1}  (quartiles {:.1} and {:.1}; {} of {} subjects)",
                lead.median, lead.lower_quartile, lead.upper_quartile, lead.alerted, lead.subjects
            ),
            (None, reason) => format!("undefined: {}", reason.as_deref().unwrap_or("")),
        };
        text.push_str(&format!("  {:<28} {line}\n", "lead_time_days"));
    }
}

fn groups(evaluation: &Evaluation, text: &mut String) {
    let Some(model) = evaluation.task.models.first() else {
        return;
    };
    if !model.groups.is_empty() {
        text.push_str("\nby group: AUROC; observed over expected\n");
    }
    // The names of small groups may be those of people: they are counted.
    let mut held_back: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for group in &model.groups {
        let Some(metrics) = &group.metrics else {
            let reason = group.suppressed.as_deref().unwrap_or_default();
            *held_back.entry((&group.dimension, reason)).or_default() += 1;
            continue;
        };
        let name = format!("{}: {}", group.dimension, group.value);
        let (auroc, ratio) = (shown(&metrics.auroc), shown(&metrics.observed_expected));
        text.push_str(&format!("  {name:<28} {auroc}; {ratio}\n"));
    }
    for ((dimension, reason), groups) in held_back {
        text.push_str(&format!(
            "  {dimension}: {groups} groups held back: {reason}\n"
        ));
    }
    for (dimension, told) in &evaluation.beyond.gaps {
        let line = match (&told.value, &told.reason) {
            (Some(found), _) => {
                let gaps = found.intervals.iter();
                let gaps = gaps.map(|(name, gap)| format!("{name} {}", shown(gap)));
                gaps.collect::<Vec<_>>().join("; ")
            }
            (None, reason) => reason.clone().unwrap_or_default(),
        };
        text.push_str(&format!("gap, {dimension}: {line}\n"));
    }
    text.push('\n');
}
