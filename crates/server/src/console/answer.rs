//! One answer: the risk with its three uncertainties, what it rests on, who answers for it, its
//! receipt, and the way to contest it.

use super::patient::{source, title};
use super::report::percent;
use super::worklist::date;
use crate::answer::Answer;
use longitude_core::{Evidence, Task};
use longitude_govern::{Filer, Ground, Remedy};
use maud::{Markup, html};

/// The page's content. `responsible` is who answers for the task here; `average` the mean risk of
/// those answered.
pub(crate) fn content(
    answer: &Answer,
    tasks: &[Task],
    responsible: &str,
    average: Option<f64>,
) -> Markup {
    let prediction = &answer.prediction;
    let name = title(tasks, &prediction.task);
    html! {
        p.noprint { a href=(format!("/patients/{}?task={}", prediction.subject, prediction.task)) { "Patient " (prediction.subject) } }
        h1 { (name) " " span.badge { "AI-generated" } }
        div.panel { (risk(answer, average)) }
        h2 { "What it rests on" }
        (evidence(answer))
        div.columns {
            section.panel {
                h2 { "Receipt" }
                dl.facts {
                    dt { "Answer" } dd { code { (answer.id) } }
                    dt { "Ledger entry" } dd { a href="/ledger" { (answer.entry) } }
                    dt { "Commitment" } dd { code { (answer.commitment) } }
                    dt { "Model" } dd { code { (prediction.model) } }
                    dt { "Seed" } dd { (answer.seed) }
                    dt { "Asked at" } dd { (answer.asked) }
                    dt { "Responsible" } dd { (responsible) }
                }
            }
            section.panel { h2 #contest { "Contest this answer" } (contest_form(answer)) }
        }
    }
}

fn risk(answer: &Answer, average: Option<f64>) -> Markup {
    let prediction = &answer.prediction;
    let Some(risk) = prediction.risk else {
        let reason = prediction
            .abstention
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default();
        return html! { p.risk { "No answer" } p { (reason) } };
    };
    html! {
        p.risk { (percent(risk.get())) " "
            small { @if let Some(i) = prediction.interval { (percent(i.low.get())) " to " (percent(i.high.get())) } } }
        p {
            "Of 100 people with this answer, about " (format!("{:.0}", risk.get() * 100.0))
            " would be expected to have it."
            @if let Some(average) = average { " The average of the patients answered here is " (percent(average)) "." }
        }
        dl.facts {
            dt { "Prediction time" } dd { (date(prediction.time)) " (nothing after it was seen)" }
            dt { "Calibration interval" } dd { @if let Some(i) = prediction.interval {
                (percent(i.low.get())) " to " (percent(i.high.get())) ", " (format!("{:.0} %", i.level * 100.0))
                " over resampled tuning patients; it does not claim to cover one person's true risk" } @else { "none: too few outcomes to calibrate on" } }
            @if let Some(pooled) = &prediction.pooled {
                dt { "Pooled" } dd {
                    "too few training subjects had this outcome: it is the answer for "
                    (pooled.parent) ", brought down by how often it is this outcome; "
                    (percent(pooled.low.get())) " to " (percent(pooled.high.get())) ", "
                    (format!("{:.0} %", pooled.level * 100.0))
                    " among people with the parent's answer"
                }
            }
            dt { "Monte Carlo error" } dd { @if let Some(mc) = prediction.monte_carlo {
                "\u{b1} " (percent(mc.standard_error)) " over " (mc.samples) " sampled futures" } }
        }
    }
}

fn evidence(answer: &Answer) -> Markup {
    html! {
        @if answer.prediction.evidence.is_empty() {
            p { "No evidence was computed for this answer." }
        } @else {
            p.quiet { "Each row: the answer with these events less the answer without them. "
                "It says what moved the model, not what causes the outcome." }
            div.panel { table {
                caption { "Evidence by leaving events out, strongest first" }
                thead { tr {
                    th scope="col" { "Events" }
                    th.number scope="col" { "Effect on the risk" }
                    th.number scope="col" { "Sampling error" }
                    th scope="col" { "Source records" }
                } }
                tbody { @for item in &answer.prediction.evidence { (evidence_row(item)) } }
            } }
        }
    }
}

fn evidence_row(item: &Evidence) -> Markup {
    html! {
        tr {
            th scope="row" { (item.code.to_string()) " " span.quiet { "\u{d7} " (item.sources.len()) } }
            td.number { span class=(if item.effect >= 0.0 { "up" } else { "down" }) { (format!("{:+.2} points", item.effect * 100.0)) } }
            td.number { "\u{b1} " (format!("{:.2}", item.standard_error * 100.0)) }
            td.quiet {
                @for one in item.sources.iter().rev().take(3) {
                    div { (one.time.map_or_else(|| "static".to_owned(), date)) " " (source(&one.file, &one.record, one.row)) }
                }
                @if item.sources.len() > 3 { div { "and " (item.sources.len() - 3) " more" } }
            }
        }
    }
}

fn contest_form(answer: &Answer) -> Markup {
    html! {
        form method="post" action="/contests" {
            input type="hidden" name="answer" value=(answer.id);
            label for="grounds" { "What is wrong" }
            select name="grounds" id="grounds" required {
                @for ground in Ground::ALL { option value=(ground.code()) { (ground.label()) } }
            }
            label for="remedy" { "What should happen" }
            select name="remedy" id="remedy" {
                @for remedy in Remedy::ALL { option value=(remedy.code()) { (remedy.label()) } }
            }
            label for="role" { "You are" }
            select name="role" id="role" {
                @for filer in Filer::ALL { option value=(filer.code()) { (filer.label()) } }
            }
            label for="narrative" { "In your words" }
            textarea name="narrative" id="narrative" required maxlength="4000" {}
            p { button type="submit" { "File the case" } }
        }
    }
}
