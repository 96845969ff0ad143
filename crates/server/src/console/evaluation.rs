//! An evaluation of a table of predictions as a page that stands alone: curves, decision curve,
//! forest plot by subgroup, tests.
//!
//! It renders [`longitude_eval::Evaluation`] and computes nothing but positions on paper.

use super::chart::{Axes, Point, Series, interval_bar, lines};
use super::page;
use super::report::{calibration_chart, metric_table, number, roc_chart};
use longitude_eval::{
    Beyond, Compared, Evaluation, Followed, Gaps, LeadTime, Metric, Shift, TaskReport, Told, Use,
};
use maud::{Markup, html};
use std::collections::BTreeMap;

/// The evaluation as one file that needs no network.
pub fn evaluation_html(evaluation: &Evaluation) -> String {
    let task = &evaluation.task;
    let left_out: Vec<String> = task
        .left_out
        .iter()
        .filter(|(_, rows)| **rows > 0)
        .map(|(reason, rows)| format!("{rows} {reason}"))
        .collect();
    let content = html! {
        h1 { (task.title) }
        p.lead {
            (task.n) " predictions about " (task.subjects) " subjects, " (task.positives)
            " with the outcome. Intervals are 95 % over resampled subjects. Left out: "
            @if left_out.is_empty() { "none" } @else { (left_out.join(", ")) } "."
        }
        h2 { "Discrimination, accuracy, calibration" }
        div.panel { (metric_table(task)) }
        @if !evaluation.compared.is_empty() { (tests(&evaluation.compared)) }
        div.columns {
            @if task.positives > 0 { (calibration_chart(task)) (roc_chart(task)) }
        }
        div.columns { (smooth_chart(&evaluation.beyond)) (decision_chart(&evaluation.beyond)) }
        (smooth_numbers(&evaluation.beyond))
        (uses(&evaluation.beyond.uses))
        @if let Some(followed) = &evaluation.beyond.followed { (follow_up(followed)) }
        (forest(task))
        (gap_table(&evaluation.beyond.gaps))
        (shift_table(&evaluation.shift))
        (coverage_chart(&evaluation.beyond))
        h2 { "Signs of leakage" }
        ul {
            @for check in &evaluation.leakage {
                li {
                    strong { (verdict(check.passed)) } " " (check.check) ": " (check.reason)
                    @if let Some(found) = check.found { " (" (found) ")" }
                }
            }
        }
    };
    page::standalone(&task.title, &content).into_string()
}

fn verdict(passed: Option<bool>) -> &'static str {
    match passed {
        Some(true) => "passed",
        Some(false) => "FAILED",
        None => "not made",
    }
}

fn unit_axes(x: &str, y: &str, y_max: f64, diagonal: bool) -> Axes {
    Axes {
        x: x.to_owned(),
        y: y.to_owned(),
        x_max: 1.0,
        y_max,
        diagonal,
    }
}

fn series(name: &str, points: Vec<Point>) -> Series {
    Series {
        name: name.to_owned(),
        points,
        marked: false,
    }
}

fn smooth_chart(beyond: &Beyond) -> Markup {
    let Some(smooth) = &beyond.smooth.value else {
        return html! {};
    };
    let points = smooth.curve.iter().map(|&(x, y)| (x, y, None)).collect();
    let axes = unit_axes("Predicted risk", "Observed share, smoothed", 1.0, true);
    lines("Smooth calibration", &axes, &[series("observed", points)])
}

fn smooth_numbers(beyond: &Beyond) -> Markup {
    match (&beyond.smooth.value, &beyond.smooth.reason) {
        (Some(smooth), _) => html! {
            p {
                "Distance of the risks from the smooth curve: mean (ICI) " (number(&beyond.ici))
                ", median " (format!("{:.4}", smooth.e50)) ", 90th percentile "
                (format!("{:.4}", smooth.e90)) ", largest " (format!("{:.4}", smooth.e_max)) "."
            }
        },
        (None, reason) => absent("Smooth calibration", reason.as_deref()),
    }
}

fn absent(what: &str, reason: Option<&str>) -> Markup {
    html! { p.quiet { (what) ": none, for " (reason.unwrap_or("no reason was told")) "." } }
}

