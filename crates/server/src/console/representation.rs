//! Who is measured how often, by group, as one page that needs no network.
//!
//! It renders [`longitude_eval::RepresentationReport`], in which small counts are hidden already.

use super::page;
use longitude_eval::{Dimension, RATIO_NAMED, Ratio, RepresentationReport};
use maud::{Markup, html};
use std::collections::BTreeSet;

/// The most rows of the list of those who fall short.
const SHORT_MAX: usize = 60;

/// The report as one file.
pub fn representation_html(report: &RepresentationReport) -> String {
    let content = html! {
        h1 { "Who is measured how often" }
        p.lead {
            (report.subjects) " subjects, " (format!("{:.0}", report.person_years))
            " person-years of observation. Intervals are 95 %, over subjects."
        }
        div.notice {
            p {
                "Where nobody looked, nothing was found: a model takes an absence for health. "
                "Counts of 1 to 10 subjects are hidden, and what would give them away."
            }
        }
        (short(report))
        @for dimension in &report.dimensions { (section(dimension)) }
    };
    page::standalone("Who is measured how often", &content).into_string()
}

fn short(report: &RepresentationReport) -> Markup {
    let short = report.under_recorded();
    html! {
        h2 { "Who falls short" }
        div.panel {
            @if short.is_empty() {
                p { "No rate lies below " (RATIO_NAMED) " of the others' with its whole interval." }
            } @else {
                table {
                    caption {
                        "Rates below " (RATIO_NAMED) " of the others' with the whole interval (the "
                        "four-fifths rule, a convention), the furthest first."
                    }
                    thead { tr {
                        th scope="col" { "Dimension" } th scope="col" { "Group" }
                        th scope="col" { "What" } th.number scope="col" { "Rate over the others'" }
                    } }
                    tbody { @for one in short.iter().take(SHORT_MAX) { tr {
                        td { (one.dimension) } td { (one.group) } td { (one.what) }
                        td.number { (interval(Some(one.to_others), 2)) }
                    } } }
                }
                @if short.len() > SHORT_MAX {
                    p.quiet { (short.len() - SHORT_MAX) " more stand in the JSON report." }
                }
            }
        }
    }
}

fn section(dimension: &Dimension) -> Markup {
    let shown: Vec<_> = dimension
        .groups
        .iter()
        .filter(|g| g.suppressed.is_none())
        .collect();
    let things: BTreeSet<&str> = shown
        .iter()
        .flat_map(|group| group.recorded.iter().map(|one| one.what.as_str()))
        .collect();
    let tasks: BTreeSet<&str> = shown
        .iter()
        .flat_map(|group| group.labels.iter().map(|one| one.task.as_str()))
        .collect();
    html! {
        h2 { "By " (dimension.name) }
        div.panel {
            table {
                thead { tr {
                    th scope="col" { "" }
                    @for group in &dimension.groups { th.number scope="col" { (group.group) } }
                } }
                tbody {
                    tr {
                        th scope="row" { "Subjects" }
                        @for group in &dimension.groups { td.number {
                            @match (group.subjects, &group.suppressed) {
                                (Some(count), _) => (count),
                                (None, reason) => span.quiet title=[reason.as_deref()] { "hidden" },
                            }
                        } }
                    }
                    tr {
                        th scope="row" { "Person-years" }
                        @for group in &dimension.groups { td.number {
                            (group.person_years.map_or(String::new(), |years| format!("{years:.0}")))
                        } }
                    }
                    @for what in &things { tr {
                        th scope="row" { (what) " a person-year" br; span.quiet { "over the others'; never" } }
                        @for group in &dimension.groups { td.number {
                            @if let Some(one) = group.recorded.iter().find(|one| one.what == *what) {
                                (interval(one.per_year, 2)) br;
                                span class=(mark(one.to_others)) { (interval(one.to_others, 2)) }
                                "; " (percent(one.never))
                            }
                        } }
                    } }
                    @for task in &tasks { tr {
                        th scope="row" { (task) }
                        @for group in &dimension.groups { td.number {
                            @if let Some(one) = group.labels.iter().find(|one| one.task == *task) {
                                (percent(one.prevalence))
                            }
                        } }
                    } }
                }
            }
        }
    }
}

/// How a ratio stands out: all of it below what is named, or not.
fn mark(ratio: Option<Ratio>) -> &'static str {
    match ratio {
        Some(ratio) if ratio.high < RATIO_NAMED => "bad",
        _ => "quiet",
    }
}

fn interval(ratio: Option<Ratio>, digits: usize) -> String {
    ratio.map_or("hidden".to_owned(), |ratio| {
        format!(
            "{:.digits$} ({:.digits$} to {:.digits$})",
            ratio.value, ratio.low, ratio.high
        )
    })
}

fn percent(share: Option<Ratio>) -> String {
    share.map_or("hidden".to_owned(), |share| {
        format!(
            "{:.1} % ({:.1} to {:.1})",
            100.0 * share.value,
            100.0 * share.low,
            100.0 * share.high
        )
    })
}
