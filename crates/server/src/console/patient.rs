//! One patient: the record as lanes and as a table, the current risks, and the way to ask for an
//! answer with evidence.

use super::report::percent;
use super::worklist::date;
use longitude_core::{Event, Instant, Prediction, SubjectId, Task, Timeline};
use maud::{Markup, PreEscaped, html};

/// What the page shows.
#[derive(Clone, Debug)]
pub(crate) struct Patient<'a> {
    /// The pseudonym under which the model knows the patient.
    pub subject: SubjectId,
    /// The record shown: with full origins inside the walls, de-identified otherwise.
    pub timeline: &'a Timeline,
    /// Whether the record shown is the identified one.
    pub identified: bool,
    /// Age and sex in words.
    pub summary: String,
    /// The tasks.
    pub tasks: &'a [Task],
    /// The id of the task chosen.
    pub task: &'a str,
    /// Current answers, one a task.
    pub predictions: &'a [Prediction],
    /// Where the model's view ends.
    pub at: Option<Instant>,
    /// 0-based page of the table, newest first.
    pub page: usize,
}

const ROWS: usize = 100;

/// The page's content.
pub(crate) fn content(patient: &Patient<'_>) -> Markup {
    html! {
        p.noprint { a href=(format!("/?task={}", patient.task)) { "All patients" } }
        h1 { "Patient " code { (patient.subject) } }
        p.lead {
            (patient.summary)
            @if let Some(at) = patient.at { ". The model saw the record up to " (date(at)) " (UTC)." }
        }
        @if !patient.identified {
            div.notice { p { "The de-identified record is shown: dates are shifted and records have pseudonyms. "
                "Serve with the institution's keys to walk back to the source records." } }
        }
        div.panel { (risks(patient)) (ask(patient)) }
        h2 { "Record" }
        div.panel { (lanes(patient.timeline, patient.at)) }
        div.panel { (table(patient)) }
    }
}

fn risks(patient: &Patient<'_>) -> Markup {
    html! {
        table {
            caption { "Current answers" }
            thead { tr {
                th scope="col" { "Outcome" }
                                th.number scope="col" { "Risk" }
                th scope="col" { "95 % interval of the calibration" }
                th.number scope="col" { "Sampling error" }
            } }
            tbody {
                @for prediction in patient.predictions {
                    tr.strong[prediction.task == patient.task] {
                        th scope="row" { (title(patient.tasks, &prediction.task)) }
                                                @if let Some(risk) = prediction.risk {
                            td.number { (percent(risk.get())) }
                            td {
                                @if let Some(i) = prediction.interval {
                                    (percent(i.low.get())) " to " (percent(i.high.get()))
                                } @else if let Some(pooled) = &prediction.pooled {
                                    "pooled through " (pooled.parent) ": "
                                    (percent(pooled.low.get())) " to " (percent(pooled.high.get()))
                                } @else { "not calibrated" }
                            }
                            td.number { @if let Some(mc) = prediction.monte_carlo { "\u{b1} " (percent(mc.standard_error)) } }
                        } @else {
                            td colspan="3" { "No answer: " @if let Some(reason) = &prediction.abstention { (reason.to_string()) } }
                        }
                    }
                }
            }
        }
    }
}

fn ask(patient: &Patient<'_>) -> Markup {
    html! {
        form.inline.noprint method="post" action=(format!("/patients/{}/forecast", patient.subject)) {
            div {
                label for="task" { "Ask again, with evidence from the record" }
                select name="task" id="task" {
                    @for task in patient.tasks {
                        option value=(task.id) selected[task.id == patient.task] { (task.title) }
                    }
                }
            }
            button type="submit" { "Forecast with evidence" }
        }
    }
}

/// The title of a task by its id.
pub(crate) fn title(tasks: &[Task], id: &str) -> String {
    tasks
        .iter()
        .find(|task| task.id == id)
        .map_or_else(|| id.to_owned(), |t| t.title.clone())
}

const LANES: [&str; 5] = [
    "Encounters",
    "Diagnoses",
    "Measurements",
    "Medications",
    "Other",
];

fn lane(event: &Event) -> usize {
    match &*event.code.system {
        "ENCOUNTER" | "HOSPITAL_ADMISSION" | "HOSPITAL_DISCHARGE" | "ICU_ADMISSION"
        | "ICU_DISCHARGE" => 0,
        "ICD10CM" | "ICD10" | "ICD9CM" | "SNOMED" | "DIAGNOSIS" | "CONDITION" => 1,
        "LOINC" | "LAB" | "VITAL" => 2,
        "RxNorm" | "NDC" | "MEDICATION" => 3,
        _ if event.numeric_value.is_some() => 2,
        _ => 4,
    }
}

