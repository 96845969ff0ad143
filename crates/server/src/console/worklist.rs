//! The first page: patients by risk of one outcome. People without an answer are not hidden but
//! listed with the reason.

use super::chart::interval_bar;
use super::report::percent;
use longitude_core::{Instant, Prediction, SubjectId, Task};
use maud::{Markup, html};

/// One line of the list.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// Whose.
    pub subject: SubjectId,
    /// Age in whole years at the prediction time, or `90 or over`.
    pub age: String,
    /// Sex as recorded.
    pub sex: String,
    /// Events in the record.
    pub events: usize,
    /// Time of the last event.
    pub last: Option<Instant>,
    /// The answer.
    pub prediction: Prediction,
}

/// What the page shows.
#[derive(Clone, Debug)]
pub(crate) struct Worklist<'a> {
    /// All tasks, to choose from.
    pub tasks: &'a [Task],
    /// The task chosen.
    pub task: &'a Task,
    /// Rows with an answer, highest risk first; one page of them.
    pub answered: Vec<Row>,
    /// How many have an answer in all.
    pub answered_total: usize,
    /// Rows without an answer.
    pub abstained: Vec<Row>,
    /// How many have none in all.
    pub abstained_total: usize,
    /// Mean risk of those with an answer.
    pub mean: Option<f64>,
    /// What the monitoring says of the task.
    pub notices: Vec<String>,
    /// 0-based page.
    pub page: usize,
    /// Pages in all.
    pub pages: usize,
}

/// The page's content.
pub(crate) fn content(list: &Worklist<'_>) -> Markup {
    html! {
        h1 { "Patients by risk" }
        p.lead {
            "Held-out patients, answered at the end of their record. A risk is shown with its "
            "calibration interval; it is not a recommendation."
        }
        form.inline.noprint method="get" action="/" {
            div {
                label for="task" { "Outcome" }
                select name="task" id="task" {
                    @for task in list.tasks {
                        option value=(task.id) selected[task.id == list.task.id] { (task.title) }
                    }
                }
            }
            button type="submit" { "Show" }
        }
        @for notice in &list.notices { div.notice { p { (notice) } } }
        div.panel { (table(list)) (pager(list)) }
        (abstained(list))
    }
}

fn table(list: &Worklist<'_>) -> Markup {
    let top = list.answered.iter().map(high).fold(0.01, f64::max);
    html! {
        table {
            caption {
                (list.task.title) ": " (list.answered_total)
                " patients with an answer"
                @if let Some(mean) = list.mean { ", mean risk " (percent(mean)) }
            }
            thead { tr {
                th scope="col" { "Patient" }
                th.number scope="col" { "Risk" }
                th scope="col" { "95 % interval of the calibration" }
                th.number scope="col" { "Sampling error" }
                th.number scope="col" { "Age" }
                th scope="col" { "Sex" }
                th.number scope="col" { "Events" }
                th scope="col" { "Last event" }
            } }
            tbody { @for row in &list.answered { (line(row, top)) } }
        }
    }
}

fn line(row: &Row, top: f64) -> Markup {
    let risk = row
        .prediction
        .risk
        .map_or(0.0, longitude_core::Probability::get);
    let interval = row.prediction.interval.map(|i| (i.low.get(), i.high.get()));
    let label = format!("risk {}", percent(risk));
    html! {
        tr {
            th scope="row" { a href=(format!("/patients/{}?task={}", row.subject, row.prediction.task)) { code { (row.subject) } } }
            td.number { strong { (percent(risk)) } }
            td {
                (interval_bar(&label, risk, interval, top))
                span.quiet { @if let Some((low, high)) = interval { (percent(low)) " to " (percent(high)) } @else { "not calibrated" } }
            }
            td.number { @if let Some(mc) = row.prediction.monte_carlo { "\u{b1} " (percent(mc.standard_error)) } }
            td.number { (row.age) }
            td { (row.sex) }
            td.number { (row.events) }
            td { (row.last.map(date).unwrap_or_default()) }
        }
    }
}

fn high(row: &Row) -> f64 {
    let risk = row
        .prediction
        .risk
        .map_or(0.0, longitude_core::Probability::get);
    row.prediction.interval.map_or(risk, |i| i.high.get())
}

fn pager(list: &Worklist<'_>) -> Markup {
    let link = |page: usize| format!("/?task={}&page={page}", list.task.id);
    html! {
        @if list.pages > 1 {
            p.noprint {
                @if list.page > 0 { a href=(link(list.page - 1)) { "Higher risks" } " " }
                "Page " (list.page + 1) " of " (list.pages) " "
                @if list.page + 1 < list.pages { a href=(link(list.page + 1)) { "Lower risks" } }
            }
        }
    }
}

fn abstained(list: &Worklist<'_>) -> Markup {
    html! {
        @if list.abstained_total > 0 {
            details {
                summary { (list.abstained_total) " patients without an answer, and why" }
                div.panel {
                    table {
                        caption { "Nobody is hidden: the model says when it should not be asked." }
                        thead { tr { th scope="col" { "Patient" } th scope="col" { "Reason" } } }
                        tbody {
                            @for row in &list.abstained {
                                tr {
                                    th scope="row" { a href=(format!("/patients/{}?task={}", row.subject, row.prediction.task)) { code { (row.subject) } } }
                                    td { @if let Some(reason) = &row.prediction.abstention { (reason.to_string()) } }
                                }
                            }
                        }
                    }
                    @if list.abstained_total > list.abstained.len() {
                        p.quiet { "The first " (list.abstained.len()) " are shown." }
                    }
                }
            }
        }
    }
}

/// The calendar date of an instant, UTC.
pub(crate) fn date(instant: Instant) -> String {
    let (year, month, day) = instant.civil_date();
    format!("{year:04}-{month:02}-{day:02}")
}
