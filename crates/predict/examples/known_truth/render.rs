//! The report as Markdown.

use crate::judge::Judged;
use crate::soft::Interval;
use longitude_eval::{Metric, ModelReport};
use serde_json::Value;
use std::collections::BTreeMap;

/// The figure's own bounds: events an outcome, gap, slope.
const EVENTS_MIN: u64 = 1600;
const GAP_MAX: f64 = 0.01;
const SLOPE: (f64, f64) = (0.95, 1.05);

pub(crate) fn markdown(judged: &[Judged], whole: &BTreeMap<&str, Value>) -> String {
    let mut text = String::new();
    ranking(judged, &mut text);
    calibration(judged, &mut text);
    members(judged, &mut text);
    for (name, what) in [("ceiling", "The ceiling"), ("effects", "Planted effects")] {
        if let Some(lines) = whole.get(name).and_then(|part| part["markdown"].as_str()) {
            text += &format!("\n{what}\n\n{lines}\n");
        }
    }
    text
}

fn line(text: &mut String, cells: &[String]) {
    *text += &format!("| {} |\n", cells.join(" | "));
}

fn head(text: &mut String, names: &[&str]) {
    line(
        text,
        &names
            .iter()
            .map(|name| (*name).to_owned())
            .collect::<Vec<_>>(),
    );
    line(text, &vec!["---".to_owned(); names.len()]);
}

fn model<'a>(one: &'a Judged, name: &str) -> Option<&'a ModelReport> {
    one.report.models.iter().find(|model| model.name == name)
}

fn number(metric: Option<&Metric>) -> String {
    let estimate = metric.and_then(|metric| metric.estimate);
    estimate.map_or("-".to_owned(), |e| format!("{:.3}", e.value))
}

fn ranged(metric: Option<&Metric>, sign: f64) -> String {
    let Some(estimate) = metric.and_then(|metric| metric.estimate) else {
        return "-".to_owned();
    };
    let ends = [estimate.low, estimate.high].map(|end| end.map_or(f64::NAN, |end| sign * end));
    let (low, high) = (ends[0].min(ends[1]), ends[0].max(ends[1]));
    // Adding zero turns the zero of a negative sign round.
    let value = sign * estimate.value + 0.0;
    format!("{value:.4} ({low:.4} to {high:.4})")
}

fn soft(interval: &Interval) -> String {
    let Interval { value, low, high } = interval;
    format!("{value:.4} ({low:.4} to {high:.4})")
}

fn verdict(meets: bool) -> String {
    if meets { "yes" } else { "no" }.to_owned()
}

fn ranking(judged: &[Judged], text: &mut String) {
    head(
        text,
        &[
            "outcome",
            "rows",
            "events",
            "AUROC: truth",
            "ceiling",
            "stack",
            "gap to the ceiling, on outcomes",
            "in expectation",
            "to the joint ceiling",
            "hidden from every record",
            "at most 0.01",
        ],
    );
    for one in judged {
        let auroc = |name: &str| number(model(one, name).map(|model| &model.metrics.auroc));
        let paired = model(one, "stack").and_then(|m| m.difference_from.get("ceiling"));
        let few = if one.report.positives < EVENTS_MIN {
            " (few)"
        } else {
            ""
        };
        let expected = one.gaps.get("stack");
        line(
            text,
            &[
                one.report.id.clone(),
                one.report.n.to_string(),
                format!("{}{few}", one.report.positives),
                auroc("truth"),
                auroc("ceiling"),
                auroc("stack"),
                ranged(paired.map(|difference| &difference.auroc), -1.0),
                expected.map_or("-".to_owned(), soft),
                soft(&one.joint_gap),
                soft(&one.hidden),
                verdict(one.joint_gap.value <= GAP_MAX),
            ],
        );
    }
}

fn calibration(judged: &[Judged], text: &mut String) {
    text.push('\n');
    head(
        text,
        &[
            "outcome",
            "slope",
            "intercept at slope 1",
            "observed / expected",
            "correlation with the true risk",
            "ceiling's",
            "mean true risk",
            "slope 0.95 to 1.05",
        ],
    );
    for one in judged {
        let metrics = model(one, "stack").map(|model| &model.metrics);
        let truth = one.report.truth.as_ref();
        let agreement = |name: &str| {
            let found = truth.and_then(|truth| truth.models.get(name));
            number(found.map(|agreement| &agreement.correlation))
        };
        let slope = metrics.and_then(|m| m.calibration_slope.estimate);
        let inside = slope.is_some_and(|s| (SLOPE.0..=SLOPE.1).contains(&s.value));
        line(
            text,
            &[
                one.report.id.clone(),
                ranged(metrics.map(|m| &m.calibration_slope), 1.0),
                ranged(metrics.map(|m| &m.calibration_intercept), 1.0),
                ranged(metrics.map(|m| &m.observed_expected), 1.0),
                agreement("stack"),
                agreement("ceiling"),
                truth.map_or("-".to_owned(), |truth| {
                    format!("{:.4}", truth.mean_true_risk)
                }),
                verdict(inside),
            ],
        );
    }
}

fn members(judged: &[Judged], text: &mut String) {
    text.push('\n');
    head(
        text,
        &[
            "outcome",
            "member",
            "AUROC",
            "gap in expectation",
            "slope",
            "weight in the stack",
        ],
    );
    for one in judged {
        for (name, weight) in one.members.iter().zip(&one.weights) {
            let metrics = model(one, name).map(|model| &model.metrics);
            line(
                text,
                &[
                    one.report.id.clone(),
                    name.clone(),
                    number(metrics.map(|m| &m.auroc)),
                    one.gaps.get(name).map_or("-".to_owned(), soft),
                    number(metrics.map(|m| &m.calibration_slope)),
                    format!("{weight:.2}"),
                ],
            );
        }
    }
}
