//! The evaluation as a page: the same markup stands alone as `report.html` and inside the console.
//!
//! It renders [`longitude_eval::Report`] and computes nothing but positions on paper.

use super::{chart, page};
use longitude_eval::{
    LossReport, Metric, Metrics, ModelReport, Report, SplitLoss, TaskReport, TruthReport,
};
use maud::{Markup, html};
use serde_json::Value;
use std::collections::BTreeMap;

/// The report as one file that needs no network.
pub fn report_html(report: &Report) -> String {
    page::standalone(&report.title, &report_content(report)).into_string()
}

/// The report's content, without the shell.
pub(crate) fn report_content(report: &Report) -> Markup {
    html! {
        h1 { (report.title) }
        p.lead {
            "Made " (report.created) " by " (report.code_version) ", seed " (report.seed)
            ". Every number is from subjects held out of training, with 95 % intervals over resampled subjects."
        }
        @if !report.limits.is_empty() {
            div.notice {
                p { strong { "What cannot be concluded from this report" } }
                ul { @for limit in &report.limits { li { (limit) } } }
            }
        }
        (summary(report))
        @if let Some(loss) = &report.loss { (losses(loss)) }
        @for task in &report.tasks { (task_section(task)) }
        div.columns {
            (facts("Data", &report.data))
            (facts("Ingest", &report.ingest))
            (facts("Model", &report.model))
        }
        (timings(report))
    }
}

