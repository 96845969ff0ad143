//! The quality of a load as one page that needs no network, and what changed since another load.
//!
//! It renders [`longitude_quality::Report`] and computes nothing but positions on paper. Counts of
//! fewer than eleven are hidden unless the caller says that the page stays inside the walls.

mod population;
mod tables;

use super::page;
use longitude_quality::{Change, ChangeKind, Comparison, Finding, FindingKind, Report, Severity};
use maud::{Markup, html};

/// Counts below this are hidden: the cell-size rule of CMS's data use agreements.
const SMALL: u64 = 11;
const FINDINGS_MAX: usize = 150;
const CHANGES_MAX: usize = 120;
const ABOUT: &str = "The numbers are counts of the records that came in.";

/// How a page shows small counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmallCells {
    /// As `<11`.
    Hidden,
    /// As they are: for pages that stay inside the walls.
    Shown,
}

/// The report as one file that needs no network, with the comparison and the population of another
/// load where there is one.
pub fn quality_html(
    report: &Report,
    against: Option<(&Report, &Comparison)>,
    cells: SmallCells,
) -> String {
    let page = Page { cells };
    let content = page.content(report, against);
    page::standalone_about("Quality of the records", &content, ABOUT).into_string()
}

/// What every part of the page knows.
struct Page {
    cells: SmallCells,
}

impl Page {
    fn content(&self, report: &Report, against: Option<(&Report, &Comparison)>) -> Markup {
        html! {
            h1 { "Quality of the records" }
            p.lead {
                (self.count(report.counts.events)) " events of " (self.count(report.counts.subjects))
                " subjects, " (report.codes_distinct) " codes"
                @if let Some((first, last)) = report.span {
                    ", " (day(first)) " to " (day(last))
                }
                ". Made by " (report.code_version) "."
            }
            @if !report.data.is_empty() {
                dl.facts {
                    @for (name, value) in &report.data { dt { (name) } dd { (value) } }
                }
            }
            (self.notice(report))
            @if let Some((_, comparison)) = against { (self.changes(comparison)) }
            (self.findings(report))
            (Self::mixups(report))
            (self.population(report, against.map(|(before, _)| before)))
            (self.years(report))
            (self.faults(report))
            (self.sources(report))
            (self.systems(report))
            (self.labels(report))
            (self.units(report))
            (self.codes(report))
        }
    }

    /// A count, or that it is small.
    fn count(&self, count: u64) -> String {
        if count > 0 && count < SMALL && self.cells == SmallCells::Hidden {
            return format!("<{SMALL}");
        }
        let digits = count.to_string();
        let mut text = String::new();
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                text.push(',');
            }
            text.push(digit);
        }
        text
    }

    /// A share with its bar; nothing where the count is hidden, for the share would tell it.
    fn share(&self, count: u64, of: u64) -> Markup {
        let is_hidden = count > 0 && count < SMALL && self.cells == SmallCells::Hidden;
        let share = count as f64 / of.max(1) as f64;
        html! {
            @if is_hidden { span.quiet { "hidden" } }
            @else { (percent(share)) " " (bar(share, "s1")) }
        }
    }

    fn notice(&self, report: &Report) -> Markup {
        let number = |severity: Severity| {
            report
                .findings
                .iter()
                .filter(|one| one.severity == severity)
                .count()
        };
        let (mend, look) = (number(Severity::Mend), number(Severity::Look));
        html! {
            div.notice {
                p {
                    strong { (mend) " to mend before training, " (look) " to look at. " }
                    "Nothing was changed or deleted: what is flagged is still in the data."
                }
                @if self.cells == SmallCells::Hidden {
                    p { "Counts of fewer than " (SMALL) " are hidden." }
                } @else {
                    p { "Small counts are shown: this page stays inside the walls." }
                }
            }
        }
    }

    fn findings(&self, report: &Report) -> Markup {
        html! {
            h2 { "What matters" }
            div.panel {
                @if report.findings.is_empty() { p { "Nothing was found." } }
                @else {
                    table {
                        caption { "The most important first; shares are of the events of the place." }
                        thead { tr {
                            th scope="col" { "" } th scope="col" { "What" } th scope="col" { "Where" }
                            th.number scope="col" { "Count" } th.number scope="col" { "Share" }
                        } }
                        tbody { @for one in report.findings.iter().take(FINDINGS_MAX) { (self.finding(one)) } }
                    }
                    @if report.findings.len() > FINDINGS_MAX {
                        p.quiet { (report.findings.len() - FINDINGS_MAX) " more stand in the JSON report." }
                    }
                }
            }
        }
    }

    fn finding(&self, one: &Finding) -> Markup {
        let (mark, name) = match one.severity {
            Severity::Mend => ("bad", "mend"),
            Severity::Look => ("up", "look"),
            Severity::Note => ("quiet", "note"),
        };
        html! {
            tr {
                td { span class=(mark) { (name) } }
                td { strong { (kind_name(one.kind)) } br; span.quiet { (one.text) } }
                td { code { (one.place) } }
                td.number { (self.count(one.count)) }
                td.number { (self.share(one.count, one.of)) }
            }
        }
    }

    fn changes(&self, comparison: &Comparison) -> Markup {
        html! {
            h2 { "What changed" }
            div.panel {
                @if comparison.changes.is_empty() { p { "Nothing changed that is worth telling." } }
                @else {
                    table {
                        caption { "Against the other load, the largest change first." }
                        thead { tr {
                            th scope="col" { "What" } th scope="col" { "Where" }
                            th.number scope="col" { "Before" } th.number scope="col" { "After" }
                            th.number scope="col" { "Weight" }
                        } }
                        tbody {
                            @for one in comparison.changes.iter().take(CHANGES_MAX) {
                                tr {
                                    td { strong { (change_name(one.kind)) } br; span.quiet { (one.text) } }
                                    td { code { (one.place) } }
                                    td.number { (self.side(one, one.before)) }
                                    td.number { (self.side(one, one.after)) }
                                    td.number { (bar(one.importance / 40.0, "s2")) }
                                }
                            }
                        }
                    }
                    @if comparison.changes.len() > CHANGES_MAX {
                        p.quiet { (comparison.changes.len() - CHANGES_MAX) " more stand in the JSON report." }
                    }
                }
            }
        }
    }

    /// One side of a change, as a count, a share or a value by its kind.
    fn side(&self, change: &Change, value: Option<f64>) -> String {
        let Some(value) = value else {
            return "-".to_owned();
        };
        match change.kind {
            ChangeKind::CodeAppeared
            | ChangeKind::CodeVanished
            | ChangeKind::CodeShare
            | ChangeKind::Fault => percent(value),
            ChangeKind::Values | ChangeKind::Population => number(value),
            ChangeKind::Size
            | ChangeKind::Unit
            | ChangeKind::Source
            | ChangeKind::FindingNew
            | ChangeKind::FindingGone => {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a count"
                )]
                let count = value as u64;
                self.count(count)
            }
        }
    }
}

