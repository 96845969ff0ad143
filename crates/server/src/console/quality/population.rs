//! Who is in the data: the pyramid of ages and the distributions, beside another load's.

use super::{Page, SMALL, SmallCells, bar, number, percent};
use longitude_quality::{Distribution, Report, psi, total_variation};
use maud::{Markup, html};
use std::collections::BTreeSet;

/// A part of the population.
type Part = fn(&Report) -> &Distribution;

impl Page {
    pub(super) fn population(&self, report: &Report, before: Option<&Report>) -> Markup {
        let parts: [(&str, Part); 4] = [
            ("Age", |r| &r.population.age),
            ("Sex", |r| &r.population.sex),
            ("Race", |r| &r.population.race),
            ("Care setting", |r| &r.population.care),
        ];
        html! {
            h2 { "Who is in the data" }
            p.quiet { (self.count(report.population.died)) " of " (self.count(report.counts.subjects)) " subjects have a recorded death." }
            div.columns {
                (self.pyramid(&report.population.pyramid))
                @for (name, part) in parts {
                    (self.distribution(name, part(report), before.map(part)))
                }
            }
        }
    }

    fn hidden(&self, count: u64) -> bool {
        self.cells == SmallCells::Hidden && count > 0 && count < SMALL
    }

    fn distribution(
        &self,
        name: &str,
        now: &Distribution,
        before: Option<&Distribution>,
    ) -> Markup {
        let classes: BTreeSet<&String> = now
            .0
            .keys()
            .chain(before.iter().flat_map(|one| one.0.keys()))
            .collect();
        let count = |one: &Distribution, class: &String| one.0.get(class).copied().unwrap_or(0);
        let share = |one: &Distribution, class: &String| {
            count(one, class) as f64 / one.total().max(1) as f64
        };
        html! {
            div.panel {
                table {
                    caption {
                        (name)
                        @if let Some(before) = before {
                            @if let (Some(index), Some(apart)) = (psi(before, now), total_variation(before, now)) {
                                ": stability index " (number(index)) ", total variation " (number(apart))
                            }
                        }
                    }
                    tbody { @for class in classes {
                        tr {
                            th scope="row" { (class) }
                            td.number { (self.count(count(now, class))) }
                            td.number { @if !self.hidden(count(now, class)) { (percent(share(now, class))) " " (bar(share(now, class), "s1")) } }
                            @if let Some(before) = before {
                                td.number { @if !self.hidden(count(before, class)) { (percent(share(before, class))) " " (bar(share(before, class), "s5")) } }
                            }
                        }
                    } }
                }
            }
        }
    }

    /// Ages as bars to the left and right; classes too small to show are left out.
    fn pyramid(&self, pyramid: &Distribution) -> Markup {
        let mut bands: BTreeSet<&str> = BTreeSet::new();
        for class in pyramid.0.keys() {
            if let Some((_, band)) = class.split_once('|') {
                bands.insert(band);
            }
        }
        let count = |sex: &str, band: &str| {
            let count = pyramid
                .0
                .get(&format!("{sex}|{band}"))
                .copied()
                .unwrap_or(0);
            if self.hidden(count) { 0 } else { count }
        };
        let most = pyramid.0.values().copied().max().unwrap_or(1).max(1) as f64;
        let wide = |count: u64| 150.0 * count as f64 / most;
        let height = 18 * bands.len() + 30;
        html! {
            figure.panel {
                svg width="400" height=(height) viewBox=(format!("0 0 400 {height}")) role="img" aria-label="Ages by sex" {
                    text x="60" y="12" { "female" } text x="300" y="12" { "male" }
                    @for (at, band) in bands.iter().rev().enumerate() {
                        @let y = 20 + 18 * at;
                        @let (left, right) = (count("female", band), count("male", band));
                        rect class="s4" stroke="none" x=(format!("{:.1}", 170.0 - wide(left))) y=(y) width=(format!("{:.1}", wide(left))) height="14" { title { (self.count(left)) } }
                        text x="200" y=(y + 12) text-anchor="middle" { (band) }
                        rect class="s1" stroke="none" x="230" y=(y) width=(format!("{:.1}", wide(right))) height="14" { title { (self.count(right)) } }
                    }
                }
                figcaption.quiet { "Age at the last event, by recorded sex. Other values of sex stand in the table." }
            }
        }
    }
}
