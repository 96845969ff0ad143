//! What changed between two loads, the largest change first.
//!
//! Codes are compared by the share of subjects who have them, because subjects are independent and
//! events are not; values by their medians, in spreads of the first load; populations by the
//! population stability index.

use crate::population::{Distribution, psi, total_variation};
use crate::report::{CodeRow, Report, UnitRow};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Standard errors that a share must move to be told: four are one in 16,000 by chance.
const ERRORS_MIN: f64 = 4.0;
/// Spreads that a median must move to be told.
const SPREADS_MIN: f64 = 0.25;
/// Values on both sides below which a median is not compared.
const VALUES_MIN: u64 = 50;
/// The index below which a population has not changed, by convention.
const PSI_MIN: f64 = 0.1;
const CHANGES_MAX: usize = 1_000;

/// What changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// The size of the load.
    Size,
    /// A code that was not there.
    CodeAppeared,
    /// A code that is no longer there.
    CodeVanished,
    /// The share of subjects with a code.
    CodeShare,
    /// The middle of a code's values.
    Values,
    /// A unit of a code that was not there, or is no longer.
    Unit,
    /// The share of events with a fault or without something.
    Fault,
    /// A source that was not there, or is no longer.
    Source,
    /// Who is in the data.
    Population,
    /// A finding that was not there.
    FindingNew,
    /// A finding that is no longer there.
    FindingGone,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// What changed.
    pub kind: ChangeKind,
    /// Where: a code, a source, a distribution.
    pub place: String,
    /// In words.
    pub text: String,
    /// The number before; `None` where there was none.
    pub before: Option<f64>,
    /// The number after; `None` where there is none.
    pub after: Option<f64>,
    /// By which changes are sorted; comparable within one comparison only.
    pub importance: f64,
}

/// What changed between two loads.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// What the first load says of itself.
    pub before: BTreeMap<String, String>,
    /// What the second says.
    pub after: BTreeMap<String, String>,
    /// The changes, the most important first.
    pub changes: Vec<Change>,
}

/// What changed from one load to another.
pub fn compare(before: &Report, after: &Report) -> Comparison {
    let mut changes = Vec::new();
    size(before, after, &mut changes);
    codes(before, after, &mut changes);
    values(before, after, &mut changes);
    faults(before, after, &mut changes);
    sources(before, after, &mut changes);
    population(before, after, &mut changes);
    told(before, after, &mut changes);
    changes.sort_by(|a, b| {
        let by = b.importance.total_cmp(&a.importance);
        by.then_with(|| (a.kind, &a.place).cmp(&(b.kind, &b.place)))
    });
    changes.truncate(CHANGES_MAX);
    Comparison {
        before: before.data.clone(),
        after: after.data.clone(),
        changes,
    }
}

fn size(before: &Report, after: &Report, changes: &mut Vec<Change>) {
    let pairs = [
        ("subjects", before.counts.subjects, after.counts.subjects),
        ("events", before.counts.events, after.counts.events),
        (
            "distinct codes",
            before.codes_distinct,
            after.codes_distinct,
        ),
    ];
    for (place, a, b) in pairs.into_iter().filter(|(_, a, b)| a != b) {
        let ratio = ((b.max(1)) as f64 / (a.max(1)) as f64).ln().abs();
        changes.push(Change {
            kind: ChangeKind::Size,
            place: place.to_owned(),
            text: "the size of the load".to_owned(),
            before: Some(a as f64),
            after: Some(b as f64),
            // Loads grow: only a size that doubles or halves ranks with the rest.
            importance: 10.0 * ratio,
        });
    }
}

/// The share of subjects who have a code.
fn share(row: Option<&&CodeRow>, report: &Report) -> f64 {
    let subjects = row.map_or(0, |row| row.counts.subjects);
    subjects as f64 / report.counts.subjects.max(1) as f64
}