/// A bar of a share, 0 to 1.
fn bar(share: f64, class: &str) -> Markup {
    let width = 80.0 * share.clamp(0.0, 1.0);
    html! {
        svg width="80" height="10" viewBox="0 0 80 10" style="display:inline-block;max-width:none" aria-hidden="true" {
            rect class="frame" x="0" y="0" width="80" height="10" {}
            rect class=(class) x="0" y="1" width=(format!("{width:.1}")) height="8" stroke="none" {}
        }
    }
}

/// A share as a percentage with enough digits for small ones.
fn percent(share: f64) -> String {
    let value = share * 100.0;
    if value == 0.0 {
        "0 %".to_owned()
    } else if value < 0.01 {
        "<0.01 %".to_owned()
    } else if value < 1.0 {
        format!("{value:.2} %")
    } else {
        format!("{value:.1} %")
    }
}

/// A value with four significant digits.
fn number(value: f64) -> String {
    let size = value.abs();
    if size >= 1000.0 || value.fract() == 0.0 {
        format!("{value:.0}")
    } else if size >= 10.0 {
        format!("{value:.1}")
    } else if size >= 0.1 {
        format!("{value:.2}")
    } else {
        format!("{value:.2e}")
    }
}

fn day(instant: longitude_core::Instant) -> String {
    let (year, month, day) = instant.civil_date();
    format!("{year:04}-{month:02}-{day:02}")
}

fn kind_name(kind: FindingKind) -> &'static str {
    match kind {
        FindingKind::UnitMixUp => "Units mixed up",
        FindingKind::UnitDoesNotFit => "Unit does not fit",
        FindingKind::UnitMissing => "Unit missing",
        FindingKind::Impossible => "Impossible values",
        FindingKind::Duplicates => "Duplicates",
        FindingKind::TimeOrder => "Order of times",
        FindingKind::Leak => "Known later than dated",
        FindingKind::Gap => "Gap in time",
        FindingKind::LocalCodes => "Local codes",
        FindingKind::ValueMissing => "Value missing",
        FindingKind::TimeMissing => "Time missing",
        FindingKind::ConstantLabel => "Labels all alike",
        FindingKind::Population => "Population",
        FindingKind::NotExamined => "Not examined",
    }
}

fn change_name(kind: ChangeKind) -> &'static str {
    match kind {
        ChangeKind::Size => "Size",
        ChangeKind::CodeAppeared => "Code appeared",
        ChangeKind::CodeVanished => "Code vanished",
        ChangeKind::CodeShare => "Share of subjects",
        ChangeKind::Values => "Values moved",
        ChangeKind::Unit => "Unit",
        ChangeKind::Fault => "Faults",
        ChangeKind::Source => "Source",
        ChangeKind::Population => "Population",
        ChangeKind::FindingNew => "New finding",
        ChangeKind::FindingGone => "Finding gone",
    }
}

#[cfg(test)]
mod tests;
