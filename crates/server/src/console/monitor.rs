//! A monitoring as a page that stands alone: states, streams, rolling calibration and
//! discrimination, evidence by month against its levels, drift.
//!
//! It renders [`longitude_eval::monitor::Monitoring`] and computes nothing but positions on paper.

use super::chart::{Axes, Point, Series, lines};
use super::page;
use super::report::number;
use super::worklist::date;
use longitude_core::{Days, Instant};
use longitude_eval::Metric;
use longitude_eval::monitor::{Monitoring, PartReport, Signal, StreamReport, Window};
use longitude_govern::Health;
use maud::{Markup, html};
use std::collections::BTreeMap;

/// Streams drawn in one chart, those with the most evidence: more lines are not told apart.
const DRAWN: usize = 3;

/// The monitoring as one file that needs no network. `states` are the states that follow, by part.
pub fn monitoring_html(
    task: &str,
    found: &Monitoring,
    states: &BTreeMap<String, Health>,
    notes: &[String],
) -> String {
    let title = format!("Monitoring of {task}");
    let content = html! {
        h1 { (title) }
        p.lead {
            (found.closed) " of " (found.months.len()) " months of predictions, "
            (found.closed_outcomes) " of outcomes. " (found.tested)
            " streams of evidence share the level of alarms, " (found.false_alarm) ", and that of watch, " (found.watch)
            ": the chance of any over the whole plan while nothing changed beyond the tolerances, "
            "however often somebody looks."
        }
        @for (reason, rows) in &found.left_out {
            p.quiet { (rows) " rows left out: " (reason) "." }
        }
        @for note in notes { p.quiet { (note) "." } }
        (state_table(states))
        @for part in &found.parts { (section(found, part)) }
    };
    page::standalone(&title, &content).into_string()
}

fn state_table(states: &BTreeMap<String, Health>) -> Markup {
    html! {
        h2 { "States" }
        div.panel { table {
            thead { tr { th scope="col" { "Part" } th scope="col" { "State" } } }
            tbody { @for (part, health) in states { tr {
                th scope="row" { (part) }
                td class=(if *health == Health::Healthy { "ok" } else { "bad" }) { (health) }
            } } }
        } }
    }
}

fn section(found: &Monitoring, part: &PartReport) -> Markup {
    let name = if part.dimension == "all" {
        "All rows".to_owned()
    } else {
        format!("{}: {}", part.dimension, part.value)
    };
    if let Some(reason) = &part.suppressed {
        return html! { h2 { (name) } p.quiet { "Not shown: " (reason) "." } };
    }
    html! {
        h2 { (name) }
        p { (part.rows) " predictions; the evidence says: " strong { (part.signal) } "." }
        div.columns {
            (ratio_chart(found, part))
            (evidence_chart(found, part))
            (ranking_chart(found, part))
        }
        (stream_table(found, part))
        (drift_table(found, part))
    }
}

fn month(found: &Monitoring, index: usize) -> String {
    let start = found.months.get(index).copied().unwrap_or_default();
    let day = date(Instant(0).plus(Days(start)));
    day[..7].to_owned()
}

fn axes(found: &Monitoring, y: &str, y_max: f64) -> Axes {
    Axes {
        x: format!("Month of the plan (1 is {})", month(found, 0)),
        y: y.to_owned(),
        x_max: found.months.len() as f64,
        y_max,
        diagonal: false,
    }
}

fn series(name: &str, points: Vec<Point>, marked: bool) -> Series {
    Series {
        name: name.to_owned(),
        points,
        marked,
    }
}

fn level(found: &Monitoring, name: &str, y: f64) -> Series {
    let last = found.months.len() as f64;
    series(name, vec![(0.0, y, None), (last, y, None)], false)
}

/// A metric of each window that has it.
fn rolling(part: &PartReport, of: impl Fn(&Window) -> Option<Metric>) -> Vec<Point> {
    let points = part.windows.iter().filter_map(|window| {
        let found = of(window)?.estimate?;
        Some((
            (window.month + 1) as f64,
            found.value,
            found.low.zip(found.high),
        ))
    });
    points.collect()
}

fn top(points: &[Point], least: f64) -> f64 {
    let highest = points
        .iter()
        .map(|(_, y, ends)| ends.map_or(*y, |ends| ends.1));
    highest.fold(least, f64::max).ceil()
}

fn ratio_chart(found: &Monitoring, part: &PartReport) -> Markup {
    let points = rolling(part, |w| {
        Some(w.metrics.as_ref()?.observed_expected.clone())
    });
    if points.is_empty() {
        let none = "No window has complete outcomes of 11 rows or more of each class.";
        return html! { p.quiet { (none) } };
    }
    let axes = axes(found, "Observed over expected", top(&points, 2.0));
    let lines_of = [
        series("rolling O/E with 95 % intervals", points, true),
        level(found, "1, as many as foreseen", 1.0),
    ];
    lines("Calibration", &axes, &lines_of)
}