fn decision_chart(beyond: &Beyond) -> Markup {
    let curve = &beyond.decision_curve;
    if curve.is_empty() {
        return html! {};
    }
    let top = curve
        .iter()
        .map(|p| p.model.max(p.all))
        .fold(0.01, f64::max);
    let of = |value: fn(&longitude_eval::DecisionPoint) -> f64| -> Vec<Point> {
        let shown = curve.iter().take_while(|point| value(point) >= 0.0);
        shown
            .map(|point| (point.threshold, value(point), None))
            .collect()
    };
    let lines_of = [
        series("alerts by the model", of(|point| point.model)),
        series("an alert on everybody", of(|point| point.all)),
    ];
    let y = "Net benefit (true positives a row)";
    let axes = unit_axes("Threshold", y, top * 1.05, false);
    lines(
        "Decision curve, each line down to 0, which is nobody alerted",
        &axes,
        &lines_of,
    )
}

fn coverage_chart(beyond: &Beyond) -> Markup {
    let Some(coverage) = &beyond.risk_coverage.value else {
        let reason = beyond.risk_coverage.reason.as_deref();
        return absent("Risk and coverage", reason);
    };
    let points: Vec<Point> = coverage
        .curve
        .iter()
        .map(|p| (p.coverage, p.loss, None))
        .collect();
    let top = points.iter().map(|point| point.1).fold(0.01, f64::max);
    let axes = unit_axes(
        "Share answered, surest first",
        "Squared error",
        top * 1.1,
        false,
    );
    html! {
        h2 { "If the unsure were left to a person" }
        (lines("Error against the share answered", &axes, &[series("squared error", points)]))
        p.quiet { "Area under the curve " (format!("{:.4}", coverage.area)) "." }
    }
}

fn words(name: &str) -> String {
    name.replace('_', " ")
}

fn uses(uses: &[Use]) -> Markup {
    let names: Vec<&String> = uses.iter().flat_map(|one| one.numbers.keys()).collect();
    let names: std::collections::BTreeSet<&String> = names.into_iter().collect();
    html! {
        h2 { "What a threshold brings" }
        div.panel { table {
            thead { tr {
                th scope="col" { "Threshold" }
                @for name in &names { th.number scope="col" { (words(name)) } }
            } }
            tbody {
                @for one in uses { tr {
                    th scope="row" {
                        @match one.threshold {
                            Some(threshold) => { (format!("{threshold:.3}")) },
                            None => { "none" },
                        }
                        " (" (one.from) ")"
                    }
                    @for name in &names { td.number { (metric(one.numbers.get(*name))) } }
                } }
            }
        } }
        @for one in uses { @if let Some(told) = &one.lead_time { (lead(one, told)) } }
    }
}

fn lead(one: &Use, told: &Told<LeadTime>) -> Markup {
    let threshold = one
        .threshold
        .map_or("none".to_owned(), |t| format!("{t:.3}"));
    match &told.value {
        Some(lead) => html! {
            p.quiet {
                "At " (threshold) ": " (lead.alerted) " of " (lead.subjects)
                " subjects with the outcome had an alert before it, the first one "
                (format!("{:.0}", lead.median)) " days before (quartiles "
                (format!("{:.0} and {:.0}", lead.lower_quartile, lead.upper_quartile)) ")."
            }
        },
        None => absent(&format!("Lead time at {threshold}"), told.reason.as_deref()),
    }
}

fn metric(metric: Option<&Metric>) -> Markup {
    metric.map_or_else(|| html! {}, number)
}

fn follow_up(followed: &Followed) -> Markup {
    html! {
        h2 { "With follow-up to " (format!("{:.0}", followed.horizon_days)) " days" }
        p.quiet {
            (small(followed.censored)) " rows are censored before it, " (small(followed.competing))
            " have a competing event before it."
        }
        div.panel { table { tbody {
            @for (name, value) in &followed.numbers {
                tr { th scope="row" { (words(name)) } td.number { (number(value)) } }
            }
        } } }
    }
}

/// A count that is not told when it is from 1 to 10.
fn small(count: u64) -> String {
    if (1..longitude_eval::CELL_MIN as u64).contains(&count) {
        format!("fewer than {}", longitude_eval::CELL_MIN)
    } else {
        count.to_string()
    }
}

