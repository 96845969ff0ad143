//! The evaluation as lines for a terminal.

use longitude_eval::{Evaluation, Metric, Use};
use std::collections::BTreeMap;

/// A number with its interval, or why there is none.
fn shown(metric: &Metric) -> String {
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
    for (place, model) in task.models.iter().enumerate() {
        text.push_str(&format!("\n{}\n", model.name));
        for (name, metric) in model.metrics.named() {
            text.push_str(&format!("  {name:<28} {}\n", shown(metric)));
        }
        if place == 0 {
            text.push_str(&format!("  {:<28} {}\n", "ici", shown(&beyond.ici)));
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
        text.push_str(&format!("first less second, {}: {line}\n", one.metric));
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
            (Some(gaps), _) => format!(
                "equalised odds {:.4}, calibration {:.4}",
                gaps.equalised_odds, gaps.calibration
            ),
            (None, reason) => reason.clone().unwrap_or_default(),
        };
        text.push_str(&format!("gap, {dimension}: {line}\n"));
    }
    text.push('\n');
}