fn ranking_chart(found: &Monitoring, part: &PartReport) -> Markup {
    let points = rolling(part, |w| Some(w.metrics.as_ref()?.auroc.clone()));
    if points.is_empty() {
        return html! {};
    }
    let brier = rolling(part, |w| Some(w.metrics.as_ref()?.brier.clone()));
    let lines_of = [
        series("AUROC", points, true),
        series("Brier score", brier, true),
    ];
    lines(
        "Discrimination and accuracy",
        &axes(found, "AUROC, Brier score", 1.0),
        &lines_of,
    )
}

/// The streams with the most evidence, as powers of ten, and the levels they share.
fn evidence_chart(found: &Monitoring, part: &PartReport) -> Markup {
    let most = |stream: &StreamReport| stream.log_e.iter().copied().fold(f64::MIN, f64::max);
    let mut streams: Vec<&StreamReport> = part
        .streams
        .iter()
        .filter(|stream| !stream.log_e.is_empty())
        .collect();
    streams.sort_by(|a, b| most(b).total_cmp(&most(a)));
    let Some(first) = streams.first() else {
        return html! { p.quiet { "No stream has evidence yet." } };
    };
    let tens = |log: f64| (log / std::f64::consts::LN_10).max(0.0);
    let (watch, alarm) = (tens(first.log_watch), tens(first.log_alarm));
    // Ten powers of ten above the alarm tell no more.
    let y_max = tens(most(first)).clamp(alarm * 1.2, alarm + 10.0);
    let y_max = (y_max / 4.0).ceil() * 4.0;
    let mut drawn: Vec<Series> = streams
        .iter()
        .take(DRAWN)
        .map(|stream| {
            let numbered = stream.log_e.iter().enumerate();
            let points = numbered.map(|(at, log)| ((at + 1) as f64, tens(*log).min(y_max), None));
            series(&stream.watched.to_string(), points.collect(), false)
        })
        .collect();
    drawn.push(level(
        found,
        &format!("alarm at 10^{alarm:.1}, watch at 10^{watch:.1}"),
        alarm,
    ));
    drawn.push(level(found, "watch", watch));
    lines(
        "Evidence",
        &axes(found, "Powers of ten of the e-value", y_max),
        &drawn,
    )
}

fn stream_table(found: &Monitoring, part: &PartReport) -> Markup {
    let power = |log: f64| format!("10^{:.1}", log / std::f64::consts::LN_10);
    html! {
        div.panel { table {
            caption { "Evidence: how many times its stake a bet against no change has won" }
            thead { tr {
                th scope="col" { "Stream" } th.number scope="col" { "Rows" }
                th.number scope="col" { "e-value now" } th.number scope="col" { "Alarm at" }
                th scope="col" { "Says" }
            } }
            tbody { @for stream in &part.streams { tr {
                th scope="row" { (stream.watched) }
                @if let Some(reason) = &stream.reason {
                    td colspan="4" { "not tested: " (reason) }
                } @else {
                    td.number { (stream.rows) }
                    td.number { (stream.log_e.last().map_or("none".to_owned(), |log| power(*log))) }
                    td.number { (power(stream.log_alarm)) }
                    td class=[(stream.signal > Signal::Quiet).then_some("bad")] {
                        (stream.signal) (since(found, stream))
                    }
                }
            } } }
        } }
    }
}

fn since(found: &Monitoring, stream: &StreamReport) -> String {
    let reached = match stream.signal {
        Signal::Quiet => None,
        Signal::Watch => stream.reached[0],
        Signal::Alarm => stream.reached[1],
    };
    reached.map_or(String::new(), |at| format!(" since {}", month(found, at)))
}

/// The last window beside the reference.
fn drift_table(found: &Monitoring, part: &PartReport) -> Markup {
    let Some(window) = part
        .windows
        .last()
        .filter(|window| !window.scores.is_empty())
    else {
        return html! {};
    };
    let rows = std::iter::once(("scores", &window.scores)).chain(
        window
            .inputs
            .iter()
            .map(|(name, numbers)| (name.as_str(), numbers)),
    );
    html! {
        div.panel { table {
            caption { "Last window, to " (month(found, window.month)) ", beside the reference" }
            thead { tr {
                th scope="col" { "Column" }
                th.number scope="col" { "Stability index (PSI)" }
                th.number scope="col" { "Largest distance (KS)" }
                th.number scope="col" { "Missing" }
            } }
            tbody { @for (name, numbers) in rows { tr {
                th scope="row" { (name) }
                @for key in ["psi", "ks", "missing"] {
                    td.number { @if let Some(metric) = numbers.get(key) { (number(metric)) } }
                }
            } } }
        } }
    }
}
