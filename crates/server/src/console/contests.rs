//! The inbox of contested answers, and one case.

use longitude_govern::{Cause, Contest, Finding, State};
use maud::{Markup, html};

/// The inbox.
pub(crate) fn inbox(cases: &[Contest]) -> Markup {
    html! {
        h1 { "Contested answers" }
        p.lead { "Anyone may contest an answer. Each step of a case leaves an entry in the ledger." }
        @if cases.is_empty() {
            div.panel { p { "No case has been filed. A case is filed from the page of an answer." } }
        } @else {
            div.panel { table {
                caption { (cases.len()) " cases, newest first" }
                thead { tr {
                    th scope="col" { "Case" } th scope="col" { "State" } th scope="col" { "Grounds" }
                    th scope="col" { "Filed by" } th scope="col" { "Filed at" }
                } }
                tbody {
                    @for case in cases.iter().rev() {
                        tr {
                            th scope="row" { a href=(format!("/contests/{}", case.id)) { code { (case.id) } } }
                            td { (words(case.state)) }
                            td { (grounds(case)) }
                            td { (case.filed_by.label()) }
                            td { (case.filed_at) }
                        }
                    }
                }
            } }
        }
    }
}

/// One case.
pub(crate) fn case(case: &Contest) -> Markup {
    html! {
        p.noprint { a href="/contests" { "All cases" } }
        h1 { "Case " code { (case.id) } }
        div.columns {
            section.panel {
                dl.facts {
                    dt { "State" } dd { strong { (words(case.state)) } }
                    dt { "Grounds" } dd { (grounds(case)) }
                    dt { "Asked for" } dd { (case.desired_remedy.label()) }
                    dt { "Filed by" } dd { (case.filed_by.label()) }
                    dt { "Filed at" } dd { (case.filed_at) }
                    dt { "Answer" } dd { @match &case.answer {
                        Some(answer) => a href=(format!("/answers/{answer}")) { code { (answer) } },
                        None => "none: an omission is contested",
                    } }
                }
                h2 { "In their words" }
                p { (case.narrative) }
            }
            section.panel {
                h2 { "Steps" }
                ol { @for step in &case.history { li {
                    (words(step.to)) ", " (step.at) ", by " (step.by)
                    @if !step.note.is_empty() { br; span.quiet { (step.note) } }
                } } }
                (transition_form(case))
            }
        }
    }
}

/// The one step that follows, with what it needs, and the filer's way out.
fn transition_form(case: &Contest) -> Markup {
    let Some(next) = case.state.next() else {
        return html! {};
    };
    let action = format!("/contests/{}/transition", case.id);
    html! {
        form method="post" action=(action) {
            h3 { "Next step: " (words(next)) }
            input type="hidden" name="to" value=(next.code());
            label for="by" { "Who takes the step" }
            input name="by" id="by" required maxlength="80";
            label for="note" { "Note" }
            textarea name="note" id="note" maxlength="2000" {}
            @match next {
                State::UnderReview => label {
                    input type="checkbox" name="independent" value="yes" required;
                    " The reviewer does not own the model, did not decide, and has not reviewed this before"
                },
                State::Determined => {
                    label for="finding" { "Finding" }
                    select name="finding" id="finding" { @for one in Finding::ALL { option value=(one.code()) { (one.label()) } } }
                    label for="cause" { "Cause" }
                    select name="cause" id="cause" { @for one in Cause::ALL { option value=(one.code()) { (one.label()) } } }
                    label for="rationale" { "Rationale" }
                    input name="rationale" id="rationale" required maxlength="2000";
                },
                State::Notified => {
                    label for="told" { "Who was told (the filer first)" }
                    input name="told" id="told" required maxlength="400";
                },
                State::Submitted | State::Acknowledged | State::Triaged | State::Closed | State::WithdrawnByFiler => {}
            }
            p { button type="submit" { "Take the step" } }
        }
        form method="post" action=(action) {
            input type="hidden" name="to" value=(State::WithdrawnByFiler.code());
            input type="hidden" name="by" value="filer";
            p { button.second type="submit" { "Withdraw (by the filer)" } }
        }
    }
}

fn grounds(case: &Contest) -> String {
    case.grounds
        .iter()
        .map(|ground| ground.label())
        .collect::<Vec<_>>()
        .join(", ")
}

fn words(state: State) -> String {
    state.code().replace('_', " ")
}
