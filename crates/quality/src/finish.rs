//! From what was collected to the report.

use crate::calendar::gaps;
use crate::collect::{Collector, Tally};
use crate::findings::findings;
use crate::groups::Part;
use crate::mixups::mixups;
use crate::report::{CodeRow, Fault, LabelRow, Report, SourceRow, SystemRow, UnitRow, YearRow};
use longitude_core::Code;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Systems whose codes are a site's own or free text; a URI is one that nobody has named.
fn is_local(system: &str) -> bool {
    matches!(system, "LOCAL" | "TEXT") || system.contains("://") || system.starts_with("urn:")
}

impl Collector {
    /// The report. `names` are the names of codes, where a code table has them; `data` says what
    /// was looked at, for people.
    pub fn finish(
        self,
        code_version: &str,
        data: BTreeMap<String, String>,
        names: &BTreeMap<Code, String>,
    ) -> Report {
        let mut faults: BTreeMap<Fault, u64> = BTreeMap::new();
        for (fault, count) in self.codes.iter().flat_map(|seen| &seen.faults) {
            *faults.entry(*fault).or_default() += count;
        }
        let labels = self.labels.iter().map(|(task, row)| LabelRow {
            task: task.clone(),
            ..row.clone()
        });
        let mut report = Report {
            code_version: code_version.to_owned(),
            data,
            counts: self.all.counts,
            codes_distinct: self.codes.len() as u64,
            span: self.all.span,
            findings: Vec::new(),
            sources: self.source_rows(),
            systems: self.system_rows(),
            years: self.year_rows(),
            codes: self.code_rows(names),
            units: self.unit_rows(),
            mixups: mixups(&self),
            gaps: self.every_gap(),
            faults,
            labels: labels.collect(),
            groups_not_examined: self.groups.left_out.len() as u64,
            population: self.population,
        };
        report.findings = findings(&report);
        report
    }

    fn source_rows(&self) -> Vec<SourceRow> {
        let row = |kind: &'static str| {
            move |(name, tally): &(Arc<str>, Tally)| SourceRow {
                name: format!("{kind}{name}"),
                counts: tally.counts,
                span: tally.span,
            }
        };
        let mut rows: Vec<SourceRow> = self.sources.iter().map(row("")).collect();
        rows.extend(self.sites.iter().map(row("site ")));
        rows.sort_by(|a, b| {
            b.counts
                .events
                .cmp(&a.counts.events)
                .then_with(|| a.name.cmp(&b.name))
        });
        rows
    }

    fn system_rows(&self) -> Vec<SystemRow> {
        let mut codes = vec![0; self.systems.len()];
        for seen in &self.codes {
            codes[seen.system as usize] += 1;
        }
        let rows = self.systems.iter().zip(codes);
        let mut rows: Vec<SystemRow> = rows
            .map(|((name, tally), codes)| SystemRow {
                name: name.to_string(),
                codes,
                counts: tally.counts,
                is_local: is_local(name),
            })
            .collect();
        rows.sort_by(|a, b| {
            b.counts
                .events
                .cmp(&a.counts.events)
                .then_with(|| a.name.cmp(&b.name))
        });
        rows
    }

    fn year_rows(&self) -> Vec<YearRow> {
        let row = |(year, tally): (&i16, &Tally)| YearRow {
            year: *year,
            counts: tally.counts,
        };
        self.years.iter().map(row).collect()
    }

    fn code_rows(&self, names: &BTreeMap<Code, String>) -> Vec<CodeRow> {
        let analytes: BTreeMap<u32, &str> = self
            .groups
            .pairs
            .iter()
            .filter_map(|pair| Some((pair.code, pair.analyte.as_ref()?.name.as_str())))
            .collect();
        let row = |(number, seen): (usize, &crate::collect::Seen)| {
            let stated = names.get(&seen.code).map(String::as_str);
            let number = u32::try_from(number).unwrap_or(u32::MAX);
            CodeRow {
                code: seen.code.to_meds().into_owned(),
                name: stated.or(analytes.get(&number).copied()).map(str::to_owned),
                counts: seen.tally.counts,
                years: seen.years.clone(),
                faults: seen.faults.clone(),
            }
        };
        let mut rows: Vec<CodeRow> = self.codes.iter().enumerate().map(row).collect();
        rows.sort_by(|a, b| {
            b.counts
                .events
                .cmp(&a.counts.events)
                .then_with(|| a.code.cmp(&b.code))
        });
        rows
    }

    fn unit_rows(&self) -> Vec<UnitRow> {
        let mut rows = Vec::new();
        for (number, pair) in self.groups.pairs.iter().enumerate() {
            let at = u32::try_from(number).unwrap_or(u32::MAX);
            let samples = self.groups.samples.get(&(at, Part::All));
            let sorted = samples.map(|samples| samples.values.sorted());
            let shares = [0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99];
            let quantiles = sorted.filter(|s| !s.is_empty());
            let analyte = pair.analyte.as_ref();
            let converted = analyte.filter(|_| pair.refusal.is_none() && pair.unit.is_some());
            rows.push(UnitRow {
                code: self.codes[pair.code as usize].code.to_meds().into_owned(),
                unit: pair.unit.as_deref().map(str::to_owned),
                shown_in: converted
                    .map(|analyte| analyte.unit.clone())
                    .or_else(|| pair.unit.as_deref().map(str::to_owned)),
                analyte: analyte.map(|analyte| analyte.name.clone()),
                refusal: pair.refusal.map(|refusal| refusal.to_string()),
                count: pair.count,
                impossible: pair.impossible,
                quantiles: quantiles.map(|sorted| shares.map(|share| quantile(&sorted, share))),
            });
        }
        rows.sort_by(|a, b| (&a.code, &a.unit).cmp(&(&b.code, &b.unit)));
        rows
    }

    fn every_gap(&self) -> Vec<crate::report::Gap> {
        let mut found = Vec::new();
        for (number, months) in &self.months_of_source {
            found.extend(gaps(&self.sources[*number as usize].0, months));
        }
        for (number, months) in &self.months_of_system {
            let name = &self.systems[*number as usize].0;
            let name = if name.is_empty() { "MEDS" } else { name };
            found.extend(gaps(&format!("system {name}"), months));
        }
        found
    }
}

/// The value at a share of ascending values, the nearest one.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an index"
    )]
    let at = (share * (sorted.len() - 1) as f64).round() as usize;
    sorted[at]
}