fn codes(before: &Report, after: &Report, changes: &mut Vec<Change>) {
    let index = |report: &'_ Report| -> BTreeMap<String, usize> {
        let rows = report.codes.iter().enumerate();
        rows.map(|(at, row)| (row.code.clone(), at)).collect()
    };
    let (old, new) = (index(before), index(after));
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let (n, m) = (
        before.counts.subjects.max(1) as f64,
        after.counts.subjects.max(1) as f64,
    );
    for code in names {
        let a = old.get(code).map(|at| &before.codes[*at]);
        let b = new.get(code).map(|at| &after.codes[*at]);
        let (p, q) = (share(a.as_ref(), before), share(b.as_ref(), after));
        let pooled = (p * n + q * m) / (n + m);
        let error = (pooled * (1.0 - pooled) * (1.0 / n + 1.0 / m)).sqrt();
        let errors = if error > 0.0 {
            (q - p).abs() / error
        } else {
            0.0
        };
        let (kind, text) = match (a, b) {
            (None, _) => (ChangeKind::CodeAppeared, "a code that was not there"),
            (_, None) => (ChangeKind::CodeVanished, "a code that is no longer there"),
            (Some(_), Some(_)) => (
                ChangeKind::CodeShare,
                "the share of subjects with this code",
            ),
        };
        // A rare code that comes or goes is told all the same, at the end of the list.
        if kind == ChangeKind::CodeShare && errors < ERRORS_MIN {
            continue;
        }
        changes.push(Change {
            kind,
            place: code.clone(),
            text: text.to_owned(),
            before: a.map(|_| p),
            after: b.map(|_| q),
            importance: errors,
        });
    }
}

fn values(before: &Report, after: &Report, changes: &mut Vec<Change>) {
    let key = |row: &UnitRow| (row.code.clone(), row.unit.clone());
    let old: BTreeMap<_, &UnitRow> = before.units.iter().map(|row| (key(row), row)).collect();
    let new: BTreeMap<_, &UnitRow> = after.units.iter().map(|row| (key(row), row)).collect();
    let had = |rows: &BTreeMap<(String, Option<String>), &UnitRow>, code: &str| {
        rows.keys().any(|(known, _)| known == code)
    };
    for (name, row) in old
        .iter()
        .chain(new.iter().filter(|(name, _)| !old.contains_key(*name)))
    {
        let unit = name.1.as_deref().unwrap_or("no unit");
        match (old.get(name), new.get(name)) {
            (Some(a), Some(b)) => changes.extend(shifted(a, b, unit)),
            // Where the code itself came or went, that is told already.
            (a, b) if had(&old, &name.0) && had(&new, &name.0) => changes.push(Change {
                kind: ChangeKind::Unit,
                place: name.0.clone(),
                text: format!("values in {unit}"),
                before: a.map(|row| row.count as f64),
                after: b.map(|row| row.count as f64),
                importance: 2.0 * (row.count as f64 + 1.0).log10(),
            }),
            _ => {}
        }
    }
}

fn shifted(a: &UnitRow, b: &UnitRow, unit: &str) -> Option<Change> {
    let (p, q) = (a.quantiles?, b.quantiles?);
    if a.count.min(b.count) < VALUES_MIN {
        return None;
    }
    // Quartiles and the median stand at these places.
    let (low, middle, high) = (p[2], p[3], p[4]);
    let spread = ((high - low) / 1.349)
        .max(middle.abs() * 0.01)
        .max(f64::MIN_POSITIVE);
    let spreads = (q[3] - middle).abs() / spread;
    let ratio = q[3] / middle;
    let factor = if ratio.is_finite() && ratio > 0.0 && (ratio.ln().abs() > 0.6) {
        format!(", {ratio:.3} times")
    } else {
        String::new()
    };
    (spreads >= SPREADS_MIN).then(|| Change {
        kind: ChangeKind::Values,
        place: a.code.clone(),
        text: format!("the median in {unit} moved by {spreads:.1} spreads{factor}"),
        before: Some(middle),
        after: Some(q[3]),
        importance: (4.0 * spreads).min(40.0) + (b.count as f64).log10(),
    })
}