/// AUROC of each subgroup that is shown, with its interval, over that of all rows.
fn forest(task: &TaskReport) -> Markup {
    let Some(model) = task.models.first() else {
        return html! {};
    };
    let groups = model.groups.iter().filter_map(|group| {
        let metrics = group.metrics.as_ref()?;
        Some((group, &metrics.auroc, &metrics.observed_expected))
    });
    let row = |label: String, auroc: &Metric, ratio: &Metric| {
        let bar = |metric: &Metric, what: &str, max: f64| {
            metric.estimate.map(|e| {
                let ends = e.low.zip(e.high);
                interval_bar(&format!("{what} of {label}"), e.value, ends, max)
            })
        };
        html! { tr {
            th scope="row" { (label) }
            td { @if let Some(bar) = bar(auroc, "AUROC", 1.0) { (bar) } }
            td.number { (number(auroc)) }
            td { @if let Some(bar) = bar(ratio, "observed over expected", 3.0) { (bar) } }
            td.number { (number(ratio)) }
        } }
    };
    html! {
        h2 { "By subgroup" }
        div.panel { table {
            caption { "AUROC from 0 to 1, observed over expected from 0 to 3; groups under 11 subjects are not shown" }
            thead { tr {
                th scope="col" { "Group" }
                th scope="col" { "AUROC" } th.number scope="col" {}
                th scope="col" { "Observed over expected" } th.number scope="col" {}
            } }
            tbody {
                (row("all".to_owned(), &model.metrics.auroc, &model.metrics.observed_expected))
                @for (group, auroc, ratio) in groups {
                    (row(format!("{}: {}", group.dimension, group.value), auroc, ratio))
                }
                @for group in model.groups.iter().filter(|group| group.metrics.is_none()) {
                    tr {
                        th scope="row" { (group.dimension) ": " (group.value) }
                        td colspan="4" { (group.suppressed.as_deref().unwrap_or("")) }
                    }
                }
            }
        } }
    }
}

fn tests(compared: &[Compared]) -> Markup {
    let shown = |value: Option<f64>| value.map_or("none".to_owned(), |v| format!("{v:.4}"));
    html! {
        h2 { "Paired tests, first model less second" }
        div.panel { table {
            thead { tr {
                th scope="col" { "Metric" } th.number scope="col" { "Difference" }
                th.number scope="col" { "Standard error" } th.number scope="col" { "p" }
                th.number scope="col" { "p, Holm" } th scope="col" { "Reason" }
            } }
            tbody { @for one in compared { tr {
                th scope="row" { (words(&one.metric)) }
                td.number { (shown(one.difference)) } td.number { (shown(one.standard_error)) }
                td.number { (chance(one.p)) } td.number { (chance(one.p_holm)) }
                td { (one.reason.as_deref().unwrap_or("")) }
            } } }
        } }
    }
}

/// A p-value; below what four digits can tell it is a bound.
fn chance(p: Option<f64>) -> String {
    match p {
        None => "none".to_owned(),
        Some(p) if p < 1e-4 => "below 0.0001".to_owned(),
        Some(p) => format!("{p:.4}"),
    }
}

fn gap_table(gaps: &BTreeMap<String, Told<Gaps>>) -> Markup {
    if gaps.is_empty() {
        return html! {};
    }
    html! {
        h2 { "Gaps between groups" }
        div.panel { table {
            caption { "Largest less smallest value over groups with 11 rows or more of each class, at the first threshold" }
            thead { tr {
                th scope="col" { "Dimension" }
                th.number scope="col" { "Equalised odds" } th.number scope="col" { "Equal opportunity" }
                th.number scope="col" { "Alert rate" } th.number scope="col" { "Calibration" }
                th scope="col" { "Not compared" }
            } }
            tbody { @for (name, told) in gaps { tr {
                th scope="row" { (name) }
                @if let Some(gaps) = &told.value {
                    @for value in [gaps.equalised_odds, gaps.equal_opportunity, gaps.alert_rate, gaps.calibration] {
                        td.number { (format!("{value:.3}")) }
                    }
                    td { (gaps.left_out.len()) " groups" }
                } @else {
                    td colspan="5" { (told.reason.as_deref().unwrap_or("")) }
                }
            } } }
        } }
    }
}

fn shift_table(shifts: &[Shift]) -> Markup {
    html! {
        h2 { "Elsewhere and later" }
        div.panel { table {
            thead { tr {
                th scope="col" { "Part" } th.number scope="col" { "Change of AUROC" }
                th.number scope="col" { "p, Holm" } th.number scope="col" { "Population stability index" }
            } }
            tbody { @for shift in shifts { tr {
                th scope="row" { (shift.part) }
                @match &shift.auroc.value {
                    Some(change) => {
                        td.number { (format!("{:+.3} (se {:.3})", change.difference, change.standard_error)) }
                    },
                    None => { td.number { (shift.auroc.reason.as_deref().unwrap_or("")) } },
                }
                td.number { (chance(shift.p_holm)) }
                td.number { (number(&shift.stability)) }
            } } }
        } }
    }
}