fn summary(report: &Report) -> Markup {
    html! {
        h2 { "AUROC by task" }
        div.panel {
            table {
                caption { "Each row is a question; each column a model, judged on the same held-out subjects." }
                thead { tr {
                    th scope="col" { "Question" }
                    th.number scope="col" { "Subjects" }
                    th.number scope="col" { "With outcome" }
                    @for name in names(report) { th.number scope="col" { (model_name(&name)) } }
                } }
                tbody {
                    @for task in &report.tasks {
                        tr {
                            th scope="row" { a href=(format!("#{}", task.id)) { (task.title) } }
                            td.number { (task.subjects) }
                            td.number { (positives(task)) }
                            @for name in names(report) {
                                td.number {
                                    @if let Some(model) = task.model(&name) { (number(&model.metrics.auroc)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn names(report: &Report) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for model in report.tasks.iter().flat_map(|task| &task.models) {
        if !names.contains(&model.name) {
            names.push(model.name.clone());
        }
    }
    names
}

fn task_section(task: &TaskReport) -> Markup {
    let left_out: Vec<String> = task
        .left_out
        .iter()
        .map(|(reason, n)| format!("{n} {reason}"))
        .collect();
    html! {
        section id=(task.id) {
            h2 { (task.title) }
            p.quiet {
                (task.subjects) " subjects, " (positives(task)) " with the outcome within "
                (horizon(task.horizon_days)) ". Left out: "
                @if left_out.is_empty() { "none" } @else { (left_out.join(", ")) } "."
                @if let Some(reason) = &task.suppressed { " Not judged: " (reason) "." }
            }
            div.panel { (metric_table(task)) }
            div.columns {
                @if task.positives > 0 { (calibration_chart(task)) (roc_chart(task)) }
            }
            @if let Some(truth) = &task.truth { (truth_table(truth)) }
            (group_table(task))
        }
    }
}

/// How many had the outcome; a small cell is not told.
fn positives(task: &TaskReport) -> String {
    match task.suppressed {
        None => task.positives.to_string(),
        Some(_) => "too few to show".to_owned(),
    }
}

pub(crate) fn metric_table(task: &TaskReport) -> Markup {
    let shown = |metrics: &Metrics| {
        metrics
            .named()
            .into_iter()
            .filter(|(name, _)| *name != "calibration_intercept_joint")
            .map(|(name, metric)| (name, metric.clone()))
            .collect::<Vec<_>>()
    };
    html! {
        table.dense {
            caption { "Discrimination, accuracy and calibration" }
            thead { tr {
                th scope="col" { "Model" }
                @if let Some(first) = task.models.first() {
                    @for (name, _) in shown(&first.metrics) { th.number scope="col" { (metric_name(name)) } }
                }
                th.number scope="col" { "Abstained" }
            } }
            tbody {
                @for model in &task.models {
                    tr.strong[model.name == "longitude"] {
                        th scope="row" { (model_name(&model.name)) }
                        @for (name, metric) in shown(&model.metrics) {
                            td.number data-label=(metric_name(name)) { (number(&metric)) }
                        }
                        td.number data-label="Abstained" { (model.abstained) }
                    }
                }
            }
        }
    }
}

pub(crate) fn calibration_chart(task: &TaskReport) -> Markup {
    let series: Vec<chart::Series> = task
        .models
        .iter()
        .filter(|m| !m.calibration.is_empty())
        .map(|model| chart::Series {
            name: model_name(&model.name).to_owned(),
            points: model
                .calibration
                .iter()
                .map(|p| (p.x, p.y, interval(model, p.low, p.high)))
                .collect(),
            marked: true,
        })
        .collect();
    let largest = series
        .iter()
        .flat_map(|s| &s.points)
        .map(|(x, y, i)| x.max(*y).max(i.map_or(0.0, |(_, high)| high)))
        .fold(0.05, f64::max);
    let largest = (largest * 10.0).ceil() / 10.0;
    let axes = chart::Axes {
        x: "predicted risk".into(),
        y: "observed share".into(),
        x_max: largest,
        y_max: largest,
        diagonal: true,
    };
    chart::lines("Calibration, bins of equal count", &axes, &series)
}

/// Intervals are drawn for the product's own model only, so that the chart stays readable.
fn interval(model: &ModelReport, low: Option<f64>, high: Option<f64>) -> Option<(f64, f64)> {
    if model.name == "longitude" {
        low.zip(high)
    } else {
        None
    }
}

pub(crate) fn roc_chart(task: &TaskReport) -> Markup {
    let series: Vec<chart::Series> = task
        .models
        .iter()
        .filter(|m| !m.roc.is_empty())
        .map(|model| chart::Series {
            name: model_name(&model.name).to_owned(),
            points: model.roc.iter().map(|p| (p.x, p.y, None)).collect(),
            marked: false,
        })
        .collect();
    let axes = chart::Axes {
        x: "1 - specificity".into(),
        y: "sensitivity".into(),
        x_max: 1.0,
        y_max: 1.0,
        diagonal: true,
    };
    chart::lines("ROC", &axes, &series)
}

fn truth_table(truth: &TruthReport) -> Markup {
    html! {
        div.panel {
            table {
                caption {
                    "Against the known true risk (" (truth.n) " subjects, mean true risk "
                    (percent(truth.mean_true_risk)) ")"
                }
                thead { tr {
                    th scope="col" { "Model" }
                    th.number scope="col" { "Mean absolute error" }
                    th.number scope="col" { "Correlation" }
                    th.number scope="col" { "Mean difference" }
                } }
                tbody {
                    @for (name, agreement) in &truth.models {
                        tr {
                            th scope="row" { (model_name(name)) }
                            td.number { (number(&agreement.mean_absolute_error)) }
                            td.number { (number(&agreement.correlation)) }
                            td.number { (number(&agreement.mean_difference)) }
                        }
                    }
                }
            }
        }
    }
}

fn group_table(task: &TaskReport) -> Markup {
    let Some(model) = task
        .model("longitude")
        .filter(|model| !model.groups.is_empty())
    else {
        return html! {};
    };
    html! {
        details {
            summary { "By sex, age band and site" }
            div.panel {
                table {
                    caption { "Longitude in each group; groups under 11 subjects are not shown." }
                    thead { tr {
                        th scope="col" { "Group" }
                        th.number scope="col" { "Subjects" }
                        th.number scope="col" { "With outcome" }
                        th.number scope="col" { "AUROC" }
                        th.number scope="col" { "Observed / expected" }
                        th.number scope="col" { "Brier" }
                    } }
                    tbody {
                        @for group in &model.groups {
                            tr {
                                th scope="row" { (group.dimension.replace('_', " ")) ": " (group.value) }
                                @if let Some(metrics) = &group.metrics {
                                    td.number { (group.n) }
                                    td.number { @match group.positives { Some(n) => (n), None => "under 11" } }
                                    td.number { (number(&metrics.auroc)) }
                                    td.number { (number(&metrics.observed_expected)) }
                                    td.number { (number(&metrics.brier)) }
                                } @else {
                                    td colspan="5" { (group.suppressed.as_deref().unwrap_or("not shown")) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn losses(loss: &LossReport) -> Markup {
    let rows = [
        ("Held out", loss.held_out),
        ("Tuning", loss.tuning),
        ("Train", loss.train),
        ("Marginals on held out (to beat)", loss.marginal),
    ];
    let part = |value: f64| html! { td.number { (format!("{value:.3}")) } };
    let asked = rows
        .iter()
        .any(|(_, one)| one.is_some_and(|one| one.query.is_some()));
    let row = |name: &str, one: &SplitLoss| {
        html! {
            tr {
                th scope="row" { (name) }
                (part(one.total)) (part(one.wait)) (part(one.code)) (part(one.value))
                (part(one.value_constant))
                @if asked {
                    td.number { (one.query.map_or_else(String::new, |nats| format!("{nats:.3}"))) }
                }
                td.number { (one.events) }
            }
        }
    };
    html! {
        h2 { "Likelihood" }
        div.panel {
            table {
                caption { "Nats per event, days as the unit of waiting times" }
                thead { tr {
                    th scope="col" { "Subjects" }
                    @for name in ["Total", "Wait", "Code", "Value (bin)", "Value (in bin)"] {
                        th.number scope="col" { (name) }
                    }
                    @if asked { th.number scope="col" { "Nats a question" } }
                    th.number scope="col" { "Events" }
                } }
                tbody { @for (name, one) in &rows { @if let Some(one) = one { (row(name, one)) } } }
            }
        }
    }
}

fn facts(title: &str, values: &BTreeMap<String, Value>) -> Markup {
    html! {
        @if !values.is_empty() {
            section {
                h2 { (title) }
                dl.facts {
                    @for (name, value) in values {
                        dt { (name.replace('_', " ")) }
                        dd { @match value { Value::String(text) => (text), other => (other.to_string()) } }
                    }
                }
            }
        }
    }
}

fn timings(report: &Report) -> Markup {
    html! {
        details {
            summary { "Seconds by step, and digests" }
            dl.facts {
                @for (name, seconds) in &report.timings { dt { (name) } dd { (format!("{seconds:.1} s")) } }
                @for (name, digest) in &report.digests { dt { (name) } dd { code { (digest) } } }
            }
        }
    }
}

/// A metric with its interval, or a dash with the reason as its title.
pub(crate) fn number(metric: &Metric) -> Markup {
    let reason = metric.reason.clone().unwrap_or_default();
    html! {
        @if let Some(estimate) = metric.estimate {
            (format!("{:.3}", estimate.value))
            @if let (Some(low), Some(high)) = (estimate.low, estimate.high) {
                br; span.quiet { (format!("{low:.3} to {high:.3}")) }
            }
        } @else {
            span.quiet title=(reason) { "undefined" }
        }
    }
}

/// A fraction as a percentage with enough digits for small risks.
pub(crate) fn percent(fraction: f64) -> String {
    let value = fraction * 100.0;
    if value < 1.0 {
        format!("{value:.2} %")
    } else {
        format!("{value:.1} %")
    }
}

/// A horizon in the largest unit that divides it well.
pub(crate) fn horizon(days: f64) -> String {
    let years = days / 365.25;
    if days < 60.0 {
        format!("{days:.0} days")
    } else if years < 1.9 && (years - 1.0).abs() > 0.05 {
        format!("{:.0} months", days / 30.44)
    } else if (years - 1.0).abs() <= 0.05 {
        "1 year".to_owned()
    } else {
        format!("{years:.0} years")
    }
}

pub(crate) fn model_name(name: &str) -> &str {
    match name {
        "longitude" => "Longitude",
        "age_sex" => "Age and sex",
        "logistic" => "Logistic on counts",
        "boosted" => "Boosted trees on counts",
        "truth" => "Known truth",
        "news2" => "NEWS2",
        "qsofa" => "qSOFA",
        "sirs" => "SIRS criteria",
        "saps_ii_physiology" => "SAPS II, physiology",
        "charlson" => "Charlson index",
        other => other,
    }
}

pub(crate) fn metric_name(name: &str) -> &str {
    match name {
        "auroc" => "AUROC",
        "auprc" => "AUPRC",
        "brier" => "Brier",
        "log_loss" => "Log loss",
        "calibration_slope" => "Slope",
        "calibration_intercept" => "Intercept",
        "ece" => "ECE",
        "observed_expected" => "Obs. / exp.",
        other => other,
    }
}