fn faults(before: &Report, after: &Report, changes: &mut Vec<Change>) {
    let all = |report: &Report| report.counts.events.max(1) as f64;
    let counts = |report: &Report| {
        let counts = report.counts;
        [
            ("without a time", counts.without_time),
            ("without a unit", counts.without_unit),
            ("with an impossible number", counts.impossible),
            ("that repeat another in everything", counts.exact_duplicates),
            ("that repeat another's value", counts.same_value_duplicates),
        ]
    };
    let mut pairs: Vec<(String, u64, u64)> = counts(before)
        .into_iter()
        .zip(counts(after))
        .map(|((what, a), (_, b))| (what.to_owned(), a, b))
        .collect();
    let kinds: BTreeSet<_> = before.faults.keys().chain(after.faults.keys()).collect();
    for fault in kinds {
        let count = |report: &Report| report.faults.get(fault).copied().unwrap_or(0);
        pairs.push((fault.explanation().to_owned(), count(before), count(after)));
    }
    for (what, a, b) in pairs {
        let (p, q) = (a as f64 / all(before), b as f64 / all(after));
        // Events come in clusters: a change is told when it doubles or halves and is not tiny.
        let ratio = ((q + 1e-6) / (p + 1e-6)).ln().abs();
        if ratio > std::f64::consts::LN_2 && (p.max(q) > 1e-4) {
            changes.push(Change {
                kind: ChangeKind::Fault,
                place: "all codes".to_owned(),
                text: format!("the share of events {what}"),
                before: Some(p),
                after: Some(q),
                importance: 5.0 * ratio + 50.0 * (p - q).abs(),
            });
        }
    }
}

fn sources(before: &Report, after: &Report, changes: &mut Vec<Change>) {
    let names = |report: &Report| -> BTreeMap<String, u64> {
        let rows = report.sources.iter();
        rows.map(|row| (row.name.clone(), row.counts.events))
            .collect()
    };
    let (old, new) = (names(before), names(after));
    let all: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for name in all
        .into_iter()
        .filter(|name| old.contains_key(*name) != new.contains_key(*name))
    {
        let (a, b) = (old.get(name), new.get(name));
        let events = a.or(b).copied().unwrap_or(0) as f64;
        changes.push(Change {
            kind: ChangeKind::Source,
            place: name.clone(),
            text: "events of this source".to_owned(),
            before: a.map(|n| *n as f64),
            after: b.map(|n| *n as f64),
            importance: 3.0 * (events + 1.0).log10(),
        });
    }
}

fn population(before: &Report, after: &Report, changes: &mut Vec<Change>) {
    let (a, b) = (&before.population, &after.population);
    let pairs: [(&str, &Distribution, &Distribution); 4] = [
        ("age", &a.age, &b.age),
        ("sex", &a.sex, &b.sex),
        ("race", &a.race, &b.race),
        ("care setting", &a.care, &b.care),
    ];
    for (name, a, b) in pairs {
        let Some(index) = psi(a, b).filter(|index| *index >= PSI_MIN) else {
            continue;
        };
        let apart = total_variation(a, b).unwrap_or_default();
        changes.push(Change {
            kind: ChangeKind::Population,
            place: name.to_owned(),
            text: format!(
                "stability index {index:.2}; {:.0} % of people in other classes",
                apart * 100.0
            ),
            before: None,
            after: Some(index),
            importance: 40.0 * index.min(1.0),
        });
    }
}

/// Findings that came or went, by what and where they are.
fn told(before: &Report, after: &Report, changes: &mut Vec<Change>) {
    let keys = |report: &Report| -> BTreeSet<_> {
        report
            .findings
            .iter()
            .map(|f| (f.kind, f.place.clone()))
            .collect()
    };
    let (old, new) = (keys(before), keys(after));
    for (kind, report, other) in [
        (ChangeKind::FindingNew, after, &old),
        (ChangeKind::FindingGone, before, &new),
    ] {
        for finding in &report.findings {
            if other.contains(&(finding.kind, finding.place.clone())) {
                continue;
            }
            let count = Some(finding.count as f64);
            let is_new = kind == ChangeKind::FindingNew;
            let weight = [1.0, 6.0, 30.0][finding.severity as usize];
            changes.push(Change {
                kind,
                place: finding.place.clone(),
                text: finding.text.clone(),
                before: count.filter(|_| !is_new),
                after: count.filter(|_| is_new),
                importance: if is_new { weight } else { weight / 3.0 },
            });
        }
    }
}
