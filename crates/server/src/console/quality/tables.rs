//! The tables of a quality page: units, sources, systems, codes, years, faults.

use super::{Page, bar, day, number, percent};
use longitude_quality::{Report, SourceRow, UnitRow};
use maud::{Markup, PreEscaped, html};

/// Rows of the longest tables: the whole stands in the JSON report.
const ROWS_MAX: usize = 150;

impl Page {
    pub(super) fn mixups(report: &Report) -> Markup {
        html! {
            @if !report.mixups.is_empty() {
                h2 { "Units mixed up" }
                div.panel {
                    table {
                        caption { "Values that look like another unit's. Convert or correct them at the source; nothing was changed." }
                        thead { tr {
                            th scope="col" { "" } th scope="col" { "Code" } th scope="col" { "Part" }
                            th scope="col" { "Stated" } th scope="col" { "Looks like" }
                            th.number scope="col" { "Times" } th.number scope="col" { "Share" } th scope="col" { "Signs" }
                        } }
                        tbody {
                            @for one in report.mixups.iter().take(ROWS_MAX) {
                                tr {
                                    td { @if one.is_likely { span.bad { "likely" } } @else { span.up { "possible" } } }
                                    td { code { (one.code) } br; span.quiet { (one.analyte.as_deref().unwrap_or("")) } }
                                    td { (one.part.as_deref().unwrap_or("all")) }
                                    td { (one.unit.as_deref().unwrap_or("no unit")) }
                                    td { (one.looks_like) }
                                    td.number { (number(one.factor)) }
                                    td.number { (percent(one.share)) " " (bar(one.share, "s4")) }
                                    td.quiet { (one.signs.join("; ")) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    pub(super) fn years(&self, report: &Report) -> Markup {
        let most = report
            .years
            .iter()
            .map(|row| row.counts.events)
            .max()
            .unwrap_or(1);
        let width = (720.0 / report.years.len().max(1) as f64).clamp(3.0, 40.0);
        html! {
            h2 { "Events by year" }
            div.panel {
                svg width="760" height="130" viewBox="0 0 760 130" role="img" aria-label="Events by year" {
                    @for (at, row) in report.years.iter().enumerate().take(240) {
                        @let height = 100.0 * row.counts.events as f64 / most as f64;
                        @let x = at as f64 * width;
                        rect class="s1" stroke="none" x=(format!("{x:.1}")) y=(format!("{:.1}", 105.0 - height))
                            width=(format!("{:.1}", (width - 1.0).max(1.0))) height=(format!("{height:.1}")) {
                            title { (row.year) ": " (self.count(row.counts.events)) " events" }
                        }
                        @if at % (report.years.len() / 12 + 1) == 0 {
                            text x=(format!("{x:.1}")) y="122" { (row.year) }
                        }
                    }
                }
                @if !report.gaps.is_empty() {
                    table {
                        caption { "Months with nothing or under a fifth of the usual number" }
                        thead { tr {
                            th scope="col" { "Where" } th scope="col" { "From" } th scope="col" { "To" }
                            th.number scope="col" { "Months" } th.number scope="col" { "Events" } th.number scope="col" { "Usual a month" }
                        } }
                        tbody { @for gap in report.gaps.iter().take(ROWS_MAX) { tr {
                            td { code { (gap.what) } } td { (gap.start) } td { (gap.end) }
                            td.number { (gap.months) } td.number { (self.count(gap.events)) } td.number { (self.count(gap.usual_per_month)) }
                        } } }
                    }
                }
            }
        }
    }

    pub(super) fn faults(&self, report: &Report) -> Markup {
        let counts = report.counts;
        let rows = [
            ("without a time", counts.without_time),
            ("without a unit, of a known analyte", counts.without_unit),
            ("with a number that nobody has", counts.impossible),
            ("that repeat another in everything", counts.exact_duplicates),
            (
                "that repeat subject, time, code and value",
                counts.same_value_duplicates,
            ),
            ("with a text and no number", counts.text),
        ];
        html! {
            h2 { "Missing, repeated, out of order" }
            div.panel {
                table {
                    thead { tr { th scope="col" { "Events" } th.number scope="col" { "Count" } th.number scope="col" { "Share of all" } } }
                    tbody {
                        @for (name, count) in rows {
                            tr { th scope="row" { (name) } td.number { (self.count(count)) } td.number { (self.share(count, counts.events)) } }
                        }
                        @for fault in longitude_quality::Fault::ALL {
                            @let count = report.faults.get(&fault).copied().unwrap_or(0);
                            tr { th scope="row" { (fault.explanation()) } td.number { (self.count(count)) } td.number { (self.share(count, counts.events)) } }
                        }
                    }
                }
            }
        }
    }

    pub(super) fn sources(&self, report: &Report) -> Markup {
        html! {
            h2 { "Sources" }
            details open[report.sources.len() <= 30] {
                summary { (report.sources.len()) " files, folders and sites" }
                div.panel { (self.source_table(report, &report.sources)) }
            }
        }
    }

    fn source_table(&self, report: &Report, rows: &[SourceRow]) -> Markup {
        html! {
            table {
                thead { tr {
                    th scope="col" { "Source" } th.number scope="col" { "Events" } th.number scope="col" { "Subjects" }
                    th scope="col" { "First and last" } th.number scope="col" { "No unit" }
                    th.number scope="col" { "Impossible" } th.number scope="col" { "Repeated" } th.number scope="col" { "Share of all" }
                } }
                tbody { @for row in rows.iter().take(ROWS_MAX) {
                    @let counts = row.counts;
                    tr {
                        th scope="row" { code { (row.name) } }
                        td.number { (self.count(counts.events)) }
                        td.number { (self.count(counts.subjects)) }
                        td.time { @if let Some((first, last)) = row.span { (day(first)) " to " (day(last)) } }
                        td.number { (self.count(counts.without_unit)) }
                        td.number { (self.count(counts.impossible)) }
                        td.number { (self.count(counts.exact_duplicates + counts.same_value_duplicates)) }
                        td.number { (self.share(counts.events, report.counts.events)) }
                    }
                } }
            }
        }
    }

    pub(super) fn systems(&self, report: &Report) -> Markup {
        html! {
            h2 { "Code systems" }
            div.panel {
                table {
                    thead { tr {
                        th scope="col" { "System" } th.number scope="col" { "Codes" } th.number scope="col" { "Events" }
                        th.number scope="col" { "Subjects" } th.number scope="col" { "With a number" }
                        th.number scope="col" { "With a text" } th.number scope="col" { "Share of all" }
                    } }
                    tbody { @for row in report.systems.iter().take(ROWS_MAX) {
                        @let counts = row.counts;
                        tr {
                            th scope="row" {
                                @if row.name.is_empty() { "MEDS" } @else { code { (row.name) } }
                                @if row.is_local { " " span.badge { "local" } }
                            }
                            td.number { (self.count(row.codes)) }
                            td.number { (self.count(counts.events)) }
                            td.number { (self.count(counts.subjects)) }
                            td.number { (self.count(counts.numeric)) }
                            td.number { (self.count(counts.text)) }
                            td.number { (self.share(counts.events, report.counts.events)) }
                        }
                    } }
                }
            }
        }
    }

    pub(super) fn labels(&self, report: &Report) -> Markup {
        html! {
            @if !report.labels.is_empty() {
                h2 { "Labels of the default tasks" }
                div.panel { table {
                    thead { tr {
                        th scope="col" { "Task" } th.number scope="col" { "With outcome" } th.number scope="col" { "Without" }
                        th.number scope="col" { "Left out" } th.number scope="col" { "Share" }
                    } }
                    tbody { @for row in &report.labels { tr {
                        th scope="row" { code { (row.task) } } td.number { (self.count(row.yes)) }
                        td.number { (self.count(row.no)) } td.number { (self.count(row.left_out)) }
                        td.number { (self.share(row.yes, row.yes + row.no)) }
                    } } }
                } }
            }
        }
    }

    pub(super) fn units(&self, report: &Report) -> Markup {
        let mut rows: Vec<&UnitRow> = report.units.iter().collect();
        rows.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.code.cmp(&b.code)));
        html! {
            h2 { "Numbers by code and unit" }
            details {
                summary { (rows.len()) " codes and units; the " (rows.len().min(ROWS_MAX)) " most frequent" }
                div.panel { table {
                    caption { "The strip runs from the 1st to the 99th hundredth, the box over the middle half." }
                    thead { tr {
                        th scope="col" { "Code" } th scope="col" { "Unit" } th.number scope="col" { "Numbers" }
                        th.number scope="col" { "Impossible" } th.number scope="col" { "Middle" } th scope="col" { "Spread" }
                    } }
                    tbody { @for row in rows.into_iter().take(ROWS_MAX) { (self.unit(row)) } }
                } }
            }
        }
    }

    fn unit(&self, row: &UnitRow) -> Markup {
        let impossible: u64 = row.impossible.iter().sum();
        // The extremes of few values are some person's.
        let shown = row
            .quantiles
            .filter(|_| self.count(row.count) == Self::whole(row.count));
        html! {
            tr {
                th scope="row" { code { (row.code) } br; span.quiet { (row.analyte.as_deref().unwrap_or("")) } }
                td {
                    (row.unit.as_deref().unwrap_or("no unit"))
                    @if let Some(to) = row.shown_in.as_deref().filter(|to| Some(*to) != row.unit.as_deref()) {
                        br; span.quiet { "shown in " (to) }
                    }
                    @if let Some(refusal) = &row.refusal { br; span.bad { (refusal) } }
                }
                td.number { (self.count(row.count)) }
                td.number { (self.count(impossible)) }
                td.number { @if let Some(q) = shown { (number(q[3])) } }
                td { @if let Some(q) = shown { (strip(&q)) } }
            }
        }
    }

    /// A count as it is where nothing is hidden.
    fn whole(count: u64) -> String {
        Self {
            cells: super::SmallCells::Shown,
        }
        .count(count)
    }

    pub(super) fn codes(&self, report: &Report) -> Markup {
        html! {
            h2 { "Codes" }
            details {
                summary { (report.codes_distinct) " codes; the " (report.codes.len().min(ROWS_MAX)) " most frequent" }
                div.panel { table {
                    thead { tr {
                        th scope="col" { "Code" } th.number scope="col" { "Events" } th.number scope="col" { "Subjects" }
                        th scope="col" { "By year" }
                    } }
                    tbody { @for row in report.codes.iter().take(ROWS_MAX) { tr {
                        th scope="row" { code { (row.code) } br; span.quiet { (row.name.as_deref().unwrap_or("")) } }
                        td.number { (self.count(row.counts.events)) }
                        td.number { (self.count(row.counts.subjects)) }
                        td { (spark(&row.years.values().copied().collect::<Vec<_>>())) }
                    } } }
                } }
            }
        }
    }
}

/// Quantiles as a strip; its ends are the 1st and the 99th hundredth.
fn strip(q: &[f64; 7]) -> Markup {
    let wide = q[6] - q[0];
    let at = |value: f64| {
        if wide > 0.0 {
            2.0 + 116.0 * (value - q[0]) / wide
        } else {
            60.0
        }
    };
    let (low, middle, high) = (at(q[2]), at(q[3]), at(q[4]));
    let body = format!(
        r#"<line class="s5" x1="2" x2="118" y1="7" y2="7"/><rect class="s1" x="{low:.1}" y="3" width="{:.1}" height="8"/><line class="s4" x1="{middle:.1}" x2="{middle:.1}" y1="0" y2="14" stroke-width="2"/>"#,
        (high - low).max(1.0)
    );
    let told = format!(
        "from {} to {}, middle half {} to {}",
        number(q[0]),
        number(q[6]),
        number(q[2]),
        number(q[4])
    );
    html! {
        svg width="120" height="14" viewBox="0 0 120 14" role="img" aria-label=(told) {
            title { (told) } (PreEscaped(body))
        }
    }
}

/// Counts as small columns.
fn spark(counts: &[u64]) -> Markup {
    let most = counts.iter().copied().max().unwrap_or(1).max(1) as f64;
    let width = (120.0 / counts.len().max(1) as f64).min(8.0);
    let mut columns = String::new();
    for (at, count) in counts.iter().enumerate() {
        let height = 14.0 * *count as f64 / most;
        columns.push_str(&format!(
            r#"<rect class="s1" stroke="none" x="{:.1}" y="{:.1}" width="{:.1}" height="{height:.1}"/>"#,
            at as f64 * width,
            14.0 - height,
            (width * 0.85).max(0.5)
        ));
    }
    html! { svg width="120" height="14" viewBox="0 0 120 14" aria-hidden="true" { (PreEscaped(columns)) } }
}