/// Dots on lanes over calendar time; hover names the event. The table below is its alternative.
fn lanes(timeline: &Timeline, at: Option<Instant>) -> Markup {
    let clinical = || {
        timeline
            .events()
            .iter()
            .filter(|event| !event.code.is_birth())
    };
    let times = || clinical().filter_map(|event| event.time);
    let (Some(first), Some(last)) = (times().min(), times().max()) else {
        return html! { p { "The record has no dated event." } };
    };
    let span = (last - first).0.max(1.0);
    let x = |time: Instant| 110.0 + (time - first).0 / span * 820.0;
    let mut marks = String::new();
    for event in clinical() {
        if let Some(time) = event.time {
            let lane = lane(event);
            let y = 24 + lane * 34;
            let class = ["s5", "s4", "s1", "s3", "s2"][lane];
            let name = html! { (event.code.to_string()) }.into_string();
            let (x, shown) = (x(time), date(time));
            let mark = format!(
                r#"<circle class="{class}" cx="{x:.1}" cy="{y}" r="3.2" opacity=".65"><title>{shown} {name}</title></circle>"#
            );
            marks.push_str(&mark);
        }
    }
    let seen = at.filter(|at| *at <= last).map(x);
    html! {
        svg viewBox="0 0 960 210" width="960" height="210" role="img"
            aria-label=(format!("{} events from {} to {}, also in the table below", timeline.events().len(), date(first), date(last))) {
            @for (index, name) in LANES.iter().enumerate() {
                text x="4" y=(28 + index * 34) { (name) }
                line.frame x1="110" x2="930" y1=(24 + index * 34) y2=(24 + index * 34) {}
            }
            (PreEscaped(marks))
            @if let Some(seen) = seen { line.ideal x1=(seen) x2=(seen) y1="8" y2="180" {} }
            text x="110" y="200" { (date(first)) }
            text x="930" y="200" text-anchor="end" { (date(last)) }
        }
    }
}

fn table(patient: &Patient<'_>) -> Markup {
    let events = patient.timeline.events();
    let pages = events.len().div_ceil(ROWS).max(1);
    let page = patient.page.min(pages - 1);
    let link = |page: usize| {
        format!(
            "/patients/{}?task={}&page={page}",
            patient.subject, patient.task
        )
    };
    html! {
        table {
            caption { (events.len()) " events, newest first; page " (page + 1) " of " (pages) }
            thead { tr {
                th scope="col" { "Time (UTC)" }
                th scope="col" { "Code" }
                th.number scope="col" { "Value" }
                th scope="col" { "Unit" }
                th scope="col" { "Source record" }
            } }
            tbody {
                @for event in events.iter().rev().skip(page * ROWS).take(ROWS) { (row(event)) }
            }
        }
        p.noprint {
            @if page > 0 { a href=(link(page - 1)) { "Newer" } " " }
            @if page + 1 < pages { a href=(link(page + 1)) { "Older" } }
        }
    }
}

fn row(event: &Event) -> Markup {
    let text = event.text_value.as_deref().unwrap_or_default();
    html! {
        tr {
            td.time { @if let Some(time) = event.time { (time.to_string().replace('T', " ").trim_end_matches('Z')) } @else { "static" } }
            td { (event.code.to_string()) }
            td.number { @if let Some(value) = event.numeric_value { (text_of_number(value, text)) } @else { (text.chars().take(60).collect::<String>()) } }
            td { (event.unit.as_deref().unwrap_or_default()) }
            td.quiet { (source(&event.origin.file, &event.origin.record, event.origin.row)) }
        }
    }
}

/// A comparator such as `<` stands before its number.
fn text_of_number(value: f64, comparator: &str) -> String {
    let shown = format!("{value:.4}");
    let shown = shown.trim_end_matches('0').trim_end_matches('.');
    if comparator.len() <= 2 {
        format!("{comparator}{shown}")
    } else {
        shown.to_owned()
    }
}

/// A source record in words.
pub(crate) fn source(file: &str, record: &str, row: u64) -> String {
    match (file.is_empty(), record.is_empty()) {
        (true, true) => "-".to_owned(),
        (true, false) => record.to_owned(),
        (false, _) => format!("{record} ({file}:{row})"),
    }
}
