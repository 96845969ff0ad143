//! An evaluation of one or several tables of predictions as a page that stands alone: curves,
//! decision curves, forest plots by subgroup, tests.
//!
//! It renders [`longitude_eval::Evaluation`] and computes nothing but positions on paper.

use super::chart::{Axes, Point, Series, interval_bar, lines};
use super::page;
use super::report::{calibration_chart, metric_name, metric_table, model_name, number, roc_chart};
use longitude_eval::{
    Beyond, Compared, DecisionPoint, Evaluation, Followed, GapsTold, LeadTime, Metric, ModelCurves,
    ModelReport, Shift, TaskReport, Told, Use,
};
use maud::{Markup, html};
use std::collections::BTreeMap;

const ABOUT: &str = "The numbers are of the predictions named above, whoever made them; they say \
     nothing of other places and times.";

/// The evaluation as one file that needs no network; `notes` say what was done with the tables.
pub fn evaluation_html(evaluation: &Evaluation, notes: &[String]) -> String {
    let (task, curves) = (&evaluation.task, &evaluation.curves);
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
        @if !notes.is_empty() {
            details open[notes.len() < 8] {
                summary { "What was done with the tables" }
                ul { @for note in notes { li { (note) } } }
            }
        }
        h2 { "Discrimination, accuracy, calibration" }
        div.panel { (metric_table(task)) }
        @if let Some(first) = task.models.first() { (tests(first, &evaluation.compared)) }
        div.columns {
            @if task.positives > 0 { (roc_chart(task)) (recall_chart(curves, task)) }
        }
        div.columns {
            @if task.positives > 0 { (calibration_chart(task)) }
            (smooth_chart(curves))
        }
        (smooth_table(curves))
        div.columns { (decision_chart(curves)) }
        @if task.models.len() > 1 {
            @if let Some(first) = task.models.first() {
                p.quiet { "What follows is of " (model_name(&first.name)) " alone, but for the subgroups." }
            }
        }
        (uses(&evaluation.beyond.uses))
        @if let Some(followed) = &evaluation.beyond.followed { (follow_up(followed)) }
        (forests(task))
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
    page::standalone_about(&task.title, &content, ABOUT).into_string()
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

fn smooth_chart(curves: &[ModelCurves]) -> Markup {
    let of_model = |model: &ModelCurves| {
        let smooth = model.smooth.value.as_ref()?;
        let points = smooth.curve.iter().map(|&(x, y)| (x, y, None)).collect();
        Some(series(model_name(&model.name), points))
    };
    let of_models: Vec<Series> = curves.iter().filter_map(of_model).collect();
    if of_models.is_empty() {
        return html! {};
    }
    let largest = of_models
        .iter()
        .flat_map(|one| &one.points)
        .map(|(x, y, _)| x.max(*y))
        .fold(0.05, f64::max);
    let mut axes = unit_axes("Predicted risk", "Observed share, smoothed", 1.0, true);
    axes.x_max = (largest * 10.0).ceil() / 10.0;
    axes.y_max = axes.x_max;
    lines("Smooth calibration", &axes, &of_models)
}

fn recall_chart(curves: &[ModelCurves], task: &TaskReport) -> Markup {
    let of_model = |model: &ModelCurves| {
        let points = model.precision_recall.iter().map(|p| (p.x, p.y, None));
        series(model_name(&model.name), points.collect())
    };
    let share = task.positives as f64 / task.n.max(1) as f64;
    let axes = unit_axes("Recall (sensitivity)", "Precision (PPV)", 1.0, false);
    let title = format!("Precision over recall; chance alone is {share:.3}");
    lines(
        &title,
        &axes,
        &curves.iter().map(of_model).collect::<Vec<_>>(),
    )
}

fn smooth_table(curves: &[ModelCurves]) -> Markup {
    let shown = |value: f64| format!("{value:.4}");
    html! {
        div.panel { table.dense {
            caption { "Distance of the risks from the smooth curve" }
            thead { tr {
                th scope="col" { "Model" } th.number scope="col" { "Mean (ICI)" }
                th.number scope="col" { "Median" } th.number scope="col" { "90th percentile" }
                th.number scope="col" { "Largest" }
            } }
            tbody { @for model in curves { tr {
                th scope="row" { (model_name(&model.name)) }
                @if let Some(smooth) = &model.smooth.value {
                    td.number data-label="Mean (ICI)" { (number(&model.ici)) }
                    td.number data-label="Median" { (shown(smooth.e50)) }
                    td.number data-label="90th percentile" { (shown(smooth.e90)) }
                    td.number data-label="Largest" { (shown(smooth.e_max)) }
                } @else {
                    td colspan="4" { (model.smooth.reason.as_deref().unwrap_or("")) }
                }
            } } }
        } }
    }
}

fn absent(what: &str, reason: Option<&str>) -> Markup {
    html! { p.quiet { (what) ": none, for " (reason.unwrap_or("no reason was told")) "." } }
}

fn decision_chart(curves: &[ModelCurves]) -> Markup {
    let every = || curves.iter().flat_map(|model| &model.decision_curve);
    if every().next().is_none() {
        return html! {};
    }
    let top = every().map(|p| p.model.max(p.all)).fold(0.01, f64::max);
    let of = |points: &[DecisionPoint], value: fn(&DecisionPoint) -> f64| -> Vec<Point> {
        let shown = points.iter().take_while(|point| value(point) >= 0.0);
        shown
            .map(|point| (point.threshold, value(point), None))
            .collect()
    };
    let mut lines_of: Vec<Series> = curves
        .iter()
        .map(|model| {
            series(
                model_name(&model.name),
                of(&model.decision_curve, |p| p.model),
            )
        })
        .collect();
    // The line of all is the same for every model; the longest stretch of it is drawn.
    let longest = curves.iter().max_by_key(|model| model.decision_curve.len());
    let all = longest.map(|model| of(&model.decision_curve, |p| p.all));
    lines_of.push(series("an alert on everybody", all.unwrap_or_default()));
    let y = "Net benefit (true positives a row)";
    let mut axes = unit_axes("Threshold", y, top * 1.05, false);
    let reach = lines_of.iter().flat_map(|one| &one.points).map(|p| p.0);
    axes.x_max = (reach.fold(0.1, f64::max) * 10.0).ceil() / 10.0;
    lines(
        "Decision curves, each line down to 0, which is nobody alerted",
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
        div.panel { table.dense {
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
                    @for name in &names {
                        td.number data-label=(words(name)) { (metric(one.numbers.get(*name))) }
                    }
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

/// One forest plot a model, the first one's open.
fn forests(task: &TaskReport) -> Markup {
    html! {
        h2 { "By subgroup" }
        @for (place, model) in task.models.iter().enumerate() {
            details open[place == 0] {
                summary { (model_name(&model.name)) }
                (forest(model))
            }
        }
    }
}

/// AUROC and calibration of each subgroup that is shown, with their intervals, under those of all.
fn forest(model: &ModelReport) -> Markup {
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
            td.number data-label="AUROC" { (number(auroc)) }
            td { @if let Some(bar) = bar(ratio, "observed over expected", 3.0) { (bar) } }
            td.number data-label="Observed over expected" { (number(ratio)) }
        } }
    };
    let mut held_back: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for group in model.groups.iter().filter(|group| group.metrics.is_none()) {
        let reason = group.suppressed.as_deref().unwrap_or("");
        *held_back.entry((&group.dimension, reason)).or_default() += 1;
    }
    html! {
        div.panel { table.dense {
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
                @for ((dimension, reason), groups) in held_back {
                    tr { th scope="row" { (dimension) } td colspan="4" { (groups) " held back: " (reason) } }
                }
            }
        } }
    }
}

fn tests(first: &ModelReport, compared: &[Compared]) -> Markup {
    let shown = |value: Option<f64>| value.map_or("none".to_owned(), |v| format!("{v:+.4}"));
    if compared.is_empty() {
        return html! {};
    }
    html! {
        h2 { "Paired tests: " (model_name(&first.name)) " less each other model" }
        div.panel { table.dense {
            caption { "By subject, on the same rows; Holm's correction is over all " (compared.len()) " tests" }
            thead { tr {
                th scope="col" { "Against" } th scope="col" { "Metric" }
                th.number scope="col" { "Difference" } th.number scope="col" { "Standard error" }
                th.number scope="col" { "p" } th.number scope="col" { "p, Holm" }
                th scope="col" { "Reason" }
            } }
            tbody { @for one in compared { tr {
                th scope="row" { (model_name(&one.against)) }
                td data-label="Metric" { (metric_name(&one.metric)) }
                td.number data-label="Difference" { (shown(one.difference)) }
                td.number data-label="Standard error" {
                    (one.standard_error.map_or("none".to_owned(), |v| format!("{v:.4}")))
                }
                td.number data-label="p" { (chance(one.p)) }
                td.number data-label="p, Holm" { (chance(one.p_holm)) }
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

fn gap_table(gaps: &BTreeMap<String, Told<GapsTold>>) -> Markup {
    let names = [
        "equalised_odds",
        "equal_opportunity",
        "alert_rate",
        "calibration",
    ];
    if gaps.is_empty() {
        return html! {};
    }
    html! {
        h2 { "Gaps between groups" }
        div.panel { table.dense {
            caption {
                "Largest less smallest value over groups with 11 rows or more of each class, at the "
                "first threshold. A gap is never below 0 and grows with noise: intervals lie high."
            }
            thead { tr {
                th scope="col" { "Dimension" }
                @for name in names { th.number scope="col" { (words(name)) } }
                th scope="col" { "Not compared" }
            } }
            tbody { @for (name, told) in gaps { tr {
                th scope="row" { (name) }
                @if let Some(found) = &told.value {
                    @for name in names {
                        td.number data-label=(words(name)) { (metric(found.intervals.get(name))) }
                    }
                    td.number data-label="Not compared" { (found.gaps.left_out) " groups" }
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
        div.panel { table.dense {
            thead { tr {
                th scope="col" { "Part" } th.number scope="col" { "Change of AUROC" }
                th.number scope="col" { "p, Holm" } th.number scope="col" { "Population stability index" }
            } }
            tbody { @for shift in shifts { tr {
                th scope="row" { (shift.part) }
                @match &shift.auroc.value {
                    Some(change) => {
                        td.number data-label="Change of AUROC" { (format!("{:+.3} (se {:.3})", change.difference, change.standard_error)) }
                    },
                    None => { td.number { (shift.auroc.reason.as_deref().unwrap_or("")) } },
                }
                td.number data-label="p, Holm" { (chance(shift.p_holm)) }
                td.number data-label="Population stability index" { (number(&shift.stability)) }
            } } }
        } }
    }
}
