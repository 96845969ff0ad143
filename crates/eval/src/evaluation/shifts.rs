//! Later rows against earlier ones, and each site against the others.

use super::{Common, Shift, text};
use crate::bootstrap::{Clusters, Draws, metric};
use crate::compare::holm;
use crate::group::CELL_MIN;
use crate::report::Metric;
use crate::shift::{Rows, StabilityBins, auroc_change};
use crate::task::select;
use std::collections::{BTreeMap, BTreeSet};

/// The later half of the subjects (by their first prediction) against the earlier, and each site
/// against the others, so that no subject stands on both sides of time; sites may share subjects.
pub(super) fn shifts(common: &Common, draws: &Draws<'_>) -> Vec<Shift> {
    let mut first: BTreeMap<u64, f64> = BTreeMap::new();
    for (subject, time) in common.subjects.iter().zip(&common.times) {
        let earliest = first.entry(*subject).or_insert(*time);
        *earliest = earliest.min(*time);
    }
    let mut starts: Vec<f64> = first.values().copied().collect();
    starts.sort_by(f64::total_cmp);
    let Some(&middle) = starts.get(starts.len() / 2) else {
        return Vec::new();
    };
    let later: Vec<bool> = common.subjects.iter().map(|s| first[s] >= middle).collect();
    let mut parts = vec![("later half against earlier half".to_owned(), later)];
    for (_, values) in common.groups.iter().filter(|(name, _)| name == "site") {
        let mut sites: Vec<&String> = values.iter().collect();
        sites.sort();
        sites.dedup();
        let several = sites.len() > 1;
        for site in sites.into_iter().filter(|_| several) {
            let inside: Vec<bool> = values.iter().map(|value| value == site).collect();
            let here = common
                .subjects
                .iter()
                .zip(&inside)
                .filter(|(_, inside)| **inside);
            let subjects: BTreeSet<u64> = here.map(|(subject, _)| *subject).collect();
            // A site of few subjects is not named.
            if subjects.len() >= CELL_MIN {
                parts.push((format!("site {site} against the others"), inside));
            }
        }
    }
    let mut shifts: Vec<Shift> = parts
        .into_iter()
        .map(|(part, inside)| shift(common, draws, part, &inside))
        .collect();
    let p: Vec<f64> = shifts
        .iter()
        .filter_map(|s| s.auroc.value)
        .map(|change| change.p)
        .collect();
    let mut corrected = holm(&p).into_iter();
    for shift in shifts
        .iter_mut()
        .filter(|shift| shift.auroc.value.is_some())
    {
        shift.p_holm = corrected.next();
    }
    shifts
}

fn rows((labels, risks, subjects): &(Vec<bool>, Vec<f64>, Vec<u64>)) -> Rows<'_> {
    Rows {
        labels,
        risks,
        subjects,
    }
}

fn shift(common: &Common, draws: &Draws<'_>, part: String, inside: &[bool]) -> Shift {
    let side = |wanted: bool| {
        let rows: Vec<usize> = (0..inside.len())
            .filter(|&row| inside[row] == wanted)
            .collect();
        (
            select(&common.labels, &rows),
            select(&common.risks[0], &rows),
            select(&common.subjects, &rows),
        )
    };
    let (before, now) = (side(false), side(true));
    if before.0.len() < CELL_MIN || now.0.len() < CELL_MIN {
        let reason = format!("fewer than {CELL_MIN} rows on a side");
        return Shift {
            part,
            auroc: Err(reason.clone()).into(),
            p_holm: None,
            stability: Metric::undefined(reason),
        };
    }
    let stability = stability(common, draws, inside, &before.1);
    Shift {
        part,
        auroc: auroc_change(&rows(&before), &rows(&now)).into(),
        p_holm: None,
        stability,
    }
}

/// The population stability index with its interval; the bins are those of all rows before.
fn stability(common: &Common, draws: &Draws<'_>, inside: &[bool], before: &[f64]) -> Metric {
    let bins = match StabilityBins::new(before) {
        Ok(bins) => bins,
        Err(reason) => return Metric::undefined(text(reason)),
    };
    let clusters = Clusters::new(&common.subjects);
    let places: Vec<usize> = common.risks[0].iter().map(|&risk| bins.of(risk)).collect();
    let index = |weight: &dyn Fn(usize) -> u32| {
        let mut counts = [bins.none(), bins.none()];
        for (row, &place) in places.iter().enumerate() {
            counts[usize::from(inside[row])][place] += u64::from(weight(row));
        }
        let [before, now] = counts;
        StabilityBins::index(&before, &now)
    };
    let drawn = draws.each(clusters.count, |weights| {
        index(&|row| weights[clusters.of_row[row] as usize]).ok()
    });
    metric(index(&|_| 1), &drawn)
}
