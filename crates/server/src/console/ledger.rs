//! The ledger: what was done, by whom it can be checked, and how.

use maud::{Markup, html};

/// What the page shows.
#[derive(Clone, Debug)]
pub(crate) struct Ledger {
    /// The signed checkpoint as text.
    pub checkpoint: String,
    /// Entries shown, newest first: index, kind, JSON.
    pub entries: Vec<(u64, String, String)>,
    /// Entries in all.
    pub size: u64,
    /// The institution's fingerprint that was pinned when serving began.
    pub fingerprint: String,
    /// Result of the verification at start: name, outcome in words, whether it passed, detail.
    pub checks: Vec<(String, String, bool, String)>,
}

/// The page's content.
pub(crate) fn content(ledger: &Ledger) -> Markup {
    html! {
        h1 { "Ledger" }
        p.lead {
            "Every step that made this model and every answer it served is an entry of an append-only "
            "Merkle log. Check it yourself, offline: " code { "longitude verify RUN --trusted-key KEY" } "."
        }
        div.columns {
            section.panel {
                h2 { "Checked when serving began" }
                ul { @for (name, outcome, passed, detail) in &ledger.checks {
                    li { span class=(if *passed { "ok" } else { "bad" }) { (name) ": " (outcome) }
                        @if !detail.is_empty() { br; span.quiet { (detail) } } }
                } }
            }
            section.panel {
                h2 { "Checkpoint" }
                pre.mono { (ledger.checkpoint) }
                dl.facts { dt { "Institution key" } dd { code { (ledger.fingerprint) } } }
            }
        }
        div.panel { table {
            caption { "The newest " (ledger.entries.len()) " of " (ledger.size) " entries" }
            thead { tr { th.number scope="col" { "Entry" } th scope="col" { "Kind" } th scope="col" { "Content" } } }
            tbody { @for (index, kind, json) in &ledger.entries {
                tr { td.number { (index) } th scope="row" { (kind) } td { code { (json) } } }
            } }
        } }
    }
}
