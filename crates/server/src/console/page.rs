//! The shell of every page: head, navigation, research notice, footer. No script is needed.

use maud::{DOCTYPE, Markup, PreEscaped, html};

/// The style sheet, also written into the self-contained report.
pub(crate) const STYLE: &str = include_str!("style.css");

/// The parts of the console that the navigation names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    /// Patients by risk.
    Patients,
    /// The model and its evaluation.
    Model,
    /// Filed cases.
    Contests,
    /// Receipts and verification.
    Ledger,
}

const SECTIONS: [(Section, &str, &str); 4] = [
    (Section::Patients, "/", "Patients"),
    (Section::Model, "/model", "Model"),
    (Section::Contests, "/contests", "Contests"),
    (Section::Ledger, "/ledger", "Ledger"),
];

/// A page of the console.
pub(crate) fn console(title: &str, section: Section, content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " - Longitude" }
                link rel="stylesheet" href="/style.css";
            }
            body {
                a.skip href="#content" { "Skip to the content" }
                header.top {
                    div.row {
                        a.name href="/" { "Longitude" }
                        nav aria-label="Parts of the console" {
                            @for (one, path, name) in SECTIONS {
                                a href=(path) aria-current=[(one == section).then_some("page")] { (name) }
                            }
                        }
                        span.mode { "Research mode: not for care decisions" }
                    }
                }
                main #content tabindex="-1" { (content) }
                (footer(OWN))
            }
        }
    }
}

/// What the footer says of answers of the institution's own model.
const OWN: &str = "Probabilities come with an AI model trained by this institution; each \
     answer has a receipt in the ledger and can be contested.";

/// A page about the institution's own model that stands alone in one file, its style inside.
pub(crate) fn standalone(title: &str, content: &Markup) -> Markup {
    standalone_about(title, content, OWN)
}

/// The same where `about` says whose numbers it has.
pub(crate) fn standalone_about(title: &str, content: &Markup, about: &str) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main #content { (content) }
                (footer(about))
            }
        }
    }
}

fn footer(about: &str) -> Markup {
    html! {
        footer { "Longitude " (env!("CARGO_PKG_VERSION")) ". Not a medical device. " (about) }
    }
}
