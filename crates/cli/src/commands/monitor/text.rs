//! A monitoring as lines for a terminal.

use super::date;
use super::policy::Policy;
use longitude_eval::Metric;
use longitude_eval::monitor::{Monitoring, PartReport, Signal, StreamReport};
use longitude_govern::Health;
use std::collections::BTreeMap;

/// The lines.
pub(super) fn text(
    policy: &Policy,
    found: &Monitoring,
    states: &BTreeMap<String, Health>,
    notes: &[String],
) -> String {
    let months = found.months.len();
    let mut text = format!(
        "{}: {} of {months} months of predictions, {} of outcomes; {} streams share an alarm level \
         of {} and a watch level of {}\n",
        policy.task,
        found.closed,
        found.closed_outcomes,
        found.tested,
        found.false_alarm,
        found.watch
    );
    for (reason, rows) in &found.left_out {
        text.push_str(&format!("left out: {rows} {reason}\n"));
    }
    for note in notes {
        text.push_str(&format!("note: {note}\n"));
    }
    for part in &found.parts {
        text.push_str(&section(found, part));
    }
    text.push_str("\nstates\n");
    for (part, health) in states {
        text.push_str(&format!("  {part:<40} {health}\n"));
    }
    text
}

fn section(found: &Monitoring, part: &PartReport) -> String {
    let name = if part.dimension == "all" {
        "all rows".to_owned()
    } else {
        format!("{} {}", part.dimension, part.value)
    };
    if let Some(reason) = &part.suppressed {
        return format!("\n{name}: not shown, {reason}\n");
    }
    let mut text = format!("\n{name}: {} rows, {}\n", part.rows, part.signal);
    if let Some(window) = part.windows.iter().rev().find(|w| w.metrics.is_some())
        && let Some(metrics) = &window.metrics
    {
        let month = date(found.months[window.month]);
        text.push_str(&format!(
            "  last window with outcomes, to the month of {month}: O/E {}, AUROC {}, Brier {}, \
             slope {}\n",
            shown(&metrics.observed_expected),
            shown(&metrics.auroc),
            shown(&metrics.brier),
            shown(&metrics.calibration_slope)
        ));
    }
    for stream in &part.streams {
        text.push_str(&line(found, stream));
    }
    text
}

fn line(found: &Monitoring, stream: &StreamReport) -> String {
    let name = stream.watched.to_string();
    if let Some(reason) = &stream.reason {
        return format!("  {name:<32} not tested: {reason}\n");
    }
    let now = stream
        .log_e
        .last()
        .map_or("none yet".to_owned(), |log| e_value(*log));
    let since = stream.reached[usize::from(stream.signal == Signal::Alarm)];
    let since = since.filter(|_| stream.signal > Signal::Quiet);
    let since = since.map_or(String::new(), |month| {
        format!(
            "  {} since the month of {}",
            stream.signal,
            date(found.months[month])
        )
    });
    let alarm = e_value(stream.log_alarm);
    format!("  {name:<32} e {now:>9} of {alarm}{since}\n")
}

/// An e-value from its natural logarithm.
fn e_value(log: f64) -> String {
    let value = log.exp();
    if !(0.01..1e5).contains(&value) {
        format!("1e{:.1}", log / std::f64::consts::LN_10)
    } else if value < 10.0 {
        format!("{value:.2}")
    } else {
        format!("{value:.0}")
    }
}

fn shown(metric: &Metric) -> String {
    match &metric.estimate {
        None => "undefined".to_owned(),
        Some(found) => match found.low.zip(found.high) {
            Some((low, high)) => format!("{:.3} ({low:.3} to {high:.3})", found.value),
            None => format!("{:.3}", found.value),
        },
    }
}
